// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RewardToken} from "../../src/RewardToken.sol";
import {StakeManager} from "../../src/StakeManager.sol";
import {Deployment} from "../Deployment.sol";
import {Ledger} from "./Ledger.sol";

/// @notice Stakes, limits and slashes of any amount, whatever they are for. Two operators and a
/// delegator are friends, and one of them gets the bounties; the others have nothing to do with it.
contract DelegationActions is Ledger {
    address private immutable ROUNDS;

    constructor(RewardToken token, StakeManager stakes, address rounds) Ledger(token, stakes) {
        ROUNDS = rounds;
        for (uint256 i = 0; i < 5; ++i) {
            address account = makeAddr(string.concat("staker ", vm.toString(i)));
            stakers.push(account);
            if (i < 2) operators.push(account);
            if (i < 3) _befriend(account);
        }
    }

    function delegate(uint256 who, uint256 to, uint256 amount) external {
        _delegate(_staker(who), _operator(to), bound(amount, 1, 200e18));
    }

    function delegateDust(uint256 who, uint256 to, uint256 amount) external {
        _delegate(_staker(who), _operator(to), bound(amount, 1, 3));
    }

    function setLimit(uint256 who, uint256 limit) external {
        _setLimit(_operator(who), bound(limit, 0, 300e18));
    }

    function unbond(uint256 who, uint256 from, uint8 part) external {
        _unbond(_staker(who), _operator(from), part % 3 == 0 ? 0 : part);
    }

    function withdraw(uint256 which) external {
        _withdraw(which);
    }

    function slash(uint256 who, uint256 amount, uint256 age) external {
        uint256 since = block.timestamp - bound(age, 0, 16 days);
        Books memory books = _look();
        vm.prank(ROUNDS);
        STAKES.slash(
            _operator(who), bound(amount, 1, 500e18), friends[2], "slash", 5000, uint64(since)
        );
        _compare(books);
    }

    function warp(uint256 delay) external {
        // Often so far that a limit that was announced is in force, or a lower one is all there is.
        vm.warp(block.timestamp + (delay % 4 == 0 ? 28 days : bound(delay, 1, 10 days)));
    }

    function _staker(uint256 seed) private view returns (address) {
        return stakers[seed % stakers.length];
    }

    function _operator(uint256 seed) private view returns (address) {
        return operators[seed % operators.length];
    }
}

/// @notice What delegators accept to lose is all that they can lose, and nobody gains by having
/// itself slashed.
contract DelegationsTest is Deployment {
    DelegationActions private actions;
    uint256 private friends;

    function setUp() public override {
        super.setUp();
        vm.warp(1000 days);
        actions = new DelegationActions(token, stakes, roundsAt);
        for (uint256 i = 0; i < 5; ++i) {
            endow(actions.stakers(i), 1000e18);
        }
        for (uint256 i = 0; i < 2; ++i) {
            actions.delegate(i, i, 50e18);
            actions.setLimit(i, 100e18);
        }
        vm.warp(block.timestamp + 28 days);
        for (uint256 i = 2; i < 5; ++i) {
            actions.delegate(i, 0, 100e18);
        }
        friends = actions.wealth();
        targetContract(address(actions));
    }

    /// @dev Slashes are looked at one by one, as they happen.
    /// forge-config: default.invariant.runs = 400
    /// forge-config: default.invariant.depth = 25
    function invariant_delegations() public view {
        assertEq(token.balanceOf(address(stakes)), actions.allInside(), "stake");
        uint256 sum = token.balanceOf(TREASURY) + token.balanceOf(address(stakes));
        for (uint256 i = 0; i < 5; ++i) {
            sum += token.balanceOf(actions.stakers(i));
        }
        assertEq(sum, token.totalSupply(), "supply");
        // Rounding is in favour of who stays: a unit an action.
        assertLe(actions.wealth(), friends + 25, "friends end with no more than they had");
    }
}
