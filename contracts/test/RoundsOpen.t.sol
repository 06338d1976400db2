// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IReputation} from "../src/interfaces/IReputation.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {Headers} from "./Headers.sol";
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
            100,
            5000,
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
        assertEq(state.since, block.timestamp);
        assertEq(state.deadline, block.timestamp + DURATION);
        assertEq(state.settlementFee, 100);
        assertEq(state.burnShare, 5000);
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
        vm.expectRevert(abi.encodeWithSelector(IRounds.BadDuration.selector, 599, 600, 7 days));
        rounds.open(domain, 599, BUDGET, accounts);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.BadDuration.selector, 7 days + 1, 600, 7 days)
        );
        rounds.open(domain, 7 days + 1, BUDGET, accounts);
        uint256 state = vm.snapshotState();
        rounds.open(domain, 600, BUDGET, accounts);
        vm.revertToState(state);
        rounds.open(domain, 7 days, BUDGET, accounts);
    }

    function test_member_counts_are_bounded() public {
        accounts = new address[](0);
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 0, 1, 256));
        enlist(domain, 0);
        for (uint256 i = 0; i < 257; ++i) {
            address account = address(uint160(0x10000 + i));
            accounts.push(account);
            join(domain, account, keccak256(abi.encode(account)), 5);
        }
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 257, 1, 256));
        accounts.pop();
        openRound();
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
        vm.expectPartialRevert(IStakeManager.NotCovered.selector);
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET, accounts);
    }

    function test_the_budget_is_there() public {
        vm.prank(OWNER);
        uint64 other = registry.open(configOf(key, COORDINATOR));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(other, keccak256(abi.encode(i)), 5);
        }
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotEnoughFunds.selector, other, 0, BUDGET));
        vm.prank(COORDINATOR);
        rounds.open(other, DURATION, BUDGET, accounts);
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

    function test_only_open_rounds_are_drawn() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 1));
        rounds.draw(1, "");
        uint64 round = openRound();
        slashCoordinator(round);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.WrongStatus.selector, round, IRounds.Status.Void)
        );
        rounds.draw(round, "");
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

    function test_digests_are_those_of_eip_712() public {
        uint64 round = openAndDraw();
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
        bytes32 nonce = rounds.get(round).nonce;
        IRounds.Batch memory b = IRounds.Batch(round, "root", "aggregate", "model");
        bytes32 typehash = keccak256(
            "Batch(uint64 round,bytes32 nonce,bytes32 root,bytes32 aggregate,bytes32 model)"
        );
        bytes32 hash = keccak256(abi.encode(typehash, round, nonce, b.root, b.aggregate, b.model));
        assertEq(rounds.batchDigest(b), keccak256(abi.encodePacked(hex"1901", separator, hash)));

        IRounds.Submission memory s =
            IRounds.Submission(round, address(this), "statement", "proof", "update", 7);
        typehash = keccak256(
            "Submission(uint64 round,bytes32 nonce,address member,bytes32 statement,bytes32 proof,bytes32 update,uint32 length)"
        );
        hash = keccak256(
            abi.encode(typehash, round, nonce, s.member, s.statement, s.proof, s.update, s.length)
        );
        assertEq(
            rounds.submissionDigest(s), keccak256(abi.encodePacked(hex"1901", separator, hash))
        );

        IRounds.Receipt memory r =
            IRounds.Receipt(round, address(this), "plan", "masked", "submission", 8);
        typehash = keccak256(
            "Receipt(uint64 round,bytes32 nonce,address member,bytes32 plan,bytes32 masked,bytes32 submission,uint64 time)"
        );
        hash = keccak256(
            abi.encode(typehash, round, nonce, r.member, r.plan, r.masked, r.submission, r.time)
        );
        assertEq(rounds.receiptDigest(r), keccak256(abi.encodePacked(hex"1901", separator, hash)));
    }

    /// @dev Else what is signed before the draw would be signed for every draw.
    function test_nothing_is_signed_before_the_draw() public {
        uint64 round = openRound();
        bytes memory reason = abi.encodeWithSelector(IRounds.NotDrawn.selector, round);
        vm.expectRevert(reason);
        rounds.batchDigest(IRounds.Batch(round, 0, 0, 0));
        vm.expectRevert(reason);
        rounds.submissionDigest(IRounds.Submission(round, address(0), 0, 0, 0, 0));
        vm.expectRevert(reason);
        rounds.receiptDigest(IRounds.Receipt(round, address(0), 0, 0, 0, 0));
    }
}
