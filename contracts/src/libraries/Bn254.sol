// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title BN254 through the EVM's precompiles
/// @notice Points of G1 are two words `x, y`, the neutral element `0, 0`; points of G2 are four
/// words `x.c1, x.c0, y.c1, y.c0`.
/// @dev A precompile that meets a bad point burns all gas it was given. So it is given a bounded
/// amount, and points of a caller go through `requireOnCurve`, which also says which point it was:
/// before they are used, or, where there are many, once a precompile has refused one. So
/// `PrecompileFailed` never is the fault of what a caller brings, only of the gas or of the chain.
/// How much a precompile returns is looked at too: where there is none, a call succeeds and returns
/// nothing.
library Bn254 {
    /// @notice The modulus of coordinates.
    uint256 internal constant P =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// @notice The order of the group: the modulus of scalars.
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev Gas for a multiplication and an addition: a few times what they cost (EIP-1108).
    uint256 private constant MULTIPLY_GAS = 20_000;
    uint256 private constant ADD_GAS = 1_000;

    // [1] in G2.
    uint256 internal constant G2_X1 =
        11559732032986387107991004021392285783925812861821192530917403151452391805634;
    uint256 internal constant G2_X0 =
        10857046999023057135944570762232829481370756359578518086990519993285655852781;
    uint256 internal constant G2_Y1 =
        4082367875863433681332203403145435568316851327593401208105741076214120093531;
    uint256 internal constant G2_Y0 =
        8495653923123431417604973247489272438418190587263600148770280649306958101930;

    /// @notice A point that is not `(0, 0)`, whose coordinates are not reduced or that does not
    /// satisfy the curve's equation.
    error PointNotOnCurve(uint256 x, uint256 y);
    /// @notice A scalar that is not below the group's order.
    error ScalarNotReduced(uint256 scalar);
    /// @notice A precompile refused its input or is missing.
    error PrecompileFailed();
    /// @notice Zero has no inverse.
    error NotInvertible();

    /// @notice Checks a point in memory.
    /// @param point Address of its two words.
    function requireOnCurve(uint256 point) internal pure {
        requireAllOnCurve(point, 1);
    }

    /// @notice Checks points that lie one after the other in memory.
    /// @param points Address of the first.
    /// @param count How many.
    function requireAllOnCurve(uint256 points, uint256 count) internal pure {
        uint256 bad = 0;
        assembly ("memory-safe") {
            let p := P
            for { let end := add(points, shl(6, count)) } lt(points, end) {
                points := add(points, 0x40)
            } {
                let x := mload(points)
                let y := mload(add(points, 0x20))
                let cubic := addmod(mulmod(mulmod(x, x, p), x, p), 3, p)
                let onCurve := and(eq(mulmod(y, y, p), cubic), and(lt(x, p), lt(y, p)))
                if iszero(or(onCurve, iszero(or(x, y)))) {
                    bad := points
                    break
                }
            }
        }
        if (bad != 0) revert PointNotOnCurve(word(bad), word(bad + 32));
    }

    /// @notice Checks scalars that lie one after the other in memory.
    /// @param scalars Address of the first.
    /// @param count How many.
    function requireAllReduced(uint256 scalars, uint256 count) internal pure {
        uint256 bad = 0;
        assembly ("memory-safe") {
            for { let end := add(scalars, shl(5, count)) } lt(scalars, end) {
                scalars := add(scalars, 0x20)
            } {
                if iszero(lt(mload(scalars), R)) {
                    bad := scalars
                    break
                }
            }
        }
        if (bad != 0) revert ScalarNotReduced(word(bad));
    }

    /// @notice The word at an address of memory.
    function word(uint256 position) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(position)
        }
    }

    /// @notice `sum += scalar * point`
    /// @param sum The first two words are the sum; the other three are room for a term.
    /// @param point Address of a point in memory that is on the curve.
    /// @param scalar Any word.
    function addTerm(uint256[5] memory sum, uint256 point, uint256 scalar) internal view {
        bool ok;
        assembly ("memory-safe") {
            let term := add(sum, 0x40)
            mcopy(term, point, 0x40)
            mstore(add(sum, 0x80), scalar)
            ok := staticcall(MULTIPLY_GAS, 7, term, 0x60, term, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
            ok := and(ok, staticcall(ADD_GAS, 6, sum, 0x80, sum, 0x40))
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert PrecompileFailed();
    }

    /// @notice Sets the sum to that of `scalars[index_i] * point_i` for points that lie one after
    /// the other; reverts if one is not on the curve.
    /// @param sum The first two words become the sum.
    /// @param points Address of the first point.
    /// @param count How many, at least one.
    /// @param indices Address of as many four-byte numbers.
    /// @param scalars Address of the scalars that they select.
    function selectedSum(
        uint256[5] memory sum,
        uint256 points,
        uint256 count,
        uint256 indices,
        uint256 scalars
    ) internal view {
        bool ok;
        assembly ("memory-safe") {
            let term := add(sum, 0x40)
            let end := add(points, shl(6, count))
            // The first term is the sum.
            mcopy(sum, points, 0x40)
            mstore(term, mload(add(scalars, shl(5, shr(224, mload(indices))))))
            ok := staticcall(MULTIPLY_GAS, 7, sum, 0x60, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
            for { let point := add(points, 0x40) } lt(point, end) { point := add(point, 0x40) } {
                // A precompile that fails burns all of its gas: many must not.
                if iszero(ok) { break }
                indices := add(indices, 4)
                mcopy(term, point, 0x40)
                mstore(add(sum, 0x80), mload(add(scalars, shl(5, shr(224, mload(indices))))))
                ok := and(ok, staticcall(MULTIPLY_GAS, 7, term, 0x60, term, 0x40))
                ok := and(ok, eq(returndatasize(), 0x40))
                ok := and(ok, staticcall(ADD_GAS, 6, sum, 0x80, sum, 0x40))
                ok := and(ok, eq(returndatasize(), 0x40))
            }
        }
        if (!ok) {
            requireAllOnCurve(points, count);
            revert PrecompileFailed();
        }
    }

    /// @notice `sum += scalar * [1]`
    function addGenerator(uint256[5] memory sum, uint256 scalar) internal view {
        uint256[2] memory generator = [uint256(1), 2];
        uint256 point;
        assembly ("memory-safe") {
            point := generator
        }
        addTerm(sum, point, scalar);
    }

    /// @notice `sum += point`
    function addPoint(uint256[5] memory sum, uint256 point) internal view {
        bool ok;
        assembly ("memory-safe") {
            mcopy(add(sum, 0x40), point, 0x40)
            ok := staticcall(ADD_GAS, 6, sum, 0x80, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert PrecompileFailed();
    }

    /// @notice The `y` of a point's negative.
    /// @param y Reduced.
    function negate(uint256 y) internal pure returns (uint256) {
        unchecked {
            return y == 0 ? 0 : P - y;
        }
    }

    /// @notice `a - b` for a reduced scalar `b`.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            return addmod(a, R - b, R);
        }
    }

    /// @notice The inverse of a scalar.
    function inverse(uint256 scalar) internal view returns (uint256) {
        if (scalar % R == 0) revert NotInvertible();
        return power(scalar, R - 2);
    }

    /// @notice A power of a scalar.
    function power(uint256 scalar, uint256 exponent) internal view returns (uint256 result) {
        bool ok;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 0x20)
            mstore(add(input, 0x20), 0x20)
            mstore(add(input, 0x40), 0x20)
            mstore(add(input, 0x60), scalar)
            mstore(add(input, 0x80), exponent)
            mstore(add(input, 0xa0), R)
            ok := staticcall(gas(), 5, input, 0xc0, 0, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
            result := mload(0)
        }
        if (!ok) revert PrecompileFailed();
    }

    /// @notice Whether a product of pairings is one.
    /// @param pairs Six words a pair: the point of G1, then that of G2.
    /// @return True if it is; false also where a point of G2 is not in its group.
    /// @dev A precompile that refuses a point of G2 and one that lacks gas look alike. So a caller
    /// that is refused has as many generators paired: the price depends on their number alone, and
    /// there is no more gas than before. Only if that works it was the point. This costs nothing
    /// where the points are good; to check that they are would cost a hundred thousand gas.
    function pairingIsOne(uint256[] memory pairs) internal view returns (bool) {
        (bool ok, uint256 result) = _pair(pairs);
        if (!ok) {
            (ok,) = _pair(_generators(pairs.length / 6));
            if (!ok) revert PrecompileFailed();
        }
        return result == 1;
    }

    /// @notice Whether four words are a point of G2 other than the neutral element.
    /// @param point Address of the words in memory.
    /// @dev The precompile refuses words that are not in the group; `e(0, Q)` is one.
    function isInG2(uint256 point) internal view returns (bool) {
        uint256[] memory pair = new uint256[](6);
        assembly ("memory-safe") {
            mcopy(add(pair, 0x60), point, 0x80)
        }
        bool zero = (pair[2] | pair[3] | pair[4] | pair[5]) == 0;
        return !zero && pairingIsOne(pair);
    }

    /// @dev Has points paired. The gas passed on is bounded at twice today's price, because a bad
    /// point of G2 burns it all.
    /// @return ok Whether the precompile has given a result.
    /// @return result One if the product is one, else zero.
    function _pair(uint256[] memory pairs) private view returns (bool ok, uint256 result) {
        uint256 limit = 90_000 + 68_000 * pairs.length / 6;
        assembly ("memory-safe") {
            ok := staticcall(limit, 8, add(pairs, 0x20), shl(5, mload(pairs)), 0, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
            result := mul(ok, mload(0))
        }
    }

    /// @dev Pairs of the two generators.
    function _generators(uint256 count) private pure returns (uint256[] memory pairs) {
        pairs = new uint256[](6 * count);
        for (uint256 i = 0; i < pairs.length; i += 6) {
            (pairs[i], pairs[i + 1]) = (1, 2);
            (pairs[i + 2], pairs[i + 3]) = (G2_X1, G2_X0);
            (pairs[i + 4], pairs[i + 5]) = (G2_Y1, G2_Y0);
        }
    }
}
