// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice A low finding: owners whose key is lost, or in other hands.
contract OwnersTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function test_the_owner_hands_over() public {
        address heir = makeAddr("heir");
        uint64 opened = _open(_config());
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, heir));
        vm.prank(heir);
        registry.offer(opened, heir);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, heir));
        vm.prank(heir);
        registry.accept(opened);
        // Nobody takes what was offered to nobody.
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, OWNER));
        vm.prank(OWNER);
        registry.accept(opened);
        vm.expectEmit(address(registry));
        emit IDomainRegistry.DomainOffered(opened, heir);
        vm.prank(OWNER);
        registry.offer(opened, heir);
        assertEq(registry.get(opened).owner, OWNER);
        vm.expectEmit(address(registry));
        emit IDomainRegistry.OwnerChanged(opened, heir);
        vm.prank(heir);
        registry.accept(opened);
        assertEq(registry.get(opened).owner, heir);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, OWNER));
        vm.prank(OWNER);
        registry.close(opened);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, heir));
        vm.prank(heir);
        registry.accept(opened);
        vm.prank(heir);
        registry.close(opened);
        assertEq(token.balanceOf(heir), 900e18);
    }

    function test_an_offer_is_taken_back_and_ends_with_the_domain() public {
        address heir = makeAddr("heir");
        uint64 opened = _open(_config());
        vm.startPrank(OWNER);
        registry.offer(opened, heir);
        registry.offer(opened, address(0));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, heir));
        vm.prank(heir);
        registry.accept(opened);
        vm.prank(OWNER);
        registry.offer(opened, heir);
        vm.prank(OWNER);
        registry.close(opened);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, opened));
        vm.prank(heir);
        registry.accept(opened);
    }

    function _config() private view returns (IDomainRegistry.Config memory) {
        return configOf(key, COORDINATOR);
    }

    function _open(IDomainRegistry.Config memory config) private returns (uint64) {
        vm.prank(OWNER);
        return registry.open(config);
    }
}
