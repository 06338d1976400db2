// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Timelock} from "../src/Timelock.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Who can do what to whom in governance.
contract TimelockTest is Deployment {
    address private immutable PROPOSER = makeAddr("proposer");
    address private immutable CANCELLER = makeAddr("canceller");
    address private immutable EXECUTOR = makeAddr("executor");
    Timelock private _lock;

    function setUp() public override {
        super.setUp();
        _lock = new Timelock(17 days, only(PROPOSER), only(CANCELLER), only(EXECUTOR));
    }

    function test_the_delay_is_longer_than_a_round() public {
        vm.expectRevert(
            abi.encodeWithSelector(Timelock.DelayTooShort.selector, 17 days, 17 days - 1)
        );
        new Timelock(17 days - 1, only(PROPOSER), only(CANCELLER), only(EXECUTOR));
        assertEq(_lock.getMinDelay(), 17 days);
    }

    function test_nobody_has_two_roles() public {
        _expectTwoRoles(PROPOSER, PROPOSER, EXECUTOR);
        _expectTwoRoles(PROPOSER, CANCELLER, PROPOSER);
        _expectTwoRoles(PROPOSER, CANCELLER, CANCELLER);
        // Anyone may execute, and nobody need be able to cancel.
        new Timelock(17 days, only(PROPOSER), new address[](0), only(address(0)));
    }

    function test_each_role_is_what_its_list_says() public view {
        address[4] memory all = [PROPOSER, CANCELLER, EXECUTOR, address(this)];
        bytes32[4] memory roles = [
            _lock.PROPOSER_ROLE(),
            _lock.CANCELLER_ROLE(),
            _lock.EXECUTOR_ROLE(),
            _lock.DEFAULT_ADMIN_ROLE()
        ];
        for (uint256 i = 0; i < 4; ++i) {
            for (uint256 j = 0; j < 4; ++j) {
                assertEq(_lock.hasRole(roles[j], all[i]), i == j && i < 3);
            }
        }
        assertTrue(_lock.hasRole(roles[3], address(_lock)));
    }

    function test_a_proposer_cannot_cancel() public {
        bytes32 id = _schedule(abi.encodeCall(_lock.updateDelay, (20 days)));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector,
                PROPOSER,
                _lock.CANCELLER_ROLE()
            )
        );
        vm.prank(PROPOSER);
        _lock.cancel(id);
        vm.prank(CANCELLER);
        _lock.cancel(id);
        assertFalse(_lock.isOperation(id));
    }

    function test_a_canceller_cannot_keep_its_role() public {
        bytes memory removal = abi.encodeCall(_lock.revokeRole, (_lock.CANCELLER_ROLE(), CANCELLER));
        bytes32 id = _schedule(removal);
        assertEq(_lock.removalOf(id), CANCELLER);
        vm.expectRevert(abi.encodeWithSelector(Timelock.NotCancellable.selector, id));
        vm.prank(CANCELLER);
        _lock.cancel(id);
        _execute(removal);
        assertFalse(_lock.hasRole(_lock.CANCELLER_ROLE(), CANCELLER));
    }

    /// @dev Else a proposer alone could remove all cancellers.
    function test_other_cancellers_can_cancel_a_removal() public {
        bytes32 role = _lock.CANCELLER_ROLE();
        address other = makeAddr("another canceller");
        bytes memory grant = abi.encodeCall(_lock.grantRole, (role, other));
        _schedule(grant);
        _execute(grant);
        bytes32 id = _schedule(abi.encodeCall(_lock.revokeRole, (role, CANCELLER)));
        vm.expectRevert(abi.encodeWithSelector(Timelock.NotCancellable.selector, id));
        vm.prank(CANCELLER);
        _lock.cancel(id);
        vm.prank(other);
        _lock.cancel(id);
        assertFalse(_lock.isOperation(id));
    }

    function test_what_only_looks_like_a_removal_is_cancelled() public {
        bytes[3] memory calls = [
            abi.encodeCall(_lock.grantRole, (_lock.CANCELLER_ROLE(), PROPOSER)),
            abi.encodeCall(_lock.revokeRole, (_lock.PROPOSER_ROLE(), PROPOSER)),
            bytes.concat(
                abi.encodeCall(_lock.revokeRole, (_lock.CANCELLER_ROLE(), CANCELLER)), bytes1(0)
            )
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes32 id = _schedule(calls[i]);
            vm.prank(CANCELLER);
            _lock.cancel(id);
        }
        // Nor the same call of another contract, nor in a batch with others.
        bytes memory removal = abi.encodeCall(_lock.revokeRole, (_lock.CANCELLER_ROLE(), CANCELLER));
        vm.prank(PROPOSER);
        _lock.schedule(address(token), 0, removal, 0, 0, 17 days);
        bytes32 other = _lock.hashOperation(address(token), 0, removal, 0, 0);
        vm.prank(CANCELLER);
        _lock.cancel(other);
        _cancelBatch(removal);
    }

    function test_no_decision_makes_the_delay_shorter_than_a_round() public {
        bytes memory shorter = abi.encodeCall(_lock.updateDelay, (1));
        _schedule(shorter);
        _execute(shorter);
        assertEq(_lock.getMinDelay(), 17 days);
        vm.expectRevert();
        vm.prank(PROPOSER);
        _lock.schedule(address(_lock), 0, shorter, 0, bytes32(uint256(1)), 17 days - 1);
        bytes memory longer = abi.encodeCall(_lock.updateDelay, (30 days));
        _schedule(longer);
        _execute(longer);
        assertEq(_lock.getMinDelay(), 30 days);
    }

    /// @notice Where the list names nobody, the first caller executes what is due.
    function test_anyone_executes_where_the_list_says_so() public {
        IParameters.Values memory values = initialValues();
        bytes memory call = abi.encodeCall(parameters.set, (values));
        vm.prank(GOVERNOR);
        timelock.schedule(address(parameters), 0, call, 0, 0, TIMELOCK_DELAY);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        vm.prank(makeAddr("anyone"));
        timelock.execute(address(parameters), 0, call, 0, 0);
    }

    function _expectTwoRoles(address proposer, address canceller, address executor) private {
        address twice = canceller == proposer || executor == proposer ? proposer : canceller;
        vm.expectRevert(abi.encodeWithSelector(Timelock.TwoRoles.selector, twice));
        new Timelock(17 days, only(proposer), only(canceller), only(executor));
    }

    function _cancelBatch(bytes memory call) private {
        bytes[] memory calls = new bytes[](1);
        calls[0] = call;
        vm.prank(PROPOSER);
        _lock.scheduleBatch(only(address(_lock)), new uint256[](1), calls, 0, 0, 17 days);
        bytes32 id = _lock.hashOperationBatch(only(address(_lock)), new uint256[](1), calls, 0, 0);
        vm.prank(CANCELLER);
        _lock.cancel(id);
    }

    function _schedule(bytes memory call) private returns (bytes32 id) {
        uint256 delay = _lock.getMinDelay();
        vm.prank(PROPOSER);
        _lock.schedule(address(_lock), 0, call, 0, 0, delay);
        return _lock.hashOperation(address(_lock), 0, call, 0, 0);
    }

    function _execute(bytes memory call) private {
        vm.warp(block.timestamp + _lock.getMinDelay());
        vm.prank(EXECUTOR);
        _lock.execute(address(_lock), 0, call, 0, 0);
    }
}
