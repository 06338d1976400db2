// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice H5: what a round may pay, and what is at stake for it.
contract BudgetsTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function test_a_round_takes_no_more_than_the_domain_allows() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.BudgetTooHigh.selector, BUDGET, BUDGET + 1));
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET + 1, accounts);
    }

    function test_no_round_takes_more_than_its_coordinator_has_at_stake() public {
        IDomainRegistry.Config memory config = _config();
        config.coordinatorBond = 200e18;
        // What is surely lost of it, for each delivery that is audited, and no more than all of it.
        uint128[6] memory most = [uint128(50e18), 50e18, 100e18, 150e18, 200e18, 200e18];
        for (uint16 i = 0; i < 6; ++i) {
            config.audits = i;
            config.maxBudget = most[i] + 1;
            _assertRefused(config, 12, most[i] + 1);
            config.maxBudget = most[i];
            _open(config);
        }
        (config.audits, config.maxBudget) = (0, 50e18 + 1);
        // Where everything is proven there is nothing to make up.
        config.optimistic = false;
        _open(config);
        // What other tokens are worth nobody knows here.
        config.optimistic = true;
        config.token = address(router);
        config.maxBudget = type(uint128).max;
        _open(config);
    }

    /// @dev A domain is not drained bond by bond: somebody else has to be named.
    function test_a_slashed_coordinator_opens_no_round_again() public {
        slashCoordinator(openRound());
        vm.expectRevert(abi.encodeWithSelector(IRounds.Barred.selector, domain, COORDINATOR));
        openRound();
        // In that domain.
        domain = openDomain(configOf(key, COORDINATOR));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(domain, keccak256(abi.encode(i)), 5);
        }
        openRound();
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
