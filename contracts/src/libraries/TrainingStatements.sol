// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier, TrainingClaim} from "../interfaces/ITrainingVerifier.sol";
import {TrainingKey} from "./TrainingKeys.sol";

/// @notice Where the lists of a statement start, as offsets into it.
struct StatementLists {
    uint256 data;
    uint256 path;
    uint256 depth;
    uint256 model;
    uint256 state;
    uint256 update;
    uint256 stateAfter;
}

/// @title Training statements: strict reading
/// @notice All numbers are eight bytes, big-endian; byte fields and lists have their length
/// before them:
/// `16 "zktrain/training" version 32 spec chainId 20 contract domain round 20 prover step
/// 32 dataset windows window
/// n data-rows n path n model-rows n state-rows n update-rows n state-after-rows`.
/// @dev With the key's counts and the number of windows every offset is known, so a statement is
/// canonical if its length is right and every length inside is.
library TrainingStatements {
    /// @dev `16 ‖ "zktrain/training" ‖ version 1`, the first 32 bytes.
    bytes32 private constant KIND =
        0x00000000000000107a6b747261696e2f747261696e696e670000000000000001;

    uint256 private constant SPEC = 32;
    uint256 private constant CHAIN = 72;
    uint256 private constant CONTRACT = 80;
    uint256 private constant DOMAIN = 108;
    uint256 private constant ROUND = 116;
    uint256 private constant PROVER = 124;
    uint256 private constant STEP = 152;
    uint256 private constant DATASET = 160;
    uint256 private constant WINDOWS = 200;
    uint256 private constant WINDOW = 208;
    uint256 private constant LISTS = 216;

    /// @notice Checks everything about a statement that does not need the proof.
    /// @param key The key.
    /// @param statement The encoded statement, in memory: its address and length.
    /// @param length Its length in bytes.
    /// @return claim What the statement says.
    /// @return lists Where its lists are.
    function parse(TrainingKey memory key, uint256 statement, uint256 length)
        internal
        view
        returns (TrainingClaim memory claim, StatementLists memory lists)
    {
        unchecked {
            if (length < LISTS) revert ITrainingVerifier.StatementLength(LISTS, length);
            if (bytes32(_word(statement)) != KIND) revert ITrainingVerifier.StatementKind();
            _parseFields(key, statement, claim);
            _locate(key, statement, length, claim.windows, lists);
            _requireWindow(key, statement, claim, lists);
            claim.model = _digest(statement + lists.model, key.parameters);
            claim.state = _digest(statement + lists.state, key.state);
            claim.update = _digest(statement + lists.update, key.parameters);
            claim.stateAfter = _digest(statement + lists.stateAfter, key.state);
        }
    }

    function _parseFields(TrainingKey memory key, uint256 statement, TrainingClaim memory claim)
        private
        view
    {
        unchecked {
            _requireCount(statement, SPEC, 32);
            _requireCount(statement, CONTRACT, 20);
            _requireCount(statement, PROVER, 20);
            _requireCount(statement, DATASET, 32);
            claim.spec = bytes32(_word(statement + SPEC + 8));
            if (claim.spec != key.spec) revert ITrainingVerifier.WrongSpec(key.spec, claim.spec);
            claim.chainId = _number(statement + CHAIN);
            if (claim.chainId != block.chainid) {
                revert ITrainingVerifier.WrongChain(block.chainid, claim.chainId);
            }
            claim.contractAddress = _address(statement + CONTRACT + 8);
            claim.domain = _number(statement + DOMAIN);
            claim.round = _number(statement + ROUND);
            claim.prover = _address(statement + PROVER + 8);
            claim.step = _number(statement + STEP);
            claim.steps = uint64(key.steps);
            claim.dataset = bytes32(_word(statement + DATASET + 8));
            claim.windows = _number(statement + WINDOWS);
            claim.window = _number(statement + WINDOW);
            if (claim.window >= claim.windows) {
                revert ITrainingVerifier.WindowOutOfRange(claim.window, claim.windows);
            }
        }
    }

    /// @dev Finds the lists and checks that they fill the statement.
    function _locate(
        TrainingKey memory key,
        uint256 statement,
        uint256 length,
        uint256 windows,
        StatementLists memory lists
    ) private pure {
        unchecked {
            lists.depth = _depth(windows);
            lists.data = LISTS + 8;
            lists.path = lists.data + 64 * key.data + 8;
            lists.model = lists.path + 32 * lists.depth + 8;
            lists.state = lists.model + 64 * key.parameters + 8;
            lists.update = lists.state + 64 * key.state + 8;
            lists.stateAfter = lists.update + 64 * key.parameters + 8;
            uint256 expected = lists.stateAfter + 64 * key.state;
            if (length != expected) revert ITrainingVerifier.StatementLength(expected, length);
            _requireCount(statement, lists.data - 8, key.data);
            _requireCount(statement, lists.path - 8, lists.depth);
            _requireCount(statement, lists.model - 8, key.parameters);
            _requireCount(statement, lists.state - 8, key.state);
            _requireCount(statement, lists.update - 8, key.parameters);
            _requireCount(statement, lists.stateAfter - 8, key.state);
        }
    }

    /// @dev From the window's rows to the dataset's root.
    function _requireWindow(
        TrainingKey memory key,
        uint256 statement,
        TrainingClaim memory claim,
        StatementLists memory lists
    ) private pure {
        unchecked {
            bytes32 hash = _leaf(claim.window, statement + lists.data, key.data);
            uint256 sibling = statement + lists.path;
            for (uint256 level = 0; level < lists.depth; ++level) {
                bool isRight = (claim.window >> level) & 1 == 1;
                hash = _node(hash, bytes32(_word(sibling)), isRight);
                sibling += 32;
            }
            if (hash != claim.dataset) revert ITrainingVerifier.WrongDataset(claim.dataset, hash);
        }
    }

    /// @dev `keccak256(0 ‖ window ‖ rows)`
    function _leaf(uint256 window, uint256 rows, uint256 count)
        private
        pure
        returns (bytes32 hash)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, shl(184, window))
            mcopy(add(free, 9), rows, shl(6, count))
            hash := keccak256(free, add(9, shl(6, count)))
        }
    }

    /// @dev `keccak256(1 ‖ left ‖ right)`
    function _node(bytes32 hash, bytes32 sibling, bool isRight)
        private
        pure
        returns (bytes32 parent)
    {
        (bytes32 left, bytes32 right) = isRight ? (sibling, hash) : (hash, sibling);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            parent := keccak256(free, 65)
        }
    }

    /// @dev The smallest `d` with `windows <= 2^d`; `windows` is not zero.
    function _depth(uint256 windows) private pure returns (uint256 depth) {
        while ((1 << depth) < windows) ++depth;
    }

    function _digest(uint256 points, uint256 count) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(points, shl(6, count))
        }
    }

    function _requireCount(uint256 statement, uint256 offset, uint256 expected) private pure {
        unchecked {
            uint256 got = _number(statement + offset);
            if (got != expected) revert ITrainingVerifier.StatementCount(offset, expected, got);
        }
    }

    function _number(uint256 position) private pure returns (uint64) {
        return uint64(_word(position) >> 192);
    }

    function _address(uint256 position) private pure returns (address) {
        return address(bytes20(bytes32(_word(position))));
    }

    function _word(uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(position)
        }
    }
}
