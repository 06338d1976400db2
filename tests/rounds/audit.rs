//! A lineage is accepted as it is, and a changed bit anywhere is found and located.

use crate::audit_forged;
use crate::audit_made;

use std::path::Path;

use alloy::primitives::{B256, Bytes, U256};
use alloy::sol_types::{SolEvent, SolValue};
use audit_made::{Made, made};
use zktrain_audit::lineage::{Lineage, batch, decode_sum, encode_sum, registration};
use zktrain_audit::lineage::{plan, submission, sum};
use zktrain_audit::{AuditPins, AuditReport, page};
use zktrain_chain::Endpoint;
use zktrain_cli::audit::{Options, audit};
use zktrain_cli::lineage::LineageWriter;
use zktrain_cli::ui::Ui;
use zktrain_devnet::serve;
use zktrain_ledger::ChainExport;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::export::Difference;
use zktrain_ledger::findings::CheckKind;

pub(crate) fn report(lineage: &Path, model: &Path) -> AuditReport {
    pinned(lineage, model, AuditPins::default())
}

pub(crate) fn pinned(lineage: &Path, model: &Path, pins: AuditPins) -> AuditReport {
    let lineage = Lineage::open(lineage).unwrap();
    let options = Options { model, srs: None, chain: None, receipts: None, pins };
    audit(&lineage, &options, &Ui { json: true }).unwrap()
}

/// That an audit of a changed copy fails, and names this file.
fn found(made: &Made, file: &str, what: &str, change: impl FnOnce(&Path)) -> AuditReport {
    let copy = made.copy();
    change(copy.path());
    let report = report(copy.path(), &made.model());
    assert!(!report.valid, "{what}");
    let named = report.failures.iter().any(|failure| failure.file == file);
    assert!(named, "{what}: {file} is not named: {:?}", report.failures);
    report
}

fn kinds(report: &AuditReport) -> Vec<CheckKind> {
    report.failures.iter().map(|failure| failure.check).collect()
}

#[test]
fn an_honest_lineage_holds_as_directory_and_archive_in_integers_and_floats() {
    let made = made();
    let whole = pinned(&made.lineage(), &made.model(), audit_forged::pins(made));
    assert!(whole.valid && whole.pinned, "{:#?} {:#?}", whole.failures, whole.roots);
    assert!(whole.unused.is_empty(), "{:?}", whole.unused);
    assert_eq!((whole.versions.len(), whole.rounds.len(), whole.slashes.len()), (3, 3, 1));
    assert_eq!(whole.timing.proofs, 5);
    let [first, second, third] = &whole.rounds[..] else { panic!("three rounds") };
    assert_eq!((first.outcome, second.outcome, third.outcome), ("settled", "settled", "void"));
    assert_eq!(second.members.iter().filter(|m| m.counted).count(), 2);
    assert_eq!(second.members[2].paid, "0");
    assert_ne!(first.members[2].paid, "0");
    assert!(third.members[2].score < third.members[0].score, "absence costs");
    // Of what is in every lineage.
    let here = |kind: &CheckKind| ![CheckKind::Live, CheckKind::Receipt].contains(kind);
    for kind in CheckKind::ALL.into_iter().filter(here) {
        assert!(whole.checks.iter().any(|check| check.check == kind), "{kind:?} is not checked");
    }
    let archive = made.dir.path().join("lineage.tar.gz");
    LineageWriter::new(&made.lineage()).unwrap().archive(&archive).unwrap();
    let packed = report(&archive, &made.floats());
    assert!(packed.valid && !packed.pinned, "{:#?}", packed.failures);
    assert!(page(&packed).contains("on roots that nobody pinned"));
    let html = page(&whole);
    assert!(html.contains("Every check holds") && html.contains("Version 2"));
    let json = serde_json::to_value(&whole).unwrap();
    assert_eq!(json["version"], 1);
}

#[test]
fn another_model_is_not_taken_and_an_earlier_version_is_recognized() {
    let made = made();
    let earlier = report(&made.lineage(), &made.earlier());
    assert!(earlier.failures[0].problem.contains("version 1"), "{:?}", earlier.failures);
    let bytes = std::fs::read(made.model()).unwrap();
    for position in [9, bytes.len() / 2, bytes.len() - 1] {
        let mut other = bytes.clone();
        other[position] ^= 1;
        let path = made.dir.path().join(format!("other-{position}"));
        std::fs::write(&path, other).unwrap();
        let report = report(&made.lineage(), &path);
        assert_eq!(kinds(&report), [CheckKind::Model], "{position}");
        assert_eq!(report.failures[0].file, path.display().to_string());
        assert!(page(&report).contains("do not hold"));
    }
}

#[test]
fn a_changed_bit_in_any_file_is_found_and_located() {
    let made = made();
    for name in Lineage::open(&made.lineage()).unwrap().names() {
        let length = std::fs::read(made.lineage().join(name)).unwrap().len();
        // Different bits and places, the first and the last byte among them.
        for (turn, place) in [0, length / 3, length - 1].into_iter().enumerate() {
            let bit = 1u8 << ((3 * turn + length + name.len()) % 8);
            found(made, name, &format!("{name}, byte {place}, bit {bit}"), |dir| {
                let path = dir.join(name);
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[place] ^= bit;
                std::fs::write(path, bytes).unwrap();
            });
        }
    }
}

#[test]
fn missing_files_are_named() {
    let made = made();
    let mut optional = Vec::new();
    for name in Lineage::open(&made.lineage()).unwrap().names() {
        let copy = made.copy();
        std::fs::remove_file(copy.path().join(name)).unwrap();
        let report = report(copy.path(), &made.model());
        if report.valid {
            optional.push(name.clone());
        } else {
            assert!(report.failures.iter().any(|f| f.file == *name), "{:?}", report.failures);
        }
    }
    assert_eq!(optional, [plan(made.rounds[2])], "a void round's plan");
}

#[test]
fn swapped_files_are_named() {
    let made = made();
    let (a, b) = (made.members[0], made.members[1]);
    let [one, two] = [made.rounds[0], made.rounds[1]];
    let swaps = [
        (registration(a), registration(b)),
        (submission(one, a), submission(one, b)),
        (submission(one, a), submission(two, a)),
        (plan(one), plan(two)),
        (sum(one), sum(two)),
        (batch(one), batch(two)),
    ];
    for (left, right) in swaps {
        let change = |dir: &Path| {
            let aside = dir.join("aside");
            std::fs::rename(dir.join(&left), &aside).unwrap();
            std::fs::rename(dir.join(&right), dir.join(&left)).unwrap();
            std::fs::rename(aside, dir.join(&right)).unwrap();
        };
        let report = found(made, &left, &format!("{left} for {right}"), change);
        assert!(report.failures.iter().any(|f| f.file == right), "{right}");
    }
}

#[test]
fn a_sum_that_is_off_by_one_and_well_encoded_is_not_the_sum() {
    let made = made();
    let name = sum(made.rounds[1]);
    let report = found(made, &name, "a sum", |dir| {
        let mut sum = decode_sum(&std::fs::read(dir.join(&name)).unwrap()).unwrap();
        sum.values[3] += 1;
        std::fs::write(dir.join(&name), encode_sum(&sum).unwrap()).unwrap();
    });
    assert_eq!(report.failures[0].check, CheckKind::Sum);
    assert_eq!(report.failures[0].round, Some(made.rounds[1]));
}

/// An export by somebody who knows how to compute checksums.
fn forged(made: &Made, kind: CheckKind, what: &str, change: impl FnOnce(&mut ChainExport)) {
    let mut export = made.export.clone();
    change(&mut export);
    export.checksum = export.digest().unwrap();
    let report = found(made, "chain.json", what, |dir| {
        LineageWriter::new(dir).unwrap().chain(&export).unwrap();
    });
    assert!(kinds(&report).contains(&kind), "{what}: {:?}", report.failures);
}

fn position<E: SolEvent>(export: &ChainExport) -> usize {
    let is =
        |log: &zktrain_ledger::export::ExportedLog| log.topics.first() == Some(&E::SIGNATURE_HASH);
    export.logs.iter().rposition(is).unwrap()
}

fn more<E: SolEvent>(export: &mut ChainExport) {
    let at = position::<E>(export);
    let mut data = export.logs[at].data.to_vec();
    data[31] ^= 1;
    export.logs[at].data = Bytes::from(data);
}

#[test]
fn what_does_not_follow_by_the_contracts_rules_is_found() {
    let made = made();
    forged(made, CheckKind::Payment, "a payment", more::<Escrow::Credited>);
    forged(made, CheckKind::Payment, "what is shared out", more::<Escrow::Shared>);
    forged(made, CheckKind::Payment, "a budget", more::<Escrow::Reserved>);
    forged(made, CheckKind::Payment, "a settlement", more::<Rounds::Settled>);
    forged(made, CheckKind::Reputation, "a reputation", more::<Reputation::Scored>);
    forged(made, CheckKind::Nonce, "a nonce", more::<Rounds::Drawn>);
    forged(made, CheckKind::Export, "a version", more::<DomainRegistry::ModelAdvanced>);
    forged(made, CheckKind::Export, "deliveries", more::<Rounds::Proposed>);
    forged(made, CheckKind::Registration, "a dataset", more::<Rounds::Joined>);
    forged(made, CheckKind::Nonce, "a drawing block", |export| {
        export.drawing[0].block.hash.0[0] ^= 1
    });
    forged(made, CheckKind::Nonce, "no drawing block", |export| export.drawing.clear());
    forged(made, CheckKind::Export, "an order", |export| export.logs.swap(10, 11));
    forged(made, CheckKind::Export, "a missing score", |export| {
        export.logs.remove(position::<Reputation::Scored>(export));
    });
    forged(made, CheckKind::Export, "a missing version", |export| {
        export.logs.remove(position::<DomainRegistry::ModelAdvanced>(export));
    });
    forged(made, CheckKind::Weights, "a weight", |export| {
        let at = position::<Rounds::RoundOpened>(export);
        let log = &mut export.logs[at];
        let inner = alloy::primitives::LogData::new_unchecked(log.topics.clone(), log.data.clone());
        let mut event = Rounds::RoundOpened::decode_log_data(&inner).unwrap();
        event.members[0].weight -= 1;
        event.members[1].weight += 1;
        log.data = event.encode_log_data().data;
    });
    forged(made, CheckKind::Model, "a history that ends early", |export| {
        let keep = position::<Rounds::RoundOpened>(export);
        export.logs.truncate(keep);
        let settled = position::<DomainRegistry::ModelAdvanced>(export);
        let transaction = export.logs[settled].transaction;
        let first = export.logs.iter().position(|log| log.transaction == transaction).unwrap();
        export.logs.truncate(first);
    });
}

#[test]
fn an_export_is_about_one_domain_and_differs_from_any_other() {
    let made = made();
    let export = &made.export;
    assert_eq!(export.difference(export), None);
    let other = B256::from(U256::from(made.other));
    assert!(export.logs.iter().all(|log| log.topics.get(1) != Some(&other)));
    assert!(export.drawn_by(made.other).is_none());
    let differs = |change: fn(&mut ChainExport)| {
        let mut newer = export.clone();
        change(&mut newer);
        export.difference(&newer)
    };
    assert_eq!(differs(|e| e.domain += 1), Some(Difference::Domain));
    assert_eq!(differs(|e| e.deployment.rounds.0[0] ^= 1), Some(Difference::Domain));
    let number = export.head.number - 1;
    assert_eq!(differs(|e| e.head.number -= 1), Some(Difference::Head { number }));
    assert_eq!(differs(|e| e.logs[3].data = Bytes::new()), Some(Difference::Log { index: 3 }));
    let index = export.logs.len() - 1;
    assert_eq!(differs(|e| e.logs.truncate(e.logs.len() - 1)), Some(Difference::Log { index }));
    let round = made.rounds[1];
    let redrawn = differs(|e| e.drawing[1].block.hash.0[5] ^= 1);
    assert_eq!(redrawn, Some(Difference::Drawing { round }));
    // What came later is no difference.
    let later = differs(|e| {
        let mut log = e.logs[0].clone();
        e.head.number += 9;
        log.block.number = e.head.number;
        e.logs.push(log);
    });
    assert_eq!(later, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_compared_with_a_node() {
    let made = tokio::task::spawn_blocking(made).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(serve(made.node.clone(), listener));
    let check = move |lineage: std::path::PathBuf| {
        let lineage = Lineage::open(&lineage).unwrap();
        let (model, pins) = (&made.model(), audit_forged::node_pins(made));
        let options = Options { model, srs: None, chain: Some(&endpoint), receipts: None, pins };
        audit(&lineage, &options, &Ui { json: true }).unwrap()
    };
    let run = tokio::task::spawn_blocking(move || {
        let honest = check(made.lineage());
        // Money that was never there: by the contracts' rules nothing is wrong with it.
        let copy = made.copy();
        let mut export = made.export.clone();
        let at = position::<Escrow::Funded>(&export);
        let amount = U256::from(10).pow(U256::from(22));
        // The first funder has a share for each unit.
        export.logs[at].data = (amount, amount).abi_encode().into();
        export.checksum = export.digest().unwrap();
        LineageWriter::new(copy.path()).unwrap().chain(&export).unwrap();
        let alone = report(copy.path(), &made.model());
        (honest, alone, check(copy.path().to_owned()))
    });
    let (honest, alone, compared) = run.await.unwrap();
    assert!(honest.valid && honest.pinned, "{:#?} {:#?}", honest.failures, honest.roots);
    assert!(honest.checks.iter().any(|check| check.check == CheckKind::Live));
    assert!(alone.valid, "{:?}", alone.failures);
    assert_eq!(kinds(&compared), [CheckKind::Live]);
}
