// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IRounds} from "../interfaces/IRounds.sol";
import {TrainingClaim} from "../interfaces/ITrainingVerifier.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {TypedData} from "../libraries/TypedData.sol";
import {Memberships} from "./Memberships.sol";

/// @title Demands that a delivery be proven on chain
/// @notice Nobody off chain can know what a coordinator keeps to itself; so it can be made to show
/// it, or be slashed.
abstract contract Demands is Memberships {
    using SafeERC20 for IERC20;

    /// @dev `delivery` is the hash of what is demanded; it stays when the demand was answered, as
    /// nobody has to prove the same twice.
    struct Demand {
        address by;
        uint64 until;
        uint128 bond;
        bytes32 delivery;
    }

    mapping(uint64 round => mapping(address account => Demand)) private _demands;

    /// @inheritdoc IRounds
    function demand(
        uint64 round,
        Member calldata member,
        Delivery calldata delivery,
        bytes32[] calldata path
    ) external {
        // Nothing is proposed in rounds that are not optimistic without having been proven.
        Round storage state = _in(round, Status.Proposed);
        if (!state.optimistic) revert WrongMode(state.domain);
        if (block.timestamp > state.challengeEnd) {
            revert TooLate(state.challengeEnd, block.timestamp);
        }
        bytes32 leaf = Merkle.leaf(member.account, member.weight, delivery);
        bool proposed =
            delivery.update != 0 && MerkleProof.verifyCalldata(path, _proposals[round].root, leaf);
        if (!proposed) revert WrongDelivery(round, member.account);
        Demand storage made = _demands[round][member.account];
        if (made.delivery != 0) revert AlreadyDemanded(round, member.account);

        uint128 bond = PARAMETERS.get().demandBond;
        uint64 until = uint64(block.timestamp) + ANSWER_WINDOW;
        made.by = msg.sender;
        made.until = until;
        made.bond = bond;
        made.delivery = _hash(delivery.update, delivery.submission);
        ++state.demands;
        emit Demanded(round, member.account, msg.sender, until);
        REWARD_TOKEN.safeTransferFrom(msg.sender, address(this), bond);
    }

    /// @inheritdoc IRounds
    function answer(
        uint64 round,
        Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof
    ) external {
        Round storage state = _in(round, Status.Proposed);
        Demand storage made = _open(round, member.account);
        if (block.timestamp > made.until) revert TooLate(made.until, block.timestamp);
        requireMember(round, member, memberPath);
        bytes32 update = _check(round, member, statement, proof);
        Submission memory submission = Submission({
            round: round,
            member: member.account,
            statement: keccak256(statement),
            proof: keccak256(proof),
            update: update
        });
        if (_hash(update, TypedData.hash(submission)) != made.delivery) {
            revert WrongDelivery(round, member.account);
        }

        uint128 bond = made.bond;
        (made.by, made.until, made.bond) = (address(0), 0, 0);
        --state.demands;
        emit Answered(round, member.account, msg.sender);
        REWARD_TOKEN.safeTransfer(msg.sender, bond);
    }

    /// @inheritdoc IRounds
    function refundDemand(uint64 round, address account) external {
        // No round is settled with an open demand.
        Round storage state = _in(round, Status.Void);
        Demand storage made = _open(round, account);
        (address by, uint128 bond) = (made.by, made.bond);
        (made.by, made.until, made.bond) = (address(0), 0, 0);
        --state.demands;
        emit DemandRefunded(round, account, by, bond);
        REWARD_TOKEN.safeTransfer(by, bond);
    }

    /// @inheritdoc IRounds
    function demandOf(uint64 round, address account)
        external
        view
        returns (address by, uint64 until)
    {
        Demand storage made = _demands[round][account];
        return (made.by, made.until);
    }

    /// @dev Reverts unless the proof holds and is what the member had to prove.
    /// @return update What has been proven.
    function _check(
        uint64 round,
        Member calldata member,
        bytes calldata statement,
        bytes calldata proof
    ) internal view returns (bytes32 update) {
        (bytes32 verifier, bytes32 key, bytes32 zeroState) = REGISTRY.checkOf(_rounds[round].domain);
        TrainingClaim memory claim = ROUTER.verify(verifier, key, statement, proof);
        _requireExpected(round, member, claim, zeroState);
        return claim.update;
    }

    function _open(uint64 round, address account) private view returns (Demand storage made) {
        made = _demands[round][account];
        if (made.by == address(0)) revert NotDemanded(round, account);
    }

    function _hash(bytes32 update, bytes32 submission) private pure returns (bytes32) {
        return keccak256(abi.encode(update, submission));
    }
}
