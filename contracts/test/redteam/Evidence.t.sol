// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {IVerifierRouter} from "../../src/interfaces/IVerifierRouter.sol";
import {Header, KeyHeader} from "../../src/libraries/KeyHeader.sol";
import {EvidenceBase} from "../EvidenceBase.sol";
import {Fixture} from "../Fixtures.sol";
import {Paths} from "../Paths.sol";
import {Proven} from "../SlashingBase.sol";

/// @notice H5: nobody takes another's evidence for its own by seeing it wait.
contract CommitmentTest is EvidenceBase {
    bytes private _call;
    bytes32 private _commitment;

    function setUp() public override {
        super.setUp();
        _call = abi.encodeCall(slashing.invalidProof, (_evidence(0, _tampered(0))));
        _commitment = keccak256(abi.encode(challenger, SALT, keccak256(_call)));
    }

    function test_evidence_is_only_revealed() public {
        bytes memory reason = abi.encodeWithSelector(ISlashing.NotRevealed.selector);
        bytes[] memory calls = new bytes[](8);
        IRounds.Batch memory batch;
        IRounds.Submission memory submission;
        IRounds.Delivery memory delivery;
        IRounds.Receipt memory receipt;
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        bytes32[] memory path = new bytes32[](0);
        bytes[] memory updates = new bytes[](0);
        IRounds.Delivery[] memory none = new IRounds.Delivery[](0);
        calls[0] = _call;
        calls[1] = abi.encodeCall(slashing.invalidDelivery, (e, batch, path));
        calls[2] = _equivocation(0, submission, "", submission, "");
        calls[3] = abi.encodeCall(slashing.batchEquivocation, (batch, "", batch, ""));
        calls[4] = _tooLong(0, submission, "");
        calls[5] =
            abi.encodeCall(slashing.omitted, (batch, members[0], delivery, path, receipt, ""));
        calls[6] = abi.encodeCall(slashing.wrongAggregate, (batch, members, none, updates, "", 0));
        calls[7] = abi.encodeCall(slashing.undisclosedAggregate, (batch, members, none, updates));
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory got) = address(slashing).call(calls[i]);
            assertFalse(ok);
            assertEq(got, reason);
        }
    }

    function test_a_commitment_is_a_block_old() public {
        bytes memory reason = abi.encodeWithSelector(ISlashing.NotCommitted.selector, _commitment);
        vm.expectRevert(reason);
        _revealAs(challenger, _call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Committed(_commitment);
        slashing.commit(_commitment);
        vm.expectRevert(reason);
        _revealAs(challenger, _call);
        vm.roll(block.number + 1);
        _revealAs(challenger, _call);
        _assertSlashed(members[0].account);
    }

    /// @dev Another challenger that sees it waiting has committed to nothing yet.
    function test_what_is_seen_waiting_cannot_be_taken() public {
        slashing.commit(_commitment);
        vm.roll(block.number + 1);
        address thief = makeAddr("thief");
        bytes32 theirs = keccak256(abi.encode(thief, SALT, keccak256(_call)));
        vm.prank(thief);
        slashing.commit(theirs);
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotCommitted.selector, theirs));
        _revealAs(thief, _call);
        _revealAs(challenger, _call);
        _assertBounty(1);
        assertEq(token.balanceOf(thief), 0);
    }

    /// @dev Nor can anybody delay it by repeating the commitment.
    function test_a_commitment_counts_from_the_first_time() public {
        slashing.commit(_commitment);
        vm.roll(block.number + 1);
        vm.prank(makeAddr("thief"));
        slashing.commit(_commitment);
        _revealAs(challenger, _call);
        _assertBounty(1);
    }

    function test_a_commitment_is_to_one_call() public {
        slashing.commit(_commitment);
        vm.roll(block.number + 1);
        bytes memory other = abi.encodeCall(slashing.invalidProof, (_evidence(1, _tampered(1))));
        vm.expectPartialRevert(ISlashing.NotCommitted.selector);
        _revealAs(challenger, other);
        vm.expectPartialRevert(ISlashing.NotCommitted.selector);
        vm.prank(challenger);
        slashing.reveal("another salt", _call);
        _revealAs(challenger, _call);
        vm.expectPartialRevert(ISlashing.NotCommitted.selector);
        _revealAs(challenger, _call);
    }

    /// @dev What everybody sees can also be revealed; the bounty is never this contract's.
    function test_lateness_can_be_revealed_too() public {
        bytes memory call = abi.encodeCall(slashing.missedDeadline, (round));
        vm.warp(rounds.get(round).deadline + 1 days + 1);
        _bringCall(call);
        _assertVoid();
        _assertBounty(1);
    }
}

/// @notice A member that is guilty takes all of its stake out, so that the next round leaves it out,
/// says something wrong about that round, and has a friend bring it: what it loses is nothing of
/// the stake that is leaving, and then it is no member any more when the old evidence comes.
contract EscapeTest is EvidenceBase {
    function test_only_who_is_in_a_round_is_slashed_for_it() public {
        uint64 first = round;
        _proposeHonestly();
        vm.warp(rounds.get(first).challengeEnd + 1);
        rounds.settle(first, members, _deliveries());
        bytes memory late = _equivocation(_submission(0, _proven(0)), _submission(0, _again(0)), 0);
        address guilty = members[0].account;
        vm.startPrank(guilty);
        uint256 ticket = stakes.unbond(guilty, stakes.sharesOf(guilty, guilty));
        vm.stopPrank();
        vm.warp(block.timestamp + 1 days);

        uint64 second = _openRound(domain);
        assertEq(rounds.get(second).count, 2, "without it");
        _drawWith(second, "random");
        IRounds.Submission memory one =
            IRounds.Submission(second, guilty, "statement", "proof", "update", 99_000);
        IRounds.Submission memory other =
            IRounds.Submission(second, guilty, "statement", "proof", "other", 99_000);
        (bytes memory a, bytes memory b) = (_signed(0, one), _signed(0, other));
        bytes memory notInRound =
            abi.encodeWithSelector(IRounds.NotInRound.selector, second, guilty);
        _refuseCall(_equivocation(0, one, a, other, b), notInRound);
        _refuseCall(_tooLong(0, one, a), notInRound);

        _bringCall(late);
        vm.warp(block.timestamp + 21 days);
        vm.prank(guilty);
        assertEq(stakes.withdraw(ticket), 9 * BOND);
    }
}

/// @notice M3: what is too long to be shown.
contract TooLongTest is EvidenceBase {
    function test_slashes_whoever_signs_for_too_much() public {
        IRounds.Submission memory submission = _submission(0, _proven(0));
        submission.length = uint32(slashing.MAX_BYTES()) + 1;
        bytes memory call = _tooLong(0, submission, _signed(0, submission));
        _commitAs(challenger, call);
        vm.expectEmit(address(slashing));
        emit ISlashing.Proven(round, submission.member, challenger, slashing.TOO_LONG());
        _revealAs(challenger, call);
        _assertSlashed(submission.member);
        _assertBounty(1);
    }

    function test_as_much_as_may_be_is_not_too_much() public {
        IRounds.Submission memory submission = _submission(0, _proven(0));
        uint256 most = slashing.MAX_BYTES();
        submission.length = uint32(most);
        _refuseCall(
            _tooLong(0, submission, _signed(0, submission)),
            abi.encodeWithSelector(ISlashing.NotTooLong.selector, most, most)
        );
        submission.length = uint32(most) + 1;
        _refuseCall(
            _tooLong(0, submission, _signed(1, submission)), ISlashing.WrongSignature.selector
        );
        _assertUnharmed();
    }

    /// @dev Bytes of statement and proof that are not rows, with the longest path of a dataset.
    uint256 private constant OTHER = 8192;
    uint256 private constant PATH = 64 * 32;

    /// @dev All keys whose proofs can be challenged in a transaction; the state has no rows, or as
    /// many as the parameters.
    function testFuzz_no_valid_submission_of_a_domain_that_can_be_opened_is_too_long(
        uint256 parameters,
        bool momentum,
        uint256 data,
        uint256 trace,
        uint256 steps
    ) public view {
        Header memory h;
        h.system = 2;
        h.parameters = bound(parameters, 1, 420);
        h.state = momentum ? h.parameters : 0;
        h.update = h.parameters;
        h.data = bound(data, 1, 1 + (420 - h.parameters));
        h.trace = bound(trace, 1, 1 + (420 - h.parameters));
        h.steps = bound(steps, 1, 3);
        uint256 own = h.update * h.steps + h.trace;
        uint256 shown = h.data + h.parameters + h.state + own + 1;
        while (1 << h.addressLog < shown) ++h.addressLog;
        if (KeyHeader.gasBound(h) > registry.MAX_VERIFICATION_GAS()) return;
        uint256 length = 64 * (shown + h.parameters + h.state) + OTHER;
        assertLe(length, slashing.MAX_BYTES());
    }

    /// @dev The largest of them, so that the above is not about small ones alone.
    function test_the_longest_submission_that_can_be_is_near_the_bound() public view {
        uint256 most = 0;
        for (uint256 p = 1; p < 420; ++p) {
            Header memory h;
            (h.system, h.parameters, h.state, h.data, h.trace, h.steps) = (2, p, p, 1, 1, 1);
            h.update = p;
            while (1 << h.addressLog < 3 * p + 3) ++h.addressLog;
            if (KeyHeader.gasBound(h) > registry.MAX_VERIFICATION_GAS()) break;
            most = 64 * (5 * p + 3) + OTHER;
        }
        assertGt(most, slashing.MAX_BYTES() * 3 / 4);
        assertLe(most, slashing.MAX_BYTES());
    }

    function test_what_is_not_rows_is_as_little_as_that() public view {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = read(names[i]);
            uint256 rows = f.data + 2 * (f.parameters + f.state) + f.ownRows + 1;
            uint256 length = f.statement.length + f.proof.length;
            assertLe(length - 64 * rows, OTHER - PATH, names[i]);
        }
    }
}

/// @notice M1, M9: the demander is paid, and a stop saves nobody who was late before it.
contract LatenessTest is EvidenceBase {
    function _stop() private {
        vm.prank(guardian);
        router.stop(verifierId);
    }

    function _demand() private returns (uint64 until) {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), 0);
        vm.deal(challenger, 1 ether);
        vm.prank(challenger);
        demands.demand{value: 1 ether}(round, members[0], deliveries[0], path);
        return demands.demandOf(round, members[0].account).until;
    }

    function test_whoever_was_late_before_a_stop_is_slashed_after_it() public {
        uint256 until = rounds.get(round).deadline + 1 days;
        vm.warp(until + 1);
        _stop();
        vm.prank(challenger);
        slashing.missedDeadline(round);
        _assertVoid();
    }

    function test_an_answer_that_was_late_before_a_stop_stays_late() public {
        _proposeHonestly();
        uint64 until = _demand();
        vm.warp(until + 1);
        _stop();
        // The coordinator cannot be faster than a day.
        vm.expectPartialRevert(IRounds.TooEarly.selector);
        rounds.abandon(round);
        slashing.unanswered(round, members[0].account);
        _assertVoid();
        _assertBounty(1);
        demands.collect(round, members[0].account);
        assertEq(challenger.balance, 1 ether);
    }

    /// @dev Also if nobody has said so while the stop lasted.
    function test_whoever_could_not_be_in_time_is_not_late_after_a_stop_that_ran_out() public {
        uint256 until = rounds.get(round).deadline + 1 days;
        vm.warp(until);
        _stop();
        (, uint64 end) = router.lastStop(verifierId);
        vm.warp(end);
        bytes memory reason =
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId);
        vm.expectRevert(reason);
        slashing.missedDeadline(round);
        rounds.abandon(round);
        assertEq(_stakeOf(coordinator), 10 * BOND);
    }
}
