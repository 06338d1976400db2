//! What an audit proves, what it rests on, and the report for people.

use std::io::Write;

use zktrain_statement::compressed::System;

use super::report::{AuditReport, RoundReport};
use super::{Options, Progress, short};
use crate::ui::{Report, field, success};

/// What follows if nothing fails.
pub(super) fn proven() -> Vec<String> {
    [
        "The model follows from the public first model by the settled rounds, and by nothing else.",
        "In each round every counted update is the exact result of the manifest's optimizer steps, \
         from that round's model, on the drawn window of a dataset that its member had registered.",
        "Registered data are well formed: in range, with valid labels.",
        "Each version is the one before, moved by the rounded, clamped weighted sum of just those \
         updates, with the weights that reputations give.",
        "Members, weights, reputations, windows, audits, payments and slashes follow from the \
         chain's events by the contracts' rules.",
        "Members have signed what they submitted, and coordinators their plans and batches.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What an audit rests on besides its roots.
pub(super) fn assumed(progress: &Progress, options: &Options<'_>) -> Vec<String> {
    let chain = match options.chain {
        Some(_) => "The node that the export was compared with tells the truth.",
        None => {
            "chain.json is what the chain says, the headers of the blocks that drew included: it was \
             not compared with a node (--chain does)."
        }
    };
    let mut all = vec![
        "Roots that you pinned are the ones that you meant, and known ceremonies had one honest \
         contributor. Whoever chose a root that came with the lineage could have forged any of it."
            .to_owned(),
        chain.to_owned(),
        "KZG commitments on BN254 bind in the algebraic group model; Keccak-256, Poseidon and \
         SHA-256 behave like random functions; ECDSA signatures cannot be forged."
            .to_owned(),
        "Who proposed the blocks that drew windows and audits gave up none to draw others."
            .to_owned(),
        "Members' private data are what they say they are: that data are well formed is proven, \
         that they are true cannot be. One party may have joined under several accounts, with the \
         same data."
            .to_owned(),
        "Coordinators left out nobody who had delivered to them alone: a batch lists all that was \
         delivered to the contract, and of the rest what members kept receipts of can be checked."
            .to_owned(),
        "This program is the one that you think it is.".to_owned(),
    ];
    all.extend(contract(progress, options));
    if progress.basis.as_ref().is_some_and(|basis| basis.system == System::Groth16) {
        let key = "Nobody knows what the Groth16 key was made from.";
        all.push(key.to_owned());
    }
    all
}

/// That the contract is the right one, unless whoever audits has named it: with its code where there is a
/// node, which knows any contract that somebody has deployed there.
fn contract(progress: &Progress, options: &Options<'_>) -> Option<String> {
    let there = &progress.export.as_ref()?.deployment;
    let pins = &options.pins;
    let missing = match (pins.rounds.is_some(), pins.code.is_some()) {
        (true, true) => return None,
        (true, false) if options.chain.is_none() => return None,
        (true, false) => "--code-hash",
        (false, _) if pins.export.is_some() => return None,
        (false, true) => "--rounds",
        (false, false) => "--rounds and --code-hash",
    };
    Some(format!(
        "The contract at {} on chain {} is the one that whoever runs the domain names: anyone can deploy one \
         that looks alike ({missing} pin it).",
        there.rounds, there.chain_id
    ))
}

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
        let last = self.versions.last();
        let number = last.map_or(0, |version| version.number);
        match (self.valid, self.pinned) {
            (true, true) => {
                success(out, format!("{} is version {number}, back to genesis", self.model))?;
            }
            (true, false) => {
                let rest = "back to genesis, on roots that nobody pinned";
                success(out, format!("{} is version {number}, {rest}", self.model))?;
            }
            (false, _) => writeln!(out, "✗ {} is NOT shown to follow from genesis", self.model)?,
        }
        if let (Some(domain), Some(chain), Some(head)) = (self.domain, self.chain_id, self.head) {
            field(out, "domain", format!("{domain} on chain {chain}, until block {head}"))?;
        }
        if let Some(rounds) = self.rounds_contract {
            field(out, "contract Rounds", rounds)?;
        }
        if let Some(current) = self.current {
            field(out, "version now", format!("{current}, as the node says"))?;
        }
        if let Some(version) = last {
            field(out, "model", short(&version.model))?;
        }
        let of = |outcome: &str| self.rounds.iter().filter(|r| r.outcome == outcome).count();
        let rounds = format!("{} settled, {} void", of("settled"), of("void") + of("empty"));
        field(out, "rounds", rounds)?;
        let timing = &self.timing;
        let proofs = format!(
            "{} in {:.2} s, {} registration chunks in {:.2} s",
            timing.proofs, timing.proving, timing.chunks, timing.registrations
        );
        field(out, "proofs", proofs)?;
        for slash in &self.slashes {
            let what = format!("{} {:#x}: {}", slash.role, slash.account, slash.reason);
            field(out, "slashed", what)?;
        }
        for round in self.rounds.iter().filter(|round| round.threshold.is_some()) {
            field(out, "hidden", hidden(round))?;
        }
        writeln!(out)?;
        for check in &self.checks {
            let mark = if check.failed == 0 { "✓" } else { "✗" };
            let made = format!("{}/{}", check.made - check.failed, check.made);
            writeln!(out, "  {mark} {made:>9}  {}", check.about)?;
        }
        for failure in &self.failures {
            writeln!(out, "\n✗ {failure}")?;
        }
        for notice in &self.notices {
            writeln!(out, "\n! {notice}")?;
        }
        for name in &self.unused {
            writeln!(out, "\nnot looked at: {name}")?;
        }
        self.roots.print(out)?;
        writeln!(out, "\nassumed:")?;
        self.assumed.iter().try_for_each(|line| writeln!(out, "  - {line}"))?;
        writeln!(out, "\n{:.1} s in all", timing.seconds)
    }
}
