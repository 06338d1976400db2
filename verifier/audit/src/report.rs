//! What an audit says: the same for people and for programs.

use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use zktrain_ledger::findings::{AuditNotice, CheckKind, Failure};
use zktrain_ledger::history::{RoundHistory, RoundOutcome};

use super::auditor::Auditor;
use super::rounds::Terms;
use super::{AuditOptions, Progress, summary};
use crate::trust::Roots;

/// Version of the report's schema.
pub const VERSION: u32 = 1;

/// What an audit says. Amounts are decimal, in the token's smallest unit.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// The report's schema: `VERSION` of this module.
    pub version: u32,
    /// Whether everything holds; if `strict`, also whether it rests on pinned and known roots alone.
    pub valid: bool,
    /// Whether all roots are pinned or known.
    pub pinned: bool,
    /// Whether only pinned and known roots were asked for.
    pub strict: bool,
    /// What it rests on.
    pub roots: Roots,
    /// The model's file.
    pub model: String,
    /// The chain that settled the rounds; none if the export cannot be read.
    pub chain_id: Option<u64>,
    /// The contract `Rounds` there.
    pub rounds_contract: Option<Address>,
    pub domain: Option<u64>,
    /// The last block of the export.
    pub head: Option<u64>,
    /// The domain's version now, as a node says; none without a node.
    pub current: Option<u64>,
    /// All versions, the first one included.
    pub versions: Vec<VersionReport>,
    pub rounds: Vec<RoundReport>,
    /// Members and coordinators that were slashed.
    pub slashes: Vec<SlashReport>,
    /// How many checks were made, by kind.
    pub checks: Vec<CheckReport>,
    /// What does not hold.
    pub failures: Vec<Failure>,
    /// What breaks no rule and should be known.
    pub notices: Vec<AuditNotice>,
    /// What follows if there are no failures.
    pub proven: Vec<String>,
    /// What it rests on.
    pub assumed: Vec<String>,
    /// Files that belong to nothing and were not looked at.
    pub unused: Vec<String>,
    /// How long it took.
    pub timing: AuditTiming,
}

/// A version of the model.
#[derive(Clone, Debug, Serialize)]
pub struct VersionReport {
    /// Its number; the first model is zero.
    pub number: u64,
    /// `keccak256` of its row commitments.
    pub model: B256,
    /// The round that made it.
    pub round: Option<u64>,
    /// When, Unix seconds.
    pub time: Option<u64>,
    /// Parameters that the update was cut off at.
    pub clamped: Option<usize>,
}

/// What the audit found out about a round.
#[derive(Clone, Debug, Serialize)]
pub struct RoundReport {
    /// Its number.
    pub round: u64,
    /// `settled`, `empty` (settled without a sum), `void` or `open`.
    pub outcome: &'static str,
    /// The version that it made.
    pub version: Option<u64>,
    /// Why it is void.
    pub reason: Option<String>,
    /// Who coordinated it.
    pub coordinator: Address,
    /// When it was opened, Unix seconds.
    pub opened: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// What it could pay.
    pub budget: String,
    /// What the coordinator got.
    pub coordinator_paid: String,
    /// What was burned.
    pub burned: String,
    /// Shares that recover a secret, if there is a plan.
    pub threshold: Option<u32>,
    /// Members with weight that a sum had to have, if there is a plan.
    pub least: Option<u32>,
    /// Members whose updates are in the sum.
    pub counted: usize,
    /// Deliveries that were demanded to be proven on chain, those of the audit included.
    pub demanded: usize,
    /// Deliveries that the audit has drawn; none without an audit.
    pub audited: Option<usize>,
    /// Whether fewer than a third of the members cannot have two sums unmasked: `2t − n` covers them.
    pub bears_third: Option<bool>,
    pub members: Vec<MemberReport>,
}

/// A member of a round.
#[derive(Clone, Debug, Serialize)]
pub struct MemberReport {
    /// The member.
    pub account: Address,
    /// Its reputation when the round was opened, of 65,536.
    pub score: u32,
    /// Its weight, of 65,536.
    pub weight: u32,
    /// Windows of its dataset.
    pub windows: u64,
    /// Whether it is paid for a delivery.
    pub delivered: bool,
    /// Whether its update is in the sum: not what was delivered to the contract alone.
    pub counted: bool,
    /// What it got.
    pub paid: String,
}

/// Somebody lost stake.
#[derive(Clone, Debug, Serialize)]
pub struct SlashReport {
    /// In which round.
    pub round: u64,
    /// Who.
    pub account: Address,
    /// `member` or `coordinator`.
    pub role: &'static str,
    /// Why, as the contract says.
    pub reason: String,
    /// Reward tokens that were burned.
    pub burned: String,
    /// Reward tokens that went to the challenger.
    pub bounty: String,
}

/// Checks of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// The kind.
    pub check: CheckKind,
    /// What holds if all of them do.
    pub about: &'static str,
    /// Checks made.
    pub made: u64,
    /// Checks that do not hold.
    pub failed: u64,
}

/// How long an audit took, and for how much.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AuditTiming {
    /// All of it, seconds.
    pub seconds: f64,
    /// Chunks of registrations.
    pub chunks: u64,
    /// Seconds of checking them.
    pub registrations: f64,
    /// Proofs of training.
    pub proofs: u64,
    /// Seconds of checking them.
    pub proving: f64,
}

pub(crate) fn report(
    auditor: Auditor<'_>,
    progress: Progress<'_>,
    roots: Roots,
    options: &AuditOptions<'_>,
) -> AuditReport {
    let unused = auditor.unused();
    let findings = &auditor.findings;
    let checks = CheckKind::ALL.into_iter().map(|kind| {
        let count = findings.count(kind);
        CheckReport { check: kind, about: kind.about(), made: count.made, failed: count.failed }
    });
    let export = progress.export.as_ref();
    let (pinned, strict) = (roots.are_named(), options.pins.strict);
    AuditReport {
        version: VERSION,
        valid: findings.failures().is_empty() && (pinned || !strict),
        pinned,
        strict,
        roots,
        model: options.name.to_owned(),
        chain_id: export.map(|e| e.deployment.chain_id),
        rounds_contract: export.map(|e| e.deployment.rounds),
        domain: export.map(|e| e.domain),
        head: export.map(|e| e.head.number),
        current: progress.live.as_ref().and_then(|live| live.version),
        versions: versions(&progress),
        rounds: progress.history.rounds.iter().map(|of| round(of, &progress.terms)).collect(),
        slashes: slashes(&progress),
        checks: checks.filter(|check| check.made > 0).collect(),
        failures: findings.failures().to_vec(),
        notices: findings.notices().to_vec(),
        proven: summary::proven(),
        assumed: summary::assumed(&progress, options),
        unused,
        timing: progress.timing,
    }
}

fn versions(progress: &Progress<'_>) -> Vec<VersionReport> {
    let history = &progress.history;
    let first = history.opened.iter().map(|(config, _)| VersionReport {
        number: 0,
        model: config.genesis,
        round: None,
        time: None,
        clamped: None,
    });
    let clamped = |round: u64| progress.clamped.iter().find(|(of, _)| *of == round);
    let later = history.versions.iter().map(|version| VersionReport {
        number: version.number,
        model: version.model,
        round: Some(version.round),
        time: Some(version.block.time),
        clamped: clamped(version.round).map(|(_, count)| *count),
    });
    first.chain(later).collect()
}

fn paid(round: &RoundHistory, account: Address) -> U256 {
    let payments = round.payments.iter().filter(|(to, _)| *to == account);
    payments.map(|(_, amount)| *amount).sum()
}

fn round(round: &RoundHistory, terms: &[Terms]) -> RoundReport {
    let terms = terms.iter().find(|terms| terms.round == round.id);
    let counted = round.counted();
    let settled = round.is_settled();
    let members = round.members.0.iter().zip(&round.scores).map(|(member, score)| MemberReport {
        account: member.account,
        score: *score,
        weight: member.weight,
        windows: member.windows,
        delivered: round.has_delivered(member.account),
        counted: settled && counted.iter().any(|c| c.account == member.account),
        paid: paid(round, member.account).to_string(),
    });
    let (outcome, version, reason) = match &round.outcome {
        RoundOutcome::Open => ("open", None, None),
        RoundOutcome::Settled { version } => ("settled", Some(*version), None),
        RoundOutcome::Empty => ("empty", None, None),
        RoundOutcome::Void { reason } => ("void", None, Some(reason.clone())),
    };
    RoundReport {
        round: round.id,
        outcome,
        version,
        reason,
        coordinator: round.coordinator,
        opened: round.opened.time,
        ended: round.ended.map(|block| block.time),
        budget: round.budget.to_string(),
        coordinator_paid: paid(round, round.coordinator).to_string(),
        burned: round.burned.to_string(),
        threshold: terms.map(|terms| terms.threshold),
        least: terms.map(|terms| terms.least),
        counted: if settled { counted.len() } else { 0 },
        demanded: round.demands.len(),
        audited: round.audit.drawn,
        bears_third: terms.map(|terms| terms.bears_third),
        members: members.collect(),
    }
}

fn slashes(progress: &Progress<'_>) -> Vec<SlashReport> {
    let slashes = progress.history.slashes.iter().map(|slash| SlashReport {
        round: slash.round,
        account: slash.account,
        role: if slash.coordinator { "coordinator" } else { "member" },
        reason: slash.reason.clone(),
        burned: slash.burned.to_string(),
        bounty: slash.bounty.to_string(),
    });
    slashes.collect()
}
