// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IReputation} from "../src/interfaces/IReputation.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @notice Who is a member, and until when.
contract RoundsMembersTest is RoundsBase {
    uint64 private constant LONGEST = 16 days;
    address private a;

    function setUp() public override {
        super.setUp();
        begin(2);
        a = accounts[0];
    }

    function test_joining() public {
        address b = makeAddr("b");
        endow(b, STAKE);
        vm.startPrank(b);
        stakes.stake(STAKE);
        vm.expectEmit(address(rounds));
        emit IRounds.Joined(domain, b, "data", 7);
        rounds.join(domain, "data", 7);
        IRounds.Membership memory joined = rounds.membership(domain, b);
        assertEq(joined.dataset, "data");
        assertEq(joined.windows, 7);
        assertEq(joined.bond, TRAINER_BOND);
        assertEq(joined.leavesAt, 0);
        assertEq(obligations(b), TRAINER_BOND);
        assertEq(reputation.standing(domain, b).score, reputation.SCORE_FIRST());
    }

    function test_joining_needs_a_dataset() public {
        vm.expectRevert(IRounds.EmptyDataset.selector);
        rounds.join(domain, 0, 1);
    }

    function test_joining_needs_as_many_windows_as_the_domain_says() public {
        IDomainRegistry.Config memory config = configOf(key, COORDINATOR);
        config.minWindows = 8;
        uint64 other = openDomain(config);
        vm.startPrank(a);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooFewWindows.selector, 8, 7));
        rounds.join(other, "data", 7);
        rounds.join(other, "data", 8);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooFewWindows.selector, 1, 0));
        rounds.join(domain, "data", 0);
    }

    function test_a_slashed_members_dataset_is_nobodys() public {
        bytes32 dataset = rounds.membership(domain, a).dataset;
        slashMember(openRound(), a);
        address c = makeAddr("c");
        endow(c, STAKE);
        vm.startPrank(c);
        stakes.stake(STAKE);
        vm.expectRevert(abi.encodeWithSelector(IRounds.DatasetTaken.selector, domain, dataset, a));
        rounds.join(domain, dataset, 5);
    }

    function test_joining_once() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyMember.selector, domain, a));
        vm.prank(a);
        rounds.join(domain, "other data", 1);
    }

    function test_joining_needs_an_open_domain() public {
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, 99));
        rounds.join(99, "data", 1);
        vm.prank(OWNER);
        registry.close(domain);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, domain));
        rounds.join(domain, "data", 1);
    }

    function test_joining_needs_stake() public {
        address b = makeAddr("b");
        endow(b, STAKE);
        vm.startPrank(b);
        stakes.stake(TRAINER_BOND - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeManager.NotCovered.selector, b, TRAINER_BOND - 1, TRAINER_BOND
            )
        );
        rounds.join(domain, "data", 1);
        stakes.stake(1);
        rounds.join(domain, "data", 1);
    }

    function test_one_stake_does_not_cover_two_memberships() public {
        uint64 other = openDomain(configOf(key, COORDINATOR));
        address b = makeAddr("b");
        endow(b, STAKE);
        vm.startPrank(b);
        stakes.stake(2 * TRAINER_BOND - 1);
        rounds.join(domain, "data", 1);
        vm.expectPartialRevert(IStakeManager.NotCovered.selector);
        rounds.join(other, "data", 1);
    }

    function test_leaving() public {
        vm.startPrank(a);
        vm.expectRevert(abi.encodeWithSelector(IRounds.StillInRounds.selector, domain, a, 0));
        rounds.exit(domain);
        uint64 leavesAt = uint64(block.timestamp) + LONGEST;
        vm.expectEmit(address(rounds));
        emit IRounds.Leaving(domain, a, leavesAt);
        rounds.resign(domain);
        bytes memory reason =
            abi.encodeWithSelector(IRounds.StillInRounds.selector, domain, a, leavesAt);
        vm.expectRevert(reason);
        rounds.resign(domain);
        vm.warp(leavesAt - 1);
        vm.expectRevert(reason);
        rounds.exit(domain);
        vm.warp(leavesAt);
        vm.expectEmit(address(rounds));
        emit IRounds.Exited(domain, a);
        rounds.exit(domain);
        assertEq(rounds.membership(domain, a).windows, 0);
        assertEq(obligations(a), 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, domain, a));
        rounds.exit(domain);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, domain, a));
        rounds.resign(domain);
    }

    function test_whoever_comes_back_has_the_same_standing() public {
        uint64 round = openAndDraw();
        IRounds.Member[] memory members = membersNow();
        propose(round, members, allDelivered());
        passWindow(round);
        rounds.settle(round, members, allDelivered());
        uint32 score = reputation.standing(domain, a).score;
        vm.startPrank(a);
        rounds.resign(domain);
        vm.warp(block.timestamp + LONGEST);
        rounds.exit(domain);
        rounds.join(domain, "new data", 3);
        assertEq(reputation.standing(domain, a).score, score);
        assertEq(rounds.membership(domain, a).dataset, "new data");
    }

    function test_nobody_can_leave_while_a_round_can_be_under_way() public view {
        uint64 longest = rounds.MAX_DURATION() + rounds.PROPOSE_WINDOW() + registry.MAX_CHALLENGE()
            + demands.ANSWER_WINDOW();
        assertEq(longest, LONGEST);
        assertGe(stakes.UNBONDING_DELAY(), longest);
        assertEq(rounds.MAX_MEMBERS(), registry.MAX_MEMBERS());
    }

    function test_a_slash_ends_a_membership_for_good() public {
        uint64 round = openRound();
        uint256 before = stakes.stakeOf(a, a);
        vm.expectEmit(address(rounds));
        emit IRounds.MemberSlashed(round, a, address(this), "test");
        slashMember(round, a);
        assertEq(before - stakes.stakeOf(a, a), TRAINER_BOND);
        assertEq(obligations(a), 0);
        assertEq(rounds.membership(domain, a).windows, 0);
        assertTrue(reputation.standing(domain, a).slashed);
        assertGt(token.balanceOf(address(this)), 0, "bounty");

        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, domain, a));
        slashMember(round, a);
        vm.startPrank(a);
        vm.expectRevert(abi.encodeWithSelector(IReputation.WasSlashed.selector, domain, a));
        rounds.join(domain, "data", 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotMember.selector, domain, a));
        rounds.exit(domain);
    }

    function test_only_the_slashing_contract_slashes() public {
        uint64 round = openRound();
        bytes memory reason = abi.encodeWithSelector(IRounds.Unauthorized.selector, address(this));
        vm.expectRevert(reason);
        rounds.slashMember(round, a, address(this), "test");
        vm.expectRevert(reason);
        rounds.slashCoordinator(round, address(this), "test");
    }

    function test_slashes_are_about_rounds() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 1));
        slashMember(1, a);
        vm.expectRevert(abi.encodeWithSelector(IRounds.UnknownRound.selector, 1));
        slashCoordinator(1);
    }

    function test_a_resigned_member_is_slashed_until_it_has_left() public {
        uint64 round = openRound();
        vm.startPrank(a);
        rounds.resign(domain);
        uint256 ticket = stakes.unbond(a, stakes.sharesOf(a, a));
        vm.stopPrank();
        vm.warp(block.timestamp + LONGEST);
        slashMember(round, a);
        assertEq(stakes.worthOf(ticket), STAKE - TRAINER_BOND);
    }
}
