// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "./ITrainingVerifier.sol";

/// @title Verifiers by the hash of their code and parameters
/// @notice A verifier's name is the hash of its code, which holds its immutable parameters, so a
/// name always means the same check. Verifiers are added after a delay, never replaced. The
/// guardian, whom the owner can replace, may stop one at once, but only for `STOP_TERM`, and only
/// once: whether it stays out of use the owner decides in that time.
interface IVerifierRouter {
    /// @notice A verifier can be used.
    event VerifierAdded(bytes32 indexed id, address verifier);
    /// @notice A verifier is out of use until then, unless the stop is made final.
    event VerifierStopped(bytes32 indexed id, address indexed guardian, uint64 until);
    /// @notice A verifier that was stopped is out of use for good.
    event StopRatified(bytes32 indexed id);
    /// @notice Somebody else may stop verifiers.
    event GuardianChanged(address indexed guardian);

    /// @notice No verifier has this name.
    error UnknownVerifier(bytes32 id);
    /// @notice The verifier has been stopped.
    error VerifierIsStopped(bytes32 id);
    /// @notice No stop of this verifier is in force.
    error NotStopped(bytes32 id);
    /// @notice The stop is final already.
    error AlreadyFinal(bytes32 id);
    /// @notice This guardian has stopped this verifier before.
    error StopSpent(bytes32 id, address guardian);
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

    /// @notice Stops a verifier for `STOP_TERM`. Only the guardian may, and each guardian each
    /// verifier only once.
    function stop(bytes32 id) external;

    /// @notice Makes a stop that is in force final. Only the owner may.
    function ratify(bytes32 id) external;

    /// @notice Names another guardian; the zero address for none. Only the owner may.
    function setGuardian(address next) external;

    /// @notice Checks a proof; reverts unless it holds and the verifier is in use.
    function verify(bytes32 id, bytes32 key, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (TrainingClaim memory);

    /// @notice The verifier with this name; reverts if there is none or it was stopped.
    function usable(bytes32 id) external view returns (address verifier);

    /// @notice Whether the verifier is out of use now.
    function isStopped(bytes32 id) external view returns (bool);

    /// @notice When the stop that is in force began; zero without one.
    function stoppedAt(bytes32 id) external view returns (uint64);

    /// @notice The last stop, also one that has run out: rounds that were under way during it could
    /// not be challenged.
    /// @return from When it began, or the first of those that count as one with it, as each began no
    /// more than 16 days after the one before had ended: so a later stop hides none that rounds under
    /// way have seen. Zero if there was none.
    /// @return until When the last ends or has ended; the greatest number if it is final.
    function lastStop(bytes32 id) external view returns (uint64 from, uint64 until);

    /// @notice Who may stop verifiers.
    function guardian() external view returns (address);

    /// @notice Gas with which `verify` accepts whatever holds for this key; at least twice what
    /// that takes, which does not depend on the proof. So a caller that gives it that much and sees
    /// a revert has seen a proof that does not hold. Knows the systems of `ITrainingVerifier` only,
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
