// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VerifierRouter} from "../src/VerifierRouter.sol";
import {ITrainingVerifier, TrainingClaim} from "../src/interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Header, KeyHeader} from "../src/libraries/KeyHeader.sol";
import {Fixture} from "./Fixtures.sol";
import {Shape, SyntheticKeys} from "./SyntheticKeys.sol";

contract VerifierRouterTest is SyntheticKeys {
    function test_adds_the_first_verifiers() public view {
        assertEq(router.usable(verifierId), address(verifier));
        assertEq(router.OWNER(), address(timelock));
        assertEq(router.guardian(), GUARDIAN);
        assertFalse(router.isStopped(verifierId));
    }

    function test_only_the_owner_adds() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.Unauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        router.add(address(token));
    }

    function test_adds_under_the_codes_hash() public {
        bytes32 id = address(token).codehash;
        vm.expectEmit(address(router));
        emit IVerifierRouter.VerifierAdded(id, address(token));
        vm.prank(address(timelock));
        assertEq(router.add(address(token)), id);
        assertEq(router.usable(id), address(token));
    }

    function test_immutable_parameters_make_another_name() public {
        address other = vm.deployCode("artifacts/TrainingVerifier.json", abi.encode(address(7)));
        assertTrue(other.codehash != verifierId);
    }

    function test_adds_nothing_twice() public {
        bytes memory code = address(verifier).code;
        address twin = makeAddr("twin");
        vm.etch(twin, code);
        _expectRefused(
            twin, abi.encodeWithSelector(IVerifierRouter.AlreadyAdded.selector, verifierId)
        );
        // Not even after it was stopped: it has not gone.
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        _expectRefused(
            twin, abi.encodeWithSelector(IVerifierRouter.AlreadyAdded.selector, verifierId)
        );
    }

    function test_adds_nothing_without_code() public {
        address empty = makeAddr("empty");
        _expectRefused(empty, abi.encodeWithSelector(IVerifierRouter.NotAContract.selector, empty));
    }

    function test_adds_no_account_that_delegates_to_a_contract() public {
        (address account, uint256 key) = makeAddrAndKey("delegating");
        vm.signAndAttachDelegation(address(verifier), key);
        (bool ok,) = account.call("");
        ok;
        assertEq(account.code.length, 23);
        _expectRefused(
            account, abi.encodeWithSelector(IVerifierRouter.NotAContract.selector, account)
        );
    }

    function test_only_the_guardian_stops() public {
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.Unauthorized.selector, address(timelock))
        );
        vm.prank(address(timelock));
        router.stop(verifierId);
    }

    function test_stops_at_once() public {
        Fixture memory f = load("plain_halo2");
        uint64 now_ = uint64(block.timestamp);
        assertEq(router.stoppedAt(verifierId), 0);
        vm.expectEmit(address(router));
        emit IVerifierRouter.VerifierStopped(verifierId, GUARDIAN, now_ + 30 days);
        vm.startPrank(GUARDIAN);
        router.stop(verifierId);
        assertTrue(router.isStopped(verifierId));
        assertEq(router.stoppedAt(verifierId), now_);
        bytes memory stopped =
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId);
        vm.expectRevert(stopped);
        router.stop(verifierId);
        vm.stopPrank();
        vm.expectRevert(stopped);
        router.usable(verifierId);
        vm.expectRevert(stopped);
        router.verify(verifierId, f.keyHash, f.statement, f.proof);
        vm.expectRevert(stopped);
        router.describe(verifierId, f.keyHash);
        vm.expectRevert(stopped);
        router.gasBound(verifierId, f.keyHash);
    }

    function test_a_stop_that_nobody_ratifies_ends() public {
        uint256 end = block.timestamp + 30 days;
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.warp(end - 1);
        assertTrue(router.isStopped(verifierId));
        vm.warp(end);
        assertFalse(router.isStopped(verifierId));
        assertEq(router.stoppedAt(verifierId), 0);
        assertEq(router.usable(verifierId), address(verifier));
        _expectNotStopped();
    }

    function test_the_owner_makes_a_stop_final() public {
        uint256 start = block.timestamp;
        _expectNotStopped();
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.Unauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        router.ratify(verifierId);
        vm.warp(start + 30 days - 1);
        vm.expectEmit(address(router));
        emit IVerifierRouter.StopRatified(verifierId);
        vm.startPrank(address(timelock));
        router.ratify(verifierId);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.AlreadyFinal.selector, verifierId));
        router.ratify(verifierId);
        vm.stopPrank();
        vm.warp(start + 3000 days);
        assertTrue(router.isStopped(verifierId));
        assertEq(router.stoppedAt(verifierId), start);
    }

    function test_the_owner_has_time_to_ratify() public view {
        assertGt(router.STOP_TERM(), timelock.getMinDelay());
    }

    function test_the_owner_names_another_guardian() public {
        address next = makeAddr("next guardian");
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.Unauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        router.setGuardian(next);
        vm.expectEmit(address(router));
        emit IVerifierRouter.GuardianChanged(next);
        vm.prank(address(timelock));
        router.setGuardian(next);
        assertEq(router.guardian(), next);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.Unauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.prank(next);
        router.stop(verifierId);
        assertTrue(router.isStopped(verifierId));
    }

    function _expectNotStopped() private {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotStopped.selector, verifierId));
        vm.prank(address(timelock));
        router.ratify(verifierId);
    }

    function test_knows_no_other_verifiers() public {
        bytes32 id = keccak256("unknown");
        bytes memory unknown = abi.encodeWithSelector(IVerifierRouter.UnknownVerifier.selector, id);
        vm.expectRevert(unknown);
        router.usable(id);
        vm.expectRevert(unknown);
        router.verify(id, 0, "", "");
        assertFalse(router.isStopped(id));
        vm.prank(GUARDIAN);
        vm.expectRevert(unknown);
        router.stop(id);
    }

    function test_describes_every_fixture_as_its_verifier_reads_it() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            Fixture memory f = load(names[i]);
            (bytes32 spec, uint256 steps, uint256 rows, uint256 stateRows) =
                router.describe(verifierId, f.keyHash);
            assertEq(spec, vm.parseJsonBytes32(json(names[i]), ".claim.spec"), names[i]);
            assertEq(steps, vm.parseJsonUint(json(names[i]), ".claim.steps"), names[i]);
            assertEq(rows, f.parameters, names[i]);
            assertEq(stateRows, f.state, names[i]);
        }
    }

    function test_describes_no_unknown_key() public {
        bytes memory unknown =
            abi.encodeWithSelector(IVerifierRouter.UnknownKey.selector, keccak256("key"));
        vm.expectRevert(unknown);
        router.describe(verifierId, keccak256("key"));
        vm.expectRevert(unknown);
        router.gasBound(verifierId, keccak256("key"));
    }

    function test_bounds_no_proof_system_that_it_does_not_know() public {
        Fixture memory f = load("plain_halo2");
        address store = verifier.keyStore(f.keyHash);
        bytes memory code = store.code;
        code[36] = 0x03; // the system, after the byte 0 and the spec
        vm.etch(store, code);
        vm.expectRevert(abi.encodeWithSelector(ITrainingVerifier.UnknownSystem.selector, 3));
        router.gasBound(verifierId, f.keyHash);
    }

    function test_verifies_as_the_verifier_does() public {
        Fixture memory f = load("plain_groth16");
        TrainingClaim memory direct = verifier.verify(f.keyHash, f.statement, f.proof);
        TrainingClaim memory routed = router.verify(verifierId, f.keyHash, f.statement, f.proof);
        assertEq(abi.encode(direct), abi.encode(routed));
        bytes memory wrong = flipped(f.proof, f.proof.length - 1, 1);
        vm.expectRevert();
        router.verify(verifierId, f.keyHash, f.statement, wrong);
        // The verifier's error comes through.
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingVerifier.UnknownKey.selector, keccak256("key"))
        );
        router.verify(verifierId, keccak256("key"), f.statement, f.proof);
    }

    function _expectRefused(address candidate, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(timelock));
        router.add(candidate);
    }
}

/// @notice `gasBound` is at least twice what `verify` takes, and not much more.
contract GasBoundTest is SyntheticKeys {
    /// @dev Most gas of a transaction, EIP-7825.
    uint256 private constant MOST = 1 << 24;

    function test_bounds_every_fixture() public {
        string[] memory names = small();
        for (uint256 i = 0; i < names.length; ++i) {
            _assertAccepted(names[i]);
        }
        _assertAccepted("mnist_halo2");
        _assertAccepted("mnist_groth16");
    }

    function test_bounds_the_smallest_keys() public {
        _assertBounded(Shape(1, 6, 0, 1, 0, 0, 1, 0, 1));
        _assertBounded(Shape(1, 1, 0, 1, 0, 0, 1, 0, 1));
    }

    function test_bounds_the_largest_openings_and_the_longest_paths() public {
        _assertBounded(Shape(28, 33, 0, 1, 0, 0, 1, 0, type(uint64).max));
        _assertBounded(Shape(28, 40, 2, 1, 1, 1, 1, 1, type(uint64).max));
    }

    function test_bounds_large_keys_of_every_kind() public {
        _assertBounded(Shape(16, 26, 500, 8, 0, 2, 1, 10, 1));
        _assertBounded(Shape(16, 26, 2, 250, 0, 2, 1, 10, 1));
        _assertBounded(Shape(16, 26, 2, 200, 200, 2, 1, 10, 1));
        _assertBounded(Shape(16, 26, 2, 8, 8, 2, 60, 10, 1));
        _assertBounded(Shape(16, 26, 2, 1, 0, 2, 600, 10, 1));
        _assertBounded(Shape(16, 26, 2, 8, 0, 200, 1, 100, 1));
        _assertBounded(Shape(16, 28, 2, 8, 0, 2, 1, 800, 1));
    }

    /// @notice As many rows as a key has room for, where memory's price counts most.
    function test_bounds_the_largest_keys_of_all() public {
        _assertBounded(Shape(16, 28, 2, 8, 8, 0, 1, 5800, 1));
    }

    function test_what_is_too_large_to_be_challenged_is_known_to_be() public {
        (bytes32 key,) = _register(Shape(16, 28, 2, 8, 0, 2, 1, 2000, 1), "mnist_halo2");
        assertGt(router.gasBound(verifierId, key), MOST);
    }

    /// forge-config: test.fuzz.runs = 16
    function testFuzz_bounds_all_keys(uint256[8] memory seeds, bool momentum) public {
        Shape memory shape;
        shape.rowLog = bound(seeds[0], 1, 28);
        shape.addressLog = shape.rowLog + bound(seeds[1], 0, 12);
        shape.parameters = bound(seeds[2], 1, 60);
        shape.state = momentum ? shape.parameters : 0;
        shape.steps = bound(seeds[3], 1, 4);
        shape.data = bound(seeds[4], 0, 100);
        shape.tables = bound(seeds[5], 0, 60);
        shape.trace = bound(seeds[6], 0, 150);
        shape.windows = uint64(bound(seeds[7], 1, type(uint64).max));
        _assertBounded(shape);
    }

    /// forge-config: test.fuzz.runs = 256
    function testFuzz_more_rows_need_more(uint32[8] memory numbers, uint256 which) public pure {
        Header memory header;
        header.system = 1;
        header.rowLog = 10;
        header.addressLog = 15;
        header.data = numbers[0] % 4096;
        header.parameters = numbers[1] % 4096 + 1;
        header.state = numbers[2] % 4096;
        header.tables = numbers[3] % 4096;
        header.update = numbers[7] % 4096 + 1;
        header.steps = numbers[4] % 64 + 1;
        header.trace = numbers[5] % 4096;
        header.length = numbers[6] % 24_576;
        uint256 less = KeyHeader.gasBound(header);
        which %= 8;
        if (which == 0) ++header.data;
        if (which == 1) ++header.parameters;
        if (which == 2) ++header.state;
        if (which == 3) ++header.tables;
        if (which == 4) ++header.steps;
        if (which == 5) ++header.trace;
        if (which == 6) ++header.addressLog;
        if (which == 7) ++header.update;
        assertGt(KeyHeader.gasBound(header), less);
    }

    function _assertAccepted(string memory name) private {
        Fixture memory f = load(name);
        uint256 least = router.gasBound(verifierId, f.keyHash);
        (bool ok, uint256 used,) = _verify(f.keyHash, f.statement, f.proof, gasleft());
        assertTrue(ok, name);
        assertGe(least, 2 * used, name);
        assertLe(least, 3 * used, name);
        assertLt(least, MOST, name);
        (ok,,) = _verify(f.keyHash, f.statement, f.proof, least / 2);
        assertTrue(ok, name);
    }

    /// @dev For both proof systems.
    function _assertBounded(Shape memory shape) private {
        _assertBounded(shape, "mnist_halo2");
        _assertBounded(shape, "mnist_groth16");
    }

    function _assertBounded(Shape memory shape, string memory name) private {
        (bytes32 key, Fixture memory f) = _register(shape, name);
        bytes memory statement = statementOf(shape, f);
        bytes memory proof = proofOf(shape, f);
        uint256 least = router.gasBound(verifierId, key);
        // All of the work is done: it is the last pairing that refuses.
        (bool ok, uint256 used, bytes4 reason) = _verify(key, statement, proof, gasleft());
        assertFalse(ok);
        assertEq(reason, ITrainingVerifier.InvalidProof.selector, name);
        assertGe(least, 2 * used, name);
        assertLe(least, 3 * used, name);
        if (used < 7_000_000) assertLt(least, MOST, name);
        (, used, reason) = _verify(key, statement, proof, least / 2);
        assertEq(reason, ITrainingVerifier.InvalidProof.selector, name);
    }

    function _register(Shape memory shape, string memory name)
        private
        returns (bytes32 key, Fixture memory f)
    {
        f = read(name);
        key = verifier.register(keyOf(shape, f));
    }

    /// @dev Calls with memory where it is: this contract's own is not to be counted.
    function _verify(bytes32 key, bytes memory statement, bytes memory proof, uint256 limit)
        private
        returns (bool ok, uint256 used, bytes4 reason)
    {
        bytes memory data = abi.encodeCall(router.verify, (verifierId, key, statement, proof));
        vm.cool(address(router));
        vm.cool(address(verifier));
        vm.cool(verifier.keyStore(key));
        address target = address(router);
        bytes32 word;
        used = gasleft();
        assembly ("memory-safe") {
            mstore(0, 0)
            ok := staticcall(limit, target, add(data, 0x20), mload(data), 0, 0x20)
            word := mload(0)
        }
        used -= gasleft();
        if (!ok) reason = bytes4(word);
    }
}
