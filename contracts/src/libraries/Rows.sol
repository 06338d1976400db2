// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";
import {ISlashing} from "../interfaces/ISlashing.sol";
import {Bn254} from "./Bn254.sol";
import {Deliveries} from "./Deliveries.sol";

/// @title Row commitments of updates, and their weighted sum
/// @notice Row commitments are points of 64 bytes, `x, y`. Commitments are additive: the weighted
/// sum of commitments commits to the weighted sum of the updates.
library Rows {
    /// @dev Bytes of a row commitment.
    uint256 internal constant LENGTH = 64;

    /// @notice Checks that `updates` are the rows of those deliveries that are in the sum, in order.
    /// @param members As many as deliveries.
    /// @param rows How many rows each has.
    /// @return weights Those of the members whose deliveries are. Nobody else's are in the sum.
    function requireSummed(
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        uint256 rows
    ) internal pure returns (uint256[] memory weights) {
        weights = new uint256[](updates.length);
        uint256 next = 0;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            if (!Deliveries.isSummed(deliveries[i])) continue;
            bytes32 update = deliveries[i].update;
            if (next == updates.length || !_are(updates[next], rows, update)) {
                revert ISlashing.WrongRows(next);
            }
            weights[next] = members[i].weight;
            ++next;
        }
        if (next != updates.length) revert ISlashing.WrongRows(next);
    }

    /// @notice One row of the weighted sum.
    /// @param weights One an update.
    /// @param updates As `requireSummed` accepts them.
    /// @param row Less than their number of rows.
    function weightedSum(uint256[] memory weights, bytes[] calldata updates, uint256 row)
        internal
        view
        returns (uint256[2] memory)
    {
        uint256[5] memory sum;
        uint256[2] memory point;
        uint256 place;
        assembly ("memory-safe") {
            place := point
        }
        for (uint256 i = 0; i < updates.length; ++i) {
            bytes calldata rows = updates[i];
            assembly ("memory-safe") {
                calldatacopy(point, add(rows.offset, shl(6, row)), 0x40)
            }
            Bn254.addTerm(sum, place, weights[i]);
        }
        return [sum[0], sum[1]];
    }

    /// @notice Whether a row is this point.
    /// @param rows More than `row` of them.
    function isAt(bytes calldata rows, uint256 row, uint256[2] memory point)
        internal
        pure
        returns (bool)
    {
        return keccak256(rows[LENGTH * row:LENGTH * (row + 1)]) == keccak256(abi.encode(point));
    }

    /// @notice The hash of rows.
    function hash(uint256[2][] memory points) internal pure returns (bytes32) {
        bytes memory rows = new bytes(LENGTH * points.length);
        for (uint256 i = 0; i < points.length; ++i) {
            uint256[2] memory point = points[i];
            assembly ("memory-safe") {
                mcopy(add(add(rows, 0x20), shl(6, i)), point, 0x40)
            }
        }
        return keccak256(rows);
    }

    function _are(bytes calldata got, uint256 rows, bytes32 digest) private pure returns (bool) {
        return got.length == LENGTH * rows && keccak256(got) == digest;
    }
}
