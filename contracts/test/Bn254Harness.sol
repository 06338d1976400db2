// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

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
