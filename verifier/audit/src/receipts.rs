//! Receipts: what coordinators have answered uploads with, against what they then proposed.
//!
//! A coordinator that leaves a delivery out of its batch pays less, and can have the same work summed
//! again over another set. It alone sees what is uploaded; but what it has counted, it has signed.
//! What it has not judged yet, or what it has found false, it does not sign: so a member that cheats
//! has nothing to accuse it with. As long as its batch can be challenged, the contract takes a
//! receipt as evidence against it.

use std::io::Read;
use std::path::{Path, PathBuf};

use zktrain_files::regular;
use zktrain_ledger::bindings::rounds::IRounds::Delivery;
use zktrain_ledger::findings::{CheckKind, Findings, Place};
use zktrain_ledger::history::{DomainHistory, RoundHistory, RoundOutcome, SlashRecord};
use zktrain_ledger::is_summed;
use zktrain_ledger::typed::{Receipt, Scope};
use zktrain_ledger::{Deployment, SignedReceipt};
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;

use super::auditor::Auditor;
use crate::AuditError;
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
pub(crate) fn check(
    auditor: &mut Auditor<'_>,
    history: &DomainHistory,
    at: &Deployment,
    more: Option<&Path>,
) -> Result<(), AuditError> {
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
        let error = |source| AuditError::File { path: path.clone(), source };
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
fn paths(path: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let error = |source| AuditError::File { path: path.to_owned(), source };
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
    history: &DomainHistory,
    at: &Deployment,
    name: &str,
    bytes: &[u8],
) {
    let place = Place::file(name);
    let small = bytes.len() as u64 <= MOST;
    let problem = || format!("more than {MOST} bytes");
    if !auditor.findings.check(CheckKind::Encoding, &place, "file", small, problem) {
        return;
    }
    let read = serde_json::from_slice::<SignedReceipt>(bytes);
    let Some(signed) = auditor.findings.result(CheckKind::Encoding, &place, "content", read) else {
        return;
    };
    let said = &signed.receipt;
    let place = Place::member(name, said.round, said.member);
    let round = history.rounds.iter().find(|round| round.id == said.round);
    let member = |round: &&RoundHistory| round.members.find(said.member).is_some();
    let Some(round) = round.filter(member) else {
        let problem = || "no round of the domain with this member".to_owned();
        auditor.findings.check(CheckKind::Receipt, &place, "round", false, problem);
        return;
    };
    let scope = Scope::new(at.chain_id, at.rounds, round.nonce.unwrap_or_default());
    let by = signed.is_by(&scope, round.coordinator);
    // What nobody answers for says nothing about anybody.
    if auditor.signature(CheckKind::Receipt, &place, &signed.signature, by) {
        plan(auditor, &place, round, said);
        omission(&mut auditor.findings, &place, history, round, said);
    }
}

/// The receipt is for the plan that was published.
fn plan(auditor: &mut Auditor<'_>, place: &Place, round: &RoundHistory, said: &Receipt) {
    // The file itself is checked, and told of, with its round.
    let read = auditor.lineage.read(&lineage::plan(round.id)).ok().flatten();
    let plan = read.and_then(|bytes| serde_json::from_slice::<Signed<Plan>>(&bytes).ok());
    match plan.filter(|plan| plan.is_by(&plan.body, round.coordinator)) {
        Some(plan) => {
            let digest = plan.body.digest();
            auditor.findings.equal(CheckKind::Receipt, place, "plan", digest, said.plan);
        }
        None => auditor.findings.notice(
            place,
            "the lineage has no plan of this round that its coordinator has signed: for which plan \
             the receipt is was not checked",
        ),
    }
}

/// What a coordinator has counted is in its batch. Without a batch nothing is said about deliveries.
fn omission(
    findings: &mut Findings,
    place: &Place,
    history: &DomainHistory,
    round: &RoundHistory,
    said: &Receipt,
) {
    let Some(listed) = round.listed(said.member) else { return };
    if round.optimistic {
        belied(findings, place, history, round, (said, listed));
    } else if !is_summed(listed) {
        left_out(findings, place, history, round, (said, listed));
    }
}

/// In optimistic rounds a batch names submissions, and the contract slashes for one that is another than
/// the receipt's, whatever came of the round or of the member.
fn belied(
    findings: &mut Findings,
    place: &Place,
    history: &DomainHistory,
    round: &RoundHistory,
    (said, listed): (&Receipt, &Delivery),
) {
    let same = listed.submission == said.submission;
    // A slash that took nothing is no answer.
    let of_round = |slash: &&SlashRecord| slash.taken && slash.round == round.id;
    let mut slashes = history.slashes.iter().filter(of_round);
    if let (false, Some(slash)) = (same, slashes.find(|slash| slash.coordinator)) {
        let about = "the batch belies this receipt; its coordinator was slashed in this round";
        return findings.notice(place, format!("{about}: {}", slash.reason));
    }
    let (field, what) = match (listed.update.is_zero(), listed.submission.is_zero()) {
        (true, _) => ("delivery", "says that the member delivered nothing"),
        (false, true) => ("submission", "leaves it out of the sum"),
        (false, false) => ("submission", "has another one of the member"),
    };
    let problem = || {
        let remedy = match round.proposed() {
            Some(proposal) => format!(
                "until {} (Unix seconds) `zktrain chain challenge omitted {}` has it slashed",
                proposal.challenge_end, place.file
            ),
            None => "the round is over, and nobody is slashed for it any more".to_owned(),
        };
        let whose = "OMISSION: the coordinator has counted this delivery, and its batch";
        format!("{whose} {what}: {remedy}")
    };
    findings.check(CheckKind::Receipt, place, field, same, problem);
}

/// In eager rounds the contract has checked what the batch lists, and knows no submission: the batch
/// marks what is in the sum. Without a sum nothing is marked, and each member whose proof was
/// checked is paid.
fn left_out(
    findings: &mut Findings,
    place: &Place,
    history: &DomainHistory,
    round: &RoundHistory,
    (said, listed): (&Receipt, &Delivery),
) {
    let checked = !listed.update.is_zero();
    let slash = history.slashes.iter().find(|slash| {
        let who = (slash.round, slash.account, slash.coordinator);
        slash.taken && who == (said.round, said.member, false)
    });
    // Whatever it was answered with, it is left out by right.
    if let Some(slash) = slash {
        let about = "the member was slashed in this round, and its delivery is in no";
        let what = if checked { "sum" } else { "batch" };
        findings.notice(place, format!("{about} {what}: {}", slash.reason));
    } else if round.is_settled() {
        let (field, what) = match checked {
            false => ("delivery", "says that the member delivered nothing"),
            true => ("submission", "leaves it out of the sum"),
        };
        let whose = "OMISSION: the coordinator has counted this delivery, and its batch";
        findings.check(CheckKind::Receipt, place, field, false, || format!("{whose} {what}"));
    } else if round.outcome == RoundOutcome::Empty && !checked {
        findings.notice(
            place,
            "the coordinator has counted this delivery, and its batch says that there was no sum: it \
             may have been hidden",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy_primitives::{Address, B256, U256};
    use zktrain_ledger::bindings::rounds::IRounds::Member;
    use zktrain_ledger::export::Block;
    use zktrain_ledger::{MARK, Members};

    use super::*;
    use zktrain_ledger::history::{AuditProgress, ProposedBatch};

    const OMITTED: Address = Address::repeat_byte(2);
    const SUBMITTED: B256 = B256::repeat_byte(9);

    /// A round of two members, of whom the second is in the batch with this.
    fn round(optimistic: bool, outcome: RoundOutcome, listed: [B256; 2]) -> RoundHistory {
        let (hash, dataset) = (B256::repeat_byte(7), B256::ZERO);
        let member =
            |n| Member { account: Address::repeat_byte(n), dataset, windows: 1, weight: 1 << 15 };
        let [update, submission] = listed;
        let deliveries =
            vec![Delivery { update: hash, submission: hash }, Delivery { update, submission }];
        let block = Block { number: 1, hash, time: 1 };
        let (root, aggregate, model, challenge_end) = (hash, hash, hash, 77);
        let proposal = ProposedBatch { root, aggregate, model, deliveries, block, challenge_end };
        RoundHistory {
            id: 5,
            coordinator: Address::ZERO,
            parent: hash,
            optimistic,
            budget: U256::ZERO,
            fee: 0,
            burn_share: 0,
            members: Members(vec![member(1), member(2)]),
            scores: vec![1, 1],
            opened: block,
            deadline: 9,
            nonce: None,
            delivered: BTreeMap::new(),
            proposal: Some(proposal),
            demands: BTreeMap::new(),
            audit: AuditProgress::default(),
            outcome,
            ended: None,
            paid: false,
            payments: Vec::new(),
            burned: U256::ZERO,
        }
    }

    fn slash(round: u64, account: Address, coordinator: bool) -> SlashRecord {
        let (reason, burned, bounty) = ("false proof".to_owned(), U256::ZERO, U256::ZERO);
        SlashRecord { round, account, reason, coordinator, taken: true, burned, bounty }
    }

    fn untaken(slash: SlashRecord) -> SlashRecord {
        SlashRecord { taken: false, ..slash }
    }

    fn found(round: &RoundHistory, slashes: Vec<SlashRecord>) -> Findings {
        let history = DomainHistory { slashes, ..DomainHistory::default() };
        let (plan, masked, submission) = (B256::ZERO, B256::ZERO, SUBMITTED);
        let said = Receipt { round: 5, member: OMITTED, plan, masked, submission, time: 1 };
        let (mut findings, place) = (Findings::default(), Place::member("file", 5, OMITTED));
        omission(&mut findings, &place, &history, round, &said);
        findings
    }

    fn problem(findings: &Findings) -> &str {
        assert_eq!(findings.failures().len(), 1);
        assert!(findings.notices().is_empty());
        &findings.failures()[0].problem
    }

    /// An eager domain's coordinator may leave out what was shown to be false after it had counted it.
    #[test]
    fn who_was_slashed_in_the_round_was_left_out_by_right() {
        let round = round(false, RoundOutcome::Settled { version: 1 }, [B256::ZERO; 2]);
        let findings = found(&round, vec![slash(5, OMITTED, false)]);
        assert!(findings.failures().is_empty(), "{:?}", findings.failures());
        assert!(findings.notices()[0].about.ends_with("in no batch: false proof"));
        // Not for another round, nor somebody else, nor as a coordinator.
        let others =
            [slash(4, OMITTED, false), slash(5, Address::ZERO, false), slash(5, OMITTED, true)];
        let none = vec![untaken(slash(5, OMITTED, false))];
        for slashes in [vec![], others.to_vec(), none] {
            assert!(problem(&found(&round, slashes)).starts_with("OMISSION"));
        }
    }

    #[test]
    fn an_eager_domains_batch_marks_what_was_counted() {
        let update = B256::repeat_byte(3);
        let listed =
            |outcome, submission| found(&round(false, outcome, [update, submission]), vec![]);
        let settled = RoundOutcome::Settled { version: 1 };
        let told = listed(settled.clone(), B256::ZERO);
        assert!(problem(&told).starts_with("OMISSION") && problem(&told).ends_with("of the sum"));
        for fine in [listed(settled, MARK), listed(RoundOutcome::Empty, B256::ZERO)] {
            assert!(fine.failures().is_empty() && fine.notices().is_empty());
        }
    }

    #[test]
    fn a_receipt_that_a_batch_belies_is_evidence_as_long_as_it_can_be_challenged() {
        let update = B256::repeat_byte(3);
        let proposed = |listed| round(true, RoundOutcome::Open, listed);
        let command = "until 77 (Unix seconds) `zktrain chain challenge omitted file`";
        let lies = [
            ([B256::ZERO; 2], "delivered nothing"),
            ([update, B256::ZERO], "out of the sum"),
            ([update, B256::repeat_byte(8)], "has another one"),
        ];
        for (listed, what) in lies {
            let findings = found(&proposed(listed), vec![slash(5, OMITTED, false)]);
            let told = problem(&findings);
            assert!(told.contains(what) && told.contains(command), "{told}");
            for outcome in [RoundOutcome::Empty, RoundOutcome::Settled { version: 1 }] {
                let findings = found(&round(true, outcome, listed), vec![]);
                assert!(problem(&findings).ends_with("any more"));
            }
            let none = untaken(slash(5, Address::ZERO, true));
            assert!(problem(&found(&proposed(listed), vec![none])).contains(what));
            let findings = found(&proposed(listed), vec![slash(5, Address::ZERO, true)]);
            assert!(findings.failures().is_empty() && findings.notices().len() == 1);
        }
        let honest = found(&proposed([update, SUBMITTED]), vec![]);
        assert!(honest.failures().is_empty() && honest.notices().is_empty());
        assert_eq!(honest.count(CheckKind::Receipt).made, 1);
        // Without a batch nothing is said about deliveries.
        let nothing = RoundHistory { proposal: None, ..proposed([B256::ZERO; 2]) };
        assert!(found(&nothing, vec![]).failures().is_empty());
    }

    #[test]
    fn what_was_not_read_is_told() {
        assert!(unread(3).starts_with("3 receipts were NOT READ: at most 100000"));
    }
}
