// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ISlashing} from "../interfaces/ISlashing.sol";
import {TrainingClaim} from "../interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";
import {Bn254} from "./Bn254.sol";

/// @title Whether a proof holds, asked so that a lack of gas is no answer
/// @notice A verifier says no by reverting, and a verifier that runs out of gas reverts too. So it
/// is only called with gas that surely suffices.
library GuardedVerify {
    /// @dev For what is done between the look at the gas and the call, a cold account included.
    uint256 private constant SLACK = 10_000;

    /// @notice Has a proof checked.
    /// @return holds Whether the proof holds. If not, it is the proof's fault.
    /// @return claim What a proof that holds says.
    /// @dev The look at the gas is the guard: a valid proof reaches its verdict within the bound. All
    /// gas is passed on, not just the bound, because a proof full of bad points costs more than a
    /// valid one. That nothing at all was said means that the gas ran out nevertheless, in a proof
    /// that is not valid: the caller that brings it must bring more gas. That a precompile failed
    /// is no verdict either: no proof makes one fail (`Bn254`), but a fork that made it dearer
    /// would, and would then make evidence of every honest proof.
    function check(
        IVerifierRouter router,
        bytes32 id,
        bytes32 key,
        bytes calldata statement,
        bytes calldata proof
    ) internal view returns (bool holds, TrainingClaim memory claim) {
        // A stopped verifier refuses valid proofs too. This reverts.
        // slither-disable-next-line unused-return
        router.usable(id);
        uint256 bound = router.gasBound(id, key);
        bytes memory call = abi.encodeCall(router.verify, (id, key, statement, proof));
        // A call gets at most 63/64 of what there is.
        uint256 needed = bound + bound / 63 + SLACK;
        uint256 left = gasleft();
        if (left < needed) revert ISlashing.NotEnoughGas(needed, left);
        bytes memory result;
        // Not `try`: the look at the gas would come before the arguments are encoded.
        // slither-disable-next-line low-level-calls
        (holds, result) = address(router).staticcall(call);
        if (holds) {
            claim = abi.decode(result, (TrainingClaim));
        } else if (result.length < 4 || bytes4(result) == Bn254.PrecompileFailed.selector) {
            revert ISlashing.NoVerdict();
        }
    }
}
