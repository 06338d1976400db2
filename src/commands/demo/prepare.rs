//! What a demonstration's network needs before it starts: projects, accounts, a domain, members.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zktrain_chain::amount::parse_address;
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_statement::compressed::ProofSystem;

use super::network::{COORDINATOR, Network, OWNERS, free_address, text};
use super::process::Process;
use super::{purse, shards};
use crate::error::Error;

const HELD_OUT: usize = 20;
/// What the coordinator answers with in each round: twice of what a round pays, as two deliveries of
/// each are audited.
const BOND: &str = "200";
/// The most that a round pays.
pub(super) const BUDGET: &str = "100";

impl Network<'_> {
    /// Gets everything ready.
    ///
    /// # Errors
    /// If anything does not go as it should.
    pub(super) fn prepare(&mut self) -> Result<(), Error> {
        self.projects()?;
        let place = self.args.node.place();
        self.ui.headline(&format!("2. Contracts on {place}; everybody stakes"));
        let addresses = self.accounts()?;
        self.by(COORDINATOR, &["chain", "deploy"])?;
        self.by(COORDINATOR, &["chain", "stake", "2000"])?;
        for (who, address) in addresses.iter().skip(1) {
            self.by(COORDINATOR, &["chain", "transfer", address, "100"])?;
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

    /// Everybody's name and address; accounts of a node get ether from the purse.
    fn accounts(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let mut all = Vec::new();
        for who in [COORDINATOR].into_iter().chain(OWNERS.map(|(who, _)| who)) {
            let made = self.shell.run(&["chain", "key", "new", &format!("keys/{who}.json")])?;
            all.push((who, text(&made["address"])));
        }
        if self.args.node.chain.is_some() {
            let accounts = all.iter().map(|(_, address)| parse_address(address)).collect();
            let accounts: Vec<_> = Result::map_err(accounts, |why| Error::Argument { why })?;
            purse::give(&self.args.node, &self.dir.join("chain/outbox"), &accounts, self.ui)?;
        }
        Ok(all)
    }

    /// The coordinator's project, and a file of data for each.
    fn projects(&self) -> Result<(), Error> {
        self.ui.headline("1. A model and its scales, from public data");
        let names = OWNERS.map(|(who, share)| (self.data(who), share));
        let mut parts: Vec<(&Path, usize)> =
            names.iter().map(|(path, share)| (path.as_path(), *share)).collect();
        let held_out = self.data(COORDINATOR);
        parts.push((&held_out, HELD_OUT));
        shards::write(self.args.model.data(), &parts)?;
        self.shell.run(&[&["init", "public"][..], &self.args.model.options()].concat())?;
        let init = ["init", COORDINATOR, "--manifest", "public/manifest.toml"];
        let data = ["--data", "data/coordinator.csv", "--held-out", "0.8"];
        self.shell.run(&[&init[..], &data].concat())?;
        self.shell.run(&["srs", "generate", "--power", "16", "--out", "srs.bin"])?;
        std::fs::copy(self.dir.join("srs.bin"), self.dir.join("coordinator/srs.bin"))
            .map_err(Error::Output)?;
        if self.system == ProofSystem::Groth16 {
            self.shell.run(&["setup", "insecure", COORDINATOR])?;
        }
        Ok(())
    }

    /// What a domain's Groth16 proofs are made and checked with: the same keys for everybody.
    fn take_keys(&self, who: &str) -> Result<(), Error> {
        let [from, to] =
            [COORDINATOR, who].map(|who| Project::new(&self.dir.join(who)).keys_path());
        files::create_folder(&to, Access::Public)?;
        for name in ["groth16.pk", "groth16.vk"] {
            std::fs::copy(from.join(name), to.join(name)).map_err(Error::Output)?;
        }
        Ok(())
    }

    fn data(&self, who: &str) -> PathBuf {
        self.dir.join("data").join(format!("{who}.csv"))
    }

    fn domain(&mut self) -> Result<(), Error> {
        let open = ["chain", "domain", "open", COORDINATOR, "--compress", self.system.name()];
        let mode: &[&str] = if self.args.eager { &[] } else { &["--optimistic"] };
        let rules = ["--challenge-window", "1h", "--min-members", "3"];
        let more = ["--coordinator-bond", BOND, "--max-budget", BUDGET];
        let opened = self.by(COORDINATOR, &[&open[..], mode, &rules, &more].concat())?;
        self.domain = opened["domain"].to_string();
        self.by(COORDINATOR, &["chain", "domain", "fund", &self.domain, "1000"])?;
        Ok(())
    }

    fn join(&self, who: &str, address: &str) -> Result<(), Error> {
        let data = format!("data/{who}.csv");
        let project = ["init", who, "--manifest", "coordinator/manifest.toml", "--data", &data];
        let more = ["--held-out", "0.1", "--srs", "srs.bin", "--prover", address];
        self.shell.run(&[&project[..], &more].concat())?;
        self.shell.run(&["data", "commit", who])?;
        if self.system == ProofSystem::Groth16 {
            self.take_keys(who)?;
        }
        self.by(who, &["chain", "join", &self.domain, who])?;
        Ok(())
    }

    /// From here on the chain is a process that all others talk to.
    pub(super) fn serve_chain(&mut self) -> Result<Process, Error> {
        let at = free_address()?;
        let chain = self.shell.start("chain", &["chain", "serve", "--listen", &at])?;
        self.shell.set("ZKTRAIN_CHAIN", format!("http://{at}"));
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
