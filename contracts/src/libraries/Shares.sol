// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeManager} from "../interfaces/IStakeManager.sol";

/// @title Shares of the two parts of a pool
/// @notice Of each part, `assets <= shares <= 2^32 assets`, and one is zero only with the other.
/// Rounding is always in favour of those who stay.
library Shares {
    /// @dev Beyond this many shares a unit, a part counts as slashed to nothing.
    uint256 private constant MOST_SHARES_LOG = 32;

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

    /// @notice Takes up to `amount` from both parts, in proportion, and starts a new generation of
    /// those of which nothing worth counting is left.
    /// @return taken What was there to take.
    /// @return dust What else has left the pool, below a `2^32`-th of the shares it was of.
    function slash(IStakeManager.Pool memory pool, uint256 amount)
        internal
        pure
        returns (uint256 taken, uint256 dust)
    {
        uint256 total = uint256(pool.active) + pool.unbonding;
        taken = Math.min(amount, total);
        if (taken == 0) return (0, 0);
        uint256 fromActive = Math.mulDiv(taken, pool.active, total);
        // Rounded up, and still at most what is unbonding.
        uint256 fromUnbonding = taken - fromActive;
        pool.active -= uint128(fromActive);
        pool.unbonding -= uint128(fromUnbonding);
        if (_isWipedOut(pool.active, pool.activeShares)) {
            dust = pool.active;
            pool.active = 0;
            pool.activeShares = 0;
            ++pool.generation;
        }
        if (_isWipedOut(pool.unbonding, pool.unbondingShares)) {
            dust += pool.unbonding;
            pool.unbonding = 0;
            pool.unbondingShares = 0;
            ++pool.unbondingGeneration;
        }
    }

    function _isWipedOut(uint256 assets, uint256 shares) private pure returns (bool) {
        return shares > assets << MOST_SHARES_LOG;
    }
}
