//! The coordinator of a domain: opens rounds, gathers what members deliver, settles.
//!
//! All that decides what to do next is on the chain and in the store, so a restart goes on where
//! the last process stopped, wherever that was.

pub mod admission;
pub mod judge;
pub mod models;
pub mod plan;
pub mod propose;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use zktrain_circuits::compressed::System;
use zktrain_contracts::protocol::files::SubmissionFile;
use zktrain_contracts::protocol::{Client, ClientError, Status};
use zktrain_network::messages::Signed;
use zktrain_network::plan::Plan;
use zktrain_prover::average::{AverageError, Sum};
use zktrain_prover::commit::CommitError;

use self::admission::{Register, choose};
use self::models::{Model, Models};
use self::plan::{Rules, plan};
use self::propose::{Counted, hand_in, next, proposal};
use crate::error::Error;
use crate::session::Session;

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a coordinator cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The sum does not open the sum of commitments, although it was checked before.
    #[error("the sum does not open the sum of the members' commitments")]
    Sum,
    /// The sum is not of this network.
    #[error(transparent)]
    Average(#[from] AverageError),
    /// The next model does not fit the rows.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The chain or a contract refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The key refuses to sign.
    #[error("the key does not sign: {0}")]
    Signer(#[from] alloy::signers::Error),
    /// The domain's coordinator is somebody else.
    #[error("domain {domain} names {expected} as its coordinator; this key is {got}")]
    NotCoordinator {
        /// The domain.
        domain: u64,
        /// Its coordinator.
        expected: Address,
        /// This account.
        got: Address,
    },
}

/// What the operator has decided.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain.
    pub domain: u64,
    /// Members of a round at least.
    pub least: usize,
    /// Members of a round at most.
    pub most: usize,
    /// How rounds go.
    pub rules: Rules,
    /// Seconds until a round's deadline on the chain.
    pub duration: u64,
    /// What a round may pay, in the smallest unit of the domain's token.
    pub budget: u128,
    /// Members are asked if they were heard of within this time.
    pub silence: Duration,
    /// Stop after so many rounds.
    pub rounds: Option<u64>,
    /// On a test chain: let its time pass instead of waiting for it.
    pub fast_forward: bool,
}

/// What a round's gathering ended with.
pub struct Gathered {
    /// Those whose updates are in the sum; none without a sum.
    pub counted: Vec<Counted>,
    /// The sum.
    pub sum: Option<Sum>,
    /// Signed submissions that do not hold.
    pub frauds: Vec<SubmissionFile>,
}

/// The coordinator of a domain.
pub struct Operator {
    /// The account and the contracts.
    pub client: Client,
    /// Manifest, reference string, key.
    pub session: Arc<Session>,
    /// The system of the domain's proofs.
    pub system: System,
    /// All versions of the model.
    pub models: Models,
    /// Who can be in a round.
    pub register: Arc<Register>,
    /// What the operator has decided.
    pub options: Options,
}

impl Operator {
    /// Opens a round if enough members are there; its number.
    async fn open(&self) -> Result<Option<u64>, Error> {
        let Options { domain, duration, budget, .. } = self.options;
        let candidates = self.client.candidates(domain).await?;
        let present = self.register.present(&candidates, self.options.silence, Instant::now());
        let Some(chosen) = choose(present, self.options.least, self.options.most) else {
            return Ok(None);
        };
        let count = chosen.len();
        let round = self.client.open_round(domain, duration, budget, chosen).await?;
        tracing::info!(round, members = count, "opened");
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

    /// Proposes what a round ended with.
    async fn propose(&self, round: u64, parent: &Model, gathered: &Gathered) -> Result<(), Error> {
        let counted = &gathered.counted;
        let next = match &gathered.sum {
            Some(sum) => Some(next(&self.session, &parent.parameters, counted, sum)?),
            None => None,
        };
        if let Some(next) = &next {
            // Before it is proposed: nobody could go on from a model that is lost.
            self.models.keep(&Model::new(&self.session, next.average.next.clone())?)?;
        }
        if !self.client.round(round).await.map_err(OperatorError::from)?.optimistic {
            hand_in(&self.client, round, counted).await?;
        }
        let proposal = proposal(&self.client, round, counted, next.as_ref()).await?;
        self.client.propose(&proposal.file.signed, proposal.deliveries).await?;
        tracing::info!(round, counted = counted.len(), "proposed");
        Ok(())
    }

    /// Answers demands until the challenge window has passed, then settles.
    async fn settle(&self, round: u64, works: &[SubmissionFile]) -> Result<(), Error> {
        loop {
            for account in self.client.demanded(round).await? {
                let work = works.iter().find(|w| w.signed.submission.member == account);
                if let Some(work) = work {
                    self.client.answer(round, account, &work.statement, &work.proof).await?;
                    tracing::info!(round, %account, "answered a demand");
                }
            }
            let known = self.client.round(round).await?;
            if Status::of(known.status) != Status::Proposed {
                return Ok(());
            }
            let now = self.client.sender().chain().time().await?;
            match known.challengeEnd.checked_sub(now) {
                None => break,
                Some(left) if self.options.fast_forward => self.client.pass(left + 1).await?,
                Some(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        let settled = self.client.settle(round).await?;
        tracing::info!(round, model = %settled.model, paid = %settled.paid, "settled");
        Ok(())
    }

    /// Brings evidence against members that signed what does not hold.
    async fn accuse(&self, frauds: &[SubmissionFile]) -> Result<(), Error> {
        for fraud in frauds {
            let account = fraud.signed.submission.member;
            match self.client.challenge_proof(&fraud.clone().evidence()).await {
                Ok(_) => tracing::warn!(%account, "slashed for a submission that does not hold"),
                // Somebody else may have been quicker.
                Err(error) => tracing::error!(%account, %error, "evidence was not taken"),
            }
        }
        Ok(())
    }
}
