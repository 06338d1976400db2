// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {EvidenceBase} from "./EvidenceBase.sol";
import {Paths} from "./Paths.sol";
import {Proven} from "./SlashingBase.sol";

/// @notice Evidence that is called with too little gas for the verifier to reach its verdict.
contract OutOfGasTest is EvidenceBase {
    /// @dev What all gas limits between hardly any and more than enough lead to.
    function test_no_gas_limit_makes_a_valid_proof_evidence() public {
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        bytes memory call = abi.encodeCall(slashing.invalidProof, (e));
        _tryEveryLimit(call);
    }

    function test_no_gas_limit_makes_a_valid_delivery_evidence() public {
        IRounds.Batch memory batch = _proposeHonestly();
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        bytes32[] memory path = Paths.path(_deliveryLeaves(_deliveries()), 0);
        bytes memory call = abi.encodeCall(slashing.invalidDelivery, (e, batch, path));
        _tryEveryLimit(call);
    }

    /// @dev Limits in steps so small that one runs out in every part of the verification.
    function _tryEveryLimit(bytes memory call) private {
        _commitAs(address(this), call);
        call = abi.encodeCall(slashing.reveal, (SALT, call));
        uint256 verdicts = 0;
        uint256 guarded = 0;
        for (uint256 limit = 100_000; limit <= 3_000_000; limit += 9973) {
            (bool ok, bytes memory reason) = address(slashing).call{gas: limit}(call);
            assertFalse(ok, "slashed");
            if (bytes4(reason) == ISlashing.ProofIsValid.selector) ++verdicts;
            if (bytes4(reason) == ISlashing.NotEnoughGas.selector) ++guarded;
        }
        _assertUnharmed();
        // Some were too low, some were enough.
        assertGt(verdicts, 10);
        assertGt(guarded, 10);
    }

    function test_a_bad_proof_is_evidence_or_costs_nothing_whatever_the_gas() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        bytes memory call = abi.encodeCall(slashing.invalidProof, (e));
        _commitAs(address(this), call);
        call = abi.encodeCall(slashing.reveal, (SALT, call));
        uint256 snapshot = vm.snapshotState();
        bool before = false;
        for (uint256 limit = 100_000; limit <= 3_000_000; limit += 99_733) {
            (bool ok,) = address(slashing).call{gas: limit}(call);
            if (ok) _assertSlashed(e.member.account);
            else _assertUnharmed();
            // More gas never takes a verdict back.
            assertTrue(ok || !before);
            before = ok;
            vm.revertToState(snapshot);
        }
        assertTrue(before);
    }
}

/// @notice Evidence about something else, or signed by somebody else.
contract ForeignEvidenceTest is EvidenceBase {
    uint256 private constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function _wrongSigner(ISlashing.Evidence memory e) private {
        bytes memory call = abi.encodeCall(slashing.invalidProof, (e));
        _refuseCall(call, ISlashing.WrongSignature.selector);
    }

    function test_a_signature_for_another_round_is_none_for_this() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        IRounds.Submission memory other = _submission(0, _tampered(0));
        other.round += 1;
        bytes32 nonce = rounds.get(round).nonce;
        e.signature = _sign(_keyOf(0), _digest(other, nonce, address(rounds), block.chainid));
        _wrongSigner(e);
        // Nor is one for this number in another draw.
        other.round -= 1;
        e.signature =
            _sign(_keyOf(0), _digest(other, keccak256("fork"), address(rounds), block.chainid));
        _wrongSigner(e);
    }

    function test_a_signature_of_another_member_is_not_this_ones() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        e.signature = _signed(1, e.submission);
        _wrongSigner(e);
        // A signature copied under one's own name, or under another's.
        ISlashing.Evidence memory copied = _evidence(1, _tampered(1));
        copied.signature = _evidence(0, _tampered(0)).signature;
        _wrongSigner(copied);
        _assertUnharmed();
    }

    function test_a_signature_for_another_contract_is_none_for_this() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        vm.etch(address(0xbeef), address(rounds).code);
        // The same struct and name, but another verifying contract.
        bytes32 digest =
            _digest(e.submission, rounds.get(round).nonce, address(0xbeef), block.chainid);
        assertNotEq(digest, rounds.submissionDigest(e.submission));
        e.signature = _sign(_keyOf(0), digest);
        _wrongSigner(e);
    }

    function test_a_signature_for_another_chain_is_none_for_this() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        e.signature =
            _sign(_keyOf(0), _digest(e.submission, rounds.get(round).nonce, address(rounds), 1));
        _wrongSigner(e);
        // What was signed before a fork counts on the chain that keeps the number.
        e = _evidence(0, _proven(0));
        vm.chainId(block.chainid + 1);
        _wrongSigner(e);
    }

    function test_digests_are_those_of_eip_712() public view {
        IRounds.Submission memory submission = _submission(0, _proven(0));
        bytes32 digest =
            _digest(submission, rounds.get(round).nonce, address(rounds), block.chainid);
        assertEq(digest, rounds.submissionDigest(submission));
    }

    function _digest(IRounds.Submission memory s, bytes32 nonce, address verifying, uint256 chain)
        private
        pure
        returns (bytes32)
    {
        bytes32 kind = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        );
        bytes32 separator =
            keccak256(abi.encode(kind, keccak256("zktrain"), keccak256("1"), chain, verifying));
        kind = keccak256(
            "Submission(uint64 round,bytes32 nonce,address member,bytes32 statement,bytes32 proof,bytes32 update,uint32 length)"
        );
        bytes32 hash = keccak256(
            abi.encode(kind, s.round, nonce, s.member, s.statement, s.proof, s.update, s.length)
        );
        return keccak256(abi.encodePacked(hex"1901", separator, hash));
    }

    function test_malleable_signatures_are_refused() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        (bytes32 r, bytes32 s, uint8 v) = _split(e.signature);
        bytes32 other = bytes32(ORDER - uint256(s));
        bytes memory signature = e.signature;
        e.signature = abi.encodePacked(r, other, v == 27 ? uint8(28) : uint8(27));
        _refuse(e, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, other));
        e.signature = bytes.concat(signature, hex"00");
        _refuse(e, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
        e.signature = abi.encodePacked(r, s, uint8(29));
        _refuse(e, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        (r, s) = (wordAt(signature, 0), wordAt(signature, 32));
        v = uint8(signature[64]);
    }

    function test_evidence_about_another_round_of_the_domain() public {
        _proposeHonestly();
        vm.warp(rounds.get(round).challengeEnd + 1);
        rounds.settle(round, members, _deliveries());
        uint64 first = round;
        round = _openRound(domain);
        _draw(round);
        // An honest submission for the first round, presented as one for the second.
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        e.submission.round = first;
        e.signature = _signed(0, e.submission);
        e.submission.round = round;
        _wrongSigner(e);
    }
}

/// @notice Who gains from a slash, how often, and whether anyone can run from it.
contract SlashOnceTest is EvidenceBase {
    function test_a_member_is_slashed_once_for_everything() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        _bring(e);
        bytes memory reason =
            abi.encodeWithSelector(IRounds.NotMember.selector, domain, e.member.account);
        _refuse(e, reason);
        IRounds.Submission memory first = _submission(0, _proven(0));
        IRounds.Submission memory second = _submission(0, _again(0));
        _refuseCall(_equivocation(first, second, 0), reason);
        _assertSlashed(e.member.account);
    }

    function test_a_coordinator_is_slashed_once_a_round() public {
        IRounds.Batch memory a =
            IRounds.Batch({round: round, root: "r", aggregate: "a", model: "m"});
        IRounds.Batch memory b =
            IRounds.Batch({round: round, root: "r", aggregate: "a", model: "n"});
        _bringCall(_equivocation(a, b));
        _refuseCall(_equivocation(a, b), IRounds.WrongStatus.selector);
        vm.warp(rounds.get(round).deadline + 1 days + 1);
        vm.expectPartialRevert(ISlashing.NotLate.selector);
        slashing.missedDeadline(round);
        _assertVoid();
    }

    function test_only_the_slashing_contract_slashes() public {
        vm.startPrank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Unauthorized.selector, coordinator));
        rounds.slashMember(round, members[0].account, coordinator, "because");
        vm.expectRevert(abi.encodeWithSelector(IRounds.Unauthorized.selector, coordinator));
        rounds.slashCoordinator(round, coordinator, "because");
        vm.stopPrank();
    }

    function test_nobody_escapes_by_unbonding_first() public {
        address account = members[0].account;
        vm.startPrank(account);
        uint256 ticket = stakes.unbond(account, stakes.sharesOf(account, account));
        vm.stopPrank();
        vm.warp(block.timestamp + stakes.UNBONDING_DELAY() - 1);
        _bring(_evidence(0, _tampered(0)));
        _assertBounty(1);
        vm.warp(block.timestamp + 1);
        vm.prank(account);
        assertApproxEqAbs(stakes.withdraw(ticket), 9 * BOND, 1);
    }

    function test_a_member_can_only_leave_when_no_round_can_be_under_way() public {
        address account = members[0].account;
        vm.startPrank(account);
        rounds.resign(domain);
        uint64 leavesAt = rounds.membership(domain, account).leavesAt;
        assertGe(leavesAt, rounds.get(round).deadline + 1 days + 7 days + 1 days);
        assertLe(leavesAt, block.timestamp + stakes.UNBONDING_DELAY());
        vm.warp(leavesAt - 1);
        vm.expectPartialRevert(IRounds.StillInRounds.selector);
        rounds.exit(domain);
        vm.stopPrank();
        _bring(_evidence(0, _tampered(0)));
        _assertSlashed(account);
    }

    function test_whoever_has_left_is_out_of_reach() public {
        address account = members[0].account;
        vm.startPrank(account);
        rounds.resign(domain);
        vm.warp(rounds.membership(domain, account).leavesAt);
        rounds.exit(domain);
        vm.stopPrank();
        bytes memory reason = abi.encodeWithSelector(IRounds.NotMember.selector, domain, account);
        _refuse(_evidence(0, _tampered(0)), reason);
        assertEq(_stakeOf(account), 10 * BOND);
        // Its place back, its old frauds too.
        vm.prank(account);
        rounds.join(domain, members[0].dataset, members[0].windows);
        _bring(_evidence(0, _tampered(0)));
        _assertSlashed(account);
    }

    function test_a_slashed_member_never_comes_back() public {
        _bring(_evidence(0, _tampered(0)));
        vm.startPrank(members[0].account);
        vm.expectRevert();
        rounds.join(domain, members[0].dataset, members[0].windows);
        vm.stopPrank();
    }

    function test_a_coordinator_that_slashes_itself_gains_nothing() public {
        IRounds.Batch memory a =
            IRounds.Batch({round: round, root: "r", aggregate: "a", model: "m"});
        IRounds.Batch memory b =
            IRounds.Batch({round: round, root: "r", aggregate: "a", model: "n"});
        bytes memory call = _equivocation(a, b);
        _commitAs(coordinator, call);
        _revealAs(coordinator, call);
        _assertVoid();
        // Its own bounty, but more is burned.
        uint256 all = _stakeOf(coordinator) + token.balanceOf(coordinator);
        assertEq(all, 10 * BOND - BOND * 6000 / 10_000);
        assertEq(escrow.owed(address(token), coordinator), 0);
    }

    function test_the_bounty_is_the_callers() public {
        ISlashing.Evidence memory e = _evidence(0, _tampered(0));
        address another = makeAddr("another");
        bytes memory call = abi.encodeCall(slashing.invalidProof, (e));
        _commitAs(another, call);
        _revealAs(another, call);
        assertEq(token.balanceOf(another), BOND * 4000 / 10_000);
        assertEq(token.balanceOf(address(slashing)), 0);
        assertEq(token.balanceOf(address(rounds)), 0);
        assertEq(token.balanceOf(e.member.account), 0);
    }

    function test_a_slash_pays_from_nobody_elses_stake() public {
        uint256 held = token.balanceOf(address(stakes));
        _bring(_evidence(0, _tampered(0)));
        assertEq(token.balanceOf(address(stakes)), held - BOND);
        _assertUnharmed(members[1].account);
        _assertUnharmed(members[2].account);
    }
}

/// @notice Honest parties, and everything that anyone can make of what they have signed.
contract HonestTest is EvidenceBase {
    IRounds.Batch private _batch;
    bytes private _batchSignature;
    uint256 private constant KINDS = 11;

    function setUp() public override {
        super.setUp();
        _batch = _proposeHonestly();
        _batchSignature = _sign(COORDINATOR_KEY, rounds.batchDigest(_batch));
    }

    /// @dev Any word of a call is replaced, wherever it is: in a length, a hash, a signature.
    function testFuzz_no_altered_evidence_slashes(
        uint256 kind,
        uint256 index,
        uint256 place,
        uint256 word,
        uint256 time
    ) public {
        bytes memory call = _call(kind, index % 3);
        uint256 words = (call.length - 4) / 32;
        if (word % 4 == 0) word = uint256(wordAt(call, 4 + 32 * (word % words)));
        // Heads and short fields are hit as often as the proof.
        place = place % 2 == 0 ? (place / 2) % (words < 64 ? words : 64) : (place / 2) % words;
        call = withWord(call, 4 + 32 * place, bytes32(word));
        vm.warp(block.timestamp + time % 3 days);
        assertFalse(_slashes(call));
        _assertUnharmed();
    }

    /// @dev Called directly or revealed.
    function _slashes(bytes memory call) private returns (bool ok) {
        _commitAs(challenger, call);
        vm.prank(challenger);
        (ok,) = address(slashing).call(call);
        if (ok) return true;
        vm.prank(challenger);
        (ok,) = address(slashing).call(abi.encodeCall(slashing.reveal, (SALT, call)));
    }

    function test_no_evidence_as_it_is_slashes() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            for (uint256 i = 0; i < 3; ++i) {
                assertFalse(_slashes(_call(kind, i)));
            }
        }
        _assertUnharmed();
    }

    /// @dev Everything public about an honest round, as evidence.
    function _call(uint256 kind, uint256 index) private view returns (bytes memory) {
        kind %= KINDS;
        ISlashing.Evidence memory e = _evidence(index, _proven(index));
        if (kind == 0) {
            return abi.encodeCall(slashing.invalidProof, (e));
        }
        if (kind == 1) {
            bytes32[] memory path = Paths.path(_deliveryLeaves(_deliveries()), index);
            return abi.encodeCall(slashing.invalidDelivery, (e, _batch, path));
        }
        if (kind == 2) {
            return _equivocation(index, e.submission, e.signature, e.submission, e.signature);
        }
        if (kind == 3) {
            return abi.encodeCall(
                slashing.batchEquivocation, (_batch, _batchSignature, _batch, _batchSignature)
            );
        }
        if (kind == 4) return abi.encodeCall(slashing.missedDeadline, (round));
        if (kind == 5) return abi.encodeCall(slashing.unanswered, (round, e.member.account));
        if (kind == 8) return abi.encodeCall(slashing.unaudited, (round));
        if (kind == 9) return _tooLong(index, e.submission, e.signature);
        if (kind == 10) return _receipt(index);
        return _sum(kind);
    }

    /// @dev A receipt for just what was proposed.
    function _receipt(uint256 index) private view returns (bytes memory) {
        IRounds.Delivery memory delivery = _deliveries()[index];
        bytes32[] memory path = Paths.path(_deliveryLeaves(_deliveries()), index);
        IRounds.Receipt memory receipt = IRounds.Receipt({
            round: round,
            member: members[index].account,
            plan: "plan",
            masked: "masked",
            submission: delivery.submission,
            time: 1
        });
        bytes memory signature = _sign(COORDINATOR_KEY, rounds.receiptDigest(receipt));
        return abi.encodeCall(
            slashing.omitted, (_batch, members[index], delivery, path, receipt, signature)
        );
    }

    function _sum(uint256 kind) private view returns (bytes memory) {
        bytes[] memory updates = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            updates[i] = _proven(i).rows;
        }
        if (kind == 6) {
            return abi.encodeCall(
                slashing.wrongAggregate, (_batch, members, _deliveries(), updates, aggregate, 0)
            );
        }
        return
            abi.encodeCall(slashing.undisclosedAggregate, (_batch, members, _deliveries(), updates));
    }
}
