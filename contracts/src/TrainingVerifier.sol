// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OpeningVerifier} from "./OpeningVerifier.sol";
import {ICircuitVerifier} from "./interfaces/ICircuitVerifier.sol";
import {ITrainingVerifier, TrainingClaim} from "./interfaces/ITrainingVerifier.sol";
import {Bn254} from "./libraries/Bn254.sol";
import {Sheet, Sheets} from "./libraries/Sheets.sol";
import {TrainingKey, TrainingKeys} from "./libraries/TrainingKeys.sol";
import {StatementLists, TrainingStatements} from "./libraries/TrainingStatements.sol";

/// @title Verifier of compressed training proofs
/// @notice Does what the native verifier does outside of the circuit, and asks the proof system's
/// verifier about the circuit. Both end in one product of pairings.
contract TrainingVerifier is ITrainingVerifier {
    using Sheets for Sheet;
    using TrainingKeys for TrainingKey;

    /// @notice Verifier of halo2 proofs.
    ICircuitVerifier public immutable HALO2;
    /// @notice Verifier of Groth16 proofs.
    ICircuitVerifier public immutable GROTH16;

    /// @inheritdoc ITrainingVerifier
    mapping(bytes32 key => address store) public keyStore;

    /// @dev What an opening is about, read from a proof.
    struct Opened {
        uint256[] low;
        uint256[] high;
        uint256 gamma;
        uint256 value;
        uint256 blinding;
        bytes32 seed;
        uint256 fold;
    }

    /// @param halo2 Verifier of halo2 proofs.
    /// @param groth16 Verifier of Groth16 proofs.
    constructor(ICircuitVerifier halo2, ICircuitVerifier groth16) {
        HALO2 = halo2;
        GROTH16 = groth16;
    }

    /// @inheritdoc ITrainingVerifier
    function register(bytes calldata encoded) external returns (bytes32 hash) {
        hash = keccak256(encoded);
        if (keyStore[hash] != address(0)) return hash;
        TrainingKey memory key = TrainingKeys.decode(encoded);
        key.requireValid();
        Bn254.requireAllOnCurve(key.tablePoints, key.tables);
        uint256[4] memory tau = key.tau;
        uint256 tauPosition;
        assembly ("memory-safe") {
            tauPosition := tau
        }
        if (!Bn254.isInG2(tauPosition)) revert KeyTau();
        _system(key.system).checkKey(key.circuit);
        address store = TrainingKeys.store(encoded);
        keyStore[hash] = store;
        emit KeyRegistered(hash, key.spec, store);
    }

    /// @inheritdoc ITrainingVerifier
    function verify(bytes32 keyHash, bytes calldata statement, bytes calldata proof)
        external
        view
        returns (TrainingClaim memory claim)
    {
        address store = keyStore[keyHash];
        if (store == address(0)) revert UnknownKey(keyHash);
        TrainingKey memory key = TrainingKeys.decode(TrainingKeys.load(store));
        Sheet memory sheet = Sheets.open(key, statement);
        StatementLists memory lists;
        (claim, lists) = TrainingStatements.parse(key, sheet.statement, statement.length);
        _verifyProof(key, sheet, lists, proof);
    }

    /// @dev Everything that needs the proof.
    function _verifyProof(
        TrainingKey memory key,
        Sheet memory sheet,
        StatementLists memory lists,
        bytes calldata proof
    ) private view {
        unchecked {
            uint256 scalars = 64 * (key.ownRows() + 1);
            uint256 opening = scalars + 32 * (key.addressLog + 3);
            uint256 circuit = opening + OpeningVerifier.LENGTH;
            if (proof.length < circuit) revert ProofTooShort(circuit, proof.length);
            sheet.fill(key, lists, proof);
            sheet.requireUpdate(key, lists);
            uint256 h = sheet.digest();
            Opened memory opened = _readOpened(key, h, proof[scalars:opening]);
            uint256[4] memory openingPair =
                _reduceOpening(key, sheet, opened, proof[opening:circuit]);
            _requireBoth(
                key, openingPair, [h, uint256(opened.seed) % Bn254.R, opened.fold], proof[circuit:]
            );
        }
    }

    /// @dev The opening of the masked, folded row.
    function _reduceOpening(
        TrainingKey memory key,
        Sheet memory sheet,
        Opened memory opened,
        bytes calldata opening
    ) private view returns (uint256[4] memory) {
        uint256[2] memory folded = sheet.fold(key, opened.high, opened.gamma, opened.blinding);
        return OpeningVerifier.verify(opening, opened.low, opened.value, folded, opened.seed);
    }

    /// @dev The circuit's proof, and the one product of pairings.
    function _requireBoth(
        TrainingKey memory key,
        uint256[4] memory openingPair,
        uint256[3] memory inputs,
        bytes calldata circuitProof
    ) private view {
        ICircuitVerifier system = _system(key.system);
        (uint256[4] memory circuitPair, uint256[] memory pairs) =
            system.reduce(key.circuit, inputs, circuitProof);
        _requirePairing(key, circuitPair, openingPair, pairs);
    }

    /// @dev Reads `rho, gamma, v*, b*`; `fold` is the sum of `kappa^i (rho, gamma, v*)_i`.
    function _readOpened(TrainingKey memory key, uint256 h, bytes calldata scalars)
        private
        pure
        returns (Opened memory opened)
    {
        unchecked {
            uint256 count = key.addressLog;
            bytes memory words = scalars;
            uint256 start;
            assembly ("memory-safe") {
                start := add(words, 0x20)
            }
            Bn254.requireAllReduced(start, count + 3);
            opened.seed = keccak256(abi.encodePacked("zktrain/opening", h, scalars));
            opened.low = _slice(start, key.rowLog);
            opened.high = _slice(start + 32 * key.rowLog, count - key.rowLog);
            opened.gamma = Bn254.word(start + 32 * count);
            opened.value = Bn254.word(start + 32 * count + 32);
            opened.blinding = Bn254.word(start + 32 * count + 64);
            uint256 kappa = uint256(opened.seed) % Bn254.R;
            uint256 fold = 0;
            for (uint256 i = count + 2; i > 0; --i) {
                fold =
                    addmod(mulmod(fold, kappa, Bn254.R), Bn254.word(start + 32 * i - 32), Bn254.R);
            }
            opened.fold = fold;
        }
    }

    /// @dev Adds a random multiple of the opening's equation to the circuit's: both hold if the
    /// sum does, except with probability `1 / R` over the scalar, which depends on all of both.
    function _requirePairing(
        TrainingKey memory key,
        uint256[4] memory circuitPair,
        uint256[4] memory openingPair,
        uint256[] memory pairs
    ) private view {
        unchecked {
            uint256[] memory product = new uint256[](12 + pairs.length);
            uint256 scalar = _weigh(product, circuitPair, openingPair, pairs);
            uint256[5] memory left;
            uint256[5] memory right;
            (left[0], left[1]) = (circuitPair[0], circuitPair[1]);
            (right[0], right[1]) = (circuitPair[2], circuitPair[3]);
            uint256 place;
            assembly ("memory-safe") {
                place := openingPair
            }
            Bn254.addTerm(left, place, scalar);
            Bn254.addTerm(right, place + 64, scalar);
            (product[0], product[1]) = (left[0], left[1]);
            (product[2], product[3]) = (Bn254.G2_X1, Bn254.G2_X0);
            (product[4], product[5]) = (Bn254.G2_Y1, Bn254.G2_Y0);
            (product[6], product[7]) = (right[0], Bn254.negate(right[1]));
            (product[8], product[9]) = (key.tau[0], key.tau[1]);
            (product[10], product[11]) = (key.tau[2], key.tau[3]);
            if (!Bn254.pairingIsOne(product)) revert InvalidProof();
        }
    }

    /// @dev `keccak256(circuitPair, openingPair, pairs)` as a scalar; leaves the pairs at the end
    /// of `product`.
    function _weigh(
        uint256[] memory product,
        uint256[4] memory circuitPair,
        uint256[4] memory openingPair,
        uint256[] memory pairs
    ) private pure returns (uint256 scalar) {
        assembly ("memory-safe") {
            let length := shl(5, mload(pairs))
            let start := add(product, 0xa0)
            mcopy(start, circuitPair, 0x80)
            mcopy(add(start, 0x80), openingPair, 0x80)
            mcopy(add(start, 0x100), add(pairs, 0x20), length)
            scalar := keccak256(start, add(length, 0x100))
        }
        scalar %= Bn254.R;
    }

    /// @dev The verifier of a proof system.
    function _system(uint256 system) private view returns (ICircuitVerifier) {
        if (system == TrainingKeys.HALO2) return HALO2;
        if (system == TrainingKeys.GROTH16) return GROTH16;
        revert UnknownSystem(system);
    }

    /// @dev A copy of words in memory.
    function _slice(uint256 start, uint256 count) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        assembly ("memory-safe") {
            mcopy(add(words, 0x20), start, shl(5, count))
        }
    }
}
