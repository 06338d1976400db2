//! Processes that are killed at any moment leave whole chains and send nothing twice.

mod backend;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, U256};
use alloy::providers::Provider;
use backend::{CHAIN, RICH, genesis};
use tempfile::TempDir;
use tokio::net::TcpListener;
use zktrain_contracts::chain::{Chain, Endpoint, Outbox, Sender};
use zktrain_contracts::node::{Node, serve};

const NOBODY: Address = Address::repeat_byte(0x42);
/// The variables that tell a child what to do.
const ENDPOINT: &str = "ZKTRAIN_TEST_ENDPOINT";
const FOLDER: &str = "ZKTRAIN_TEST_FOLDER";
const NAME: &str = "ZKTRAIN_TEST_NAME";

fn sender(chain: Chain, folder: &Path) -> Sender {
    let signer: alloy::signers::local::PrivateKeySigner = RICH.parse().unwrap();
    let outbox = Outbox::new(folder, CHAIN, signer.address()).unwrap();
    Sender::new(chain, signer, outbox)
}

/// Pays a wei at a time, for ever.
#[tokio::test]
#[ignore = "what the processes that are killed do"]
async fn pay_until_killed() {
    let variable = |name| std::env::var(name).unwrap();
    let endpoint: Endpoint = variable(ENDPOINT).parse().unwrap();
    let (folder, name) = (PathBuf::from(variable(FOLDER)), variable(NAME));
    let sender = sender(endpoint.connect(genesis()).await.unwrap(), &folder);
    for index in 0.. {
        sender.pay(&format!("{name}/{index}"), NOBODY, U256::from(1)).await.unwrap();
    }
}

fn child(endpoint: &str, folder: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pay_until_killed", "--ignored"])
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
    let chain = endpoint.connect(genesis()).await.unwrap();
    check_blocks(&chain).await;
    check(&sender(chain, folder.path()), &["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_an_account_are_killed() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(Node::in_memory(genesis()).unwrap(), listener));
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
