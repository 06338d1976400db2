// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {TrainingClaim} from "../../src/interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../../src/interfaces/IVerifierRouter.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {Bn254} from "../../src/libraries/Bn254.sol";
import {GuardedVerify} from "../../src/libraries/GuardedVerify.sol";
import {Bn254Harness} from "../Bn254Harness.sol";
import {Deployment} from "../Deployment.sol";
import {Fixture} from "../Fixtures.sol";

/// @notice A fork makes a precompile dearer, or a chain lacks one: every honest proof fails, and
/// would be evidence against the member that made it.
contract PrecompilesTest is Deployment {
    function ask(bytes32 key, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (bool holds, TrainingClaim memory claim)
    {
        return GuardedVerify.check(
            IVerifierRouter(address(router)), verifierId, key, statement, proof
        );
    }

    function test_where_a_precompile_fails_no_proof_is_evidence() public {
        string[2] memory names = ["plain_halo2", "plain_groth16"];
        for (uint256 i = 0; i < 2; ++i) {
            Fixture memory f = load(names[i]);
            (bool holds,) = this.ask(f.keyHash, f.statement, f.proof);
            assertTrue(holds);
            for (uint160 precompile = 5; precompile < 9; ++precompile) {
                // Groth16 needs no inverse of its own, but the opening does.
                vm.mockCallRevert(address(precompile), bytes(""), bytes(""));
                _expectNoVerdict(f);
                vm.clearMockedCalls();
                vm.mockCall(address(precompile), bytes(""), bytes(""));
                _expectNoVerdict(f);
                vm.clearMockedCalls();
            }
        }
    }

    /// @notice No proof makes a precompile fail, so none escapes a verdict so.
    function test_whatever_a_proof_brings_is_a_verdict() public {
        Fixture memory f = load("plain_groth16");
        uint256 circuit = f.proof.length - 256;
        // Each coordinate of A, B and C: changed, not reduced, zero, and a point of another kind.
        for (uint256 word = 0; word < 8; ++word) {
            uint256 place = circuit + 32 * word;
            _expectRefused(f, flipped(f.proof, place + 31, 1));
            uint256 value = uint256(wordAt(f.proof, place));
            _expectRefused(f, withWord(f.proof, place, bytes32(type(uint256).max)));
            _expectRefused(f, withWord(f.proof, place, bytes32(value + Bn254.P)));
            _expectRefused(f, withWord(f.proof, place, 0));
        }
        // A point of the twist that is not in the subgroup, which only the precompile knows.
        bytes memory proof = f.proof;
        uint256[4] memory point = _outsideOfTheSubgroup();
        for (uint256 i = 0; i < 4; ++i) {
            proof = withWord(proof, circuit + 64 + 32 * i, bytes32(point[i]));
        }
        _expectRefused(f, proof);
        // The neutral element is a point, and not the one that it should be.
        proof = f.proof;
        for (uint256 i = 0; i < 4; ++i) {
            proof = withWord(proof, circuit + 64 + 32 * i, 0);
        }
        _expectRefused(f, proof);
    }

    function test_every_word_of_a_halo2_proof_changed_is_a_verdict() public {
        Fixture memory f = load("plain_halo2");
        for (uint256 place = 0; place + 32 <= f.proof.length; place += 32) {
            _expectRefused(f, flipped(f.proof, place + 31, 1));
            _expectRefused(f, withWord(f.proof, place, bytes32(type(uint256).max)));
        }
    }

    function _expectRefused(Fixture memory f, bytes memory proof) private view {
        (bool holds,) = this.ask(f.keyHash, f.statement, proof);
        assertFalse(holds);
    }

    function _expectNoVerdict(Fixture memory f) private {
        vm.expectRevert(ISlashing.NoVerdict.selector);
        this.ask(f.keyHash, f.statement, f.proof);
    }

    /// @dev A point that satisfies the twist's equation `y^2 = x^3 + 3 / (9 + i)` and is not in the
    /// subgroup of order `R`: of those with a small `x` nearly none is.
    function _outsideOfTheSubgroup() private view returns (uint256[4] memory point) {
        for (uint256 x = 1; x < 100; ++x) {
            (bool found, uint256 y0, uint256 y1) = _root(x);
            if (found) return [uint256(0), x, y1, y0];
        }
        revert("no point");
    }

    /// @dev A square root of `x^3 + b` in the quadratic extension, for a rational `x`.
    function _root(uint256 x) private view returns (bool, uint256, uint256) {
        uint256 p = Bn254.P;
        // b = 3 / (9 + i) = 3 (9 - i) / 82
        uint256 third = mulmod(3, _power(82, p - 2), p);
        uint256 a0 = addmod(mulmod(mulmod(x, x, p), x, p), mulmod(third, 9, p), p);
        uint256 a1 = p - third;
        uint256 norm = _power(addmod(mulmod(a0, a0, p), mulmod(a1, a1, p), p), (p + 1) / 4);
        uint256 half = (p + 1) / 2;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 square = mulmod(addmod(a0, i == 0 ? norm : p - norm, p), half, p);
            uint256 y0 = _power(square, (p + 1) / 4);
            if (y0 == 0 || mulmod(y0, y0, p) != square) continue;
            uint256 y1 = mulmod(mulmod(a1, half, p), _power(y0, p - 2), p);
            bool right = addmod(mulmod(y0, y0, p), p - mulmod(y1, y1, p), p) == a0
                && mulmod(2, mulmod(y0, y1, p), p) == a1;
            if (right) return (true, y0, y1);
        }
        return (false, 0, 0);
    }

    function _power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = 1;
        for (; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, Bn254.P);
            base = mulmod(base, base, Bn254.P);
        }
    }
}

/// @notice What the library makes of precompiles that are not there, and of points that are none.
contract PrecompileResultsTest is Test {
    Bn254Harness private _curve = new Bn254Harness();

    /// @notice A precompile that refuses a point burns what it was given, which is twice the price.
    /// Points that are none must not make a verdict dear that is paid for good ones.
    function test_points_that_are_none_cost_no_more_than_points() public view {
        uint256 good = _curve.sumOf([uint256(1), 2], 300);
        uint256 bad = _curve.sumOf([uint256(5), 5], 300);
        assertLt(bad, good);
    }

    /// @notice As on a chain that has none: a call of an empty account succeeds, with no result.
    function test_a_precompile_that_is_not_there_is_no_result() public {
        for (uint160 i = 5; i < 9; ++i) {
            vm.mockCall(address(i), bytes(""), bytes(""));
            _expectFailure(i);
            vm.clearMockedCalls();
            // Nor is one that says too little or too much.
            vm.mockCall(address(i), bytes(""), new bytes(31));
            _expectFailure(i);
            vm.clearMockedCalls();
            vm.mockCall(address(i), bytes(""), new bytes(96));
            _expectFailure(i);
            vm.clearMockedCalls();
        }
        assertEq(_curve.inverse(1), 1);
    }

    function _expectFailure(uint256 precompile) private {
        uint256[] memory pairs = new uint256[](6);
        vm.expectRevert(Bn254.PrecompileFailed.selector);
        if (precompile == 5) _curve.inverse(3);
        else if (precompile == 6) _curve.add([uint256(1), 2], [uint256(1), 2]);
        else if (precompile == 7) _curve.multiply([uint256(1), 2], 5);
        else _curve.pairing(pairs);
    }
}
