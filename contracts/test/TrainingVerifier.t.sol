// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "../src/interfaces/ITrainingVerifier.sol";
import {Fixture, Fixtures} from "./Fixtures.sol";

contract TrainingVerifierTest is Fixtures {
    function test_accepts_plain_groth16() public {
        Fixture memory f = load("plain_groth16");
        uint256 gas = gasleft();
        TrainingClaim memory claim = verifier.verify(f.keyHash, f.statement, f.proof);
        emit log_named_uint("gas", gas - gasleft());
        assertEq(claim.chainId, block.chainid);
    }
    function test_accepts_others() public {
        string[3] memory names = ["momentum_groth16", "two_steps_groth16", "logistic_groth16"];
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            verifier.verify(f.keyHash, f.statement, f.proof);
        }
    }
}
