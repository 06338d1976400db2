// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Slashing} from "../../src/Slashing.sol";
import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IReputation} from "../../src/interfaces/IReputation.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {IVerifierRouter} from "../../src/interfaces/IVerifierRouter.sol";
import {Headers} from "../Headers.sol";
import {RoundsBase} from "../RoundsBase.sol";
import {Proven, RoundsWithProofs} from "../RoundsProofs.t.sol";

/// @notice H5: deliveries that nobody suspects are drawn by lot and have to be proven.
abstract contract AuditBase is RoundsWithProofs {
    IRounds.Delivery[] internal deliveries;
    Slashing internal slashing;

    function setUp() public virtual override {
        super.setUp();
        start(true);
        slashing = new Slashing(rounds, demands, registry, router);
        vm.etch(slashingAt, address(slashing).code);
        slashing = Slashing(slashingAt);
        drawForProofs();
        for (uint256 i = 0; i < 3; ++i) {
            deliveries.push(IRounds.Delivery(proven(i).update, submissionHash(i, proven(i))));
        }
    }

    function auditWith(bytes32 randomness) internal {
        (, uint64 target) = demands.auditOf(round);
        demands.audit(round, Headers.install(target, randomness), members, deliveries);
    }

    function isAudited(uint256 index) internal view returns (bool) {
        return demands.demandOf(round, members[index].account).by == address(demands);
    }

    function answer(uint256 index) internal {
        Proven memory p = proven(index);
        bytes32[] memory path = memberPath(members, index);
        demands.answer(round, members[index], path, p.statement, p.proof);
    }
}

contract AuditTest is AuditBase {
    function audits() internal pure override returns (uint16) {
        return 1;
    }

    function test_no_round_is_settled_before_its_audit_was_answered() public {
        propose(round, members, deliveries);
        passWindow(round);
        bytes memory pending = abi.encodeWithSelector(IRounds.StillPending.selector, round);
        vm.expectRevert(pending);
        rounds.settle(round, members, deliveries);
        auditWith("random");
        vm.expectRevert(pending);
        rounds.settle(round, members, deliveries);
        vm.expectRevert(abi.encodeWithSelector(IDemands.NoAudit.selector, round));
        demands.audit(round, "", members, deliveries);
        for (uint256 i = 0; i < 3; ++i) {
            if (isAudited(i)) answer(i);
        }
        rounds.settle(round, members, deliveries);
        assertEq(statusOf(round), uint256(IRounds.Status.Settled));
    }

    /// @dev Any delivery may be the one, and just as many are drawn as the domain says.
    function test_every_delivery_can_be_drawn() public {
        propose(round, members, deliveries);
        uint256[3] memory drawn;
        uint256 snapshot = vm.snapshotState();
        for (uint256 k = 0; k < 60; ++k) {
            auditWith(keccak256(abi.encode(k)));
            assertEq(demands.openOf(round), 1);
            for (uint256 i = 0; i < 3; ++i) {
                if (isAudited(i)) ++drawn[i];
            }
            vm.revertToState(snapshot);
        }
        for (uint256 i = 0; i < 3; ++i) {
            assertGt(drawn[i], 8, "drawn as often as the others");
        }
    }

    function test_a_made_up_delivery_that_is_drawn_costs_the_bond() public {
        deliveries[2] = IRounds.Delivery("made up", "signed by nobody");
        propose(round, members, deliveries);
        uint256 snapshot = vm.snapshotState();
        for (uint256 k = 0; !isAudited(2); ++k) {
            vm.revertToState(snapshot);
            auditWith(keccak256(abi.encode(k)));
        }
        uint64 until = demands.demandOf(round, members[2].account).until;
        vm.warp(until + 1);
        address anyone = makeAddr("anyone");
        vm.prank(anyone);
        slashing.unanswered(round, members[2].account);
        assertEq(statusOf(round), uint256(IRounds.Status.Void));
        assertEq(token.balanceOf(anyone), COORDINATOR_BOND / 2, "the caller's");
        assertEq(token.balanceOf(address(demands)), 0);
        assertEq(escrow.available(domain), 10 * BUDGET);
    }

    function test_only_the_drawing_blocks_randomness_draws() public {
        propose(round, members, deliveries);
        (, uint64 target) = demands.auditOf(round);
        assertEq(target, rounds.get(round).proposedAt + 2);
        bytes memory header = Headers.make(target, "random");
        vm.roll(target);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.TooEarly.selector, uint256(target) + 1, target)
        );
        demands.audit(round, header, members, deliveries);
        vm.roll(target + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongHeader.selector, target));
        demands.audit(round, header, members, deliveries);
    }

    function test_a_forgotten_block_is_replaced_by_a_later_one() public {
        propose(round, members, deliveries);
        (, uint64 target) = demands.auditOf(round);
        vm.roll(target + 9000);
        vm.expectEmit(address(demands));
        emit IDemands.Postponed(round, target + 9002);
        demands.audit(round, "", members, deliveries);
        assertEq(demands.openOf(round), 0);
        auditWith("random");
        assertEq(demands.openOf(round), 2, "one more, for the block that was let pass");
    }

    /// @notice A draw that hits what was made up is let pass, and the next, until one does not:
    /// each that is let pass makes it likelier that the next one hits.
    function test_letting_blocks_pass_ends_with_everything_audited() public {
        propose(round, members, deliveries);
        for (uint256 i = 0; i < 5; ++i) {
            vm.roll(block.number + 9000);
            demands.audit(round, "", members, deliveries);
            if (demands.openOf(round) != 0) break;
        }
        assertEq(demands.openOf(round), 3, "no more than there are");
        (uint64 until,) = demands.auditOf(round);
        assertEq(until, 0);
    }

    /// @dev The tree is the same; the caller must not choose what a number stands for.
    function test_lists_are_in_order() public {
        propose(round, members, deliveries);
        (IRounds.Member memory m, IRounds.Delivery memory d) = (members[0], deliveries[0]);
        (members[0], deliveries[0]) = (members[1], deliveries[1]);
        (members[1], deliveries[1]) = (m, d);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongList.selector, round));
        demands.audit(round, "", members, deliveries);
    }

    /// @dev Nor what a delivery weighs in the draw, or that it is there.
    function test_weights_and_deliveries_are_those_of_the_batch() public {
        propose(round, members, deliveries);
        bytes memory wrong = abi.encodeWithSelector(IRounds.WrongList.selector, round);
        members[0].weight += 1;
        vm.expectRevert(wrong);
        demands.audit(round, "", members, deliveries);
        members[0].weight -= 1;
        delete deliveries[0];
        vm.expectRevert(wrong);
        demands.audit(round, "", members, deliveries);
        delete members;
        delete deliveries;
        vm.expectRevert(wrong);
        demands.audit(round, "", members, deliveries);
    }

    function test_an_audit_that_nobody_draws_costs_the_bond() public {
        propose(round, members, deliveries);
        (uint64 until,) = demands.auditOf(round);
        assertEq(until, block.timestamp + 1 days);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.unaudited(round);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooLate.selector, until, until + 1));
        demands.audit(round, "", members, deliveries);
        slashing.unaudited(round);
        assertEq(statusOf(round), uint256(IRounds.Status.Void));
    }

    function test_a_drawn_audit_is_not_late() public {
        propose(round, members, deliveries);
        auditWith("random");
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.unaudited(round);
    }

    function test_nothing_is_drawn_without_a_verifier() public {
        propose(round, members, deliveries);
        (uint64 until, uint64 target) = demands.auditOf(round);
        stop();
        bytes memory header = Headers.install(target, "random");
        bytes memory reason =
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId);
        vm.expectRevert(reason);
        demands.audit(round, header, members, deliveries);
        vm.warp(until + 1);
        vm.expectRevert(reason);
        slashing.unaudited(round);
        rounds.abandon(round);
    }

    /// @dev What was proven already need not be proven again.
    function test_only_what_is_not_proven_is_audited() public {
        for (uint256 i = 0; i < 2; ++i) {
            Proven memory p = proven(i);
            rounds.submit(round, members[i], memberPath(members, i), p.statement, p.proof);
            deliveries[i].submission = 0;
        }
        propose(round, members, deliveries);
        demands.audit(round, "", members, deliveries);
        assertFalse(isAudited(0));
        assertFalse(isAudited(1));
        assertTrue(isAudited(2));
    }

    /// @notice A submission was proven by nothing that the contract has checked.
    function test_a_submission_is_audited_though_its_update_was_checked() public {
        for (uint256 i = 0; i < 3; ++i) {
            Proven memory p = proven(i);
            rounds.submit(round, members[i], memberPath(members, i), p.statement, p.proof);
        }
        propose(round, members, deliveries);
        auditWith("random");
        assertEq(demands.openOf(round), 1);
    }

    function test_a_round_without_deliveries_has_nothing_to_audit() public {
        for (uint256 i = 0; i < 3; ++i) {
            delete deliveries[i];
        }
        passDeadline(round);
        proposeNoSum(round, members, deliveries);
        demands.audit(round, "", members, deliveries);
        passWindow(round);
        rounds.settle(round, members, deliveries);
    }
}

/// @notice A member with much weight is paid much, and looked at as often: one name with seven
/// eighths, or as many names as it likes.
contract WeightedAuditTest is RoundsBase {
    function audits() internal pure override returns (uint16) {
        return 1;
    }

    function test_is_audited_as_often_as_it_weighs() public {
        begin(4);
        uint32[] memory weights = new uint32[](4);
        (weights[0], weights[1], weights[2], weights[3]) = (4096, 57_344, 2048, 2048);
        bytes memory asked = abi.encodeWithSelector(IReputation.weights.selector);
        vm.mockCall(address(reputation), asked, abi.encode(weights));
        uint64 round = openAndDraw();
        IRounds.Member[] memory members = membersNow();
        IRounds.Delivery[] memory deliveries = allDelivered();
        propose(round, members, deliveries);
        (, uint64 target) = demands.auditOf(round);
        uint256[4] memory drawn;
        uint256 snapshot = vm.snapshotState();
        for (uint256 k = 0; k < 128; ++k) {
            bytes memory header = Headers.install(target, keccak256(abi.encode(k)));
            demands.audit(round, header, members, deliveries);
            for (uint256 i = 0; i < 4; ++i) {
                if (demands.demandOf(round, members[i].account).by != address(0)) ++drawn[i];
            }
            vm.revertToState(snapshot);
        }
        assertEq(drawn[0] + drawn[1] + drawn[2] + drawn[3], 128);
        // 112 and 8 on average; within four standard deviations.
        assertApproxEqAbs(drawn[1], 112, 15);
        assertApproxEqAbs(drawn[0], 8, 11);
        assertGt(drawn[0] + drawn[2] + drawn[3], 0);
    }
}
