// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Reputation} from "../../src/Reputation.sol";
import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice Many names, and new names for bad ones.
contract NamesTest is Test {
    Reputation private _reputation = new Reputation(address(this));

    /// @notice A name with the worst score is thrown away, and a fresh one is no better.
    function test_a_new_name_is_worth_no_more_than_the_worst_old_one() public {
        _admit(1, 2);
        for (uint256 i = 0; i < 100; ++i) {
            _settle(_list(1, 1), false);
        }
        uint32[] memory weights = _reputation.weights(1, _list(1, 2));
        assertEq(weights[0], weights[1]);
    }

    /// @notice Fifty names of one party, as good as new names can be, beside four who have been
    /// there for long.
    function test_new_names_have_a_quarter_together_however_many() public {
        uint256[3] memory counts = [uint256(2), 50, 252];
        for (uint256 c = 0; c < 3; ++c) {
            _reputation = new Reputation(address(this));
            uint256 count = counts[c];
            _admit(1, 4 + count);
            for (uint256 i = 0; i < 50; ++i) {
                _settle(_list(1, 4), true);
            }
            for (uint256 i = 0; i < 8; ++i) {
                _settle(_list(5, 4 + count), true);
            }
            uint32[] memory weights = _reputation.weights(1, _list(1, 4 + count));
            uint256 theirs = 0;
            for (uint256 i = 4; i < weights.length; ++i) {
                theirs += weights[i];
            }
            assertLe(theirs, 16_384);
        }
    }

    function _admit(uint160 from, uint256 to) private {
        for (uint160 i = from; i <= to; ++i) {
            _reputation.admit(1, address(i));
        }
    }

    function _settle(address[] memory accounts, bool delivered) private {
        bool[] memory marks = new bool[](accounts.length);
        for (uint256 i = 0; i < marks.length; ++i) {
            marks[i] = delivered;
        }
        _reputation.settle(1, accounts, marks);
    }

    function _list(uint160 from, uint256 to) private pure returns (address[] memory accounts) {
        accounts = new address[](to + 1 - from);
        for (uint160 i = 0; i < accounts.length; ++i) {
            accounts[i] = address(from + i);
        }
    }
}

/// @notice One dataset under many names, and rounds that only move scores.
contract NamesInRoundsTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function test_a_dataset_stands_for_one_member() public {
        address a = accounts[0];
        bytes32 dataset = rounds.membership(domain, a).dataset;
        assertEq(rounds.holderOf(domain, dataset), a);
        address b = accounts[1];
        uint64 other = openDomain(configOf(key, COORDINATOR));
        vm.prank(b);
        rounds.join(other, dataset, 5);
        vm.startPrank(a);
        vm.expectRevert(abi.encodeWithSelector(IRounds.DatasetTaken.selector, other, dataset, b));
        rounds.join(other, dataset, 5);
        // It is free once the member has left, and not before.
        rounds.resign(domain);
        vm.warp(block.timestamp + 16 days);
        rounds.exit(domain);
        vm.stopPrank();
        assertEq(rounds.holderOf(domain, dataset), address(0));
        address c = makeAddr("c");
        join(domain, c, dataset, 5);
        assertEq(rounds.holderOf(domain, dataset), c);
    }

    /// @notice Rounds of one unit, time and again, whose made-up deliveries raise friends and lower
    /// the others.
    function test_a_round_that_pays_next_to_nothing_moves_nobody() public {
        uint256 least = registry.openingOf(domain).minBudget;
        assertGt(least, 1);
        for (uint256 i = 0; i < 2; ++i) {
            uint128 budget = i == 0 ? 1 : uint128(least) - 1;
            vm.expectRevert(abi.encodeWithSelector(IRounds.BudgetTooLow.selector, least, budget));
            vm.prank(COORDINATOR);
            rounds.open(domain, DURATION, budget, accounts);
        }
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, uint128(least), accounts);
    }

    function test_refuses_rounds_out_of_bounds() public {
        IDomainRegistry.Config memory config = _config();
        config.minDuration = 10 minutes - 1;
        _assertRefused(config, 14, 10 minutes - 1);
        config.minDuration = 7 days + 1;
        _assertRefused(config, 14, 7 days + 1);
        config = _config();
        config.minWindows = 0;
        _assertRefused(config, 15, 0);
        config = _config();
        config.threshold = 4999;
        _assertRefused(config, 16, 4999);
        config.threshold = 10_000;
        _assertRefused(config, 16, 10_000);
        config = _config();
        config.audits = 17;
        _assertRefused(config, 17, 17);
        config.optimistic = false;
        config.audits = 1;
        _assertRefused(config, 17, 1);
    }

    function test_a_round_that_pays_does_not_pay_next_to_nothing() public {
        IDomainRegistry.Config memory config = _config();
        config.minBudget = 0;
        _assertRefused(config, 13, 0);
        config.minBudget = config.maxBudget + 1;
        _assertRefused(config, 13, uint256(config.maxBudget) + 1);
    }

    function _config() private view returns (IDomainRegistry.Config memory) {
        return configOf(key, COORDINATOR);
    }

    function _open(IDomainRegistry.Config memory config) private returns (uint64) {
        vm.prank(OWNER);
        return registry.open(config);
    }

    function _assertRefused(IDomainRegistry.Config memory config, uint256 field, uint256 value)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.BadConfig.selector, field, value));
        _open(config);
    }
}
