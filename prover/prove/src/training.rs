//! Keys, registrations and training proofs, from traces.

use zktrain_model::Hash;
use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::relation::{Group, TensorId};
use zktrain_model::size::Bounded;
use zktrain_model::trace::{Parameters, Trace};
use zktrain_statement::key::{TrainingKey, check_readable};
use zktrain_statement::merkle;
use zktrain_statement::statements::{Binding, DatasetStatement, TrainingStatement};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use zktrain_commit::random::{Context, Label, LocalKey, Randomness, sheet_digest};
use zktrain_commit::rows::{CommitError, commit_rows};
use zktrain_commit::sheet::{Sheet, fill_block};
use zktrain_commit::srs::{CheckedSrs, Powers};
pub use zktrain_model::chunks::chunk_sizes;
use zktrain_msm::Row;

use crate::memory;
#[cfg(any(test, feature = "testing"))]
use crate::prove::prove_filled;
use crate::prove::{CommittedRows, ProveError, Proved, Timings, prove};
use crate::uncompressed::Uncompressed;
use crate::witness::{dataset_sheet, fill_tables, training_sheet};

/// The key of a network whose manifest has this hash.
///
/// # Errors
/// If the reference string is too short, or the verifier cannot read the network's relations, which is
/// seen before anything is committed.
pub fn derive_key(
    manifest: Hash,
    network: Bounded,
    srs: &CheckedSrs,
) -> Result<TrainingKey, ProveError> {
    check_readable(&network)?;
    let (relation, ids) = compile_training(&network)?;
    let (g1, expected) = (srs.g1(), 1usize << relation.layout.row_log);
    if g1.len() < expected {
        return Err(ProveError::ReferenceString { expected, got: g1.len() });
    }
    let mut sheet = Sheet::new(relation.layout.clone());
    fill_tables(&mut sheet, &ids.tables);
    let rows = sheet.group(Group::Tables);
    let tables = commit_rows(g1, &rows, &vec![Fr::default(); rows.len()])?;
    Ok(TrainingKey::new(manifest, network, tables, srs.verifier_key())?)
}

/// The row commitments of public parameters, blinding zero.
///
/// # Errors
/// If the rows do not fit the reference string.
pub fn commit_model(
    key: &TrainingKey,
    g1: Powers<'_>,
    model: &Parameters,
) -> Result<CommittedRows, CommitError> {
    let ids: Vec<TensorId> = key.ids.parameters().map(|parameter| parameter.before).collect();
    let mut sheet = Sheet::new(key.relation.layout.clone());
    fill_block(&mut sheet, &ids, model);
    let rows = sheet.group(Group::Parameters);
    let points = commit_rows(g1, &rows, &vec![Fr::default(); rows.len()])?;
    Ok(CommittedRows::public(points))
}

/// A registered dataset, with its owner's secrets.
#[derive(Clone, Debug)]
pub struct RegisteredDataset {
    /// Rows of every window.
    pub windows: Vec<CommittedRows>,
    /// The Merkle tree over them.
    pub tree: merkle::WindowTree,
}

impl RegisteredDataset {
    /// The tree over windows that were committed before.
    pub fn new(windows: Vec<CommittedRows>) -> Self {
        let leaves = windows.iter().enumerate();
        let tree = merkle::WindowTree::new(
            leaves.map(|(i, w)| merkle::leaf(i as u64, &w.points)).collect(),
        );
        Self { windows, tree }
    }
}

/// Commits to windows `first .. first + windows` of a dataset and proves them
/// well formed. Inputs and labels are those of these windows, sample after sample.
///
/// # Errors
/// If the windows do not fit memory or the reference string.
pub fn register_chunk(
    training: &TrainingKey,
    g1: Powers<'_>,
    secret: &LocalKey,
    chunk: &Chunk<'_>,
) -> Result<ChunkProved, ProveError> {
    let network = &training.network;
    let (relation, ids) = compile_dataset(network, chunk.windows)?;
    memory::check(&relation)?;
    let sheet = dataset_sheet(&relation, &ids, network, chunk.inputs, chunk.labels);
    let per_window = relation.layout.group_rows(Group::Data(0)).count();
    let data: Vec<&Row> = sheet.rows().iter().take(per_window * chunk.windows).collect();
    let about = chunk.about(training);
    let witness = sheet_digest(sheet.rows());
    let blinds = Randomness::new(Label::DataRows, &about, secret, &witness)?.scalars(data.len());
    let points = commit_rows(g1, &data, &blinds)?;
    let windows: Vec<CommittedRows> = points
        .chunks(per_window)
        .zip(blinds.chunks(per_window))
        .map(|(points, blinds)| CommittedRows { points: points.to_vec(), blinds: blinds.to_vec() })
        .collect();
    let statement = DatasetStatement {
        spec: training.spec,
        owner: chunk.owner,
        windows: chunk.total,
        first: chunk.first,
        rows: windows.iter().map(|w| w.points.clone()).collect(),
    };
    let known = CommittedRows { points, blinds };
    let encoded = statement.to_bytes();
    let context = Context { key: secret, known: &encoded };
    let proved = prove(g1, &relation, sheet, &known, &context, |_| encoded.clone())?;
    Ok(ChunkProved { statement, proof: proved.proof, windows })
}

/// Windows that are committed and proven well formed.
pub struct ChunkProved {
    pub statement: DatasetStatement,
    /// To be compressed before anybody else has it.
    pub proof: Uncompressed,
    /// The windows' rows with their blindings.
    pub windows: Vec<CommittedRows>,
}

/// Commits to one window without proving it well formed: for measurements.
///
/// # Errors
/// If its rows do not fit the reference string, or there is nothing to blind them with.
pub fn register_window(
    training: &TrainingKey,
    g1: Powers<'_>,
    secret: &LocalKey,
    inputs: &[i16],
    labels: &[i16],
) -> Result<CommittedRows, ProveError> {
    let (relation, ids) = compile_dataset(&training.network, 1)?;
    let [inputs, labels] =
        [inputs, labels].map(|v| v.iter().map(|v| i32::from(*v)).collect::<Vec<_>>());
    let sheet = dataset_sheet(&relation, &ids, &training.network, &inputs, &labels);
    let rows = sheet.group(Group::Data(0));
    let witness = sheet_digest(sheet.rows());
    let mut generator = Randomness::new(Label::DataRows, &training.spec, secret, &witness)?;
    let blinds = generator.scalars(rows.len());
    let points = commit_rows(g1, &rows, &blinds)?;
    Ok(CommittedRows { points, blinds })
}

/// Consecutive windows to be registered together.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The owner's address.
    pub owner: [u8; 20],
    /// Windows of the whole dataset.
    pub total: u64,
    /// First window of the chunk.
    pub first: u64,
    /// Windows of the chunk, a power of two.
    pub windows: usize,
    /// `(windows·T·B, input)`
    pub inputs: &'a [i32],
    /// `(windows·T·B, output)`
    pub labels: &'a [i32],
}

impl Chunk<'_> {
    /// What is known of the chunk's statement before its rows are committed to.
    fn about(&self, training: &TrainingKey) -> Vec<u8> {
        let mut about = training.spec.to_vec();
        about.extend_from_slice(&self.owner);
        for number in [self.total, self.first, self.windows as u64] {
            about.extend_from_slice(&number.to_be_bytes());
        }
        about
    }
}

/// Where a training proof stands.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Prover, chain, contract, domain and round.
    pub binding: Binding,
    /// Number of the first step in its chain.
    pub step: u64,
    pub window: u64,
}

/// A model in training: its commitments, handed from proof to proof.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The parameters' rows.
    pub model: CommittedRows,
    /// The optimizer state's rows; empty of one that carries nothing on.
    pub state: CommittedRows,
}

impl Committed {
    /// A public model with the optimizer's state at zero.
    pub fn start(key: &TrainingKey, model: CommittedRows) -> Self {
        let rows = key.relation.layout.group_rows(Group::State).count();
        let state = CommittedRows::public(vec![G1Affine::default(); rows]);
        Self { model, state }
    }
}

/// One training proof and what the next one starts from.
pub struct TrainingProved {
    pub statement: TrainingStatement,
    /// To be compressed before anybody else has it.
    pub proof: Uncompressed,
    /// Model and state after.
    pub after: Committed,
    /// Stage times.
    pub timings: Timings,
}

/// What makes the proofs of one owner's training.
#[derive(Clone, Copy)]
pub struct TrainingProver<'a> {
    pub key: &'a TrainingKey,
    /// The reference string's powers in G1.
    pub g1: Powers<'a>,
    /// What blinding is derived from.
    pub secret: &'a LocalKey,
    /// The owner's dataset.
    pub dataset: &'a RegisteredDataset,
}

impl TrainingProver<'_> {
    /// Proves the steps of one trace.
    ///
    /// # Errors
    /// If the sheet does not fit memory or the reference string.
    pub fn prove(
        &self,
        before: &Committed,
        position: Position,
        trace: &Trace,
    ) -> Result<TrainingProved, ProveError> {
        let key = self.key;
        memory::check(&key.relation)?;
        let started = std::time::Instant::now();
        let sheet = training_sheet(&key.relation, &key.ids, &key.network, trace)?;
        let layout = started.elapsed();
        let mut proved = self.prove_laid_out(before, position, sheet, Counts::Missing)?;
        proved.timings.witness += layout;
        Ok(proved)
    }

    /// Proves a training sheet that is already laid out, whatever it holds: cheating provers are
    /// tested with it.
    ///
    /// # Errors
    /// As [`Self::prove`].
    #[cfg(any(test, feature = "testing"))]
    pub fn prove_sheet(
        &self,
        before: &Committed,
        position: Position,
        sheet: Sheet,
        counts: Counts,
    ) -> Result<TrainingProved, ProveError> {
        self.prove_laid_out(before, position, sheet, counts)
    }

    fn prove_laid_out(
        &self,
        before: &Committed,
        position: Position,
        sheet: Sheet,
        counts: Counts,
    ) -> Result<TrainingProved, ProveError> {
        let key = self.key;
        let (mut statement, known) = self.statement(before, position)?;
        let blocks = Blocks::of(key, before);
        let about = statement.to_bytes();
        let encode = |own: &[G1Affine]| {
            statement.update = blocks.update(own);
            statement.state_after = own[blocks.state_after()].to_vec();
            statement.to_bytes()
        };
        let (g1, relation) = (self.g1, &key.relation);
        let context = &Context { key: self.secret, known: &about };
        let proved = match counts {
            Counts::Missing => prove(g1, relation, sheet, &known, context, encode)?,
            #[cfg(any(test, feature = "testing"))]
            Counts::Given => prove_filled(g1, relation, sheet, &known, context, encode)?,
        };
        let after = blocks.advance(before, &statement, &proved.own);
        let Proved { proof, timings, .. } = proved;
        Ok(TrainingProved { statement, proof, after, timings })
    }

    /// The statement as far as it is known before proving, and the rows that it fixes.
    fn statement(
        &self,
        before: &Committed,
        position: Position,
    ) -> Result<(TrainingStatement, CommittedRows), ProveError> {
        let dataset = self.dataset;
        let window = usize::try_from(position.window).unwrap_or(usize::MAX);
        let Some(data) = dataset.windows.get(window) else {
            return Err(ProveError::KnownRows { expected: dataset.windows.len(), got: window });
        };
        let mut known = data.clone();
        known.extend(&before.model);
        known.extend(&before.state);
        known.extend(&CommittedRows::public(self.key.tables.clone()));
        let statement = TrainingStatement {
            spec: self.key.spec,
            binding: position.binding,
            step: position.step,
            dataset: dataset.tree.root(),
            windows: dataset.windows.len() as u64,
            window: position.window,
            data: data.points.clone(),
            path: dataset.tree.path(window),
            model: before.model.points.clone(),
            state: before.state.points.clone(),
            update: Vec::new(),
            state_after: Vec::new(),
        };
        Ok((statement, known))
    }
}

/// Whether a sheet holds the multiplicities of its lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// They are to be counted.
    Missing,
    /// They are there, whatever they are.
    #[cfg(any(test, feature = "testing"))]
    Given,
}

/// How many of a proof's own rows come first that are a step's each, and what they are.
struct Blocks {
    /// Rows of an update.
    update: usize,
    /// Rows of a step: its update, and with Adam the moments behind it.
    step: usize,
    /// The last of them, which are the next proof's state.
    state: usize,
    steps: usize,
}

impl Blocks {
    fn of(key: &TrainingKey, before: &Committed) -> Self {
        Self {
            update: before.model.points.len(),
            step: key.relation.layout.group_rows(Group::Update(0)).count(),
            state: before.state.points.len(),
            steps: key.network.steps,
        }
    }

    /// `−Σ_t C_{δ_t}`
    fn update(&self, own: &[G1Affine]) -> Vec<G1Affine> {
        let mut sums = vec![G1Projective::default(); self.update];
        for step in own.chunks(self.step).take(self.steps) {
            sums.iter_mut().zip(step).for_each(|(sum, row)| *sum -= row);
        }
        G1Projective::normalize_batch(&sums)
    }

    /// Where the state after lies among a proof's own rows.
    fn state_after(&self) -> core::ops::Range<usize> {
        let end = self.steps * self.step;
        end - self.state..end
    }

    fn advance(
        &self,
        before: &Committed,
        statement: &TrainingStatement,
        own: &CommittedRows,
    ) -> Committed {
        let points = before.model.points.iter().zip(&statement.update);
        let points: Vec<G1Affine> = points.map(|(m, u)| (*m + u).into_affine()).collect();
        let mut blinds = before.model.blinds.clone();
        for step in own.blinds.chunks(self.step).take(self.steps) {
            blinds.iter_mut().zip(step).for_each(|(sum, b)| *sum -= b);
        }
        let last = self.state_after();
        let state = CommittedRows {
            points: own.points[last.clone()].to_vec(),
            blinds: own.blinds[last].to_vec(),
        };
        Committed { model: CommittedRows { points, blinds }, state }
    }
}
