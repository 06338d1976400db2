// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Deployment} from "./Deployment.sol";

/// @notice Every contract knows the others by the addresses that they have.
contract DeploymentTest is Deployment {
    function test_all_contracts_know_each_other() public view {
        assertEq(token.MINTER(), address(timelock));
        assertEq(parameters.OWNER(), address(timelock));
        assertEq(router.OWNER(), address(timelock));
        assertEq(address(stakes.TOKEN()), address(token));
        assertEq(address(stakes.PARAMETERS()), address(parameters));
        assertEq(stakes.ROUNDS(), address(rounds));
        assertEq(address(registry.REWARD_TOKEN()), address(token));
        assertEq(address(registry.PARAMETERS()), address(parameters));
        assertEq(address(registry.ROUTER()), address(router));
        assertEq(address(registry.ESCROW()), address(escrow));
        assertEq(address(registry.ROUNDS()), address(rounds));
        assertEq(escrow.REWARD_TOKEN(), address(token));
        assertEq(address(escrow.REGISTRY()), address(registry));
        assertEq(escrow.ROUNDS(), address(rounds));
        assertEq(reputation.ROUNDS(), address(rounds));
        assertEq(address(slashing.ROUNDS()), address(rounds));
        assertEq(address(slashing.REGISTRY()), address(registry));
        assertEq(address(slashing.ROUTER()), address(router));
        _assertCode();
    }

    function test_unbonding_lasts_longer_than_a_round() public view {
        uint256 most = rounds.MAX_DURATION() + registry.MAX_CHALLENGE() + rounds.ANSWER_WINDOW();
        assertGt(stakes.UNBONDING_DELAY(), most);
    }

    function _assertCode() internal view {
        assertGt(address(timelock).code.length, 0);
        assertGt(address(rounds).code.length, 0);
        assertGt(address(slashing).code.length, 0);
        assertGt(address(reputation).code.length, 0);
    }
}

/// @notice The same with rounds where the fixtures of rounds have them.
contract FixedDeploymentTest is DeploymentTest {
    function fixedRounds() internal pure override returns (address) {
        return address(bytes20("Rounds"));
    }
}
