// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDemands} from "../../src/interfaces/IDemands.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Paths} from "../Paths.sol";
import {Crooked} from "./Crooked.sol";
import {Contracts, Signed, Slip, Work} from "./Parties.sol";

/// @notice What can happen, on one branch of the chain and, after a reorganisation, on another. Each
/// action does what is possible, or nothing.
contract Branches is Crooked {
    uint256 private constant BUDGET = 25e18;

    address private immutable OWNER;
    /// @notice Rounds that were settled, answers to demands and audits, branches that were left
    /// behind with something signed on them.
    uint256 public settled;
    uint256 public answered;
    uint256 public branches;
    address[] private _demanded;
    /// @notice Bonds of demands that were not paid out, in wei.
    uint256 public bonds;

    constructor(Contracts memory all, address owner) Crooked(all) {
        OWNER = owner;
    }

    /// @dev Once for everybody, with some of it accepted to be lost.
    function begin() external {
        for (uint256 i = 0; i < operators.length; ++i) {
            _delegate(operators[i], operators[i], isFriend[operators[i]] ? 120e18 : 1000e18);
            _setLimit(operators[i], 250e18);
        }
        vm.warp(block.timestamp + 28 days);
        for (uint256 i = 0; i < operators.length; ++i) {
            _delegate(stakers[i % 2], operators[i], 200e18);
        }
        for (uint256 i = 0; i < members.length; ++i) {
            for (uint256 side = 0; side < 2; ++side) {
                vm.prank(members[i]);
                ROUNDS.join(domains[side], datasetOf(members[i]), WINDOWS);
            }
        }
    }

    function proceed(uint256 side, uint256 seed) external {
        _proceed(side % 2, seed);
    }

    function proceedFar(uint256 side, uint256 seed) external {
        for (uint256 i = 0; i < 5; ++i) {
            _proceed(side % 2, uint256(keccak256(abi.encode(seed, i))));
        }
    }

    function play(uint256 seed) external {
        _play(seed);
    }

    function accuse() external {
        _accuseAll();
    }

    /// @notice The chain goes on, and then somebody else's branch is the longer one. What was signed
    /// on the branch that is left behind is known to all.
    function reorganize(uint256 seed, uint256 steps) external {
        uint256 point = vm.snapshotState();
        uint256 before = _works.length;
        _forkTime = block.timestamp;
        for (uint256 i = 0; i < 3 + steps % 4; ++i) {
            uint256 next = uint256(keccak256(abi.encode(seed, i)));
            // The honest coordinator's rounds get on best.
            if (next % 4 < 3) _proceed(next % 8 == 0 ? 1 : 0, next >> 8);
            else _play(next >> 8);
        }
        requireUnharmed();
        (Work[] memory works, Signed[] memory signed, Slip[] memory slips) =
            (_works, _batches, _slips);
        vm.revertToStateAndDelete(point);
        _remember(works, signed, slips);
        if (works.length > before) ++branches;
        // Other blocks, or the same proposers' blocks.
        if (seed % 4 != 0) _salt = seed;
        // As it would have been, with others in between.
        for (uint256 i = 0; i < 4; ++i) {
            _proceed(0, uint256(keccak256(abi.encode(seed, steps, i))));
        }
        _accuseAll();
    }

    /// @notice Nobody honest was slashed, in any domain.
    function requireUnharmed() public view {
        for (uint256 i = 0; i < operators.length; ++i) {
            address operator = operators[i];
            if (isFriend[operator]) continue;
            assertEq(STAKES.pool(operator).own, 1000e18, "an honest party's stake");
            for (uint256 side = 0; side < 2; ++side) {
                assertFalse(REPUTATION.isBarred(domains[side], operator), "barred");
                assertFalse(REPUTATION.standing(domains[side], operator).slashed, "slashed");
            }
        }
    }

    function _remember(Work[] memory works, Signed[] memory signed, Slip[] memory slips) private {
        delete _works;
        delete _batches;
        delete _slips;
        for (uint256 i = 0; i < works.length; ++i) {
            _works.push(works[i]);
        }
        for (uint256 i = 0; i < signed.length; ++i) {
            _batches.push(signed[i]);
        }
        for (uint256 i = 0; i < slips.length; ++i) {
            _slips.push(slips[i]);
        }
    }

    /// @dev A round gets one step further.
    function _proceed(uint256 side, uint256 seed) private {
        uint64 round = _current(side);
        if (round == 0) return _open(side, seed);
        IRounds.Round memory state = ROUNDS.get(round);
        if (state.status == IRounds.Status.Void) return _settle(round);
        if (state.status == IRounds.Status.Open) {
            if (state.nonce == 0) return _draw(round);
            if (block.timestamp <= state.deadline && seed % 4 != 0) return _work(round, seed >> 4);
            if (block.timestamp <= state.deadline) _pass(state.deadline + 1 - block.timestamp);
            else if (side == 1) _proposeCrookedly(round, seed >> 4);
            return;
        }
        if (side == 1 && _audit(round)) return;
        if (side == 1 && seed % 2 == 0) return _answerSome(round);
        if (block.timestamp <= state.challengeEnd) {
            _pass(state.challengeEnd + 1 - block.timestamp);
        }
        _settle(round);
    }

    function _open(uint256 side, uint256 seed) private {
        address coordinator = side == 0 ? HONEST : _crook();
        if (coordinator == address(0)) return;
        address[] memory some = new address[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            IRounds.Membership memory m = ROUNDS.membership(domains[side], members[i]);
            bool eligible = m.windows != 0 && STAKES.isCovered(members[i]);
            if (eligible && (seed >> (2 * i)) % 4 != 0) some[count++] = members[i];
        }
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(some, count)
        }
        uint32[] memory weights = REPUTATION.weights(domains[side], some);
        uint128 budget = ESCROW.available(domains[side]) < BUDGET ? 0 : uint128(BUDGET);
        vm.prank(coordinator);
        (bool ok,) =
            address(ROUNDS).call(abi.encodeCall(ROUNDS.open, (domains[side], 1 days, budget, some)));
        if (!ok) return;
        uint64 round = _current(side);
        delete _listOf[round];
        delete _deliveriesOf[round];
        for (uint256 i = 0; i < count; ++i) {
            _listOf[round].push(IRounds.Member(some[i], datasetOf(some[i]), WINDOWS, weights[i]));
        }
    }

    /// @dev A coordinator that was slashed opens no round again: the domain's owner names the next
    /// friend.
    function _crook() private returns (address coordinator) {
        coordinator = REGISTRY.get(domains[1]).config.coordinator;
        for (uint256 i = 0; REPUTATION.isBarred(domains[1], coordinator); ++i) {
            if (i == friends.length) return address(0);
            coordinator = friends[i];
            vm.prank(OWNER);
            REGISTRY.setCoordinator(domains[1], coordinator);
        }
    }

    /// @dev Some members hand in what they have, to the coordinator or to the contract.
    function _work(uint64 round, uint256 seed) private {
        IRounds.Member[] memory list = _listOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            // Often everybody delivers, as there is a batch at once then.
            uint256 choice = seed % 3 == 0 ? 7 : (seed >> (8 * i)) % 256;
            if (choice % 4 == 0) continue;
            uint256 index = isFriend[list[i].account]
                ? _prove(round, list[i], choice % 16)
                : _workOf(round, list[i]);
            if (choice % 8 == 1) _submit(round, list[i], i, index);
            else if (ROUNDS.get(round).coordinator == HONEST) _count(round, index);
            else if (choice % 8 > 4) _receipt(ROUNDS.get(round).coordinator, _works[index]);
        }
        if (ROUNDS.get(round).coordinator == HONEST) _proposeHonestly(round);
    }

    function _submit(uint64 round, IRounds.Member memory member, uint256 i, uint256 index) private {
        (bytes memory statement, bytes memory proof) =
            (_works[index].statement, _works[index].proof);
        bytes32[] memory path = _memberPath(round, i);
        bytes memory call = abi.encodeCall(ROUNDS.submit, (round, member, path, statement, proof));
        (bool ok,) = address(ROUNDS).call(call);
        bool due = !isFriend[member.account] && ROUNDS.delivered(round, member.account) == 0;
        assertTrue(ok || !due, "an honest proof is accepted");
    }

    function _settle(uint64 round) private {
        bool isVoid = ROUNDS.get(round).status == IRounds.Status.Void;
        IRounds.Delivery[] memory list = _deliveriesOf[round];
        if (isVoid) list = new IRounds.Delivery[](0);
        bytes memory call = abi.encodeCall(ROUNDS.settle, (round, _listOf[round], list));
        (bool ok,) = address(ROUNDS).call(call);
        if (!ok) return;
        if (!isVoid) ++settled;
        _collect(round);
    }

    function _collect(uint64 round) private {
        IRounds.Member[] memory list = _listOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            IDemands.Demand memory made = DEMANDS.demandOf(round, list[i].account);
            if (made.answeredBy != address(0)) ++answered;
            if (made.bond == 0) continue;
            DEMANDS.collect(round, list[i].account);
            bonds -= made.bond;
        }
    }

    function _answerSome(uint64 round) private {
        IRounds.Member[] memory list = _listOf[round];
        for (uint256 i = 0; i < list.length; ++i) {
            _answer(round, i);
        }
    }

    /// @dev Anything else.
    function _play(uint256 seed) private {
        uint256 kind = seed % 16;
        uint256 side = (seed >> 8) % 2;
        seed >>= 16;
        uint64 round = _current(side);
        if (kind < 2) return _pass(1 + seed % 3 days);
        if (kind == 2) return _delegate(_any(stakers, seed), _any(operators, seed >> 8), 40e18);
        if (kind == 3) return _leave(seed);
        if (kind == 4) return _setLimit(_any(friends, seed % 3), (seed >> 8) % 300e18);
        if (kind == 5) return _withdraw(seed);
        if (kind == 15) return _accuseAll();
        if (round == 0) return;
        if (kind < 9) return _demand(round, seed);
        if (kind < 11) return _handOver(round, seed);
        Books memory books = _look();
        if (kind == 11) _sacrifice(round, _any(friends, seed % 2), seed >> 8);
        else if (kind == 12) _sacrificeBatch(_current(1) == 0 ? round : _current(1));
        else if (kind == 13) _sacrificeOmission(_current(1));
        else _bringLate(round);
        _compare(books);
    }

    /// @dev Nobody loses anything by it, which is looked at.
    function _accuseAll() private {
        Books memory books = _look();
        _accuse();
        _compare(books);
    }

    /// @dev Who is late may be slashed at any time.
    function _meanwhile() internal override {
        Books memory books = _look();
        super._meanwhile();
        _compare(books);
    }

    function _any(address[] storage list, uint256 seed) private view returns (address) {
        return list[seed % list.length];
    }

    /// @dev Honest operators' own stake stays, so that it shows whether they were slashed.
    function _leave(uint256 seed) private {
        address operator = _any(operators, seed);
        address staker =
            isFriend[operator] && (seed >> 8) % 2 == 0 ? operator : _any(stakers, seed >> 16);
        if (staker != operator) _unbond(staker, operator, (seed >> 24) % 256);
        else _unbond(operator, operator, (seed >> 24) % 4 == 0 ? 0 : (seed >> 24) % 256);
    }

    /// @dev One member more hands in something.
    function _handOver(uint64 round, uint256 seed) private {
        IRounds.Round memory state = ROUNDS.get(round);
        bool open = state.status == IRounds.Status.Open && state.nonce != 0;
        if (open && block.timestamp <= state.deadline) _work(round, seed);
    }

    function _demand(uint64 round, uint256 seed) private {
        IRounds.Round memory state = ROUNDS.get(round);
        if (state.status != IRounds.Status.Proposed) return;
        IRounds.Delivery[] memory list = _deliveriesOf[round];
        uint256 which = seed % list.length;
        bytes32[] memory path = Paths.path(_leaves(round, list), which);
        uint256 bond = DEMANDS.price(round);
        vm.deal(FRIEND, bond);
        bytes memory call =
            abi.encodeCall(DEMANDS.demand, (round, _listOf[round][which], list[which], path));
        vm.prank(FRIEND);
        (bool ok,) = address(DEMANDS).call{value: bond}(call);
        if (ok) bonds += bond;
    }
}
