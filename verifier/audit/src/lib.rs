//! Checks a model's lineage from its first version to its last, from files alone.
//!
//! In order: the chain's export is replayed by the contracts' rules; manifest, reference string,
//! proof key and first model are the domain's; datasets are registered as members joined with them;
//! for each settled round, plan, submissions and batch are signed and are what the chain was told,
//! statements say what the round asked for, their weighted updates are the aggregate, the sum opens
//! it, and the next version is the one before moved by the rounded sum; all proofs hold; and the
//! model asked about is the last version. What the verdict rests on is named, and compared with what
//! the auditor has pinned. Nothing stops at the first failure: all that can be checked is, and each
//! failure names its file, round, member and field.
//!
//! What has to be computed with a reference string, and what a node says, is given from outside
//! ([`backend`]): nothing here can prove, and nothing asks a network.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod auditor;
pub mod backend;
mod basis;
mod html;
pub mod lineage;
pub mod live;
mod receipts;
mod report;
mod roots;
mod rounds;
pub mod submission;
mod summary;
pub mod trust;

use std::path::{Path, PathBuf};
use std::time::Instant;

use alloy_primitives::B256;
use zktrain_ledger::ChainExport;
use zktrain_ledger::findings::{CheckKind, Place};
use zktrain_ledger::history::{DomainHistory, RoundOutcome};
use zktrain_ledger::replay;
use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_trainer::export::{to_float_safetensors, to_int_safetensors};

use auditor::Auditor;
use backend::{AuditBackend, BackendError, ChainNode};
use basis::Basis;
use lineage::{CHAIN, Lineage};
use live::Live;
use rounds::{LineageReplay, Terms};

pub use html::page;
pub use report::{
    AuditReport, AuditTiming, CheckReport, MemberReport, RoundReport, SlashReport, VersionReport,
};
pub use roots::AuditPins;

/// What an audit needs besides the lineage.
pub struct AuditOptions<'a> {
    /// What the model is called: its file, for people.
    pub name: &'a str,
    /// The model's file: integers, or the floats that they stand for.
    pub model: &'a [u8],
    /// A reference string that the auditor trusts; otherwise the lineage's is used.
    pub srs: Option<&'a Path>,
    /// A node to compare the export with.
    pub node: Option<&'a dyn ChainNode>,
    /// What the verdict may rest on.
    pub pins: AuditPins,
    /// Receipts that owners have got for their uploads: a folder, or a file.
    pub receipts: Option<&'a Path>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Receipts cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The node does not answer.
    #[error("the node that the export is compared with: {0}")]
    Node(BackendError),
}

/// What came of the parts of an audit.
#[derive(Default)]
struct Progress<'b> {
    history: DomainHistory,
    export: Option<ChainExport>,
    live: Option<Live>,
    basis: Option<Basis<'b>>,
    clamped: Vec<(u64, usize)>,
    terms: Vec<Terms>,
    timing: AuditTiming,
}

/// Audits a model.
///
/// # Errors
/// If receipts or a node cannot be read at all. What does not hold is in the report.
pub fn audit(
    lineage: &Lineage,
    options: &AuditOptions<'_>,
    backend: &dyn AuditBackend,
) -> Result<AuditReport, AuditError> {
    let start = Instant::now();
    let mut auditor = Auditor::new(lineage);
    let mut progress = Progress::default();
    chain(&mut auditor, &mut progress, options)?;
    if let Some(export) = &progress.export {
        receipts::check(&mut auditor, &progress.history, &export.deployment, options.receipts)?;
    }
    versions(&mut auditor, &mut progress, options, backend);
    let roots = roots::roots(&mut auditor, &progress, options);
    progress.timing.seconds = start.elapsed().as_secs_f64();
    Ok(report::report(auditor, progress, roots, options))
}

fn chain(
    auditor: &mut Auditor<'_>,
    progress: &mut Progress<'_>,
    options: &AuditOptions<'_>,
) -> Result<(), AuditError> {
    let place = Place::file(CHAIN);
    let Some(export) = auditor.json::<ChainExport>(&place) else { return Ok(()) };
    progress.history = replay::replay(&export, &mut auditor.findings);
    if let Some(node) = options.node {
        let live = node.look(&export).map_err(AuditError::Node)?;
        let problem = || live.difference.clone().unwrap_or_default();
        auditor.findings.check(CheckKind::Live, &place, "logs", live.difference.is_none(), problem);
        ends(auditor, progress, options, &live);
        progress.live = Some(live);
    }
    progress.export = Some(export);
    Ok(())
}

/// A lineage ends where the chain does, unless the auditor asks for less.
fn ends(
    auditor: &mut Auditor<'_>,
    progress: &Progress<'_>,
    options: &AuditOptions<'_>,
    live: &Live,
) {
    let Some(current) = live.version.filter(|_| !options.pins.stale) else { return };
    let (place, findings) = (Place::file(CHAIN), &mut auditor.findings);
    let last = progress.history.versions.last().map_or(0, |version| version.number);
    let problem = || {
        format!(
            "it ends with version {last}; the domain has version {current}: ask for a newer \
             lineage, or allow this with --stale"
        )
    };
    if !findings.check(CheckKind::Live, &place, "version", last >= current, problem) {
        return;
    }
    // Rounds that made no version: somebody may have been slashed in them.
    let is_told = |id: &u64| {
        let told = progress.history.rounds.iter().find(|round| round.id == *id);
        told.is_some_and(|round| !matches!(round.outcome, RoundOutcome::Open))
    };
    let missing = live.ended.iter().filter(|id| !is_told(id)).count();
    let problem = || {
        format!(
            "{missing} rounds have ended that it does not tell of: ask for a newer lineage, or allow \
             this with --stale"
        )
    };
    findings.check(CheckKind::Live, &place, "rounds", missing == 0, problem);
}

/// Everything behind the chain's hashes.
fn versions<'b>(
    auditor: &mut Auditor<'_>,
    progress: &mut Progress<'b>,
    options: &AuditOptions<'_>,
    backend: &'b dyn AuditBackend,
) {
    let place = Place::file(options.name);
    let unreached = || "the lineage does not lead to a model".to_owned();
    let opened = progress.history.opened.clone();
    let (Some(export), Some(opened)) = (&progress.export, opened) else {
        let problem = || "the domain's opening is not in the export".to_owned();
        auditor.findings.check(CheckKind::Export, &Place::file(CHAIN), "domain", false, problem);
        auditor.findings.check(CheckKind::Model, &place, "model", false, unreached);
        return;
    };
    let Some(basis) = Basis::read(auditor, &opened, options.srs, backend) else {
        auditor.findings.check(CheckKind::Model, &place, "model", false, unreached);
        return;
    };
    let begun = Instant::now();
    progress.timing.chunks = basis::registrations(auditor, &basis, &progress.history);
    progress.timing.registrations = begun.elapsed().as_secs_f64();
    let mut walk = LineageReplay::new(auditor, &basis, export, &opened.0);
    let mut models = vec![walk.model.as_ref().map(|(model, _)| model.clone())];
    for round in &progress.history.rounds {
        walk.round(round);
        if round.is_settled() {
            models.push(walk.model.as_ref().map(|(model, _)| model.clone()));
        }
    }
    let begun = Instant::now();
    progress.timing.proofs = walk.proofs();
    progress.timing.proving = begun.elapsed().as_secs_f64();
    progress.clamped = std::mem::take(&mut walk.clamped);
    progress.terms = std::mem::take(&mut walk.terms);
    last(auditor, &basis, &place, &models, options.model);
    progress.basis = Some(basis);
}

/// The model is the last version, as integers or as floats.
fn last(
    auditor: &mut Auditor<'_>,
    basis: &Basis<'_>,
    place: &Place,
    models: &[Option<Parameters>],
    model: &[u8],
) {
    let network: &Network = &basis.setup.key().network;
    let is = |parameters: &Option<Parameters>| {
        let Some(parameters) = parameters else { return false };
        [to_int_safetensors(network, parameters), to_float_safetensors(network, parameters)]
            .iter()
            .any(|bytes| bytes.as_ref().is_ok_and(|bytes| bytes == model))
    };
    let holds = models.last().is_some_and(is);
    let problem = || match models.iter().rposition(is) {
        Some(version) => {
            format!("this is version {version}, not the last one, {}", models.len() - 1)
        }
        None => "not a version of this lineage, as integers or as floats".to_owned(),
    };
    auditor.findings.check(CheckKind::Model, place, "model", holds, problem);
}

/// A hash as people read it: its first letters.
pub fn short(hash: &B256) -> String {
    hash.iter().take(5).fold(String::from("0x"), |text, byte| format!("{text}{byte:02x}")) + "…"
}
