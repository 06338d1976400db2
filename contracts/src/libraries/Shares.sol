// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeManager} from "../interfaces/IStakeManager.sol";

/// @title Shares of the two parts of a pool
/// @notice Of each part, `assets <= shares <= 2^32 assets`. What stakers hold adds up to at most
/// the part's shares. Rounding is always in favour of those who stay.
library Shares {
    /// @dev A generation's shares are `2^32` of the last one's.
    uint256 private constant SCALE_LOG = 32;
    /// @dev After so many generations nothing is left of 128-bit numbers.
    uint64 private constant NOTHING = 4;

    /// @notice What shares are worth, rounded down.
    function worth(uint256 shares, uint256 assets, uint256 totalShares)
        internal
        pure
        returns (uint256)
    {
        return totalShares == 0 ? 0 : Math.mulDiv(shares, assets, totalShares);
    }

    /// @notice The shares that an amount buys, rounded down.
    function issue(uint256 amount, uint256 assets, uint256 totalShares)
        internal
        pure
        returns (uint256)
    {
        return assets == 0 ? amount : Math.mulDiv(amount, totalShares, assets);
    }

    /// @notice What shares of a generation are in a later one, rounded down.
    function inGeneration(uint256 shares, uint64 generation, uint64 later)
        internal
        pure
        returns (uint256)
    {
        uint256 passed = later - generation;
        return passed < NOTHING ? shares >> (SCALE_LOG * passed) : 0;
    }

    /// @notice Takes up to `amount` from both parts, in proportion.
    /// @return taken What was there to take.
    function slash(IStakeManager.Pool memory pool, uint256 amount)
        internal
        pure
        returns (uint256 taken)
    {
        uint256 total = uint256(pool.active) + pool.unbonding;
        taken = Math.min(amount, total);
        if (taken == 0) return 0;
        uint256 fromActive = Math.mulDiv(taken, pool.active, total);
        // Rounded up, and still at most what is unbonding.
        uint256 fromUnbonding = taken - fromActive;
        pool.active -= uint128(fromActive);
        pool.unbonding -= uint128(fromUnbonding);
        (pool.activeShares, pool.generation) =
            _scaled(pool.active, pool.activeShares, pool.generation);
        (pool.unbondingShares, pool.unbondingGeneration) =
            _scaled(pool.unbonding, pool.unbondingShares, pool.unbondingGeneration);
    }

    /// @dev Starts as many generations as keep shares within bounds.
    function _scaled(uint256 assets, uint128 shares, uint64 generation)
        private
        pure
        returns (uint128, uint64)
    {
        if (assets == 0 && shares > 0) return (0, generation + NOTHING);
        while (shares > assets << SCALE_LOG) {
            shares >>= SCALE_LOG;
            ++generation;
        }
        return (shares, generation);
    }
}
