// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {ITrainingVerifier, TrainingClaim} from "../src/interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Bn254} from "../src/libraries/Bn254.sol";
import {GuardedVerify} from "../src/libraries/GuardedVerify.sol";

/// @notice What a router can come to, without what it comes to it by.
contract Answers {
    enum Answer {
        Yes,
        No,
        Silence,
        Nonsense,
        Failure
    }

    uint256 public constant BOUND = 200_000;
    Answer public answer;

    function set(Answer next) external {
        answer = next;
    }

    function usable(bytes32) external view returns (address) {
        return address(this);
    }

    function gasBound(bytes32, bytes32) external pure returns (uint256) {
        return BOUND;
    }

    function verify(bytes32, bytes32, bytes calldata, bytes calldata)
        external
        view
        returns (TrainingClaim memory claim)
    {
        if (answer == Answer.No) revert ITrainingVerifier.InvalidProof();
        // As a verifier that runs out of gas, in itself or in its caller.
        if (answer == Answer.Silence) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        // As on a chain whose precompiles cost more than when the verifier was written.
        if (answer == Answer.Failure) revert Bn254.PrecompileFailed();
        if (answer == Answer.Nonsense) {
            assembly ("memory-safe") {
                revert(0, 3)
            }
        }
        claim.round = 7;
    }
}

/// @notice What each answer of a verifier counts as.
contract GuardedVerifyTest is Test {
    Answers private _router = new Answers();

    function ask() external view returns (bool, TrainingClaim memory) {
        return GuardedVerify.check(IVerifierRouter(address(_router)), 0, 0, msg.data, msg.data);
    }

    function test_yes_is_yes() public view {
        (bool holds, TrainingClaim memory claim) = this.ask();
        assertTrue(holds);
        assertEq(claim.round, 7);
    }

    function test_no_in_so_many_words_is_no() public {
        _router.set(Answers.Answer.No);
        (bool holds,) = this.ask();
        assertFalse(holds);
    }

    function test_silence_is_no_verdict() public {
        _router.set(Answers.Answer.Silence);
        vm.expectRevert(ISlashing.NoVerdict.selector);
        this.ask{gas: 1_000_000}();
        _router.set(Answers.Answer.Nonsense);
        vm.expectRevert(ISlashing.NoVerdict.selector);
        this.ask();
    }

    function test_a_precompile_that_fails_is_no_verdict() public {
        _router.set(Answers.Answer.Failure);
        vm.expectRevert(ISlashing.NoVerdict.selector);
        this.ask();
    }

    function test_nobody_asks_with_less_gas_than_the_bound() public {
        _router.set(Answers.Answer.No);
        uint256 bound = _router.BOUND();
        vm.expectPartialRevert(ISlashing.NotEnoughGas.selector);
        this.ask{gas: bound}();
        (bool holds,) = this.ask{gas: 2 * bound}();
        assertFalse(holds);
    }
}
