// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {EvidenceBase} from "../EvidenceBase.sol";
import {Paths} from "../Paths.sol";

/// @notice H1, receipts: a coordinator that counts a submission and proposes another, or none.
contract OmittedTest is EvidenceBase {
    function _receipt(uint256 index) private view returns (IRounds.Receipt memory) {
        return IRounds.Receipt({
            round: round,
            member: members[index].account,
            plan: "plan",
            masked: "masked",
            submission: _delivery(_submission(index, _proven(index))).submission,
            time: uint64(block.timestamp)
        });
    }

    function _evidenceOf(
        IRounds.Batch memory batch,
        IRounds.Delivery[] memory deliveries,
        uint256 index,
        IRounds.Receipt memory receipt,
        uint256 key
    ) private view returns (bytes memory) {
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), index);
        bytes memory signature = _sign(key, rounds.receiptDigest(receipt));
        return abi.encodeCall(
            slashing.omitted, (batch, members[index], deliveries[index], path, receipt, signature)
        );
    }

    function test_slashes_for_leaving_out_what_a_receipt_is_for() public {
        IRounds.Receipt memory receipt = _receipt(1);
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[1];
        IRounds.Batch memory batch = _propose(deliveries, "sum");
        bytes memory call = _evidenceOf(batch, deliveries, 1, receipt, COORDINATOR_KEY);
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.OMITTED());
        _revealAs(challenger, call);
        _assertVoid();
        _assertBounty(1);
    }

    function test_slashes_for_proposing_another_submission() public {
        IRounds.Receipt memory receipt = _receipt(1);
        IRounds.Delivery[] memory deliveries = _deliveries();
        deliveries[1] = _delivery(_submission(1, _again(1)));
        IRounds.Batch memory batch = _propose(deliveries, "sum");
        _bringCall(_evidenceOf(batch, deliveries, 1, receipt, COORDINATOR_KEY));
        _assertVoid();
    }

    function test_a_receipt_for_what_was_proposed_is_no_evidence() public {
        IRounds.Batch memory batch = _proposeHonestly();
        _refuseCall(
            _evidenceOf(batch, _deliveries(), 1, _receipt(1), COORDINATOR_KEY),
            abi.encodeWithSelector(ISlashing.NotOmitted.selector, round, members[1].account)
        );
        _assertUnharmed();
    }

    function test_a_receipt_is_the_coordinators_for_this_round_and_member() public {
        IRounds.Receipt memory receipt = _receipt(1);
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[1];
        IRounds.Batch memory batch = _propose(deliveries, "sum");
        _refuseCall(
            _evidenceOf(batch, deliveries, 1, receipt, 2), ISlashing.WrongSignature.selector
        );
        bytes memory other = abi.encodeWithSelector(ISlashing.NotTheSame.selector);
        _refuseCall(_evidenceOf(batch, deliveries, 0, receipt, COORDINATOR_KEY), other);
        batch.root = "another batch";
        _refuseCall(
            _evidenceOf(batch, deliveries, 1, receipt, COORDINATOR_KEY),
            abi.encodeWithSelector(ISlashing.WrongBatch.selector, round)
        );
        _assertUnharmed();
    }

    /// @dev Else what was counted in one round would be missing in all others of the coordinator's.
    function test_a_receipt_for_another_round_accuses_nobody() public {
        IRounds.Receipt memory receipt = _receipt(1);
        uint64 other = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        _joinAll(other);
        round = _openRound(other);
        _drawWith(round, "randomness");
        IRounds.Delivery[] memory nothing = new IRounds.Delivery[](members.length);
        IRounds.Batch memory batch = _propose(nothing, 0, rounds.get(round).parent);
        _refuseCall(
            _evidenceOf(batch, nothing, 1, receipt, COORDINATOR_KEY),
            abi.encodeWithSelector(ISlashing.NotTheSame.selector)
        );
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Proposed));
    }

    /// @dev Else the holder of a receipt could say that the batch has nothing of it.
    function test_what_is_left_out_is_what_the_batch_has() public {
        IRounds.Receipt memory receipt = _receipt(1);
        IRounds.Batch memory batch = _proposeHonestly();
        IRounds.Delivery[] memory claimed = _deliveries();
        delete claimed[1];
        _refuseCall(
            _evidenceOf(batch, claimed, 1, receipt, COORDINATOR_KEY),
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[1].account)
        );
        _assertUnharmed();
    }

    /// @notice There a batch names no submission: each receipt would differ from it.
    function test_a_receipt_accuses_nobody_where_contracts_check_every_proof() public {
        uint64 eager = _openDomain(false, vm.parseJsonBytes32(file, ".keyHash"));
        _joinAll(eager);
        round = _openRound(eager);
        _drawWith(round, "randomness");
        IRounds.Receipt memory receipt = _receipt(1);
        IRounds.Delivery[] memory nothing = new IRounds.Delivery[](members.length);
        vm.warp(rounds.get(round).deadline + 1);
        bytes32 parent = rounds.get(round).parent;
        vm.prank(coordinator);
        rounds.propose(round, members, nothing, 0, parent, "");
        uint256 staked = stakes.pool(coordinator).own;
        _refuseCall(
            _evidenceOf(rounds.batchOf(round), nothing, 1, receipt, COORDINATOR_KEY),
            abi.encodeWithSelector(IRounds.WrongMode.selector, eager)
        );
        assertEq(stakes.pool(coordinator).own, staked);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Proposed));
    }
}
