// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier, TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Header, KeyHeader} from "./libraries/KeyHeader.sol";
import {Times} from "./libraries/Times.sol";

/// @title Verifiers by the hash of their code and parameters
contract VerifierRouter is IVerifierRouter {
    using KeyHeader for Header;

    /// @dev What the code of an account starts with that delegates to a contract (EIP-7702): the
    /// account can change it. No contract starts so (EIP-3541).
    bytes1 private constant DELEGATION = 0xef;

    /// @notice How long a stop lasts that is not made final: time for the owner to decide, its
    /// delay included.
    uint64 public constant STOP_TERM = 30 days;

    /// @notice Who may add verifiers, make stops final and name the guardian: a timelock.
    address public immutable OWNER;

    /// @dev The longest time from the end of a stop to the next one for both to count as one from the
    /// first's beginning: no round under way at the first's end is younger by then.
    uint64 private constant GAP = Times.MAX_ROUND;

    /// @dev The last stop of a verifier, and the beginning of the stops that count as one with it.
    struct Stop {
        uint64 from;
        uint64 time;
        bool isFinal;
    }

    /// @inheritdoc IVerifierRouter
    address public guardian;

    mapping(bytes32 id => address verifier) private _verifiers;
    mapping(bytes32 id => Stop) private _stops;
    mapping(address guardian => mapping(bytes32 id => bool)) private _spent;

    /// @param owner Who may add verifiers, make stops final and name the guardian.
    /// @param firstGuardian Who may stop verifiers.
    /// @param first Verifiers that are there from the start.
    constructor(address owner, address firstGuardian, address[] memory first) {
        OWNER = owner;
        guardian = firstGuardian;
        emit GuardianChanged(firstGuardian);
        for (uint256 i = 0; i < first.length; ++i) {
            _add(first[i]);
        }
    }

    /// @inheritdoc IVerifierRouter
    function add(address verifier) external returns (bytes32 id) {
        _requireOwner();
        return _add(verifier);
    }

    /// @inheritdoc IVerifierRouter
    function stop(bytes32 id) external {
        if (msg.sender != guardian) revert Unauthorized(msg.sender);
        usable(id);
        // Else stops could be strung together into a final one that nobody has decided.
        if (_spent[msg.sender][id]) revert StopSpent(id, msg.sender);
        _spent[msg.sender][id] = true;
        uint64 time = uint64(block.timestamp);
        Stop memory last = _stops[id];
        bool apart = last.time == 0 || time > last.time + STOP_TERM + GAP;
        _stops[id] = Stop({from: apart ? time : last.from, time: time, isFinal: false});
        emit VerifierStopped(id, msg.sender, time + STOP_TERM);
    }

    /// @inheritdoc IVerifierRouter
    function ratify(bytes32 id) external {
        _requireOwner();
        if (!isStopped(id)) revert NotStopped(id);
        if (_stops[id].isFinal) revert AlreadyFinal(id);
        _stops[id].isFinal = true;
        emit StopRatified(id);
    }

    /// @inheritdoc IVerifierRouter
    function setGuardian(address next) external {
        _requireOwner();
        guardian = next;
        emit GuardianChanged(next);
    }

    /// @inheritdoc IVerifierRouter
    function verify(bytes32 id, bytes32 key, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (TrainingClaim memory)
    {
        return ITrainingVerifier(usable(id)).verify(key, statement, proof);
    }

    /// @inheritdoc IVerifierRouter
    function gasBound(bytes32 id, bytes32 key) external view returns (uint256) {
        return _header(id, key).gasBound();
    }

    /// @inheritdoc IVerifierRouter
    function describe(bytes32 id, bytes32 key)
        external
        view
        returns (bytes32 spec, uint256 steps, uint256 rows, uint256 stateRows)
    {
        Header memory header = _header(id, key);
        return (header.spec, header.steps, header.parameters, header.state);
    }

    /// @inheritdoc IVerifierRouter
    function stoppedAt(bytes32 id) external view returns (uint64) {
        return isStopped(id) ? _stops[id].time : 0;
    }

    /// @inheritdoc IVerifierRouter
    function lastStop(bytes32 id) external view returns (uint64 from, uint64 until) {
        Stop memory last = _stops[id];
        // slither-disable-next-line incorrect-equality
        if (last.time == 0) return (0, 0);
        return (last.from, last.isFinal ? type(uint64).max : last.time + STOP_TERM);
    }

    /// @inheritdoc IVerifierRouter
    function isStopped(bytes32 id) public view returns (bool) {
        Stop memory last = _stops[id];
        return last.isFinal || (last.time != 0 && block.timestamp < last.time + STOP_TERM);
    }

    /// @inheritdoc IVerifierRouter
    function usable(bytes32 id) public view returns (address verifier) {
        verifier = _verifiers[id];
        if (verifier == address(0)) revert UnknownVerifier(id);
        if (isStopped(id)) revert VerifierIsStopped(id);
    }

    function _add(address verifier) private returns (bytes32 id) {
        bytes memory code = verifier.code;
        if (code.length == 0 || code[0] == DELEGATION) revert NotAContract(verifier);
        id = verifier.codehash;
        if (_verifiers[id] != address(0)) revert AlreadyAdded(id);
        _verifiers[id] = verifier;
        emit VerifierAdded(id, verifier);
    }

    function _requireOwner() private view {
        if (msg.sender != OWNER) revert Unauthorized(msg.sender);
    }

    function _header(bytes32 id, bytes32 key) private view returns (Header memory) {
        address store = ITrainingVerifier(usable(id)).keyStore(key);
        if (store == address(0)) revert UnknownKey(key);
        return KeyHeader.read(store);
    }
}
