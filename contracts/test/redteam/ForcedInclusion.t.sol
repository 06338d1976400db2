// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Deliveries} from "../../src/libraries/Deliveries.sol";
import {Proven, RoundsWithProofs} from "../RoundsProofs.t.sol";

/// @notice Members who have worked are paid, whatever the coordinator says of them.
abstract contract InclusionBase is RoundsWithProofs {
    IRounds.Delivery[] internal deliveries;

    function begin(bool optimistic) internal {
        start(optimistic);
        drawForProofs();
        for (uint256 i = 0; i < 3; ++i) {
            deliveries.push();
        }
    }

    function submit(uint256 index, Proven memory p) internal {
        rounds.submit(round, members[index], memberPath(members, index), p.statement, p.proof);
    }

    function refuse(bytes memory reason) internal {
        IRounds.Batch memory batch = batchOf(round, members, deliveries);
        (batch.aggregate, batch.model) = (0, rounds.get(round).parent);
        bytes memory signature = signedBy(COORDINATOR_KEY, batch);
        vm.expectRevert(reason);
        rounds.propose(round, members, deliveries, 0, batch.model, signature);
    }

    function wrongDelivery(uint256 index) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[index].account);
    }

    function owed(uint256 index) internal view returns (uint256) {
        return escrow.owed(address(token), members[index].account);
    }

    function part(uint256 index) internal view returns (uint256) {
        uint256 gross = (BUDGET - BUDGET / 10) * uint256(members[index].weight) / 65_536;
        return gross - gross / 100;
    }

    function settle() internal {
        passWindow(round);
        rounds.settle(round, members, deliveries);
    }
}

/// @notice H1: an optimistic round in which the coordinator says that nobody delivered.
contract FreeWorkTest is InclusionBase {
    function setUp() public override {
        super.setUp();
        begin(true);
    }

    function test_whoever_delivers_on_chain_cannot_be_left_out() public {
        submit(1, proven(1));
        passDeadline(round);
        refuse(wrongDelivery(1));
        deliveries[1].update = again(1).update;
        refuse(wrongDelivery(1));
        deliveries[1].update = proven(1).update;
        proposeNoSum(round, members, deliveries);
        settle();
        assertEq(owed(1), part(1));
        assertEq(escrow.owed(address(token), COORDINATOR), 0, "no sum, no share");
        assertEq(escrow.available(domain), 10 * BUDGET - owed(1) - token_fee(1));
    }

    function token_fee(uint256 index) private view returns (uint256) {
        return (BUDGET - BUDGET / 10) * uint256(members[index].weight) / 65_536 - part(index);
    }

    function test_the_door_is_open_until_the_deadline() public {
        uint64 deadline = rounds.get(round).deadline;
        refuse(abi.encodeWithSelector(IRounds.NotEverybody.selector, round, deadline));
        vm.warp(deadline);
        refuse(abi.encodeWithSelector(IRounds.NotEverybody.selector, round, deadline));
        submit(1, proven(1));
        vm.warp(deadline + 1);
        refuse(wrongDelivery(1));
    }

    /// @dev Silence is no way out either.
    function test_a_coordinator_that_proposes_nothing_does_not_spare_the_budget() public {
        submit(1, proven(1));
        vm.warp(rounds.get(round).deadline + 1 days + 1);
        slashCoordinator(round);
        assertEq(rounds.current(domain), round, "under way until it is paid");
        rounds.settle(round, members, new IRounds.Delivery[](0));
        assertEq(owed(1), part(1));
        assertEq(owed(0), 0);
        assertEq(rounds.current(domain), 0);
    }

    /// @dev What is paid for need not be summed: a vector that is not there cannot be added.
    function test_what_was_delivered_on_chain_alone_is_paid_beside_the_sum() public {
        submit(1, proven(1));
        deliveries[0] = IRounds.Delivery(proven(0).update, submissionHash(0, proven(0)));
        deliveries[1] = IRounds.Delivery(proven(1).update, 0);
        passDeadline(round);
        propose(round, members, deliveries);
        settle();
        assertEq(owed(0), part(0));
        assertEq(owed(1), part(1));
        assertEq(owed(2), 0);
        // Its share of what is in the sum.
        uint256 share = BUDGET / 10 * uint256(members[0].weight) / 65_536;
        assertEq(escrow.owed(address(token), COORDINATOR), share);
    }

    /// @dev A member that is in the sum delivers another proof at the last minute.
    function test_a_second_proof_spoils_no_sum() public {
        for (uint256 i = 0; i < 3; ++i) {
            deliveries[i] = IRounds.Delivery(proven(i).update, submissionHash(i, proven(i)));
        }
        submit(1, again(1));
        propose(round, members, deliveries);
        // What was not checked can be demanded, and what was cannot.
        demandFor(address(this), round, members, deliveries, 1);
        Proven memory p = proven(1);
        bytes32[] memory path = memberPath(members, 1);
        demands.answer(round, members[1], path, p.statement, p.proof);
        settle();
        assertEq(owed(1), part(1));
    }

    function test_what_was_checked_needs_no_demand() public {
        submit(1, proven(1));
        deliveries[1] = IRounds.Delivery(proven(1).update, 0);
        passDeadline(round);
        proposeNoSum(round, members, deliveries);
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IDemands.AlreadyProven.selector, round, members[1].account)
        );
        demands.demand{value: 1 ether}(round, members[1], deliveries[1], path);
    }

    /// @notice All deliver on chain alone, and the coordinator says that it has all their work in the
    /// sum, signed by nobody: that was checked as little as anything else it says.
    function test_a_submission_that_nobody_signed_can_be_demanded() public {
        for (uint256 i = 0; i < 3; ++i) {
            submit(i, proven(i));
            deliveries[i] = IRounds.Delivery(proven(i).update, "signed by nobody");
        }
        propose(round, members, deliveries);
        demandFor(address(this), round, members, deliveries, 1);
        Proven memory p = proven(1);
        bytes32[] memory path = memberPath(members, 1);
        vm.expectRevert(wrongDelivery(1));
        demands.answer(round, members[1], path, p.statement, p.proof);
        passWindow(round);
        vm.expectRevert(abi.encodeWithSelector(IRounds.StillPending.selector, round));
        rounds.settle(round, members, deliveries);
    }

    function test_nothing_is_invented_without_a_submission() public {
        deliveries[2].update = "made up";
        passDeadline(round);
        refuse(wrongDelivery(2));
    }

    receive() external payable {}
}

/// @notice H2: an eager round whose coordinator proposes before an honest member's proof.
contract EagerOmissionTest is InclusionBase {
    function setUp() public override {
        super.setUp();
        begin(false);
    }

    function test_nobody_is_shut_out_by_an_early_proposal() public {
        submit(0, proven(0));
        deliveries[0] = IRounds.Delivery(proven(0).update, Deliveries.MARK);
        uint64 deadline = rounds.get(round).deadline;
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotEverybody.selector, round, deadline));
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        submit(1, proven(1));
        passDeadline(round);
        vm.expectRevert(wrongDelivery(1));
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        deliveries[1].update = proven(1).update;
        propose(round, members, deliveries);
        settle();
        assertEq(owed(1), part(1));
    }

    /// @dev H4: the share follows the work.
    function test_one_delivery_earns_one_deliverys_share() public {
        submit(0, proven(0));
        deliveries[0] = IRounds.Delivery(proven(0).update, Deliveries.MARK);
        passDeadline(round);
        propose(round, members, deliveries);
        settle();
        uint256 share = BUDGET / 10 * uint256(members[0].weight) / 65_536;
        assertEq(escrow.owed(address(token), COORDINATOR), share);
        assertLt(share, BUDGET / 10 / 2);
    }

    /// @notice A member delivers its proof on chain, and its vector to nobody: there is a sum of the
    /// others' work, and it is paid all the same.
    function test_a_vector_that_is_withheld_stops_no_model() public {
        for (uint256 i = 0; i < 3; ++i) {
            submit(i, proven(i));
            deliveries[i] =
                IRounds.Delivery(proven(i).update, i == 1 ? bytes32(0) : Deliveries.MARK);
        }
        propose(round, members, deliveries);
        settle();
        (bytes32 model, uint64 number) = registry.head(domain);
        assertEq(model, MODEL);
        assertEq(number, 1);
        assertEq(owed(1), part(1));
        uint256 summed = uint256(members[0].weight) + members[2].weight;
        assertEq(escrow.owed(address(token), COORDINATOR), BUDGET / 10 * summed / 65_536);
    }

    /// @notice Nor is there a sum of nothing.
    function test_a_sum_has_something_in_it() public {
        for (uint256 i = 0; i < 3; ++i) {
            submit(i, proven(i));
            deliveries[i] = IRounds.Delivery(proven(i).update, 0);
        }
        bytes memory signature = signedBy(COORDINATOR_KEY, batchOf(round, members, deliveries));
        vm.expectRevert(abi.encodeWithSelector(IRounds.NothingDelivered.selector, round));
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
    }
}
