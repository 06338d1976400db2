// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "./IRounds.sol";

/// @title Demands that a delivery be proven on chain
/// @notice Nobody off chain can know what a coordinator keeps to itself; so it can be made to show
/// it, or be slashed. Anyone may demand, for a bond in ether that pays for the answer's gas: it
/// goes to the account that answered if the round is settled, and back if the round becomes void.
/// In domains with audits some deliveries of each round are drawn and demanded without a bond, and
/// without anybody who would have to suspect anything.
interface IDemands {
    /// @notice A demand.
    /// @param by Who made it; zero where there is none. The audit's are made by this contract.
    /// @param until Time until which it can be answered.
    /// @param answeredBy Who answered; zero for an open demand.
    /// @param bond In wei; zero once it was collected.
    /// @param delivery Hash of what is demanded: `keccak256(abi.encode(update, submission))`. It
    /// stays, as nobody has to prove the same twice.
    struct Demand {
        address by;
        uint64 until;
        address answeredBy;
        uint96 bond;
        bytes32 delivery;
    }

    /// @notice A delivery has to be proven.
    event Demanded(
        uint64 indexed round,
        address indexed account,
        address indexed by,
        uint64 until,
        uint256 bond
    );
    /// @notice A demanded delivery was proven.
    event Answered(uint64 indexed round, address indexed account, address indexed by);
    /// @notice A demand's bond was paid out.
    event Collected(
        uint64 indexed round, address indexed account, address indexed to, uint256 amount
    );
    /// @notice A round's deliveries were drawn: so many demands were made for them.
    /// @param seed What drew them; zero if there was nothing to choose.
    event Audited(uint64 indexed round, bytes32 seed, uint256 demands);
    /// @notice The block whose randomness was to draw cannot be had any more; another one will.
    event Postponed(uint64 indexed round, uint64 target);

    /// @notice The bond is too low.
    error BondTooLow(uint256 least, uint256 got);
    /// @notice The delivery was demanded before.
    error AlreadyDemanded(uint64 round, address account);
    /// @notice The delivery was checked when it was submitted.
    error AlreadyProven(uint64 round, address account);
    /// @notice There is no such demand that is open.
    error NotDemanded(uint64 round, address account);
    /// @notice There is no bond to collect (any more), or the round is not over.
    error NothingToCollect(uint64 round, address account);
    /// @notice The round's domain has no audits, or the round was audited.
    error NoAudit(uint64 round);

    /// @notice Demands that a delivery of an optimistic round be proven on chain. Costs a bond of at
    /// least `price`; whatever is sent is the bond.
    /// @param member A member of the round, as in the batch's leaf.
    /// @param delivery What was proposed for it.
    /// @param path Its Merkle path in the batch.
    function demand(
        uint64 round,
        IRounds.Member calldata member,
        IRounds.Delivery calldata delivery,
        bytes32[] calldata path
    ) external payable;

    /// @notice Answers a demand with the submission's statement and proof, which are checked. Anyone
    /// may.
    function answer(
        uint64 round,
        IRounds.Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof
    ) external;

    /// @notice Pays out a demand's bond once its round is over: settled, to the account that
    /// answered; void, to the demander. Anyone may.
    function collect(uint64 round, address account) external;

    /// @notice Draws the deliveries that are audited, by weight, and demands them. Anyone may, from
    /// `DRAW_DELAY` blocks after the proposal, for a day. If the drawing block cannot be had any
    /// more, another one is named, and as many more deliveries are audited. If no more are left than
    /// are to be audited, nothing is drawn.
    /// @param header The drawing block's header; not read where nothing is drawn.
    /// @param members All of the round's members, in order; only accounts and weights are used.
    /// @param deliveries Those that were proposed.
    function audit(
        uint64 round,
        bytes calldata header,
        IRounds.Member[] calldata members,
        IRounds.Delivery[] calldata deliveries
    ) external;

    /// @notice The randomness of a block that is past, as rounds and audits are drawn with it.
    /// @param header The block's header (RLP).
    function randomness(uint256 target, bytes calldata header) external view returns (bytes32);

    /// @notice Least bond of a demand in a round, at this block's base fee.
    function price(uint64 round) external view returns (uint256);

    /// @notice A demand, also one that was answered; or zeros.
    function demandOf(uint64 round, address account) external view returns (Demand memory);

    /// @notice Demands of a round that are open.
    function openOf(uint64 round) external view returns (uint32);

    /// @notice A proposed round's audit.
    /// @return until Time until which it must be drawn; zero if there is none, or it was drawn.
    /// @return target Number of the block that draws.
    function auditOf(uint64 round) external view returns (uint64 until, uint64 target);

    /// @notice Whether a proposed round cannot be settled yet, because demands are open or its audit
    /// was not drawn.
    function isPending(uint64 round) external view returns (bool);
}
