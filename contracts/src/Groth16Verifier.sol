// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitVerifier} from "./interfaces/ICircuitVerifier.sol";
import {Bn254} from "./libraries/Bn254.sol";

/// @title Verifier of Groth16 proofs with three public inputs, keys as data
/// @notice Key: `alpha (64 bytes), beta (128), gamma (128), delta (128), IC_0 .. IC_3 (64 each)`,
/// with gamma the generator of G2. Proof: `A (64), B (128), C (64)`.
/// @dev Groth, "On the size of pairing-based non-interactive arguments", eprint 2016/260:
/// `e(A, B) = e(alpha, beta) e(IC_0 + sum of x_i IC_i, gamma) e(C, delta)`. That gamma is the
/// generator, as every ceremony of snarkjs has it, saves the caller a pairing.
contract Groth16Verifier is ICircuitVerifier {
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

    /// @inheritdoc ICircuitVerifier
    function reduce(bytes calldata key, uint256[3] calldata inputs, bytes calldata proof)
        external
        view
        returns (uint256[4] memory leftRight, uint256[] memory pairs)
    {
        if (key.length != KEY_LENGTH) revert KeyLength(KEY_LENGTH, key.length);
        if (proof.length != PROOF_LENGTH) revert ProofLength(PROOF_LENGTH, proof.length);
        (leftRight[0], leftRight[1]) = _publicPart(key, inputs);
        pairs = new uint256[](18);
        uint256 words;
        assembly ("memory-safe") {
            words := add(pairs, 0x20)
            // -A, B; alpha, beta; C, delta
            calldatacopy(words, proof.offset, 192)
            calldatacopy(add(words, 192), key.offset, 192)
            calldatacopy(add(words, 384), add(proof.offset, 192), 64)
            calldatacopy(add(words, 448), add(key.offset, DELTA), 128)
        }
        Bn254.requireOnCurve(words);
        Bn254.requireOnCurve(words + 384);
        pairs[1] = Bn254.negate(pairs[1]);
    }

    /// @inheritdoc ICircuitVerifier
    function checkKey(bytes calldata key) external view {
        if (key.length != KEY_LENGTH) revert KeyLength(KEY_LENGTH, key.length);
        bytes memory copy = key;
        uint256 start;
        assembly ("memory-safe") {
            start := add(copy, 0x20)
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
    function _publicPart(bytes calldata key, uint256[3] calldata inputs)
        private
        view
        returns (uint256, uint256)
    {
        uint256[2] memory point;
        uint256[5] memory sum;
        uint256 term;
        assembly ("memory-safe") {
            term := point
            calldatacopy(sum, add(key.offset, IC), 64)
        }
        for (uint256 i = 0; i < INPUTS; ++i) {
            if (inputs[i] >= Bn254.R) revert InputNotReduced(i, inputs[i]);
            assembly ("memory-safe") {
                calldatacopy(point, add(key.offset, add(add(IC, 64), shl(6, i))), 64)
            }
            Bn254.addTerm(sum, term, inputs[i]);
        }
        return (sum[0], sum[1]);
    }
}
