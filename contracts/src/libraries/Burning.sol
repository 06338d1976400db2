// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What slashing costs whoever is guilty
library Burning {
    /// @notice Basis points of one.
    uint256 internal constant ONE = 10_000;
    /// @notice Least part of a slash that is burned, in basis points, whatever governance says. At least
    /// half: whoever slashes itself through a friend loses more than it saves.
    uint256 internal constant LEAST = 5000;

    /// @notice The most that a round may pay so that making up deliveries never pays.
    /// @dev Whoever makes up a part `x` of a budget `B` gets `x B` if none of it is among `a` audited
    /// deliveries, with at most the probability `q = (1 - x)^a`, and otherwise loses the least part `b`
    /// of its bond `S`, as a friend can have the bounty. `x q B <= b S (1 - q)` holds for all `x` just
    /// if `B <= a b S`. Without audits somebody has to look: as if at one.
    function mostBudget(uint128 bond, uint16 audits) internal pure returns (uint256) {
        return uint256(bond) * Math.max(audits, 1) * LEAST / ONE;
    }
}
