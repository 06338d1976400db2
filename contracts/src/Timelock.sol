// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Who governs: a delay before whatever governance decides
/// @notice It owns the parameters and the list of verifiers, and mints the emission; nothing else
/// is owned by anyone. It administers itself: nobody can shorten the delay without waiting for it.
contract Timelock is TimelockController {
    /// @param delay Seconds between a decision and its execution.
    /// @param governors Who may propose, cancel and execute.
    constructor(uint256 delay, address[] memory governors)
        TimelockController(delay, governors, governors, address(0))
    {}
}
