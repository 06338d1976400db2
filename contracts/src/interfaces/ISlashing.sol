// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "./IRounds.sol";

/// @title Evidence of fraud, which anyone may bring
/// @notice Each function checks one kind of evidence, reverts unless it holds, and has the guilty
/// slashed; the challenger gets the bounty. No evidence needs anyone's word. What everybody can see
/// (that somebody is late) is brought directly. Everything else is first committed to, and called
/// through `reveal` at least one block later, so that another challenger that sees it waiting
/// cannot take it for its own.
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

    /// @notice Somebody may reveal evidence from the next block on.
    event Committed(bytes32 indexed commitment);
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
    /// @notice Evidence that has to be called through `reveal`.
    error NotRevealed();
    /// @notice The caller has not committed to this, or in this very block.
    error NotCommitted(bytes32 commitment);
    /// @notice Statement or proof are not those that were signed, or not as long.
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
    /// @notice There is no sum: nothing can be wrong with it.
    error NoSum(uint64 round);
    /// @notice What was signed is not too long.
    error NotTooLong(uint256 most, uint256 got);
    /// @notice The receipt is for what was proposed.
    error NotOmitted(uint64 round, address member);
    /// @notice The coordinator is not late.
    error NotLate(uint64 round);
    /// @notice The demand can still be answered.
    error NotOverdue(uint64 round, address account);

    /// @notice Commits to evidence without showing it.
    /// @param commitment `keccak256(abi.encode(challenger, salt, keccak256(call)))`, where the
    /// challenger is who will reveal.
    function commit(bytes32 commitment) external;

    /// @notice Brings evidence that the caller has committed to at least one block before; the
    /// bounty is the caller's. Reverts as the call does.
    /// @param salt Keeps the commitment from being guessed.
    /// @param call The encoded call of one of the functions below.
    function reveal(bytes32 salt, bytes calldata call) external;

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
    /// @param member The member, as in the round's list.
    /// @param path Its Merkle path.
    function equivocation(
        IRounds.Member calldata member,
        bytes32[] calldata path,
        IRounds.Submission calldata first,
        bytes calldata firstSignature,
        IRounds.Submission calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice A signed submission that says to be longer than `MAX_BYTES`. No valid submission is,
    /// and what is too long for a transaction could not be brought as evidence otherwise.
    /// @param member The member, as in the round's list.
    /// @param path Its Merkle path.
    function tooLong(
        IRounds.Member calldata member,
        bytes32[] calldata path,
        IRounds.Submission calldata submission,
        bytes calldata signature
    ) external;

    /// @notice Two signed batches for one round.
    function batchEquivocation(
        IRounds.Batch calldata first,
        bytes calldata firstSignature,
        IRounds.Batch calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice A submission that the coordinator has signed a receipt for, and proposed another or
    /// none in its place.
    /// @param batch The batch that was proposed.
    /// @param member The member, as in the batch's leaf.
    /// @param delivery What was proposed for it.
    /// @param path Its Merkle path in the batch.
    /// @param receipt What the coordinator has signed.
    /// @param signature By the coordinator.
    function omitted(
        IRounds.Batch calldata batch,
        IRounds.Member calldata member,
        IRounds.Delivery calldata delivery,
        bytes32[] calldata path,
        IRounds.Receipt calldata receipt,
        bytes calldata signature
    ) external;

    /// @notice A row of the proposed aggregate that is not the weighted sum of the members' rows.
    /// @param members All of the round's members, in order.
    /// @param deliveries All that were proposed.
    /// @param updates Row commitments (64 bytes each) of each update that is part of the sum, in
    /// order.
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

    /// @notice A coordinator that proposed nothing in time. Called directly, as the next two.
    function missedDeadline(uint64 round) external;

    /// @notice A demand that nobody answered in time. The bounty is the demander's; the caller's if
    /// the audit demanded.
    function unanswered(uint64 round, address account) external;

    /// @notice An audit that nobody had drawn in time.
    function unaudited(uint64 round) external;
}
