// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRewardToken} from "./interfaces/IRewardToken.sol";

/// @title Budgets and what is owed from them
/// @dev Tokens are strangers: whatever calls one is guarded against reentrance, and no token's
/// balance counts for another's.
contract Escrow is IEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice The only token that is burned.
    address public immutable REWARD_TOKEN;
    /// @notice Knows the domains' tokens, and refunds.
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

    /// @dev To whom a closed domain's money went.
    mapping(uint64 domain => address) private _refundedTo;

    modifier onlyRounds() {
        if (msg.sender != ROUNDS) revert Unauthorized(msg.sender);
        _;
    }

    /// @param rewardToken The only token that is burned.
    /// @param registry Knows the domains' tokens, and refunds.
    /// @param rounds Who reserves and shares.
    constructor(address rewardToken, address registry, address rounds) {
        REWARD_TOKEN = rewardToken;
        REGISTRY = IDomainRegistry(registry);
        ROUNDS = rounds;
    }

    /// @inheritdoc IEscrow
    function fund(uint64 domain, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (_refundedTo[domain] != address(0)) revert DomainIsClosed(domain);
        IERC20 token = IERC20(REGISTRY.tokenOf(domain));
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        // Only now is it known what has arrived; the guard keeps the token from calling back.
        uint256 arrived = token.balanceOf(address(this)) - before;
        // slither-disable-next-line incorrect-equality
        if (arrived == 0) revert ZeroAmount();
        available[domain] += arrived;
        emit Funded(domain, msg.sender, arrived);
    }

    /// @inheritdoc IEscrow
    function reserve(uint64 domain, uint256 amount) external onlyRounds {
        uint256 there = available[domain];
        if (amount > there) revert NotEnoughFunds(domain, there, amount);
        unchecked {
            available[domain] = there - amount;
        }
        reserved[domain] += amount;
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
        address owner = _refundedTo[domain];
        if (owner == address(0)) {
            available[domain] += rest;
        } else {
            _credit(token, owner, rest);
            totalOwed[token] += rest;
        }
        emit Shared(domain, paid, burn, rest);
        if (burn > 0) IRewardToken(token).burn(burn);
    }

    /// @inheritdoc IEscrow
    function claim(address token) external returns (uint256 amount) {
        return claimFor(token, msg.sender);
    }

    /// @inheritdoc IEscrow
    function refund(uint64 domain, address to) external nonReentrant returns (uint256 amount) {
        if (msg.sender != address(REGISTRY)) revert Unauthorized(msg.sender);
        address token = REGISTRY.tokenOf(domain);
        amount = available[domain];
        available[domain] = 0;
        _refundedTo[domain] = to;
        emit Refunded(domain, to, amount);
        if (amount > 0) IERC20(token).safeTransfer(to, amount);
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

    function _credit(address token, address account, uint256 amount) private {
        if (amount == 0) return;
        owed[token][account] += amount;
        emit Credited(token, account, amount);
    }
}
