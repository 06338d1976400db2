// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Deployment} from "./Deployment.sol";
import {Fixture} from "./Fixtures.sol";
import {CallingToken, FeeToken, PlainToken, RefusingToken, SilentToken} from "./Tokens.sol";

/// @notice Domains in different tokens, and what rounds do with their budgets.
abstract contract EscrowActions is Deployment {
    address internal immutable OWNER = makeAddr("owner");
    address internal immutable ALICE = makeAddr("alice");
    address internal immutable BOB = makeAddr("bob");
    PlainToken internal plain;
    Fixture internal fixture;

    function setUp() public virtual override {
        super.setUp();
        fixture = load("plain_groth16");
        endow(OWNER, 100_000e18);
        plain = new PlainToken();
        plain.give(ALICE, type(uint128).max);
        vm.prank(ALICE);
        plain.approve(address(escrow), type(uint256).max);
    }

    function open(address budget) internal returns (uint64) {
        IDomainRegistry.Config memory config = configOf(fixture, OWNER);
        config.token = budget;
        vm.prank(OWNER);
        return registry.open(config);
    }

    function fund(uint64 domain, uint256 amount) internal {
        vm.prank(ALICE);
        escrow.fund(domain, amount);
    }

    function reserve(uint64 domain, uint256 amount) internal {
        vm.prank(roundsAt);
        escrow.reserve(domain, amount);
    }

    function share(uint64 domain, uint256 amount, IEscrow.Payment[] memory payments, uint256 burn)
        internal
    {
        vm.prank(roundsAt);
        escrow.share(domain, amount, payments, burn);
    }

    function close(uint64 domain) internal {
        vm.mockCall(roundsAt, abi.encodeCall(IRounds.current, (domain)), abi.encode(uint64(0)));
        vm.prank(OWNER);
        registry.close(domain);
    }

    function withdraw(uint64 domain, address account) internal returns (uint256) {
        vm.prank(account);
        return escrow.withdraw(domain);
    }

    function pay(address first, uint128 one, address second, uint128 two)
        internal
        pure
        returns (IEscrow.Payment[] memory payments)
    {
        payments = new IEscrow.Payment[](2);
        payments[0] = IEscrow.Payment(first, one);
        payments[1] = IEscrow.Payment(second, two);
    }
}

contract EscrowTest is EscrowActions {
    function test_funds() public {
        uint64 domain = open(address(plain));
        vm.expectEmit(address(escrow));
        emit IEscrow.Funded(domain, ALICE, 100, 100);
        fund(domain, 100);
        fund(domain, 11);
        assertEq(escrow.available(domain), 111);
        assertEq(escrow.sharesOf(domain, ALICE), 111);
        assertEq(escrow.totalShares(domain), 111);
        assertEq(plain.balanceOf(address(escrow)), 111);
    }

    function test_funds_no_unknown_domain_and_not_with_nothing() public {
        uint64 domain = open(address(plain));
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        fund(domain, 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.UnknownDomain.selector, domain + 1));
        fund(domain + 1, 1);
    }

    function test_only_rounds_reserves_and_shares_only_the_registry_closes() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        bytes memory refused = abi.encodeWithSelector(IEscrow.Unauthorized.selector, OWNER);
        vm.startPrank(OWNER);
        vm.expectRevert(refused);
        escrow.reserve(domain, 1);
        vm.expectRevert(refused);
        escrow.share(domain, 0, new IEscrow.Payment[](0), 0);
        vm.expectRevert(refused);
        escrow.close(domain);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IEscrow.Unauthorized.selector, roundsAt));
        vm.prank(roundsAt);
        escrow.close(domain);
    }

    function test_reserves_what_is_available() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        vm.expectEmit(address(escrow));
        emit IEscrow.Reserved(domain, 60);
        reserve(domain, 60);
        assertEq(escrow.available(domain), 40);
        assertEq(escrow.reserved(domain), 60);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotEnoughFunds.selector, domain, 40, 41));
        reserve(domain, 41);
    }

    function test_one_domains_budget_is_not_anothers() public {
        uint64 first = open(address(plain));
        uint64 second = open(address(plain));
        fund(first, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotEnoughFunds.selector, second, 0, 1));
        reserve(second, 1);
        reserve(first, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.OverReserved.selector, second, 0, 1));
        share(second, 1, pay(BOB, 1, OWNER, 0), 0);
    }

    function test_shares_and_pays() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 60);
        vm.expectEmit(address(escrow));
        emit IEscrow.Credited(address(plain), BOB, 30);
        vm.expectEmit(address(escrow));
        emit IEscrow.Shared(domain, 50, 0, 10);
        share(domain, 60, pay(BOB, 30, OWNER, 20), 0);
        assertEq(escrow.available(domain), 50);
        assertEq(escrow.reserved(domain), 0);
        assertEq(escrow.owed(address(plain), BOB), 30);
        assertEq(escrow.totalOwed(address(plain)), 50);
        vm.expectEmit(address(escrow));
        emit IEscrow.Claimed(address(plain), BOB, 30);
        vm.prank(BOB);
        assertEq(escrow.claim(address(plain)), 30);
        assertEq(plain.balanceOf(BOB), 30);
        // Anyone may have an account paid, to itself.
        vm.prank(BOB);
        assertEq(escrow.claimFor(address(plain), OWNER), 20);
        assertEq(plain.balanceOf(OWNER), 20);
        assertEq(escrow.totalOwed(address(plain)), 0);
        assertEq(plain.balanceOf(address(escrow)), 50);
    }

    function test_pays_nothing_twice() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 100);
        share(domain, 100, pay(BOB, 30, OWNER, 20), 0);
        escrow.claimFor(address(plain), BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingOwed.selector, address(plain), BOB));
        escrow.claimFor(address(plain), BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingOwed.selector, address(token), OWNER));
        vm.prank(OWNER);
        escrow.claim(address(token));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.OverReserved.selector, domain, 0, 100));
        share(domain, 100, pay(BOB, 30, OWNER, 20), 0);
    }

    /// @notice The transaction, its calldata and the execution, of code that was compiled without
    /// the optimizer, to an account that has no such tokens yet.
    function test_cost_of_claiming() public {
        uint64 domain = open(address(token));
        vm.prank(OWNER);
        escrow.fund(domain, 100);
        reserve(domain, 100);
        share(domain, 100, pay(BOB, 30, OWNER, 20), 0);
        vm.cool(address(escrow));
        vm.cool(address(token));
        vm.prank(BOB);
        uint256 used = gasleft();
        escrow.claim(address(token));
        used -= gasleft();
        used += 21_000 + 16 * 36;
        emit log_named_uint("gas", used);
        assertLe(used, 150_000);
    }

    function test_an_account_that_is_paid_twice_in_one_list_gets_both() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 100);
        share(domain, 100, pay(BOB, 30, BOB, 20), 0);
        assertEq(escrow.claimFor(address(plain), BOB), 50);
    }

    function test_shares_no_more_than_is_reserved() public {
        uint64 domain = open(address(token));
        vm.prank(OWNER);
        escrow.fund(domain, 100);
        reserve(domain, 60);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.OverReserved.selector, domain, 60, 61));
        share(domain, 61, pay(BOB, 1, OWNER, 1), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.OverReserved.selector, domain, 50, 51));
        share(domain, 50, pay(BOB, 30, OWNER, 21), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.OverReserved.selector, domain, 50, 51));
        share(domain, 50, pay(BOB, 30, OWNER, 20), 1);
        vm.expectRevert();
        share(domain, 50, pay(BOB, 30, OWNER, 20), type(uint256).max - 49);
        share(domain, 50, pay(BOB, 30, OWNER, 20), 0);
        assertEq(escrow.reserved(domain), 10);
    }

    function test_burns_reward_tokens_only() public {
        uint64 domain = open(address(token));
        vm.prank(OWNER);
        escrow.fund(domain, 100);
        reserve(domain, 100);
        uint256 supply = token.totalSupply();
        share(domain, 100, pay(BOB, 30, ALICE, 20), 5);
        assertEq(token.totalSupply(), supply - 5);
        assertEq(escrow.available(domain), 45);
        uint64 other = open(address(plain));
        fund(other, 100);
        reserve(other, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotBurnable.selector, address(plain)));
        share(other, 100, pay(BOB, 30, ALICE, 20), 5);
    }

    function test_funders_withdraw_what_is_left_of_a_closed_domain() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 50);
        share(domain, 50, pay(BOB, 30, ALICE, 0), 0);
        vm.expectEmit(address(escrow));
        emit IEscrow.Closed(domain);
        close(domain);
        assertEq(plain.balanceOf(OWNER), 0);
        assertEq(escrow.available(domain), 70);
        uint256 before = plain.balanceOf(ALICE);
        vm.expectEmit(address(escrow));
        emit IEscrow.Withdrawn(domain, ALICE, 100, 70);
        assertEq(withdraw(domain, ALICE), 70);
        assertEq(plain.balanceOf(ALICE) - before, 70);
        assertEq(escrow.totalShares(domain), 0);
        _assertNothing(domain, ALICE);
        // What is owed stays owed.
        assertEq(escrow.claimFor(address(plain), BOB), 30);
        assertEq(plain.balanceOf(address(escrow)), 0);
    }

    function test_funders_withdraw_in_proportion_to_what_was_left_when_they_funded() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 60);
        share(domain, 60, pay(BOB, 50, BOB, 0), 0);
        // A share is worth half by now.
        _fund(BOB, domain, 50);
        assertEq(escrow.sharesOf(domain, BOB), 100);
        reserve(domain, 100);
        share(domain, 100, pay(OWNER, 40, OWNER, 0), 0);
        close(domain);
        assertEq(withdraw(domain, ALICE), 30);
        assertEq(withdraw(domain, BOB), 30);
        _assertNothing(domain, OWNER);
    }

    function test_what_a_round_has_set_aside_counts_for_those_who_fund_in_the_meantime() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 100);
        _fund(BOB, domain, 100);
        assertEq(escrow.sharesOf(domain, BOB), 100);
        share(domain, 100, pay(OWNER, 0, OWNER, 0), 0);
        close(domain);
        assertEq(withdraw(domain, BOB), 100);
        assertEq(withdraw(domain, ALICE), 100);
    }

    function test_when_all_was_spent_shares_are_worth_nothing_for_ever() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 100);
        share(domain, 100, pay(BOB, 100, BOB, 0), 0);
        assertEq(escrow.sharesOf(domain, ALICE), 0);
        _fund(BOB, domain, 7);
        close(domain);
        _assertNothing(domain, ALICE);
        assertEq(withdraw(domain, BOB), 7);
    }

    function test_spent_almost_all_again_and_again_shares_stay_in_bounds() public {
        uint64 domain = open(address(plain));
        for (uint256 i = 0; i < 20; ++i) {
            fund(domain, 1e30);
            uint128 spent = uint128(escrow.available(domain) - 1);
            reserve(domain, spent);
            share(domain, spent, pay(BOB, spent, BOB, 0), 0);
            assertLe(escrow.totalShares(domain), uint256(1) << 64);
        }
        _fund(BOB, domain, 1e30);
        close(domain);
        assertGe(withdraw(domain, BOB), 1e30 - 1);
        assertLe(plain.balanceOf(address(escrow)), escrow.totalOwed(address(plain)) + 2);
    }

    function test_an_active_domains_money_stays() public {
        uint64 domain = open(address(plain));
        assertEq(escrow.idleAt(domain), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DomainIsActive.selector, domain, 0));
        withdraw(domain, ALICE);
        fund(domain, 100);
        uint256 idleAt = block.timestamp + 90 days;
        assertEq(escrow.idleAt(domain), idleAt);
        _assertActive(domain, idleAt);
        vm.warp(idleAt - 1);
        _assertActive(domain, idleAt);
        // Funding again, even by somebody else, keeps nobody's money here.
        _fund(BOB, domain, 1);
        vm.warp(idleAt);
        assertEq(withdraw(domain, ALICE), 100);
    }

    function test_a_domain_with_a_round_is_not_idle() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        vm.warp(block.timestamp + 80 days);
        reserve(domain, 60);
        uint256 idleAt = block.timestamp + 90 days;
        vm.warp(idleAt + 1);
        // Something is set aside still.
        _assertActive(domain, idleAt);
        share(domain, 60, pay(BOB, 10, BOB, 0), 0);
        idleAt = block.timestamp + 90 days;
        _assertActive(domain, idleAt);
        vm.warp(idleAt);
        assertEq(withdraw(domain, ALICE), 90);
        // A domain that was left can be funded anew, and a round can begin.
        fund(domain, 5);
        reserve(domain, 5);
        _assertActive(domain, block.timestamp + 90 days);
    }

    function test_a_closed_domain_is_not_funded() public {
        uint64 domain = open(address(plain));
        close(domain);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DomainIsClosed.selector, domain));
        fund(domain, 1);
    }

    function test_what_returns_after_closing_is_the_funders() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        reserve(domain, 100);
        close(domain);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrow.DomainIsActive.selector, domain, block.timestamp + 90 days
            )
        );
        withdraw(domain, ALICE);
        share(domain, 100, pay(BOB, 30, OWNER, 20), 0);
        assertEq(escrow.totalOwed(address(plain)), 50);
        assertEq(withdraw(domain, ALICE), 50);
    }

    function test_nobody_gets_more_by_funding_than_was_left_of_it() public {
        uint64 domain = open(address(plain));
        fund(domain, 3);
        reserve(domain, 2);
        share(domain, 2, pay(BOB, 2, BOB, 0), 0);
        // Rounding is in favour of those who were there.
        for (uint256 i = 0; i < 5; ++i) {
            _fund(BOB, domain, 7);
        }
        close(domain);
        assertLe(withdraw(domain, BOB), 35);
        assertGe(withdraw(domain, ALICE), 1);
    }

    function _assertActive(uint64 domain, uint256 idleAt) private {
        assertEq(escrow.idleAt(domain), idleAt);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DomainIsActive.selector, domain, idleAt));
        withdraw(domain, ALICE);
    }

    function _assertNothing(uint64 domain, address account) private {
        assertEq(escrow.sharesOf(domain, account), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingFunded.selector, domain, account));
        withdraw(domain, account);
    }

    function _fund(address account, uint64 domain, uint256 amount) private {
        plain.give(account, amount);
        vm.startPrank(account);
        plain.approve(address(escrow), amount);
        escrow.fund(domain, amount);
        vm.stopPrank();
    }

    /// forge-config: test.fuzz.runs = 96
    function testFuzz_what_it_holds_is_what_it_owes(uint256 seed) public {
        IERC20[2] memory tokens = [IERC20(token), IERC20(plain)];
        uint64[4] memory domains = [
            open(address(token)), open(address(plain)), open(address(plain)), open(address(token))
        ];
        vm.prank(OWNER);
        token.transfer(ALICE, 10_000e18);
        vm.prank(ALICE);
        token.approve(address(escrow), type(uint256).max);
        for (uint256 step = 0; step < 40; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            _act(domains[(seed >> 8) % 4], seed >> 16);
            for (uint256 t = 0; t < 2; ++t) {
                uint256 sum = escrow.totalOwed(address(tokens[t]));
                uint256 owed = escrow.owed(address(tokens[t]), BOB)
                    + escrow.owed(address(tokens[t]), ALICE)
                    + escrow.owed(address(tokens[t]), OWNER);
                assertEq(owed, sum, "owed");
                for (uint256 i = 0; i < 4; ++i) {
                    if (registry.tokenOf(domains[i]) != address(tokens[t])) continue;
                    sum += escrow.available(domains[i]) + escrow.reserved(domains[i]);
                }
                assertEq(tokens[t].balanceOf(address(escrow)), sum, "balance");
            }
        }
    }

    function _act(uint64 domain, uint256 seed) private {
        uint256 kind = seed % 8;
        seed >>= 8;
        address budget = registry.tokenOf(domain);
        bool closed = registry.get(domain).closed;
        if (kind < 2) {
            if (!closed) fund(domain, bound(seed, 1, 100e18));
        } else if (kind < 4) {
            if (!closed) reserve(domain, bound(seed, 0, escrow.available(domain)));
        } else if (kind < 6) {
            uint256 amount = bound(seed, 0, escrow.reserved(domain));
            uint128 one = uint128(bound(seed >> 8, 0, amount));
            uint128 two = uint128(bound(seed >> 16, 0, amount - one));
            uint256 burn = budget == address(token) ? (amount - one - two) / 3 : 0;
            share(domain, amount, pay(ALICE, one, BOB, two), burn);
        } else if (kind < 7) {
            address account = seed % 3 == 0 ? ALICE : seed % 3 == 1 ? BOB : OWNER;
            if (escrow.owed(budget, account) > 0) escrow.claimFor(budget, account);
        } else if (seed % 4 == 0 && !closed && escrow.reserved(domain) == 0) {
            close(domain);
        } else if (closed && escrow.sharesOf(domain, ALICE) > 0) {
            assertEq(escrow.sharesOf(domain, ALICE), escrow.totalShares(domain), "one funder");
            uint256 left = escrow.available(domain);
            assertEq(withdraw(domain, ALICE), left, "all that is left");
        }
    }
}

/// @notice Tokens that are not what they seem.
contract EscrowTokensTest is EscrowActions {
    function test_counts_what_arrives() public {
        FeeToken fee = new FeeToken(300);
        uint64 domain = open(address(fee));
        fee.give(ALICE, 1000);
        vm.prank(ALICE);
        fee.approve(address(escrow), 1000);
        fund(domain, 1000);
        assertEq(escrow.available(domain), 970);
        assertEq(fee.balanceOf(address(escrow)), 970);
    }

    function test_takes_no_token_of_which_nothing_arrives() public {
        FeeToken fee = new FeeToken(10_000);
        uint64 domain = open(address(fee));
        fee.give(ALICE, 1000);
        vm.startPrank(ALICE);
        fee.approve(address(escrow), 1000);
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        escrow.fund(domain, 1000);
        vm.stopPrank();
    }

    function test_takes_tokens_that_return_nothing() public {
        SilentToken silent = new SilentToken();
        uint64 domain = open(address(silent));
        silent.give(ALICE, 1000);
        fund(domain, 1000);
        reserve(domain, 1000);
        share(domain, 1000, pay(BOB, 30, OWNER, 0), 0);
        escrow.claimFor(address(silent), BOB);
        assertEq(silent.balanceOf(BOB), 30);
    }

    function test_takes_no_refusal_for_a_transfer() public {
        RefusingToken refusing = new RefusingToken();
        uint64 domain = open(address(refusing));
        vm.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(refusing))
        );
        fund(domain, 1);
    }

    /// @notice Funding within funding would count the inner amount twice.
    function test_funding_within_funding_is_refused() public {
        (CallingToken calling, uint64 domain) = _calling();
        calling.give(address(calling), 500);
        vm.prank(address(calling));
        calling.approve(address(escrow), 500);
        calling.callBack(address(escrow), abi.encodeCall(escrow.fund, (domain, 500)));
        fund(domain, 1000);
        _assertRefused(calling);
        assertEq(escrow.available(domain), 1000);
        assertEq(calling.balanceOf(address(escrow)), 1000);
    }

    function test_claiming_within_funding_is_refused() public {
        (CallingToken calling, uint64 domain) = _calling();
        fund(domain, 1000);
        reserve(domain, 1000);
        share(domain, 1000, pay(BOB, 300, address(calling), 200), 0);
        calling.callBack(address(escrow), abi.encodeCall(escrow.claim, (address(calling))));
        fund(domain, 1000);
        _assertRefused(calling);
        assertEq(escrow.available(domain), 1500);
    }

    function test_claiming_within_claiming_pays_once() public {
        (CallingToken calling, uint64 domain) = _calling();
        fund(domain, 1000);
        reserve(domain, 1000);
        share(domain, 1000, pay(BOB, 300, address(calling), 200), 0);
        calling.callBack(address(escrow), abi.encodeCall(escrow.claimFor, (address(calling), BOB)));
        escrow.claimFor(address(calling), BOB);
        _assertRefused(calling);
        assertEq(calling.balanceOf(BOB), 300);
        assertEq(calling.balanceOf(address(escrow)), 700);
    }

    function test_claiming_within_withdrawing_is_refused() public {
        (CallingToken calling, uint64 domain) = _calling();
        fund(domain, 1000);
        reserve(domain, 500);
        share(domain, 500, pay(BOB, 300, OWNER, 0), 0);
        close(domain);
        calling.callBack(address(escrow), abi.encodeCall(escrow.claimFor, (address(calling), BOB)));
        assertEq(withdraw(domain, ALICE), 700);
        _assertRefused(calling);
        assertEq(calling.balanceOf(address(escrow)), 300);
    }

    function test_withdrawing_within_withdrawing_pays_once() public {
        (CallingToken calling, uint64 domain) = _calling();
        calling.give(address(calling), 500);
        vm.startPrank(address(calling));
        calling.approve(address(escrow), 500);
        escrow.fund(domain, 500);
        vm.stopPrank();
        fund(domain, 1000);
        close(domain);
        calling.callBack(address(escrow), abi.encodeCall(escrow.withdraw, (domain)));
        assertEq(withdraw(domain, ALICE), 1000);
        _assertRefused(calling);
        assertEq(withdraw(domain, address(calling)), 500);
    }

    function _calling() private returns (CallingToken calling, uint64 domain) {
        calling = new CallingToken();
        domain = open(address(calling));
        calling.give(ALICE, 10_000);
        vm.prank(ALICE);
        calling.approve(address(escrow), type(uint256).max);
    }

    function _assertRefused(CallingToken calling) private view {
        assertEq(calling.target(), address(0), "called back");
        assertFalse(calling.succeeded());
        assertEq(
            bytes4(calling.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector
        );
    }
}
