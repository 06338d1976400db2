// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Weights} from "../src/libraries/Weights.sol";

contract WeightsTest is Test {
    uint256 private constant LEAST = 4;

    function run(uint32[] memory scores) external pure returns (uint32[] memory) {
        return _all(scores);
    }

    function test_equal_scores_give_the_first_members_the_rest() public pure {
        uint32[] memory scores = new uint32[](3);
        (scores[0], scores[1], scores[2]) = (4096, 4096, 4096);
        uint32[] memory weights = _all(scores);
        assertEq(weights[0], 21_846);
        assertEq(weights[1], 21_845);
        assertEq(weights[2], 21_845);
    }

    function test_one_member_has_all_the_weight() public pure {
        uint32[] memory scores = new uint32[](1);
        scores[0] = 256;
        assertEq(_all(scores)[0], 65_536);
    }

    function test_the_worst_among_the_best_still_has_a_weight() public pure {
        uint32[] memory scores = new uint32[](256);
        for (uint256 i = 0; i < 255; ++i) {
            scores[i] = 65_536;
        }
        scores[255] = 256;
        assertGe(_all(scores)[255], 1);
    }

    function test_without_scores_there_are_no_weights() public {
        vm.expectRevert(Weights.NoScores.selector);
        this.run(new uint32[](0));
        vm.expectRevert(Weights.NoScores.selector);
        this.run(new uint32[](5));
    }

    function test_newcomers_share_a_quarter_beside_four_others() public pure {
        uint32[] memory weights = _round(4, 65_536, 252, 16_384);
        assertEq(_sum(weights, 0, 4), 49_152);
        assertEq(_sum(weights, 4, 256), 16_384);
        assertEq(weights[0], 12_288);
        assertEq(weights[4], 66);
        assertEq(weights[255], 65);
    }

    function test_newcomers_beside_fewer_others_are_weighted_as_all() public pure {
        uint32[] memory weights = _round(3, 65_536, 50, 16_384);
        assertEq(_sum(weights, 0, 53), 65_536);
        assertGt(_sum(weights, 3, 53), 16_384);
    }

    function test_newcomers_with_less_than_a_quarter_are_not_raised_to_it() public pure {
        uint32[] memory weights = _round(4, 65_536, 1, 256);
        assertEq(weights[4], 63);
    }

    function test_the_worst_newcomer_among_the_best_has_a_weight() public pure {
        (uint32[] memory scores, bool[] memory isNew) = _members(4, 256, 252, 16_384);
        scores[255] = 256;
        uint32[] memory weights = Weights.capped(scores, isNew, LEAST);
        assertGe(weights[255], 1);
        assertEq(_sum(weights, 0, 256), 65_536);
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
        uint32[] memory weights = _all(scores);
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

    function testFuzz_newcomers_never_have_more_than_a_quarter_beside_four(
        uint32[] memory scores,
        uint256 seed
    ) public pure {
        vm.assume(scores.length > 0 && scores.length <= 256);
        bool[] memory isNew = new bool[](scores.length);
        uint256 others = 0;
        for (uint256 i = 0; i < scores.length; ++i) {
            isNew[i] = uint256(keccak256(abi.encode(seed, i))) % 8 > seed % 8;
            scores[i] = uint32(bound(scores[i], 256, isNew[i] ? 16_384 : 65_536));
            if (!isNew[i]) ++others;
        }
        uint32[] memory weights = Weights.capped(scores, isNew, LEAST);
        uint32[] memory uncapped = _all(scores);
        uint256 newcomers = 0;
        for (uint256 i = 0; i < scores.length; ++i) {
            assertGe(weights[i], 1);
            if (isNew[i]) newcomers += weights[i];
            if (others < LEAST) assertEq(weights[i], uncapped[i]);
            else if (isNew[i]) assertLe(weights[i], uncapped[i] + 1, "a cap raises nobody new");
            else assertGe(weights[i] + 1, uncapped[i], "a cap takes from nobody else");
        }
        assertEq(_sum(weights, 0, scores.length), 65_536);
        // The ones that remain go to the first members, newcomers or not, where nobody is capped.
        if (others >= LEAST) assertLe(newcomers, 16_384 + scores.length);
    }

    function _all(uint32[] memory scores) private pure returns (uint32[] memory) {
        return Weights.capped(scores, new bool[](scores.length), LEAST);
    }

    function _round(uint256 others, uint32 theirs, uint256 newcomers, uint32 score)
        private
        pure
        returns (uint32[] memory)
    {
        (uint32[] memory scores, bool[] memory isNew) = _members(others, theirs, newcomers, score);
        return Weights.capped(scores, isNew, LEAST);
    }

    function _members(uint256 others, uint32 theirs, uint256 newcomers, uint32 score)
        private
        pure
        returns (uint32[] memory scores, bool[] memory isNew)
    {
        scores = new uint32[](others + newcomers);
        isNew = new bool[](others + newcomers);
        for (uint256 i = 0; i < scores.length; ++i) {
            isNew[i] = i >= others;
            scores[i] = isNew[i] ? score : theirs;
        }
    }

    function _sum(uint32[] memory weights, uint256 from, uint256 to)
        private
        pure
        returns (uint256 sum)
    {
        for (uint256 i = from; i < to; ++i) {
            sum += weights[i];
        }
    }
}
