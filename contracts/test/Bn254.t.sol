// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Bn254} from "../src/libraries/Bn254.sol";
import {Bn254Harness} from "./Bn254Harness.sol";

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
