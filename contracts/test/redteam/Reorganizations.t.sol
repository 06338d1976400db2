// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {EvidenceBase} from "../EvidenceBase.sol";
import {Paths} from "../Paths.sol";
import {Proven} from "../SlashingBase.sol";

/// @notice H3: what honest parties sign on one fork is no evidence on another, whatever the other
/// fork has drawn, and whosever round has the number there.
contract ReorganizationTest is EvidenceBase {
    uint256 private _start;

    function _beforeRound() internal override {
        _start = vm.snapshotState();
    }

    /// @dev Another fork, from before the round.
    function _fork() private {
        // The number of a snapshot is not in it.
        uint256 start = _start;
        vm.revertToState(start);
        _start = start;
    }

    /// @dev The same round on another fork, with another draw.
    function _redraw(bytes32 randomness) private {
        _fork();
        round = _openRound(domain);
        _drawWith(round, randomness);
    }

    /// @dev Everything that is signed for the round as it stands, as evidence.
    function _everything() private view returns (bytes[] memory calls) {
        calls = new bytes[](10);
        IRounds.Delivery[] memory deliveries = _deliveries();
        IRounds.Batch memory batch =
            IRounds.Batch(round, _root(deliveries), keccak256(aggregate), "next model");
        bytes memory signature = _sign(COORDINATOR_KEY, rounds.batchDigest(batch));
        for (uint256 i = 0; i < 3; ++i) {
            ISlashing.Evidence memory e = _evidence(i, _proven(i));
            bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), i);
            calls[3 * i] = abi.encodeCall(slashing.invalidProof, (e));
            calls[3 * i + 1] = abi.encodeCall(slashing.invalidDelivery, (e, batch, path));
            calls[3 * i + 2] = _tooLong(i, e.submission, e.signature);
        }
        calls[9] = abi.encodeCall(slashing.batchEquivocation, (batch, signature, batch, signature));
    }

    function _root(IRounds.Delivery[] memory deliveries) private view returns (bytes32) {
        bytes32[] memory leaves = _deliveryLeaves(deliveries);
        bytes32 pair = leaves[0] < leaves[1]
            ? keccak256(abi.encode(leaves[0], leaves[1]))
            : keccak256(abi.encode(leaves[1], leaves[0]));
        return pair < leaves[2]
            ? keccak256(abi.encode(pair, leaves[2]))
            : keccak256(abi.encode(leaves[2], pair));
    }

    function _bringAll(bytes[] memory calls) private {
        for (uint256 i = 0; i < calls.length; ++i) {
            _commitAs(challenger, calls[i]);
            vm.prank(challenger);
            (bool ok,) = address(slashing).call(abi.encodeCall(slashing.reveal, (SALT, calls[i])));
            assertFalse(ok, "slashed for what was signed on another fork");
        }
        assertEq(token.balanceOf(challenger), 0);
    }

    function test_another_draw_makes_no_honest_proof_evidence() public {
        bytes[] memory calls = _everything();
        _redraw("another block's randomness");
        _bringAll(calls);
        _assertUnharmed();
    }

    function testFuzz_nobody_honest_is_slashed_on_any_fork(uint256 first, uint256 second) public {
        // Both forks' honest parties sign what their fork asks for; each other's is brought.
        bytes[] memory calls = _everything();
        _redraw(bytes32(bound(first, 2, type(uint256).max)));
        bytes[] memory others = _everything();
        _redraw(bytes32(bound(second, 2, type(uint256).max)));
        _bringAll(calls);
        _bringAll(others);
        _assertUnharmed();
    }

    function test_two_forks_batches_are_no_equivocation() public {
        IRounds.Batch memory a = IRounds.Batch(round, "root 1", "sum 1", "model 1");
        IRounds.Batch memory b = IRounds.Batch(round, "root 2", "sum 2", "model 2");
        bytes memory one = _sign(COORDINATOR_KEY, rounds.batchDigest(a));
        _redraw("another block's randomness");
        bytes memory two = _sign(COORDINATOR_KEY, rounds.batchDigest(b));
        _refuseCall(
            abi.encodeCall(slashing.batchEquivocation, (a, one, b, two)),
            ISlashing.WrongSignature.selector
        );
        _assertUnharmed();
    }

    function test_two_forks_submissions_are_no_equivocation() public {
        IRounds.Submission memory a = _submission(0, _proven(0));
        IRounds.Submission memory b = _submission(0, _again(0));
        bytes memory one = _signed(0, a);
        _redraw("another block's randomness");
        bytes memory two = _signed(0, b);
        _refuseCall(_equivocation(0, a, one, b, two), ISlashing.WrongSignature.selector);
        _assertUnharmed();
    }

    /// @dev What the coordinator has counted on one fork is missing on the other.
    function test_another_forks_receipt_is_none() public {
        IRounds.Receipt memory receipt = IRounds.Receipt({
            round: round,
            member: members[1].account,
            plan: "plan",
            masked: "masked",
            submission: _delivery(_submission(1, _proven(1))).submission,
            time: uint64(block.timestamp)
        });
        bytes memory signature = _sign(COORDINATOR_KEY, rounds.receiptDigest(receipt));
        _redraw("another block's randomness");
        IRounds.Delivery[] memory nothing = new IRounds.Delivery[](members.length);
        IRounds.Batch memory batch = _propose(nothing, 0, rounds.get(round).parent);
        bytes32[] memory path = Paths.path(_deliveryLeaves(nothing), 1);
        _refuseCall(
            abi.encodeCall(
                slashing.omitted, (batch, members[1], nothing[1], path, receipt, signature)
            ),
            ISlashing.WrongSignature.selector
        );
        _assertUnharmed();
    }

    /// @dev The openings come in another order, and the block that draws has the same proposer, so
    /// the same randomness: the number is another domain's round.
    function test_the_number_may_be_another_domains_round() public {
        bytes[] memory calls = _everything();
        bytes32 randomness = _randomness(round);
        uint64 number = round;
        _fork();
        uint64 other = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(members[i].account);
            rounds.join(other, keccak256(abi.encode("other data", i)), 7);
        }
        round = _openRound(other);
        assertEq(round, number);
        _drawWith(round, randomness);
        // As the members are listed on this fork.
        for (uint256 i = 0; i < 3; ++i) {
            members[i].dataset = keccak256(abi.encode("other data", i));
            members[i].windows = 7;
        }
        _bringAll(calls);
        ISlashing.Evidence memory e = _evidence(0, _proven(0));
        IRounds.Submission memory submission = e.submission;
        _fork();
        round = _openRound(domain);
        _draw(round);
        bytes memory signature = _signed(0, submission);
        _fork();
        other = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(members[i].account);
            rounds.join(other, keccak256(abi.encode("other data", i)), 7);
        }
        round = _openRound(other);
        _drawWith(round, randomness);
        e.signature = signature;
        _refuseCall(abi.encodeCall(slashing.invalidProof, (e)), ISlashing.WrongSignature.selector);
        assertEq(token.balanceOf(challenger), 0);
    }
}

/// @notice A low finding: two contracts' rounds may have a number in common.
contract NumberInCommonTest is EvidenceBase {
    function test_slashes_for_a_valid_proof_for_another_contract() public {
        _bring(_evidence(0, _provenAt(".otherContract")));
        _assertSlashed(members[0].account);
    }

    function test_slashes_for_a_valid_proof_for_another_domain() public {
        _bring(_evidence(0, _provenAt(".otherDomain")));
        _assertSlashed(members[0].account);
    }
}
