// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Who governs: a delay before whatever governance decides
/// @notice It owns the parameters and the list of verifiers, names the guardian and bridges, and
/// mints the emission; nothing else is owned by anyone. It administers itself: nobody can shorten
/// the delay without waiting for it.
///
/// A proposer does not cancel, and a canceller does nothing else. A canceller can stop everything
/// but its own removal: so neither a proposer nor a canceller that has gone bad can stay against
/// the others' will.
contract Timelock is TimelockController {
    /// @notice Longer than a round with all its windows (7 + 1 + 7 + 1 days): an owner or a
    /// coordinator that disagrees with a decision can have left before it counts.
    uint256 public constant LEAST_DELAY = 17 days;

    /// @notice Whose role as a canceller an operation takes away and nothing else: it cannot cancel
    /// it; other cancellers can. Zero for other operations.
    mapping(bytes32 id => address canceller) public removalOf;

    /// @notice The delay is shorter than a round can take.
    error DelayTooShort(uint256 least, uint256 got);
    /// @notice An account is in more than one of the lists.
    error TwoRoles(address account);
    /// @notice The operation takes the caller's role as a canceller away.
    error NotCancellable(bytes32 id);

    /// @param delay Seconds between a decision and its execution.
    /// @param proposers Who may propose: best one contract in which many vote.
    /// @param cancellers Who may cancel; may be empty.
    /// @param executors Who may execute what is due; the zero address for anyone.
    constructor(
        uint256 delay,
        address[] memory proposers,
        address[] memory cancellers,
        address[] memory executors
    ) TimelockController(delay, proposers, executors, address(0)) {
        if (delay < LEAST_DELAY) {
            revert DelayTooShort(LEAST_DELAY, delay);
        }
        // The controller has made cancellers of them.
        for (uint256 i = 0; i < proposers.length; ++i) {
            _revokeRole(CANCELLER_ROLE, proposers[i]);
            if (hasRole(EXECUTOR_ROLE, proposers[i])) revert TwoRoles(proposers[i]);
        }
        for (uint256 i = 0; i < cancellers.length; ++i) {
            address canceller = cancellers[i];
            if (hasRole(PROPOSER_ROLE, canceller) || hasRole(EXECUTOR_ROLE, canceller)) {
                revert TwoRoles(canceller);
            }
            _grantRole(CANCELLER_ROLE, canceller);
        }
    }

    /// @inheritdoc TimelockController
    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        super.schedule(target, value, data, predecessor, salt, delay);
        if (target == address(this) && _removesCanceller(data)) {
            bytes32 id = hashOperation(target, value, data, predecessor, salt);
            removalOf[id] = address(uint160(uint256(bytes32(data[36:]))));
        }
    }

    /// @inheritdoc TimelockController
    function cancel(bytes32 id) public override {
        if (removalOf[id] == msg.sender) revert NotCancellable(id);
        super.cancel(id);
    }

    /// @inheritdoc TimelockController
    /// @dev Whatever governance sets it to later.
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        return delay < LEAST_DELAY ? LEAST_DELAY : delay;
    }

    /// @dev Whether a call of this contract takes a canceller's role away.
    function _removesCanceller(bytes calldata data) private pure returns (bool) {
        return data.length == 68 && bytes4(data[:4]) == this.revokeRole.selector
            && bytes32(data[4:36]) == CANCELLER_ROLE;
    }
}
