// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";

/// @title What is signed, as EIP-712 structs
/// @notice Hashes of structs, without the domain separator: "zktrain", version "1", the chain, the
/// rounds' contract.
library TypedData {
    bytes32 internal constant SUBMISSION = keccak256(
        "Submission(uint64 round,address member,bytes32 statement,bytes32 proof,bytes32 update)"
    );
    bytes32 internal constant BATCH =
        keccak256("Batch(uint64 round,bytes32 root,bytes32 aggregate,bytes32 model)");

    /// @notice The struct hash of a member's submission.
    function hash(IRounds.Submission memory submission) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                SUBMISSION,
                submission.round,
                submission.member,
                submission.statement,
                submission.proof,
                submission.update
            )
        );
    }

    /// @notice The struct hash of a coordinator's batch.
    function hash(IRounds.Batch memory batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH, batch.round, batch.root, batch.aggregate, batch.model));
    }
}
