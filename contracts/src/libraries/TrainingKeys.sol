// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier} from "../interfaces/ITrainingVerifier.sol";

/// @notice A training key in memory. `indices` and `tablePoints` are addresses of memory.
struct TrainingKey {
    bytes32 spec;
    uint256 system;
    uint256 rowLog;
    uint256 addressLog;
    uint256 data;
    uint256 parameters;
    uint256 state;
    uint256 tables;
    uint256 update;
    uint256 steps;
    uint256 trace;
    uint256 indices;
    uint256 tablePoints;
    uint256[4] tau;
    bytes circuit;
}

/// @title Training keys: storing, reading, decoding
/// @notice The encoding is described at `ITrainingVerifier.register`.
/// @dev A key is stored as the code of a contract, which is several times cheaper to read than
/// storage. A first byte 0 keeps anyone from calling it.
library TrainingKeys {
    uint256 internal constant HALO2 = 1;
    uint256 internal constant GROTH16 = 2;

    /// @dev Bytes before the row indices: the spec and ten numbers.
    uint256 private constant HEADER = 72;
    /// @dev Bytes after the tables' rows and before the circuit's key: `[tau]` and a length.
    uint256 private constant TAIL = 160;
    /// @dev Openings have at most so many variables.
    uint256 private constant MAX_ROW_LOG = 28;
    /// @dev The largest code of a contract, EIP-170.
    uint256 private constant MAX_CODE = 24_576;
    /// @dev A sheet of more rows costs more to fold than any block has gas.
    uint256 private constant MAX_ROWS_LOG = 12;

    /// @notice The key has not been stored: too large for a contract.
    error StoreFailed();

    /// @notice Stores a key as code.
    function store(bytes calldata key) internal returns (address place) {
        if (key.length >= MAX_CODE) revert StoreFailed();
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN
        bytes memory code =
            abi.encodePacked(hex"61", uint16(key.length + 1), hex"80600a3d393df3", hex"00", key);
        assembly ("memory-safe") {
            place := create(0, add(code, 0x20), mload(code))
        }
        if (place == address(0)) revert StoreFailed();
    }

    /// @notice Reads a key that `store` put there.
    function load(address place) internal view returns (bytes memory key) {
        assembly ("memory-safe") {
            key := mload(0x40)
            let length := sub(extcodesize(place), 1)
            mstore(key, length)
            extcodecopy(place, add(key, 0x20), 1, length)
            mstore(0x40, and(add(add(key, length), 0x5f), not(0x1f)))
        }
    }

    /// @notice Decodes a key, whose memory the result goes on using.
    /// @dev Only the length is checked, so that no read is out of bounds; `register` checks the
    /// rest once.
    function decode(bytes memory encoded) internal pure returns (TrainingKey memory key) {
        unchecked {
            uint256 start;
            assembly ("memory-safe") {
                start := add(encoded, 0x20)
            }
            uint256 got = encoded.length;
            if (got < HEADER + TAIL) {
                revert ITrainingVerifier.KeyLength(HEADER + TAIL, got);
            }
            _decodeNumbers(start, key);
            uint256 rows = rowCount(key);
            key.indices = start + HEADER;
            key.tablePoints = key.indices + 4 * rows;
            uint256 tau = key.tablePoints + 64 * key.tables;
            uint256 expected = tau + TAIL - start;
            if (got < expected) revert ITrainingVerifier.KeyLength(expected, got);
            uint256[4] memory words = key.tau;
            bytes memory circuit;
            assembly ("memory-safe") {
                mcopy(words, tau, 0x80)
                circuit := add(tau, 0x80)
            }
            uint256 length = circuit.length;
            if (length != got - expected) {
                revert ITrainingVerifier.KeyLength(got - expected, length);
            }
            key.circuit = circuit;
        }
    }

    /// @notice All rows of the layout.
    function rowCount(TrainingKey memory key) internal pure returns (uint256) {
        unchecked {
            return key.data + key.parameters + key.state + key.tables + ownRows(key);
        }
    }

    /// @notice Rows that a proof brings: the steps' updates and the trace.
    function ownRows(TrainingKey memory key) internal pure returns (uint256) {
        unchecked {
            return key.update * key.steps + key.trace;
        }
    }

    /// @notice Checks the numbers and indices of a key.
    function requireValid(TrainingKey memory key) internal pure {
        if (key.rowLog == 0 || key.rowLog > MAX_ROW_LOG) {
            revert ITrainingVerifier.KeyField(1, key.rowLog);
        }
        if (key.addressLog < key.rowLog || key.addressLog > key.rowLog + MAX_ROWS_LOG) {
            revert ITrainingVerifier.KeyField(2, key.addressLog);
        }
        if (key.parameters == 0) revert ITrainingVerifier.KeyField(4, 0);
        // A state is the last update itself, or what every step leaves behind its update.
        bool own = key.state == 0 || key.state == key.parameters;
        bool behind = key.state != 0 && key.update == key.parameters + key.state;
        if (key.update == key.parameters) {
            if (!own) revert ITrainingVerifier.KeyField(5, key.state);
        } else if (!behind) {
            revert ITrainingVerifier.KeyField(7, key.update);
        }
        if (key.steps == 0) revert ITrainingVerifier.KeyField(8, 0);
        uint256 rows = rowCount(key);
        uint256 sheet = 1 << (key.addressLog - key.rowLog);
        for (uint256 row = 0; row < rows; ++row) {
            uint256 index = number(key.indices, row);
            if (index >= sheet) revert ITrainingVerifier.KeyRowIndex(row, index);
        }
    }

    /// @notice The four-byte number with this position in a list.
    function number(uint256 list, uint256 position) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(add(list, shl(2, position))))
        }
    }

    /// @dev The ten numbers after the spec.
    function _decodeNumbers(uint256 start, TrainingKey memory key) private pure {
        bytes32 spec;
        assembly ("memory-safe") {
            spec := mload(start)
        }
        key.spec = spec;
        uint256 list = start + 32;
        key.system = number(list, 0);
        key.rowLog = number(list, 1);
        key.addressLog = number(list, 2);
        key.data = number(list, 3);
        key.parameters = number(list, 4);
        key.state = number(list, 5);
        key.tables = number(list, 6);
        key.update = number(list, 7);
        key.steps = number(list, 8);
        key.trace = number(list, 9);
    }
}
