// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewardToken} from "./interfaces/IRewardToken.sol";
import {IStakeManager} from "./interfaces/IStakeManager.sol";
import {Part, Shares} from "./libraries/Shares.sol";

/// @title Stake, delegation, unbonding and slashing
contract StakeManager is IStakeManager {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using Shares for Part;

    /// @dev Longer than a round, its windows and the answers to late demands together.
    uint64 private constant LEAST_DELAY = 21 days;
    /// @notice Seconds more than the unbonding delay from a higher limit's announcement until it is in
    /// force: who leaves on a day that ends before they are over is out of reach by then.
    uint64 public constant NOTICE = 7 days;
    /// @dev So far back a slash looks for stake that unbonds: no round is older when it ends.
    uint256 private constant DAYS = 21;
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice What is staked: the reward token.
    IERC20 public immutable TOKEN;
    /// @notice Who obligates, releases and slashes.
    address public immutable ROUNDS;
    /// @inheritdoc IStakeManager
    uint64 public immutable UNBONDING_DELAY;

    /// @dev What counts as stake: staking touches one of the two words.
    struct Active {
        Part delegated;
        uint128 own;
        uint128 obligations;
    }

    /// @dev What began to unbond on one day.
    struct Leaving {
        Part own;
        Part delegated;
    }

    /// @dev What an operator may answer with beyond its own stake, now and from a time on; and, until
    /// a time, what it was before it was lowered: up to that delegated stake can be slashed still.
    struct Limit {
        uint96 value;
        uint96 next;
        uint64 from;
        uint96 held;
        uint64 until;
    }

    /// @dev A delegator's shares, of a generation.
    struct Holding {
        uint128 shares;
        uint32 generation;
    }

    mapping(address operator => Active) private _pools;
    mapping(address operator => Limit) private _limits;
    mapping(address operator => mapping(uint256 day => Leaving)) private _leaving;
    mapping(address operator => mapping(address staker => Holding)) private _holdings;
    mapping(uint256 ticket => Ticket) private _tickets;
    uint256 private _lastTicket;

    modifier onlyRounds() {
        if (msg.sender != ROUNDS) revert Unauthorized(msg.sender);
        _;
    }

    /// @param token What is staked: the reward token, which anyone can burn.
    /// @param rounds Who obligates, releases and slashes.
    /// @param unbondingDelay Seconds from `unbond` to `withdraw`.
    constructor(IERC20 token, address rounds, uint64 unbondingDelay) {
        if (unbondingDelay < LEAST_DELAY) revert DelayTooShort(LEAST_DELAY, unbondingDelay);
        TOKEN = token;
        ROUNDS = rounds;
        UNBONDING_DELAY = unbondingDelay;
    }

    /// @inheritdoc IStakeManager
    function stake(uint256 amount) external {
        _stake(amount);
    }

    /// @inheritdoc IStakeManager
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Another account that sees the permit can use it first; then the allowance is there
        // already. The reward token calls nobody back.
        // slither-disable-next-line reentrancy-benign,reentrancy-events
        try IERC20Permit(address(TOKEN))
            .permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        _stake(amount);
    }

    /// @inheritdoc IStakeManager
    function delegate(address operator, uint256 amount, uint256 most) external {
        if (operator == msg.sender) {
            _stake(amount);
            return;
        }
        if (amount == 0) revert ZeroAmount();
        uint256 exposure = exposureOf(operator);
        if (exposure > most) revert LimitTooHigh(operator, exposure, most);
        Part memory delegated = _pools[operator].delegated;
        uint256 held = _held(operator, msg.sender, delegated);
        uint256 shares = delegated.put(amount);
        _hold(operator, delegated, held + shares);
        _pools[operator].delegated = delegated;
        emit Staked(operator, msg.sender, amount, shares);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStakeManager
    function setLimit(uint128 limit) external {
        Limit memory changed = _limitOf(msg.sender);
        uint64 from = uint64(block.timestamp);
        changed.next = uint256(limit).toUint96();
        if (limit <= changed.value) {
            // Else an operator that has cheated would keep its delegators' part from the slash.
            if (changed.held < changed.value) changed.held = changed.value;
            changed.until = from + UNBONDING_DELAY;
            (changed.value, changed.from) = (changed.next, 0);
        } else {
            from += UNBONDING_DELAY + NOTICE;
            changed.from = from;
        }
        _limits[msg.sender] = changed;
        emit LimitChanged(msg.sender, limit, from);
    }

    /// @inheritdoc IStakeManager
    function unbond(address operator, uint256 shares) external returns (uint256 ticket) {
        if (shares == 0) revert ZeroAmount();
        Leaving storage leaving = _leaving[operator][block.timestamp / 1 days];
        bool own = operator == msg.sender;
        uint256 amount = own ? _takeOwn(shares) : _takeDelegated(operator, shares);
        if (amount == 0) revert ZeroAmount();
        Part memory part = own ? leaving.own : leaving.delegated;
        uint256 issued = part.put(amount);
        if (own) leaving.own = part;
        else leaving.delegated = part;

        uint64 releaseTime = uint64(block.timestamp) + UNBONDING_DELAY;
        ticket = ++_lastTicket;
        _tickets[ticket] = Ticket({
            operator: operator,
            releaseTime: releaseTime,
            generation: part.generation,
            staker: msg.sender,
            shares: issued.toUint128()
        });
        emit Unbonding(operator, msg.sender, ticket, amount, shares, releaseTime);
    }

    /// @inheritdoc IStakeManager
    function withdraw(uint256 ticket) external returns (uint256 amount) {
        Ticket memory paid = _tickets[ticket];
        if (paid.staker != msg.sender) revert NotYourTicket(ticket, msg.sender);
        if (block.timestamp < paid.releaseTime) revert StillUnbonding(ticket, paid.releaseTime);
        Part storage place = _partOf(paid);
        Part memory part = place;
        amount = part.take(Shares.inGeneration(paid.shares, paid.generation, part.generation));

        delete _tickets[ticket];
        (place.assets, place.shares) = (part.assets, part.shares);
        emit Withdrawn(paid.operator, msg.sender, ticket, amount);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeManager
    function obligate(address operator, uint256 amount) external onlyRounds {
        Active memory active = _pools[operator];
        uint256 obligations = active.obligations + amount;
        uint256 total = uint256(active.own) + active.delegated.assets;
        if (obligations > total) revert NotCovered(operator, total, obligations);
        if (obligations > 2 * uint256(active.own)) {
            revert TooLittleOwn(operator, active.own, obligations);
        }
        if (!_isWithinLimit(operator, active.own, obligations)) {
            revert OverLimit(operator, _limitOf(operator).value, obligations);
        }
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
    function slash(
        address operator,
        uint256 amount,
        address challenger,
        bytes32 reason,
        uint16 burnShare,
        uint64 since
    ) external onlyRounds returns (uint256 taken) {
        Active memory active = _pools[operator];
        uint256 first = _firstDay(since);
        uint256 own = _slashOwn(operator, active, amount, first);
        uint256 delegated =
            own < amount ? _slashDelegated(operator, active, amount - own, first) : 0;
        taken = own + delegated;
        active.obligations -= Math.min(amount, active.obligations).toUint128();
        _pools[operator] = active;

        // An operator that has itself slashed must not get what others have staked: no bounty of
        // that.
        uint256 bounty = own - Math.mulDiv(own, burnShare, BASIS_POINTS, Math.Rounding.Ceil);
        emit Obligations(operator, active.obligations);
        emit Slashed(operator, challenger, reason, own, delegated, bounty, since);
        if (taken > bounty) IRewardToken(address(TOKEN)).burn(taken - bounty);
        if (bounty > 0) TOKEN.safeTransfer(challenger, bounty);
    }

    /// @inheritdoc IStakeManager
    function isCovered(address operator) external view returns (bool) {
        Active memory active = _pools[operator];
        return active.obligations <= uint256(active.own) + active.delegated.assets
            && active.obligations <= 2 * uint256(active.own)
            && _isWithinLimit(operator, active.own, active.obligations);
    }

    /// @inheritdoc IStakeManager
    function pool(address operator) external view returns (Pool memory) {
        Active memory active = _pools[operator];
        Limit memory limit = _limitOf(operator);
        return Pool({
            own: active.own,
            delegated: active.delegated.assets,
            delegatedShares: active.delegated.shares,
            generation: active.delegated.generation,
            obligations: active.obligations,
            limit: limit.value,
            nextLimit: limit.next,
            nextLimitAt: limit.from
        });
    }

    /// @inheritdoc IStakeManager
    function bucket(address operator, uint256 day) external view returns (Bucket memory) {
        Leaving memory leaving = _leaving[operator][day];
        return Bucket({
            own: leaving.own.assets,
            ownShares: leaving.own.shares,
            ownGeneration: leaving.own.generation,
            delegated: leaving.delegated.assets,
            delegatedShares: leaving.delegated.shares,
            generation: leaving.delegated.generation
        });
    }

    /// @inheritdoc IStakeManager
    function sharesOf(address operator, address staker) external view returns (uint256) {
        if (operator == staker) return _pools[operator].own;
        return _held(operator, staker, _pools[operator].delegated);
    }

    /// @inheritdoc IStakeManager
    function stakeOf(address operator, address staker) external view returns (uint256) {
        if (operator == staker) return _pools[operator].own;
        Part memory delegated = _pools[operator].delegated;
        return delegated.worth(_held(operator, staker, delegated));
    }

    /// @inheritdoc IStakeManager
    function worthOf(uint256 ticket) external view returns (uint256) {
        Ticket memory asked = _tickets[ticket];
        if (asked.staker == address(0)) return 0;
        Part memory part = _partOf(asked);
        return part.worth(Shares.inGeneration(asked.shares, asked.generation, part.generation));
    }

    /// @inheritdoc IStakeManager
    function ticketOf(uint256 ticket) external view returns (Ticket memory) {
        return _tickets[ticket];
    }

    /// @inheritdoc IStakeManager
    function exposureOf(address operator) public view returns (uint256) {
        Limit memory limit = _limitOf(operator);
        return Math.max(limit.next, Math.max(limit.value, limit.held));
    }

    /// @dev The caller's own stake.
    function _stake(uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        uint256 own = _pools[msg.sender].own;
        _pools[msg.sender].own = (own + amount).toUint128();
        emit Staked(msg.sender, msg.sender, amount, amount);
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Takes an operator's own stake out of the active part.
    function _takeOwn(uint256 amount) private returns (uint256) {
        uint256 held = _pools[msg.sender].own;
        if (amount > held) revert NotEnoughShares(held, amount);
        _pools[msg.sender].own = (held - amount).toUint128();
        return amount;
    }

    /// @dev Takes a delegator's shares out of the active part.
    function _takeDelegated(address operator, uint256 shares) private returns (uint256 amount) {
        Part memory delegated = _pools[operator].delegated;
        uint256 held = _held(operator, msg.sender, delegated);
        if (shares > held) revert NotEnoughShares(held, shares);
        amount = delegated.take(shares);
        _hold(operator, delegated, held - shares);
        _pools[operator].delegated = delegated;
    }

    /// @dev Takes up to `amount` of an operator's own stake: active first, then what began to
    /// unbond on the first day or later.
    function _slashOwn(address operator, Active memory active, uint256 amount, uint256 first)
        private
        returns (uint256 taken)
    {
        taken = Math.min(amount, active.own);
        active.own -= taken.toUint128();
        for (uint256 day = first; day <= block.timestamp / 1 days && taken < amount; ++day) {
            Part memory part = _leaving[operator][day].own;
            uint256 here = Math.min(amount - taken, part.assets);
            if (here == 0) continue;
            part.cut(here);
            _leaving[operator][day].own = part;
            taken += here;
        }
    }

    /// @dev Takes up to `amount` of delegated stake, and no more than delegators have accepted; what
    /// they have lost counts against it.
    function _slashDelegated(address operator, Active memory active, uint256 amount, uint256 first)
        private
        returns (uint256 taken)
    {
        Limit memory limit = _limitOf(operator);
        amount = Math.min(amount, Math.max(limit.value, limit.held));
        // slither-disable-next-line incorrect-equality
        if (amount == 0) return 0;
        taken = _cutDelegated(operator, active, amount, first);
        limit.value -= Math.min(taken, limit.value).toUint96();
        limit.next -= Math.min(taken, limit.next).toUint96();
        limit.held -= Math.min(taken, limit.held).toUint96();
        _limits[operator] = limit;
    }

    /// @dev Takes up to `amount` of delegated stake: of what is active, and of what began to unbond
    /// on the first day or later, in proportion.
    function _cutDelegated(address operator, Active memory active, uint256 amount, uint256 first)
        private
        returns (uint256 taken)
    {
        uint256 total = active.delegated.assets;
        for (uint256 day = first; day <= block.timestamp / 1 days; ++day) {
            total += _leaving[operator][day].delegated.assets;
        }
        taken = Math.min(amount, total);
        // slither-disable-next-line incorrect-equality
        if (taken == 0) return 0;
        uint256 here = Math.mulDiv(taken, active.delegated.assets, total);
        active.delegated.cut(here);
        uint256 left = taken - here;
        // Rounded up, and still at most what is there: so nothing is left in the end.
        for (uint256 day = first; left > 0; ++day) {
            Part memory part = _leaving[operator][day].delegated;
            here = Math.min(left, Math.mulDiv(taken, part.assets, total, Math.Rounding.Ceil));
            // slither-disable-next-line incorrect-equality
            if (here == 0) continue;
            part.cut(here);
            _leaving[operator][day].delegated = part;
            left -= here;
        }
    }

    /// @dev The caller's shares from now on.
    function _hold(address operator, Part memory delegated, uint256 shares) private {
        _holdings[operator][msg.sender] =
            Holding({shares: shares.toUint128(), generation: delegated.generation});
    }

    function _held(address operator, address staker, Part memory delegated)
        private
        view
        returns (uint256)
    {
        Holding memory holding = _holdings[operator][staker];
        return Shares.inGeneration(holding.shares, holding.generation, delegated.generation);
    }

    /// @dev Where a ticket's stake is.
    function _partOf(Ticket memory ticket) private view returns (Part storage) {
        Leaving storage leaving =
            _leaving[ticket.operator][(ticket.releaseTime - UNBONDING_DELAY) / 1 days];
        return ticket.operator == ticket.staker ? leaving.own : leaving.delegated;
    }

    /// @dev The limit as it stands now.
    function _limitOf(address operator) private view returns (Limit memory limit) {
        limit = _limits[operator];
        if (limit.from != 0 && block.timestamp >= limit.from) {
            (limit.value, limit.from) = (limit.next, 0);
        }
        if (block.timestamp >= limit.until) (limit.held, limit.until) = (0, 0);
    }

    function _isWithinLimit(address operator, uint256 own, uint256 obligations)
        private
        view
        returns (bool)
    {
        return obligations <= own || obligations <= _limitOf(operator).value;
    }

    /// @dev The first day whose leavers a slash reaches: all of that day, as its time is not known.
    function _firstDay(uint64 since) private view returns (uint256) {
        uint256 today = block.timestamp / 1 days;
        uint256 oldest = today > DAYS ? today - DAYS : 0;
        return Math.min(today, Math.max(oldest, since / 1 days));
    }
}
