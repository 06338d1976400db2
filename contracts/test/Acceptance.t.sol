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

/// @notice What checking a proof costs, calldata and transaction apart: one test each, for the
/// gas snapshot.
contract GasTest is Fixtures {
    Fixture private _halo2;
    Fixture private _groth16;

    function setUp() public override {
        super.setUp();
        _halo2 = load("mnist_halo2");
        _groth16 = load("mnist_groth16");
    }

    function test_gas_halo2() public {
        _measure(_halo2);
    }

    function test_gas_groth16() public {
        _measure(_groth16);
    }

    function _measure(Fixture memory f) private {
        verifier.verify(f.keyHash, f.statement, f.proof);
        vm.snapshotGasLastCall(f.name);
    }
}
