// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {console} from "forge-std/console.sol";

import {Rounds} from "../src/Rounds.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice What rounds cost, with the bytecode that is shipped: transaction, calldata and execution.
contract RoundsGasTest is RoundsBase {
    uint256 private constant TRANSACTION = 21_000;

    function setUp() public override {
        super.setUp();
        begin(50);
        address[3] memory known = [address(parameters), address(escrow), roundsAt];
        bytes memory arguments = abi.encode(token, parameters, roundsAt, UNBONDING_DELAY);
        _ship("StakeManager", arguments, address(stakes));
        arguments = abi.encode(token, known[0], router, known[1], roundsAt);
        _ship("DomainRegistry", arguments, address(registry));
        _ship("Escrow", abi.encode(token, registry, roundsAt), address(escrow));
        _ship("Reputation", abi.encode(roundsAt), address(reputation));
        Rounds.Contracts memory contracts = Rounds.Contracts({
            stakes: stakes,
            registry: registry,
            escrow: escrow,
            reputation: reputation,
            router: router,
            parameters: parameters,
            rewardToken: token,
            slashing: slashingAt
        });
        _ship("Rounds", abi.encode(contracts), roundsAt);
    }

    /// @dev Replaces what was compiled for tests; storage stays.
    function _ship(string memory name, bytes memory arguments, address place) private {
        deployCodeTo(string.concat("artifacts/", name, ".json"), arguments, place);
    }

    function _calldata(bytes memory data) private pure returns (uint256 gas) {
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    /// @dev What a call costs by itself. Whatever it touches is cold, as in a transaction.
    function _measure(string memory what, bytes memory data) private returns (uint256 all) {
        vm.cool(roundsAt);
        vm.cool(address(stakes));
        vm.cool(address(registry));
        vm.cool(address(escrow));
        vm.cool(address(reputation));
        vm.cool(address(router));
        vm.cool(address(parameters));
        vm.cool(address(token));
        uint256 before = gasleft();
        (bool done,) = roundsAt.call(data);
        uint256 execution = before - gasleft();
        assertTrue(done, what);
        uint256 calldata_ = _calldata(data);
        all = TRANSACTION + calldata_ + execution;
        console.log(what);
        console.log("  calldata, execution, all:", calldata_, execution, all);
    }

    function test_joining_costs_at_most_150_000() public {
        address account = makeAddr("a newcomer");
        endow(account, STAKE);
        vm.startPrank(account);
        stakes.stake(STAKE);
        uint256 gas = _measure("join", abi.encodeCall(IRounds.join, (domain, keccak256("data"), 5)));
        assertLe(gas, 150_000);
    }

    function test_settling_fifty_members_costs_at_most_60_000_each() public {
        bytes memory data = abi.encodeCall(IRounds.open, (domain, DURATION, BUDGET, accounts));
        vm.prank(COORDINATOR);
        uint256 open = _measure("open", data);
        uint64 round = rounds.current(domain);
        vm.roll(block.number + 3);
        _measure("draw", abi.encodeCall(IRounds.draw, (round)));
        IRounds.Member[] memory members = membersNow();
        IRounds.Delivery[] memory deliveries = allDelivered();
        bytes memory signature = signedBy(COORDINATOR_KEY, batchOf(round, members, deliveries));
        data = abi.encodeCall(
            IRounds.propose, (round, members, deliveries, AGGREGATE, MODEL, signature)
        );
        uint256 propose = _measure("propose", data);
        passWindow(round);
        data = abi.encodeCall(IRounds.settle, (round, members, deliveries));
        uint256 settle = _measure("settle", data);
        console.log("propose and settle, a member", (propose + settle) / 50);
        console.log("open, a member", open / 50);
        assertLe(propose + settle, 50 * 60_000);
    }
}
