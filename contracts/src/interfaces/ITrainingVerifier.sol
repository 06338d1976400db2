// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice What a verified proof says: `steps` steps on one window of a committed dataset turn the
/// model committed in `model` into one that differs by what `update` commits to. The window's data
/// are well formed: inputs in range, labels as the loss takes them.
/// @param spec Digest of the manifest and of the reference string.
/// @param chainId The chain that the proof is for: this one.
/// @param contractAddress The contract that the proof is for. The verifier does not know who
/// relies on the claim: a caller must compare it with its own address.
/// @param domain The domain, as that contract numbers them; zero where it has none.
/// @param round The round.
/// @param prover Who proved it. A caller that pays must compare it.
/// @param step Number of the first step in its chain.
/// @param steps Steps proven.
/// @param dataset Merkle root of the dataset.
/// @param windows Windows of the dataset.
/// @param window The window trained on.
/// @param model `keccak256` of the row commitments of the parameters before, 64 bytes each.
/// @param state The same of the optimizer's state before; of nothing where there is none.
/// @param update The same of the update.
/// @param stateAfter The same of the state after.
struct TrainingClaim {
    bytes32 spec;
    uint64 chainId;
    address contractAddress;
    uint64 domain;
    uint64 round;
    address prover;
    uint64 step;
    uint64 steps;
    bytes32 dataset;
    uint64 windows;
    uint64 window;
    bytes32 model;
    bytes32 state;
    bytes32 update;
    bytes32 stateAfter;
}

/// @title Verifier of compressed training proofs
/// @notice Keys are data: anyone registers any key, and a caller that relies on a proof pins the
/// hash of the key that it derived from the manifest itself.
interface ITrainingVerifier {
    /// @notice A key became usable.
    event KeyRegistered(bytes32 indexed key, bytes32 indexed spec, address store);

    /// @notice No key with this hash is registered.
    error UnknownKey(bytes32 key);
    /// @notice A key does not have the length that its numbers demand.
    error KeyLength(uint256 expected, uint256 got);
    /// @notice No proof system has this number.
    error UnknownSystem(uint256 system);
    /// @notice A number of a key is out of range. Fields are numbered in the key's order.
    error KeyField(uint256 field, uint256 value);
    /// @notice A row of a key's layout lies outside of the sheet.
    error KeyRowIndex(uint256 row, uint256 index);
    /// @notice A key's `[tau]` is not a point of G2 other than the neutral element.
    error KeyTau();
    /// @notice The statement does not have the length that the key demands.
    error StatementLength(uint256 expected, uint256 got);
    /// @notice The statement does not start as version 1 of training statements does.
    error StatementKind();
    /// @notice A length inside the statement is not the one that the key demands.
    error StatementCount(uint256 offset, uint256 expected, uint256 got);
    /// @notice The statement is about another manifest or reference string.
    error WrongSpec(bytes32 expected, bytes32 got);
    /// @notice The statement is for another chain.
    error WrongChain(uint256 expected, uint256 got);
    /// @notice The dataset does not have this window.
    error WindowOutOfRange(uint256 window, uint256 windows);
    /// @notice The window's rows do not lead to the dataset's root.
    error WrongDataset(bytes32 expected, bytes32 got);
    /// @notice A row of the update is not minus the sum of the steps' updates.
    error WrongUpdate(uint256 row);
    /// @notice A row of the state after is not what the last step leaves.
    error WrongStateAfter(uint256 row);
    /// @notice The proof ends before its compressed proof starts.
    error ProofTooShort(uint256 atLeast, uint256 got);
    /// @notice The opening or the compressed proof does not hold.
    error InvalidProof();

    /// @notice Registers a key, which must fit in one contract's code.
    /// @param encoded The key. Encoding (numbers are four bytes, big-endian):
    /// `spec (32 bytes), system (1 halo2, 2 Groth16), row_log, address_log, rows of a window of
    /// data, of the parameters, of the state, of the tables, of one step's update with the state that it
    /// leaves behind it, if that is not the update itself, steps, rows of
    /// the trace, row indices in the order of the layout (4 bytes each), rows of the tables (64
    /// each), [tau] in G2 (128), length of the circuit's key (32), the circuit's key`.
    /// @return hash `keccak256` of the key, its name from now on.
    function register(bytes calldata encoded) external returns (bytes32 hash);

    /// @notice Checks a proof; reverts unless it holds.
    /// @param keyHash Hash of a registered key.
    /// @param statement The canonical encoding of the statement.
    /// @param proof `own rows (64 bytes each), mask row, rho, gamma, v*, b* (32 each), opening,
    /// compressed proof`.
    /// @return claim What has been proven.
    function verify(bytes32 keyHash, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (TrainingClaim memory claim);

    /// @notice Where a key's bytes are stored, after one byte; zero for an unknown key.
    function keyStore(bytes32 key) external view returns (address store);
}
