// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {EvidenceBase} from "./EvidenceBase.sol";
import {Paths} from "./Paths.sol";
import {Proven} from "./SlashingBase.sol";

/// @notice What evidence costs beside the verification in it, for a challenger that has tokens. What comes
/// before is in `setUp`: what is written and freed in the same transaction would be cheaper.
abstract contract CostBase is EvidenceBase {
    function setUp() public virtual override {
        super.setUp();
        token.transfer(challenger, 1);
        _shipAll();
        vm.deal(challenger, 1 ether);
    }

    /// @dev A valid proof of another window: all of it is looked at.
    function _wrong() internal view returns (Proven memory) {
        return _provenAt(".otherWindow");
    }

    function _show(string memory what, uint256 total, Proven memory proven, uint256 most) internal {
        bytes memory call = abi.encodeCall(
            router.verify,
            (verifierId, registry.get(domain).config.key, proven.statement, proven.proof)
        );
        uint256 part = _costOf(address(router), call);
        emit log_named_uint(what, total);
        emit log_named_uint("  of it verification", part);
        emit log_named_uint("  beside it", total - part);
        assertLe(total - part, most);
    }

    /// @dev As the first transaction of a block: nothing was touched before.
    function _costOf(address to, bytes memory call) internal returns (uint256 total) {
        vm.cool(address(slashing));
        vm.cool(address(demands));
        vm.cool(address(rounds));
        vm.cool(address(registry));
        vm.cool(address(router));
        vm.cool(address(verifier));
        vm.cool(verifier.keyStore(registry.get(domain).config.key));
        vm.cool(address(reputation));
        vm.cool(address(stakes));
        vm.cool(address(parameters));
        vm.cool(address(token));
        bool ok;
        vm.prank(challenger);
        (ok, total) = _transaction(to, call);
        assertTrue(ok);
        // What was freed is given back, up to a fifth.
        int64 freed = vm.lastCallGas().gasRefunded;
        if (freed > 0) total -= Math.min(uint256(int256(freed)), total / 5);
    }
}

/// @notice Evidence, with the commitment before it, which is a transaction of its own.
abstract contract ChallengeCostBase is CostBase {
    bytes private _call;

    function _evidenceCall() internal virtual returns (bytes memory);

    function setUp() public virtual override {
        super.setUp();
        _call = _evidenceCall();
        _commitAs(challenger, _call);
    }

    function _report(string memory what, uint256 most) internal {
        uint256 reveal = _costOf(address(slashing), abi.encodeCall(slashing.reveal, (SALT, _call)));
        // As dear as the one in `setUp`.
        bytes memory commit = abi.encodeCall(slashing.commit, (keccak256("another")));
        uint256 commitment = _costOf(address(slashing), commit);
        emit log_named_uint("commitment", commitment);
        _show(what, commitment + reveal, _wrong(), most);
    }
}

contract InvalidProofCostTest is ChallengeCostBase {
    function _evidenceCall() internal view override returns (bytes memory) {
        return abi.encodeCall(slashing.invalidProof, (_evidence(0, _wrong())));
    }

    function test_cost_of_an_invalid_proof() public {
        _report("invalid proof", 220_000);
    }
}

contract InvalidDeliveryCostTest is ChallengeCostBase {
    function _evidenceCall() internal override returns (bytes memory) {
        IRounds.Delivery[] memory deliveries = _deliveries();
        ISlashing.Evidence memory e = _evidence(0, _wrong());
        deliveries[0] = _delivery(e.submission);
        IRounds.Batch memory batch = _propose(deliveries, "sum");
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), 0);
        return abi.encodeCall(slashing.invalidDelivery, (e, batch, path));
    }

    function test_cost_of_an_invalid_delivery() public {
        _report("invalid delivery", 330_000);
    }
}

/// @notice What a demand costs, and an answer beside the verification in it: an account that
/// answers what was drawn, or demanded, pays that.
contract AnswerCostTest is CostBase {
    bytes private _call;

    function setUp() public override {
        super.setUp();
        IRounds.Delivery[] memory deliveries = _deliveries();
        _propose(deliveries, "sum");
        bytes32[] memory path = Paths.path(_deliveryLeaves(deliveries), 0);
        vm.prank(challenger);
        demands.demand{value: 1 ether}(round, members[0], deliveries[0], path);
        Proven memory p = _proven(0);
        _call = abi.encodeCall(
            demands.answer, (round, members[0], _memberPath(0), p.statement, p.proof)
        );
    }

    function test_cost_of_an_answer() public {
        _show("answer", _costOf(address(demands), _call), _proven(0), 110_000);
    }
}
