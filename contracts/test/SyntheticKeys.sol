// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bn254} from "../src/libraries/Bn254.sol";
import {Deployment} from "./Deployment.sol";
import {Fixture} from "./Fixtures.sol";

/// @notice Numbers of a key.
struct Shape {
    uint256 rowLog;
    uint256 addressLog;
    uint256 data;
    uint256 parameters;
    uint256 state;
    uint256 tables;
    uint256 steps;
    uint256 trace;
    uint64 windows;
}

/// @notice Keys of any size, with statements and proofs that are wrong in nothing that could be
/// noticed before the last pairing: a verifier does all of its work on them.
abstract contract SyntheticKeys is Deployment {
    bytes private constant POINT = abi.encode(uint256(1), uint256(2));

    /// @notice A fixture's shape.
    function shapeOf(Fixture memory f) internal pure returns (Shape memory shape) {
        shape.rowLog = number(f.key, 36);
        shape.addressLog = f.addressLog;
        shape.data = f.data;
        shape.parameters = f.parameters;
        shape.state = f.state;
        shape.tables = number(f.key, 56);
        shape.steps = f.steps;
        shape.trace = number(f.key, 68);
        shape.windows = 1;
    }

    /// @notice All rows of a shape's layout.
    function rowsOf(Shape memory shape) internal pure returns (uint256) {
        return shape.data + shape.parameters * (shape.steps + 1) + shape.state + shape.tables
            + shape.trace;
    }

    /// @notice A key with this shape, and a fixture's proof system, circuit and reference string.
    function keyOf(Shape memory shape, Fixture memory f) internal pure returns (bytes memory) {
        Shape memory old = shapeOf(f);
        uint256 tail = 72 + 4 * rowsOf(old) + 64 * old.tables;
        uint256 places = 1 << (shape.addressLog - shape.rowLog);
        bytes memory indices = new bytes(4 * rowsOf(shape));
        for (uint256 i = 0; i < rowsOf(shape); ++i) {
            uint256 index = i % places;
            (indices[4 * i + 2], indices[4 * i + 3]) =
            (bytes1(uint8(index >> 8)), bytes1(uint8(index)));
        }
        return bytes.concat(
            wordAt(f.key, 0),
            abi.encodePacked(
                uint32(number(f.key, 32)),
                uint32(shape.rowLog),
                uint32(shape.addressLog),
                uint32(shape.data),
                uint32(shape.parameters)
            ),
            abi.encodePacked(
                uint32(shape.state),
                uint32(shape.tables),
                uint32(shape.parameters),
                uint32(shape.steps),
                uint32(shape.trace)
            ),
            indices,
            _repeated(POINT, shape.tables),
            _from(f.key, tail)
        );
    }

    /// @notice A well-formed statement for such a key.
    function statementOf(Shape memory shape, Fixture memory f)
        internal
        view
        returns (bytes memory)
    {
        bytes memory data = _repeated(POINT, shape.data);
        uint256 depth = 0;
        bytes32 root = keccak256(abi.encodePacked(uint8(0), uint64(0), data));
        for (; (uint256(1) << depth) < shape.windows; ++depth) {
            root = keccak256(abi.encodePacked(uint8(1), root, bytes32(0)));
        }
        bytes memory start = abi.encodePacked(
            uint64(16),
            "zktrain/training",
            uint64(1),
            uint64(32),
            wordAt(f.key, 0),
            uint64(block.chainid)
        );
        start = bytes.concat(
            start,
            abi.encodePacked(
                uint64(20),
                address(this),
                uint64(1),
                uint64(1),
                uint64(20),
                address(this),
                uint64(0)
            )
        );
        bytes memory lists =
            abi.encodePacked(uint64(32), root, shape.windows, uint64(0), uint64(shape.data), data);
        return bytes.concat(
            start,
            lists,
            abi.encodePacked(uint64(depth), new bytes(32 * depth)),
            _list(POINT, shape.parameters),
            _list(POINT, shape.state),
            _list(_update(shape.steps), shape.parameters),
            _list(POINT, shape.state)
        );
    }

    /// @notice A proof for such a key that only the last pairing refuses.
    function proofOf(Shape memory shape, Fixture memory f) internal pure returns (bytes memory) {
        uint256 own = shape.parameters * shape.steps + shape.trace;
        return bytes.concat(
            _repeated(POINT, own + 1),
            _repeated(abi.encode(Bn254.R - 1), shape.addressLog + 3),
            _from(f.proof, 64 * (f.ownRows + 1) + 32 * (f.addressLog + 3))
        );
    }

    /// @dev Minus the sum of all steps' rows.
    function _update(uint256 steps) private view returns (bytes memory) {
        (bool ok, bytes memory sum) =
            address(7).staticcall(abi.encode(uint256(1), uint256(2), steps));
        require(ok);
        (uint256 x, uint256 y) = abi.decode(sum, (uint256, uint256));
        return abi.encode(x, Bn254.P - y);
    }

    function _list(bytes memory item, uint256 count) private pure returns (bytes memory) {
        return abi.encodePacked(uint64(count), _repeated(item, count));
    }

    function _repeated(bytes memory item, uint256 count) private pure returns (bytes memory list) {
        uint256 size = item.length;
        list = new bytes(size * count);
        for (uint256 i = 0; i < count; ++i) {
            assembly ("memory-safe") {
                mcopy(add(add(list, 0x20), mul(i, size)), add(item, 0x20), size)
            }
        }
    }

    function _from(bytes memory data, uint256 offset) private pure returns (bytes memory rest) {
        uint256 length = data.length - offset;
        rest = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(rest, 0x20), add(add(data, 0x20), offset), length)
        }
    }
}
