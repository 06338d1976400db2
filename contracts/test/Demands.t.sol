// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../src/interfaces/IDemands.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice Demands that nobody answers; answers need proofs, which other tests have.
contract DemandsTest is RoundsBase {
    uint64 private round;
    IRounds.Member[] private members;
    IRounds.Delivery[] private deliveries;
    address private challenger = makeAddr("challenger");

    function setUp() public override {
        super.setUp();
        begin(3);
        round = openAndDraw();
        IRounds.Member[] memory m = membersNow();
        IRounds.Delivery[] memory d = allDelivered();
        for (uint256 i = 0; i < m.length; ++i) {
            members.push(m[i]);
            deliveries.push(d[i]);
        }
    }

    function demand(uint256 index) private returns (uint256 bond) {
        return demandFor(challenger, round, members, deliveries, index);
    }

    function refuse(uint256 index, bytes memory reason) private {
        bytes32[] memory path = deliveryPath(members, deliveries, index);
        vm.expectRevert(reason);
        demands.demand{value: 1 ether}(round, members[index], deliveries[index], path);
    }

    function wrongStatus(IRounds.Status status) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRounds.WrongStatus.selector, round, status);
    }

    function test_demanding() public {
        propose(round, members, deliveries);
        uint64 until = uint64(block.timestamp) + 1 days;
        uint256 price = demands.price(round);
        address account = members[1].account;
        vm.expectEmit(address(demands));
        emit IDemands.Demanded(round, account, challenger, until, price);
        assertEq(demand(1), price);
        assertEq(address(demands).balance, price);
        IDemands.Demand memory made = demands.demandOf(round, account);
        assertEq(made.by, challenger);
        assertEq(made.until, until);
        assertEq(made.answeredBy, address(0));
        assertEq(made.bond, price);
        assertEq(demands.openOf(round), 1);
        demand(2);
        assertEq(demands.openOf(round), 2);
        refuse(1, abi.encodeWithSelector(IDemands.AlreadyDemanded.selector, round, account));
    }

    function test_demands_are_about_what_was_proposed() public {
        deliveries[2] = IRounds.Delivery(0, 0);
        refuse(1, wrongStatus(IRounds.Status.Open));
        passDeadline(round);
        propose(round, members, deliveries);
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        bytes memory reason =
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[1].account);
        vm.expectRevert(reason);
        demands.demand{value: 1 ether}(round, members[1], deliveries[0], path);
        deliveries[1].submission = "other";
        vm.expectRevert(reason);
        demands.demand{value: 1 ether}(round, members[1], deliveries[1], path);
        refuse(2, abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[2].account));
    }

    function test_demands_are_made_within_the_window() public {
        propose(round, members, deliveries);
        uint64 end = rounds.get(round).challengeEnd;
        vm.warp(end + 1);
        refuse(1, abi.encodeWithSelector(IRounds.TooLate.selector, end, end + 1));
        vm.warp(end);
        demand(1);
    }

    function test_open_demands_stop_settlement() public {
        propose(round, members, deliveries);
        demand(0);
        passWindow(round);
        assertTrue(demands.isPending(round));
        vm.expectRevert(abi.encodeWithSelector(IRounds.StillPending.selector, round));
        rounds.settle(round, members, deliveries);
    }

    function test_nothing_is_demanded_without_a_verifier() public {
        propose(round, members, deliveries);
        stop();
        refuse(1, abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId));
    }

    /// @dev A contract that refuses ether keeps nobody else's.
    function test_who_refuses_its_bond_has_lost_it() public {
        propose(round, members, deliveries);
        bytes32[] memory path = deliveryPath(members, deliveries, 0);
        demands.demand{value: 1 ether}(round, members[0], deliveries[0], path);
        demand(1);
        slashCoordinator(round);
        vm.expectRevert();
        demands.collect(round, members[0].account);
        demands.collect(round, members[1].account);
        assertEq(address(demands).balance, 1 ether);
    }
}
