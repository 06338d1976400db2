// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A part of a pool, in one word: less than `2^96` tokens can ever exist.
struct Part {
    uint96 assets;
    uint128 shares;
    uint32 generation;
}

/// @title Shares of the parts of a pool
/// @notice Of each part, `assets <= shares <= 2^32 assets`. What stakers hold adds up to at most
/// the part's shares. Rounding is always in favour of those who stay.
library Shares {
    using SafeCast for uint256;

    /// @dev A generation's shares are `2^32` of the last one's.
    uint256 private constant SCALE_LOG = 32;
    /// @dev After so many generations nothing is left of 128-bit numbers.
    uint32 private constant NOTHING = 4;

    /// @notice What shares of a part are worth, rounded down.
    function worth(Part memory part, uint256 shares) internal pure returns (uint256) {
        return part.shares == 0 ? 0 : Math.mulDiv(shares, part.assets, part.shares);
    }

    /// @notice Puts an amount into a part.
    /// @return shares What it buys, rounded down.
    function put(Part memory part, uint256 amount) internal pure returns (uint256 shares) {
        shares = part.assets == 0 ? amount : Math.mulDiv(amount, part.shares, part.assets);
        part.assets += amount.toUint96();
        part.shares += shares.toUint128();
    }

    /// @notice Takes shares, of which there are so many, out of a part.
    /// @return amount What they are worth, rounded down.
    function take(Part memory part, uint256 shares) internal pure returns (uint256 amount) {
        amount = worth(part, shares);
        part.assets -= amount.toUint96();
        part.shares -= shares.toUint128();
    }

    /// @notice What shares of a generation are in a later one, rounded down.
    function inGeneration(uint256 shares, uint256 generation, uint256 later)
        internal
        pure
        returns (uint256)
    {
        uint256 passed = later - generation;
        return passed < NOTHING ? shares >> (SCALE_LOG * passed) : 0;
    }

    /// @notice Takes an amount out of a part that has as much, from all shares alike.
    function cut(Part memory part, uint256 amount) internal pure {
        part.assets -= amount.toUint96();
        _scale(part);
    }

    /// @dev Starts as many generations as keep shares within bounds.
    function _scale(Part memory part) private pure {
        if (part.assets == 0 && part.shares > 0) {
            part.shares = 0;
            part.generation += NOTHING;
        }
        while (part.shares > uint256(part.assets) << SCALE_LOG) {
            part.shares >>= SCALE_LOG;
            ++part.generation;
        }
    }
}
