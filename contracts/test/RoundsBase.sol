// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Demands} from "../src/Demands.sol";
import {Reputation} from "../src/Reputation.sol";
import {Rounds} from "../src/Rounds.sol";
import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {TypedData} from "../src/libraries/TypedData.sol";
import {Deployment} from "./Deployment.sol";
import {Fixture} from "./Fixtures.sol";
import {Headers} from "./Headers.sol";
import {Paths} from "./Paths.sol";

/// @notice Rounds on top of everything else, with a coordinator and an optimistic domain that is
/// funded. The slashing contract is the test.
abstract contract RoundsBase is Deployment {
    uint256 internal constant COORDINATOR_KEY = 0xc00d;
    uint128 internal constant BUDGET = 25e18;
    uint128 internal constant TRAINER_BOND = 10e18;
    uint128 internal constant COORDINATOR_BOND = 100e18;
    uint64 internal constant DURATION = 1 days;
    uint64 internal constant CHALLENGE = 1 hours;
    uint256 internal constant STAKE = 1000e18;
    bytes32 internal constant AGGREGATE = keccak256("aggregate");
    bytes32 internal constant MODEL = keccak256("next model");

    address internal immutable COORDINATOR = vm.addr(COORDINATOR_KEY);
    address internal immutable OWNER = makeAddr("owner of the domain");

    Demands internal demands;
    Rounds internal rounds;
    Reputation internal reputation;
    Fixture internal key;
    uint64 internal domain;
    address[] internal accounts;

    function setUp() public virtual override {
        super.setUp();
        reputation = new Reputation(roundsAt);
        assertEq(address(reputation), reputationAt, "reputation");
        demands = new Demands(IRounds(roundsAt), registry, router);
        assertEq(address(demands), demandsAt, "demands");
        Rounds.Contracts memory contracts = Rounds.Contracts({
            stakes: stakes,
            registry: registry,
            escrow: escrow,
            reputation: reputation,
            router: router,
            parameters: parameters,
            rewardToken: address(token),
            demands: demands,
            slashing: slashingAt
        });
        if (fixedRounds() == address(0)) {
            rounds = new Rounds(contracts);
            assertEq(address(rounds), roundsAt, "rounds");
        } else {
            deployCodeTo("Rounds.sol:Rounds", abi.encode(contracts), roundsAt);
            rounds = Rounds(roundsAt);
        }
        endow(OWNER, 1_000_000e18);
        endow(COORDINATOR, STAKE);
        vm.prank(COORDINATOR);
        stakes.stake(STAKE);
    }

    /// @notice An optimistic domain and members of it.
    function begin(uint256 count) internal {
        key = load("plain_halo2");
        domain = openDomain(configOf(key, COORDINATOR));
        enlist(domain, count);
    }

    /// @notice Opens a domain and funds it with ten budgets.
    function openDomain(IDomainRegistry.Config memory config) internal returns (uint64 opened) {
        vm.startPrank(OWNER);
        opened = registry.open(config);
        if (config.token == address(token)) escrow.fund(opened, 10 * BUDGET);
        vm.stopPrank();
    }

    /// @notice Has new accounts stake and join; `accounts` has them in ascending order.
    function enlist(uint64 in_, uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            address account = makeAddr(string.concat("member ", vm.toString(i)));
            accounts.push(account);
            for (uint256 j = i; j > 0 && accounts[j] < accounts[j - 1]; --j) {
                (accounts[j], accounts[j - 1]) = (accounts[j - 1], accounts[j]);
            }
            join(in_, account, keccak256(abi.encode(account)), 5);
        }
    }

    /// @notice Has an account stake and join.
    function join(uint64 in_, address account, bytes32 dataset, uint64 windows) internal {
        endow(account, STAKE);
        vm.startPrank(account);
        stakes.stake(STAKE);
        rounds.join(in_, dataset, windows);
        vm.stopPrank();
    }

    /// @notice Opens a round with all accounts.
    function openRound() internal returns (uint64 round) {
        vm.prank(COORDINATOR);
        return rounds.open(domain, DURATION, BUDGET, accounts);
    }

    /// @notice Opens a round and draws.
    function openAndDraw() internal returns (uint64 round) {
        round = openRound();
        draw(round, keccak256(abi.encode("randomness", round)));
    }

    /// @notice Draws with the randomness that a block has.
    function draw(uint64 round, bytes32 randomness) internal {
        bytes memory header = Headers.install(rounds.get(round).openedAt + 2, randomness);
        rounds.draw(round, header);
    }

    /// @notice The members of a round that were opened with the standings that they have now.
    function membersNow() internal view returns (IRounds.Member[] memory members) {
        uint32[] memory weights = reputation.weights(domain, accounts);
        members = new IRounds.Member[](accounts.length);
        for (uint256 i = 0; i < members.length; ++i) {
            IRounds.Membership memory joined = rounds.membership(domain, accounts[i]);
            members[i] = IRounds.Member({
                account: accounts[i],
                dataset: joined.dataset,
                windows: joined.windows,
                weight: weights[i]
            });
        }
    }

    /// @notice Something that every member has delivered.
    function allDelivered() internal view returns (IRounds.Delivery[] memory deliveries) {
        deliveries = new IRounds.Delivery[](accounts.length);
        for (uint256 i = 0; i < deliveries.length; ++i) {
            deliveries[i] = IRounds.Delivery({
                update: keccak256(abi.encode("update", i)),
                submission: keccak256(abi.encode("submission", i))
            });
        }
    }

    /// @notice The batch of a round.
    function batchOf(
        uint64 round,
        IRounds.Member[] memory members,
        IRounds.Delivery[] memory deliveries
    ) internal pure returns (IRounds.Batch memory) {
        return IRounds.Batch({
            round: round,
            root: Merkle.root(leavesOf(members, deliveries)),
            aggregate: AGGREGATE,
            model: MODEL
        });
    }

    /// @notice A batch signed by a key.
    function signedBy(uint256 signer, IRounds.Batch memory batch)
        internal
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer, rounds.batchDigest(batch));
        return abi.encodePacked(r, s, v);
    }

    /// @notice Has the coordinator propose through somebody else.
    function propose(
        uint64 round,
        IRounds.Member[] memory members,
        IRounds.Delivery[] memory deliveries
    ) internal {
        bytes memory signature = signedBy(COORDINATOR_KEY, batchOf(round, members, deliveries));
        rounds.propose(round, members, deliveries, AGGREGATE, MODEL, signature);
    }

    /// @notice A round in which everybody has delivered and that was proposed.
    function proposed()
        internal
        returns (
            uint64 round,
            IRounds.Member[] memory members,
            IRounds.Delivery[] memory deliveries
        )
    {
        round = openAndDraw();
        members = membersNow();
        deliveries = allDelivered();
        propose(round, members, deliveries);
    }

    /// @notice The same without a sum.
    function proposeNoSum(
        uint64 round,
        IRounds.Member[] memory members,
        IRounds.Delivery[] memory deliveries
    ) internal returns (IRounds.Batch memory batch) {
        batch = batchOf(round, members, deliveries);
        (batch.aggregate, batch.model) = (0, rounds.get(round).parent);
        bytes memory signature = signedBy(COORDINATOR_KEY, batch);
        rounds.propose(round, members, deliveries, 0, batch.model, signature);
    }

    /// @notice Past the challenge window.
    function passWindow(uint64 round) internal {
        vm.warp(rounds.get(round).challengeEnd + 1);
    }

    function leavesOf(IRounds.Member[] memory members) internal pure returns (bytes32[] memory l) {
        l = new bytes32[](members.length);
        for (uint256 i = 0; i < l.length; ++i) {
            l[i] = Merkle.leaf(members[i]);
        }
    }

    function leavesOf(IRounds.Member[] memory members, IRounds.Delivery[] memory deliveries)
        internal
        pure
        returns (bytes32[] memory l)
    {
        l = new bytes32[](deliveries.length);
        for (uint256 i = 0; i < l.length; ++i) {
            l[i] = Merkle.leaf(members[i].account, members[i].weight, deliveries[i]);
        }
    }

    function memberPath(IRounds.Member[] memory members, uint256 index)
        internal
        pure
        returns (bytes32[] memory)
    {
        return Paths.path(leavesOf(members), index);
    }

    function deliveryPath(
        IRounds.Member[] memory members,
        IRounds.Delivery[] memory deliveries,
        uint256 index
    ) internal pure returns (bytes32[] memory) {
        return Paths.path(leavesOf(members, deliveries), index);
    }

    function stop() internal {
        vm.prank(GUARDIAN);
        router.stop(verifierId);
    }

    function slashMember(uint64 round, address account) internal {
        vm.prank(slashingAt);
        rounds.slashMember(round, account, address(this), "test");
    }

    function slashCoordinator(uint64 round) internal {
        vm.prank(slashingAt);
        rounds.slashCoordinator(round, address(this), "test");
    }

    function obligations(address account) internal view returns (uint256) {
        return stakes.pool(account).obligations;
    }

    function statusOf(uint64 round) internal view returns (uint256) {
        return uint256(rounds.get(round).status);
    }

    function hashOf(IRounds.Batch memory batch) internal view returns (bytes32) {
        return TypedData.hash(batch, rounds.get(batch.round).nonce);
    }

    /// @notice Past the deadline, from when on those may be missing who delivered nothing.
    function passDeadline(uint64 round) internal {
        vm.warp(rounds.get(round).deadline + 1);
    }

    /// @notice Demands a delivery for the least bond.
    function demandFor(
        address by,
        uint64 round,
        IRounds.Member[] memory members,
        IRounds.Delivery[] memory deliveries,
        uint256 index
    ) internal returns (uint256 bond) {
        bytes32[] memory path = deliveryPath(members, deliveries, index);
        bond = demands.price(round);
        vm.deal(by, by.balance + bond);
        vm.prank(by);
        demands.demand{value: bond}(round, members[index], deliveries[index], path);
    }
}
