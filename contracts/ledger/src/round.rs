//! One round as its events tell it: its members, what was delivered, and paths in their trees.

use alloy_primitives::{Address, B256, Bytes};
use alloy_signer::SignerSync;
use serde::{Deserialize, Serialize};

use super::merkle;
use super::typed::{Batch, Receipt, Scope, Submission};
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

impl SignedSubmission {
    /// Signs a submission for a round.
    ///
    /// # Errors
    /// If the round is still to be drawn, or the signer refuses.
    pub fn new(
        submission: Submission,
        scope: &Scope,
        signer: &impl SignerSync,
    ) -> alloy_signer::Result<Self> {
        let signature = scope.sign(&submission, signer)?;
        Ok(Self { submission, signature })
    }
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

impl SignedBatch {
    /// Signs a batch for a round.
    ///
    /// # Errors
    /// If the round is still to be drawn, or the signer refuses.
    pub fn new(
        batch: Batch,
        scope: &Scope,
        signer: &impl SignerSync,
    ) -> alloy_signer::Result<Self> {
        let signature = scope.sign(&batch, signer)?;
        Ok(Self { batch, signature })
    }

    /// Whether this account has signed it.
    pub fn is_by(&self, scope: &Scope, account: Address) -> bool {
        scope.signer(&self.batch, &self.signature) == Some(account)
    }
}

/// A coordinator's receipt for an upload, signed by its key: what a member keeps of it. It names the
/// round and the member, the plan's digest, `keccak256` of the masked vector, the struct hash of the
/// submission in this round (as deliveries of a batch do), and when it was taken, in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is signed.
    pub receipt: Receipt,
    /// 65 bytes.
    pub signature: Bytes,
}

impl SignedReceipt {
    /// Signs a receipt for a round.
    ///
    /// # Errors
    /// If the round is still to be drawn, or the signer refuses.
    pub fn new(
        receipt: Receipt,
        scope: &Scope,
        signer: &impl SignerSync,
    ) -> alloy_signer::Result<Self> {
        let signature = scope.sign(&receipt, signer)?;
        Ok(Self { receipt, signature })
    }

    /// Whether this account has signed it.
    pub fn is_by(&self, scope: &Scope, account: Address) -> bool {
        scope.signer(&self.receipt, &self.signature) == Some(account)
    }
}

/// What a batch of an eager round names in the place of a submission, which contracts don't know there:
/// that the update is part of the sum. `Deliveries.MARK`.
pub const MARK: B256 = B256::with_last_byte(1);

/// Whether a delivery is part of a batch's sum, if there is one. What was handed in to the contract
/// alone is paid for, and takes no part in the secure aggregation: it names no submission.
pub fn is_summed(delivery: &Delivery) -> bool {
    !delivery.update.is_zero() && !delivery.submission.is_zero()
}

/// Whether the contract has checked all that a batch says of a member, `checked` being the update that
/// it has of it. A batch that names a submission says more: that its coordinator has that, and its
/// proof.
pub fn is_proven(delivery: &Delivery, checked: B256) -> bool {
    delivery.submission.is_zero() && delivery.update == checked && !checked.is_zero()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_in_to_the_contract_alone_is_proven_and_in_no_sum() {
        let [update, submission] = [1, 2].map(B256::repeat_byte);
        let said = |update, submission| Delivery { update, submission };
        let alone = said(update, B256::ZERO);
        assert!(!is_summed(&alone) && is_proven(&alone, update));
        for named in [MARK, submission] {
            let both = said(update, named);
            assert!(is_summed(&both) && !is_proven(&both, update), "{named}");
        }
        let nothing = said(B256::ZERO, B256::ZERO);
        assert!(!is_summed(&nothing) && !is_proven(&nothing, B256::ZERO));
        assert!(!is_proven(&alone, submission));
    }
}
