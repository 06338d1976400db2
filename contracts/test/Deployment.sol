// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {DomainRegistry} from "../src/DomainRegistry.sol";
import {Escrow} from "../src/Escrow.sol";
import {Parameters} from "../src/Parameters.sol";
import {RewardToken} from "../src/RewardToken.sol";
import {StakeManager} from "../src/StakeManager.sol";
import {Timelock} from "../src/Timelock.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {Fixture, Fixtures} from "./Fixtures.sol";

/// @notice All contracts, deployed in the order in which they are deployed for use, each knowing
/// the addresses that later ones will have.
abstract contract Deployment is Fixtures {
    uint256 internal constant SUPPLY = 1_000_000_000e18;
    uint256 internal constant EMISSION = 1_000_000e18;
    uint64 internal constant UNBONDING_DELAY = 21 days;
    uint256 internal constant TIMELOCK_DELAY = 17 days;

    address internal immutable GUARDIAN = makeAddr("guardian");
    address internal immutable GOVERNOR = makeAddr("governor");
    /// @dev Who has all reward tokens at first.
    address internal immutable TREASURY = makeAddr("treasury");

    Timelock internal timelock;
    RewardToken internal token;
    Parameters internal parameters;
    VerifierRouter internal router;
    StakeManager internal stakes;
    DomainRegistry internal registry;
    Escrow internal escrow;
    address internal reputationAt;
    address internal demandsAt;
    address internal roundsAt;
    address internal slashingAt;
    /// @dev The training verifier's name at the router.
    bytes32 internal verifierId;

    function setUp() public virtual override {
        super.setUp();
        // As on a chain that has randomness.
        vm.prevrandao(keccak256("randomness of the chain"));
        _predict();
        _deploy();
    }

    /// @notice Where the rounds' contract is to be if not where it would be created; the fixtures
    /// of rounds are made for a fixed address.
    function fixedRounds() internal view virtual returns (address) {
        return address(0);
    }

    /// @notice The numbers of the tests' deployment.
    function initialValues() internal pure returns (IParameters.Values memory) {
        return IParameters.Values({
            domainDeposit: 1000e18,
            domainFee: 100e18,
            settlementFee: 100,
            burnShare: 5000,
            trainerBond: 10e18,
            coordinatorBond: 100e18
        });
    }

    /// @notice Gives reward tokens to somebody, with allowances to all contracts that take them.
    function endow(address account, uint256 amount) internal {
        vm.prank(TREASURY);
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(stakes), type(uint256).max);
        token.approve(address(registry), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        token.approve(roundsAt, type(uint256).max);
        vm.stopPrank();
    }

    /// @notice The configuration of a valid domain with a fixture's key.
    function configOf(Fixture memory f, address coordinator)
        internal
        view
        returns (IDomainRegistry.Config memory)
    {
        return IDomainRegistry.Config({
            manifest: keccak256(bytes(f.name)),
            verifier: verifierId,
            key: f.keyHash,
            genesis: keccak256("genesis"),
            coordinator: coordinator,
            token: address(token),
            optimistic: true,
            challengeWindow: 1 hours,
            trainerBond: 10e18,
            coordinatorBond: 100e18,
            coordinatorShare: 1000,
            minMembers: 1,
            maxBudget: 25e18,
            minBudget: 1e18,
            minDuration: 10 minutes,
            minWindows: 1,
            threshold: 6666,
            audits: audits(),
            uri: "https://example.org/manifest.json"
        });
    }

    /// @notice Deliveries of a batch that are audited, in optimistic domains.
    function audits() internal pure virtual returns (uint16) {
        return 0;
    }

    /// @notice A list of one.
    function only(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    /// @dev The nonces of this contract's that follow; verifiers are there already.
    function _predict() private {
        uint256 nonce = vm.getNonce(address(this));
        stakes = StakeManager(vm.computeCreateAddress(address(this), nonce + 4));
        registry = DomainRegistry(vm.computeCreateAddress(address(this), nonce + 5));
        escrow = Escrow(vm.computeCreateAddress(address(this), nonce + 6));
        reputationAt = vm.computeCreateAddress(address(this), nonce + 7);
        demandsAt = vm.computeCreateAddress(address(this), nonce + 8);
        roundsAt = fixedRounds();
        if (roundsAt == address(0)) {
            roundsAt = vm.computeCreateAddress(address(this), nonce + 9);
        }
        slashingAt = vm.computeCreateAddress(address(this), nonce + 10);
    }

    function _deploy() private {
        timelock = new Timelock(TIMELOCK_DELAY, only(GOVERNOR), only(GUARDIAN), only(address(0)));
        token = new RewardToken(address(timelock), TREASURY, SUPPLY, EMISSION);
        parameters = new Parameters(address(timelock), initialValues());
        address[] memory verifiers = new address[](1);
        verifiers[0] = address(verifier);
        router = new VerifierRouter(address(timelock), GUARDIAN, verifiers);
        verifierId = address(verifier).codehash;
        address place = address(new StakeManager(token, roundsAt, UNBONDING_DELAY));
        assertEq(place, address(stakes), "stakes");
        place = address(new DomainRegistry(token, parameters, router, address(escrow), roundsAt));
        assertEq(place, address(registry), "registry");
        place = address(new Escrow(address(token), address(registry), roundsAt));
        assertEq(place, address(escrow), "escrow");
    }
}
