// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRounds} from "../interfaces/IRounds.sol";

/// @title What a delivery in a batch means
library Deliveries {
    /// @notice In place of a submission, in a round that is not optimistic: the update is part of
    /// the sum.
    bytes32 internal constant MARK = bytes32(uint256(1));

    /// @notice Whether a delivery is part of the batch's sum, if there is one. Who delivers to the
    /// contract alone takes no part in the secure aggregation: it is paid, and keeps no model from
    /// being made of the others' work.
    function isSummed(IRounds.Delivery memory delivery) internal pure returns (bool) {
        return delivery.update != 0 && delivery.submission != 0;
    }

    /// @notice Whether a batch may say this of a member. A member that has delivered to the
    /// contract is not left out; what it has delivered there may be without a submission, and then
    /// it is that. With a submission it may be another proof, which can be demanded: else a member
    /// could spoil a sum that it is part of with a second proof.
    /// @param checked What the member has delivered to the contract.
    function isAllowed(IRounds.Delivery memory delivery, bool optimistic, bytes32 checked)
        internal
        pure
        returns (bool)
    {
        bytes32 submission = delivery.submission;
        if (submission == 0) return delivery.update == checked;
        if (optimistic) return delivery.update != 0;
        return submission == MARK && checked != 0 && delivery.update == checked;
    }

    /// @notice Whether the update was proven to the contract, so that there is nothing to demand.
    /// With a submission there is, whatever was proven: the coordinator says that it has it and is
    /// paid for that, and an update alone is no submission.
    function isProven(IRounds.Delivery memory delivery, bytes32 checked)
        internal
        pure
        returns (bool)
    {
        return delivery.submission == 0 && checked != 0 && delivery.update == checked;
    }

    /// @notice What a demand asks for.
    function hash(bytes32 update, bytes32 submission) internal pure returns (bytes32) {
        return keccak256(abi.encode(update, submission));
    }
}
