// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitVerifier} from "./interfaces/ICircuitVerifier.sol";
import {Bn254} from "./libraries/Bn254.sol";
import {Halo2Gates} from "./libraries/Halo2Gates.sol";

/// @title Verifier of halo2 proofs of our one constraint system, keys as data
/// @notice Key: `version (32 bytes), log_rows (32), commitments to 7 fixed columns and to the
/// permutation of 5 advice columns (64 each)`. Proof, in the transcript's order: commitments to 5
/// advice columns, to the permutation's product, to a random polynomial and to 6 pieces of the
/// quotient; 25 evaluations; the two points of the opening.
/// @dev PLONK as halo2 has it, with SHPLONK (eprint 2020/081). The system is described in
/// `docs/halo2-circuit.md`. Five columns fit in one product of the permutation argument, so all
/// polynomials are opened at `{x}` or at `{x, omega x}`.
contract Halo2Verifier is ICircuitVerifier {
    bytes32 private constant VERSION = "zktrain/halo2/1";
    uint256 private constant MIN_LOG_ROWS = 5;
    uint256 private constant MAX_LOG_ROWS = 24;

    uint256 private constant ADVICE = 5;
    uint256 private constant FIXED = 7;
    uint256 private constant PIECES = 6;
    /// @dev Rows at the end that hold blinding, and one more.
    uint256 private constant UNUSABLE = 6;

    // Where the parts of a key start.
    uint256 private constant KEY_POINTS = 64;
    uint256 private constant KEY_LENGTH = KEY_POINTS + 64 * (FIXED + ADVICE);

    // Where the parts of a proof start.
    uint256 private constant PRODUCT = 64 * ADVICE;
    uint256 private constant RANDOM = PRODUCT + 64;
    uint256 private constant QUOTIENT = RANDOM + 64;
    uint256 private constant EVALUATIONS = QUOTIENT + 64 * PIECES;
    uint256 private constant EVAL_FIXED = EVALUATIONS + 64 * ADVICE;
    uint256 private constant EVAL_RANDOM = EVAL_FIXED + 32 * FIXED;
    uint256 private constant EVAL_PERMUTATION = EVAL_RANDOM + 32;
    uint256 private constant EVAL_PRODUCT = EVAL_PERMUTATION + 32 * ADVICE;
    uint256 private constant OPENING = EVAL_PRODUCT + 64;
    uint256 private constant PROOF_LENGTH = OPENING + 128;

    /// @dev `7^((R - 1) / 2^28)`: generates the roots of unity of order `2^28`.
    uint256 private constant ROOT =
        0x03ddb9f5166d18b798865ea93dd31f743215cf6dd39329c8d34f1ed960c37c9c;
    uint256 private constant ROOT_LOG = 28;
    /// @dev `7^(2^28)`: its powers keep the columns of the permutation apart.
    uint256 private constant COSET =
        0x09226b6e22c6f0ca64ec26aad4c86e715b5f898e5e963f25870e56bbe533e9a2;

    /// @notice The key is for another constraint system.
    error KeyVersion(bytes32 expected, bytes32 got);
    /// @notice No circuit has so many rows.
    error KeyRows(uint256 logRows);
    /// @notice A challenge fell on one of a few excluded values.
    error DegenerateChallenge();

    /// @dev Addresses of key and proof in memory, the transcript's challenges, and what follows
    /// from them alone. `beta`, `gamma` belong to the permutation, `y` to the gates, `fold` and
    /// `batch` (halo2's `y` and `v`) and `u` to the opening.
    struct Argument {
        uint256 key;
        uint256 proof;
        uint256 logRows;
        uint256 beta;
        uint256 gamma;
        uint256 y;
        uint256 x;
        uint256 fold;
        uint256 batch;
        uint256 u;
        uint256 omega;
        // x^n
        uint256 power;
        // 1 / (x^n - 1)
        uint256 inverseVanishing;
        // 1 / ((omega - 1) x)
        uint256 inverseRun;
        // Lagrange polynomials at x: first row, last usable row, all blinding rows
        uint256 first;
        uint256 last;
        uint256 blind;
        // The instance column at x
        uint256 instance;
    }

    /// @inheritdoc ICircuitVerifier
    function reduce(bytes calldata key, uint256[3] calldata inputs, bytes calldata proof)
        external
        view
        returns (uint256[4] memory leftRight, uint256[] memory pairs)
    {
        Argument memory argument = _read(key, proof);
        _drawChallenges(argument, inputs);
        _evaluateDomain(argument, inputs);
        uint256 quotient = mulmod(_constraints(argument), argument.inverseVanishing, Bn254.R);
        (leftRight[0], leftRight[1]) = _openingLeft(argument, quotient);
        leftRight[2] = Bn254.word(argument.proof + OPENING + 64);
        leftRight[3] = Bn254.word(argument.proof + OPENING + 96);
        pairs = new uint256[](0);
    }

    /// @inheritdoc ICircuitVerifier
    function checkKey(bytes calldata key) external pure {
        uint256 copy = _readKey(key);
        Bn254.requireAllOnCurve(copy + KEY_POINTS, FIXED + ADVICE);
    }

    /// @dev Copies a key and checks all but its points.
    function _readKey(bytes calldata key) private pure returns (uint256 copy) {
        if (key.length != KEY_LENGTH) revert KeyLength(KEY_LENGTH, key.length);
        copy = _copy(key);
        bytes32 version = bytes32(Bn254.word(copy));
        if (version != VERSION) revert KeyVersion(VERSION, version);
        uint256 logRows = Bn254.word(copy + 32);
        if (logRows < MIN_LOG_ROWS || logRows > MAX_LOG_ROWS) revert KeyRows(logRows);
    }

    /// @dev Copies key and proof to memory and checks the proof's points and scalars.
    function _read(bytes calldata key, bytes calldata proof)
        private
        pure
        returns (Argument memory argument)
    {
        argument.key = _readKey(key);
        argument.logRows = Bn254.word(argument.key + 32);
        if (proof.length != PROOF_LENGTH) revert ProofLength(PROOF_LENGTH, proof.length);
        uint256 copy = _copy(proof);
        argument.proof = copy;
        Bn254.requireAllOnCurve(copy, EVALUATIONS / 64);
        Bn254.requireAllReduced(copy + EVALUATIONS, (OPENING - EVALUATIONS) / 32);
        Bn254.requireAllOnCurve(copy + OPENING, 2);
    }

    function _copy(bytes calldata source) private pure returns (uint256 place) {
        bytes memory copy = source;
        assembly ("memory-safe") {
            place := add(copy, 0x20)
        }
    }

    /// @dev The transcript: `state = keccak256(state, messages since)`, from the key's hash.
    function _drawChallenges(Argument memory argument, uint256[3] calldata inputs) private pure {
        unchecked {
            for (uint256 i = 0; i < 3; ++i) {
                if (inputs[i] >= Bn254.R) revert InputNotReduced(i, inputs[i]);
            }
            uint256 proof = argument.proof;
            bytes32 state = _hash(argument.key, KEY_LENGTH);
            // The challenge for lookups, of which there are none.
            state = _absorbFirst(state, inputs, proof);
            state = _absorb(state, 0, 0);
            argument.beta = uint256(state) % Bn254.R;
            state = _absorb(state, 0, 0);
            argument.gamma = uint256(state) % Bn254.R;
            state = _absorb(state, proof + PRODUCT, 128);
            argument.y = uint256(state) % Bn254.R;
            state = _absorb(state, proof + QUOTIENT, 64 * PIECES);
            argument.x = uint256(state) % Bn254.R;
            state = _absorb(state, proof + EVALUATIONS, OPENING - EVALUATIONS);
            argument.fold = uint256(state) % Bn254.R;
            state = _absorb(state, 0, 0);
            argument.batch = uint256(state) % Bn254.R;
            state = _absorb(state, proof + OPENING, 64);
            argument.u = uint256(state) % Bn254.R;
        }
    }

    function _hash(uint256 start, uint256 length) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(start, length)
        }
    }

    /// @dev `keccak256(state, inputs, advice commitments)`
    function _absorbFirst(bytes32 state, uint256[3] calldata inputs, uint256 advice)
        private
        pure
        returns (bytes32 next)
    {
        uint256 length = PRODUCT;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, state)
            calldatacopy(add(free, 0x20), inputs, 0x60)
            mcopy(add(free, 0x80), advice, length)
            next := keccak256(free, add(0x80, length))
        }
    }

    /// @dev `keccak256(state, memory from start on)`
    function _absorb(bytes32 state, uint256 start, uint256 length)
        private
        pure
        returns (bytes32 next)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, state)
            mcopy(add(free, 0x20), start, length)
            next := keccak256(free, add(length, 0x20))
        }
    }

    /// @dev What is known about the rows' domain at `x`, by one inversion.
    function _evaluateDomain(Argument memory argument, uint256[3] calldata inputs) private view {
        unchecked {
            uint256 x = argument.x;
            uint256 omega = ROOT;
            for (uint256 i = argument.logRows; i < ROOT_LOG; ++i) {
                omega = mulmod(omega, omega, Bn254.R);
            }
            argument.omega = omega;
            uint256 power = x;
            for (uint256 i = 0; i < argument.logRows; ++i) {
                power = mulmod(power, power, Bn254.R);
            }
            argument.power = power;
            // omega^i for i from -6 to 2, the inverse from omega^n = 1
            uint256 rows = 1 << argument.logRows;
            uint256 root = Bn254.power(omega, rows - UNUSABLE);
            uint256[] memory values = new uint256[](UNUSABLE + 5);
            uint256[] memory roots = new uint256[](UNUSABLE + 3);
            for (uint256 i = 0; i < UNUSABLE + 3; ++i) {
                roots[i] = root;
                values[i] = mulmod(rows, Bn254.sub(x, root), Bn254.R);
                root = mulmod(root, omega, Bn254.R);
            }
            uint256 vanishing = Bn254.sub(power, 1);
            values[UNUSABLE + 3] = vanishing;
            values[UNUSABLE + 4] = mulmod(Bn254.sub(omega, 1), x, Bn254.R);
            _invert(values);
            argument.inverseVanishing = values[UNUSABLE + 3];
            argument.inverseRun = values[UNUSABLE + 4];
            for (uint256 i = 0; i < UNUSABLE + 3; ++i) {
                values[i] = mulmod(mulmod(values[i], roots[i], Bn254.R), vanishing, Bn254.R);
            }
            _readLagrange(argument, values, inputs);
        }
    }

    /// @dev Sums of the Lagrange polynomials' values for the rows from `-UNUSABLE` on.
    function _readLagrange(
        Argument memory argument,
        uint256[] memory values,
        uint256[3] calldata inputs
    ) private pure {
        unchecked {
            argument.last = values[0];
            uint256 blind = 0;
            for (uint256 i = 1; i < UNUSABLE; ++i) {
                blind = addmod(blind, values[i], Bn254.R);
            }
            argument.blind = blind;
            argument.first = values[UNUSABLE];
            uint256 instance = 0;
            for (uint256 i = 0; i < 3; ++i) {
                uint256 term = mulmod(inputs[i], values[UNUSABLE + i], Bn254.R);
                instance = addmod(instance, term, Bn254.R);
            }
            argument.instance = instance;
        }
    }

    /// @dev Inverts all values with one inversion.
    function _invert(uint256[] memory values) private view {
        unchecked {
            uint256 count = values.length;
            uint256[] memory products = new uint256[](count);
            uint256 product = 1;
            for (uint256 i = 0; i < count; ++i) {
                products[i] = product;
                product = mulmod(product, values[i], Bn254.R);
            }
            if (product == 0) revert DegenerateChallenge();
            uint256 inverse = Bn254.inverse(product);
            for (uint256 i = count; i > 0; --i) {
                uint256 value = values[i - 1];
                values[i - 1] = mulmod(inverse, products[i - 1], Bn254.R);
                inverse = mulmod(inverse, value, Bn254.R);
            }
        }
    }

    /// @dev All constraints at `x`, batched by powers of `y`.
    function _constraints(Argument memory argument) private pure returns (uint256 sum) {
        unchecked {
            uint256 y = argument.y;
            sum = Halo2Gates.evaluate(
                argument.proof + EVALUATIONS, argument.proof + EVAL_FIXED, argument.instance, y
            );
            uint256 product = Bn254.word(argument.proof + EVAL_PRODUCT);
            // The product starts with one.
            uint256 start = mulmod(argument.first, Bn254.sub(1, product), Bn254.R);
            sum = addmod(mulmod(sum, y, Bn254.R), start, Bn254.R);
            // It ends with zero or one.
            uint256 end = mulmod(product, Bn254.sub(product, 1), Bn254.R);
            end = mulmod(end, argument.last, Bn254.R);
            sum = addmod(mulmod(sum, y, Bn254.R), end, Bn254.R);
            sum = addmod(mulmod(sum, y, Bn254.R), _permutation(argument, product), Bn254.R);
        }
    }

    /// @dev The product's step from a row to the next.
    function _permutation(Argument memory argument, uint256 product)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 right = product;
            uint256 left = Bn254.word(argument.proof + EVAL_PRODUCT + 32);
            uint256 label = mulmod(argument.beta, argument.x, Bn254.R);
            for (uint256 i = 0; i < ADVICE; ++i) {
                uint256 cell = Bn254.word(argument.proof + EVALUATIONS + 32 * i);
                cell = addmod(cell, argument.gamma, Bn254.R);
                uint256 moved = Bn254.word(argument.proof + EVAL_PERMUTATION + 32 * i);
                moved = mulmod(argument.beta, moved, Bn254.R);
                left = mulmod(left, addmod(cell, moved, Bn254.R), Bn254.R);
                right = mulmod(right, addmod(cell, label, Bn254.R), Bn254.R);
                label = mulmod(label, COSET, Bn254.R);
            }
            uint256 usable = addmod(argument.last, argument.blind, Bn254.R);
            usable = Bn254.sub(1, usable);
            return mulmod(Bn254.sub(left, right), usable, Bn254.R);
        }
    }

    /// @dev The left point of the opening's equation; the right one is the proof's last.
    function _openingLeft(Argument memory argument, uint256 quotient)
        private
        view
        returns (uint256, uint256)
    {
        unchecked {
            uint256[5] memory sum;
            uint256 proof = argument.proof;
            uint256 next = mulmod(argument.omega, argument.x, Bn254.R);
            uint256 toNext = Bn254.sub(argument.u, next);
            uint256 toBoth = Bn254.sub(argument.u, argument.x);
            toBoth = mulmod(toBoth, toNext, Bn254.R);
            uint256 value = _addRotated(argument, sum);
            uint256 scale = mulmod(argument.batch, toNext, Bn254.R);
            value = addmod(value, _addUnrotated(argument, sum, scale, quotient), Bn254.R);
            Bn254.addGenerator(sum, Bn254.R - value);
            Bn254.addTerm(sum, proof + OPENING, Bn254.R - toBoth);
            Bn254.addTerm(sum, proof + OPENING + 64, argument.u);
            return (sum[0], sum[1]);
        }
    }

    /// @dev Polynomials opened at `x` and `omega x`: the advice columns and the product. Returns
    /// the batch of their lines at `u`.
    function _addRotated(Argument memory argument, uint256[5] memory sum)
        private
        view
        returns (uint256)
    {
        unchecked {
            uint256 proof = argument.proof;
            uint256 scale = 1;
            uint256 current = 0;
            uint256 next = 0;
            for (uint256 i = 0; i <= ADVICE; ++i) {
                uint256 at0 = proof + EVALUATIONS + 32 * i;
                uint256 at1 = at0 + 32 * ADVICE;
                if (i == ADVICE) (at0, at1) = (proof + EVAL_PRODUCT, proof + EVAL_PRODUCT + 32);
                current = addmod(current, mulmod(scale, Bn254.word(at0), Bn254.R), Bn254.R);
                next = addmod(next, mulmod(scale, Bn254.word(at1), Bn254.R), Bn254.R);
                // The product's commitment follows those of the advice.
                Bn254.addTerm(sum, proof + 64 * i, scale);
                scale = mulmod(scale, argument.fold, Bn254.R);
            }
            uint256 slope = mulmod(Bn254.sub(next, current), argument.inverseRun, Bn254.R);
            uint256 run = Bn254.sub(argument.u, argument.x);
            return addmod(current, mulmod(slope, run, Bn254.R), Bn254.R);
        }
    }

    /// @dev Polynomials opened at `x` alone: fixed columns, the permutation, quotient, random
    /// polynomial. Returns `scale` times the batch of their values.
    function _addUnrotated(
        Argument memory argument,
        uint256[5] memory sum,
        uint256 scale,
        uint256 quotient
    ) private view returns (uint256 value) {
        unchecked {
            uint256 proof = argument.proof;
            for (uint256 i = 0; i < FIXED + ADVICE; ++i) {
                uint256 evaluation = i < FIXED
                    ? proof + EVAL_FIXED + 32 * i
                    : proof + EVAL_PERMUTATION + 32 * (i - FIXED);
                value = addmod(value, mulmod(scale, Bn254.word(evaluation), Bn254.R), Bn254.R);
                Bn254.addTerm(sum, argument.key + KEY_POINTS + 64 * i, scale);
                scale = mulmod(scale, argument.fold, Bn254.R);
            }
            value = addmod(value, mulmod(scale, quotient, Bn254.R), Bn254.R);
            uint256 piece = scale;
            for (uint256 i = 0; i < PIECES; ++i) {
                Bn254.addTerm(sum, proof + QUOTIENT + 64 * i, piece);
                piece = mulmod(piece, argument.power, Bn254.R);
            }
            scale = mulmod(scale, argument.fold, Bn254.R);
            uint256 random = Bn254.word(proof + EVAL_RANDOM);
            value = addmod(value, mulmod(scale, random, Bn254.R), Bn254.R);
            Bn254.addTerm(sum, proof + RANDOM, scale);
        }
    }
}
