// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {EvidenceBase} from "../EvidenceBase.sol";
import {Paths} from "../Paths.sol";
import {RoundsBase} from "../RoundsBase.sol";
import {Proven} from "../SlashingBase.sol";

/// @notice M1: the demander is who gains by it.
contract DemandBountyTest is EvidenceBase {
    function _demand(uint256 index) private returns (uint64 until) {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), index);
        vm.deal(challenger, challenger.balance + 1 ether);
        vm.prank(challenger);
        demands.demand{value: 1 ether}(round, members[index], deliveries[index], path);
        return demands.demandOf(round, members[index].account).until;
    }

    function test_slashes_whoever_answers_nothing() public {
        _proposeHonestly();
        vm.warp(rounds.get(round).challengeEnd);
        uint64 until = _demand(1);
        address account = members[1].account;
        vm.warp(until);
        bytes memory early = abi.encodeWithSelector(ISlashing.NotOverdue.selector, round, account);
        vm.expectRevert(early);
        slashing.unanswered(round, account);
        vm.warp(until + 1);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.UNANSWERED());
        // Another account calls: everybody knows the second.
        vm.prank(makeAddr("somebody faster"));
        slashing.unanswered(round, account);
        _assertVoid();
        _assertBounty(1);
        _assertUnharmed(account);
    }

    /// @dev A demander that shows what was hidden, answer by answer, does not pay for it.
    function test_bonds_of_a_void_round_go_back_answered_or_not() public {
        _proposeHonestly();
        _demand(0);
        _demand(1);
        Proven memory proven = _proven(1);
        address answerer = makeAddr("answerer");
        vm.prank(answerer);
        demands.answer(round, members[1], _memberPath(1), proven.statement, proven.proof);
        vm.prank(address(slashing));
        rounds.slashCoordinator(round, address(this), "test");
        demands.collect(round, members[0].account);
        demands.collect(round, members[1].account);
        assertEq(challenger.balance, 2 ether);
        assertEq(answerer.balance, 0);
    }
}

/// @notice M1: bonds are worth an answer's gas, and are held until the round is over.
contract DemandBondTest is RoundsBase {
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

    /// @dev At any base fee the bond pays for the gas that an answer takes.
    function testFuzz_a_bond_pays_for_the_answer(uint64 baseFee) public {
        vm.fee(baseFee);
        uint256 bound = router.gasBound(verifierId, key.keyHash);
        uint256 price = demands.price(round);
        assertGe(price, 2 * bound * baseFee);
        assertGe(price, 2 * bound * 0.01 gwei);
    }

    function test_a_bond_is_at_least_the_price_and_all_that_is_sent() public {
        propose(round, members, deliveries);
        uint256 price = demands.price(round);
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.expectRevert(abi.encodeWithSelector(IDemands.BondTooLow.selector, price, price - 1));
        demands.demand{value: price - 1}(round, members[1], deliveries[1], path);
        demands.demand{value: 2 * price}(round, members[1], deliveries[1], path);
        assertEq(demands.demandOf(round, members[1].account).bond, 2 * price);
    }

    function test_without_an_answer_the_bond_goes_back_once() public {
        propose(round, members, deliveries);
        uint256 bond = demand(0);
        address account = members[0].account;
        bytes memory nothing =
            abi.encodeWithSelector(IDemands.NothingToCollect.selector, round, account);
        vm.expectRevert(nothing);
        demands.collect(round, account);
        // After the window: the demand keeps the coordinator responsible.
        vm.warp(block.timestamp + 1 days + 1);
        slashCoordinator(round);
        vm.expectEmit(address(demands));
        emit IDemands.Collected(round, account, challenger, bond);
        demands.collect(round, account);
        assertEq(challenger.balance, bond);
        assertEq(address(demands).balance, 0);
        vm.expectRevert(nothing);
        demands.collect(round, account);
        address other = members[1].account;
        vm.expectRevert(abi.encodeWithSelector(IDemands.NothingToCollect.selector, round, other));
        demands.collect(round, other);
    }
}
