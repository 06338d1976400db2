// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Budgets and what is owed from them
/// @notice Holds budgets of domains in any ERC-20 token. A domain's money is available, reserved
/// for its round, or owed to somebody; their sum is what the domain was funded with less what was
/// paid. Payment is pulled by those to whom it is owed.
///
/// What is available or reserved belongs to those who funded the domain, in shares. They get it back
/// once the domain is closed, or idle: nothing is reserved, and for `IDLE` seconds no round has set
/// money aside or shared it out. The domain's owner has no part in it but for what it funded.
/// @dev A share is never worth more than one unit, so nobody can make shares dear for others. Where
/// less than one unit is left for `2^64` shares, a new generation starts, whose shares are `2^64` of
/// the last one's; where nothing is left it skips four, which leaves nothing of any shares.
interface IEscrow {
    /// @notice One payment of a settlement.
    struct Payment {
        address account;
        uint128 amount;
    }

    /// @notice A domain was funded.
    event Funded(uint64 indexed domain, address indexed from, uint256 amount, uint256 shares);
    /// @notice Money was set aside for a round.
    event Reserved(uint64 indexed domain, uint256 amount);
    /// @notice A round's money was shared out; the rest is available again.
    event Shared(uint64 indexed domain, uint256 paid, uint256 burned, uint256 returned);
    /// @notice Somebody is owed more.
    event Credited(address indexed token, address indexed account, uint256 amount);
    /// @notice Somebody was paid.
    event Claimed(address indexed token, address indexed account, uint256 amount);
    /// @notice A domain is closed: it cannot be funded, and its funders can withdraw.
    event Closed(uint64 indexed domain);
    /// @notice Somebody who had funded a domain has taken back what was left of it.
    event Withdrawn(uint64 indexed domain, address indexed to, uint256 shares, uint256 amount);

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
    /// @notice The domain is closed, and no round could spend what it were funded with.
    error DomainIsClosed(uint64 domain);
    /// @notice The domain is neither closed nor idle; without a round it is idle from `idleAt` on.
    error DomainIsActive(uint64 domain, uint256 idleAt);
    /// @notice The account has no shares of the domain's money.
    error NothingFunded(uint64 domain, address account);
    /// @notice Only reward tokens are burned.
    error NotBurnable(address token);

    /// @notice Funds a domain in its token. Counts what arrives: tokens may charge for transfers.
    function fund(uint64 domain, uint256 amount) external;

    /// @notice Sets money aside for a round. Only rounds may.
    function reserve(uint64 domain, uint256 amount) external;

    /// @notice Shares out `amount`, which a round had set aside: credits payments, burns `burn`
    /// (reward tokens only), and makes the rest available again. Only rounds may.
    function share(uint64 domain, uint256 amount, Payment[] calldata payments, uint256 burn)
        external;

    /// @notice Pays the caller all that is owed to it in a token.
    function claim(address token) external returns (uint256 amount);

    /// @notice Pays an account what is owed to it, to that account.
    function claimFor(address token, address account) external returns (uint256 amount);

    /// @notice Pays the caller its part of what is left in a domain that is closed or idle.
    function withdraw(uint64 domain) external returns (uint256 amount);

    /// @notice Lets the funders of a domain that was closed withdraw. Moves no money, so no token
    /// can keep a domain from closing. Only the registry may.
    function close(uint64 domain) external;

    /// @notice An account's shares of a domain's money.
    function sharesOf(uint64 domain, address account) external view returns (uint256);

    /// @notice All shares of a domain's money: of what is available and what is reserved.
    function totalShares(uint64 domain) external view returns (uint256);

    /// @notice When the domain will be idle if no round sets money aside before; zero if it was
    /// never funded.
    function idleAt(uint64 domain) external view returns (uint256);

    /// @notice Money of a domain that no round has set aside.
    function available(uint64 domain) external view returns (uint256);

    /// @notice Money of a domain that its round has set aside.
    function reserved(uint64 domain) external view returns (uint256);

    /// @notice What an account can claim.
    function owed(address token, address account) external view returns (uint256);

    /// @notice All that can be claimed in a token.
    function totalOwed(address token) external view returns (uint256);
}
