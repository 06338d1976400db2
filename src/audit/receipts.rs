//! Receipts: what coordinators have answered uploads with, against what they then proposed.
//!
//! A coordinator that leaves a delivery out of its batch pays less, and can have the same work summed
//! again over another set. It alone sees what is uploaded; but what it has counted, it has signed.
//! What it has not judged yet, or what it has found false, it does not sign: so whoever cheats has
//! nothing to accuse it with. That a member was slashed in the round is told by the chain all the same.

use std::io::Read;
use std::path::{Path, PathBuf};

use zktrain_contracts::protocol::typed::Receipt;
use zktrain_contracts::protocol::{Deployment, SignedReceipt, typed};
use zktrain_network::messages::Signed;
use zktrain_network::plan::Plan;
use zktrain_prover::regular;

use super::auditor::Auditor;
use super::findings::{Findings, Kind, Place};
use super::history::{History, Outcome, Round};
use crate::error::Error;
use crate::lineage;

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
    let paths = paths(path)?;
    if let Some(beyond) = paths.get(COUNT..).filter(|beyond| !beyond.is_empty()) {
        let place = Place::file(&path.display().to_string());
        auditor.findings.notice(&place, unread(beyond.len()));
    }
    for path in paths.iter().take(COUNT) {
        let error = |source| Error::File { path: path.clone(), source };
        let mut bytes = Vec::new();
        let file = regular::open(path).map_err(error)?;
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(error)?;
        receipt(auditor, history, at, &path.display().to_string(), &bytes);
    }
    Ok(())
}

/// What is said of receipts that nobody has looked at.
fn unread(beyond: usize) -> String {
    format!(
        "{beyond} receipts were NOT READ: at most {COUNT} of a folder are, in the order of their \
         names; give the others in another folder"
    )
}

/// The receipts in a folder, in the order of their names, or a single one.
fn paths(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let error = |source| Error::File { path: path.to_owned(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.file_name().is_some_and(|n| n.to_string_lossy().ends_with(ENDING)) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
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
        plan(auditor, &place, round, said);
        omission(&mut auditor.findings, &place, history, round, said);
    }
}

/// The receipt is for the plan that was published.
fn plan(auditor: &mut Auditor<'_>, place: &Place, round: &Round, said: &Receipt) {
    // The file itself is checked, and told of, with its round.
    let read = auditor.lineage.read(&lineage::plan(round.id)).ok().flatten();
    let plan = read.and_then(|bytes| serde_json::from_slice::<Signed<Plan>>(&bytes).ok());
    match plan.filter(|plan| plan.is_by(&plan.body, round.coordinator)) {
        Some(plan) => {
            let digest = plan.body.digest();
            auditor.findings.equal(Kind::Receipt, place, "plan", digest, said.plan);
        }
        None => auditor.findings.notice(
            place,
            "the lineage has no plan of this round that its coordinator has signed: for which plan \
             the receipt is was not checked",
        ),
    }
}

/// What a coordinator has counted is in its batch.
fn omission(
    findings: &mut Findings,
    place: &Place,
    history: &History,
    round: &Round,
    said: &Receipt,
) {
    let counted = round.counted();
    let counted = counted.iter().find(|counted| counted.account == said.member);
    let slash = history.slashes.iter().find(|slash| {
        (slash.round, slash.account, slash.coordinator) == (said.round, said.member, false)
    });
    // Whatever it was answered with, it is left out by right.
    if let (None, Some(slash)) = (counted, slash) {
        let about = "the member was slashed in this round, and its delivery is in no batch";
        return findings.notice(place, format!("{about}: {}", slash.reason));
    }
    match counted {
        // In eager domains the contract knows the update, not the submission.
        Some(counted) if !counted.submission.is_zero() => {
            findings.equal(Kind::Receipt, place, "submission", said.submission, counted.submission);
        }
        Some(_) => {}
        None if round.is_settled() => {
            let problem = || {
                "OMISSION: the coordinator has counted this delivery, and its batch says that the \
                 member delivered nothing"
                    .to_owned()
            };
            findings.check(Kind::Receipt, place, "delivery", false, problem);
        }
        None if round.outcome == Outcome::Empty => findings.notice(
            place,
            "the coordinator has counted this delivery, and its batch says that nobody delivered \
             anything: there was no sum, or it was hidden",
        ),
        // Without a batch nothing is said about deliveries.
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, U256};
    use zktrain_contracts::bindings::rounds::IRounds::{Delivery, Member};
    use zktrain_contracts::protocol::Members;
    use zktrain_contracts::protocol::export::Block;

    use super::*;
    use crate::audit::history::{Proposal, Slash};

    const OMITTED: Address = Address::repeat_byte(2);

    /// A settled round of two members, of which the second is not in the batch.
    fn round() -> Round {
        let (hash, dataset) = (B256::repeat_byte(7), B256::ZERO);
        let member =
            |n| Member { account: Address::repeat_byte(n), dataset, windows: 1, weight: 1 << 15 };
        let nothing = Delivery { update: B256::ZERO, submission: B256::ZERO };
        let deliveries = vec![Delivery { update: hash, submission: hash }, nothing];
        Round {
            id: 5,
            coordinator: Address::ZERO,
            parent: hash,
            budget: U256::ZERO,
            members: Members(vec![member(1), member(2)]),
            scores: vec![1, 1],
            opened: Block { number: 1, hash, time: 1 },
            nonce: None,
            delivered: Default::default(),
            proposal: Some(Proposal { root: hash, aggregate: hash, model: hash, deliveries }),
            outcome: Outcome::Settled { version: 1 },
            ended: None,
            payments: Vec::new(),
            burned: U256::ZERO,
        }
    }

    fn slash(round: u64, account: Address, coordinator: bool) -> Slash {
        let (reason, burned, bounty) = ("false proof".to_owned(), U256::ZERO, U256::ZERO);
        Slash { round, account, reason, coordinator, burned, bounty }
    }

    fn found(slashes: Vec<Slash>) -> Findings {
        let history = History { slashes, ..History::default() };
        let hash = B256::repeat_byte(9);
        let (plan, masked, submission) = (hash, hash, hash);
        let said = Receipt { round: 5, member: OMITTED, plan, masked, submission, time: 1 };
        let (mut findings, place) = (Findings::default(), Place::member("file", 5, OMITTED));
        omission(&mut findings, &place, &history, &round(), &said);
        findings
    }

    /// A coordinator may leave out what was shown to be false after it had counted it.
    #[test]
    fn who_was_slashed_in_the_round_was_left_out_by_right() {
        let findings = found(vec![slash(5, OMITTED, false)]);
        assert!(findings.failures().is_empty(), "{:?}", findings.failures());
        assert!(findings.notices()[0].about.ends_with("in no batch: false proof"));
        // Not for another round, nor somebody else, nor as a coordinator.
        let others =
            [slash(4, OMITTED, false), slash(5, Address::ZERO, false), slash(5, OMITTED, true)];
        for slashes in [vec![], others.to_vec()] {
            let findings = found(slashes);
            assert!(findings.failures()[0].problem.starts_with("OMISSION"));
            assert!(findings.notices().is_empty());
        }
    }

    #[test]
    fn what_was_not_read_is_told() {
        assert!(unread(3).starts_with("3 receipts were NOT READ: at most 100000"));
    }
}
