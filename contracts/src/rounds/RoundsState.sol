// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDemands} from "../interfaces/IDemands.sol";
import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {IStakeManager} from "../interfaces/IStakeManager.sol";
import {TrainingClaim} from "../interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {TypedData} from "../libraries/TypedData.sol";

/// @title What rounds know, and what can be asked of them
abstract contract RoundsState is IRounds, EIP712 {
    /// @dev What a coordinator proposed.
    struct Proposal {
        bytes32 root;
        bytes32 aggregate;
        bytes32 model;
    }

    IStakeManager internal immutable STAKES;
    IDomainRegistry internal immutable REGISTRY;
    IEscrow internal immutable ESCROW;
    IReputation internal immutable REPUTATION;
    IVerifierRouter internal immutable ROUTER;
    IParameters internal immutable PARAMETERS;
    address internal immutable REWARD_TOKEN;
    IDemands internal immutable DEMANDS;
    address internal immutable SLASHING;
    /// @dev The upper half of all rounds' numbers, so that rounds of two contracts are not mixed up
    /// where a number alone names them, as in an owner's files. Proofs name the contract.
    uint64 internal immutable FIRST;

    /// @inheritdoc IRounds
    mapping(uint64 domain => uint64 round) public current;
    /// @inheritdoc IRounds
    mapping(uint64 round => mapping(address account => bytes32 update)) public delivered;
    /// @inheritdoc IRounds
    mapping(uint64 domain => mapping(bytes32 dataset => address account)) public holderOf;

    mapping(uint64 domain => mapping(address account => Membership)) internal _memberships;
    /// @dev `batch` is not stored but made from the proposal.
    mapping(uint64 round => Round) internal _rounds;
    mapping(uint64 round => Proposal) internal _proposals;

    modifier onlySlashing() {
        if (msg.sender != SLASHING) revert Unauthorized(msg.sender);
        _;
    }

    constructor(
        IStakeManager stakes,
        IDomainRegistry registry,
        IEscrow escrow,
        IReputation reputation,
        IVerifierRouter router,
        IParameters parameters,
        address rewardToken,
        IDemands demands,
        address slashing
    ) EIP712("zktrain", "1") {
        STAKES = stakes;
        REGISTRY = registry;
        ESCROW = escrow;
        REPUTATION = reputation;
        ROUTER = router;
        PARAMETERS = parameters;
        REWARD_TOKEN = rewardToken;
        DEMANDS = demands;
        SLASHING = slashing;
        bytes32 name = keccak256(abi.encode(block.chainid, address(this)));
        FIRST = uint64(bytes8(name)) & 0xffffffff00000000;
    }

    /// @inheritdoc IRounds
    function get(uint64 round) external view returns (Round memory state) {
        state = _known(round);
        Proposal memory proposal = _proposals[round];
        if (proposal.root != 0) state.batch = TypedData.hash(_batch(round, proposal), state.nonce);
    }

    /// @inheritdoc IRounds
    function batchOf(uint64 round) external view returns (Batch memory) {
        return _batch(round, _proposals[round]);
    }

    /// @inheritdoc IRounds
    function domainOf(uint64 round) external view returns (uint64 domain) {
        return _known(round).domain;
    }

    /// @inheritdoc IRounds
    function membership(uint64 domain, address account) external view returns (Membership memory) {
        return _memberships[domain][account];
    }

    /// @inheritdoc IRounds
    function requireExpected(uint64 round, Member calldata member, TrainingClaim calldata claim)
        external
        view
    {
        Round storage state = _known(round);
        // slither-disable-next-line unused-return
        (,, bytes32 zeroState) = REGISTRY.checkOf(state.domain);
        _requireExpected(round, member, claim, zeroState);
    }

    /// @inheritdoc IRounds
    function submissionDigest(Submission calldata submission) external view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(submission, _nonceOf(submission.round)));
    }

    /// @inheritdoc IRounds
    function batchDigest(Batch calldata batch) external view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(batch, _nonceOf(batch.round)));
    }

    /// @inheritdoc IRounds
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(receipt, _nonceOf(receipt.round)));
    }

    /// @inheritdoc IRounds
    function requireMember(uint64 round, Member calldata member, bytes32[] calldata path)
        public
        view
    {
        bytes32 root = _known(round).members;
        if (!MerkleProof.verifyCalldata(path, root, Merkle.leaf(member))) {
            revert NotInRound(round, member.account);
        }
    }

    /// @inheritdoc IRounds
    function windowOf(uint64 round, address account, uint64 windows) public view returns (uint64) {
        bytes32 nonce = _nonceOf(round);
        if (windows == 0) revert EmptyDataset();
        // Below `windows`.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(uint256(keccak256(abi.encode(nonce, account))) % windows);
    }

    /// @dev Key and verifier pin what else a claim says. All members start from a fresh state.
    function _requireExpected(
        uint64 round,
        Member calldata member,
        TrainingClaim memory claim,
        bytes32 zeroState
    ) internal view {
        uint64 window = windowOf(round, member.account, member.windows);
        Round storage state = _rounds[round];
        _requireField(2, uint160(address(this)), uint160(claim.contractAddress));
        _requireField(3, state.domain, claim.domain);
        _requireField(4, round, claim.round);
        _requireField(5, uint160(member.account), uint160(claim.prover));
        _requireField(6, 0, claim.step);
        _requireField(8, uint256(member.dataset), uint256(claim.dataset));
        _requireField(9, member.windows, claim.windows);
        _requireField(10, window, claim.window);
        _requireField(11, uint256(state.parent), uint256(claim.model));
        _requireField(12, uint256(zeroState), uint256(claim.state));
    }

    /// @dev The members that the round was opened with, in their order. The root does not tell the
    /// order, but every reader of the deliveries that were proposed relies on it.
    function _requireMembers(uint64 round, Member[] calldata members) internal view {
        // slither-disable-next-line incorrect-equality
        bool same = members.length == _rounds[round].count
            && Merkle.root(Merkle.leaves(members)) == _rounds[round].members;
        for (uint256 i = 1; i < members.length && same; ++i) {
            same = members[i - 1].account < members[i].account;
        }
        if (!same) revert WrongList(round);
    }

    /// @dev What was drawn for a round.
    function _nonceOf(uint64 round) internal view returns (bytes32 nonce) {
        nonce = _known(round).nonce;
        if (nonce == 0) revert NotDrawn(round);
    }

    /// @dev A round that there is.
    function _known(uint64 round) internal view returns (Round storage state) {
        state = _rounds[round];
        if (state.status == Status.None) revert UnknownRound(round);
    }

    function _batch(uint64 round, Proposal memory proposal) internal pure returns (Batch memory) {
        return Batch({
            round: round, root: proposal.root, aggregate: proposal.aggregate, model: proposal.model
        });
    }

    function _requireField(uint256 field, uint256 expected, uint256 got) private pure {
        if (expected != got) revert WrongClaim(field, bytes32(expected), bytes32(got));
    }
}
