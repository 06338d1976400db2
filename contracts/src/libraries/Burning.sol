// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What slashing costs the guilty
library Burning {
    /// @notice Basis points of one.
    uint256 internal constant ONE = 10_000;
    /// @notice Least part of a slash that is burned, in basis points, whatever governance says. At least
    /// half: an operator that slashes itself through a friend loses more than it saves.
    uint256 internal constant LEAST = 5000;

    /// @notice Least part of an operator's obligations that is its own active stake, in basis points:
    /// the rest may be its delegators', and no bounty is paid of that.
    uint256 internal constant LEAST_OWN = 5000;

    /// @notice The most that a round may pay so that making up deliveries never pays, whichever of
    /// the guilty has the bounty.
    /// @dev A coordinator that makes up a part `x` of a budget `B` gets `x B` if none of it is
    /// among `a` audited deliveries, with at most the probability `q = (1 - x)^a`, and otherwise
    /// loses the least part `l` of its bond `S`: what is burned of what is its own.
    /// `x q B <= l S (1 - q)` holds for all `x` just if `B <= a l S`. Without audits somebody has to
    /// look: as if at one. No more than the bond, as a draw may, at times, be known to the block's
    /// proposer.
    function mostBudget(uint128 bond, uint16 audits) internal pure returns (uint256) {
        uint256 lost = uint256(bond) * LEAST * LEAST_OWN / (ONE * ONE);
        // As often as that, rounded down, and no part of a unit more.
        // slither-disable-next-line divide-before-multiply
        return Math.min(lost * Math.max(audits, 1), bond);
    }
}
