// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Numbers that governance may change, within bounds, after a delay
/// @notice The owner is a timelock. It can touch nothing else: no stake, no budget, no verifier.
/// Rounds and domains keep the numbers that they were opened with where a change would hurt them.
interface IParameters {
    /// @param domainDeposit Reward tokens that opening a domain takes, returned when it closes.
    /// @param domainFee Part of the deposit that is burned at once.
    /// @param settlementFee Basis points of a payment in reward tokens that are burned.
    /// @param burnShare Basis points that are burned of what a slash takes of an operator's own
    /// stake; the challenger gets the rest. What it takes of delegators is all burned.
    /// @param trainerBond Least bond of a domain's trainers.
    /// @param coordinatorBond Least bond of a domain's coordinator, for each round.
    struct Values {
        uint128 domainDeposit;
        uint128 domainFee;
        uint16 settlementFee;
        uint16 burnShare;
        uint128 trainerBond;
        uint128 coordinatorBond;
    }

    /// @notice The numbers have changed.
    event Changed(Values values);

    /// @notice A number is out of its bounds; fields are counted from zero.
    error OutOfBounds(uint256 field, uint256 value, uint256 least, uint256 most);
    /// @notice The caller may not do this.
    error Unauthorized(address caller);

    /// @notice Replaces all numbers. Only the timelock may.
    function set(Values calldata values) external;

    /// @notice The numbers now.
    function get() external view returns (Values memory);
}
