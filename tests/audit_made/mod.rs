//! A small lineage on the embedded chain: two settled rounds of three members, of whom one drops
//! out of the second, and a third round that its coordinator let expire.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use ark_bn254::{Fr, G1Affine};
use tempfile::TempDir;
use zktrain::lineage::{LineageWriter, RoundFiles};
use zktrain::proofs::Registration;
use zktrain_circuits::compressed::System;
use zktrain_circuits::manifest::Manifest;
use zktrain_circuits::schedule::round_window;
use zktrain_circuits::statement::Binding;
use zktrain_contracts::bindings::registry::IDomainRegistry;
use zktrain_contracts::chain::{Chain, Outbox, Sender};
use zktrain_contracts::node::{Genesis, Node};
use zktrain_contracts::protocol::files::{BatchFile, SubmissionFile, Update};
use zktrain_contracts::protocol::typed::Submission;
use zktrain_contracts::protocol::{ChainExport, Client, Deployment, Setup};
use zktrain_network::messages::Signed;
use zktrain_network::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_prover::average::{Sum, average, weighted_rows};
use zktrain_prover::trace::Parameters;
use zktrain_prover::training::{
    Chunk, Committed, Position, RegisteredDataset, chunk_sizes, commit_model, register_chunk,
};
use zktrain_trainer::export::{to_float_safetensors, to_int_safetensors};
use zktrain_trainer::train::Trainer;

use crate::common::cases::Case;
use crate::common::round::{Cohort, digest, row_bytes};
use crate::common::{Run, srs};

const WINDOWS: usize = 3;
const HOUR: u64 = 3600;
const RICH: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn tokens(amount: u128) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

/// What all tests of a file share.
pub struct Made {
    pub dir: TempDir,
    pub node: Node,
    pub export: ChainExport,
    pub members: Vec<Address>,
    pub rounds: Vec<u64>,
    /// A round of another domain.
    pub other: u64,
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
    MADE.get_or_init(|| {
        let make = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(World::make())
        };
        // A test of its own may be in a runtime already.
        std::thread::spawn(make).join().unwrap()
    })
}

struct World {
    cohort: Cohort,
    owners: Vec<Client>,
    coordinator: Client,
    watcher: Client,
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
    let layers = parameters.layers.iter();
    let all = layers.flat_map(|l| l.w.iter().chain(l.b.iter().flatten()));
    all.map(|value| i64::from(*value)).collect()
}

/// Registers a run's data for its member.
fn register(run: &mut Run) -> Vec<u8> {
    let network = run.key.network.clone();
    let inputs: Vec<i32> = run.data.inputs.iter().map(|v| i32::from(*v)).collect();
    let labels: Vec<i32> = run.data.labels.iter().map(|v| i32::from(*v)).collect();
    let (mut first, mut chunks, mut rows) = (0, Vec::new(), Vec::new());
    for windows in chunk_sizes(&network, WINDOWS) {
        let samples = first * network.window()..(first + windows) * network.window();
        let chunk = Chunk {
            owner: run.binding.prover,
            total: WINDOWS as u64,
            first: first as u64,
            windows,
            inputs: &inputs[samples.start * network.input..samples.end * network.input],
            labels: &labels[samples.start * network.output()..samples.end * network.output()],
        };
        let proved = register_chunk(&run.key, &srs().g1, &run.secret, &chunk).unwrap();
        chunks.push((proved.statement, proved.proof));
        rows.extend(proved.windows);
        first += windows;
    }
    run.dataset = RegisteredDataset::new(rows);
    Registration::Plain(chunks).to_bytes()
}

fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

impl World {
    async fn make() -> Made {
        let dir = TempDir::new().unwrap();
        let rich: PrivateKeySigner = RICH.parse().unwrap();
        let funded = vec![(rich.address(), U256::from(10).pow(U256::from(24)))];
        let node = Node::in_memory(Genesis { chain_id: 31337, funded }).unwrap();
        let chain = Chain::embedded(&node).await.unwrap();
        let world = Self::new(chain, rich, dir.path()).await;
        let network = world.cohort.key().network.clone();
        let first = world.cohort.members[0].initial.clone();
        let mut rounds = Vec::new();
        let mut models = vec![first];
        for present in [&[0, 1, 2][..], &[0, 1]] {
            let (round, next) = world.settled(models.last().unwrap(), present).await;
            rounds.push(round);
            models.push(next);
        }
        rounds.push(world.expired().await);
        let export = world.coordinator.export(world.domain).await.unwrap();
        world.writer.chain(&export).unwrap();
        let members = world.owners.iter().map(Client::address).collect();
        let other = world.other;
        let made = Made { dir, node, export, members, rounds, other };
        let model = &models[2];
        std::fs::write(made.model(), to_int_safetensors(&network, model).unwrap()).unwrap();
        std::fs::write(made.floats(), to_float_safetensors(&network, model).unwrap()).unwrap();
        let earlier = to_int_safetensors(&network, &models[1]).unwrap();
        std::fs::write(made.earlier(), earlier).unwrap();
        made
    }

    async fn new(chain: Chain, rich: PrivateKeySigner, dir: &Path) -> Self {
        let sender = |signer: PrivateKeySigner| {
            let outbox = Outbox::new(&dir.join("outbox"), chain.id(), signer.address()).unwrap();
            Sender::new(chain.clone(), signer, outbox)
        };
        let rich = sender(rich);
        let at = Deployment::create(&rich, &Setup::of_one(rich.address())).await.unwrap();
        let bank = Client::new(rich.clone(), at.clone(), "bank/").unwrap();
        let mut clients = Vec::new();
        for _ in 0..5 {
            let signer = PrivateKeySigner::random();
            let account = signer.address();
            let wei = U256::from(10).pow(U256::from(19));
            rich.pay(&format!("wei/{account}"), account, wei).await.unwrap();
            bank.transfer(account, tokens(10_000)).await.unwrap();
            clients.push(Client::new(sender(signer), at.clone(), "").unwrap());
        }
        let watcher = clients.pop().unwrap();
        let coordinator = clients.pop().unwrap();
        let mut owners = clients;
        owners.sort_by_key(Client::address);
        let accounts: Vec<[u8; 20]> = owners.iter().map(|o| o.address().into_array()).collect();
        let mut cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        coordinator.stake(coordinator.address(), tokens(1_000)).await.unwrap();
        let writer = LineageWriter::new(&dir.join("lineage")).unwrap();
        writer.manifest(&manifest()).unwrap();
        writer.srs(srs()).unwrap();
        writer.genesis(&cohort.key().network, &cohort.members[0].initial).unwrap();
        let neighbour = domain(&coordinator, &at, &cohort, keccak256(b"another")).await;
        let domain = domain(&coordinator, &at, &cohort, manifest().hash().into()).await;
        for (owner, run) in owners.iter().zip(&mut cohort.members) {
            writer.registration(owner.address(), &register(run)).unwrap();
            owner.stake(owner.address(), tokens(100)).await.unwrap();
            let root = B256::from(run.dataset.tree.root());
            owner.join(domain, root, WINDOWS as u64).await.unwrap();
            owner.join(neighbour, root, WINDOWS as u64).await.unwrap();
        }
        // Another domain's round is nothing to this one.
        let accounts = owners.iter().map(Client::address).collect();
        let other = coordinator.open_round(neighbour, HOUR, 5, accounts).await.unwrap();
        coordinator.draw(other).await.unwrap();
        Self { cohort, owners, coordinator, watcher, domain, other, writer }
    }

    async fn open(&self) -> u64 {
        let accounts = self.owners.iter().map(Client::address).collect();
        let budget = tokens(90).to();
        self.coordinator.open_round(self.domain, HOUR, budget, accounts).await.unwrap()
    }

    async fn plan(&self, round: u64) -> Signed<Plan> {
        let known = self.coordinator.round(round).await.unwrap();
        let at = self.coordinator.at();
        let members = self.coordinator.members(round).await.unwrap().0.into_iter();
        let members = members.map(|m| PlanMember {
            account: m.account,
            dataset: m.dataset,
            windows: m.windows,
            weight: m.weight,
        });
        let plan = Plan {
            version: VERSION,
            chain_id: at.chain_id,
            rounds: at.rounds,
            domain: self.domain,
            round,
            coordinator: self.coordinator.address(),
            spec: self.cohort.key().spec.into(),
            parent: known.parent,
            nonce: known.nonce,
            system: System::Halo2.code(),
            optimistic: true,
            threshold: 2,
            least: 2,
            members: members.collect(),
            timing: Timing { keys: 1, shares: 1, uploads: 9, confirm: 1, unmask: 1, defence: 1 },
        };
        Signed::new(&plan, plan.clone(), self.coordinator.sender().signer()).unwrap()
    }

    fn work(&self, member: usize, model: &Parameters, plan: &Plan) -> Work {
        let run = &self.cohort.members[member];
        let (key, network) = (&run.key, &run.key.network);
        let prover = run.binding.prover;
        let window = round_window(plan.nonce.0, prover, WINDOWS as u64).unwrap();
        let (x, y) = run.data.window(network, window as usize).unwrap();
        let trace = Trainer::new(network.clone()).train_window(model, None, x, y).unwrap();
        let start = Committed::start(key, commit_model(key, &srs().g1, model).unwrap());
        let binding = Binding { chain_id: plan.chain_id, round: plan.round, prover };
        let position = Position { binding, step: 0, window };
        let proved = run.prover().prove(&start, position, &trace).unwrap();
        let compressor = &self.cohort.compressor;
        let proof = compressor.compress(proved.h, &proved.claim, proved.proof).unwrap();
        let (statement, proof) = (proved.statement.to_bytes(), proof.to_bytes());
        let update = proved.statement.update;
        let submission = Submission {
            round: plan.round,
            member: self.owners[member].address(),
            statement: keccak256(&statement),
            proof: keccak256(&proof),
            update: digest(&update).into(),
        };
        let signed = self.owners[member].sign_submission(submission).unwrap();
        let file = SubmissionFile { signed, statement: statement.into(), proof: proof.into() };
        let pairs = flat(&trace.after).into_iter().zip(flat(&trace.before));
        let values = pairs.map(|(after, before)| after - before).collect();
        Work { file, update, values, blinds: proved.after.model.blinds }
    }

    /// A round in which these members deliver; its number and the next model.
    async fn settled(&self, model: &Parameters, present: &[usize]) -> (u64, Parameters) {
        let round = self.open().await;
        self.coordinator.draw(round).await.unwrap();
        let plan = self.plan(round).await;
        let works: Vec<Work> = present.iter().map(|m| self.work(*m, model, &plan.body)).collect();
        let weights: Vec<u32> = present.iter().map(|m| plan.body.members[*m].weight).collect();
        let sum = sum(&works, &weights);
        let key = self.cohort.key();
        let next = average(&key.network, model, &sum).unwrap().next;
        let pairs = weights.iter().copied().zip(works.iter().map(|w| w.update.as_slice()));
        let aggregate = row_bytes(&weighted_rows(&pairs.collect::<Vec<_>>()));
        let rows = commit_model(key, &srs().g1, &next).unwrap().points;
        let signed: Vec<Submission> =
            works.iter().map(|w| w.file.signed.submission.clone()).collect();
        let deliveries = self.coordinator.deliveries(round, &signed).await.unwrap();
        let (hash, head) = (keccak256(&aggregate), B256::from(digest(&rows)));
        let batch = self.coordinator.sign_batch(round, &deliveries, hash, head).await.unwrap();
        self.coordinator.propose(&batch, deliveries).await.unwrap();
        self.coordinator.pass(HOUR + 1).await.unwrap();
        self.coordinator.settle(round).await.unwrap();
        let updates = works.iter().zip(&weights).map(|(work, weight)| Update {
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
        self.coordinator.draw(round).await.unwrap();
        self.writer.plan(&self.plan(round).await).unwrap();
        self.coordinator.pass(HOUR + 1).await.unwrap();
        self.watcher.challenge_deadline(round).await.unwrap();
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

async fn domain(coordinator: &Client, at: &Deployment, cohort: &Cohort, name: B256) -> u64 {
    let key = coordinator.register_key(&cohort.contract_key()).await.unwrap();
    let config = IDomainRegistry::Config {
        manifest: name,
        verifier: at.verifier,
        key,
        genesis: digest(cohort.genesis()).into(),
        coordinator: coordinator.address(),
        token: at.reward_token,
        optimistic: true,
        challengeWindow: HOUR,
        trainerBond: tokens(10).to(),
        coordinatorBond: tokens(100).to(),
        coordinatorShare: 1000,
        minMembers: 1,
        uri: String::new(),
    };
    let domain = coordinator.open_domain(config).await.unwrap();
    coordinator.fund(domain, tokens(1_000)).await.unwrap();
    domain
}
