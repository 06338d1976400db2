//! `zktrain bench step`: one training proof, measured stage by stage.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::Serialize;
use zktrain_circuits::argument::ArgumentShape;
use zktrain_circuits::key::TrainingKey;
use zktrain_circuits::manifest::Manifest;
use zktrain_circuits::proof::SheetProof;
use zktrain_circuits::statement::{Binding, TrainingStatement};
use zktrain_prover::commit::{Row, commit_floor};
use zktrain_prover::prove::CommittedRows;
use zktrain_prover::random::LocalKey;
use zktrain_prover::srs::Srs;
use zktrain_prover::trace::Trace;
use zktrain_prover::training::{
    Committed, Position, RegisteredDataset, TrainingProved, commit_model, derive_key,
    prove_training, register_window,
};
use zktrain_prover::witness::training_sheet;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{initial_parameters, synthetic};

/// What is measured.
#[derive(Clone, Debug)]
pub struct StepOptions {
    /// Widths, input first.
    pub shape: Vec<usize>,
    /// Samples a step.
    pub batch: usize,
    /// Steps a proof.
    pub steps: usize,
    /// Proofs made; the median of each figure is reported.
    pub runs: usize,
    /// Row length to use instead of the manifest's own choice.
    pub row_log: Option<u32>,
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
    /// Verification, milliseconds.
    pub verify_ms: f64,
    /// The encoded proof.
    pub proof_bytes: usize,
    /// Row commitments in statement and proof.
    pub rows: usize,
    /// Peak resident memory of this process, megabytes.
    pub peak_rss_mb: f64,
    /// Real cells that this proof commits to.
    pub committed_entries: usize,
    /// Those with the padding inside tensors and rows.
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

/// Why a step could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The shape is not supported.
    #[error(transparent)]
    Calibration(#[from] zktrain_trainer::CalibrationError),
    /// The manifest is not supported.
    #[error(transparent)]
    Manifest(#[from] zktrain_circuits::manifest::ManifestError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] zktrain_trainer::train::TrainError),
    /// Proving failed.
    #[error(transparent)]
    Prove(#[from] zktrain_prover::prove::ProveError),
    /// A row does not fit.
    #[error(transparent)]
    Commit(#[from] zktrain_prover::commit::CommitError),
    /// The proof made does not verify.
    #[error("the proof made does not verify: {0}")]
    Verify(#[from] zktrain_verifier::training::TrainingError),
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
    Ok(setup.report(options, &samples, floor))
}

/// Everything that does not depend on the run.
struct Setup {
    key: TrainingKey,
    srs: Srs,
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
        let mut manifest = synthetic::manifest(&options.shape, options.batch, options.steps)?;
        set_row_log(&mut manifest, options.row_log);
        let network = manifest.network()?;
        // A reference string whose secret this process knows: for measuring only.
        let srs = Srs::generate_g1(network.row_log, &mut ChaCha20Rng::from_entropy());
        let key = derive_key(manifest.hash(), network.clone(), &srs.g1, srs.verifier_key())?;
        let secret = LocalKey::generate();
        let seed = 1;
        let data = synthetic::samples(&manifest, network.window(), 3)?.quantized(&network);
        let window = register_window(&key, &srs.g1, &secret, &data.inputs, &data.labels)?;
        let dataset = RegisteredDataset::new(vec![window]);
        let model = initial_parameters(&network, seed);
        let start = Committed::start(&key, commit_model(&key, &srs.g1, &model)?);
        let (inputs, labels) = (data.inputs, data.labels);
        Ok(Self { key, srs, secret, dataset, start, inputs, labels, seed })
    }

    fn trace(&self) -> Result<Trace, BenchError> {
        let network = &self.key.network;
        let model = initial_parameters(network, self.seed);
        let trainer = Trainer::new(network.clone());
        Ok(trainer.train_window(&model, None, &self.inputs, &self.labels)?)
    }

    fn measure(&self) -> Result<Sample, BenchError> {
        let started = Instant::now();
        let trace = self.trace()?;
        let train = started.elapsed();
        let started = Instant::now();
        let position = Position { binding: Binding::default(), step: 0, window: 0 };
        let (g1, start) = (&self.srs.g1, &self.start);
        let proved =
            prove_training(&self.key, g1, &self.secret, &self.dataset, start, position, &trace)?;
        let prove = started.elapsed();
        let started = Instant::now();
        verify(&self.key, &proved.statement, &proved.proof)?;
        let verify = started.elapsed();
        Ok(Sample { train, prove, verify, proved })
    }

    /// The proof's own rows by a bare multi-scalar multiplication.
    fn floor(&self) -> Result<Duration, BenchError> {
        let key = &self.key;
        let sheet = training_sheet(&key.relation, &key.ids, &key.network, &self.trace()?);
        let known = self.known_rows();
        let rows: Vec<&Row> = sheet.rows().iter().skip(known).collect();
        let started = Instant::now();
        std::hint::black_box(commit_floor(&self.srs.g1, &rows));
        Ok(started.elapsed())
    }

    fn known_rows(&self) -> usize {
        let lists = [&self.start.model, &self.start.state];
        let window: usize =
            self.dataset.windows.iter().map(|w: &CommittedRows| w.points.len()).sum();
        lists.iter().map(|l| l.points.len()).sum::<usize>() + window + self.key.tables.len()
    }

    fn report(&self, options: &StepOptions, samples: &[Sample], floor: Duration) -> StepReport {
        let median = |of: fn(&Sample) -> Duration| {
            let mut times: Vec<f64> = samples.iter().map(|s| of(s).as_secs_f64()).collect();
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        let layout = &self.key.relation.layout;
        let prove_s = median(|s| s.prove);
        let committed_entries = zktrain_prover::memory::own_cells(&self.key.relation);
        let padded_entries = zktrain_prover::memory::own_stored(&self.key.relation);
        let names: Vec<String> = options.shape.iter().map(usize::to_string).collect();
        let encoded = samples.first().map_or(0, |s| s.proved.proof.to_bytes().len());
        StepReport {
            shape: names.join("-"),
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
            verify_ms: 1e3 * median(|s| s.verify),
            proof_bytes: encoded,
            rows: layout.rows.len(),
            peak_rss_mb: peak_rss_mb(),
            committed_entries,
            padded_entries,
            padding: padded_entries as f64 / committed_entries as f64,
            commit_floor_s: floor.as_secs_f64(),
            prove_over_floor: prove_s / floor.as_secs_f64(),
            argument_elements: ArgumentShape::of(&self.key.relation).elements(),
        }
    }
}

fn verify(
    key: &TrainingKey,
    statement: &TrainingStatement,
    proof: &SheetProof,
) -> Result<(), zktrain_verifier::training::TrainingError> {
    zktrain_verifier::training::verify(key, &(), statement, proof)
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
