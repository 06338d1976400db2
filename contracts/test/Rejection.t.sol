// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitVerifier} from "../src/interfaces/ICircuitVerifier.sol";
import {ITrainingVerifier} from "../src/interfaces/ITrainingVerifier.sol";
import {Bn254} from "../src/libraries/Bn254.sol";
import {Fixture, Fixtures} from "./Fixtures.sol";

/// @notice No altered copy of a proof or of its statement is accepted.
contract RejectionTest is Fixtures {
    function test_rejects_every_altered_word_of_the_proof() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            for (uint256 offset = 0; offset < f.proof.length; offset += 32) {
                string memory what = string.concat(f.name, " proof ", vm.toString(offset));
                assertRejected(f.keyHash, f.statement, flipped(f.proof, offset + 31, 1), what);
                bytes memory large = withWord(f.proof, offset, bytes32(type(uint256).max));
                assertRejected(f.keyHash, f.statement, large, what);
                bytes memory zero = withWord(f.proof, offset, 0);
                assertRejected(f.keyHash, f.statement, zero, what);
            }
        }
    }

    function test_rejects_every_altered_byte_of_the_statement() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            for (uint256 offset = 0; offset < f.statement.length; ++offset) {
                string memory what = string.concat(f.name, " statement ", vm.toString(offset));
                assertRejected(f.keyHash, flipped(f.statement, offset, 1), f.proof, what);
            }
        }
    }

    function test_rejects_other_lengths() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            for (uint256 cut = 1; cut < 2000 && cut <= f.proof.length; cut = 2 * cut + 1) {
                bytes memory proof = truncated(f.proof, f.proof.length - cut);
                assertRejected(f.keyHash, f.statement, proof, "short proof");
            }
            for (uint256 cut = 1; cut <= f.statement.length; cut = 2 * cut + 1) {
                bytes memory statement = truncated(f.statement, f.statement.length - cut);
                assertRejected(f.keyHash, statement, f.proof, "short statement");
            }
            assertRejected(f.keyHash, "", f.proof, "no statement");
            assertRejected(f.keyHash, f.statement, "", "no proof");
            bytes memory longer = bytes.concat(f.proof, hex"00");
            assertRejected(f.keyHash, f.statement, longer, "proof and a byte");
            longer = bytes.concat(f.proof, bytes32(0));
            assertRejected(f.keyHash, f.statement, longer, "proof and a word");
            longer = bytes.concat(f.statement, hex"00");
            assertRejected(f.keyHash, longer, f.proof, "statement and a byte");
        }
    }

    /// @notice A statement that is valid in itself does not go with another's proof.
    function test_rejects_a_proof_of_another_statement() public {
        Fixture memory a = load("plain_halo2");
        Fixture memory b = load("plain_groth16");
        assertRejected(a.keyHash, b.statement, a.proof, "halo2");
        assertRejected(b.keyHash, a.statement, b.proof, "groth16");
    }

    /// @notice Replay by someone else, for another contract, domain or round, at another step.
    function test_rejects_another_binding() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            uint256[5] memory offsets = [uint256(88), 108, 116, 132, 152];
            for (uint256 k = 0; k < 5; ++k) {
                bytes memory statement = flipped(f.statement, offsets[k] + 7, 1);
                vm.expectRevert(ITrainingVerifier.InvalidProof.selector);
                verifier.verify(f.keyHash, statement, f.proof);
            }
        }
    }

    function test_rejects_on_another_chain() public {
        Fixture memory f = load("plain_halo2");
        vm.chainId(1);
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingVerifier.WrongChain.selector, 1, uint256(31337))
        );
        verifier.verify(f.keyHash, f.statement, f.proof);
    }

    function test_rejects_unknown_and_other_keys() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = read(names[i]);
            vm.expectRevert(
                abi.encodeWithSelector(ITrainingVerifier.UnknownKey.selector, f.keyHash)
            );
            verifier.verify(f.keyHash, f.statement, f.proof);
        }
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            for (uint256 k = 0; k < names.length; ++k) {
                if (k == i) continue;
                bytes32 other = load(names[k]).keyHash;
                assertRejected(other, f.statement, f.proof, "another key");
            }
        }
    }

    /// @notice Keys that differ in a commitment of the circuit alone.
    function test_rejects_a_key_of_another_circuit() public {
        Fixture memory f = read("plain_halo2");
        // Two of the key's points change places.
        uint256 first = f.key.length - 768;
        bytes memory key = f.key;
        for (uint256 half = 0; half < 64; half += 32) {
            bytes32 a = wordAt(f.key, first + half);
            key = withWord(key, first + half, wordAt(f.key, first + 64 + half));
            key = withWord(key, first + 64 + half, a);
        }
        bytes32 hash = verifier.register(key);
        vm.expectRevert(ITrainingVerifier.InvalidProof.selector);
        verifier.verify(hash, f.statement, f.proof);
    }

    function test_says_what_is_wrong_with_a_statement() public {
        Fixture memory f = load("momentum_halo2");
        _expect(f, flipped(f.statement, 20, 1), ITrainingVerifier.StatementKind.selector);
        _expect(f, flipped(f.statement, 31, 1), ITrainingVerifier.StatementKind.selector);
        _expect(f, flipped(f.statement, 39, 1), ITrainingVerifier.StatementCount.selector);
        _expect(f, flipped(f.statement, 40, 1), ITrainingVerifier.WrongSpec.selector);
        _expect(f, flipped(f.statement, 79, 1), ITrainingVerifier.WrongChain.selector);
        _expect(f, flipped(f.statement, 87, 1), ITrainingVerifier.StatementCount.selector);
        _expect(f, flipped(f.statement, 131, 1), ITrainingVerifier.StatementCount.selector);
        _expect(f, flipped(f.statement, 176, 1), ITrainingVerifier.WrongDataset.selector);
        _expect(f, flipped(f.statement, 208, 1), ITrainingVerifier.WindowOutOfRange.selector);
        _expect(f, flipped(f.statement, 223, 1), ITrainingVerifier.StatementCount.selector);
        _expect(f, flipped(f.statement, 236, 1), ITrainingVerifier.WrongDataset.selector);
        _expect(f, truncated(f.statement, 215), ITrainingVerifier.StatementLength.selector);
        _expect(f, bytes.concat(f.statement, "0"), ITrainingVerifier.StatementLength.selector);
        // Another number of windows is another depth of the tree.
        bytes memory many = flipped(f.statement, 206, 1);
        _expect(f, many, ITrainingVerifier.StatementLength.selector);
        // The lists end with update, 8 bytes, state after.
        uint256 stateAfter = f.statement.length - 64 * f.state;
        uint256 update = stateAfter - 8 - 64 * f.parameters;
        _expect(f, flipped(f.statement, update, 1), ITrainingVerifier.WrongUpdate.selector);
        _expect(f, flipped(f.statement, stateAfter, 1), ITrainingVerifier.WrongStateAfter.selector);
        uint256 model = update - 16 - 64 * (f.parameters + f.state);
        _expect(f, flipped(f.statement, model + 31, 1), Bn254.PointNotOnCurve.selector);
    }

    function test_says_what_is_wrong_with_a_proof() public {
        Fixture memory f = load("plain_groth16");
        bytes memory proof = flipped(f.proof, 31, 1);
        _expectProof(f, proof, ITrainingVerifier.WrongUpdate.selector);
        uint256 rho = 64 * (f.ownRows + 1);
        // The last row of the trace, the mask row.
        proof = flipped(f.proof, rho - 65, 1);
        _expectProof(f, proof, Bn254.PointNotOnCurve.selector);
        proof = flipped(f.proof, rho - 1, 1);
        _expectProof(f, proof, Bn254.PointNotOnCurve.selector);
        proof = withWord(f.proof, rho, bytes32(Bn254.R));
        _expectProof(f, proof, Bn254.ScalarNotReduced.selector);
        _expectProof(f, truncated(f.proof, rho), ITrainingVerifier.ProofTooShort.selector);
        proof = truncated(f.proof, f.proof.length - 1);
        _expectProof(f, proof, ICircuitVerifier.ProofLength.selector);
        proof = withWord(f.proof, f.proof.length - 64, bytes32(Bn254.P));
        _expectProof(f, proof, Bn254.PointNotOnCurve.selector);
        // A scalar that is reduced, but another one.
        uint256 gamma = rho + 32 * f.addressLog;
        proof = flipped(f.proof, gamma + 31, 1);
        _expectProof(f, proof, ITrainingVerifier.InvalidProof.selector);
        // B of Groth16, which only the precompile can check.
        proof = flipped(f.proof, f.proof.length - 65, 1);
        _expectProof(f, proof, ITrainingVerifier.InvalidProof.selector);
    }

    /// @notice Coordinates above the field's modulus, though congruent to the right ones.
    function test_rejects_unreduced_coordinates_and_scalars() public {
        Fixture memory f = load("plain_halo2");
        uint256 points = f.ownRows + 1;
        // The first rows are the update's, which the statement has too.
        for (uint256 i = 2 * f.parameters; i < 2 * points; ++i) {
            uint256 value = uint256(wordAt(f.proof, 32 * i)) + Bn254.P;
            bytes memory proof = withWord(f.proof, 32 * i, bytes32(value));
            _expectProof(f, proof, Bn254.PointNotOnCurve.selector);
        }
        for (uint256 i = 0; i < f.addressLog + 3; ++i) {
            uint256 offset = 64 * points + 32 * i;
            uint256 value = uint256(wordAt(f.proof, offset)) + Bn254.R;
            bytes memory proof = withWord(f.proof, offset, bytes32(value));
            _expectProof(f, proof, Bn254.ScalarNotReduced.selector);
        }
    }

    /// @notice A bad point costs about what a good one does: no precompile burns the gas.
    function test_bad_points_do_not_burn_the_gas() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            for (uint256 offset = 0; offset < f.proof.length; offset += 32) {
                bytes memory proof = flipped(f.proof, offset + 31, 2);
                uint256 before = gasleft();
                try verifier.verify{gas: 20_000_000}(f.keyHash, f.statement, proof) {
                    assertTrue(false, "accepted");
                } catch {
                    assertLt(before - gasleft(), 3_000_000);
                }
            }
        }
    }

    function testFuzz_rejects_altered_bytes(uint256 which, uint256 offset, uint8 bits) public {
        bits = bits == 0 ? 1 : bits;
        string[] memory names = small();
        Fixture memory f = load(names[which % names.length]);
        offset = bound(offset, 0, f.statement.length + f.proof.length - 1);
        if (offset < f.statement.length) {
            assertRejected(f.keyHash, flipped(f.statement, offset, bits), f.proof, "statement");
        } else {
            bytes memory proof = flipped(f.proof, offset - f.statement.length, bits);
            assertRejected(f.keyHash, f.statement, proof, "proof");
        }
    }

    function testFuzz_rejects_any_bytes(uint256 which, bytes memory statement, bytes memory proof)
        public
    {
        string[] memory names = small();
        Fixture memory f = load(names[which % names.length]);
        assertRejected(f.keyHash, statement, proof, "both");
        assertRejected(f.keyHash, f.statement, proof, "proof");
        assertRejected(f.keyHash, statement, f.proof, "statement");
    }

    function testFuzz_rejects_replaced_words(uint256 which, uint256 word, bytes32 value) public {
        string[] memory names = small();
        Fixture memory f = load(names[which % names.length]);
        uint256 offset = 32 * bound(word, 0, f.proof.length / 32 - 1);
        vm.assume(value != wordAt(f.proof, offset));
        assertRejected(f.keyHash, f.statement, withWord(f.proof, offset, value), "word");
    }

    function _expect(Fixture memory f, bytes memory statement, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        verifier.verify(f.keyHash, statement, f.proof);
    }

    function _expectProof(Fixture memory f, bytes memory proof, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        verifier.verify(f.keyHash, f.statement, proof);
    }
}
