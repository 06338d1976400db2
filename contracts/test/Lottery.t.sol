// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Burning} from "../src/libraries/Burning.sol";
import {Lottery} from "../src/libraries/Lottery.sol";

contract LotteryTest is Test {
    uint128 private constant BOND = 100e18;

    function _tickets(uint256[4] memory weights)
        private
        pure
        returns (Lottery.Ticket[] memory tickets)
    {
        tickets = new Lottery.Ticket[](4);
        for (uint256 i = 0; i < 4; ++i) {
            tickets[i] = Lottery.Ticket(i, weights[i]);
        }
    }

    /// @dev How often each is drawn first, and second.
    function _counts(uint256[4] memory weights, uint256 times)
        private
        pure
        returns (uint256[4] memory first, uint256[4] memory second)
    {
        for (uint256 i = 0; i < times; ++i) {
            Lottery.Ticket[] memory tickets = _tickets(weights);
            Lottery.draw(tickets, 2, keccak256(abi.encode("draw", i)));
            ++first[tickets[0].place];
            ++second[tickets[1].place];
        }
    }

    /// @dev A test vector, computed apart from this program; the client's is the same.
    function test_draws_what_clients_draw() public pure {
        uint8[8] memory weights = [5, 1, 40, 7, 0, 12, 3, 3];
        uint8[5][2] memory drawn = [[5, 2, 1, 0, 7], [5, 2, 7, 3, 0]];
        for (uint256 k = 0; k < 2; ++k) {
            Lottery.Ticket[] memory tickets = new Lottery.Ticket[](8);
            for (uint256 i = 0; i < 8; ++i) {
                tickets[i] = Lottery.Ticket(i, weights[i]);
            }
            // Bytes of one, and bytes of two.
            Lottery.draw(tickets, 5, bytes32(type(uint256).max / 255 * (k + 1)));
            for (uint256 i = 0; i < 5; ++i) {
                assertEq(tickets[i].place, drawn[k][i]);
            }
        }
    }

    /// @notice Of 4,096 draws 3/4, 1/8, 1/16 and 1/16 within four standard deviations.
    function test_is_drawn_as_often_as_it_weighs() public pure {
        (uint256[4] memory first, uint256[4] memory second) = _counts([uint256(12), 2, 1, 1], 4096);
        assertApproxEqAbs(first[0], 3072, 111);
        assertApproxEqAbs(first[1], 512, 85);
        assertApproxEqAbs(first[2], 256, 62);
        assertApproxEqAbs(first[3], 256, 62);
        // Of the others when the heaviest was first, which then is in no second draw:
        // 4096 * (1/8 * 12/14 + 2 * 1/16 * 12/15) = 848.
        assertApproxEqAbs(second[0], 848, 104);
        assertGt(second[1], second[2]);
    }

    function test_nothing_without_weight_is_drawn_before_what_has_some() public pure {
        for (uint256 i = 0; i < 50; ++i) {
            Lottery.Ticket[] memory tickets = _tickets([uint256(0), 3, 0, 1]);
            Lottery.draw(tickets, 4, keccak256(abi.encode(i)));
            assertEq(tickets[0].weight + tickets[1].weight, 4);
        }
        Lottery.Ticket[] memory none = _tickets([uint256(0), 0, 0, 0]);
        Lottery.draw(none, 4, "seed");
    }

    /// @notice Nobody is lost or there twice, and the same seed draws the same.
    function testFuzz_draws_each_once(uint32[12] memory weights, uint256 some, bytes32 seed)
        public
        pure
    {
        some = bound(some, 0, 12);
        Lottery.Ticket[] memory tickets = new Lottery.Ticket[](12);
        Lottery.Ticket[] memory other = new Lottery.Ticket[](12);
        for (uint256 i = 0; i < 12; ++i) {
            tickets[i] = Lottery.Ticket(i, weights[i]);
            other[i] = Lottery.Ticket(i, weights[i]);
        }
        Lottery.draw(tickets, some, seed);
        Lottery.draw(other, 12, seed);
        uint256 seen = 0;
        for (uint256 i = 0; i < 12; ++i) {
            if (i < some) assertEq(tickets[i].place, other[i].place);
            assertEq(tickets[i].weight, weights[tickets[i].place]);
            seen |= 1 << tickets[i].place;
        }
        assertEq(seen, (1 << 12) - 1);
    }

    /// @notice With whatever weights, however many names and audits: at the bound no made-up deliveries
    /// are worth what is lost for them.
    function testFuzz_making_up_never_pays(uint16[8] memory weights, uint8 made, uint8 audits)
        public
        pure
    {
        audits = uint8(bound(audits, 1, 4));
        (uint256 all, uint256 theirs) = (0, 0);
        for (uint256 i = 0; i < 8; ++i) {
            uint256 weight = uint256(weights[i]) + 1;
            all += weight;
            if (_isMade(made, i)) theirs += weight;
        }
        uint256 unseen = _missed(weights, made, audits, all, 0);
        uint256 budget = Burning.mostBudget(BOND, audits);
        uint256 gain = budget * theirs / all * unseen / 1e18;
        uint256 loss = BOND / 4 * (1e18 - unseen) / 1e18;
        // What rounding can make of nothing.
        assertLe(gain, loss + 1e6);
    }

    /// @notice And with more than the bound something is: the bound is where it has to be.
    function test_a_little_more_would_pay() public pure {
        for (uint16 audits = 1; audits <= 4; ++audits) {
            uint256 budget = Burning.mostBudget(BOND, audits) * 11 / 10;
            // A hundredth of everything is made up.
            uint256 unseen = 1e18;
            for (uint256 i = 0; i < audits; ++i) {
                unseen = unseen * 99 / 100;
            }
            assertGt(budget / 100 * unseen, BOND / 4 * (1e18 - unseen));
        }
    }

    function _isMade(uint8 made, uint256 index) private pure returns (bool) {
        return (made >> index) & 1 == 1;
    }

    /// @dev How likely it is that none of so many draws finds what is made up, in parts of 1e18: over all
    /// orders in which others are drawn.
    function _missed(
        uint16[8] memory weights,
        uint8 made,
        uint256 draws,
        uint256 left,
        uint256 gone
    ) private pure returns (uint256 sum) {
        if (draws == 0) return 1e18;
        for (uint256 i = 0; i < 8; ++i) {
            if (_isMade(made, i) || (gone >> i) & 1 == 1) continue;
            uint256 weight = uint256(weights[i]) + 1;
            uint256 then = draws == 1 || left == weight
                ? (draws == 1 ? 1e18 : 0)
                : _missed(weights, made, draws - 1, left - weight, gone | (1 << i));
            sum += then * weight / left;
        }
    }
}
