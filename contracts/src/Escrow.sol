// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRewardToken} from "./interfaces/IRewardToken.sol";

/// @title Budgets and what is owed from them
/// @dev Tokens are strangers: whatever calls one is guarded against reentrance, and no token's
/// balance counts for another's.
contract Escrow is IEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Seconds without a round's budget after which funders may withdraw.
    uint256 public constant IDLE = 90 days;
    /// @dev A generation's shares are `2^64` of the last one's.
    uint256 private constant SCALE_LOG = 64;
    /// @dev After so many generations nothing is left of 256-bit numbers.
    uint64 private constant NOTHING = 4;

    /// @notice The only token that is burned.
    address public immutable REWARD_TOKEN;
    /// @notice Knows the domains' tokens, and closes.
    IDomainRegistry public immutable REGISTRY;
    /// @notice Who reserves and shares.
    address public immutable ROUNDS;

    /// @inheritdoc IEscrow
    mapping(uint64 domain => uint256) public available;
    /// @inheritdoc IEscrow
    mapping(uint64 domain => uint256) public reserved;
    /// @inheritdoc IEscrow
    mapping(address token => mapping(address account => uint256)) public owed;
    /// @inheritdoc IEscrow
    mapping(address token => uint256) public totalOwed;

    /// @dev What funders have together. `active` is when a round's budget last moved, or when the
    /// domain was first funded; later funding does not count, else dust would keep money here.
    struct Fund {
        uint256 shares;
        uint64 generation;
        uint64 active;
        bool closed;
    }

    /// @dev A funder's shares, of a generation.
    struct Holding {
        uint256 shares;
        uint64 generation;
    }

    mapping(uint64 domain => Fund) private _funds;
    mapping(uint64 domain => mapping(address account => Holding)) private _holdings;

    modifier onlyRounds() {
        if (msg.sender != ROUNDS) revert Unauthorized(msg.sender);
        _;
    }

    /// @param rewardToken The only token that is burned.
    /// @param registry Knows the domains' tokens, and closes.
    /// @param rounds Who reserves and shares.
    constructor(address rewardToken, address registry, address rounds) {
        REWARD_TOKEN = rewardToken;
        REGISTRY = IDomainRegistry(registry);
        ROUNDS = rounds;
    }

    /// @inheritdoc IEscrow
    function fund(uint64 domain, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (_funds[domain].closed) revert DomainIsClosed(domain);
        IERC20 token = IERC20(REGISTRY.tokenOf(domain));
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        // Only now is it known what has arrived; the guard keeps the token from calling back.
        uint256 arrived = token.balanceOf(address(this)) - before;
        // slither-disable-next-line incorrect-equality
        if (arrived == 0) revert ZeroAmount();
        emit Funded(domain, msg.sender, arrived, _issue(domain, msg.sender, arrived));
        available[domain] += arrived;
    }

    /// @inheritdoc IEscrow
    function reserve(uint64 domain, uint256 amount) external onlyRounds {
        uint256 there = available[domain];
        if (amount > there) revert NotEnoughFunds(domain, there, amount);
        unchecked {
            available[domain] = there - amount;
        }
        reserved[domain] += amount;
        _funds[domain].active = uint64(block.timestamp);
        emit Reserved(domain, amount);
    }

    /// @inheritdoc IEscrow
    function share(uint64 domain, uint256 amount, Payment[] calldata payments, uint256 burn)
        external
        onlyRounds
    {
        if (amount > reserved[domain]) {
            revert OverReserved(domain, reserved[domain], amount);
        }
        address token = REGISTRY.tokenOf(domain);
        if (burn > 0 && token != REWARD_TOKEN) revert NotBurnable(token);
        uint256 paid = 0;
        for (uint256 i = 0; i < payments.length; ++i) {
            paid += payments[i].amount;
        }
        if (paid + burn > amount) revert OverReserved(domain, amount, paid + burn);
        uint256 rest = amount - paid - burn;

        reserved[domain] -= amount;
        for (uint256 i = 0; i < payments.length; ++i) {
            _credit(token, payments[i].account, payments[i].amount);
        }
        totalOwed[token] += paid;
        available[domain] += rest;
        _funds[domain].active = uint64(block.timestamp);
        _scale(domain);
        emit Shared(domain, paid, burn, rest);
        if (burn > 0) IRewardToken(token).burn(burn);
    }

    /// @inheritdoc IEscrow
    function claim(address token) external returns (uint256 amount) {
        return claimFor(token, msg.sender);
    }

    /// @inheritdoc IEscrow
    function withdraw(uint64 domain) external nonReentrant returns (uint256 amount) {
        uint256 from = idleAt(domain);
        bool free = _funds[domain].closed || (from != 0 && block.timestamp >= from);
        if (!free || reserved[domain] != 0) revert DomainIsActive(domain, from);
        uint256 shares = sharesOf(domain, msg.sender);
        // slither-disable-next-line incorrect-equality
        if (shares == 0) revert NothingFunded(domain, msg.sender);
        uint256 there = available[domain];
        amount = Math.mulDiv(shares, there, _funds[domain].shares);

        delete _holdings[domain][msg.sender];
        _funds[domain].shares -= shares;
        available[domain] = there - amount;
        _scale(domain);
        emit Withdrawn(domain, msg.sender, shares, amount);
        IERC20(REGISTRY.tokenOf(domain)).safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IEscrow
    function close(uint64 domain) external {
        if (msg.sender != address(REGISTRY)) revert Unauthorized(msg.sender);
        _funds[domain].closed = true;
        emit Closed(domain);
    }

    /// @inheritdoc IEscrow
    function totalShares(uint64 domain) external view returns (uint256) {
        return _funds[domain].shares;
    }

    /// @inheritdoc IEscrow
    function sharesOf(uint64 domain, address account) public view returns (uint256) {
        Holding memory holding = _holdings[domain][account];
        uint256 passed = _funds[domain].generation - holding.generation;
        return passed < NOTHING ? holding.shares >> (SCALE_LOG * passed) : 0;
    }

    /// @inheritdoc IEscrow
    function idleAt(uint64 domain) public view returns (uint256) {
        uint256 active = _funds[domain].active;
        return active > 0 ? active + IDLE : 0;
    }

    /// @inheritdoc IEscrow
    function claimFor(address token, address account) public nonReentrant returns (uint256 amount) {
        amount = owed[token][account];
        if (amount == 0) revert NothingOwed(token, account);
        owed[token][account] = 0;
        totalOwed[token] -= amount;
        emit Claimed(token, account, amount);
        IERC20(token).safeTransfer(account, amount);
    }

    /// @dev Issues shares for an amount that is not counted yet, at what shares are worth: what a
    /// round has set aside counts, as what it does not spend comes back.
    function _issue(uint64 domain, address account, uint256 amount)
        private
        returns (uint256 shares)
    {
        Fund storage fund_ = _funds[domain];
        uint256 assets = available[domain] + reserved[domain];
        shares = assets > 0 ? Math.mulDiv(amount, fund_.shares, assets) : amount;
        uint256 held = sharesOf(domain, account);
        _holdings[domain][account] = Holding({shares: held + shares, generation: fund_.generation});
        fund_.shares += shares;
        // slither-disable-next-line incorrect-equality
        if (fund_.active == 0) fund_.active = uint64(block.timestamp);
    }

    /// @dev Starts as many generations as keep shares within bounds.
    function _scale(uint64 domain) private {
        Fund storage fund_ = _funds[domain];
        uint256 assets = available[domain] + reserved[domain];
        // slither-disable-next-line incorrect-equality
        if (assets == 0 && fund_.shares > 0) {
            (fund_.shares, fund_.generation) = (0, fund_.generation + NOTHING);
        }
        while (assets > 0 && fund_.shares >> SCALE_LOG >= assets) {
            fund_.shares >>= SCALE_LOG;
            ++fund_.generation;
        }
    }

    function _credit(address token, address account, uint256 amount) private {
        if (amount == 0) return;
        owed[token][account] += amount;
        emit Credited(token, account, amount);
    }
}
