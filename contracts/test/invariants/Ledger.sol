// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {RewardToken} from "../../src/RewardToken.sol";
import {StakeManager} from "../../src/StakeManager.sol";
import {IStakeManager} from "../../src/interfaces/IStakeManager.sol";

/// @notice Who has staked what with whom, and what delegators have accepted to lose. It is kept
/// apart from the contracts' own books, and compared with them whenever somebody may be slashed.
abstract contract Ledger is Test {
    /// @dev Rounding, of a position at a time.
    uint256 internal constant DUST = 16;

    RewardToken internal immutable TOKEN;
    StakeManager internal immutable STAKES;

    /// @notice Who can be slashed.
    address[] public operators;
    /// @notice Who stakes with operators.
    address[] public stakers;
    /// @notice Of both, and of those who bring evidence, the friends: who act as one.
    address[] public friends;
    mapping(address account => bool) public isFriend;

    /// @dev What a staker has accepted to lose with an operator, all its delegators together; what
    /// they had lost by then, and what the staker itself has lost since.
    struct Accepted {
        uint256 most;
        uint256 before;
        uint256 mine;
    }

    /// @dev A higher limit that was announced. Who has not left by then accepts it.
    struct Raise {
        uint256 limit;
        uint256 from;
        uint256 noticeEnd;
        bool noted;
    }

    /// @dev Everything that a slash can change.
    struct Books {
        uint256 friends;
        uint256[] own;
        uint256[] delegated;
        uint256[][] positions;
        bool[][] active;
    }

    mapping(address operator => mapping(address staker => Accepted)) private _accepted;
    mapping(address operator => mapping(address staker => bool)) private _stayed;
    mapping(address operator => Raise) private _raises;
    /// @notice What an operator's delegators have lost, together.
    mapping(address operator => uint256) public lost;
    uint256[] private _tickets;
    /// @dev On which something began to unbond.
    uint256[] private _days;

    constructor(RewardToken token, StakeManager stakes) {
        (TOKEN, STAKES) = (token, stakes);
    }

    /// @notice What the friends have, staked or not.
    function wealth() public view returns (uint256 sum) {
        for (uint256 i = 0; i < friends.length; ++i) {
            sum += TOKEN.balanceOf(friends[i]);
            for (uint256 j = 0; j < operators.length; ++j) {
                sum += position(operators[j], friends[i]);
            }
        }
    }

    /// @notice What a staker could take home from an operator, if it waited.
    function position(address operator, address staker) public view returns (uint256 sum) {
        sum = STAKES.stakeOf(operator, staker);
        for (uint256 i = 0; i < _tickets.length; ++i) {
            IStakeManager.Ticket memory ticket = STAKES.ticketOf(_tickets[i]);
            bool its = ticket.operator == operator && ticket.staker == staker;
            if (its) sum += STAKES.worthOf(_tickets[i]);
        }
    }

    /// @notice What is staked with an operator, active or unbonding.
    function inside(address operator) public view returns (uint256 own, uint256 delegated) {
        IStakeManager.Pool memory pool = STAKES.pool(operator);
        (own, delegated) = (pool.own, pool.delegated);
        for (uint256 i = 0; i < _days.length; ++i) {
            IStakeManager.Bucket memory bucket = STAKES.bucket(operator, _days[i]);
            own += bucket.own;
            delegated += bucket.delegated;
        }
    }

    /// @notice Everything that is staked.
    function allInside() external view returns (uint256 sum) {
        for (uint256 i = 0; i < operators.length; ++i) {
            (uint256 own, uint256 delegated) = inside(operators[i]);
            sum += own + delegated;
        }
    }

    function _befriend(address account) internal {
        friends.push(account);
        isFriend[account] = true;
    }

    /// @dev A delegator's program reads the exposure and accepts just that.
    function _delegate(address staker, address operator, uint256 amount) internal {
        uint256 balance = TOKEN.balanceOf(staker);
        if (balance == 0) return;
        if (amount > balance) amount = balance;
        _note(operator);
        uint256 exposure = STAKES.exposureOf(operator);
        vm.prank(staker);
        (bool ok,) =
            address(STAKES).call(abi.encodeCall(STAKES.delegate, (operator, amount, exposure)));
        if (ok && staker != operator) {
            _accepted[operator][staker] = Accepted(exposure, lost[operator], 0);
        }
    }

    function _setLimit(address operator, uint256 limit) internal {
        _note(operator);
        uint256 now_ = STAKES.pool(operator).limit;
        vm.prank(operator);
        STAKES.setLimit(uint128(limit));
        for (uint256 i = 0; i < stakers.length; ++i) {
            _stayed[operator][stakers[i]] = false;
        }
        delete _raises[operator];
        if (limit <= now_) return;
        // A day is how exactly the time of leaving is known.
        uint256 time = block.timestamp;
        _raises[operator] = Raise(limit, time + 28 days, time + 6 days, false);
    }

    /// @param part Of 256, of the staker's shares.
    function _unbond(address staker, address operator, uint256 part) internal {
        _note(operator);
        uint256 held = STAKES.sharesOf(operator, staker);
        uint256 shares = part == 0 ? held : held * part / 256;
        vm.prank(staker);
        (bool ok, bytes memory result) =
            address(STAKES).call(abi.encodeCall(STAKES.unbond, (operator, shares)));
        if (!ok) return;
        _tickets.push(abi.decode(result, (uint256)));
        uint256 today = block.timestamp / 1 days;
        if (_days.length == 0 || _days[_days.length - 1] != today) _days.push(today);
    }

    function _withdraw(uint256 which) internal {
        if (_tickets.length == 0) return;
        which %= _tickets.length;
        uint256 ticket = _tickets[which];
        vm.prank(STAKES.ticketOf(ticket).staker);
        (bool ok,) = address(STAKES).call(abi.encodeCall(STAKES.withdraw, (ticket)));
        if (!ok) return;
        _tickets[which] = _tickets[_tickets.length - 1];
        _tickets.pop();
    }

    /// @dev Before anything that depends on what was accepted.
    function _note(address operator) private {
        Raise storage raise = _raises[operator];
        if (raise.limit == 0) return;
        if (!raise.noted && block.timestamp > raise.noticeEnd) {
            raise.noted = true;
            for (uint256 i = 0; i < stakers.length; ++i) {
                _stayed[operator][stakers[i]] = STAKES.sharesOf(operator, stakers[i]) > 0;
            }
        }
        if (block.timestamp < raise.from) return;
        for (uint256 i = 0; i < stakers.length; ++i) {
            if (_stayed[operator][stakers[i]]) _raise(operator, stakers[i], raise.limit);
        }
        delete _raises[operator];
    }

    function _raise(address operator, address staker, uint256 limit) private {
        Accepted storage accepted = _accepted[operator][staker];
        uint256 gone = lost[operator] - accepted.before;
        uint256 left = accepted.most > gone ? accepted.most - gone : 0;
        _accepted[operator][staker] = Accepted(left > limit ? left : limit, lost[operator], 0);
    }

    /// @dev Before something for which somebody may be slashed.
    function _look() internal returns (Books memory books) {
        uint256 count = operators.length;
        books.friends = wealth();
        (books.own, books.delegated) = (new uint256[](count), new uint256[](count));
        (books.positions, books.active) = (new uint256[][](count), new bool[][](count));
        for (uint256 i = 0; i < count; ++i) {
            address operator = operators[i];
            _note(operator);
            (books.own[i], books.delegated[i]) = inside(operator);
            books.positions[i] = new uint256[](stakers.length);
            books.active[i] = new bool[](stakers.length);
            for (uint256 j = 0; j < stakers.length; ++j) {
                if (stakers[j] == operator) continue;
                books.positions[i][j] = position(operator, stakers[j]);
                books.active[i][j] = STAKES.sharesOf(operator, stakers[j]) > 0;
            }
        }
    }

    /// @dev After it: nobody has lost more than was accepted, and friends have lost at least half
    /// of what was taken of their operators' own.
    function _compare(Books memory books) internal {
        uint256 burned = 0;
        for (uint256 i = 0; i < operators.length; ++i) {
            (uint256 own, uint256 delegated) = inside(operators[i]);
            if (isFriend[operators[i]]) burned += (books.own[i] - own) / 2;
            if (delegated == books.delegated[i]) continue;
            lost[operators[i]] += books.delegated[i] - delegated;
            _compareStakers(operators[i], books.positions[i], books.active[i]);
        }
        assertLe(wealth() + burned, books.friends + DUST, "nobody profits from slashing itself");
    }

    function _compareStakers(address operator, uint256[] memory positions, bool[] memory active)
        private
    {
        for (uint256 j = 0; j < stakers.length; ++j) {
            if (positions[j] == 0) continue;
            Accepted storage accepted = _accepted[operator][stakers[j]];
            uint256 left = position(operator, stakers[j]);
            accepted.mine += positions[j] - left;
            assertLe(accepted.mine, accepted.most + DUST, "a delegator lost what it accepted");
            if (!active[j]) continue;
            uint256 together = lost[operator] - accepted.before;
            assertLe(together, accepted.most, "delegators lost what they accepted, together");
        }
    }
}
