// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../interfaces/IDomainRegistry.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {Times} from "../libraries/Times.sol";
import {RoundsState} from "./RoundsState.sol";

/// @title Who may be in a domain's rounds, and answers for it
abstract contract Memberships is RoundsState {
    /// @notice Most seconds from a round's opening to its deadline; domains have a least.
    uint64 public constant MAX_DURATION = Times.MAX_DURATION;
    /// @notice Seconds after the deadline in which a batch is proposed.
    uint64 public constant PROPOSE_WINDOW = Times.PROPOSE_WINDOW;

    /// @inheritdoc IRounds
    function join(uint64 domain, bytes32 dataset, uint64 windows) external {
        if (dataset == 0) revert EmptyDataset();
        if (_isMember(domain, msg.sender)) revert AlreadyMember(domain, msg.sender);
        IDomainRegistry.Terms memory terms = REGISTRY.termsOf(domain);
        if (terms.closed) revert IDomainRegistry.DomainIsClosed(domain);
        if (windows < terms.minWindows) revert TooFewWindows(terms.minWindows, windows);
        address holder = holderOf[domain][dataset];
        if (holder != address(0)) revert DatasetTaken(domain, dataset, holder);
        uint128 bond = terms.trainerBond;

        holderOf[domain][dataset] = msg.sender;
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
        uint64 leavesAt = uint64(block.timestamp) + Times.MAX_ROUND;
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
        delete holderOf[domain][ended.dataset];
        emit Exited(domain, msg.sender);
        STAKES.release(msg.sender, ended.bond);
    }

    /// @inheritdoc IRounds
    function slashMember(uint64 round, address account, address challenger, bytes32 reason)
        external
        onlySlashing
    {
        Round storage state = _known(round);
        uint64 domain = state.domain;
        if (!_isMember(domain, account)) revert NotMember(domain, account);
        uint128 bond = _memberships[domain][account].bond;
        // Nothing else is forgotten: a member that is ruined is neither admitted nor paid, and
        // nobody joins with its data.
        delete _memberships[domain][account];
        emit MemberSlashed(round, account, challenger, reason);
        REPUTATION.ruin(domain, account);
        // slither-disable-next-line unused-return
        STAKES.slash(account, bond, challenger, reason, state.burnShare, state.since);
    }

    function _isMember(uint64 domain, address account) internal view returns (bool) {
        return _memberships[domain][account].windows != 0;
    }
}
