// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TrainingClaim} from "./ITrainingVerifier.sol";

/// @title Rounds: open, draw, submit, propose, settle
/// @notice A coordinator opens a round with members whose weights follow from their reputation. A
/// later block's hash draws the window that each member trains on. Members deliver one proof each:
/// to this contract, which checks it (eager domains), or signed, to the coordinator (optimistic
/// ones). The coordinator proposes the members' updates, their weighted sum and the next model,
/// signed. Unless somebody shows that to be wrong within the challenge window, the round is
/// settled: members are paid by weight, reputations move, the model advances.
///
/// `None -> Open -> Proposed -> Settled`; a slashed coordinator or a stopped verifier makes it
/// `Void`, in which members of an eager domain are still paid for proofs that were checked. A
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
    /// separator); in eager domains zero.
    struct Delivery {
        bytes32 update;
        bytes32 submission;
    }

    /// @notice What a member signs, EIP-712:
    /// `Submission(uint64 round,address member,bytes32 statement,bytes32 proof,bytes32 update)`.
    /// @param statement `keccak256` of the statement.
    /// @param proof `keccak256` of the proof.
    struct Submission {
        uint64 round;
        address member;
        bytes32 statement;
        bytes32 proof;
        bytes32 update;
    }

    /// @notice What a coordinator signs, EIP-712:
    /// `Batch(uint64 round,bytes32 root,bytes32 aggregate,bytes32 model)`.
    /// @param root Merkle root of all members' deliveries.
    /// @param aggregate `keccak256` of the row commitments of the weighted sum of the updates.
    /// @param model `keccak256` of the next model's row commitments.
    struct Batch {
        uint64 round;
        bytes32 root;
        bytes32 aggregate;
        bytes32 model;
    }

    /// @notice A round.
    /// @param domain Its domain.
    /// @param coordinator Who opened it, answers for it and is paid for it.
    /// @param status Where it stands.
    /// @param optimistic The domain's mode.
    /// @param paid The budget was shared out, or given back.
    /// @param openedAt Block in which it was opened.
    /// @param deadline Time until which deliveries are taken and a batch is proposed.
    /// @param challengeEnd Time until which the batch can be challenged.
    /// @param demands Demands without an answer.
    /// @param count Members.
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
        uint64 deadline;
        uint64 challengeEnd;
        uint32 demands;
        uint32 count;
        uint128 budget;
        uint128 bond;
        bytes32 members;
        bytes32 parent;
        bytes32 nonce;
        bytes32 batch;
    }

    /// @notice A membership in a domain.
    /// @param dataset Merkle root of the dataset.
    /// @param windows Its windows.
    /// @param bond What the member answers with.
    /// @param leavesAt When `exit` is possible; zero for whoever is not leaving.
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
    event Demanded(uint64 indexed round, address indexed account, address indexed by, uint64 until);
    event Answered(uint64 indexed round, address indexed account, address indexed by);
    event DemandRefunded(
        uint64 indexed round, address indexed account, address indexed by, uint256 amount
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
    error NotEligible(uint64 domain, address account);
    error StillInRounds(uint64 domain, address account, uint64 leavesAt);
    error EmptyDataset();
    error RoundUnderWay(uint64 domain, uint64 round);
    error BadDuration(uint64 duration, uint64 least, uint64 most);
    error BadMemberCount(uint256 count, uint256 least, uint256 most);
    error NotDrawn(uint64 round);
    error AlreadyDrawn(uint64 round);
    error TooEarly(uint256 needed, uint256 now_);
    error TooLate(uint256 limit, uint256 now_);
    error NotInRound(uint64 round, address account);
    error AlreadyDelivered(uint64 round, address account);
    error WrongMode(uint64 domain);
    error WrongList(uint64 round);
    error WrongDelivery(uint64 round, address account);
    error NothingDelivered(uint64 round);
    error WrongSignature(address expected, address got);
    error OpenDemands(uint64 round, uint32 demands);
    error AlreadyDemanded(uint64 round, address account);
    error NotDemanded(uint64 round, address account);
    error AlreadyPaid(uint64 round);
    error VerifierInUse(bytes32 verifier);
    /// @notice A verified claim is not about what this member had to do in this round. Fields are
    /// those of `TrainingClaim`, counted from zero.
    error WrongClaim(uint256 field, bytes32 expected, bytes32 got);

    /// @notice Joins a domain with a dataset; the bond becomes an obligation.
    function join(uint64 domain, bytes32 dataset, uint64 windows) external;

    /// @notice Takes part in no new rounds; `exit` is possible once none can be under way.
    function resign(uint64 domain) external;

    /// @notice Ends a membership and its obligation.
    function exit(uint64 domain) external;

    /// @notice Opens a round. Only the domain's coordinator may; one at a time in a domain.
    /// @param duration Seconds until the deadline.
    /// @param budget Taken from the domain's escrow; what is not paid goes back.
    /// @param accounts Members, in strictly ascending order; each must have joined, not be leaving,
    /// and be covered by its stake.
    function open(uint64 domain, uint64 duration, uint128 budget, address[] calldata accounts)
        external
        returns (uint64 round);

    /// @notice Draws the nonce from the hash of the block `DRAW_DELAY` after the opening. Anyone
    /// may, for 256 blocks; without it the coordinator misses its deadline.
    function draw(uint64 round) external;

    /// @notice Eager domains: checks a member's proof and takes it as delivered. Anyone may relay.
    function submit(
        uint64 round,
        Member calldata member,
        bytes32[] calldata path,
        bytes calldata statement,
        bytes calldata proof
    ) external;

    /// @notice Proposes deliveries, their weighted sum and the next model, signed by the
    /// coordinator. Anyone may relay. If no member has delivered, the sum is zero, the model the
    /// parent, and settling moves nothing. In eager domains the coordinator itself may leave the
    /// signature empty: a member whose proof is taken before the proposal makes another one
    /// necessary, and the coordinator had signed two.
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

    /// @notice Demands that a delivery of an optimistic round be proven on chain. Costs a bond in
    /// reward tokens that goes to whoever answers, or back.
    function demand(
        uint64 round,
        Member calldata member,
        Delivery calldata delivery,
        bytes32[] calldata path
    ) external;

    /// @notice Answers a demand with the submission's statement and proof, which are checked.
    function answer(
        uint64 round,
        Member calldata member,
        bytes32[] calldata memberPath,
        bytes calldata statement,
        bytes calldata proof
    ) external;

    /// @notice Gives the bond of an open demand back to who made it, once the round is over. Anyone
    /// may.
    function refundDemand(uint64 round, address account) external;

    /// @notice Settles a proposed round whose challenge window has passed: pays, moves reputations,
    /// advances the model. Also pays for what was checked in a void round of an eager domain, where
    /// only the reputations of those move who delivered. Anyone may.
    /// @param deliveries Those that were proposed; empty for a void round.
    function settle(uint64 round, Member[] calldata members, Delivery[] calldata deliveries)
        external;

    /// @notice Makes a round void whose verifier was stopped, without a slash. Not a proposed one of
    /// an eager domain, whose proofs have been checked. Anyone may.
    function abandon(uint64 round) external;

    /// @notice Slashes a member's bond, ends its membership and its reputation. Only the slashing
    /// contract may.
    function slashMember(uint64 round, address account, address challenger, bytes32 reason) external;

    /// @notice Slashes the coordinator's bond and makes the round void. Only the slashing contract
    /// may; reverts once the challenge window has passed.
    function slashCoordinator(uint64 round, address challenger, bytes32 reason) external;

    /// @notice A round; reverts if there is none.
    function get(uint64 round) external view returns (Round memory);

    /// @notice A round's domain; reverts if there is no such round.
    function domainOf(uint64 round) external view returns (uint64 domain);

    /// @notice A membership; empty for whoever is no member.
    function membership(uint64 domain, address account) external view returns (Membership memory);

    /// @notice The round under way in a domain, or zero. A void round of an eager domain is under
    /// way until it is settled.
    function current(uint64 domain) external view returns (uint64 round);

    /// @notice What a member of an eager domain has delivered; zero for nothing. It stays what it is
    /// if the member is slashed, so that a signed batch stays right.
    function delivered(uint64 round, address account) external view returns (bytes32 update);

    /// @notice A demand that is open: who made it and until when it can be answered; or zeros.
    function demandOf(uint64 round, address account)
        external
        view
        returns (address by, uint64 until);

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

    /// @notice EIP-712 digest of a submission: what the member signs.
    function submissionDigest(Submission calldata submission) external view returns (bytes32);

    /// @notice EIP-712 digest of a batch: what the coordinator signs.
    function batchDigest(Batch calldata batch) external view returns (bytes32);
}
