// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ITrainingVerifier, TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Header, KeyHeader} from "./libraries/KeyHeader.sol";

/// @title Verifiers by the hash of their code and parameters
contract VerifierRouter is IVerifierRouter {
    using KeyHeader for Header;

    /// @dev What the code of an account starts with that delegates to a contract (EIP-7702): the
    /// account can change it. No contract starts so (EIP-3541).
    bytes1 private constant DELEGATION = 0xef;

    /// @notice Who may add verifiers: a timelock.
    address public immutable OWNER;
    /// @notice Who may stop verifiers.
    address public immutable GUARDIAN;

    /// @inheritdoc IVerifierRouter
    mapping(bytes32 id => bool) public isStopped;

    mapping(bytes32 id => address verifier) private _verifiers;

    /// @param owner Who may add verifiers.
    /// @param guardian Who may stop verifiers.
    /// @param first Verifiers that are there from the start.
    constructor(address owner, address guardian, address[] memory first) {
        OWNER = owner;
        GUARDIAN = guardian;
        for (uint256 i = 0; i < first.length; ++i) {
            _add(first[i]);
        }
    }

    /// @inheritdoc IVerifierRouter
    function add(address verifier) external returns (bytes32 id) {
        if (msg.sender != OWNER) revert Unauthorized(msg.sender);
        return _add(verifier);
    }

    /// @inheritdoc IVerifierRouter
    function stop(bytes32 id) external {
        if (msg.sender != GUARDIAN) revert Unauthorized(msg.sender);
        usable(id);
        isStopped[id] = true;
        emit VerifierStopped(id);
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
    function usable(bytes32 id) public view returns (address verifier) {
        verifier = _verifiers[id];
        if (verifier == address(0)) revert UnknownVerifier(id);
        if (isStopped[id]) revert VerifierIsStopped(id);
    }

    function _add(address verifier) private returns (bytes32 id) {
        bytes memory code = verifier.code;
        if (code.length == 0 || code[0] == DELEGATION) revert NotAContract(verifier);
        id = verifier.codehash;
        if (_verifiers[id] != address(0)) revert AlreadyAdded(id);
        _verifiers[id] = verifier;
        emit VerifierAdded(id, verifier);
    }

    function _header(bytes32 id, bytes32 key) private view returns (Header memory) {
        address store = ITrainingVerifier(usable(id)).keyStore(key);
        if (store == address(0)) revert UnknownKey(key);
        return KeyHeader.read(store);
    }
}
