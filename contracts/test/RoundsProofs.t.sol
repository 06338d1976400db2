// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../src/interfaces/IDemands.sol";
import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {TrainingClaim} from "../src/interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Deliveries} from "../src/libraries/Deliveries.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {Headers} from "./Headers.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice A proof of the real prover.
struct Proven {
    bytes statement;
    bytes proof;
    bytes32 update;
}

/// @notice The round of three members for which there are proofs.
abstract contract RoundsWithProofs is RoundsBase {
    string internal file;
    uint64 internal round;
    IRounds.Member[] internal members;
    uint64[] internal windows;

    function fixedRounds() internal view override returns (address) {
        return vm.parseJsonAddress(json("round_halo2"), ".rounds");
    }

    function start(bool optimistic) internal {
        file = json("round_halo2");
        bytes32 name = verifier.register(vm.parseJsonBytes(file, ".key"));
        key.name = "round_halo2";
        key.keyHash = name;
        IDomainRegistry.Config memory config = configOf(key, COORDINATOR);
        config.genesis = vm.parseJsonBytes32(file, ".model");
        config.optimistic = optimistic;
        domain = openDomain(config);
        assertEq(domain, vm.parseJsonUint(file, ".domain"));
        assertEq(registry.get(domain).zeroState, vm.parseJsonBytes32(file, ".zeroState"));
        for (uint256 i = 0; i < 3; ++i) {
            string memory prefix = string.concat(".members[", vm.toString(i), "]");
            address account = vm.parseJsonAddress(file, string.concat(prefix, ".account"));
            bytes32 dataset = vm.parseJsonBytes32(file, string.concat(prefix, ".dataset"));
            accounts.push(account);
            uint256 all = vm.parseJsonUint(file, string.concat(prefix, ".windows"));
            windows.push(uint64(vm.parseJsonUint(file, string.concat(prefix, ".window"))));
            join(domain, account, dataset, uint64(all));
        }
        round = openRound();
        assertEq(round, vm.parseJsonUint(file, ".round"));
        IRounds.Member[] memory now_ = membersNow();
        for (uint256 i = 0; i < 3; ++i) {
            members.push(now_[i]);
        }
    }

    function drawForProofs() internal {
        draw(round, Headers.forWindows(rounds, round, members, windows));
    }

    function provenAt(string memory place) internal view returns (Proven memory p) {
        p.statement = vm.parseJsonBytes(file, string.concat(place, ".statement"));
        p.proof = vm.parseJsonBytes(file, string.concat(place, ".proof"));
        p.update = vm.parseJsonBytes32(file, string.concat(place, ".update"));
    }

    function proven(uint256 index) internal view returns (Proven memory) {
        return provenAt(string.concat(".members[", vm.toString(index), "].proof"));
    }

    function again(uint256 index) internal view returns (Proven memory) {
        return provenAt(string.concat(".members[", vm.toString(index), "].again"));
    }

    function submissionHash(uint256 index, Proven memory p) internal view returns (bytes32) {
        return TypedData.hash(
            IRounds.Submission({
                round: round,
                member: members[index].account,
                statement: keccak256(p.statement),
                proof: keccak256(p.proof),
                update: p.update,
                length: uint32(p.statement.length + p.proof.length)
            }),
            rounds.get(round).nonce
        );
    }
}

/// @notice Rounds in which each proof is checked when it is submitted.
contract RoundsEagerTest is RoundsWithProofs {
    IRounds.Delivery[] private deliveries;

    function setUp() public override {
        super.setUp();
        start(false);
        for (uint256 i = 0; i < 3; ++i) {
            deliveries.push();
        }
    }

    function submit(uint256 index, Proven memory p) private {
        bytes32[] memory path = memberPath(members, index);
        rounds.submit(round, members[index], path, p.statement, p.proof);
        deliveries[index] = IRounds.Delivery(p.update, Deliveries.MARK);
    }

    function refuse(uint256 index, Proven memory p, bytes memory reason) private {
        bytes32[] memory path = memberPath(members, index);
        vm.expectRevert(reason);
        rounds.submit(round, members[index], path, p.statement, p.proof);
    }

    function submitAll() private {
        drawForProofs();
        for (uint256 i = 0; i < 3; ++i) {
            submit(i, proven(i));
        }
    }

    function owed(uint256 index) private view returns (uint256) {
        return escrow.owed(address(token), members[index].account);
    }

    function test_a_whole_round() public {
        drawForProofs();
        for (uint256 i = 0; i < 3; ++i) {
            Proven memory p = proven(i);
            vm.expectEmit(address(rounds));
            emit IRounds.Delivered(round, members[i].account, p.update);
            submit(i, p);
            assertEq(rounds.delivered(round, members[i].account), p.update);
        }
        propose(round, members, deliveries);
        passWindow(round);
        rounds.settle(round, members, deliveries);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 gross = (BUDGET - BUDGET / 10) * uint256(members[i].weight) / 65_536;
            assertEq(owed(i), gross - gross / 100);
        }
        assertEq(escrow.owed(address(token), COORDINATOR), BUDGET / 10);
        (bytes32 model,) = registry.head(domain);
        assertEq(model, MODEL);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        rounds.settle(round, members, deliveries);
    }

    function test_only_after_the_draw() public {
        refuse(0, proven(0), abi.encodeWithSelector(IRounds.NotDrawn.selector, round));
    }

    function test_only_until_the_deadline() public {
        drawForProofs();
        uint64 deadline = rounds.get(round).deadline;
        vm.warp(deadline + 1);
        refuse(
            0, proven(0), abi.encodeWithSelector(IRounds.TooLate.selector, deadline, deadline + 1)
        );
        vm.warp(deadline);
        submit(0, proven(0));
    }

    function test_once() public {
        drawForProofs();
        submit(0, proven(0));
        bytes memory reason =
            abi.encodeWithSelector(IRounds.AlreadyDelivered.selector, round, members[0].account);
        refuse(0, proven(0), reason);
        refuse(0, again(0), reason);
    }

    function test_only_members() public {
        drawForProofs();
        members[0].weight += 1;
        refuse(
            0,
            proven(0),
            abi.encodeWithSelector(IRounds.NotInRound.selector, round, members[0].account)
        );
    }

    function test_only_open_rounds() public {
        submitAll();
        propose(round, members, deliveries);
        refuse(
            0,
            again(0),
            abi.encodeWithSelector(IRounds.WrongStatus.selector, round, IRounds.Status.Proposed)
        );
    }

    function test_a_proof_is_for_its_contract_domain_round_window_and_member() public {
        drawForProofs();
        refuse(
            0,
            provenAt(".otherContract"),
            abi.encodeWithSelector(
                IRounds.WrongClaim.selector,
                2,
                uint256(uint160(address(rounds))),
                uint256(uint160(vm.parseJsonAddress(file, ".bounty")))
            )
        );
        refuse(
            0,
            provenAt(".otherDomain"),
            abi.encodeWithSelector(
                IRounds.WrongClaim.selector, 3, uint256(domain), uint256(domain) + 1
            )
        );
        refuse(
            0,
            provenAt(".otherRound"),
            abi.encodeWithSelector(
                IRounds.WrongClaim.selector, 4, uint256(round), uint256(round) + 1
            )
        );
        uint256 window = rounds.windowOf(round, members[0].account, members[0].windows);
        refuse(
            0,
            provenAt(".otherWindow"),
            abi.encodeWithSelector(
                IRounds.WrongClaim.selector, 10, window, (window + 1) % members[0].windows
            )
        );
        refuse(
            0,
            proven(1),
            abi.encodeWithSelector(
                IRounds.WrongClaim.selector,
                5,
                uint256(uint160(members[0].account)),
                uint256(uint160(members[1].account))
            )
        );
    }

    function test_a_proof_holds() public {
        drawForProofs();
        Proven memory p = proven(0);
        p.proof = flipped(p.proof, p.proof.length - 1, 1);
        bytes32[] memory path = memberPath(members, 0);
        vm.expectRevert();
        rounds.submit(round, members[0], path, p.statement, p.proof);
        stop();
        p = proven(0);
        refuse(0, p, abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId));
    }

    function test_a_proof_is_about_the_model_now() public {
        drawForProofs();
        TrainingClaim memory claim =
            router.verify(verifierId, key.keyHash, proven(0).statement, proven(0).proof);
        rounds.requireExpected(round, members[0], claim);
        claim.model = "other";
        vm.expectPartialRevert(IRounds.WrongClaim.selector);
        rounds.requireExpected(round, members[0], claim);
    }

    /// @dev Whatever a claim says otherwise than it should is refused, and named.
    function test_every_field_of_a_claim_counts() public {
        drawForProofs();
        bytes memory good = abi.encode(
            router.verify(verifierId, key.keyHash, proven(0).statement, proven(0).proof)
        );
        uint8[10] memory fields = [2, 3, 4, 5, 6, 8, 9, 10, 11, 12];
        for (uint256 i = 0; i < fields.length; ++i) {
            bytes32 word = wordAt(good, 32 * uint256(fields[i]));
            bytes32 wrong = bytes32(uint256(word) ^ 1);
            bytes memory bad = withWord(good, 32 * uint256(fields[i]), wrong);
            vm.expectRevert(
                abi.encodeWithSelector(IRounds.WrongClaim.selector, fields[i], word, wrong)
            );
            rounds.requireExpected(round, members[0], abi.decode(bad, (TrainingClaim)));
        }
        rounds.requireExpected(round, members[0], abi.decode(good, (TrainingClaim)));
    }

    function test_proposals_are_what_was_submitted() public {
        drawForProofs();
        submit(0, proven(0));
        passDeadline(round);
        IRounds.Batch memory batch;
        for (uint256 i = 0; i < 3; ++i) {
            IRounds.Delivery memory right = deliveries[i];
            deliveries[i].update = i == 0 ? bytes32(0) : bytes32("forged");
            if (i == 0) deliveries[1].update = "forged";
            batch = batchOf(round, members, deliveries);
            bytes memory signature = signedBy(COORDINATOR_KEY, batch);
            vm.expectRevert(
                abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[i].account)
            );
            rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
            deliveries[i] = right;
            if (i == 0) deliveries[1].update = 0;
        }
        deliveries[0].submission = "submission";
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[0].account)
        );
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        deliveries[0].submission = Deliveries.MARK;
        deliveries[1].submission = Deliveries.MARK;
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[1].account)
        );
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        deliveries[1].submission = 0;
        propose(round, members, deliveries);
    }

    function test_the_coordinator_itself_need_not_sign() public {
        drawForProofs();
        submit(0, proven(0));
        passDeadline(round);
        vm.expectRevert();
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        vm.prank(COORDINATOR);
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, "");
        assertEq(rounds.get(round).batch, hashOf(batchOf(round, members, deliveries)));
    }

    function test_nothing_is_demanded() public {
        submitAll();
        propose(round, members, deliveries);
        bytes32[] memory path = deliveryPath(members, deliveries, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongMode.selector, domain));
        demands.demand{value: 1 ether}(round, members[0], deliveries[0], path);
    }

    function test_a_slashed_member_submits_nothing_and_keeps_nothing() public {
        drawForProofs();
        submit(0, proven(0));
        submit(1, proven(1));
        slashMember(round, members[1].account);
        slashMember(round, members[2].account);
        refuse(
            2,
            proven(2),
            abi.encodeWithSelector(IRounds.NotMember.selector, domain, members[2].account)
        );
        passDeadline(round);
        propose(round, members, deliveries);
        passWindow(round);
        rounds.settle(round, members, deliveries);
        assertGt(owed(0), 0);
        assertEq(owed(1), 0);
        assertEq(owed(2), 0);
    }

    function test_a_void_round_pays_for_what_was_checked() public {
        drawForProofs();
        submit(0, proven(0));
        submit(2, proven(2));
        slashMember(round, members[2].account);
        slashCoordinator(round);
        // Until then nobody else's budget or domain can be touched.
        assertEq(rounds.current(domain), round);
        assertEq(escrow.reserved(domain), BUDGET);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.RoundUnderWay.selector, domain));
        vm.prank(OWNER);
        registry.close(domain);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongList.selector, round));
        rounds.settle(round, members, deliveries);
        uint256 gross = (BUDGET - BUDGET / 10) * uint256(members[0].weight) / 65_536;
        vm.expectEmit(address(rounds));
        emit IRounds.Settled(round, gross - gross / 100, 0);
        rounds.settle(round, members, new IRounds.Delivery[](0));
        assertEq(owed(0), gross - gross / 100);
        assertEq(owed(1), 0);
        assertEq(owed(2), 0);
        assertEq(escrow.owed(address(token), COORDINATOR), 0);
        assertEq(escrow.available(domain), 10 * BUDGET - gross);
        assertEq(statusOf(round), uint256(IRounds.Status.Void));
        assertEq(rounds.current(domain), 0);
        assertGt(reputation.standing(domain, members[0].account).score, reputation.SCORE_FIRST());
        assertEq(
            reputation.standing(domain, members[1].account).score,
            reputation.SCORE_FIRST(),
            "had no time"
        );
        (, uint64 number) = registry.head(domain);
        assertEq(number, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyPaid.selector, round));
        rounds.settle(round, members, new IRounds.Delivery[](0));
    }

    function test_a_void_round_of_a_proposal_pays_too() public {
        submitAll();
        propose(round, members, deliveries);
        slashCoordinator(round);
        rounds.settle(round, members, new IRounds.Delivery[](0));
        assertGt(owed(0), 0);
        assertGt(owed(1), 0);
        assertGt(owed(2), 0);
    }

    function test_without_a_verifier_what_was_checked_is_paid() public {
        drawForProofs();
        submit(0, proven(0));
        stop();
        vm.warp(block.timestamp + 1 days + 1);
        rounds.abandon(round);
        assertEq(obligations(COORDINATOR), 0);
        rounds.settle(round, members, new IRounds.Delivery[](0));
        assertGt(owed(0), 0);
        assertEq(owed(1), 0);
    }

    function test_without_a_verifier_a_proposal_is_settled() public {
        submitAll();
        propose(round, members, deliveries);
        stop();
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongStatus.selector, round, IRounds.Status.Proposed)
        );
        rounds.abandon(round);
        passWindow(round);
        rounds.settle(round, members, deliveries);
        assertGt(owed(0), 0);
    }
}

/// @notice Demands in an optimistic domain that are answered with proofs.
contract RoundsAnswerTest is RoundsWithProofs {
    IRounds.Delivery[] private deliveries;
    address private challenger = makeAddr("challenger");
    address private answerer = makeAddr("answerer");

    function setUp() public override {
        super.setUp();
        start(true);
        drawForProofs();
        for (uint256 i = 0; i < 3; ++i) {
            Proven memory p = proven(i);
            deliveries.push(IRounds.Delivery(p.update, submissionHash(i, p)));
        }
    }

    function demand(uint256 index) private {
        demandFor(challenger, round, members, deliveries, index);
    }

    function answer(uint256 index, Proven memory p) private {
        bytes32[] memory path = memberPath(members, index);
        vm.prank(answerer);
        demands.answer(round, members[index], path, p.statement, p.proof);
    }

    function refuse(uint256 index, Proven memory p, bytes memory reason) private {
        bytes32[] memory path = memberPath(members, index);
        vm.expectRevert(reason);
        demands.answer(round, members[index], path, p.statement, p.proof);
    }

    function test_answering() public {
        propose(round, members, deliveries);
        demand(1);
        uint256 bond = demands.price(round);
        address account = members[1].account;
        vm.expectEmit(address(demands));
        emit IDemands.Answered(round, account, answerer);
        answer(1, proven(1));
        assertEq(demands.demandOf(round, account).answeredBy, answerer);
        assertEq(demands.openOf(round), 0);

        bytes memory reason = abi.encodeWithSelector(IDemands.NotDemanded.selector, round, account);
        refuse(1, proven(1), reason);
        bytes32[] memory path = deliveryPath(members, deliveries, 1);
        vm.expectRevert(abi.encodeWithSelector(IDemands.AlreadyDemanded.selector, round, account));
        demands.demand{value: 1 ether}(round, members[1], deliveries[1], path);
        passWindow(round);
        reason = abi.encodeWithSelector(IDemands.NothingToCollect.selector, round, account);
        vm.expectRevert(reason);
        demands.collect(round, account);
        rounds.settle(round, members, deliveries);
        demands.collect(round, account);
        assertEq(answerer.balance, bond);
        assertEq(address(demands).balance, 0);
        vm.expectRevert(reason);
        demands.collect(round, account);
    }

    function test_an_answer_is_in_time() public {
        propose(round, members, deliveries);
        vm.warp(rounds.get(round).challengeEnd);
        demand(0);
        uint64 until = demands.demandOf(round, members[0].account).until;
        vm.warp(until + 1);
        refuse(0, proven(0), abi.encodeWithSelector(IRounds.TooLate.selector, until, until + 1));
        vm.warp(until);
        answer(0, proven(0));
        rounds.settle(round, members, deliveries);
    }

    function test_an_answer_is_what_was_demanded() public {
        propose(round, members, deliveries);
        demand(0);
        refuse(
            1,
            proven(1),
            abi.encodeWithSelector(IDemands.NotDemanded.selector, round, members[1].account)
        );
        refuse(
            0,
            again(0),
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[0].account)
        );
        vm.expectPartialRevert(IRounds.WrongClaim.selector);
        answer(0, provenAt(".otherWindow"));
        vm.expectPartialRevert(IRounds.WrongClaim.selector);
        answer(0, provenAt(".otherContract"));
        vm.expectPartialRevert(IRounds.WrongClaim.selector);
        answer(0, provenAt(".otherDomain"));
        Proven memory p = proven(0);
        p.proof = flipped(p.proof, 5, 1);
        vm.expectRevert();
        answer(0, p);
        members[0].windows += 1;
        refuse(
            0,
            proven(0),
            abi.encodeWithSelector(IRounds.NotInRound.selector, round, members[0].account)
        );
    }

    /// @dev The submission is right, but the delivery claims another update for it.
    function test_an_update_that_was_not_proven_cannot_be_answered_for() public {
        deliveries[0].update = deliveries[1].update;
        propose(round, members, deliveries);
        demand(0);
        refuse(
            0,
            proven(0),
            abi.encodeWithSelector(IRounds.WrongDelivery.selector, round, members[0].account)
        );
    }

    function test_answers_are_for_proposed_rounds() public {
        refuse(
            0,
            proven(0),
            abi.encodeWithSelector(IRounds.WrongStatus.selector, round, IRounds.Status.Open)
        );
    }

    function test_nobody_is_stuck_without_a_verifier() public {
        propose(round, members, deliveries);
        demand(0);
        stop();
        refuse(
            0,
            proven(0),
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId)
        );
        vm.warp(block.timestamp + 1 days + 1);
        rounds.abandon(round);
        demands.collect(round, members[0].account);
        assertGt(challenger.balance, 0);
    }
}
