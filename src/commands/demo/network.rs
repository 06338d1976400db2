//! `zktrain demo`: a whole network on one machine, with real processes, data, proofs and payments.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use zktrain_chain::amount;
use zktrain_project::files::{self, Access};
use zktrain_statement::compressed::ProofSystem;

use super::Args;
pub(super) use super::crash::COORDINATOR;
use super::crash::Crashes;
use super::prepare::BUDGET;
use super::process::{Process, Shell};
use crate::error::Error;
use crate::ui::{Report, Ui, field, percent, success};

/// Owners and their shares of the data, in percent; the rest is held out by the coordinator.
pub(super) const OWNERS: [(&str, usize); 5] =
    [("alice", 28), ("bob", 20), ("carol", 13), ("dave", 10), ("erin", 9)];
/// Who drops out, who claims another update than it proves, and who uploads another vector than
/// that of its update; each in a round of theirs.
const DROPS_OUT: (&str, u64) = ("dave", 2);
const CHEATS: (&str, u64) = ("erin", 3);
const SPOILS: (&str, u64) = ("carol", 5);
const PASSWORD: &str = "a password for a demonstration";
/// How long a round may take here before something is wrong.
const PATIENCE: Duration = Duration::from_secs(240);

/// What the network did.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkReport {
    /// Where everything is.
    #[serde(serialize_with = "crate::ui::tell")]
    pub dir: PathBuf,
    /// Rounds, as the coordinator tells of them.
    pub rounds: Vec<Value>,
    /// What each owner has in the end: name and balance.
    pub balances: Vec<(String, String)>,
    /// Options that pin what an audit from files alone rests on: what was made here.
    pub pins: Vec<String>,
    /// What the auditor says, who has asked the chain's node as well.
    pub audit: Value,
    pub seconds: f64,
}

/// A demonstration's processes and files.
pub(super) struct Network<'a> {
    pub(super) dir: PathBuf,
    pub(super) args: &'a Args,
    /// The system of the domain's proofs.
    pub(super) system: ProofSystem,
    pub(super) shell: Shell,
    pub(super) ui: &'a Ui,
    pub(super) domain: String,
    /// Where the coordinator listens, for owners, and where it gives its measures.
    coordinator: String,
    metrics: String,
}

pub(super) fn free_address() -> Result<String, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::Output)?;
    Ok(listener.local_addr().map_err(Error::Output)?.to_string())
}

impl<'a> Network<'a> {
    fn new(dir: &Path, args: &'a Args, ui: &'a Ui) -> Result<Self, Error> {
        for folder in ["logs", "keys", "data", "chain"] {
            files::create_folder(&dir.join(folder), Access::Public)?;
        }
        let mut shell = Shell::new(dir)?;
        let embedded = "embedded:chain/chain.redb";
        shell.set("ZKTRAIN_CHAIN", args.node.chain.as_deref().unwrap_or(embedded));
        shell.set("ZKTRAIN_DEPLOYMENT", "chain/chain.json");
        shell.set("ZKTRAIN_OUTBOX", "chain/outbox");
        // A test node takes nothing back.
        shell.set("ZKTRAIN_FINALITY", "1");
        shell.set("ZKTRAIN_PASSWORD", PASSWORD);
        let (system, domain) = (args.compress.on_chain()?, String::new());
        let [coordinator, metrics] = [free_address()?, free_address()?];
        Ok(Self { dir: dir.to_owned(), args, system, shell, ui, domain, coordinator, metrics })
    }

    /// A command of somebody's.
    pub(super) fn by(&self, who: &str, args: &[&str]) -> Result<Value, Error> {
        let key = format!("keys/{who}.json");
        self.shell.run(&[args, &["--key", &key]].concat())
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The network while it runs.
struct Running {
    coordinator: Process,
    owners: Vec<(&'static str, Process)>,
    /// An embedded chain.
    _chain: Option<Process>,
}

impl Network<'_> {
    fn start_coordinator(&self, rounds: u64) -> Result<Process, Error> {
        let rounds = rounds.to_string();
        let who = ["coordinator", "--project", COORDINATOR, "--domain", &self.domain];
        let at = [
            "--listen",
            &self.coordinator,
            "--metrics",
            &self.metrics,
            "--key",
            "keys/coordinator.json",
        ];
        let members = ["--set", "members.least=3", "--set", "members.most=5"];
        let pay = ["--budget", BUDGET, "--set", "pay.least=50%", "--set", "pay.full_at=25%"];
        let pace = ["--rounds", &rounds, "--fast-forward", "--gathering", "20s", "--silence", "8s"];
        let timing = ["keys=20s", "shares=20s", "uploads=45s", "confirm=15s", "unmask=15s"];
        let timing: Vec<String> = timing.iter().map(|t| format!("timing.{t}")).collect();
        let timing: Vec<&str> = timing.iter().flat_map(|t| ["--set", t.as_str()]).collect();
        self.shell.start("coordinator", &[&who[..], &at, &members, &pay, &pace, &timing].concat())
    }

    fn start_owner(&self, who: &str, fault: Option<&str>) -> Result<Process, Error> {
        let key = format!("keys/{who}.json");
        let place = ["trainer", "--project", who, "--domain", &self.domain];
        let to = ["--coordinator", &self.coordinator, "--key", &key];
        let fault: Vec<&str> = fault.into_iter().flat_map(|f| ["--misbehave", f]).collect();
        // Far fewer than owners ask for by themselves.
        let policy = ["--set", "policy.least_members=3", "--set", "policy.most_share=67%"];
        self.shell.start(who, &[&place[..], &to, &policy, &fault].concat())
    }

    fn start(&mut self) -> Result<Running, Error> {
        self.ui.headline("4. The network: one process each; proofs and masked updates over QUIC");
        let embedded = self.args.node.chain.is_none();
        let chain = if embedded { Some(self.serve_chain()?) } else { None };
        let coordinator = self.start_coordinator(self.args.rounds)?;
        self.ui.say(
            "  owners accept sums of 3 members, of which one may weigh 67 %: five members are fewer than \
             the 16 (and 25 %) that they ask for by default; set for the demonstration",
        );
        let (listen, metrics) = (&self.coordinator, &self.metrics);
        self.ui.say(&format!("  coordinator {listen} (UDP), http://{metrics}/metrics"));
        let mut owners = Vec::new();
        let faults = [
            (DROPS_OUT, "leave-before-upload"),
            (CHEATS, "wrong-update"),
            (SPOILS, "wrong-vector"),
        ];
        for (who, _) in OWNERS {
            let fault = faults.iter().find(|((whose, _), _)| *whose == who);
            let fault = fault.map(|((_, round), what)| format!("{round}:{what}"));
            owners.push((who, self.start_owner(who, fault.as_deref())?));
        }
        Ok(Running { coordinator, owners, _chain: chain })
    }

    /// Watches the coordinator's account of its rounds until it has ended.
    fn watch(
        &self,
        running: &mut Running,
        rounds: u64,
        mut crashes: Crashes,
    ) -> Result<Vec<Value>, Error> {
        let path = self.dir.join("coordinator/coordinator/rounds.json");
        let (mut seen, mut since) = (Vec::new(), Instant::now());
        while (seen.len() as u64) < rounds {
            let told: Vec<Value> = std::fs::read(&path)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default();
            let told: Vec<Value> = told.into_iter().filter(|r| r["settled"] == true).collect();
            for round in told.iter().skip(seen.len()) {
                self.tell(seen.len() + 1, round);
                since = Instant::now();
            }
            seen = told;
            if since.elapsed() > PATIENCE
                || (running.coordinator.has_ended() && (seen.len() as u64) < rounds)
            {
                return Err(running.coordinator.failed());
            }
            if let Some(crash) = crashes.due(&running.coordinator.said()) {
                self.crash(running, crash.who, rounds - seen.len() as u64)?;
            }
            for (who, process) in &mut running.owners {
                // Who dropped out comes back, as if its machine had been restarted.
                let after = (DROPS_OUT.1..rounds).contains(&(seen.len() as u64));
                if *who == DROPS_OUT.0 && after && process.has_ended() {
                    *process = self.start_owner(who, None)?;
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        running.coordinator.wait(Duration::from_secs(30))?;
        match crashes.left() {
            0 => Ok(seen),
            _ => Err(running.coordinator.failed()),
        }
    }

    /// Kills somebody, and starts it again on what it has on disk.
    fn crash(&self, running: &mut Running, who: &str, rounds: u64) -> Result<(), Error> {
        self.ui.say(&format!("  {who} is killed, and started again"));
        if who == COORDINATOR {
            running.coordinator.kill();
            running.coordinator = self.start_coordinator(rounds)?;
        }
        for (name, process) in &mut running.owners {
            if *name == who {
                process.kill();
                *process = self.start_owner(who, None)?;
            }
        }
        Ok(())
    }

    fn tell(&self, number: usize, round: &Value) {
        let names = |key: &str| -> String {
            let list = round[key].as_array().cloned().unwrap_or_default();
            let names: Vec<String> = list.iter().map(|a| self.name(&text(a))).collect();
            names.join(", ")
        };
        let accuracy = round["accuracy"].as_f64().map_or("–".into(), percent);
        let budget = text(&round["budget"]).parse().map_or("–".into(), amount::show);
        let counted = match names("counted") {
            none if none.is_empty() => "nobody".to_owned(),
            some => some,
        };
        let mut line = format!(
            "  round {number}: budget {budget}; accuracy {accuracy:>7}, loss {:.3}; counted {counted}",
            round["loss"].as_f64().unwrap_or_default(),
        );
        let blamed = round["misdeeds"].as_array().cloned().unwrap_or_default();
        let blamed = blamed.iter().filter(|misdeed| misdeed["kind"] == "Blamed");
        let blamed: Vec<String> = blamed.map(|m| self.name(&text(&m["account"]))).collect();
        let rest = [
            ("missing", names("missing")),
            ("SLASHED", names("slashed")),
            ("SPOILED THE SUM", blamed.join(", ")),
        ];
        for (what, who) in rest {
            if !who.is_empty() {
                line.push_str(&format!("; {what}: {who}"));
            }
        }
        self.ui.say(&line);
    }

    /// Who an address is.
    fn name(&self, address: &str) -> String {
        let keys = self.dir.join("keys");
        let is = |who: &&str| {
            let text = std::fs::read_to_string(keys.join(format!("{who}.json")));
            let plain = address.trim_start_matches("0x").to_lowercase();
            text.is_ok_and(|text| text.to_lowercase().contains(&plain))
        };
        let found = OWNERS.map(|(who, _)| who).into_iter().find(|who| is(who));
        found.map_or_else(|| address.to_owned(), str::to_owned)
    }

    /// What the coordinator has made, as options that pin it. Nonces of rounds are drawn on chain.
    fn own_roots(&self) -> Result<Vec<String>, Error> {
        let own = self.shell.run(&["roots", COORDINATOR])?;
        let options: Vec<String> =
            own["options"].as_array().into_iter().flatten().map(text).collect();
        let pins = options.chunks(2).filter(|pin| pin.first().is_some_and(|o| o != "--nonce"));
        Ok(pins.flatten().cloned().collect())
    }

    /// The contract and the domain, as options that pin them.
    fn contract(&self) -> Result<Vec<String>, Error> {
        let status = self.shell.run(&["chain", "status"])?;
        let pins = [
            ("--rounds", text(&status["rounds"])),
            ("--code-hash", text(&status["rounds_code"])),
            ("--domain", self.domain.clone()),
        ];
        Ok(pins.into_iter().flat_map(|(option, value)| [option.to_owned(), value]).collect())
    }

    fn balances(&self) -> Result<Vec<(String, String)>, Error> {
        let mut all = Vec::new();
        for (who, _) in OWNERS {
            let status = self.by(who, &["chain", "status"])?;
            let (balance, owed) = (text(&status["balance"]), text(&status["owed"]));
            let stake = text(&status["stake"]);
            all.push((who.to_owned(), format!("{balance}, {owed} more owed, {stake} staked")));
        }
        Ok(all)
    }
}

/// Pins of an audit without a node: the export that an audit with one found to be the chain's.
fn files_alone(mut own: Vec<String>, audit: &Value) -> Vec<String> {
    let roots = audit["roots"].as_array().into_iter().flatten();
    for root in roots.filter(|root| root["option"] == "--export-hash") {
        own.extend(["--export-hash".to_owned(), text(&root["value"])]);
    }
    own
}

/// Runs the demonstration.
///
/// # Errors
/// If anything does not go as it should.
pub fn run(args: &Args, ui: &Ui) -> Result<NetworkReport, Error> {
    let started = Instant::now();
    let dir = super::folder(args.out.as_deref())?;
    files::create_folder(&dir, Access::Public)?;
    let dir = dir.canonicalize().map_err(Error::Output)?;
    let mut network = Network::new(&dir, args, ui)?;
    network.prepare()?;
    let mut running = network.start()?;
    let crashes = if args.crashes { Crashes::all() } else { Crashes::default() };
    let rounds = network.watch(&mut running, args.rounds, crashes)?;
    ui.headline("5. Payments");
    let balances = network.balances()?;
    balances.iter().for_each(|(who, has)| ui.say(&format!("  {who:<6} {has}")));
    ui.headline("6. An auditor goes from the final weights back to genesis");
    let lineage = dir.join("coordinator/coordinator/lineage");
    let model = dir.join("coordinator/coordinator/model.int.safetensors");
    let [lineage, model] = [lineage, model].map(|path| path.display().to_string());
    let html = dir.join("audit.html").display().to_string();
    let own = network.own_roots()?;
    ui.say(&format!("  who knows from the coordinator: {}", own.join(" ")));
    let pins: Vec<&str> = own.iter().map(String::as_str).collect();
    let files: [&str; 7] = ["audit", &model, "--lineage", &lineage, "--html", &html, "--strict"];
    let node = ["--chain", network.shell.get("ZKTRAIN_CHAIN")];
    let contract = network.contract()?;
    let contract: Vec<&str> = contract.iter().map(String::as_str).collect();
    let audit = network.shell.run(&[&files[..], &pins, &node, &contract].concat())?;
    drop(running);
    let pins = files_alone(own, &audit);
    Ok(NetworkReport {
        dir,
        rounds,
        balances,
        pins,
        audit,
        seconds: started.elapsed().as_secs_f64(),
    })
}

impl Report for NetworkReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let accuracy = |round: Option<&Value>| {
            round.and_then(|r| r["accuracy"].as_f64()).map_or("–".into(), percent)
        };
        let [first, last] = [self.rounds.first(), self.rounds.last()].map(accuracy);
        writeln!(out)?;
        success(
            out,
            format!(
                "{} rounds in {:.0} s; accuracy on rows that nobody trained on {first} → {last}; \
                 audited back to genesis",
                self.rounds.len(),
                self.seconds
            ),
        )?;
        let coordinator = self.dir.join("coordinator/coordinator");
        field(out, "model", coordinator.join("model.int.safetensors").display())?;
        field(out, "lineage", coordinator.join("lineage").display())?;
        field(out, "audit", self.dir.join("audit.html").display())?;
        field(out, "loss curve", coordinator.join("loss.svg").display())?;
        field(out, "logs", self.dir.join("logs").display())?;
        writeln!(
            out,
            "  try: zktrain audit {} --lineage {} {}",
            coordinator.join("model.int.safetensors").display(),
            coordinator.join("lineage").display(),
            self.pins.join(" ")
        )
    }
}
