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
    function invalidProof(Evidence calldata evidence) external {
        _requireSigned(evidence);
        _requireInvalid(evidence);
        _slashMember(evidence.submission.round, evidence.member.account, INVALID_PROOF);
    }

    /// @inheritdoc ISlashing
    function invalidDelivery(
        Evidence calldata evidence,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) external {
        _requireSigned(evidence);
        _requireInBatch(evidence, batch, batchPath);
        _requireInvalid(evidence);
        uint64 round = batch.round;
        address account = evidence.member.account;
        _slashCoordinator(round, INVALID_DELIVERY);
        // Else a member's own sacrifice, in time, would save the coordinator.
        if (_isMember(round, account)) _slashMember(round, account, INVALID_PROOF);
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
        _requireSigner(first.member, ROUNDS.submissionDigest(first), firstSignature);
        _requireSigner(first.member, ROUNDS.submissionDigest(second), secondSignature);
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
        _requireSigner(coordinator, ROUNDS.batchDigest(first), firstSignature);
        _requireSigner(coordinator, ROUNDS.batchDigest(second), secondSignature);
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
        (uint256 rows, uint256[] memory weights) =
            _requireUpdates(batch, members, deliveries, updates);
        if (keccak256(aggregate) != batch.aggregate) revert WrongRows(updates.length);
        if (row >= rows) revert NoSuchRow(row, rows);
        bool right = aggregate.length == Rows.LENGTH * rows
            && Rows.isAt(aggregate, row, Rows.weightedSum(weights, updates, row));
        if (right) revert SumIsRight(batch.round, row);
        _slashCoordinator(batch.round, WRONG_AGGREGATE);
    }

    /// @inheritdoc ISlashing
    function undisclosedAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates
    ) external {
        (uint256 rows, uint256[] memory weights) =
            _requireUpdates(batch, members, deliveries, updates);
        uint256[2][] memory sums = new uint256[2][](rows);
        for (uint256 row = 0; row < rows; ++row) {
            sums[row] = Rows.weightedSum(weights, updates, row);
        }
        if (Rows.hash(sums) == batch.aggregate) revert SumIsRight(batch.round, rows);
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
        _requireUsable(ROUNDS.domainOf(round));
        _slashCoordinator(round, UNANSWERED);
    }

    /// @dev A member's own submission, signed by it, with the statement and the proof.
    function _requireSigned(Evidence calldata evidence) private view {
        IRounds.Submission calldata submission = evidence.submission;
        IRounds.Member calldata member = evidence.member;
        if (submission.member != member.account) revert NotTheSame();
        bool signed = keccak256(evidence.statement) == submission.statement
            && keccak256(evidence.proof) == submission.proof;
        if (!signed) revert NotWhatWasSigned();
        ROUNDS.requireMember(submission.round, member, evidence.memberPath);
        bytes32 digest = ROUNDS.submissionDigest(submission);
        _requireSigner(member.account, digest, evidence.signature);
    }

    /// @dev A submission in the batch that was proposed.
    function _requireInBatch(
        Evidence calldata evidence,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) private view {
        IRounds.Submission calldata submission = evidence.submission;
        IRounds.Member calldata member = evidence.member;
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
    function _requireInvalid(Evidence calldata evidence) private view {
        IRounds.Submission calldata submission = evidence.submission;
        IRounds.Member calldata member = evidence.member;
        // Reverts unless the round is drawn: until then nobody can know what to prove.
        // slither-disable-next-line unused-return
        ROUNDS.windowOf(submission.round, member.account, member.windows);
        // slither-disable-next-line unused-return
        (bytes32 verifier, bytes32 key,) = REGISTRY.checkOf(ROUNDS.domainOf(submission.round));
        (bool holds, TrainingClaim memory claim) =
            GuardedVerify.check(ROUTER, verifier, key, evidence.statement, evidence.proof);
        bool valid = holds && claim.update == submission.update
            && _isExpected(submission.round, member, claim);
        if (valid) revert ProofIsValid(submission.round, submission.member);
    }

    /// @dev Only a refusal in so many words is one: for lack of gas or of anything else this
    /// reverts.
    function _isExpected(uint64 round, IRounds.Member calldata member, TrainingClaim memory claim)
        private
        view
        returns (bool)
    {
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
    /// @return weights One an update.
    function _requireUpdates(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates
    ) private view returns (uint256 rows, uint256[] memory weights) {
        IRounds.Round memory round = ROUNDS.get(batch.round);
        _requireBatch(batch, round);
        // There is no sum of nothing, and none was proposed.
        if (updates.length == 0) revert IRounds.NothingDelivered(batch.round);
        bool listed = members.length == round.count && deliveries.length == round.count
            && Merkle.root(Merkle.leaves(members)) == round.members
            && Merkle.root(Merkle.leaves(members, deliveries)) == batch.root;
        if (!listed) revert IRounds.WrongList(batch.round);
        rows = REGISTRY.get(round.domain).rows;
        weights = Rows.requireDelivered(members, deliveries, updates, rows);
    }

    function _requireBatch(IRounds.Batch calldata batch, IRounds.Round memory round) private pure {
        if (TypedData.hash(batch) != round.batch) revert WrongBatch(batch.round);
    }

    /// @dev A signature by an account's key, which cannot change its mind.
    function _requireSigner(address signer, bytes32 digest, bytes calldata signature) private pure {
        address got = ECDSA.recoverCalldata(digest, signature);
        if (got != signer) revert WrongSignature(signer, got);
    }

    /// @dev Without a verifier nobody can deliver or answer. That is not the coordinator's fault.
    function _requireUsable(uint64 domain) private view {
        // slither-disable-next-line unused-return
        (bytes32 verifier,,) = REGISTRY.checkOf(domain);
        // slither-disable-next-line unused-return
        ROUTER.usable(verifier);
    }

    function _isMember(uint64 round, address account) private view returns (bool) {
        return ROUNDS.membership(ROUNDS.domainOf(round), account).windows != 0;
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
