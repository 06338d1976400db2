// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {Bn254} from "../src/libraries/Bn254.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {EvidenceBase} from "./SlashingBase.sol";

/// @notice Sums of the three members' proven updates.
contract WrongAggregateTest is EvidenceBase {
    bytes private _sum;

    function setUp() public override {
        super.setUp();
        _sum = aggregate;
    }

    function _updates() private view returns (bytes[] memory updates) {
        updates = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            updates[i] = _proven(i).rows;
        }
    }

    function _bring(IRounds.Batch memory batch, bytes memory claimed) private {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes[] memory updates = _updates();
        vm.prank(challenger);
        slashing.wrongAggregate(batch, members, deliveries, updates, claimed, 0);
    }

    function _bringAll(IRounds.Batch memory batch) private {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes[] memory updates = _updates();
        vm.prank(challenger);
        slashing.undisclosedAggregate(batch, members, deliveries, updates);
    }

    function test_the_sum_by_the_real_prover_is_right() public {
        IRounds.Batch memory batch = _proposeHonestly();
        vm.expectRevert(abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 0));
        _bring(batch, _sum);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 1));
        _bringAll(batch);
        _assertUnharmed();
    }

    function test_slashes_for_another_sum() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = _propose(_deliveries(), keccak256(wrong));
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.WRONG_AGGREGATE());
        _bring(batch, wrong);
        _assertVoid();
        _assertBounty(1);
        for (uint256 i = 0; i < 3; ++i) {
            _assertUnharmed(members[i].account);
        }
    }

    function test_slashes_for_what_is_no_point() public {
        bytes memory wrong = flipped(_sum, 63, 1);
        _bring(_propose(_deliveries(), keccak256(wrong)), wrong);
        _assertVoid();
    }

    function test_slashes_for_the_negative() public {
        bytes32 y = bytes32(Bn254.negate(uint256(wordAt(_sum, 32))));
        bytes memory wrong = withWord(_sum, 32, y);
        _bring(_propose(_deliveries(), keccak256(wrong)), wrong);
        _assertVoid();
    }

    function test_slashes_for_another_length() public {
        bytes memory wrong = bytes.concat(_sum, _sum);
        _bring(_propose(_deliveries(), keccak256(wrong)), wrong);
        _assertVoid();
    }

    function test_slashes_for_no_rows_at_all() public {
        _bring(_propose(_deliveries(), keccak256("")), "");
        _assertVoid();
    }

    function test_slashes_for_a_sum_that_is_kept_to_oneself() public {
        IRounds.Batch memory batch = _propose(_deliveries(), "nobody knows its rows");
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongRows.selector, 3));
        _bring(batch, _sum);
        _bringAll(batch);
        _assertVoid();
        _assertBounty(1);
    }

    function test_whoever_delivers_nothing_adds_nothing() public {
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[1];
        bytes[] memory updates = new bytes[](2);
        (updates[0], updates[1]) = (_proven(0).rows, _proven(2).rows);
        IRounds.Batch memory batch = _propose(deliveries, keccak256(_sum));
        uint256 snapshot = vm.snapshotState();
        slashing.wrongAggregate(batch, members, deliveries, updates, _sum, 0);
        _assertVoid();
        vm.revertToState(snapshot);
        slashing.undisclosedAggregate(batch, members, deliveries, updates);
        _assertVoid();
    }

    /// @dev There is no sum of nothing: a coordinator to whom nobody delivered has done no wrong.
    function test_an_empty_round_is_no_evidence() public {
        IRounds.Delivery[] memory none = new IRounds.Delivery[](3);
        IRounds.Batch memory batch = _propose(none, 0, rounds.get(round).parent);
        bytes memory reason = abi.encodeWithSelector(IRounds.NothingDelivered.selector, round);
        vm.expectRevert(reason);
        slashing.undisclosedAggregate(batch, members, none, new bytes[](0));
        vm.expectRevert(reason);
        slashing.wrongAggregate(batch, members, none, new bytes[](0), "", 0);
        _assertUnharmed();
    }

    function test_refuses_other_batches_and_lists() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = _propose(_deliveries(), keccak256(wrong));
        IRounds.Batch memory other =
            IRounds.Batch(batch.round, batch.root, keccak256(_sum), batch.model);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongBatch.selector, round));
        _bring(other, _sum);
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongList.selector, round);
        bytes[] memory updates = _updates();
        // Other weights.
        IRounds.Member[] memory list = members;
        list[0].weight += 1;
        vm.expectRevert(reason);
        slashing.wrongAggregate(batch, list, _deliveries(), updates, wrong, 0);
        // Other deliveries, or fewer.
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[0];
        vm.expectRevert(reason);
        slashing.wrongAggregate(batch, members, deliveries, updates, wrong, 0);
        deliveries = new IRounds.Delivery[](2);
        vm.expectRevert(reason);
        slashing.wrongAggregate(batch, members, deliveries, updates, wrong, 0);
        vm.expectRevert(reason);
        slashing.undisclosedAggregate(
            batch, new IRounds.Member[](0), new IRounds.Delivery[](0), updates
        );
    }

    function test_refuses_other_rows() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = _propose(_deliveries(), keccak256(wrong));
        bytes[] memory updates = _updates();
        updates[1] = updates[0];
        _refuseRows(batch, updates, wrong, 1);
        updates = _updates();
        updates[2] = bytes.concat(updates[2], updates[2]);
        _refuseRows(batch, updates, wrong, 2);
        updates = new bytes[](2);
        (updates[0], updates[1]) = (_proven(0).rows, _proven(1).rows);
        _refuseRows(batch, updates, wrong, 2);
        updates = new bytes[](4);
        (updates[0], updates[1]) = (_proven(0).rows, _proven(1).rows);
        updates[2] = _proven(2).rows;
        _refuseRows(batch, updates, wrong, 3);
        // What is not the aggregate, and what is not a row of it.
        _refuseRows(batch, _updates(), _sum, 3);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NoSuchRow.selector, 1, 1));
        slashing.wrongAggregate(batch, members, _deliveries(), _updates(), wrong, 1);
    }

    function _refuseRows(
        IRounds.Batch memory batch,
        bytes[] memory updates,
        bytes memory claimed,
        uint256 index
    ) private {
        IRounds.Delivery[] memory deliveries = _deliveries();
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongRows.selector, index));
        slashing.wrongAggregate(batch, members, deliveries, updates, claimed, 0);
    }

    /// @dev Rows beyond the end of an update would be whatever comes next in the call.
    function test_refuses_updates_that_are_no_rows() public {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes[] memory updates = _updates();
        updates[1] = hex"00";
        deliveries[1].update = keccak256(updates[1]);
        IRounds.Batch memory batch = _propose(deliveries, keccak256(_sum));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongRows.selector, 1));
        slashing.wrongAggregate(batch, members, deliveries, updates, _sum, 0);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongRows.selector, 1));
        slashing.undisclosedAggregate(batch, members, deliveries, updates);
    }

    function test_refuses_before_and_after_the_window() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = IRounds.Batch(round, "root", keccak256(wrong), "model");
        vm.expectRevert(abi.encodeWithSelector(ISlashing.WrongBatch.selector, round));
        _bring(batch, wrong);
        batch = _propose(_deliveries(), keccak256(wrong));
        vm.warp(rounds.get(round).challengeEnd + 1);
        vm.expectPartialRevert(IRounds.TooLate.selector);
        _bring(batch, wrong);
    }
}

/// @notice Fifty members of a domain with as many rows as a model of 100,000 parameters has. The
/// mode is optimistic and nobody demands a proof: any points will do for updates.
contract ManyMembersTest is EvidenceBase {
    uint256 private constant COUNT = 50;
    /// @dev What a transaction can use (EIP-7825).
    uint256 private constant CAP = 1 << 24;

    bytes[] private _updates;
    IRounds.Delivery[] private _delivered;
    bytes private _sum;
    uint256 private _rows;
    bytes32 private _key;

    function setUp() public override {
        super.setUp();
        _key = load("mnist_halo2").keyHash;
        domain = _openDomain(true, _key);
        _rows = registry.get(domain).rows;
        _enlist();
        round = _openRound(domain);
        vm.roll(block.number + 3);
        rounds.draw(round);
        _deliver();
    }

    /// @dev Fifty accounts in ascending order, and their weights.
    function _enlist() private {
        delete members;
        for (uint256 i = 0; i < COUNT; ++i) {
            members.push(
                IRounds.Member({
                    account: address(uint160((i + 1) << 96)),
                    dataset: keccak256(abi.encode(i)),
                    windows: 5,
                    weight: i < 36 ? 1311 : 1310
                })
            );
        }
        _joinAll(domain);
    }

    /// @dev Multiples of the generator; row `r` of member `i` is `(1 + 100 r + i) [1]`.
    function _deliver() private {
        uint256[] memory sums = new uint256[](_rows);
        for (uint256 i = 0; i < COUNT; ++i) {
            // Some deliver nothing.
            if (i % 10 == 9) {
                _delivered.push();
                continue;
            }
            bytes memory rows;
            for (uint256 r = 0; r < _rows; ++r) {
                rows = bytes.concat(rows, _multiple(1 + 100 * r + i));
                sums[r] += members[i].weight * (1 + 100 * r + i);
            }
            _updates.push(rows);
            _delivered.push(IRounds.Delivery({update: keccak256(rows), submission: "signed"}));
        }
        for (uint256 r = 0; r < _rows; ++r) {
            _sum = bytes.concat(_sum, _multiple(sums[r]));
        }
    }

    function _multiple(uint256 scalar) private view returns (bytes memory) {
        uint256[5] memory sum;
        Bn254.addGenerator(sum, scalar);
        return abi.encode(sum[0], sum[1]);
    }

    function test_the_right_sum_is_no_evidence_in_any_row() public {
        IRounds.Batch memory batch = _propose(_delivered, keccak256(_sum));
        for (uint256 row = 0; row < _rows; row += 5) {
            vm.expectRevert(abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, row));
            slashing.wrongAggregate(batch, members, _delivered, _updates, _sum, row);
        }
        vm.expectRevert(abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, _rows));
        slashing.undisclosedAggregate(batch, members, _delivered, _updates);
    }

    function test_one_wrong_row_is_found() public {
        uint256 last = _rows - 1;
        bytes memory wrong = withWord(_sum, 64 * last + 32, 0);
        IRounds.Batch memory batch = _propose(_delivered, keccak256(wrong));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 0));
        slashing.wrongAggregate(batch, members, _delivered, _updates, wrong, 0);
        slashing.wrongAggregate(batch, members, _delivered, _updates, wrong, last);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
    }

    function test_gas_of_one_row_of_fifty_members() public {
        bytes memory wrong = withWord(_sum, 32, 0);
        IRounds.Batch memory batch = _propose(_delivered, keccak256(wrong));
        bytes memory call = abi.encodeCall(
            slashing.wrongAggregate, (batch, members, _delivered, _updates, wrong, 0)
        );
        _measure("one row", call);
    }

    function test_gas_of_all_rows_of_fifty_members() public {
        IRounds.Batch memory batch = _propose(_delivered, "nobody knows its rows");
        bytes memory call =
            abi.encodeCall(slashing.undisclosedAggregate, (batch, members, _delivered, _updates));
        _measure("all rows", call);
    }

    function _measure(string memory what, bytes memory call) private {
        (bool ok, uint256 total) = _transaction(address(slashing), call);
        assertTrue(ok);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
        emit log_named_uint(what, total);
        assertLt(total, CAP);
    }
}
