// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDomainRegistry} from "../../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {Bn254} from "../../src/libraries/Bn254.sol";
import {EvidenceBase} from "../EvidenceBase.sol";
import {RoundsBase} from "../RoundsBase.sol";

/// @notice An account that sends something: what a test has in memory by then costs it nothing.
contract Sender {
    function send(address to, bytes calldata call_) external returns (bool ok, uint256 used) {
        assembly ("memory-safe") {
            let place := mload(0x40)
            calldatacopy(place, call_.offset, call_.length)
            used := gas()
            ok := call(gas(), to, 0, place, call_.length, 0, 0)
            used := sub(used, gas())
        }
    }
}

/// @notice M2: a round with as many members and rows as can be opened.
contract MostRowsTest is EvidenceBase {
    /// @dev What a transaction can use (EIP-7825).
    uint256 private constant CAP = 1 << 24;

    bytes[] private _updates;
    IRounds.Delivery[] private _delivered;

    /// @dev A domain with so many new members, and an update with so many rows for each.
    function _begin(uint256 count, uint256 rowsEach) private {
        domain = _openDomain(true, load("plain_halo2").keyHash);
        _pretendRows(rowsEach);
        delete members;
        bytes[7] memory points;
        for (uint256 i = 0; i < 7; ++i) {
            points[i] = _point(1 + i);
        }
        for (uint256 i = 0; i < count; ++i) {
            members.push(
                IRounds.Member({
                    account: address(uint160((i + 1) << 96)),
                    dataset: keccak256(abi.encode(i)),
                    windows: 5,
                    weight: uint32(65_536 / count + (i < 65_536 % count ? 1 : 0))
                })
            );
            bytes memory rows = _repeat(points, i, rowsEach);
            _updates.push(rows);
            _delivered.push(IRounds.Delivery(keccak256(rows), "signed"));
        }
        _joinAll(domain);
    }

    /// @dev In place, as what the test has in memory would count as gas.
    function _repeat(bytes[7] memory points, uint256 from, uint256 count)
        private
        pure
        returns (bytes memory rows)
    {
        rows = new bytes(64 * count);
        for (uint256 i = 0; i < count; ++i) {
            bytes memory point = points[(from + i) % 7];
            assembly ("memory-safe") {
                mcopy(add(add(rows, 0x20), shl(6, i)), add(point, 0x20), 0x40)
            }
        }
    }

    /// @dev As if the key said so.
    function _pretendRows(uint256 rows) private {
        IDomainRegistry.Domain memory known = registry.get(domain);
        known.rows = uint32(rows);
        vm.mockCall(address(registry), abi.encodeCall(registry.get, (domain)), abi.encode(known));
        IDomainRegistry.Opening memory opening = registry.openingOf(domain);
        opening.rows = uint32(rows);
        vm.mockCall(
            address(registry), abi.encodeCall(registry.openingOf, (domain)), abi.encode(opening)
        );
    }

    function _point(uint256 scalar) private view returns (bytes memory) {
        uint256[5] memory sum;
        Bn254.addGenerator(sum, scalar);
        return abi.encode(sum[0], sum[1]);
    }

    function test_evidence_of_the_largest_sum_fits_into_a_transaction() public {
        _assertFits(50, 36);
    }

    /// @notice As many as a round can have: a path and an update each.
    function test_evidence_of_the_largest_sum_fits_with_the_most_members() public {
        _assertFits(256, 7);
    }

    function test_evidence_of_the_largest_sum_fits_with_two_members() public {
        _assertFits(2, 900);
    }

    function _assertFits(uint256 count, uint256 rowsEach) private {
        assertGt(count * (rowsEach + 1), rounds.MAX_ROWS(), "one row more is too many");
        _begin(count, rowsEach);
        round = _openRound(domain);
        _drawWith(round, "random");
        IRounds.Batch memory batch = _propose(_delivered, "nobody knows its rows");
        _shipAll();
        bytes memory call =
            abi.encodeCall(slashing.undisclosedAggregate, (batch, members, _delivered, _updates));
        Sender sender = new Sender();
        _commitAs(address(sender), call);
        call = abi.encodeCall(slashing.reveal, (SALT, call));
        (bool ok, uint256 used) = sender.send(address(slashing), call);
        uint256 total = _withCalldata(used, call);
        assertTrue(ok);
        emit log_named_uint("most rows", total);
        assertLt(total, CAP);
    }

    function test_a_round_with_more_rows_is_not_opened() public {
        _begin(50, 36);
        _pretendRows(37);
        vm.expectRevert(abi.encodeWithSelector(IRounds.TooManyRows.selector, 1800, 1850));
        _openRound(domain);
    }
}

/// @notice M2: a domain whose least members could not fit into a round.
contract LeastMembersTest is RoundsBase {
    function setUp() public override {
        super.setUp();
        begin(3);
    }

    /// @dev Else the deposit would be for a domain without rounds.
    function test_the_least_members_fit_into_a_round() public {
        IDomainRegistry.Config memory config = _config();
        // As if the key said so.
        bytes memory described = abi.encode(bytes32("spec"), 1, 100, 0);
        bytes memory call = abi.encodeCall(router.describe, (config.verifier, config.key));
        vm.mockCall(address(router), call, described);
        uint256 most = registry.MAX_ROWS() / 100;
        config.minMembers = uint16(most);
        _open(config);
        config.minMembers = uint16(most) + 1;
        _assertRefused(config, 11, most + 1);
    }

    function _config() private view returns (IDomainRegistry.Config memory) {
        return configOf(key, COORDINATOR);
    }

    function _open(IDomainRegistry.Config memory config) private returns (uint64) {
        vm.prank(OWNER);
        return registry.open(config);
    }

    function _assertRefused(IDomainRegistry.Config memory config, uint256 field, uint256 value)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.BadConfig.selector, field, value));
        _open(config);
    }
}
