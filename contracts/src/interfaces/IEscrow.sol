// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Budgets and what is owed from them
/// @notice Holds budgets of domains in any ERC-20 token. A domain's money is available, reserved
/// for its round, or owed to somebody; their sum is what the domain was funded with less what was
/// paid. Payment is pulled by those to whom it is owed.
interface IEscrow {
    /// @notice One payment of a settlement.
    struct Payment {
        address account;
        uint128 amount;
    }

    /// @notice A domain was funded.
    event Funded(uint64 indexed domain, address indexed from, uint256 amount);
    /// @notice Money was set aside for a round.
    event Reserved(uint64 indexed domain, uint256 amount);
    /// @notice A round's money was shared out; the rest is available again.
    event Shared(uint64 indexed domain, uint256 paid, uint256 burned, uint256 returned);
    /// @notice Somebody is owed more.
    event Credited(address indexed token, address indexed account, uint256 amount);
    /// @notice Somebody was paid.
    event Claimed(address indexed token, address indexed account, uint256 amount);
    /// @notice A closed domain's money went back to its owner.
    event Refunded(uint64 indexed domain, address indexed to, uint256 amount);

    /// @notice An amount is zero.
    error ZeroAmount();
    /// @notice The domain has less money available.
    error NotEnoughFunds(uint64 domain, uint256 available, uint256 requested);
    /// @notice Payments and burn exceed what is reserved.
    error OverReserved(uint64 domain, uint256 reserved, uint256 requested);
    /// @notice Nothing is owed.
    error NothingOwed(address token, address account);
    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice There is no such domain.
    error UnknownDomain(uint64 domain);
    /// @notice The domain is closed: what it were funded with could not be got back.
    error DomainIsClosed(uint64 domain);
    /// @notice Only reward tokens are burned.
    error NotBurnable(address token);

    /// @notice Funds a domain in its token. Counts what arrives: tokens may charge for transfers.
    function fund(uint64 domain, uint256 amount) external;

    /// @notice Sets money aside for a round. Only rounds may.
    function reserve(uint64 domain, uint256 amount) external;

    /// @notice Shares out `amount`, which a round had set aside: credits payments, burns `burn`
    /// (reward tokens only), makes the rest available again, or credits it to the owner of a domain
    /// that was closed in the meantime. Only rounds may.
    function share(uint64 domain, uint256 amount, Payment[] calldata payments, uint256 burn)
        external;

    /// @notice Pays the caller all that is owed to it in a token.
    function claim(address token) external returns (uint256 amount);

    /// @notice Pays an account what is owed to it, to that account.
    function claimFor(address token, address account) external returns (uint256 amount);

    /// @notice Returns all available money of a closed domain to its owner. Only the registry may.
    function refund(uint64 domain, address to) external returns (uint256 amount);

    /// @notice Money of a domain that no round has set aside.
    function available(uint64 domain) external view returns (uint256);

    /// @notice Money of a domain that its round has set aside.
    function reserved(uint64 domain) external view returns (uint256);

    /// @notice What an account can claim.
    function owed(address token, address account) external view returns (uint256);

    /// @notice All that can be claimed in a token.
    function totalOwed(address token) external view returns (uint256);
}
