//! Signatures by an account's key.
//!
//! What members rely on among themselves is checked in [`zktrain_secagg::messages`], without keys;
//! what contracts take as evidence is signed for a [`Scope`].

use alloy::signers::SignerSync;
use zktrain_ledger::typed::Scope;
use zktrain_secagg::messages::{Body, Signed, signing_hash};
use zktrain_secagg::plan::Plan;

/// Signs a body, about a plan.
///
/// # Errors
/// If the body has no encoding, or the signer refuses.
pub fn sign<T: Body>(
    plan: &Plan,
    body: T,
    signer: &impl SignerSync,
) -> alloy::signers::Result<Signed<T>> {
    let hash = signing_hash(plan, &body).map_err(|error| {
        alloy::signers::Error::other(format!("what is to be signed has no encoding: {error}"))
    })?;
    let signature = signer.sign_hash_sync(&hash)?.as_bytes().to_vec().into();
    Ok(Signed { body, signature })
}

/// A round as contracts know it.
pub trait Scoped {
    /// What submissions, batches and receipts of this round are signed for: they are evidence where
    /// the chain has drawn this nonce, and nowhere else.
    fn scope(&self) -> Scope;
}

impl Scoped for Plan {
    fn scope(&self) -> Scope {
        Scope::new(self.chain_id, self.rounds, self.nonce)
    }
}
