// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice M10: a member that leaves in the last minute.
contract LeftOutTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    /// @dev An owner that leaves, or unbonds, in the last minute keeps nobody else from working.
    function test_who_is_not_eligible_is_left_out() public {
        address[] memory all = accounts;
        uint256 state = vm.snapshotState();
        vm.prank(all[1]);
        rounds.resign(domain);
        _openWithout(1);

        vm.revertToState(state);
        vm.prank(all[1]);
        stakes.unbond(all[1], STAKE - TRAINER_BOND + 1);
        _openWithout(1);

        vm.revertToState(state);
        accounts[1] = address(uint160(all[0]) + 1);
        _openWithout(1);
    }

    function _openWithout(uint256 index) private {
        uint64 round = openRound();
        (accounts[index], accounts[2]) = (accounts[2], accounts[index]);
        address out = accounts[2];
        accounts.pop();
        IRounds.Member[] memory members = membersNow();
        assertEq(rounds.get(round).count, 2);
        assertEq(rounds.get(round).members, Merkle.root(leavesOf(members)));
        accounts.push(out);
        (accounts[index], accounts[2]) = (accounts[2], accounts[index]);
    }

    function test_enough_are_eligible() public {
        IDomainRegistry.Config memory config = configOf(key, COORDINATOR);
        config.minMembers = 3;
        domain = openDomain(config);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(domain, keccak256(abi.encode(i)), 5);
        }
        vm.prank(accounts[2]);
        rounds.resign(domain);
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 2, 3, 256));
    }

    function refuse(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET, accounts);
    }
}
