// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {ISlashing} from "./interfaces/ISlashing.sol";
import {TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {GuardedVerify} from "./libraries/GuardedVerify.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Rows} from "./libraries/Rows.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Evidence of fraud, which anyone may bring
/// @notice Holds nothing and remembers nothing. Nobody has a right here that others lack.
contract Slashing is ISlashing {
    /// @notice Why somebody was slashed.
    bytes32 public constant INVALID_PROOF = "invalid proof";
    bytes32 public constant INVALID_DELIVERY = "invalid delivery";
    bytes32 public constant EQUIVOCATION = "equivocation";
    bytes32 public constant BATCH_EQUIVOCATION = "batch equivocation";
    bytes32 public constant WRONG_AGGREGATE = "wrong aggregate";
    bytes32 public constant MISSED_DEADLINE = "missed deadline";
    bytes32 public constant UNANSWERED = "unanswered";

    /// @notice Rounds, which carry out slashes.
    IRounds public immutable ROUNDS;
    /// @notice Domains, which say what proofs are checked against.
    IDomainRegistry public immutable REGISTRY;
    /// @notice Verifiers.
    IVerifierRouter public immutable ROUTER;

    /// @param rounds Rounds.
    /// @param registry Domains.
    /// @param router Verifiers.
    constructor(IRounds rounds, IDomainRegistry registry, IVerifierRouter router) {
        ROUNDS = rounds;
        REGISTRY = registry;
        ROUTER = router;
    }

    /// @inheritdoc ISlashing
    function invalidProof(
        IRounds.Submission calldata submission,
        bytes calldata signature,
        IRounds.Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof
    ) external {
        _requireSubmission(submission, signature, member, memberPath);
        _requireInvalid(submission, member, statement, proof);
        _slashMember(submission.round, member.account, INVALID_PROOF);
    }

    /// @inheritdoc ISlashing
    function invalidDelivery(
        IRounds.Submission calldata submission,
        bytes calldata signature,
        IRounds.Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) external {
        _requireSubmission(submission, signature, member, memberPath);
        _requireInBatch(submission, member, batch, batchPath);
        _requireInvalid(submission, member, statement, proof);
        _slashCoordinator(submission.round, INVALID_DELIVERY);
        // Else a member's own sacrifice, in time, would save the coordinator.
        if (_isMember(submission.round, member.account)) {
            _slashMember(submission.round, member.account, INVALID_PROOF);
        }
    }

    /// @inheritdoc ISlashing
    function equivocation(
        IRounds.Submission calldata first,
        bytes calldata firstSignature,
        IRounds.Submission calldata second,
        bytes calldata secondSignature
    ) external {
        if (first.round != second.round || first.member != second.member) revert NotTheSame();
        if (TypedData.hash(first) == TypedData.hash(second)) revert NotTwo();
        _requireSigned(first.member, ROUNDS.submissionDigest(first), firstSignature);
        _requireSigned(first.member, ROUNDS.submissionDigest(second), secondSignature);
        _slashMember(first.round, first.member, EQUIVOCATION);
    }

    /// @inheritdoc ISlashing
    function batchEquivocation(
        IRounds.Batch calldata first,
        bytes calldata firstSignature,
        IRounds.Batch calldata second,
        bytes calldata secondSignature
    ) external {
        if (first.round != second.round) revert NotTheSame();
        if (TypedData.hash(first) == TypedData.hash(second)) revert NotTwo();
        address coordinator = ROUNDS.get(first.round).coordinator;
        _requireSigned(coordinator, ROUNDS.batchDigest(first), firstSignature);
        _requireSigned(coordinator, ROUNDS.batchDigest(second), secondSignature);
        _slashCoordinator(first.round, BATCH_EQUIVOCATION);
    }

    /// @inheritdoc ISlashing
    function wrongAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        bytes calldata aggregate,
        uint256 row
    ) external {
        uint256 rows = _requireUpdates(batch, members, deliveries, updates);
        if (keccak256(aggregate) != batch.aggregate) revert WrongRows(updates.length);
        if (row >= rows) revert NoSuchRow(row, rows);
        if (aggregate.length == Rows.LENGTH * rows) {
            (bytes32 x, bytes32 y) = Rows.weightedSum(members, deliveries, updates, row);
            bytes calldata claimed = aggregate[Rows.LENGTH * row:];
            if (bytes32(claimed[:32]) == x && bytes32(claimed[32:64]) == y) {
                revert SumIsRight(batch.round, row);
            }
        }
        _slashCoordinator(batch.round, WRONG_AGGREGATE);
    }

    /// @inheritdoc ISlashing
    function undisclosedAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates
    ) external {
        uint256 rows = _requireUpdates(batch, members, deliveries, updates);
        bytes32[] memory sums = new bytes32[](2 * rows);
        for (uint256 row = 0; row < rows; ++row) {
            (sums[2 * row], sums[2 * row + 1]) =
                Rows.weightedSum(members, deliveries, updates, row);
        }
        if (keccak256(abi.encodePacked(sums)) == batch.aggregate) {
            revert SumIsRight(batch.round, rows);
        }
        _slashCoordinator(batch.round, WRONG_AGGREGATE);
    }

    /// @inheritdoc ISlashing
    function missedDeadline(uint64 round) external {
        IRounds.Round memory state = ROUNDS.get(round);
        bool late = state.status == IRounds.Status.Open && block.timestamp > state.deadline;
        if (!late) revert NotLate(round);
        _requireUsable(state.domain);
        _slashCoordinator(round, MISSED_DEADLINE);
    }

    /// @inheritdoc ISlashing
    function unanswered(uint64 round, address account) external {
        (address by, uint64 until) = ROUNDS.demandOf(round, account);
        if (by == address(0)) revert IRounds.NotDemanded(round, account);
        if (block.timestamp <= until) revert NotOverdue(round, account);
        _requireUsable(ROUNDS.get(round).domain);
        _slashCoordinator(round, UNANSWERED);
    }

    /// @dev A member's own submission, signed by it.
    function _requireSubmission(
        IRounds.Submission calldata submission,
        bytes calldata signature,
        IRounds.Member calldata member,
        bytes32[] calldata memberPath
    ) private view {
        if (submission.member != member.account) revert NotTheSame();
        ROUNDS.requireMember(submission.round, member, memberPath);
        _requireSigned(member.account, ROUNDS.submissionDigest(submission), signature);
    }

    /// @dev A submission in the batch that was proposed.
    function _requireInBatch(
        IRounds.Submission calldata submission,
        IRounds.Member calldata member,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) private view {
        if (submission.round != batch.round) revert NotTheSame();
        _requireBatch(batch, ROUNDS.get(batch.round));
        IRounds.Delivery memory delivery =
            IRounds.Delivery({update: submission.update, submission: TypedData.hash(submission)});
        bytes32 leaf = Merkle.leaf(member.account, member.weight, delivery);
        if (!MerkleProof.verifyCalldata(batchPath, batch.root, leaf)) {
            revert IRounds.WrongDelivery(batch.round, member.account);
        }
    }

    /// @dev The proof that was signed does not hold, or does not say what it should.
    function _requireInvalid(
        IRounds.Submission calldata submission,
        IRounds.Member calldata member,
        bytes calldata statement,
        bytes calldata proof
    ) private view {
        bool signed = keccak256(statement) == submission.statement
            && keccak256(proof) == submission.proof;
        if (!signed) revert NotWhatWasSigned();
        IRounds.Round memory round = ROUNDS.get(submission.round);
        if (round.nonce == 0) revert IRounds.NotDrawn(submission.round);
        IDomainRegistry.Config memory config = REGISTRY.get(round.domain).config;
        (bool holds, TrainingClaim memory claim) =
            GuardedVerify.check(ROUTER, config.verifier, config.key, statement, proof);
        bool valid = holds && claim.update == submission.update
            && _isExpected(submission.round, member, claim);
        if (valid) revert ProofIsValid(submission.round, member.account);
    }

    /// @dev Only a refusal in so many words is one: for lack of gas or of anything else this
    /// reverts.
    function _isExpected(
        uint64 round,
        IRounds.Member calldata member,
        TrainingClaim memory claim
    ) private view returns (bool) {
        try ROUNDS.requireExpected(round, member, claim) {
            return true;
        } catch (bytes memory reason) {
            if (bytes4(reason) == IRounds.WrongClaim.selector) return false;
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    /// @dev The lists are those of the round and of its batch, the rows those of the updates.
    /// @return rows How many rows an update has.
    function _requireUpdates(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates
    ) private view returns (uint256 rows) {
        IRounds.Round memory round = ROUNDS.get(batch.round);
        _requireBatch(batch, round);
        bool listed = members.length == deliveries.length
            && Merkle.root(Merkle.leaves(members)) == round.members
            && Merkle.root(Merkle.leaves(members, deliveries)) == batch.root;
        if (!listed) revert IRounds.WrongList(batch.round);
        rows = REGISTRY.get(round.domain).rows;
        Rows.requireDelivered(deliveries, updates, rows);
    }

    function _requireBatch(IRounds.Batch calldata batch, IRounds.Round memory round) private pure {
        if (TypedData.hash(batch) != round.batch) revert WrongBatch(batch.round);
    }

    /// @dev A signature by an account's key, which cannot change its mind.
    function _requireSigned(address signer, bytes32 digest, bytes calldata signature)
        private
        pure
    {
        address got = ECDSA.recoverCalldata(digest, signature);
        if (got != signer) revert WrongSignature(signer, got);
    }

    /// @dev Without a verifier nobody can deliver or answer. That is not the coordinator's fault.
    function _requireUsable(uint64 domain) private view {
        ROUTER.usable(REGISTRY.get(domain).config.verifier);
    }

    function _isMember(uint64 round, address account) private view returns (bool) {
        return ROUNDS.membership(ROUNDS.get(round).domain, account).windows != 0;
    }

    function _slashMember(uint64 round, address account, bytes32 reason) private {
        emit Proven(round, account, msg.sender, reason);
        ROUNDS.slashMember(round, account, msg.sender, reason);
    }

    function _slashCoordinator(uint64 round, bytes32 reason) private {
        emit Proven(round, ROUNDS.get(round).coordinator, msg.sender, reason);
        ROUNDS.slashCoordinator(round, msg.sender, reason);
    }
}
