//! Checks a model's lineage from its first version to its last, from files alone.
//!
//! In order: the chain's export is replayed by the contracts' rules; manifest, reference string,
//! proof key and first model are the domain's; datasets are registered as members joined with them;
//! for each settled round, plan, submissions and batch are signed and are what the chain was told,
//! statements say what the round asked for, their weighted updates are the aggregate, the sum opens
//! it, and the next version is the one before moved by the rounded sum; all proofs hold; and the
//! model asked about is the last version. What the verdict rests on is named, and compared with what
//! whoever audits has pinned. Nothing stops at the first failure: all that can be
//! checked is, and each failure names its file, round, member and field.

mod auditor;
mod basis;
mod findings;
mod history;
mod html;
mod live;
mod money;
mod receipts;
mod replay;
mod report;
mod roots;
mod rounds;
mod summary;

use std::path::Path;
use std::time::Instant;

use alloy::primitives::B256;
use zktrain_chain::Endpoint;
use zktrain_chain::protocol::ChainExport;
use zktrain_model::trace::Parameters;
use zktrain_trainer::export::{to_float_safetensors, to_int_safetensors};

use crate::error::Error;
use crate::lineage::{CHAIN, Lineage};
use crate::ui::Ui;
use auditor::Auditor;
use basis::Basis;
use history::{History, Outcome};
use live::Live;
use rounds::{Terms, Walk};

pub use findings::{Count, Failure, Findings, Kind, Notice, Place};
pub use html::page;
pub use report::{
    AuditReport, CheckReport, MemberReport, RoundReport, SlashReport, Timing, VersionReport,
};
pub use roots::AuditPins;

/// What an audit needs besides the lineage.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The model: integers, or the floats that they stand for.
    pub model: &'a Path,
    /// A reference string that the auditor trusts; otherwise the lineage's is used.
    pub srs: Option<&'a Path>,
    /// A node to compare the export with.
    pub chain: Option<&'a Endpoint>,
    /// What the verdict may rest on.
    pub pins: AuditPins,
    /// Receipts that owners have got for their uploads: a folder, or a file.
    pub receipts: Option<&'a Path>,
}

/// What came of the parts of an audit.
#[derive(Default)]
struct Progress {
    history: History,
    export: Option<ChainExport>,
    live: Option<Live>,
    basis: Option<Basis>,
    clamped: Vec<(u64, usize)>,
    terms: Vec<Terms>,
    timing: Timing,
}

/// Audits a model.
///
/// # Errors
/// If the model or a node cannot be read at all. What does not hold is in the report.
pub fn audit(lineage: &Lineage, options: &Options<'_>, ui: &Ui) -> Result<AuditReport, Error> {
    let start = Instant::now();
    let model = crate::files::read(options.model)?;
    let mut auditor = Auditor::new(lineage);
    let mut progress = Progress::default();
    chain(&mut auditor, &mut progress, options)?;
    if let Some(export) = &progress.export {
        receipts::check(&mut auditor, &progress.history, &export.deployment, options.receipts)?;
    }
    versions(&mut auditor, &mut progress, options, &model, ui);
    let roots = roots::roots(&mut auditor, &progress, options);
    progress.timing.seconds = start.elapsed().as_secs_f64();
    Ok(report::report(auditor, progress, roots, options))
}

fn chain(
    auditor: &mut Auditor<'_>,
    progress: &mut Progress,
    options: &Options<'_>,
) -> Result<(), Error> {
    let place = Place::file(CHAIN);
    let Some(export) = auditor.json::<ChainExport>(&place) else { return Ok(()) };
    progress.history = replay::replay(&export, &mut auditor.findings);
    if let Some(endpoint) = options.chain {
        let live = live::look(&export, endpoint)?;
        let problem = || live.difference.clone().unwrap_or_default();
        auditor.findings.check(Kind::Live, &place, "logs", live.difference.is_none(), problem);
        ends(auditor, progress, options, &live);
        progress.live = Some(live);
    }
    progress.export = Some(export);
    Ok(())
}

/// A lineage ends where the chain does, unless whoever audits asks for less.
fn ends(auditor: &mut Auditor<'_>, progress: &Progress, options: &Options<'_>, live: &Live) {
    let Some(current) = live.version.filter(|_| !options.pins.stale) else { return };
    let (place, findings) = (Place::file(CHAIN), &mut auditor.findings);
    let last = progress.history.versions.last().map_or(0, |version| version.number);
    let problem = || {
        format!(
            "it ends with version {last}; the domain has version {current}: ask for a newer \
             lineage, or allow this with --stale"
        )
    };
    if !findings.check(Kind::Live, &place, "version", last >= current, problem) {
        return;
    }
    // Rounds that made no version: somebody may have been slashed in them.
    let is_told = |id: &u64| {
        let told = progress.history.rounds.iter().find(|round| round.id == *id);
        told.is_some_and(|round| !matches!(round.outcome, Outcome::Open))
    };
    let missing = live.ended.iter().filter(|id| !is_told(id)).count();
    let problem = || {
        format!(
            "{missing} rounds have ended that it does not tell of: ask for a newer lineage, or allow \
             this with --stale"
        )
    };
    findings.check(Kind::Live, &place, "rounds", missing == 0, problem);
}

/// Everything behind the chain's hashes.
fn versions(
    auditor: &mut Auditor<'_>,
    progress: &mut Progress,
    options: &Options<'_>,
    model: &[u8],
    ui: &Ui,
) {
    let name = options.model.display().to_string();
    let place = Place::file(&name);
    let unreached = || "the lineage does not lead to a model".to_owned();
    let opened = progress.history.opened.clone();
    let (Some(export), Some(opened)) = (&progress.export, opened) else {
        let problem = || "the domain's opening is not in the export".to_owned();
        auditor.findings.check(Kind::Export, &Place::file(CHAIN), "domain", false, problem);
        auditor.findings.check(Kind::Model, &place, "model", false, unreached);
        return;
    };
    let Some(basis) = Basis::read(auditor, &opened, options.srs, ui) else {
        auditor.findings.check(Kind::Model, &place, "model", false, unreached);
        return;
    };
    let begun = Instant::now();
    progress.timing.chunks = basis::registrations(auditor, &basis, &progress.history, ui);
    progress.timing.registrations = begun.elapsed().as_secs_f64();
    let mut walk = Walk::new(auditor, &basis, export, &opened.0);
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
    last(auditor, &basis, &place, &models, model);
    progress.basis = Some(basis);
}

/// The model is the last version, as integers or as floats.
fn last(
    auditor: &mut Auditor<'_>,
    basis: &Basis,
    place: &Place,
    models: &[Option<Parameters>],
    model: &[u8],
) {
    let network = basis.session.network();
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
    auditor.findings.check(Kind::Model, place, "model", holds, problem);
}

/// A hash as people read it: its first letters.
pub(crate) fn short(hash: &B256) -> String {
    hash.iter().take(5).fold(String::from("0x"), |text, byte| format!("{text}{byte:02x}")) + "…"
}
