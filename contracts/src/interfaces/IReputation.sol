// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Reputation, and the weights that follow from it
/// @notice An exponential average, per domain, of whether a member delivered verified work in the
/// rounds it was in. Only settlement changes it. A newcomer is capped for some rounds.
interface IReputation {
    /// @notice A member's standing.
    /// @param score Between 1 and `SCORE_ONE`; zero for an account that never joined or was
    /// slashed.
    /// @param rounds Rounds settled, at most 2^32 - 1.
    /// @param slashed Slashed: the score stays zero.
    struct Standing {
        uint32 score;
        uint32 rounds;
        bool slashed;
    }

    /// @notice A score has changed.
    event Scored(uint64 indexed domain, address indexed account, uint32 score);
    /// @notice The coordinator of a round of this domain was slashed for it, and opens none again.
    event Barred(uint64 indexed domain, address indexed account);

    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice The account was slashed in this domain.
    error WasSlashed(uint64 domain, address account);
    /// @notice The account has no score in this domain.
    error NoStanding(uint64 domain, address account);
    /// @notice The lists do not have the same length.
    error WrongLength(uint256 expected, uint256 got);
    /// @notice Accounts are not in strictly ascending order.
    error NotAscending(uint256 index);

    /// @notice Gives a newcomer its first score; nothing for an account that has one. Only rounds
    /// may.
    function admit(uint64 domain, address account) external;

    /// @notice Moves the scores of a round's members. Only rounds may.
    /// @param delivered Whether the member at the same index delivered.
    function settle(uint64 domain, address[] calldata accounts, bool[] calldata delivered) external;

    /// @notice Sets a score to zero for good. Only rounds may.
    function ruin(uint64 domain, address account) external;

    /// @notice Bars a coordinator that was slashed from a domain's rounds for good. Only rounds may.
    function bar(uint64 domain, address account) external;

    /// @notice Whether the account was slashed as a coordinator of this domain.
    function isBarred(uint64 domain, address account) external view returns (bool);

    /// @notice A member's standing.
    function standing(uint64 domain, address account) external view returns (Standing memory);

    /// @notice The weights of members in a round: `floor(2^WEIGHT_LOG * score / sum of scores)`,
    /// and one more for the first members until the sum is `2^WEIGHT_LOG`. Where newcomers would
    /// have more than a quarter of it beside at least `LEAST_VETERANS` others, they share a quarter
    /// by this rule among themselves, and the others share the rest by it.
    /// @param accounts In strictly ascending order.
    function weights(uint64 domain, address[] calldata accounts)
        external
        view
        returns (uint32[] memory);
}
