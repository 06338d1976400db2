// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {StakeManager} from "../src/StakeManager.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Actions of stakers and of rounds, for tests.
abstract contract StakeActions is Deployment {
    bytes32 internal constant REASON = keccak256("reason");
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
        stakes.delegate(OPERATOR, amount);
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

    function slash(uint256 amount) internal returns (uint256) {
        vm.prank(roundsAt);
        return stakes.slash(OPERATOR, amount, CHALLENGER, REASON);
    }

    function pool() internal view returns (IStakeManager.Pool memory) {
        return stakes.pool(OPERATOR);
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
        new StakeManager(token, parameters, roundsAt, 21 days - 1);
    }

    function test_stakes() public {
        vm.expectEmit(address(stakes));
        emit IStakeManager.Staked(OPERATOR, OPERATOR, 10e18, 10e18);
        stake(OPERATOR, 10e18);
        stake(OPERATOR, 5e18);
        assertEq(pool().active, 15e18);
        assertEq(pool().activeShares, 15e18);
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
        assertEq(pool().active, 40e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 30e18);
        assertEq(stakes.stakeOf(ALICE, ALICE), 0);
    }

    function test_stakes_nothing_that_is_not_there() public {
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.stake(0);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.delegate(OPERATOR, 0);
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
            OPERATOR, OPERATOR, 1, 4e18, uint64(block.timestamp) + UNBONDING_DELAY
        );
        uint256 ticket = unbond(OPERATOR, 4e18);
        assertEq(ticket, 1);
        assertEq(pool().active, 6e18);
        assertEq(pool().unbonding, 4e18);
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
        assertEq(pool().unbonding, 0);
        assertEq(pool().unbondingShares, 0);
        assertEq(stakes.ticketOf(1).staker, address(0));
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
        stake(OPERATOR, 10e18);
        slash(5e18);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        unbond(OPERATOR, 1);
        unbond(OPERATOR, 2);
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
        stakes.slash(OPERATOR, 1, address(this), REASON);
    }

    function test_obligates_up_to_the_active_stake() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 5e18);
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
    function test_burns_a_share_and_pays_the_challenger() public {
        _setBurnShare(6000);
        stake(OPERATOR, 10e18);
        obligate(10e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Obligations(OPERATOR, 6e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Slashed(OPERATOR, CHALLENGER, REASON, 2.4e18, 1.6e18);
        assertEq(slash(4e18), 4e18);
        assertEq(token.totalSupply(), SUPPLY - 2.4e18);
        assertEq(token.balanceOf(CHALLENGER), 1.6e18);
        assertEq(pool().active, 6e18);
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
        assertEq(pool().active, 0);
        assertEq(pool().unbonding, 0);
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

    function test_delegators_share_the_slash() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 30e18);
        slash(4e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 9e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 27e18);
    }

    function test_nobody_escapes_by_unbonding_first() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 30e18);
        obligate(40e18);
        uint256 ticket = unbond(OPERATOR, 10e18);
        uint256 other = unbond(ALICE, 20e18);
        slash(20e18);
        wait();
        // Still there: a ticket that is due can be slashed until it is withdrawn.
        slash(10e18);
        assertEq(withdraw(OPERATOR, ticket), 2.5e18);
        assertEq(withdraw(ALICE, other), 5e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 2.5e18);
    }

    function test_obligations_keep_nobody_from_unbonding() public {
        stake(OPERATOR, 10e18);
        delegate(ALICE, 30e18);
        obligate(40e18);
        unbond(ALICE, 30e18);
        unbond(OPERATOR, 10e18);
        assertEq(pool().active, 0);
        assertFalse(stakes.isCovered(OPERATOR));
    }

    function test_stake_that_comes_after_a_slash_does_not_pay_for_it() public {
        stake(OPERATOR, 10e18);
        slash(5e18);
        delegate(ALICE, 5e18);
        assertEq(stakes.sharesOf(OPERATOR, ALICE), 10e18);
        assertEq(stakes.stakeOf(OPERATOR, ALICE), 5e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 5e18);
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
        wait();
        // The old ticket gets nothing of what is new.
        assertEq(withdraw(ALICE, ticket), 0);
        assertEq(pool().unbonding, 2e18);
        stake(OPERATOR, 4e18);
        assertEq(stakes.stakeOf(OPERATOR, OPERATOR), 4e18);
    }

    function test_one_part_can_be_wiped_out_alone() public {
        stake(OPERATOR, 101);
        uint256 ticket = unbond(OPERATOR, 100);
        // 100 of 101: rounding leaves the active unit and takes all that is unbonding.
        assertEq(slash(100), 100);
        assertEq(pool().active, 1);
        assertEq(pool().unbonding, 0);
        uint256 later = unbond(OPERATOR, 1);
        wait();
        assertEq(withdraw(OPERATOR, ticket), 0);
        assertEq(withdraw(OPERATOR, later), 1);
    }

    function test_slashed_to_almost_nothing_again_and_again_shares_stay_in_bounds() public {
        for (uint256 i = 0; i < 12; ++i) {
            delegate(ALICE, 10e18);
            uint256 half = stakes.sharesOf(OPERATOR, ALICE) / 2;
            unbond(ALICE, half);
            slash(uint256(pool().active) + pool().unbonding - 2);
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
        stake(OPERATOR, 100e18);
        // Leaves a bit more than what starts a new generation.
        slash(100e18 - 30e9);
        assertEq(pool().generation, 0);
        delegate(ALICE, 100e18);
        slash(50e18);
        assertEq(pool().generation, 1);
        assertApproxEqAbs(stakes.stakeOf(OPERATOR, ALICE), 50e18, 30e9);
        // A slash that takes almost all of it skips generations as needed.
        slash(pool().active - 1);
        assertLe(stakes.stakeOf(OPERATOR, ALICE), 1);
        assertGt(pool().generation, 1);
    }

    function test_who_slashes_itself_through_a_friend_loses_at_least_half() public {
        stake(OPERATOR, 100e18);
        obligate(100e18);
        slash(100e18);
        assertLe(token.balanceOf(CHALLENGER), 50e18);
    }

    function _setBurnShare(uint16 share) private {
        IParameters.Values memory values = initialValues();
        values.burnShare = share;
        vm.prank(address(timelock));
        parameters.set(values);
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
        _assertCost(ALICE, abi.encodeCall(stakes.delegate, (OPERATOR, 10e18)), 0);
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
