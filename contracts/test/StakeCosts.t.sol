// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StakeActions} from "./StakeActions.sol";

/// @notice What staking costs in all: the transaction, its calldata and the execution, of code
/// that was compiled without the optimizer.
contract StakeCostTest is StakeActions {
    uint256 private constant MOST = 150_000;

    function test_cost_of_the_first_stake_of_all() public {
        _assertCost(OPERATOR, abi.encodeCall(stakes.stake, (10e18)), 0);
    }

    function test_cost_of_delegating() public {
        _assertCost(ALICE, abi.encodeCall(stakes.delegate, (OPERATOR, 10e18, NO_MATTER_WHAT)), 0);
    }

    function test_cost_of_staking_with_a_permit() public {
        (address staker, uint256 key) = makeAddrAndKey("permitting");
        vm.prank(TREASURY);
        token.transfer(staker, 10e18);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(staker, key, 10e18, block.timestamp);
        bytes memory data =
            abi.encodeCall(stakes.stakeWithPermit, (10e18, block.timestamp, v, r, s));
        // An allowance that is set and used up in one transaction is paid back in part (EIP-3529).
        _assertCost(staker, data, 19_900);
    }

    function _assertCost(address staker, bytes memory data, uint256 refund) private {
        vm.cool(address(stakes));
        vm.cool(address(token));
        vm.prank(staker);
        uint256 used = gasleft();
        (bool ok,) = address(stakes).call(data);
        used -= gasleft();
        assertTrue(ok);
        used += 21_000 + 16 * data.length;
        assertLe(refund, used / 5);
        used -= refund;
        emit log_named_uint("gas", used);
        assertLe(used, MOST);
    }
}
