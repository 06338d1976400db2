// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {
    ERC20Bridgeable
} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewardToken} from "./interfaces/IRewardToken.sol";

/// @title The reward token: ERC-20 with permit, votes, burning, bridges and a capped emission
// slither-disable-next-line unimplemented-functions
contract RewardToken is
    ERC20,
    ERC20Permit,
    ERC20Votes,
    ERC20Burnable,
    ERC20Bridgeable,
    IRewardToken
{
    using SafeCast for uint256;

    /// @dev A bridge, and what came through it less what left.
    struct Bridge {
        bool named;
        uint96 limit;
        int128 net;
    }

    /// @notice Seconds of an epoch.
    uint256 public constant EPOCH = 7 days;
    /// @notice Epochs after which the emission halves.
    uint256 public constant HALVING = 52;
    /// @dev Halvings sum up to less than twice the first period. Below this bound no sum or product
    /// of amounts in other contracts overflows.
    uint256 private constant MAX_SUPPLY = type(uint96).max;

    /// @notice Who may mint: a timelock.
    address public immutable MINTER;
    /// @notice Most tokens of one of the first epochs.
    uint256 public immutable EMISSION;
    /// @notice When the first epoch began.
    uint256 public immutable START;
    /// @inheritdoc IRewardToken
    bool public immutable IS_HOME;

    uint256 private _mintEpoch;
    uint256 private _minted;
    mapping(address bridge => Bridge) private _bridges;
    /// @dev Of all bridges together, those of the past included.
    int256 private _net;

    /// @param minter Who may mint.
    /// @param holder Who gets the first tokens.
    /// @param supply The first tokens.
    /// @param emission Most tokens of one of the first epochs.
    constructor(address minter, address holder, uint256 supply, uint256 emission)
        ERC20("zktrain", "ZKT")
        ERC20Permit("zktrain")
    {
        if (supply > MAX_SUPPLY) revert SupplyTooLarge(MAX_SUPPLY, supply);
        uint256 most = (MAX_SUPPLY - supply) / (2 * HALVING);
        if (emission > most) revert SupplyTooLarge(most, emission);
        MINTER = minter;
        EMISSION = emission;
        START = block.timestamp;
        IS_HOME = supply > 0 || emission > 0;
        _mint(holder, supply);
    }

    /// @inheritdoc IRewardToken
    function mint(address to, uint256 amount) external {
        if (msg.sender != MINTER) revert Unauthorized(msg.sender);
        uint256 now_ = epoch();
        uint256 left = mintable();
        if (amount > left) revert EmissionExceeded(now_, left, amount);
        _minted = _emission(now_) - left + amount;
        _mintEpoch = now_;
        emit Minted(to, now_, amount);
        _mint(to, amount);
    }

    /// @inheritdoc IRewardToken
    function setBridge(address bridge, uint256 limit) external {
        if (msg.sender != MINTER) revert Unauthorized(msg.sender);
        _bridges[bridge].named = true;
        _bridges[bridge].limit = limit.toUint96();
        emit BridgeSet(bridge, limit);
    }

    /// @inheritdoc IRewardToken
    function removeBridge(address bridge) external {
        if (msg.sender != MINTER) revert Unauthorized(msg.sender);
        _checkTokenBridge(bridge);
        _bridges[bridge].named = false;
        emit BridgeRemoved(bridge);
    }

    /// @inheritdoc IRewardToken
    function bridgeOf(address bridge)
        external
        view
        returns (bool named, uint256 limit, int256 net)
    {
        Bridge memory known = _bridges[bridge];
        return (known.named, known.limit, known.net);
    }

    /// @notice Creates tokens that have left another chain. Only a bridge may, within its limit.
    function crosschainMint(address to, uint256 amount) public override {
        super.crosschainMint(to, amount);
        Bridge storage bridge = _bridges[msg.sender];
        int256 net = _count(bridge, int256(uint256(amount.toUint96())));
        if (net > int256(uint256(bridge.limit))) {
            revert BridgeLimitExceeded(msg.sender, bridge.limit, net);
        }
        // At home tokens are created at first and emitted, and no bridge creates others.
        if (IS_HOME && _net > 0) revert MoreThanLeft(_net);
    }

    /// @notice Destroys tokens that go to another chain. Only a bridge may, and of others' tokens
    /// only what they have allowed it: else a bridge could burn stakes and budgets.
    function crosschainBurn(address from, uint256 amount) public override {
        if (from != msg.sender) _spendAllowance(from, msg.sender, amount);
        super.crosschainBurn(from, amount);
        // Less than 2^96 exist.
        // forge-lint: disable-next-line(unsafe-typecast)
        _count(_bridges[msg.sender], -int256(amount));
    }

    /// @inheritdoc IRewardToken
    function burn(uint256 amount) public override(ERC20Burnable, IRewardToken) {
        super.burn(amount);
    }

    /// @inheritdoc IRewardToken
    function epoch() public view returns (uint256) {
        return (block.timestamp - START) / EPOCH;
    }

    /// @inheritdoc IRewardToken
    function mintable() public view returns (uint256) {
        uint256 now_ = epoch();
        uint256 most = _emission(now_);
        return now_ > _mintEpoch ? most : most - _minted;
    }

    /// @notice Votes are counted by time, not by blocks (ERC-6372).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice The clock in words (ERC-6372).
    // Named so by the standard.
    // forge-lint: disable-next-line(mixed-case-function)
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice The next nonce of an owner's permits and delegations.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 amount)
        internal
        override(ERC20, ERC20Votes)
    {
        super._update(from, to, amount);
    }

    /// @dev Holds for bridges too: other contracts' sums rely on it.
    // Used by what it overrides it for.
    // slither-disable-next-line dead-code
    function _maxSupply() internal pure override returns (uint256) {
        return MAX_SUPPLY;
    }

    function _checkTokenBridge(address caller) internal view override {
        if (!_bridges[caller].named) revert NotABridge(caller);
    }

    /// @dev Counts what has come through a bridge.
    function _count(Bridge storage bridge, int256 amount) private returns (int256 net) {
        net = bridge.net + amount;
        bridge.net = SafeCast.toInt128(net);
        _net += amount;
    }

    function _emission(uint256 epoch_) private view returns (uint256) {
        return EMISSION >> (epoch_ / HALVING);
    }
}
