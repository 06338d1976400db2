// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier} from "../interfaces/ITrainingVerifier.sol";
import {Bn254} from "./Bn254.sol";
import {StatementLists} from "./TrainingStatements.sol";
import {TrainingKey, TrainingKeys} from "./TrainingKeys.sol";

/// @notice The statement and all rows in memory, as `h` hashes them. All are addresses.
struct Sheet {
    uint256 preimage;
    uint256 statement;
    uint256 rows;
    uint256 mask;
    uint256 end;
}

/// @title The committed sheet: its digest, its rows, their folding
library Sheets {
    /// @dev `12 ‖ "zktrain/rows" ‖ 1`, 28 bytes, before the statement's length.
    bytes32 private constant KIND =
        0x000000000000000c7a6b747261696e2f726f7773000000000000000100000000;
    /// @dev Bytes before the statement.
    uint256 private constant PREFIX = 36;
    /// @dev The base of blindings, hashed to the curve from "zktrain/v1/blinding-base".
    uint256 private constant BLINDING_X =
        19585123221984148346997594935616201827116929358326133712172590134302830718366;
    uint256 private constant BLINDING_Y =
        7060010981121603036126211470579618311103454738446416103497517290510091647145;

    /// @notice Copies the statement to memory and leaves room for the rows after it.
    function open(TrainingKey memory key, bytes calldata statement)
        internal
        pure
        returns (Sheet memory sheet)
    {
        unchecked {
            uint256 preimage;
            assembly ("memory-safe") {
                preimage := mload(0x40)
            }
            uint256 count = TrainingKeys.rowCount(key);
            sheet.preimage = preimage;
            sheet.statement = preimage + PREFIX;
            sheet.rows = sheet.statement + statement.length + 8;
            sheet.mask = sheet.rows + 64 * count + 8;
            sheet.end = sheet.mask + 64;
            uint256 end = (sheet.end + 31) & ~uint256(31);
            assembly ("memory-safe") {
                mstore(0x40, end)
                mstore(preimage, KIND)
                mstore(add(preimage, 28), shl(192, statement.length))
                let place := add(preimage, PREFIX)
                calldatacopy(place, statement.offset, statement.length)
                place := add(place, statement.length)
                mstore(place, shl(192, count))
                mstore(add(place, add(8, shl(6, count))), shl(192, 1))
            }
        }
    }

    /// @notice Copies the rows from statement, key and proof, in the order of the layout. Whether
    /// they are points is left to `fold`.
    function fill(
        Sheet memory sheet,
        TrainingKey memory key,
        StatementLists memory lists,
        bytes calldata proof
    ) internal pure {
        unchecked {
            uint256 place = sheet.rows;
            place = _copy(place, sheet.statement + lists.data, key.data);
            place = _copy(place, sheet.statement + lists.model, key.parameters);
            place = _copy(place, sheet.statement + lists.state, key.state);
            place = _copy(place, key.tablePoints, key.tables);
            uint256 own = 64 * TrainingKeys.ownRows(key);
            uint256 mask = sheet.mask;
            assembly ("memory-safe") {
                calldatacopy(place, proof.offset, own)
                calldatacopy(mask, add(proof.offset, own), 64)
            }
            Bn254.requireOnCurve(mask);
        }
    }

    /// @notice `h`: the digest of statement, rows and mask, as a scalar.
    function digest(Sheet memory sheet) internal pure returns (uint256 h) {
        uint256 start = sheet.preimage;
        uint256 end = sheet.end;
        assembly ("memory-safe") {
            h := keccak256(start, sub(end, start))
        }
        h %= Bn254.R;
    }

    /// @notice Checks that the update is minus the sum of the steps' updates, and that the state
    /// after is the end of what the last step leaves.
    function requireUpdate(Sheet memory sheet, TrainingKey memory key, StatementLists memory lists)
        internal
        view
    {
        unchecked {
            uint256 stride = 64 * key.update;
            uint256 first = sheet.mask - 8 - 64 * TrainingKeys.ownRows(key);
            uint256 claimed = sheet.statement + lists.update;
            // Only points on the curve may be added up.
            if (key.steps > 1) Bn254.requireAllOnCurve(first, key.update * key.steps);
            uint256[5] memory sum;
            for (uint256 offset = 0; offset < 64 * key.parameters; offset += 64) {
                uint256 point = first + offset;
                (sum[0], sum[1]) = (Bn254.word(point), Bn254.word(point + 32));
                for (uint256 step = 1; step < key.steps; ++step) {
                    point += stride;
                    Bn254.addPoint(sum, point);
                }
                bool same = Bn254.word(claimed + offset) == sum[0]
                    && Bn254.word(claimed + offset + 32) == Bn254.negate(sum[1]);
                if (!same) revert ITrainingVerifier.WrongUpdate(offset / 64);
            }
            first += key.steps * stride - 64 * key.state;
            claimed = sheet.statement + lists.stateAfter;
            for (uint256 offset = 0; offset < 64 * key.state; offset += 64) {
                bool same = Bn254.word(claimed + offset) == Bn254.word(first + offset)
                    && Bn254.word(claimed + offset + 32) == Bn254.word(first + offset + 32);
                if (!same) revert ITrainingVerifier.WrongStateAfter(offset / 64);
            }
        }
    }

    /// @notice `F`: the sum of `eq(high, index_i) * row_i`, plus `gamma * mask`, minus
    /// `blinding * H`.
    /// @param high The opening's point, without the coordinates within a row.
    function fold(
        Sheet memory sheet,
        TrainingKey memory key,
        uint256[] memory high,
        uint256 gamma,
        uint256 blinding
    ) internal view returns (uint256[2] memory folded) {
        unchecked {
            uint256[5] memory sum;
            Bn254.selectedSum(
                sum, sheet.rows, TrainingKeys.rowCount(key), key.indices, _weights(high)
            );
            Bn254.addTerm(sum, sheet.mask, gamma);
            folded = [BLINDING_X, BLINDING_Y];
            uint256 base;
            assembly ("memory-safe") {
                base := folded
            }
            Bn254.addTerm(sum, base, Bn254.sub(0, blinding));
            folded = [sum[0], sum[1]];
        }
    }

    /// @dev `eq(high, i)` for all `i`, by doubling; bit `k` of `i` belongs to `high[k]`.
    function _weights(uint256[] memory high) private pure returns (uint256 weights) {
        uint256 modulus = Bn254.R;
        assembly ("memory-safe") {
            weights := mload(0x40)
            let size := 0x20
            mstore(weights, 1)
            let coordinates := add(high, 0x20)
            for { let end := add(coordinates, shl(5, mload(high))) } lt(coordinates, end) {
                coordinates := add(coordinates, 0x20)
            } {
                let r := mload(coordinates)
                let middle := add(weights, size)
                for { let low := weights } lt(low, middle) { low := add(low, 0x20) } {
                    let weight := mload(low)
                    let upper := mulmod(weight, r, modulus)
                    mstore(add(low, size), upper)
                    mstore(low, addmod(weight, sub(modulus, upper), modulus))
                }
                size := shl(1, size)
            }
            mstore(0x40, add(weights, size))
        }
    }

    function _copy(uint256 to, uint256 from, uint256 count) private pure returns (uint256) {
        assembly ("memory-safe") {
            mcopy(to, from, shl(6, count))
        }
        return to + 64 * count;
    }
}
