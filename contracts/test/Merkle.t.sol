// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Test} from "forge-std/Test.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {Paths} from "./Paths.sol";

contract MerkleTest is Test {
    function leavesOf(IRounds.Member[] calldata members, IRounds.Delivery[] calldata deliveries)
        external
        pure
        returns (bytes32[] memory, bytes32[] memory)
    {
        return (Merkle.leaves(members), Merkle.leaves(members, deliveries));
    }

    function random(uint256 count, uint256 seed) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
    }

    function copy(bytes32[] memory list) private pure returns (bytes32[] memory same) {
        same = new bytes32[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            same[i] = list[i];
        }
    }

    function test_no_leaves_have_no_root() public pure {
        assertEq(Merkle.root(new bytes32[](0)), 0);
    }

    function testFuzz_leaves_are_hashed_twice(IRounds.Member memory m, IRounds.Delivery memory d)
        public
        pure
    {
        bytes memory first = abi.encode(m.account, m.dataset, m.windows, m.weight);
        assertEq(Merkle.leaf(m), keccak256(bytes.concat(keccak256(first))));
        bytes memory second = abi.encode(m.account, m.weight, d.update, d.submission);
        bytes32 leaf = Merkle.leaf(m.account, m.weight, d);
        assertEq(leaf, keccak256(bytes.concat(keccak256(second))));
    }

    function testFuzz_lists_of_leaves(IRounds.Member memory m, IRounds.Delivery memory d)
        public
        view
    {
        IRounds.Member[] memory members = new IRounds.Member[](2);
        IRounds.Delivery[] memory deliveries = new IRounds.Delivery[](2);
        (members[1], deliveries[1]) = (m, d);
        (bytes32[] memory first, bytes32[] memory second) = this.leavesOf(members, deliveries);
        assertEq(first.length, 2);
        assertEq(second.length, 2);
        assertEq(first[1], Merkle.leaf(m));
        assertEq(second[1], Merkle.leaf(m.account, m.weight, d));
    }

    function testFuzz_every_leaf_has_a_path(uint256 count, uint256 seed) public pure {
        bytes32[] memory leaves = random(bound(count, 1, 40), seed);
        bytes32 root = Merkle.root(copy(leaves));
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertTrue(MerkleProof.verify(Paths.path(leaves, i), root, leaves[i]));
        }
    }

    function testFuzz_no_other_leaf_has_a_path(uint256 count, uint256 seed, uint256 index)
        public
        pure
    {
        bytes32[] memory leaves = random(bound(count, 1, 40), seed);
        index = bound(index, 0, leaves.length - 1);
        bytes32 root = Merkle.root(copy(leaves));
        bytes32[] memory path = Paths.path(leaves, index);
        assertFalse(MerkleProof.verify(path, root, keccak256(abi.encode(leaves[index]))));
    }

    function testFuzz_every_leaf_matters(uint256 count, uint256 seed, uint256 index) public pure {
        bytes32[] memory leaves = random(bound(count, 1, 40), seed);
        bytes32[] memory other = copy(leaves);
        index = bound(index, 0, leaves.length - 1);
        other[index] = ~other[index];
        assertNotEq(Merkle.root(leaves), Merkle.root(other));
    }

    function test_a_tree_of_three_by_hand() public pure {
        bytes32[] memory leaves = new bytes32[](3);
        (leaves[0], leaves[1], leaves[2]) = (bytes32(uint256(2)), bytes32(uint256(1)), "c");
        bytes32 pair = keccak256(abi.encode(uint256(1), uint256(2)));
        bytes32 expected = pair < bytes32("c")
            ? keccak256(abi.encode(pair, bytes32("c")))
            : keccak256(abi.encode(bytes32("c"), pair));
        assertEq(Merkle.root(leaves), expected);
    }

    function testFuzz_typed_data_is_hashed_as_by_eip_712(
        IRounds.Submission memory s,
        IRounds.Batch memory b,
        IRounds.Receipt memory r,
        bytes32 nonce
    ) public pure {
        // All fields are static: a struct is encoded as its fields are.
        assertEq(
            TypedData.hash(s, nonce),
            _hash(
                "Submission(uint64 round,bytes32 nonce,address member,bytes32 statement,bytes32 proof,bytes32 update,uint32 length)",
                nonce,
                abi.encode(s)
            )
        );
        assertEq(
            TypedData.hash(b, nonce),
            _hash(
                "Batch(uint64 round,bytes32 nonce,bytes32 root,bytes32 aggregate,bytes32 model)",
                nonce,
                abi.encode(b)
            )
        );
        assertEq(
            TypedData.hash(r, nonce),
            _hash(
                "Receipt(uint64 round,bytes32 nonce,address member,bytes32 plan,bytes32 masked,bytes32 submission,uint64 time)",
                nonce,
                abi.encode(r)
            )
        );
    }

    /// @dev The nonce comes after the first field.
    function _hash(string memory kind, bytes32 nonce, bytes memory fields)
        private
        pure
        returns (bytes32)
    {
        bytes memory data = abi.encode(keccak256(bytes(kind)));
        for (uint256 i = 0; i < fields.length; i += 32) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(fields, 0x20), i))
            }
            data = bytes.concat(data, word);
            if (i == 0) data = bytes.concat(data, nonce);
        }
        return keccak256(data);
    }
}
