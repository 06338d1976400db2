// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bn254} from "./libraries/Bn254.sol";

/// @title Openings of a committed row at a multilinear point: HyperKZG
/// @notice Opening: `c - 1` commitments to folds, `c` pairs of evaluations at `r` and `-r`, two
/// quotients.
/// @dev Gemini's folding over univariate KZG (eprint 2022/420), batched as in eprint 2020/081.
/// Evaluations at `r` and `-r` give, for every fold, the line through them: its constant term is
/// the even part at `r^2`, its slope the odd one.
library OpeningVerifier {
    /// @notice The opening does not have the only length for its number of variables.
    error OpeningLength(uint256 expected, uint256 got);
    /// @notice A challenge fell on one of a few excluded values.
    error DegenerateChallenge();
    /// @notice Folding the evaluations does not give the claimed value.
    error WrongOpeningValue();

    /// @dev An opening in memory with its challenges. All but scalars are addresses.
    struct Opening {
        uint256 variables;
        uint256 folds;
        uint256 evaluations;
        uint256 quotient;
        uint256 linearisation;
        uint256 r;
        uint256 gamma;
        uint256 z;
    }

    /// @notice Bytes of an opening.
    function encodedLength(uint256 variables) internal pure returns (uint256) {
        return 64 * (2 * variables + 1);
    }

    /// @notice Reduces the claim that `commitment` opens to `value` at `point` to a pairing.
    /// @param encoded The opening.
    /// @param point Coordinate `k` belongs to bit `k` of an entry's index.
    /// @param seed What the opening's transcript starts from.
    /// @return leftRight Points with `e(left, [1]) = e(right, [tau])` if the claim holds.
    function verify(
        bytes calldata encoded,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed
    ) internal view returns (uint256[4] memory leftRight) {
        Opening memory opening = _read(encoded, point.length);
        _drawChallenges(opening, point, value, commitment, seed);
        uint256[5] memory sum;
        (sum[0], sum[1]) = (commitment[0], commitment[1]);
        _linearise(opening, point, value, sum);
        leftRight[0] = sum[0];
        leftRight[1] = sum[1];
        leftRight[2] = Bn254.word(opening.linearisation);
        leftRight[3] = Bn254.word(opening.linearisation + 32);
    }

    /// @dev Copies an opening to memory and checks its points and scalars.
    function _read(bytes calldata encoded, uint256 variables)
        private
        pure
        returns (Opening memory opening)
    {
        uint256 expected = encodedLength(variables);
        if (encoded.length != expected) revert OpeningLength(expected, encoded.length);
        bytes memory copy = encoded;
        uint256 start;
        assembly ("memory-safe") {
            start := add(copy, 0x20)
        }
        opening.variables = variables;
        opening.folds = start;
        opening.evaluations = start + 64 * (variables - 1);
        opening.quotient = opening.evaluations + 64 * variables;
        opening.linearisation = opening.quotient + 64;
        Bn254.requireAllOnCurve(opening.folds, variables - 1);
        Bn254.requireAllReduced(opening.evaluations, 2 * variables);
        Bn254.requireAllOnCurve(opening.quotient, 2);
    }

    /// @dev The opening's transcript: a chain of keccak256 with eight-byte labels.
    function _drawChallenges(
        Opening memory opening,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed
    ) private pure {
        bytes32 state = keccak256(abi.encodePacked(seed, "hyperkzg", commitment));
        state = keccak256(abi.encodePacked(state, bytes8("point"), point));
        state = keccak256(abi.encodePacked(state, bytes8("value"), value));
        state = _absorb(state, "folds", opening.folds, opening.evaluations);
        state = keccak256(abi.encodePacked(state, bytes8("r")));
        opening.r = uint256(state) % Bn254.R;
        state = _absorb(state, "evals", opening.evaluations, opening.quotient);
        state = keccak256(abi.encodePacked(state, bytes8("gamma")));
        opening.gamma = uint256(state) % Bn254.R;
        state = _absorb(state, "quotient", opening.quotient, opening.linearisation);
        state = keccak256(abi.encodePacked(state, bytes8("z")));
        opening.z = uint256(state) % Bn254.R;
    }

    /// @dev `keccak256(state, label, memory from start to end)`
    function _absorb(bytes32 state, bytes8 label, uint256 start, uint256 end)
        private
        pure
        returns (bytes32 next)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let length := sub(end, start)
            mstore(free, state)
            mstore(add(free, 0x20), label)
            mcopy(add(free, 0x28), start, length)
            next := keccak256(free, add(length, 0x28))
        }
    }

    /// @dev From the commitment in `sum` to `[L] + z [L / (X - z)]`.
    function _linearise(
        Opening memory opening,
        uint256[] memory point,
        uint256 value,
        uint256[5] memory sum
    ) private view {
        (uint256 r, uint256 z) = (opening.r, opening.z);
        uint256 square = mulmod(r, r, Bn254.R);
        uint256 offset = _sub(z, square);
        uint256 pairAtZ = _sub(mulmod(z, z, Bn254.R), square);
        _scaleInPlace(sum, offset);
        uint256 constantTerm = _addFolds(opening, point, value, sum, offset, pairAtZ);
        uint256 scale = mulmod(pairAtZ, offset, Bn254.R);
        Bn254.addTerm(sum, opening.quotient, _sub(0, scale));
        uint256[2] memory generator = [uint256(1), 2];
        uint256 place;
        assembly ("memory-safe") {
            place := generator
        }
        Bn254.addTerm(sum, place, _sub(0, constantTerm));
        Bn254.addTerm(sum, opening.linearisation, z);
    }

    /// @dev Adds the powers of gamma times the folds, and returns the constant term of `L`.
    function _addFolds(
        Opening memory opening,
        uint256[] memory point,
        uint256 value,
        uint256[5] memory sum,
        uint256 offset,
        uint256 pairAtZ
    ) private view returns (uint256 constantTerm) {
        uint256 square = mulmod(opening.r, opening.r, Bn254.R);
        (uint256 halfOverR, uint256 bendScale) = _inverses(opening.r, square);
        uint256 power = 1;
        uint256 atSquare = 0;
        for (uint256 k = 0; k < opening.variables; ++k) {
            (uint256 even, uint256 odd) = _line(opening.evaluations + 64 * k, halfOverR);
            uint256 term = addmod(even, mulmod(odd, opening.z, Bn254.R), Bn254.R);
            if (k == 0) {
                term = mulmod(term, offset, Bn254.R);
            } else {
                power = mulmod(power, opening.gamma, Bn254.R);
                Bn254.addTerm(sum, opening.folds + 64 * (k - 1), power);
                uint256 onLine = addmod(even, mulmod(odd, square, Bn254.R), Bn254.R);
                uint256 bend = mulmod(_sub(atSquare, onLine), bendScale, Bn254.R);
                term = addmod(term, mulmod(bend, pairAtZ, Bn254.R), Bn254.R);
                term = mulmod(term, power, Bn254.R);
            }
            constantTerm = addmod(constantTerm, term, Bn254.R);
            atSquare = addmod(even, mulmod(point[k], _sub(odd, even), Bn254.R), Bn254.R);
        }
        if (atSquare != value) revert WrongOpeningValue();
    }

    /// @dev Constant term and slope of the line through a pair of evaluations.
    function _line(uint256 pair, uint256 halfOverR)
        private
        pure
        returns (uint256 even, uint256 odd)
    {
        (uint256 plus, uint256 minus) = (Bn254.word(pair), Bn254.word(pair + 32));
        // (R + 1) / 2 is one half.
        even = mulmod(addmod(plus, minus, Bn254.R), (Bn254.R + 1) / 2, Bn254.R);
        odd = mulmod(_sub(plus, minus), halfOverR, Bn254.R);
    }

    /// @dev `1 / 2r` and `1 / (r^4 - r^2)`, by one inversion.
    function _inverses(uint256 r, uint256 square)
        private
        view
        returns (uint256 halfOverR, uint256 bendScale)
    {
        uint256 twice = addmod(r, r, Bn254.R);
        uint256 difference = _sub(mulmod(square, square, Bn254.R), square);
        uint256 product = mulmod(twice, difference, Bn254.R);
        if (product == 0) revert DegenerateChallenge();
        uint256 inverse = Bn254.inverse(product);
        halfOverR = mulmod(inverse, difference, Bn254.R);
        bendScale = mulmod(inverse, twice, Bn254.R);
    }

    /// @dev `sum *= scalar`
    function _scaleInPlace(uint256[5] memory sum, uint256 scalar) private view {
        uint256[2] memory base = [sum[0], sum[1]];
        (sum[0], sum[1]) = (0, 0);
        uint256 place;
        assembly ("memory-safe") {
            place := base
        }
        Bn254.addTerm(sum, place, scalar);
    }

    /// @dev `a - b` for reduced `a`, `b`
    function _sub(uint256 a, uint256 b) private pure returns (uint256) {
        return addmod(a, Bn254.R - b, Bn254.R);
    }
}
