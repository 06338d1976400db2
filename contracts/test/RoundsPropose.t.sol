// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice Proposals in optimistic domains, and demands that nobody answers; answers need proofs,
/// which other tests have.
contract RoundsProposeTest is RoundsBase {
    uint64 private round;
    IRounds.Member[] private members;
    IRounds.Delivery[] private deliveries;
    address private challenger = makeAddr("challenger");

    function setUp() public override {
        super.setUp();
        begin(3);
        endow(challenger, 100e18);
        round = openAndDraw();
        _store(membersNow(), allDelivered());
    }

    function _store(IRounds.Member[] memory m, IRounds.Delivery[] memory d) private {
        for (uint256 i = 0; i < m.length; ++i) {
            members.push(m[i]);
            deliveries.push(d[i]);
        }
    }

    function refuse(bytes memory reason) private {
        bytes memory signature = signedBy(COORDINATOR_KEY, batchOf(round, members, deliveries));
        vm.expectRevert(reason);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
    }

    function wrongStatus(IRounds.Status status) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRounds.WrongStatus.selector, round, status);
    }

    function test_proposing() public {
        IRounds.Batch memory batch = batchOf(round, members, deliveries);
        uint64 end = uint64(block.timestamp) + CHALLENGE;
        bytes memory signature = signedBy(COORDINATOR_KEY, batch);
        vm.expectEmit(address(rounds));
        emit IRounds.Proposed(round, batch.root, AGGREGATE, MODEL, end, deliveries);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
        IRounds.Round memory state = rounds.get(round);
        assertEq(uint256(state.status), uint256(IRounds.Status.Proposed));
        assertEq(state.challengeEnd, end);
        assertEq(state.batch, hashOf(batch));
        refuse(wrongStatus(IRounds.Status.Proposed));
    }

    function test_only_drawn_rounds() public {
        slashCoordinator(round);
        round = openRound();
        refuse(abi.encodeWithSelector(IRounds.NotDrawn.selector, round));
    }

    function test_only_until_the_deadline() public {
        uint64 deadline = rounds.get(round).deadline;
        vm.warp(deadline + 1);
        refuse(abi.encodeWithSelector(IRounds.TooLate.selector, deadline, deadline + 1));
        vm.warp(deadline);
        propose(round, members, deliveries);
    }

    function test_only_known_rounds() public {
        round = 7;
        refuse(abi.encodeWithSelector(IRounds.UnknownRound.selector, 7));
    }

    function test_members_are_those_of_the_round() public {
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongList.selector, round);
        members[1].weight += 1;
        refuse(reason);
        members[1].weight -= 1;
        IRounds.Member memory last = members[2];
        members.pop();
        deliveries.pop();
        refuse(reason);
        members.push(last);
        refuse(reason);
        delete members;
        delete deliveries;
        refuse(reason);
    }

    /// @dev The tree is the same, but the deliveries in the event would seem to be others'.
    function test_members_are_in_order() public {
        (IRounds.Member memory m, IRounds.Delivery memory d) = (members[0], deliveries[0]);
        (members[0], deliveries[0]) = (members[1], deliveries[1]);
        (members[1], deliveries[1]) = (m, d);
        refuse(abi.encodeWithSelector(IRounds.WrongList.selector, round));
    }

    /// @dev A path or a root of a tree could stand for a list that is another.
    function test_an_inner_node_is_no_member() public {
        members[0] = members[1];
        refuse(abi.encodeWithSelector(IRounds.WrongList.selector, round));
    }

    function test_deliveries_are_whole() public {
        bytes memory reason =
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[1].account);
        deliveries[1].submission = 0;
        refuse(reason);
        deliveries[1] = IRounds.Delivery({update: 0, submission: "submission"});
        refuse(reason);
        deliveries[1].submission = 0;
        propose(round, members, deliveries);
    }

    function test_something_was_delivered() public {
        for (uint256 i = 0; i < 3; ++i) {
            deliveries[i] = IRounds.Delivery(0, 0);
        }
        refuse(abi.encodeWithSelector(IRounds.NothingDelivered.selector, round));
    }

    function test_the_coordinator_has_signed_just_that() public {
        IRounds.Batch memory batch = batchOf(round, members, deliveries);
        bytes memory signature = signedBy(0xbad, batch);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongSignature.selector, COORDINATOR, vm.addr(0xbad))
        );
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
        signature = signedBy(COORDINATOR_KEY, batch);
        vm.expectPartialRevert(IRounds.WrongSignature.selector);
        rounds.propose(round, members, deliveries, "other", MODEL, signature);
        vm.expectPartialRevert(IRounds.WrongSignature.selector);
        rounds.propose(round, members, deliveries, AGGREGATE, "other", signature);
        batch.round += 1;
        signature = signedBy(COORDINATOR_KEY, batch);
        vm.expectPartialRevert(IRounds.WrongSignature.selector);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
    }

    /// @dev Else it could sign another one without being caught.
    function test_the_coordinator_itself_signs_too() public {
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 0));
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
    }

    function test_nothing_is_submitted_on_chain() public {
        bytes32[] memory path = memberPath(members, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongMode.selector, domain));
        rounds.submit(round, members[0], path, "", "");
    }

    function demand(uint256 index) private {
        bytes32[] memory path = deliveryPath(members, deliveries, index);
        vm.prank(challenger);
        rounds.demand(round, members[index], deliveries[index], path);
    }

    function test_demanding() public {
        propose(round, members, deliveries);
        uint64 until = uint64(block.timestamp) + 1 days;
        uint256 before = token.balanceOf(challenger);
        vm.expectEmit(address(rounds));
        emit IRounds.Demanded(round, members[1].account, challenger, until);
        demand(1);
        assertEq(before - token.balanceOf(challenger), 1e18);
        assertEq(token.balanceOf(address(rounds)), 1e18);
        (address by, uint64 end) = rounds.demandOf(round, members[1].account);
        assertEq(by, challenger);
        assertEq(end, until);
        assertEq(rounds.get(round).demands, 1);
        demand(2);
        assertEq(rounds.get(round).demands, 2);

        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.AlreadyDemanded.selector, round, members[1].account)
        );
        rounds.demand(round, members[1], deliveries[1], path);
    }

    function test_demands_are_about_what_was_proposed() public {
        deliveries[2] = IRounds.Delivery(0, 0);
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.expectRevert(wrongStatus(IRounds.Status.Open));
        rounds.demand(round, members[1], deliveries[1], path);
        propose(round, members, deliveries);
        bytes memory reason =
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[1].account);
        vm.expectRevert(reason);
        rounds.demand(round, members[1], deliveries[0], path);
        deliveries[1].submission = "other";
        vm.expectRevert(reason);
        rounds.demand(round, members[1], deliveries[1], path);
        path = deliveryPath(members, deliveries, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[2].account)
        );
        rounds.demand(round, members[2], deliveries[2], path);
    }

    function test_demands_are_made_within_the_window() public {
        propose(round, members, deliveries);
        uint64 end = rounds.get(round).challengeEnd;
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooLate.selector, end, end + 1));
        rounds.demand(round, members[1], deliveries[1], path);
        vm.warp(end);
        demand(1);
    }

    function test_open_demands_stop_settlement() public {
        propose(round, members, deliveries);
        demand(0);
        passWindow(round);
        vm.expectRevert(abi.encodeWithSelector(IRounds.OpenDemands.selector, round, 1));
        rounds.settle(round, members, deliveries);
    }

    function test_without_an_answer_the_bond_goes_back_once() public {
        propose(round, members, deliveries);
        demand(0);
        address account = members[0].account;
        vm.expectRevert(wrongStatus(IRounds.Status.Proposed));
        rounds.refundDemand(round, account);
        // After the window: the demand keeps the coordinator responsible.
        vm.warp(block.timestamp + 1 days + 1);
        slashCoordinator(round);
        uint256 before = token.balanceOf(challenger);
        vm.expectEmit(address(rounds));
        emit IRounds.DemandRefunded(round, account, challenger, 1e18);
        rounds.refundDemand(round, account);
        assertEq(token.balanceOf(challenger) - before, 1e18);
        assertEq(rounds.get(round).demands, 0);
        bytes memory reason = abi.encodeWithSelector(IRounds.NotDemanded.selector, round, account);
        vm.expectRevert(reason);
        rounds.refundDemand(round, account);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.NotDemanded.selector, round, members[1].account)
        );
        rounds.refundDemand(round, members[1].account);
    }

    function test_bonds_are_what_they_were() public {
        propose(round, members, deliveries);
        demand(0);
        vm.startPrank(address(timelock));
        (bool done,) = address(parameters)
            .call(
                abi.encodeWithSignature(
                    "set((uint128,uint128,uint16,uint16,uint128,uint128,uint128))",
                    1000e18,
                    100e18,
                    100,
                    5000,
                    10e18,
                    100e18,
                    5e18
                )
            );
        assertTrue(done);
        vm.stopPrank();
        demand(1);
        slashCoordinator(round);
        rounds.refundDemand(round, members[0].account);
        assertEq(token.balanceOf(address(rounds)), 5e18);
        rounds.refundDemand(round, members[1].account);
        assertEq(token.balanceOf(address(rounds)), 0);
    }
}
