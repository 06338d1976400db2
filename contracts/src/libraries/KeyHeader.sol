// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier} from "../interfaces/ITrainingVerifier.sol";
import {TrainingKeys} from "./TrainingKeys.sol";

/// @notice The numbers that a training key starts with, and its size.
struct Header {
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
    uint256 length;
}

/// @title What a registered key says of itself, without the rest of it
/// @dev The encoding is described at `ITrainingVerifier.register`; only valid keys are registered.
library KeyHeader {
    uint256 private constant LENGTH = 72;

    // Somewhat more than twice what a verification takes, part by part. The curve's precompiles
    // cost the same for all points. An invalid point costs more than a valid one, but a caller that
    // runs out of gas over an invalid proof has still rejected it.
    uint256 private constant BASE_HALO2 = 1_150_000;
    uint256 private constant BASE_GROTH16 = 850_000;
    /// @dev A row of the sheet: reading, adding up, folding.
    uint256 private constant PER_ROW = 15_000;
    /// @dev A row of the update or of the state after: reading, comparing, hashing.
    uint256 private constant PER_RESULT = 1_200;
    /// @dev A place in the sheet, whether a row is there or not: its weight.
    uint256 private constant PER_PLACE = 260;
    /// @dev Bytes that are neither rows nor places nor the key: everything else in statement, proof
    /// and memory, with the longest path that a dataset can have.
    uint256 private constant OTHER_BYTES = 16_384;

    /// @notice Reads the header of the key in a store.
    function read(address store) internal view returns (Header memory header) {
        bytes memory start = new bytes(LENGTH);
        uint256 size;
        assembly ("memory-safe") {
            extcodecopy(store, add(start, 0x20), 1, LENGTH)
            size := extcodesize(store)
            mstore(header, mload(add(start, 0x20)))
        }
        header.length = size - 1;
        header.system = _number(start, 0);
        header.rowLog = _number(start, 1);
        header.addressLog = _number(start, 2);
        header.data = _number(start, 3);
        header.parameters = _number(start, 4);
        header.state = _number(start, 5);
        header.tables = _number(start, 6);
        header.update = _number(start, 7);
        header.steps = _number(start, 8);
        header.trace = _number(start, 9);
    }

    /// @notice Gas with which a proof for the key is checked for certain, as
    /// `IVerifierRouter.gasBound` says.
    function gasBound(Header memory header) internal pure returns (uint256) {
        uint256 own = header.update * header.steps + header.trace;
        uint256 mask = 1;
        uint256 rows = header.data + header.parameters + header.state + header.tables + own + mask;
        uint256 results = header.parameters + header.state;
        uint256 places = 1 << (header.addressLog - header.rowLog);
        // The verifier has most rows in memory twice; the router's copy is no larger. Twice of
        // both, as of everything else.
        uint256 size = 128 * rows + 64 * results + 32 * places + header.length + OTHER_BYTES;
        return _base(header.system) + PER_ROW * rows + PER_RESULT * results + PER_PLACE * places + 4
            * _memory(size);
    }

    /// @dev What that many bytes of memory cost, copying included.
    function _memory(uint256 size) private pure returns (uint256) {
        uint256 words = (size + 31) >> 5;
        return 6 * words + words * words / 512;
    }

    function _base(uint256 system) private pure returns (uint256) {
        if (system == TrainingKeys.HALO2) return BASE_HALO2;
        if (system == TrainingKeys.GROTH16) return BASE_GROTH16;
        revert ITrainingVerifier.UnknownSystem(system);
    }

    /// @dev The four-byte number with this position after the spec.
    function _number(bytes memory start, uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(add(add(start, 0x40), shl(2, position))))
        }
    }
}
