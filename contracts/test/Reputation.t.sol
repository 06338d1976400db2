// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Reputation} from "../src/Reputation.sol";
import {IReputation} from "../src/interfaces/IReputation.sol";

contract ReputationTest is Test {
    Reputation private reputation = new Reputation(address(this));
    address private constant A = address(0xa);
    address private constant B = address(0xb);

    function settle(address account, bool delivered) private {
        address[] memory accounts = new address[](1);
        bool[] memory marks = new bool[](1);
        (accounts[0], marks[0]) = (account, delivered);
        reputation.settle(1, accounts, marks);
    }

    function score(address account) private view returns (uint256) {
        return reputation.standing(1, account).score;
    }

    function test_only_rounds_may() public {
        address stranger = makeAddr("stranger");
        vm.startPrank(stranger);
        bytes memory reason = abi.encodeWithSelector(IReputation.Unauthorized.selector, stranger);
        vm.expectRevert(reason);
        reputation.admit(1, A);
        vm.expectRevert(reason);
        reputation.settle(1, new address[](0), new bool[](0));
        vm.expectRevert(reason);
        reputation.ruin(1, A);
        vm.expectRevert(reason);
        reputation.bar(1, A);
    }

    function test_whoever_is_barred_stays_barred_in_that_domain() public {
        assertFalse(reputation.isBarred(1, A));
        vm.expectEmit(address(reputation));
        emit IReputation.Barred(1, A);
        reputation.bar(1, A);
        assertTrue(reputation.isBarred(1, A));
        assertFalse(reputation.isBarred(2, A));
        // As a trainer it is somebody as before.
        reputation.admit(1, A);
        assertEq(score(A), 256);
    }

    function test_a_newcomer_is_admitted_once() public {
        vm.expectEmit(address(reputation));
        emit IReputation.Scored(1, A, 256);
        reputation.admit(1, A);
        assertEq(score(A), 256);
        settle(A, true);
        uint256 moved = score(A);
        reputation.admit(1, A);
        assertEq(score(A), moved, "admitted again, nothing changes");
        assertEq(reputation.standing(2, A).score, 0, "domains know nothing of each other");
    }

    function test_newcomers_are_capped_for_eight_rounds() public {
        reputation.admit(1, A);
        for (uint256 i = 0; i < 8; ++i) {
            settle(A, true);
            assertLe(score(A), 16_384);
        }
        assertEq(score(A), 16_384);
        settle(A, true);
        assertEq(score(A), 16_384 + (65_536 - 16_384) / 8);
    }

    function test_scores_stay_in_bounds() public {
        reputation.admit(1, A);
        for (uint256 i = 0; i < 100; ++i) {
            settle(A, true);
        }
        assertLe(score(A), 65_536);
        assertGt(score(A), 65_000);
        for (uint256 i = 0; i < 100; ++i) {
            settle(A, false);
        }
        assertEq(score(A), 256);
    }

    function test_moves_by_an_eighth() public {
        reputation.admit(1, A);
        vm.expectEmit(address(reputation));
        emit IReputation.Scored(1, A, 256 + (65_536 - 256) / 8);
        settle(A, true);
        uint256 before = score(A);
        settle(A, false);
        assertEq(score(A), before - before / 8);
        assertEq(reputation.standing(1, A).rounds, 2);
    }

    function test_the_ruined_stay_ruined() public {
        reputation.admit(1, A);
        vm.expectEmit(address(reputation));
        emit IReputation.Scored(1, A, 0);
        reputation.ruin(1, A);
        assertTrue(reputation.standing(1, A).slashed);
        settle(A, true);
        assertEq(score(A), 0);
        vm.expectRevert(abi.encodeWithSelector(IReputation.WasSlashed.selector, 1, A));
        reputation.admit(1, A);
        address[] memory accounts = new address[](1);
        accounts[0] = A;
        vm.expectRevert(abi.encodeWithSelector(IReputation.NoStanding.selector, 1, A));
        reputation.weights(1, accounts);
    }

    function test_lists_have_the_same_length() public {
        vm.expectRevert(abi.encodeWithSelector(IReputation.WrongLength.selector, 1, 2));
        reputation.settle(1, new address[](1), new bool[](2));
    }

    function test_weights_follow_from_scores() public {
        reputation.admit(1, A);
        reputation.admit(1, B);
        settle(B, true);
        address[] memory accounts = new address[](2);
        (accounts[0], accounts[1]) = (A, B);
        uint32[] memory weights = reputation.weights(1, accounts);
        uint256 sum = score(A) + score(B);
        assertEq(weights[0], 65_536 * score(A) / sum + 1);
        assertEq(weights[1], 65_536 * score(B) / sum);
    }

    function test_weights_are_for_ascending_accounts() public {
        reputation.admit(1, A);
        reputation.admit(1, B);
        address[] memory accounts = new address[](2);
        (accounts[0], accounts[1]) = (B, A);
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAscending.selector, 1));
        reputation.weights(1, accounts);
        accounts[1] = B;
        vm.expectRevert(abi.encodeWithSelector(IReputation.NotAscending.selector, 1));
        reputation.weights(1, accounts);
    }

    function testFuzz_any_history_stays_in_bounds(bool[] calldata history) public {
        reputation.admit(1, A);
        uint256 last = score(A);
        for (uint256 i = 0; i < history.length; ++i) {
            settle(A, history[i]);
            uint256 now_ = score(A);
            assertGe(now_, 256);
            assertLe(now_, i < 8 ? 16_384 : 65_536);
            if (history[i]) assertGe(now_, last);
            else assertLe(now_, last);
            last = now_;
        }
    }
}
