// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "./IRounds.sol";

/// @title Evidence of fraud, which anyone may bring
/// @notice Each function checks one kind of evidence, reverts unless it holds, and has the guilty
/// slashed; the caller gets the bounty. No evidence needs anyone's word.
interface ISlashing {
    /// @notice A submission, and that it is what this member has signed.
    /// @param submission What was signed.
    /// @param signature By the member.
    /// @param member The member, as in the round's list.
    /// @param memberPath Its Merkle path.
    /// @param statement What the submission's `statement` is the hash of.
    /// @param proof The same of `proof`.
    struct Evidence {
        IRounds.Submission submission;
        bytes signature;
        IRounds.Member member;
        bytes32[] memberPath;
        bytes statement;
        bytes proof;
    }

    /// @notice Evidence held.
    event Proven(
        uint64 indexed round, address indexed guilty, address indexed challenger, bytes32 reason
    );

    /// @notice The proof is valid and says what it should.
    error ProofIsValid(uint64 round, address member);
    /// @notice Too little gas: the verifier must be able to reach its verdict.
    error NotEnoughGas(uint256 needed, uint256 available);
    /// @notice The verifier said nothing, as when it runs out of gas: bring more.
    error NoVerdict();
    /// @notice Statement or proof are not those that were signed.
    error NotWhatWasSigned();
    /// @notice Both are the same.
    error NotTwo();
    /// @notice They are about different rounds or members.
    error NotTheSame();
    /// @notice The signature is somebody else's.
    error WrongSignature(address expected, address got);
    /// @notice The batch is not the one that was proposed.
    error WrongBatch(uint64 round);
    /// @notice Rows are not those that the hash commits to. Updates are counted from zero; the
    /// aggregate comes after them.
    error WrongRows(uint256 index);
    /// @notice There is no such row.
    error NoSuchRow(uint256 row, uint256 rows);
    /// @notice The row is the weighted sum.
    error SumIsRight(uint64 round, uint256 row);
    /// @notice The coordinator is not late.
    error NotLate(uint64 round);
    /// @notice The demand can still be answered.
    error NotOverdue(uint64 round, address account);

    /// @notice A signed submission whose proof does not hold or is about something else.
    function invalidProof(Evidence calldata evidence) external;

    /// @notice As `invalidProof`, for a submission in the batch that the coordinator proposed: both
    /// are slashed, the round is void. A member that was slashed already protects no coordinator.
    /// @param batch The batch.
    /// @param batchPath Merkle path of the submission in the batch.
    function invalidDelivery(
        Evidence calldata evidence,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) external;

    /// @notice Two signed submissions of one member for one round.
    function equivocation(
        IRounds.Submission calldata first,
        bytes calldata firstSignature,
        IRounds.Submission calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice Two signed batches for one round.
    function batchEquivocation(
        IRounds.Batch calldata first,
        bytes calldata firstSignature,
        IRounds.Batch calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice A row of the proposed aggregate that is not the weighted sum of the members' rows.
    /// @param members All of the round's members, in order.
    /// @param deliveries All that were proposed.
    /// @param updates Row commitments (64 bytes each) of each delivered update, in order.
    /// @param aggregate Row commitments of the aggregate. If what its hash commits to does not have
    /// the length of rows, any row is wrong.
    /// @param row Which row.
    function wrongAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        bytes calldata aggregate,
        uint256 row
    ) external;

    /// @notice As `wrongAggregate`, by adding up all rows. For a coordinator that keeps the rows of
    /// its aggregate to itself: all that is needed are the members' rows, which can be demanded.
    function undisclosedAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates
    ) external;

    /// @notice A coordinator that proposed nothing until the deadline.
    function missedDeadline(uint64 round) external;

    /// @notice A demand that nobody answered in time.
    function unanswered(uint64 round, address account) external;
}
