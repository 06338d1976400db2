// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Demands} from "../src/Demands.sol";
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
import {Merkle} from "../src/libraries/Merkle.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {Fixtures} from "./Fixtures.sol";
import {Headers} from "./Headers.sol";
import {Paths} from "./Paths.sol";

/// @notice A proof of the real prover, made for the round.
struct Proven {
    bytes statement;
    bytes proof;
    bytes32 update;
    bytes rows;
}

/// @notice Everything deployed, an optimistic domain, and the first round of three members, whose
/// proofs are in `round_halo2.json`. Rounds are where the proofs say that they are.
abstract contract SlashingBase is Fixtures {
    uint256 internal constant COORDINATOR_KEY = 0xc00d;
    uint128 internal constant BUDGET = 25e18;
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
    Demands internal demands;
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
    uint64[] private _windows;
    mapping(uint64 round => bytes32) private _nonces;
    // Read once: reading them from the file takes longer than checking them.
    Proven[] private _firsts;
    Proven[] private _seconds;
    bytes internal aggregate;

    function setUp() public virtual override {
        super.setUp();
        file = json("round_halo2");
        coordinator = vm.addr(COORDINATOR_KEY);
        // As on a chain that has randomness.
        vm.prevrandao(keccak256("randomness of the chain"));
        _deploy();
        verifier.register(vm.parseJsonBytes(file, ".key"));
        domain = _openDomain(true, vm.parseJsonBytes32(file, ".keyHash"));
        assertEq(domain, vm.parseJsonUint(file, ".domain"));
        _readMembers();
        aggregate = vm.parseJsonBytes(file, ".aggregate");
        _joinAll(domain);
        _beforeRound();
        round = _openRound(domain);
        assertEq(round, vm.parseJsonUint(file, ".round"));
        _draw(round);
    }

    /// @notice The last moment before the round.
    function _beforeRound() internal virtual {}

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
                coordinatorBond: 10e18
            })
        );
        address[] memory first = new address[](1);
        first[0] = address(verifier);
        router = new VerifierRouter(address(this), guardian, first);
        stakes = new StakeManager(token, rounds_, 21 days);
        address escrow_ = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        registry = new DomainRegistry(token, parameters, router, escrow_, rounds_);
        escrow = new Escrow(address(token), address(registry), rounds_);
        reputation = new Reputation(rounds_);
        demands = new Demands(IRounds(rounds_), registry, router);
        slashing = new Slashing(IRounds(rounds_), demands, registry, router);
        _deployRounds(rounds_);
        verifierId = address(verifier).codehash;
    }

    function _deployRounds(address place) private {
        deployCodeTo("Rounds.sol:Rounds", abi.encode(_contracts()), place);
        rounds = Rounds(place);
    }

    /// @notice Replaces what was compiled for tests by what is shipped; storage stays.
    function _shipAll() internal {
        address of_ = address(rounds);
        _ship("StakeManager", abi.encode(token, of_, 21 days), address(stakes));
        bytes memory arguments = abi.encode(token, parameters, router, escrow, of_);
        _ship("DomainRegistry", arguments, address(registry));
        _ship("Escrow", abi.encode(token, registry, of_), address(escrow));
        _ship("Reputation", abi.encode(of_), address(reputation));
        _ship("Rounds", abi.encode(_contracts()), of_);
        _ship("Demands", abi.encode(of_, registry, router), address(demands));
        _ship("Slashing", abi.encode(of_, demands, registry, router), address(slashing));
    }

    function _ship(string memory name, bytes memory arguments, address place) private {
        deployCodeTo(string.concat("artifacts/", name, ".json"), arguments, place);
    }

    function _contracts() private view returns (Rounds.Contracts memory) {
        return Rounds.Contracts({
            stakes: stakes,
            registry: registry,
            escrow: escrow,
            reputation: reputation,
            router: router,
            parameters: parameters,
            rewardToken: address(token),
            demands: demands,
            slashing: address(slashing)
        });
    }

    /// @notice A funded domain of the round's key.
    function _openDomain(bool optimistic, bytes32 key) internal returns (uint64) {
        return _openDomain(_config(optimistic, key));
    }

    function _openDomain(IDomainRegistry.Config memory config) internal returns (uint64 number_) {
        token.approve(address(registry), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        number_ = registry.open(config);
        escrow.fund(number_, 100 * BUDGET);
    }

    function _config(bool optimistic, bytes32 key)
        internal
        view
        returns (IDomainRegistry.Config memory)
    {
        return IDomainRegistry.Config({
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
            maxBudget: BUDGET,
            minBudget: BUDGET / 10,
            minDuration: 10 minutes,
            minWindows: 1,
            threshold: 6666,
            audits: audits(),
            uri: "ipfs://manifest"
        });
    }

    /// @notice Deliveries of a batch that are audited.
    function audits() internal pure virtual returns (uint16) {
        return 0;
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
            _windows.push(uint64(vm.parseJsonUint(file, string.concat(pointer, ".window"))));
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

    /// @notice The randomness for which the members have proven.
    function _randomness(uint64 number_) internal view returns (bytes32) {
        return Headers.forWindows(rounds, number_, members, _windows);
    }

    /// @notice Draws the windows for which the members have proven.
    function _draw(uint64 number_) internal {
        _drawWith(number_, _randomness(number_));
    }

    function _drawWith(uint64 number_, bytes32 randomness) internal {
        rounds.draw(number_, Headers.install(rounds.get(number_).openedAt + 2, randomness));
        _nonces[number_] = rounds.get(number_).nonce;
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
            update: proven.update,
            length: uint32(proven.statement.length + proven.proof.length)
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
        view
        returns (IRounds.Delivery memory)
    {
        return IRounds.Delivery({
            update: submission.update,
            submission: TypedData.hash(submission, _nonces[submission.round])
        });
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
        if (!_everybody(deliveries)) _passDeadline();
        rounds.propose(round, members, deliveries, sum, batch.model, signature);
    }

    /// @dev Nobody is left out before.
    function _passDeadline() internal {
        uint64 deadline = rounds.get(round).deadline;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
    }

    function _everybody(IRounds.Delivery[] memory deliveries) private pure returns (bool) {
        for (uint256 i = 0; i < deliveries.length; ++i) {
            if (deliveries[i].update == 0) return false;
        }
        return true;
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
