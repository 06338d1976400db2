// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IParameters} from "./interfaces/IParameters.sol";
import {Burning} from "./libraries/Burning.sol";

/// @title Numbers that governance may change, within bounds that it may not
contract Parameters is IParameters {
    uint256 private constant MAX_DEPOSIT = 1e24;
    uint256 private constant MAX_SETTLEMENT_FEE = 1000;
    uint256 private constant MAX_BURN_SHARE = 9500;
    uint256 private constant MIN_BOND = 1e18;
    uint256 private constant MAX_BOND = 1e24;

    /// @notice Who may change the numbers: a timelock.
    address public immutable OWNER;

    Values private _values;

    /// @param owner Who may change the numbers.
    /// @param initial The numbers at first.
    constructor(address owner, Values memory initial) {
        OWNER = owner;
        _requireBounds(initial);
        _values = initial;
        emit Changed(initial);
    }

    /// @inheritdoc IParameters
    function set(Values calldata values) external {
        if (msg.sender != OWNER) revert Unauthorized(msg.sender);
        _requireBounds(values);
        _values = values;
        emit Changed(values);
    }

    /// @inheritdoc IParameters
    function get() external view returns (Values memory) {
        return _values;
    }

    function _requireBounds(Values memory values) private pure {
        _requireWithin(0, values.domainDeposit, 0, MAX_DEPOSIT);
        _requireWithin(1, values.domainFee, 0, values.domainDeposit);
        _requireWithin(2, values.settlementFee, 0, MAX_SETTLEMENT_FEE);
        _requireWithin(3, values.burnShare, Burning.LEAST, MAX_BURN_SHARE);
        _requireWithin(4, values.trainerBond, MIN_BOND, MAX_BOND);
        _requireWithin(5, values.coordinatorBond, MIN_BOND, MAX_BOND);
    }

    function _requireWithin(uint256 field, uint256 value, uint256 least, uint256 most)
        private
        pure
    {
        if (value < least || value > most) revert OutOfBounds(field, value, least, most);
    }
}
