// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Stake, delegation, unbonding and slashing
/// @notice Everyone who answers for something (a trainer, a coordinator) is an operator with a pool:
/// its own stake, and what others have delegated to it. A slash takes the operator's own stake
/// first, and only of that a bounty is paid: what it takes of delegated stake is burned. At least
/// half of all that an operator answers with is its own. So an operator that has itself slashed
/// through a friend loses, whatever was delegated to it.
///
/// Delegators opt in. Beyond its own stake an operator answers with no more than its limit, which
/// it can lower at once and raise only a week after the unbonding delay; a delegator says how high
/// a limit is acceptable. Slashes take no more of delegated stake than the limit, or than a higher
/// one that was in force within the delay, and what they take lowers the limit: all delegators
/// together never lose more than that, until a higher one, announced in time to leave, is in force.
///
/// Stake on its way out can be slashed for what began before it left, and for nothing later.
/// Unbonding lasts longer than any round can take, challenges included, so an operator that was
/// covered when a round opened can be slashed until it has ended.
/// @dev Stake that unbonds is kept by the day on which it began to. A part of delegated stake is
/// never worth more than its shares, so a share never costs more than one token's smallest unit,
/// and nobody can make shares dear for others. Where slashes leave less than one unit for `2^32`
/// shares, a new generation starts, whose shares are `2^32` of the last one's; a part that was
/// slashed to nothing skips four, which leaves nothing of any shares. So shares do not overflow,
/// however often a pool is slashed, and nothing keeps stakers from unbonding. An operator's own
/// active stake has one holder: its shares are its tokens.
interface IStakeManager {
    /// @notice An operator's pool, without what unbonds.
    /// @param own The operator's own tokens that count as stake.
    /// @param delegated Others' tokens that count as stake.
    /// @param delegatedShares Shares of the delegated tokens.
    /// @param generation Of these shares.
    /// @param obligations Tokens that the operator answers with, for all its memberships and
    /// rounds.
    /// @param limit How far obligations may go beyond `own`.
    /// @param nextLimit The limit from `nextLimitAt` on; the same as `limit` if none was announced.
    /// @param nextLimitAt When the next limit is in force; zero if none was announced.
    struct Pool {
        uint128 own;
        uint128 delegated;
        uint128 delegatedShares;
        uint64 generation;
        uint128 obligations;
        uint128 limit;
        uint128 nextLimit;
        uint64 nextLimitAt;
    }

    /// @notice Stake of an operator's pool that began to unbond on one day, as far as it was not
    /// withdrawn.
    struct Bucket {
        uint128 own;
        uint128 ownShares;
        uint64 ownGeneration;
        uint128 delegated;
        uint128 delegatedShares;
        uint64 generation;
    }

    /// @notice Stake on its way out.
    /// @param releaseTime The delay after it began to unbond, which tells its bucket.
    /// @param generation In which the shares were issued.
    /// @param shares Of the operator's own part of the bucket if the operator is the staker, else
    /// of the delegated one.
    struct Ticket {
        address operator;
        uint64 releaseTime;
        uint64 generation;
        address staker;
        uint128 shares;
    }

    /// @notice Tokens were staked with an operator, perhaps by the operator itself.
    event Staked(address indexed operator, address indexed staker, uint256 amount, uint256 shares);
    /// @notice Shares started to unbond; `shares` are those of the active part that are gone.
    event Unbonding(
        address indexed operator,
        address indexed staker,
        uint256 indexed ticket,
        uint256 amount,
        uint256 shares,
        uint64 releaseTime
    );
    /// @notice A ticket was paid out.
    event Withdrawn(
        address indexed operator, address indexed staker, uint256 indexed ticket, uint256 amount
    );
    /// @notice What an operator answers with has changed.
    event Obligations(address indexed operator, uint256 obligations);
    /// @notice What an operator may answer with beyond its own stake changes at a time; it replaces
    /// whatever was announced before. What slashes take of delegated stake is subtracted from it.
    event LimitChanged(address indexed operator, uint128 limit, uint64 from);
    /// @notice A pool was slashed: `own` was taken of the operator's stake, `delegated` of others',
    /// `bounty` went to the challenger and the rest was burned. Stake that had begun to unbond on a
    /// day before `since` was out of reach.
    event Slashed(
        address indexed operator,
        address indexed challenger,
        bytes32 indexed reason,
        uint256 own,
        uint256 delegated,
        uint256 bounty,
        uint64 since
    );

    /// @notice An amount or a number of shares is zero.
    error ZeroAmount();
    /// @notice The staker has fewer shares of this pool.
    error NotEnoughShares(uint256 available, uint256 requested);
    /// @notice The ticket is not the caller's, or was paid out.
    error NotYourTicket(uint256 ticket, address caller);
    /// @notice The ticket is not due yet.
    error StillUnbonding(uint256 ticket, uint64 releaseTime);
    /// @notice The operator has not enough active stake for what it answers for.
    error NotCovered(address operator, uint256 active, uint256 obligations);
    /// @notice Less than half of what the operator answers for would be its own stake.
    error TooLittleOwn(address operator, uint256 own, uint256 obligations);
    /// @notice The operator would answer for more than its own stake and its limit allow.
    error OverLimit(address operator, uint256 limit, uint256 obligations);
    /// @notice The operator may answer, now or soon, with more than the delegator accepts.
    error LimitTooHigh(address operator, uint256 exposure, uint256 most);
    /// @notice The operator does not answer with so much.
    error NotObligated(address operator, uint256 obligations, uint256 requested);
    /// @notice Unbonding would be over before a round can be.
    error DelayTooShort(uint64 least, uint64 got);
    /// @notice The caller may not do this.
    error Unauthorized(address caller);

    /// @notice Stakes the caller's tokens with itself. Needs an allowance.
    function stake(uint256 amount) external;

    /// @notice Stakes with a signed permit in place of an allowance. A permit that somebody else
    /// has used already does no harm.
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Stakes the caller's tokens with an operator, and shares its slashes. With oneself it
    /// is `stake`.
    /// @param most The highest exposure that the caller accepts; reverts if `exposureOf` is higher.
    function delegate(address operator, uint256 amount, uint256 most) external;

    /// @notice Says how much the caller may answer with beyond its own stake: lower at once, higher
    /// after the unbonding delay.
    function setLimit(uint128 limit) external;

    /// @notice Starts to unbond shares of a pool.
    /// @return ticket What `withdraw` takes once the delay has passed.
    function unbond(address operator, uint256 shares) external returns (uint256 ticket);

    /// @notice Pays out a ticket that is due: what slashes in the meantime have left of it.
    function withdraw(uint256 ticket) external returns (uint256 amount);

    /// @notice Makes an operator answer with more. Only rounds may; reverts unless the operator is
    /// covered then.
    function obligate(address operator, uint256 amount) external;

    /// @notice Takes an obligation back. Only rounds may.
    function release(address operator, uint256 amount) external;

    /// @notice Takes up to `amount` of a pool, and the obligation with it: first of the operator's
    /// own stake, active and then unbonding, and what is missing of delegated stake, active and
    /// unbonding in proportion, as far as the limit goes. Only rounds may.
    /// @param burnShare Basis points of the operator's own stake that are burned; the rest is the
    /// challenger's. All that is taken of delegated stake is burned.
    /// @param since When began what the operator is slashed for: stake that had begun to unbond on
    /// an earlier day is out of reach.
    /// @return taken What was there to take.
    function slash(
        address operator,
        uint256 amount,
        address challenger,
        bytes32 reason,
        uint16 burnShare,
        uint64 since
    ) external returns (uint256 taken);

    /// @notice Whether at least half of the obligations is the operator's own active stake, all of
    /// them are covered by active stake, and they exceed the operator's own only within its limit.
    function isCovered(address operator) external view returns (bool);

    /// @notice Most that all delegators together can lose as things stand: the limit, the one that
    /// was announced, or one that was in force within the delay; whichever is the highest.
    function exposureOf(address operator) external view returns (uint256);

    /// @notice An operator's pool.
    function pool(address operator) external view returns (Pool memory);

    /// @notice What began to unbond on a day, counted from 1970.
    function bucket(address operator, uint256 day) external view returns (Bucket memory);

    /// @notice A staker's shares of a pool's active part; the operator's own are its tokens.
    function sharesOf(address operator, address staker) external view returns (uint256);

    /// @notice What a staker's shares are worth.
    function stakeOf(address operator, address staker) external view returns (uint256);

    /// @notice What a ticket would pay now if it were due; zero once paid.
    function worthOf(uint256 ticket) external view returns (uint256);

    /// @notice A ticket; empty once paid.
    function ticketOf(uint256 ticket) external view returns (Ticket memory);

    /// @notice Seconds from `unbond` to `withdraw`.
    function UNBONDING_DELAY() external view returns (uint64);
}
