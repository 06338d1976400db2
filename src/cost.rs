//! `zktrain model cost`: what a training proof takes, before anything is trained.
//!
//! Cells, rows and bytes are read off the relation and are exact. Memory is the estimate that the prover checks
//! before it starts. Gas is a line through measured transactions. Time is a line for each of the prover's stages,
//! through three small proofs that are made at once on the same machine.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zktrain_argument::messages::ArgumentShape;
use zktrain_backends::halo2;
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::{Kernel, LayerSpec, Manifest};
use zktrain_model::relation::Relation;
use zktrain_model::size::{AdmitError, memory};
use zktrain_prove::memory::{operand_entries, own_cells, own_dense, own_stored};
use zktrain_statement::{compressed, proof};
use zktrain_trainer::{Images, shape};
use zktrain_verify::halo2::PROOF_LENGTH;

use crate::bench::{BenchError, StepOptions, StepReport, step};
use crate::evm::grouped;
use crate::ui::{Report, field};

/// Most gas of one transaction on Ethereum (EIP-7825).
const TRANSACTION_GAS: u64 = 1 << 24;
/// Gas of checking a proof compressed with halo2 whatever it is of, and of each row of its statement and its own:
/// a line through the six transactions of docs/benchmarks.md, none of which is further from it than 0.4 %.
const GAS_FIXED: u64 = 576_300;
const GAS_A_ROW: u64 = 8_181;

/// What a training proof takes.
#[derive(Clone, Debug, Serialize)]
pub struct CostReport {
    /// The manifest.
    #[serde(serialize_with = "crate::ui::tell")]
    pub file: PathBuf,
    /// What goes through the layers.
    pub shape: String,
    /// Samples a step.
    pub batch: usize,
    /// Steps a proof.
    pub steps: usize,
    /// Parameters of the network.
    pub parameters: usize,
    /// Rows have `2^row_log` entries.
    pub row_log: u32,
    /// Row commitments in statement and proof.
    pub rows: usize,
    /// Cells that a proof commits to.
    pub committed_entries: usize,
    /// Those without excesses, which are nearly always zero: what takes time.
    pub dense_entries: usize,
    /// All of them with the padding inside tensors.
    pub padded_entries: usize,
    /// Field elements of the argument.
    pub argument_elements: usize,
    /// The encoded proof that is not zero-knowledge.
    pub plain_proof_bytes: usize,
    /// The encoded proof compressed with halo2.
    pub proof_bytes: usize,
    /// Rows that the halo2 circuit uses.
    pub circuit_rows: usize,
    /// It has two to this power of them.
    pub circuit_log: u32,
    /// Gas of checking that proof on chain; none if it is more than a transaction may use.
    pub gas_halo2: Option<u64>,
    /// Memory of proving, megabytes, estimated.
    pub memory_mb: u64,
    /// Seconds to prove on this machine, without compression, estimated; none if not asked for.
    pub prove_s: Option<f64>,
    /// The same for each step.
    pub prove_s_per_step: Option<f64>,
}

/// What the prover's time depends on.
#[derive(Clone, Copy, Debug)]
struct Work {
    /// Dense cells.
    cells: f64,
    /// Entries of the products' operands.
    operands: f64,
    /// Positions of a row.
    row: f64,
}

/// Seconds: `fixed + cells + operands + row`, each by its own factor.
#[derive(Clone, Copy, Debug)]
struct Speed {
    fixed: f64,
    cell: f64,
    operand: f64,
    position: f64,
}

/// Counts what a proof of a manifest takes, and with `time` how long it takes here.
///
/// # Errors
/// If the manifest is a draft, its relation is larger than this machine's limits, or measuring fails.
pub fn cost(file: &Path, manifest: &Manifest, time: bool) -> Result<CostReport, BenchError> {
    let network = manifest.network()?;
    let bounded = zktrain_project::limits::of_environment()?.admit(network.clone())?;
    let (relation, _) = compile_training(&bounded).map_err(AdmitError::from)?;
    let prove_s = match time {
        true => Some(Speed::measure()?.seconds(Work::of(&relation))),
        false => None,
    };
    let tape = halo2::shape(&relation)?;
    let rows = relation.layout.rows.len();
    Ok(CostReport {
        file: file.to_owned(),
        shape: shape(&network),
        batch: manifest.training.batch,
        steps: network.steps,
        parameters: network.parameters(),
        row_log: relation.layout.row_log,
        rows,
        committed_entries: own_cells(&relation),
        dense_entries: own_dense(&relation),
        padded_entries: own_stored(&relation),
        argument_elements: ArgumentShape::of(&relation).elements(),
        plain_proof_bytes: proof::encoded_len(&relation),
        proof_bytes: compressed::encoded_len(&relation) + PROOF_LENGTH,
        circuit_rows: tape.rows.len(),
        circuit_log: tape.log_rows(),
        gas_halo2: gas(rows),
        memory_mb: memory(&relation) >> 20,
        prove_s,
        prove_s_per_step: prove_s.map(|seconds| seconds / network.steps as f64),
    })
}

/// Gas of a proof over so many rows.
fn gas(rows: usize) -> Option<u64> {
    let gas = GAS_FIXED + GAS_A_ROW * rows as u64;
    (gas <= TRANSACTION_GAS).then_some(gas)
}

impl Work {
    fn of(relation: &Relation) -> Self {
        let (cells, operands) = (own_dense(relation), operand_entries(relation));
        Self::counted(cells, operands, relation.layout.row_log)
    }

    fn counted(cells: usize, operands: usize, row_log: u32) -> Self {
        let row = (1u64 << row_log.min(63)) as f64;
        Self { cells: cells as f64, operands: operands as f64, row }
    }
}

impl Speed {
    /// Proves steps of three networks: one with hardly anything in it, one of parameters, one of operands.
    fn measure() -> Result<Self, BenchError> {
        let small = Probe::run(None, &[16, 8, 4], 4, 12)?;
        let wide = Probe::run(None, &[784, 128, 10], 32, 16)?;
        let kernel = Kernel { size: 3, stride: 1, padding: 1 };
        let layers = vec![LayerSpec::conv2d(32, kernel, true); 3];
        let images = Images { image: [16, 16, 8], layers };
        let folded = Probe::run(Some(images), &[0, 10], 8, 16)?;
        Ok(Self::through(&small, &wide, &folded))
    }

    /// Mask and opening depend on the row alone. A cell takes what a perceptron's proof takes beyond the
    /// smallest one, and an operand what a convolution's takes beyond that.
    fn through(small: &Probe, wide: &Probe, folded: &Probe) -> Self {
        let position = (wide.open - small.open).max(0.0) / (wide.work.row - small.work.row);
        let fixed = (small.rest + small.open - position * small.work.row).max(0.0);
        let cell = (wide.rest - small.rest).max(0.0) / (wide.work.cells - small.work.cells);
        let left = folded.rest - small.rest - cell * folded.work.cells;
        let operand = left.max(0.0) / folded.work.operands;
        Self { fixed, cell, operand, position }
    }

    fn seconds(self, work: Work) -> f64 {
        let Self { fixed, cell, operand, position } = self;
        fixed + cell * work.cells + operand * work.operands + position * work.row
    }
}

/// A proof that was made to know how fast this machine is.
struct Probe {
    work: Work,
    /// Seconds of mask and opening.
    open: f64,
    /// Seconds of everything else.
    rest: f64,
}

impl Probe {
    fn run(
        image: Option<Images>,
        shape: &[usize],
        batch: usize,
        row_log: u32,
    ) -> Result<Self, BenchError> {
        let options = StepOptions {
            by_position: false,
            image,
            optimizer: None,
            shape: shape.to_vec(),
            batch,
            steps: 1,
            runs: 3,
            row_log: Some(row_log),
            systems: Vec::new(),
        };
        let report = step(&options)?;
        let StepReport { prove_s, open_s, dense_entries, operand_entries, row_log, .. } = report;
        let work = Work::counted(dense_entries, operand_entries, row_log);
        Ok(Self { work, open: open_s, rest: prove_s - open_s })
    }
}

impl Report for CostReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let number = |count: usize| grouped(count as u64);
        writeln!(
            out,
            "one proof of {} steps of {} samples, {}",
            self.steps, self.batch, self.shape
        )?;
        field(out, "parameters", number(self.parameters))?;
        let dense = number(self.dense_entries);
        field(out, "cells", format!("{}, of them {dense} dense", number(self.committed_entries)))?;
        field(out, "rows", format!("{} of 2^{} entries", number(self.rows), self.row_log))?;
        let plain = number(self.plain_proof_bytes);
        let circuit = format!("circuit of 2^{} rows", self.circuit_log);
        field(
            out,
            "proof",
            format!(
                "{} bytes, {circuit} ({plain} bytes, not zero-knowledge)",
                number(self.proof_bytes)
            ),
        )?;
        let gas = self.gas_halo2.map_or_else(|| "more than a transaction may use".into(), grouped);
        field(out, "gas", gas)?;
        field(out, "memory", format!("about {} MB", grouped(self.memory_mb)))?;
        match self.prove_s {
            Some(seconds) => field(out, "proving", format!("about {seconds:.1} s, uncompressed")),
            None => {
                field(out, "proving", "not estimated: --time makes three small proofs and says")
            }
        }
    }
}
