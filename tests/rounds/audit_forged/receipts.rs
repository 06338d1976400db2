//! Receipts beside a lineage: what a coordinator has taken and left out.

use std::path::Path;

use alloy::primitives::B256;
use tempfile::TempDir;
use zktrain_audit::lineage::{Lineage, submission};
use zktrain_audit::{AuditPins, AuditReport};
use zktrain_chain::protocol::Client;
use zktrain_cli::audit::{Options, audit};
use zktrain_cli::ui::Ui;
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::findings::CheckKind;
use zktrain_ledger::typed::{Receipt, Scope};
use zktrain_project::project::write_json;
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;

use crate::audit_made::{Made, made};

fn with(made: &Made, lineage: &Path, receipts: &Path) -> AuditReport {
    let lineage = Lineage::open(lineage).unwrap();
    let (model, receipts) = (&made.model(), Some(receipts));
    let pins = AuditPins::default();
    let options = Options { model, srs: None, chain: None, receipts, pins };
    audit(&lineage, &options, &Ui { json: true }).unwrap()
}

fn receipt(made: &Made, round: usize, member: usize, submission: B256) -> Receipt {
    let (round, member) = (made.rounds[round], made.members[member]);
    let (plan, masked) = (plan(made, round), B256::repeat_byte(2));
    Receipt { round, member, plan, masked, submission, time: 1_700_000_000 }
}

/// Digest of a round's plan.
fn plan(made: &Made, round: u64) -> B256 {
    let file = std::fs::read(made.lineage().join(zktrain_audit::lineage::plan(round))).unwrap();
    serde_json::from_slice::<Signed<Plan>>(&file).unwrap().body.digest()
}

fn sign(receipt: Receipt, by: &Client) -> SignedReceipt {
    let scope = made().scope(receipt.round);
    SignedReceipt::new(receipt, &scope, by.sender().signer()).unwrap()
}

/// What a member has handed in.
fn handed_in(made: &Made, round: usize, member: usize) -> B256 {
    let name = submission(made.rounds[round], made.members[member]);
    let file = std::fs::read(made.lineage().join(name)).unwrap();
    let file: SubmissionFile = serde_json::from_slice(&file).unwrap();
    made.scope(made.rounds[round]).hash(&file.signed.submission)
}

/// The problems that an audit finds with one receipt.
fn problems(made: &Made, signed: &SignedReceipt) -> Vec<(CheckKind, String)> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("7.receipt.json");
    write_json(&path, signed).unwrap();
    let report = with(made, &made.lineage(), &path);
    assert_eq!(report.valid, report.failures.is_empty());
    report.failures.into_iter().map(|failure| (failure.check, failure.field)).collect()
}

#[test]
fn receipts_for_what_was_counted_hold() {
    let (made, folder) = (made(), TempDir::new().unwrap());
    for (index, (round, member)) in [(0, 0), (0, 2), (1, 1)].into_iter().enumerate() {
        let signed =
            sign(receipt(made, round, member, handed_in(made, round, member)), &made.coordinator);
        write_json(&folder.path().join(format!("{index}.receipt.json")), &signed).unwrap();
    }
    // Other files of an owner's folder are none of the audit's.
    std::fs::write(folder.path().join("7.end.json"), b"{}").unwrap();
    let report = with(made, &made.lineage(), folder.path());
    assert!(report.valid, "{:#?}", report.failures);
    let about = report.checks.iter().find(|check| check.check == CheckKind::Receipt).unwrap();
    assert_eq!((about.made, about.failed), (9, 0));
    assert!(report.notices.is_empty(), "{:?}", report.notices);
}

#[test]
fn a_delivery_that_was_taken_and_left_out_is_found() {
    let made = made();
    // The third member is not in the second round's batch.
    let taken = sign(receipt(made, 1, 2, B256::repeat_byte(3)), &made.coordinator);
    assert_eq!(problems(made, &taken), [(CheckKind::Receipt, "delivery".to_owned())]);
    // Taken, and another one counted.
    let other = sign(receipt(made, 0, 1, B256::repeat_byte(3)), &made.coordinator);
    assert_eq!(problems(made, &other), [(CheckKind::Receipt, "submission".to_owned())]);
    // In the lineage itself as well.
    let copy = made.copy();
    let name = format!("rounds/{}/{:#x}.receipt.json", made.rounds[1], made.members[2]);
    write_json(&copy.path().join(&name), &taken).unwrap();
    let report = crate::audit::report(copy.path(), &made.model());
    let found: Vec<_> = report.failures.iter().map(|f| (f.check, f.file.as_str())).collect();
    assert_eq!(found, [(CheckKind::Receipt, name.as_str())]);
    // A round without a batch says nothing about deliveries.
    let void = sign(receipt(made, 2, 0, B256::repeat_byte(3)), &made.coordinator);
    assert_eq!(problems(made, &void), []);
}

/// A coordinator that signs two plans of a round shows members different ones.
#[test]
fn a_receipt_for_another_plan_than_the_published_one_is_found() {
    let made = made();
    let mut other = receipt(made, 0, 1, handed_in(made, 0, 1));
    other.plan.0[0] ^= 1;
    let other = sign(other, &made.coordinator);
    assert_eq!(problems(made, &other), [(CheckKind::Receipt, "plan".to_owned())]);
    // Without a plan, which rounds without a version need not have, it is told that nobody can know.
    let (copy, folder) = (made.copy(), TempDir::new().unwrap());
    std::fs::remove_file(copy.path().join(zktrain_audit::lineage::plan(made.rounds[2]))).unwrap();
    let path = folder.path().join("7.receipt.json");
    write_json(&path, &sign(receipt(made, 2, 0, B256::repeat_byte(3)), &made.coordinator)).unwrap();
    let report = with(made, copy.path(), &path);
    assert!(report.valid, "{:?}", report.failures);
    let told: Vec<_> = report.notices.iter().map(|n| (n.round, n.about.as_str())).collect();
    let [(round, about)] = told[..] else { panic!("{told:?}") };
    assert_eq!(round, Some(made.rounds[2]));
    assert!(about.contains("was not checked"), "{about}");
}

#[test]
fn what_the_coordinator_has_not_signed_accuses_nobody() {
    let made = made();
    let honest = sign(receipt(made, 1, 2, B256::repeat_byte(3)), &made.coordinator);
    let signature = vec![(CheckKind::Receipt, "signature".to_owned())];
    let changes: [fn(&mut SignedReceipt); 6] = [
        |r| r.receipt.member = crate::audit_made::made().members[1],
        |r| r.receipt.plan.0[0] ^= 1,
        |r| r.receipt.masked.0[0] ^= 1,
        |r| r.receipt.submission.0[0] ^= 1,
        |r| r.receipt.time += 1,
        |r| r.signature = r.signature[..64].to_vec().into(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut other = honest.clone();
        change(&mut other);
        assert_eq!(problems(made, &other), signature, "{index}");
    }
    // Signed on another fork, where the round was drawn otherwise.
    let (at, said) = (made.coordinator.at(), honest.receipt.clone());
    let elsewhere = Scope::new(at.chain_id, at.rounds, B256::repeat_byte(9));
    let elsewhere = SignedReceipt::new(said, &elsewhere, made.coordinator.sender().signer());
    assert_eq!(problems(made, &elsewhere.unwrap()), signature, "another draw");
    let own = sign(honest.receipt.clone(), &made.owners[2]);
    assert_eq!(problems(made, &own), signature, "an owner cannot make its own");
    let nowhere = sign(Receipt { round: made.other, ..honest.receipt.clone() }, &made.coordinator);
    assert_eq!(problems(made, &nowhere), [(CheckKind::Receipt, "round".to_owned())]);
    let (path, folder) = ("x.receipt.json", TempDir::new().unwrap());
    for garbage in [vec![], b"{}".to_vec(), vec![b' '; 5000]] {
        std::fs::write(folder.path().join(path), garbage).unwrap();
        let report = with(made, &made.lineage(), folder.path());
        assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
        assert_eq!(report.failures[0].check, CheckKind::Encoding);
    }
}

#[test]
fn a_report_tells_on_which_terms_sums_hid_their_members() {
    let made = made();
    let honest = crate::audit::report(&made.lineage(), &made.model());
    let terms = |report: &AuditReport| -> Vec<_> {
        let rounds = report.rounds.iter();
        rounds.map(|r| (r.threshold, r.least, r.counted, r.bears_third)).collect()
    };
    let (two, yes) = (Some(2), Some(true));
    assert_eq!(terms(&honest), [(two, two, 3, yes), (two, two, 2, yes), (two, two, 0, yes)]);
    assert!(honest.notices.is_empty(), "{:?}", honest.notices);
    // Below what the domain asks for is a failure, and what follows from it is told.
    let copy = made.copy();
    let name = zktrain_audit::lineage::plan(made.rounds[0]);
    let path = copy.path().join(&name);
    let plan: Signed<Plan> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut low = plan.body;
    low.threshold = 1;
    low.least = 9;
    write_json(&path, &crate::common::plan::signed(low, &made.coordinator)).unwrap();
    let report = crate::audit::report(copy.path(), &made.model());
    let failed: Vec<_> = report.failures.iter().map(|f| (f.check, f.field.as_str())).collect();
    assert_eq!(failed, [(CheckKind::Plan, "threshold")]);
    assert_eq!(terms(&report)[0], (Some(1), Some(9), 3, Some(false)));
    let told: Vec<_> = report.notices.iter().map(|n| (n.file.as_str(), n.round)).collect();
    assert_eq!(told, [(name.as_str(), Some(made.rounds[0])); 2]);
    let page = zktrain_audit::page(&report);
    assert!(page.contains("does not cover a third"));
}
