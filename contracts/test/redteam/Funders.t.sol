// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {EscrowActions} from "../Escrow.t.sol";
import {PlainToken} from "../Tokens.sol";

/// @notice A token that some day pays nobody any more.
contract FreezingToken is PlainToken {
    bool public frozen;

    function freeze() external {
        frozen = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!frozen);
        super._update(from, to, amount);
    }
}

/// @notice What others have funded.
contract FundersTest is EscrowActions {
    /// @notice The owner of a domain takes it by closing the domain.
    function test_an_owner_gets_nothing_of_what_others_funded() public {
        uint64 domain = open(address(plain));
        fund(domain, 50_000e18);
        close(domain);
        assertEq(plain.balanceOf(OWNER), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingFunded.selector, domain, OWNER));
        withdraw(domain, OWNER);
        assertEq(withdraw(domain, ALICE), 50_000e18);
    }

    /// @notice It loses its key, and the money is locked for ever.
    function test_funders_of_a_domain_that_was_left_get_their_money_back() public {
        uint64 domain = open(address(plain));
        fund(domain, 100);
        vm.warp(block.timestamp + 90 days);
        assertEq(withdraw(domain, ALICE), 100);
    }

    /// @notice A token that refuses to be paid back keeps the domain from being closed, and the
    /// deposit with it.
    function test_a_token_that_pays_nobody_locks_no_deposit() public {
        FreezingToken freezing = new FreezingToken();
        uint64 domain = open(address(freezing));
        freezing.give(ALICE, 100);
        vm.prank(ALICE);
        freezing.approve(address(escrow), 100);
        fund(domain, 100);
        freezing.freeze();
        uint256 before = token.balanceOf(OWNER);
        close(domain);
        assertEq(token.balanceOf(OWNER) - before, 900e18);
    }

    /// @notice Whatever is funded, reserved, spent and returned: nobody withdraws more than its part
    /// of what was left, and what is left is all withdrawn.
    function testFuzz_funders_share_what_is_left(uint256 seed) public {
        uint64 domain = open(address(plain));
        address[3] memory funders = [ALICE, BOB, OWNER];
        uint256[3] memory worths;
        for (uint256 i = 1; i < 3; ++i) {
            plain.give(funders[i], 1e30);
            vm.prank(funders[i]);
            plain.approve(address(escrow), type(uint256).max);
        }
        for (uint256 step = 0; step < 20; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 who = (seed >> 8) % 3;
            uint256 amount = (seed >> 16) % 10 ** ((seed >> 200) % 22 + 1) + 1;
            if (seed % 3 == 0) {
                vm.prank(funders[who]);
                escrow.fund(domain, amount);
                worths[who] += amount;
            } else {
                _spend(domain, seed, worths);
            }
            _assertWorths(domain, funders, worths);
        }
        close(domain);
        for (uint256 i = 0; i < 3; ++i) {
            if (escrow.sharesOf(domain, funders[i]) > 0) withdraw(domain, funders[i]);
        }
        if (escrow.totalShares(domain) == 0) assertEq(escrow.available(domain), 0);
        assertLe(escrow.available(domain), 20, "dust");
    }

    function _spend(uint64 domain, uint256 seed, uint256[3] memory worths) private {
        uint256 assets = escrow.available(domain);
        uint256 budget = bound(seed >> 8, 0, assets);
        uint128 paid = uint128(bound(seed >> 64, 0, budget));
        if (seed % 7 == 0) (budget, paid) = (assets, uint128(assets));
        reserve(domain, budget);
        share(domain, budget, pay(address(this), paid, address(this), 0), 0);
        for (uint256 i = 0; i < 3 && assets > 0; ++i) {
            worths[i] = worths[i] * (assets - paid) / assets;
        }
    }

    function _assertWorths(uint64 domain, address[3] memory funders, uint256[3] memory worths)
        private
        view
    {
        uint256 shares = escrow.totalShares(domain);
        uint256 assets = escrow.available(domain);
        assertLe(assets, shares, "dear shares");
        assertLe(shares >> 64, assets, "cheap shares");
        if (shares == 0) return;
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 held = escrow.sharesOf(domain, funders[i]);
            sum += held;
            uint256 worth = shares > type(uint128).max
                ? held / (shares >> 64) * assets >> 64
                : held * assets / shares;
            assertApproxEqAbs(worth, worths[i], 60 + (worths[i] >> 40), "worth");
        }
        assertLe(sum, shares, "held");
    }
}
