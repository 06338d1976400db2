// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

import {Demands} from "../../src/Demands.sol";
import {DomainRegistry} from "../../src/DomainRegistry.sol";
import {Escrow} from "../../src/Escrow.sol";
import {Reputation} from "../../src/Reputation.sol";
import {RewardToken} from "../../src/RewardToken.sol";
import {Rounds} from "../../src/Rounds.sol";
import {Slashing} from "../../src/Slashing.sol";
import {StakeManager} from "../../src/StakeManager.sol";
import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {IStakeManager} from "../../src/interfaces/IStakeManager.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {Headers} from "../Headers.sol";
import {Paths} from "../Paths.sol";

/// @notice What everybody can do in an optimistic domain. Each action does what is possible, or
/// nothing: none of the calls may revert.
contract Actions is Test {
    uint256 public constant ACTORS = 5;
    uint128 public constant MEMBER_BOND = 10e18;
    uint128 public constant COORDINATOR_BOND = 100e18;

    RewardToken private immutable TOKEN;
    StakeManager private immutable STAKES;
    DomainRegistry private immutable REGISTRY;
    Escrow private immutable ESCROW;
    Reputation private immutable REPUTATION;
    Rounds private immutable ROUNDS;
    Demands private immutable DEMANDS;
    Slashing private immutable SLASHING;
    uint64 private immutable DOMAIN;
    address private immutable OWNER;

    /// @notice In ascending order; all are trainers and delegators, the first is the coordinator
    /// until it is slashed, and then the next.
    address[] public actors;
    uint256 private _coordinator;
    mapping(address actor => uint256 key) private _keys;
    /// @notice Who brings evidence and demands proofs.
    address public challenger = makeAddr("challenger");
    uint256[] private _tickets;
    /// @dev On which something began to unbond.
    uint256[] private _days;

    /// @notice What went into an operator's pool, out of it, and was taken of it.
    mapping(address operator => uint256) public staked;
    mapping(address operator => uint256) public withdrawn;
    mapping(address operator => uint256) public slashed;
    /// @notice What went into the domain's escrow, out of it, and was burned of it.
    uint256 public funded;
    uint256 public claimed;
    uint256 public burned;
    /// @notice Bonds of demands that were not paid out, in wei.
    uint256 public bonds;
    /// @notice The last round and when it was opened.
    uint64 public round;
    uint256 public openedTime;
    uint64[] private _settled;
    address[] private _demanded;
    mapping(uint64 round => IRounds.Member[]) private _members;
    mapping(uint64 round => IRounds.Delivery[]) private _deliveries;

    constructor(
        RewardToken token,
        StakeManager stakes,
        DomainRegistry registry,
        Escrow escrow,
        Reputation reputation,
        Demands demands,
        Slashing slashing,
        uint64 domain
    ) {
        (TOKEN, STAKES, REGISTRY, ESCROW) = (token, stakes, registry, escrow);
        (REPUTATION, DEMANDS, SLASHING, DOMAIN) = (reputation, demands, slashing, domain);
        ROUNDS = Rounds(address(demands.ROUNDS()));
        OWNER = registry.get(domain).owner;
        for (uint256 key = 101; key < 101 + ACTORS; ++key) {
            address actor = vm.addr(key);
            _keys[actor] = key;
            actors.push(actor);
            for (uint256 j = actors.length - 1; j > 0 && actors[j] < actors[j - 1]; --j) {
                (actors[j], actors[j - 1]) = (actors[j - 1], actors[j]);
            }
        }
    }

    /// @notice Who opens rounds.
    function coordinator() public view returns (address) {
        return actors[_coordinator];
    }

    /// @notice The last round's members.
    function members() external view returns (IRounds.Member[] memory) {
        return _members[round];
    }

    function stake(uint256 who, uint256 amount) external {
        _delegate(who, who, amount);
    }

    function delegate(uint256 who, uint256 to, uint256 amount) external {
        _delegate(who, to, amount);
    }

    function unbond(uint256 who, uint256 from, uint256 shares) external {
        address actor = _actor(who);
        address operator = _actor(from);
        uint256 held = STAKES.sharesOf(operator, actor);
        if (held == 0) return;
        // Sometimes everything: it is then that slashes could be escaped.
        shares = shares % 3 == 0 ? held : bound(shares, 1, held);
        uint256 worth = STAKES.stakeOf(operator, actor);
        if (Math.mulDiv(worth, shares, held) == 0) return;
        vm.prank(actor);
        _tickets.push(STAKES.unbond(operator, shares));
        uint256 today = block.timestamp / 1 days;
        if (_days.length == 0 || _days[_days.length - 1] != today) _days.push(today);
    }

    function setLimit(uint256 who, uint256 limit) external {
        vm.prank(_actor(who));
        STAKES.setLimit(uint128(bound(limit, 0, 300e18)));
    }

    /// @notice An operator's stake, active or unbonding since a time.
    function inside(address operator, uint256 since) external view returns (uint256 sum) {
        IStakeManager.Pool memory pool = STAKES.pool(operator);
        sum = uint256(pool.own) + pool.delegated;
        for (uint256 i = 0; i < _days.length; ++i) {
            if (_days[i] < since / 1 days) continue;
            IStakeManager.Bucket memory bucket = STAKES.bucket(operator, _days[i]);
            sum += uint256(bucket.own) + bucket.delegated;
        }
    }

    function withdraw(uint256 which) external {
        if (_tickets.length == 0) return;
        which = bound(which, 0, _tickets.length - 1);
        uint256 ticket = _tickets[which];
        IStakeManager.Ticket memory due = STAKES.ticketOf(ticket);
        if (block.timestamp < due.releaseTime) return;
        _tickets[which] = _tickets[_tickets.length - 1];
        _tickets.pop();
        vm.prank(due.staker);
        withdrawn[due.operator] += STAKES.withdraw(ticket);
    }

    function join(uint256 who) external {
        address actor = _actor(who);
        if (_isMember(actor) || REPUTATION.standing(DOMAIN, actor).slashed) return;
        if (!_canAnswer(actor, MEMBER_BOND)) return;
        vm.prank(actor);
        ROUNDS.join(DOMAIN, keccak256(abi.encode(actor)), 5);
    }

    function resign(uint256 who) external {
        address actor = _actor(who);
        if (!_isMember(actor) || ROUNDS.membership(DOMAIN, actor).leavesAt != 0) return;
        vm.prank(actor);
        ROUNDS.resign(DOMAIN);
    }

    function exit(uint256 who) external {
        address actor = _actor(who);
        uint64 leavesAt = ROUNDS.membership(DOMAIN, actor).leavesAt;
        if (leavesAt == 0 || block.timestamp < leavesAt) return;
        vm.prank(actor);
        ROUNDS.exit(DOMAIN);
    }

    function fund(uint256 amount) external {
        amount = bound(amount, 1, 1000e18);
        if (TOKEN.balanceOf(challenger) < amount) return;
        vm.prank(challenger);
        ESCROW.fund(DOMAIN, amount);
        funded += amount;
    }

    function claim(uint256 who) external {
        address actor = _actor(who);
        uint256 owed = ESCROW.owed(address(TOKEN), actor);
        if (owed == 0) return;
        uint256 before = TOKEN.balanceOf(actor);
        ESCROW.claimFor(address(TOKEN), actor);
        assertEq(TOKEN.balanceOf(actor) - before, owed, "claimed what was owed");
        claimed += owed;
    }

    /// @dev Several times over, so that rounds get on.
    function proceed(uint256 choice, uint256 amount) external {
        _proceed(choice, amount);
    }

    function proceedOnceMore(uint256 choice, uint256 amount) external {
        _proceed(choice, amount);
    }

    function proceedFar(uint256 choice, uint256 amount) external {
        uint256 steps = 1 + choice % 4;
        for (uint256 i = 0; i < steps; ++i) {
            _proceed(choice >> (8 * i), amount);
        }
    }

    function settleAgain(uint256 which) external {
        if (_settled.length == 0) return;
        uint64 old = _settled[bound(which, 0, _settled.length - 1)];
        try ROUNDS.settle(old, _members[old], _deliveries[old]) {
            assertTrue(false, "settled twice");
        } catch {}
    }

    function missDeadline(uint256 delay) external {
        if (_status() != IRounds.Status.Open) return;
        uint64 until = ROUNDS.get(round).deadline + 1 days;
        if (block.timestamp <= until) vm.warp(until + bound(delay, 1, 1 days));
        uint256 before = _stakeOf(coordinator());
        vm.prank(challenger);
        SLASHING.missedDeadline(round);
        _slashedCoordinator(before);
    }

    function equivocate(uint256 who) external {
        address actor = _actor(who);
        if (round == 0 || ROUNDS.get(round).nonce == 0 || !_isMember(actor)) return;
        (IRounds.Member memory member, bytes32[] memory path) = _listed(actor);
        if (member.account == address(0)) return;
        IRounds.Submission memory first =
            IRounds.Submission(round, actor, "statement", "proof", "update", 1);
        IRounds.Submission memory second =
            IRounds.Submission(round, actor, "statement", "proof", "other", 1);
        bytes memory one = _sign(actor, ROUNDS.submissionDigest(first));
        bytes memory two = _sign(actor, ROUNDS.submissionDigest(second));
        uint256 before = _stakeOf(actor);
        _reveal(abi.encodeCall(SLASHING.equivocation, (member, path, first, one, second, two)));
        _slashed(actor, before, MEMBER_BOND);
        assertFalse(_isMember(actor), "slashed members are out");
    }

    function equivocateBatch() external {
        IRounds.Status status = _status();
        bool possible = status == IRounds.Status.Open
            || (status == IRounds.Status.Proposed
                && (block.timestamp <= ROUNDS.get(round).challengeEnd || DEMANDS.openOf(round) > 0));
        if (!possible || ROUNDS.get(round).nonce == 0) return;
        IRounds.Batch memory first = IRounds.Batch(round, "root", "aggregate", "model");
        IRounds.Batch memory second = IRounds.Batch(round, "root", "aggregate", "other");
        bytes memory one = _sign(coordinator(), ROUNDS.batchDigest(first));
        bytes memory two = _sign(coordinator(), ROUNDS.batchDigest(second));
        uint256 before = _stakeOf(coordinator());
        _reveal(abi.encodeCall(SLASHING.batchEquivocation, (first, one, second, two)));
        _slashedCoordinator(before);
    }

    /// @dev An actor in the last round's list, if it is there, and its path.
    function _listed(address actor)
        private
        view
        returns (IRounds.Member memory member, bytes32[] memory path)
    {
        IRounds.Member[] memory all = _members[round];
        bytes32[] memory leaves = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            leaves[i] = Merkle.leaf(all[i]);
        }
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].account == actor) return (all[i], Paths.path(leaves, i));
        }
    }

    function _reveal(bytes memory call) private {
        vm.prank(challenger);
        SLASHING.commit(keccak256(abi.encode(challenger, bytes32(0), keccak256(call))));
        vm.roll(block.number + 1);
        vm.prank(challenger);
        SLASHING.reveal(0, call);
    }

    function demand(uint256 which, uint256 more) external {
        if (_status() != IRounds.Status.Proposed) return;
        if (block.timestamp > ROUNDS.get(round).challengeEnd) return;
        IRounds.Member[] memory all = _members[round];
        which = bound(which, 0, all.length - 1);
        IRounds.Delivery memory delivery = _deliveries[round][which];
        IDemands.Demand memory made = DEMANDS.demandOf(round, all[which].account);
        if (delivery.update == 0 || made.delivery != 0) return;
        bytes32[] memory leaves = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            leaves[i] = Merkle.leaf(all[i].account, all[i].weight, _deliveries[round][i]);
        }
        uint256 bond = DEMANDS.price(round) + bound(more, 0, 1 ether);
        vm.deal(challenger, bond);
        vm.prank(challenger);
        DEMANDS.demand{value: bond}(round, all[which], delivery, Paths.path(leaves, which));
        _demanded.push(all[which].account);
        bonds += bond;
    }

    /// @dev Nobody has proofs here, so each demand ends so.
    function leaveUnanswered(uint256 which) external {
        if (_status() != IRounds.Status.Proposed || _demanded.length == 0) return;
        address account = _demanded[bound(which, 0, _demanded.length - 1)];
        uint64 until = DEMANDS.demandOf(round, account).until;
        if (block.timestamp <= until) vm.warp(uint256(until) + 1);
        uint256 before = _stakeOf(coordinator());
        vm.prank(challenger);
        SLASHING.unanswered(round, account);
        _slashedCoordinator(before);
    }

    function collectBonds() external {
        if (_status() != IRounds.Status.Void) return;
        while (_demanded.length > 0) {
            address account = _demanded[_demanded.length - 1];
            uint256 bond = DEMANDS.demandOf(round, account).bond;
            uint256 before = challenger.balance;
            DEMANDS.collect(round, account);
            assertEq(challenger.balance - before, bond, "bonds go back");
            _demanded.pop();
            bonds -= bond;
        }
    }

    function warp(uint256 delay, uint256 blocks) external {
        vm.warp(block.timestamp + bound(delay, 1, 8 days));
        vm.roll(block.number + bound(blocks, 1, 100));
    }

    function _proceed(uint256 choice, uint256 amount) private {
        IRounds.Status status = _status();
        if (status == IRounds.Status.Open && ROUNDS.get(round).nonce == 0) {
            _draw();
        } else if (status == IRounds.Status.Open) {
            _propose(choice);
        } else if (status == IRounds.Status.Proposed) {
            _settle();
        } else {
            _open(choice, amount);
        }
    }

    function _open(uint256 choice, uint256 budget) private {
        // Before the next round, so that demands are only the last one's.
        if (_demanded.length > 0 || !_hasCoordinator()) return;
        if (!_canAnswer(coordinator(), COORDINATOR_BOND)) return;
        address[] memory accounts = new address[](ACTORS);
        uint256 count = 0;
        for (uint256 i = 0; i < ACTORS; ++i) {
            IRounds.Membership memory m = ROUNDS.membership(DOMAIN, actors[i]);
            bool eligible = m.windows != 0 && m.leavesAt == 0 && STAKES.isCovered(actors[i]);
            if (eligible && (choice >> i) & 1 == 1) accounts[count++] = actors[i];
        }
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(accounts, count)
        }
        uint256 most = ESCROW.available(DOMAIN);
        budget = bound(budget, 0, Math.min(most, COORDINATOR_BOND / 4));
        uint32[] memory weights = REPUTATION.weights(DOMAIN, accounts);
        vm.prank(coordinator());
        round = ROUNDS.open(DOMAIN, 1 days, uint128(budget), accounts);
        openedTime = block.timestamp;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 dataset = keccak256(abi.encode(accounts[i]));
            _members[round].push(IRounds.Member(accounts[i], dataset, 5, weights[i]));
        }
    }

    /// @dev A coordinator that was slashed opens no round again: the domain's owner names the next.
    function _hasCoordinator() private returns (bool) {
        while (REPUTATION.isBarred(DOMAIN, coordinator())) {
            if (_coordinator + 1 == ACTORS) return false;
            ++_coordinator;
            vm.prank(OWNER);
            REGISTRY.setCoordinator(DOMAIN, coordinator());
        }
        return true;
    }

    function _draw() private {
        uint256 target = ROUNDS.get(round).openedAt + 2;
        if (block.number > target + 256) return;
        bytes32 randomness = keccak256(abi.encode("randomness", round));
        ROUNDS.draw(round, Headers.install(target, randomness));
    }

    function _propose(uint256 choice) private {
        uint64 deadline = ROUNDS.get(round).deadline;
        if (block.timestamp > deadline + 1 days) return;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
        IRounds.Member[] memory all = _members[round];
        IRounds.Delivery[] memory list = new IRounds.Delivery[](all.length);
        bytes32[] memory leaves = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            // The first always delivers, so that something is delivered.
            if (i == 0 || (choice >> i) & 1 == 1) {
                list[i] = IRounds.Delivery(keccak256(abi.encode(round, i)), "submission");
            }
            leaves[i] = Merkle.leaf(all[i].account, all[i].weight, list[i]);
            _deliveries[round].push(list[i]);
        }
        IRounds.Batch memory batch =
            IRounds.Batch(round, Merkle.root(leaves), "aggregate", bytes32(uint256(round)));
        // Sometimes there is no sum.
        if (choice % 5 == 0) (batch.aggregate, batch.model) = (0, ROUNDS.get(round).parent);
        bytes memory signature = _sign(coordinator(), ROUNDS.batchDigest(batch));
        ROUNDS.propose(round, all, list, batch.aggregate, batch.model, signature);
    }

    function _settle() private {
        IRounds.Round memory state = ROUNDS.get(round);
        if (DEMANDS.openOf(round) > 0) return;
        if (block.timestamp <= state.challengeEnd) vm.warp(uint256(state.challengeEnd) + 1);
        uint256 owed = ESCROW.totalOwed(address(TOKEN));
        uint256 supply = TOKEN.totalSupply();
        ROUNDS.settle(round, _members[round], _deliveries[round]);
        uint256 fees = supply - TOKEN.totalSupply();
        uint256 paid = ESCROW.totalOwed(address(TOKEN)) - owed;
        assertLe(paid + fees, state.budget, "paid no more than the budget");
        burned += fees;
        _settled.push(round);
    }

    function _delegate(uint256 who, uint256 to, uint256 amount) private {
        address actor = _actor(who);
        uint256 balance = TOKEN.balanceOf(actor);
        if (balance == 0) return;
        amount = bound(amount, 1, balance < 200e18 ? balance : 200e18);
        address operator = _actor(to);
        IStakeManager.Pool memory pool = STAKES.pool(operator);
        bool own = actor == operator || pool.delegated == 0;
        if (!own && Math.mulDiv(amount, pool.delegatedShares, pool.delegated) == 0) return;
        uint256 exposure = STAKES.exposureOf(operator);
        vm.prank(actor);
        STAKES.delegate(operator, amount, exposure);
        staked[operator] += amount;
    }

    function _slashed(address operator, uint256 before, uint256 most) private {
        uint256 taken = before - _stakeOf(operator);
        assertLe(taken, most, "slashed no more than the bond");
        slashed[operator] += taken;
    }

    function _slashedCoordinator(uint256 before) private {
        _slashed(coordinator(), before, COORDINATOR_BOND);
        assertTrue(REPUTATION.isBarred(DOMAIN, coordinator()), "slashed coordinators are out");
    }

    function _status() private view returns (IRounds.Status) {
        return round == 0 ? IRounds.Status.None : ROUNDS.get(round).status;
    }

    function _isMember(address actor) private view returns (bool) {
        return ROUNDS.membership(DOMAIN, actor).windows != 0;
    }

    /// @dev Whether the operator would be covered with an obligation more.
    function _canAnswer(address operator, uint256 more) private view returns (bool) {
        IStakeManager.Pool memory pool = STAKES.pool(operator);
        uint256 all = pool.obligations + more;
        bool within = all <= pool.own || all <= pool.limit;
        return within && all <= 2 * uint256(pool.own) && all <= uint256(pool.own) + pool.delegated;
    }

    /// @dev All stakes: a slash takes of one operator's alone.
    function _stakeOf(address) private view returns (uint256) {
        return TOKEN.balanceOf(address(STAKES));
    }

    function _actor(uint256 seed) private view returns (address) {
        return actors[seed % ACTORS];
    }

    function _sign(address actor, bytes32 digest) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[actor], digest);
        return abi.encodePacked(r, s, v);
    }
}
