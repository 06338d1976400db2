//! What a round is: fixed and signed by the coordinator before anyone trains.

use alloy_primitives::{Address, B256, keccak256};
use serde::{Deserialize, Serialize};

use crate::eip712;
use crate::messages::Body;

/// Version of the messages.
pub const VERSION: u32 = 2;

/// Members of a plan at most, as the contract takes them: it bounds every list in a round.
pub const MAX_MEMBERS: usize = 256;

/// The weights of a plan's members sum to two to this.
pub const WEIGHT_LOG: u32 = 16;

/// A round, as all of its members see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// The chain that settles it.
    pub chain_id: u64,
    /// The contract `Rounds` there.
    pub rounds: Address,
    /// The domain.
    pub domain: u64,
    /// The round's number on the chain.
    pub round: u64,
    /// Who answers for it.
    pub coordinator: Address,
    /// Digest of manifest and reference string, as in statements.
    pub spec: B256,
    /// `keccak256` of the row commitments of the model that members start from.
    pub parent: B256,
    /// Draws the windows.
    pub nonce: B256,
    /// The proofs' system: [`zktrain_statement::compressed::ProofSystem::code`].
    pub system: u64,
    /// Proofs are signed for the coordinator, not checked on chain as they come.
    pub optimistic: bool,
    /// Shares that recover a secret.
    pub threshold: u32,
    /// Members in a sum at least.
    pub least: u32,
    /// In strictly ascending order of their addresses; weights sum to `2^16`.
    pub members: Vec<PlanMember>,
    /// How long each phase may take.
    pub timing: Timing,
}

/// A member of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanMember {
    /// Its address.
    pub account: Address,
    /// Merkle root of its registered dataset.
    pub dataset: B256,
    /// The dataset's windows.
    pub windows: u64,
    /// Its update counts so many times `2^-16`.
    pub weight: u32,
}

/// Seconds that each phase takes at most. A phase ends early once everybody has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Members send their keys.
    pub keys: u32,
    /// Members send shares of their secrets.
    pub shares: u32,
    /// Members train, prove and upload.
    pub uploads: u32,
    /// Members confirm whose updates are counted.
    pub confirm: u32,
    /// Members send the shares that unmask the sum.
    pub unmask: u32,
    /// Members defend their uploads, if the sum is wrong.
    pub defence: u32,
}

impl Timing {
    /// The same for each phase.
    pub const fn even(seconds: u32) -> Self {
        Self {
            keys: seconds,
            shares: seconds,
            uploads: seconds,
            confirm: seconds,
            unmask: seconds,
            defence: seconds,
        }
    }

    /// Milliseconds after which every round with this timing is over, if its coordinator acts at the end
    /// of each phase; sums that take longer than a phase not included.
    pub fn longest_ms(&self) -> u64 {
        let Self { keys, shares, uploads, confirm, unmask, defence } = *self;
        // Confirm twice: verdicts that are late. Unmask twice: the sum. Defence four times:
        // defences, their trial, disputes, the second trial.
        let once = [keys, shares, uploads].map(u64::from).iter().sum::<u64>();
        let seconds =
            once + 2 * u64::from(confirm) + 2 * u64::from(unmask) + 4 * u64::from(defence);
        seconds * 1000
    }
}

impl Plan {
    /// What messages about this plan name.
    pub fn digest(&self) -> B256 {
        // A plan always has an encoding: it holds no maps and nothing that can fail. Were there one
        // without, nothing could be signed about it.
        keccak256(self.encoded().unwrap_or_default())
    }

    /// What the digest is of.
    pub(crate) fn encoded(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_stdvec(self)
    }

    /// The EIP-712 domain of signatures about it, which are no evidence on chain: what they sign names
    /// the plan.
    pub fn domain_separator(&self) -> B256 {
        eip712::separator(self.chain_id, self.rounds)
    }

    /// A member.
    pub fn member(&self, account: Address) -> Option<&PlanMember> {
        let found = self.members.binary_search_by_key(&account, |member| member.account).ok()?;
        self.members.get(found)
    }

    /// A member's position.
    pub fn index(&self, account: Address) -> Option<usize> {
        self.members.binary_search_by_key(&account, |member| member.account).ok()
    }
}

impl Body for Plan {
    const KIND: &'static str = "plan";
}
