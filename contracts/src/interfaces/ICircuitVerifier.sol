// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A verifier of compressed proofs of one proof system
/// @notice It works out everything but the pairings, which the caller does together with those of
/// the opening.
interface ICircuitVerifier {
    /// @notice The key does not have the length of a key.
    error KeyLength(uint256 expected, uint256 got);
    /// @notice The proof does not have the only length that proofs for this key have.
    error ProofLength(uint256 expected, uint256 got);
    /// @notice A public input is not below the group's order.
    error InputNotReduced(uint256 index, uint256 value);

    /// @notice Reduces a proof to a product of pairings: the proof holds if and only if
    /// `e(left, [1]) * e(-right, [tau]) * (product of pairs) == 1`.
    /// @param key The circuit's verifying key, as `checkKey` accepts it.
    /// @param inputs The public inputs `h`, `kappa` and `fold`.
    /// @param proof The compressed proof.
    /// @return leftRight `left.x, left.y, right.x, right.y`.
    /// @return pairs Six words a pair; may be empty.
    function reduce(bytes calldata key, uint256[3] calldata inputs, bytes calldata proof)
        external
        view
        returns (uint256[4] memory leftRight, uint256[] memory pairs);

    /// @notice Reverts unless `key` is well formed: right length, points on their curves.
    function checkKey(bytes calldata key) external view;
}
