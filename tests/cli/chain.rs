//! `zktrain chain`, as its users go through it: keys, stake, a domain, rounds with real proofs,
//! payment, evidence; on an embedded chain, one process a command.

use crate::project;

use std::path::PathBuf;

use alloy::primitives::{B256, Bytes, keccak256};
use project::{PASSWORD, Project};
use serde_json::{Value, json};
use zktrain_chain::keystore::{self, Password};
use zktrain_chain::protocol::Client;
use zktrain_chain::{Chain, Outbox, Sender};
use zktrain_cli::chain::{Connection, block_on};
use zktrain_devnet::EmbeddedNode;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::typed::{Receipt, Submission};
use zktrain_ledger::{Deployment, typed};

/// A project with registered data, contracts, and three accounts with keys.
struct Story {
    project: Project,
    alice: String,
}

impl Story {
    fn begin() -> Self {
        let project = Project::trained(1);
        let key = |name: &str| {
            let made = project.json(&["chain", "key", "new", &format!("{name}.json")]);
            made["address"].as_str().unwrap().to_owned()
        };
        let [_, alice, watcher] = ["coordinator", "alice", "watcher"].map(key);
        let story = Self { project, alice };
        story.json("coordinator", &["deploy"]);
        for account in [&story.alice, &watcher] {
            story.json("coordinator", &["transfer", account, "100"]);
        }
        story.json("coordinator", &["stake", "1000"]);
        story.json("alice", &["stake", "10"]);
        story
    }

    fn args<'a>(who: &'a str, args: &[&'a str]) -> Vec<String> {
        let command = std::iter::once("chain").chain(args.iter().copied()).map(str::to_owned);
        command.chain(["--key".to_owned(), format!("{who}.json")]).collect()
    }

    /// A command of somebody's that succeeds.
    fn json(&self, who: &str, args: &[&str]) -> Value {
        let args = Self::args(who, args);
        self.project.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// One that fails.
    fn fails(&self, who: &str, args: &[&str]) -> String {
        let args = Self::args(who, args);
        self.project.fails(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Opens a domain that Alice joins, and a round in it; their numbers.
    fn round(&self, mode: &[&str]) -> (String, String) {
        let open = ["domain", "open", "p", "--min-members", "1", "--challenge-window", "1h"];
        let domain = self.json("coordinator", &[&open[..], mode].concat())["domain"].to_string();
        self.json("coordinator", &["domain", "fund", &domain, "100"]);
        self.json("alice", &["join", &domain, "p"]);
        assert!(self.has_record(&domain), "a new member may work in the next round at once");
        let opened = self.json(
            "coordinator",
            &["open", &domain, "--member", &self.alice, "--budget", "25", "--duration", "1h"],
        );
        (domain, opened["round"].to_string())
    }

    /// Whether there is a record of what Alice has signed in a domain.
    fn has_record(&self, domain: &str) -> bool {
        self.record(domain).is_some()
    }

    fn record(&self, domain: &str) -> Option<PathBuf> {
        let outbox = self.project.folder.path().join("chain/chain.outbox");
        let own = format!("-{}", self.alice).to_lowercase();
        let folders = std::fs::read_dir(outbox).unwrap().map(|entry| entry.unwrap().path());
        let mut own = folders.filter(|path| path.to_string_lossy().to_lowercase().ends_with(&own));
        let files = std::fs::read_dir(own.next().unwrap()).unwrap();
        let is_record = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("signed-") && name.ends_with(&format!("-{domain}.log"))
        };
        files.map(|entry| entry.unwrap().path()).find(is_record)
    }

    /// Lets time pass on the chain.
    fn pass(&self, seconds: u64) {
        let path = self.project.folder.path().join("chain/chain.redb");
        let node = EmbeddedNode::open(&path, Connection::genesis()).unwrap();
        node.answer("evm_increaseTime", &json!([seconds])).unwrap();
        node.answer("evm_mine", &json!([])).unwrap();
    }

    /// What only a program of one's own signs: with somebody's key, for a round.
    fn signed<P: typed::StakedMessage>(&self, who: &str, round: &str, what: &P) -> Bytes {
        let folder = self.project.folder.path();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let at: Deployment = serde_json::from_str(&read("chain/chain.json")).unwrap();
        let password = Password::new(PASSWORD.to_owned()).unwrap();
        let key = keystore::open(&folder.join(format!("{who}.json")), &password).unwrap();
        let status = self.json("watcher", &["status", "--round", round]);
        let nonce: B256 = status["nonce"].as_str().unwrap().parse().unwrap();
        typed::Scope::new(at.chain_id, at.rounds, nonce).sign(what, &key).unwrap()
    }

    /// Alice's submission with something else in it, signed by her.
    fn forged(&self, round: &str, file: &Value, change: impl FnOnce(&mut Submission)) -> Value {
        let mut said: Submission =
            serde_json::from_value(file["signed"]["submission"].clone()).unwrap();
        change(&mut said);
        let signature = self.signed("alice", round, &said);
        let mut file = file.clone();
        file["signed"] = json!({"submission": said, "signature": signature});
        file
    }

    fn read(&self, name: &str) -> Value {
        let path = self.project.folder.path().join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.project.folder.path().join(name), value.to_string()).unwrap();
    }

    /// Alice's work for a round, handed in to the coordinator; the submission's file.
    fn delivered(&self, round: &str) -> String {
        let proven = self.json("alice", &["work", round, "p"]);
        let submitted = self.json("alice", &["submit", proven["proof"].as_str().unwrap()]);
        submitted["submission"].as_str().unwrap().to_owned()
    }

    fn balance(&self) -> String {
        self.json("alice", &["status"])["balance"].as_str().unwrap().to_owned()
    }
}

#[test]
fn work_is_proven_checked_settled_and_paid() {
    let story = Story::begin();
    let (domain, round) = story.round(&[]);
    let proven = story.json("alice", &["work", &round, "p"]);
    let proof = proven["proof"].as_str().unwrap();
    // Nothing is written over, and nothing sent or signed first.
    let again = story.fails("alice", &["work", &round, "p"]);
    assert!(again.contains("exists already") && again.contains("slashed"), "{again}");
    let other = story.fails("alice", &["submit", proof, "--out", "p/manifest.toml"]);
    assert!(other.contains("p/manifest.toml exists already"), "{other}");
    let submitted = story.json("alice", &["submit", proof]);
    assert!(submitted["gas"].as_u64().unwrap() > 500_000, "the contract has checked it");
    let again = story.fails("alice", &["submit", proof]);
    assert!(again.contains("AlreadyDelivered"), "{again}");
    let submission = submitted["submission"].as_str().unwrap();
    let propose = ["propose", &round, "p", submission, "--model", "p/model.int.safetensors"];
    let other = story.fails("coordinator", &[&propose[..], &["--out", submission]].concat());
    assert!(other.contains("exists already"), "{other}");
    let propose = [&propose[..], &["--out", "batch.json"]].concat();
    let proposed = story.json("coordinator", &propose);
    let early = story.fails("watcher", &["settle", &round]);
    assert!(early.contains("TooEarly"), "{early}");
    // What shows nothing is found to before its commitment is paid for.
    let ether = || story.json("watcher", &["status"])["ether"].clone();
    let before = ether();
    let honest = story.fails("watcher", &["challenge", "proof", submission]);
    assert!(honest.contains("ProofIsValid"), "{honest}");
    assert_eq!(ether(), before, "nothing was sent");
    let right = story.fails("watcher", &["challenge", "aggregate", "batch.json"]);
    assert!(right.contains("its sum is right"), "{right}");
    story.pass(3601);
    let settled = story.json("watcher", &["settle", &round]);
    assert_eq!(settled["model"], proposed["model"]);
    assert_eq!(story.balance(), "90 ZKT");
    // 50, less a tenth for the coordinator, less a hundredth that is burned.
    let claimed = story.json("alice", &["claim"]);
    assert_eq!(claimed["balance"], "112.275 ZKT", "{claimed}");
    assert!(story.fails("alice", &["claim"]).contains("NothingOwed"));
    let status = story.json("watcher", &["status", "--domain", &domain]);
    assert!(status["model"].as_str().unwrap().starts_with("version 1"), "{status}");
    let reputation = status["reputation"][0].as_str().unwrap();
    assert!(reputation.contains(&story.alice) && reputation.contains('█'), "{reputation}");
    let status = story.json("watcher", &["status", "--round", &round]);
    assert!(status["done"].as_str().unwrap().contains("settled"), "{status}");
}

#[test]
fn fraud_is_shown_with_files_and_pays() {
    let story = Story::begin();
    let (domain, round) = story.round(&["--optimistic"]);
    let late = story.fails("watcher", &["challenge", "late", &round]);
    assert!(late.contains("NotLate"), "{late}");
    story.json("alice", &["work", &round, "p", "--out", "a.proof"]);
    story.json("alice", &["work", &round, "p", "--out", "b.proof"]);
    let source = ["--manifest", "p/manifest.toml", "--srs", "p/srs.bin"];
    let submit = |proof: &'static str, out: &'static str, more: &[&'static str]| {
        [&["submit", proof, "--out", out][..], &source[..], more].concat()
    };
    let folder = story.project.folder.path();
    // A trainer of hers has the record, while it runs.
    let record = story.record(&domain).unwrap();
    let trainer = zktrain_project::files::lock(&record.with_extension("lock")).unwrap();
    let busy = story.fails("alice", &submit("a.proof", "a.json", &[]));
    assert!(busy.contains(".lock") && !folder.join("a.json").exists(), "{busy}");
    drop(trainer);
    let signed = story.json("alice", &submit("a.proof", "a.json", &[]));
    assert!(signed.get("gas").is_none(), "signed, not sent");
    let second = story.fails("alice", &submit("b.proof", "b.json", &[]));
    assert!(second.contains("another submission was signed"), "{second}");
    assert!(!folder.join("b.json").exists());
    // Another machine does not know of it.
    story.json("alice", &submit("b.proof", "b.json", &["--outbox", "elsewhere"]));
    // A submission whose bytes are not what was signed is no evidence, and is not proposed.
    let text = std::fs::read_to_string(folder.join("a.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let hex = file["proof"].as_str().unwrap().to_owned();
    file["proof"] = format!("{}00", &hex[..hex.len() - 2]).into();
    std::fs::write(folder.join("c.json"), file.to_string()).unwrap();
    let refused = story.fails("watcher", &["challenge", "proof", "c.json"]);
    assert!(refused.contains("NotWhatWasSigned"), "{refused}");
    let propose = ["propose", &round, "p", "c.json", "--model", "p/model.int.safetensors"];
    let refused = story.fails("coordinator", &[&propose[..], &["--out", "batch.json"]].concat());
    assert!(refused.contains("signature"), "{refused}");
    // A signed proof that does not hold is not proposed either, and is evidence.
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut proof = hex::decode(&hex[2..]).unwrap();
    proof[100] ^= 1;
    let mut file = story.forged(&round, &file, |said| said.proof = keccak256(&proof));
    file["proof"] = Bytes::from(proof).to_string().into();
    story.write("d.json", &file);
    let propose = ["propose", &round, "p", "d.json", "--model", "p/model.int.safetensors"];
    let refused = story.fails("coordinator", &[&propose[..], &["--out", "batch.json"]].concat());
    assert!(refused.contains("d.json: the contract refuses"), "{refused}");
    assert!(!folder.join("batch.json").exists());
    // What its owner would sign is checked first.
    let mut damaged = std::fs::read(folder.join("a.proof")).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(folder.join("damaged.proof"), damaged).unwrap();
    let refused = story.fails("alice", &[&["submit", "damaged.proof"], &source[..]].concat());
    assert!(refused.contains("the contract refuses"), "{refused}");
    assert!(!folder.join("damaged.submission.json").exists());
    let same = story.fails("watcher", &["challenge", "equivocation", "a.json", "a.json"]);
    assert!(same.contains("NotTwo"), "{same}");
    let slashed = story.json("watcher", &["challenge", "equivocation", "a.json", "b.json"]);
    assert_eq!(slashed["balance"], "105 ZKT (5 ZKT more)");
    let status = story.json("alice", &["status"]);
    assert_eq!((&status["stake"], &status["answers_for"]), (&json!("0 ZKT"), &json!("0 ZKT")));
    story.pass(3601);
    let late = story.fails("watcher", &["challenge", "late", &round]);
    assert!(late.contains("NotLate") && late.contains("hint"), "a day is left to propose: {late}");
    story.pass(24 * 3600);
    let slashed = story.json("watcher", &["challenge", "late", &round]);
    assert_eq!(slashed["balance"], "155 ZKT (50 ZKT more)");
}

#[test]
fn an_audit_is_drawn_and_answered_before_a_round_is_settled() {
    let story = Story::begin();
    let (_, round) = story.round(&["--optimistic"]);
    // As long as somebody could deliver, nothing is signed without it.
    let none = ["propose", &round, "p", "--out", "none.json"];
    let early = story.fails("coordinator", &none);
    assert!(early.contains("0 of 1 members have delivered") && early.contains("20"), "{early}");
    assert!(!story.project.folder.path().join("none.json").exists());
    let submission = story.delivered(&round);
    let propose = ["propose", &round, "p", &submission, "--model", "p/model.int.safetensors"];
    let proposed = story.json("coordinator", &[&propose[..], &["--out", "batch.json"]].concat());
    assert_eq!(proposed["then"], format!("zktrain chain audit {round}"));
    let unaudited = story.fails("watcher", &["challenge", "unaudited", &round]);
    assert!(unaudited.contains("NotLate"), "{unaudited}");
    story.pass(3601);
    let settle = ["settle", &round];
    let pending = story.fails("watcher", &settle);
    assert!(pending.contains("its audit is not drawn"), "{pending}");
    assert!(pending.contains(&format!("zktrain chain audit {round}")), "a way out: {pending}");
    let drawn = story.json("watcher", &["audit", &round]);
    assert_eq!(drawn["audited"], json!([story.alice]));
    let again = story.json("watcher", &["audit", &round]);
    assert!(again["done"].as_str().unwrap().contains("no audit to be drawn"), "{again}");
    let pending = story.fails("watcher", &settle);
    assert!(
        pending.contains("1 demands are open") && pending.contains("chain answer"),
        "{pending}"
    );
    // Demands of one's own are for the challenge window.
    let late = story.fails("watcher", &["demand", &round, &story.alice, "--most", "1"]);
    assert!(late.contains("TooLate"), "{late}");
    let answered = story.json("coordinator", &["answer", &submission]);
    assert!(answered["gas"].as_u64().unwrap() > 500_000, "the contract has checked it");
    let status = story.json("watcher", &["status", "--round", &round]);
    let demand = status["demands"][0].as_str().unwrap();
    assert!(demand.contains("by the audit: answered by"), "{status}");
    assert_eq!(status["open_demands"], 0);
    story.json("watcher", &settle);
    assert_eq!(story.json("alice", &["claim"])["balance"], "112.275 ZKT");
}

#[test]
fn a_demand_costs_a_bond_that_somebody_has_agreed_to() {
    let story = Story::begin();
    let (_, round) = story.round(&["--optimistic", "--audits", "0"]);
    let submission = story.delivered(&round);
    // Who says that it delivers more than a transaction can hold answers for that.
    let honest = story.fails("watcher", &["challenge", "too-long", &submission]);
    assert!(honest.contains("NotTooLong"), "{honest}");
    let long = story.forged(&round, &story.read(&submission), |said| said.length = 100_000);
    story.write("long.json", &long);
    let propose = ["propose", &round, "p", &submission, "--model", "p/model.int.safetensors"];
    story.json("coordinator", &[&propose[..], &["--out", "batch.json"]].concat());
    let demand = ["demand", &round, &story.alice];
    let unsaid = story.fails("watcher", &demand);
    assert!(unsaid.contains("takes a bond of 0.") && unsaid.contains("--most 0."), "{unsaid}");
    let less = story.fails("watcher", &[&demand[..], &["--most", "1wei"]].concat());
    assert!(less.contains("you agreed to 0.000000000000000001 ETH"), "{less}");
    let demanded = story.json("watcher", &[&demand[..], &["--most", "1"]].concat());
    let bond = demanded["bond"].as_str().unwrap();
    let collect = ["collect", &round, &story.alice];
    let early = story.fails("watcher", &collect);
    assert!(early.contains("NothingToCollect") && early.contains("hint"), "{early}");
    let open = story.fails("watcher", &["challenge", "unanswered", &round, &story.alice]);
    assert!(open.contains("NotOverdue"), "{open}");
    story.json("coordinator", &["answer", &submission]);
    story.pass(3601);
    story.json("watcher", &["settle", &round]);
    let collected = story.json("watcher", &collect);
    assert_eq!(collected["done"], format!("a bond of {bond} is paid out"));
    assert!(story.fails("watcher", &collect).contains("NothingToCollect"), "once");
    let slashed = story.json("watcher", &["challenge", "too-long", "long.json"]);
    assert_eq!(slashed["balance"], "105 ZKT (5 ZKT more)");
}

/// Without a proof: a receipt is worth as much as the coordinator's bond.
#[test]
fn who_signs_a_receipt_and_leaves_the_submission_out_is_slashed_and_barred() {
    let story = Story::begin();
    let (domain, round) = story.round(&["--optimistic"]);
    let [plan, masked, submission] = [1, 2, 3].map(B256::repeat_byte);
    let (number, member) = (round.parse().unwrap(), story.alice.parse().unwrap());
    let receipt = Receipt { round: number, member, plan, masked, submission, time: 1 };
    for who in ["coordinator", "alice"] {
        let signature = story.signed(who, &round, &receipt);
        let file = json!({"receipt": receipt, "signature": signature});
        story.write(&format!("{who}.receipt.json"), &file);
    }
    story.pass(3601);
    let none = ["propose", &round, "p", "--out", "none.json"];
    let proposed = story.json("coordinator", &none);
    assert!(proposed["done"].as_str().unwrap().contains("has no sum"), "{proposed}");
    let forged = story.fails("watcher", &["challenge", "omitted", "alice.receipt.json"]);
    assert!(forged.contains("WrongSignature"), "{forged}");
    let missing = story.fails("watcher", &["challenge", "omitted", "none.receipt.json"]);
    assert!(missing.contains("receipt.json"), "{missing}");
    let slashed = story.json("watcher", &["challenge", "omitted", "coordinator.receipt.json"]);
    assert_eq!(slashed["balance"], "150 ZKT (50 ZKT more)");
    let status = story.json("watcher", &["status", "--domain", &domain]);
    assert!(status["coordinator"].as_str().unwrap().contains("was slashed"), "{status}");
    let again = story.fails("coordinator", &["open", &domain, "--member", &story.alice]);
    assert!(again.contains("Barred") && again.contains("domain coordinator"), "{again}");
}

#[test]
fn stake_is_delegated_within_limits_that_are_accepted() {
    let story = Story::begin();
    let delegate = ["delegate", &story.alice, "10"];
    let unsaid = story.fails("watcher", &delegate);
    assert!(unsaid.contains("how much you accept") && unsaid.contains("--most 0`"), "{unsaid}");
    let raised = story.json("alice", &["stake", "limit", "5"]);
    let said = raised["done"].as_str().unwrap();
    assert!(
        said.contains("5 ZKT of delegated stake from") && said.contains("with 0 ZKT"),
        "{said}"
    );
    let less = story.fails("watcher", &[&delegate[..], &["--most", "4"]].concat());
    assert!(less.contains("up to 5 ZKT") && less.contains("you accept 4 ZKT"), "{less}");
    story.json("watcher", &[&delegate[..], &["--most", "5"]].concat());
    let status = || story.json("watcher", &["status", "--account", &story.alice]);
    let shown = status();
    assert_eq!((&shown["stake"], &shown["delegated"]), (&json!("10 ZKT"), &json!("10 ZKT")));
    assert_eq!(
        (&shown["your_part"], &shown["delegators_lose_at_most"]),
        (&json!("10 ZKT"), &json!("5 ZKT"))
    );
    // Lower at once.
    story.json("alice", &["stake", "limit", "0"]);
    assert_eq!(status()["delegators_lose_at_most"], "0 ZKT");
    let unstaked = story.json("watcher", &["unstake", "all", "--from", &story.alice]);
    let ticket = unstaked["ticket"].as_str().unwrap();
    let shown = status();
    let line = shown["unbonding"][0].as_str().unwrap();
    assert!(line.starts_with(&format!("ticket {ticket} of")) && line.contains("10 ZKT"), "{line}");
    story.pass(21 * 24 * 3600 + 1);
    story.json("watcher", &["withdraw", ticket]);
    assert_eq!(status()["unbonding"], json!([]));
}

#[test]
fn a_domains_rules_are_checked_before_anything_is_sent_and_its_funds_come_back() {
    let story = Story::begin();
    let open = ["domain", "open", "p", "--min-members", "1"];
    for (rules, why) in [
        (
            &["--optimistic", "--max-budget", "51"][..],
            "50 ZKT or less, a quarter of the coordinator's bond",
        ),
        (&["--optimistic", "--challenge-window", "30m"][..], "1h to 7days"),
        (&["--audits", "2"][..], "--audits: expected none"),
    ] {
        let refused = story.fails("coordinator", &[&open[..], rules].concat());
        assert!(refused.contains(why) && refused.contains("hint"), "{refused}");
    }
    assert_eq!(
        story.json("coordinator", &["status"])["balance"],
        "99998800 ZKT",
        "nothing is paid"
    );
    story.json("coordinator", &open);
    story.json("coordinator", &["domain", "fund", "1", "100"]);
    story.json("watcher", &["domain", "fund", "1", "50"]);
    let active = story.fails("watcher", &["domain", "withdraw", "1"]);
    assert!(active.contains("DomainIsActive") && active.contains("90 days"), "{active}");
    story.json("coordinator", &["domain", "coordinator", "1", &story.alice]);
    story.json("coordinator", &["domain", "offer", "1", &story.alice]);
    let status = |who: &str| story.json(who, &["status", "--domain", "1"]);
    let shown = status("watcher");
    let owner = shown["owner"].as_str().unwrap();
    assert!(owner.ends_with(&format!("who offers it to {}", story.alice)), "{owner}");
    assert_eq!(
        (&shown["coordinator"], &shown["your_part"]),
        (&json!(story.alice), &json!("50 ZKT"))
    );
    let rules = shown["rules"].to_string();
    assert!(rules.contains("may pay anything") && rules.contains("10m or longer"), "{rules}");
    assert!(story.fails("watcher", &["domain", "accept", "1"]).contains("Unauthorized"));
    story.json("alice", &["domain", "accept", "1"]);
    assert!(story.fails("coordinator", &["domain", "close", "1"]).contains("Unauthorized"));
    story.json("alice", &["domain", "close", "1"]);
    // The deposit less the fee is the owner's, and the funds are those of the account that gave
    // them.
    assert_eq!(story.balance(), "990 ZKT");
    let back = story.json("watcher", &["domain", "withdraw", "1"]);
    assert!(back["done"].as_str().unwrap().starts_with("50 ZKT"), "{back}");
    assert_eq!(story.json("watcher", &["status"])["balance"], "100 ZKT");
    assert!(story.fails("watcher", &["domain", "withdraw", "1"]).contains("NothingFunded"));
}

/// Anyone can register a key that names the manifest's spec and accepts other proofs.
#[test]
fn nobody_joins_a_domain_that_checks_with_a_foreign_key() {
    let story = Story::begin();
    let folder = story.project.folder.path();
    story.project.ok(&["keys", "derive", "p", "--contract", "key.bin"]);
    let mut key = std::fs::read(folder.join("key.bin")).unwrap();
    // Two of the circuit's commitments change places: as a key it is well formed.
    let end = key.len();
    let (head, last) = key.split_at_mut(end - 64);
    last.swap_with_slice(&mut head[end - 128..]);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let at: Deployment = serde_json::from_str(&read("chain/chain.json")).unwrap();
    let password = Password::new(PASSWORD.to_owned()).unwrap();
    let coordinator = keystore::open(&folder.join("coordinator.json"), &password).unwrap();
    let domain = block_on(async {
        let node = EmbeddedNode::open(&folder.join("chain/chain.redb"), Connection::genesis())?;
        let chain = Chain::embedded(node.client()).await?;
        let outbox = folder.join("chain/chain.outbox");
        let outbox = Outbox::new(&outbox, chain.id(), coordinator.address()).unwrap();
        let sender = Sender::new(chain, coordinator.clone(), outbox);
        let client = Client::new(sender, at.clone(), "foreign/")?;
        let key = client.register_key(&key).await?;
        let tokens = |n: u128| n * 10u128.pow(18);
        let config = Config {
            manifest: B256::repeat_byte(1),
            verifier: at.verifier,
            key,
            genesis: B256::repeat_byte(2),
            coordinator: client.address(),
            token: at.reward_token,
            optimistic: false,
            challengeWindow: 3600,
            trainerBond: tokens(10),
            coordinatorBond: tokens(100),
            coordinatorShare: 0,
            minMembers: 1,
            maxBudget: tokens(100),
            minBudget: 1,
            minDuration: 600,
            minWindows: 1,
            threshold: 6666,
            audits: 0,
            uri: String::new(),
        };
        Ok(client.open_domain(config).await?)
    });
    let refused = story.fails("alice", &["join", &domain.unwrap().to_string(), "p"]);
    assert!(refused.contains("another key"), "{refused}");
}

#[test]
fn mistakes_are_explained() {
    let story = Story::begin();
    let unstaked = story.json("alice", &["unstake", "4"]);
    let ticket = unstaked["ticket"].as_str().unwrap();
    assert!(story.fails("alice", &["withdraw", ticket]).contains("StillUnbonding"));
    assert!(story.fails("watcher", &["withdraw", ticket]).contains("NotYourTicket"));
    assert!(story.fails("alice", &["unstake", "7"]).contains("are staked"));
    let project = &story.project;
    let usage = |args: &[&str]| {
        let output = project.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(usage(&["chain", "stake", "1,5"]).contains("no amount"));
    assert!(usage(&["chain", "stake"]).contains("AMOUNT"));
    let mistyped = story.alice.to_uppercase().replace("0X", "0x").replacen('A', "a", 1);
    assert!(usage(&["chain", "delegate", &mistyped, "1"]).contains("no address"));
    assert!(project.fails(&["chain", "stake", "1"]).contains("--key"));
    let there = ["chain", "status", "--deployment", "chain/chain.json"];
    let elsewhere = [&there[..], &["--chain", "http://127.0.0.1:1"]].concat();
    assert!(project.fails(&elsewhere).contains("node"));
    let poor = story.fails("alice", &["stake", "1000"]);
    assert!(poor.contains("ERC20InsufficientBalance") && poor.contains("hint"), "{poor}");
    let nowhere = ["chain", "status", "--deployment", "none.json"];
    assert!(project.fails(&nowhere).contains("zktrain chain deploy"));
    let key = std::fs::read_to_string(project.folder.path().join("alice.json")).unwrap();
    assert!(key.contains("\"crypto\""), "a standard keystore");
    assert!(project.fails(&["chain", "key", "new", "alice.json"]).contains("alice.json"));
}

#[test]
fn ether_is_given_away_as_often_as_asked() {
    let project = Project::with_rows(1);
    project.json(&["chain", "key", "new", "rich.json"]);
    let to = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";
    let give = ["chain", "transfer", to, "0.5", "--ether", "--key", "rich.json"];
    for _ in 0..2 {
        let given = project.json(&give);
        assert_eq!(given["done"], format!("0.5 ETH given to {to}"));
        assert_eq!(given["gas"], 21_000);
    }
    let path = project.folder.path().join("chain/chain.redb");
    let node = EmbeddedNode::open(&path, Connection::genesis()).unwrap();
    let balance = node.answer("eth_getBalance", &json!([to, "latest"])).unwrap();
    assert_eq!(balance, "0xde0b6b3a7640000", "one ether");
    drop(node);
    let with = |amount: &str| project.fails(&[&give[..3], &[amount], &give[4..]].concat());
    assert!(with("1000").contains("lack of funds"), "more than it has");
    assert!(with("1 ZKT").contains("no amount"), "no ether");
}
