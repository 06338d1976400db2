//! The report for people.

use std::io::Write;

use zktrain_audit::{AuditReport, RoundReport, short};

use crate::ui::{Report, field, success};

/// On which terms a round's sum hid its members.
fn hidden(round: &RoundReport) -> String {
    let number = |value: Option<u32>| value.map_or("–".to_owned(), |value| value.to_string());
    let third = match round.bears_third {
        Some(true) => "covers a third",
        _ => "does NOT cover a third",
    };
    format!(
        "round {}: {} of {} counted, at least {}; threshold {}, which {third}",
        round.round,
        round.counted,
        round.members.len(),
        number(round.least),
        number(round.threshold)
    )
}

impl Report for AuditReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        verdict(self, out)?;
        facts(self, out)?;
        writeln!(out)?;
        findings(self, out)?;
        self.roots.print(out)?;
        writeln!(out, "\nassumed:")?;
        self.assumed.iter().try_for_each(|line| writeln!(out, "  - {line}"))?;
        writeln!(out, "\n{:.1} s in all", self.timing.seconds)
    }
}

/// Whether the model follows from genesis.
fn verdict(report: &AuditReport, out: &mut dyn Write) -> std::io::Result<()> {
    let number = report.versions.last().map_or(0, |version| version.number);
    match (report.valid, report.pinned) {
        (true, true) => {
            success(out, format!("{} is version {number}, back to genesis", report.model))
        }
        (true, false) => {
            let rest = "back to genesis, on roots that nobody pinned";
            success(out, format!("{} is version {number}, {rest}", report.model))
        }
        (false, _) => writeln!(out, "✗ {} is NOT shown to follow from genesis", report.model),
    }
}

/// What was audited, and how much of it there was.
fn facts(report: &AuditReport, out: &mut dyn Write) -> std::io::Result<()> {
    if let (Some(domain), Some(chain), Some(head)) = (report.domain, report.chain_id, report.head) {
        field(out, "domain", format!("{domain} on chain {chain}, until block {head}"))?;
    }
    if let Some(rounds) = report.rounds_contract {
        field(out, "contract Rounds", rounds)?;
    }
    if let Some(current) = report.current {
        field(out, "version now", format!("{current}, as the node says"))?;
    }
    if let Some(version) = report.versions.last() {
        field(out, "model", short(&version.model))?;
    }
    let of = |outcome: &str| report.rounds.iter().filter(|r| r.outcome == outcome).count();
    let rounds = format!("{} settled, {} void", of("settled"), of("void") + of("empty"));
    field(out, "rounds", rounds)?;
    let timing = &report.timing;
    let proofs = format!(
        "{} in {:.2} s, {} registration chunks in {:.2} s",
        timing.proofs, timing.proving, timing.chunks, timing.registrations
    );
    field(out, "proofs", proofs)?;
    for slash in &report.slashes {
        let what = format!("{} {:#x}: {}", slash.role, slash.account, slash.reason);
        field(out, "slashed", what)?;
    }
    for round in report.rounds.iter().filter(|round| round.threshold.is_some()) {
        field(out, "hidden", hidden(round))?;
    }
    Ok(())
}

/// What was checked, and what was found.
fn findings(report: &AuditReport, out: &mut dyn Write) -> std::io::Result<()> {
    for check in &report.checks {
        let mark = if check.failed == 0 { "✓" } else { "✗" };
        let made = format!("{}/{}", check.made - check.failed, check.made);
        writeln!(out, "  {mark} {made:>9}  {}", check.about)?;
    }
    for failure in &report.failures {
        writeln!(out, "\n✗ {failure}")?;
    }
    for notice in &report.notices {
        writeln!(out, "\n! {notice}")?;
    }
    for name in &report.unused {
        writeln!(out, "\nnot looked at: {name}")?;
    }
    Ok(())
}
