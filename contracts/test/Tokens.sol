// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that anyone can create.
contract PlainToken is ERC20 {
    constructor() ERC20("plain", "PLAIN") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice A token that keeps a share of every transfer, in basis points.
contract FeeToken is ERC20 {
    uint256 public immutable FEE;

    constructor(uint256 fee) ERC20("fee", "FEE") {
        FEE = fee;
    }

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount * FEE / 10_000;
        if (fee > 0) super._update(from, address(0), fee);
        super._update(from, to, amount - fee);
    }
}

/// @notice A token that calls somebody back in the middle of every transfer, as tokens with hooks
/// do.
contract CallingToken is ERC20 {
    address public target;
    bytes public data;
    bool public succeeded;
    bytes public answer;

    constructor() ERC20("calling", "CALL") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function callBack(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        address called = target;
        if (called != address(0)) {
            target = address(0);
            (succeeded, answer) = called.call(data);
        }
    }
}

/// @notice A token that returns nothing, as some old ones do.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice A token that says no.
contract RefusingToken {
    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}
