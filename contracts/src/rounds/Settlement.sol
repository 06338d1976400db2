// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";
import {Deliveries} from "../libraries/Deliveries.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Payments} from "../libraries/Payments.sol";
import {Times} from "../libraries/Times.sol";
import {Memberships} from "./Memberships.sol";

/// @title How rounds end
abstract contract Settlement is Memberships {
    /// @dev What a settlement comes to. The first `count` entries are members'.
    struct Outcome {
        IEscrow.Payment[] payments;
        uint256 paid;
        uint256 burned;
        address[] accounts;
        bool[] delivered;
        uint256 count;
        uint256 pool;
    }

    /// @inheritdoc IRounds
    function settle(uint64 round, Member[] calldata members, Delivery[] calldata deliveries)
        external
    {
        Round storage state = _known(round);
        if (state.paid) revert AlreadyPaid(round);
        _requireMembers(round, members);
        IDomainRegistry.Terms memory terms = REGISTRY.termsOf(state.domain);
        if (state.status == Status.Void) {
            if (deliveries.length != 0) revert WrongList(round);
            _settleVoid(round, state, terms.coordinatorShare, members);
        } else {
            _requireFinal(round, state, terms.verifier, members, deliveries);
            state.status = Status.Settled;
            _settleProposed(round, state, terms.coordinatorShare, members, deliveries);
            STAKES.release(state.coordinator, state.bond);
        }
    }

    /// @inheritdoc IRounds
    function slashCoordinator(uint64 round, address challenger, bytes32 reason)
        external
        onlySlashing
    {
        Round storage state = _known(round);
        if (state.status == Status.Proposed) {
            if (block.timestamp > state.challengeEnd && !_isPending(round, state)) {
                revert TooLate(state.challengeEnd, block.timestamp);
            }
        } else if (state.status != Status.Open) {
            revert WrongStatus(round, state.status);
        }
        address coordinator = state.coordinator;
        _void(round, state, reason);
        REPUTATION.bar(state.domain, coordinator);
        // slither-disable-next-line unused-return
        STAKES.slash(coordinator, state.bond, challenger, reason, state.burnShare, state.since);
    }

    /// @inheritdoc IRounds
    function abandon(uint64 round) external {
        Round storage state = _known(round);
        bool waiting =
            state.status == Status.Open || (state.status == Status.Proposed && state.optimistic);
        if (!waiting) revert WrongStatus(round, state.status);
        bytes32 verifier = REGISTRY.termsOf(state.domain).verifier;
        (uint64 from, uint64 until) = ROUTER.lastStop(verifier);
        // Also after a stop that has run out: meanwhile nobody could deliver, answer or challenge.
        // Not what can be settled: nothing could be said against it when the stop began.
        bool settleable = state.status == Status.Proposed && state.challengeEnd < from
            && !_isPending(round, state);
        if (state.since >= until || settleable) revert VerifierInUse(verifier);
        from += Times.GRACE;
        if (block.timestamp <= from) revert TooEarly(uint256(from) + 1, block.timestamp);
        _void(round, state, "verifier stopped");
        STAKES.release(state.coordinator, state.bond);
    }

    /// @dev Members may have work that was checked: `settle` pays for it.
    function _void(uint64 round, Round storage state, bytes32 reason) private {
        state.status = Status.Void;
        emit Voided(round, state.coordinator, reason);
        if (state.checked != 0) return;
        state.paid = true;
        current[state.domain] = 0;
        if (state.budget > 0) {
            ESCROW.share(state.domain, state.budget, new IEscrow.Payment[](0), 0);
        }
    }

    /// @dev Only optimistic rounds have demands or audits.
    function _isPending(uint64 round, Round storage state) private view returns (bool) {
        return state.optimistic && DEMANDS.isPending(round);
    }

    /// @dev Nothing can be said any more against what was proposed.
    function _requireFinal(
        uint64 round,
        Round storage state,
        bytes32 verifier,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private view {
        if (state.status != Status.Proposed) {
            revert WrongStatus(round, state.status);
        }
        if (block.timestamp <= state.challengeEnd) {
            revert TooEarly(uint256(state.challengeEnd) + 1, block.timestamp);
        }
        if (_isPending(round, state)) revert StillPending(round);
        if (state.optimistic) _requireChallengeable(state, verifier);
        bool same = deliveries.length == members.length
            && Merkle.root(Merkle.leaves(members, deliveries)) == _proposals[round].root;
        if (!same) revert WrongList(round);
    }

    /// @dev Nobody could have challenged proofs during a stop. One that began when the window was over
    /// came too late to matter.
    function _requireChallengeable(Round storage state, bytes32 verifier) private view {
        (uint64 from, uint64 until) = ROUTER.lastStop(verifier);
        if (state.since < until && from <= state.challengeEnd) {
            revert IVerifierRouter.VerifierIsStopped(verifier);
        }
    }

    /// @dev Without a sum the coordinator gets nothing, and nobody's reputation falls: who delivered
    /// nothing may have had no part in it.
    function _settleProposed(
        uint64 round,
        Round storage state,
        uint16 share,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private {
        Proposal memory proposal = _proposals[round];
        bool sum = proposal.aggregate != 0;
        (uint256 most, uint256 pool) = Payments.split(state.budget, share);
        Outcome memory outcome = _outcome(members.length, pool);
        uint256 weight = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            if (deliveries[i].update != 0) _pay(outcome, state, members[i]);
            else if (sum) _note(outcome, members[i].account, false);
            if (Deliveries.isSummed(deliveries[i])) weight += members[i].weight;
        }
        if (sum) {
            uint256 pay = Payments.coordinator(most, weight);
            outcome.payments[members.length] = _payment(state.coordinator, pay);
            outcome.paid += pay;
        }
        _finish(round, state, outcome, proposal.model);
        if (sum) REGISTRY.advance(state.domain, round, proposal.model, proposal.aggregate);
    }

    /// @dev The coordinator gets nothing. Who had delivered nothing may have had no time to.
    function _settleVoid(uint64 round, Round storage state, uint16 share, Member[] calldata members)
        private
    {
        // slither-disable-next-line unused-return
        (, uint256 pool) = Payments.split(state.budget, share);
        Outcome memory outcome = _outcome(members.length, pool);
        for (uint256 i = 0; i < members.length; ++i) {
            if (delivered[round][members[i].account] != 0) _pay(outcome, state, members[i]);
        }
        _finish(round, state, outcome, 0);
    }

    /// @dev Effects, event and interactions that both have in common. Reputation that costs nobody
    /// anything would be worth nothing: rounds without a budget move none.
    function _finish(uint64 round, Round storage state, Outcome memory outcome, bytes32 model)
        private
    {
        uint64 domain = state.domain;
        state.paid = true;
        current[domain] = 0;
        emit Settled(round, outcome.paid, model);
        if (state.budget == 0) return;
        _truncate(outcome);
        REPUTATION.settle(domain, outcome.accounts, outcome.delivered);
        ESCROW.share(domain, state.budget, outcome.payments, outcome.burned);
    }

    /// @dev A member that delivered; paid if it was not slashed in this or another round.
    function _pay(Outcome memory outcome, Round storage state, Member calldata member)
        private
        view
    {
        address account = member.account;
        if (!REPUTATION.standing(state.domain, account).slashed) {
            (uint256 pay, uint256 fee) =
                Payments.member(outcome.pool, member.weight, state.settlementFee);
            outcome.payments[outcome.count] = _payment(account, pay);
            outcome.paid += pay;
            outcome.burned += fee;
        }
        _note(outcome, account, true);
    }

    /// @dev Whether a member delivered, for its reputation.
    function _note(Outcome memory outcome, address account, bool delivered_) private pure {
        uint256 index = outcome.count++;
        outcome.accounts[index] = account;
        outcome.delivered[index] = delivered_;
    }

    function _outcome(uint256 members, uint256 pool) private pure returns (Outcome memory outcome) {
        outcome.payments = new IEscrow.Payment[](members + 1);
        outcome.accounts = new address[](members);
        outcome.delivered = new bool[](members);
        outcome.pool = pool;
    }

    /// @dev Keeps the members that were noted. Payments that are zero do no harm.
    function _truncate(Outcome memory outcome) private pure {
        (address[] memory accounts, bool[] memory marks) = (outcome.accounts, outcome.delivered);
        uint256 count = outcome.count;
        assembly ("memory-safe") {
            mstore(accounts, count)
            mstore(marks, count)
        }
    }

    function _payment(address account, uint256 amount)
        private
        pure
        returns (IEscrow.Payment memory)
    {
        // At most the budget, which has 128 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return IEscrow.Payment({account: account, amount: uint128(amount)});
    }
}
