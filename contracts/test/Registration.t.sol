// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Groth16Verifier} from "../src/Groth16Verifier.sol";
import {Halo2Verifier} from "../src/Halo2Verifier.sol";
import {ICircuitVerifier} from "../src/interfaces/ICircuitVerifier.sol";
import {ITrainingVerifier} from "../src/interfaces/ITrainingVerifier.sol";
import {Bn254} from "../src/libraries/Bn254.sol";
import {TrainingKeys} from "../src/libraries/TrainingKeys.sol";
import {Fixture, Fixtures} from "./Fixtures.sol";

/// @notice Keys: what is stored, and what is refused.
contract RegistrationTest is Fixtures {
    // Where the numbers of a key are.
    uint256 private constant SYSTEM = 32;
    uint256 private constant ROW_LOG = 36;
    uint256 private constant ADDRESS_LOG = 40;
    uint256 private constant PARAMETERS = 48;
    uint256 private constant STATE = 52;
    uint256 private constant TABLES = 56;
    uint256 private constant UPDATE = 60;
    uint256 private constant STEPS = 64;
    uint256 private constant TRACE = 68;
    uint256 private constant INDICES = 72;

    function test_stores_keys_as_code() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = read(names[i]);
            assertEq(verifier.keyStore(f.keyHash), address(0));
            vm.expectEmit(true, true, false, false);
            emit ITrainingVerifier.KeyRegistered(f.keyHash, wordAt(f.key, 0), address(0));
            assertEq(verifier.register(f.key), f.keyHash);
            address store = verifier.keyStore(f.keyHash);
            assertEq(store.code, bytes.concat(hex"00", f.key));
            // Nobody can make the store do anything.
            (bool ok, bytes memory result) = store.call(hex"41c0e1b5");
            assertTrue(ok && result.length == 0);
        }
    }

    function test_registers_a_key_once() public {
        Fixture memory f = load("plain_groth16");
        address store = verifier.keyStore(f.keyHash);
        vm.recordLogs();
        assertEq(verifier.register(f.key), f.keyHash);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(verifier.keyStore(f.keyHash), store);
    }

    function test_refuses_other_lengths() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = read(names[i]);
            for (uint256 length = 0; length < f.key.length; length = 2 * length + 1) {
                _refuse(truncated(f.key, length), ITrainingVerifier.KeyLength.selector);
            }
            bytes4 selector = ITrainingVerifier.KeyLength.selector;
            _refuse(truncated(f.key, f.key.length - 1), selector);
            _refuse(bytes.concat(f.key, hex"00"), selector);
        }
    }

    function test_refuses_numbers_out_of_range() public {
        bytes memory key = read("momentum_halo2").key;
        _refuse(_with(key, SYSTEM, 3), ITrainingVerifier.UnknownSystem.selector);
        bytes4 field = ITrainingVerifier.KeyField.selector;
        _refuse(_with(key, ROW_LOG, 0), field);
        _refuse(_with(key, ROW_LOG, 29), field);
        _refuse(_with(key, ADDRESS_LOG, number(key, ROW_LOG) - 1), field);
        _refuse(_with(key, ADDRESS_LOG, number(key, ROW_LOG) + 13), field);
        bytes4 length = ITrainingVerifier.KeyLength.selector;
        _refuse(_with(key, TABLES, type(uint32).max), length);
        _refuse(_with(key, TRACE, number(key, TRACE) + 1), length);
        _refuse(_with(key, STEPS, type(uint32).max), length);
        _refuse(_with(key, INDICES, 1 << 12), ITrainingVerifier.KeyRowIndex.selector);
        // As many rows, but not in the groups that they belong to.
        uint256 state = number(key, STATE);
        uint256 trace = number(key, TRACE);
        _refuse(_with(_with(key, STATE, state + 1), TRACE, trace - 1), field);
        uint256 parameters = number(key, PARAMETERS);
        uint256 added = state + 1;
        bytes memory wide = _with(key, UPDATE, parameters + added);
        _refuse(_with(wide, TRACE, trace - added * number(key, STEPS)), field);
        bytes memory fewer = _with(key, UPDATE, parameters - 1);
        _refuse(_with(fewer, TRACE, trace + number(key, STEPS)), field);
        bytes memory none = _with(_with(key, PARAMETERS, 0), UPDATE, 0);
        uint256 steps = number(key, STEPS);
        _refuse(_with(none, TRACE, trace + (1 + steps) * parameters), field);
        _refuse(_with(_with(key, STEPS, 0), TRACE, trace + steps * parameters), field);
    }

    function test_refuses_bad_points() public {
        Fixture memory f = read("plain_halo2");
        uint256 circuit = f.key.length - 832;
        uint256 tau = circuit - 160;
        _refuse(flipped(f.key, tau + 31, 1), ITrainingVerifier.KeyTau.selector);
        bytes memory key = f.key;
        for (uint256 i = 0; i < 4; ++i) {
            key = withWord(key, tau + 32 * i, 0);
        }
        _refuse(key, ITrainingVerifier.KeyTau.selector);
        for (uint256 i = 0; i < 12; ++i) {
            key = flipped(f.key, circuit + 64 + 64 * i + 31, 1);
            _refuse(key, Bn254.PointNotOnCurve.selector);
        }
        if (number(f.key, TABLES) != 0) {
            key = flipped(f.key, tau - 1, 1);
            _refuse(key, Bn254.PointNotOnCurve.selector);
        }
        _refuse(flipped(f.key, circuit, 1), Halo2Verifier.KeyVersion.selector);
        _refuse(withWord(f.key, circuit + 32, bytes32(uint256(25))), Halo2Verifier.KeyRows.selector);
        _refuse(withWord(f.key, circuit + 32, bytes32(uint256(4))), Halo2Verifier.KeyRows.selector);
        _refuse(withWord(f.key, circuit - 32, bytes32(0)), ITrainingVerifier.KeyLength.selector);
    }

    function test_refuses_bad_groth16_keys() public {
        Fixture memory f = read("plain_groth16");
        uint256 circuit = f.key.length - 704;
        _refuse(flipped(f.key, circuit + 31, 1), Bn254.PointNotOnCurve.selector);
        for (uint256 i = 0; i < 4; ++i) {
            _refuse(flipped(f.key, circuit + 448 + 64 * i, 1), Bn254.PointNotOnCurve.selector);
        }
        bytes4 notInG2 = Groth16Verifier.KeyPointNotInG2.selector;
        _refuse(flipped(f.key, circuit + 64 + 31, 1), notInG2);
        _refuse(flipped(f.key, circuit + 320 + 31, 1), notInG2);
        // gamma and delta change places
        bytes memory key = f.key;
        for (uint256 i = 0; i < 128; i += 32) {
            key = withWord(key, circuit + 192 + i, wordAt(f.key, circuit + 320 + i));
        }
        _refuse(key, Groth16Verifier.KeyGamma.selector);
    }

    /// @notice A circuit's key of the other system does not have the right length.
    function test_refuses_a_key_of_the_other_system() public {
        bytes4 length = ICircuitVerifier.KeyLength.selector;
        _refuse(_with(read("plain_groth16").key, SYSTEM, 1), length);
        _refuse(_with(read("plain_halo2").key, SYSTEM, 2), length);
    }

    function test_refuses_what_does_not_fit_in_a_contract() public {
        bytes memory key = read("plain_halo2").key;
        // As many trace rows as fit in no contract, with as many indices.
        uint256 more = 6000;
        key = bytes.concat(truncated(key, INDICES), new bytes(4 * more), _suffix(key, INDICES));
        key = _with(key, TRACE, number(key, TRACE) + more);
        _refuse(key, TrainingKeys.StoreFailed.selector);
    }

    function testFuzz_refuses_any_bytes(bytes memory key) public {
        vm.expectRevert();
        verifier.register(key);
    }

    function _refuse(bytes memory key, bytes4 selector) private {
        vm.expectPartialRevert(selector);
        verifier.register(key);
    }

    function _with(bytes memory key, uint256 offset, uint256 value)
        private
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(key);
        for (uint256 i = 0; i < 4; ++i) {
            copy[offset + i] = bytes1(uint8(value >> (24 - 8 * i)));
        }
    }

    function _suffix(bytes memory data, uint256 start) private pure returns (bytes memory rest) {
        rest = new bytes(data.length - start);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = data[start + i];
        }
    }
}
