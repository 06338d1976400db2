// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {RoundsState} from "./rounds/RoundsState.sol";
import {Settlement} from "./rounds/Settlement.sol";

/// @title Rounds: open, draw, submit, propose, settle
/// @notice How they begin and what is delivered in them is here; memberships, demands and
/// settlement are in contracts of their own, which this one is made of.
contract Rounds is Settlement {
    /// @notice The other contracts.
    /// @param slashing Who may slash.
    struct Contracts {
        IStakeManager stakes;
        IDomainRegistry registry;
        IEscrow escrow;
        IReputation reputation;
        IVerifierRouter router;
        IParameters parameters;
        IERC20 rewardToken;
        address slashing;
    }

    /// @notice Blocks from the opening to the one whose hash draws.
    uint256 public constant DRAW_DELAY = 2;
    /// @notice Most members of a round.
    uint256 public constant MAX_MEMBERS = 256;
    /// @dev Blocks for which a hash can be had.
    uint256 private constant HASHES = 256;

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
            contracts.slashing
        )
    {}

    /// @inheritdoc IRounds
    function open(uint64 domain, uint64 duration, uint128 budget, address[] calldata accounts)
        external
        returns (uint64 round)
    {
        IDomainRegistry.Domain memory opened = REGISTRY.get(domain);
        _requireOpenable(domain, opened, duration, accounts.length);
        Member[] memory members = _muster(domain, accounts);

        round = FIRST | ++_count;
        current[domain] = round;
        Round storage state = _rounds[round];
        state.domain = domain;
        state.coordinator = msg.sender;
        state.status = Status.Open;
        state.optimistic = opened.config.optimistic;
        state.openedAt = uint64(block.number);
        state.deadline = uint64(block.timestamp) + duration;
        // At most MAX_MEMBERS.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.count = uint32(members.length);
        state.budget = budget;
        state.bond = opened.config.coordinatorBond;
        state.members = _root(members);
        state.parent = opened.head;
        emit RoundOpened(round, domain, msg.sender, opened.head, state.deadline, budget, members);
        STAKES.obligate(msg.sender, opened.config.coordinatorBond);
        if (budget > 0) ESCROW.reserve(domain, budget);
    }

    /// @inheritdoc IRounds
    function draw(uint64 round) external {
        Round storage state = _in(round, Status.Open);
        if (state.nonce != 0) revert AlreadyDrawn(round);
        uint256 target = state.openedAt + DRAW_DELAY;
        if (block.number <= target) revert TooEarly(target + 1, block.number);
        if (block.number > target + HASHES) revert TooLate(target + HASHES, block.number);
        bytes32 nonce = keccak256(abi.encode(blockhash(target), round, address(this)));
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
        if (state.optimistic) revert WrongMode(state.domain);
        if (block.timestamp > state.deadline) revert TooLate(state.deadline, block.timestamp);
        requireMember(round, member, path);
        // Nobody leaves during a round unless slashed.
        if (!_isMember(state.domain, account)) revert NotMember(state.domain, account);
        if (delivered[round][account] != 0) revert AlreadyDelivered(round, account);
        bytes32 update = _check(round, member, statement, proof);
        delivered[round][account] = update;
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
        if (block.timestamp > state.deadline) revert TooLate(state.deadline, block.timestamp);
        _requireMembers(round, members);
        if (!_requireDeliveries(round, state.optimistic, members, deliveries)) {
            // Members who deliver nothing must not be able to have the coordinator slashed: it may
            // say so, and then nothing else.
            if (aggregate != 0 || model != state.parent) revert NothingDelivered(round);
        }
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
    }

    /// @dev Whether the caller may open this round now.
    function _requireOpenable(
        uint64 domain,
        IDomainRegistry.Domain memory opened,
        uint64 duration,
        uint256 count
    ) private view {
        if (opened.closed) revert IDomainRegistry.DomainIsClosed(domain);
        if (msg.sender != opened.config.coordinator) revert Unauthorized(msg.sender);
        if (current[domain] != 0) revert RoundUnderWay(domain, current[domain]);
        if (duration < MIN_DURATION || duration > MAX_DURATION) {
            revert BadDuration(duration, MIN_DURATION, MAX_DURATION);
        }
        if (count < opened.config.minMembers || count > MAX_MEMBERS) {
            revert BadMemberCount(count, opened.config.minMembers, MAX_MEMBERS);
        }
        if (ROUTER.isStopped(opened.config.verifier)) {
            revert IVerifierRouter.VerifierIsStopped(opened.config.verifier);
        }
    }

    /// @dev Members with the weights that they have now.
    function _muster(uint64 domain, address[] calldata accounts)
        private
        view
        returns (Member[] memory members)
    {
        members = new Member[](accounts.length);
        for (uint256 i = 0; i < members.length; ++i) {
            address account = accounts[i];
            Membership memory joined = _memberships[domain][account];
            // slither-disable-next-line incorrect-equality
            bool eligible = joined.windows != 0 && joined.leavesAt == 0 && STAKES.isCovered(account);
            if (!eligible) revert NotEligible(domain, account);
            members[i] = Member({
                account: account, dataset: joined.dataset, windows: joined.windows, weight: 0
            });
        }
        uint32[] memory weights = REPUTATION.weights(domain, accounts);
        for (uint256 i = 0; i < members.length; ++i) {
            members[i].weight = weights[i];
        }
    }

    /// @dev In eager rounds what was checked, no more and no less; in optimistic ones what the
    /// coordinator claims.
    /// @return some Whether anybody delivered.
    function _requireDeliveries(
        uint64 round,
        bool optimistic,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private view returns (bool some) {
        if (deliveries.length != members.length) {
            revert WrongList(round);
        }
        for (uint256 i = 0; i < deliveries.length; ++i) {
            (bytes32 update, bytes32 submission) = (deliveries[i].update, deliveries[i].submission);
            address account = members[i].account;
            bool right = optimistic
                ? (update == 0) == (submission == 0)
                : update == delivered[round][account] && submission == 0;
            if (!right) revert WrongDelivery(round, account);
            some = some || update != 0;
        }
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
        bytes32 digest = _hashTypedDataV4(TypedData.hash(_batch(round, proposal)));
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
