// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "../../src/interfaces/ITrainingVerifier.sol";

/// @notice Stands in for the verifier where what matters is who is held to what, not the
/// mathematics: a statement is the claim itself, and a proof is its hash. Keys are real, so that
/// bounds of gas are.
contract ClaimVerifier {
    address private immutable STORE;

    error InvalidProof();

    /// @param store Where the only key is stored.
    constructor(address store) {
        STORE = store;
    }

    function keyStore(bytes32) external view returns (address) {
        return STORE;
    }

    function verify(bytes32, bytes calldata statement, bytes calldata proof)
        external
        pure
        returns (TrainingClaim memory)
    {
        if (keccak256(abi.encodePacked(keccak256(statement))) != keccak256(proof)) {
            revert InvalidProof();
        }
        return abi.decode(statement, (TrainingClaim));
    }
}
