//! Proving and verifying key of a relation.

use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine};
use zktrain_backends::halo2::gates::FIXED;
use zktrain_backends::halo2::key::Halo2Key;
use zktrain_backends::halo2::{shape, tape::Tape};
use zktrain_model::Hash;
use zktrain_model::compile::compile_training;
use zktrain_model::relation::Relation;
use zktrain_model::size::Bounded;
use zktrain_msm::polynomial::evaluate;

use super::domain::{EvaluationDomain, PIECES};
use super::kernels::{Basis, Cpu, Kernels};
use super::{Halo2Params, Halo2ProveError, columns};

/// The keys of one relation.
#[derive(Clone, Debug)]
pub struct Halo2Keys {
    /// What verifiers need.
    pub verifying: Halo2Key,
    pub digest: Hash,
    pub(super) proving: ProvingKey,
}

impl Halo2Keys {
    /// Coefficients of what the key fixes, which anyone can compute: the fixed columns, then `σ`.
    pub fn coefficients(&self) -> &[Vec<Fr>] {
        &self.proving.polynomials
    }

    /// What the key fixes at a point, which anyone can compute: the fixed columns, then `σ`.
    pub fn evaluate(&self, point: Fr) -> Vec<Fr> {
        self.proving.polynomials.iter().map(|polynomial| evaluate(polynomial, point)).collect()
    }
}

/// What a prover needs besides the verifying key.
#[derive(Clone, Debug)]
pub(super) struct ProvingKey {
    pub(super) domain: EvaluationDomain,
    /// Powers of `ω`.
    pub(super) roots: Vec<Fr>,
    /// `σ` on the rows.
    pub(super) permutation: Vec<Vec<Fr>>,
    /// Coefficients of the fixed columns, then of `σ`.
    pub(super) polynomials: Vec<Vec<Fr>>,
    /// Both on the cosets, once there is something to be proven.
    extended: OnceLock<Vec<Extended>>,
}

/// What a key fixes, on one coset.
#[derive(Clone, Debug)]
pub(super) struct Extended {
    /// Fixed columns, then `σ`.
    columns: Vec<Vec<Fr>>,
    /// `ℓ_0`
    pub(super) first: Vec<Fr>,
}

impl Extended {
    /// The fixed columns.
    pub(super) fn fixed(&self) -> &[Vec<Fr>] {
        &self.columns[..FIXED]
    }

    /// `σ`
    pub(super) fn permutation(&self) -> &[Vec<Fr>] {
        &self.columns[FIXED..]
    }
}

impl ProvingKey {
    /// What is fixed, on the cosets: computed for the first proof and kept.
    pub(super) fn extended(&self, kernels: &impl Kernels) -> &[Extended] {
        self.extended.get_or_init(|| {
            let extend = |coset| Extended {
                columns: kernels.extend(coset, &self.polynomials),
                first: self.domain.first_lagrange(coset),
            };
            (0..PIECES).map(extend).collect()
        })
    }
}

/// The logarithm of the rows that a relation's circuit takes.
///
/// # Errors
/// [`Halo2ProveError::Shape`] if the relation has no argument.
pub fn log_rows(relation: &Relation) -> Result<u32, Halo2ProveError> {
    Ok(shape(relation).map_err(Halo2ProveError::Argument)?.log_rows())
}

/// Powers of a reference string, as a logarithm, that a network's rows and the circuit of its steps take. What is wrong with a
/// relation is said when its key is derived, not here.
pub fn power(network: &Bounded) -> u32 {
    let relation = compile_training(network).ok().map(|(relation, _)| relation);
    let circuit = relation.and_then(|relation| log_rows(&relation).ok());
    circuit.unwrap_or(0).max(network.row_log)
}

/// Derives the keys of a relation. Depends on the relation and on the reference
/// string alone.
///
/// # Errors
/// [`Halo2ProveError::Rows`] if the parameters are for another number of rows.
pub fn derive(relation: &Relation, params: &Halo2Params) -> Result<Halo2Keys, Halo2ProveError> {
    derive_tape(&shape(relation).map_err(Halo2ProveError::Argument)?, params)
}

/// The keys of a circuit that is laid out already.
///
/// # Errors
/// As [`derive()`].
pub fn derive_tape(tape: &Tape, params: &Halo2Params) -> Result<Halo2Keys, Halo2ProveError> {
    let (expected, got) = (tape.log_rows(), params.log_rows);
    if expected != got {
        return Err(Halo2ProveError::Rows { expected, got });
    }
    let domain = EvaluationDomain::new(got);
    let roots = domain.roots();
    let fixed = columns::fixed(tape, domain.size());
    let permutation = columns::permutation(tape, &roots);
    let kernels = Cpu::new(params, &domain);
    let commitments = |columns: &[Vec<Fr>]| kernels.commit(Basis::Lagrange, columns);
    let verifying = Halo2Key {
        log_rows: got,
        fixed: points(commitments(&fixed))?,
        permutation: points(commitments(&permutation))?,
    };
    let all: Vec<Vec<Fr>> = fixed.into_iter().chain(permutation.iter().cloned()).collect();
    let polynomials = kernels.interpolate(&all);
    let extended = OnceLock::new();
    let proving = ProvingKey { domain, roots, permutation, polynomials, extended };
    Ok(Halo2Keys { digest: verifying.digest(), verifying, proving })
}

fn points<const N: usize>(points: Vec<G1Affine>) -> Result<[G1Affine; N], Halo2ProveError> {
    points.try_into().map_err(|_| Halo2ProveError::Keys)
}
