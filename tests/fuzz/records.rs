//! Records that somebody relies on later: secret files of an owner, and what a chain has said, alone
//! and in a lineage that is audited.

use std::path::Path;

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, LogData, U256};
use alloy::sol_types::SolEvent;
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;
use zktrain_audit::lineage::{CHAIN, GENESIS, Lineage, MANIFEST, plan};
use zktrain_audit::{AuditPins, AuditReport};
use zktrain_cli::audit::{Options, audit};
use zktrain_cli::ui::Ui;
use zktrain_ledger::bindings::demands::Demands;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry::DomainOpened;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::IRounds::{Delivery, Member};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::export::{Block, Drawing, ExportedLog, VERSION};
use zktrain_ledger::{ChainExport, Deployment};
use zktrain_project::secrets::{
    DatasetSecret, dataset_bytes, read_dataset, read_key, read_state, write_state,
};
use zktrain_prove::training::RegisteredDataset;
use zktrain_trainer::export::to_int_safetensors;

use super::bytes::alter;
use super::harness::run;
use super::readers::{Kind, Seal, archive_of, file};
use crate::common::made::made;

/// Whose state it is, and after which proof.
const STATE: ([u8; 32], usize) = ([1; 32], 3);

/// Files that nobody but their owner has, who may have them from a damaged disk.
pub fn secrets() -> [Kind; 3] {
    let run = &made().0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    write_state(&path, &STATE.0, STATE.1, &run.start).unwrap();
    let state = std::fs::read(&path).unwrap();
    let dataset = RegisteredDataset::new(run.dataset.windows.clone());
    let data = dataset_bytes(&run.key.spec, &DatasetSecret { dataset, digest: [5; 32] });
    let key = format!("{}\n", "5a".repeat(32)).into_bytes();
    let kind = |name, valid, read, seal| Kind { name, valid: vec![valid], read, seal };
    [
        kind(
            "secret state",
            state,
            |path, bytes| read_state(file(path, bytes), &STATE.0, STATE.1).is_ok(),
            Some(Seal::Secret),
        ),
        kind(
            "secret dataset",
            data,
            |path, bytes| {
                let read = read_dataset(file(path, bytes), &made().0.key.spec);
                read.is_ok_and(|secret| secret.dataset.tree.root() != [0; 32])
            },
            Some(Seal::Secret),
        ),
        kind("local key", key, |path, bytes| read_key(file(path, bytes)).is_ok(), None),
    ]
}

/// What a chain says about a domain, as an auditor gets it.
pub fn chain() -> Kind {
    let valid = vec![serde_json::to_vec(&export()).unwrap()];
    Kind { name: "chain.json", valid, read: read_chain, seal: None }
}

/// An audit of nothing but this file, whose checksum is renewed.
fn read_chain(path: &Path, bytes: &[u8]) -> bool {
    let Some(bytes) = resealed(bytes) else { return false };
    let folder = path.with_extension("lineage");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(CHAIN), bytes).unwrap();
    let report = audited(&folder, file(path, b"model"));
    assert!(report.is_some_and(|report| !report.valid && !report.pinned));
    true
}

fn resealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut export: ChainExport = serde_json::from_slice(bytes).ok()?;
    export.checksum = export.digest().unwrap();
    serde_json::to_vec(&export).ok()
}

fn audited(lineage: &Path, model: &Path) -> Option<AuditReport> {
    let lineage = Lineage::open(lineage).ok()?;
    let pins = AuditPins::default();
    let options = Options { model, srs: None, chain: None, receipts: None, pins };
    audit(&lineage, &options, &Ui { json: true }).ok()
}

fn deployment() -> Deployment {
    let at = Address::repeat_byte;
    Deployment {
        chain_id: 31337,
        block: 1,
        verifier: B256::repeat_byte(1),
        timelock: at(0x10),
        reward_token: at(0x11),
        parameters: at(0x12),
        halo2_verifier: at(0x13),
        training_verifier: at(0x14),
        router: at(0x15),
        stakes: at(0x16),
        registry: at(0x17),
        escrow: at(0x18),
        reputation: at(0x19),
        rounds: at(0x1a),
        demands: at(0x1c),
        slashing: at(0x1b),
    }
}

/// A round of two members, from the domain's opening to its end; nobody's.
fn export() -> ChainExport {
    let block = |number: u64| Block {
        number,
        hash: B256::with_last_byte(number as u8),
        time: 1_700_000_000 + 12 * number,
    };
    let log = |(index, (contract, data)): (usize, (Address, LogData))| ExportedLog {
        block: block(10 + index as u64),
        transaction: B256::with_last_byte(100 + index as u8),
        index: 0,
        contract,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
    };
    let logs: Vec<ExportedLog> = events().into_iter().enumerate().map(log).collect();
    let drawn = |number: u64| {
        let timestamp = block(number).time;
        let mix_hash = B256::repeat_byte(8);
        let header = Header { number, timestamp, mix_hash, ..Header::default() };
        let block = Block { hash: header.hash_slow(), ..block(number) };
        Drawing { round: 7, block, header: alloy::rlp::encode(&header).into() }
    };
    let (drawing, audits) = (vec![drawn(17)], vec![drawn(21)]);
    let (deployment, checksum) = (deployment(), B256::ZERO);
    let (version, domain, head) = (VERSION, 1, block(60));
    let mut export =
        ChainExport { version, deployment, domain, head, drawing, audits, logs, checksum };
    export.checksum = export.digest().unwrap();
    export
}

fn events() -> Vec<(Address, LogData)> {
    let at = deployment();
    let [first, second] = [3, 4].map(Address::repeat_byte);
    let (dataset, word, round) = (B256::repeat_byte(5), B256::repeat_byte(6), 7);
    let member = |account| Member { account, dataset, windows: 4, weight: 1 << 15 };
    let joined = |account| Rounds::Joined { domain: 1, account, dataset, windows: 4 };
    let delivered = |account| Rounds::Delivered { round, account, update: word };
    let opened = DomainOpened { domain: 1, owner: first, spec: word, config: config(&at) };
    let round_opened = Rounds::RoundOpened {
        round,
        domain: 1,
        coordinator: first,
        parent: word,
        deadline: 1_700_009_000,
        budget: U256::from(90),
        settlementFee: 100,
        burnShare: 5000,
        members: vec![member(first), member(second)],
    };
    let proposed = Rounds::Proposed {
        round,
        root: word,
        aggregate: word,
        model: word,
        challengeEnd: 1_700_010_000,
        deliveries: vec![Delivery { update: word, submission: word }; 2],
    };
    let settled = Rounds::Settled { round, paid: U256::from(80), model: word };
    let of_rounds = [
        joined(first).encode_log_data(),
        joined(second).encode_log_data(),
        round_opened.encode_log_data(),
        Rounds::Drawn { round, nonce: word }.encode_log_data(),
        delivered(first).encode_log_data(),
        delivered(second).encode_log_data(),
        proposed.encode_log_data(),
        settled.encode_log_data(),
    ];
    let of_rounds = of_rounds.into_iter().map(|data| (at.rounds, data));
    let opened = (at.registry, opened.encode_log_data());
    std::iter::once(opened).chain(of_rounds).chain(others(&at, round, [first, second])).collect()
}

/// What is demanded, slashed, funded and taken back.
fn others(at: &Deployment, round: u64, [first, second]: [Address; 2]) -> Vec<(Address, LogData)> {
    let (word, n) = (B256::repeat_byte(6), |n: u64| U256::from(n));
    let (by, until, bond) = (second, 1_700_090_000, n(5));
    let demanded = Demands::Demanded { round, account: first, by, until, bond };
    let (account, to, amount) = (first, second, n(5));
    let (challenger, reason, guilty) = (second, word, first);
    let [own, delegated, bounty] = [1, 1, 1].map(n);
    let slashed = StakeManager::Slashed {
        operator: guilty,
        challenger,
        reason,
        own,
        delegated,
        bounty,
        since: 1,
    };
    let member_slashed = Rounds::MemberSlashed { round, account, challenger, reason };
    let (domain, shares) = (1, n(5));
    vec![
        (at.demands, Demands::Audited { round, seed: word, demands: n(1) }.encode_log_data()),
        (at.demands, demanded.encode_log_data()),
        (at.demands, Demands::Answered { round, account, by }.encode_log_data()),
        (at.demands, Demands::Collected { round, account, to, amount }.encode_log_data()),
        (at.demands, Demands::Postponed { round, target: 23 }.encode_log_data()),
        (at.escrow, Escrow::Funded { domain, from: first, amount, shares }.encode_log_data()),
        (at.slashing, Slashing::Proven { round, guilty, challenger, reason }.encode_log_data()),
        (at.rounds, member_slashed.encode_log_data()),
        (at.stakes, slashed.encode_log_data()),
        (at.rounds, Rounds::Voided { round, coordinator: first, reason }.encode_log_data()),
        (at.escrow, Escrow::Withdrawn { domain, to: first, shares, amount }.encode_log_data()),
    ]
}

/// A domain's, for the manifest of all these tests.
fn config(at: &Deployment) -> Config {
    Config {
        manifest: B256::from(made().0.manifest.hash()),
        verifier: at.verifier,
        key: B256::ZERO,
        genesis: B256::repeat_byte(6),
        coordinator: Address::repeat_byte(3),
        token: at.reward_token,
        optimistic: true,
        challengeWindow: 3600,
        trainerBond: 1,
        coordinatorBond: 1,
        coordinatorShare: 1000,
        minMembers: 1,
        maxBudget: 1,
        minBudget: 1,
        minDuration: 600,
        minWindows: 1,
        threshold: 6666,
        audits: 1,
        uri: String::new(),
    }
}

/// A lineage's files, as far as an auditor reads them before keys are derived.
fn lineage() -> Vec<(String, Vec<u8>)> {
    let run = &made().0;
    let model = to_int_safetensors(&run.key.network, &run.initial).unwrap();
    vec![
        (MANIFEST.to_owned(), run.manifest.to_toml().unwrap().into_bytes()),
        (GENESIS.to_owned(), model),
        (CHAIN.to_owned(), serde_json::to_vec(&export()).unwrap()),
        (plan(7), b"{}".to_vec()),
    ]
}

/// One file of a lineage altered, another one left out, or its name another.
fn altered(rng: &mut ChaCha20Rng) -> Vec<(String, Vec<u8>)> {
    let mut files = lineage();
    let at = rng.gen_range(0..files.len());
    match rng.gen_range(0..8) {
        0 => drop(files.remove(at)),
        1 => files[at].0 = files[rng.gen_range(0..4)].0.clone(),
        _ => alter(rng, &mut files[at].1),
    }
    for (name, bytes) in &mut files {
        if name == CHAIN && rng.gen_bool(0.9) {
            *bytes = resealed(bytes).unwrap_or_else(|| bytes.clone());
        }
    }
    files
}

/// Whole lineages, which hold for nobody: no model follows from a round that never was.
#[test]
fn altered_lineages_are_refused_or_audited() {
    let folder = TempDir::new().unwrap();
    let [path, model] = ["lineage.tar.gz", "model"].map(|name| folder.path().join(name));
    std::fs::write(&model, b"model").unwrap();
    std::fs::write(&path, archive_of(&lineage())).unwrap();
    let honest = audited(&path, &model).unwrap();
    assert!(!honest.valid && honest.rounds.len() == 1, "{:#?}", honest.failures);
    run("altered_lineages_are_refused_or_audited", 60, |rng| {
        std::fs::write(&path, archive_of(&altered(rng))).unwrap();
        assert!(audited(&path, &model).is_none_or(|report| !report.valid));
    });
}
