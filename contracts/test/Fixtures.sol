// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Groth16Verifier} from "../src/Groth16Verifier.sol";
import {Halo2Verifier} from "../src/Halo2Verifier.sol";
import {TrainingVerifier} from "../src/TrainingVerifier.sol";

/// @notice A proof by the real prover.
struct Fixture {
    bytes32 keyHash;
    bytes key;
    bytes statement;
    bytes proof;
}

/// @notice Deployed contracts and committed proofs.
abstract contract Fixtures is Test {
    TrainingVerifier internal verifier;

    function setUp() public virtual {
        verifier = new TrainingVerifier(new Halo2Verifier(), new Groth16Verifier());
    }

    /// @notice Reads a fixture.
    function read(string memory name) internal view returns (Fixture memory fixture) {
        string memory json = vm.readFile(string.concat("test/fixtures/", name, ".json"));
        fixture.keyHash = vm.parseJsonBytes32(json, ".keyHash");
        fixture.key = vm.parseJsonBytes(json, ".key");
        fixture.statement = vm.parseJsonBytes(json, ".statement");
        fixture.proof = vm.parseJsonBytes(json, ".proof");
    }

    /// @notice Reads a fixture and registers its key.
    function load(string memory name) internal returns (Fixture memory fixture) {
        fixture = read(name);
        assertEq(verifier.register(fixture.key), fixture.keyHash);
    }

    /// @notice Checks that a proof is rejected, and with an error of the contracts'.
    function assertRejected(
        bytes32 keyHash,
        bytes memory statement,
        bytes memory proof,
        string memory what
    ) internal view {
        try verifier.verify(keyHash, statement, proof) {
            revert(string.concat("accepted with ", what));
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            assertGe(reason.length, 4, what);
            assertTrue(selector != bytes4(keccak256("Panic(uint256)")), what);
            assertTrue(selector != bytes4(keccak256("Error(string)")), what);
        }
    }
}
