//! What a client that lives long does: it is paid for each round, signs for nothing that can be taken
//! back, and does not read the whole chain at each look.

use alloy::primitives::{Address, B256, U256, keccak256};
use serde_json::json;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_chain::{Chain, FailureKind, Finality};
use zktrain_devnet::{EmbeddedNode, Genesis, serve};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::typed::Submission;
use zktrain_testchains::Backend;
use zktrain_testchains::economy::{Economy, HOUR, TRAINER_BOND, plain_key, tokens};

/// A domain with all owners as members.
async fn domain(economy: &Economy) -> u64 {
    let domain = economy.domain(keccak256("domain"), &plain_key(), keccak256("first model")).await;
    for owner in &economy.owners {
        join(owner, domain).await;
    }
    domain
}

async fn join(owner: &Client, domain: u64) {
    owner.stake(tokens(TRAINER_BOND)).await.unwrap();
    owner.join(domain, keccak256(owner.address()), 3).await.unwrap();
}

/// One round in which the first owner delivers, to its settlement.
async fn settled_round(economy: &Economy, domain: u64) {
    let coordinator = &economy.coordinator;
    let round = economy.open(domain, &[0]).await;
    coordinator.draw(round).await.unwrap();
    let (member, update) = (economy.owners[0].address(), keccak256(format!("update/{round}")));
    let submission = Submission::new(round, member, b"statement", b"proof", update);
    let deliveries = coordinator.deliveries(round, &[submission]).await.unwrap();
    let (sum, model) = (keccak256(format!("sum/{round}")), keccak256(format!("model/{round}")));
    let batch = coordinator.sign_batch(round, &deliveries, sum, model).await.unwrap();
    coordinator.propose(&batch, deliveries).await.unwrap();
    economy.pass(HOUR + 1).await;
    coordinator.settle(round).await.unwrap();
}

/// What an account can claim, claimed.
async fn claimed(client: &Client, token: Address) -> U256 {
    let owed = client.owed(token, client.address()).await.unwrap();
    assert_eq!(client.claim(token).await.unwrap(), owed);
    owed
}

#[tokio::test]
async fn who_works_in_twenty_rounds_is_paid_twenty_times() {
    let economy = Economy::new(Backend::embedded().await, 1).await;
    let domain = domain(&economy).await;
    // The same amount again, and again: each is money of its own.
    for _ in 0..2 {
        economy.coordinator.fund(domain, tokens(1_000)).await.unwrap();
    }
    let (owner, token) = (&economy.owners[0], economy.at.reward_token);
    let before = economy.balance(owner.address()).await;
    let mut paid = Vec::new();
    for _ in 0..20 {
        settled_round(&economy, domain).await;
        paid.push(claimed(owner, token).await);
        assert!(!claimed(&economy.coordinator, token).await.is_zero());
    }
    assert!(paid.iter().all(|pay| !pay.is_zero()), "{paid:?}");
    let sum: U256 = paid.iter().sum();
    assert_eq!(economy.balance(owner.address()).await, before + sum);
}

#[tokio::test]
async fn who_leaves_a_domain_can_join_it_again() {
    let economy = Economy::new(Backend::embedded().await, 1).await;
    let domain = domain(&economy).await;
    let owner = &economy.owners[0];
    for _ in 0..2 {
        owner.resign(domain).await.unwrap();
        economy.pass(60 * 24 * HOUR).await;
        owner.exit(domain).await.unwrap();
        assert!(economy.watcher.candidates(domain).await.unwrap().is_empty());
        owner.join(domain, keccak256(owner.address()), 3).await.unwrap();
        assert_eq!(economy.watcher.candidates(domain).await.unwrap().len(), 1);
    }
}

/// Anvil, with blocks that count as final as this says.
async fn anvil(finality: &str) -> Backend {
    let mut backend = Backend::anvil().await;
    backend.chain = backend.chain.with_finality(finality.parse().unwrap());
    backend
}

#[tokio::test]
async fn nothing_is_signed_for_a_draw_that_the_chain_takes_back() {
    let economy = Economy::new(anvil("8").await, 1).await;
    let domain = domain(&economy).await;
    let round = economy.open(domain, &[0]).await;
    let owner = &economy.owners[0];
    let members = owner.members(round).await.unwrap().root();
    let undrawn = owner.until_drawn(round).await;
    assert!(matches!(undrawn, Err(ClientError::NotFinal { .. })), "{undrawn:?}");
    let before = economy.backend.ask("evm_snapshot", json!([])).await;
    let nonce = economy.coordinator.draw(round).await.unwrap();
    // It is drawn, and one block deep.
    let early = owner.require_drawn(round, nonce, members).await.unwrap_err();
    assert!(matches!(early, ClientError::NotFinal { .. }), "{early}");
    assert_eq!(early.trouble(), FailureKind::Pending);
    // Another chain has won, on which another block draws.
    assert_eq!(economy.backend.ask("evm_revert", json!([before])).await, json!(true));
    economy.backend.ask("evm_increaseTime", json!([5])).await;
    let again = economy.coordinator.draw(round).await.unwrap();
    assert_ne!(again, nonce);
    let known = economy.coordinator.until_drawn(round).await.unwrap();
    assert_eq!(known.nonce, again);
    // An owner that has begun with the first one finds out before anything is signed.
    let late = owner.require_drawn(round, nonce, members).await.unwrap_err();
    assert!(matches!(late, ClientError::Redrawn { .. }), "{late}");
    let other = owner.require_drawn(round, again, B256::ZERO).await.unwrap_err();
    assert!(matches!(other, ClientError::Redrawn { .. }), "{other}");
    owner.require_drawn(round, again, members).await.unwrap();
}

#[tokio::test]
async fn blocks_that_a_node_calls_safe_are_waited_for() {
    let economy = Economy::new(anvil("safe").await, 1).await;
    let domain = domain(&economy).await;
    let round = economy.open(domain, &[0]).await;
    economy.coordinator.draw(round).await.unwrap();
    assert!(economy.owners[0].drawn(round).await.unwrap().is_none());
    economy.backend.ask("anvil_mine", json!(["0x30"])).await;
    assert!(economy.owners[0].drawn(round).await.unwrap().is_some());
}

#[tokio::test]
async fn test_chains_are_final_at_once_and_others_when_they_say_so() {
    let [embedded, served, anvil] = Backend::all().await;
    assert_eq!(served.chain.finality(), Finality::LATEST);
    assert_eq!(anvil.chain.finality(), Finality::LATEST);
    // Nothing is ever taken back there, and older states are not kept.
    let embedded = embedded.chain.with_finality(Finality::Finalized);
    assert_eq!(embedded.finality(), Finality::LATEST);
    let node = EmbeddedNode::in_memory(Genesis { chain_id: 5, funded: Vec::new() }).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(node, listener));
    let other = Chain::http(&url).await.unwrap();
    assert_eq!((other.finality(), other.final_block().await.unwrap()), (Finality::Safe, 0));
}

/// How many times events are asked for in this.
async fn looks<T>(client: &Client, work: impl Future<Output = T>) -> u64 {
    let before = client.sender().chain().looks();
    work.await;
    client.sender().chain().looks() - before
}

#[tokio::test]
async fn looking_again_reads_the_last_blocks_and_not_the_whole_chain() {
    let mut backend = Backend::anvil().await;
    backend.chain = backend.chain.with_span(100);
    let economy = Economy::new(backend, 2).await;
    let domain = domain(&economy).await;
    let round = economy.open(domain, &[0]).await;
    // Two requests are not enough for so many blocks.
    economy.backend.ask("anvil_mine", json!(["0xe0"])).await;
    // One that knows nothing yet.
    let client = Client::new(economy.backend.rich(), economy.at.clone(), "").unwrap();
    assert_eq!(looks(&client, client.candidates(domain)).await, 3);
    assert_eq!(looks(&client, client.candidates(domain)).await, 1);
    assert_eq!(looks(&client, client.members(round)).await, 1, "its block is known");
    assert_eq!(looks(&client, client.members(round)).await, 0, "its members do not change");
    assert_eq!(looks(&client, client.demanded(round)).await, 3);
    assert_eq!(looks(&client, client.demanded(round)).await, 1);
    economy.backend.ask("anvil_mine", json!(["0x10"])).await;
    assert_eq!(looks(&client, client.candidates(domain)).await, 1);
    assert_eq!(client.candidates(domain).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_read_of_blocks_that_are_taken_back_is_forgotten() {
    let economy = Economy::new(Backend::anvil().await, 2).await;
    let domain = economy.domain(keccak256("domain"), &plain_key(), keccak256("first model")).await;
    join(&economy.owners[0], domain).await;
    let joined = async || {
        let topic = Some(B256::from(U256::from(domain)));
        economy.watcher.events::<Rounds::Joined>(economy.at.rounds, topic).await.unwrap().len()
    };
    let before = economy.backend.ask("evm_snapshot", json!([])).await;
    join(&economy.owners[1], domain).await;
    economy.backend.ask("anvil_mine", json!(["0x100"])).await;
    assert_eq!((joined().await, joined().await), (2, 2));
    assert_eq!(economy.backend.ask("evm_revert", json!([before])).await, json!(true));
    economy.backend.ask("evm_increaseTime", json!([5])).await;
    economy.backend.ask("anvil_mine", json!(["0x200"])).await;
    assert_eq!((joined().await, joined().await), (1, 1));
}
