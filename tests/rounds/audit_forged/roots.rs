//! Roots of a lineage that are not the auditor's.

use std::path::Path;

use alloy::primitives::{Address, keccak256};
use zktrain_audit::lineage::Lineage;
use zktrain_audit::trust::{Root, Trust};
use zktrain_audit::{AuditPins, AuditReport};
use zktrain_chain::Endpoint;
use zktrain_cli::audit::{Options, audit};
use zktrain_cli::lineage::LineageWriter;
use zktrain_cli::ui::Ui;
use zktrain_devnet::serve;
use zktrain_ledger::ChainExport;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::findings::CheckKind;

use super::export::{CHAIN, is};
use super::names;
use crate::audit::{pinned, report};
use crate::audit_made::{Made, made};
use crate::common::srs;
use crate::project_relabel as relabel;

/// What an auditor without a node can know: the whole export, and the reference string.
pub fn pins(made: &Made) -> AuditPins {
    AuditPins {
        srs: Some(hex::encode(srs().fingerprint())),
        export: Some(hex::encode(made.export.checksum)),
        ..AuditPins::default()
    }
}

/// What one with a node can know: contract, code and domain.
pub fn node_pins(made: &Made) -> AuditPins {
    AuditPins {
        srs: Some(hex::encode(srs().fingerprint())),
        rounds: Some(made.export.deployment.rounds),
        code: Some(made.code.clone()),
        domain: Some(made.export.domain),
        ..AuditPins::default()
    }
}

fn root<'a>(report: &'a AuditReport, name: &str) -> &'a Root {
    let found = report.roots.iter().find(|root| root.name == name);
    found.unwrap_or_else(|| panic!("{name}: {:#?}", report.roots))
}

const NAMES: [&str; 7] = [
    "reference string",
    "chain's events",
    "chain id",
    "contract Rounds",
    "domain",
    "manifest",
    "genesis model",
];

#[test]
fn an_audit_names_its_roots_and_is_as_good_as_they_are() {
    let made = made();
    let open = report(&made.lineage(), &made.model());
    assert!(open.valid && !open.pinned && !open.strict);
    assert_eq!(open.roots.unnamed(), NAMES);
    assert_eq!(open.roots.verdict(false).unwrap().exit_code(), 3);
    let strict = AuditPins { strict: true, ..AuditPins::default() };
    let strict = pinned(&made.lineage(), &made.model(), strict);
    assert!(!strict.valid && strict.failures.is_empty() && strict.roots.verdict(true).is_err());
    let whole = pinned(&made.lineage(), &made.model(), AuditPins { strict: true, ..pins(made) });
    assert!(whole.valid && whole.pinned, "{:#?}", whole.roots);
    assert_eq!(whole.roots.verdict(true).unwrap().exit_code(), 0);
    // The export does not say who made the reference string; nor the string what the chain says.
    for part in [AuditPins { srs: None, ..pins(made) }, AuditPins { export: None, ..pins(made) }] {
        let part = pinned(&made.lineage(), &made.model(), part);
        assert_eq!(part.roots.verdict(false).unwrap().exit_code(), 3, "{:#?}", part.roots);
    }
}

#[test]
fn every_root_that_is_not_the_pinned_one_is_refused() {
    let made = made();
    let other = || Some("ab".repeat(32));
    let none = AuditPins::default;
    let wrong = [
        ("reference string", "srs.bin", AuditPins { srs: other(), ..none() }),
        ("chain's events", CHAIN, AuditPins { export: other(), ..none() }),
        ("contract Rounds", CHAIN, AuditPins { rounds: Some(Address::repeat_byte(7)), ..none() }),
        ("contract's code", CHAIN, AuditPins { code: other(), ..none() }),
        ("domain", CHAIN, AuditPins { domain: Some(made.export.domain + 1), ..none() }),
        ("manifest", "manifest.toml", AuditPins { manifest: other(), ..none() }),
        ("genesis model", "genesis.int.safetensors", AuditPins { genesis: other(), ..none() }),
    ];
    for (name, file, pins) in wrong {
        let report = pinned(&made.lineage(), &made.model(), pins);
        assert!(!report.valid && !report.pinned, "{name}");
        assert!(names(&report, file, (CheckKind::Root, name)), "{name}: {:#?}", report.failures);
        assert_eq!(report.failures.len(), 1, "{name}: {:#?}", report.failures);
    }
    // The right ones, one by one.
    let hash = |name: &str| Some(root(&report(&made.lineage(), &made.model()), name).value.clone());
    let right = AuditPins {
        manifest: hash("manifest"),
        genesis: hash("genesis model"),
        rounds: Some(made.export.deployment.rounds),
        domain: Some(made.export.domain),
        ..none()
    };
    let report = pinned(&made.lineage(), &made.model(), right);
    assert_eq!(report.roots.unnamed(), ["reference string", "chain's events", "chain id"]);
}

#[test]
fn a_label_on_the_reference_string_changes_no_verdict() {
    let made = made();
    let copy = made.copy();
    let path = copy.path().join("srs.bin");
    let label = relabel::imported(&std::fs::read(&path).unwrap(), [0xc7; 32]);
    std::fs::write(path, label).unwrap();
    for pins in [AuditPins::default(), AuditPins { srs: None, ..pins(made) }, pins(made)] {
        let [honest, labelled] = [made.lineage(), copy.path().to_owned()]
            .map(|lineage| pinned(&lineage, &made.model(), pins.clone()));
        let trust = |report: &AuditReport| root(report, "reference string").trust;
        assert_eq!(trust(&honest), trust(&labelled));
        assert_eq!((honest.valid, honest.pinned), (labelled.valid, labelled.pinned));
        assert_ne!(
            root(&honest, "reference string").says,
            root(&labelled, "reference string").says
        );
    }
}

/// Audits with a node.
fn asked(lineage: &Path, model: &Path, endpoint: &Endpoint, pins: AuditPins) -> AuditReport {
    let lineage = Lineage::open(lineage).unwrap();
    let options = Options { model, srs: None, chain: Some(endpoint), receipts: None, pins };
    audit(&lineage, &options, &Ui { json: true }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contracts_that_look_alike_and_lineages_that_are_stale_are_found_with_a_node() {
    let made = tokio::task::spawn_blocking(made).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(serve(made.node.clone(), listener));
    let (old, older) = (earlier(made, 2).await, earlier(made, 1).await);
    let check = move || {
        look_alikes(made, &endpoint);
        stale(made, &endpoint, &older);
        without_a_round(made, &endpoint, &old);
    };
    tokio::task::spawn_blocking(check).await.unwrap();
}

fn look_alikes(made: &Made, endpoint: &Endpoint) {
    let ask = |pins| asked(&made.lineage(), &made.model(), endpoint, pins);
    // To an auditor who names no contract these could be anybody's.
    let open = ask(AuditPins { srs: node_pins(made).srs, ..AuditPins::default() });
    assert!(open.valid && !open.pinned);
    let unnamed = ["contract Rounds", "contract's code", "domain", "manifest", "genesis model"];
    assert_eq!(open.roots.unnamed(), unnamed);
    assert_eq!(root(&open, "chain's events").trust, Trust::Pinned, "the node was named");
    let address = made.export.deployment.rounds.to_string();
    let assumes = |report: &AuditReport| {
        report.assumed.iter().any(|line| line.contains(&address) && line.contains("--code-hash"))
    };
    assert!(assumes(&open), "{:#?}", open.assumed);
    assert!(!assumes(&ask(node_pins(made))));
    let other = keccak256(b"another contract");
    let wrong = [
        ("contract Rounds", AuditPins { rounds: Some(Address::repeat_byte(7)), ..node_pins(made) }),
        ("contract's code", AuditPins { code: Some(hex::encode(other)), ..node_pins(made) }),
    ];
    for (name, pins) in wrong {
        let report = ask(pins);
        assert!(!report.valid && !report.pinned, "{name}");
        assert!(names(&report, CHAIN, (CheckKind::Root, name)), "{:#?}", report.failures);
    }
    // The right contract, beside a registry that it does not know.
    let copy = made.copy();
    let mut export = made.export.clone();
    export.deployment.registry = export.deployment.timelock;
    export.checksum = export.digest().unwrap();
    LineageWriter::new(copy.path()).unwrap().chain(&export).unwrap();
    let report = asked(copy.path(), &made.model(), endpoint, node_pins(made));
    let named = report.failures.iter().find(|failure| failure.check == CheckKind::Live).unwrap();
    assert!(named.problem.contains("another DomainRegistry"), "{}", named.problem);
}

/// The export as it was when a round was opened, counted from none.
async fn earlier(made: &Made, round: usize) -> ChainExport {
    let opened = made.export.logs.iter().filter(|log| is::<Rounds::RoundOpened>(log));
    let block = opened.map(|log| log.block.number).nth(round).unwrap();
    made.coordinator.export_to(made.export.domain, block - 1).await.unwrap()
}

fn stale(made: &Made, endpoint: &Endpoint, old: &ChainExport) {
    let copy = made.copy();
    LineageWriter::new(copy.path()).unwrap().chain(old).unwrap();
    let alone = report(copy.path(), &made.earlier());
    assert!(alone.valid, "all of it holds: {:#?}", alone.failures);
    let ask = |pins| asked(copy.path(), &made.earlier(), endpoint, pins);
    let compared = ask(node_pins(made));
    assert!(names(&compared, CHAIN, (CheckKind::Live, "version")), "{:#?}", compared.failures);
    assert_eq!((compared.failures.len(), compared.current), (1, Some(2)));
    let allowed = ask(AuditPins { stale: true, ..node_pins(made) });
    assert!(allowed.valid && allowed.pinned, "{:#?}", allowed.failures);
    assert_eq!(allowed.current, Some(2));
}

/// The last round came to nothing: it made no version, but somebody was slashed in it.
fn without_a_round(made: &Made, endpoint: &Endpoint, old: &ChainExport) {
    let copy = made.copy();
    LineageWriter::new(copy.path()).unwrap().chain(old).unwrap();
    let ask = |pins| asked(copy.path(), &made.model(), endpoint, pins);
    let compared = ask(node_pins(made));
    assert!(names(&compared, CHAIN, (CheckKind::Live, "rounds")), "{:#?}", compared.failures);
    assert_eq!((compared.failures.len(), compared.current), (1, Some(2)));
    let allowed = ask(AuditPins { stale: true, ..node_pins(made) });
    assert!(allowed.valid && allowed.pinned, "{:#?}", allowed.failures);
}

#[test]
fn an_auditors_own_string_is_checked_as_far_as_the_audit_uses_it() {
    let made = made();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.bin");
    // Within the rows, and within what no circuit does without.
    for at in [3, (1 << 13) - 1] {
        let mut altered = srs().clone().into_unchecked();
        altered.g1[at] = altered.g1[at - 1];
        altered.save(&path).unwrap();
        let lineage = Lineage::open(&made.lineage()).unwrap();
        let (model, pins) = (made.model(), AuditPins::default());
        let options =
            Options { model: &model, srs: Some(&path), chain: None, receipts: None, pins };
        let report = audit(&lineage, &options, &Ui { json: true }).unwrap();
        let says =
            |text: &str| report.failures.iter().any(|failure| failure.problem.contains(text));
        let named = says("mine.bin: section tauG1: pairing");
        assert!(!report.valid && named, "{at}: {:#?}", report.failures);
    }
}
