// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Stake, delegation, unbonding and slashing
/// @notice Everyone who answers for something (a trainer, a coordinator) is an operator with a pool
/// of stake, its own and delegated. A pool has an active and an unbonding part; both can be
/// slashed, in proportion. Unbonding lasts longer than any round can take, challenges included, so
/// whoever was covered when a round opened can be slashed until it has ended.
/// @dev A part is never worth more than its shares, so a share never costs more than one token's
/// smallest unit, and nobody can make shares dear for others. Where slashes leave less than one
/// unit for `2^32` shares, a new generation starts, whose shares are `2^32` of the last one's; a
/// part that was slashed to nothing skips four, which leaves nothing of any shares. So shares do
/// not overflow, however often a pool is slashed, and nothing keeps stakers from unbonding.
/// Delegation is trust: whoever runs an operator could have it slashed and take the bounty.
interface IStakeManager {
    /// @notice An operator's pool.
    /// @param active Tokens that count as stake.
    /// @param unbonding Tokens on their way out; they can still be slashed.
    /// @param obligations Tokens that the operator answers with, for all its memberships and
    /// rounds.
    /// @param generation Of the active part's shares.
    /// @param unbondingGeneration Of the unbonding part's shares.
    struct Pool {
        uint128 active;
        uint128 unbonding;
        uint128 activeShares;
        uint128 unbondingShares;
        uint128 obligations;
        uint64 generation;
        uint64 unbondingGeneration;
    }

    /// @notice Stake on its way out.
    /// @param shares Of the unbonding part, in the generation in which they were issued.
    struct Ticket {
        address operator;
        uint64 releaseTime;
        uint64 generation;
        address staker;
        uint128 shares;
    }

    /// @notice Tokens were staked with an operator, perhaps by the operator itself.
    event Staked(address indexed operator, address indexed staker, uint256 amount, uint256 shares);
    /// @notice Shares started to unbond.
    event Unbonding(
        address indexed operator,
        address indexed staker,
        uint256 indexed ticket,
        uint256 amount,
        uint64 releaseTime
    );
    /// @notice A ticket was paid out.
    event Withdrawn(
        address indexed operator, address indexed staker, uint256 indexed ticket, uint256 amount
    );
    /// @notice What an operator answers with has changed.
    event Obligations(address indexed operator, uint256 obligations);
    /// @notice A pool was slashed.
    event Slashed(
        address indexed operator,
        address indexed challenger,
        bytes32 indexed reason,
        uint256 burned,
        uint256 bounty
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

    /// @notice Stakes the caller's tokens with an operator, and shares its slashes.
    function delegate(address operator, uint256 amount) external;

    /// @notice Starts to unbond shares of a pool.
    /// @return ticket What `withdraw` takes once the delay has passed.
    function unbond(address operator, uint256 shares) external returns (uint256 ticket);

    /// @notice Pays out a ticket that is due: what slashes in the meantime have left of it.
    function withdraw(uint256 ticket) external returns (uint256 amount);

    /// @notice Makes an operator answer with more. Only rounds may; reverts unless the active stake
    /// covers all obligations.
    function obligate(address operator, uint256 amount) external;

    /// @notice Takes an obligation back. Only rounds may.
    function release(address operator, uint256 amount) external;

    /// @notice Takes up to `amount` of a pool, and the obligation with it; burns a share and pays
    /// the rest to the challenger. Only rounds may.
    /// @return taken What was there to take.
    function slash(address operator, uint256 amount, address challenger, bytes32 reason)
        external
        returns (uint256 taken);

    /// @notice Whether the active stake is at least the obligations.
    function isCovered(address operator) external view returns (bool);

    /// @notice An operator's pool.
    function pool(address operator) external view returns (Pool memory);

    /// @notice A staker's shares of a pool's active part.
    function sharesOf(address operator, address staker) external view returns (uint256);

    /// @notice What a staker's shares are worth.
    function stakeOf(address operator, address staker) external view returns (uint256);

    /// @notice A ticket; empty once paid.
    function ticketOf(uint256 ticket) external view returns (Ticket memory);

    /// @notice Seconds from `unbond` to `withdraw`.
    function UNBONDING_DELAY() external view returns (uint64);
}
