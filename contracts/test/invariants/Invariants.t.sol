// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Slashing} from "../../src/Slashing.sol";
import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {IReputation} from "../../src/interfaces/IReputation.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {IStakeManager} from "../../src/interfaces/IStakeManager.sol";
import {RoundsBase} from "../RoundsBase.sol";
import {Actions} from "./Actions.sol";

/// @notice What holds whatever anybody does. One campaign checks everything.
contract InvariantsTest is RoundsBase {
    Actions private actions;
    uint256 private initialFunds;

    function setUp() public override {
        super.setUp();
        Slashing slashing = new Slashing(rounds, demands, registry, router);
        assertEq(address(slashing), slashingAt);
        key = load("plain_halo2");
        address coordinator = _firstActor();
        IDomainRegistry.Config memory config = configOf(key, coordinator);
        config.trainerBond = 10e18;
        config.coordinatorBond = 100e18;
        config.minBudget = 1;
        domain = openDomain(config);
        initialFunds = escrow.available(domain);
        actions =
            new Actions(token, stakes, registry, escrow, reputation, demands, slashing, domain);
        assertEq(actions.actors(0), coordinator);
        endow(actions.challenger(), 1_000_000e18);
        for (uint256 i = 0; i < actions.ACTORS(); ++i) {
            address actor = actions.actors(i);
            endow(actor, 10_000e18);
            actions.stake(i, 199e18);
            actions.join(i);
        }
        targetContract(address(actions));
    }

    /// @dev The coordinator is the actor with the least address.
    function _firstActor() private pure returns (address first) {
        first = vm.addr(101);
        for (uint256 i = 102; i < 106; ++i) {
            address actor = vm.addr(i);
            if (actor < first) first = actor;
        }
    }

    function invariant_everything() public view {
        _checkSupply();
        _checkEscrow();
        _checkRound();
        for (uint256 i = 0; i < actions.ACTORS(); ++i) {
            _checkOperator(actions.actors(i));
            _checkStanding(actions.actors(i));
        }
    }

    /// @dev Tokens come from nowhere and go nowhere.
    function _checkSupply() private view {
        uint256 sum = token.balanceOf(TREASURY) + token.balanceOf(OWNER)
            + token.balanceOf(COORDINATOR) + token.balanceOf(actions.challenger())
            + token.balanceOf(address(stakes)) + token.balanceOf(address(registry))
            + token.balanceOf(address(escrow)) + token.balanceOf(address(rounds));
        uint256 pools = stakes.pool(COORDINATOR).own;
        for (uint256 i = 0; i < actions.ACTORS(); ++i) {
            address actor = actions.actors(i);
            sum += token.balanceOf(actor);
            pools += actions.inside(actor, 0);
        }
        assertEq(sum, token.totalSupply(), "supply");
        assertEq(token.balanceOf(address(stakes)), pools, "stake");
        assertEq(token.balanceOf(address(rounds)), 0, "rounds hold nothing");
        assertEq(address(demands).balance, actions.bonds(), "bonds of demands");
    }

    /// @dev What went in is available, reserved, owed, claimed or burned.
    function _checkEscrow() private view {
        uint256 owed = 0;
        for (uint256 i = 0; i < actions.ACTORS(); ++i) {
            owed += escrow.owed(address(token), actions.actors(i));
        }
        assertEq(escrow.totalOwed(address(token)), owed, "owed");
        uint256 held = escrow.available(domain) + escrow.reserved(domain) + owed;
        assertEq(token.balanceOf(address(escrow)), held, "escrow");
        uint256 spent = actions.claimed() + actions.burned();
        assertEq(held + spent, initialFunds + actions.funded(), "funds");
    }

    /// @dev Only the round under way has reserved anything, and its members can be slashed.
    function _checkRound() private view {
        uint64 round = rounds.current(domain);
        if (round == 0) {
            assertEq(escrow.reserved(domain), 0, "reserved for nothing");
            return;
        }
        IRounds.Round memory state = rounds.get(round);
        assertEq(round, actions.round(), "the last round");
        assertFalse(state.paid, "under way, and not paid");
        assertEq(escrow.reserved(domain), state.budget, "reserved");
        // After that nothing can be brought against anybody in the round but lateness.
        if (block.timestamp > actions.openedTime() + 16 days) return;
        IRounds.Member[] memory members = actions.members();
        for (uint256 i = 0; i < members.length; ++i) {
            _checkCovered(members[i].account, state.coordinator);
        }
        _checkCovered(state.coordinator, state.coordinator);
    }

    function _checkCovered(address operator, address coordinator) private view {
        uint256 bond = rounds.membership(domain, operator).bond;
        // Who joined after the opening is in the next round only.
        if (!_isIn(operator)) bond = 0;
        if (operator == coordinator) bond += actions.COORDINATOR_BOND();
        uint256 reach = actions.inside(operator, actions.openedTime());
        assertGe(reach, bond, "covered while the round lasts");
    }

    function _isIn(address operator) private view returns (bool) {
        IRounds.Member[] memory members = actions.members();
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].account == operator) return true;
        }
        return false;
    }

    /// @dev What was slashed cannot be withdrawn, and nobody answers for more than it took on.
    function _checkOperator(address operator) private view {
        IStakeManager.Pool memory pool = stakes.pool(operator);
        uint256 inside = actions.inside(operator, 0);
        uint256 outside = actions.withdrawn(operator) + actions.slashed(operator);
        assertEq(inside + outside, actions.staked(operator), "stake, slashed or withdrawn once");
        uint256 bonds = rounds.membership(domain, operator).bond;
        if (operator == actions.coordinator() && rounds.current(domain) != 0) {
            bonds += actions.COORDINATOR_BOND();
        }
        assertEq(pool.obligations, bonds, "obligations are bonds");
    }

    function _checkStanding(address actor) private view {
        IReputation.Standing memory standing = reputation.standing(domain, actor);
        if (standing.slashed) {
            assertEq(standing.score, 0, "ruined");
            assertEq(rounds.membership(domain, actor).windows, 0, "no member any more");
        } else if (standing.score != 0) {
            assertGe(standing.score, 256, "least score");
            assertLe(standing.score, standing.rounds <= 8 ? 16_384 : 65_536, "most score");
        } else {
            assertEq(rounds.membership(domain, actor).windows, 0, "members have a score");
        }
    }
}
