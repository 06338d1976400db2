// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "../src/interfaces/ITrainingVerifier.sol";
import {Fixture, Fixtures} from "./Fixtures.sol";

/// @notice Proofs of the real prover are accepted, and what they say is returned.
contract AcceptanceTest is Fixtures {
    function test_accepts_every_fixture() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            _assertClaim(verifier.verify(f.keyHash, f.statement, f.proof), names[i]);
        }
    }

    function _assertClaim(TrainingClaim memory claim, string memory name) private view {
        string memory text = json(name);
        assertEq(claim.chainId, block.chainid, name);
        assertEq(claim.spec, vm.parseJsonBytes32(text, ".claim.spec"), name);
        assertEq(claim.contractAddress, vm.parseJsonAddress(text, ".claim.contractAddress"), name);
        assertEq(claim.domain, vm.parseJsonUint(text, ".claim.domain"), name);
        assertEq(claim.round, vm.parseJsonUint(text, ".claim.round"), name);
        assertEq(claim.prover, vm.parseJsonAddress(text, ".claim.prover"), name);
        assertEq(claim.step, vm.parseJsonUint(text, ".claim.step"), name);
        assertEq(claim.steps, vm.parseJsonUint(text, ".claim.steps"), name);
        assertEq(claim.dataset, vm.parseJsonBytes32(text, ".claim.dataset"), name);
        assertEq(claim.windows, vm.parseJsonUint(text, ".claim.windows"), name);
        assertEq(claim.window, vm.parseJsonUint(text, ".claim.window"), name);
        assertEq(claim.model, vm.parseJsonBytes32(text, ".claim.model"), name);
        assertEq(claim.state, vm.parseJsonBytes32(text, ".claim.state"), name);
        assertEq(claim.update, vm.parseJsonBytes32(text, ".claim.update"), name);
        assertEq(claim.stateAfter, vm.parseJsonBytes32(text, ".claim.stateAfter"), name);
    }
}

/// @notice What checking a proof costs, for the gas snapshot; calldata and the transaction itself
/// are apart. The calls are stored as code, so that reading them costs next to nothing.
contract GasTest is Fixtures {
    address private constant HALO2 = address(0x100000);
    address private constant GROTH16 = address(0x100001);
    address private _target;

    function setUp() public override {
        super.setUp();
        _target = address(verifier);
        _store(HALO2, load("mnist_halo2"));
        _store(GROTH16, load("mnist_groth16"));
    }

    function test_gas_halo2() public {
        _measure(HALO2);
    }

    function test_gas_groth16() public {
        _measure(GROTH16);
    }

    function _store(address place, Fixture memory f) private {
        vm.etch(place, abi.encodeCall(verifier.verify, (f.keyHash, f.statement, f.proof)));
    }

    function _measure(address place) private {
        (bool ok,) = _target.call(place.code);
        assertTrue(ok);
    }
}
