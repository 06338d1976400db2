// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

import {IRewardToken} from "./interfaces/IRewardToken.sol";

/// @title The reward token: ERC-20 with permit, burning and a capped emission
// slither-disable-next-line unimplemented-functions
contract RewardToken is ERC20, ERC20Permit, ERC20Burnable, IRewardToken {
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

    uint256 private _mintEpoch;
    uint256 private _minted;

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

    function _emission(uint256 epoch_) private view returns (uint256) {
        return EMISSION >> (epoch_ / HALVING);
    }
}
