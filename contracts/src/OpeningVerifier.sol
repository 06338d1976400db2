// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bn254} from "./libraries/Bn254.sol";

/// @title Openings of a committed row at a multilinear point: Mercury
/// @notice Opening, of one size for all numbers of variables: commitments to `h`, `q`, `g`, `S`,
/// `D`; `g`, `h`, `S`, each at `zeta` and at `1 / zeta`; commitments to `w` and `L / (X - z)`.
/// @dev Eagen, Gabizon, eprint 2025/385, batched as in eprint 2020/081. The protocol, with the
/// meaning of all letters and why it is sound, is in `circuits/argument/src/opening/mercury.rs`.
library OpeningVerifier {
    /// @notice The opening does not have the only length that there is.
    error OpeningLength(uint256 expected, uint256 got);
    /// @notice No opening has this number of variables.
    error OpeningVariables(uint256 got);
    /// @notice A challenge fell on one of a few excluded values.
    error DegenerateChallenge();

    /// @dev Bytes of an opening.
    uint256 internal constant LENGTH = 640;
    uint256 private constant MAX_VARIABLES = 28;

    // Where the parts of an opening start.
    uint256 private constant FOLD = 0;
    uint256 private constant QUOTIENT = 64;
    uint256 private constant REMAINDER = 128;
    uint256 private constant PRODUCTS = 192;
    uint256 private constant REVERSAL = 256;
    uint256 private constant EVALUATIONS = 320;
    uint256 private constant BATCH = 512;
    uint256 private constant LINEARISATION = 576;

    /// @dev Challenges, and what follows from them and the point alone.
    struct Challenges {
        uint256 alpha;
        uint256 gamma;
        uint256 zeta;
        uint256 beta;
        uint256 z;
        uint256 delta;
        // 1 / zeta, 1 / (zeta - 1 / zeta)
        uint256 inverse;
        uint256 run;
    }

    /// @dev What the evaluations claim: the line through `p` at `z`, `h` at `alpha`, `D` at `zeta`.
    struct Claims {
        uint256 line;
        uint256 fold;
        uint256 reversal;
    }

    /// @dev Powers of `zeta`, `1 / zeta` and `z`, and the polynomials with the coefficients
    /// `eq(point, .)` at `zeta` and `1 / zeta`.
    struct Powers {
        uint256 zeta;
        uint256 zetaHigh;
        uint256 inverse;
        uint256 z;
        uint256 low;
        uint256 lowInverse;
        uint256 high;
        uint256 highInverse;
    }

    /// @notice Reduces the claim that `commitment` opens to `value` at `point` to a pairing.
    /// @param encoded The opening.
    /// @param point Coordinate `k` belongs to bit `k` of an entry's index; all reduced.
    /// @param value The value, reduced.
    /// @param commitment A point on the curve.
    /// @param seed What the opening's transcript starts from.
    /// @return leftRight Points with `e(left, [1]) = e(right, [tau])` if the claim holds.
    function verify(
        bytes calldata encoded,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed
    ) internal view returns (uint256[4] memory leftRight) {
        uint256 opening = _read(encoded);
        if (point.length == 0 || point.length > MAX_VARIABLES) {
            revert OpeningVariables(point.length);
        }
        bytes32 state =
            keccak256(abi.encodePacked(seed, bytes8("mercury"), commitment, point, value));
        Challenges memory challenges = _drawChallenges(opening, state);
        Powers memory powers = _powers(challenges, point);
        Claims memory claims = _claims(opening, challenges, powers, value);
        uint256[5] memory sum;
        (sum[0], sum[1]) = (commitment[0], commitment[1]);
        _linearise(sum, opening, challenges, claims, powers.z);
        leftRight[0] = sum[0];
        leftRight[1] = sum[1];
        leftRight[2] = Bn254.word(opening + LINEARISATION);
        leftRight[3] = Bn254.word(opening + LINEARISATION + 32);
    }

    /// @dev Copies an opening to memory and checks its points and scalars.
    function _read(bytes calldata encoded) private pure returns (uint256 opening) {
        unchecked {
            if (encoded.length != LENGTH) revert OpeningLength(LENGTH, encoded.length);
            bytes memory copy = encoded;
            assembly ("memory-safe") {
                opening := add(copy, 0x20)
            }
            Bn254.requireAllOnCurve(opening, 5);
            Bn254.requireAllReduced(opening + EVALUATIONS, 6);
            Bn254.requireAllOnCurve(opening + BATCH, 2);
        }
    }

    /// @dev The rest of the transcript: each message, under an eight-byte label, gives a challenge.
    function _drawChallenges(uint256 opening, bytes32 state)
        private
        view
        returns (Challenges memory challenges)
    {
        unchecked {
            state = _absorb(state, "fold", opening, 64);
            challenges.alpha = uint256(state) % Bn254.R;
            state = _absorb(state, "division", opening + QUOTIENT, 128);
            challenges.gamma = uint256(state) % Bn254.R;
            state = _absorb(state, "products", opening + PRODUCTS, 128);
            uint256 zeta = uint256(state) % Bn254.R;
            challenges.zeta = zeta;
            state = _absorb(state, "evals", opening + EVALUATIONS, 192);
            challenges.beta = uint256(state) % Bn254.R;
            state = _absorb(state, "batch", opening + BATCH, 64);
            challenges.z = uint256(state) % Bn254.R;
            state = _absorb(state, "delta", 0, 0);
            challenges.delta = uint256(state) % Bn254.R;

            uint256 square = mulmod(zeta, zeta, Bn254.R);
            uint256 lessOne = Bn254.sub(square, 1);
            uint256 product = mulmod(zeta, lessOne, Bn254.R);
            if (product == 0) revert DegenerateChallenge();
            uint256 inverse = Bn254.inverse(product);
            challenges.inverse = mulmod(inverse, lessOne, Bn254.R);
            challenges.run = mulmod(inverse, square, Bn254.R);
        }
    }

    /// @dev `keccak256(state, label, memory from start on)`
    function _absorb(bytes32 state, bytes8 label, uint256 start, uint256 length)
        private
        pure
        returns (bytes32 next)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, state)
            mstore(add(free, 0x20), label)
            mcopy(add(free, 0x28), start, length)
            next := keccak256(free, add(length, 0x28))
        }
    }

    /// @dev The low half of the coordinates, the larger one if there are two, belongs to `g`.
    function _powers(Challenges memory challenges, uint256[] memory point)
        private
        pure
        returns (Powers memory powers)
    {
        unchecked {
            uint256 high = point.length / 2;
            uint256 low = point.length - high;
            (uint256 zeta, uint256 inverse, uint256 z) =
                (challenges.zeta, challenges.inverse, challenges.z);
            (powers.low, powers.lowInverse) = (1, 1);
            (powers.high, powers.highInverse) = (1, 1);
            for (uint256 k = 0; k < low; ++k) {
                powers.zetaHigh = zeta;
                (powers.low, powers.lowInverse) =
                    _factors(powers.low, powers.lowInverse, point[k], zeta, inverse);
                if (k < high) {
                    (powers.high, powers.highInverse) =
                        _factors(powers.high, powers.highInverse, point[low + k], zeta, inverse);
                }
                zeta = mulmod(zeta, zeta, Bn254.R);
                inverse = mulmod(inverse, inverse, Bn254.R);
                z = mulmod(z, z, Bn254.R);
            }
            if (low == high) powers.zetaHigh = zeta;
            (powers.zeta, powers.inverse, powers.z) = (zeta, inverse, z);
        }
    }

    /// @dev `a * (1 - u + u * x)` and `b * (1 - u + u * y)`
    function _factors(uint256 a, uint256 b, uint256 u, uint256 x, uint256 y)
        private
        pure
        returns (uint256, uint256)
    {
        uint256 rest = Bn254.sub(1, u);
        return (
            mulmod(a, addmod(rest, mulmod(u, x, Bn254.R), Bn254.R), Bn254.R),
            mulmod(b, addmod(rest, mulmod(u, y, Bn254.R), Bn254.R), Bn254.R)
        );
    }

    function _claims(
        uint256 opening,
        Challenges memory challenges,
        Powers memory powers,
        uint256 value
    ) private pure returns (Claims memory claims) {
        unchecked {
            uint256 pairs = opening + EVALUATIONS;
            (uint256 gamma, uint256 inverse) = (challenges.gamma, challenges.inverse);
            // h(alpha), from the identity of the inner products at zeta
            uint256 sum = _crossed(pairs + 64, powers.high, powers.highInverse);
            sum = addmod(
                mulmod(gamma, sum, Bn254.R), _crossed(pairs, powers.low, powers.lowInverse), Bn254.R
            );
            sum = Bn254.sub(sum, _crossed(pairs + 128, inverse, challenges.zeta));
            // (R + 1) / 2 is one half.
            sum = mulmod(sum, (Bn254.R + 1) / 2, Bn254.R);
            claims.fold = Bn254.sub(sum, mulmod(gamma, value, Bn254.R));
            // D(zeta), the reversed g and h
            uint256 term = mulmod(powers.zetaHigh, Bn254.word(pairs + 96), Bn254.R);
            uint256 both = addmod(
                mulmod(powers.zeta, Bn254.word(pairs + 32), Bn254.R),
                mulmod(gamma, term, Bn254.R),
                Bn254.R
            );
            claims.reversal = mulmod(both, inverse, Bn254.R);
            claims.line = _lineAt(pairs, challenges);
        }
    }

    /// @dev The line through `p(zeta)` and `p(1 / zeta)`, at `z`.
    function _lineAt(uint256 pairs, Challenges memory challenges) private pure returns (uint256) {
        uint256 atZeta = _batched(pairs, challenges.beta);
        uint256 slope = mulmod(
            Bn254.sub(atZeta, _batched(pairs + 32, challenges.beta)), challenges.run, Bn254.R
        );
        uint256 rise = mulmod(slope, Bn254.sub(challenges.z, challenges.zeta), Bn254.R);
        return addmod(atZeta, rise, Bn254.R);
    }

    /// @dev The evaluation at `zeta` times `atInverse`, plus the one at `1 / zeta` times `atZeta`.
    function _crossed(uint256 pair, uint256 atZeta, uint256 atInverse)
        private
        pure
        returns (uint256)
    {
        unchecked {
            return addmod(
                mulmod(Bn254.word(pair), atInverse, Bn254.R),
                mulmod(Bn254.word(pair + 32), atZeta, Bn254.R),
                Bn254.R
            );
        }
    }

    /// @dev `g + beta * (h + beta * S)`
    function _batched(uint256 pairs, uint256 beta) private pure returns (uint256) {
        unchecked {
            uint256 inner = addmod(
                Bn254.word(pairs + 64), mulmod(beta, Bn254.word(pairs + 128), Bn254.R), Bn254.R
            );
            return addmod(Bn254.word(pairs), mulmod(beta, inner, Bn254.R), Bn254.R);
        }
    }

    /// @dev From the commitment in `sum` to `[L] + z [L / (X - z)]`.
    /// @param power `z^b`
    function _linearise(
        uint256[5] memory sum,
        uint256 opening,
        Challenges memory challenges,
        Claims memory claims,
        uint256 power
    ) private view {
        unchecked {
            (uint256 z, uint256 beta) = (challenges.z, challenges.beta);
            uint256 square = mulmod(beta, beta, Bn254.R);
            uint256 atInverse = Bn254.sub(z, challenges.inverse);
            uint256 atBoth = mulmod(Bn254.sub(z, challenges.zeta), atInverse, Bn254.R);
            // Weights of p - R, h - h(alpha), D - D(zeta).
            uint256 line = mulmod(challenges.delta, Bn254.sub(z, challenges.alpha), Bn254.R);
            uint256 fold = mulmod(
                mulmod(challenges.delta, atBoth, Bn254.R), mulmod(square, square, Bn254.R), Bn254.R
            );
            uint256 reversal =
                mulmod(mulmod(line, atInverse, Bn254.R), mulmod(square, beta, Bn254.R), Bn254.R);

            Bn254.addTerm(sum, opening + QUOTIENT, Bn254.sub(challenges.alpha, power));
            Bn254.addTerm(sum, opening + REMAINDER, Bn254.sub(line, 1));
            Bn254.addTerm(sum, opening + FOLD, addmod(mulmod(line, beta, Bn254.R), fold, Bn254.R));
            Bn254.addTerm(sum, opening + PRODUCTS, mulmod(line, square, Bn254.R));
            Bn254.addTerm(sum, opening + REVERSAL, reversal);
            Bn254.addTerm(sum, opening + BATCH, Bn254.sub(0, mulmod(line, atBoth, Bn254.R)));
            Bn254.addTerm(sum, opening + LINEARISATION, z);
            uint256 constantTerm = addmod(
                mulmod(line, claims.line, Bn254.R),
                addmod(
                    mulmod(fold, claims.fold, Bn254.R),
                    mulmod(reversal, claims.reversal, Bn254.R),
                    Bn254.R
                ),
                Bn254.R
            );
            Bn254.addGenerator(sum, Bn254.sub(0, constantTerm));
        }
    }
}
