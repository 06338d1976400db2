//! The model that a round starts from, recomputed by the owner itself.
//!
//! A coordinator that chooses the model chooses what updates say about data: a crafted model makes single rows
//! readable in a sum. That the chain names a model says only that its coordinator proposed it. So an
//! owner trains on nothing but what it has computed: from the last version that it has computed
//! before, or from the first model, version by version. In each round on the way it checks that
//!
//! - members, deliveries and batch are those that the contracts have hashes of;
//! - what the coordinator told the owner at that round's end is what it then settled; if it told that
//!   the round came to nothing, the owner goes on from what was settled all the same once the rest
//!   holds, and says so aloud: one lie would keep it out of all later rounds otherwise;
//! - each delivery is a submission that its member signed, with a proof that holds, of what the round
//!   asked;
//! - their weighted commitments are the aggregate, and the published sum opens it;
//! - the version before, moved by the rounded sum, is the version that was settled.
//!
//! Rounds without a version change nothing. One version and one round's commitments are in memory at
//! a time, and what is downloaded has exact bounds.

mod delivery;
mod error;
mod versions;

use std::future::Future;
use std::sync::Arc;

use alloy::primitives::{B256, keccak256};
use ark_bn254::G1Affine;
use tokio::task::spawn_blocking;
use zktrain_audit::lineage;
use zktrain_chain::protocol::{Client, Status};
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::typed::{Batch, StakedMessage};
use zktrain_project::version::Version;
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_statement::compressed::ProofSystem;
use zktrain_verify::circuit::CircuitKey;
use zktrain_wire::Peer;
use zktrain_wire::messages::{End, Item, Refusal};

use self::delivery::{Task, delivered, row_bytes, weigh};
pub use self::error::ParentError;
use self::versions::Head;
pub use self::versions::Versions;
use super::outcome;
use crate::Error;

/// Bytes of a safetensors file besides its numbers.
const HEADER: u64 = 1 << 16;

/// Where a lineage's files come from; nothing about them is believed.
pub trait LineageSource: Sync {
    /// A file of at most so many bytes.
    ///
    /// # Errors
    /// [`ParentError::Withheld`] if it is not there, or the source fails.
    fn file(&self, name: &str, most: u64) -> impl Future<Output = Result<Vec<u8>, Error>> + Send;
}

impl LineageSource for Peer {
    async fn file(&self, name: &str, most: u64) -> Result<Vec<u8>, Error> {
        let item = Item::Lineage { path: name.to_owned() };
        match self.download(&item, most).await {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(zktrain_wire::PeerError::Refused(Refusal::Missing)) => {
                Err(ParentError::Withheld { file: name.to_owned() }.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What versions are recomputed with.
pub struct Ancestry<'a, S> {
    /// A node that the owner trusts.
    pub client: &'a Client,
    /// Where files come from.
    pub source: &'a S,
    /// The project's versions, with its training key and reference string.
    pub versions: &'a Versions,
    /// What checks proofs.
    pub circuit: &'a Arc<CircuitKey>,
    /// The system of the domain's proofs.
    pub system: ProofSystem,
    pub domain: u64,
}

impl<S: LineageSource> Ancestry<'_, S> {
    /// The domain's last version, if it is the one that a round starts from. What was computed on
    /// the way is on disk when this returns.
    ///
    /// # Errors
    /// [`ParentError`] if a version does not follow from the one before; if the chain or the source
    /// fails, or what was computed cannot be kept.
    pub async fn parent(&self, expected: B256) -> Result<Arc<Version>, Error> {
        let domain = self.client.domain(self.domain).await?;
        if domain.head != expected {
            return Err(ParentError::Head { expected: domain.head, got: expected }.into());
        }
        let (mut number, mut version) = match self.kept().await? {
            Some((head, version)) => (head.version, version),
            None => (0, self.first(domain.config.genesis).await?),
        };
        while number < domain.versions {
            number += 1;
            version = self.step(number, version).await?;
        }
        // Versions may have moved on in between, but not while the round is open.
        match version.hash == expected {
            true => Ok(version),
            false => Err(ParentError::Head { expected: version.hash, got: expected }.into()),
        }
    }

    /// Bytes of a model's file, or of a sum's without its rows, at most.
    fn most(&self) -> u64 {
        8 * self.versions.facts().key.network.parameters() as u64 + HEADER
    }

    /// The version that was computed before, if the chain still has it.
    async fn kept(&self) -> Result<Option<(Head, Arc<Version>)>, Error> {
        let Some(head) = self.versions.head()? else { return Ok(None) };
        if head.version > self.client.domain(self.domain).await?.versions {
            return Ok(None);
        }
        let known = self.client.version(self.domain, head.version).await?;
        if (known.model, known.round) != (head.model, head.round) {
            return Ok(None);
        }
        Ok(Some((head, self.versions.last(&head).await?)))
    }

    /// The domain's first model.
    async fn first(&self, expected: B256) -> Result<Arc<Version>, Error> {
        let bytes = self.source.file(lineage::GENESIS, self.most()).await?;
        self.versions.first(bytes, expected).await
    }

    /// The version with a number, from the one before it.
    async fn step(&self, number: u64, before: Arc<Version>) -> Result<Arc<Version>, Error> {
        let settled = self.client.version(self.domain, number).await?;
        let round = settled.round;
        let plan = self.plan(round).await?;
        let deliveries = self.deliveries(&plan, &settled, before.hash).await?;
        let denied = self.compare_outcome(&plan, &deliveries, settled.model)?;
        let updates = self.updates(&plan, &deliveries, &before).await?;
        let rows = weigh(round, updates).await?;
        if keccak256(row_bytes(&rows)) != settled.aggregate {
            return Err(ParentError::Aggregate { round }.into());
        }
        let version = self.summed(round, before, rows).await?;
        if version.hash != settled.model {
            let (expected, got) = (version.hash, settled.model);
            return Err(ParentError::Planted { round, expected, got }.into());
        }
        let head = Head { version: number, round, model: version.hash };
        let version = self.versions.keep(head, version)?;
        tracing::debug!(round, version = number, "recomputed the model");
        if denied {
            tracing::error!(
                round,
                version = number,
                "the coordinator told that this round came to nothing, and then settled it; the model \
                 follows from what was delivered, so it is gone on from: tell the others"
            );
        }
        Ok(version)
    }

    /// A round's plan as far as its proofs depend on it, from what the chain says. Thresholds and times
    /// are their coordinator's, and say nothing about proofs.
    async fn plan(&self, round: u64) -> Result<Plan, Error> {
        let (at, known) = (self.client.at(), self.client.round(round).await?);
        let members = self.client.members(round).await?.0;
        let members = members.into_iter().map(|m| PlanMember {
            account: m.account,
            dataset: m.dataset,
            windows: m.windows,
            weight: m.weight,
        });
        Ok(Plan {
            version: VERSION,
            chain_id: at.chain_id,
            rounds: at.rounds,
            domain: known.domain,
            round,
            coordinator: known.coordinator,
            spec: B256::from(self.versions.facts().key.spec),
            parent: known.parent,
            nonce: known.nonce,
            system: self.system.code(),
            optimistic: known.optimistic,
            threshold: 0,
            least: 0,
            members: members.collect(),
            timing: Timing::even(0),
        })
    }

    /// What the chain says that each member of a settled round delivered.
    async fn deliveries(
        &self,
        plan: &Plan,
        settled: &zktrain_ledger::bindings::registry::IDomainRegistry::Version,
        parent: B256,
    ) -> Result<Vec<Delivery>, Error> {
        let round = plan.round;
        let known = self.client.round(round).await?;
        let members = self.client.members(round).await?;
        let proposed = self.client.proposed(round).await?;
        let deliveries = proposed.deliveries;
        let batch = Batch {
            round,
            root: members.delivery_root(&deliveries),
            aggregate: settled.aggregate,
            model: settled.model,
        };
        let fields = [
            ("status", Status::of(known.status) == Status::Settled),
            ("domain", known.domain == self.domain),
            ("parent model", known.parent == parent),
            ("list of members", members.root() == known.members),
            ("list of deliveries", deliveries.len() == members.0.len()),
            ("batch", batch.hash(known.nonce) == known.batch),
        ];
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(ParentError::Chain { round, field }.into()),
            None => Ok(deliveries),
        }
    }

    /// What the owner was told at a round's end, if it was there, is what was settled. Whether it was
    /// told that there is no sum.
    fn compare_outcome(
        &self,
        plan: &Plan,
        deliveries: &[Delivery],
        model: B256,
    ) -> Result<bool, Error> {
        let round = plan.round;
        let (told, counted) = match outcome::told(self.versions.project(), round)? {
            None => return Ok(false),
            Some(End::Void(_)) => return Ok(true),
            Some(End::Summed { model, counted }) => (model, counted),
        };
        let delivered = delivered(plan, deliveries).map(|(member, _)| member.account);
        if !delivered.eq(counted.iter().copied()) {
            return Err(ParentError::OtherOutcome { round, field: "counted set" }.into());
        }
        if told != model {
            return Err(ParentError::OtherOutcome { round, field: "model" }.into());
        }
        Ok(false)
    }

    /// Weights and row commitments of what was delivered, each proven.
    async fn updates(
        &self,
        plan: &Plan,
        deliveries: &[Delivery],
        before: &Version,
    ) -> Result<Vec<(u32, Vec<G1Affine>)>, Error> {
        let mut updates = Vec::new();
        for (member, delivery) in delivered(plan, deliveries) {
            let name = lineage::submission(plan.round, member.account);
            let bytes = self.source.file(&name, SubmissionFile::MOST).await?;
            let task = Task {
                at: self.client.at().clone(),
                facts: self.versions.facts().clone(),
                circuit: self.circuit.clone(),
                model: before.rows.clone(),
                plan: plan.clone(),
                member: member.clone(),
                delivery: delivery.clone(),
            };
            let rows = blocking(move || task.rows(&bytes)).await?.map_err(|why| {
                let (round, account) = (plan.round, member.account);
                ParentError::Delivery { round, account, why }
            })?;
            updates.push((member.weight, rows));
        }
        Ok(updates)
    }

    /// The next version, from the round's sum.
    async fn summed(
        &self,
        round: u64,
        before: Arc<Version>,
        rows: Vec<G1Affine>,
    ) -> Result<Version, Error> {
        let name = lineage::sum(round);
        let bytes = self.source.file(&name, self.most() + 32 * rows.len() as u64).await?;
        let sum = lineage::decode_sum(&bytes)
            .map_err(|error| ParentError::File { file: name, why: error.to_string() })?;
        self.versions.next(round, before, sum, rows).await
    }
}

/// Computes where it keeps nothing else waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(|_| Error::WorkerStopped)
}
