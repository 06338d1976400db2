// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Timelock} from "../../src/Timelock.sol";
import {IRewardToken} from "../../src/interfaces/IRewardToken.sol";
import {IVerifierRouter} from "../../src/interfaces/IVerifierRouter.sol";
import {Deployment} from "../Deployment.sol";

/// @notice One of several governors acts for all, or against all.
contract OneGovernorTest is Deployment {
    address[] private _governors;
    Timelock private _lock;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 5; ++i) {
            _governors.push(makeAddr(string.concat("governor ", vm.toString(i))));
        }
        _lock = new Timelock(17 days, _governors, only(GUARDIAN), only(address(0)));
    }

    /// @notice It blocks its own removal, for ever.
    function test_no_governor_blocks_its_removal() public {
        bytes memory removal =
            abi.encodeCall(_lock.revokeRole, (_lock.PROPOSER_ROLE(), _governors[4]));
        bytes32 id = _schedule(_governors[0], removal);
        vm.expectRevert();
        vm.prank(_governors[4]);
        _lock.cancel(id);
        _execute(removal);
        assertFalse(_lock.hasRole(_lock.PROPOSER_ROLE(), _governors[4]));
    }

    /// @notice It gives its role away while nobody looks: a canceller that looks has more than a
    /// round's time, and can cancel.
    function test_what_one_governor_decides_can_be_cancelled_for_longer_than_a_round() public {
        bytes memory gift =
            abi.encodeCall(_lock.grantRole, (_lock.PROPOSER_ROLE(), makeAddr("anyone")));
        bytes32 id = _schedule(_governors[4], gift);
        vm.warp(block.timestamp + 17 days - 1);
        vm.expectRevert();
        _lock.execute(address(_lock), 0, gift, 0, 0);
        vm.prank(GUARDIAN);
        _lock.cancel(id);
        vm.warp(block.timestamp + 1);
        vm.expectRevert();
        _lock.execute(address(_lock), 0, gift, 0, 0);
    }

    /// @notice Nor does a canceller rule by cancelling.
    function test_no_canceller_keeps_its_role_against_the_governors() public {
        bytes memory removal = abi.encodeCall(_lock.revokeRole, (_lock.CANCELLER_ROLE(), GUARDIAN));
        bytes32 id = _schedule(_governors[0], removal);
        vm.expectRevert(abi.encodeWithSelector(Timelock.NotCancellable.selector, id));
        vm.prank(GUARDIAN);
        _lock.cancel(id);
        _execute(removal);
        assertFalse(_lock.hasRole(_lock.CANCELLER_ROLE(), GUARDIAN));
    }

    /// @notice Governance mints what it likes by naming itself a bridge.
    function test_a_bridge_is_no_way_around_the_emission() public {
        vm.startPrank(address(timelock));
        token.setBridge(address(timelock), type(uint96).max);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.MoreThanLeft.selector, 1));
        token.crosschainMint(GOVERNOR, 1);
        // Nor burns what others have staked or are owed.
        vm.expectRevert();
        token.crosschainBurn(TREASURY, 1);
        vm.stopPrank();
    }

    function _schedule(address governor, bytes memory call) private returns (bytes32) {
        vm.prank(governor);
        _lock.schedule(address(_lock), 0, call, 0, 0, 17 days);
        return _lock.hashOperation(address(_lock), 0, call, 0, 0);
    }

    function _execute(bytes memory call) private {
        vm.warp(block.timestamp + 17 days);
        _lock.execute(address(_lock), 0, call, 0, 0);
    }
}

/// @notice The guardian's key, in the wrong hands or in nobody's.
contract GuardianTest is Deployment {
    /// @notice It stops the verifier of all domains, and they are dead, reputations with them.
    function test_a_stop_that_nobody_else_wants_ends() public {
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.warp(block.timestamp + router.STOP_TERM());
        assertEq(router.usable(verifierId), address(verifier));
        // And it is no way to stop it in pieces.
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.StopSpent.selector, verifierId, GUARDIAN)
        );
        vm.prank(GUARDIAN);
        router.stop(verifierId);
    }

    /// @notice Named again after another, a guardian has still spent its stop.
    function test_a_guardian_that_comes_back_has_spent_its_stop() public {
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.warp(block.timestamp + router.STOP_TERM());
        vm.startPrank(address(timelock));
        router.setGuardian(makeAddr("another"));
        router.setGuardian(GUARDIAN);
        vm.stopPrank();
        vm.expectPartialRevert(IVerifierRouter.StopSpent.selector);
        vm.prank(GUARDIAN);
        router.stop(verifierId);
    }

    /// @notice A second stop, by the next guardian, so that nobody sees the first one any more: what
    /// could not be challenged then would be settled.
    function test_a_later_stop_hides_no_earlier_one() public {
        address next = makeAddr("next");
        uint64 first = uint64(block.timestamp);
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.prank(address(timelock));
        router.setGuardian(next);
        vm.warp(first + 30 days + 16 days);
        vm.prank(next);
        router.stop(verifierId);
        (uint64 from, uint64 until) = router.lastStop(verifierId);
        assertEq(from, first);
        assertEq(until, first + 76 days);
        assertEq(router.stoppedAt(verifierId), first + 46 days, "the one in force");
    }

    /// @notice When no round can have seen the first one they are two.
    function test_stops_that_are_far_apart_are_two() public {
        address next = makeAddr("next");
        uint64 first = uint64(block.timestamp);
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.prank(address(timelock));
        router.setGuardian(next);
        vm.warp(first + 30 days + 16 days + 1);
        vm.prank(next);
        router.stop(verifierId);
        (uint64 from,) = router.lastStop(verifierId);
        assertEq(from, block.timestamp);
    }

    /// @notice Its key is lost: another is named.
    function test_a_lost_guardian_is_replaced() public {
        address next = makeAddr("next");
        vm.prank(address(timelock));
        router.setGuardian(next);
        vm.prank(next);
        router.stop(verifierId);
        assertTrue(router.isStopped(verifierId));
    }
}
