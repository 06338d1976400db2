//! Three owners, and rounds that are open, not drawn, over, and of another domain.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use alloy::primitives::{B256, keccak256};
use tempfile::TempDir;
use zktrain_chain::protocol::Client;
use zktrain_cli::lineage::LineageWriter;
use zktrain_cli::ui::Ui;
use zktrain_devnet::EmbeddedNode;
use zktrain_model::manifest::Manifest;
use zktrain_project::circuits::{CircuitShape, Circuits};
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_prove::training::ChunkProved;
use zktrain_secagg::plan::Plan;
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::DatasetStatement;
use zktrain_verify::file::Registration;

use crate::common::cases::Case;
use crate::common::plan::{place, plan};
use crate::common::round::{Cohort, Delivered, digest, register};
use crate::common::{apart, srs};
use zktrain_testchains::economy::{Economy, HOUR, tokens};
use zktrain_testchains::{Backend, genesis};

pub const WINDOWS: usize = 3;

const UI: Ui = Ui { json: true };

pub type Chunks = Vec<(DatasetStatement, CompressedProof)>;

pub fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

/// What no test changes.
pub struct World {
    pub node: EmbeddedNode,
    pub economy: Economy,
    pub cohort: Cohort,
    /// What everybody can check proofs with.
    pub session: Arc<Session>,
    pub project: Project,
    /// Each owner's registration.
    pub chunks: Vec<Chunks>,
    _folder: TempDir,
    pub domain: u64,
    /// A domain with the same members and model.
    pub neighbour: u64,
    /// Open and drawn.
    pub round: u64,
    /// The neighbour's, open and drawn.
    pub other: u64,
    /// Open, its windows still to be drawn.
    pub undrawn: u64,
    /// Nobody did anything in it.
    pub over: u64,
    /// The open round's.
    pub plan: Plan,
    /// What each owner did in it.
    pub works: Vec<Delivered>,
}

/// The world of all tests.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| apart(World::make))
}

/// A folder with what is public of a project.
pub fn session(folder: &Path) -> Session {
    let writer = LineageWriter::new(folder).unwrap();
    writer.manifest(&manifest()).unwrap();
    writer.srs(srs()).unwrap();
    let [manifest, srs] = ["manifest.toml", "srs.bin"].map(|name| folder.join(name));
    Session::open(&manifest, &srs, &UI).unwrap()
}

fn compress(circuits: &Circuits<'_>, chunks: Vec<ChunkProved>) -> Chunks {
    let compress = |chunk: ChunkProved| {
        let shape = CircuitShape::Dataset(chunk.statement.rows.len());
        let compressor = circuits.compressor(ProofSystem::Halo2, shape).unwrap();
        let proof = compressor.compress(chunk.proof).unwrap();
        (chunk.statement, proof)
    };
    chunks.into_iter().map(compress).collect()
}

async fn domain(economy: &Economy, cohort: &Cohort, name: B256) -> u64 {
    let genesis = digest(cohort.genesis()).into();
    let domain = economy.domain(name, &cohort.contract_key(), genesis).await;
    for (owner, run) in economy.owners.iter().zip(&cohort.members) {
        let root = B256::from(run.dataset.tree.root());
        owner.join(domain, root, WINDOWS as u64).await.unwrap();
    }
    domain
}

impl World {
    async fn make() -> Self {
        let node = EmbeddedNode::in_memory(genesis()).unwrap();
        let economy = Economy::new(Backend::on(&node).await, 3).await;
        let accounts: Vec<_> = economy.owners.iter().map(|o| o.address().into_array()).collect();
        let mut cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        let folder = TempDir::new().unwrap();
        let (session, project) = (session(folder.path()), Project::new(folder.path()));
        let circuits = Circuits::new(&session, &project, &UI);
        let chunks = cohort.members.iter_mut().map(|run| register(run, WINDOWS));
        let chunks = chunks.map(|chunks| compress(&circuits, chunks)).collect();
        drop(circuits);
        for owner in &economy.owners {
            owner.stake(tokens(100)).await.unwrap();
        }
        let [own, neighbour, early, late] = [0u8, 1, 2, 3].map(|serial| keccak256([serial]));
        let late = domain(&economy, &cohort, late).await;
        let over = economy.open(late, &[0, 1, 2]).await;
        economy.coordinator.draw(over).await.unwrap();
        economy.pass(25 * HOUR + 1).await;
        economy.watcher.challenge_deadline(over).await.unwrap();
        let mut rounds = Vec::new();
        for name in [own, neighbour, early] {
            let domain = domain(&economy, &cohort, name).await;
            rounds.push((domain, economy.open(domain, &[0, 1, 2]).await));
        }
        let [(domain, round), (neighbour, other), (_, undrawn)] = rounds[..] else { panic!() };
        for round in [round, other] {
            economy.coordinator.draw(round).await.unwrap();
        }
        let plan = plan(&economy.coordinator, domain, round, cohort.key().spec).await;
        let work = |member: usize| {
            let window = cohort.window(member, plan.nonce.0);
            cohort.prove(member, place(&plan), window)
        };
        let works = (0..3).map(work).collect();
        Self {
            node,
            economy,
            cohort,
            session: session.into(),
            project,
            chunks,
            _folder: folder,
            domain,
            neighbour,
            round,
            other,
            undrawn,
            over,
            plan,
            works,
        }
    }

    /// The file of an owner's registration.
    pub fn registration(&self, owner: usize) -> Vec<u8> {
        Registration::Compressed(self.chunks[owner].clone()).to_bytes()
    }

    pub fn owner(&self, index: usize) -> &Client {
        &self.economy.owners[index]
    }

    pub fn coordinator(&self) -> &Client {
        &self.economy.coordinator
    }
}
