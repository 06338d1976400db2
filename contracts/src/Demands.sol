// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDemands} from "./interfaces/IDemands.sol";
import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Beacon} from "./libraries/Beacon.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {Lottery} from "./libraries/Lottery.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Times} from "./libraries/Times.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Demands that a delivery be proven on chain, and audits
/// @dev Holds nothing but bonds, in ether.
contract Demands is IDemands {
    using SafeCast for uint256;

    /// @notice Seconds in which a demand must be answered, and an audit drawn.
    uint64 public constant ANSWER_WINDOW = Times.ANSWER_WINDOW;
    /// @notice Most deliveries that are drawn of a batch, however often that was put off: of 256 so many
    /// fit into a transaction.
    uint256 public constant MOST_AUDITS = 64;
    /// @dev Least price of gas that a bond pays for: base fees may be next to nothing.
    uint256 private constant LEAST_FEE = 0.01 gwei;
    /// @dev A bond is so many times what the verification may cost.
    uint256 private constant FACTOR = 2;

    /// @notice Rounds, whose deliveries these are.
    IRounds public immutable ROUNDS;
    /// @notice Domains, which say what proofs are checked against.
    IDomainRegistry public immutable REGISTRY;
    /// @notice Verifiers.
    IVerifierRouter public immutable ROUTER;

    mapping(uint64 round => Counts) private _counts;
    mapping(uint64 round => mapping(address account => Demand)) private _demands;
    /// @dev Where an audit stands: drawn, by which block if not by the first, and how often another
    /// block had to be named.
    mapping(uint64 round => Audit) private _audits;

    /// @dev Demands of a round that are not answered, and all that were ever made.
    struct Counts {
        uint32 open;
        uint32 made;
    }

    struct Audit {
        bool drawn;
        uint64 target;
        uint32 postponed;
    }

    /// @param rounds Rounds.
    /// @param registry Domains.
    /// @param router Verifiers.
    constructor(IRounds rounds, IDomainRegistry registry, IVerifierRouter router) {
        ROUNDS = rounds;
        REGISTRY = registry;
        ROUTER = router;
    }

    /// @inheritdoc IDemands
    function demand(
        uint64 round,
        IRounds.Member calldata member,
        IRounds.Delivery calldata delivery,
        bytes32[] calldata path
    ) external payable {
        // Nothing is proposed in rounds that are not optimistic without having been proven.
        IRounds.Round memory state = _proposed(round);
        address account = member.account;
        if (!state.optimistic) revert IRounds.WrongMode(state.domain);
        if (block.timestamp > state.challengeEnd) {
            revert IRounds.TooLate(state.challengeEnd, block.timestamp);
        }
        bytes32 leaf = Merkle.leaf(account, member.weight, delivery);
        bool listed = delivery.update != 0
            && MerkleProof.verifyCalldata(path, ROUNDS.batchOf(round).root, leaf);
        if (!listed) revert IRounds.WrongDelivery(round, account);
        if (Deliveries.isProven(delivery, ROUNDS.delivered(round, account))) {
            revert AlreadyProven(round, account);
        }
        if (_demands[round][account].delivery != 0) revert AlreadyDemanded(round, account);
        uint256 least = _price(state.domain);
        if (msg.value < least) revert BondTooLow(least, msg.value);
        _demand(round, account, delivery, msg.sender, msg.value);
    }

    /// @inheritdoc IDemands
    function answer(
        uint64 round,
        IRounds.Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof
    ) external {
        IRounds.Round memory state = _proposed(round);
        Demand storage made = _demands[round][member.account];
        if (!_isOpen(made)) revert NotDemanded(round, member.account);
        if (block.timestamp > made.until) revert IRounds.TooLate(made.until, block.timestamp);
        ROUNDS.requireMember(round, member, memberPath);
        bytes32 update = _check(round, state.domain, member, statement, proof);
        IRounds.Submission memory submission = IRounds.Submission({
            round: round,
            member: member.account,
            statement: keccak256(statement),
            proof: keccak256(proof),
            update: update,
            length: (statement.length + proof.length).toUint32()
        });
        if (Deliveries.hash(update, TypedData.hash(submission, state.nonce)) != made.delivery) {
            revert IRounds.WrongDelivery(round, member.account);
        }

        made.answeredBy = msg.sender;
        --_counts[round].open;
        emit Answered(round, member.account, msg.sender);
    }

    /// @inheritdoc IDemands
    function collect(uint64 round, address account) external {
        IRounds.Status status = ROUNDS.get(round).status;
        Demand storage made = _demands[round][account];
        (address by, address answeredBy, uint256 bond) = (made.by, made.answeredBy, made.bond);
        // No round is settled with an open demand.
        bool settled = status == IRounds.Status.Settled;
        if (bond == 0 || !(settled || status == IRounds.Status.Void)) {
            revert NothingToCollect(round, account);
        }
        address to = settled ? answeredBy : by;
        made.bond = 0;
        emit Collected(round, account, to, bond);
        Address.sendValue(payable(to), bond);
    }

    /// @inheritdoc IDemands
    function audit(
        uint64 round,
        bytes calldata header,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries
    ) external {
        IRounds.Round memory state = ROUNDS.get(round);
        _requireLists(round, state, members, deliveries);
        Lottery.Ticket[] memory tickets = _unproven(round, state.checked, members, deliveries);
        uint256 count = tickets.length;
        uint256 drawn = Math.min(count, _auditsOf(round, state.domain));
        uint64 target = _targetOf(round);
        bytes32 seed = 0;
        if (count > drawn) {
            if (Beacon.isForgotten(target)) {
                _postpone(round);
                return;
            }
            seed = _seed(round, target, header, state.batch);
        }
        _audits[round].drawn = true;
        emit Audited(round, seed, drawn);
        if (count > drawn) Lottery.draw(tickets, drawn, seed);
        for (uint256 i = 0; i < drawn; ++i) {
            uint256 place = tickets[i].place;
            _demand(round, members[place].account, deliveries[place], address(this), 0);
        }
    }

    /// @inheritdoc IDemands
    function randomness(uint256 target, bytes calldata header) external view returns (bytes32) {
        return Beacon.randomness(target, header);
    }

    /// @inheritdoc IDemands
    function price(uint64 round) external view returns (uint256) {
        return _price(ROUNDS.domainOf(round));
    }

    /// @inheritdoc IDemands
    function demandOf(uint64 round, address account) external view returns (Demand memory) {
        return _demands[round][account];
    }

    /// @inheritdoc IDemands
    function openOf(uint64 round) external view returns (uint32) {
        return _counts[round].open;
    }

    /// @inheritdoc IDemands
    function isPending(uint64 round) external view returns (bool) {
        if (_counts[round].open != 0) return true;
        (uint64 until,) = auditOf(round);
        return until != 0;
    }

    /// @inheritdoc IDemands
    function auditOf(uint64 round) public view returns (uint64 until, uint64 target) {
        IRounds.Round memory state = ROUNDS.get(round);
        Audit memory made = _audits[round];
        bool waiting = state.status == IRounds.Status.Proposed && state.optimistic && !made.drawn;
        if (!waiting) return (0, 0);
        IDomainRegistry.Terms memory terms = REGISTRY.termsOf(state.domain);
        if (terms.audits == 0) return (0, 0);
        // A day from the proposal: so the day for answers is over when it would be for a demand of
        // the last minute, or a day later where the challenge window is shorter than a day.
        until = state.challengeEnd - terms.challengeWindow + ANSWER_WINDOW;
        target = made.target == 0 ? state.proposedAt + Times.DRAW_DELAY : made.target;
    }

    /// @dev How many deliveries are audited. With each block that was let pass as many more: waiting
    /// for a better draw must not help. Not while the verifier is stopped: nobody could answer.
    function _auditsOf(uint64 round, uint64 domain) private view returns (uint256) {
        IDomainRegistry.Terms memory terms = REGISTRY.termsOf(domain);
        // slither-disable-next-line unused-return
        ROUTER.usable(terms.verifier);
        uint256 all = uint256(terms.audits) * (1 + _audits[round].postponed);
        return Math.min(all, MOST_AUDITS);
    }

    /// @dev Another block draws: nobody knows its randomness yet.
    function _postpone(uint64 round) private {
        uint64 target = uint64(block.number) + Times.DRAW_DELAY;
        _audits[round].target = target;
        ++_audits[round].postponed;
        emit Postponed(round, target);
    }

    function _demand(
        uint64 round,
        address account,
        IRounds.Delivery calldata delivery,
        address by,
        uint256 bond
    ) private {
        uint64 until = uint64(block.timestamp) + ANSWER_WINDOW;
        _demands[round][account] = Demand({
            by: by,
            until: until,
            answeredBy: address(0),
            bond: bond.toUint96(),
            delivery: Deliveries.hash(delivery.update, delivery.submission)
        });
        Counts storage counts = _counts[round];
        (counts.open, counts.made) = (counts.open + 1, counts.made + 1);
        emit Demanded(round, account, by, until, bond);
    }

    /// @dev The deliveries that were neither proven nor demanded, each with the weight that it is paid by.
    /// @param checked How many were proven on submission.
    function _unproven(
        uint64 round,
        uint32 checked,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries
    ) private view returns (Lottery.Ticket[] memory tickets) {
        tickets = new Lottery.Ticket[](deliveries.length);
        bool demanded = _counts[round].made != 0;
        uint256 count = 0;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            if (deliveries[i].update == 0) continue;
            address account = members[i].account;
            if (demanded && _demands[round][account].delivery != 0) continue;
            bool proven = checked != 0
                && Deliveries.isProven(deliveries[i], ROUNDS.delivered(round, account));
            if (!proven) tickets[count++] = Lottery.Ticket(i, members[i].weight);
        }
        // No longer than what is in it.
        assembly ("memory-safe") {
            mstore(tickets, count)
        }
    }

    /// @dev The block that draws, while it can be drawn.
    function _targetOf(uint64 round) private view returns (uint64) {
        (uint64 until, uint64 target) = auditOf(round);
        if (until == 0) revert NoAudit(round);
        if (block.timestamp > until) revert IRounds.TooLate(until, block.timestamp);
        return target;
    }

    /// @dev What draws: the batch was proposed before anybody could know it.
    function _seed(uint64 round, uint64 target, bytes calldata header, bytes32 batch)
        private
        view
        returns (bytes32)
    {
        bytes32 value = Beacon.randomness(target, header);
        return keccak256(abi.encode(value, round, address(this), batch));
    }

    /// @dev Reverts unless the proof holds and is what the member had to prove.
    function _check(
        uint64 round,
        uint64 domain,
        IRounds.Member calldata member,
        bytes calldata statement,
        bytes calldata proof
    ) private view returns (bytes32 update) {
        // slither-disable-next-line unused-return
        (bytes32 verifier, bytes32 key,) = REGISTRY.checkOf(domain);
        TrainingClaim memory claim = ROUTER.verify(verifier, key, statement, proof);
        ROUNDS.requireExpected(round, member, claim);
        return claim.update;
    }

    /// @dev The lists are those of the batch, which says what is needed here of members: accounts and
    /// weights.
    function _requireLists(
        uint64 round,
        IRounds.Round memory state,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries
    ) private view {
        bool same = members.length == state.count && deliveries.length == state.count
            && Merkle.root(Merkle.leaves(members, deliveries)) == ROUNDS.batchOf(round).root;
        // The root does not tell the order, by which the caller could choose what is drawn.
        for (uint256 i = 1; i < members.length && same; ++i) {
            same = members[i - 1].account < members[i].account;
        }
        if (!same) revert IRounds.WrongList(round);
    }

    function _proposed(uint64 round) private view returns (IRounds.Round memory state) {
        state = ROUNDS.get(round);
        if (state.status != IRounds.Status.Proposed) {
            revert IRounds.WrongStatus(round, state.status);
        }
    }

    /// @dev Twice what the verification may cost, as the rest of the answer costs too. It pays the
    /// account that answers, so that demands cost a coordinator nothing but work; and it is nothing
    /// that a demander of the guilty loses.
    function _price(uint64 domain) private view returns (uint256) {
        // slither-disable-next-line unused-return
        (bytes32 verifier, bytes32 key,) = REGISTRY.checkOf(domain);
        return ROUTER.gasBound(verifier, key) * Math.max(block.basefee, LEAST_FEE) * FACTOR;
    }

    function _isOpen(Demand storage made) private view returns (bool) {
        return made.by != address(0) && made.answeredBy == address(0);
    }
}
