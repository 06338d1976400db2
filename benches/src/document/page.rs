//! What the document's text names, from records.

use serde::Serialize;

use super::Document;
use super::template::measure;
use crate::machine::Machine;
use crate::peer::{Comparison, PeerRun};
use crate::record::{Compressed, Figures, Purpose, Record, figures};
use crate::targets::{Bound, LARGE, Measured, Notes, SMALL, Target};

/// Everything that the text names. What is empty has no section.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    machines: Vec<&'a Machine>,
    /// The lowest load average before a case, since times mean nothing without other work's.
    least_load: Option<f64>,
    targets: Vec<TargetRow<'a>>,
    profiles: Vec<Profile<'a>>,
    cases: Vec<CaseRow<'a>>,
    compressed: Vec<CompressedRow<'a>>,
    growth: [Growth<'a>; 2],
    /// Cases of the table without figures, each in a sentence.
    absent: Vec<String>,
    row_lengths: Vec<CaseRow<'a>>,
    scaling: Vec<CaseRow<'a>>,
    /// Largest over smallest time for a committed entry along the curve.
    spread: Option<f64>,
    scaling_absent: Vec<String>,
    peers: Vec<PeerRow<'a>>,
    compared: Vec<ComparedRow<'a>>,
}

/// A target, as it is shown.
#[derive(Serialize)]
struct TargetRow<'a> {
    what: String,
    limit: String,
    measured: String,
    reached: &'static str,
    note: Option<&'a str>,
}

/// Where the time of a proof goes.
#[derive(Serialize)]
struct Profile<'a> {
    shape: &'a str,
    prove_s: f64,
    /// Stages with their shares, the largest first.
    shares: Vec<String>,
}

/// Figures of one case, with what follows from them.
#[derive(Serialize)]
struct CaseRow<'a> {
    #[serde(flatten)]
    figures: &'a Figures,
    per_step: f64,
    /// Time a step over that in a proof of one step.
    to_one: Option<f64>,
    over_floor: f64,
    padding: f64,
    sheet: usize,
    ns_per_entry: f64,
    /// Seconds, in order.
    stages: Vec<f64>,
}

/// Figures of one proof system in one case.
#[derive(Serialize)]
struct CompressedRow<'a> {
    shape: &'a str,
    steps: usize,
    whole_per_step: f64,
    over_uncompressed: f64,
    #[serde(flatten)]
    system: &'a Compressed,
}

/// How the halo2 circuit grows along a curve.
#[derive(Serialize)]
struct Growth<'a> {
    /// What grows along it.
    over: &'static str,
    rows: Vec<GrowthRow<'a>>,
}

#[derive(Serialize)]
struct GrowthRow<'a> {
    #[serde(flatten)]
    figures: &'a Figures,
    layers: usize,
    halo2: &'a Compressed,
}

/// A run of EZKL.
#[derive(Serialize)]
struct PeerRow<'a> {
    version: &'a str,
    shape: &'a str,
    batch: usize,
    /// Whether it is a whole step.
    trains: bool,
    configuration: &'static str,
    logrows: Option<u32>,
    setup_s: Option<f64>,
    setup_rss_mb: Option<f64>,
    key_gb: Option<f64>,
    prove_s: Option<f64>,
    /// Why there is no proof, if there is none.
    failure: Option<String>,
    prove_rss_mb: Option<f64>,
    verify_ms: Option<f64>,
    proof_bytes: Option<u64>,
}

/// A run of EZKL over ours.
#[derive(Serialize)]
struct ComparedRow<'a> {
    peer: PeerRow<'a>,
    ours: &'a Figures,
    time: f64,
    memory: f64,
}

impl<'a> Page<'a> {
    /// What is said of these records. `table` are their figures for the table, `compared` those
    /// beside EZKL's.
    pub fn new(document: &'a Document, table: &[&'a Figures], compared: &[Comparison<'a>]) -> Self {
        let scaling = figures(&document.scaling, Purpose::Scaling);
        let deep = figures(&document.scaling, Purpose::Depth);
        let measured = Measured { table, scaling: &scaling, peers: compared };
        let row = |target: &Target| target_row(target, &document.notes);
        let profiled = [SMALL, LARGE].map(|shape| {
            table.iter().copied().find(|f| f.shape == shape && f.steps == 1).map(profile)
        });
        Self {
            machines: document.table.iter().filter_map(machine).collect(),
            least_load: document.table.iter().filter_map(load).reduce(f64::min),
            targets: measured.targets().iter().map(row).collect(),
            profiles: profiled.into_iter().flatten().collect(),
            cases: case_rows(table),
            compressed: table.iter().flat_map(|f| compressed_rows(f)).collect(),
            growth: [("parameters", &scaling), ("depth", &deep)].map(|(over, curve)| Growth {
                over,
                rows: curve.iter().filter_map(|f| growth_row(f)).collect(),
            }),
            absent: document.table.iter().filter_map(absent).collect(),
            row_lengths: case_rows(&figures(&document.table, Purpose::RowLength)),
            spread: measured.growth(),
            scaling_absent: document.scaling.iter().filter_map(absent).collect(),
            peers: document.peers.iter().map(peer_row).collect(),
            compared: compared.iter().map(compared_row).collect(),
            scaling: case_rows(&scaling),
        }
    }
}

fn machine(record: &Record) -> Option<&Machine> {
    match record {
        Record::Machine(machine) => Some(machine),
        Record::Step { .. } | Record::Refused { .. } | Record::Failed { .. } => None,
    }
}

fn load(record: &Record) -> Option<f64> {
    match record {
        Record::Step { load, .. } => Some(*load),
        Record::Machine(_) | Record::Refused { .. } | Record::Failed { .. } => None,
    }
}

/// Why a case has no figures.
fn absent(record: &Record) -> Option<String> {
    match record {
        Record::Refused { case, needed_mb, available_mb } => Some(format!(
            "{case}: refused before proving, needs {needed_mb} MB and {available_mb} MB were free."
        )),
        Record::Failed { case, reason } => Some(format!("{case}: ended with {reason}.")),
        Record::Machine(_) | Record::Step { .. } => None,
    }
}

fn target_row<'a>(target: &Target, notes: &'a Notes) -> TargetRow<'a> {
    let side = match target.bound {
        Bound::AtMost => "≤",
        Bound::AtLeast => "≥",
    };
    let shown = |value: f64| measure(value, target.unit);
    TargetRow {
        what: target.what.clone(),
        limit: format!("{side} {}{}", target.limit, target.unit),
        measured: target.measured.map_or_else(|| "not measured".into(), shown),
        reached: match target.reached() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        },
        note: notes.get(target.id).map(String::as_str),
    }
}

fn profile(figures: &Figures) -> Profile<'_> {
    let mut stages = figures.stages();
    stages.sort_by(|a, b| b.1.total_cmp(&a.1));
    let share = |(name, s): &(&str, f64)| format!("{name} {:.0} %", 100.0 * s / figures.prove_s);
    Profile {
        shape: &figures.shape,
        prove_s: figures.prove_s,
        shares: stages.iter().map(share).collect(),
    }
}

fn case_rows<'a>(cases: &[&'a Figures]) -> Vec<CaseRow<'a>> {
    let one = |f: &Figures| {
        let same = |c: &&&Figures| c.shape == f.shape && c.batch == f.batch && c.steps == 1;
        cases.iter().find(same).map(|c| c.prove_per_step())
    };
    let row = |f: &&'a Figures| CaseRow {
        figures: f,
        per_step: f.prove_per_step(),
        to_one: one(f).map(|one| f.prove_per_step() / one),
        over_floor: f.over_floor(),
        padding: f.padding(),
        sheet: f.sheet(),
        ns_per_entry: f.ns_per_entry(),
        stages: f.stages().iter().map(|(_, s)| *s).collect(),
    };
    cases.iter().map(row).collect()
}

fn compressed_rows(figures: &Figures) -> impl Iterator<Item = CompressedRow<'_>> {
    figures.compressed.iter().map(|system| CompressedRow {
        shape: &figures.shape,
        steps: figures.steps,
        whole_per_step: (figures.prove_s + system.compress_s) / figures.steps.max(1) as f64,
        over_uncompressed: 1.0 + system.compress_s / figures.prove_s,
        system,
    })
}

fn growth_row(figures: &Figures) -> Option<GrowthRow<'_>> {
    let layers = figures.shape.split('-').count() - 1;
    Some(GrowthRow { figures, layers, halo2: figures.system("halo2")? })
}

fn peer_row(peer: &PeerRun) -> PeerRow<'_> {
    let setup = peer.setup.as_ref().filter(|setup| setup.error.is_none());
    // As much of it as a cell of a table takes.
    let cell = |why: &str| why.replace('|', "/").replace('\n', " ").chars().take(60).collect();
    PeerRow {
        version: &peer.version,
        shape: &peer.shape,
        batch: peer.batch,
        trains: peer.task == "train",
        configuration: peer.configuration(),
        logrows: peer.logrows,
        setup_s: setup.and_then(|setup| setup.s),
        setup_rss_mb: peer.setup_rss_mb(),
        key_gb: peer.pk_bytes.map(|bytes| bytes as f64 / 1e9),
        prove_s: peer.prove_s_median,
        failure: peer.failure().map(cell),
        prove_rss_mb: peer.prove_rss_mb,
        verify_ms: peer.verify_ms(),
        proof_bytes: peer.proof_bytes,
    }
}

fn compared_row<'a>(comparison: &Comparison<'a>) -> ComparedRow<'a> {
    let Comparison { peer, ours, time, memory } = *comparison;
    ComparedRow { peer: peer_row(peer), ours, time, memory }
}
