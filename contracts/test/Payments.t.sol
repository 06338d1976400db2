// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Payments} from "../src/libraries/Payments.sol";
import {Weights} from "../src/libraries/Weights.sol";

contract PaymentsTest is Test {
    function test_an_example_by_hand() public pure {
        (uint256 coordinator, uint256 pool) = Payments.split(1000, 1500);
        assertEq(coordinator, 150);
        assertEq(pool, 850);
        (uint256 pay, uint256 fee) = Payments.member(pool, 32_768, 100);
        assertEq(fee, 4);
        assertEq(pay, 421);
    }

    function test_the_coordinators_part_by_hand() public pure {
        assertEq(Payments.coordinator(150, 65_536), 150);
        assertEq(Payments.coordinator(150, 32_768), 75);
        assertEq(Payments.coordinator(150, 1), 0);
        assertEq(Payments.coordinator(150, 0), 0);
    }

    function testFuzz_split_loses_nothing(uint128 budget, uint16 share) public pure {
        share = uint16(bound(share, 0, 10_000));
        (uint256 coordinator, uint256 pool) = Payments.split(budget, share);
        assertEq(coordinator + pool, budget);
        if (share == 0) assertEq(coordinator, 0);
        if (share == 10_000) assertEq(pool, 0);
    }

    function testFuzz_paid_and_burned_never_exceed_the_budget(
        uint128 budget,
        uint16 share,
        uint16 feeRate,
        uint32[] memory scores
    ) public pure {
        vm.assume(scores.length > 0 && scores.length <= 256);
        share = uint16(bound(share, 0, 10_000));
        feeRate = uint16(bound(feeRate, 0, 10_000));
        for (uint256 i = 0; i < scores.length; ++i) {
            scores[i] = uint32(bound(scores[i], 256, 65_536));
        }
        uint32[] memory weights = Weights.capped(scores, new bool[](scores.length), 4);
        (uint256 most, uint256 pool) = Payments.split(budget, share);
        uint256 total = Payments.coordinator(most, 65_536);
        assertEq(total, most, "all of the weight, all of the part");
        for (uint256 i = 0; i < weights.length; ++i) {
            (uint256 pay, uint256 fee) = Payments.member(pool, weights[i], feeRate);
            assertEq(pay + fee, pool * weights[i] / 65_536);
            total += pay + fee;
        }
        assertLe(total, budget);
        assertLe(budget - total, weights.length, "less than one unit a member is left");
    }

    function testFuzz_the_coordinator_gets_no_more_than_its_part(
        uint128 most,
        uint32 weight,
        uint32 other
    ) public pure {
        weight = uint32(bound(weight, 0, 65_536));
        other = uint32(bound(other, 0, weight));
        assertLe(Payments.coordinator(most, weight), most);
        assertLe(Payments.coordinator(most, other), Payments.coordinator(most, weight));
    }

    function testFuzz_more_weight_pays_no_less(uint128 pool, uint32 weight, uint16 feeRate)
        public
        pure
    {
        weight = uint32(bound(weight, 0, 65_535));
        feeRate = uint16(bound(feeRate, 0, 10_000));
        (uint256 less,) = Payments.member(pool, weight, feeRate);
        (uint256 more,) = Payments.member(pool, weight + 1, feeRate);
        assertGe(more, less);
    }
}
