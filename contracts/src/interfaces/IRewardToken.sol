// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The reward token
/// @notice Stakes, bonds and fees are in this token; budgets may be in any. Its minter, a timelock,
/// can create no more than a fixed amount an epoch, which halves every `HALVING` epochs; anyone can
/// burn what is theirs. Holders have votes (ERC-5805, by time) once they delegate them.
///
/// Bridges (ERC-7802) move tokens between chains: one burns here what the other creates there. The
/// minter names them, each with a limit. Where tokens were created at first or are emitted, the
/// token is at home, and through all its bridges together comes back no more than has left: so a
/// bridge is no way around the emission.
interface IRewardToken is IERC20 {
    /// @notice New tokens were created.
    event Minted(address indexed to, uint256 indexed epoch, uint256 amount);
    /// @notice An account is a bridge, with a limit.
    event BridgeSet(address indexed bridge, uint256 limit);
    /// @notice An account is no bridge any more.
    event BridgeRemoved(address indexed bridge);

    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice The epoch has less left to mint.
    error EmissionExceeded(uint256 epoch, uint256 left, uint256 requested);
    /// @notice All tokens that could ever exist would not stay below `2^96`.
    error SupplyTooLarge(uint256 most, uint256 got);
    /// @notice More would have come through this bridge than has left, by more than its limit.
    error BridgeLimitExceeded(address bridge, uint256 limit, int256 requested);
    /// @notice More would have come through all bridges together than has left.
    error MoreThanLeft(int256 requested);
    /// @notice The account is no bridge.
    error NotABridge(address account);

    /// @notice Creates tokens. Only the minter may. What an epoch leaves is not carried over.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys tokens of the caller's.
    function burn(uint256 amount) external;

    /// @notice Names a bridge, or gives one another limit: most tokens that may have come through it
    /// beyond those that have left. Only the minter may.
    function setBridge(address bridge, uint256 limit) external;

    /// @notice Takes a bridge's rights away. What it has moved stays counted. Only the minter may.
    function removeBridge(address bridge) external;

    /// @notice What is known of a bridge.
    /// @return named Whether it is one now.
    /// @return limit Its limit.
    /// @return net Tokens that came through it less those that left.
    function bridgeOf(address bridge) external view returns (bool named, uint256 limit, int256 net);

    /// @notice Whether tokens were created here at first, or are emitted here.
    function IS_HOME() external view returns (bool);

    /// @notice Number of the epoch now; epochs are of seven days, counted from deployment.
    function epoch() external view returns (uint256);

    /// @notice What can still be minted in the epoch now.
    function mintable() external view returns (uint256);
}
