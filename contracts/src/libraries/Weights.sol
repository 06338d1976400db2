// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Weights from scores
/// @notice Integers that sum to a power of two, so that the weighted sum of updates can be divided
/// exactly in the statement about the next model.
library Weights {
    /// @notice Weights sum to `2^LOG`.
    uint256 internal constant LOG = 16;
    /// @dev Newcomers are group 1, others group 0.
    uint256 private constant ALL = 2;

    /// @notice The weights would not sum to `2^LOG`: no score is positive.
    error NoScores();

    /// @notice The weights of newcomers and of others. Newcomers have at most a quarter together if
    /// there are at least `least` others; else all are weighted alike.
    /// @dev With scores from 256 to 65,536, newcomers' at most 16,384, and at most 256 members of
    /// whom at least four are no newcomers, every weight is positive.
    function capped(uint32[] memory scores, bool[] memory isNew, uint256 least)
        internal
        pure
        returns (uint32[] memory weights)
    {
        uint256[2] memory sums;
        uint256 others = 0;
        for (uint256 i = 0; i < scores.length; ++i) {
            sums[isNew[i] ? 1 : 0] += scores[i];
            if (!isNew[i]) ++others;
        }
        weights = new uint32[](scores.length);
        if (others >= least && 3 * sums[1] > sums[0]) {
            _share(weights, scores, isNew, 1, sums[1], 1 << (LOG - 2));
            _share(weights, scores, isNew, 0, sums[0], 3 << (LOG - 2));
        } else {
            _share(weights, scores, isNew, ALL, sums[0] + sums[1], 1 << LOG);
        }
    }

    /// @dev Gives a group `floor(total * score / sum)` each, and one more to its first members
    /// until it has `total`.
    function _share(
        uint32[] memory weights,
        uint32[] memory scores,
        bool[] memory isNew,
        uint256 group,
        uint256 sum,
        uint256 total
    ) private pure {
        if (sum == 0) revert NoScores();
        uint256 rest = total;
        for (uint256 i = 0; i < scores.length; ++i) {
            if (!_isIn(isNew[i], group)) continue;
            uint256 weight = scores[i] * total / sum;
            rest -= weight;
            // At most 2^LOG.
            // forge-lint: disable-next-line(unsafe-typecast)
            weights[i] = uint32(weight);
        }
        // Each quotient was rounded down by less than one: fewer are left than the group has
        // members.
        for (uint256 i = 0; rest > 0; ++i) {
            if (!_isIn(isNew[i], group)) continue;
            ++weights[i];
            --rest;
        }
    }

    function _isIn(bool isNew, uint256 group) private pure returns (bool) {
        return group == ALL || isNew == (group == 1);
    }
}
