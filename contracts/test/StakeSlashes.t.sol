// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {StakeActions} from "./StakeActions.sol";

contract SlashTest is StakeActions {
    function setUp() public override {
        super.setUp();
        raise(10_000e18);
    }

    function test_delegators_lose_no_more_than_they_have_accepted() public {
        _lower(5e18);
        delegate(ALICE, 30e18);
        stake(OPERATOR, 10e18);
        assertEq(slash(40e18), 15e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 25e18);
        assertEq(slash(40e18), 0);
    }

    function test_a_limit_that_is_lowered_saves_nobody_from_a_slash() public {
        _lower(20e18);
        delegate(ALICE, 30e18);
        stake(OPERATOR, 10e18);
        uint64 opened = uint64(block.timestamp);
        vm.warp(opened + 1 days);
        vm.prank(OPERATOR);
        stakes.setLimit(0);
        vm.warp(opened + UNBONDING_DELAY);
        assertEq(slash(20e18, opened), 20e18);
        assertEq(stakes.exposureOf(OPERATOR), 10e18);
        vm.warp(opened + UNBONDING_DELAY + 1 days);
        assertEq(stakes.exposureOf(OPERATOR), 0);
        assertEq(slash(20e18, opened), 0);
    }

    /// @notice Evidence so late that the operator's own stake has gone: a member can be slashed until
    /// it leaves its domain.
    function test_late_evidence_takes_nothing_of_who_accepted_nothing() public {
        _lower(0);
        delegate(ALICE, 30e18);
        stake(OPERATOR, 10e18);
        obligate(10e18);
        uint64 opened = uint64(block.timestamp);
        uint256 ticket = unbond(OPERATOR, 10e18);
        wait();
        withdraw(OPERATOR, ticket);
        assertEq(slash(10e18, opened), 0);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        assertEq(pool().obligations, 0);
    }

    /// @dev Lowers the limit, and waits until the earlier one counts no more.
    function _lower(uint128 limit) private {
        vm.prank(OPERATOR);
        stakes.setLimit(limit);
        wait();
    }

    function test_burns_a_share_and_pays_the_challenger() public {
        stake(OPERATOR, 10e18);
        obligate(10e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Obligations(OPERATOR, 6e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Slashed(
            OPERATOR, CHALLENGER, REASON, 4e18, 0, 1.6e18, uint64(block.timestamp)
        );
        vm.prank(roundsAt);
        uint256 taken =
            stakes.slash(OPERATOR, 4e18, CHALLENGER, REASON, 6000, uint64(block.timestamp));
        assertEq(taken, 4e18);
        assertEq(token.totalSupply(), SUPPLY - 2.4e18);
        assertEq(token.balanceOf(CHALLENGER), 1.6e18);
        assertEq(pool().own, 6e18);
        assertEq(pool().obligations, 6e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 6e18);
    }

    function test_rounds_the_burn_up() public {
        stake(OPERATOR, 10e18);
        assertEq(slash(3), 3);
        assertEq(token.totalSupply(), SUPPLY - 2);
        assertEq(token.balanceOf(CHALLENGER), 1);
        slash(1);
        assertEq(token.balanceOf(CHALLENGER), 1);
    }

    function test_takes_no_more_than_there_is() public {
        stake(OPERATOR, 10e18);
        obligate(7e18);
        unbond(OPERATOR, 2e18);
        assertEq(slash(50e18), 10e18);
        assertEq(pool().own, 0);
        assertEq(bucket().own, 0);
        assertEq(pool().obligations, 0);
        assertEq(token.balanceOf(address(stakes)), 0);
        assertEq(slash(1), 0);
    }

    function test_an_obligation_is_settled_even_by_a_pool_that_cannot_pay_it() public {
        stake(OPERATOR, 10e18);
        obligate(10e18);
        uint256 ticket = unbond(OPERATOR, 6e18);
        wait();
        withdraw(OPERATOR, ticket);
        assertEq(slash(8e18), 4e18);
        assertEq(pool().obligations, 2e18);
    }

    function test_the_operators_own_stake_loses_first() public {
        stake(OPERATOR, 10e18);
        unbond(OPERATOR, 4e18);
        delegate(ALICE, 30e18);
        slash(6e18);
        assertEq(pool().own, 0);
        assertEq(bucket().own, 4e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        slash(3e18);
        assertEq(bucket().own, 1e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Slashed(
            OPERATOR, CHALLENGER, REASON, 1e18, 2e18, 0.5e18, uint64(block.timestamp)
        );
        slash(3e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 28e18);
    }

    function test_of_delegated_stake_no_bounty_is_paid() public {
        delegate(ALICE, 30e18);
        assertEq(slash(10e18), 10e18);
        assertEq(token.balanceOf(CHALLENGER), 0);
        assertEq(token.totalSupply(), SUPPLY - 10e18);
    }

    function test_delegators_share_a_slash_in_proportion_unbonding_or_not() public {
        delegate(ALICE, 30e18);
        delegate(BOB, 10e18);
        uint256 ticket = unbond(ALICE, 20e18);
        slash(20e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 5e18);
        assertEq(stakes.stakeOf(OPERATOR, BOB), 5e18);
        assertEq(stakes.worthOf(ticket), 10e18);
    }

    function test_nobody_escapes_by_unbonding_after_the_opening() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 30e18);
        uint64 opened = uint64(block.timestamp);
        vm.warp(opened + 3 days);
        uint256 ticket = unbond(OPERATOR, 10e18);
        uint256 other = unbond(ALICE, 20e18);
        vm.warp(opened + 14 days);
        slash(25e18, opened);
        assertEq(stakes.worthOf(ticket), 0);
        assertEq(stakes.worthOf(other), 10e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 5e18);
    }

    function test_what_left_before_the_opening_is_out_of_reach() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 30e18);
        uint256 ticket = unbond(OPERATOR, 4e18);
        uint256 other = unbond(ALICE, 10e18);
        uint64 opened = uint64((block.timestamp / 1 days + 1) * 1 days);
        vm.warp(opened);
        assertEq(slash(100e18, opened), 26e18);
        assertEq(stakes.worthOf(ticket), 4e18);
        assertEq(stakes.worthOf(other), 10e18);
        wait();
        assertEq(withdraw(OPERATOR, ticket), 4e18);
        assertEq(withdraw(ALICE, other), 10e18);
    }

    function test_all_of_the_openings_day_is_in_reach() public {
        stake(OPERATOR, 10e18);
        uint256 ticket = unbond(OPERATOR, 10e18);
        uint64 opened = uint64((block.timestamp / 1 days + 1) * 1 days - 1);
        vm.warp(opened + 10 days);
        assertEq(slash(3e18, opened), 3e18);
        assertEq(stakes.worthOf(ticket), 7e18);
    }

    function test_a_slash_looks_back_as_far_as_stake_unbonds() public {
        vm.warp(1000 days + 1);
        stake(OPERATOR, 10e18);
        uint256 ticket = unbond(OPERATOR, 5e18);
        vm.warp(1021 days);
        uint256 later = unbond(OPERATOR, 5e18);
        vm.warp(1021 days + 1);
        assertEq(slash(3e18, 0), 3e18);
        assertEq(stakes.worthOf(ticket), 2e18);
        // A day later the first ticket's day is no longer looked at; it can be withdrawn anyway.
        vm.warp(1022 days);
        assertEq(slash(10e18, 0), 5e18);
        assertEq(stakes.worthOf(ticket), 2e18);
        assertEq(stakes.worthOf(later), 0);
    }

    /// @notice A slash of an operator whose stake left on every day: what it costs at most.
    function test_gas_of_a_slash_of_all_days_is_bounded() public {
        uint256 start = 1000 days;
        for (uint256 day = 0; day < 22; ++day) {
            vm.warp(start + day * 1 days);
            stake(OPERATOR, 2);
            unbond(OPERATOR, 2);
            delegate(ALICE, 2);
            unbond(ALICE, 2);
        }
        stake(OPERATOR, 1);
        delegate(ALICE, 1);
        vm.cool(address(stakes));
        vm.cool(address(token));
        vm.prank(roundsAt);
        uint256 used = gasleft();
        uint256 taken =
            stakes.slash(OPERATOR, 44 + 22, CHALLENGER, REASON, BURN_SHARE, uint64(start));
        used -= gasleft();
        emit log_named_uint("gas", used);
        assertEq(taken, 66);
        assertLe(used, 600_000);
    }

    function test_obligations_keep_nobody_from_unbonding() public {
        stake(OPERATOR, 20e18);
        delegate(ALICE, 30e18);
        obligate(40e18);
        unbond(ALICE, 30e18);
        unbond(OPERATOR, 20e18);
        assertEq(pool().own, 0);
        assertEq(pool().delegated, 0);
        assertFalse(stakes.isCovered(OPERATOR));
    }

    function test_what_delegators_lose_lowers_the_limit() public {
        _lower(50e18);
        stake(OPERATOR, 10e18);
        delegate(ALICE, 40e18);
        vm.prank(OPERATOR);
        stakes.setLimit(60e18);
        obligate(20e18);
        slash(20e18);
        assertEq(pool().limit, 40e18);
        assertEq(pool().nextLimit, 50e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        // What the operator loses itself does not.
        stake(OPERATOR, 10e18);
        slash(10e18);
        assertEq(pool().limit, 40e18);
        slash(1000e18);
        assertEq(pool().limit, 10e18);
        assertEq(pool().nextLimit, 20e18);
    }

    function test_stake_that_comes_after_a_slash_does_not_pay_for_it() public {
        delegate(BOB, 10e18);
        slash(5e18);
        delegate(ALICE, 5e18);
        assertEq(stakes.sharesOf(OPERATOR, ALICE), 10e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 5e18);
        assertEq(stakes.stakeOf(OPERATOR, BOB), 5e18);
    }

    function test_after_a_wipe_out_the_pool_starts_anew() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 10e18);
        uint256 ticket = unbond(ALICE, 5e18);
        slash(20e18);
        assertEq(stakes.sharesOf(OPERATOR, OPERATOR), 0);
        delegate(BOB, 3e18);
        assertEq(stakes.stakeOf(OPERATOR, BOB), 3e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 0);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 0);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.NotEnoughShares.selector, 0, 1));
        unbond(ALICE, 1);
        unbond(BOB, 2e18);
        assertEq(bucket().delegated, 2e18);
        wait();
        // The old ticket gets nothing of what is new, though it began on the same day.
        assertEq(withdraw(ALICE, ticket), 0);
        stake(OPERATOR, 4e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 4e18);
    }

    function test_one_part_can_be_wiped_out_alone() public {
        delegate(ALICE, 101);
        uint256 ticket = unbond(ALICE, 100);
        // 100 of 101: rounding leaves the active unit and takes all that is unbonding.
        assertEq(slash(100), 100);
        assertEq(pool().delegated, 1);
        assertEq(bucket().delegated, 0);
        uint256 later = unbond(ALICE, 1);
        wait();
        assertEq(withdraw(ALICE, ticket), 0);
        assertEq(withdraw(ALICE, later), 1);
    }

    function test_slashed_to_almost_nothing_again_and_again_shares_stay_in_bounds() public {
        for (uint256 i = 0; i < 12; ++i) {
            delegate(ALICE, 10e18);
            uint256 half = stakes.sharesOf(OPERATOR, ALICE) / 2;
            unbond(ALICE, half);
            slash(uint256(pool().delegated) + bucket().delegated - 2);
        }
        delegate(BOB, 10e18);
        uint256 worth = stakes.stakeOf(OPERATOR, BOB);
        assertApproxEqAbs(worth, 10e18, 1);
        vm.startPrank(BOB);
        uint256 ticket = stakes.unbond(OPERATOR, stakes.sharesOf(OPERATOR, BOB));
        wait();
        assertApproxEqAbs(stakes.withdraw(ticket), 10e18, 2);
        vm.stopPrank();
    }

    function test_a_slash_of_half_takes_half_however_dear_shares_are() public {
        delegate(BOB, 100e18);
        // Leaves a bit more than what starts a new generation.
        slash(100e18 - 30e9);
        assertEq(pool().generation, 0);
        delegate(ALICE, 100e18);
        slash(50e18);
        assertEq(pool().generation, 1);
        assertApproxEqAbs(stakes.stakeOf(OPERATOR, ALICE), 50e18, 30e9);
        // A slash that takes almost all of it skips generations as needed.
        slash(pool().delegated - 1);
        assertLe(stakes.stakeOf(OPERATOR, ALICE), 1);
        assertGt(pool().generation, 1);
    }
}
