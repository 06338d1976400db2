//! What is left of rounds that are over, and for how long.

use std::collections::BTreeSet;

use alloy::primitives::B256;
use zktrain_chain::protocol::Status;
use zktrain_coordinator::driver;

use super::{Coordinator, CoordinatorError};
use crate::error::Error;

impl Coordinator {
    /// Erases masked vectors, shares and unpublished sums of all rounds that are over, however they
    /// ended, and forgets those that are older than what is kept. For when no round is under way.
    ///
    /// # Errors
    /// If the chain does not answer, or the store fails.
    pub(super) async fn erase(&self) -> Result<(), Error> {
        let mut erased = false;
        for round in self.store.unended().await.map_err(CoordinatorError::from)? {
            let outcome: &[u8] = match self.client.status(round).await? {
                Status::Settled => b"settled",
                Status::Void => b"void",
                Status::None | Status::Open | Status::Proposed => continue,
            };
            // First: a round that the store calls over is not looked at again.
            self.pending.remove(round)?;
            let done = driver::erase(&self.store, round, outcome).await;
            done.map_err(CoordinatorError::from)?;
            tracing::info!(round, "masked vectors and shares are erased");
            erased = true;
        }
        if !erased {
            return Ok(());
        }
        let forgotten = driver::forget(&self.store, self.options.retention).await;
        let forgotten = forgotten.map_err(CoordinatorError::from)?;
        if !forgotten.is_empty() {
            tracing::info!(rounds = ?forgotten, "forgotten, with their submissions");
        }
        self.forget_models().await
    }

    /// Deletes models but for the first one, the current one, and those of the last versions: that of
    /// a round that came to nothing is as good as its sum.
    async fn forget_models(&self) -> Result<(), Error> {
        let domain = self.client.domain(self.options.domain).await?;
        let oldest = domain.versions.saturating_sub(self.options.retention as u64);
        let mut kept: BTreeSet<B256> = [domain.config.genesis, domain.head].into();
        for number in oldest..=domain.versions {
            kept.insert(self.client.version(self.options.domain, number).await?.model);
        }
        self.models.retain(&kept)
    }
}
