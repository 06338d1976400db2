// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Weights from scores
/// @notice Integers that sum to a power of two, so that the weighted sum of updates can be divided
/// exactly in the statement about the next model.
library Weights {
    /// @notice Weights sum to `2^LOG`.
    uint256 internal constant LOG = 16;

    /// @notice The weights would not sum to `2^LOG`: no score is positive.
    error NoScores();

    /// @notice `floor(2^LOG * score / sum of scores)`, and one more for the first until the sum is
    /// `2^LOG`.
    function fromScores(uint32[] memory scores) internal pure returns (uint32[] memory weights) {
        uint256 count = scores.length;
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            sum += scores[i];
        }
        if (sum == 0) revert NoScores();
        weights = new uint32[](count);
        uint256 rest = 1 << LOG;
        for (uint256 i = 0; i < count; ++i) {
            uint256 weight = (uint256(scores[i]) << LOG) / sum;
            rest -= weight;
            // At most 2^LOG.
            // forge-lint: disable-next-line(unsafe-typecast)
            weights[i] = uint32(weight);
        }
        // Each quotient was rounded down by less than one: fewer are left than there are members.
        for (uint256 i = 0; i < rest; ++i) {
            ++weights[i];
        }
    }
}
