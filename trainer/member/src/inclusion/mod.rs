//! Work that was done is paid, whatever the coordinator says.
//!
//! A coordinator can call a round off once members have worked, keep silent, or leave one of them out.
//! Contracts take a proof from its member as well, until the deadline, and a batch without it is none.
//! So beside its rounds an owner looks at the one under way in its domain. A proof that it has signed
//! there, and for which the coordinator has given no receipt by the time the round is called off, or
//! time runs out, it hands in itself. It is paid then, and is no part of a sum that it was not counted
//! in: a statement and its proof say nothing of the data, and no masked vector goes with them.
//!
//! All that decides is on disk or on the chain, so that a restart goes on where it was. Nothing new is
//! signed: what is handed in is the submission's very bytes, under a name in the outbox that is the
//! round's, where the transaction is kept before it is sent.
//!
//! An owner with a receipt that the proposed batch belies is told what that is worth.

mod chain;
mod rule;

use core::convert::Infallible;
use core::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alloy::primitives::{Address, B256, U256};
use tokio::time::sleep;
use zktrain_chain::ChainError;
use zktrain_chain::amount;
use zktrain_chain::protocol::{ClientError, Status};
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::files::SubmissionFile;
use zktrain_project::files;
use zktrain_project::project::{Project, settings};

pub use rule::{Force, Standing, When};
use rule::{Kept, Step};

use super::ports::{PATIENCE, in_time};
use super::signed::SignedLog;
use super::{OwnerError, outcome};
use crate::Error;

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_secs(15);
/// Seconds that a coordinator has for what anybody could do in its place.
const COURTESY: u64 = 600;
/// Seconds after its deadline in which a round can be proposed: `Rounds.PROPOSE_WINDOW`.
const PROPOSE: u64 = 86_400;

/// What a transaction has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Gas that was used.
    pub gas: u64,
    /// Wei that were paid for it.
    pub wei: U256,
}

/// The contracts, as an owner uses them for itself.
pub trait OwnerContracts {
    /// The round under way in a domain.
    ///
    /// # Errors
    /// If there is no answer.
    fn current(&self, domain: u64) -> impl Future<Output = Result<Option<u64>, Error>>;

    /// Where a round stands for the owner.
    ///
    /// # Errors
    /// If there is no answer.
    fn standing(&self, round: u64) -> impl Future<Output = Result<Standing, Error>>;

    /// Hands the owner's proof in. If that was done before, what it cost then.
    ///
    /// # Errors
    /// If the contract refuses it, or it would cost more than its key says.
    fn hand_in(&self, file: &SubmissionFile) -> impl Future<Output = Result<Cost, Error>>;

    /// What the proposed batch names as the owner's submission; zero for none.
    ///
    /// # Errors
    /// If there is no answer, or no batch.
    fn listed(&self, round: u64) -> impl Future<Output = Result<B256, Error>>;

    /// Has a round settled that nobody else settles.
    ///
    /// # Errors
    /// If the contract refuses.
    fn settle(&self, round: u64) -> impl Future<Output = Result<(), Error>>;

    /// Takes what a domain owes.
    fn claim(&self, domain: u64) -> impl Future<Output = ()>;
}

/// What is known of the round under way.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    round: u64,
    /// When its proof is handed in at the latest; none before there is one.
    due: Option<u64>,
    /// That the owner is about to hand it in was said.
    tried: bool,
    /// The contract has checked it, and so pays it.
    delivered: bool,
    /// When it was first seen void.
    void: Option<u64>,
    /// That the proof is lost, or not worth a transaction, was said.
    said: bool,
    /// Batch and receipt were compared.
    compared: bool,
}

/// An owner that looks after its pay.
pub struct PayMonitor<D> {
    pub contracts: D,
    /// Where the owner keeps its files.
    pub project: Project,
    /// The owner.
    pub account: Address,
    pub domain: u64,
    /// When it pays for a transaction of its own.
    pub force: Force,
    /// Whether it takes what it is paid.
    pub claim: bool,
    /// What its key has signed, whatever the project says.
    signed: Arc<SignedLog>,
    seen: Seen,
}

impl<D: OwnerContracts> PayMonitor<D> {
    /// That of an owner of a domain.
    pub fn new(
        contracts: D,
        project: Project,
        account: Address,
        domain: u64,
        force: Force,
        signed: Arc<SignedLog>,
    ) -> Self {
        let (claim, seen) = (false, Seen::default());
        Self { contracts, project, account, domain, force, claim, signed, seen }
    }

    /// Looks, again and again.
    pub async fn keep(&mut self) -> Infallible {
        let mut told = String::new();
        loop {
            if let Err(error) = self.look().await {
                let error = error.to_string();
                if told != error {
                    tracing::warn!(error, "looking after what was delivered");
                    told = error;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks once at the round under way, and does what there is to do.
    ///
    /// # Errors
    /// If the chain does not answer or refuses, or a file cannot be read.
    pub async fn look(&mut self) -> Result<(), Error> {
        let current = in_time(PATIENCE, self.contracts.current(self.domain)).await?;
        if self.seen.delivered && current != Some(self.seen.round) && self.claim {
            self.contracts.claim(self.domain).await;
        }
        let Some(round) = current else {
            self.seen = Seen::default();
            return Ok(());
        };
        if self.seen.round != round {
            self.seen = Seen { round, ..Seen::default() };
        }
        if !files::is_there(&self.project.round_submission_path(round))? {
            return Ok(());
        }
        let standing = in_time(PATIENCE, self.contracts.standing(round)).await?;
        self.seen.delivered |= standing.delivered;
        match standing.status {
            Status::Open => self.include(&standing).await,
            Status::Proposed | Status::Void => self.collect(&standing).await,
            Status::None | Status::Settled => Ok(()),
        }
    }

    /// The open round: hands the proof in, if nobody else answers for it.
    async fn include(&mut self, standing: &Standing) -> Result<(), Error> {
        let now = now(standing.time);
        let due = self.force.due(standing.deadline, now);
        let due = *self.seen.due.get_or_insert(due);
        match self.force.step(standing, self.kept()?, now, due) {
            Step::HandIn if !self.seen.said => return self.hand_in(standing).await,
            Step::HandIn => {}
            Step::Wait => self.overdue(standing),
            Step::Worthless => self.worthless(standing),
            Step::Late => self.say(|round| {
                tracing::error!(
                    round,
                    "the coordinator does not answer for this submission, and the contract takes it no \
                     more: the work of this round is not paid"
                );
            }),
        }
        Ok(())
    }

    fn worthless(&mut self, standing: &Standing) {
        let (pay, worth) = (amount::show(standing.pay), amount::show(self.force.worth));
        self.say(|round| {
            tracing::warn!(
                round,
                pay,
                worth,
                "the coordinator does not answer for this submission, and it pays too little to be \
                 handed in to the contract (`policy.force_worth`)"
            );
        });
    }

    /// Hands the proof in. What a contract has refused for a fee is not tried again.
    async fn hand_in(&mut self, standing: &Standing) -> Result<(), Error> {
        let (round, pay) = (self.seen.round, amount::show(standing.pay));
        let file = self.submission()?;
        self.may_hand_in(standing, &file)?;
        if !std::mem::replace(&mut self.seen.tried, true) {
            tracing::warn!(
                round,
                pay,
                "the coordinator does not answer for this submission: it is handed in to the contract"
            );
        }
        match self.contracts.hand_in(&file).await {
            Ok(Cost { gas, wei }) => {
                self.seen.delivered = true;
                let ether = amount::show_ether(wei);
                tracing::warn!(round, pay, gas, ether, "handed in: it is paid without a sum, too");
                Ok(())
            }
            Err(error) => {
                self.seen.said = is_final(&error);
                Err(error)
            }
        }
    }

    /// The project may be older than what was signed last, or the record younger than the round.
    fn may_hand_in(&self, standing: &Standing, file: &SubmissionFile) -> Result<(), Error> {
        let (round, pay) = (self.seen.round, amount::show(standing.pay));
        let begun = self.signed.begun(round, standing.since).map_err(Error::from);
        match begun.and_then(|()| self.signed.submission(&file.signed)) {
            Err(Error::Owner(error)) => Err(match *error {
                OwnerError::Signed(why) if why.is_of_a_round() => {
                    OwnerError::Undelivered { round, pay, why }.into()
                }
                other => other.into(),
            }),
            result => result,
        }
    }

    /// The proposed round, or a void one: that there is a batch, and that it is paid.
    async fn collect(&mut self, standing: &Standing) -> Result<(), Error> {
        let now = now(standing.time);
        if standing.status == Status::Proposed {
            self.compare(standing).await?;
        }
        let from = match standing.status {
            Status::Void => *self.seen.void.get_or_insert(now),
            _ => standing.challenge_end,
        };
        // A round in which contracts have checked deliveries pays them when somebody settles it.
        if standing.delivered && !standing.pay.is_zero() && now > from.saturating_add(COURTESY) {
            self.contracts.settle(self.seen.round).await?;
            tracing::info!(round = self.seen.round, "settled, as nobody else has done it");
        }
        Ok(())
    }

    /// Says aloud if the coordinator's batch belies its receipt.
    async fn compare(&mut self, standing: &Standing) -> Result<(), Error> {
        if self.is_belied(standing).await? {
            let receipt = self.project.round_receipt_path(self.seen.round);
            tracing::error!(
                round = self.seen.round,
                until = standing.challenge_end,
                "THE COORDINATOR HAS LEFT OUT A SUBMISSION that it has signed a receipt for. Until the \
                 batch's challenge window is over, a part of its bond is whose who says so: `zktrain \
                 chain challenge omitted {}`",
                receipt.display()
            );
        }
        Ok(())
    }

    /// Whether the batch has another submission of this owner than the coordinator's receipt, or none.
    /// It is asked for once.
    async fn is_belied(&mut self, standing: &Standing) -> Result<bool, Error> {
        let path = self.project.round_receipt_path(self.seen.round);
        if self.seen.compared || !standing.optimistic {
            return Ok(false);
        }
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(false) };
        let receipt: SignedReceipt =
            serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?;
        let listed = in_time(PATIENCE, self.contracts.listed(self.seen.round)).await?;
        self.seen.compared = true;
        Ok(listed != receipt.receipt.submission)
    }

    /// A coordinator that proposes nothing keeps what its members have earned.
    fn overdue(&mut self, standing: &Standing) {
        if standing.time > standing.deadline.saturating_add(PROPOSE) {
            self.say(|round| {
                tracing::error!(
                    round,
                    "the coordinator has proposed nothing in time, and nobody is paid before somebody \
                     says so, for a part of its bond: `zktrain chain challenge late {round}`"
                );
            });
        }
    }

    fn say(&mut self, what: impl FnOnce(u64)) {
        if !std::mem::replace(&mut self.seen.said, true) {
            what(self.seen.round);
        }
    }

    /// A receipt is checked before it is kept.
    fn kept(&self) -> Result<Kept, Error> {
        let round = self.seen.round;
        let receipt = files::is_there(&self.project.round_receipt_path(round))?;
        Ok(Kept { receipt, over: outcome::is_over(&self.project, round)? })
    }

    /// What the owner has signed.
    fn submission(&self) -> Result<SubmissionFile, Error> {
        let path = self.project.round_submission_path(self.seen.round);
        let file: SubmissionFile =
            serde_json::from_slice(&files::read(&path)?).map_err(|e| settings(&path, e))?;
        let submission = &file.signed.submission;
        match (submission.round, submission.member) == (self.seen.round, self.account) {
            true => Ok(file),
            false => Err(OwnerError::Unexpected { what: "another submission" }.into()),
        }
    }
}

/// Whether an attempt has cost a fee for nothing, or never would do anything else.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Client(error) => {
            matches!(
                **error,
                ClientError::Chain(ChainError::Failed { .. } | ChainError::Gas { .. })
            )
        }
        Error::Owner(error) => matches!(**error, OwnerError::Dear { .. }),
        _ => false,
    }
}

/// A chain may stand still, and this clock be wrong: it is as late as either of them says.
fn now(chain: u64) -> u64 {
    let here = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    chain.max(here.map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests;
