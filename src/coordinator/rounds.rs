//! A round on the chain, step by step: gather, propose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use zktrain_coordinator::driver::{Driver, items};
use zktrain_coordinator::machine::{Ends, Misdeed, MisdeedKind};
use zktrain_ledger::bindings::rounds::IRounds;
use zktrain_ledger::files::SubmissionFile;
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_statement::statements::TrainingStatement;
use zktrain_statement::sum::Sum;
use zktrain_wire::messages::End;
use zktrain_wire::{Scoped, sign};

use super::batch::Contents;
use super::conduct::label;
use super::history::RoundRecord;
use super::models::Model;
use super::next::SummedRound;
use super::plan::plan;
use super::propose::{Counted, hand_in, proposal};
use super::work::RoundWork;
use super::{Coordinator, CoordinatorError};
use crate::error::Error;

/// Between two looks at a round that nothing is signed for.
const BARRED: Duration = Duration::from_secs(10);

/// What a round's gathering ended with.
#[derive(Default)]
pub(super) struct Gathered {
    /// Those whose updates are in the sum; none without a sum.
    pub(super) counted: Vec<Counted>,
    /// Without a sum, those whose work was checked and holds.
    pub(super) worked: Vec<Counted>,
    pub(super) sum: Option<Sum>,
    /// Signed submissions that do not hold.
    pub(super) frauds: Vec<SubmissionFile>,
    /// All that members did wrong.
    pub(super) misdeeds: Vec<Misdeed>,
    /// How long deliveries waited for the verdict on their proofs.
    pub(super) verified: BTreeMap<Address, Duration>,
    /// So many have confirmed who is counted that the sum could be unmasked.
    pub(super) confirmed: bool,
}

impl Gathered {
    /// Who has worked, and whether it is summed.
    pub(super) fn given(&self) -> (&[Counted], bool) {
        match self.sum {
            Some(_) => (&self.counted, true),
            None => (&self.worked, false),
        }
    }

    /// There is no sum: who would have been in it has worked all the same.
    fn without_sum(self) -> Self {
        let worked = if self.sum.is_some() { self.counted } else { self.worked };
        Self { counted: Vec::new(), worked, sum: None, ..self }
    }
}

impl Coordinator {
    /// The plan of an open round, its windows drawn.
    pub(super) async fn plan(&self, round: u64) -> Result<Signed<Plan>, Error> {
        self.client.draw(round).await?;
        // Members work and sign for this draw: no reorganization is to take it back.
        self.client.until_drawn(round).await?;
        let spec = self.session.key.spec.into();
        let plan = plan(&self.client, round, spec, self.system, &self.options.rules).await?;
        let signer = self.client.sender().signer();
        Ok(sign(&plan.clone(), plan, signer).map_err(CoordinatorError::from)?)
    }

    /// Gathers what members deliver in an open round, and proposes it.
    pub(super) async fn gather_and_propose(&self, round: u64) -> Result<(), Error> {
        if self.signed.is_barred(round) {
            // Over once its deadline has passed; members get nothing of it that they could answer.
            self.say(format!(
                "nothing is signed for round {round}, of which what was signed is not known"
            ));
            tokio::time::sleep(BARRED).await;
            return Ok(());
        }
        let plan = self.plan(round).await?;
        let parent = self.head(plan.body.parent).await?;
        let ends = self.ends(round).await?;
        let driver = self.drive(plan, &parent, ends).await?;
        let mut gathered = self.gather(&driver).await?;
        let plan = driver.plan();
        if !plan.optimistic {
            // First, as there is time for it until the deadline only.
            hand_in(&self.client, round, gathered.given().0).await?;
        }
        self.accuse(&gathered.frauds).await;
        let Some(contents) = self.contents(plan, &gathered).await? else { return Ok(()) };
        if !self.is_as_planned(plan).await? {
            // Members have heard that it is called off; with the next step it begins anew.
            tracing::warn!(round, "the chain says something else of it than its plan");
            return Ok(());
        }
        contents.keeps(plan, &driver.promised().await)?;
        if !contents.is_summed {
            if gathered.sum.is_some() {
                tracing::error!(
                    round,
                    "the contract has not checked the proofs of all those in the sum: there is none, \
                     and whose proof it has checked is paid"
                );
            }
            gathered = gathered.without_sum();
        }
        self.propose(plan, &parent, &gathered, contents).await
    }

    /// Starts a round here, or goes on with it, and lets members see it.
    pub(super) async fn drive(
        &self,
        plan: Signed<Plan>,
        parent: &Model,
        ends: Ends,
    ) -> Result<Driver, Error> {
        let work = Arc::new(RoundWork {
            session: self.session.clone(),
            circuit: self.circuit.clone(),
            parent: parent.clone(),
            shape: self.shape.clone(),
            pending: self.pending.clone(),
            metrics: self.metrics.clone(),
        });
        let driver = Driver::start(self.store.clone(), plan, work, ends);
        let driver = driver.await.map_err(CoordinatorError::from)?;
        self.handler.open_round(&driver);
        self.metrics.set_round(Some(driver.plan().round));
        self.reporter.follow(Some(driver.clone()));
        Ok(driver)
    }

    /// Waits for a round's end.
    async fn gather(&self, driver: &Driver) -> Result<Gathered, Error> {
        let round = driver.plan().round;
        // Otherwise this is another attempt to propose it: nothing is told or counted twice.
        let is_news = !driver.is_over().await;
        let end = self.watch(driver, is_news).await;
        let (progress, verified) = (driver.progress().await, driver.verified().await);
        let frauds = self.frauds(round, &progress.misdeeds, is_news).await?;
        let plan = driver.plan();
        let (counted, worked, sum) = match end {
            End::Summed { counted, .. } => {
                (self.counted(plan, &counted).await?, Vec::new(), Some(self.sum(round)?))
            }
            End::Void(reason) => {
                let worked = self.counted(plan, &progress.counted).await?;
                if is_news {
                    let paid = worked.len();
                    tracing::warn!(round, ?reason, paid, "there is no sum; who has worked is paid");
                }
                (Vec::new(), worked, None)
            }
        };
        self.lineage.plan(driver.signed_plan())?;
        let confirmed = progress.confirmed.len() >= plan.threshold as usize;
        let misdeeds = progress.misdeeds;
        Ok(Gathered { counted, worked, sum, frauds, misdeeds, verified, confirmed })
    }

    /// Whether the chain still says of a round what its plan says: after a reorganization members and
    /// draw may be others.
    pub(super) async fn is_as_planned(&self, plan: &Plan) -> Result<bool, Error> {
        let (known, members) =
            (self.client.round(plan.round).await?, self.client.members(plan.round).await?.0);
        let same = |(m, p): (&IRounds::Member, &PlanMember)| {
            (m.account, m.dataset, m.windows, m.weight)
                == (p.account, p.dataset, p.windows, p.weight)
        };
        Ok(known.nonce == plan.nonce
            && known.parent == plan.parent
            && members.len() == plan.members.len()
            && members.iter().zip(&plan.members).all(same))
    }

    /// A submission as it was uploaded.
    pub(super) async fn submission(
        &self,
        round: u64,
        account: Address,
    ) -> Result<SubmissionFile, Error> {
        let (mut bytes, name) = (Vec::new(), items::submission(round));
        loop {
            let offset = bytes.len() as u64;
            let part = self.store.upload_read(account.into_array(), &name, offset, 1 << 20).await;
            let part = part.map_err(CoordinatorError::from)?;
            if part.is_empty() {
                break;
            }
            bytes.extend(part);
        }
        Ok(serde_json::from_slice(&bytes)
            .map_err(|e| zktrain_project::project::settings(name.as_ref(), e))?)
    }

    async fn counted(&self, plan: &Plan, accounts: &[Address]) -> Result<Vec<Counted>, Error> {
        let mut counted = Vec::new();
        for account in accounts {
            let file = self.submission(plan.round, *account).await?;
            self.lineage.submission(&file)?;
            let statement = TrainingStatement::from_bytes(&file.statement);
            let statement = statement.map_err(|_| CoordinatorError::Submission)?;
            let weight = plan.member(*account).map_or(0, |member| member.weight);
            counted.push(Counted { file, statement, weight });
        }
        Ok(counted)
    }

    /// The sum that was checked, as it was kept.
    fn sum(&self, round: u64) -> Result<Sum, Error> {
        Ok(self.pending.find(round)?.ok_or(CoordinatorError::NoSum { round })?)
    }

    async fn frauds(
        &self,
        round: u64,
        misdeeds: &[Misdeed],
        is_news: bool,
    ) -> Result<Vec<SubmissionFile>, Error> {
        for misdeed in misdeeds.iter().filter(|_| is_news) {
            tracing::warn!(round, account = %misdeed.account, kind = ?misdeed.kind, "misdeed");
            self.metrics.misdeed(label(&misdeed.kind));
        }
        let signed = misdeeds
            .iter()
            .filter(|misdeed| matches!(misdeed.kind, MisdeedKind::Submission { signed: true, .. }));
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

    pub(super) async fn tell(
        &self,
        plan: &Plan,
        gathered: &Gathered,
        model: &Model,
    ) -> Result<(), Error> {
        let (round, members) = (plan.round, plan.members.iter().map(|member| member.account));
        let counted: Vec<Address> = gathered.counted.iter().map(Counted::account).collect();
        let missing = members.filter(|m| !counted.contains(m)).collect();
        let slashed = gathered.frauds.iter().map(|f| f.signed.submission.member).collect();
        let measured = self.account.measure(&self.session, &model.parameters)?;
        let loss = measured.map(|m| m.loss);
        let improvement = loss.map(|loss| self.account.improvement(round, loss)).transpose()?;
        self.account.tell(RoundRecord {
            round,
            model: model.hash,
            counted,
            missing,
            worked: gathered.worked.iter().map(Counted::account).collect(),
            slashed,
            misdeeds: gathered.misdeeds.clone(),
            verified: gathered.verified.iter().map(|(w, took)| (*w, took.as_secs_f64())).collect(),
            settled: false,
            confirmed: gathered.confirmed,
            loss,
            accuracy: measured.and_then(|m| m.accuracy),
            improvement: improvement.flatten(),
            budget: Some(self.client.round(round).await?.budget.to_string()),
        })
    }

    /// Proposes what a round ended with.
    async fn propose(
        &self,
        plan: &Plan,
        parent: &Model,
        gathered: &Gathered,
        contents: Contents,
    ) -> Result<(), Error> {
        let (round, counted) = (plan.round, &gathered.counted);
        let next = match &gathered.sum {
            Some(sum) => {
                let given = SummedRound::new(round, counted, sum.clone());
                Some(self.pending.next(&self.session, parent, given)?)
            }
            None => None,
        };
        let model = next.as_ref().map_or(parent, |next| &next.model);
        // Before it is proposed: nobody could go on from a model that is lost.
        self.models.keep(model)?;
        let proposal = proposal(&self.client, plan, &contents, counted, next.as_deref()).await?;
        // The first copy that leaves: another batch would be fraud.
        let batch = plan.scope().hash(&proposal.file.signed.batch);
        self.signed.batch(round, plan.nonce, batch).map_err(CoordinatorError::from)?;
        // Also before: members need the rows to check the sum.
        self.lineage.batch(&proposal.file)?;
        self.tell(plan, gathered, model).await?;
        self.client.propose(&proposal.file.signed, proposal.deliveries).await?;
        let paid = contents.deliveries.iter().filter(|said| !said.update.is_zero()).count();
        tracing::info!(round, counted = counted.len(), paid, "proposed");
        self.metrics.set_deadline(None);
        Ok(())
    }
}
