//! `zktrain demo`: a whole network on one machine, with real processes, data, proofs and payments.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::process::{Process, Shell};
use super::shards;
use crate::error::Error;
use crate::files::{self, Access};
use crate::source::bundled;
use crate::ui::{Report, Ui, field, percent, success};

/// Owners and their shares of the data, in percent; the rest is held out by the operator.
const OWNERS: [(&str, usize); 5] =
    [("alice", 28), ("bob", 20), ("carol", 13), ("dave", 10), ("erin", 9)];
const HELD_OUT: usize = 20;
/// Who drops out, and who claims another update than it proves; each in a round of theirs.
const DROPS_OUT: (&str, u64) = ("dave", 2);
const CHEATS: (&str, u64) = ("erin", 3);
const BATCH: &str = "8";
const STEPS_PER_PROOF: &str = "4";
const PASSWORD: &str = "a password for a demonstration";
/// How long a round may take here before something is wrong.
const PATIENCE: Duration = Duration::from_secs(240);

/// What the network did.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkReport {
    /// Where everything is.
    pub dir: PathBuf,
    /// Rounds, as the coordinator tells of them.
    pub rounds: Vec<Value>,
    /// What each owner has in the end: name and balance.
    pub balances: Vec<(String, String)>,
    /// What the auditor says.
    pub audit: Value,
    /// Seconds in all.
    pub seconds: f64,
}

/// A demonstration's processes and files.
struct Network<'a> {
    dir: PathBuf,
    shell: Shell,
    ui: &'a Ui,
    domain: String,
    coordinator: String,
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::Output)?;
    Ok(listener.local_addr().map_err(Error::Output)?.port())
}

impl<'a> Network<'a> {
    fn new(dir: &Path, ui: &'a Ui) -> Result<Self, Error> {
        for folder in ["logs", "keys", "data", "chain"] {
            files::create_folder(&dir.join(folder), Access::Public)?;
        }
        let mut shell = Shell::new(dir)?;
        shell.set("ZKTRAIN_CHAIN", "embedded:chain/chain.redb");
        shell.set("ZKTRAIN_PASSWORD", PASSWORD);
        let (domain, coordinator) = (String::new(), String::new());
        Ok(Self { dir: dir.to_owned(), shell, ui, domain, coordinator })
    }

    /// A command of somebody's.
    fn by(&self, who: &str, args: &[&str]) -> Result<Value, Error> {
        let key = format!("keys/{who}.json");
        self.shell.run(&[args, &["--key", &key]].concat())
    }

    fn prepare(&mut self) -> Result<(), Error> {
        self.projects()?;
        self.ui.headline("2. Contracts on an embedded chain; everybody stakes");
        let mut addresses = Vec::new();
        for who in ["operator"].into_iter().chain(OWNERS.map(|(who, _)| who)) {
            let made = self.shell.run(&["chain", "key", "new", &format!("keys/{who}.json")])?;
            addresses.push((who, text(&made["address"])));
        }
        self.by("operator", &["chain", "deploy"])?;
        self.by("operator", &["chain", "stake", "2000"])?;
        for (who, address) in addresses.iter().skip(1) {
            self.by("operator", &["chain", "transfer", address, "100"])?;
            self.by(who, &["chain", "stake", "50"])?;
        }
        self.domain()?;
        self.ui.headline("3. Five owners register private data of unequal size, and join");
        for ((who, address), (_, share)) in addresses.iter().skip(1).zip(OWNERS) {
            self.join(who, address)?;
            self.ui.say(&format!("  {who:<6} {share:>2} % of the rows  {address}"));
        }
        Ok(())
    }

    /// The operator's project, and a file of data for each.
    fn projects(&self) -> Result<(), Error> {
        self.ui.headline("1. A model and its scales, from public data");
        let text = bundled("breast_cancer.csv").unwrap_or_default();
        let names = OWNERS.map(|(who, share)| (self.data(who), share));
        let mut parts: Vec<(&Path, usize)> =
            names.iter().map(|(path, share)| (path.as_path(), *share)).collect();
        let held_out = self.data("operator");
        parts.push((&held_out, HELD_OUT));
        shards::write(text, &parts)?;
        let scales = ["--preset", "breast-cancer", "--batch", BATCH, "--momentum", "0.5"];
        let steps = ["--steps-per-proof", STEPS_PER_PROOF, "--lr", "0.125"];
        self.shell.run(&[&["init", "public"], &scales[..], &steps].concat())?;
        let operator = ["init", "operator", "--manifest", "public/manifest.toml"];
        let data = ["--data", "data/operator.csv", "--held-out", "0.8"];
        self.shell.run(&[&operator[..], &data].concat())?;
        self.shell.run(&["srs", "generate", "--power", "16", "--out", "srs.bin"])?;
        std::fs::copy(self.dir.join("srs.bin"), self.dir.join("operator/srs.bin"))
            .map_err(Error::Output)?;
        Ok(())
    }

    fn data(&self, who: &str) -> PathBuf {
        self.dir.join("data").join(format!("{who}.csv"))
    }

    fn domain(&mut self) -> Result<(), Error> {
        let open = ["chain", "domain", "open", "operator", "--optimistic"];
        let rules = ["--challenge-window", "10m", "--min-members", "3"];
        let opened = self.by("operator", &[&open[..], &rules].concat())?;
        self.domain = opened["domain"].to_string();
        self.by("operator", &["chain", "domain", "fund", &self.domain, "1000"])?;
        Ok(())
    }

    fn join(&self, who: &str, address: &str) -> Result<(), Error> {
        let data = format!("data/{who}.csv");
        let project = ["init", who, "--manifest", "operator/manifest.toml", "--data", &data];
        let more = ["--held-out", "0.1", "--srs", "srs.bin", "--prover", address];
        self.shell.run(&[&project[..], &more].concat())?;
        self.shell.run(&["data", "commit", who])?;
        self.by(who, &["chain", "join", &self.domain, who])?;
        Ok(())
    }

    /// From here on the chain is a process that all others talk to.
    fn serve_chain(&mut self) -> Result<Process, Error> {
        let at = format!("127.0.0.1:{}", free_port()?);
        let chain = self.shell.start("chain", &["chain", "serve", "--listen", &at])?;
        self.shell.set("ZKTRAIN_CHAIN", format!("http://{at}"));
        self.shell.set("ZKTRAIN_DEPLOYMENT", "chain/chain.json");
        self.shell.set("ZKTRAIN_OUTBOX", "chain/outbox");
        let until = Instant::now() + Duration::from_secs(20);
        while self.shell.run(&["chain", "status"]).is_err() {
            if Instant::now() > until {
                return Err(chain.failed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(chain)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Runs the demonstration.
///
/// # Errors
/// If anything does not go as it should.
pub fn run(args: &super::Args, ui: &Ui) -> Result<NetworkReport, Error> {
    todo!()
}
impl Report for NetworkReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        todo!()
    }
}
