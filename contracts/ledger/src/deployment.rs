//! Where the contracts are.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// The contracts of one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block from which on their events are.
    pub block: u64,
    /// Name of the training verifier at the router.
    pub verifier: B256,
    pub timelock: Address,
    pub reward_token: Address,
    pub parameters: Address,
    pub halo2_verifier: Address,
    pub training_verifier: Address,
    /// `VerifierRouter`
    pub router: Address,
    /// `StakeManager`
    pub stakes: Address,
    /// `DomainRegistry`
    pub registry: Address,
    pub escrow: Address,
    pub reputation: Address,
    pub rounds: Address,
    pub demands: Address,
    pub slashing: Address,
}
