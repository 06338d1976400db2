// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {Proven, SlashingBase} from "./SlashingBase.sol";

/// @notice Evidence, and what is left of everybody after it.
abstract contract EvidenceBase is SlashingBase {
    /// @notice Evidence about what a member has signed, properly.
    function _evidence(uint256 index, Proven memory proven)
        internal
        view
        returns (ISlashing.Evidence memory e)
    {
        e.submission = _submission(index, proven);
        e.signature = _signed(index, e.submission);
        e.member = members[index];
        e.memberPath = _memberPath(index);
        e.statement = proven.statement;
        e.proof = proven.proof;
    }

    /// @notice What a member has proven, with a bit of the proof changed.
    function _tampered(uint256 index) internal view returns (Proven memory proven) {
        proven = _proven(index);
        proven.proof = flipped(proven.proof, proven.proof.length - 1, 1);
    }

    bytes32 internal constant SALT = "salt";

    /// @notice Somebody commits to evidence, and a block passes.
    function _commitAs(address who, bytes memory call) internal {
        vm.prank(who);
        slashing.commit(keccak256(abi.encode(who, SALT, keccak256(call))));
        vm.roll(block.number + 1);
    }

    function _revealAs(address who, bytes memory call) internal {
        vm.prank(who);
        slashing.reveal(SALT, call);
    }

    /// @notice Brings evidence.
    function _bringCall(bytes memory call) internal {
        _commitAs(challenger, call);
        _revealAs(challenger, call);
    }

    /// @notice Brings evidence that is refused with this reason.
    function _refuseCall(bytes memory call, bytes memory reason) internal {
        _commitAs(challenger, call);
        vm.expectRevert(reason);
        _revealAs(challenger, call);
    }

    /// @notice The same, whatever else the reason says.
    function _refuseCall(bytes memory call, bytes4 reason) internal {
        _commitAs(challenger, call);
        vm.expectPartialRevert(reason);
        _revealAs(challenger, call);
    }

    function _bring(ISlashing.Evidence memory e) internal {
        _bringCall(abi.encodeCall(slashing.invalidProof, (e)));
    }

    function _bring(ISlashing.Evidence memory e, IRounds.Batch memory batch, bytes32[] memory path)
        internal
    {
        _bringCall(abi.encodeCall(slashing.invalidDelivery, (e, batch, path)));
    }

    function _refuse(ISlashing.Evidence memory e, bytes memory reason) internal {
        _refuseCall(abi.encodeCall(slashing.invalidProof, (e)), reason);
    }

    function _refuse(
        ISlashing.Evidence memory e,
        IRounds.Batch memory batch,
        bytes32[] memory path,
        bytes memory reason
    ) internal {
        _refuseCall(abi.encodeCall(slashing.invalidDelivery, (e, batch, path)), reason);
    }

    /// @notice Two submissions of a member.
    function _equivocation(IRounds.Submission memory a, IRounds.Submission memory b, uint256 index)
        internal
        view
        returns (bytes memory)
    {
        return _equivocation(index, a, _signed(index, a), b, _signed(index, b));
    }

    /// @notice The same with these signatures.
    function _equivocation(
        uint256 index,
        IRounds.Submission memory a,
        bytes memory one,
        IRounds.Submission memory b,
        bytes memory two
    ) internal view returns (bytes memory) {
        bytes32[] memory path = _memberPath(index);
        return abi.encodeCall(slashing.equivocation, (members[index], path, a, one, b, two));
    }

    /// @notice A submission of a member that says to be too long.
    function _tooLong(uint256 index, IRounds.Submission memory submission, bytes memory signature)
        internal
        view
        returns (bytes memory)
    {
        bytes32[] memory path = _memberPath(index);
        return abi.encodeCall(slashing.tooLong, (members[index], path, submission, signature));
    }

    /// @notice Two batches of the coordinator.
    function _equivocation(IRounds.Batch memory a, IRounds.Batch memory b)
        internal
        view
        returns (bytes memory)
    {
        bytes memory one = _sign(COORDINATOR_KEY, rounds.batchDigest(a));
        bytes memory two = _sign(COORDINATOR_KEY, rounds.batchDigest(b));
        return abi.encodeCall(slashing.batchEquivocation, (a, one, b, two));
    }

    /// @notice Nobody has lost anything.
    function _assertUnharmed() internal view {
        assertEq(_stakeOf(coordinator), 10 * BOND);
        assertEq(uint8(rounds.get(round).status) < uint8(IRounds.Status.Void), true);
        for (uint256 i = 0; i < members.length; ++i) {
            _assertUnharmed(members[i].account);
        }
    }

    function _assertUnharmed(address account) internal view {
        assertEq(_stakeOf(account), 10 * BOND);
        assertEq(rounds.membership(domain, account).bond, BOND);
        assertFalse(reputation.standing(domain, account).slashed);
    }

    /// @notice The member has lost its bond, its place and its name.
    function _assertSlashed(address account) internal view {
        assertEq(_stakeOf(account), 9 * BOND);
        assertEq(stakes.pool(account).obligations, 0);
        assertEq(rounds.membership(domain, account).bond, 0);
        assertTrue(reputation.standing(domain, account).slashed);
    }

    /// @notice The coordinator has lost its bond, and the round is void.
    function _assertVoid() internal view {
        assertEq(_stakeOf(coordinator), 9 * BOND);
        assertEq(stakes.pool(coordinator).obligations, 0);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
        assertEq(rounds.current(domain), 0);
        assertEq(escrow.available(domain), 100 * BUDGET);
    }

    /// @notice The challenger has the bounty for so many bonds.
    function _assertBounty(uint256 bonds) internal view {
        assertEq(token.balanceOf(challenger), bonds * BOND * 4000 / 10_000);
    }

    /// @notice A transaction's whole cost: base, calldata (EIP-2028, EIP-7623), execution.
    function _transaction(address to, bytes memory call) internal returns (bool ok, uint256 total) {
        uint256 left = gasleft();
        (ok,) = to.call(call);
        total = _withCalldata(left - gasleft(), call);
    }

    /// @notice A whole transaction whose execution uses so much.
    function _withCalldata(uint256 used, bytes memory call) internal pure returns (uint256) {
        uint256 zeros = 0;
        for (uint256 i = 0; i < call.length; ++i) {
            if (call[i] == 0) ++zeros;
        }
        uint256 data = 4 * zeros + 16 * (call.length - zeros);
        uint256 floor = 10 * zeros + 40 * (call.length - zeros);
        return 21_000 + (used + data > floor ? used + data : floor);
    }
}
