// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "./ITrainingVerifier.sol";

/// @title Verifiers by the hash of their code and parameters
/// @notice A verifier's name is the hash of its code, which holds its immutable parameters, so a
/// name always means the same check. Verifiers are added after a delay, never replaced; anyone whom
/// they were entrusted to, the guardian, may stop one for good, and can do nothing else.
interface IVerifierRouter {
    /// @notice A verifier can be used.
    event VerifierAdded(bytes32 indexed id, address verifier);
    /// @notice A verifier is out of use for good.
    event VerifierStopped(bytes32 indexed id);

    /// @notice No verifier has this name.
    error UnknownVerifier(bytes32 id);
    /// @notice The verifier has been stopped.
    error VerifierIsStopped(bytes32 id);
    /// @notice The verifier is there already.
    error AlreadyAdded(bytes32 id);
    /// @notice There is no code at this address.
    error NotAContract(address verifier);
    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice The verifier knows no such key.
    error UnknownKey(bytes32 key);

    /// @notice Adds a verifier. Only the owner, a timelock, may.
    function add(address verifier) external returns (bytes32 id);

    /// @notice Stops a verifier for good. Only the guardian may.
    function stop(bytes32 id) external;

    /// @notice Checks a proof; reverts unless it holds and the verifier is in use.
    function verify(bytes32 id, bytes32 key, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (TrainingClaim memory);

    /// @notice The verifier with this name; reverts if there is none or it was stopped.
    function usable(bytes32 id) external view returns (address verifier);

    /// @notice Whether the verifier was stopped.
    function isStopped(bytes32 id) external view returns (bool);

    /// @notice Gas with which `verify` accepts whatever holds for this key; at least twice what
    /// that takes, which does not depend on the proof. So whoever gives it that much and sees a
    /// revert has seen a proof that does not hold. Knows the systems of `ITrainingVerifier` only,
    /// and reverts for others.
    function gasBound(bytes32 id, bytes32 key) external view returns (uint256);

    /// @notice What a key says of itself.
    /// @return spec Digest of the manifest and of the reference string.
    /// @return steps Steps a proof.
    /// @return rows Rows of the parameters.
    /// @return stateRows Rows of the optimizer's state.
    function describe(bytes32 id, bytes32 key)
        external
        view
        returns (bytes32 spec, uint256 steps, uint256 rows, uint256 stateRows);
}
