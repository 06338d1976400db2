// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {StakeActions} from "./StakeActions.sol";

/// @notice Random sequences of all actions on one pool: tokens are conserved, shares stay in
/// bounds, a slash takes the operator's own stake first and what is missing from all delegators in
/// proportion, what left earlier is out of its reach, and nobody ever gains.
contract StakeManagerFuzzTest is StakeActions {
    uint256 private constant STAKERS = 3;
    uint256 private constant STEPS = 40;

    /// @dev The first is the operator.
    address[STAKERS] private _stakers = [OPERATOR, ALICE, BOB];
    uint256[STAKERS] private _paidIn;
    uint256[STAKERS] private _paidOut;
    uint256[] private _tickets;
    /// @dev On which something began to unbond.
    uint256[] private _days;
    uint256 private _slashed;

    function setUp() public override {
        super.setUp();
        raise(type(uint96).max);
    }

    /// forge-config: test.fuzz.runs = 96
    function testFuzz_no_sequence_gains_or_loses(uint256 seed) public {
        for (uint256 step = 0; step < STEPS; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256[STAKERS] memory before = _worths(0);
            uint256 kind = (seed >> 8) % 9;
            uint256 who = (seed >> 16) % STAKERS;
            uint256 amount = _amount(seed >> 32);
            if (kind < 3) _stake(who, amount);
            else if (kind < 5) _unbond(who, seed >> 128);
            else if (kind < 6) _withdraw(seed >> 128);
            else if (kind < 7) vm.warp(block.timestamp + (seed >> 128) % 3 days);
            else _slash(seed >> 128);
            if (kind < 6) _assertOthersUntouched(who, before, kind == 5);
            _assertPool();
        }
        _assertNobodyGained();
        _leave();
    }

    /// @dev Of very different sizes.
    function _amount(uint256 seed) private pure returns (uint256) {
        return bound(seed >> 8, 1, 10 ** (seed % 20 + 1));
    }

    function _stake(uint256 who, uint256 amount) private {
        if (token.balanceOf(_stakers[who]) < amount) return;
        uint256 worth = stakes.stakeOf(OPERATOR, _stakers[who]);
        delegate(_stakers[who], amount);
        _paidIn[who] += amount;
        uint256 grown = stakes.stakeOf(OPERATOR, _stakers[who]);
        assertLe(grown, worth + amount + 1, "a stake is worth more than it cost");
        assertGe(grown + 1, worth + amount, "a stake is worth less than it cost");
    }

    function _unbond(uint256 who, uint256 seed) private {
        uint256 held = stakes.sharesOf(OPERATOR, _stakers[who]);
        if (held == 0) return;
        uint256 shares = seed % 4 == 0 ? held : bound(seed, 1, held);
        if (_worthOf(who, shares) == 0) return;
        _tickets.push(unbond(_stakers[who], shares));
        uint256 today = block.timestamp / 1 days;
        if (_days.length == 0 || _days[_days.length - 1] != today) _days.push(today);
    }

    function _withdraw(uint256 seed) private {
        if (_tickets.length == 0) return;
        uint256 index = seed % _tickets.length;
        uint256 ticket = _tickets[index];
        _tickets[index] = _tickets[_tickets.length - 1];
        _tickets.pop();
        IStakeManager.Ticket memory due = stakes.ticketOf(ticket);
        if (block.timestamp < due.releaseTime) vm.warp(due.releaseTime);
        uint256 worth = stakes.worthOf(ticket);
        uint256 amount = withdraw(due.staker, ticket);
        assertEq(amount, worth, "worth of a ticket");
        for (uint256 i = 0; i < STAKERS; ++i) {
            if (_stakers[i] == due.staker) _paidOut[i] += amount;
        }
    }

    /// @dev What there was before a slash: in reach of it, and at all.
    struct Before {
        uint256 day;
        uint256 own;
        uint256 delegated;
        uint256[STAKERS] reach;
        uint256[STAKERS] all;
        uint256 held;
        uint256 bounty;
    }

    function _slash(uint256 seed) private {
        uint256 since = block.timestamp - (seed >> 200) % 22 days;
        Before memory before;
        before.day = since / 1 days;
        before.reach = _worths(before.day);
        before.all = _worths(0);
        (before.own, before.delegated) = _inReach(before.day);
        before.held = token.balanceOf(address(stakes));
        before.bounty = token.balanceOf(CHALLENGER);
        uint256 total = before.own + before.delegated;
        uint256 amount = bound(seed >> 8, 0, total);
        // Often all, or all but little.
        if (seed % 4 == 0) amount = total - (total > 999 ? (seed >> 8) % 999 : 0);
        if (seed % 16 == 1) amount = total + (seed >> 8) % 1e18;
        uint256 taken = slash(amount, uint64(since));
        assertEq(taken, amount < total ? amount : total, "taken");
        _slashed += taken;
        _assertTaken(before, taken);
        _assertShared(before, taken);
    }

    function _assertTaken(Before memory before, uint256 taken) private view {
        assertEq(before.held - token.balanceOf(address(stakes)), taken, "burned and paid");
        uint256 fromOwn = taken < before.own ? taken : before.own;
        assertEq(token.balanceOf(CHALLENGER) - before.bounty, fromOwn / 2, "bounty");
    }

    /// @dev The operator has lost what it had in reach first, delegators the rest in proportion;
    /// nothing else has changed.
    function _assertShared(Before memory before, uint256 taken) private view {
        uint256[STAKERS] memory reach = _worths(before.day);
        uint256[STAKERS] memory all = _worths(0);
        uint256 dust = 4 * (_tickets.length + 1);
        uint256 fromOwn = taken < before.own ? taken : before.own;
        assertApproxEqAbs(before.reach[0] - reach[0], fromOwn, dust, "own");
        uint256 left = before.delegated - (taken - fromOwn);
        for (uint256 i = 0; i < STAKERS; ++i) {
            uint256 beyond = before.all[i] - before.reach[i];
            assertApproxEqAbs(beyond, all[i] - reach[i], dust, "out of reach");
            if (i == 0 || before.delegated == 0) continue;
            assertLe(reach[i], before.reach[i] + dust, "a slash gave something");
            uint256 fair = before.reach[i] * left / before.delegated;
            assertGe(reach[i] + dust, fair, "a slash took too much");
        }
    }

    /// @dev Of what others do, nobody notices more than rounding.
    function _assertOthersUntouched(uint256 who, uint256[STAKERS] memory before, bool all)
        private
        view
    {
        uint256[STAKERS] memory worths = _worths(0);
        for (uint256 i = 0; i < STAKERS; ++i) {
            if (i == who || all) continue;
            assertGe(worths[i], before[i], "taken by another");
            assertLe(worths[i], before[i] + _tickets.length + 2, "given by another");
        }
    }

    function _assertPool() private view {
        IStakeManager.Pool memory now_ = pool();
        (uint256 own, uint256 delegated) = _inReach(0);
        assertEq(own + delegated, token.balanceOf(address(stakes)), "balance");
        _assertPart(now_.delegated, now_.delegatedShares);
        for (uint256 i = 0; i < _days.length; ++i) {
            IStakeManager.Bucket memory bucket = stakes.bucket(OPERATOR, _days[i]);
            _assertPart(bucket.own, bucket.ownShares);
            _assertPart(bucket.delegated, bucket.delegatedShares);
        }
        uint256 held = stakes.sharesOf(OPERATOR, ALICE) + stakes.sharesOf(OPERATOR, BOB);
        assertLe(held, now_.delegatedShares, "held");
        uint256 worth = stakes.stakeOf(OPERATOR, ALICE) + stakes.stakeOf(OPERATOR, BOB);
        assertLe(worth, now_.delegated, "worth");
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), now_.own, "own");
    }

    function _assertPart(uint256 assets, uint256 shares) private pure {
        assertLe(assets, shares, "dear shares");
        assertLe(shares, assets << 32, "cheap shares");
    }

    function _assertNobodyGained() private view {
        uint256[STAKERS] memory worths = _worths(0);
        uint256 paidIn = 0;
        uint256 paidOut = 0;
        for (uint256 i = 0; i < STAKERS; ++i) {
            // What others lose by rounding, less than a unit an action, may fall to one.
            assertLe(_paidOut[i] + worths[i], _paidIn[i] + 3 * STEPS, "gained");
            paidIn += _paidIn[i];
            paidOut += _paidOut[i];
        }
        assertEq(paidIn, paidOut + _slashed + token.balanceOf(address(stakes)), "conserved");
    }

    /// @dev Whatever has happened, everyone can leave, and next to nothing remains.
    function _leave() private {
        for (uint256 i = 0; i < STAKERS; ++i) {
            uint256 shares = stakes.sharesOf(OPERATOR, _stakers[i]);
            if (_worthOf(i, shares) > 0) _tickets.push(unbond(_stakers[i], shares));
        }
        wait();
        for (uint256 i = 0; i < _tickets.length; ++i) {
            withdraw(stakes.ticketOf(_tickets[i]).staker, _tickets[i]);
        }
        assertLe(token.balanceOf(address(stakes)), 4 * STEPS, "left behind");
    }

    function _worthOf(uint256 who, uint256 shares) private view returns (uint256) {
        IStakeManager.Pool memory now_ = pool();
        if (who == 0) return shares;
        return now_.delegatedShares == 0 ? 0 : shares * now_.delegated / now_.delegatedShares;
    }

    /// @dev What is active or began to unbond on a day or later.
    function _inReach(uint256 day) private view returns (uint256 own, uint256 delegated) {
        (own, delegated) = (pool().own, pool().delegated);
        uint256 today = block.timestamp / 1 days;
        if (day != 0 && day + 21 < today) day = today - 21;
        for (uint256 i = 0; i < _days.length; ++i) {
            if (_days[i] < day) continue;
            IStakeManager.Bucket memory bucket = stakes.bucket(OPERATOR, _days[i]);
            own += bucket.own;
            delegated += bucket.delegated;
        }
    }

    /// @dev What everyone would get of stake, and of tickets from a day on.
    function _worths(uint256 day) private view returns (uint256[STAKERS] memory worths) {
        uint256 today = block.timestamp / 1 days;
        if (day != 0 && day + 21 < today) day = today - 21;
        for (uint256 i = 0; i < STAKERS; ++i) {
            worths[i] = stakes.stakeOf(OPERATOR, _stakers[i]);
        }
        for (uint256 j = 0; j < _tickets.length; ++j) {
            IStakeManager.Ticket memory ticket = stakes.ticketOf(_tickets[j]);
            if ((ticket.releaseTime - UNBONDING_DELAY) / 1 days < day) continue;
            for (uint256 i = 0; i < STAKERS; ++i) {
                if (_stakers[i] == ticket.staker) worths[i] += stakes.worthOf(_tickets[j]);
            }
        }
    }
}

/// @notice The attacks on pools of shares.
contract StakeAttackTest is StakeActions {
    function setUp() public override {
        super.setUp();
        raise(type(uint96).max);
    }

    /// @notice The first staker makes shares dear by a gift, so that the next one's are rounded to
    /// nothing: a gift counts for nothing here.
    function testFuzz_gifts_do_not_make_shares_dear(uint256 first, uint256 gift, uint256 amount)
        public
    {
        first = bound(first, 1, 1e18);
        gift = bound(gift, 0, 900e18);
        amount = bound(amount, 1, 900e18);
        delegate(ALICE, first);
        vm.prank(ALICE);
        token.transfer(address(stakes), gift);
        delegate(BOB, amount);
        assertEq(stakes.stakeOf(OPERATOR, BOB), amount);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), first);
    }

    /// @notice A staker that sees a slash coming and stakes, unbonds, or both, gains nothing by it.
    function testFuzz_nobody_gains_by_staking_around_a_slash(
        uint256 own,
        uint256 others,
        uint256 late,
        uint256 part,
        uint256 amount
    ) public {
        own = bound(own, 1, 500e18);
        others = bound(others, 1, 500e18);
        late = bound(late, 1, 500e18);
        delegate(ALICE, own);
        delegate(BOB, others);
        uint256 ticket = 0;
        uint256 shares = bound(part, 0, own);
        if (shares > 0) ticket = unbond(ALICE, shares);
        amount = bound(amount, 0, own + others);
        slash(amount);
        uint256 left = own + others - amount;
        delegate(ALICE, late);
        uint256 all = stakes.sharesOf(OPERATOR, ALICE);
        uint256 second = unbond(ALICE, all);
        wait();
        uint256 got = withdraw(ALICE, second);
        if (ticket > 0) got += withdraw(ALICE, ticket);
        assertLe(got, late + own * left / (own + others) + 2);
        assertGe(got + 4, late + own * left / (own + others));
    }

    /// @notice Unbonding and staking again in many small parts moves no more than dust.
    function testFuzz_small_parts_move_dust(uint256 amount, uint256 taken, uint256 seed) public {
        amount = bound(amount, 1000, 500e18);
        delegate(ALICE, amount);
        delegate(BOB, amount);
        taken = bound(taken, 0, 2 * amount - 100);
        slash(taken);
        uint256 bobs = stakes.stakeOf(OPERATOR, BOB);
        uint256 alices = stakes.stakeOf(OPERATOR, ALICE);
        uint256 got = 0;
        for (uint256 i = 0; i < 10; ++i) {
            uint256 held = stakes.sharesOf(OPERATOR, ALICE);
            if (held == 0) break;
            uint256 shares = bound(uint256(keccak256(abi.encode(seed, i))), 1, held);
            if (shares * pool().delegated / pool().delegatedShares == 0) continue;
            uint256 ticket = unbond(ALICE, shares);
            wait();
            got += withdraw(ALICE, ticket);
        }
        assertLe(got + stakes.stakeOf(OPERATOR, ALICE), alices + 10);
        assertGe(stakes.stakeOf(OPERATOR, BOB), bobs);
    }
}
