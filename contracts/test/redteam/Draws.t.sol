// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Headers} from "../Headers.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice M4: windows are drawn by a block's randomness, which its producer does not choose.
contract DrawsTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function test_drawing() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotDrawn.selector, round));
        rounds.windowOf(round, accounts[0], 5);
        bytes memory header = Headers.make(target, "random");
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, target + 1, target));
        rounds.draw(round, header);
        vm.roll(target + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongHeader.selector, target));
        rounds.draw(round, header);
        vm.setBlockhash(target, keccak256(header));
        IRounds.Round memory state = rounds.get(round);
        // It is of this contract's round, and of what the round is about.
        bytes32 nonce = keccak256(
            abi.encode(
                bytes32("random"), round, address(rounds), domain, state.members, state.parent
            )
        );
        vm.expectEmit(address(rounds));
        emit IRounds.Drawn(round, nonce);
        rounds.draw(round, header);
        assertEq(rounds.get(round).nonce, nonce);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyDrawn.selector, round));
        rounds.draw(round, header);
    }

    function test_only_the_drawing_blocks_header_draws() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        bytes memory other = Headers.install(target + 1, "another block's");
        bytes memory header = Headers.install(target, "random");
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongHeader.selector, target);
        vm.expectRevert(reason);
        rounds.draw(round, other);
        vm.expectRevert(reason);
        rounds.draw(round, bytes.concat(header, hex"00"));
        vm.expectRevert(reason);
        rounds.draw(round, "");
        rounds.draw(round, header);
    }

    function test_a_hash_is_there_for_8191_blocks() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        bytes memory header = Headers.make(target, "random");
        vm.roll(target + 8192);
        Headers.remember(target, keccak256(header));
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.TooLate.selector, target + 8191, target + 8192)
        );
        rounds.draw(round, header);
        vm.roll(target + 8191);
        rounds.draw(round, header);
        assertNotEq(rounds.get(round).nonce, 0);
    }

    /// @dev Some chains have no randomness and say zero or one.
    function test_chains_without_randomness_draw_nothing() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory header = Headers.install(target, bytes32(i));
            vm.expectRevert(abi.encodeWithSelector(IRounds.NoRandomness.selector, target));
            rounds.draw(round, header);
        }
        draw(round, bytes32(uint256(2)));
    }

    /// @dev Where nothing can be drawn every coordinator would miss its deadline.
    function test_no_round_is_opened_on_a_chain_without_randomness() public {
        for (uint256 value = 0; value < 2; ++value) {
            vm.prevrandao(value);
            refuse(abi.encodeWithSelector(IRounds.NoRandomness.selector, block.number));
        }
        vm.prevrandao(uint256(2));
        openRound();
    }

    function refuse(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET, accounts);
    }
}
