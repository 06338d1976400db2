// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Reputation} from "../../src/Reputation.sol";

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
