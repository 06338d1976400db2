// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";

/// @title What is signed, as EIP-712 structs
/// @notice Hashes of structs, without the domain separator: "zktrain", version "1", the chain, the
/// rounds' contract. A round's number says little: after a reorganization another draw, or another
/// domain's round, can have it, and an honest signature would be evidence there. So everything is
/// signed with the nonce that was drawn for the round, and the contracts put in their own.
library TypedData {
    bytes32 internal constant SUBMISSION = keccak256(
        "Submission(uint64 round,bytes32 nonce,address member,bytes32 statement,bytes32 proof,"
        "bytes32 update,uint32 length)"
    );
    bytes32 internal constant BATCH =
        keccak256("Batch(uint64 round,bytes32 nonce,bytes32 root,bytes32 aggregate,bytes32 model)");
    bytes32 internal constant RECEIPT = keccak256(
        "Receipt(uint64 round,bytes32 nonce,address member,bytes32 plan,bytes32 masked,"
        "bytes32 submission,uint64 time)"
    );

    /// @notice The struct hash of a member's submission.
    function hash(IRounds.Submission memory submission, bytes32 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                SUBMISSION,
                submission.round,
                nonce,
                submission.member,
                submission.statement,
                submission.proof,
                submission.update,
                submission.length
            )
        );
    }

    /// @notice The struct hash of a coordinator's batch.
    function hash(IRounds.Batch memory batch, bytes32 nonce) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(BATCH, batch.round, nonce, batch.root, batch.aggregate, batch.model)
            );
    }

    /// @notice The struct hash of a coordinator's receipt.
    function hash(IRounds.Receipt memory receipt, bytes32 nonce) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RECEIPT,
                receipt.round,
                nonce,
                receipt.member,
                receipt.plan,
                receipt.masked,
                receipt.submission,
                receipt.time
            )
        );
    }
}
