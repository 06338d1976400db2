//! Three owners, and rounds that are open, not drawn, over, and of another domain.

use std::sync::OnceLock;

use alloy::primitives::{B256, keccak256};
use tempfile::TempDir;
use zktrain_circuits::manifest::Manifest;
use zktrain_contracts::node::Node;
use zktrain_contracts::protocol::Client;
use zktrain_network::plan::Plan;

use crate::backend::economy::{Economy, HOUR};
use crate::backend::{Backend, genesis};
use crate::common::cases::Case;
use crate::common::plan::plan;
use crate::common::round::{Cohort, Delivered, digest};

pub const WINDOWS: usize = 3;

pub fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

/// What no test changes.
pub struct World {
    pub node: Node,
    pub economy: Economy,
    pub cohort: Cohort,
    pub folder: TempDir,
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
    WORLD.get_or_init(|| {
        let make = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(World::make())
        };
        // A test of its own may be in a runtime already.
        std::thread::spawn(make).join().unwrap()
    })
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
        let node = Node::in_memory(genesis()).unwrap();
        let economy = Economy::new(Backend::on(&node).await, 3).await;
        let accounts: Vec<_> = economy.owners.iter().map(|o| o.address().into_array()).collect();
        let cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        for owner in &economy.owners {
            let stake = crate::backend::economy::tokens(100);
            owner.stake(owner.address(), stake).await.unwrap();
        }
        let [own, neighbour, early, late] = [0u8, 1, 2, 3].map(|serial| keccak256([serial]));
        let late = domain(&economy, &cohort, late).await;
        let over = economy.open(late, &[0, 1, 2]).await;
        economy.coordinator.draw(over).await.unwrap();
        economy.pass(HOUR + 1).await;
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
            cohort.prove(member, plan.chain_id, round, window)
        };
        let works = (0..3).map(work).collect();
        let folder = TempDir::new().unwrap();
        Self {
            node,
            economy,
            cohort,
            folder,
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

    pub fn owner(&self, index: usize) -> &Client {
        &self.economy.owners[index]
    }

    pub fn coordinator(&self) -> &Client {
        &self.economy.coordinator
    }
}
