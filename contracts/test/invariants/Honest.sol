// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Headers} from "../Headers.sol";
import {Contracts, Parties, Signed, Work} from "./Parties.sol";

/// @notice What the honest program does, as a member and as a coordinator. It signs one thing for a
/// draw, and remembers it whatever becomes of the chain: one submission a member, one batch a
/// coordinator, which has all that receipts were signed for. A batch that leaves somebody out is
/// signed only of what is final. Members and receipts here wait for no finality, so as to show
/// that their stake does not depend on it.
abstract contract Honest is Parties {
    uint256 internal constant STEP = 6 hours;

    /// @dev When the fork began that may be taken back; zero on what is final.
    uint256 internal _forkTime;
    /// @dev Whose randomness blocks have: another fork's is another.
    uint256 internal _salt;

    constructor(Contracts memory all) Parties(all) {}

    /// @dev Time passes, and the honest coordinator does in time what is due.
    function _pass(uint256 delay) internal {
        uint256 end = block.timestamp + delay;
        // Finality takes less than the day within which everything can be made up for.
        if (_forkTime != 0 && end > _forkTime + 2 * STEP) end = _forkTime + 2 * STEP;
        while (block.timestamp < end) {
            uint256 next = block.timestamp + STEP;
            vm.warp(next < end ? next : end);
            vm.roll(block.number + 5);
            _meanwhile();
            _doDuties();
        }
    }

    /// @dev What others do before the honest coordinator gets round to what is due.
    function _meanwhile() internal virtual;

    function _doDuties() internal {
        uint64 round = _current(0);
        if (round == 0) return;
        IRounds.Round memory state = ROUNDS.get(round);
        if (state.status == IRounds.Status.Open && state.nonce == 0) {
            _draw(round);
        } else if (state.status == IRounds.Status.Open) {
            if (block.timestamp > state.deadline) _proposeHonestly(round);
        } else if (state.status == IRounds.Status.Proposed) {
            _audit(round);
            _answerAll(round);
        }
    }

    function _randomness(uint256 number) internal view returns (bytes32) {
        return keccak256(abi.encode("randomness", number, _salt));
    }

    /// @dev Anybody may.
    function _draw(uint64 round) internal {
        uint256 target = ROUNDS.get(round).openedAt + 2;
        if (block.number > target + 250) return;
        ROUNDS.draw(round, Headers.install(target, _randomness(target)));
    }

    function _audit(uint64 round) internal returns (bool ok) {
        (uint64 until, uint64 target) = DEMANDS.auditOf(round);
        if (until == 0 || block.number > uint256(target) + 250) return false;
        bytes memory header = Headers.install(target, _randomness(target));
        bytes memory call =
            abi.encodeCall(DEMANDS.audit, (round, header, _listOf[round], _deliveriesOf[round]));
        (ok,) = address(DEMANDS).call(call);
    }

    function _answerAll(uint64 round) internal {
        if (DEMANDS.openOf(round) == 0) return;
        IRounds.Member[] memory list = _listOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            IDemands.Demand memory made = DEMANDS.demandOf(round, list[i].account);
            if (made.by == address(0) || made.answeredBy != address(0)) continue;
            assertTrue(_answer(round, i), "an honest coordinator has what it counted");
        }
    }

    /// @dev The one thing that an honest member signs for a draw; made when it is first asked for.
    function _workOf(uint64 round, IRounds.Member memory member) internal returns (uint256) {
        bytes32 nonce = ROUNDS.get(round).nonce;
        for (uint256 i = 0; i < _works.length; ++i) {
            Work storage work = _works[i];
            if (work.nonce == nonce && work.submission.member == member.account) return i;
        }
        return _prove(round, member, 0);
    }

    /// @dev The honest coordinator looks at a work, counts it, and signs a receipt.
    function _count(uint64 round, uint256 index) internal {
        Work storage work = _works[index];
        bytes32 nonce = ROUNDS.get(round).nonce;
        if (!work.valid || work.counted || work.nonce != nonce) return;
        address member = work.submission.member;
        if (_hasSigned(nonce) || _counted(nonce, member) < _works.length) return;
        work.counted = true;
        _receipt(HONEST, work);
    }

    /// @dev Where the work is that was counted for a member; past the end if there is none.
    function _counted(bytes32 nonce, address member) private view returns (uint256 i) {
        for (i = 0; i < _works.length; ++i) {
            Work storage work = _works[i];
            bool its = work.counted && work.nonce == nonce && work.submission.member == member;
            if (its) return i;
        }
    }

    function _hasSigned(bytes32 nonce) private view returns (bool) {
        for (uint256 i = 0; i < _batches.length; ++i) {
            if (_batches[i].nonce == nonce && _batches[i].coordinator == HONEST) return true;
        }
        return false;
    }

    /// @dev What was signed is proposed again; else what was counted, and what is on chain.
    function _proposeHonestly(uint64 round) internal {
        IRounds.Round memory state = ROUNDS.get(round);
        for (uint256 i = 0; i < _batches.length; ++i) {
            if (_batches[i].nonce == state.nonce && _batches[i].coordinator == HONEST) {
                assertTrue(_proposeSigned(_batches[i]), "what was signed can be proposed again");
                return;
            }
        }
        IRounds.Member[] memory list = _listOf[round];
        IRounds.Delivery[] memory deliveries = new IRounds.Delivery[](list.length);
        bool some = false;
        bool all = true;
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 index = _counted(state.nonce, list[i].account);
            if (index < _works.length) (deliveries[i], some) = (_delivery(_works[index]), true);
            else (deliveries[i].update, all) = (ROUNDS.delivered(round, list[i].account), false);
        }
        // What members have delivered to the contract is read where nothing can change any more.
        uint256 final_ = _forkTime == 0 ? block.timestamp : _forkTime;
        if (!all && final_ <= state.deadline) return;
        bytes32 model = some ? keccak256(abi.encode("model", state.nonce)) : state.parent;
        assertTrue(_proposeSigned(_signBatch(round, deliveries, model)), "proposed in time");
    }
}
