//! One round as its events tell it: its members, what was delivered, and paths in their trees.

use alloy::primitives::{Address, B256, Bytes};
use alloy::signers::SignerSync;
use alloy::sol_types::Eip712Domain;
use serde::{Deserialize, Serialize};

use super::merkle;
use super::typed::{self, Batch, Receipt, Submission};
use crate::bindings::rounds::IRounds::{Delivery, Member};

/// A submission with its member's signature, as it goes to the coordinator beside statement and
/// proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSubmission {
    /// What is signed.
    pub submission: Submission,
    /// 65 bytes.
    pub signature: Bytes,
}

/// A batch with its coordinator's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBatch {
    /// What is signed.
    pub batch: Batch,
    /// 65 bytes.
    pub signature: Bytes,
}

/// A coordinator's receipt for an upload, signed by its key: what a member keeps of it. It names the
/// round and the member, the plan's digest, `keccak256` of the masked vector, the struct hash of the
/// submission (as deliveries of a batch do), and when it was taken, in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is signed.
    pub receipt: Receipt,
    /// 65 bytes.
    pub signature: Bytes,
}

impl SignedReceipt {
    /// Signs a receipt for a chain's contract `Rounds`.
    ///
    /// # Errors
    /// If the signer refuses.
    pub fn new(
        receipt: Receipt,
        domain: &Eip712Domain,
        signer: &impl SignerSync,
    ) -> alloy::signers::Result<Self> {
        let signature = typed::sign(&receipt, domain, signer)?.into();
        Ok(Self { receipt, signature })
    }

    /// Whether this account has signed it.
    pub fn is_by(&self, domain: &Eip712Domain, account: Address) -> bool {
        typed::signer(&self.receipt, domain, &self.signature) == Some(account)
    }
}

/// A round's members, in the order of their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members(pub Vec<Member>);

impl Members {
    fn leaves(&self) -> Vec<B256> {
        let leaf = |m: &Member| merkle::leaf(&(m.account, m.dataset, m.windows, m.weight));
        self.0.iter().map(leaf).collect()
    }

    /// The root that the round was opened with.
    pub fn root(&self) -> B256 {
        merkle::root(&self.leaves())
    }

    /// A member with its path; none for somebody else.
    pub fn find(&self, account: Address) -> Option<(Member, Vec<B256>)> {
        let index = self.0.iter().position(|member| member.account == account)?;
        Some((self.0.get(index)?.clone(), merkle::path(&self.leaves(), index)))
    }

    fn delivery_leaves(&self, deliveries: &[Delivery]) -> Vec<B256> {
        let leaf = |(m, d): (&Member, &Delivery)| {
            merkle::leaf(&(m.account, m.weight, d.update, d.submission))
        };
        self.0.iter().zip(deliveries).map(leaf).collect()
    }

    /// The root of a batch.
    pub fn delivery_root(&self, deliveries: &[Delivery]) -> B256 {
        merkle::root(&self.delivery_leaves(deliveries))
    }

    /// What a member is said to have delivered, with its path.
    pub fn delivery(
        &self,
        deliveries: &[Delivery],
        account: Address,
    ) -> Option<(Delivery, Vec<B256>)> {
        let index = self.0.iter().position(|member| member.account == account)?;
        let path = merkle::path(&self.delivery_leaves(deliveries), index);
        Some((deliveries.get(index)?.clone(), path))
    }
}
