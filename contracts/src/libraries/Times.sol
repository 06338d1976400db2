// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title How long the parts of a round may take
library Times {
    /// @notice Longest time, in seconds, from a round's opening to its deadline.
    uint64 internal constant MAX_DURATION = 7 days;
    /// @notice Seconds after the deadline in which a batch is proposed.
    uint64 internal constant PROPOSE_WINDOW = 1 days;
    /// @notice Longest challenge window of a domain.
    uint64 internal constant MAX_CHALLENGE = 7 days;
    /// @notice Seconds in which a demand must be answered, and an audit drawn.
    uint64 internal constant ANSWER_WINDOW = 1 days;
    /// @notice Seconds after which a round is over, however it went. Audits are drawn within a day of
    /// the proposal, so that what they ask for is answered by then too.
    uint64 internal constant MAX_ROUND =
        MAX_DURATION + PROPOSE_WINDOW + MAX_CHALLENGE + ANSWER_WINDOW;
    /// @notice Seconds from a verifier's stop to the first round that is abandoned for it.
    uint64 internal constant GRACE = 1 days;
    /// @notice Blocks from what is drawn for to the one whose randomness draws.
    uint64 internal constant DRAW_DELAY = 2;
}
