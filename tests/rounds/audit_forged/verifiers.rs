//! What cannot be while a verifier is stopped, and what can be only then.

use alloy::primitives::Address;
use alloy::sol_types::SolEvent;
use zktrain_audit::AuditReport;
use zktrain_ledger::ChainExport;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::findings::CheckKind;
use zktrain_ledger::time;

use super::export::{CHAIN, add, decoded, insert, nth, one, refused, replayed, without};
use super::names;
use super::rules::{BELIED, FREE, SUM, VOID, number, word};
use crate::audit_made::busy::busy;
use zktrain_testchains::economy::HOUR;

type Added = VerifierRouter::VerifierAdded;
type Stopped = VerifierRouter::VerifierStopped;

/// The guardian stops the domain's verifier when a round has been drawn, and not later.
fn stop(export: &mut ChainExport, round: usize) {
    let said = decoded::<Stopped>(&without::<Stopped>(export, 0));
    let behind = nth::<Rounds::Drawn>(export, round) + 1;
    let until = export.logs[behind - 1].block.time + 30 * 24 * HOUR;
    let stopped = Stopped { until, ..said }.encode_log_data();
    insert(export, behind, vec![(export.deployment.router, stopped)]);
}

/// The first round was given up instead of being held against its coordinator.
fn abandon(export: &mut ChainExport) {
    one(export, |voided: &mut Rounds::Voided| voided.reason = word("verifier stopped"));
    drop(without::<Slashing::Proven>(export, 0));
    drop(without::<Reputation::Barred>(export, 0));
    drop(without::<StakeManager::Slashed>(export, 0));
}

/// What the notices say about a round; about the domain without one.
fn abouts(report: &AuditReport, round: Option<u64>) -> Vec<&str> {
    let told = report.notices.iter().filter(|notice| notice.round == round);
    told.map(|notice| notice.about.as_str()).collect()
}

#[test]
fn a_round_that_was_settled_while_its_verifier_was_stopped_is_told() {
    let report = replayed(|_| {});
    let export = &busy().export;
    assert_eq!(report.notices.len(), 2, "{:?}", report.notices);
    let since = time(export.logs[nth::<Stopped>(export, 0)].block.time);
    let [of_domain, of_round] = [None, Some(number(FREE))].map(|round| abouts(&report, round)[0]);
    assert!(
        of_domain.contains(&format!("verifier was stopped from {since} until ")),
        "{of_domain}"
    );
    assert!(of_round.contains("no proof of it could be checked on chain"), "{of_round}");
    // It is never used again if that was decided in time.
    let for_good = replayed(|e| {
        let ratified = VerifierRouter::StopRatified { id: e.deployment.verifier };
        let behind = nth::<Stopped>(e, 0) + 1;
        insert(e, behind, vec![(e.deployment.router, ratified.encode_log_data())]);
    });
    assert!(abouts(&for_good, None)[1].ends_with(&format!("on {since}, for good")));
    assert!(names(&for_good, CHAIN, (CheckKind::Export, "verifier")), "the next round is opened");
}

#[test]
fn a_round_is_abandoned_a_day_after_its_verifier_was_stopped() {
    let void = (CheckKind::Export, "void");
    let report = replayed(|e| {
        abandon(e);
        stop(e, VOID);
    });
    assert!(!names(&report, CHAIN, void), "{:#?}", report.failures);
    let told = abouts(&report, Some(number(VOID)));
    assert_eq!(told, ["it was abandoned, because its verifier was stopped"]);
    assert_eq!(report.slashes.len(), 3, "nobody is slashed for it");
    refused(void, "no stop", abandon);
    refused(void, "a stop of another verifier", |e| {
        abandon(e);
        stop(e, VOID);
        one(e, |stopped: &mut Stopped| stopped.id.0[0] ^= 1);
    });
    refused(void, "a stop of less than a day", |e| {
        abandon(e);
        stop(e, VOID);
        let at = nth::<Stopped>(e, 0);
        let voided = e.logs[nth::<Rounds::Voided>(e, 0)].block.time;
        e.logs[at].block.time = voided - 24 * HOUR;
    });
    // What could not be done is nobody's fault.
    refused(void, "a deadline while the verifier was stopped", |e| stop(e, VOID));
}

#[test]
fn nothing_is_proven_with_a_verifier_that_is_stopped_or_was_never_there() {
    let verifier = (CheckKind::Export, "verifier");
    refused(verifier, "a round is opened", |e| stop(e, VOID));
    let wrong = |change: &dyn Fn(&mut ChainExport)| -> Vec<Option<u64>> {
        let failures = replayed(change).failures.into_iter();
        let of_verifier = failures.filter(|failure| failure.field == "verifier");
        of_verifier.map(|failure| failure.round).collect()
    };
    let nobody: Vec<Option<u64>> = Vec::new();
    assert_eq!(wrong(&|_| {}), nobody);
    let in_round = |round: usize, change: &dyn Fn(&mut ChainExport)| {
        wrong(change).into_iter().filter(|wrong| *wrong == Some(number(round))).count()
    };
    assert_eq!(in_round(SUM, &|e| stop(e, SUM)), 4, "a delivery, an audit and two answers");
    assert_eq!(in_round(BELIED, &|e| stop(e, BELIED)), 0, "two submissions, a receipt");
    let invalid = |e: &mut ChainExport| {
        stop(e, BELIED);
        one(e, |slashed: &mut Rounds::MemberSlashed| slashed.reason = word("invalid proof"));
    };
    assert_eq!(in_round(BELIED, &invalid), 1, "a proof that nothing could check");
    refused(verifier, "an unknown verifier", |e| drop(without::<Added>(e, 0)));
    refused(verifier, "one twice", |e| {
        let again = decoded::<Added>(&e.logs[nth::<Added>(e, 0)]);
        add(e, e.deployment.router, &again);
    });
    refused(verifier, "by a stranger", |e| one(e, |s: &mut Stopped| s.guardian = Address::ZERO));
    refused(verifier, "for longer", |e| one(e, |stopped: &mut Stopped| stopped.until += 1));
    refused(verifier, "again", |e| {
        let again = decoded::<Stopped>(&e.logs[nth::<Stopped>(e, 0)]);
        add(e, e.deployment.router, &again);
    });
    refused(verifier, "for good, after its end", |e| {
        let id = e.deployment.verifier;
        add(e, e.deployment.router, &VerifierRouter::StopRatified { id });
    });
}
