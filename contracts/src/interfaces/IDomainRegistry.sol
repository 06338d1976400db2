// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Domains and the lineage of their models
/// @notice A domain is one model that its members train together: the manifest, the key that checks
/// proofs, the rules of its rounds, and every version that the model has had.
interface IDomainRegistry {
    /// @notice What a domain is opened with; none of it changes later, except the coordinator.
    /// @param manifest Hash of the manifest.
    /// @param verifier Name of the verifier at the router.
    /// @param key Hash of the training key; fixes the manifest and the reference string too.
    /// @param genesis `keccak256` of the first model's row commitments, as in a claim's `model`.
    /// @param coordinator Who opens its rounds.
    /// @param token Budgets are in this ERC-20 token.
    /// @param optimistic Proofs are not checked on submission but may be challenged.
    /// @param challengeWindow Seconds to challenge what a coordinator proposes; at least an hour in
    /// optimistic domains.
    /// @param trainerBond What a member answers with, in reward tokens.
    /// @param coordinatorBond What the coordinator answers with, each round.
    /// @param coordinatorShare Basis points of a round's budget that are the coordinator's.
    /// @param minMembers Least members of a round; so many must fit into one (`Rounds.MAX_ROWS`).
    /// @param maxBudget Most budget of a round. In optimistic domains that pay in reward tokens it
    /// is at most a quarter of `coordinatorBond` for each of `audits`, a quarter of it without any,
    /// and never more than all of it; what another token is worth beside the bond, the owner states
    /// here.
    /// @param minBudget Least budget of a round that has one: what it costs, at least, to move
    /// reputations. From 1 to `maxBudget`.
    /// @param minDuration Shortest round, in seconds.
    /// @param minWindows Least windows of a member's dataset.
    /// @param threshold Basis points of a round's members that must be in a sum; of `n` members
    /// `floor(n * threshold / 10000) + 1`, at most `n`. It is the secure aggregation's rule, and
    /// owners and auditors hold the coordinator to it; no contract does.
    /// @param audits Deliveries of a batch that are drawn by lot and must be proven before it is
    /// settled; none in domains that are not optimistic, where all are proven.
    /// @param uri Where the manifest is; a hint.
    struct Config {
        bytes32 manifest;
        bytes32 verifier;
        bytes32 key;
        bytes32 genesis;
        address coordinator;
        address token;
        bool optimistic;
        uint64 challengeWindow;
        uint128 trainerBond;
        uint128 coordinatorBond;
        uint16 coordinatorShare;
        uint16 minMembers;
        uint128 maxBudget;
        uint128 minBudget;
        uint64 minDuration;
        uint64 minWindows;
        uint16 threshold;
        uint16 audits;
        string uri;
    }

    /// @notice A domain.
    /// @param owner Who opened it, or to whom it was handed over; gets the deposit back.
    /// @param deposit What is left of the deposit.
    /// @param spec Digest of the manifest and of the reference string, from the key.
    /// @param zeroState What a claim's `state` is at the start of a round.
    /// @param steps Steps a proof.
    /// @param rows Rows of the parameters.
    /// @param versions Versions after the first.
    /// @param head The model now.
    /// @param closed No rounds any more.
    struct Domain {
        address owner;
        uint128 deposit;
        bytes32 spec;
        bytes32 zeroState;
        uint32 steps;
        uint32 rows;
        uint64 versions;
        bytes32 head;
        bool closed;
        Config config;
    }

    /// @notice One version of a model.
    /// @param model `keccak256` of its row commitments.
    /// @param round The round that made it; zero for the first.
    /// @param aggregate `keccak256` of the row commitments of the weighted sum of updates.
    /// @param time When.
    struct Version {
        bytes32 model;
        bytes32 aggregate;
        uint64 round;
        uint64 time;
    }

    /// @notice Of a domain, what joining and settling need: reading all of it costs three times as
    /// much.
    struct Terms {
        address token;
        bytes32 verifier;
        uint64 challengeWindow;
        uint128 trainerBond;
        uint16 coordinatorShare;
        uint64 minWindows;
        uint16 audits;
        bool closed;
    }

    /// @notice Of a domain, what opening a round needs.
    struct Opening {
        address coordinator;
        bool optimistic;
        bool closed;
        uint16 minMembers;
        uint32 rows;
        uint64 minDuration;
        address token;
        uint128 maxBudget;
        uint128 minBudget;
        uint128 coordinatorBond;
        bytes32 verifier;
        bytes32 head;
    }

    /// @notice A domain was opened.
    event DomainOpened(uint64 indexed domain, address indexed owner, bytes32 spec, Config config);
    /// @notice A domain has another coordinator.
    event CoordinatorChanged(uint64 indexed domain, address coordinator);
    /// @notice A domain's owner has offered it to somebody; to the zero address: to nobody.
    event DomainOffered(uint64 indexed domain, address indexed to);
    /// @notice A domain has another owner.
    event OwnerChanged(uint64 indexed domain, address indexed owner);
    /// @notice The model has a new version.
    event ModelAdvanced(
        uint64 indexed domain,
        uint64 indexed version,
        uint64 indexed round,
        bytes32 parent,
        bytes32 model,
        bytes32 aggregate
    );
    /// @notice A domain was closed.
    event DomainClosed(uint64 indexed domain, uint256 deposit);

    /// @notice There is no such domain.
    error UnknownDomain(uint64 domain);
    /// @notice The domain is closed.
    error DomainIsClosed(uint64 domain);
    /// @notice The caller may not do this.
    error Unauthorized(address caller);
    /// @notice A field of the configuration is out of bounds; fields are counted from zero.
    error BadConfig(uint256 field, uint256 value);
    /// @notice A round is under way.
    error RoundUnderWay(uint64 domain);
    /// @notice There is no such version.
    error UnknownVersion(uint64 domain, uint64 version);

    /// @notice Opens a domain; takes the deposit. Anyone may. Refuses a key whose proofs take too
    /// much gas for a transaction that challenges one.
    /// @return domain Its number, from one.
    function open(Config calldata config) external returns (uint64 domain);

    /// @notice Names another coordinator, from the next round on. Only the owner may.
    function setCoordinator(uint64 domain, address coordinator) external;

    /// @notice Offers the domain to somebody, who becomes its owner by accepting; replaces an
    /// earlier offer. Only the owner may.
    function offer(uint64 domain, address to) external;

    /// @notice Takes over a domain that was offered to the caller, deposit included.
    function accept(uint64 domain) external;

    /// @notice Closes a domain without a round under way; returns the deposit. Those who funded it
    /// can withdraw what is left from the escrow. Only the owner may.
    function close(uint64 domain) external;

    /// @notice Records a new version. Only rounds may.
    function advance(uint64 domain, uint64 round, bytes32 model, bytes32 aggregate) external;

    /// @notice A domain.
    function get(uint64 domain) external view returns (Domain memory);

    /// @notice A domain's terms; reverts if there is no such domain.
    function termsOf(uint64 domain) external view returns (Terms memory);

    /// @notice What opening a round needs of a domain; reverts if there is no such domain.
    function openingOf(uint64 domain) external view returns (Opening memory);

    /// @notice What proofs of a domain are checked against; far cheaper than asking for all of it.
    /// @return verifier Name of the verifier at the router.
    /// @return key Hash of the training key.
    /// @return zeroState What a claim's `state` is at the start of a round.
    function checkOf(uint64 domain)
        external
        view
        returns (bytes32 verifier, bytes32 key, bytes32 zeroState);

    /// @notice The token of a domain's budgets; reverts if there is no such domain.
    function tokenOf(uint64 domain) external view returns (address);

    /// @notice A version; number zero is the first model.
    function version(uint64 domain, uint64 number) external view returns (Version memory);

    /// @notice The model now: its commitment and its number.
    function head(uint64 domain) external view returns (bytes32 model, uint64 number);

    /// @notice Domains so far; the last one's number.
    function count() external view returns (uint64);
}
