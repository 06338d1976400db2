//! A round on the chain, step by step: open, gather, propose, settle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use zktrain_circuits::statement::TrainingStatement;
use zktrain_contracts::protocol::files::SubmissionFile;
use zktrain_contracts::protocol::{Client, Status};
use zktrain_coordinator::driver::{Driver, items};
use zktrain_coordinator::machine::{Misdeed, MisdeedKind};
use zktrain_network::messages::{End, Signed};
use zktrain_network::plan::Plan;
use zktrain_prover::average::Sum;

use super::admission::choose;
use super::conduct::{is_barred, label};
use super::history::Told;
use super::models::Model;
use super::plan::plan;
use super::propose::{Counted, hand_in, next, proposal};
use super::work::RoundWork;
use super::{Operator, OperatorError, PAUSE};
use crate::chain::amount;
use crate::error::Error;

/// What a round's gathering ended with.
struct Gathered {
    /// Those whose updates are in the sum; none without a sum.
    counted: Vec<Counted>,
    /// The sum.
    sum: Option<Sum>,
    /// Signed submissions that do not hold.
    frauds: Vec<SubmissionFile>,
    /// All that members did wrong.
    misdeeds: Vec<Misdeed>,
    /// How long deliveries waited for the verdict on their proofs.
    verified: BTreeMap<Address, Duration>,
}

impl Operator {
    /// Opens a round if enough members are there, after waiting a while for the others.
    pub(super) async fn open(&self) -> Result<Option<u64>, Error> {
        // Whatever came of earlier rounds, also by somebody else's evidence.
        self.erase().await?;
        let options = &self.options;
        let told = self.account.read()?;
        let mut candidates = self.client.candidates(options.domain).await?;
        candidates.retain(|candidate| !is_barred(&told, candidate.account));
        let shelf = self.desk.library();
        let begun = Instant::now();
        let present = loop {
            let present = shelf.register.present(&candidates, options.silence, Instant::now());
            let all = present.len() >= candidates.len().min(options.most);
            if all || begun.elapsed() >= options.gathering {
                break present;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let Some(chosen) = choose(present, options.least, options.most) else { return Ok(None) };
        let count = chosen.len();
        let improvement = self.account.last_improvement()?;
        let budget = options.pay.next(improvement);
        let round =
            self.client.open_round(options.domain, options.duration, budget, chosen).await?;
        let budget = amount::show(U256::from(budget));
        tracing::info!(round, members = count, budget, improvement, "opened");
        Ok(Some(round))
    }

    /// The plan of an open round, its windows drawn.
    async fn plan(&self, round: u64) -> Result<Signed<Plan>, Error> {
        self.client.draw(round).await?;
        let spec = self.session.key.spec.into();
        let plan = plan(&self.client, round, spec, self.system, &self.options.rules).await?;
        let signer = self.client.sender().signer();
        Ok(Signed::new(&plan.clone(), plan, signer).map_err(OperatorError::from)?)
    }

    /// Gathers what members deliver in an open round, and proposes it.
    pub(super) async fn gather_and_propose(&self, round: u64) -> Result<(), Error> {
        let plan = self.plan(round).await?;
        let parent = self.head(plan.body.parent).await?;
        let members: Vec<Address> = plan.body.members.iter().map(|m| m.account).collect();
        let gathered = self.gather(plan, &parent).await?;
        self.accuse(&gathered.frauds).await;
        self.propose(round, &members, &parent, &gathered).await
    }

    async fn gather(&self, plan: Signed<Plan>, parent: &Model) -> Result<Gathered, Error> {
        let work = Arc::new(RoundWork {
            at: self.client.at().clone(),
            session: self.session.clone(),
            circuit: self.circuit.clone(),
            parent: parent.clone(),
            shape: self.shape.clone(),
            pending: self.pending.clone(),
            metrics: self.metrics.clone(),
        });
        let driver = Driver::start(self.store.clone(), plan, work);
        let driver = driver.await.map_err(OperatorError::from)?;
        let round = driver.plan().round;
        self.desk.open_round(&driver);
        self.metrics.set_round(Some(round));
        let end = self.watch(&driver).await;
        let (misdeeds, verified) = (driver.progress().await.misdeeds, driver.verified().await);
        let frauds = self.frauds(round, &misdeeds).await?;
        let (counted, sum) = match end {
            End::Summed { counted, .. } => {
                (self.counted(driver.plan(), &counted).await?, Some(self.sum(round)?))
            }
            End::Void(reason) => {
                tracing::warn!(round, ?reason, "nothing was gathered");
                (Vec::new(), None)
            }
        };
        self.lineage.plan(driver.signed_plan())?;
        Ok(Gathered { counted, sum, frauds, misdeeds, verified })
    }

    /// A submission as it was uploaded.
    async fn submission(&self, round: u64, account: Address) -> Result<SubmissionFile, Error> {
        let (mut bytes, name) = (Vec::new(), items::submission(round));
        loop {
            let offset = bytes.len() as u64;
            let part = self.store.upload_read(account.into_array(), &name, offset, 1 << 20).await;
            let part = part.map_err(OperatorError::from)?;
            if part.is_empty() {
                break;
            }
            bytes.extend(part);
        }
        serde_json::from_slice(&bytes).map_err(|e| crate::project::settings(name.as_ref(), e))
    }

    async fn counted(&self, plan: &Plan, accounts: &[Address]) -> Result<Vec<Counted>, Error> {
        let mut counted = Vec::new();
        for account in accounts {
            let file = self.submission(plan.round, *account).await?;
            self.lineage.submission(&file)?;
            let statement = TrainingStatement::from_bytes(&file.statement);
            let statement = statement.map_err(|_| OperatorError::Submission)?;
            let weight = plan.member(*account).map_or(0, |member| member.weight);
            counted.push(Counted { file, statement, weight });
        }
        Ok(counted)
    }

    /// The sum that was checked, as it was kept.
    fn sum(&self, round: u64) -> Result<Sum, Error> {
        Ok(self.pending.find(round)?.ok_or(OperatorError::NoSum { round })?)
    }

    async fn frauds(&self, round: u64, misdeeds: &[Misdeed]) -> Result<Vec<SubmissionFile>, Error> {
        let signed = misdeeds.iter().filter(|misdeed| {
            tracing::warn!(round, account = %misdeed.account, kind = ?misdeed.kind, "misdeed");
            self.metrics.misdeed(label(&misdeed.kind));
            matches!(misdeed.kind, MisdeedKind::Submission { signed: true, .. })
        });
        let accounts: BTreeSet<Address> = signed.map(|misdeed| misdeed.account).collect();
        let mut frauds = Vec::new();
        for account in accounts {
            frauds.push(self.submission(round, account).await?);
        }
        Ok(frauds)
    }

    /// Brings evidence against members that signed what does not hold.
    async fn accuse(&self, frauds: &[SubmissionFile]) {
        for fraud in frauds {
            let account = fraud.signed.submission.member;
            match self.client.challenge_proof(&fraud.clone().evidence()).await {
                Ok(_) => tracing::warn!(%account, "slashed for a submission that does not hold"),
                // Somebody else may have been quicker, or it was done before a restart.
                Err(error) => tracing::error!(%account, %error, "evidence was not taken"),
            }
        }
    }

    async fn tell(
        &self,
        round: u64,
        members: &[Address],
        gathered: &Gathered,
        model: &Model,
    ) -> Result<(), Error> {
        let counted: Vec<Address> = gathered.counted.iter().map(Counted::account).collect();
        let missing = members.iter().filter(|m| !counted.contains(m)).copied().collect();
        let slashed = gathered.frauds.iter().map(|f| f.signed.submission.member).collect();
        let measured = self.account.measure(&self.session, &model.parameters)?;
        let loss = measured.map(|m| m.loss);
        let improvement = loss.map(|loss| self.account.improvement(round, loss)).transpose()?;
        self.account.tell(Told {
            round,
            model: model.hash,
            counted,
            missing,
            slashed,
            misdeeds: gathered.misdeeds.clone(),
            verified: gathered.verified.iter().map(|(w, took)| (*w, took.as_secs_f64())).collect(),
            settled: false,
            loss,
            accuracy: measured.and_then(|m| m.accuracy),
            improvement: improvement.flatten(),
            budget: Some(self.client.round(round).await?.budget.to_string()),
        })
    }

    /// Proposes what a round ended with.
    async fn propose(
        &self,
        round: u64,
        members: &[Address],
        parent: &Model,
        gathered: &Gathered,
    ) -> Result<(), Error> {
        let counted = &gathered.counted;
        let next = match &gathered.sum {
            Some(sum) => Some(next(&self.session, &parent.parameters, counted, sum)?),
            None => None,
        };
        let model = match &next {
            Some(next) => Model::new(&self.session, next.version.parameters.clone())?,
            None => parent.clone(),
        };
        // Before it is proposed: nobody could go on from a model that is lost.
        self.models.keep(&model)?;
        if !self.client.round(round).await?.optimistic {
            hand_in(&self.client, round, counted).await?;
        }
        let proposal = proposal(&self.client, round, counted, next.as_ref()).await?;
        // Also before: members need the rows to check the sum.
        self.lineage.batch(&proposal.file)?;
        self.tell(round, members, gathered, &model).await?;
        self.client.propose(&proposal.file.signed, proposal.deliveries).await?;
        tracing::info!(round, counted = counted.len(), "proposed");
        Ok(())
    }

    /// Answers demands until the challenge window has passed, then settles.
    pub(super) async fn settle(&self, round: u64) -> Result<(), Error> {
        self.desk.close_round();
        self.metrics.set_round(None);
        while !self.is_due(round).await? {
            self.answer(round).await?;
            tokio::time::sleep(PAUSE).await;
        }
        let settled = self.client.settle(round).await?;
        tracing::info!(round, model = %settled.model, paid = %settled.paid, "settled");
        self.finish(round).await
    }

    /// What follows a settlement: the sum is published and it is told; then nobody needs anything
    /// secret of the round any more.
    pub(super) async fn finish(&self, round: u64) -> Result<(), Error> {
        self.pending.publish(&self.client, self.options.domain, round, &self.lineage).await?;
        self.export().await?;
        // A void round, which an eager domain settles as well, leaves the model as it was.
        if self.client.status(round).await? == Status::Settled {
            let head = self.client.head(self.options.domain).await?;
            self.account.settle(&self.session, round, &self.head(head).await?)?;
        }
        self.erase().await
    }

    async fn answer(&self, round: u64) -> Result<(), Error> {
        for account in self.client.demanded(round).await? {
            let work = self.submission(round, account).await?;
            self.client.answer(round, account, &work.statement, &work.proof).await?;
            tracing::info!(round, %account, "answered a demand");
        }
        Ok(())
    }

    /// Whether a round can be settled.
    async fn is_due(&self, round: u64) -> Result<bool, Error> {
        let known = self.client.round(round).await?;
        if Status::of(known.status) != Status::Proposed {
            return Ok(true);
        }
        let left = known.challengeEnd.saturating_add(1).checked_sub(now(&self.client).await?);
        match left {
            None | Some(0) => Ok(known.demands == 0),
            Some(left) if self.options.fast_forward && known.demands == 0 => {
                self.client.pass(left).await?;
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }
}

async fn now(client: &Client) -> Result<u64, Error> {
    Ok(client.sender().chain().time().await?)
}
