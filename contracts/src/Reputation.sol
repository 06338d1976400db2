// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IReputation} from "./interfaces/IReputation.sol";
import {Weights} from "./libraries/Weights.sol";

/// @title Reputation, and the weights that follow from it
contract Reputation is IReputation {
    /// @notice The best score.
    uint32 public constant SCORE_ONE = 65_536;
    /// @notice The worst score. Even beside 255 members of the best it gives a positive weight.
    uint32 public constant SCORE_LEAST = 256;
    /// @notice A newcomer's first score: the worst, so that no bad name is worth throwing away.
    uint32 public constant SCORE_FIRST = SCORE_LEAST;
    /// @notice The best score of a newcomer.
    uint32 public constant NEWCOMER_CAP = 16_384;
    /// @notice Settled rounds for which one is a newcomer.
    uint32 public constant NEWCOMER_ROUNDS = 8;
    /// @notice Beside so many others newcomers have at most a quarter of a round's weight together.
    /// @dev Beside fewer they are not capped: the rest of the weight would be in the hands of one,
    /// two or three members, and owners' privacy policies refuse rounds in which so few have so
    /// much.
    uint256 public constant LEAST_VETERANS = 4;
    /// @dev A round counts for `2^-RATE` of the average.
    uint32 private constant RATE = 3;

    /// @notice Who moves scores.
    address public immutable ROUNDS;

    /// @inheritdoc IReputation
    mapping(uint64 domain => mapping(address account => bool)) public isBarred;

    mapping(uint64 domain => mapping(address account => Standing)) private _standings;

    modifier onlyRounds() {
        if (msg.sender != ROUNDS) revert Unauthorized(msg.sender);
        _;
    }

    /// @param rounds Who moves scores.
    constructor(address rounds) {
        ROUNDS = rounds;
    }

    /// @inheritdoc IReputation
    function admit(uint64 domain, address account) external onlyRounds {
        Standing storage admitted = _standings[domain][account];
        if (admitted.slashed) revert WasSlashed(domain, account);
        if (admitted.score != 0) return;
        admitted.score = SCORE_FIRST;
        emit Scored(domain, account, SCORE_FIRST);
    }

    /// @inheritdoc IReputation
    function settle(uint64 domain, address[] calldata accounts, bool[] calldata delivered)
        external
        onlyRounds
    {
        if (accounts.length != delivered.length) {
            revert WrongLength(accounts.length, delivered.length);
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            _move(domain, accounts[i], delivered[i]);
        }
    }

    /// @inheritdoc IReputation
    function ruin(uint64 domain, address account) external onlyRounds {
        Standing storage ruined = _standings[domain][account];
        ruined.score = 0;
        ruined.slashed = true;
        emit Scored(domain, account, 0);
    }

    /// @inheritdoc IReputation
    function bar(uint64 domain, address account) external onlyRounds {
        isBarred[domain][account] = true;
        emit Barred(domain, account);
    }

    /// @inheritdoc IReputation
    function standing(uint64 domain, address account) external view returns (Standing memory) {
        return _standings[domain][account];
    }

    /// @inheritdoc IReputation
    function weights(uint64 domain, address[] calldata accounts)
        external
        view
        returns (uint32[] memory)
    {
        uint32[] memory scores = new uint32[](accounts.length);
        bool[] memory isNew = new bool[](accounts.length);
        for (uint256 i = 0; i < scores.length; ++i) {
            address account = accounts[i];
            if (i > 0 && account <= accounts[i - 1]) revert NotAscending(i);
            Standing memory found = _standings[domain][account];
            if (found.score == 0) revert NoStanding(domain, account);
            scores[i] = found.score;
            isNew[i] = found.rounds <= NEWCOMER_ROUNDS;
        }
        return Weights.capped(scores, isNew, LEAST_VETERANS);
    }

    function _move(uint64 domain, address account, bool delivered) private {
        Standing memory moved = _standings[domain][account];
        // Slashed in the meantime, or never admitted.
        if (moved.score == 0) return;
        if (moved.rounds != type(uint32).max) ++moved.rounds;
        if (delivered) {
            moved.score += (SCORE_ONE - moved.score) >> RATE;
        } else {
            moved.score -= moved.score >> RATE;
        }
        uint32 most = moved.rounds <= NEWCOMER_ROUNDS ? NEWCOMER_CAP : SCORE_ONE;
        if (moved.score > most) moved.score = most;
        if (moved.score < SCORE_LEAST) moved.score = SCORE_LEAST;
        _standings[domain][account] = moved;
        emit Scored(domain, account, moved.score);
    }
}
