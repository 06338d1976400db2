// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {Paths} from "../Paths.sol";
import {Honest} from "./Honest.sol";
import {Contracts, Signed, Slip, Work} from "./Parties.sol";

/// @notice What the friends do: they propose what they like, have each other slashed, and bring
/// everything that anybody has ever signed as evidence, as the chain stands now.
abstract contract Crooked is Honest {
    /// @notice Pieces of evidence brought against the honest, and slashes of friends.
    uint256 public accusations;
    uint256 public slashes;

    constructor(Contracts memory all) Honest(all) {}

    /// @dev A batch of what was delivered, left out or made up. A member that has delivered on
    /// chain cannot be left out.
    function _proposeCrookedly(uint64 round, uint256 seed) internal returns (bool) {
        IRounds.Member[] memory list = _listOf[round];
        IRounds.Delivery[] memory deliveries = new IRounds.Delivery[](list.length);
        bytes32 nonce = ROUNDS.get(round).nonce;
        bool some = false;
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 choice = (seed >> (4 * i)) % 16;
            deliveries[i].update = ROUNDS.delivered(round, list[i].account);
            if (choice < 4) continue;
            if (choice == 4) deliveries[i] = IRounds.Delivery("made up", "signed by nobody");
            else deliveries[i] = _anyDelivery(nonce, list[i].account, deliveries[i]);
            some = some || deliveries[i].submission != 0;
        }
        bytes32 parent = ROUNDS.get(round).parent;
        bytes32 model = some ? keccak256(abi.encode("model", seed)) : parent;
        return _proposeSigned(_signBatch(round, deliveries, model));
    }

    /// @dev The last thing that a member has signed for a draw, or this.
    function _anyDelivery(bytes32 nonce, address member, IRounds.Delivery memory other)
        private
        view
        returns (IRounds.Delivery memory delivery)
    {
        delivery = other;
        for (uint256 i = 0; i < _works.length; ++i) {
            Work memory work = _works[i];
            bool its = work.nonce == nonce && work.submission.member == member;
            if (its) delivery = _delivery(work);
        }
    }

    /// @dev Somebody commits to evidence, and reveals it in the next block.
    function _bring(bytes memory call) internal returns (bool ok) {
        vm.prank(FRIEND);
        SLASHING.commit(keccak256(abi.encode(FRIEND, bytes32(0), keccak256(call))));
        vm.roll(block.number + 1);
        vm.prank(FRIEND);
        (ok,) = address(SLASHING).call(abi.encodeCall(SLASHING.reveal, (bytes32(0), call)));
    }

    function _meanwhile() internal virtual override {
        _bringLate(_current(0));
    }

    /// @dev What needs no evidence.
    function _bringLate(uint64 round) internal {
        if (round == 0) return;
        _callSlashing(abi.encodeCall(SLASHING.missedDeadline, (round)));
        if (DEMANDS.isPending(round)) _callSlashing(abi.encodeCall(SLASHING.unaudited, (round)));
        if (DEMANDS.openOf(round) == 0) return;
        IRounds.Member[] memory list = _listOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            _callSlashing(abi.encodeCall(SLASHING.unanswered, (round, list[i].account)));
        }
    }

    function _callSlashing(bytes memory call) private {
        vm.prank(FRIEND);
        (bool ok,) = address(SLASHING).call(call);
        if (ok) ++slashes;
    }

    /// @dev A friend signs twice, too much, or what does not hold; another friend has it slashed.
    function _sacrifice(uint64 round, address account, uint256 kind) internal {
        (IRounds.Member memory member, uint256 index) = _listed(round, account);
        if (member.account == address(0) || ROUNDS.get(round).nonce == 0) return;
        uint256 one = _prove(round, member, kind % 3);
        bytes memory call;
        if (kind % 3 == 0) call = _twice(one, _prove(round, member, 0), member, index);
        else call = _invalid(_works[one], member, index);
        if (_bring(call)) ++slashes;
    }

    /// @dev Two batches of the friends' coordinator.
    function _sacrificeBatch(uint64 round) internal {
        IRounds.Round memory state = ROUNDS.get(round);
        if (state.nonce == 0 || !isFriend[state.coordinator]) return;
        IRounds.Delivery[] memory none = new IRounds.Delivery[](_listOf[round].length);
        Signed memory one = _signBatch(round, none, "one");
        Signed memory other = _signBatch(round, none, "other");
        if (_bring(_twoBatches(one, other))) ++slashes;
    }

    /// @dev Everything that honest parties have signed, and everything that is said of what the
    /// honest coordinator has proposed.
    function _accuse() internal {
        for (uint256 i = 0; i < _works.length; ++i) {
            Work memory work = _works[i];
            uint64 round = work.submission.round;
            (IRounds.Member memory member, uint256 index) = _listed(round, work.submission.member);
            if (member.account == address(0)) continue;
            _accuseDelivery(work, member, index);
            if (isFriend[member.account]) continue;
            _accuseOf(_invalid(work, member, index));
            for (uint256 j = 0; j < i; ++j) {
                IRounds.Submission storage other = _works[j].submission;
                bool same = other.member == member.account && other.round == round;
                if (same) _accuseOf(_twice(j, i, member, index));
            }
        }
        for (uint256 i = 0; i < _batches.length; ++i) {
            _accuseBatch(i);
        }
        for (uint256 i = 0; i < _slips.length; ++i) {
            _accuseOmission(_slips[i]);
        }
        _bringLate(_current(0));
    }

    function _accuseOf(bytes memory call) private {
        ++accusations;
        _bring(call);
    }

    function _accuseBatch(uint256 i) private {
        if (_batches[i].coordinator != HONEST) return;
        for (uint256 j = 0; j < i; ++j) {
            bool same = _batches[j].coordinator == HONEST
                && _batches[j].batch.round == _batches[i].batch.round;
            if (same) _accuseOf(_twoBatches(_batches[j], _batches[i]));
        }
    }

    /// @dev That a work in the honest coordinator's batch does not hold.
    function _accuseDelivery(Work memory work, IRounds.Member memory member, uint256 index)
        private
    {
        uint64 round = work.submission.round;
        if (!_isProposed(round)) return;
        bytes32[] memory path = Paths.path(_leaves(round, _deliveriesOf[round]), index);
        _accuseOf(
            abi.encodeCall(
                SLASHING.invalidDelivery,
                (_evidence(work, member, index), ROUNDS.batchOf(round), path)
            )
        );
    }

    /// @dev That the honest coordinator's batch lacks what it has signed a receipt for.
    function _accuseOmission(Slip memory slip) private {
        uint64 round = slip.receipt.round;
        if (slip.coordinator != HONEST || !_isProposed(round)) return;
        (IRounds.Member memory member, uint256 index) = _listed(round, slip.receipt.member);
        if (member.account == address(0)) return;
        _accuseOf(_omission(round, slip, member, index));
    }

    /// @dev That the friends' own batch does, or anything else that it lacks.
    function _sacrificeOmission(uint64 round) internal {
        for (uint256 i = 0; i < _slips.length; ++i) {
            Slip memory slip = _slips[i];
            bool its = slip.receipt.round == round && isFriend[slip.coordinator];
            if (!its || _deliveriesOf[round].length == 0) continue;
            (IRounds.Member memory member, uint256 index) = _listed(round, slip.receipt.member);
            if (member.account == address(0)) continue;
            if (_bring(_omission(round, slip, member, index))) ++slashes;
        }
    }

    /// @dev Whether the honest coordinator has proposed in this round.
    function _isProposed(uint64 round) private view returns (bool) {
        return _current(0) == round && ROUNDS.get(round).status == IRounds.Status.Proposed;
    }

    function _omission(uint64 round, Slip memory slip, IRounds.Member memory member, uint256 index)
        private
        view
        returns (bytes memory)
    {
        bytes32[] memory path = Paths.path(_leaves(round, _deliveriesOf[round]), index);
        IRounds.Delivery memory delivery = _deliveriesOf[round][index];
        return abi.encodeCall(
            SLASHING.omitted,
            (ROUNDS.batchOf(round), member, delivery, path, slip.receipt, slip.signature)
        );
    }

    function _evidence(Work memory work, IRounds.Member memory member, uint256 index)
        private
        view
        returns (ISlashing.Evidence memory e)
    {
        (e.submission, e.signature, e.member) = (work.submission, work.signature, member);
        e.memberPath = _memberPath(work.submission.round, index);
        (e.statement, e.proof) = (work.statement, work.proof);
    }

    function _invalid(Work memory work, IRounds.Member memory member, uint256 index)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(SLASHING.invalidProof, (_evidence(work, member, index)));
    }

    function _twice(uint256 one, uint256 other, IRounds.Member memory member, uint256 index)
        private
        view
        returns (bytes memory)
    {
        (Work memory a, Work memory b) = (_works[one], _works[other]);
        bytes32[] memory path = _memberPath(a.submission.round, index);
        return abi.encodeCall(
            SLASHING.equivocation,
            (member, path, a.submission, a.signature, b.submission, b.signature)
        );
    }

    function _twoBatches(Signed memory a, Signed memory b) private view returns (bytes memory) {
        return
            abi.encodeCall(SLASHING.batchEquivocation, (a.batch, a.signature, b.batch, b.signature));
    }
}
