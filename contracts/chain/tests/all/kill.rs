//! Processes that are killed at any moment leave whole chains and send nothing twice.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::net::TcpListener;
use zktrain_chain::protocol::Client;
use zktrain_chain::{Chain, Endpoint, Outbox, Sender};
use zktrain_devnet::{EmbeddedNode, serve};
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::typed::Submission;
use zktrain_ledger::{Deployment, SignedSubmission};
use zktrain_testchains::economy::{Economy, TRAINER_BOND, plain_key, tokens};
use zktrain_testchains::gate::{Gate, Stop};
use zktrain_testchains::{Backend, CHAIN, RICH, genesis};

const NOBODY: Address = Address::repeat_byte(0x42);
/// The variables that tell a child what to do.
const ENDPOINT: &str = "ZKTRAIN_TEST_ENDPOINT";
const FOLDER: &str = "ZKTRAIN_TEST_FOLDER";
const NAME: &str = "ZKTRAIN_TEST_NAME";

fn sender(chain: Chain, folder: &Path) -> Sender {
    sender_of(RICH.parse().unwrap(), chain, folder)
}

fn sender_of(signer: PrivateKeySigner, chain: Chain, folder: &Path) -> Sender {
    let outbox = Outbox::new(folder, CHAIN, signer.address()).unwrap();
    Sender::new(chain, signer, outbox)
}

/// What a child is told.
fn told() -> (Endpoint, PathBuf, String) {
    let variable = |name| std::env::var(name).unwrap();
    (variable(ENDPOINT).parse().unwrap(), variable(FOLDER).into(), variable(NAME))
}

/// Pays a wei at a time, for ever.
#[tokio::test]
#[ignore = "what the processes that are killed do"]
async fn pay_until_killed() {
    let (endpoint, folder, name) = told();
    let sender = sender(endpoint.connect(&genesis()).await.unwrap(), &folder);
    for index in 0.. {
        sender.pay(&format!("{name}/{index}"), NOBODY, U256::from(1)).await.unwrap();
    }
}

fn child(endpoint: &str, folder: &Path, name: &str) -> Child {
    child_of("pay_until_killed", endpoint, folder, name)
}

/// A process that does this.
fn child_of(test: &str, endpoint: &str, folder: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("kill::{test}"), "--ignored"])
        .env(ENDPOINT, endpoint)
        .env(FOLDER, folder)
        .env(NAME, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills, and says whether it was still running: children must not end by themselves.
fn kill(mut child: Child) {
    assert!(child.try_wait().unwrap().is_none(), "a child failed");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What was sent is on the chain, once; what was stored is sent.
async fn check(sender: &Sender, names: &[&str]) {
    for (key, fate) in sender.finish().await.unwrap() {
        assert!(fate.is_ok(), "{key}: {fate:?}");
    }
    let provider = sender.chain().provider();
    let count = provider.get_transaction_count(sender.address()).await.unwrap();
    assert!(count > 0);
    let paid = provider.get_balance(NOBODY).await.unwrap();
    assert_eq!(paid, U256::from(count));
    let mut keys = 0;
    for name in names {
        // Keys that were used are found; the first that was not is sent.
        for index in 0.. {
            let before = provider.get_transaction_count(sender.address()).await.unwrap();
            sender.pay(&format!("{name}/{index}"), NOBODY, U256::from(1)).await.unwrap();
            let after = provider.get_transaction_count(sender.address()).await.unwrap();
            if after > before {
                break;
            }
            keys += 1;
        }
    }
    assert_eq!(keys, count);
}

/// Blocks that follow each other, from the first to the latest.
async fn check_blocks(chain: &Chain) {
    let latest = chain.provider().get_block_number().await.unwrap();
    let mut parent = B256::ZERO;
    for number in 0..=latest {
        let block = chain.provider().get_block_by_number(BlockNumberOrTag::Number(number));
        let header = block.await.unwrap().unwrap().header;
        assert_eq!((header.number, header.parent_hash), (number, parent));
        assert_eq!(header.inner.hash_slow(), header.hash);
        parent = header.hash;
    }
}

#[tokio::test]
async fn a_process_that_is_its_own_chain_is_killed() {
    let folder = TempDir::new().unwrap();
    let endpoint = format!("embedded:{}", folder.path().join("chain.redb").display());
    for round in 0..12 {
        let child = child(&endpoint, folder.path(), "a");
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        kill(child);
    }
    let endpoint: Endpoint = endpoint.parse().unwrap();
    let chain = endpoint.connect(&genesis()).await.unwrap();
    check_blocks(&chain).await;
    check(&sender(chain, folder.path()), &["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_an_account_are_killed() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(EmbeddedNode::in_memory(genesis()).unwrap(), listener));
    for round in 0..6 {
        let children = ["a", "b"].map(|name| child(&url, folder.path(), name));
        for child in children {
            tokio::time::sleep(Duration::from_millis(700 + 91 * round)).await;
            kill(child);
        }
    }
    let chain = Chain::http(&url).await.unwrap();
    check(&sender(chain, folder.path()), &["a", "b"]).await;
}

/// What a challenger has: its key, and what somebody has signed.
#[derive(Serialize, Deserialize)]
struct Case {
    at: Deployment,
    key: B256,
    both: [SignedSubmission; 2],
}

/// Brings one case's evidence.
#[tokio::test]
#[ignore = "what the processes that are killed do"]
async fn challenge_until_killed() {
    let (endpoint, folder, name) = told();
    let case = std::fs::read(folder.join(name)).unwrap();
    let Case { at, key, both } = serde_json::from_slice(&case).unwrap();
    let signer = PrivateKeySigner::from_bytes(&key).unwrap();
    let sender = sender_of(signer, endpoint.connect(&genesis()).await.unwrap(), &folder);
    let client = Client::new(sender, at, "").unwrap();
    client.challenge_equivocation(both.each_ref()).await.unwrap();
}

/// A round whose members have all signed twice, on a chain that other processes see at this address.
async fn equivocated(members: usize) -> (Economy, String, Vec<[SignedSubmission; 2]>) {
    let node = EmbeddedNode::in_memory(genesis()).unwrap();
    let economy = Economy::new(Backend::on(&node).await, members).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(node, listener));
    let domain = economy.domain(keccak256("domain"), &plain_key(), keccak256("first model")).await;
    for owner in &economy.owners {
        owner.stake(tokens(TRAINER_BOND)).await.unwrap();
        owner.join(domain, keccak256(owner.address()), 3).await.unwrap();
    }
    let round = economy.open(domain, &(0..members).collect::<Vec<_>>()).await;
    economy.coordinator.draw(round).await.unwrap();
    let mut cases = Vec::new();
    for owner in &economy.owners {
        let submission = |what: &str| {
            let update = keccak256(what);
            Submission::new(round, owner.address(), b"statement", what.as_bytes(), update)
        };
        cases.push([
            owner.sign_submission(submission("a")).await.unwrap(),
            owner.sign_submission(submission("b")).await.unwrap(),
        ]);
    }
    (economy, address, cases)
}

/// Waits for a process to end as it should.
async fn ends(mut child: Child) {
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.unwrap();
    assert!(ended.unwrap().success());
}

/// A commitment without its secret is a bounty for nobody. The secret follows from the key and the
/// evidence, and the commitment is in the outbox before a node has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenger_that_is_killed_reveals_what_it_has_committed_to_and_is_paid() {
    // Killed before each of its requests that count, with so many commitments on the chain.
    let stops = [
        (Stop { method: "eth_sendRawTransaction", time: 1 }, 0),
        (Stop { method: "evm_mine", time: 1 }, 1),
        (Stop { method: "eth_sendRawTransaction", time: 2 }, 1),
    ];
    let (economy, address, cases) = equivocated(stops.len()).await;
    let (watcher, folder) = (&economy.watcher, economy.backend.folder.path());
    let committed = async || {
        let found = watcher.events::<Slashing::Committed>(economy.at.slashing, None).await.unwrap();
        found.iter().map(|event| event.commitment).collect::<Vec<_>>()
    };
    for (index, ((stop, sent), both)) in stops.into_iter().zip(cases).enumerate() {
        let guilty = both[0].submission.member;
        let (at, key) = (economy.at.clone(), watcher.sender().signer().to_bytes());
        let name = format!("case{index}");
        let case = serde_json::to_vec(&Case { at, key, both }).unwrap();
        std::fs::write(folder.join(&name), case).unwrap();
        let before = economy.balance(watcher.address()).await;

        let gate = Gate::new(&address, stop).await;
        let child = child_of("challenge_until_killed", &gate.url, folder, &name);
        gate.reached().await;
        kill(child);
        let left = committed().await;
        assert_eq!(left.len(), index + sent);
        assert_eq!(economy.stake(guilty).await, tokens(TRAINER_BOND), "nothing is revealed");
        assert_eq!(economy.balance(watcher.address()).await, before);

        ends(child_of("challenge_until_killed", &format!("http://{address}"), folder, &name)).await;
        let all = committed().await;
        assert_eq!(all.len(), index + 1, "committed to once");
        assert_eq!(all[..left.len()], left);
        assert_eq!(economy.stake(guilty).await, U256::ZERO);
        let bounty = economy.balance(watcher.address()).await - before;
        assert_eq!(bounty, tokens(TRAINER_BOND) / U256::from(2));
    }
}
