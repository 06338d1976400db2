// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";

import {IRounds} from "../interfaces/IRounds.sol";

/// @title Randomness of a block that is past
/// @notice The block's `prevrandao`, which its builder does not choose: a hash of the block could be
/// ground by the builder, which orders its transactions. It is read out of the header, which is
/// known by its hash as long as the chain remembers that (EIP-2935).
library Beacon {
    /// @dev Blocks for which a hash can be had.
    uint256 private constant HASHES = 8191;

    /// @notice The randomness of a block.
    /// @param target The block's number.
    /// @param header The block's header (RLP).
    function randomness(uint256 target, bytes calldata header)
        internal
        view
        returns (bytes32 value)
    {
        if (block.number <= target) {
            revert IRounds.TooEarly(target + 1, block.number);
        }
        bytes32 hash = Blockhash.blockHash(target);
        if (hash == 0) revert IRounds.TooLate(target + HASHES, block.number);
        if (keccak256(header) != hash) revert IRounds.WrongHeader(target);
        value = BlockHeader.getPrevRandao(header);
        // Chains that have none say zero or one.
        if (uint256(value) < 2) revert IRounds.NoRandomness(target);
    }

    /// @notice Whether a block is past and its hash cannot be had any more.
    function isForgotten(uint256 target) internal view returns (bool) {
        return block.number > target && Blockhash.blockHash(target) == 0;
    }
}
