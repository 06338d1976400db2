// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {StakeManager} from "../src/StakeManager.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Actions of stakers and of rounds, for tests.
abstract contract StakeActions is Deployment {
    bytes32 internal constant REASON = keccak256("reason");
    uint16 internal constant BURN_SHARE = 5000;
    uint256 internal constant NO_MATTER_WHAT = type(uint256).max;
    address internal immutable CHALLENGER = makeAddr("challenger");
    address internal immutable OPERATOR = makeAddr("operator");
    address internal immutable ALICE = makeAddr("alice");
    address internal immutable BOB = makeAddr("bob");

    function setUp() public virtual override {
        super.setUp();
        endow(OPERATOR, 1000e18);
        endow(ALICE, 1000e18);
        endow(BOB, 1000e18);
    }

    function stake(address operator, uint256 amount) internal {
        vm.prank(operator);
        stakes.stake(amount);
    }

    function delegate(address staker, uint256 amount) internal {
        vm.prank(staker);
        stakes.delegate(OPERATOR, amount, NO_MATTER_WHAT);
    }

    /// @notice Raises the operator's limit, and waits until it is in force.
    function raise(uint128 limit) internal {
        vm.prank(OPERATOR);
        stakes.setLimit(limit);
        wait();
        vm.warp(block.timestamp + stakes.NOTICE());
    }

    function unbond(address staker, uint256 shares) internal returns (uint256) {
        vm.prank(staker);
        return stakes.unbond(OPERATOR, shares);
    }

    function withdraw(address staker, uint256 ticket) internal returns (uint256) {
        vm.prank(staker);
        return stakes.withdraw(ticket);
    }

    function obligate(uint256 amount) internal {
        vm.prank(roundsAt);
        stakes.obligate(OPERATOR, amount);
    }

    /// @notice Slashes for a round that was opened just now.
    function slash(uint256 amount) internal returns (uint256) {
        return slash(amount, uint64(block.timestamp));
    }

    function slash(uint256 amount, uint64 since) internal returns (uint256) {
        vm.prank(roundsAt);
        return stakes.slash(OPERATOR, amount, CHALLENGER, REASON, BURN_SHARE, since);
    }

    function pool() internal view returns (IStakeManager.Pool memory) {
        return stakes.pool(OPERATOR);
    }

    /// @notice What began to unbond today.
    function bucket() internal view returns (IStakeManager.Bucket memory) {
        return stakes.bucket(OPERATOR, block.timestamp / 1 days);
    }

    function signPermit(address owner, uint256 key, uint256 amount, uint256 deadline)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 kind = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        );
        bytes32 message = keccak256(abi.encode(kind, owner, address(stakes), amount, 0, deadline));
        return
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
    }

    function wait() internal {
        vm.warp(block.timestamp + UNBONDING_DELAY);
    }
}

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

/// @notice What staking costs in all: the transaction, its calldata and the execution, of code
/// that was compiled without the optimizer.
contract StakeCostTest is StakeActions {
    uint256 private constant MOST = 150_000;

    function test_cost_of_the_first_stake_of_all() public {
        _assertCost(OPERATOR, abi.encodeCall(stakes.stake, (10e18)), 0);
    }

    function test_cost_of_delegating() public {
        _assertCost(ALICE, abi.encodeCall(stakes.delegate, (OPERATOR, 10e18, NO_MATTER_WHAT)), 0);
    }

    function test_cost_of_staking_with_a_permit() public {
        (address staker, uint256 key) = makeAddrAndKey("permitting");
        vm.prank(TREASURY);
        token.transfer(staker, 10e18);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(staker, key, 10e18, block.timestamp);
        bytes memory data =
            abi.encodeCall(stakes.stakeWithPermit, (10e18, block.timestamp, v, r, s));
        // An allowance that is set and used up in one transaction is paid back in part (EIP-3529).
        _assertCost(staker, data, 19_900);
    }

    function _assertCost(address staker, bytes memory data, uint256 refund) private {
        vm.cool(address(stakes));
        vm.cool(address(token));
        vm.prank(staker);
        uint256 used = gasleft();
        (bool ok,) = address(stakes).call(data);
        used -= gasleft();
        assertTrue(ok);
        used += 21_000 + 16 * data.length;
        assertLe(refund, used / 5);
        used -= refund;
        emit log_named_uint("gas", used);
        assertLe(used, MOST);
    }
}
