// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Weights} from "../src/libraries/Weights.sol";

contract WeightsTest is Test {
    function run(uint32[] memory scores) external pure returns (uint32[] memory) {
        return Weights.fromScores(scores);
    }

    function test_equal_scores_give_the_first_members_the_rest() public pure {
        uint32[] memory scores = new uint32[](3);
        (scores[0], scores[1], scores[2]) = (4096, 4096, 4096);
        uint32[] memory weights = Weights.fromScores(scores);
        assertEq(weights[0], 21_846);
        assertEq(weights[1], 21_845);
        assertEq(weights[2], 21_845);
    }

    function test_one_member_has_all_the_weight() public pure {
        uint32[] memory scores = new uint32[](1);
        scores[0] = 256;
        assertEq(Weights.fromScores(scores)[0], 65_536);
    }

    function test_the_worst_among_the_best_still_has_a_weight() public pure {
        uint32[] memory scores = new uint32[](256);
        for (uint256 i = 0; i < 255; ++i) {
            scores[i] = 65_536;
        }
        scores[255] = 256;
        assertGe(Weights.fromScores(scores)[255], 1);
    }

    function test_without_scores_there_are_no_weights() public {
        vm.expectRevert(Weights.NoScores.selector);
        this.run(new uint32[](0));
        vm.expectRevert(Weights.NoScores.selector);
        this.run(new uint32[](5));
    }

    function testFuzz_weights_sum_to_a_power_of_two_and_are_proportional(uint32[] memory scores)
        public
        pure
    {
        vm.assume(scores.length > 0 && scores.length <= 256);
        uint256 sum = 0;
        for (uint256 i = 0; i < scores.length; ++i) {
            scores[i] = uint32(bound(scores[i], 256, 65_536));
            sum += scores[i];
        }
        uint32[] memory weights = Weights.fromScores(scores);
        uint256 total = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            total += weights[i];
            uint256 exact = uint256(scores[i]) * 65_536;
            assertLe(uint256(weights[i]) * sum, exact + sum, "at most one too much");
            assertGt((uint256(weights[i]) + 1) * sum, exact, "never less than rounded down");
            assertGe(weights[i], 1);
        }
        assertEq(total, 65_536);
    }
}
