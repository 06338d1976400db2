//! Receipts: what coordinators have answered uploads with, against what they then proposed.
//!
//! A coordinator that leaves a delivery out of its batch pays less, and can have the same work summed
//! again over another set. It alone sees what is uploaded; but what it has taken, it has signed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zktrain_contracts::protocol::{Deployment, SignedReceipt, typed};

use super::auditor::Auditor;
use super::findings::{Kind, Place};
use super::history::{History, Outcome, Round};
use crate::error::Error;

/// How names of receipts end.
const ENDING: &str = ".receipt.json";
/// Bytes of a receipt at most.
const MOST: u64 = 4096;
/// Receipts at most.
const COUNT: usize = 100_000;

/// Checks all receipts of the lineage, and those of a folder or a file beside it.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub(super) fn check(
    auditor: &mut Auditor<'_>,
    history: &History,
    at: &Deployment,
    more: Option<&Path>,
) -> Result<(), Error> {
    let names = auditor.lineage.names().iter().filter(|name| name.ends_with(ENDING));
    let names: Vec<String> = names.cloned().collect();
    for name in names {
        if let Some(bytes) = auditor.bytes(&Place::file(&name)) {
            receipt(auditor, history, at, &name, &bytes);
        }
    }
    let Some(path) = more else { return Ok(()) };
    for (name, bytes) in read(path)? {
        receipt(auditor, history, at, &name, &bytes);
    }
    Ok(())
}

/// The receipts in a folder, in the order of their names, or a single one.
fn read(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let error = |source| Error::File { path: path.to_owned(), source };
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        paths.clear();
        for entry in std::fs::read_dir(path).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let named = path.file_name().is_some_and(|n| n.to_string_lossy().ends_with(ENDING));
            if named && paths.len() < COUNT {
                paths.push(path);
            }
        }
        paths.sort();
    }
    let mut all = Vec::new();
    for path in paths {
        let error = |source| Error::File { path: path.clone(), source };
        let mut bytes = Vec::new();
        File::open(&path).map_err(error)?.take(MOST + 1).read_to_end(&mut bytes).map_err(error)?;
        all.push((path.display().to_string(), bytes));
    }
    Ok(all)
}

fn receipt(
    auditor: &mut Auditor<'_>,
    history: &History,
    at: &Deployment,
    name: &str,
    bytes: &[u8],
) {
    let place = Place::file(name);
    let small = bytes.len() as u64 <= MOST;
    let problem = || format!("more than {MOST} bytes");
    if !auditor.findings.check(Kind::Encoding, &place, "file", small, problem) {
        return;
    }
    let read = serde_json::from_slice::<SignedReceipt>(bytes);
    let Some(signed) = auditor.findings.result(Kind::Encoding, &place, "content", read) else {
        return;
    };
    let said = &signed.receipt;
    let place = Place::member(name, said.round, said.member);
    let round = history.rounds.iter().find(|round| round.id == said.round);
    let member = |round: &&Round| round.members.find(said.member).is_some();
    let Some(round) = round.filter(member) else {
        let problem = || "no round of the domain with this member".to_owned();
        auditor.findings.check(Kind::Receipt, &place, "round", false, problem);
        return;
    };
    let by = signed.is_by(&typed::domain(at.chain_id, at.rounds), round.coordinator);
    // What nobody answers for says nothing about anybody.
    if auditor.signature(Kind::Receipt, &place, &signed.signature, by) {
        omission(auditor, &place, round, &signed);
    }
}

/// What a coordinator has taken is in its batch.
fn omission(auditor: &mut Auditor<'_>, place: &Place, round: &Round, signed: &SignedReceipt) {
    let findings = &mut auditor.findings;
    let said = &signed.receipt;
    let counted = round.counted();
    match counted.iter().find(|counted| counted.account == said.member) {
        // In eager domains the contract knows the update, not the submission.
        Some(counted) if !counted.submission.is_zero() => {
            findings.equal(
                Kind::Receipt,
                place,
                "submission",
                said.submission,
                counted.submission,
            );
        }
        Some(_) => {}
        None if round.is_settled() => {
            let problem = || {
                "OMISSION: the coordinator took this delivery, and its batch says that the member \
                 delivered nothing"
                    .to_owned()
            };
            findings.check(Kind::Receipt, place, "delivery", false, problem);
        }
        None if round.outcome == Outcome::Empty => findings.notice(
            place,
            "OMISSION: the coordinator took this delivery, and its batch says that nobody delivered \
             anything: it may have had no sum, or have hidden one",
        ),
        // Without a batch nothing is said about deliveries.
        None => {}
    }
}
