// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Parameters} from "../src/Parameters.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {Deployment} from "./Deployment.sol";

contract ParametersTest is Deployment {
    function test_starts_with_its_initial_values() public view {
        assertEq(abi.encode(parameters.get()), abi.encode(initialValues()));
        assertEq(parameters.OWNER(), address(timelock));
    }

    function test_only_the_owner_sets() public {
        IParameters.Values memory values = initialValues();
        vm.expectRevert(abi.encodeWithSelector(IParameters.Unauthorized.selector, address(this)));
        parameters.set(values);
    }

    function test_changes_only_after_the_timelocks_delay() public {
        IParameters.Values memory values = initialValues();
        values.settlementFee = 7;
        bytes memory call = abi.encodeCall(parameters.set, (values));
        vm.startPrank(GOVERNOR);
        timelock.schedule(address(parameters), 0, call, 0, 0, TIMELOCK_DELAY);
        vm.warp(block.timestamp + TIMELOCK_DELAY - 1);
        vm.expectRevert();
        timelock.execute(address(parameters), 0, call, 0, 0);
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(parameters));
        emit IParameters.Changed(values);
        timelock.execute(address(parameters), 0, call, 0, 0);
        vm.stopPrank();
        assertEq(parameters.get().settlementFee, 7);
    }

    function test_refuses_what_is_out_of_bounds() public {
        uint256[6] memory least = [uint256(0), 0, 0, 5000, 1e18, 1e18];
        uint256[6] memory most = [uint256(1e24), 1000e18, 1000, 9500, 1e24, 1e24];
        for (uint256 field = 0; field < 6; ++field) {
            if (least[field] > 0) _assertRefused(field, least[field] - 1, least, most);
            _assertRefused(field, most[field] + 1, least, most);
            _set(_with(field, most[field]));
            if (field > 0) _set(_with(field, least[field]));
        }
        // The deposit covers the fee.
        IParameters.Values memory values = _with(0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IParameters.OutOfBounds.selector, 1, values.domainFee, 0, 0)
        );
        _set(values);
        values.domainFee = 0;
        _set(values);
    }

    function test_initial_values_are_in_bounds_too() public {
        IParameters.Values memory values = _with(3, 4999);
        vm.expectRevert(
            abi.encodeWithSelector(IParameters.OutOfBounds.selector, 3, 4999, 5000, 9500)
        );
        new Parameters(address(this), values);
    }

    /// forge-config: test.fuzz.runs = 64
    function testFuzz_holds_what_was_set(IParameters.Values memory values) public {
        values.domainDeposit = uint128(bound(values.domainDeposit, 0, 1e24));
        values.domainFee = uint128(bound(values.domainFee, 0, values.domainDeposit));
        values.settlementFee = uint16(bound(values.settlementFee, 0, 1000));
        values.burnShare = uint16(bound(values.burnShare, 5000, 9500));
        values.trainerBond = uint128(bound(values.trainerBond, 1e18, 1e24));
        values.coordinatorBond = uint128(bound(values.coordinatorBond, 1e18, 1e24));
        _set(values);
        assertEq(abi.encode(parameters.get()), abi.encode(values));
    }

    function _assertRefused(
        uint256 field,
        uint256 value,
        uint256[6] memory least,
        uint256[6] memory most
    ) private {
        IParameters.Values memory values = _with(field, value);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameters.OutOfBounds.selector, field, value, least[field], most[field]
            )
        );
        _set(values);
    }

    function _set(IParameters.Values memory values) private {
        vm.prank(address(timelock));
        parameters.set(values);
    }

    function _with(uint256 field, uint256 value)
        private
        pure
        returns (IParameters.Values memory values)
    {
        values = initialValues();
        if (field == 0) values.domainDeposit = uint128(value);
        if (field == 1) values.domainFee = uint128(value);
        if (field == 2) values.settlementFee = uint16(value);
        if (field == 3) values.burnShare = uint16(value);
        if (field == 4) values.trainerBond = uint128(value);
        if (field == 5) values.coordinatorBond = uint128(value);
    }
}
