// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {ProofBounty} from "../src/examples/ProofBounty.sol";
import {VersionBounty} from "../src/examples/VersionBounty.sol";
import {EvidenceBase} from "./EvidenceBase.sol";
import {Paths} from "./Paths.sol";
import {Proven} from "./SlashingBase.sol";

/// @notice A sponsor that pays for versions which rounds have settled.
contract VersionBountyTest is EvidenceBase {
    uint128 private constant REWARD = 65_536e18;
    address private _sponsor = makeAddr("sponsor");
    VersionBounty private _bounty;
    IRounds.Batch private _batch;
    uint64 private _settledAt;

    function setUp() public override {
        super.setUp();
        VersionBounty.Terms memory terms = VersionBounty.Terms({
            domain: domain,
            first: 1,
            last: 1,
            reward: REWARD,
            delay: 2 * DAY,
            expiry: uint64(block.timestamp) + 30 * DAY
        });
        _bounty = new VersionBounty(_sponsor, token, registry, rounds, reputation, terms);
        token.transfer(address(_bounty), REWARD);
    }

    function _settle() private {
        _batch = _proposeHonestly();
        vm.warp(rounds.get(round).challengeEnd + 1);
        rounds.settle(round, members, _deliveries());
        _settledAt = uint64(block.timestamp);
    }

    function _claim(uint64 version, uint256 index) private {
        IRounds.Delivery[] memory deliveries = _deliveries();
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), index);
        IRounds.Member memory member = members[index];
        _bounty.claim(version, member.account, member.weight, deliveries[index], _batch, path);
    }

    function test_pays_members_of_a_settled_version_by_weight() public {
        _settle();
        vm.warp(_settledAt + 2 * DAY);
        uint256 paid = 0;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 before = token.balanceOf(members[i].account);
            vm.expectEmit(address(_bounty));
            emit VersionBounty.Paid(1, members[i].account, uint256(members[i].weight) * 1e18);
            _claim(1, i);
            uint256 amount = token.balanceOf(members[i].account) - before;
            assertEq(amount, uint256(members[i].weight) * 1e18);
            paid += amount;
        }
        assertEq(paid, REWARD);
    }

    function test_pays_nobody_twice() public {
        _settle();
        vm.warp(_settledAt + 2 * DAY);
        _claim(1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(VersionBounty.AlreadyPaid.selector, 1, members[0].account)
        );
        _claim(1, 0);
    }

    function test_pays_nothing_before_the_round_is_settled() public {
        _batch = _proposeHonestly();
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownVersion.selector, domain, 1));
        _claim(1, 0);
        vm.warp(rounds.get(round).challengeEnd + 10 * DAY);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownVersion.selector, domain, 1));
        _claim(1, 0);
    }

    function test_pays_nothing_before_its_own_delay_is_over() public {
        _settle();
        vm.warp(_settledAt + 2 * DAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                VersionBounty.TooEarly.selector, _settledAt + 2 * DAY, block.timestamp
            )
        );
        _claim(1, 0);
    }

    function test_pays_nobody_who_was_slashed_in_between() public {
        _settle();
        // The valid proof was paid; a second one, kept for another buyer, comes to light.
        IRounds.Submission memory first = _submission(0, _proven(0));
        IRounds.Submission memory second = _submission(0, _again(0));
        _bringCall(_equivocation(first, second, 0));
        vm.warp(_settledAt + 2 * DAY);
        vm.expectRevert(
            abi.encodeWithSelector(VersionBounty.WasSlashed.selector, members[0].account)
        );
        _claim(1, 0);
        _claim(1, 1);
    }

    function test_pays_only_what_it_sponsors() public {
        _settle();
        vm.warp(_settledAt + 2 * DAY);
        vm.expectRevert(abi.encodeWithSelector(VersionBounty.NotSponsored.selector, 0));
        _claim(0, 0);
        vm.expectRevert(abi.encodeWithSelector(VersionBounty.NotSponsored.selector, 2));
        _claim(2, 0);
    }

    function test_pays_only_what_was_delivered() public {
        IRounds.Delivery[] memory deliveries = _deliveries();
        delete deliveries[1];
        _batch = _propose(deliveries, "sum");
        vm.warp(rounds.get(round).challengeEnd + 1);
        rounds.settle(round, members, deliveries);
        vm.warp(block.timestamp + 2 * DAY);
        IRounds.Member memory member = members[1];
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), 1);
        bytes memory reason =
            abi.encodeWithSelector(VersionBounty.NotSettled.selector, 1, member.account);
        vm.expectRevert(reason);
        _bounty.claim(1, member.account, member.weight, deliveries[1], _batch, path);
        // Not even if it is said to have delivered, or to weigh more, or in another batch.
        vm.expectRevert(reason);
        _bounty.claim(1, member.account, member.weight, _deliveries()[1], _batch, path);
        member = members[0];
        path = Paths.path(_deliveryLeaves(deliveries), 0);
        reason = abi.encodeWithSelector(VersionBounty.NotSettled.selector, 1, member.account);
        vm.expectRevert(reason);
        _bounty.claim(1, member.account, member.weight + 1, deliveries[0], _batch, path);
        IRounds.Batch memory other = _batch;
        other.model = "another";
        vm.expectRevert(reason);
        _bounty.claim(1, member.account, member.weight, deliveries[0], other, path);
        _bounty.claim(1, member.account, member.weight, deliveries[0], _batch, path);
    }

    function test_returns_what_is_left() public {
        vm.expectRevert(abi.encodeWithSelector(VersionBounty.Unauthorized.selector, address(this)));
        _bounty.reclaim();
        vm.startPrank(_sponsor);
        vm.expectPartialRevert(VersionBounty.TooEarly.selector);
        _bounty.reclaim();
        vm.warp(block.timestamp + 30 * DAY);
        vm.expectEmit(address(_bounty));
        emit VersionBounty.Reclaimed(REWARD);
        _bounty.reclaim();
        assertEq(token.balanceOf(_sponsor), REWARD);
    }
}

/// @notice A sponsor that checks a proof itself.
contract ProofBountyTest is EvidenceBase {
    uint128 private constant AMOUNT = 5e18;
    address private _sponsor = makeAddr("sponsor");

    /// @dev What the first member has proven.
    function _terms() private view returns (ProofBounty.Terms memory) {
        return ProofBounty.Terms({
            verifier: verifierId,
            key: vm.parseJsonBytes32(file, ".keyHash"),
            round: round,
            prover: members[0].account,
            dataset: members[0].dataset,
            windows: members[0].windows,
            window: uint64(vm.parseJsonUint(file, ".members[0].window")),
            model: vm.parseJsonBytes32(file, ".model"),
            state: vm.parseJsonBytes32(file, ".zeroState"),
            amount: AMOUNT,
            expiry: uint64(block.timestamp) + DAY
        });
    }

    /// @dev Where the fixture's proof for a bounty says that it is.
    function _bountyOf(ProofBounty.Terms memory terms) private returns (ProofBounty bounty) {
        bounty = ProofBounty(vm.parseJsonAddress(file, ".bounty"));
        bytes memory arguments = abi.encode(_sponsor, token, router, terms);
        deployCodeTo("ProofBounty.sol:ProofBounty", arguments, address(bounty));
        token.transfer(address(bounty), AMOUNT);
    }

    /// @dev What the first member has proven for the bounty.
    function _forBounty() private view returns (Proven memory) {
        return _provenAt(".forBounty");
    }

    function test_pays_the_prover_for_the_proof() public {
        ProofBounty bounty = _bountyOf(_terms());
        Proven memory proven = _forBounty();
        // Another account relays it.
        vm.prank(challenger);
        vm.expectEmit(address(bounty));
        emit ProofBounty.Proven(members[0].account, proven.update);
        bounty.redeem(proven.statement, proven.proof);
        assertEq(token.balanceOf(members[0].account), AMOUNT);
        assertEq(bounty.update(), proven.update);
        vm.expectRevert(abi.encodeWithSelector(ProofBounty.AlreadyProven.selector, proven.update));
        bounty.redeem(proven.statement, proven.proof);
    }

    function test_everything_is_pinned() public {
        ProofBounty.Terms memory terms = _terms();
        terms.round += 1;
        _refuse(terms, 4);
        terms = _terms();
        terms.prover = challenger;
        _refuse(terms, 5);
        terms = _terms();
        terms.dataset = "another";
        _refuse(terms, 8);
        terms = _terms();
        terms.windows += 1;
        _refuse(terms, 9);
        terms = _terms();
        terms.window += 1;
        _refuse(terms, 10);
        terms = _terms();
        terms.model = "another";
        _refuse(terms, 11);
        terms = _terms();
        terms.state = "another";
        _refuse(terms, 12);
    }

    function test_a_proof_for_a_round_or_a_domain_is_none_for_the_bounty() public {
        _refuse(_terms(), _proven(0), 2);
        _refuse(_terms(), _provenAt(".otherContract"), 3);
    }

    function _refuse(ProofBounty.Terms memory terms, uint256 field) private {
        _refuse(terms, _forBounty(), field);
    }

    function _refuse(ProofBounty.Terms memory terms, Proven memory proven, uint256 field) private {
        ProofBounty bounty = _bountyOf(terms);
        vm.expectRevert(abi.encodeWithSelector(ProofBounty.WrongClaim.selector, field));
        bounty.redeem(proven.statement, proven.proof);
    }

    function test_a_proof_for_another_key_or_none_is_refused() public {
        ProofBounty.Terms memory terms = _terms();
        terms.key = load("plain_halo2").keyHash;
        ProofBounty bounty = _bountyOf(terms);
        Proven memory proven = _forBounty();
        vm.expectRevert();
        bounty.redeem(proven.statement, proven.proof);
        bounty = _bountyOf(_terms());
        proven.proof = flipped(proven.proof, proven.proof.length - 1, 1);
        vm.expectRevert();
        bounty.redeem(proven.statement, proven.proof);
        vm.prank(guardian);
        router.stop(verifierId);
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId)
        );
        bounty.redeem(proven.statement, proven.proof);
    }

    function test_returns_the_money_after_expiry() public {
        ProofBounty bounty = _bountyOf(_terms());
        vm.expectRevert(abi.encodeWithSelector(ProofBounty.Unauthorized.selector, address(this)));
        bounty.reclaim();
        vm.startPrank(_sponsor);
        vm.expectPartialRevert(ProofBounty.TooEarly.selector);
        bounty.reclaim();
        vm.warp(block.timestamp + DAY);
        bounty.reclaim();
        assertEq(token.balanceOf(_sponsor), AMOUNT);
    }
}
