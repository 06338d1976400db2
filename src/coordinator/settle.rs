//! From a proposal to its settlement: the audit, demands, and what keeps a round from ending.

use std::time::Duration;

use alloy::primitives::Address;
use zktrain_chain::FailureKind;
use zktrain_chain::protocol::{ClientError, Status};
use zktrain_ledger::bindings::router::VerifierRouter;

use super::clock::LOOK;
use super::{Coordinator, PAUSE};
use crate::error::Error;

/// What a round that is over, or nearly, waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It can be settled.
    Now,
    /// It is paid, or void with nothing to pay.
    Over,
    /// So many seconds, if nothing comes up.
    In(u64),
    /// Audit or demands.
    Pending,
}

/// What was not done in time, and keeps a round from being settled for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overdue {
    /// Its audit was not drawn.
    Audit,
    /// A demand for this member's proof was not answered.
    Demand(Address),
}

impl Coordinator {
    /// No round is under way for members any more.
    pub(super) fn close(&self) {
        self.handler.close_round();
        self.reporter.follow(None);
        self.metrics.set_round(None);
        self.metrics.set_deadline(None);
    }

    /// Has the audit drawn and answers demands until the challenge window has passed, then settles.
    /// Whether the round is over.
    pub(super) async fn settle(&self, round: u64) -> Result<bool, Error> {
        self.close();
        let mut pause = PAUSE;
        loop {
            match self.due(round).await? {
                Due::Now => break,
                Due::Over => return self.finish(round).await.map(|()| true),
                Due::In(left) if self.options.fast_forward => self.client.pass(left).await?,
                Due::In(_) => {}
                Due::Pending => {
                    if let Some(what) = self.overdue(round).await? {
                        return self.end_overdue(round, what).await;
                    }
                    self.answer(round).await?;
                }
            }
            tokio::time::sleep(pause).await;
            // Windows are hours or days: what is demanded in them has its hours as well.
            pause = (pause * 2).min(Duration::from_secs(LOOK));
        }
        let settled = self.client.settle(round).await;
        let Some(settled) = self.unless_stopped(round, settled).await? else { return Ok(false) };
        tracing::info!(round, model = %settled.model, paid = %settled.paid, "settled");
        self.finish(round).await.map(|()| true)
    }

    /// What follows a settlement: bonds are collected, the sum is published, and it is told; then nobody
    /// needs anything secret of the round any more.
    pub(super) async fn finish(&self, round: u64) -> Result<(), Error> {
        self.collect(round).await?;
        self.pending.publish(&self.client, self.options.domain, round, &self.lineage).await?;
        self.export().await?;
        // A void round, in which members had delivered to the contract, leaves the model as it was.
        if self.client.status(round).await? == Status::Settled {
            let head = self.client.head(self.options.domain).await?;
            self.account.settle(&self.session, round, &self.head(head).await?)?;
        }
        self.erase().await
    }

    /// What a round waits for.
    async fn due(&self, round: u64) -> Result<Due, Error> {
        let known = self.client.round(round).await?;
        if known.paid {
            return Ok(Due::Over);
        }
        if Status::of(known.status) != Status::Proposed {
            return Ok(Due::Now);
        }
        if self.client.is_pending(round).await? {
            return Ok(Due::Pending);
        }
        let now = self.client.sender().chain().time().await?;
        match known.challengeEnd.saturating_add(1).saturating_sub(now) {
            0 => Ok(Due::Now),
            left => Ok(Due::In(left)),
        }
    }

    /// What was not done in time. Nobody but this coordinator had to, and it may have been down.
    async fn overdue(&self, round: u64) -> Result<Option<Overdue>, Error> {
        let now = self.client.sender().chain().time().await?;
        if self.client.audit_of(round).await?.is_some_and(|audit| now > audit.until) {
            return Ok(Some(Overdue::Audit));
        }
        for account in self.client.demanded(round).await? {
            let demand = self.client.demand_of(round, account).await?;
            if demand.is_some_and(|demand| demand.answeredBy.is_zero() && now > demand.until) {
                return Ok(Some(Overdue::Demand(account)));
            }
        }
        Ok(None)
    }

    /// Ends a round that can never be settled: it brings the evidence against itself, as nobody else has to.
    /// The bond is lost in any case, and the domain would stand still. Whether the round is over.
    async fn end_overdue(&self, round: u64, what: Overdue) -> Result<bool, Error> {
        let told = match what {
            Overdue::Audit => self.client.challenge_unaudited(round).await,
            Overdue::Demand(account) => self.client.challenge_unanswered(round, account).await,
        };
        if self.unless_stopped(round, told).await?.is_some() {
            tracing::error!(
                round,
                ?what,
                "this was not done in time: the bond is lost, and it was reported, so that the domain is \
                 free. Its owner has to name a coordinator for further rounds, as this one is barred in it"
            );
        }
        Ok(self.client.current(self.options.domain).await? != Some(round))
    }

    /// Takes what a contract says of a round's end, unless its verifier is stopped: nobody could do
    /// anything meanwhile, so from a day after the stop on the round is given up, at nobody's expense.
    pub(super) async fn unless_stopped<T>(
        &self,
        round: u64,
        said: Result<T, ClientError>,
    ) -> Result<Option<T>, Error> {
        match said {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_stopped(&error) => {
                tracing::warn!(round, "the verifier was stopped: the round is given up");
                self.client.abandon(round).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has the round's audit drawn, which otherwise keeps it from being settled, and answers demands. One
    /// that cannot be answered keeps none of the others.
    async fn answer(&self, round: u64) -> Result<(), Error> {
        self.client.audit(round).await?;
        let mut failed = None;
        for account in self.client.demanded(round).await? {
            match self.answer_for(round, account).await {
                Ok(()) => tracing::info!(round, %account, "answered a demand"),
                Err(error @ Error::Client(_)) => failed = Some(error),
                // Not the chain's fault: another look may find what is missing, if somebody puts it there.
                Err(error) => self.alarm(format!(
                    "the demand for the proof of {account} in round {round} cannot be answered: {error}"
                )),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn answer_for(&self, round: u64, account: Address) -> Result<(), Error> {
        let work = self.submission(round, account).await?;
        self.client.answer(round, account, &work.statement, &work.proof).await?;
        Ok(())
    }

    /// Collects the bonds of demands that it has answered. What a contract refuses it refuses for good.
    async fn collect(&self, round: u64) -> Result<(), Error> {
        if self.client.status(round).await? != Status::Settled {
            return Ok(());
        }
        for account in self.client.bonds(round).await? {
            match self.client.collect(round, account).await {
                Ok(_) => tracing::info!(round, %account, "collected the bond of a demand"),
                Err(error) if error.trouble() == FailureKind::Reverted => {
                    tracing::warn!(round, %account, %error, "a bond was not paid out");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn is_stopped(error: &ClientError) -> bool {
    let ClientError::Chain(error) = error else { return false };
    error.revert().is_some_and(|revert| revert.is::<VerifierRouter::VerifierIsStopped>())
}
