// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Payments} from "../../src/libraries/Payments.sol";
import {Weights} from "../../src/libraries/Weights.sol";

/// @notice For all budgets, shares, fees and weights: what is paid and burned never exceeds the
/// budget, nothing overflows, and more weight is never paid less. Checked symbolically; an overflow
/// counts as a failure like an assertion.
/// @dev In three steps, because solvers lose their way in products of products: a budget is split
/// into the coordinator's part and the pool; members' parts of the pool are at most the pool; a
/// fee is at most the part that it is taken out of. The last one is for the weight `2^LOG`, where
/// the part is the pool: a fee depends on the part and the rate alone.
contract PaymentsSymbolic {
    uint256 private constant SUM = 1 << Weights.LOG;

    /// @dev Coordinator and pool are the budget, whatever the share.
    function check_split(uint128 budget, uint16 share) external pure {
        if (share > Payments.ONE) return;
        (uint256 coordinator, uint256 pool) = Payments.split(budget, share);
        assert(coordinator <= budget);
        assert(coordinator + pool == budget);
    }

    /// @dev The coordinator gets what a member with the weight in the sum would get of its part, so
    /// what holds for members holds for it.
    function check_coordinator(uint128 most, uint32 weight) external pure {
        if (weight > SUM) return;
        assert(Payments.coordinator(most, weight) == _part(most, weight));
    }

    /// @dev Pay and fee are the part, whatever the rate.
    function check_fee(uint128 part, uint16 feeRate) external pure {
        if (feeRate > Payments.ONE) return;
        (uint256 pay, uint256 fee) = Payments.member(part, uint32(SUM), feeRate);
        assert(fee <= part);
        assert(pay + fee == part);
    }

    /// @dev All of the weight gets all of the pool.
    function check_whole(uint128 pool) external pure {
        assert(_part(pool, uint32(SUM)) == pool);
    }

    /// @dev Two members never get more than one member with both weights would. So, one by one, any
    /// number of members get no more than one with all of their weights, which gets the pool.
    function check_two_get_no_more_than_one(uint128 pool, uint16 a, uint16 b) external pure {
        assert(_part(pool, a) + _part(pool, b) <= _part(pool, uint32(a) + b));
    }

    /// @dev More weight is never paid less, and nobody gets more than the pool.
    function check_monotone(uint128 pool, uint32 less, uint32 more) external pure {
        if (more > SUM || less > more) return;
        uint256 part = _part(pool, more);
        assert(_part(pool, less) <= part);
        assert(part <= pool);
    }

    function _part(uint256 pool, uint32 weight) private pure returns (uint256 pay) {
        (pay,) = Payments.member(pool, weight, 0);
    }
}
