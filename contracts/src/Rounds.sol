// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IDemands} from "./interfaces/IDemands.sol";
import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Times} from "./libraries/Times.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {RoundsState} from "./rounds/RoundsState.sol";
import {Settlement} from "./rounds/Settlement.sol";

/// @title Rounds: open, draw, submit, propose, settle
/// @notice How they begin and what is delivered in them is here; memberships and settlement are in
/// contracts of their own, which this one is made of.
contract Rounds is Settlement {
    /// @notice The other contracts.
    /// @param rewardToken Only payments in it are charged a fee, which is burned.
    /// @param demands Knows what keeps a round from being settled.
    /// @param slashing Who may slash.
    struct Contracts {
        IStakeManager stakes;
        IDomainRegistry registry;
        IEscrow escrow;
        IReputation reputation;
        IVerifierRouter router;
        IParameters parameters;
        address rewardToken;
        IDemands demands;
        address slashing;
    }

    /// @notice Blocks from the opening to the one whose randomness draws.
    uint256 public constant DRAW_DELAY = Times.DRAW_DELAY;
    /// @notice Most members of a round.
    uint256 public constant MAX_MEMBERS = 256;
    /// @notice Most members times rows of an update: evidence that a sum is wrong, all rows added
    /// up, has to fit into a transaction (EIP-7825).
    uint256 public constant MAX_ROWS = 1800;

    /// @dev Rounds so far, of all domains.
    uint32 private _count;

    /// @param contracts The other contracts.
    constructor(Contracts memory contracts)
        RoundsState(
            contracts.stakes,
            contracts.registry,
            contracts.escrow,
            contracts.reputation,
            contracts.router,
            contracts.parameters,
            contracts.rewardToken,
            contracts.demands,
            contracts.slashing
        )
    {}

    /// @inheritdoc IRounds
    function open(uint64 domain, uint64 duration, uint128 budget, address[] calldata accounts)
        external
        returns (uint64 round)
    {
        IDomainRegistry.Opening memory terms = REGISTRY.openingOf(domain);
        _requireOpenable(domain, terms, duration, budget);
        Member[] memory members = _muster(domain, accounts);
        _requireCount(terms, members.length);

        round = FIRST | ++_count;
        current[domain] = round;
        Round storage state = _rounds[round];
        state.domain = domain;
        state.coordinator = msg.sender;
        state.status = Status.Open;
        state.optimistic = terms.optimistic;
        state.openedAt = uint64(block.number);
        state.since = uint64(block.timestamp);
        state.deadline = uint64(block.timestamp) + duration;
        // At most MAX_MEMBERS.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.count = uint32(members.length);
        state.budget = budget;
        state.bond = terms.coordinatorBond;
        state.members = _root(members);
        state.parent = terms.head;
        _keepValues(state, terms.token);
        _announce(round, state, members);
        STAKES.obligate(msg.sender, terms.coordinatorBond);
        if (budget > 0) ESCROW.reserve(domain, budget);
    }

    /// @inheritdoc IRounds
    function draw(uint64 round, bytes calldata header) external {
        Round storage state = _in(round, Status.Open);
        if (state.nonce != 0) revert AlreadyDrawn(round);
        bytes32 value = DEMANDS.randomness(state.openedAt + DRAW_DELAY, header);
        // Two forks may have the same randomness and the number for different rounds: members and
        // parent make it this round's.
        bytes32 nonce = keccak256(
            abi.encode(value, round, address(this), state.domain, state.members, state.parent)
        );
        state.nonce = nonce;
        emit Drawn(round, nonce);
    }

    /// @inheritdoc IRounds
    function submit(
        uint64 round,
        Member calldata member,
        bytes32[] calldata path,
        bytes calldata statement,
        bytes calldata proof
    ) external {
        Round storage state = _in(round, Status.Open);
        address account = member.account;
        if (block.timestamp > state.deadline) revert TooLate(state.deadline, block.timestamp);
        requireMember(round, member, path);
        // Nobody leaves during a round unless slashed.
        if (!_isMember(state.domain, account)) revert NotMember(state.domain, account);
        if (delivered[round][account] != 0) revert AlreadyDelivered(round, account);
        bytes32 update = _check(round, member, statement, proof);
        delivered[round][account] = update;
        ++state.checked;
        emit Delivered(round, account, update);
    }

    /// @inheritdoc IRounds
    function propose(
        uint64 round,
        Member[] calldata members,
        Delivery[] calldata deliveries,
        bytes32 aggregate,
        bytes32 model,
        bytes calldata signature
    ) external {
        Round storage state = _in(round, Status.Open);
        if (state.nonce == 0) revert NotDrawn(round);
        _requireMembers(round, members);
        bool some = _requireDue(round, state, members, deliveries);
        // A coordinator that has no sum must be able to say so, and then nothing else: members who
        // deliver nothing, or not to it, must not be able to have it slashed.
        if (aggregate == 0 ? model != state.parent : !some) revert NothingDelivered(round);
        Proposal memory proposal = Proposal({
            root: Merkle.root(Merkle.leaves(members, deliveries)),
            aggregate: aggregate,
            model: model
        });
        _requireSigned(round, state, proposal, signature);
        _record(round, state, proposal);
        emit Proposed(round, proposal.root, aggregate, model, state.challengeEnd, deliveries);
    }

    /// @dev The challenge window starts.
    function _record(uint64 round, Round storage state, Proposal memory proposal) private {
        uint64 window = REGISTRY.termsOf(state.domain).challengeWindow;
        _proposals[round] = proposal;
        state.status = Status.Proposed;
        state.challengeEnd = uint64(block.timestamp) + window;
        state.proposedAt = uint64(block.number);
    }

    /// @dev Governance's numbers, as they are now: a round that is under way cannot be touched.
    function _keepValues(Round storage state, address token) private {
        IParameters.Values memory values = PARAMETERS.get();
        // Fees are burned, and only the reward token can be.
        state.settlementFee = token == REWARD_TOKEN ? values.settlementFee : 0;
        state.burnShare = values.burnShare;
    }

    function _announce(uint64 round, Round storage state, Member[] memory members) private {
        emit RoundOpened(
            round,
            state.domain,
            state.coordinator,
            state.parent,
            state.deadline,
            state.budget,
            state.settlementFee,
            state.burnShare,
            members
        );
    }

    /// @dev Whether the caller may open this round now.
    function _requireOpenable(
        uint64 domain,
        IDomainRegistry.Opening memory terms,
        uint64 duration,
        uint128 budget
    ) private view {
        if (terms.closed) revert IDomainRegistry.DomainIsClosed(domain);
        if (msg.sender != terms.coordinator) revert Unauthorized(msg.sender);
        if (REPUTATION.isBarred(domain, msg.sender)) revert Barred(domain, msg.sender);
        if (current[domain] != 0) revert RoundUnderWay(domain, current[domain]);
        if (duration < terms.minDuration || duration > MAX_DURATION) {
            revert BadDuration(duration, terms.minDuration, MAX_DURATION);
        }
        if (budget > terms.maxBudget) revert BudgetTooHigh(terms.maxBudget, budget);
        // Rounds that pay next to nothing would move reputations for next to nothing.
        if (budget != 0 && budget < terms.minBudget) revert BudgetTooLow(terms.minBudget, budget);
        // Nobody could draw, and the coordinator would be late.
        if (block.prevrandao < 2) revert NoRandomness(block.number);
        if (ROUTER.isStopped(terms.verifier)) {
            revert IVerifierRouter.VerifierIsStopped(terms.verifier);
        }
    }

    /// @dev Whether a round of the domain may have so many members.
    function _requireCount(IDomainRegistry.Opening memory terms, uint256 count) private pure {
        if (count < terms.minMembers || count > MAX_MEMBERS) {
            revert BadMemberCount(count, terms.minMembers, MAX_MEMBERS);
        }
        uint256 rows = count * terms.rows;
        if (rows > MAX_ROWS) revert TooManyRows(MAX_ROWS, rows);
    }

    /// @dev Of these accounts those that can be in a round, with the weights that they have now.
    /// An owner that has left in the last minute keeps no round from being opened.
    function _muster(uint64 domain, address[] calldata accounts)
        private
        view
        returns (Member[] memory members)
    {
        members = new Member[](accounts.length);
        address[] memory eligible = new address[](accounts.length);
        uint256 count = 0;
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            Membership memory joined = _memberships[domain][account];
            // slither-disable-next-line incorrect-equality
            if (joined.windows == 0 || joined.leavesAt != 0 || !STAKES.isCovered(account)) {
                continue;
            }
            eligible[count] = account;
            members[count++] = Member({
                account: account, dataset: joined.dataset, windows: joined.windows, weight: 0
            });
        }
        assembly ("memory-safe") {
            mstore(eligible, count)
            mstore(members, count)
        }
        if (count == 0) return members;
        uint32[] memory weights = REPUTATION.weights(domain, eligible);
        for (uint256 i = 0; i < count; ++i) {
            members[i].weight = weights[i];
        }
    }

    /// @dev As long as there is time to deliver nobody is shut out.
    /// @return some Whether anything that was delivered can be in a sum.
    function _requireDue(
        uint64 round,
        Round storage state,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private view returns (bool) {
        uint64 deadline = state.deadline;
        uint256 until = uint256(deadline) + PROPOSE_WINDOW;
        if (block.timestamp > until) revert TooLate(until, block.timestamp);
        (bool everybody, bool some) = _requireDeliveries(round, state, members, deliveries);
        if (!everybody && block.timestamp <= deadline) revert NotEverybody(round, deadline);
        return some;
    }

    /// @dev In eager rounds what was checked, no more and no less, marked where it is in the sum; in
    /// optimistic ones that, and what the coordinator claims.
    /// @return everybody Whether everybody delivered.
    /// @return some Whether any of it can be in a sum.
    function _requireDeliveries(
        uint64 round,
        Round storage state,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private view returns (bool everybody, bool some) {
        if (deliveries.length != members.length) {
            revert WrongList(round);
        }
        bool optimistic = state.optimistic;
        bool any = state.checked != 0;
        everybody = true;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            address account = members[i].account;
            bytes32 checked = any ? delivered[round][account] : bytes32(0);
            if (!Deliveries.isAllowed(deliveries[i], optimistic, checked)) {
                revert WrongDelivery(round, account);
            }
            everybody = everybody && deliveries[i].update != 0;
            some = some || Deliveries.isSummed(deliveries[i]);
        }
    }

    /// @dev Reverts unless the proof holds and is what the member had to prove.
    /// @return update What has been proven.
    function _check(
        uint64 round,
        Member calldata member,
        bytes calldata statement,
        bytes calldata proof
    ) private view returns (bytes32 update) {
        (bytes32 verifier, bytes32 key, bytes32 zeroState) = REGISTRY.checkOf(_rounds[round].domain);
        TrainingClaim memory claim = ROUTER.verify(verifier, key, statement, proof);
        _requireExpected(round, member, claim, zeroState);
        return claim.update;
    }

    /// @dev A round that stands there.
    function _in(uint64 round, Status status) private view returns (Round storage state) {
        state = _known(round);
        if (state.status != status) revert WrongStatus(round, state.status);
    }

    /// @dev By the coordinator's key, not by a contract, which could change its mind about it.
    function _requireSigned(
        uint64 round,
        Round storage state,
        Proposal memory proposal,
        bytes calldata signature
    ) private view {
        address coordinator = state.coordinator;
        bool itself = msg.sender == coordinator && signature.length == 0;
        if (itself && !state.optimistic) return;
        bytes32 digest = _hashTypedDataV4(TypedData.hash(_batch(round, proposal), state.nonce));
        address signer = ECDSA.recoverCalldata(digest, signature);
        if (signer != coordinator) revert WrongSignature(coordinator, signer);
    }

    function _root(Member[] memory members) private pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](members.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Merkle.leaf(members[i]);
        }
        return Merkle.root(leaves);
    }
}
