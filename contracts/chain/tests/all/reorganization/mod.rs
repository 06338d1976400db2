//! What was signed on a branch that the chain has given up is evidence of nothing on the one that won:
//! nobody is slashed for it, and the round goes on.

mod adversary;

use std::time::Duration;

use adversary::Adversary;
use alloy::primitives::{B256, U256, keccak256};
use alloy::sol_types::SolCall;
use serde_json::json;
use zktrain_chain::protocol::{Candidate, Client, ClientError, Status};
use zktrain_chain::{Outbox, Sender};
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::typed::{Receipt, Submission};
use zktrain_ledger::{SignedBatch, SignedReceipt, SignedSubmission};
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{BUDGET, Economy, HOUR, TRAINER_BOND, plain_key, tokens};

const STATEMENT: &[u8] = b"statement";

/// The programs of a round: members, and the coordinator.
struct Programs {
    owners: Vec<Client>,
    coordinator: Client,
}

impl Programs {
    /// They are the same accounts, to which blocks count as final as this says.
    fn new(economy: &Economy, finality: &str) -> Self {
        let chain = economy.backend.chain.clone().with_finality(finality.parse().unwrap());
        let program = |client: &Client| {
            let signer = client.sender().signer().clone();
            let folder = economy.backend.folder.path();
            let outbox = Outbox::new(folder, chain.id(), signer.address()).unwrap();
            let sender = Sender::new(chain.clone(), signer, outbox);
            Client::new(sender, economy.at.clone(), "").unwrap()
        };
        let owners = economy.owners.iter().map(program).collect();
        Self { owners, coordinator: program(&economy.coordinator) }
    }

    fn all(&self) -> impl Iterator<Item = &Client> {
        self.owners.iter().chain([&self.coordinator])
    }

    /// Each signs if this is the draw of a final block.
    async fn sign(&self, round: u64, nonce: B256, what: &str) -> Signed {
        let members = self.coordinator.members(round).await.unwrap().root();
        let mut submissions = Vec::new();
        for owner in &self.owners {
            owner.require_drawn(round, nonce, members).await.unwrap();
            let (member, update) = (owner.address(), keccak256(what));
            let said = Submission::new(round, member, STATEMENT, what.as_bytes(), update);
            submissions.push(owner.sign_submission(said).await.unwrap());
        }
        let long = Submission { length: 98_305, ..submissions[0].submission.clone() };
        let long = self.owners[0].sign_submission(long).await.unwrap();

        let coordinator = &self.coordinator;
        coordinator.require_drawn(round, nonce, members).await.unwrap();
        let said: Vec<_> = submissions.iter().map(|signed| signed.submission.clone()).collect();
        let deliveries = coordinator.deliveries(round, &said).await.unwrap();
        let (sum, model) = (keccak256("sum"), keccak256(what));
        let batch = coordinator.sign_batch(round, &deliveries, sum, model).await.unwrap();
        let (member, submission) = (said[0].member, deliveries[0].submission);
        let (plan, masked) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let receipt = Receipt { round, member, plan, masked, submission, time: 1 };
        let scope = coordinator.scope(round).await.unwrap();
        let receipt = SignedReceipt::new(receipt, &scope, coordinator.sender().signer()).unwrap();
        let proof = what.as_bytes().to_vec();
        Signed { submissions, long, proof, receipt, batch, deliveries }
    }
}

/// What is signed in a round on one branch.
struct Signed {
    /// One a member.
    submissions: Vec<SignedSubmission>,
    /// Another one of the first member's, longer than any valid one.
    long: SignedSubmission,
    /// What the submissions call a proof.
    proof: Vec<u8>,
    /// For the first member's submission.
    receipt: SignedReceipt,
    batch: SignedBatch,
    deliveries: Vec<Delivery>,
}

/// All that a slash changes: stakes, memberships with their reputations, who is barred.
async fn standing(economy: &Economy, domain: u64) -> Vec<(U256, Option<Candidate>, bool)> {
    let mut found = Vec::new();
    for client in economy.owners.iter().chain([&economy.coordinator]) {
        let account = client.address();
        let candidate = economy.watcher.candidate(domain, account).await.unwrap();
        let barred = economy.watcher.is_barred(domain, account).await.unwrap();
        found.push((economy.stake(account).await, candidate, barred));
    }
    found
}

/// Members and a coordinator on anvil, and a round that is still to be drawn.
async fn opened() -> (Economy, u64, u64) {
    let mut backend = Backend::anvil().await;
    backend.chain = backend.chain.with_poll(Duration::from_millis(20));
    let economy = Economy::new(backend, 2).await;
    let domain = economy.domain(keccak256("domain"), &plain_key(), keccak256("first model")).await;
    for owner in &economy.owners {
        owner.stake(tokens(TRAINER_BOND)).await.unwrap();
        owner.join(domain, keccak256(owner.address()), 3).await.unwrap();
    }
    let round = economy.open(domain, &[0, 1]).await;
    (economy, domain, round)
}

/// Programs that wait sign nothing for a draw that may be taken back; those that do not wait do, and so
/// does a program that meets a deeper reorganization than it has waited for.
async fn given_up(economy: &Economy, careful: &Programs, round: u64) -> (B256, Signed) {
    let nonce = economy.coordinator.draw(round).await.unwrap();
    let members = economy.watcher.members(round).await.unwrap().root();
    for program in careful.all() {
        let early = program.require_drawn(round, nonce, members).await.unwrap_err();
        assert!(matches!(early, ClientError::NotFinal { .. }), "{early}");
    }
    let hasty = Programs::new(economy, "1");
    let signed = hasty.sign(round, nonce, "given up").await;
    economy.coordinator.propose(&signed.batch, signed.deliveries.clone()).await.unwrap();
    economy.watcher.demand(round, economy.owners[0].address()).await.unwrap();
    (nonce, signed)
}

#[tokio::test]
async fn nobody_is_slashed_for_what_was_signed_on_a_branch_that_was_given_up() {
    let (economy, domain, round) = opened().await;
    let careful = Programs::new(&economy, "8");
    let before = economy.backend.ask("evm_snapshot", json!([])).await;
    let (nonce, old) = given_up(&economy, &careful, round).await;

    // Another chain has won, on which another block draws.
    assert_eq!(economy.backend.ask("evm_revert", json!([before])).await, json!(true));
    economy.backend.ask("evm_increaseTime", json!([5])).await;
    let again = economy.coordinator.draw(round).await.unwrap();
    assert_ne!(again, nonce);
    let members = economy.watcher.members(round).await.unwrap();
    for program in careful.all() {
        assert_eq!(program.until_drawn(round).await.unwrap().nonce, again);
        let late = program.require_drawn(round, nonce, members.root()).await.unwrap_err();
        assert!(matches!(late, ClientError::Redrawn { .. }), "{late}");
    }
    let new = careful.sign(round, again, "kept").await;
    let (batch, deliveries) = (new.batch.clone(), new.deliveries.clone());

    let honest = standing(&economy, domain).await;
    let adversary = Adversary { economy: &economy, round, members, old, new };
    adversary.accuse_member().await;
    adversary.accuse_coordinator().await;
    adversary.propose_the_old().await;
    assert_eq!(economy.watcher.status(round).await.unwrap(), Status::Open);
    economy.coordinator.propose(&batch, deliveries).await.unwrap();
    adversary.accuse_member().await;
    adversary.accuse_coordinator().await;
    adversary.accuse_proposal().await;
    assert_eq!(standing(&economy, domain).await, honest);
    assert_eq!(economy.watcher.status(round).await.unwrap(), Status::Proposed);

    goes_on(&economy, domain, round).await;
    // It is the branch alone: two of this one are taken.
    let (member, new) = (economy.owners[0].address(), &adversary.new);
    let call = adversary.equivocation(&new.submissions[0], &new.long).abi_encode();
    assert!(adversary.bring(&call.into()).await);
    assert_eq!(economy.stake(member).await, U256::ZERO);
}

/// The round is settled: everybody is paid, the model advances, and all stake is there.
async fn goes_on(economy: &Economy, domain: u64, round: u64) {
    economy.pass(HOUR + 1).await;
    let settled = economy.coordinator.settle(round).await.unwrap();
    assert_eq!(settled.round, round);
    assert_eq!(economy.watcher.status(round).await.unwrap(), Status::Settled);
    assert_eq!(economy.watcher.head(domain).await.unwrap(), keccak256("kept"));
    let token = economy.at.reward_token;
    let mut paid = U256::ZERO;
    for client in economy.owners.iter().chain([&economy.coordinator]) {
        let owed = client.owed(token, client.address()).await.unwrap();
        assert!(!owed.is_zero());
        paid += owed;
    }
    assert!(paid <= tokens(BUDGET));
    for owner in &economy.owners {
        assert_eq!(economy.stake(owner.address()).await, tokens(TRAINER_BOND));
    }
}
