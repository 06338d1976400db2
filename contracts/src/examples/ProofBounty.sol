// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {TrainingClaim} from "../interfaces/ITrainingVerifier.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";

/// @title A bounty on one proof
/// @notice Example of a contract that checks a proof itself, without stake, rounds or settlement:
/// somebody wants one window of somebody's data trained on, by that somebody, and pays for the
/// proof. It pins everything that it relies on.
contract ProofBounty {
    using SafeERC20 for IERC20;

    /// @notice What is to be proven.
    /// @param verifier Name of the verifier at the router.
    /// @param key Hash of the training key, derived from the manifest: the program that was run.
    /// @param round Number that the proof is for. The proof must name this contract, and no domain,
    /// so a proof that somebody else has paid for is none here.
    /// @param prover Whose proof it must be, and who is paid.
    /// @param dataset The data that the prover has registered.
    /// @param windows Windows of the data.
    /// @param window The window.
    /// @param model The model to start from.
    /// @param state The optimizer's state to start from.
    /// @param amount What is paid.
    /// @param expiry When the sponsor may take it back.
    struct Terms {
        bytes32 verifier;
        bytes32 key;
        uint64 round;
        address prover;
        bytes32 dataset;
        uint64 windows;
        uint64 window;
        bytes32 model;
        bytes32 state;
        uint128 amount;
        uint64 expiry;
    }

    /// @notice The work was proven and paid.
    /// @param update `keccak256` of the update's row commitments.
    event Proven(address indexed prover, bytes32 update);

    /// @notice The proof holds but is about something else. Fields are those of `TrainingClaim`,
    /// counted from zero.
    error WrongClaim(uint256 field);
    /// @notice The work was proven already.
    error AlreadyProven(bytes32 update);
    /// @notice The sponsor may not take the money back yet.
    error TooEarly(uint256 needed, uint256 now_);
    /// @notice The caller is not the sponsor.
    error Unauthorized(address caller);

    /// @notice Who pays.
    address public immutable SPONSOR;
    /// @notice In what.
    IERC20 public immutable TOKEN;
    IVerifierRouter public immutable ROUTER;
    /// @notice What is to be proven.
    Terms public terms;
    /// @notice What was proven; zero until then.
    bytes32 public update;

    /// @param sponsor Who gets the money back after expiry.
    constructor(address sponsor, IERC20 token, IVerifierRouter router, Terms memory terms_) {
        SPONSOR = sponsor;
        TOKEN = token;
        ROUTER = router;
        terms = terms_;
    }

    /// @notice Pays the prover for a proof. Anyone may relay it.
    function redeem(bytes calldata statement, bytes calldata proof) external {
        if (update != 0) revert AlreadyProven(update);
        Terms memory t = terms;
        // Reverts unless the proof holds. That it does not, for lack of gas or otherwise, does
        // nobody any harm here.
        TrainingClaim memory claim = ROUTER.verify(t.verifier, t.key, statement, proof);
        _requireTerms(t, claim);

        update = claim.update;
        emit Proven(t.prover, claim.update);
        TOKEN.safeTransfer(t.prover, t.amount);
    }

    /// @notice Returns what is left to the sponsor.
    function reclaim() external {
        if (msg.sender != SPONSOR) revert Unauthorized(msg.sender);
        uint64 expiry = terms.expiry;
        if (block.timestamp < expiry && update == 0) revert TooEarly(expiry, block.timestamp);
        TOKEN.safeTransfer(SPONSOR, TOKEN.balanceOf(address(this)));
    }

    /// @dev Everything that a claim says has to be what was asked for.
    function _requireTerms(Terms memory t, TrainingClaim memory claim) private view {
        if (claim.contractAddress != address(this)) revert WrongClaim(2);
        if (claim.domain != 0) revert WrongClaim(3);
        if (claim.round != t.round) revert WrongClaim(4);
        if (claim.prover != t.prover) revert WrongClaim(5);
        if (claim.step != 0) revert WrongClaim(6);
        if (claim.dataset != t.dataset) revert WrongClaim(8);
        if (claim.windows != t.windows) revert WrongClaim(9);
        if (claim.window != t.window) revert WrongClaim(10);
        if (claim.model != t.model) revert WrongClaim(11);
        if (claim.state != t.state) revert WrongClaim(12);
    }
}
