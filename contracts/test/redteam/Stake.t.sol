// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IStakeManager} from "../../src/interfaces/IStakeManager.sol";
import {Burning} from "../../src/libraries/Burning.sol";
import {StakeActions} from "../StakeActions.sol";

/// @notice An operator takes what others have delegated to it: it answers with much in a domain of
/// its own, cheats there, and has a friend bring the evidence.
contract StolenDelegationsTest is StakeActions {
    uint256 private constant DELEGATED = 1_000_000e18;

    function setUp() public override {
        super.setUp();
        endow(ALICE, 2 * DELEGATED);
        delegate(ALICE, DELEGATED);
    }

    /// @notice At once: the pool is not the operator's to answer with.
    function test_one_does_not_answer_with_what_others_have_staked() public {
        stake(OPERATOR, 1000e18);
        _refuse(1000e18 + 1, IStakeManager.OverLimit.selector);
        // Not even with a limit that the delegators have accepted.
        raise(uint128(DELEGATED));
        _refuse(2000e18 + 1, IStakeManager.TooLittleOwn.selector);
        obligate(2000e18);
        slash(2000e18);
        assertEq(token.balanceOf(CHALLENGER), 500e18, "half of its own");
        assertEq(stakes.stakeOf(OPERATOR, ALICE), DELEGATED - 1000e18, "what it had opted into");
    }

    /// @notice From those who are leaving: all of a million already unbonds.
    function test_who_left_the_day_before_loses_nothing() public {
        uint256 ticket = unbond(ALICE, DELEGATED);
        vm.warp(block.timestamp + 1 days);
        stake(OPERATOR, 1000e18);
        for (uint256 i = 0; i < 60; ++i) {
            uint256 left = pool().own;
            if (left == 0) break;
            obligate(left);
            slash(left);
        }
        wait();
        assertEq(withdraw(ALICE, ticket), DELEGATED);
        assertEq(token.balanceOf(CHALLENGER), 500e18);
    }

    /// @notice Bit by bit: its own stake is renewed after each slash, and others' goes with it. All
    /// that delegators can lose is the limit, however often.
    function test_slashed_again_and_again_delegators_lose_no_more_than_the_limit() public {
        raise(300e18);
        endow(OPERATOR, 1_000_000e18);
        for (uint256 i = 0; i < 20; ++i) {
            stake(OPERATOR, 100e18);
            uint256 most = pool().limit < 200e18 ? pool().limit : 200e18;
            if (most <= 100e18) most = 100e18;
            obligate(most);
            slash(most);
        }
        assertGe(stakes.stakeOf(OPERATOR, ALICE), DELEGATED - 300e18);
        // The operator has paid at least as much, and half of that is gone.
        assertLe(token.balanceOf(CHALLENGER), 1000e18);
    }

    /// @notice What budgets rest on: an operator that is slashed and has the bounty itself, through
    /// a friend, loses a quarter of what it answered with, however much of that was its delegators'
    /// and however many rounds at once it answered for.
    function testFuzz_a_slash_costs_the_guilty_a_quarter(
        uint96 bond,
        uint256 own,
        uint256 rounds_,
        uint256 slashes
    ) public {
        bond = uint96(bound(bond, 4, 1000e18));
        rounds_ = bound(rounds_, 1, 5);
        slashes = bound(slashes, 1, rounds_);
        uint256 all = bond * rounds_;
        own = bound(own, (all + 1) / 2, all);
        endow(OPERATOR, own);
        raise(uint128(all));
        stake(OPERATOR, own);
        uint256 before = _guilty();
        for (uint256 i = 0; i < rounds_; ++i) {
            obligate(bond);
        }
        for (uint256 i = 0; i < slashes; ++i) {
            slash(bond);
        }
        uint256 lost = before - _guilty();
        // Each rounds down by less than one.
        assertGe(lost + slashes, Burning.mostBudget(bond, 1) * slashes);
        assertEq(Burning.mostBudget(bond, 1), bond / 4);
    }

    /// @dev What the operator and its friend have.
    function _guilty() private view returns (uint256) {
        return stakes.stakeOf(OPERATOR, OPERATOR) + token.balanceOf(CHALLENGER)
            + token.balanceOf(OPERATOR);
    }

    /// @notice A limit is raised behind the delegators' backs: they have time to leave.
    function test_who_leaves_when_a_limit_is_announced_is_out_before_it_is_in_force() public {
        vm.prank(OPERATOR);
        stakes.setLimit(uint128(DELEGATED));
        uint256 ticket = unbond(ALICE, DELEGATED);
        wait();
        stake(OPERATOR, 1000e18);
        obligate(1000e18);
        slash(1000e18);
        assertEq(withdraw(ALICE, ticket), DELEGATED);
    }

    /// @notice It has obligations from before, that its own stake covered: it raises the limit, answers
    /// with its own stake for something new and loses it, and then for the old with others'.
    function test_who_leaves_days_after_the_announcement_is_out_before_it_is_in_force() public {
        stake(OPERATOR, 1000e18);
        obligate(1000e18);
        vm.prank(OPERATOR);
        stakes.setLimit(2000e18);
        vm.warp(block.timestamp + 6 days);
        uint256 ticket = unbond(ALICE, DELEGATED);
        uint64 since = uint64(block.timestamp);
        wait();
        vm.warp(block.timestamp + 1 days);
        assertEq(pool().limit, 2000e18, "in force");
        delegate(ALICE, 1000e18);
        obligate(1000e18);
        slash(1000e18);
        slash(1000e18, since);
        assertEq(withdraw(ALICE, ticket), DELEGATED);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 0, "what came in knowing the limit");
    }

    /// @notice A limit is lowered to attract delegators, with more at stake from before.
    function test_a_lowered_limit_hides_nothing() public {
        raise(2000e18);
        stake(OPERATOR, 1000e18);
        obligate(2000e18);
        vm.prank(OPERATOR);
        stakes.setLimit(0);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.LimitTooHigh.selector, OPERATOR, 2000e18, 1999e18)
        );
        vm.prank(ALICE);
        stakes.delegate(OPERATOR, 1, 1999e18);
    }

    /// @notice Whatever an operator stakes, has delegated to it by itself under other names, and
    /// answers with: nobody and no group of friends has more after a slash than before.
    function testFuzz_nobody_profits_by_having_itself_slashed(uint256 seed) public {
        // ALICE is a stranger, BOB a second name of the operator's, CHALLENGER its friend.
        uint256 ours = _ours();
        raise(uint128(seed % 3000e18));
        for (uint256 i = 0; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 amount = (seed >> 16) % 400e18 + 1;
            uint256 kind = seed % 6;
            if (kind == 0 && token.balanceOf(OPERATOR) >= amount) stake(OPERATOR, amount);
            else if (kind == 1 && token.balanceOf(BOB) >= amount) delegate(BOB, amount);
            else if (kind == 2) _unbondSome(seed % 12 == 2 ? OPERATOR : BOB, seed >> 32);
            else if (kind == 3) vm.warp(block.timestamp + (seed >> 32) % 4 days);
            else _slashAsFarAsPossible(seed >> 32);
            // What a stranger loses by rounding, less than a unit an action, may fall to us.
            assertLe(_ours(), ours + 12, "profit");
        }
    }

    function _slashAsFarAsPossible(uint256 seed) private {
        (uint256 own, uint256 delegated, uint256 limit) =
            (pool().own, pool().delegated, pool().limit);
        uint256 most = own > limit ? own : limit;
        if (most > 2 * own) most = 2 * own;
        if (most > own + delegated) most = own + delegated;
        uint256 strangers = stakes.stakeOf(OPERATOR, ALICE);
        limit = stakes.exposureOf(OPERATOR);
        uint256 bounty = token.balanceOf(CHALLENGER);
        obligate(most);
        uint64 since = uint64(block.timestamp - seed % 16 days);
        uint256 taken = slash(most, since);
        bounty = token.balanceOf(CHALLENGER) - bounty;
        assertLe(bounty, own / 2 + taken / 2, "at most half of what was taken");
        uint256 lost = strangers - stakes.stakeOf(OPERATOR, ALICE);
        assertLe(lost, limit, "more than was opted into");
    }

    function _unbondSome(address staker, uint256 seed) private {
        uint256 held = stakes.sharesOf(OPERATOR, staker);
        if (held == 0 || stakes.stakeOf(OPERATOR, staker) == 0) return;
        uint256 shares = seed % 3 == 0 ? held : bound(seed, 1, held);
        vm.prank(staker);
        try stakes.unbond(OPERATOR, shares) returns (uint256 ticket) {
            _ourTickets.push(ticket);
        } catch {}
    }

    uint256[] private _ourTickets;

    /// @dev What operator, second name and friend have together.
    function _ours() private view returns (uint256 sum) {
        sum = token.balanceOf(OPERATOR) + token.balanceOf(BOB) + token.balanceOf(CHALLENGER)
            + stakes.stakeOf(OPERATOR, OPERATOR) + stakes.stakeOf(OPERATOR, BOB);
        for (uint256 i = 0; i < _ourTickets.length; ++i) {
            sum += stakes.worthOf(_ourTickets[i]);
        }
    }

    function _refuse(uint256 amount, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        obligate(amount);
    }
}
