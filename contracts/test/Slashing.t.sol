// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../src/interfaces/IDemands.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {EvidenceBase} from "./EvidenceBase.sol";
import {Paths} from "./Paths.sol";
import {Proven} from "./SlashingBase.sol";

/// @notice A submission whose proof does not hold, or is about something else.
contract InvalidProofTest is EvidenceBase {
    function test_slashes_a_member_whose_proof_does_not_hold() public {
        ISlashing.Evidence memory e = _evidence(1, _tampered(1));
        address account = members[1].account;
        uint256 supply = token.totalSupply();
        bytes memory call = abi.encodeCall(slashing.invalidProof, (e));
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, account, challenger, slashing.INVALID_PROOF());
        _revealAs(challenger, call);
        _assertSlashed(account);
        _assertBounty(1);
        assertEq(supply - token.totalSupply(), BOND * 6000 / 10_000);
        _assertUnharmed(members[0].account);
        _assertUnharmed(members[2].account);
        assertEq(_stakeOf(coordinator), 10 * BOND);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Open));
    }

    function test_every_part_of_a_proof_matters() public {
        Proven memory proven = _proven(0);
        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i < proven.proof.length; i += 173) {
            proven.proof = flipped(_proven(0).proof, i, 1);
            _bring(_evidence(0, proven));
            _assertSlashed(members[0].account);
            vm.revertToState(snapshot);
        }
    }

    function test_slashes_for_lengths() public {
        uint256 snapshot = vm.snapshotState();
        Proven memory proven = _proven(0);
        proven.statement = "";
        _bring(_evidence(0, proven));
        vm.revertToState(snapshot);
        proven = _proven(0);
        proven.proof = "";
        _bring(_evidence(0, proven));
        vm.revertToState(snapshot);
        proven.proof = truncated(_proven(0).proof, _proven(0).proof.length - 1);
        _bring(_evidence(0, proven));
        vm.revertToState(snapshot);
        // As long as can be: more costs the challenger that brings it more, but protects nobody.
        uint256 rest = slashing.MAX_BYTES() - proven.statement.length - proven.proof.length;
        proven.statement = bytes.concat(proven.statement, new bytes(rest));
        _bring(_evidence(0, proven));
        _assertSlashed(members[0].account);
    }

    function test_slashes_for_points_that_cost_the_verifier_most() public {
        Proven memory proven = _proven(0);
        for (uint256 i = 0; i < 24; ++i) {
            proven.proof = withWord(proven.proof, 64 * i, bytes32(uint256(1)));
        }
        _bring(_evidence(0, proven));
        _assertSlashed(members[0].account);
    }

    function test_slashes_for_a_valid_proof_of_another_window() public {
        _bring(_evidence(0, _provenAt(".otherWindow")));
        _assertSlashed(members[0].account);
    }

    function test_slashes_for_a_valid_proof_for_another_round() public {
        _bring(_evidence(0, _provenAt(".otherRound")));
        _assertSlashed(members[0].account);
    }

    function test_slashes_for_a_valid_proof_of_somebody_else() public {
        _bring(_evidence(0, _proven(1)));
        _assertSlashed(members[0].account);
        _assertUnharmed(members[1].account);
    }

    function test_slashes_for_an_update_that_was_not_proven() public {
        Proven memory proven = _proven(0);
        proven.update = _again(0).update;
        _bring(_evidence(0, proven));
        _assertSlashed(members[0].account);
    }

    function test_a_valid_proof_is_no_evidence() public {
        for (uint256 i = 0; i < members.length; ++i) {
            bytes memory valid =
                abi.encodeWithSelector(ISlashing.ProofIsValid.selector, round, members[i].account);
            _refuse(_evidence(i, _proven(i)), valid);
            _refuse(_evidence(i, _again(i)), valid);
        }
        _assertUnharmed();
    }

    function test_statement_and_proof_must_be_those_that_were_signed() public {
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        bytes memory reason = abi.encodeWithSelector(ISlashing.NotWhatWasSigned.selector);
        e.proof = flipped(e.proof, 0, 1);
        _refuse(e, reason);
        e = _evidence(0, _proven(0));
        e.statement = bytes.concat(e.statement, hex"00");
        _refuse(e, reason);
        // Signed with another length.
        Proven memory proven = _tampered(0);
        e = _evidence(0, proven);
        e.submission.length += 1;
        e.signature = _signed(0, e.submission);
        _refuse(e, reason);
        _assertUnharmed();
    }

    function test_the_submission_must_be_the_members() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        e.submission.member = members[1].account;
        _refuse(e, abi.encodeWithSelector(ISlashing.NotTheSame.selector));
        e = _evidence(0, _tampered(0));
        e.member = members[1];
        e.memberPath = _memberPath(1);
        _refuse(e, abi.encodeWithSelector(ISlashing.NotTheSame.selector));
    }

    function test_the_member_must_be_in_the_round() public {
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        address account = e.member.account;
        bytes memory reason = abi.encodeWithSelector(IRounds.NotInRound.selector, round, account);
        // With other windows an honest proof would be about the wrong one.
        e.member.windows += 1;
        _refuse(e, reason);
        e.member = members[0];
        e.member.dataset = "another";
        _refuse(e, reason);
        e.member = members[0];
        e.memberPath = _memberPath(1);
        _refuse(e, reason);
        e.memberPath = new bytes32[](0);
        _refuse(e, reason);
    }

    function test_a_round_that_is_not_drawn_asks_for_nothing() public {
        uint64 other = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        for (uint256 i = 0; i < members.length; ++i) {
            vm.prank(members[i].account);
            rounds.join(other, members[i].dataset, members[i].windows);
        }
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        e.submission.round = _openRound(other);
        _refuse(e, abi.encodeWithSelector(IRounds.NotDrawn.selector, e.submission.round));
    }

    function test_a_stopped_verifier_is_no_judge() public {
        vm.prank(guardian);
        router.stop(verifierId);
        bytes memory reason =
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId);
        _refuse(_evidence(0, _proven(0)), reason);
        _refuse(_evidence(0, _tampered(0)), reason);
    }

    function test_the_round_must_be_known() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        e.submission.round += 1;
        _refuse(e, abi.encodeWithSelector(IRounds.UnknownRound.selector, round + 1));
    }
}

/// @notice As above, in a batch that the coordinator has proposed.
contract InvalidDeliveryTest is EvidenceBase {
    IRounds.Delivery[] private _bad;
    IRounds.Batch private _batch;

    function setUp() public override {
        super.setUp();
        IRounds.Delivery[] memory deliveries = _deliveries();
        deliveries[1] = _delivery(_submission(1, _tampered(1)));
        for (uint256 i = 0; i < deliveries.length; ++i) {
            _bad.push(deliveries[i]);
        }
        _batch = _propose(deliveries, "aggregate");
    }

    function _path(uint256 index) private view returns (bytes32[] memory) {
        return Paths.path(_deliveryLeaves(_bad), index);
    }

    function test_slashes_member_and_coordinator() public {
        ISlashing.Evidence memory e = _evidence(1, _tampered(1));
        bytes memory call = abi.encodeCall(slashing.invalidDelivery, (e, _batch, _path(1)));
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.INVALID_DELIVERY());
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, e.member.account, challenger, slashing.INVALID_PROOF());
        _revealAs(challenger, call);
        _assertSlashed(e.member.account);
        _assertVoid();
        _assertBounty(2);
        _assertUnharmed(members[0].account);
        _assertUnharmed(members[2].account);
    }

    function test_a_slashed_member_saves_no_coordinator() public {
        ISlashing.Evidence memory e = _evidence(1, _tampered(1));
        _bring(e);
        _assertSlashed(e.member.account);
        assertEq(_stakeOf(coordinator), 10 * BOND);
        _bring(e, _batch, _path(1));
        _assertSlashed(e.member.account);
        _assertVoid();
        _assertBounty(2);
    }

    function test_a_valid_delivery_is_no_evidence() public {
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        bytes memory reason =
            abi.encodeWithSelector(ISlashing.ProofIsValid.selector, round, members[0].account);
        _refuse(e, _batch, _path(0), reason);
    }

    function test_a_bad_submission_that_was_not_proposed_is_the_members_alone() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        bytes memory reason =
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[0].account);
        _refuse(e, _batch, _path(0), reason);
        _refuse(e, _batch, new bytes32[](0), reason);
        _bring(e);
        assertEq(_stakeOf(coordinator), 10 * BOND);
    }

    function test_the_batch_must_be_the_proposed_one() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        bytes32[] memory path = new bytes32[](0);
        IRounds.Batch memory batch = _batch;
        // The only delivery of a made-up batch.
        batch.root = _deliveryLeaves(_single(_delivery(e.submission)))[0];
        _refuse(e, batch, path, abi.encodeWithSelector(ISlashing.WrongBatch.selector, round));
        batch.round += 1;
        _refuse(e, batch, path, abi.encodeWithSelector(ISlashing.NotTheSame.selector));
    }

    function _single(IRounds.Delivery memory delivery)
        private
        pure
        returns (IRounds.Delivery[] memory list)
    {
        list = new IRounds.Delivery[](1);
        list[0] = delivery;
    }

    function test_after_the_window_only_the_member_can_be_slashed() public {
        vm.warp(rounds.get(round).challengeEnd + 1);
        ISlashing.Evidence memory e = _evidence(1, _tampered(1));
        bytes memory call = abi.encodeCall(slashing.invalidDelivery, (e, _batch, _path(1)));
        _refuseCall(call, IRounds.TooLate.selector);
        _bring(e);
        _assertSlashed(e.member.account);
        assertEq(_stakeOf(coordinator), 10 * BOND);
    }
}

/// @notice Two signed submissions, or batches, for one round.
contract EquivocationTest is EvidenceBase {
    function _both(uint256 index)
        private
        view
        returns (IRounds.Submission memory first, IRounds.Submission memory second)
    {
        (first, second) = (_submission(index, _proven(index)), _submission(index, _again(index)));
    }

    function _batches() private view returns (IRounds.Batch memory a, IRounds.Batch memory b) {
        a = IRounds.Batch({round: round, root: "r", aggregate: "a", model: "m"});
        b = IRounds.Batch({round: round, root: "r", aggregate: "a", model: "n"});
    }

    function test_slashes_for_two_valid_proofs() public {
        (IRounds.Submission memory first, IRounds.Submission memory second) = _both(2);
        bytes memory call = _equivocation(first, second, 2);
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, first.member, challenger, slashing.EQUIVOCATION());
        _revealAs(challenger, call);
        _assertSlashed(first.member);
        _assertBounty(1);
    }

    function testFuzz_two_submissions_differ_in_any_field(bytes32 other, uint8 field) public {
        (IRounds.Submission memory first,) = _both(0);
        (IRounds.Submission memory second,) = _both(0);
        if (field % 4 == 0) second.statement = other;
        if (field % 4 == 1) second.proof = other;
        if (field % 4 == 2) second.update = other;
        if (field % 4 == 3) second.length += 1;
        _bringCall(_equivocation(first, second, 0));
        assertTrue(reputation.standing(domain, first.member).slashed);
    }

    function test_one_submission_signed_twice_is_one() public {
        (IRounds.Submission memory first, IRounds.Submission memory second) = _both(0);
        _refuseCall(
            _equivocation(first, first, 0), abi.encodeWithSelector(ISlashing.NotTwo.selector)
        );
        bytes memory reason = abi.encodeWithSelector(ISlashing.NotTheSame.selector);
        bytes memory signature = _signed(0, first);
        second.round += 1;
        bytes memory call = _equivocation(0, first, signature, second, signature);
        _refuseCall(call, reason);
        second.round -= 1;
        second.member = members[1].account;
        call = _equivocation(0, first, signature, second, signature);
        _refuseCall(call, reason);
        _assertUnharmed();
    }

    function test_both_signatures_count() public {
        (IRounds.Submission memory first, IRounds.Submission memory second) = _both(0);
        (bytes memory one, bytes memory two) = (_signed(0, first), _signed(1, second));
        bytes memory reason = abi.encodeWithSelector(
            ISlashing.WrongSignature.selector, members[0].account, members[1].account
        );
        _refuseCall(_equivocation(0, first, one, second, two), reason);
        _refuseCall(_equivocation(0, second, two, first, one), reason);
        _assertUnharmed();
    }

    function test_whoever_is_no_member_cannot_be_slashed() public {
        (IRounds.Submission memory first, IRounds.Submission memory second) = _both(0);
        (first.member, second.member) = (vm.addr(77), vm.addr(77));
        bytes memory one = _sign(77, rounds.submissionDigest(first));
        bytes memory two = _sign(77, rounds.submissionDigest(second));
        _refuseCall(
            _equivocation(0, first, one, second, two),
            abi.encodeWithSelector(ISlashing.NotTheSame.selector)
        );
        IRounds.Member memory stranger = members[0];
        stranger.account = first.member;
        _refuseCall(
            abi.encodeCall(
                slashing.equivocation, (stranger, _memberPath(0), first, one, second, two)
            ),
            abi.encodeWithSelector(IRounds.NotInRound.selector, round, first.member)
        );
    }

    function test_slashes_a_coordinator_for_two_batches() public {
        (IRounds.Batch memory a, IRounds.Batch memory b) = _batches();
        bytes memory call = _equivocation(a, b);
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.BATCH_EQUIVOCATION());
        _revealAs(challenger, call);
        _assertVoid();
        _assertBounty(1);
    }

    function test_slashes_a_coordinator_for_a_batch_other_than_the_proposed() public {
        IRounds.Batch memory a = _proposeHonestly();
        (, IRounds.Batch memory b) = _batches();
        _bringCall(_equivocation(a, b));
        _assertVoid();
    }

    function test_batches_must_be_two_of_one_round() public {
        (IRounds.Batch memory a, IRounds.Batch memory b) = _batches();
        _refuseCall(_equivocation(a, a), abi.encodeWithSelector(ISlashing.NotTwo.selector));
        bytes memory one = _sign(COORDINATOR_KEY, rounds.batchDigest(a));
        b.round += 1;
        _refuseCall(
            abi.encodeCall(slashing.batchEquivocation, (a, one, b, one)),
            abi.encodeWithSelector(ISlashing.NotTheSame.selector)
        );
        a.round += 1;
        _refuseCall(
            abi.encodeCall(slashing.batchEquivocation, (a, one, b, one)),
            abi.encodeWithSelector(IRounds.UnknownRound.selector, a.round)
        );
    }

    function test_both_signatures_of_batches_count() public {
        (IRounds.Batch memory a, IRounds.Batch memory b) = _batches();
        bytes memory one = _sign(COORDINATOR_KEY, rounds.batchDigest(a));
        bytes memory two = _sign(1, rounds.batchDigest(b));
        bytes memory reason =
            abi.encodeWithSelector(ISlashing.WrongSignature.selector, coordinator, vm.addr(1));
        _refuseCall(abi.encodeCall(slashing.batchEquivocation, (a, one, b, two)), reason);
        _refuseCall(abi.encodeCall(slashing.batchEquivocation, (b, two, a, one)), reason);
        _assertUnharmed();
    }

    function test_no_batch_is_evidence_after_the_window() public {
        IRounds.Batch memory a = _proposeHonestly();
        (, IRounds.Batch memory b) = _batches();
        vm.warp(rounds.get(round).challengeEnd + 1);
        _refuseCall(_equivocation(a, b), IRounds.TooLate.selector);
        rounds.settle(round, members, _deliveries());
        bytes memory call = _equivocation(a, b);
        vm.expectPartialRevert(IRounds.WrongStatus.selector);
        _revealAs(challenger, call);
        assertEq(_stakeOf(coordinator), 10 * BOND);
    }
}

/// @notice A coordinator that does nothing.
contract IdleCoordinatorTest is EvidenceBase {
    function test_slashes_whoever_misses_the_deadline() public {
        vm.warp(rounds.get(round).deadline + 1 days + 1);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, coordinator, challenger, slashing.MISSED_DEADLINE());
        vm.prank(challenger);
        slashing.missedDeadline(round);
        _assertVoid();
        _assertBounty(1);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.missedDeadline(round);
    }

    function test_nobody_is_late_until_a_day_after_the_deadline() public {
        vm.warp(rounds.get(round).deadline + 1 days);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.missedDeadline(round);
        _proposeHonestly();
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.missedDeadline(round);
        vm.warp(rounds.get(round).challengeEnd + 1);
        rounds.settle(round, members, _deliveries());
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotLate.selector, round));
        slashing.missedDeadline(round);
        _assertUnharmed();
    }

    function test_nobody_is_late_without_a_verifier() public {
        uint256 until = rounds.get(round).deadline + 1 days;
        vm.warp(until);
        vm.prank(guardian);
        router.stop(verifierId);
        vm.warp(until + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId)
        );
        slashing.missedDeadline(round);
    }

    function test_unknown_rounds() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, round + 1));
        slashing.missedDeadline(round + 1);
    }

    function _demand(uint256 index) private returns (uint64 until) {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), index);
        vm.deal(challenger, 1 ether);
        vm.prank(challenger);
        demands.demand{value: 1 ether}(round, members[index], deliveries[index], path);
        return demands.demandOf(round, members[index].account).until;
    }

    function test_an_answer_ends_a_demand() public {
        _proposeHonestly();
        uint64 until = _demand(1);
        Proven memory proven = _proven(1);
        demands.answer(round, members[1], _memberPath(1), proven.statement, proven.proof);
        vm.warp(until + 1);
        address account = members[1].account;
        bytes memory reason = abi.encodeWithSelector(IDemands.NotDemanded.selector, round, account);
        vm.expectRevert(reason);
        slashing.unanswered(round, account);
        vm.expectRevert(
            abi.encodeWithSelector(IDemands.NotDemanded.selector, round, members[0].account)
        );
        slashing.unanswered(round, members[0].account);
        _assertUnharmed();
    }

    function test_nobody_can_answer_without_a_verifier() public {
        _proposeHonestly();
        uint64 until = _demand(1);
        vm.warp(until);
        vm.prank(guardian);
        router.stop(verifierId);
        vm.warp(until + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId)
        );
        slashing.unanswered(round, members[1].account);
    }
}
