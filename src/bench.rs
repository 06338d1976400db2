//! `zktrain bench step`: one training proof, measured stage by stage.

use std::time::{Duration, Instant};

use serde::Serialize;
use zktrain_argument::arith::Native;
use zktrain_argument::messages::ArgumentShape;
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier as argument;
use zktrain_backends::r1cs;
use zktrain_ceremony::groth16::insecure_key;
use zktrain_commit::random::{Label, LocalKey, Randomness};
use zktrain_commit::rows::commit_floor;
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_model::manifest::{Manifest, Optimizer};
use zktrain_model::relation::Relation;
use zktrain_model::trace::Trace;
use zktrain_msm::Row;
use zktrain_project::session::CIRCUIT_POWER;
use zktrain_prove::compress::{CompressError, Compressor};
use zktrain_prove::halo2::{self, Halo2Params};
use zktrain_prove::prove::{CommittedRows, ProveError};
use zktrain_prove::training::{
    Committed, Position, RegisteredDataset, TrainingProved, TrainingProver, commit_model,
    derive_key, register_window,
};
use zktrain_prove::witness::training_sheet;
use zktrain_statement::compressed::{self, ProofSystem};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{Images, initial_parameters, shape, synthetic};
use zktrain_verify::file::StoredProof;

use crate::evm;
use crate::ui::Ui;

/// What is measured.
#[derive(Clone, Debug)]
pub struct StepOptions {
    /// The image that is the input, and the layers over it.
    pub image: Option<Images>,
    /// Whether each position of what these put out has a label.
    pub by_position: bool,
    /// How parameters change, if not as perceptrons' do.
    pub optimizer: Option<Optimizer>,
    /// Widths, input first; with an image that is the image's.
    pub shape: Vec<usize>,
    /// Samples a step.
    pub batch: usize,
    /// Steps a proof.
    pub steps: usize,
    /// Proofs made; the median of each figure is reported.
    pub runs: usize,
    /// Row length to use instead of the manifest's own choice.
    pub row_log: Option<u32>,
    /// Systems to compress with.
    pub systems: Vec<ProofSystem>,
}

/// Figures of one training proof; times in seconds, medians over the runs.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Widths, input first.
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
    /// Integer training of the window, trace included.
    pub train_s: f64,
    /// Laying out the sheet and counting multiplicities.
    pub witness_s: f64,
    /// Row commitments.
    pub commit_s: f64,
    /// Both sumchecks.
    pub sumcheck_s: f64,
    /// The lookup argument.
    pub lookup_s: f64,
    /// Mask and opening.
    pub open_s: f64,
    /// Everything after training.
    pub prove_s: f64,
    /// `prove_s` for each step.
    pub prove_s_per_step: f64,
    /// Compression with the first system, seconds; none without one.
    pub compress_s: Option<f64>,
    /// Proving and compressing, seconds.
    pub total_s: f64,
    /// `total_s` for each step.
    pub total_s_per_step: f64,
    /// Verification, milliseconds: of the compressed proof if there is one.
    pub verify_ms: f64,
    /// The encoded proof: the compressed one if there is one.
    pub proof_bytes: usize,
    /// Verification of the uncompressed proof, milliseconds.
    pub plain_verify_ms: f64,
    /// The encoded uncompressed proof.
    pub plain_proof_bytes: usize,
    /// Gas of checking a halo2 proof on chain, everything included.
    pub gas_halo2: Option<u64>,
    /// Gas of checking a Groth16 proof on chain, everything included.
    pub gas_groth16: Option<u64>,
    /// Each system on its own.
    pub compressed: Vec<CompressedReport>,
    /// Permutations that the circuit contains.
    pub permutations: usize,
    /// Row commitments in statement and proof.
    pub rows: usize,
    /// Peak resident memory of this process, megabytes.
    pub peak_rss_mb: f64,
    /// Real cells that this proof commits to.
    pub committed_entries: usize,
    /// Those that are no excesses.
    pub dense_entries: usize,
    /// Entries of the operands of the argument's products.
    pub operand_entries: usize,
    /// All that are committed to, with the padding inside tensors and rows.
    pub padded_entries: usize,
    /// `padded_entries` over `committed_entries`.
    pub padding: f64,
    /// The same rows committed by a bare multi-scalar multiplication.
    pub commit_floor_s: f64,
    /// `prove_s` over `commit_floor_s`.
    pub prove_over_floor: f64,
    /// Field elements of the argument.
    pub argument_elements: usize,
}

/// Figures of one proof system; medians over the runs.
#[derive(Clone, Debug, Serialize)]
pub struct CompressedReport {
    pub system: &'static str,
    /// Seconds to derive the keys, or to make them alone.
    pub key_s: f64,
    /// Size of the circuit: rows used of halo2's, constraints of Groth16's.
    pub circuit: usize,
    /// Seconds to compress.
    pub compress_s: f64,
    /// Milliseconds to verify.
    pub verify_ms: f64,
    pub proof_bytes: usize,
    /// Of these, bytes of the circuit's proof.
    pub circuit_proof_bytes: usize,
    /// Gas of checking it on chain, everything included; none if the contracts do not take it.
    pub gas: Option<u64>,
}

/// Why a step could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The shape is not supported.
    #[error(transparent)]
    Calibration(#[from] zktrain_trainer::CalibrationError),
    /// The manifest is not supported.
    #[error(transparent)]
    Manifest(#[from] zktrain_model::manifest::ManifestError),
    /// The relation is larger than this machine's limits, or cannot be written.
    #[error(transparent)]
    Admit(#[from] zktrain_model::size::AdmitError),
    /// A limit is not a number.
    #[error(transparent)]
    Limit(#[from] zktrain_project::limits::LimitError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] zktrain_trainer::train::TrainError),
    /// The reference string that was generated is none.
    #[error(transparent)]
    Srs(#[from] zktrain_commit::srs::SrsError),
    /// Proving failed.
    #[error(transparent)]
    Prove(#[from] zktrain_prove::prove::ProveError),
    /// A row does not fit.
    #[error(transparent)]
    Commit(#[from] zktrain_commit::rows::CommitError),
    /// The operating system gives no random bytes.
    #[error(transparent)]
    Randomness(#[from] zktrain_commit::random::NoRandomness),
    /// Compression failed.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// The circuit of a relation cannot be laid out.
    #[error(transparent)]
    Circuit(#[from] zktrain_argument::arith::Check),
    /// The proof made does not verify.
    #[error("the proof made does not verify: {0}")]
    Verify(#[from] zktrain_verify::training::TrainingError),
}

/// Trains, proves and verifies `runs` times on synthetic data.
///
/// # Errors
/// If the shape is not supported or does not fit memory.
pub fn step(options: &StepOptions) -> Result<StepReport, BenchError> {
    let setup = Setup::new(options)?;
    let mut samples = Vec::with_capacity(options.runs);
    for _ in 0..options.runs.max(1) {
        samples.push(setup.measure()?);
    }
    let floor = setup.floor()?;
    let compressed: Result<Vec<_>, _> =
        options.systems.iter().map(|system| setup.compress(*system, &samples)).collect();
    Ok(setup.report(options, &samples, floor, compressed?))
}

/// Everything that does not depend on the run.
struct Setup {
    key: TrainingKey,
    srs: CheckedSrs,
    secret: LocalKey,
    dataset: RegisteredDataset,
    start: Committed,
    inputs: Vec<i16>,
    labels: Vec<i16>,
    seed: u64,
}

/// One run.
struct Sample {
    train: Duration,
    prove: Duration,
    verify: Duration,
    proved: TrainingProved,
}

impl Setup {
    fn new(options: &StepOptions) -> Result<Self, BenchError> {
        let (shape, batch, steps) = (&options.shape, options.batch, options.steps);
        let draft = match &options.image {
            Some(images) if options.by_position => synthetic::token_draft(images, batch, steps),
            Some(images) => synthetic::image_draft(images, shape, batch, steps),
            None => synthetic::draft(shape, batch, steps),
        };
        let optimizer = options.optimizer.unwrap_or(draft.optimizer);
        let mut manifest = synthetic::calibrated(Manifest { optimizer, ..draft })?;
        set_row_log(&mut manifest, options.row_log);
        let network = manifest.network()?;
        // A reference string whose secret this process knows: for measuring only.
        let bounded = zktrain_project::limits::of_environment()?.admit(network.clone())?;
        let power = match options.systems.is_empty() {
            true => network.row_log,
            false => halo2::power(&bounded).max(CIRCUIT_POWER),
        };
        let srs =
            Srs::generate_g1(power, &mut Randomness::fresh(Label::ReferenceString)?).check()?;
        let key = derive_key(manifest.hash(), bounded, &srs)?;
        let secret = LocalKey::generate()?;
        let seed = 1;
        let data = synthetic::samples(&manifest, network.window(), 3)?.quantized(&network);
        let window = register_window(&key, srs.g1(), &secret, &data.inputs, &data.labels)?;
        let dataset = RegisteredDataset::new(vec![window]);
        let model = initial_parameters(&network, seed);
        let start = Committed::start(&key, commit_model(&key, srs.g1(), &model)?);
        let (inputs, labels) = (data.inputs, data.labels);
        Ok(Self { key, srs, secret, dataset, start, inputs, labels, seed })
    }

    fn trace(&self) -> Result<Trace, BenchError> {
        let network = self.key.network.network();
        let model = initial_parameters(network, self.seed);
        let trainer = Trainer::new(network.clone())?;
        Ok(trainer.train_window(&model, None, &self.inputs, &self.labels)?)
    }

    fn measure(&self) -> Result<Sample, BenchError> {
        let started = Instant::now();
        let trace = self.trace()?;
        let train = started.elapsed();
        let started = Instant::now();
        let position = Position { binding: Binding::default(), step: 0, window: 0 };
        let prover = TrainingProver {
            key: &self.key,
            g1: self.srs.g1(),
            secret: &self.secret,
            dataset: &self.dataset,
        };
        let proved = prover.prove(&self.start, position, &trace)?;
        let prove = started.elapsed();
        let started = Instant::now();
        verify(&self.key, &proved.statement, proved.proof.revealed())?;
        let verify = started.elapsed();
        Ok(Sample { train, prove, verify, proved })
    }

    /// Compresses the proofs of all runs with one system.
    fn compress(
        &self,
        system: ProofSystem,
        samples: &[Sample],
    ) -> Result<CompressedReport, BenchError> {
        let started = Instant::now();
        let relation = self.key.relation.clone();
        let (compressor, circuit) = match system {
            ProofSystem::Halo2 => {
                let log_rows = halo2::log_rows(&relation).map_err(CompressError::from)?;
                let params = Halo2Params::new(&self.srs, log_rows).map_err(CompressError::from)?;
                let rows = circuit_rows(&relation);
                (Compressor::halo2(relation, params)?, rows)
            }
            ProofSystem::Groth16 => {
                let system = r1cs::compile(&relation).map_err(CompressError::from)?;
                let key = insecure_key(&system, &mut Randomness::fresh(Label::InsecureKey)?);
                (Compressor::groth16(relation, key), system.constraints().len())
            }
        };
        let (key_s, circuit_key) = (started.elapsed().as_secs_f64(), compressor.key());
        let (mut compress, mut verify, mut last) = (Vec::new(), Vec::new(), None);
        for Sample { proved, .. } in samples {
            let started = Instant::now();
            let proof = compressor.compress(proved.proof.clone())?;
            compress.push(started.elapsed().as_secs_f64());
            let started = Instant::now();
            zktrain_verify::training::verify(&self.key, &circuit_key, &proved.statement, &proof)?;
            verify.push(1e3 * started.elapsed().as_secs_f64());
            last = Some((proved.statement.clone(), StoredProof::Compressed(proof)));
        }
        let gas = last.as_ref().and_then(|last| {
            let last = core::slice::from_ref(last);
            let report = evm::verify(&self.key, &circuit_key, last, &Ui { json: true }).ok()?;
            report.systems.first().map(|report| report.verify_gas)
        });
        let bytes = last.as_ref().map_or(0, |(_, proof)| proof.encoded_len());
        let rest = compressed::encoded_len(&self.key.relation);
        Ok(CompressedReport {
            system: system.name(),
            key_s,
            circuit,
            compress_s: median(compress),
            verify_ms: median(verify),
            proof_bytes: bytes,
            circuit_proof_bytes: bytes.saturating_sub(rest),
            gas,
        })
    }

    /// The proof's own rows by a bare multi-scalar multiplication.
    fn floor(&self) -> Result<Duration, BenchError> {
        let key = &self.key;
        let sheet = training_sheet(&key.relation, &key.ids, &key.network, &self.trace()?)
            .map_err(ProveError::from)?;
        let known = self.known_rows();
        let rows: Vec<&Row> = sheet.rows().iter().skip(known).collect();
        let started = Instant::now();
        std::hint::black_box(commit_floor(self.srs.g1(), &rows));
        Ok(started.elapsed())
    }

    fn known_rows(&self) -> usize {
        let lists = [&self.start.model, &self.start.state];
        let window: usize =
            self.dataset.windows.iter().map(|w: &CommittedRows| w.points.len()).sum();
        lists.iter().map(|l| l.points.len()).sum::<usize>() + window + self.key.tables.len()
    }

    fn report(
        &self,
        options: &StepOptions,
        samples: &[Sample],
        floor: Duration,
        compressed: Vec<CompressedReport>,
    ) -> StepReport {
        let median = |of: fn(&Sample) -> Duration| {
            median(samples.iter().map(|s| of(s).as_secs_f64()).collect())
        };
        let first = compressed.first();
        let plain_verify_ms = 1e3 * median(|s| s.verify);
        let gas = |system: ProofSystem| compressed.iter().find(|c| c.system == system.name())?.gas;
        let layout = &self.key.relation.layout;
        let prove_s = median(|s| s.prove);
        let committed_entries = zktrain_prove::memory::own_cells(&self.key.relation);
        let padded_entries = zktrain_prove::memory::own_stored(&self.key.relation);
        let encoded = samples.first().map_or(0, |s| s.proved.proof.revealed().to_bytes().len());
        StepReport {
            shape: shape(self.key.network.network()),
            batch: options.batch,
            steps: options.steps,
            parameters: self.key.network.parameters(),
            row_log: layout.row_log,
            runs: samples.len(),
            threads: rayon::current_num_threads(),
            train_s: median(|s| s.train),
            witness_s: median(|s| s.proved.timings.witness),
            commit_s: median(|s| s.proved.timings.commit),
            sumcheck_s: median(|s| s.proved.timings.sumcheck),
            lookup_s: median(|s| s.proved.timings.lookup),
            open_s: median(|s| s.proved.timings.open),
            prove_s,
            prove_s_per_step: prove_s / options.steps as f64,
            compress_s: first.map(|c| c.compress_s),
            total_s: prove_s + first.map_or(0.0, |c| c.compress_s),
            total_s_per_step: (prove_s + first.map_or(0.0, |c| c.compress_s))
                / options.steps as f64,
            verify_ms: first.map_or(plain_verify_ms, |c| c.verify_ms),
            proof_bytes: first.map_or(encoded, |c| c.proof_bytes),
            plain_verify_ms,
            plain_proof_bytes: encoded,
            gas_halo2: gas(ProofSystem::Halo2),
            gas_groth16: gas(ProofSystem::Groth16),
            permutations: self.permutations(samples),
            rows: layout.rows.len(),
            peak_rss_mb: peak_rss_mb(),
            committed_entries,
            dense_entries: zktrain_prove::memory::own_dense(&self.key.relation),
            operand_entries: zktrain_prove::memory::operand_entries(&self.key.relation),
            padded_entries,
            padding: padded_entries as f64 / committed_entries as f64,
            commit_floor_s: floor.as_secs_f64(),
            prove_over_floor: prove_s / floor.as_secs_f64(),
            argument_elements: ArgumentShape::of(&self.key.relation).elements(),
            compressed,
        }
    }

    /// Permutations of the verifier's transcript.
    fn permutations(&self, samples: &[Sample]) -> usize {
        let arith = &mut Native;
        let mut transcript = Transcript::new(arith);
        if let Some(Sample { proved, .. }) = samples.first() {
            let (h, argument) = (proved.proof.h(), &proved.proof.revealed().argument);
            // The proof was verified before.
            let _ = argument::verify(arith, &mut transcript, &self.key.relation, &h, argument);
        }
        transcript.permutations()
    }
}

/// Rows that the halo2 circuit uses, of those there are.
fn circuit_rows(relation: &Relation) -> usize {
    zktrain_backends::halo2::shape(relation).map_or(0, |tape| tape.rows.len())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn verify(
    key: &TrainingKey,
    statement: &TrainingStatement,
    proof: &SheetProof,
) -> Result<(), zktrain_verify::training::TrainingError> {
    zktrain_verify::training::verify(key, &(), statement, proof)
}

fn set_row_log(manifest: &mut Manifest, row_log: Option<u32>) {
    if let (Some(row_log), Some(quantization)) = (row_log, manifest.quantization.as_mut()) {
        quantization.row_log = row_log;
    }
}

/// Peak resident memory in megabytes, where the system says.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
