// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";
import {ISlashing} from "../interfaces/ISlashing.sol";
import {Bn254} from "./Bn254.sol";

/// @title Row commitments of updates, and their weighted sum
/// @notice Row commitments are points of 64 bytes, `x, y`. Commitments are additive: the weighted
/// sum of commitments commits to the weighted sum of the updates.
library Rows {
    /// @dev Bytes of a row commitment.
    uint256 internal constant LENGTH = 64;

    /// @notice Checks that `updates` are the rows of those deliveries that are not empty, in order.
    /// @param rows How many rows each has.
    function requireDelivered(
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        uint256 rows
    ) internal pure {
        uint256 next = 0;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            bytes32 update = deliveries[i].update;
            if (update == 0) continue;
            if (next == updates.length) revert ISlashing.WrongRows(next);
            bytes calldata got = updates[next];
            if (got.length != LENGTH * rows || keccak256(got) != update) {
                revert ISlashing.WrongRows(next);
            }
            ++next;
        }
        if (next != updates.length) revert ISlashing.WrongRows(next);
    }

    /// @notice One row of the weighted sum. Who delivered nothing adds nothing to it.
    /// @param updates As `requireDelivered` accepts them.
    /// @param row Less than their number of rows.
    function weightedSum(
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        uint256 row
    ) internal view returns (bytes32 x, bytes32 y) {
        uint256[5] memory sum;
        uint256[2] memory point;
        uint256 place;
        assembly ("memory-safe") {
            place := point
        }
        uint256 next = 0;
        uint256 offset = LENGTH * row;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            if (deliveries[i].update == 0) continue;
            bytes calldata rows = updates[next];
            ++next;
            assembly ("memory-safe") {
                calldatacopy(point, add(rows.offset, offset), LENGTH)
            }
            Bn254.addTerm(sum, place, members[i].weight);
        }
        (x, y) = (bytes32(sum[0]), bytes32(sum[1]));
    }
}
