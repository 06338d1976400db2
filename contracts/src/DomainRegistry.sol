// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IDomainRegistry} from "./interfaces/IDomainRegistry.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IRewardToken} from "./interfaces/IRewardToken.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Burning} from "./libraries/Burning.sol";

/// @title Domains and the lineage of their models
contract DomainRegistry is IDomainRegistry {
    using SafeERC20 for IERC20;

    /// @notice Shortest and longest challenge window, in seconds. Where everything was proven there
    /// is only the coordinator's sum to challenge, in two transactions; else proofs have to be made and
    /// checked.
    uint64 public constant MIN_CHALLENGE = 30 minutes;
    uint64 public constant MIN_OPTIMISTIC_CHALLENGE = 1 hours;
    uint64 public constant MAX_CHALLENGE = 7 days;
    /// @notice Bounds of a domain's shortest round, in seconds.
    uint64 public constant MIN_DURATION = 10 minutes;
    uint64 public constant MAX_DURATION = 7 days;
    /// @notice Least threshold of a sum, in basis points of its round's members.
    uint16 public constant MIN_THRESHOLD = 5000;
    /// @notice Most deliveries of a batch that are audited.
    uint16 public constant MAX_AUDITS = 16;
    /// @notice Most members of a round.
    uint16 public constant MAX_MEMBERS = 256;
    /// @notice Most members of a round times rows of an update, as rounds have it.
    uint256 public constant MAX_ROWS = 1800;
    /// @notice Most bytes of a hint where the manifest is.
    uint256 public constant MAX_URI = 256;
    /// @notice Most gas to set aside for a verification: a transaction has 2^24 (EIP-7825), and a
    /// proof that cannot be challenged in one could not be challenged at all.
    uint256 public constant MAX_VERIFICATION_GAS = 14_000_000;
    uint16 private constant BASIS_POINTS = 10_000;

    /// @notice The deposit is in this token.
    IERC20 public immutable REWARD_TOKEN;
    /// @notice Where deposit, fee and least bonds are.
    IParameters public immutable PARAMETERS;
    /// @notice Knows verifiers and keys.
    IVerifierRouter public immutable ROUTER;
    /// @notice Holds the budgets.
    IEscrow public immutable ESCROW;
    /// @notice Records versions.
    IRounds public immutable ROUNDS;

    /// @inheritdoc IDomainRegistry
    uint64 public count;

    mapping(uint64 domain => Domain) private _domains;
    mapping(uint64 domain => mapping(uint64 number => Version)) private _versions;
    mapping(uint64 domain => address to) private _offers;

    /// @param rewardToken The deposit is in this token.
    /// @param parameters Where deposit, fee and least bonds are.
    /// @param router Knows verifiers and keys.
    /// @param escrow Holds the budgets.
    /// @param rounds Records versions.
    constructor(
        IERC20 rewardToken,
        IParameters parameters,
        IVerifierRouter router,
        address escrow,
        address rounds
    ) {
        REWARD_TOKEN = rewardToken;
        PARAMETERS = parameters;
        ROUTER = router;
        ESCROW = IEscrow(escrow);
        ROUNDS = IRounds(rounds);
    }

    /// @inheritdoc IDomainRegistry
    function open(Config calldata config) external returns (uint64 domain) {
        IParameters.Values memory values = PARAMETERS.get();
        _requireValid(config, values);
        (bytes32 spec, uint256 steps, uint256 rows, uint256 stateRows) =
            ROUTER.describe(config.verifier, config.key);
        uint256 gasBound = ROUTER.gasBound(config.verifier, config.key);
        if (gasBound > MAX_VERIFICATION_GAS) revert BadConfig(2, gasBound);
        // Else no round could be opened.
        if (config.minMembers * rows > MAX_ROWS) revert BadConfig(11, config.minMembers);

        domain = ++count;
        Domain storage opened = _domains[domain];
        opened.owner = msg.sender;
        opened.deposit = values.domainDeposit - values.domainFee;
        opened.spec = spec;
        // All entries of a fresh state are zero, and are committed to without blinding: each row
        // is the neutral element.
        opened.zeroState = keccak256(new bytes(64 * stateRows));
        // Four-byte numbers in the key.
        opened.steps = uint32(steps);
        opened.rows = uint32(rows);
        opened.head = config.genesis;
        opened.config = config;
        _versions[domain][0].model = config.genesis;
        _versions[domain][0].time = uint64(block.timestamp);
        emit DomainOpened(domain, msg.sender, spec, config);

        if (values.domainDeposit > 0) {
            REWARD_TOKEN.safeTransferFrom(msg.sender, address(this), values.domainDeposit);
        }
        if (values.domainFee > 0) IRewardToken(address(REWARD_TOKEN)).burn(values.domainFee);
    }

    /// @inheritdoc IDomainRegistry
    function setCoordinator(uint64 domain, address coordinator) external {
        _requireOwned(domain);
        if (coordinator == address(0)) revert BadConfig(4, 0);
        _domains[domain].config.coordinator = coordinator;
        emit CoordinatorChanged(domain, coordinator);
    }

    /// @inheritdoc IDomainRegistry
    function offer(uint64 domain, address to) external {
        _requireOwned(domain);
        _offers[domain] = to;
        emit DomainOffered(domain, to);
    }

    /// @inheritdoc IDomainRegistry
    function accept(uint64 domain) external {
        Domain storage offered = _known(domain);
        if (offered.closed) revert DomainIsClosed(domain);
        if (msg.sender != _offers[domain]) revert Unauthorized(msg.sender);
        delete _offers[domain];
        offered.owner = msg.sender;
        emit OwnerChanged(domain, msg.sender);
    }

    /// @inheritdoc IDomainRegistry
    function close(uint64 domain) external {
        _requireOwned(domain);
        if (ROUNDS.current(domain) != 0) revert RoundUnderWay(domain);
        Domain storage closing = _domains[domain];
        uint256 deposit = closing.deposit;
        closing.deposit = 0;
        closing.closed = true;
        emit DomainClosed(domain, deposit);
        if (deposit > 0) REWARD_TOKEN.safeTransfer(msg.sender, deposit);
        ESCROW.close(domain);
    }

    /// @inheritdoc IDomainRegistry
    function advance(uint64 domain, uint64 round, bytes32 model, bytes32 aggregate) external {
        if (msg.sender != address(ROUNDS)) revert Unauthorized(msg.sender);
        Domain storage advancing = _known(domain);
        if (advancing.closed) revert DomainIsClosed(domain);
        bytes32 parent = advancing.head;
        uint64 number = ++advancing.versions;
        advancing.head = model;
        _versions[domain][number] = Version({
            model: model, aggregate: aggregate, round: round, time: uint64(block.timestamp)
        });
        emit ModelAdvanced(domain, number, round, parent, model, aggregate);
    }

    /// @inheritdoc IDomainRegistry
    function get(uint64 domain) external view returns (Domain memory) {
        return _known(domain);
    }

    /// @inheritdoc IDomainRegistry
    function termsOf(uint64 domain) external view returns (Terms memory) {
        Domain storage known = _known(domain);
        Config storage config = known.config;
        return Terms({
            token: config.token,
            verifier: config.verifier,
            challengeWindow: config.challengeWindow,
            trainerBond: config.trainerBond,
            coordinatorShare: config.coordinatorShare,
            minWindows: config.minWindows,
            audits: config.audits,
            closed: known.closed
        });
    }

    /// @inheritdoc IDomainRegistry
    function openingOf(uint64 domain) external view returns (Opening memory) {
        Domain storage known = _known(domain);
        Config storage config = known.config;
        return Opening({
            coordinator: config.coordinator,
            optimistic: config.optimistic,
            closed: known.closed,
            minMembers: config.minMembers,
            rows: known.rows,
            minDuration: config.minDuration,
            token: config.token,
            maxBudget: config.maxBudget,
            minBudget: config.minBudget,
            coordinatorBond: config.coordinatorBond,
            verifier: config.verifier,
            head: known.head
        });
    }

    /// @inheritdoc IDomainRegistry
    function checkOf(uint64 domain)
        external
        view
        returns (bytes32 verifier, bytes32 key, bytes32 zeroState)
    {
        Domain storage known = _known(domain);
        return (known.config.verifier, known.config.key, known.zeroState);
    }

    /// @inheritdoc IDomainRegistry
    function tokenOf(uint64 domain) external view returns (address) {
        return _known(domain).config.token;
    }

    /// @inheritdoc IDomainRegistry
    function version(uint64 domain, uint64 number) external view returns (Version memory) {
        if (number > _known(domain).versions) revert UnknownVersion(domain, number);
        return _versions[domain][number];
    }

    /// @inheritdoc IDomainRegistry
    function head(uint64 domain) external view returns (bytes32 model, uint64 number) {
        Domain storage known = _known(domain);
        return (known.head, known.versions);
    }

    function _known(uint64 domain) private view returns (Domain storage known) {
        known = _domains[domain];
        if (known.owner == address(0)) revert UnknownDomain(domain);
    }

    function _requireOwned(uint64 domain) private view {
        Domain storage owned = _known(domain);
        if (owned.owner != msg.sender) revert Unauthorized(msg.sender);
        if (owned.closed) revert DomainIsClosed(domain);
    }

    /// @dev Fields in the order of `Config`; the router checks verifier and key.
    function _requireValid(Config calldata config, IParameters.Values memory values) private view {
        if (config.manifest == 0) revert BadConfig(0, 0);
        if (config.genesis == 0) revert BadConfig(3, 0);
        if (config.coordinator == address(0)) revert BadConfig(4, 0);
        if (config.token.code.length == 0) revert BadConfig(5, uint160(config.token));
        uint64 least = config.optimistic ? MIN_OPTIMISTIC_CHALLENGE : MIN_CHALLENGE;
        _requireWithin(7, config.challengeWindow, least, MAX_CHALLENGE);
        if (config.trainerBond < values.trainerBond) revert BadConfig(8, config.trainerBond);
        if (config.coordinatorBond < values.coordinatorBond) {
            revert BadConfig(9, config.coordinatorBond);
        }
        if (config.coordinatorShare > BASIS_POINTS) revert BadConfig(10, config.coordinatorShare);
        if (config.minMembers == 0 || config.minMembers > MAX_MEMBERS) {
            revert BadConfig(11, config.minMembers);
        }
        _requireValidRounds(config);
        _requireWithin(18, bytes(config.uri).length, 0, MAX_URI);
    }

    /// @dev What rounds are held to.
    function _requireValidRounds(Config calldata config) private view {
        // What other tokens are worth beside the bond is not known here.
        bool bounded = config.optimistic && config.token == address(REWARD_TOKEN);
        uint256 most =
            bounded ? Burning.mostBudget(config.coordinatorBond, config.audits) : type(uint128).max;
        _requireWithin(12, config.maxBudget, 0, most);
        _requireWithin(13, config.minBudget, 1, config.maxBudget);
        _requireWithin(14, config.minDuration, MIN_DURATION, MAX_DURATION);
        if (config.minWindows == 0) revert BadConfig(15, 0);
        _requireWithin(16, config.threshold, MIN_THRESHOLD, BASIS_POINTS - 1);
        _requireWithin(17, config.audits, 0, config.optimistic ? MAX_AUDITS : 0);
    }

    function _requireWithin(uint256 field, uint256 value, uint256 least, uint256 most)
        private
        pure
    {
        if (value < least || value > most) revert BadConfig(field, value);
    }
}
