// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The reward token
/// @notice Stakes, bonds and fees are in this token; budgets may be in any. Its minter, a timelock,
/// can create no more than a fixed amount an epoch, which halves every `HALVING` epochs; anyone can
/// burn what is theirs.
interface IRewardToken is IERC20 {
    /// @notice New tokens were created.
    event Minted(address indexed to, uint256 indexed epoch, uint256 amount);

    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice The epoch has less left to mint.
    error EmissionExceeded(uint256 epoch, uint256 left, uint256 requested);
    /// @notice All tokens that could ever exist would not stay below `2^96`.
    error SupplyTooLarge(uint256 most, uint256 got);

    /// @notice Creates tokens. Only the minter may. What an epoch leaves is not carried over.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys tokens of the caller's.
    function burn(uint256 amount) external;

    /// @notice Number of the epoch now; epochs are of seven days, counted from deployment.
    function epoch() external view returns (uint256);

    /// @notice What can still be minted in the epoch now.
    function mintable() external view returns (uint256);
}
