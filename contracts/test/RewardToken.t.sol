// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";

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

/// @notice Votes, counted by time.
contract RewardTokenVotesTest is Deployment {
    function test_votes_are_those_of_whom_they_were_delegated_to() public {
        vm.prank(TREASURY);
        token.delegate(GOVERNOR);
        assertEq(token.CLOCK_MODE(), "mode=timestamp");
        assertEq(token.clock(), block.timestamp);
        assertEq(token.getVotes(GOVERNOR), SUPPLY);
        uint256 then = block.timestamp;
        vm.warp(then + 10);
        vm.prank(TREASURY);
        token.burn(5);
        vm.warp(then + 20);
        assertEq(token.getVotes(GOVERNOR), SUPPLY - 5);
        assertEq(token.getPastVotes(GOVERNOR, then), SUPPLY);
        assertEq(token.getPastVotes(GOVERNOR, then + 10), SUPPLY - 5);
        assertEq(token.getPastTotalSupply(then), SUPPLY);
    }

    function test_staked_tokens_have_no_votes() public {
        address staker = makeAddr("staker");
        endow(staker, 10e18);
        vm.startPrank(staker);
        token.delegate(staker);
        assertEq(token.getVotes(staker), 10e18);
        stakes.stake(10e18);
        vm.stopPrank();
        assertEq(token.getVotes(staker), 0);
    }
}

/// @notice Bridges: who is one, and how much may come through it.
contract RewardTokenBridgeTest is Deployment {
    address private immutable BRIDGE = makeAddr("bridge");
    address private immutable OTHER = makeAddr("other bridge");
    address private immutable ALICE = makeAddr("alice");

    function setUp() public override {
        super.setUp();
        endow(ALICE, 1000e18);
        vm.startPrank(ALICE);
        token.approve(BRIDGE, type(uint256).max);
        token.approve(OTHER, type(uint256).max);
        vm.stopPrank();
    }

    function test_only_the_minter_names_bridges() public {
        bytes memory refused = abi.encodeWithSelector(IRewardToken.Unauthorized.selector, GOVERNOR);
        vm.startPrank(GOVERNOR);
        vm.expectRevert(refused);
        token.setBridge(GOVERNOR, 1);
        vm.expectRevert(refused);
        token.removeBridge(BRIDGE);
        vm.stopPrank();
        _name(token, BRIDGE, 7);
        (bool named, uint256 limit, int256 net) = token.bridgeOf(BRIDGE);
        assertTrue(named);
        assertEq(limit, 7);
        assertEq(net, 0);
    }

    function test_only_bridges_move_tokens_across() public {
        bytes memory refused = abi.encodeWithSelector(IRewardToken.NotABridge.selector, BRIDGE);
        vm.startPrank(BRIDGE);
        vm.expectRevert(refused);
        token.crosschainMint(BRIDGE, 1);
        vm.expectRevert(refused);
        token.crosschainBurn(ALICE, 1);
        vm.stopPrank();
        _name(token, BRIDGE, 0);
        _leave(token, BRIDGE, 10e18);
        vm.expectEmit(address(token));
        emit IRewardToken.BridgeRemoved(BRIDGE);
        vm.startPrank(address(timelock));
        token.removeBridge(BRIDGE);
        vm.expectRevert(refused);
        token.removeBridge(BRIDGE);
        vm.stopPrank();
        vm.expectRevert(refused);
        vm.prank(BRIDGE);
        token.crosschainMint(ALICE, 1);
        // What it has moved stays counted, also for when it is named again.
        (,, int256 net) = token.bridgeOf(BRIDGE);
        assertEq(net, -10e18);
    }

    function test_what_has_left_comes_back() public {
        _name(token, BRIDGE, 0);
        _leave(token, BRIDGE, 10e18);
        assertEq(token.totalSupply(), SUPPLY - 10e18);
        vm.expectEmit(address(token));
        emit IERC7802.CrosschainMint(ALICE, 10e18, BRIDGE);
        _come(token, BRIDGE, 10e18);
        assertEq(token.totalSupply(), SUPPLY);
        vm.expectRevert(
            abi.encodeWithSelector(IRewardToken.BridgeLimitExceeded.selector, BRIDGE, 0, 1)
        );
        _come(token, BRIDGE, 1);
    }

    function test_at_home_no_limit_creates_tokens() public {
        assertTrue(token.IS_HOME());
        _name(token, BRIDGE, type(uint96).max);
        _name(token, OTHER, type(uint96).max);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.MoreThanLeft.selector, 1));
        _come(token, BRIDGE, 1);
        // What left by one may come back by another, up to that one's limit.
        _leave(token, BRIDGE, 10e18);
        _come(token, OTHER, 10e18);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.MoreThanLeft.selector, 1));
        _come(token, OTHER, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.MoreThanLeft.selector, 1));
        _come(token, BRIDGE, 1);
        // Fewer bridges make no more room.
        vm.prank(address(timelock));
        token.removeBridge(OTHER);
        vm.expectRevert(abi.encodeWithSelector(IRewardToken.MoreThanLeft.selector, 1));
        _come(token, BRIDGE, 1);
    }

    function test_away_from_home_tokens_come_up_to_the_limit() public {
        RewardToken away = new RewardToken(address(timelock), ALICE, 0, 0);
        assertFalse(away.IS_HOME());
        _name(away, BRIDGE, 100);
        _come(away, BRIDGE, 100);
        vm.expectRevert(
            abi.encodeWithSelector(IRewardToken.BridgeLimitExceeded.selector, BRIDGE, 100, 101)
        );
        _come(away, BRIDGE, 1);
        vm.prank(ALICE);
        away.approve(BRIDGE, 40);
        _leave(away, BRIDGE, 40);
        _come(away, BRIDGE, 40);
        // Whatever the limits, less than 2^96 exist.
        _name(away, OTHER, type(uint96).max);
        vm.expectRevert(
            abi.encodeWithSelector(
                ERC20Votes.ERC20ExceededSafeSupply.selector,
                uint256(type(uint96).max) + 1,
                type(uint96).max
            )
        );
        _come(away, OTHER, type(uint96).max - 99);
        _come(away, OTHER, type(uint96).max - 100);
        assertEq(away.totalSupply(), type(uint96).max);
    }

    function test_a_bridge_burns_no_more_than_it_was_allowed() public {
        _name(token, BRIDGE, 0);
        vm.prank(ALICE);
        stakes.stake(10e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, BRIDGE, 0, 10e18
            )
        );
        vm.prank(BRIDGE);
        token.crosschainBurn(address(stakes), 10e18);
        // Its own it may burn, as a gateway does with what it was sent.
        vm.prank(ALICE);
        token.transfer(BRIDGE, 5);
        vm.prank(BRIDGE);
        token.crosschainBurn(BRIDGE, 5);
    }

    function test_says_that_it_can_be_bridged() public view {
        assertTrue(token.supportsInterface(type(IERC7802).interfaceId));
    }

    /// forge-config: test.fuzz.runs = 64
    function testFuzz_at_home_bridges_never_raise_the_supply(uint256 seed) public {
        for (uint256 i = 0; i < 30; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address bridge = seed % 2 == 0 ? BRIDGE : OTHER;
            uint256 amount = (seed >> 16) % 300e18;
            if (seed % 5 == 0) _name(token, bridge, (seed >> 128) % 500e18);
            (bool ok,) = address(this)
                .call(abi.encodeCall(seed % 3 == 0 ? this.arrive : this.depart, (bridge, amount)));
            ok;
            assertLe(token.totalSupply(), SUPPLY);
            (, uint256 limit, int256 net) = token.bridgeOf(bridge);
            if (ok && seed % 3 == 0) assertLe(net, int256(limit));
        }
    }

    function arrive(address bridge, uint256 amount) external {
        _come(token, bridge, amount);
    }

    function depart(address bridge, uint256 amount) external {
        _leave(token, bridge, amount);
    }

    function _name(RewardToken named, address bridge, uint256 limit) private {
        vm.expectEmit(address(named));
        emit IRewardToken.BridgeSet(bridge, limit);
        vm.prank(address(timelock));
        named.setBridge(bridge, limit);
    }

    function _come(RewardToken moved, address bridge, uint256 amount) private {
        vm.prank(bridge);
        moved.crosschainMint(ALICE, amount);
    }

    function _leave(RewardToken moved, address bridge, uint256 amount) private {
        vm.prank(bridge);
        moved.crosschainBurn(ALICE, amount);
    }
}
