//! A round in which nothing was proposed in time.
//!
//! No contract takes its sum any more, and none frees the domain but one: that of evidence. The
//! account that brings it gets a part of the bond, which is lost in any case. So the coordinator ends the round with
//! its members and brings the evidence against itself, instead of waiting for a stranger.

use zktrain_coordinator::driver::now_ms;
use zktrain_coordinator::machine::Ends;
use zktrain_coordinator::metrics::Ending;

use super::Coordinator;
use super::rounds::Gathered;
use crate::error::Error;

impl Coordinator {
    /// Ends a round that nobody can propose any more. Whether that frees the domain; otherwise it is settled
    /// next.
    ///
    /// # Errors
    /// If the chain does not answer or refuses.
    pub(super) async fn end_late(&self, round: u64) -> Result<bool, Error> {
        // Without a draw there was no plan, and nobody was asked; nor is a restored coordinator to sign one.
        let is_drawn = !self.client.round(round).await?.nonce.is_zero();
        if is_drawn && !self.signed.is_barred(round) {
            self.tell_late(round).await?;
        }
        let told = self.client.challenge_deadline(round).await;
        if self.unless_stopped(round, told).await?.is_some() {
            tracing::error!(
                round,
                "nothing was proposed in time: the bond is lost, and it was reported, so that the domain \
                 is free. Its owner has to name a coordinator for further rounds, as this one is barred \
                 in it"
            );
            self.metrics.round_ended(Ending::Late);
        }
        self.close();
        Ok(self.client.current(self.options.domain).await? != Some(round))
    }

    /// Members are told that it is over, and what they did is noted.
    async fn tell_late(&self, round: u64) -> Result<(), Error> {
        let plan = self.plan(round).await?;
        let parent = self.head(plan.body.parent).await?;
        let ends = Ends { asked_ms: None, until_ms: Some(now_ms()) };
        let driver = self.drive(plan, &parent, ends).await?;
        driver.ended().await;
        let progress = driver.progress().await;
        let confirmed = progress.confirmed.len() >= driver.plan().threshold as usize;
        let gathered = Gathered { misdeeds: progress.misdeeds, confirmed, ..Gathered::default() };
        self.tell(driver.plan(), &gathered, &parent).await
    }
}
