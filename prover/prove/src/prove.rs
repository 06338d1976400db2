//! Proves that a committed sheet satisfies a relation.

use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::Zero;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::curve::blinding_base;
use zktrain_argument::messages::Argument;
use zktrain_argument::opening::OpeningProof;
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier::claims::{Points, combine};
use zktrain_argument::verifier::{LookupChallenges, Opening};
use zktrain_commit::mercury;
use zktrain_commit::random::{Context, NoRandomness, ProofRandomness};
use zktrain_commit::rows::{CommitError, commit_rows};
use zktrain_commit::sheet::Sheet;
use zktrain_commit::srs::Powers;
use zktrain_model::chunks::TooManyWindows;
use zktrain_model::compile::CompileError;
use zktrain_model::relation::Relation;
use zktrain_model::relation::columns::LeafLayout;
use zktrain_model::size::ChunkError;
use zktrain_msm::eq::evaluate_field;
use zktrain_msm::{Row, msm_full};
use zktrain_statement::key::KeyError;
use zktrain_statement::proof::{SheetProof, own_rows};
use zktrain_statement::statements::{opening_seed, transcript_start};

use crate::lookups::LookupColumns;
use crate::materialize::ValueRange;
use crate::reduction::{self, ReductionProof};
use crate::uncompressed::Uncompressed;
use crate::witness::WitnessError;
use crate::{fraction, relations};

/// Row commitments and what blinds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommittedRows {
    /// The commitments.
    pub points: Vec<G1Affine>,
    /// The blindings, one a row.
    pub blinds: Vec<Fr>,
}

impl CommittedRows {
    /// Rows whose blinding is zero.
    pub fn public(points: Vec<G1Affine>) -> Self {
        let blinds = vec![Fr::zero(); points.len()];
        Self { points, blinds }
    }

    /// Appends other rows.
    pub fn extend(&mut self, other: &Self) {
        self.points.extend_from_slice(&other.points);
        self.blinds.extend_from_slice(&other.blinds);
    }
}

/// Why a proof could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The reference string is too short for the manifest's rows.
    #[error("rows have {expected} entries; the reference string has {got} powers")]
    ReferenceString {
        /// Powers needed.
        expected: usize,
        /// Powers there are.
        got: usize,
    },
    /// The sheet does not fit into memory.
    #[error("this proof needs about {needed_mb} MB of memory; {available_mb} MB are available")]
    Memory {
        /// Megabytes needed.
        needed_mb: u64,
        /// Megabytes available.
        available_mb: u64,
    },
    /// More windows than a registration can hold.
    #[error(transparent)]
    Windows(#[from] TooManyWindows),
    /// No chunk of a registration is like this, or it is too large.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// There is no relation of the network.
    #[error("no relation can be written for this network: {0}")]
    Compile(#[from] CompileError),
    /// There is no key of the network.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The argument that was made is not one of the relation.
    #[error("the argument does not fit the relation: {0}")]
    Argument(#[from] Check),
    /// The rows known from the statement are not as many as the layout has.
    #[error("{got} rows are known from the statement, the layout has {expected}")]
    KnownRows {
        /// Rows of the layout.
        expected: usize,
        /// Rows given.
        got: usize,
    },
    /// A value that no honest witness has.
    #[error(transparent)]
    Value(#[from] ValueRange),
    /// The trace cannot be laid out.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// Rows cannot be committed to.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Nothing to blind with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// How long the stages took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Multiplicities.
    pub witness: Duration,
    /// Row commitments.
    pub commit: Duration,
    /// Both sumchecks.
    pub sumcheck: Duration,
    /// The lookup argument.
    pub lookup: Duration,
    /// Mask and opening.
    pub open: Duration,
}

/// A proof with what its maker keeps.
pub struct Proved {
    /// To be compressed before anybody else has it.
    pub proof: Uncompressed,
    /// The proof's own rows with their blindings.
    pub own: CommittedRows,
    /// Stage times.
    pub timings: Timings,
}

/// Proves `relation` for a sheet whose multiplicities are still missing.
///
/// `known` are the rows that the statement fixes; `context` is what blinds the proof;
/// `statement` encodes the statement, given the proof's own row commitments.
///
/// # Errors
/// If the reference string is too short or the sheet holds impossible values.
/// Whether the relation holds is not checked: a proof of a false statement
/// does not verify.
pub fn prove(
    g1: Powers<'_>,
    relation: &Relation,
    sheet: Sheet,
    known: &CommittedRows,
    context: &Context<'_>,
    statement: impl FnOnce(&[G1Affine]) -> Vec<u8>,
) -> Result<Proved, ProveError> {
    let fresh = fresh(context, relation, &sheet)?;
    prove_uncounted(g1, relation, sheet, known, fresh, statement)
}

/// [`prove`] with given randomness: for tests that show what each part of it hides.
///
/// # Errors
/// As [`prove`].
#[cfg(any(test, feature = "testing"))]
pub fn prove_with(
    g1: Powers<'_>,
    relation: &Relation,
    sheet: Sheet,
    known: &CommittedRows,
    randomness: ProofRandomness,
    statement: impl FnOnce(&[G1Affine]) -> Vec<u8>,
) -> Result<Proved, ProveError> {
    prove_uncounted(g1, relation, sheet, known, randomness, statement)
}

fn prove_uncounted(
    g1: Powers<'_>,
    relation: &Relation,
    mut sheet: Sheet,
    known: &CommittedRows,
    randomness: ProofRandomness,
    statement: impl FnOnce(&[G1Affine]) -> Vec<u8>,
) -> Result<Proved, ProveError> {
    check_sizes(g1, relation, known)?;
    let started = Instant::now();
    let columns = LookupColumns::new(&sheet, relation)?;
    for (table, counts) in relation.tables.iter().zip(columns.count(relation)) {
        sheet.fill(table.counts, &counts);
    }
    let witness = started.elapsed();
    let mut proved = prove_counted(g1, relation, sheet, columns, known, randomness, statement)?;
    proved.timings.witness = witness;
    Ok(proved)
}

/// [`prove`] for a sheet that is complete, multiplicities included: whatever
/// they are, they are what is committed. Cheating provers are tested with it.
///
/// # Errors
/// As [`prove`].
#[cfg(any(test, feature = "testing"))]
pub fn prove_filled(
    g1: Powers<'_>,
    relation: &Relation,
    sheet: Sheet,
    known: &CommittedRows,
    context: &Context<'_>,
    statement: impl FnOnce(&[G1Affine]) -> Vec<u8>,
) -> Result<Proved, ProveError> {
    check_sizes(g1, relation, known)?;
    let columns = LookupColumns::new(&sheet, relation)?;
    let fresh = fresh(context, relation, &sheet)?;
    prove_counted(g1, relation, sheet, columns, known, fresh, statement)
}

fn prove_counted(
    g1: Powers<'_>,
    relation: &Relation,
    sheet: Sheet,
    columns: LookupColumns,
    known: &CommittedRows,
    randomness: ProofRandomness,
    statement: impl FnOnce(&[G1Affine]) -> Vec<u8>,
) -> Result<Proved, ProveError> {
    let mut timings = Timings::default();
    let started = Instant::now();
    let ProofRandomness { blinds, mask, mask_blinding, salt } = randomness;
    let own: Vec<&Row> = sheet.rows().iter().skip(known.points.len()).collect();
    let points = commit_rows(g1, &own, &blinds)?;
    let own = CommittedRows { points, blinds };
    let mut rows = known.clone();
    rows.extend(&own);
    timings.commit = started.elapsed();

    let started = Instant::now();
    let mask = Mask::new(g1, mask, mask_blinding);
    let masking = started.elapsed();
    let h = transcript_start(&statement(&own.points), &rows.points, &mask.commitment);
    let (argument, reduction, gamma) =
        argue(&sheet, relation, columns, h, salt, &mask, &mut timings)?;

    let started = Instant::now();
    drop(sheet);
    let (claim, blinding, opening) = open(g1, h, &rows, &mask, reduction, gamma, &argument);
    timings.open = masking + started.elapsed();
    let proof =
        SheetProof { rows: own.points.clone(), mask: mask.commitment, argument, blinding, opening };
    Ok(Proved { proof: Uncompressed::new(h, claim, proof), own, timings })
}

fn fresh(
    context: &Context<'_>,
    relation: &Relation,
    sheet: &Sheet,
) -> Result<ProofRandomness, NoRandomness> {
    let row_log = relation.layout.row_log;
    ProofRandomness::fresh(context, sheet.rows(), own_rows(relation), row_log)
}

fn check_sizes(
    g1: Powers<'_>,
    relation: &Relation,
    known: &CommittedRows,
) -> Result<(), ProveError> {
    let expected = 1usize << relation.layout.row_log;
    if g1.len() < expected {
        return Err(ProveError::ReferenceString { expected, got: g1.len() });
    }
    let expected = relation.layout.rows.len() - own_rows(relation);
    let got = known.points.len();
    if got != expected {
        return Err(ProveError::KnownRows { expected, got });
    }
    Ok(())
}

/// The row that hides what the opening reveals.
struct Mask {
    values: Vec<Fr>,
    blinding: Fr,
    commitment: G1Affine,
}

impl Mask {
    fn new(g1: Powers<'_>, values: Vec<Fr>, blinding: Fr) -> Self {
        let commitment = msm_full(&g1[..values.len()], &values) + blinding_base() * blinding;
        Self { values, blinding, commitment: commitment.into_affine() }
    }
}

/// Runs the argument; the transcript ends with the mask's weight.
fn argue(
    sheet: &Sheet,
    relation: &Relation,
    columns: LookupColumns,
    h: Fr,
    salt: Fr,
    mask: &Mask,
    timings: &mut Timings,
) -> Result<(Argument<Fr>, ReductionProof, Fr), ProveError> {
    let arith = &mut Native;
    let started = Instant::now();
    let mut transcript = Transcript::new(arith);
    transcript.absorb(arith, "statement and rows", &[h]);
    transcript.absorb(arith, "salt", &[salt]);
    let first = transcript.challenges(arith, "first point", relation.point_len());
    let lookup = LookupChallenges::draw(arith, &mut transcript, relation.tables.len());
    let relations = relations::prove(sheet, relation, &first, &mut transcript)?;
    timings.sumcheck = started.elapsed();

    let started = Instant::now();
    let segments = columns.segments(sheet, relation, &lookup)?;
    let log_leaves = LeafLayout::of(relation).log;
    let (fraction, leaf) = fraction::prove(&mut transcript, log_leaves, segments);
    timings.lookup = started.elapsed();

    let started = Instant::now();
    let mut argument = Argument {
        salt,
        products: relations.products,
        univariates: relations.univariates,
        left: relations.left,
        right: relations.right,
        polys: relations.polys,
        fraction,
        reduction: Vec::new(),
        value: Fr::zero(),
        mask: Fr::zero(),
    };
    let chi = transcript.challenge(arith, "claim batching");
    let claim = combine(arith, relation, &argument, &lookup, &leaf, chi)?;
    let points = Points { first, second: relations.second, leaf: leaf.point };
    let reduction = reduction::prove(sheet, &claim, &points, &mut transcript)?;
    argument.reduction = reduction.univariates.clone();
    argument.value = reduction.value;
    argument.mask = evaluate_field(&mask.values, low(&reduction, relation.layout.row_log));
    let values = [argument.value, argument.mask];
    transcript.absorb(arith, "sheet and mask", &values);
    let gamma = transcript.challenge(arith, "mask weight");
    timings.sumcheck += started.elapsed();
    Ok((argument, reduction, gamma))
}

/// The point's coordinates within a row.
fn low(reduction: &ReductionProof, row_log: u32) -> &[Fr] {
    &reduction.point[..row_log as usize]
}

/// Opens the masked, folded row.
fn open(
    g1: Powers<'_>,
    h: Fr,
    rows: &CommittedRows,
    mask: &Mask,
    reduction: ReductionProof,
    gamma: Fr,
    argument: &Argument<Fr>,
) -> (Opening<Fr>, Fr, OpeningProof) {
    let weights = &reduction.row_weights;
    let folded: Fr = weights.iter().zip(&rows.blinds).map(|(w, b)| *w * b).sum();
    let blinding = folded + gamma * mask.blinding;
    let value = argument.value + gamma * argument.mask;
    let commitment = G1Projective::msm_unchecked(&rows.points, weights) + mask.commitment * gamma
        - blinding_base() * blinding;
    let masked: Vec<Fr> =
        reduction.folded.iter().zip(&mask.values).map(|(p, m)| gamma * m + p).collect();
    let seed = opening_seed(&h, &reduction.point, &gamma, &value, &blinding);
    let row_log = masked.len().trailing_zeros();
    let point = low(&reduction, row_log);
    let commitment = commitment.into_affine();
    let opening = mercury::prove_committed(g1, &commitment, masked, point, seed);
    (Opening { point: reduction.point, gamma, value }, blinding, opening)
}
