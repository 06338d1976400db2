// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Slashing} from "../../src/Slashing.sol";
import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {RoundsBase} from "../RoundsBase.sol";
import {Branches} from "./Branches.sol";
import {ClaimVerifier} from "./ClaimVerifier.sol";
import {Contracts} from "./Parties.sol";

/// @notice What holds on whatever branch the chain goes on: a party that runs the honest program is
/// never slashed, delegators lose no more than they have accepted, and nobody gains by being
/// slashed.
contract BranchesTest is RoundsBase {
    Branches private actions;
    uint256 private friends;

    function setUp() public override {
        super.setUp();
        vm.warp(1000 days);
        Slashing slashing = new Slashing(rounds, demands, registry, router);
        assertEq(address(slashing), slashingAt);
        key = load("plain_halo2");
        address claims = address(new ClaimVerifier(verifier.keyStore(key.keyHash)));
        vm.etch(address(verifier), claims.code);
        actions = new Branches(
            Contracts(token, stakes, registry, escrow, reputation, rounds, demands, slashing), OWNER
        );
        actions.setDomains(_open(actions.HONEST()), _open(actions.crook()));
        for (uint256 i = 0; i < 6; ++i) {
            endow(actions.operators(i), 2000e18);
        }
        endow(actions.stakers(0), 2000e18);
        endow(actions.stakers(1), 2000e18);
        actions.begin();
        friends = actions.wealth();
        targetContract(address(actions));
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = actions.proceed.selector;
        selectors[1] = actions.proceedFar.selector;
        selectors[2] = actions.play.selector;
        selectors[3] = actions.reorganize.selector;
        targetSelector(FuzzSelector(address(actions), selectors));
    }

    function _open(address coordinator) private returns (uint64) {
        IDomainRegistry.Config memory config = configOf(key, coordinator);
        config.challengeWindow = 12 hours;
        config.audits = 1;
        return openDomain(config);
    }

    /// forge-config: default.invariant.runs = 100
    /// forge-config: default.invariant.depth = 20
    function invariant_branches() public view {
        actions.requireUnharmed();
        _checkSupply();
        // What they were paid is not claimed, so that nothing else comes to them than bounties.
        assertLe(actions.wealth(), friends + 1000, "friends end with no more than they had");
        assertEq(address(demands).balance, actions.bonds(), "bonds of demands");
    }

    /// @dev In the end all that was ever signed is brought once more.
    function afterInvariant() public {
        actions.accuse();
        actions.requireUnharmed();
    }

    function _checkSupply() private view {
        uint256 sum = token.balanceOf(TREASURY) + token.balanceOf(OWNER)
            + token.balanceOf(COORDINATOR) + token.balanceOf(address(stakes))
            + token.balanceOf(address(registry)) + token.balanceOf(address(escrow));
        for (uint256 i = 0; i < 6; ++i) {
            sum += token.balanceOf(actions.operators(i));
        }
        sum += token.balanceOf(actions.stakers(0)) + token.balanceOf(actions.stakers(1));
        assertEq(sum, token.totalSupply(), "supply");
        uint256 pools = stakes.pool(COORDINATOR).own + actions.allInside();
        assertEq(token.balanceOf(address(stakes)), pools, "stake");
        uint256 held = escrow.totalOwed(address(token));
        for (uint256 side = 0; side < 2; ++side) {
            uint64 each = actions.domains(side);
            held += escrow.available(each) + escrow.reserved(each);
        }
        assertEq(token.balanceOf(address(escrow)), held, "escrow");
    }

    /// @dev Else what holds would hold for want of anything that could break it.
    function test_the_actions_get_somewhere() public {
        for (uint256 i = 0; i < 200; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            if (i % 8 == 7) actions.reorganize(seed, seed >> 8);
            else if (i % 3 == 0) actions.play(seed);
            else actions.proceed(i, seed);
        }
        actions.accuse();
        assertGt(actions.settled(), 5, "settled");
        assertGt(actions.answered(), 5, "answered");
        assertGt(actions.slashes(), 1, "slashed");
        assertGt(actions.branches(), 5, "branches");
        assertGt(actions.accusations(), 50, "accusations");
        actions.requireUnharmed();
    }
}
