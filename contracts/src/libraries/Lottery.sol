// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Drawing by weight, without putting back
/// @notice Pay goes by weight, and so does being looked at: with a part `x` of all weight an account is
/// not among the first `k` with at most the probability `(1 - x)^k`, under however many names.
library Lottery {
    /// @param place Where what it stands for is in a list.
    /// @param weight How likely it is to be drawn.
    struct Ticket {
        uint256 place;
        uint256 weight;
    }

    /// @notice Puts what is drawn first, in the order of the draw.
    /// @param some How many are drawn, at most as many as there are.
    /// @param seed What draws.
    function draw(Ticket[] memory tickets, uint256 some, bytes32 seed) internal pure {
        uint256 left = 0;
        for (uint256 i = 0; i < tickets.length; ++i) {
            left += tickets[i].weight;
        }
        for (uint256 i = 0; i < some; ++i) {
            uint256 point = left == 0 ? 0 : uint256(keccak256(abi.encode(seed, i))) % left;
            uint256 found = _find(tickets, i, point);
            left -= tickets[found].weight;
            (tickets[i], tickets[found]) = (tickets[found], tickets[i]);
        }
    }

    /// @dev In whose part of the weight a point is; without any weight the last one, so that nobody
    /// is late for what cannot be drawn.
    function _find(Ticket[] memory tickets, uint256 from, uint256 point)
        private
        pure
        returns (uint256 found)
    {
        uint256 last = tickets.length - 1;
        for (found = from; found < last && point >= tickets[found].weight; ++found) {
            point -= tickets[found].weight;
        }
    }
}
