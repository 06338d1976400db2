// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {Vm} from "forge-std/Vm.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";

/// @notice Headers of blocks with some randomness, which the chain then takes for its own.
library Headers {
    using RLP for RLP.Encoder;

    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    /// @notice Where EIP-2935 keeps hashes.
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice A header, as blocks have them since Prague.
    function make(uint256 number, bytes32 randomness) internal pure returns (bytes memory) {
        RLP.Encoder memory e = RLP.encoder();
        // Parent, ommers, coinbase, state, transactions, receipts, bloom, difficulty.
        e.push(keccak256("parent")).push(keccak256("ommers")).push(address(0xc0ffee));
        e.push(keccak256("state")).push(keccak256("transactions")).push(keccak256("receipts"));
        e.push(new bytes(256)).push(uint256(0));
        // Number, gas limit and use, time, extra data.
        e.push(number).push(uint256(60_000_000)).push(uint256(1)).push(uint256(1_800_000_000));
        e.push(bytes("built by somebody"));
        // Randomness, nonce, base fee, withdrawals, blobs, beacon root, requests.
        e.push(randomness).push(new bytes(8)).push(uint256(7)).push(keccak256("withdrawals"));
        e.push(uint256(0)).push(uint256(0)).push(keccak256("beacon")).push(keccak256("requests"));
        return e.encode();
    }

    /// @notice Makes it the header of a block that is past, at the next block at the earliest.
    function install(uint256 number, bytes32 randomness) internal returns (bytes memory header) {
        header = make(number, randomness);
        if (block.number <= number) VM.roll(number + 1);
        VM.setBlockhash(number, keccak256(header));
    }

    /// @notice The first randomness that draws these windows in a round.
    function forWindows(
        IRounds rounds,
        uint64 round,
        IRounds.Member[] memory members,
        uint64[] memory windows
    ) internal view returns (bytes32 randomness) {
        IRounds.Round memory state = rounds.get(round);
        for (uint256 i = 0;; ++i) {
            randomness = keccak256(abi.encode("randomness", i));
            bytes32 nonce = keccak256(
                abi.encode(
                    randomness, round, address(rounds), state.domain, state.members, state.parent
                )
            );
            if (_draws(nonce, members, windows)) return randomness;
        }
    }

    function _draws(bytes32 nonce, IRounds.Member[] memory members, uint64[] memory windows)
        private
        pure
        returns (bool)
    {
        for (uint256 j = 0; j < windows.length; ++j) {
            bytes32 drawn = keccak256(abi.encode(nonce, members[j].account));
            if (uint256(drawn) % members[j].windows != windows[j]) return false;
        }
        return true;
    }

    /// @notice Has the chain remember a hash as EIP-2935 does, beyond the last 256 blocks.
    function remember(uint256 number, bytes32 hash) internal {
        VM.etch(
            HISTORY,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        VM.store(HISTORY, bytes32(number % 8191), hash);
    }
}
