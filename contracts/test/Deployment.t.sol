// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Demands} from "../src/Demands.sol";
import {Reputation} from "../src/Reputation.sol";
import {Rounds} from "../src/Rounds.sol";
import {Slashing} from "../src/Slashing.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Deployed in their order, every contract has the address by which those before know it.
contract DeploymentTest is Deployment {
    Reputation private _reputation;
    Demands private _demands;
    Rounds private _rounds;
    Slashing private _slashing;

    function setUp() public override {
        super.setUp();
        _reputation = new Reputation(roundsAt);
        _demands = new Demands(IRounds(roundsAt), registry, router);
        _rounds = new Rounds(
            Rounds.Contracts({
                stakes: stakes,
                registry: registry,
                escrow: escrow,
                reputation: _reputation,
                router: router,
                parameters: parameters,
                rewardToken: address(token),
                demands: _demands,
                slashing: slashingAt
            })
        );
        _slashing = new Slashing(_rounds, _demands, registry, router);
    }

    function test_the_last_ones_are_where_they_were_predicted() public view {
        assertEq(address(_reputation), reputationAt);
        assertEq(address(_demands), demandsAt);
        assertEq(address(_rounds), roundsAt);
        assertEq(address(_slashing), slashingAt);
    }

    function test_all_contracts_know_each_other() public view {
        assertEq(token.MINTER(), address(timelock));
        assertEq(parameters.OWNER(), address(timelock));
        assertEq(router.OWNER(), address(timelock));
        assertEq(address(stakes.TOKEN()), address(token));
        assertEq(stakes.ROUNDS(), address(_rounds));
        assertEq(address(registry.REWARD_TOKEN()), address(token));
        assertEq(address(registry.PARAMETERS()), address(parameters));
        assertEq(address(registry.ROUTER()), address(router));
        assertEq(address(registry.ESCROW()), address(escrow));
        assertEq(address(registry.ROUNDS()), address(_rounds));
        assertEq(escrow.REWARD_TOKEN(), address(token));
        assertEq(address(escrow.REGISTRY()), address(registry));
        assertEq(escrow.ROUNDS(), address(_rounds));
        assertEq(_reputation.ROUNDS(), address(_rounds));
        assertEq(address(_demands.ROUNDS()), address(_rounds));
        assertEq(address(_demands.REGISTRY()), address(registry));
        assertEq(address(_demands.ROUTER()), address(router));
        assertEq(address(_slashing.ROUNDS()), address(_rounds));
        assertEq(address(_slashing.DEMANDS()), address(_demands));
        assertEq(address(_slashing.REGISTRY()), address(registry));
        assertEq(address(_slashing.ROUTER()), address(router));
    }

    function test_unbonding_lasts_longer_than_a_round() public view {
        uint256 most = _rounds.MAX_DURATION() + _rounds.PROPOSE_WINDOW() + registry.MAX_CHALLENGE()
            + _demands.ANSWER_WINDOW();
        assertGt(stakes.UNBONDING_DELAY(), most);
    }
}
