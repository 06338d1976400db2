// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {RewardToken} from "../src/RewardToken.sol";
import {IRewardToken} from "../src/interfaces/IRewardToken.sol";
import {Deployment} from "./Deployment.sol";

contract RewardTokenTest is Deployment {
    uint256 private constant WEEK = 7 days;

    function test_describes_itself() public view {
        assertEq(token.name(), "zktrain");
        assertEq(token.symbol(), "ZKT");
        assertEq(token.decimals(), 18);
        assertEq(token.totalSupply(), SUPPLY);
        assertEq(token.balanceOf(TREASURY), SUPPLY);
        assertEq(token.MINTER(), address(timelock));
        assertEq(token.epoch(), 0);
    }

    function test_only_the_minter_mints() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.Unauthorized.selector, TREASURY));
        vm.prank(TREASURY);
        token.mint(TREASURY, 1);
    }

    function test_mints_no_more_than_an_epochs_emission() public {
        vm.expectEmit(address(token));
        emit IRewardToken.Minted(address(this), 0, EMISSION - 1);
        _mint(EMISSION - 1);
        assertEq(token.mintable(), 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.EmissionExceeded.selector, 0, 1, 2));
        _mint(2);
        _mint(1);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.EmissionExceeded.selector, 0, 0, 1));
        _mint(1);
        assertEq(token.balanceOf(address(this)), EMISSION);
    }

    function test_epochs_are_not_carried_over() public {
        vm.warp(token.START() + 3 * WEEK - 1);
        assertEq(token.epoch(), 2);
        _mint(EMISSION);
        vm.warp(token.START() + 3 * WEEK);
        assertEq(token.mintable(), EMISSION);
        vm.warp(token.START() + 9 * WEEK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRewardToken.EmissionExceeded.selector, 9, EMISSION, EMISSION + 1
            )
        );
        _mint(EMISSION + 1);
        _mint(EMISSION);
    }

    function test_emission_halves_every_52_epochs() public {
        vm.warp(token.START() + 51 * WEEK);
        assertEq(token.mintable(), EMISSION);
        vm.warp(token.START() + 52 * WEEK);
        assertEq(token.mintable(), EMISSION / 2);
        vm.warp(token.START() + 104 * WEEK);
        assertEq(token.mintable(), EMISSION / 4);
        vm.warp(token.START() + 52 * 256 * WEEK);
        assertEq(token.mintable(), 0);
    }

    function test_burns_and_asks_for_an_allowance_to_burn_others() public {
        vm.prank(TREASURY);
        token.burn(5);
        assertEq(token.totalSupply(), SUPPLY - 5);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(this), 0, 1
            )
        );
        token.burnFrom(TREASURY, 1);
    }

    function test_permits() public {
        (address owner, uint256 key) = makeAddrAndKey("owner");
        bytes32 digest = keccak256(
            abi.encodePacked(
                hex"1901",
                token.DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        keccak256(
                            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                        ),
                        owner,
                        address(this),
                        7,
                        0,
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        token.permit(owner, address(this), 7, block.timestamp, v, r, s);
        assertEq(token.allowance(owner, address(this)), 7);
    }

    function test_all_that_could_ever_exist_stays_below_2_to_the_96() public {
        uint256 max = type(uint96).max;
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.SupplyTooLarge.selector, max, max + 1));
        new RewardToken(address(this), address(this), max + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.SupplyTooLarge.selector, 0, 1));
        new RewardToken(address(this), address(this), max, 1);
        uint256 most = max / 104;
        vm.expectRevert(
            abi.encodeWithSelector(IRewardToken.SupplyTooLarge.selector, most, most + 1)
        );
        new RewardToken(address(this), address(this), 0, most + 1);
        // Everything that this one can mint, epoch by epoch, is indeed within the bound.
        RewardToken largest = new RewardToken(address(this), address(this), 0, most);
        uint256 start = largest.START();
        uint256 sum = 0;
        for (uint256 epoch = 0; epoch < 52 * 100; epoch += 52) {
            vm.warp(start + epoch * WEEK);
            sum += 52 * largest.mintable();
        }
        assertLe(sum, max);
    }

    /// forge-config: test.fuzz.runs = 64
    function testFuzz_no_sequence_of_mints_exceeds_the_emission(
        uint256[8] memory amounts,
        uint256[8] memory waits
    ) public {
        uint256 epoch = 0;
        uint256 minted = 0;
        uint256 time = block.timestamp;
        for (uint256 i = 0; i < 8; ++i) {
            time += bound(waits[i], 0, 20 * WEEK);
            vm.warp(time);
            if (token.epoch() != epoch) (epoch, minted) = (token.epoch(), 0);
            uint256 amount = bound(amounts[i], 0, EMISSION);
            vm.prank(address(timelock));
            try token.mint(address(this), amount) {
                minted += amount;
            } catch {
                assertGt(minted + amount, EMISSION >> (epoch / 52));
            }
            assertLe(minted, EMISSION >> (epoch / 52));
        }
    }

    function test_is_an_erc20() public {
        IERC20 plain = token;
        vm.prank(TREASURY);
        plain.transfer(address(this), 3);
        assertEq(plain.balanceOf(address(this)), 3);
    }

    function _mint(uint256 amount) private {
        vm.prank(address(timelock));
        token.mint(address(this), amount);
    }
}
