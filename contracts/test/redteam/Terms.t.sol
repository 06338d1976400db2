// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IParameters} from "../../src/interfaces/IParameters.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice M7: governance's numbers are those of a round's opening.
contract TermsTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function _change() private {
        IParameters.Values memory values = initialValues();
        (values.settlementFee, values.burnShare) = (1000, 9500);
        vm.prank(address(timelock));
        parameters.set(values);
    }

    function test_what_governance_changes_changes_no_round_that_runs() public {
        (uint64 round, IRounds.Member[] memory members, IRounds.Delivery[] memory deliveries) =
            proposed();
        _change();
        passWindow(round);
        rounds.settle(round, members, deliveries);
        uint256 gross = (BUDGET - BUDGET / 10) * members[0].weight / 65_536;
        assertEq(escrow.owed(address(token), members[0].account), gross - gross / 100);
        // The next one has the new numbers.
        round = openRound();
        assertEq(rounds.get(round).settlementFee, 1000);
        assertEq(rounds.get(round).burnShare, 9500);
    }

    function test_a_slash_burns_what_it_would_have_burned_at_the_opening() public {
        uint64 round = openAndDraw();
        _change();
        slashCoordinator(round);
        assertEq(token.balanceOf(address(this)), COORDINATOR_BOND / 2);
        slashMember(round, accounts[0]);
        assertEq(token.balanceOf(address(this)), COORDINATOR_BOND / 2 + TRAINER_BOND / 2);
    }
}
