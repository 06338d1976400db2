// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDemands} from "./interfaces/IDemands.sol";
import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {ISlashing} from "./interfaces/ISlashing.sol";
import {TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {GuardedVerify} from "./libraries/GuardedVerify.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Rows} from "./libraries/Rows.sol";
import {Times} from "./libraries/Times.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Evidence of fraud, which anyone may bring
/// @notice Holds nothing and remembers nothing but commitments. Nobody has a right here that others
/// lack.
contract Slashing is ISlashing {
    /// @notice Why somebody was slashed.
    bytes32 public constant INVALID_PROOF = "invalid proof";
    bytes32 public constant INVALID_DELIVERY = "invalid delivery";
    bytes32 public constant EQUIVOCATION = "equivocation";
    bytes32 public constant BATCH_EQUIVOCATION = "batch equivocation";
    bytes32 public constant WRONG_AGGREGATE = "wrong aggregate";
    bytes32 public constant MISSED_DEADLINE = "missed deadline";
    bytes32 public constant UNANSWERED = "unanswered";
    bytes32 public constant UNAUDITED = "unaudited";
    bytes32 public constant OMITTED = "omitted";
    bytes32 public constant TOO_LONG = "too long";

    /// @notice Most bytes of a submission's statement and proof together. No valid ones are as long
    /// in a domain that can be opened, and evidence with as many fits into a transaction.
    uint256 public constant MAX_BYTES = 98_304;

    /// @notice Rounds, which carry out slashes.
    IRounds public immutable ROUNDS;
    /// @notice Demands and audits.
    IDemands public immutable DEMANDS;
    /// @notice Domains, which say what proofs are checked against.
    IDomainRegistry public immutable REGISTRY;
    /// @notice Verifiers.
    IVerifierRouter public immutable ROUTER;

    /// @dev In which block a commitment was made.
    mapping(bytes32 commitment => uint256) private _committedAt;
    /// @dev Who reveals evidence in this call.
    address private transient _revealer;

    /// @dev Evidence that others could take for their own.
    modifier onlyRevealed() {
        if (msg.sender != address(this)) revert NotRevealed();
        _;
    }

    /// @param rounds Rounds.
    /// @param demands Demands and audits.
    /// @param registry Domains.
    /// @param router Verifiers.
    constructor(
        IRounds rounds,
        IDemands demands,
        IDomainRegistry registry,
        IVerifierRouter router
    ) {
        ROUNDS = rounds;
        DEMANDS = demands;
        REGISTRY = registry;
        ROUTER = router;
    }

    /// @inheritdoc ISlashing
    function commit(bytes32 commitment) external {
        // The first time counts: a challenger that repeats another's commitment delays nobody.
        if (_committedAt[commitment] != 0) return;
        _committedAt[commitment] = block.number;
        emit Committed(commitment);
    }

    /// @inheritdoc ISlashing
    function reveal(bytes32 salt, bytes calldata call) external {
        bytes32 commitment = keccak256(abi.encode(msg.sender, salt, keccak256(call)));
        uint256 when = _committedAt[commitment];
        // slither-disable-next-line incorrect-equality
        if (when == 0 || when >= block.number) revert NotCommitted(commitment);
        delete _committedAt[commitment];
        _revealer = msg.sender;
        // slither-disable-next-line unused-return
        Address.functionCall(address(this), call);
        _revealer = address(0);
    }

    /// @inheritdoc ISlashing
    function invalidProof(Evidence calldata evidence) external onlyRevealed {
        _requireSigned(evidence);
        _requireInvalid(evidence);
        _slashMember(evidence.submission.round, evidence.member.account, INVALID_PROOF);
    }

    /// @inheritdoc ISlashing
    function invalidDelivery(
        Evidence calldata evidence,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) external onlyRevealed {
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
        IRounds.Member calldata member,
        bytes32[] calldata path,
        IRounds.Submission calldata first,
        bytes calldata firstSignature,
        IRounds.Submission calldata second,
        bytes calldata secondSignature
    ) external onlyRevealed {
        if (first.round != second.round || first.member != second.member) revert NotTheSame();
        _requireListed(first, member, path);
        (bytes32 one, bytes32 other) =
            (ROUNDS.submissionDigest(first), ROUNDS.submissionDigest(second));
        if (one == other) revert NotTwo();
        _requireSigner(first.member, one, firstSignature);
        _requireSigner(first.member, other, secondSignature);
        _slashMember(first.round, first.member, EQUIVOCATION);
    }

    /// @inheritdoc ISlashing
    function tooLong(
        IRounds.Member calldata member,
        bytes32[] calldata path,
        IRounds.Submission calldata submission,
        bytes calldata signature
    ) external onlyRevealed {
        if (submission.length <= MAX_BYTES) {
            revert NotTooLong(MAX_BYTES, submission.length);
        }
        _requireListed(submission, member, path);
        _requireSigner(submission.member, ROUNDS.submissionDigest(submission), signature);
        _slashMember(submission.round, submission.member, TOO_LONG);
    }

    /// @inheritdoc ISlashing
    function batchEquivocation(
        IRounds.Batch calldata first,
        bytes calldata firstSignature,
        IRounds.Batch calldata second,
        bytes calldata secondSignature
    ) external onlyRevealed {
        if (first.round != second.round) revert NotTheSame();
        (bytes32 one, bytes32 other) = (ROUNDS.batchDigest(first), ROUNDS.batchDigest(second));
        if (one == other) revert NotTwo();
        address coordinator = ROUNDS.get(first.round).coordinator;
        _requireSigner(coordinator, one, firstSignature);
        _requireSigner(coordinator, other, secondSignature);
        _slashCoordinator(first.round, BATCH_EQUIVOCATION);
    }

    /// @inheritdoc ISlashing
    function omitted(
        IRounds.Batch calldata batch,
        IRounds.Member calldata member,
        IRounds.Delivery calldata delivery,
        bytes32[] calldata path,
        IRounds.Receipt calldata receipt,
        bytes calldata signature
    ) external onlyRevealed {
        IRounds.Round memory round = ROUNDS.get(batch.round);
        // No batch of an eager round names a submission; there is a mark at most.
        if (!round.optimistic) revert IRounds.WrongMode(round.domain);
        if (receipt.round != batch.round || receipt.member != member.account) revert NotTheSame();
        _requireBatch(batch, round);
        _requireListed(batch, member, delivery, path);
        if (delivery.submission == receipt.submission) {
            revert NotOmitted(batch.round, member.account);
        }
        _requireSigner(round.coordinator, ROUNDS.receiptDigest(receipt), signature);
        _slashCoordinator(batch.round, OMITTED);
    }

    /// @inheritdoc ISlashing
    function wrongAggregate(
        IRounds.Batch calldata batch,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries,
        bytes[] calldata updates,
        bytes calldata aggregate,
        uint256 row
    ) external onlyRevealed {
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
    ) external onlyRevealed {
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
        uint256 until = uint256(state.deadline) + Times.PROPOSE_WINDOW;
        bool late = state.status == IRounds.Status.Open && block.timestamp > until;
        if (!late) revert NotLate(round);
        _requireUsable(state.domain, until);
        _slashCoordinator(round, MISSED_DEADLINE);
    }

    /// @inheritdoc ISlashing
    function unanswered(uint64 round, address account) external {
        IDemands.Demand memory made = DEMANDS.demandOf(round, account);
        if (made.by == address(0) || made.answeredBy != address(0)) {
            revert IDemands.NotDemanded(round, account);
        }
        if (block.timestamp <= made.until) revert NotOverdue(round, account);
        _requireUsable(ROUNDS.domainOf(round), made.until);
        // Everybody knows when it is due; only the demander has risked anything.
        _slashCoordinator(round, made.by == address(DEMANDS) ? _challenger() : made.by, UNANSWERED);
    }

    /// @inheritdoc ISlashing
    function unaudited(uint64 round) external {
        // slither-disable-next-line unused-return
        (uint64 until,) = DEMANDS.auditOf(round);
        // slither-disable-next-line incorrect-equality
        if (until == 0 || block.timestamp <= until) revert NotLate(round);
        _requireUsable(ROUNDS.domainOf(round), until);
        _slashCoordinator(round, UNAUDITED);
    }

    /// @dev A member's own submission, signed by it, with the statement and the proof.
    function _requireSigned(Evidence calldata evidence) private view {
        IRounds.Submission calldata submission = evidence.submission;
        IRounds.Member calldata member = evidence.member;
        bool signed = keccak256(evidence.statement) == submission.statement
            && keccak256(evidence.proof) == submission.proof
            && evidence.statement.length + evidence.proof.length == submission.length;
        if (!signed) revert NotWhatWasSigned();
        _requireListed(submission, member, evidence.memberPath);
        bytes32 digest = ROUNDS.submissionDigest(submission);
        _requireSigner(member.account, digest, evidence.signature);
    }

    /// @dev A submission by a member of its round. An owner that was left out, as its stake did not
    /// cover it, could else have itself slashed for nothing by a friend, and be no member any more
    /// when it is to answer for an earlier round.
    function _requireListed(
        IRounds.Submission calldata submission,
        IRounds.Member calldata member,
        bytes32[] calldata path
    ) private view {
        if (submission.member != member.account) {
            revert NotTheSame();
        }
        ROUNDS.requireMember(submission.round, member, path);
    }

    /// @dev A submission in the batch that was proposed.
    function _requireInBatch(
        Evidence calldata evidence,
        IRounds.Batch calldata batch,
        bytes32[] calldata batchPath
    ) private view {
        IRounds.Submission calldata submission = evidence.submission;
        if (submission.round != batch.round) revert NotTheSame();
        IRounds.Round memory round = ROUNDS.get(batch.round);
        _requireBatch(batch, round);
        IRounds.Delivery memory delivery = IRounds.Delivery({
            update: submission.update, submission: TypedData.hash(submission, round.nonce)
        });
        _requireListed(batch, evidence.member, delivery, batchPath);
    }

    /// @dev What a batch says of a member.
    function _requireListed(
        IRounds.Batch calldata batch,
        IRounds.Member calldata member,
        IRounds.Delivery memory delivery,
        bytes32[] calldata path
    ) private pure {
        bytes32 leaf = Merkle.leaf(member.account, member.weight, delivery);
        if (!MerkleProof.verifyCalldata(path, batch.root, leaf)) {
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
        if (batch.aggregate == 0) revert NoSum(batch.round);
        bool listed = members.length == round.count && deliveries.length == round.count
            && Merkle.root(Merkle.leaves(members)) == round.members
            && Merkle.root(Merkle.leaves(members, deliveries)) == batch.root;
        if (!listed) revert IRounds.WrongList(batch.round);
        rows = REGISTRY.get(round.domain).rows;
        weights = Rows.requireSummed(members, deliveries, updates, rows);
    }

    function _requireBatch(IRounds.Batch calldata batch, IRounds.Round memory round) private pure {
        // A round without a proposal has none.
        if (TypedData.hash(batch, round.nonce) != round.batch) revert WrongBatch(batch.round);
    }

    /// @dev A signature by an account's key, which cannot change its mind.
    function _requireSigner(address signer, bytes32 digest, bytes calldata signature) private pure {
        address got = ECDSA.recoverCalldata(digest, signature);
        if (got != signer) revert WrongSignature(signer, got);
    }

    /// @dev Without a verifier nobody can deliver or answer. That is not the coordinator's fault,
    /// unless it was late before.
    /// @param term Time until which it had to be done.
    function _requireUsable(uint64 domain, uint256 term) private view {
        // slither-disable-next-line unused-return
        (bytes32 verifier,,) = REGISTRY.checkOf(domain);
        (uint64 from, uint64 until) = ROUTER.lastStop(verifier);
        if (term >= from && term < until) revert IVerifierRouter.VerifierIsStopped(verifier);
    }

    function _isMember(uint64 round, address account) private view returns (bool) {
        return ROUNDS.membership(ROUNDS.domainOf(round), account).windows != 0;
    }

    /// @dev The account that reveals, or, where nothing has to be revealed, the caller.
    function _challenger() private view returns (address) {
        return msg.sender == address(this) ? _revealer : msg.sender;
    }

    function _slashMember(uint64 round, address account, bytes32 reason) private {
        address challenger = _challenger();
        emit Proven(round, account, challenger, reason);
        ROUNDS.slashMember(round, account, challenger, reason);
    }

    function _slashCoordinator(uint64 round, bytes32 reason) private {
        _slashCoordinator(round, _challenger(), reason);
    }

    function _slashCoordinator(uint64 round, address challenger, bytes32 reason) private {
        emit Proven(round, ROUNDS.get(round).coordinator, challenger, reason);
        ROUNDS.slashCoordinator(round, challenger, reason);
    }
}
