// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice Proposals in optimistic domains.
contract RoundsProposeTest is RoundsBase {
    uint64 private round;
    IRounds.Member[] private members;
    IRounds.Delivery[] private deliveries;

    function setUp() public override {
        super.setUp();
        begin(3);
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
        assertEq(state.proposedAt, block.number);
        assertEq(abi.encode(rounds.batchOf(round)), abi.encode(batch));
        assertEq(state.batch, hashOf(batch));
        refuse(wrongStatus(IRounds.Status.Proposed));
    }

    function test_only_drawn_rounds() public {
        domain = openDomain(configOf(key, COORDINATOR));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(domain, keccak256(abi.encode(i)), 5);
        }
        round = openRound();
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotDrawn.selector, round));
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
    }

    function test_only_within_a_day_after_the_deadline() public {
        uint64 until = rounds.get(round).deadline + 1 days;
        vm.warp(until + 1);
        refuse(abi.encodeWithSelector(IRounds.TooLate.selector, until, until + 1));
        vm.warp(until);
        propose(round, members, deliveries);
    }

    function test_before_the_deadline_only_if_everybody_delivered() public {
        uint64 deadline = rounds.get(round).deadline;
        deliveries[1] = IRounds.Delivery(0, 0);
        vm.warp(deadline);
        refuse(abi.encodeWithSelector(IRounds.NotEverybody.selector, round, deadline));
        vm.warp(deadline + 1);
        propose(round, members, deliveries);
    }

    function test_only_known_rounds() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 7));
        rounds.propose(7, members, deliveries, AGGREGATE, MODEL, "");
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
        passDeadline(round);
        propose(round, members, deliveries);
    }

    function test_something_was_delivered() public {
        for (uint256 i = 0; i < 3; ++i) {
            deliveries[i] = IRounds.Delivery(0, 0);
        }
        passDeadline(round);
        refuse(abi.encodeWithSelector(IRounds.NothingDelivered.selector, round));
        proposeNoSum(round, members, deliveries);
    }

    function test_without_a_sum_the_model_stays() public {
        IRounds.Batch memory batch = batchOf(round, members, deliveries);
        batch.aggregate = 0;
        bytes memory signature = signedBy(COORDINATOR_KEY, batch);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NothingDelivered.selector, round));
        rounds.propose(round, members, deliveries, 0, MODEL, signature);
        proposeNoSum(round, members, deliveries);
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
    }

    /// @dev Else it could sign another one without being caught.
    function test_the_coordinator_itself_signs_too() public {
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 0));
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
    }
}
