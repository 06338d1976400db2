//! A small lineage on the embedded chain: two settled rounds of three members, of whom one drops
//! out of the second, and a third round that its coordinator let expire.
#![allow(dead_code)]

pub mod busy;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use alloy::primitives::{Address, B256, keccak256};
use alloy::providers::Provider;
use ark_bn254::{Fr, G1Affine};
use tempfile::TempDir;
use zktrain_audit::lineage;
use zktrain_chain::protocol::Client;
use zktrain_cli::lineage::{LineageWriter, RoundFiles};
use zktrain_commit::average::average;
use zktrain_devnet::EmbeddedNode;
use zktrain_ledger::ChainExport;
use zktrain_ledger::files::{BatchFile, MemberUpdate, SubmissionFile};
use zktrain_ledger::typed::{Scope, Submission};
use zktrain_model::manifest::Manifest;
use zktrain_model::schedule::round_window;
use zktrain_model::trace::Parameters;
use zktrain_prove::training::{Committed, Position, commit_model};
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::Binding;
use zktrain_statement::sum::Sum;
use zktrain_trainer::export::{to_float_safetensors, to_int_safetensors};
use zktrain_trainer::train::Trainer;
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::Registration;
use zktrain_wire::Scoped;

use crate::common::cases::Case;
use crate::common::plan::{handed_in, place, plan, signed};
use crate::common::round::{Cohort, Delivered, digest, register, row_bytes};
use crate::common::{apart, srs};
use zktrain_testchains::economy::{Economy, HOUR, tokens};
use zktrain_testchains::{Backend, genesis};

const WINDOWS: usize = 3;

/// What all tests of a file share.
pub struct Made {
    pub dir: TempDir,
    pub node: EmbeddedNode,
    pub export: ChainExport,
    pub members: Vec<Address>,
    /// The members, who can sign more than they did.
    pub owners: Vec<Client>,
    pub coordinator: Client,
    pub rounds: Vec<u64>,
    /// A round of another domain.
    pub other: u64,
    /// Keccak-256 of the code of `Rounds`, in hexadecimal.
    pub code: String,
    pub domain: u64,
    /// What everybody proves and checks with.
    pub key: TrainingKey,
    pub circuit: CircuitKey,
}

/// What a coordinator does to a round that it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    Nothing,
    /// It settles another model than the sum gives.
    Model,
    /// It settles a delivery that nobody has proven.
    Delivery,
}

/// Domains in which a coordinator has settled what does not follow.
pub struct Dishonest {
    pub dir: TempDir,
    pub owner: Client,
    pub key: TrainingKey,
    pub circuit: CircuitKey,
    /// Each one's number and round.
    pub domains: Vec<(Forged, u64, u64)>,
}

/// A domain for each way to plant a model.
pub fn dishonest() -> &'static Dishonest {
    static DISHONEST: OnceLock<Dishonest> = OnceLock::new();
    DISHONEST.get_or_init(|| apart(World::dishonest))
}

impl Made {
    /// The lineage as it should be.
    pub fn lineage(&self) -> PathBuf {
        self.dir.path().join("lineage")
    }

    /// The last version, as integers.
    pub fn model(&self) -> PathBuf {
        self.dir.path().join("model.int.safetensors")
    }

    /// The last version, as floats.
    pub fn floats(&self) -> PathBuf {
        self.dir.path().join("model.safetensors")
    }

    /// The version before it.
    pub fn earlier(&self) -> PathBuf {
        self.dir.path().join("earlier.int.safetensors")
    }

    /// What signatures of a round of the lineage are for; of another round, of some draw.
    pub fn scope(&self, round: u64) -> Scope {
        let (at, path) = (self.coordinator.at(), lineage::plan(round));
        match std::fs::read(self.lineage().join(path)) {
            Ok(bytes) => serde_json::from_slice::<Signed<Plan>>(&bytes).unwrap().body.scope(),
            Err(_) => Scope::new(at.chain_id, at.rounds, B256::repeat_byte(1)),
        }
    }

    /// A copy to do harm to.
    pub fn copy(&self) -> TempDir {
        let to = TempDir::new().unwrap();
        copy(&self.lineage(), to.path());
        to
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| apart(World::make))
}

struct World {
    cohort: Cohort,
    economy: Economy,
    domain: u64,
    other: u64,
    writer: LineageWriter,
}

/// One member's work.
struct Work {
    file: SubmissionFile,
    update: Vec<G1Affine>,
    values: Vec<i64>,
    blinds: Vec<Fr>,
}

fn flat(parameters: &Parameters) -> Vec<i64> {
    parameters.flat().map(i64::from).collect()
}

fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

impl World {
    async fn make() -> Made {
        let dir = TempDir::new().unwrap();
        let node = EmbeddedNode::in_memory(genesis()).unwrap();
        let world = Self::new(Economy::new(Backend::on(&node).await, 3).await, dir.path()).await;
        let network = world.cohort.key().network.network().clone();
        let first = world.cohort.members[0].initial.clone();
        let mut rounds = Vec::new();
        let mut models = vec![first];
        for present in [&[0, 1, 2][..], &[0, 1]] {
            let (round, next) =
                world.settled(models.last().unwrap(), present, Forged::Nothing).await;
            rounds.push(round);
            models.push(next);
        }
        rounds.push(world.expired().await);
        let export = world.economy.coordinator.export(world.domain).await.unwrap();
        world.writer.chain(&export).unwrap();
        let Economy { owners, coordinator, .. } = world.economy;
        let members = owners.iter().map(Client::address).collect();
        let provider = coordinator.sender().chain().provider();
        let code = provider.get_code_at(export.deployment.rounds).await.unwrap();
        let code = hex::encode(keccak256(&code));
        let (other, domain) = (world.other, world.domain);
        let (key, circuit) = (world.cohort.key().clone(), world.cohort.compressor.key());
        let made = Made {
            dir,
            node,
            export,
            members,
            owners,
            coordinator,
            rounds,
            other,
            domain,
            code,
            key,
            circuit,
        };
        let model = &models[2];
        std::fs::write(made.model(), to_int_safetensors(&network, model).unwrap()).unwrap();
        std::fs::write(made.floats(), to_float_safetensors(&network, model).unwrap()).unwrap();
        let earlier = to_int_safetensors(&network, &models[1]).unwrap();
        std::fs::write(made.earlier(), earlier).unwrap();
        made
    }

    async fn dishonest() -> Dishonest {
        let dir = TempDir::new().unwrap();
        let node = EmbeddedNode::in_memory(genesis()).unwrap();
        let mut world =
            Self::new(Economy::new(Backend::on(&node).await, 3).await, dir.path()).await;
        let first = world.cohort.members[0].initial.clone();
        let mut domains = Vec::new();
        for (forged, name) in [(Forged::Model, b"model"), (Forged::Delivery, b"works")] {
            world.domain = world.another(keccak256(name)).await;
            let (round, _) = world.settled(&first, &[0, 1, 2], forged).await;
            domains.push((forged, world.domain, round));
        }
        let (key, circuit) = (world.cohort.key().clone(), world.cohort.compressor.key());
        let owner = world.economy.owners[0].clone();
        Dishonest { dir, owner, key, circuit, domains }
    }

    /// A domain more with the same members and model.
    async fn another(&self, name: B256) -> u64 {
        let (key, first) = (self.cohort.contract_key(), digest(self.cohort.genesis()).into());
        let domain = self.economy.domain(name, &key, first).await;
        for (owner, run) in self.economy.owners.iter().zip(&self.cohort.members) {
            let root = B256::from(run.dataset.tree.root());
            owner.join(domain, root, WINDOWS as u64).await.unwrap();
        }
        domain
    }

    async fn new(economy: Economy, dir: &Path) -> Self {
        let owners = &economy.owners;
        let accounts: Vec<[u8; 20]> = owners.iter().map(|o| o.address().into_array()).collect();
        let mut cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        let writer = LineageWriter::new(&dir.join("lineage")).unwrap();
        writer.manifest(&manifest()).unwrap();
        writer.srs(srs()).unwrap();
        writer.genesis(&cohort.key().network, &cohort.members[0].initial).unwrap();
        let (key, first) = (cohort.contract_key(), digest(cohort.genesis()).into());
        let neighbour = economy.domain(keccak256(b"another"), &key, first).await;
        let domain = economy.domain(manifest().hash().into(), &key, first).await;
        for (owner, run) in owners.iter().zip(&mut cohort.members) {
            let chunks =
                register(run, WINDOWS).into_iter().map(|c| (c.statement, c.proof.reveal()));
            let registration = Registration::Plain(chunks.collect()).to_bytes();
            writer.registration(owner.address(), &registration).unwrap();
            owner.stake(tokens(100)).await.unwrap();
            let root = B256::from(run.dataset.tree.root());
            owner.join(domain, root, WINDOWS as u64).await.unwrap();
            owner.join(neighbour, root, WINDOWS as u64).await.unwrap();
        }
        // Another domain's round is nothing to this one.
        let other = economy.open(neighbour, &[0, 1, 2]).await;
        economy.coordinator.draw(other).await.unwrap();
        Self { cohort, economy, domain, other, writer }
    }

    async fn open(&self) -> u64 {
        let round = self.economy.open(self.domain, &[0, 1, 2]).await;
        self.economy.coordinator.draw(round).await.unwrap();
        round
    }

    async fn plan(&self, round: u64) -> Signed<Plan> {
        let coordinator = &self.economy.coordinator;
        let plan = plan(coordinator, self.domain, round, self.cohort.key().spec).await;
        signed(plan, coordinator)
    }

    fn work(&self, member: usize, model: &Parameters, plan: &Plan, forged: Forged) -> Work {
        let run = &self.cohort.members[member];
        let (key, network) = (&run.key, run.key.network.network());
        let prover = run.binding.prover;
        let window = round_window(plan.nonce.0, prover, WINDOWS as u64).unwrap();
        let (x, y) = run.data.window(network, window as usize).unwrap();
        let trace = Trainer::new(network.clone()).unwrap().train_window(model, None, x, y).unwrap();
        let start = Committed::start(key, commit_model(key, srs().g1(), model).unwrap());
        let binding = Binding { prover, ..place(plan) };
        let position = Position { binding, step: 0, window };
        let mut proved = run.prover().prove(&start, position, &trace).unwrap();
        let compressor = &self.cohort.compressor;
        let proof = compressor.compress(proved.proof).unwrap();
        if forged == Forged::Delivery && member == 0 {
            // As large as it likes: nobody has proven that it is an update at all.
            proved.statement.update[0] = (proved.statement.update[0] + srs().g1[0]).into();
        }
        let update = proved.statement.update.clone();
        let delivered = Delivered { statement: proved.statement, proof };
        let file = handed_in(&delivered, &plan.scope(), &self.economy.owners[member]);
        let pairs = flat(&trace.after).into_iter().zip(flat(&trace.before));
        let values = pairs.map(|(after, before)| after - before).collect();
        Work { file, update, values, blinds: proved.after.model.blinds }
    }

    /// A round in which these members deliver; its number and the next model.
    async fn settled(
        &self,
        model: &Parameters,
        present: &[usize],
        forged: Forged,
    ) -> (u64, Parameters) {
        let round = self.open().await;
        let plan = self.plan(round).await;
        let works: Vec<Work> =
            present.iter().map(|m| self.work(*m, model, &plan.body, forged)).collect();
        let weights: Vec<u32> = present.iter().map(|m| plan.body.members[*m].weight).collect();
        let sum = sum(&works, &weights);
        let key = self.cohort.key();
        let mut next = average(&key.network, model, &sum).unwrap().next;
        if forged == Forged::Model {
            for layer in &mut next.layers {
                layer.w.iter_mut().enumerate().for_each(|(i, w)| *w = (i as i32 % 7) * 1000);
            }
        }
        let pairs = weights.iter().copied().zip(works.iter().map(|w| w.update.as_slice()));
        let aggregate = row_bytes(&weighted_rows(&pairs.collect::<Vec<_>>()).unwrap());
        let rows = commit_model(key, srs().g1(), &next).unwrap().points;
        let signed: Vec<Submission> =
            works.iter().map(|w| w.file.signed.submission.clone()).collect();
        let deliveries = self.economy.coordinator.deliveries(round, &signed).await.unwrap();
        if deliveries.iter().any(|delivery| delivery.update.is_zero()) {
            // Until the deadline everybody could still deliver.
            self.economy.pass(HOUR + 1).await;
        }
        let (hash, head) = (keccak256(&aggregate), B256::from(digest(&rows)));
        let batch =
            self.economy.coordinator.sign_batch(round, &deliveries, hash, head).await.unwrap();
        self.economy.coordinator.propose(&batch, deliveries).await.unwrap();
        self.economy.pass(HOUR + 1).await;
        self.economy.coordinator.settle(round).await.unwrap();
        let updates = works.iter().zip(&weights).map(|(work, weight)| MemberUpdate {
            account: work.file.signed.submission.member,
            weight: *weight,
            rows: row_bytes(&work.update).into(),
        });
        let batch =
            BatchFile { signed: batch, aggregate: aggregate.into(), updates: updates.collect() };
        let submissions: Vec<SubmissionFile> = works.into_iter().map(|w| w.file).collect();
        let (plan, submissions, sum, batch) = (&plan, &submissions[..], &sum, &batch);
        self.writer.round(&RoundFiles { plan, submissions, sum, batch }).unwrap();
        (round, next)
    }

    /// A round that comes to nothing, at its coordinator's cost.
    async fn expired(&self) -> u64 {
        let round = self.open().await;
        self.writer.plan(&self.plan(round).await).unwrap();
        self.economy.pass(25 * HOUR + 1).await;
        self.economy.watcher.challenge_deadline(round).await.unwrap();
        round
    }
}

fn sum(works: &[Work], weights: &[u32]) -> Sum {
    let mut values = vec![0i64; works[0].values.len()];
    let mut blinds = vec![Fr::default(); works[0].blinds.len()];
    for (work, weight) in works.iter().zip(weights) {
        let terms = values.iter_mut().zip(&work.values);
        terms.for_each(|(sum, value)| *sum += i64::from(*weight) * value);
        let terms = blinds.iter_mut().zip(&work.blinds);
        terms.for_each(|(sum, blind)| *sum += Fr::from(*weight) * blind);
    }
    Sum { values, blinds }
}
