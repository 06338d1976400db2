// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {DomainRegistry} from "../src/DomainRegistry.sol";
import {Escrow} from "../src/Escrow.sol";
import {Parameters} from "../src/Parameters.sol";
import {Reputation} from "../src/Reputation.sol";
import {RewardToken} from "../src/RewardToken.sol";
import {Rounds} from "../src/Rounds.sol";
import {Slashing} from "../src/Slashing.sol";
import {StakeManager} from "../src/StakeManager.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ISlashing} from "../src/interfaces/ISlashing.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {Fixtures} from "./Fixtures.sol";

/// @notice A proof of the real prover, made for the round.
struct Proven {
    bytes statement;
    bytes proof;
    bytes32 update;
    bytes rows;
}

/// @notice Merkle paths, as whoever makes them off chain does.
library Paths {
    /// @notice The path of a leaf in the tree whose root `Merkle.root` computes.
    function path(bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](0);
        bytes32[] memory level = leaves;
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) siblings = _push(siblings, level[sibling]);
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < level.length; i += 2) {
                if (i + 1 == level.length) {
                    above[i / 2] = level[i];
                } else {
                    (bytes32 a, bytes32 b) = (level[i], level[i + 1]);
                    above[i / 2] = a < b
                        ? keccak256(abi.encodePacked(a, b))
                        : keccak256(abi.encodePacked(b, a));
                }
            }
            level = above;
            index /= 2;
        }
    }

    function _push(bytes32[] memory list, bytes32 item)
        private
        pure
        returns (bytes32[] memory longer)
    {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}

/// @notice Everything deployed, an optimistic domain, and the first round of three members, whose
/// proofs are in `round_halo2.json`. Rounds are where the proofs say that they are.
abstract contract SlashingBase is Fixtures {
    uint256 internal constant COORDINATOR_KEY = 0xc00d;
    uint128 internal constant BUDGET = 900e18;
    uint128 internal constant BOND = 100e18;
    uint64 internal constant DAY = 1 days;

    string internal file;
    RewardToken internal token;
    Parameters internal parameters;
    VerifierRouter internal router;
    StakeManager internal stakes;
    DomainRegistry internal registry;
    Escrow internal escrow;
    Reputation internal reputation;
    Rounds internal rounds;
    Slashing internal slashing;

    address internal coordinator;
    address internal guardian = makeAddr("guardian");
    address internal challenger = makeAddr("challenger");
    bytes32 internal verifierId;
    uint64 internal domain;
    uint64 internal round;
    IRounds.Member[] internal members;
    uint256[] private _keys;
    // Read once: reading them from the file takes longer than checking them.
    Proven[] private _firsts;
    Proven[] private _seconds;
    bytes internal aggregate;

    function setUp() public virtual override {
        super.setUp();
        file = json("round_halo2");
        coordinator = vm.addr(COORDINATOR_KEY);
        _deploy();
        verifier.register(vm.parseJsonBytes(file, ".key"));
        domain = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        assertEq(domain, vm.parseJsonUint(file, ".domain"));
        _readMembers();
        aggregate = vm.parseJsonBytes(file, ".aggregate");
        _joinAll(domain);
        round = _openRound(domain);
        assertEq(round, vm.parseJsonUint(file, ".round"));
        _draw(round);
    }

    function _deploy() private {
        address rounds_ = vm.parseJsonAddress(file, ".rounds");
        token = new RewardToken(address(this), address(this), 1_000_000e18, 1e18);
        parameters = new Parameters(
            address(this),
            IParameters.Values({
                domainDeposit: 1000e18,
                domainFee: 100e18,
                settlementFee: 100,
                burnShare: 6000,
                trainerBond: 10e18,
                coordinatorBond: 10e18,
                demandBond: 1e18
            })
        );
        address[] memory first = new address[](1);
        first[0] = address(verifier);
        router = new VerifierRouter(address(this), guardian, first);
        stakes = new StakeManager(token, parameters, rounds_, 21 days);
        address escrow_ = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        registry = new DomainRegistry(token, parameters, router, escrow_, rounds_);
        escrow = new Escrow(address(token), address(registry), rounds_);
        reputation = new Reputation(rounds_);
        slashing = new Slashing(IRounds(rounds_), registry, router);
        _deployRounds(rounds_);
        verifierId = address(verifier).codehash;
    }

    function _deployRounds(address place) private {
        Rounds.Contracts memory contracts = Rounds.Contracts({
            stakes: stakes,
            registry: registry,
            escrow: escrow,
            reputation: reputation,
            router: router,
            parameters: parameters,
            rewardToken: token,
            slashing: address(slashing)
        });
        deployCodeTo("Rounds.sol:Rounds", abi.encode(contracts), place);
        rounds = Rounds(place);
    }

    /// @notice A funded domain of the round's key.
    function _openDomain(bool optimistic, bytes32 key) internal returns (uint64 number_) {
        token.approve(address(registry), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        number_ = registry.open(
            IDomainRegistry.Config({
                manifest: "manifest",
                verifier: verifierId,
                key: key,
                genesis: vm.parseJsonBytes32(file, ".model"),
                coordinator: coordinator,
                token: address(token),
                optimistic: optimistic,
                challengeWindow: DAY,
                trainerBond: BOND,
                coordinatorBond: BOND,
                coordinatorShare: 1000,
                minMembers: 1,
                uri: "ipfs://manifest"
            })
        );
        escrow.fund(number_, 100 * BUDGET);
    }

    function _readMembers() private {
        for (uint256 i = 0; i < 3; ++i) {
            string memory pointer = string.concat(".members[", vm.toString(i), "]");
            IRounds.Member memory member;
            member.account = vm.parseJsonAddress(file, string.concat(pointer, ".account"));
            member.dataset = vm.parseJsonBytes32(file, string.concat(pointer, ".dataset"));
            member.windows = uint64(vm.parseJsonUint(file, string.concat(pointer, ".windows")));
            member.weight = uint32(vm.parseJsonUint(file, string.concat(pointer, ".weight")));
            members.push(member);
            _keys.push(vm.parseJsonUint(file, string.concat(pointer, ".privateKey")));
            _firsts.push(_provenAt(string.concat(pointer, ".proof")));
            _seconds.push(_provenAt(string.concat(pointer, ".again")));
        }
    }

    function _joinAll(uint64 to) internal {
        _stake(coordinator, 10 * BOND);
        for (uint256 i = 0; i < members.length; ++i) {
            address account = members[i].account;
            _stake(account, 10 * BOND);
            vm.prank(account);
            rounds.join(to, members[i].dataset, members[i].windows);
        }
    }

    function _stake(address account, uint256 amount) internal {
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(stakes), amount);
        stakes.stake(amount);
        vm.stopPrank();
    }

    function _openRound(uint64 in_) internal returns (uint64) {
        address[] memory accounts = new address[](members.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            accounts[i] = members[i].account;
        }
        vm.prank(coordinator);
        return rounds.open(in_, DAY, BUDGET, accounts);
    }

    /// @notice Draws with the block hash for which the members have proven.
    function _draw(uint64 number_) internal {
        uint256 target = rounds.get(number_).openedAt + 2;
        vm.roll(target + 1);
        vm.setBlockhash(target, vm.parseJsonBytes32(file, ".blockhash"));
        rounds.draw(number_);
    }

    /// @notice What a member has proven.
    function _proven(uint256 index) internal view returns (Proven memory) {
        return _firsts[index];
    }

    /// @notice What a member has proven once more, of the same window.
    function _again(uint256 index) internal view returns (Proven memory) {
        return _seconds[index];
    }

    function _provenAt(string memory pointer) internal view returns (Proven memory proven) {
        proven.statement = vm.parseJsonBytes(file, string.concat(pointer, ".statement"));
        proven.proof = vm.parseJsonBytes(file, string.concat(pointer, ".proof"));
        proven.update = vm.parseJsonBytes32(file, string.concat(pointer, ".update"));
        proven.rows = vm.parseJsonBytes(file, string.concat(pointer, ".updateRows"));
    }

    function _submission(uint256 index, Proven memory proven)
        internal
        view
        returns (IRounds.Submission memory)
    {
        return IRounds.Submission({
            round: round,
            member: members[index].account,
            statement: keccak256(proven.statement),
            proof: keccak256(proven.proof),
            update: proven.update
        });
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _signed(uint256 index, IRounds.Submission memory submission)
        internal
        view
        returns (bytes memory)
    {
        return _sign(_keyOf(index), rounds.submissionDigest(submission));
    }

    function _memberPath(uint256 index) internal view returns (bytes32[] memory) {
        bytes32[] memory leaves = new bytes32[](members.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Merkle.leaf(members[i]);
        }
        return Paths.path(leaves, index);
    }

    function _keyOf(uint256 index) internal view returns (uint256) {
        return _keys[index];
    }

    function _deliveryLeaves(IRounds.Delivery[] memory deliveries)
        internal
        view
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](deliveries.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Merkle.leaf(members[i].account, members[i].weight, deliveries[i]);
        }
    }

    /// @notice What honest members deliver.
    function _deliveries() internal view returns (IRounds.Delivery[] memory deliveries) {
        deliveries = new IRounds.Delivery[](members.length);
        for (uint256 i = 0; i < deliveries.length; ++i) {
            deliveries[i] = _delivery(_submission(i, _proven(i)));
        }
    }

    function _delivery(IRounds.Submission memory submission)
        internal
        pure
        returns (IRounds.Delivery memory)
    {
        return IRounds.Delivery({update: submission.update, submission: TypedData.hash(submission)});
    }

    /// @notice Has the coordinator propose.
    function _propose(IRounds.Delivery[] memory deliveries, bytes32 sum)
        internal
        returns (IRounds.Batch memory batch)
    {
        return _propose(deliveries, sum, keccak256("next model"));
    }

    /// @notice The same with this model.
    function _propose(IRounds.Delivery[] memory deliveries, bytes32 sum, bytes32 model)
        internal
        returns (IRounds.Batch memory batch)
    {
        batch = IRounds.Batch({
            round: round,
            root: Merkle.root(_deliveryLeaves(deliveries)),
            aggregate: sum,
            model: model
        });
        bytes memory signature = _sign(COORDINATOR_KEY, rounds.batchDigest(batch));
        rounds.propose(round, members, deliveries, sum, batch.model, signature);
    }

    /// @notice Has the coordinator propose what honest members deliver and their sum.
    function _proposeHonestly() internal returns (IRounds.Batch memory) {
        return _propose(_deliveries(), keccak256(aggregate));
    }

    /// @notice What is slashed of an account.
    function _stakeOf(address account) internal view returns (uint256) {
        return stakes.stakeOf(account, account);
    }
}

/// @notice Evidence, and what is left of everybody after it.
abstract contract EvidenceBase is SlashingBase {
    /// @notice Evidence about what a member has signed, properly.
    function _evidence(uint256 index, Proven memory proven)
        internal
        view
        returns (ISlashing.Evidence memory e)
    {
        e.submission = _submission(index, proven);
        e.signature = _signed(index, e.submission);
        e.member = members[index];
        e.memberPath = _memberPath(index);
        e.statement = proven.statement;
        e.proof = proven.proof;
    }

    /// @notice What a member has proven, with a bit of the proof changed.
    function _tampered(uint256 index) internal view returns (Proven memory proven) {
        proven = _proven(index);
        proven.proof = flipped(proven.proof, proven.proof.length - 1, 1);
    }

    function _bring(ISlashing.Evidence memory e) internal {
        vm.prank(challenger);
        slashing.invalidProof(e);
    }

    function _bring(ISlashing.Evidence memory e, IRounds.Batch memory batch, bytes32[] memory path)
        internal
    {
        vm.prank(challenger);
        slashing.invalidDelivery(e, batch, path);
    }

    function _refuse(ISlashing.Evidence memory e, bytes memory reason) internal {
        vm.expectRevert(reason);
        _bring(e);
    }

    /// @notice Nobody has lost anything.
    function _assertUnharmed() internal view {
        assertEq(_stakeOf(coordinator), 10 * BOND);
        assertEq(uint8(rounds.get(round).status) < uint8(IRounds.Status.Void), true);
        for (uint256 i = 0; i < members.length; ++i) {
            _assertUnharmed(members[i].account);
        }
    }

    function _assertUnharmed(address account) internal view {
        assertEq(_stakeOf(account), 10 * BOND);
        assertEq(rounds.membership(domain, account).bond, BOND);
        assertFalse(reputation.standing(domain, account).slashed);
    }

    /// @notice The member has lost its bond, its place and its name.
    function _assertSlashed(address account) internal view {
        assertEq(_stakeOf(account), 9 * BOND);
        assertEq(stakes.pool(account).obligations, 0);
        assertEq(rounds.membership(domain, account).bond, 0);
        assertTrue(reputation.standing(domain, account).slashed);
    }

    /// @notice The coordinator has lost its bond, and the round is void.
    function _assertVoid() internal view {
        assertEq(_stakeOf(coordinator), 9 * BOND);
        assertEq(stakes.pool(coordinator).obligations, 0);
        assertEq(uint8(rounds.get(round).status), uint8(IRounds.Status.Void));
        assertEq(rounds.current(domain), 0);
        assertEq(escrow.available(domain), 100 * BUDGET);
    }

    /// @notice The challenger has the bounty for so many bonds.
    function _assertBounty(uint256 bonds) internal view {
        assertEq(token.balanceOf(challenger), bonds * BOND * 4000 / 10_000);
    }

    /// @notice A transaction's whole cost: base, calldata (EIP-2028, EIP-7623), execution.
    function _transaction(address to, bytes memory call) internal returns (bool ok, uint256 total) {
        uint256 zeros = 0;
        for (uint256 i = 0; i < call.length; ++i) {
            if (call[i] == 0) ++zeros;
        }
        uint256 data = 4 * zeros + 16 * (call.length - zeros);
        uint256 floor = 10 * zeros + 40 * (call.length - zeros);
        uint256 left = gasleft();
        (ok,) = to.call(call);
        left -= gasleft();
        total = 21_000 + (left + data > floor ? left + data : floor);
    }
}
