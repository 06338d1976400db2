// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IParameters} from "./interfaces/IParameters.sol";
import {IRewardToken} from "./interfaces/IRewardToken.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {Shares} from "./libraries/Shares.sol";

/// @title Stake, delegation, unbonding and slashing
contract StakeManager is IStakeManager {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev Longer than a round, its challenge window and the answers to late demands together.
    uint64 private constant LEAST_DELAY = 21 days;
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice What is staked: the reward token.
    IERC20 public immutable TOKEN;
    /// @notice Where the burn share is.
    IParameters public immutable PARAMETERS;
    /// @notice Who obligates, releases and slashes.
    address public immutable ROUNDS;
    /// @inheritdoc IStakeManager
    uint64 public immutable UNBONDING_DELAY;

    /// @dev A staker's shares of an active part, of a generation.
    struct Holding {
        uint128 shares;
        uint64 generation;
    }

    mapping(address operator => Pool) private _pools;
    mapping(address operator => mapping(address staker => Holding)) private _holdings;
    mapping(uint256 ticket => Ticket) private _tickets;
    uint256 private _lastTicket;

    modifier onlyRounds() {
        if (msg.sender != ROUNDS) revert Unauthorized(msg.sender);
        _;
    }

    /// @param token What is staked: the reward token, which anyone can burn.
    /// @param parameters Where the burn share is.
    /// @param rounds Who obligates, releases and slashes.
    /// @param unbondingDelay Seconds from `unbond` to `withdraw`.
    constructor(IERC20 token, IParameters parameters, address rounds, uint64 unbondingDelay) {
        if (unbondingDelay < LEAST_DELAY) revert DelayTooShort(LEAST_DELAY, unbondingDelay);
        TOKEN = token;
        PARAMETERS = parameters;
        ROUNDS = rounds;
        UNBONDING_DELAY = unbondingDelay;
    }

    /// @inheritdoc IStakeManager
    function stake(uint256 amount) external {
        _stake(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever sees the permit can use it first; then the allowance is there already.
        try IERC20Permit(address(TOKEN))
            .permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        _stake(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function delegate(address operator, uint256 amount) external {
        _stake(operator, amount);
    }

    /// @inheritdoc IStakeManager
    function unbond(address operator, uint256 shares) external returns (uint256 ticket) {
        uint256 held = sharesOf(operator, msg.sender);
        if (shares == 0) revert ZeroAmount();
        if (shares > held) revert NotEnoughShares(held, shares);
        Pool storage target = _pools[operator];
        uint256 amount = Shares.worth(shares, target.active, target.activeShares);
        if (amount == 0) revert ZeroAmount();
        uint256 unbondingShares = Shares.issue(amount, target.unbonding, target.unbondingShares);

        // Shares are at most what the pool has, amounts at most what it holds.
        unchecked {
            _holdings[operator][msg.sender] =
                Holding({shares: uint128(held - shares), generation: target.generation});
            target.active -= uint128(amount);
            target.activeShares -= uint128(shares);
        }
        target.unbonding += uint128(amount);
        target.unbondingShares += unbondingShares.toUint128();
        ticket = ++_lastTicket;
        uint64 releaseTime = uint64(block.timestamp) + UNBONDING_DELAY;
        _tickets[ticket] = Ticket({
            operator: operator,
            releaseTime: releaseTime,
            generation: target.unbondingGeneration,
            staker: msg.sender,
            shares: unbondingShares.toUint128()
        });
        emit Unbonding(operator, msg.sender, ticket, amount, releaseTime);
    }

    /// @inheritdoc IStakeManager
    function withdraw(uint256 ticket) external returns (uint256 amount) {
        Ticket memory paid = _tickets[ticket];
        if (paid.staker != msg.sender) revert NotYourTicket(ticket, msg.sender);
        if (block.timestamp < paid.releaseTime) revert StillUnbonding(ticket, paid.releaseTime);
        Pool storage source = _pools[paid.operator];
        delete _tickets[ticket];
        uint256 shares =
            Shares.inGeneration(paid.shares, paid.generation, source.unbondingGeneration);
        amount = Shares.worth(shares, source.unbonding, source.unbondingShares);
        source.unbonding -= uint128(amount);
        source.unbondingShares -= uint128(shares);
        emit Withdrawn(paid.operator, msg.sender, ticket, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function obligate(address operator, uint256 amount) external onlyRounds {
        Pool storage target = _pools[operator];
        uint256 obligations = uint256(target.obligations) + amount;
        if (obligations > target.active) revert NotCovered(operator, target.active, obligations);
        target.obligations = uint128(obligations);
        emit Obligations(operator, obligations);
    }

    /// @inheritdoc IStakeManager
    function release(address operator, uint256 amount) external onlyRounds {
        uint256 obligations = _pools[operator].obligations;
        if (amount > obligations) revert NotObligated(operator, obligations, amount);
        obligations -= amount;
        _pools[operator].obligations = uint128(obligations);
        emit Obligations(operator, obligations);
    }

    /// @inheritdoc IStakeManager
    function slash(address operator, uint256 amount, address challenger, bytes32 reason)
        external
        onlyRounds
        returns (uint256 taken)
    {
        Pool memory target = _pools[operator];
        taken = Shares.slash(target, amount);
        target.obligations -= uint128(Math.min(amount, target.obligations));
        _pools[operator] = target;
        uint256 burned =
            Math.mulDiv(taken, PARAMETERS.get().burnShare, BASIS_POINTS, Math.Rounding.Ceil);
        uint256 bounty = taken - burned;
        emit Obligations(operator, target.obligations);
        emit Slashed(operator, challenger, reason, burned, bounty);
        if (burned > 0) IRewardToken(address(TOKEN)).burn(burned);
        if (bounty > 0) TOKEN.safeTransfer(challenger, bounty);
    }

    /// @inheritdoc IStakeManager
    function isCovered(address operator) external view returns (bool) {
        return _pools[operator].active >= _pools[operator].obligations;
    }

    /// @inheritdoc IStakeManager
    function pool(address operator) external view returns (Pool memory) {
        return _pools[operator];
    }

    /// @inheritdoc IStakeManager
    function stakeOf(address operator, address staker) external view returns (uint256) {
        Pool storage source = _pools[operator];
        return Shares.worth(sharesOf(operator, staker), source.active, source.activeShares);
    }

    /// @inheritdoc IStakeManager
    function ticketOf(uint256 ticket) external view returns (Ticket memory) {
        return _tickets[ticket];
    }

    /// @inheritdoc IStakeManager
    function sharesOf(address operator, address staker) public view returns (uint256) {
        Holding memory holding = _holdings[operator][staker];
        return Shares.inGeneration(holding.shares, holding.generation, _pools[operator].generation);
    }

    function _stake(address operator, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        Pool storage target = _pools[operator];
        uint256 shares = Shares.issue(amount, target.active, target.activeShares);
        uint256 held = sharesOf(operator, msg.sender);
        target.active += amount.toUint128();
        target.activeShares += shares.toUint128();
        _holdings[operator][msg.sender] =
            Holding({shares: (held + shares).toUint128(), generation: target.generation});
        emit Staked(operator, msg.sender, amount, shares);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }
}
