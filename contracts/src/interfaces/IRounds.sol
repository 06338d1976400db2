// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "./ITrainingVerifier.sol";

/// @title Rounds: open, draw, submit, propose, settle
/// @notice A coordinator opens a round with members whose weights follow from their reputation. A
/// later block's randomness draws the window that each member trains on. Members deliver one proof
/// each: to this contract, which checks it, or, in optimistic domains, signed, to the coordinator.
/// What was delivered here has to be in what the coordinator proposes once the deadline has passed:
/// the members' updates, the weighted sum of those that are in it, and the next model, signed.
/// Unless somebody shows that to be wrong within the challenge window, the round is settled:
/// members are paid by weight, reputations move, the model advances.
///
/// `None -> Open -> Proposed -> Settled`; a slashed coordinator or a stopped verifier makes it
/// `Void`, in which members are still paid for proofs that were checked on chain. A
/// slashed member is paid in no round that has not been settled yet.
interface IRounds {
    /// @notice Where a round stands.
    enum Status {
        None,
        Open,
        Proposed,
        Settled,
        Void
    }

    /// @notice A member of one round. Its leaf in `members` is
    /// `keccak256(keccak256(abi.encode(account, dataset, windows, weight)))`.
    struct Member {
        address account;
        bytes32 dataset;
        uint64 windows;
        uint32 weight;
    }

    /// @notice What a coordinator says a member delivered; all zero for nothing. Its leaf in a
    /// batch's `root` is `keccak256(keccak256(abi.encode(account, weight, update, submission)))`.
    /// @param update `keccak256` of the update's row commitments, as in a claim.
    /// @param submission EIP-712 hash of the member's signed submission (without the domain
    /// separator); in eager domains `bytes32(uint256(1))` for what is part of the sum. Zero, in both,
    /// for what the member delivered on chain and is not part of the sum.
    struct Delivery {
        bytes32 update;
        bytes32 submission;
    }

    /// @notice What a member signs, EIP-712: `Submission(uint64 round,bytes32 nonce,address member,
    /// bytes32 statement,bytes32 proof,bytes32 update,uint32 length)`, in one line. The nonce is the
    /// round's, here as in what else is signed: what was signed on another fork, for another draw,
    /// is nobody's signature on this one.
    /// @param statement `keccak256` of the statement.
    /// @param proof `keccak256` of the proof.
    /// @param length Bytes of statement and proof together.
    struct Submission {
        uint64 round;
        address member;
        bytes32 statement;
        bytes32 proof;
        bytes32 update;
        uint32 length;
    }

    /// @notice What a coordinator signs, EIP-712:
    /// `Batch(uint64 round,bytes32 nonce,bytes32 root,bytes32 aggregate,bytes32 model)`.
    /// @param root Merkle root of all members' deliveries.
    /// @param aggregate `keccak256` of the row commitments of the weighted sum of those updates that
    /// are in it; zero if there is no sum.
    /// @param model `keccak256` of the next model's row commitments.
    struct Batch {
        uint64 round;
        bytes32 root;
        bytes32 aggregate;
        bytes32 model;
    }

    /// @notice What a coordinator signs for a member whose submission it counts in the sum, EIP-712:
    /// `Receipt(uint64 round,bytes32 nonce,address member,bytes32 plan,bytes32 masked,
    /// bytes32 submission,uint64 time)`, in one line.
    /// @param plan Hash of the plan of the secure aggregation.
    /// @param masked Hash of the member's masked vector.
    /// @param submission As in a delivery.
    /// @param time When.
    struct Receipt {
        uint64 round;
        address member;
        bytes32 plan;
        bytes32 masked;
        bytes32 submission;
        uint64 time;
    }

    /// @notice A round.
    /// @param domain Its domain.
    /// @param coordinator Who opened it, answers for it and is paid for it.
    /// @param status Where it stands.
    /// @param optimistic The domain's mode.
    /// @param paid The budget was shared out, or given back.
    /// @param openedAt Block in which it was opened.
    /// @param since Time when it was opened: stake that began to unbond before is not slashed.
    /// @param deadline Time until which deliveries are taken. A batch is proposed after it, within
    /// `PROPOSE_WINDOW`, or before it if everybody has delivered.
    /// @param challengeEnd Time until which the batch can be challenged.
    /// @param proposedAt Block in which the batch was proposed.
    /// @param count Members.
    /// @param checked Deliveries that were checked here.
    /// @param settlementFee Basis points of a payment that are burned: governance's when the round
    /// was opened; zero if budgets are not in reward tokens.
    /// @param burnShare Basis points of a slash that are burned, of the same time.
    /// @param budget Reserved for it.
    /// @param bond What the coordinator answers with.
    /// @param members Merkle root of the members.
    /// @param parent The model that members start from.
    /// @param nonce Draws windows; zero until drawn.
    /// @param batch Hash of the proposed batch (EIP-712, without the domain separator).
    struct Round {
        uint64 domain;
        address coordinator;
        Status status;
        bool optimistic;
        bool paid;
        uint64 openedAt;
        uint64 since;
        uint64 deadline;
        uint64 challengeEnd;
        uint64 proposedAt;
        uint32 count;
        uint16 settlementFee;
        uint16 burnShare;
        uint128 budget;
        uint128 bond;
        uint32 checked;
        bytes32 members;
        bytes32 parent;
        bytes32 nonce;
        bytes32 batch;
    }

    /// @notice A membership in a domain.
    /// @param dataset Merkle root of the dataset.
    /// @param windows Its windows.
    /// @param bond What the member answers with.
    /// @param leavesAt When `exit` is possible; zero for a member that is not leaving.
    struct Membership {
        bytes32 dataset;
        uint64 windows;
        uint128 bond;
        uint64 leavesAt;
    }

    event Joined(uint64 indexed domain, address indexed account, bytes32 dataset, uint64 windows);
    event Leaving(uint64 indexed domain, address indexed account, uint64 leavesAt);
    event Exited(uint64 indexed domain, address indexed account);
    event RoundOpened(
        uint64 indexed round,
        uint64 indexed domain,
        address indexed coordinator,
        bytes32 parent,
        uint64 deadline,
        uint256 budget,
        uint16 settlementFee,
        uint16 burnShare,
        Member[] members
    );
    event Drawn(uint64 indexed round, bytes32 nonce);
    event Delivered(uint64 indexed round, address indexed account, bytes32 update);
    event Proposed(
        uint64 indexed round,
        bytes32 root,
        bytes32 aggregate,
        bytes32 model,
        uint64 challengeEnd,
        Delivery[] deliveries
    );
    event Settled(uint64 indexed round, uint256 paid, bytes32 model);
    event Voided(uint64 indexed round, address indexed coordinator, bytes32 reason);
    event MemberSlashed(
        uint64 indexed round, address indexed account, address indexed challenger, bytes32 reason
    );

    error UnknownRound(uint64 round);
    error WrongStatus(uint64 round, Status status);
    error Unauthorized(address caller);
    error AlreadyMember(uint64 domain, address account);
    error NotMember(uint64 domain, address account);
    /// @notice Another member has joined with this dataset.
    error DatasetTaken(uint64 domain, bytes32 dataset, address account);
    error TooFewWindows(uint64 least, uint64 got);
    /// @notice The coordinator was slashed in this domain.
    error Barred(uint64 domain, address account);
    error BudgetTooHigh(uint256 most, uint256 got);
    error BudgetTooLow(uint256 least, uint256 got);
    /// @notice Members times rows of an update: evidence about a wrong sum would not fit into a
    /// transaction.
    error TooManyRows(uint256 most, uint256 got);
    error StillInRounds(uint64 domain, address account, uint64 leavesAt);
    error EmptyDataset();
    error RoundUnderWay(uint64 domain, uint64 round);
    error BadDuration(uint64 duration, uint64 least, uint64 most);
    error BadMemberCount(uint256 count, uint256 least, uint256 most);
    error NotDrawn(uint64 round);
    error AlreadyDrawn(uint64 round);
    error TooEarly(uint256 needed, uint256 now_);
    error TooLate(uint256 limit, uint256 now_);
    /// @notice This is not the header of the block that draws.
    error WrongHeader(uint256 block_);
    /// @notice The chain has no randomness: `prevrandao` says nothing.
    error NoRandomness(uint256 block_);
    error NotInRound(uint64 round, address account);
    error AlreadyDelivered(uint64 round, address account);
    error WrongMode(uint64 domain);
    error WrongList(uint64 round);
    error WrongDelivery(uint64 round, address account);
    /// @notice The batch claims a sum of nothing, or has none and another model than the parent.
    error NothingDelivered(uint64 round);
    /// @notice Not everybody has delivered, and the deadline has not passed.
    error NotEverybody(uint64 round, uint64 deadline);
    error WrongSignature(address expected, address got);
    /// @notice Demands are open, or the audit was not drawn.
    error StillPending(uint64 round);
    error AlreadyPaid(uint64 round);
    error VerifierInUse(bytes32 verifier);
    /// @notice A verified claim is not about what this member had to do in this round. Fields are
    /// those of `TrainingClaim`, counted from zero.
    error WrongClaim(uint256 field, bytes32 expected, bytes32 got);

    /// @notice Joins a domain with a dataset; the bond becomes an obligation. A dataset stands for
    /// one member of a domain, until that member exits.
    function join(uint64 domain, bytes32 dataset, uint64 windows) external;

    /// @notice Takes part in no new rounds; `exit` is possible once none can be under way.
    function resign(uint64 domain) external;

    /// @notice Ends a membership and its obligation.
    function exit(uint64 domain) external;

    /// @notice Opens a round. Only the domain's coordinator may, unless it was slashed in the
    /// domain; one at a time in a domain.
    /// @param duration Seconds until the deadline.
    /// @param budget Taken from the domain's escrow; what is not paid goes back. Zero, or between the
    /// domain's bounds. Rounds without one move no reputation.
    /// @param accounts Members, in strictly ascending order. Who has not joined, is leaving or is not
    /// covered by its stake is left out.
    function open(uint64 domain, uint64 duration, uint128 budget, address[] calldata accounts)
        external
        returns (uint64 round);

    /// @notice Draws the nonce from the randomness of the block `DRAW_DELAY` after the opening.
    /// Anyone may, as long as the chain remembers that block's hash (8,191 blocks, EIP-2935);
    /// without it the coordinator misses its deadline.
    /// @param header The block's header (RLP).
    function draw(uint64 round, bytes calldata header) external;

    /// @notice Checks a member's proof and takes it as delivered; until the deadline. Anyone may
    /// relay. In optimistic domains it is for members whom the coordinator would leave out: they are
    /// paid, even if they are not part of the sum.
    function submit(
        uint64 round,
        Member calldata member,
        bytes32[] calldata path,
        bytes calldata statement,
        bytes calldata proof
    ) external;

    /// @notice Proposes deliveries, their weighted sum and the next model, signed by the
    /// coordinator. Anyone may relay, within `PROPOSE_WINDOW` after the deadline, or before the
    /// deadline if everybody has delivered. What was submitted here must be among the deliveries.
    /// With an aggregate of zero there is no sum: the model is the parent, the coordinator is not
    /// paid, and no reputation falls. In eager domains the coordinator itself may leave the
    /// signature empty.
    /// @param members All of the round's members, in order.
    /// @param deliveries One a member.
    function propose(
        uint64 round,
        Member[] calldata members,
        Delivery[] calldata deliveries,
        bytes32 aggregate,
        bytes32 model,
        bytes calldata signature
    ) external;

    /// @notice Settles a proposed round whose challenge window has passed and whose audit and demands
    /// were answered: pays, moves reputations, advances the model. Without a sum the model stays,
    /// and only the reputations of those move who delivered. Also pays for what was checked on
    /// chain in a void round. Anyone may.
    /// @param deliveries Those that were proposed; empty for a void round.
    function settle(uint64 round, Member[] calldata members, Delivery[] calldata deliveries)
        external;

    /// @notice Makes a round void whose verifier was stopped, without a slash; from a day after the
    /// stop, so that a coordinator that was late before it can be slashed. Not a proposed one of an
    /// eager domain, whose proofs have been checked, and not one whose challenge window was over
    /// before the stop and that nothing keeps from being settled. Anyone may.
    function abandon(uint64 round) external;

    /// @notice Slashes a member's bond, ends its membership and its reputation. Only the slashing
    /// contract may.
    function slashMember(uint64 round, address account, address challenger, bytes32 reason) external;

    /// @notice Slashes the coordinator's bond, bars it from opening rounds in the domain, and makes
    /// the round void. Only the slashing contract may; reverts once the challenge window has passed
    /// and nothing is pending.
    function slashCoordinator(uint64 round, address challenger, bytes32 reason) external;

    /// @notice A round; reverts if there is none.
    function get(uint64 round) external view returns (Round memory);

    /// @notice A round's domain; reverts if there is no such round.
    function domainOf(uint64 round) external view returns (uint64 domain);

    /// @notice A membership; empty for an account that is no member.
    function membership(uint64 domain, address account) external view returns (Membership memory);

    /// @notice The round under way in a domain, or zero. A void round in which
    /// something was checked on chain is under way until it is settled.
    function current(uint64 domain) external view returns (uint64 round);

    /// @notice What a member has delivered to this contract; zero for nothing. It stays what it is
    /// if the member is slashed, so that a signed batch stays right.
    function delivered(uint64 round, address account) external view returns (bytes32 update);

    /// @notice Whose dataset this is in a domain; zero for nobody's.
    function holderOf(uint64 domain, bytes32 dataset) external view returns (address account);

    /// @notice What was proposed in a round; zeros if nothing was.
    function batchOf(uint64 round) external view returns (Batch memory);

    /// @notice The window that a member trains on: `keccak256(abi.encode(nonce, account)) % windows`.
    function windowOf(uint64 round, address account, uint64 windows) external view returns (uint64);

    /// @notice Reverts unless a verified claim is what this member had to do in this round.
    /// @param claim What the verifier returned.
    /// @param member A member of the round, not checked.
    function requireExpected(uint64 round, Member calldata member, TrainingClaim calldata claim)
        external
        view;

    /// @notice Reverts unless this is a member of the round.
    function requireMember(uint64 round, Member calldata member, bytes32[] calldata path)
        external
        view;

    /// @notice EIP-712 digest of a submission: what the member signs. Reverts, as those below,
    /// unless the round was drawn.
    function submissionDigest(Submission calldata submission) external view returns (bytes32);

    /// @notice EIP-712 digest of a batch: what the coordinator signs.
    function batchDigest(Batch calldata batch) external view returns (bytes32);

    /// @notice EIP-712 digest of a receipt: what the coordinator signs.
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
}
