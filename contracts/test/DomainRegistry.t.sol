// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IDomainRegistry} from "../src/interfaces/IDomainRegistry.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {Fixture} from "./Fixtures.sol";
import {Shape, SyntheticKeys} from "./SyntheticKeys.sol";

contract DomainRegistryTest is SyntheticKeys {
    address private immutable OWNER = makeAddr("owner");
    address private immutable COORDINATOR = makeAddr("coordinator");
    Fixture private _fixture;

    function setUp() public override {
        super.setUp();
        _fixture = load("momentum_halo2");
        endow(OWNER, 10_000e18);
    }

    function test_opens() public {
        IDomainRegistry.Config memory config = _config();
        bytes32 spec = wordAt(_fixture.key, 0);
        vm.expectEmit(address(registry));
        emit IDomainRegistry.DomainOpened(1, OWNER, spec, config);
        assertEq(_open(config), 1);
        IDomainRegistry.Domain memory domain = registry.get(1);
        assertEq(domain.owner, OWNER);
        assertEq(domain.deposit, 900e18);
        assertEq(domain.spec, spec);
        assertEq(domain.steps, _fixture.steps);
        assertEq(domain.rows, _fixture.parameters);
        assertEq(domain.versions, 0);
        assertEq(domain.head, config.genesis);
        assertFalse(domain.closed);
        assertEq(abi.encode(domain.config), abi.encode(config));
        assertEq(registry.count(), 1);
        assertEq(registry.tokenOf(1), address(token));
        assertEq(_open(config), 2);
    }

    function test_takes_the_deposit_and_burns_the_fee() public {
        uint256 supply = token.totalSupply();
        _open(_config());
        assertEq(token.balanceOf(OWNER), 9000e18);
        assertEq(token.balanceOf(address(registry)), 900e18);
        assertEq(token.totalSupply(), supply - 100e18);
    }

    function test_opens_without_deposit_where_there_is_none() public {
        IParameters.Values memory values = initialValues();
        (values.domainDeposit, values.domainFee) = (0, 0);
        vm.prank(address(timelock));
        parameters.set(values);
        IDomainRegistry.Config memory config = _config();
        address penniless = makeAddr("penniless");
        vm.prank(penniless);
        uint64 domain = registry.open(config);
        _mockCurrent(domain, 0);
        vm.prank(penniless);
        registry.close(domain);
        assertEq(token.balanceOf(penniless), 0);
    }

    function test_a_later_deposit_changes_nothing_for_who_paid_another() public {
        uint64 domain = _open(_config());
        IParameters.Values memory values = initialValues();
        (values.domainDeposit, values.domainFee) = (5000e18, 0);
        vm.prank(address(timelock));
        parameters.set(values);
        _open(_config());
        _mockCurrent(domain, 0);
        vm.prank(OWNER);
        registry.close(domain);
        assertEq(token.balanceOf(address(registry)), 5000e18);
    }

    function test_needs_the_deposit() public {
        IDomainRegistry.Config memory config = _config();
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(registry), 0, 1000e18
            )
        );
        registry.open(config);
    }

    function test_refuses_bad_configurations() public {
        IDomainRegistry.Config memory config = _config();
        config.manifest = 0;
        _assertRefused(config, 0, 0);
        config = _config();
        config.genesis = 0;
        _assertRefused(config, 3, 0);
        config = _config();
        config.coordinator = address(0);
        _assertRefused(config, 4, 0);
        config = _config();
        config.token = OWNER;
        _assertRefused(config, 5, uint160(OWNER));
        config = _config();
        config.uri = string(new bytes(257));
        _assertRefused(config, 18, 257);
    }

    function test_refuses_numbers_out_of_bounds() public {
        IDomainRegistry.Config memory config = _config();
        config.challengeWindow = 1 hours - 1;
        _assertRefused(config, 7, 1 hours - 1);
        config.optimistic = false;
        config.challengeWindow = 30 minutes - 1;
        _assertRefused(config, 7, 30 minutes - 1);
        config.optimistic = true;
        config.challengeWindow = 7 days + 1;
        _assertRefused(config, 7, 7 days + 1);
        config = _config();
        config.trainerBond = 10e18 - 1;
        _assertRefused(config, 8, 10e18 - 1);
        config = _config();
        config.coordinatorBond = 100e18 - 1;
        _assertRefused(config, 9, 100e18 - 1);
        config = _config();
        config.coordinatorShare = 10_001;
        _assertRefused(config, 10, 10_001);
        config = _config();
        config.minMembers = 0;
        _assertRefused(config, 11, 0);
        config.minMembers = 257;
        _assertRefused(config, 11, 257);
    }

    function test_accepts_numbers_at_their_bounds() public {
        IDomainRegistry.Config memory config = _config();
        config.challengeWindow = 1 hours;
        config.coordinatorShare = 10_000;
        config.minMembers = 256;
        config.maxBudget = config.coordinatorBond;
        config.minBudget = config.maxBudget;
        config.minDuration = 10 minutes;
        config.threshold = 5000;
        config.audits = 16;
        config.uri = string(new bytes(256));
        uint64 domain = _open(config);
        assertEq(registry.termsOf(domain).audits, 16);
        config.challengeWindow = 7 days;
        config.coordinatorShare = 0;
        config.minMembers = 1;
        (config.maxBudget, config.minBudget) = (1, 1);
        config.minDuration = 7 days;
        config.minWindows = type(uint64).max;
        config.threshold = 9999;
        domain = _open(config);
        assertEq(registry.termsOf(domain).minWindows, type(uint64).max);
        config.challengeWindow = 30 minutes;
        config.audits = 0;
        config.optimistic = false;
        config.uri = "";
        _open(config);
    }

    function test_needs_a_verifier_in_use_and_a_registered_key() public {
        IDomainRegistry.Config memory config = _config();
        config.key = keccak256("key");
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.UnknownKey.selector, config.key));
        _open(config);
        config = _config();
        config.verifier = keccak256("verifier");
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.UnknownVerifier.selector, config.verifier)
        );
        _open(config);
        config = _config();
        vm.prank(GUARDIAN);
        router.stop(verifierId);
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierIsStopped.selector, verifierId)
        );
        _open(config);
    }

    /// @notice A proof that no transaction has gas for could never be challenged.
    function test_refuses_keys_too_large_to_be_challenged() public {
        Shape memory shape = Shape(16, 28, 2, 8, 0, 2, 1, 2000, 1);
        IDomainRegistry.Config memory config = _config();
        config.key = verifier.register(keyOf(shape, _fixture));
        uint256 most = router.gasBound(verifierId, config.key);
        assertGt(most, registry.MAX_VERIFICATION_GAS());
        _assertRefused(config, 2, most);
    }

    function test_the_state_at_the_start_is_zero() public {
        // What the real prover commits to at the start of a round.
        string memory round = json("round_halo2");
        bytes32 key = verifier.register(vm.parseJsonBytes(round, ".key"));
        IDomainRegistry.Config memory config = _config();
        config.key = key;
        uint64 domain = _open(config);
        assertEq(registry.get(domain).zeroState, vm.parseJsonBytes32(round, ".zeroState"));
        assertEq(registry.get(domain).spec, vm.parseJsonBytes32(round, ".spec"));
        bytes memory statement = vm.parseJsonBytes(round, ".members[0].proof.statement");
        bytes memory proof = vm.parseJsonBytes(round, ".members[0].proof.proof");
        assertEq(
            router.verify(verifierId, key, statement, proof).state, registry.get(domain).zeroState
        );
        // Of nothing without momentum, as in the claims of such proofs.
        Fixture memory plain = load("plain_halo2");
        config.key = plain.keyHash;
        domain = _open(config);
        assertEq(
            registry.get(domain).zeroState, vm.parseJsonBytes32(json("plain_halo2"), ".claim.state")
        );
    }

    function test_the_owner_names_another_coordinator() public {
        uint64 domain = _open(_config());
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, COORDINATOR));
        vm.prank(COORDINATOR);
        registry.setCoordinator(domain, COORDINATOR);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.BadConfig.selector, 4, 0));
        registry.setCoordinator(domain, address(0));
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, 9));
        registry.setCoordinator(9, OWNER);
        vm.expectEmit(address(registry));
        emit IDomainRegistry.CoordinatorChanged(domain, OWNER);
        registry.setCoordinator(domain, OWNER);
        assertEq(registry.get(domain).config.coordinator, OWNER);
        _mockCurrent(domain, 0);
        registry.close(domain);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, domain));
        registry.setCoordinator(domain, COORDINATOR);
        vm.stopPrank();
    }

    function test_closes_and_returns_the_deposit() public {
        uint64 domain = _open(_config());
        vm.startPrank(OWNER);
        escrow.fund(domain, 7e18);
        _mockCurrent(domain, 5);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.RoundUnderWay.selector, domain));
        registry.close(domain);
        _mockCurrent(domain, 0);
        vm.expectEmit(address(registry));
        emit IDomainRegistry.DomainClosed(domain, 900e18);
        vm.expectEmit(address(escrow));
        emit IEscrow.Closed(domain);
        registry.close(domain);
        assertTrue(registry.get(domain).closed);
        assertEq(registry.get(domain).deposit, 0);
        assertEq(token.balanceOf(OWNER), 10_000e18 - 107e18);
        // Who funded it, here the owner itself, takes back what is left.
        escrow.withdraw(domain);
        assertEq(token.balanceOf(OWNER), 10_000e18 - 100e18);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, domain));
        registry.close(domain);
        vm.stopPrank();
    }

    function test_only_the_owner_closes() public {
        uint64 domain = _open(_config());
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, COORDINATOR));
        vm.prank(COORDINATOR);
        registry.close(domain);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, 9));
        registry.close(9);
    }

    function test_closing_leaves_other_domains_their_deposits() public {
        uint64 first = _open(_config());
        _open(_config());
        _mockCurrent(first, 0);
        vm.prank(OWNER);
        registry.close(first);
        assertEq(token.balanceOf(address(registry)), 900e18);
    }

    function test_only_rounds_advances() public {
        uint64 domain = _open(_config());
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.Unauthorized.selector, OWNER));
        vm.prank(OWNER);
        registry.advance(domain, 1, keccak256("model"), keccak256("aggregate"));
        vm.startPrank(roundsAt);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, 9));
        registry.advance(9, 1, keccak256("model"), keccak256("aggregate"));
        vm.stopPrank();
        _mockCurrent(domain, 0);
        vm.prank(OWNER);
        registry.close(domain);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.DomainIsClosed.selector, domain));
        vm.prank(roundsAt);
        registry.advance(domain, 1, keccak256("model"), keccak256("aggregate"));
    }

    /// forge-config: test.fuzz.runs = 32
    function testFuzz_lineages_are_kept_apart_and_whole(uint256 seed) public {
        uint64[2] memory domains = [_open(_config()), _open(_config())];
        bytes32[2] memory parents = [_config().genesis, _config().genesis];
        bytes32[] memory models = new bytes32[](16);
        uint64[2] memory numbers;
        uint256 time = block.timestamp;
        for (uint64 i = 0; i < 16; ++i) {
            uint256 which = (seed >> i) & 1;
            models[i] = keccak256(abi.encode(seed, i));
            vm.warp(++time);
            vm.expectEmit(address(registry));
            emit IDomainRegistry.ModelAdvanced(
                domains[which], ++numbers[which], 100 + i, parents[which], models[i], bytes32(seed)
            );
            vm.prank(roundsAt);
            registry.advance(domains[which], 100 + i, models[i], bytes32(seed));
            parents[which] = models[i];
            (bytes32 model, uint64 number) = registry.head(domains[which]);
            assertEq(model, models[i]);
            assertEq(number, numbers[which]);
        }
        numbers = [uint64(0), 0];
        for (uint64 i = 0; i < 16; ++i) {
            uint256 which = (seed >> i) & 1;
            IDomainRegistry.Version memory version =
                registry.version(domains[which], ++numbers[which]);
            assertEq(version.model, models[i]);
            assertEq(version.round, 100 + i);
            assertEq(version.aggregate, bytes32(seed));
            assertEq(version.time, time - 15 + i);
        }
    }

    function test_the_first_version_is_the_genesis() public {
        uint64 domain = _open(_config());
        IDomainRegistry.Version memory first = registry.version(domain, 0);
        assertEq(first.model, _config().genesis);
        assertEq(first.aggregate, 0);
        assertEq(first.round, 0);
        assertEq(first.time, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.UnknownVersion.selector, domain, 1));
        registry.version(domain, 1);
    }

    function test_knows_no_other_domains() public {
        _open(_config());
        for (uint64 domain = 0; domain < 4; domain += 2) {
            bytes memory unknown =
                abi.encodeWithSelector(IDomainRegistry.UnknownDomain.selector, domain);
            vm.expectRevert(unknown);
            registry.get(domain);
            vm.expectRevert(unknown);
            registry.tokenOf(domain);
            vm.expectRevert(unknown);
            registry.head(domain);
            vm.expectRevert(unknown);
            registry.version(domain, 0);
        }
    }

    function _config() private view returns (IDomainRegistry.Config memory) {
        return configOf(_fixture, COORDINATOR);
    }

    function _open(IDomainRegistry.Config memory config) private returns (uint64) {
        vm.prank(OWNER);
        return registry.open(config);
    }

    function _mockCurrent(uint64 domain, uint64 round) private {
        vm.mockCall(roundsAt, abi.encodeCall(IRounds.current, (domain)), abi.encode(round));
    }

    function _assertRefused(IDomainRegistry.Config memory config, uint256 field, uint256 value)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IDomainRegistry.BadConfig.selector, field, value));
        _open(config);
    }
}
