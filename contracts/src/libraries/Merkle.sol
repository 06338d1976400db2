// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {IRounds} from "../interfaces/IRounds.sol";

/// @title Merkle trees of members and of deliveries
/// @notice Pairs are sorted before they are hashed and the last node of an odd row is promoted, so
/// that OpenZeppelin's `MerkleProof` checks paths. Leaves are hashed twice: no inner node is one. A
/// path does not say where a leaf is; both kinds of leaf name their account, which occurs once.
library Merkle {
    /// @notice The leaf of a member.
    function leaf(IRounds.Member memory member) internal pure returns (bytes32) {
        return _leaf(
            bytes32(uint256(uint160(member.account))),
            member.dataset,
            bytes32(uint256(member.windows)),
            bytes32(uint256(member.weight))
        );
    }

    /// @notice The leaf of a member's delivery.
    function leaf(address account, uint32 weight, IRounds.Delivery memory delivery)
        internal
        pure
        returns (bytes32)
    {
        return _leaf(
            bytes32(uint256(uint160(account))),
            bytes32(uint256(weight)),
            delivery.update,
            delivery.submission
        );
    }

    /// @notice The leaves of a round's members.
    function leaves(IRounds.Member[] calldata members)
        internal
        pure
        returns (bytes32[] memory hashes)
    {
        hashes = new bytes32[](members.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leaf(members[i]);
        }
    }

    /// @notice The leaves of deliveries, one a member.
    function leaves(IRounds.Member[] calldata members, IRounds.Delivery[] calldata deliveries)
        internal
        pure
        returns (bytes32[] memory hashes)
    {
        hashes = new bytes32[](members.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leaf(members[i].account, members[i].weight, deliveries[i]);
        }
    }

    /// @notice The root of a tree, zero of no leaves; overwrites the leaves.
    function root(bytes32[] memory nodes) internal pure returns (bytes32) {
        uint256 count = nodes.length;
        if (count == 0) return 0;
        while (count > 1) {
            uint256 pairs = count / 2;
            for (uint256 i = 0; i < pairs; ++i) {
                nodes[i] = Hashes.commutativeKeccak256(nodes[2 * i], nodes[2 * i + 1]);
            }
            if (count % 2 == 1) {
                nodes[pairs] = nodes[count - 1];
                ++pairs;
            }
            count = pairs;
        }
        return nodes[0];
    }

    /// @dev `keccak256(keccak256(abi.encode(a, b, c, d)))`.
    function _leaf(bytes32 a, bytes32 b, bytes32 c, bytes32 d) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, a)
            mstore(add(free, 0x20), b)
            mstore(add(free, 0x40), c)
            mstore(add(free, 0x60), d)
            mstore(0, keccak256(free, 0x80))
            hash := keccak256(0, 0x20)
        }
    }
}
