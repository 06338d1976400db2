// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {RoundsBase} from "./RoundsBase.sol";
import {PlainToken} from "./Tokens.sol";

/// @notice How optimistic rounds end.
contract RoundsSettleTest is RoundsBase {
    uint64 private round;
    IRounds.Member[] private members;
    IRounds.Delivery[] private deliveries;

    function setUp() public override {
        super.setUp();
        begin(3);
        _restart();
    }

    function _restart() private {
        round = openAndDraw();
        delete members;
        delete deliveries;
        IRounds.Member[] memory m = membersNow();
        IRounds.Delivery[] memory d = allDelivered();
        for (uint256 i = 0; i < m.length; ++i) {
            members.push(m[i]);
            deliveries.push(d[i]);
        }
    }

    function _finish() private {
        passDeadline(round);
        propose(round, members, deliveries);
        passWindow(round);
        rounds.settle(round, members, deliveries);
    }

    function refuse(bytes memory reason) private {
        vm.expectRevert(reason);
        rounds.settle(round, members, deliveries);
    }

    function wrongStatus(IRounds.Status status) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRounds.WrongStatus.selector, round, status);
    }

    function owed(uint256 index) private view returns (uint256) {
        return escrow.owed(address(token), members[index].account);
    }

    function test_settling_pays_by_weight() public {
        propose(round, members, deliveries);
        passWindow(round);
        uint256 supply = token.totalSupply();
        // A tenth for the coordinator, a hundredth of what members get is burned.
        uint256 pool = BUDGET - BUDGET / 10;
        uint256[3] memory gross;
        uint256 paid = BUDGET / 10;
        for (uint256 i = 0; i < 3; ++i) {
            gross[i] = pool * members[i].weight / 65_536;
            paid += gross[i] - gross[i] / 100;
        }
        vm.expectEmit(address(rounds));
        emit IRounds.Settled(round, paid, MODEL);
        vm.prank(makeAddr("anyone"));
        rounds.settle(round, members, deliveries);
        uint256 burned = 0;
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(owed(i), gross[i] - gross[i] / 100);
            burned += gross[i] / 100;
            assertGt(score(i), reputation.SCORE_FIRST());
        }
        assertEq(escrow.owed(address(token), COORDINATOR), BUDGET / 10);
        assertEq(supply - token.totalSupply(), burned);
        assertEq(escrow.reserved(domain), 0);
        assertEq(escrow.available(domain), 10 * BUDGET - paid - burned);
        assertEq(obligations(COORDINATOR), 0);
        assertEq(rounds.current(domain), 0);
        IRounds.Round memory state = rounds.get(round);
        assertEq(uint256(state.status), uint256(IRounds.Status.Settled));
        assertTrue(state.paid);
        assertEq(state.batch, hashOf(batchOf(round, members, deliveries)));
    }

    function score(uint256 index) private view returns (uint32) {
        return reputation.standing(domain, members[index].account).score;
    }

    /// @dev Members who deliver nothing cannot have the coordinator slashed for it.
    function test_a_round_without_deliveries_moves_nothing() public {
        for (uint256 i = 0; i < 3; ++i) {
            deliveries[i] = IRounds.Delivery(0, 0);
        }
        bytes32 parent = rounds.get(round).parent;
        passDeadline(round);
        proposeNoSum(round, members, deliveries);
        passWindow(round);
        vm.expectEmit(address(rounds));
        emit IRounds.Settled(round, 0, parent);
        rounds.settle(round, members, deliveries);
        _assertNoVersion(parent);
        assertEq(owed(0), 0);
        assertEq(escrow.available(domain), 10 * BUDGET);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(reputation.standing(domain, members[i].account).rounds, 0);
        }
        refuse(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
    }

    function _assertNoVersion(bytes32 parent) private view {
        (bytes32 model, uint64 number) = registry.head(domain);
        assertEq(model, parent);
        assertEq(number, 0);
        assertEq(escrow.owed(address(token), COORDINATOR), 0);
        assertEq(obligations(COORDINATOR), 0);
        assertEq(rounds.current(domain), 0);
    }

    /// @dev The coordinator has no sum, but members have worked.
    function test_without_a_sum_members_are_paid_and_the_coordinator_is_not() public {
        deliveries[2] = IRounds.Delivery(0, 0);
        bytes32 parent = rounds.get(round).parent;
        passDeadline(round);
        proposeNoSum(round, members, deliveries);
        passWindow(round);
        rounds.settle(round, members, deliveries);
        _assertNoVersion(parent);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 gross = (BUDGET - BUDGET / 10) * members[i].weight / 65_536;
            assertEq(owed(i), i == 2 ? 0 : gross - gross / 100);
            assertEq(
                reputation.standing(domain, members[i].account).rounds, i == 2 ? 0 : 1, "moved"
            );
        }
    }

    function test_settling_advances_the_model() public {
        _finish();
        (bytes32 model, uint64 number) = registry.head(domain);
        assertEq(model, MODEL);
        assertEq(number, 1);
        IDomainRegistry.Version memory version = registry.version(domain, 1);
        assertEq(version.aggregate, AGGREGATE);
        assertEq(version.round, round);
        round = openRound();
        assertEq(rounds.get(round).parent, MODEL);
    }

    function test_nothing_is_paid_twice() public {
        _finish();
        refuse(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        IRounds.Delivery[] memory none;
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        rounds.settle(round, members, none);
        escrow.claimFor(address(token), members[0].account);
        refuse(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        assertEq(owed(0), 0);
    }

    function test_whoever_delivered_nothing_gets_nothing() public {
        deliveries[1] = IRounds.Delivery(0, 0);
        _finish();
        assertEq(owed(1), 0);
        assertGt(owed(0), 0);
        assertEq(reputation.standing(domain, members[1].account).rounds, 1);
        assertEq(score(1), reputation.SCORE_LEAST());
        uint256 weights = uint256(members[0].weight) + members[2].weight;
        assertEq(escrow.owed(address(token), COORDINATOR), BUDGET / 10 * weights / 65_536);
        assertGt(escrow.available(domain), 9 * BUDGET + BUDGET / 4);
    }

    function test_whoever_was_slashed_gets_nothing() public {
        propose(round, members, deliveries);
        slashMember(round, members[1].account);
        passWindow(round);
        rounds.settle(round, members, deliveries);
        assertEq(owed(1), 0);
        assertGt(owed(0), 0);
        assertEq(reputation.standing(domain, members[1].account).score, 0);
    }

    function test_whoever_has_left_since_is_paid() public {
        propose(round, members, deliveries);
        address account = members[1].account;
        vm.startPrank(account);
        rounds.resign(domain);
        vm.warp(block.timestamp + 16 days);
        rounds.exit(domain);
        vm.stopPrank();
        rounds.settle(round, members, deliveries);
        assertGt(owed(1), 0);
    }

    function test_settling_is_for_proposed_rounds_after_their_window() public {
        refuse(wrongStatus(IRounds.Status.Open));
        propose(round, members, deliveries);
        uint64 end = rounds.get(round).challengeEnd;
        vm.warp(end);
        refuse(abi.encodeWithSelector(IRounds.TooEarly.selector, uint256(end) + 1, end));
        vm.warp(end + 1);
        rounds.settle(round, members, deliveries);
        round = 3;
        refuse(abi.encodeWithSelector(IRounds.UnknownRound.selector, 3));
    }

    function test_settling_is_by_the_lists_that_were_proposed() public {
        deliveries[1] = IRounds.Delivery(0, 0);
        passDeadline(round);
        propose(round, members, deliveries);
        passWindow(round);
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongList.selector, round);
        deliveries[1] = IRounds.Delivery("update", "submission");
        refuse(reason);
        deliveries[1] = IRounds.Delivery(0, 0);
        members[0].weight += 1;
        refuse(reason);
        members[0].weight -= 1;
        deliveries.push();
        refuse(reason);
        members.push();
        refuse(reason);
        members.pop();
        deliveries.pop();
        address heir = makeAddr("heir");
        address account = members[2].account;
        members[2].account = heir;
        refuse(reason);
        members[2].account = account;
        rounds.settle(round, members, deliveries);
    }

    function test_settling_optimistic_rounds_needs_the_verifier() public {
        propose(round, members, deliveries);
        stop();
        passWindow(round);
        refuse(abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId));
    }

    /// @dev Else a name would be made, or ruined, for nothing.
    function test_rounds_without_a_budget_move_no_money_and_no_reputation() public {
        _finish();
        vm.prank(COORDINATOR);
        round = rounds.open(domain, DURATION, 0, accounts);
        draw(round, "random");
        uint256 before = escrow.available(domain);
        uint32[3] memory scores = [score(0), score(1), score(2)];
        IRounds.Member[] memory m = membersNow();
        deliveries[1] = IRounds.Delivery(0, 0);
        passDeadline(round);
        propose(round, m, deliveries);
        passWindow(round);
        rounds.settle(round, m, deliveries);
        assertEq(escrow.available(domain), before);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(score(i), scores[i]);
        }
        (, uint64 number) = registry.head(domain);
        assertEq(number, 2);
        vm.prank(COORDINATOR);
        round = rounds.open(domain, DURATION, 0, accounts);
        slashCoordinator(round);
        assertEq(escrow.available(domain), before);
    }

    function test_other_tokens_pay_no_fee() public {
        PlainToken other = new PlainToken();
        IDomainRegistry.Config memory config = configOf(key, COORDINATOR);
        config.token = address(other);
        domain = openDomain(config);
        other.give(address(this), BUDGET);
        other.approve(address(escrow), BUDGET);
        escrow.fund(domain, BUDGET);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(domain, keccak256(abi.encode("data", i)), 5);
        }
        _restart();
        uint256 supply = token.totalSupply();
        _finish();
        assertEq(token.totalSupply(), supply);
        uint256 gross = (BUDGET - BUDGET / 10) * uint256(members[0].weight) / 65_536;
        assertEq(escrow.owed(address(other), members[0].account), gross);
        escrow.claimFor(address(other), members[0].account);
        assertEq(other.balanceOf(members[0].account), gross);
    }

    function test_slashing_an_open_rounds_coordinator() public {
        uint256 before = stakes.stakeOf(COORDINATOR, COORDINATOR);
        vm.expectEmit(address(rounds));
        emit IRounds.Voided(round, COORDINATOR, "test");
        slashCoordinator(round);
        assertEq(before - stakes.stakeOf(COORDINATOR, COORDINATOR), COORDINATOR_BOND);
        assertEq(obligations(COORDINATOR), 0);
        assertEq(statusOf(round), uint256(IRounds.Status.Void));
        assertEq(rounds.current(domain), 0);
        assertEq(escrow.reserved(domain), 0);
        assertEq(escrow.available(domain), 10 * BUDGET);
        refuse(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        vm.expectRevert(wrongStatus(IRounds.Status.Void));
        slashCoordinator(round);
    }

    function test_slashing_a_proposed_rounds_coordinator_within_the_window() public {
        propose(round, members, deliveries);
        uint64 end = rounds.get(round).challengeEnd;
        uint256 state = vm.snapshotState();
        vm.warp(end);
        slashCoordinator(round);
        assertEq(statusOf(round), uint256(IRounds.Status.Void));
        vm.revertToState(state);
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooLate.selector, end, end + 1));
        slashCoordinator(round);
        rounds.settle(round, members, deliveries);
        vm.expectRevert(wrongStatus(IRounds.Status.Settled));
        slashCoordinator(round);
        (bytes32 model,) = registry.head(domain);
        assertEq(model, MODEL);
    }

    function test_a_coordinator_cannot_escape_by_unbonding() public {
        uint256 shares = stakes.sharesOf(COORDINATOR, COORDINATOR);
        vm.prank(COORDINATOR);
        uint256 ticket = stakes.unbond(COORDINATOR, shares);
        propose(round, members, deliveries);
        slashCoordinator(round);
        assertEq(stakes.worthOf(ticket), STAKE - COORDINATOR_BOND);
        vm.warp(block.timestamp + UNBONDING_DELAY);
        vm.prank(COORDINATOR);
        assertEq(stakes.withdraw(ticket), STAKE - COORDINATOR_BOND);
    }

    function test_rounds_are_abandoned_only_without_a_verifier() public {
        bytes memory reason = abi.encodeWithSelector(IRounds.VerifierInUse.selector, verifierId);
        vm.expectRevert(reason);
        rounds.abandon(round);
        propose(round, members, deliveries);
        vm.expectRevert(reason);
        rounds.abandon(round);
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 4));
        rounds.abandon(4);
    }

    function _abandon() private {
        stop();
        uint256 from = block.timestamp + 1 days;
        vm.warp(from);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, from + 1, from));
        rounds.abandon(round);
        vm.warp(from + 1);
        uint256 before = stakes.stakeOf(COORDINATOR, COORDINATOR);
        vm.expectEmit(address(rounds));
        emit IRounds.Voided(round, COORDINATOR, "verifier stopped");
        rounds.abandon(round);
        assertEq(stakes.stakeOf(COORDINATOR, COORDINATOR), before);
        assertFalse(reputation.isBarred(domain, COORDINATOR));
        assertEq(obligations(COORDINATOR), 0);
        assertEq(escrow.available(domain), 10 * BUDGET);
        assertEq(rounds.current(domain), 0);
        vm.expectRevert(wrongStatus(IRounds.Status.Void));
        rounds.abandon(round);
        vm.prank(OWNER);
        registry.close(domain);
    }

    /// @dev A stop runs out. What could not be challenged meanwhile is not settled after it, and
    /// a coordinator that could not deliver then is not late.
    function test_after_a_stop_a_round_can_still_only_be_abandoned() public {
        propose(round, members, deliveries);
        stop();
        (, uint64 until) = router.lastStop(verifierId);
        vm.warp(until);
        assertFalse(router.isStopped(verifierId));
        refuse(abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId));
        rounds.abandon(round);
        // Later rounds know nothing of it.
        _restart();
        vm.expectRevert(abi.encodeWithSelector(IRounds.VerifierInUse.selector, verifierId));
        rounds.abandon(round);
        _finish();
    }

    /// @dev Everything could be said before.
    function test_a_stop_after_the_window_does_not_matter() public {
        propose(round, members, deliveries);
        passWindow(round);
        stop();
        // No caller can make the round void any more: its members have earned their pay.
        vm.warp(block.timestamp + 1 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.VerifierInUse.selector, verifierId));
        rounds.abandon(round);
        rounds.settle(round, members, deliveries);
        assertGt(owed(0), 0);
    }

    function test_abandoning_an_open_round() public {
        _abandon();
    }

    function test_abandoning_a_proposed_round() public {
        propose(round, members, deliveries);
        _abandon();
    }

    /// @notice What waits for an answer that nobody can give is not final.
    function test_abandoning_a_round_with_a_demand() public {
        propose(round, members, deliveries);
        demandFor(address(this), round, members, deliveries, 1);
        passWindow(round);
        _abandon();
    }

    function test_settled_rounds_are_not_abandoned() public {
        _finish();
        stop();
        vm.expectRevert(wrongStatus(IRounds.Status.Settled));
        rounds.abandon(round);
    }

    function test_nothing_was_delivered_on_chain() public {
        _finish();
        assertEq(rounds.delivered(round, members[0].account), 0);
    }
}
