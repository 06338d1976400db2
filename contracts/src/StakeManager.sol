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
import {Part, Shares} from "./libraries/Shares.sol";

/// @title Stake, delegation, unbonding and slashing
contract StakeManager is IStakeManager {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using Shares for Part;

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

    /// @dev A pool, as it is stored: staking with it touches one word.
    struct Parts {
        Part active;
        Part unbonding;
        uint128 obligations;
    }

    /// @dev A staker's shares of an active part, of a generation.
    struct Holding {
        uint128 shares;
        uint32 generation;
    }

    mapping(address operator => Parts) private _pools;
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
        // Whoever sees the permit can use it first; then the allowance is there already. The reward
        // token calls nobody back.
        // slither-disable-next-line reentrancy-benign,reentrancy-events
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
        if (shares == 0) revert ZeroAmount();
        Part memory active = _pools[operator].active;
        Part memory unbonding = _pools[operator].unbonding;
        uint256 held = _held(operator, msg.sender, active);
        if (shares > held) revert NotEnoughShares(held, shares);
        uint256 amount = active.take(shares);
        if (amount == 0) revert ZeroAmount();
        uint256 issued = unbonding.put(amount);
        uint64 releaseTime = uint64(block.timestamp) + UNBONDING_DELAY;

        _hold(operator, active, held - shares);
        _pools[operator].active = active;
        _pools[operator].unbonding = unbonding;
        ticket = ++_lastTicket;
        _tickets[ticket] = Ticket({
            operator: operator,
            releaseTime: releaseTime,
            generation: unbonding.generation,
            staker: msg.sender,
            shares: issued.toUint128()
        });
        emit Unbonding(operator, msg.sender, ticket, amount, releaseTime);
    }

    /// @inheritdoc IStakeManager
    function withdraw(uint256 ticket) external returns (uint256 amount) {
        Ticket memory paid = _tickets[ticket];
        if (paid.staker != msg.sender) revert NotYourTicket(ticket, msg.sender);
        if (block.timestamp < paid.releaseTime) revert StillUnbonding(ticket, paid.releaseTime);
        Part memory unbonding = _pools[paid.operator].unbonding;
        uint256 shares = Shares.inGeneration(paid.shares, paid.generation, unbonding.generation);
        amount = unbonding.take(shares);

        delete _tickets[ticket];
        _pools[paid.operator].unbonding = unbonding;
        emit Withdrawn(paid.operator, msg.sender, ticket, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function obligate(address operator, uint256 amount) external onlyRounds {
        uint256 active = _pools[operator].active.assets;
        uint256 obligations = _pools[operator].obligations + amount;
        if (obligations > active) revert NotCovered(operator, active, obligations);
        _pools[operator].obligations = obligations.toUint128();
        emit Obligations(operator, obligations);
    }

    /// @inheritdoc IStakeManager
    function release(address operator, uint256 amount) external onlyRounds {
        uint256 obligations = _pools[operator].obligations;
        if (amount > obligations) revert NotObligated(operator, obligations, amount);
        obligations -= amount;
        _pools[operator].obligations = obligations.toUint128();
        emit Obligations(operator, obligations);
    }

    /// @inheritdoc IStakeManager
    function slash(address operator, uint256 amount, address challenger, bytes32 reason)
        external
        onlyRounds
        returns (uint256 taken)
    {
        Parts memory target = _pools[operator];
        taken = Shares.slash(target.active, target.unbonding, amount);
        target.obligations -= Math.min(amount, target.obligations).toUint128();
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
        return _pools[operator].active.assets >= _pools[operator].obligations;
    }

    /// @inheritdoc IStakeManager
    function pool(address operator) external view returns (Pool memory) {
        Parts memory parts = _pools[operator];
        return Pool({
            active: parts.active.assets,
            unbonding: parts.unbonding.assets,
            activeShares: parts.active.shares,
            unbondingShares: parts.unbonding.shares,
            obligations: parts.obligations,
            generation: parts.active.generation,
            unbondingGeneration: parts.unbonding.generation
        });
    }

    /// @inheritdoc IStakeManager
    function sharesOf(address operator, address staker) external view returns (uint256) {
        return _held(operator, staker, _pools[operator].active);
    }

    /// @inheritdoc IStakeManager
    function stakeOf(address operator, address staker) external view returns (uint256) {
        Part memory active = _pools[operator].active;
        return active.worth(_held(operator, staker, active));
    }

    /// @inheritdoc IStakeManager
    function ticketOf(uint256 ticket) external view returns (Ticket memory) {
        return _tickets[ticket];
    }

    function _stake(address operator, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        Part memory active = _pools[operator].active;
        uint256 held = _held(operator, msg.sender, active);
        uint256 shares = active.put(amount);
        _hold(operator, active, held + shares);
        _pools[operator].active = active;
        emit Staked(operator, msg.sender, amount, shares);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev The caller's shares from now on.
    function _hold(address operator, Part memory active, uint256 shares) private {
        _holdings[operator][msg.sender] =
            Holding({shares: shares.toUint128(), generation: active.generation});
    }

    function _held(address operator, address staker, Part memory active)
        private
        view
        returns (uint256)
    {
        Holding memory holding = _holdings[operator][staker];
        return Shares.inGeneration(holding.shares, holding.generation, active.generation);
    }
}
