// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {ITrainingVerifier} from "../src/interfaces/ITrainingVerifier.sol";

/// @notice A proof by the real prover, with the numbers of its key.
struct Fixture {
    string name;
    bytes32 keyHash;
    bytes key;
    bytes statement;
    bytes proof;
    uint256 data;
    uint256 parameters;
    uint256 state;
    uint256 steps;
    uint256 ownRows;
    uint256 addressLog;
}

/// @notice Deployed contracts and committed proofs, which `tests/proofs/contract_fixtures.rs` makes.
abstract contract Fixtures is Test {
    ITrainingVerifier internal verifier;

    /// @dev The committed bytecode, the very same that Rust embeds.
    function setUp() public virtual {
        address halo2 = vm.deployCode("artifacts/Halo2Verifier.json");
        bytes memory argument = abi.encode(halo2);
        verifier = ITrainingVerifier(vm.deployCode("artifacts/TrainingVerifier.json", argument));
    }

    /// @notice The small fixtures: plain, momentum, two steps, another loss, Adam; both systems.
    function small() internal pure returns (string[] memory names) {
        names = new string[](10);
        names[0] = "plain_halo2";
        names[1] = "plain_groth16";
        names[2] = "momentum_halo2";
        names[3] = "momentum_groth16";
        names[4] = "two_steps_halo2";
        names[5] = "two_steps_groth16";
        names[6] = "logistic_halo2";
        names[7] = "logistic_groth16";
        names[8] = "adam_halo2";
        names[9] = "adam_groth16";
    }

    /// @notice A fixture's file.
    function json(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat("test/fixtures/", name, ".json"));
    }

    /// @notice Reads a fixture.
    function read(string memory name) internal view returns (Fixture memory fixture) {
        string memory text = json(name);
        fixture.name = name;
        fixture.keyHash = vm.parseJsonBytes32(text, ".keyHash");
        fixture.key = vm.parseJsonBytes(text, ".key");
        fixture.statement = vm.parseJsonBytes(text, ".statement");
        fixture.proof = vm.parseJsonBytes(text, ".proof");
        fixture.addressLog = number(fixture.key, 40);
        fixture.data = number(fixture.key, 44);
        fixture.parameters = number(fixture.key, 48);
        fixture.state = number(fixture.key, 52);
        fixture.steps = number(fixture.key, 64);
        fixture.ownRows = number(fixture.key, 60) * fixture.steps + number(fixture.key, 68);
    }

    /// @notice Reads a fixture and registers its key.
    function load(string memory name) internal returns (Fixture memory fixture) {
        fixture = read(name);
        assertEq(verifier.register(fixture.key), fixture.keyHash);
    }

    /// @notice Four bytes, big-endian.
    function number(bytes memory data, uint256 offset) internal pure returns (uint256 value) {
        for (uint256 i = 0; i < 4; ++i) {
            value = (value << 8) | uint8(data[offset + i]);
        }
    }

    /// @notice The word at an offset.
    function wordAt(bytes memory data, uint256 offset) internal pure returns (bytes32 word) {
        require(offset + 32 <= data.length);
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }

    /// @notice A copy with another word at an offset.
    function withWord(bytes memory data, uint256 offset, bytes32 word)
        internal
        pure
        returns (bytes memory copy)
    {
        require(offset + 32 <= data.length);
        copy = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(add(add(copy, 0x20), offset), word)
        }
    }

    /// @notice A copy with some bits of one byte flipped.
    function flipped(bytes memory data, uint256 offset, uint8 bits)
        internal
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(data);
        copy[offset] = bytes1(uint8(copy[offset]) ^ bits);
    }

    /// @notice The first bytes.
    function truncated(bytes memory data, uint256 length)
        internal
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(copy, length)
        }
    }

    /// @notice Checks that a proof is rejected, and with an error of the contracts'.
    function assertRejected(
        bytes32 keyHash,
        bytes memory statement,
        bytes memory proof,
        string memory what
    ) internal view {
        try verifier.verify(keyHash, statement, proof) {
            assertTrue(false, string.concat("accepted: ", what));
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            assertGe(reason.length, 4, what);
            assertTrue(selector != bytes4(keccak256("Panic(uint256)")), what);
            assertTrue(selector != bytes4(keccak256("Error(string)")), what);
        }
    }
}
