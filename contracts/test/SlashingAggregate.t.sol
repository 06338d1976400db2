// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {Bn254} from "../src/libraries/Bn254.sol";
import {EvidenceBase} from "./EvidenceBase.sol";

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
        _bringCall(_row(batch, members, deliveries, updates, claimed, 0));
    }

    function _bringAll(IRounds.Batch memory batch) private {
        _bringCall(_all(batch, members, _deliveries(), _updates()));
    }

    function _row(
        IRounds.Batch memory batch,
        IRounds.Member[] memory list,
        IRounds.Delivery[] memory deliveries,
        bytes[] memory updates,
        bytes memory claimed,
        uint256 row
    ) private view returns (bytes memory) {
        return abi.encodeCall(
            slashing.wrongAggregate, (batch, list, deliveries, updates, claimed, row)
        );
    }

    function _all(
        IRounds.Batch memory batch,
        IRounds.Member[] memory list,
        IRounds.Delivery[] memory deliveries,
        bytes[] memory updates
    ) private view returns (bytes memory) {
        return abi.encodeCall(slashing.undisclosedAggregate, (batch, list, deliveries, updates));
    }

    function test_the_sum_by_the_real_prover_is_right() public {
        IRounds.Batch memory batch = _proposeHonestly();
        _refuseCall(
            _row(batch, members, _deliveries(), _updates(), _sum, 0),
            abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 0)
        );
        _refuseCall(
            _all(batch, members, _deliveries(), _updates()),
            abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 1)
        );
        _assertUnharmed();
    }

    function test_slashes_for_another_sum() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = _propose(_deliveries(), keccak256(wrong));
        bytes memory call = _row(batch, members, _deliveries(), _updates(), wrong, 0);
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.WRONG_AGGREGATE());
        _revealAs(challenger, call);
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
        _refuseCall(
            _row(batch, members, _deliveries(), _updates(), _sum, 0),
            abi.encodeWithSelector(ISlashing.WrongRows.selector, 3)
        );
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
        _bringCall(_row(batch, members, deliveries, updates, _sum, 0));
        _assertVoid();
        vm.revertToState(snapshot);
        _bringCall(_all(batch, members, deliveries, updates));
        _assertVoid();
    }

    /// @dev There is no sum of nothing: a coordinator to whom nobody delivered has done no wrong.
    function test_an_empty_round_is_no_evidence() public {
        IRounds.Delivery[] memory none = new IRounds.Delivery[](3);
        IRounds.Batch memory batch = _propose(none, 0, rounds.get(round).parent);
        bytes memory reason = abi.encodeWithSelector(ISlashing.NoSum.selector, round);
        _refuseCall(_all(batch, members, none, new bytes[](0)), reason);
        _refuseCall(_row(batch, members, none, new bytes[](0), "", 0), reason);
        _assertUnharmed();
    }

    function test_without_a_sum_none_is_wrong() public {
        bytes32 parent = rounds.get(round).parent;
        IRounds.Batch memory batch = _propose(_deliveries(), 0, parent);
        bytes memory reason = abi.encodeWithSelector(ISlashing.NoSum.selector, round);
        _refuseCall(_all(batch, members, _deliveries(), _updates()), reason);
        _refuseCall(_row(batch, members, _deliveries(), _updates(), "", 0), reason);
        _assertUnharmed();
    }

    function test_refuses_other_batches_and_lists() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = _propose(_deliveries(), keccak256(wrong));
        IRounds.Batch memory other =
            IRounds.Batch(batch.round, batch.root, keccak256(_sum), batch.model);
        bytes[] memory updates = _updates();
        _refuseCall(
            _row(other, members, _deliveries(), updates, _sum, 0),
            abi.encodeWithSelector(ISlashing.WrongBatch.selector, round)
        );
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongList.selector, round);
        // Other weights.
        IRounds.Member[] memory list = members;
        list[0].weight += 1;
        _refuseCall(_row(batch, list, _deliveries(), updates, wrong, 0), reason);
        // Other deliveries, or fewer.
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[0];
        _refuseCall(_row(batch, members, deliveries, updates, wrong, 0), reason);
        deliveries = new IRounds.Delivery[](2);
        _refuseCall(_row(batch, members, deliveries, updates, wrong, 0), reason);
        list = new IRounds.Member[](0);
        _refuseCall(_all(batch, list, new IRounds.Delivery[](0), updates), reason);
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
        _refuseCall(
            _row(batch, members, _deliveries(), _updates(), wrong, 1),
            abi.encodeWithSelector(ISlashing.NoSuchRow.selector, 1, 1)
        );
    }

    function _refuseRows(
        IRounds.Batch memory batch,
        bytes[] memory updates,
        bytes memory claimed,
        uint256 index
    ) private {
        _refuseCall(
            _row(batch, members, _deliveries(), updates, claimed, 0),
            abi.encodeWithSelector(ISlashing.WrongRows.selector, index)
        );
    }

    /// @dev Rows beyond the end of an update would be whatever comes next in the call.
    function test_refuses_updates_that_are_no_rows() public {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes[] memory updates = _updates();
        updates[1] = hex"00";
        deliveries[1].update = keccak256(updates[1]);
        IRounds.Batch memory batch = _propose(deliveries, keccak256(_sum));
        bytes memory reason = abi.encodeWithSelector(ISlashing.WrongRows.selector, 1);
        _refuseCall(_row(batch, members, deliveries, updates, _sum, 0), reason);
        _refuseCall(_all(batch, members, deliveries, updates), reason);
    }

    function test_refuses_before_and_after_the_window() public {
        bytes memory wrong = _proven(0).rows;
        IRounds.Batch memory batch = IRounds.Batch(round, "root", keccak256(wrong), "model");
        _refuseCall(
            _row(batch, members, _deliveries(), _updates(), wrong, 0),
            abi.encodeWithSelector(ISlashing.WrongBatch.selector, round)
        );
        batch = _propose(_deliveries(), keccak256(wrong));
        vm.warp(rounds.get(round).challengeEnd + 1);
        bytes memory call = _row(batch, members, _deliveries(), _updates(), wrong, 0);
        _refuseCall(call, IRounds.TooLate.selector);
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
        _drawWith(round, "random");
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
            _refuseCall(
                _row(batch, _sum, row),
                abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, row)
            );
        }
        _refuseCall(
            _all(batch), abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, _rows)
        );
    }

    function _row(IRounds.Batch memory batch, bytes memory claimed, uint256 row)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            slashing.wrongAggregate, (batch, members, _delivered, _updates, claimed, row)
        );
    }

    function _all(IRounds.Batch memory batch) private view returns (bytes memory) {
        return abi.encodeCall(slashing.undisclosedAggregate, (batch, members, _delivered, _updates));
    }

    function test_one_wrong_row_is_found() public {
        uint256 last = _rows - 1;
        bytes memory wrong = withWord(_sum, 64 * last + 32, 0);
        IRounds.Batch memory batch = _propose(_delivered, keccak256(wrong));
        _refuseCall(
            _row(batch, wrong, 0), abi.encodeWithSelector(ISlashing.SumIsRight.selector, round, 0)
        );
        _bringCall(_row(batch, wrong, last));
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
    }

    function test_gas_of_one_row_of_fifty_members() public {
        bytes memory wrong = withWord(_sum, 32, 0);
        IRounds.Batch memory batch = _propose(_delivered, keccak256(wrong));
        _measure("one row", _row(batch, wrong, 0));
    }

    function test_gas_of_all_rows_of_fifty_members() public {
        IRounds.Batch memory batch = _propose(_delivered, "nobody knows its rows");
        _measure("all rows", _all(batch));
    }

    function _measure(string memory what, bytes memory call) private {
        _shipAll();
        _commitAs(address(this), call);
        call = abi.encodeCall(slashing.reveal, (SALT, call));
        (bool ok, uint256 total) = _transaction(address(slashing), call);
        assertTrue(ok);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
        emit log_named_uint(what, total);
        assertLt(total, CAP);
    }
}
