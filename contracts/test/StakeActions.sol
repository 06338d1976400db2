// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Actions of stakers and of rounds, for tests.
abstract contract StakeActions is Deployment {
    bytes32 internal constant REASON = keccak256("reason");
    uint16 internal constant BURN_SHARE = 5000;
    uint256 internal constant NO_MATTER_WHAT = type(uint256).max;
    address internal immutable CHALLENGER = makeAddr("challenger");
    address internal immutable OPERATOR = makeAddr("operator");
    address internal immutable ALICE = makeAddr("alice");
    address internal immutable BOB = makeAddr("bob");

    function setUp() public virtual override {
        super.setUp();
        endow(OPERATOR, 1000e18);
        endow(ALICE, 1000e18);
        endow(BOB, 1000e18);
    }

    function stake(address operator, uint256 amount) internal {
        vm.prank(operator);
        stakes.stake(amount);
    }

    function delegate(address staker, uint256 amount) internal {
        vm.prank(staker);
        stakes.delegate(OPERATOR, amount, NO_MATTER_WHAT);
    }

    /// @notice Raises the operator's limit, and waits until it is in force.
    function raise(uint128 limit) internal {
        vm.prank(OPERATOR);
        stakes.setLimit(limit);
        wait();
        vm.warp(block.timestamp + stakes.NOTICE());
    }

    function unbond(address staker, uint256 shares) internal returns (uint256) {
        vm.prank(staker);
        return stakes.unbond(OPERATOR, shares);
    }

    function withdraw(address staker, uint256 ticket) internal returns (uint256) {
        vm.prank(staker);
        return stakes.withdraw(ticket);
    }

    function obligate(uint256 amount) internal {
        vm.prank(roundsAt);
        stakes.obligate(OPERATOR, amount);
    }

    /// @notice Slashes for a round that was opened just now.
    function slash(uint256 amount) internal returns (uint256) {
        return slash(amount, uint64(block.timestamp));
    }

    function slash(uint256 amount, uint64 since) internal returns (uint256) {
        vm.prank(roundsAt);
        return stakes.slash(OPERATOR, amount, CHALLENGER, REASON, BURN_SHARE, since);
    }

    function pool() internal view returns (IStakeManager.Pool memory) {
        return stakes.pool(OPERATOR);
    }

    /// @notice What began to unbond today.
    function bucket() internal view returns (IStakeManager.Bucket memory) {
        return stakes.bucket(OPERATOR, block.timestamp / 1 days);
    }

    function signPermit(address owner, uint256 key, uint256 amount, uint256 deadline)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 kind = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        );
        bytes32 message = keccak256(abi.encode(kind, owner, address(stakes), amount, 0, deadline));
        return
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), message)));
    }

    function wait() internal {
        vm.warp(block.timestamp + UNBONDING_DELAY);
    }
}
