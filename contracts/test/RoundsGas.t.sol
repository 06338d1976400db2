// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {console} from "forge-std/console.sol";

import {Rounds} from "../src/Rounds.sol";
import {IDemands} from "../src/interfaces/IDemands.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Headers} from "./Headers.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice What rounds cost, with the bytecode that is shipped: transaction, calldata and execution.
/// What comes before is in `setUp`: storage written in the same transaction would be cheaper.
abstract contract RoundsGasBase is RoundsBase {
    uint256 private constant TRANSACTION = 21_000;

    function setUp() public virtual override {
        super.setUp();
        begin(members());
        bytes memory arguments = abi.encode(token, roundsAt, UNBONDING_DELAY);
        _ship("StakeManager", arguments, address(stakes));
        arguments = abi.encode(token, parameters, router, escrow, roundsAt);
        _ship("DomainRegistry", arguments, address(registry));
        _ship("Escrow", abi.encode(token, registry, roundsAt), address(escrow));
        _ship("Reputation", abi.encode(roundsAt), address(reputation));
        _ship("Demands", abi.encode(roundsAt, registry, router), address(demands));
        Rounds.Contracts memory contracts = Rounds.Contracts({
            stakes: stakes,
            registry: registry,
            escrow: escrow,
            reputation: reputation,
            router: router,
            parameters: parameters,
            rewardToken: address(token),
            demands: demands,
            slashing: slashingAt
        });
        _ship("Rounds", abi.encode(contracts), roundsAt);
    }

    function members() internal pure virtual returns (uint256) {
        return 50;
    }

    /// @dev Replaces what was compiled for tests; storage stays.
    function _ship(string memory name, bytes memory arguments, address place) private {
        deployCodeTo(string.concat("artifacts/", name, ".json"), arguments, place);
    }

    /// @dev What a call to the rounds costs.
    function measure(string memory what, bytes memory data) internal returns (uint256 all) {
        return measureAt(roundsAt, what, data);
    }

    /// @dev What a call costs. Everything is cold, as in a transaction.
    function measureAt(address to, string memory what, bytes memory data)
        internal
        returns (uint256 all)
    {
        address[9] memory touched = [
            roundsAt,
            address(stakes),
            address(registry),
            address(escrow),
            address(reputation),
            address(demands),
            address(router),
            address(parameters),
            address(token)
        ];
        for (uint256 i = 0; i < touched.length; ++i) {
            vm.cool(touched[i]);
        }
        uint256 before = gasleft();
        (bool done,) = to.call(data);
        uint256 execution = before - gasleft();
        assertTrue(done, what);
        uint256 calldata_ = 0;
        for (uint256 i = 0; i < data.length; ++i) {
            calldata_ += data[i] == 0 ? 4 : 16;
        }
        all = TRANSACTION + calldata_ + execution;
        console.log(what);
        console.log("  calldata, execution, all:", calldata_, execution, all);
    }
}

contract RoundsJoinGasTest is RoundsGasBase {
    address private _account = makeAddr("a newcomer");

    function setUp() public override {
        super.setUp();
        endow(_account, STAKE);
        vm.prank(_account);
        stakes.stake(STAKE);
    }

    function test_gas_of_joining() public {
        bytes memory data = abi.encodeCall(IRounds.join, (domain, keccak256("data"), 5));
        vm.prank(_account);
        assertLe(measure("join", data), 190_000);
    }

    function test_gas_of_opening_with_fifty() public {
        bytes memory data = abi.encodeCall(IRounds.open, (domain, DURATION, BUDGET, accounts));
        vm.prank(COORDINATOR);
        assertLe(measure("open", data), 50 * 26_000);
    }
}

contract RoundsProposeGasTest is RoundsGasBase {
    uint64 private _round;

    function setUp() public override {
        super.setUp();
        _round = openAndDraw();
    }

    function test_gas_of_proposing_fifty() public {
        IRounds.Member[] memory members = membersNow();
        IRounds.Delivery[] memory deliveries = allDelivered();
        bytes memory signature = signedBy(COORDINATOR_KEY, batchOf(_round, members, deliveries));
        bytes memory data = abi.encodeCall(
            IRounds.propose, (_round, members, deliveries, AGGREGATE, MODEL, signature)
        );
        // With `settle` 65,000 a member.
        assertLe(measure("propose", data), 50 * 12_000);
    }
}

contract RoundsSettleGasTest is RoundsGasBase {
    uint64 private _round;
    bytes private _data;

    function setUp() public override {
        super.setUp();
        IRounds.Member[] memory members;
        IRounds.Delivery[] memory deliveries;
        (_round, members, deliveries) = proposed();
        passWindow(_round);
        _data = abi.encodeCall(IRounds.settle, (_round, members, deliveries));
    }

    function test_gas_of_settling_fifty() public {
        // Everybody is paid for the first time, which costs most.
        assertLe(measure("settle", _data), 50 * 53_000);
    }
}

/// @notice Two deliveries are drawn, as the client's domains have it: the other part of what settling an
/// optimistic round costs, besides the answers.
contract RoundsAuditGasTest is RoundsGasBase {
    bytes private _data;

    function audits() internal pure override returns (uint16) {
        return 2;
    }

    function setUp() public override {
        super.setUp();
        (uint64 round, IRounds.Member[] memory members, IRounds.Delivery[] memory deliveries) =
            proposed();
        (, uint64 target) = demands.auditOf(round);
        bytes memory header = Headers.install(target, "random");
        _data = abi.encodeCall(IDemands.audit, (round, header, members, deliveries));
    }

    function test_gas_of_drawing_two_of_fifty() public {
        assertLe(measureAt(address(demands), "audit", _data), 50 * 12_000);
    }
}

/// @notice The largest audit there can be: of as many members as a round can have, put off again and again.
contract RoundsLargestAuditGasTest is RoundsGasBase {
    uint64 private _round;
    bytes private _data;

    function members() internal pure override returns (uint256) {
        return 256;
    }

    function audits() internal pure override returns (uint16) {
        return 16;
    }

    function setUp() public override {
        super.setUp();
        IRounds.Member[] memory list;
        IRounds.Delivery[] memory deliveries;
        (_round, list, deliveries) = proposed();
        for (uint256 i = 0; i < 6; ++i) {
            vm.roll(block.number + 9000);
            demands.audit(_round, "", list, deliveries);
        }
        (, uint64 target) = demands.auditOf(_round);
        bytes memory header = Headers.install(target, "random");
        _data = abi.encodeCall(IDemands.audit, (_round, header, list, deliveries));
    }

    function test_gas_of_the_largest_audit() public {
        // A transaction has 2^24.
        assertLe(measureAt(address(demands), "largest audit", _data), 10_000_000);
        assertEq(demands.openOf(_round), 64);
    }
}
