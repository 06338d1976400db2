//! What a node says about an export.

use alloy_primitives::B256;

/// What a node says about an export.
#[derive(Clone, Debug)]
pub struct Live {
    /// What it says else about the export's events; none if nothing.
    pub difference: Option<String>,
    /// What stands at the address of `Rounds`; none if the node is of another chain.
    pub contract: Option<Contract>,
    /// The domain's current version; none if the node could not be asked.
    pub version: Option<u64>,
    /// The domain's rounds that have ended by now.
    pub ended: Vec<u64>,
}

impl Live {
    /// A node of which nothing is believed.
    pub fn of_another(difference: String, contract: Option<Contract>) -> Self {
        Self { difference: Some(difference), contract, version: None, ended: Vec::new() }
    }
}

/// The contract at the export's address of `Rounds`.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Keccak-256 of its code, as `EXTCODEHASH` gives it.
    pub code: B256,
    /// A contract of the export that `Rounds` does not work with; none if there is none.
    pub stranger: Option<&'static str>,
}
