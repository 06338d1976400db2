// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Bn254} from "../src/libraries/Bn254.sol";

/// @notice The library's functions, called from outside so that their reverts can be expected.
contract Bn254Harness {
    function onCurve(uint256[2] memory point) external pure {
        Bn254.requireOnCurve(_place(point));
    }

    function allReduced(uint256[2] memory scalars) external pure {
        Bn254.requireAllReduced(_place(scalars), 2);
    }

    function multiply(uint256[2] memory point, uint256 scalar)
        external
        view
        returns (uint256, uint256)
    {
        uint256[5] memory sum;
        Bn254.addTerm(sum, _place(point), scalar);
        return (sum[0], sum[1]);
    }

    function add(uint256[2] memory a, uint256[2] memory b)
        external
        view
        returns (uint256, uint256)
    {
        uint256[5] memory sum;
        Bn254.addPoint(sum, _place(a));
        Bn254.addPoint(sum, _place(b));
        return (sum[0], sum[1]);
    }

    /// @return used What a sum of so many times one point costs, whether it is on the curve or not.
    function sumOf(uint256[2] memory point, uint256 count) external view returns (uint256 used) {
        uint256[] memory words = new uint256[](2 * count);
        for (uint256 i = 0; i < count; ++i) {
            (words[2 * i], words[2 * i + 1]) = (point[0], point[1]);
        }
        used = gasleft();
        try this.selectedSum(words, new uint256[](count), type(uint256).max >> 3) {} catch {}
        used -= gasleft();
    }

    function selectedSum(uint256[] memory points, uint256[] memory indices, uint256 scalar)
        external
        view
    {
        uint256[5] memory sum;
        uint256[1] memory scalars = [scalar];
        (uint256 p, uint256 i, uint256 s) = (0, 0, 0);
        assembly ("memory-safe") {
            p := add(points, 0x20)
            i := add(indices, 0x20)
            s := scalars
        }
        Bn254.selectedSum(sum, p, points.length / 2, i, s);
    }

    function inverse(uint256 scalar) external view returns (uint256) {
        return Bn254.inverse(scalar);
    }

    function pairing(uint256[] memory pairs) external view returns (bool) {
        return Bn254.pairingIsOne(pairs);
    }

    function inG2(uint256[4] memory point) external view returns (bool) {
        uint256 place;
        assembly ("memory-safe") {
            place := point
        }
        return Bn254.isInG2(place);
    }

    function _place(uint256[2] memory words) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := words
        }
    }
}

contract Bn254Test is Test {
    Bn254Harness private _curve = new Bn254Harness();

    function test_accepts_points_and_the_neutral_element() public view {
        _curve.onCurve([uint256(1), 2]);
        _curve.onCurve([uint256(1), Bn254.P - 2]);
        _curve.onCurve([uint256(0), 0]);
    }

    function test_refuses_what_is_no_point() public {
        uint256[2][6] memory bad = [
            [uint256(1), 1],
            [uint256(0), 1],
            [uint256(1), 0],
            [Bn254.P, 0],
            [Bn254.P + 1, 2],
            [uint256(1), Bn254.P + 2]
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(Bn254.PointNotOnCurve.selector, bad[i][0], bad[i][1])
            );
            _curve.onCurve(bad[i]);
        }
    }

    function test_refuses_unreduced_scalars() public {
        _curve.allReduced([Bn254.R - 1, 0]);
        vm.expectRevert(abi.encodeWithSelector(Bn254.ScalarNotReduced.selector, Bn254.R));
        _curve.allReduced([uint256(5), Bn254.R]);
    }

    function test_the_order_of_the_group() public view {
        (uint256 x, uint256 y) = _curve.multiply([uint256(1), 2], Bn254.R);
        assertEq(x | y, 0);
        (x, y) = _curve.multiply([uint256(1), 2], Bn254.R - 1);
        assertEq(x, 1);
        assertEq(y, Bn254.negate(2));
        (x, y) = _curve.add([uint256(1), 2], [uint256(1), Bn254.P - 2]);
        assertEq(x | y, 0);
        assertEq(Bn254.negate(0), 0);
    }

    function test_precompiles_refuse_bad_points() public {
        vm.expectRevert(Bn254.PrecompileFailed.selector);
        _curve.multiply{gas: 30_000_000}([uint256(1), 1], 5);
    }

    function test_pairs() public view {
        uint256[] memory pairs = new uint256[](12);
        for (uint256 i = 0; i < 12; i += 6) {
            (pairs[i], pairs[i + 1]) = (1, i == 0 ? 2 : Bn254.P - 2);
            (pairs[i + 2], pairs[i + 3]) = (Bn254.G2_X1, Bn254.G2_X0);
            (pairs[i + 4], pairs[i + 5]) = (Bn254.G2_Y1, Bn254.G2_Y0);
        }
        assertTrue(_curve.pairing(pairs));
        pairs[1] = Bn254.P - 2;
        assertFalse(_curve.pairing(pairs));
        // A bad point burns no more than twice what the pairing costs, and that it is the point is
        // found out for once more.
        pairs[2] = 1;
        uint256 before = gasleft();
        assertFalse(_curve.pairing(pairs));
        assertLt(before - gasleft(), 365_000);
    }

    function test_too_little_gas_is_no_bad_point() public {
        uint256[] memory pairs = new uint256[](6);
        (pairs[2], pairs[3]) = (Bn254.G2_X1, Bn254.G2_X0);
        (pairs[4], pairs[5]) = (Bn254.G2_Y1, Bn254.G2_Y0);
        assertTrue(_curve.pairing(pairs));
        for (uint256 gas_ = 20_000; gas_ < 120_000; gas_ += 5000) {
            try _curve.pairing{gas: gas_}(pairs) returns (bool one) {
                assertTrue(one, "a good point was called a bad one");
            } catch (bytes memory reason) {
                bool said = bytes4(reason) == Bn254.PrecompileFailed.selector;
                assertTrue(reason.length == 0 || said, "said something else");
            }
        }
    }

    /// @notice A precompile that refuses a point burns what it was given, which is twice the price.
    /// Points that are none must not make a verdict dear that is paid for good ones.
    function test_points_that_are_none_cost_no_more_than_points() public view {
        uint256 good = _curve.sumOf([uint256(1), 2], 300);
        uint256 bad = _curve.sumOf([uint256(5), 5], 300);
        assertLt(bad, good);
    }

    /// @notice As on a chain that has none: a call of an empty account succeeds, with no result.
    function test_a_precompile_that_is_not_there_is_no_result() public {
        for (uint160 i = 5; i < 9; ++i) {
            vm.mockCall(address(i), bytes(""), bytes(""));
            _expectFailure(i);
            vm.clearMockedCalls();
            // Nor is one that says too little or too much.
            vm.mockCall(address(i), bytes(""), new bytes(31));
            _expectFailure(i);
            vm.clearMockedCalls();
            vm.mockCall(address(i), bytes(""), new bytes(96));
            _expectFailure(i);
            vm.clearMockedCalls();
        }
        assertEq(_curve.inverse(1), 1);
    }

    function _expectFailure(uint256 precompile) private {
        uint256[] memory pairs = new uint256[](6);
        vm.expectRevert(Bn254.PrecompileFailed.selector);
        if (precompile == 5) _curve.inverse(3);
        else if (precompile == 6) _curve.add([uint256(1), 2], [uint256(1), 2]);
        else if (precompile == 7) _curve.multiply([uint256(1), 2], 5);
        else _curve.pairing(pairs);
    }

    function test_recognises_points_of_g2() public view {
        assertTrue(_curve.inG2([Bn254.G2_X1, Bn254.G2_X0, Bn254.G2_Y1, Bn254.G2_Y0]));
        assertFalse(_curve.inG2([Bn254.G2_X0, Bn254.G2_X1, Bn254.G2_Y1, Bn254.G2_Y0]));
        assertFalse(_curve.inG2([uint256(0), 0, 0, 0]));
    }

    function test_zero_has_no_inverse() public {
        vm.expectRevert(Bn254.NotInvertible.selector);
        _curve.inverse(0);
        vm.expectRevert(Bn254.NotInvertible.selector);
        _curve.inverse(Bn254.R);
    }

    function testFuzz_inverses(uint256 scalar) public view {
        vm.assume(scalar % Bn254.R != 0);
        assertEq(mulmod(scalar, _curve.inverse(scalar), Bn254.R), 1);
    }
}
