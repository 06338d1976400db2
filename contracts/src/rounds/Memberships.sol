// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {RoundsState} from "./RoundsState.sol";

/// @title Who may be in a domain's rounds, and answers for it
abstract contract Memberships is RoundsState {
    /// @notice Seconds that a round may be open: least and most.
    uint64 public constant MIN_DURATION = 60;
    uint64 public constant MAX_DURATION = 7 days;
    /// @notice Longest challenge window of a domain.
    uint64 public constant MAX_CHALLENGE = 7 days;
    /// @notice Seconds in which a demand must be answered.
    uint64 public constant ANSWER_WINDOW = 1 days;

    /// @inheritdoc IRounds
    function join(uint64 domain, bytes32 dataset, uint64 windows) external {
        if (dataset == 0 || windows == 0) revert EmptyDataset();
        if (_isMember(domain, msg.sender)) revert AlreadyMember(domain, msg.sender);
        IDomainRegistry.Terms memory terms = REGISTRY.termsOf(domain);
        if (terms.closed) revert IDomainRegistry.DomainIsClosed(domain);
        uint128 bond = terms.trainerBond;

        _memberships[domain][msg.sender] =
            Membership({dataset: dataset, windows: windows, bond: bond, leavesAt: 0});
        emit Joined(domain, msg.sender, dataset, windows);
        REPUTATION.admit(domain, msg.sender);
        STAKES.obligate(msg.sender, bond);
    }

    /// @inheritdoc IRounds
    function resign(uint64 domain) external {
        if (!_isMember(domain, msg.sender)) revert NotMember(domain, msg.sender);
        Membership storage ending = _memberships[domain][msg.sender];
        if (ending.leavesAt != 0) revert StillInRounds(domain, msg.sender, ending.leavesAt);
        // Whatever round the member is in was opened before now, and is over by then.
        uint64 leavesAt = uint64(block.timestamp) + MAX_DURATION + MAX_CHALLENGE + ANSWER_WINDOW;
        ending.leavesAt = leavesAt;
        emit Leaving(domain, msg.sender, leavesAt);
    }

    /// @inheritdoc IRounds
    function exit(uint64 domain) external {
        if (!_isMember(domain, msg.sender)) revert NotMember(domain, msg.sender);
        Membership memory ended = _memberships[domain][msg.sender];
        // slither-disable-next-line incorrect-equality
        if (ended.leavesAt == 0 || block.timestamp < ended.leavesAt) {
            revert StillInRounds(domain, msg.sender, ended.leavesAt);
        }
        delete _memberships[domain][msg.sender];
        emit Exited(domain, msg.sender);
        STAKES.release(msg.sender, ended.bond);
    }

    /// @inheritdoc IRounds
    function slashMember(uint64 round, address account, address challenger, bytes32 reason)
        external
        onlySlashing
    {
        uint64 domain = _known(round).domain;
        if (!_isMember(domain, account)) revert NotMember(domain, account);
        uint128 bond = _memberships[domain][account].bond;
        // Nothing else is forgotten: whoever is ruined is neither admitted nor paid.
        delete _memberships[domain][account];
        emit MemberSlashed(round, account, challenger, reason);
        REPUTATION.ruin(domain, account);
        // slither-disable-next-line unused-return
        STAKES.slash(account, bond, challenger, reason);
    }

    function _isMember(uint64 domain, address account) internal view returns (bool) {
        return _memberships[domain][account].windows != 0;
    }
}
