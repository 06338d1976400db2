// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Demands} from "../../src/Demands.sol";
import {DomainRegistry} from "../../src/DomainRegistry.sol";
import {Escrow} from "../../src/Escrow.sol";
import {Reputation} from "../../src/Reputation.sol";
import {RewardToken} from "../../src/RewardToken.sol";
import {Rounds} from "../../src/Rounds.sol";
import {Slashing} from "../../src/Slashing.sol";
import {StakeManager} from "../../src/StakeManager.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {TrainingClaim} from "../../src/interfaces/ITrainingVerifier.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {TypedData} from "../../src/libraries/TypedData.sol";
import {Paths} from "../Paths.sol";
import {Ledger} from "./Ledger.sol";

/// @notice Everything deployed.
struct Contracts {
    RewardToken token;
    StakeManager stakes;
    DomainRegistry registry;
    Escrow escrow;
    Reputation reputation;
    Rounds rounds;
    Demands demands;
    Slashing slashing;
}

/// @notice What a member has proven and signed for a draw.
/// @param valid Whether it holds, for that draw.
/// @param counted The honest coordinator has signed a receipt for it.
struct Work {
    IRounds.Submission submission;
    bytes32 nonce;
    bool valid;
    bool counted;
    bytes statement;
    bytes proof;
    bytes signature;
}

/// @notice What a coordinator has signed to propose for a draw.
/// @param deliveries Encoded: lists of structs are not copied to storage.
struct Signed {
    IRounds.Batch batch;
    bytes32 nonce;
    address coordinator;
    bytes deliveries;
    bytes signature;
}

/// @notice A receipt that a coordinator has signed.
struct Slip {
    IRounds.Receipt receipt;
    bytes32 nonce;
    address coordinator;
    bytes signature;
}

/// @notice Who there is, and what they remember that no chain can take back. Two domains: one
/// has an honest coordinator, the other one that is not; both have the same members, of whom half
/// are honest.
abstract contract Parties is Ledger {
    uint64 internal constant WINDOWS = 5;

    DomainRegistry internal immutable REGISTRY;
    Escrow internal immutable ESCROW;
    Reputation internal immutable REPUTATION;
    Rounds internal immutable ROUNDS;
    Demands internal immutable DEMANDS;
    Slashing internal immutable SLASHING;

    /// @notice The honest one's first, then the other.
    uint64[2] public domains;
    address public immutable HONEST;
    /// @notice Four, in ascending order.
    address[] public members;
    mapping(address account => uint256 key) private _keys;
    /// @notice Brings evidence, for the friends.
    address public immutable FRIEND = makeAddr("friend");

    /// @dev Off chain: survives reorganisations.
    Work[] internal _works;
    Signed[] internal _batches;
    Slip[] internal _slips;

    /// @dev On chain, but only as hashes.
    mapping(uint64 round => IRounds.Member[]) internal _listOf;
    mapping(uint64 round => IRounds.Delivery[]) internal _deliveriesOf;

    constructor(Contracts memory all) Ledger(all.token, all.stakes) {
        (REGISTRY, ESCROW, REPUTATION) = (all.registry, all.escrow, all.reputation);
        (ROUNDS, DEMANDS, SLASHING) = (all.rounds, all.demands, all.slashing);
        HONEST = _operator(101);
        for (uint256 key = 102; key < 106; ++key) {
            members.push(_operator(key));
            for (uint256 j = members.length - 1; j > 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
        for (uint256 key = 104; key < 107; ++key) {
            _befriend(vm.addr(key));
        }
        _operator(106);
        _befriend(FRIEND);
        stakers.push(FRIEND);
        stakers.push(makeAddr("delegator"));
    }

    /// @notice Who coordinates the other domain first.
    function crook() public pure returns (address) {
        return vm.addr(106);
    }

    function setDomains(uint64 honest, uint64 other) external {
        domains = [honest, other];
    }

    function datasetOf(address member) public pure returns (bytes32) {
        return keccak256(abi.encode("dataset", member));
    }

    function _operator(uint256 key) private returns (address account) {
        account = vm.addr(key);
        _keys[account] = key;
        operators.push(account);
    }

    function _sign(address account, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[account], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev A round in a domain that is under way; zero without.
    function _current(uint256 side) internal view returns (uint64) {
        return ROUNDS.current(domains[side]);
    }

    /// @dev A member as a round has it; all zero if it does not.
    function _listed(uint64 round, address account)
        internal
        view
        returns (IRounds.Member memory member, uint256 index)
    {
        IRounds.Member[] storage list = _listOf[round];
        for (index = 0; index < list.length; ++index) {
            if (list[index].account == account) return (list[index], index);
        }
    }

    function _memberPath(uint64 round, uint256 index) internal view returns (bytes32[] memory) {
        IRounds.Member[] memory list = _listOf[round];
        bytes32[] memory leaves = new bytes32[](list.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Merkle.leaf(list[i]);
        }
        return Paths.path(leaves, index);
    }

    function _leaves(uint64 round, IRounds.Delivery[] memory deliveries)
        internal
        view
        returns (bytes32[] memory leaves)
    {
        IRounds.Member[] memory list = _listOf[round];
        leaves = new bytes32[](list.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Merkle.leaf(list[i].account, list[i].weight, deliveries[i]);
        }
    }

    /// @dev What the round as it stands asks a member to show.
    function _claim(uint64 round, IRounds.Member memory member)
        internal
        view
        returns (TrainingClaim memory claim)
    {
        IRounds.Round memory state = ROUNDS.get(round);
        claim.chainId = uint64(block.chainid);
        claim.contractAddress = address(ROUNDS);
        (claim.domain, claim.round, claim.prover) = (state.domain, round, member.account);
        (claim.dataset, claim.windows) = (member.dataset, member.windows);
        claim.window = ROUNDS.windowOf(round, member.account, member.windows);
        claim.model = state.parent;
        (,, claim.state) = REGISTRY.checkOf(state.domain);
        // Proofs are randomised: no two are the same.
        claim.update = keccak256(abi.encode("update", _works.length));
    }

    /// @dev A member proves, and signs what it has proven.
    /// @param fault 1 for a proof that does not hold, 2 for one of something else, else none.
    /// @return Its place among all works.
    function _prove(uint64 round, IRounds.Member memory member, uint256 fault)
        internal
        returns (uint256)
    {
        TrainingClaim memory claim = _claim(round, member);
        if (fault == 2) claim.window = (claim.window + 1) % member.windows;
        Work memory work;
        work.statement = abi.encode(claim);
        work.proof = abi.encodePacked(fault == 1 ? bytes32(0) : keccak256(work.statement));
        work.submission = IRounds.Submission({
            round: round,
            member: member.account,
            statement: keccak256(work.statement),
            proof: keccak256(work.proof),
            update: claim.update,
            length: uint32(work.statement.length + work.proof.length)
        });
        work.nonce = ROUNDS.get(round).nonce;
        work.valid = fault != 1 && fault != 2;
        work.signature = _sign(member.account, ROUNDS.submissionDigest(work.submission));
        _works.push(work);
        return _works.length - 1;
    }

    /// @dev A coordinator's receipt for a work.
    function _receipt(address coordinator, Work memory work) internal {
        IRounds.Receipt memory receipt;
        (receipt.round, receipt.member) = (work.submission.round, work.submission.member);
        receipt.submission = TypedData.hash(work.submission, work.nonce);
        receipt.time = uint64(block.timestamp);
        bytes memory signature = _sign(coordinator, ROUNDS.receiptDigest(receipt));
        _slips.push(Slip(receipt, work.nonce, coordinator, signature));
    }

    /// @dev A coordinator signs a batch.
    function _signBatch(uint64 round, IRounds.Delivery[] memory deliveries, bytes32 model)
        internal
        returns (Signed memory made)
    {
        IRounds.Round memory state = ROUNDS.get(round);
        bytes32 root = Merkle.root(_leaves(round, deliveries));
        bool sum = model != state.parent;
        made.batch = IRounds.Batch(round, root, sum ? bytes32("aggregate") : bytes32(0), model);
        (made.nonce, made.coordinator) = (state.nonce, state.coordinator);
        made.deliveries = abi.encode(deliveries);
        made.signature = _sign(state.coordinator, ROUNDS.batchDigest(made.batch));
        _batches.push(made);
    }

    function _delivery(Work memory work) internal pure returns (IRounds.Delivery memory) {
        return IRounds.Delivery(work.submission.update, TypedData.hash(work.submission, work.nonce));
    }

    /// @dev Brings a signed batch before the contract.
    function _proposeSigned(Signed memory made) internal returns (bool ok) {
        uint64 round = made.batch.round;
        IRounds.Delivery[] memory list = abi.decode(made.deliveries, (IRounds.Delivery[]));
        bytes memory call = abi.encodeCall(
            ROUNDS.propose,
            (round, _listOf[round], list, made.batch.aggregate, made.batch.model, made.signature)
        );
        (ok,) = address(ROUNDS).call(call);
        if (!ok) return false;
        delete _deliveriesOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            _deliveriesOf[round].push(list[i]);
        }
    }

    /// @dev The coordinator shows what was delivered, where anybody has it.
    function _answer(uint64 round, uint256 index) internal returns (bool ok) {
        IRounds.Delivery memory delivery = _deliveriesOf[round][index];
        IRounds.Member memory member = _listOf[round][index];
        for (uint256 i = 0; i < _works.length && !ok; ++i) {
            Work memory work = _works[i];
            if (_delivery(work).submission != delivery.submission) continue;
            bytes32[] memory path = _memberPath(round, index);
            bytes memory call =
                abi.encodeCall(DEMANDS.answer, (round, member, path, work.statement, work.proof));
            vm.prank(ROUNDS.get(round).coordinator);
            (ok,) = address(DEMANDS).call(call);
        }
    }
}
