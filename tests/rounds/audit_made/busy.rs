//! A domain in which nearly everything happens that contracts allow, on a chain of its own. What its
//! coordinators settle need not follow from anything: nobody there challenges it.

use std::sync::OnceLock;

use alloy::primitives::{Address, B256, keccak256};
use tempfile::TempDir;
use zktrain_chain::protocol::Client;
use zktrain_cli::lineage::LineageWriter;
use zktrain_devnet::EmbeddedNode;
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::typed::{Receipt, Submission};
use zktrain_ledger::{ChainExport, SignedReceipt};

use super::{Forged, WINDOWS, Work, World, manifest};
use crate::common::apart;
use crate::common::plan::plan;
use crate::common::round::{Cohort, digest};
use zktrain_testchains::economy::{BUDGET, Economy, HOUR, tokens};
use zktrain_testchains::{Backend, genesis};

/// What the chain says of it. Its rounds: one that its coordinator let expire, in which the contract had
/// checked a delivery; one without a sum; one with a sum, a delivery to the contract alone, an audit and a
/// demand; one without a budget, settled while its verifier was stopped; one of whose members two are
/// slashed, and the coordinator for a receipt.
pub struct Busy {
    pub export: ChainExport,
    pub members: Vec<Address>,
}

pub fn busy() -> &'static Busy {
    static BUSY: OnceLock<Busy> = OnceLock::new();
    BUSY.get_or_init(|| apart(World::busy))
}

impl World {
    async fn busy() -> Busy {
        let dir = TempDir::new().unwrap();
        let node = EmbeddedNode::in_memory(genesis()).unwrap();
        let economy = Economy::new(Backend::on(&node).await, 3).await;
        let accounts: Vec<[u8; 20]> =
            economy.owners.iter().map(|owner| owner.address().into_array()).collect();
        let cohort = Cohort::new(&manifest(), &accounts, WINDOWS);
        let (key, first) = (cohort.contract_key(), digest(cohort.genesis()).into());
        let domain =
            economy.domain_with(keccak256(b"busy"), &key, first, |config| config.audits = 1).await;
        for (owner, run) in economy.owners.iter().zip(&cohort.members) {
            owner.stake(tokens(100)).await.unwrap();
            let root = B256::from(run.dataset.tree.root());
            owner.join(domain, root, WINDOWS as u64).await.unwrap();
        }
        economy.watcher.stake(tokens(500)).await.unwrap();
        let writer = LineageWriter::new(dir.path()).unwrap();
        let world = Self { cohort, economy, domain, other: 0, writer };
        world.void().await;
        world.without_sum().await;
        world.with_sum().await;
        world.without_budget().await;
        world.belied().await;
        world.closed().await;
        let export = world.economy.watcher.export(domain).await.unwrap();
        let members = world.economy.owners.iter().map(Client::address).collect();
        Busy { export, members }
    }

    async fn begun(&self, by: &Client, budget: u128) -> u64 {
        let accounts = self.economy.owners.iter().map(Client::address).collect();
        let budget = tokens(budget).to();
        let round = by.open_round(self.domain, HOUR, budget, accounts).await.unwrap();
        by.draw(round).await.unwrap();
        round
    }

    /// Work of a round that starts from the first model.
    async fn worked(&self, round: u64, member: usize) -> Work {
        let spec = self.cohort.key().spec;
        let plan = plan(&self.economy.watcher, self.domain, round, spec).await;
        let first = &self.cohort.members[0].initial;
        self.work(member, first, &plan, Forged::Nothing)
    }

    /// A delivery to the contract.
    async fn handed_in(&self, round: u64, member: usize) {
        let (owner, file) = (&self.economy.owners[member], self.worked(round, member).await.file);
        owner.submit(round, owner.address(), &file.statement, &file.proof).await.unwrap();
    }

    async fn proposed(&self, round: u64, deliveries: Vec<Delivery>, sum: Option<[B256; 2]>) {
        let watcher = &self.economy.watcher;
        let parent = watcher.round(round).await.unwrap().parent;
        let [aggregate, model] = sum.unwrap_or([B256::ZERO, parent]);
        let batch = watcher.sign_batch(round, &deliveries, aggregate, model).await.unwrap();
        watcher.propose(&batch, deliveries).await.unwrap();
    }

    async fn settle(&self, round: u64) {
        self.economy.pass(HOUR + 1).await;
        self.economy.watcher.settle(round).await.unwrap();
    }

    /// The domain's first coordinator is never heard of again, and another one takes its place.
    async fn void(&self) {
        let Economy { coordinator, watcher, .. } = &self.economy;
        let round = self.begun(coordinator, BUDGET).await;
        self.handed_in(round, 0).await;
        self.economy.pass(25 * HOUR + 1).await;
        watcher.challenge_deadline(round).await.unwrap();
        watcher.settle(round).await.unwrap();
        coordinator.set_coordinator(self.domain, watcher.address()).await.unwrap();
        watcher.fund(self.domain, tokens(70)).await.unwrap();
    }

    async fn without_sum(&self) {
        let watcher = &self.economy.watcher;
        let round = self.begun(watcher, BUDGET).await;
        self.handed_in(round, 0).await;
        self.economy.pass(HOUR + 1).await;
        let deliveries = watcher.deliveries(round, &[]).await.unwrap();
        self.proposed(round, deliveries, None).await;
        assert_eq!(watcher.audit(round).await.unwrap(), Some(Vec::new()));
        self.settle(round).await;
    }

    /// Two members are in the sum: the audit draws one, and somebody demands the other one's proof.
    async fn with_sum(&self) {
        let Economy { watcher, owners, .. } = &self.economy;
        let round = self.begun(watcher, BUDGET).await;
        let works = [self.worked(round, 0).await, self.worked(round, 1).await];
        self.handed_in(round, 2).await;
        let signed: Vec<Submission> =
            works.iter().map(|work| work.file.signed.submission.clone()).collect();
        let deliveries = watcher.deliveries(round, &signed).await.unwrap();
        self.proposed(round, deliveries, Some([keccak256(b"sum"), keccak256(b"model")])).await;
        let drawn = watcher.audit(round).await.unwrap().unwrap();
        let [drawn] = drawn[..] else { panic!("one is drawn") };
        let other = signed.iter().find(|said| said.member != drawn).unwrap().member;
        owners[2].demand(round, other).await.unwrap();
        for work in &works {
            let (account, file) = (work.file.signed.submission.member, &work.file);
            watcher.answer(round, account, &file.statement, &file.proof).await.unwrap();
        }
        self.settle(round).await;
        watcher.collect(round, other).await.unwrap();
    }

    async fn without_budget(&self) {
        let watcher = &self.economy.watcher;
        let round = self.begun(watcher, 0).await;
        self.economy.pass(HOUR + 1).await;
        let deliveries = watcher.deliveries(round, &[]).await.unwrap();
        self.proposed(round, deliveries, None).await;
        watcher.audit(round).await.unwrap();
        // A stop that begins before the window is over would keep the round from being settled.
        self.economy.pass(HOUR + 1).await;
        self.stopped().await;
        watcher.settle(round).await.unwrap();
        // Nobody decides that it is for good.
        self.economy.pass(30 * 24 * HOUR).await;
    }

    /// The guardian takes the domain's verifier out of use for some time.
    async fn stopped(&self) {
        let Economy { backend, at, .. } = &self.economy;
        let guardian = Client::new(backend.rich(), at.clone(), "guardian/").unwrap();
        guardian.stop_verifier(at.verifier).await.unwrap();
    }

    async fn belied(&self) {
        let Economy { watcher, owners, .. } = &self.economy;
        let round = self.begun(watcher, BUDGET).await;
        let said = |member: usize, statement: &[u8]| {
            let account = owners[member].address();
            Submission::new(round, account, statement, b"proof", keccak256(statement))
        };
        let first = owners[1].sign_submission(said(1, b"one")).await.unwrap();
        let second = owners[1].sign_submission(said(1, b"two")).await.unwrap();
        owners[2].challenge_equivocation([&first, &second]).await.unwrap();
        let long = Submission { length: 98_305, ..said(2, b"long") };
        let long = owners[2].sign_submission(long).await.unwrap();
        owners[0].challenge_length(&long).await.unwrap();
        self.economy.pass(HOUR + 1).await;
        let deliveries = watcher.deliveries(round, &[said(0, b"one")]).await.unwrap();
        self.proposed(round, deliveries, Some([keccak256(b"sum"), keccak256(b"next")])).await;
        let scope = watcher.scope(round).await.unwrap();
        let (member, submission) = (owners[0].address(), scope.hash(&said(0, b"two")));
        let (plan, masked) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let receipt = Receipt { round, member, plan, masked, submission, time: 1 };
        let receipt = SignedReceipt::new(receipt, &scope, watcher.sender().signer()).unwrap();
        owners[0].challenge_omission(&receipt).await.unwrap();
    }

    /// Its last member leaves, another owner closes it, and funders take what is left.
    async fn closed(&self) {
        let (Economy { coordinator, watcher, owners, .. }, domain) = (&self.economy, self.domain);
        owners[0].resign(domain).await.unwrap();
        self.economy.pass(16 * 24 * HOUR + 1).await;
        owners[0].exit(domain).await.unwrap();
        coordinator.offer_domain(domain, watcher.address()).await.unwrap();
        watcher.accept_domain(domain).await.unwrap();
        watcher.close_domain(domain).await.unwrap();
        watcher.withdraw_funds(domain).await.unwrap();
        coordinator.withdraw_funds(domain).await.unwrap();
    }
}
