// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Payments} from "../libraries/Payments.sol";
import {Demands} from "./Demands.sol";

/// @title How rounds end
abstract contract Settlement is Demands {
    /// @dev What a settlement comes to.
    struct Outcome {
        IEscrow.Payment[] payments;
        uint256 paid;
        uint256 burned;
        address[] accounts;
        bool[] delivered;
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
            _settleVoid(round, state, terms, members);
        } else {
            _requireFinal(round, state, terms.verifier, members, deliveries);
            state.status = Status.Settled;
            if (_isEmpty(deliveries)) _settleEmpty(round, state);
            else _settleProposed(round, state, terms, members, deliveries);
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
            if (block.timestamp > state.challengeEnd && state.demands == 0) {
                revert TooLate(state.challengeEnd, block.timestamp);
            }
        } else if (state.status != Status.Open) {
            revert WrongStatus(round, state.status);
        }
        _void(round, state, reason);
        // slither-disable-next-line unused-return
        STAKES.slash(state.coordinator, state.bond, challenger, reason);
    }

    /// @inheritdoc IRounds
    function abandon(uint64 round) external {
        Round storage state = _known(round);
        bool waiting =
            state.status == Status.Open || (state.status == Status.Proposed && state.optimistic);
        if (!waiting) revert WrongStatus(round, state.status);
        bytes32 verifier = REGISTRY.termsOf(state.domain).verifier;
        if (!ROUTER.isStopped(verifier)) revert VerifierInUse(verifier);
        _void(round, state, "verifier stopped");
        STAKES.release(state.coordinator, state.bond);
    }

    /// @dev Members of an eager domain may have work that was checked: `settle` pays for it.
    function _void(uint64 round, Round storage state, bytes32 reason) private {
        uint64 domain = state.domain;
        state.status = Status.Void;
        emit Voided(round, state.coordinator, reason);
        if (!state.optimistic) return;
        state.paid = true;
        current[domain] = 0;
        if (state.budget > 0) ESCROW.share(domain, state.budget, new IEscrow.Payment[](0), 0);
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
        if (state.demands != 0) revert OpenDemands(round, state.demands);
        // Nobody could have challenged proofs since then.
        if (state.optimistic && ROUTER.isStopped(verifier)) {
            revert IVerifierRouter.VerifierIsStopped(verifier);
        }
        bool same = deliveries.length == members.length
            && Merkle.root(Merkle.leaves(members, deliveries)) == _proposals[round].root;
        if (!same) revert WrongList(round);
    }

    function _settleProposed(
        uint64 round,
        Round storage state,
        IDomainRegistry.Terms memory terms,
        Member[] calldata members,
        Delivery[] calldata deliveries
    ) private {
        Outcome memory outcome = _outcome(members.length);
        (uint256 coordinator, uint256 pool) = Payments.split(state.budget, terms.coordinatorShare);
        uint16 feeRate = _feeRate(terms.token);
        for (uint256 i = 0; i < members.length; ++i) {
            outcome.accounts[i] = members[i].account;
            outcome.delivered[i] = deliveries[i].update != 0;
            if (outcome.delivered[i]) {
                _pay(outcome, i, state.domain, members[i], pool, feeRate);
            }
        }
        outcome.payments[members.length] = _payment(state.coordinator, coordinator);
        outcome.paid += coordinator;

        Proposal memory proposal = _proposals[round];
        _finish(round, state, outcome, proposal.model);
        REGISTRY.advance(state.domain, round, proposal.model, proposal.aggregate);
    }

    /// @dev Nobody delivered: nothing is paid, no reputation moves, the model stays.
    function _settleEmpty(uint64 round, Round storage state) private {
        uint64 domain = state.domain;
        state.paid = true;
        current[domain] = 0;
        emit Settled(round, 0, state.parent);
        if (state.budget > 0) ESCROW.share(domain, state.budget, new IEscrow.Payment[](0), 0);
    }

    function _isEmpty(Delivery[] calldata deliveries) private pure returns (bool) {
        for (uint256 i = 0; i < deliveries.length; ++i) {
            if (deliveries[i].update != 0) return false;
        }
        return true;
    }

    /// @dev The coordinator gets nothing. Who had delivered nothing may have had no time to.
    function _settleVoid(
        uint64 round,
        Round storage state,
        IDomainRegistry.Terms memory terms,
        Member[] calldata members
    ) private {
        Outcome memory outcome = _outcome(members.length);
        // slither-disable-next-line unused-return
        (, uint256 pool) = Payments.split(state.budget, terms.coordinatorShare);
        uint16 feeRate = _feeRate(terms.token);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            if (delivered[round][members[i].account] == 0) continue;
            outcome.accounts[count] = members[i].account;
            outcome.delivered[count] = true;
            _pay(outcome, count, state.domain, members[i], pool, feeRate);
            ++count;
        }
        _truncate(outcome, count);
        _finish(round, state, outcome, 0);
    }

    /// @dev Effects, event and interactions that both have in common.
    function _finish(uint64 round, Round storage state, Outcome memory outcome, bytes32 model)
        private
    {
        uint64 domain = state.domain;
        state.paid = true;
        current[domain] = 0;
        emit Settled(round, outcome.paid, model);
        REPUTATION.settle(domain, outcome.accounts, outcome.delivered);
        if (state.budget > 0) {
            ESCROW.share(domain, state.budget, outcome.payments, outcome.burned);
        }
    }

    /// @dev A member's payment, if it was not slashed in this or another round.
    function _pay(
        Outcome memory outcome,
        uint256 index,
        uint64 domain,
        Member calldata member,
        uint256 pool,
        uint16 feeRate
    ) private view {
        if (REPUTATION.standing(domain, member.account).slashed) return;
        (uint256 pay, uint256 fee) = Payments.member(pool, member.weight, feeRate);
        outcome.payments[index] = _payment(member.account, pay);
        outcome.paid += pay;
        outcome.burned += fee;
    }

    /// @dev Fees are burned, and only the reward token can be.
    function _feeRate(address token) private view returns (uint16) {
        return token == address(REWARD_TOKEN) ? PARAMETERS.get().settlementFee : 0;
    }

    function _outcome(uint256 members) private pure returns (Outcome memory outcome) {
        outcome.payments = new IEscrow.Payment[](members + 1);
        outcome.accounts = new address[](members);
        outcome.delivered = new bool[](members);
    }

    /// @dev Keeps the first entries. Payments that are zero do no harm.
    function _truncate(Outcome memory outcome, uint256 count) private pure {
        (address[] memory accounts, bool[] memory marks) = (outcome.accounts, outcome.delivered);
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
