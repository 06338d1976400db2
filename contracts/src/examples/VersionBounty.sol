// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {Deliveries} from "../libraries/Deliveries.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {TypedData} from "../libraries/TypedData.sol";

/// @title A sponsor's bounty on versions of somebody's model
/// @notice Example of a contract that uses what rounds have settled. Out of its own pot it pays,
/// by weight, the members that delivered work that is part of one of the versions that it sponsors.
/// A version is in the registry only once its round's challenge window has passed; this sponsor
/// waits longer, and does not pay a member that was slashed in between.
/// @dev It trusts the domain's coordinator, which chooses who is in a round: a round of one member
/// makes a version too. Sponsor models whose coordinator you would pay yourself, or check more.
contract VersionBounty {
    using SafeERC20 for IERC20;

    /// @notice What is sponsored.
    /// @param domain The model.
    /// @param first The first version.
    /// @param last The last version.
    /// @param reward What all members of a version's round would get together.
    /// @param delay Seconds between a version's settlement and the first payment.
    /// @param expiry When the sponsor may take back what is left.
    struct Terms {
        uint64 domain;
        uint64 first;
        uint64 last;
        uint128 reward;
        uint64 delay;
        uint64 expiry;
    }

    /// @notice A member was paid.
    event Paid(uint64 indexed version, address indexed account, uint256 amount);
    /// @notice The sponsor took back what was left.
    event Reclaimed(uint256 amount);

    /// @notice The version is not sponsored.
    error NotSponsored(uint64 version);
    /// @notice The time has not come.
    error TooEarly(uint256 needed, uint256 now_);
    /// @notice This is not what was settled, or nothing was delivered.
    error NotSettled(uint64 version, address account);
    /// @notice The member was slashed.
    error WasSlashed(address account);
    /// @notice The member was paid for this version.
    error AlreadyPaid(uint64 version, address account);
    /// @notice The caller is not the sponsor.
    error Unauthorized(address caller);

    /// @notice Who pays.
    address public immutable SPONSOR;
    /// @notice In what.
    IERC20 public immutable TOKEN;
    IDomainRegistry public immutable REGISTRY;
    IRounds public immutable ROUNDS;
    IReputation public immutable REPUTATION;
    /// @notice What is sponsored.
    Terms public terms;
    /// @notice Who was paid for which version.
    mapping(uint64 version => mapping(address account => bool)) public paid;

    /// @param sponsor Who gets back what is left. Anyone fills the pot by a plain transfer.
    constructor(
        address sponsor,
        IERC20 token,
        IDomainRegistry registry,
        IRounds rounds,
        IReputation reputation,
        Terms memory terms_
    ) {
        SPONSOR = sponsor;
        TOKEN = token;
        REGISTRY = registry;
        ROUNDS = rounds;
        REPUTATION = reputation;
        terms = terms_;
    }

    /// @notice Pays a member for a version. Anyone may have it paid.
    /// @param version A sponsored version.
    /// @param account The member.
    /// @param weight The member's weight in the round.
    /// @param delivery What the member delivered.
    /// @param batch The batch that was settled, from the event `Proposed`.
    /// @param path Merkle path of the delivery in the batch.
    function claim(
        uint64 version,
        address account,
        uint32 weight,
        IRounds.Delivery calldata delivery,
        IRounds.Batch calldata batch,
        bytes32[] calldata path
    ) external {
        Terms memory t = terms;
        if (version < t.first || version > t.last) revert NotSponsored(version);
        // Reverts if there is no such version yet.
        IDomainRegistry.Version memory settled = REGISTRY.version(t.domain, version);
        uint256 due = uint256(settled.time) + t.delay;
        if (block.timestamp < due) revert TooEarly(due, block.timestamp);
        // The first model is no round's.
        if (settled.round == 0) revert NotSettled(version, account);
        IRounds.Round memory round = ROUNDS.get(settled.round);
        bytes32 leaf = Merkle.leaf(account, weight, delivery);
        bool delivered = Deliveries.isSummed(delivery)
            && TypedData.hash(batch, round.nonce) == round.batch
            && MerkleProof.verifyCalldata(path, batch.root, leaf);
        if (!delivered) revert NotSettled(version, account);
        if (REPUTATION.standing(t.domain, account).slashed) revert WasSlashed(account);
        if (paid[version][account]) revert AlreadyPaid(version, account);

        paid[version][account] = true;
        // Weights of a round sum to 2^16.
        uint256 amount = (uint256(t.reward) * weight) >> 16;
        emit Paid(version, account, amount);
        TOKEN.safeTransfer(account, amount);
    }

    /// @notice Returns what is left to the sponsor.
    function reclaim() external {
        if (msg.sender != SPONSOR) revert Unauthorized(msg.sender);
        uint64 expiry = terms.expiry;
        if (block.timestamp < expiry) revert TooEarly(expiry, block.timestamp);
        uint256 amount = TOKEN.balanceOf(address(this));
        emit Reclaimed(amount);
        TOKEN.safeTransfer(SPONSOR, amount);
    }
}
