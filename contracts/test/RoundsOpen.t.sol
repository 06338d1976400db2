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

    /// @dev Whoever leaves, or unbonds, in the last minute keeps nobody else from working.
    function test_who_is_not_eligible_is_left_out() public {
        address[] memory all = accounts;
        uint256 state = vm.snapshotState();
        vm.prank(all[1]);
        rounds.resign(domain);
        _openWithout(1);

        vm.revertToState(state);
        vm.prank(all[1]);
        stakes.unbond(all[1], STAKE - TRAINER_BOND + 1);
        _openWithout(1);

        vm.revertToState(state);
        accounts[1] = address(uint160(all[0]) + 1);
        _openWithout(1);
    }

    function _openWithout(uint256 index) private {
        uint64 round = openRound();
        (accounts[index], accounts[2]) = (accounts[2], accounts[index]);
        address out = accounts[2];
        accounts.pop();
        IRounds.Member[] memory members = membersNow();
        assertEq(rounds.get(round).count, 2);
        assertEq(rounds.get(round).members, Merkle.root(leavesOf(members)));
        accounts.push(out);
        (accounts[index], accounts[2]) = (accounts[2], accounts[index]);
    }

    function test_enough_are_eligible() public {
        IDomainRegistry.Config memory config = configOf(key, COORDINATOR);
        config.minMembers = 3;
        domain = openDomain(config);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            rounds.join(domain, keccak256(abi.encode(i)), 5);
        }
        vm.prank(accounts[2]);
        rounds.resign(domain);
        refuse(abi.encodeWithSelector(IRounds.BadMemberCount.selector, 2, 3, 256));
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

    function test_a_round_takes_no_more_than_the_domain_allows() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.BudgetTooHigh.selector, BUDGET, BUDGET + 1));
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, BUDGET + 1, accounts);
    }

    /// @notice Rounds of one unit, time and again, whose made-up deliveries raise friends and lower
    /// the others.
    function test_a_round_that_pays_next_to_nothing_moves_nobody() public {
        uint256 least = registry.openingOf(domain).minBudget;
        assertGt(least, 1);
        for (uint256 i = 0; i < 2; ++i) {
            uint128 budget = i == 0 ? 1 : uint128(least) - 1;
            vm.expectRevert(abi.encodeWithSelector(IRounds.BudgetTooLow.selector, least, budget));
            vm.prank(COORDINATOR);
            rounds.open(domain, DURATION, budget, accounts);
        }
        vm.prank(COORDINATOR);
        rounds.open(domain, DURATION, uint128(least), accounts);
    }

    /// @dev Where nothing can be drawn every coordinator would miss its deadline.
    function test_no_round_is_opened_on_a_chain_without_randomness() public {
        for (uint256 value = 0; value < 2; ++value) {
            vm.prevrandao(value);
            refuse(abi.encodeWithSelector(IRounds.NoRandomness.selector, block.number));
        }
        vm.prevrandao(uint256(2));
        openRound();
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
        bytes memory header = Headers.make(target, "random");
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooEarly.selector, target + 1, target));
        rounds.draw(round, header);
        vm.roll(target + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WrongHeader.selector, target));
        rounds.draw(round, header);
        vm.setBlockhash(target, keccak256(header));
        IRounds.Round memory state = rounds.get(round);
        // It is of this contract's round, and of what the round is about.
        bytes32 nonce = keccak256(
            abi.encode(
                bytes32("random"), round, address(rounds), domain, state.members, state.parent
            )
        );
        vm.expectEmit(address(rounds));
        emit IRounds.Drawn(round, nonce);
        rounds.draw(round, header);
        assertEq(rounds.get(round).nonce, nonce);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyDrawn.selector, round));
        rounds.draw(round, header);
    }

    function test_only_the_drawing_blocks_header_draws() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        bytes memory other = Headers.install(target + 1, "another block's");
        bytes memory header = Headers.install(target, "random");
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongHeader.selector, target);
        vm.expectRevert(reason);
        rounds.draw(round, other);
        vm.expectRevert(reason);
        rounds.draw(round, bytes.concat(header, hex"00"));
        vm.expectRevert(reason);
        rounds.draw(round, "");
        rounds.draw(round, header);
    }

    function test_a_hash_is_there_for_8191_blocks() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        bytes memory header = Headers.make(target, "random");
        vm.roll(target + 8192);
        Headers.remember(target, keccak256(header));
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.TooLate.selector, target + 8191, target + 8192)
        );
        rounds.draw(round, header);
        vm.roll(target + 8191);
        rounds.draw(round, header);
        assertNotEq(rounds.get(round).nonce, 0);
    }

    /// @dev Some chains have no randomness and say zero or one.
    function test_chains_without_randomness_draw_nothing() public {
        uint64 round = openRound();
        uint256 target = block.number + 2;
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory header = Headers.install(target, bytes32(i));
            vm.expectRevert(abi.encodeWithSelector(IRounds.NoRandomness.selector, target));
            rounds.draw(round, header);
        }
        draw(round, bytes32(uint256(2)));
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
