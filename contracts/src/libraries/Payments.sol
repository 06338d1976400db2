// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Weights} from "./Weights.sol";

/// @title What a round pays
/// @notice The coordinator's share of the budget, and of the rest each member's by weight. Everything
/// is rounded down, so what is paid and burned never exceeds the budget if weights sum to at most
/// `2^Weights.LOG`.
library Payments {
    /// @notice Basis points of one.
    uint256 internal constant ONE = 10_000;

    /// @notice Divides a budget.
    /// @param share Basis points for the coordinator, at most `ONE`.
    /// @return coordinator The coordinator's.
    /// @return pool The members'.
    function split(uint128 budget, uint16 share)
        internal
        pure
        returns (uint256 coordinator, uint256 pool)
    {
        coordinator = uint256(budget) * share / ONE;
        pool = budget - coordinator;
    }

    /// @notice What a member that delivered gets, and what is burned of its part.
    /// @param pool The members' part of the budget.
    /// @param weight The member's weight.
    /// @param feeRate Basis points that are burned, at most `ONE`.
    function member(uint256 pool, uint32 weight, uint16 feeRate)
        internal
        pure
        returns (uint256 pay, uint256 fee)
    {
        uint256 gross = (pool * weight) >> Weights.LOG;
        fee = gross * feeRate / ONE;
        pay = gross - fee;
    }
}
