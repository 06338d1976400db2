// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IReputation} from "../src/interfaces/IReputation.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice Opening and drawing.
contract RoundsOpenTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    function refuse(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET, accounts);
    }

    function test_opening() public {
        IRounds.Member[] memory members = membersNow();
        uint64 number = rounds.current(domain);
        assertEq(number, 0);
        bytes32 name = keccak256(abi.encode(block.chainid, address(rounds)));
        number = (uint64(bytes8(name)) & 0xffffffff00000000) | 1;
        vm.expectEmit(address(rounds));
        emit IRounds.RoundOpened(
            number,
            domain,
            COORDINATOR,
            keccak256("genesis"),
            uint64(block.timestamp) + DURATION,
            BUDGET,
            members
        );
        uint64 round = openRound();
        assertEq(round, number);
        assertEq(rounds.current(domain), round);
        IRounds.Round memory state = rounds.get(round);
        assertEq(state.domain, domain);
        assertEq(state.coordinator, COORDINATOR);
        assertEq(uint256(state.status), uint256(IRounds.Status.Open));
        assertTrue(state.optimistic);
        assertFalse(state.paid);
        assertEq(state.openedAt, block.number);
        assertEq(state.deadline, block.timestamp + DURATION);
        assertEq(state.count, 3);
        assertEq(state.budget, BUDGET);
        assertEq(state.bond, COORDINATOR_BOND);
        assertEq(state.members, Merkle.root(leavesOf(members)));
        assertEq(state.parent, keccak256("genesis"));
        assertEq(state.nonce, 0);
        assertEq(state.batch, 0);
        assertEq(obligations(COORDINATOR), COORDINATOR_BOND);
        assertEq(escrow.reserved(domain), BUDGET);
        for (uint256 i = 0; i < 3; ++i) {
            rounds.requireMember(round, members[i], memberPath(members, i));
        }
    }

    function test_a_member_is_what_it_was_when_the_round_opened() public {
        uint64 round = openRound();
        IRounds.Member[] memory members = membersNow();
        bytes32[] memory path = memberPath(members, 0);
        bytes memory reason =
            abi.encodeWithSelector(IRounds.NotInRound.selector, round, members[0].account);
        members[0].weight += 1;
        vm.expectRevert(reason);
        rounds.requireMember(round, members[0], path);
        members[0].weight -= 1;
        members[0].windows += 1;
        vm.expectRevert(reason);
        rounds.requireMember(round, members[0], path);
        members[0].windows -= 1;
        members[0].dataset = "other";
        vm.expectRevert(reason);
        rounds.requireMember(round, members[0], path);
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 1));
        rounds.requireMember(1, members[0], path);
    }

    function test_only_the_coordinator_opens() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.Unauthorized.selector, OWNER));
        vm.prank(OWNER);
        rounds.open(domain, DURATION, BUDGET, accounts);
    }

    function test_one_round_at_a_time() public {
        uint64 round = openRound();
        refuse(abi.encodeWithSelector(IRounds.RoundUnderWay.selector, domain, round));
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.RoundUnderWay.selector, domain));
        vm.prank(OWNER);
        registry.close(domain);
    }

    function test_domains_have_rounds_of_their_own() public {
        uint64 round = openRound();
        uint64 other = openDomain(configOf(key, COORDINATOR));
        delete accounts;
        address account = makeAddr("member 0");
        vm.prank(account);
        rounds.join(other, "data", 5);
        accounts.push(account);
        domain = other;
        assertEq(openRound(), round + 1);
        assertEq(obligations(COORDINATOR), 2 * COORDINATOR_BOND);
        assertEq(obligations(account), 2 * TRAINER_BOND);
    }

    function test_opening_needs_an_open_domain() public {
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, 99));
        rounds.open(99, DURATION, BUDGET, accounts);
        vm.prank(OWNER);
        registry.close(domain);
        refuse(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, domain));
    }

    function test_durations_are_bounded() public {
        vm.startPrank(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadDuration.selector, 59, 60, 7 days));
        rounds.open(domain, 59, BUDGET, accounts);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.BadDuration.selector, 7 days + 1, 60, 7 days)
        );
        rounds.open(domain, 7 days + 1, BUDGET, accounts);
        uint256 state = vm.snapshotState();
        rounds.open(domain, 60, BUDGET, accounts);
        vm.revertToState(state);
        rounds.open(domain, 7 days, BUDGET, accounts);
    }

    function test_member_counts_are_bounded() public {
        accounts = new address[](257);
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 257, 1, 256));
        accounts = new address[](0);
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 0, 1, 256));
    }

    function test_members_are_eligible() public {
        bytes memory reason =
            abi.encodeWithSelector(IRounds.NotEligible.selector, domain, accounts[1]);
        uint256 state = vm.snapshotState();
        vm.prank(accounts[1]);
        rounds.resign(domain);
        refuse(reason);

        vm.revertToState(state);
        vm.prank(accounts[1]);
        stakes.unbond(accounts[1], STAKE - TRAINER_BOND + 1);
        refuse(reason);

        vm.revertToState(state);
        accounts[1] = address(uint160(accounts[0]) + 1);
        refuse(abi.encodeWithSelector(IRounds.NotEligible.selector, domain, accounts[1]));
    }

    function test_members_are_named_once() public {
        (accounts[0], accounts[1]) = (accounts[1], accounts[0]);
        refuse(abi.encodeWithSelector(IReputation.NotAscending.selector, 1));
        accounts[0] = accounts[1];
        refuse(abi.encodeWithSelector(IReputation.NotAscending.selector, 1));
    }

    function test_the_coordinator_is_covered() public {
        vm.prank(COORDINATOR);
        stakes.unbond(COORDINATOR, STAKE - COORDINATOR_BOND + 1);
        refuse(
            abi.encodeWithSelector(
                IStakeManager.NotCovered.selector,
                COORDINATOR,
                COORDINATOR_BOND - 1,
                COORDINATOR_BOND
            )
        );
    }

    function test_the_budget_is_there() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrow.NotEnoughFunds.selector, domain, 10 * BUDGET, 10 * BUDGET + 1
            )
        );
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, 10 * BUDGET + 1, accounts);
    }

    function test_no_round_without_a_verifier() public {
        stop();
        refuse(abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId));
    }

    function test_a_new_coordinator_opens_the_next_round() public {
        address next = makeAddr("next");
        uint64 round = openAndDraw();
        vm.prank(OWNER);
        registry.setCoordinator(domain, next);
        IRounds.Member[] memory members = membersNow();
        propose(round, members, allDelivered());
        assertEq(rounds.get(round).coordinator, COORDINATOR);
    }

    function test_drawing() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotDrawn.selector, round));
        rounds.windowOf(round, accounts[0], 5);
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, target + 1, target));
        rounds.draw(round);
        vm.roll(target + 1);
        bytes32 nonce = keccak256(abi.encode(blockhash(target), round, address(rounds)));
        vm.expectEmit(address(rounds));
        emit IRounds.Drawn(round, nonce);
        rounds.draw(round);
        assertEq(rounds.get(round).nonce, nonce);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyDrawn.selector, round));
        rounds.draw(round);
    }

    function test_a_hash_is_there_for_256_blocks() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        vm.roll(target + 257);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.TooLate.selector, target + 256, target + 257)
        );
        rounds.draw(round);
        vm.roll(target + 256);
        rounds.draw(round);
        assertNotEq(blockhash(target), 0);
    }

    function test_only_open_rounds_are_drawn() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 1));
        rounds.draw(1);
        uint64 round = openRound();
        slashCoordinator(round);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongStatus.selector, round, IRounds.Status.Void)
        );
        rounds.draw(round);
    }

    function testFuzz_windows(address account, uint64 windows) public {
        uint64 round = openAndDraw();
        vm.expectRevert(IRounds.EmptyDataset.selector);
        rounds.windowOf(round, account, 0);
        vm.assume(windows > 0);
        bytes32 hash = keccak256(abi.encode(rounds.get(round).nonce, account));
        assertEq(rounds.windowOf(round, account, windows), uint256(hash) % windows);
    }

    function test_unknown_rounds() public {
        bytes memory reason = abi.encodeWithSelector(IRounds.UnknownRound.selector, 5);
        vm.expectRevert(reason);
        rounds.get(5);
        vm.expectRevert(reason);
        rounds.windowOf(5, address(this), 1);
    }

    function test_digests_are_those_of_eip_712() public view {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("zktrain"),
                keccak256("1"),
                block.chainid,
                address(rounds)
            )
        );
        IRounds.Batch memory batch = IRounds.Batch(1, "root", "aggregate", "model");
        bytes32 typehash =
            keccak256("Batch(uint64 round,bytes32 root,bytes32 aggregate,bytes32 model)");
        bytes32 hash = keccak256(abi.encode(typehash, batch));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", separator, hash));
        assertEq(rounds.batchDigest(batch), digest);

        IRounds.Submission memory s =
            IRounds.Submission(1, address(this), "statement", "proof", "update");
        typehash = keccak256(
            "Submission(uint64 round,address member,bytes32 statement,bytes32 proof,bytes32 update)"
        );
        hash = keccak256(abi.encode(typehash, s));
        digest = keccak256(abi.encodePacked(hex"1901", separator, hash));
        assertEq(rounds.submissionDigest(s), digest);
    }
}
