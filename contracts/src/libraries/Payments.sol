// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Weights} from "./Weights.sol";

/// @title What a round pays
/// @notice The budget is divided into a coordinator's and the members' part. Of its part everybody
/// gets what its weight is of one, the coordinator what the weights in the sum are. Everything is
/// rounded down, so what is paid and burned never exceeds the budget if weights sum to at most
/// `2^Weights.LOG`.
library Payments {
    /// @notice Basis points of one.
    uint256 internal constant ONE = 10_000;

    /// @notice Divides a budget.
    /// @param share Basis points for the coordinator, at most `ONE`.
    /// @return most The coordinator's part: what it gets if everybody's work is in the sum.
    /// @return pool The members' part.
    function split(uint128 budget, uint16 share)
        internal
        pure
        returns (uint256 most, uint256 pool)
    {
        most = uint256(budget) * share / ONE;
        pool = budget - most;
    }

    /// @notice What the coordinator gets.
    /// @param most Its part of the budget.
    /// @param weight The weights of those whose updates are in the sum, together.
    function coordinator(uint256 most, uint256 weight) internal pure returns (uint256) {
        return (most * weight) >> Weights.LOG;
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
