// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitVerifier} from "./interfaces/ICircuitVerifier.sol";
import {Bn254} from "./libraries/Bn254.sol";

/// @title Verifier of Groth16 proofs with three public inputs, keys as data
/// @notice Key: `alpha (64 bytes), beta (128), gamma (128), delta (128), IC_0 .. IC_3 (64 each)`,
/// with gamma the generator of G2. Proof: `A (64), B (128), C (64)`.
/// @dev Groth, "On the size of pairing-based non-interactive arguments", eprint 2016/260:
/// `e(A, B) = e(alpha, beta) e(IC_0 + sum of x_i IC_i, gamma) e(C, delta)`. That gamma is the
/// generator, as every ceremony of snarkjs has it, saves the caller a pairing. A library, because
/// calling another contract would cost more than the code.
library Groth16Verifier {
    uint256 private constant INPUTS = 3;
    // Where the parts of a key start.
    uint256 private constant BETA = 64;
    uint256 private constant GAMMA = 192;
    uint256 private constant DELTA = 320;
    uint256 private constant IC = 448;
    uint256 private constant KEY_LENGTH = IC + 64 * (INPUTS + 1);
    uint256 private constant PROOF_LENGTH = 256;

    /// @notice A point of the key is not in G2, or is its neutral element.
    error KeyPointNotInG2(uint256 offset);
    /// @notice The key's gamma is not the generator of G2.
    error KeyGamma();

    /// @notice Reduces a proof to a product of pairings, as `ICircuitVerifier.reduce` does.
    /// @param key The circuit's verifying key, as `checkKey` accepts it.
    /// @param inputs The public inputs, reduced.
    /// @param proof The compressed proof.
    /// @return leftRight `left.x, left.y, 0, 0`.
    /// @return pairs Three pairs, six words each.
    function reduce(bytes memory key, uint256[3] memory inputs, bytes calldata proof)
        internal
        view
        returns (uint256[4] memory leftRight, uint256[] memory pairs)
    {
        if (proof.length != PROOF_LENGTH) {
            revert ICircuitVerifier.ProofLength(PROOF_LENGTH, proof.length);
        }
        (leftRight[0], leftRight[1]) = _publicPart(key, inputs);
        pairs = new uint256[](18);
        uint256 words;
        assembly ("memory-safe") {
            words := add(pairs, 0x20)
            let start := add(key, 0x20)
            // -A, B; alpha, beta; C, delta
            calldatacopy(words, proof.offset, 192)
            mcopy(add(words, 192), start, 192)
            calldatacopy(add(words, 384), add(proof.offset, 192), 64)
            mcopy(add(words, 448), add(start, DELTA), 128)
        }
        Bn254.requireOnCurve(words);
        Bn254.requireOnCurve(words + 384);
        pairs[1] = Bn254.negate(pairs[1]);
    }

    /// @notice Reverts unless `key` is well formed: right length, points in their groups.
    function checkKey(bytes memory key) internal view {
        if (key.length != KEY_LENGTH) revert ICircuitVerifier.KeyLength(KEY_LENGTH, key.length);
        uint256 start;
        assembly ("memory-safe") {
            start := add(key, 0x20)
        }
        Bn254.requireOnCurve(start);
        Bn254.requireAllOnCurve(start + IC, INPUTS + 1);
        if (!Bn254.isInG2(start + BETA)) revert KeyPointNotInG2(BETA);
        if (!Bn254.isInG2(start + DELTA)) revert KeyPointNotInG2(DELTA);
        bool isGenerator = Bn254.word(start + GAMMA) == Bn254.G2_X1
            && Bn254.word(start + GAMMA + 32) == Bn254.G2_X0
            && Bn254.word(start + GAMMA + 64) == Bn254.G2_Y1
            && Bn254.word(start + GAMMA + 96) == Bn254.G2_Y0;
        if (!isGenerator) revert KeyGamma();
    }

    /// @dev `IC_0 + sum of x_i IC_i`
    function _publicPart(bytes memory key, uint256[3] memory inputs)
        private
        view
        returns (uint256, uint256)
    {
        uint256[5] memory sum;
        uint256 bases;
        assembly ("memory-safe") {
            bases := add(key, add(0x20, IC))
            mcopy(sum, bases, 64)
        }
        for (uint256 i = 0; i < INPUTS; ++i) {
            bases += 64;
            Bn254.addTerm(sum, bases, inputs[i]);
        }
        return (sum[0], sum[1]);
    }
}
