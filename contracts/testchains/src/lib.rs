//! The chains that tests run on: the embedded one and anvil, through the same code. Nothing but
//! tests imports this.

#![forbid(unsafe_code)]

pub mod economy;
pub mod gate;
pub mod transactions;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy::primitives::{U256, address};
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use serde_json::Value;
use tempfile::TempDir;
use zktrain_chain::{Chain, Outbox, Sender, WaitPolicy};
use zktrain_devnet::{EmbeddedNode, Genesis, serve};

/// The id of all of these chains.
pub const CHAIN: u64 = 31337;
/// The first account of anvil's mnemonic, which has money there.
pub const RICH: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A chain that ends with the test.
pub struct Backend {
    /// What kind of chain it is, for messages.
    pub name: &'static str,
    /// The connection.
    pub chain: Chain,
    /// Where senders keep what they send.
    pub folder: TempDir,
    /// Stopped with the chain.
    _process: Option<Anvil>,
}

/// Anvil, at an address of its own.
pub struct Anvil {
    process: Child,
    /// Where it answers.
    pub url: String,
}

impl Anvil {
    /// Starts it; it answers soon.
    pub fn start() -> Self {
        let program = program();
        assert!(program.exists(), "install anvil: `npm install` in contracts/");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--hardfork", "osaka", "--silent", "--port", &port.to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Anvil {
    /// What was started is npm's wrapper: it passes this signal on, and would leave anvil behind if
    /// it were killed.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// What embedded chains start with: the rich account, as on anvil.
pub fn genesis() -> Genesis {
    let rich = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    Genesis { chain_id: CHAIN, funded: vec![(rich, U256::from(10).pow(U256::from(24)))] }
}

impl Backend {
    /// A chain of this process, in memory.
    pub async fn embedded() -> Self {
        Self::on(&EmbeddedNode::in_memory(genesis()).unwrap()).await
    }

    /// An embedded chain that is there.
    pub async fn on(node: &EmbeddedNode) -> Self {
        let chain = Chain::embedded(node.client()).await.unwrap();
        Self { name: "embedded", chain, folder: TempDir::new().unwrap(), _process: None }
    }

    /// The embedded chain as other processes see it.
    pub async fn served() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(EmbeddedNode::in_memory(genesis()).unwrap(), listener));
        let chain = Chain::http(&url).await.unwrap();
        Self { name: "served", chain, folder: TempDir::new().unwrap(), _process: None }
    }

    /// A chain of anvil's.
    pub async fn anvil() -> Self {
        let anvil = Anvil::start();
        for _ in 0..200 {
            if let Ok(chain) = Chain::http(&anvil.url).await {
                let folder = TempDir::new().unwrap();
                return Self { name: "anvil", chain, folder, _process: Some(anvil) };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("anvil does not answer at {}", anvil.url);
    }

    /// All of them.
    pub async fn all() -> [Self; 3] {
        [Self::embedded().await, Self::served().await, Self::anvil().await]
    }

    /// The account that has money, with the outbox of this folder.
    pub fn rich(&self) -> Sender {
        self.sender(RICH.parse().unwrap())
    }

    /// An account with the outbox of this folder.
    pub fn sender(&self, signer: PrivateKeySigner) -> Sender {
        let outbox = Outbox::new(self.folder.path(), self.chain.id(), signer.address()).unwrap();
        let patience =
            WaitPolicy { give_up_after: Duration::from_secs(30), ..WaitPolicy::default() };
        Sender::new(self.chain.clone(), signer, outbox).with_patience(patience)
    }

    /// A request that only test chains answer.
    pub async fn ask(&self, method: &'static str, params: Value) -> Value {
        self.chain.provider().raw_request(method.into(), params).await.unwrap()
    }
}

/// Anvil, which npm installs beside the contracts.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin/anvil")
}
