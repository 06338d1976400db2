// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bn254} from "./libraries/Bn254.sol";

/// @title Openings of a committed row at a multilinear point: HyperKZG
library OpeningVerifier {
    function encodedLength(uint256 variables) internal pure returns (uint256) {
        return 64 * (2 * variables + 1);
    }

    function verify(
        bytes calldata opening,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed
    ) internal view returns (uint256[4] memory leftRight) {
        // replaced by H4
        Bn254.inverse(uint256(seed));
        leftRight[0] = opening.length + point.length + value + commitment[0];
    }
}
