// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {StakeManager} from "../src/StakeManager.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {StakeActions} from "./StakeActions.sol";

contract StakeManagerTest is StakeActions {
    function test_needs_a_long_delay() public {
        assertEq(stakes.UNBONDING_DELAY(), UNBONDING_DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeManager.DelayTooShort.selector, uint64(21 days), uint64(21 days - 1)
            )
        );
        new StakeManager(token, roundsAt, 21 days - 1);
    }

    function test_stakes() public {
        vm.expectEmit(address(stakes));
        emit IStakeManager.Staked(OPERATOR, OPERATOR, 10e18, 10e18);
        stake(OPERATOR, 10e18);
        stake(OPERATOR, 5e18);
        assertEq(pool().own, 15e18);
        assertEq(pool().delegated, 0);
        assertEq(stakes.sharesOf(OPERATOR, OPERATOR), 15e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 15e18);
        assertEq(token.balanceOf(address(stakes)), 15e18);
        assertEq(token.balanceOf(OPERATOR), 985e18);
    }

    function test_delegates() public {
        stake(OPERATOR, 10e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Staked(OPERATOR, ALICE, 30e18, 30e18);
        delegate(ALICE, 30e18);
        assertEq(pool().own, 10e18);
        assertEq(pool().delegated, 30e18);
        assertEq(pool().delegatedShares, 30e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        assertEq(stakes.stakeOf(ALICE, ALICE), 0);
    }

    function test_delegating_to_oneself_is_staking() public {
        raise(100e18);
        vm.prank(OPERATOR);
        // Nobody has to accept one's own limit.
        stakes.delegate(OPERATOR, 10e18, 0);
        assertEq(pool().own, 10e18);
        assertEq(pool().delegated, 0);
    }

    function test_stakes_nothing_that_is_not_there() public {
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.stake(0);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.delegate(OPERATOR, 0, NO_MATTER_WHAT);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(stakes), 0, 1
            )
        );
        stakes.stake(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, ALICE, 1000e18, 1001e18
            )
        );
        delegate(ALICE, 1001e18);
    }

    function test_unbonds_and_withdraws() public {
        stake(OPERATOR, 10e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Unbonding(
            OPERATOR, OPERATOR, 1, 4e18, 4e18, uint64(block.timestamp) + UNBONDING_DELAY
        );
        uint256 ticket = unbond(OPERATOR, 4e18);
        assertEq(ticket, 1);
        assertEq(pool().own, 6e18);
        assertEq(bucket().own, 4e18);
        assertEq(bucket().delegated, 0);
        assertEq(stakes.worthOf(1), 4e18);
        uint256 day = block.timestamp / 1 days;
        IStakeManager.Ticket memory known = stakes.ticketOf(1);
        assertEq(known.staker, OPERATOR);
        assertEq(known.operator, OPERATOR);
        assertEq(known.shares, 4e18);
        assertEq(known.releaseTime, block.timestamp + UNBONDING_DELAY);
        wait();
        vm.expectEmit(address(stakes));
        emit IStakeManager.Withdrawn(OPERATOR, OPERATOR, 1, 4e18);
        assertEq(withdraw(OPERATOR, ticket), 4e18);
        assertEq(token.balanceOf(OPERATOR), 994e18);
        assertEq(stakes.bucket(OPERATOR, day).own, 0);
        assertEq(stakes.bucket(OPERATOR, day).ownShares, 0);
        assertEq(stakes.ticketOf(1).staker, address(0));
        assertEq(stakes.worthOf(1), 0);
    }

    function test_unbonds_no_more_shares_than_there_are() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 5e18);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.NotEnoughShares.selector, 5e18, 5e18 + 1)
        );
        unbond(ALICE, 5e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.NotEnoughShares.selector, 0, 1));
        unbond(BOB, 1);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        unbond(ALICE, 0);
        unbond(ALICE, 5e18);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.NotEnoughShares.selector, 0, 1));
        unbond(ALICE, 1);
    }

    function test_unbonds_no_shares_that_are_worth_nothing() public {
        raise(5e18);
        delegate(ALICE, 10e18);
        slash(5e18);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        unbond(ALICE, 1);
        unbond(ALICE, 2);
    }

    function test_withdraws_neither_early_nor_twice_nor_for_others() public {
        stake(OPERATOR, 10e18);
        uint256 ticket = unbond(OPERATOR, 4e18);
        unbond(OPERATOR, 4e18);
        uint64 due = uint64(block.timestamp) + UNBONDING_DELAY;
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StillUnbonding.selector, ticket, due));
        withdraw(OPERATOR, ticket);
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.NotYourTicket.selector, ticket, ALICE));
        withdraw(ALICE, ticket);
        withdraw(OPERATOR, ticket);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.NotYourTicket.selector, ticket, OPERATOR)
        );
        withdraw(OPERATOR, ticket);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.NotYourTicket.selector, 99, OPERATOR));
        withdraw(OPERATOR, 99);
    }

    function test_only_rounds_obligates_releases_and_slashes() public {
        bytes memory refused =
            abi.encodeWithSelector(IStakeManager.Unauthorized.selector, address(this));
        vm.expectRevert(refused);
        stakes.obligate(OPERATOR, 1);
        vm.expectRevert(refused);
        stakes.release(OPERATOR, 1);
        vm.expectRevert(refused);
        stakes.slash(OPERATOR, 1, address(this), REASON, BURN_SHARE, 0);
    }

    function test_obligates_up_to_the_active_stake() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 5e18);
        raise(15e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Obligations(OPERATOR, 12e18);
        obligate(12e18);
        obligate(3e18);
        assertEq(pool().obligations, 15e18);
        assertTrue(stakes.isCovered(OPERATOR));
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.NotCovered.selector, OPERATOR, 15e18, 15e18 + 1)
        );
        obligate(1);
        vm.expectRevert();
        obligate(type(uint256).max);
    }

    function test_at_least_half_of_what_one_answers_with_is_ones_own() public {
        raise(1000e18);
        delegate(ALICE, 1000e18);
        stake(OPERATOR, 10e18);
        obligate(20e18);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.TooLittleOwn.selector, OPERATOR, 10e18, 20e18 + 1)
        );
        obligate(1);
        unbond(OPERATOR, 1);
        assertFalse(stakes.isCovered(OPERATOR));
    }

    function test_beyond_its_own_stake_one_answers_up_to_its_limit() public {
        delegate(ALICE, 100e18);
        stake(OPERATOR, 10e18);
        obligate(10e18);
        bytes memory over =
            abi.encodeWithSelector(IStakeManager.OverLimit.selector, OPERATOR, 0, 10e18 + 1);
        vm.expectRevert(over);
        obligate(1);
        vm.prank(OPERATOR);
        stakes.setLimit(12e18);
        // Announced is not in force.
        vm.expectRevert(over);
        obligate(1);
        wait();
        vm.expectRevert(over);
        obligate(1);
        vm.warp(block.timestamp + stakes.NOTICE());
        obligate(2e18);
        assertTrue(stakes.isCovered(OPERATOR));
        vm.prank(OPERATOR);
        stakes.setLimit(12e18 - 1);
        assertFalse(stakes.isCovered(OPERATOR));
        stake(OPERATOR, 2e18);
        assertTrue(stakes.isCovered(OPERATOR));
        // Who relies on others' stake by letting its own go is covered no more.
        unbond(OPERATOR, 1);
        assertFalse(stakes.isCovered(OPERATOR));
    }

    function test_a_limit_is_lowered_at_once_and_raised_after_the_delay() public {
        uint64 delay = UNBONDING_DELAY + stakes.NOTICE();
        assertEq(delay, 28 days);
        uint64 from = uint64(block.timestamp) + delay;
        vm.expectEmit(address(stakes));
        emit IStakeManager.LimitChanged(OPERATOR, 10e18, from);
        vm.startPrank(OPERATOR);
        stakes.setLimit(10e18);
        assertEq(pool().limit, 0);
        assertEq(pool().nextLimit, 10e18);
        assertEq(pool().nextLimitAt, from);
        vm.warp(from - 1);
        assertEq(pool().limit, 0);
        vm.warp(from);
        assertEq(pool().limit, 10e18);
        assertEq(pool().nextLimitAt, 0);
        // A later announcement replaces an earlier one, and starts anew.
        stakes.setLimit(30e18);
        vm.warp(from + delay - 1);
        stakes.setLimit(20e18);
        vm.warp(from + delay);
        assertEq(pool().limit, 10e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.LimitChanged(OPERATOR, 5e18, from + delay);
        stakes.setLimit(5e18);
        vm.stopPrank();
        assertEq(pool().limit, 5e18);
        vm.warp(block.timestamp + delay);
        assertEq(pool().limit, 5e18, "what was announced before is gone");
    }

    function test_whoever_delegates_says_how_high_a_limit_is_acceptable() public {
        vm.prank(OPERATOR);
        stakes.setLimit(10e18);
        // Announced counts as much as in force.
        _assertExposure(10e18);
        wait();
        vm.warp(block.timestamp + stakes.NOTICE());
        _assertExposure(10e18);
        stake(OPERATOR, 6e18);
        delegate(BOB, 10e18);
        obligate(9e18);
        uint64 lowered = uint64(block.timestamp);
        vm.prank(OPERATOR);
        stakes.setLimit(1e18);
        // A lower limit takes nothing back of what was taken on.
        _assertExposure(10e18);
        vm.warp(lowered + UNBONDING_DELAY - 1);
        _assertExposure(10e18);
        vm.warp(lowered + UNBONDING_DELAY);
        _assertExposure(1e18);
    }

    function _assertExposure(uint256 exposure) private {
        assertEq(stakes.exposureOf(OPERATOR), exposure);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeManager.LimitTooHigh.selector, OPERATOR, exposure, exposure - 1
            )
        );
        vm.prank(ALICE);
        stakes.delegate(OPERATOR, 1e18, exposure - 1);
        vm.prank(ALICE);
        stakes.delegate(OPERATOR, 1e18, exposure);
    }

    function test_unbonding_stake_covers_nothing_new() public {
        stake(OPERATOR, 10e18);
        obligate(10e18);
        unbond(OPERATOR, 1);
        assertFalse(stakes.isCovered(OPERATOR));
        stake(OPERATOR, 1);
        assertTrue(stakes.isCovered(OPERATOR));
        unbond(OPERATOR, 4e18);
        stake(OPERATOR, 3e18);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.NotCovered.selector, OPERATOR, 9e18, 10e18 + 1)
        );
        obligate(1);
    }

    function test_releases_no_more_than_is_owed() public {
        stake(OPERATOR, 10e18);
        obligate(10e18);
        vm.startPrank(roundsAt);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Obligations(OPERATOR, 6e18);
        stakes.release(OPERATOR, 4e18);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeManager.NotObligated.selector, OPERATOR, 6e18, 6e18 + 1)
        );
        stakes.release(OPERATOR, 6e18 + 1);
        stakes.release(OPERATOR, 6e18);
        vm.stopPrank();
        assertEq(pool().obligations, 0);
    }

    function test_permits_and_stakes() public {
        (address staker, uint256 key) = makeAddrAndKey("permitting");
        vm.prank(TREASURY);
        token.transfer(staker, 10e18);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(staker, key, 10e18, block.timestamp);
        vm.prank(staker);
        stakes.stakeWithPermit(10e18, block.timestamp, v, r, s);
        assertEq(stakes.stakeOf(staker, staker), 10e18);
        assertEq(token.allowance(staker, address(stakes)), 0);
    }

    function test_a_permit_used_by_somebody_else_does_no_harm() public {
        (address staker, uint256 key) = makeAddrAndKey("permitting");
        vm.prank(TREASURY);
        token.transfer(staker, 10e18);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(staker, key, 10e18, block.timestamp);
        vm.prank(BOB);
        token.permit(staker, address(stakes), 10e18, block.timestamp, v, r, s);
        // Nor can that somebody stake with it.
        vm.expectRevert();
        vm.prank(makeAddr("penniless"));
        stakes.stakeWithPermit(10e18, block.timestamp, v, r, s);
        vm.prank(staker);
        stakes.stakeWithPermit(10e18, block.timestamp, v, r, s);
        assertEq(stakes.stakeOf(staker, staker), 10e18);
    }

    function test_a_permit_that_does_not_hold_permits_nothing() public {
        (address staker,) = makeAddrAndKey("permitting");
        (, uint256 other) = makeAddrAndKey("other");
        vm.prank(TREASURY);
        token.transfer(staker, 10e18);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(staker, other, 10e18, block.timestamp);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(stakes), 0, 10e18
            )
        );
        vm.prank(staker);
        stakes.stakeWithPermit(10e18, block.timestamp, v, r, s);
    }
}
