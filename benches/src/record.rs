//! Measurements as JSON lines.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::{Error, cases::Case, read, write};

/// What a measurement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The table of shapes and steps.
    Table,
    /// The row length of one shape varied.
    RowLength,
    /// The curve over the number of parameters.
    Scaling,
    /// The curve over the number of layers.
    Depth,
}

/// Figures of one training proof, as `zktrain bench step` prints them; medians over the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Widths joined by dashes.
    pub shape: String,
    /// Samples a step.
    pub batch: usize,
    /// Steps a proof.
    pub steps: usize,
    /// Parameters of the network.
    pub parameters: usize,
    /// Rows have `2^row_log` entries.
    pub row_log: u32,
    /// Proofs made.
    pub runs: usize,
    /// Threads used.
    pub threads: usize,
    /// Integer training of the window, seconds.
    pub train_s: f64,
    /// Layout of the sheet and multiplicities, seconds.
    pub witness_s: f64,
    /// Row commitments, seconds.
    pub commit_s: f64,
    /// Both sumchecks, seconds.
    pub sumcheck_s: f64,
    /// The lookup argument, seconds.
    pub lookup_s: f64,
    /// Mask and opening, seconds.
    pub open_s: f64,
    /// Everything after training, seconds.
    pub prove_s: f64,
    /// Verification, milliseconds; of the compressed proof if there is one.
    pub verify_ms: f64,
    /// The encoded proof, bytes; the compressed one if there is one.
    pub proof_bytes: usize,
    /// Verification of the uncompressed proof, milliseconds.
    #[serde(default)]
    pub plain_verify_ms: f64,
    /// The encoded uncompressed proof, bytes.
    #[serde(default)]
    pub plain_proof_bytes: usize,
    /// Proving and compressing with the first system, seconds.
    #[serde(default)]
    pub total_s: f64,
    /// Each proof system.
    #[serde(default)]
    pub compressed: Vec<Compressed>,
    /// Permutations that the circuit contains.
    #[serde(default)]
    pub permutations: usize,
    /// Row commitments in statement and proof.
    pub rows: usize,
    /// Peak resident memory, megabytes of 2^20 bytes.
    pub peak_rss_mb: f64,
    /// Cells that the proof commits to.
    pub committed_entries: usize,
    /// Those with the padding inside tensors and rows.
    pub padded_entries: usize,
    /// The same rows by a bare multi-scalar multiplication, seconds.
    pub commit_floor_s: f64,
    /// Field elements of the argument.
    pub argument_elements: usize,
}

/// Figures of one proof system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compressed {
    /// Its name.
    pub system: String,
    /// Seconds to derive the keys.
    pub key_s: f64,
    /// Rows or constraints of the circuit.
    pub circuit: usize,
    /// Seconds to compress.
    pub compress_s: f64,
    /// Milliseconds to verify.
    pub verify_ms: f64,
    pub proof_bytes: usize,
    /// Of these, bytes of the circuit's proof.
    pub circuit_proof_bytes: usize,
    /// Gas of checking it on chain; none if the contracts do not take it.
    pub gas: Option<u64>,
}

impl Figures {
    /// Figures of one proof system.
    pub fn system(&self, name: &str) -> Option<&Compressed> {
        self.compressed.iter().find(|c| c.system == name)
    }

    /// Proving and compressing for each step, seconds.
    pub fn total_per_step(&self) -> f64 {
        self.total_s / self.steps.max(1) as f64
    }

    /// Proving time for each step, seconds.
    pub fn prove_per_step(&self) -> f64 {
        self.prove_s / self.steps.max(1) as f64
    }

    /// Proving time over the time of the bare commitments.
    pub fn over_floor(&self) -> f64 {
        self.prove_s / self.commit_floor_s
    }

    /// Proving time for each committed entry, nanoseconds.
    pub fn ns_per_entry(&self) -> f64 {
        1e9 * self.prove_s / self.committed_entries.max(1) as f64
    }

    /// Stored entries over real ones.
    pub fn padding(&self) -> f64 {
        self.padded_entries as f64 / self.committed_entries.max(1) as f64
    }

    /// Positions of all rows, of data and parameters too.
    pub fn sheet(&self) -> usize {
        self.rows << self.row_log
    }

    /// The stages of proving with their seconds, in order; what is left is the last.
    pub fn stages(&self) -> [(&'static str, f64); 6] {
        let named = [
            ("witness", self.witness_s),
            ("commitments", self.commit_s),
            ("sumchecks", self.sumcheck_s),
            ("lookup argument", self.lookup_s),
            ("mask and opening", self.open_s),
        ];
        let left = self.prove_s - named.iter().map(|(_, s)| s).sum::<f64>();
        let [a, b, c, d, e] = named;
        [a, b, c, d, e, ("the rest", left.max(0.0))]
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// The machine that the lines after this one were measured on.
    Machine(Machine),
    /// A measurement.
    Step {
        /// What it is for.
        purpose: Purpose,
        /// Load average of the machine before it.
        load: f64,
        #[serde(flatten)]
        figures: Figures,
    },
    /// A case that needs more memory than there is.
    Refused {
        case: Case,
        /// Megabytes needed.
        needed_mb: u64,
        /// Megabytes available.
        available_mb: u64,
    },
    /// A case whose process ended without figures.
    Failed {
        case: Case,
        /// How it ended.
        reason: String,
    },
}

/// Figures of one purpose, in the order measured.
pub fn figures(records: &[Record], wanted: Purpose) -> Vec<&Figures> {
    let of = |record: &'_ Record| match record {
        Record::Step { purpose, .. } => *purpose == wanted,
        Record::Machine(_) | Record::Refused { .. } | Record::Failed { .. } => false,
    };
    let steps = records.iter().filter(|record| of(record));
    steps
        .filter_map(|record| match record {
            Record::Step { figures, .. } => Some(figures),
            Record::Machine(_) | Record::Refused { .. } | Record::Failed { .. } => None,
        })
        .collect()
}

/// Reads JSON lines; empty lines are skipped.
///
/// # Errors
/// If the file cannot be read or a line is not a `T`.
pub fn load<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>, Error> {
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| Error::Line {
                path: path.display().to_string(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// Writes records as JSON lines.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, records: &[Record]) -> Result<(), Error> {
    let mut text = String::new();
    for record in records {
        text += &serde_json::to_string(record).map_err(Error::Encode)?;
        text.push('\n');
    }
    write(path, &text)
}
