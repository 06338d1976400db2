//! What takes a prover's time, behind a seam: these functions know columns and points, and nothing
//! of transcripts or of the order of a proof's messages. Another implementation, on a device with
//! many cores, gives the same results, and so the same proof.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_poly::EvaluationDomain as _;
use rayon::prelude::*;
use zktrain_msm::msm_full;

use super::constraints::{Constraints, CosetColumns};
use super::domain::EvaluationDomain;
use super::params::Halo2Params;

/// What columns are committed to with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Values on the rows.
    Lagrange,
    /// Coefficients, one more than there are rows at most.
    Monomial,
}

/// Group and field work on whole columns.
pub trait Kernels: Sync {
    /// `Σ_j column[j]·basis[j]` for each column.
    fn commit(&self, basis: Basis, columns: &[Vec<Fr>]) -> Vec<G1Affine>;

    /// Coefficients of the columns with these values on the rows.
    fn interpolate(&self, columns: &[Vec<Fr>]) -> Vec<Vec<Fr>>;

    /// Values of polynomials on a coset, in order of its elements.
    fn extend(&self, coset: usize, polynomials: &[Vec<Fr>]) -> Vec<Vec<Fr>>;

    /// Coefficients of the polynomial of degree below `n` with these values on a coset.
    fn interpolate_coset(&self, coset: usize, values: Vec<Fr>) -> Vec<Fr>;

    /// The joined constraints at every element of a coset.
    fn constraints(&self, constraints: &Constraints, columns: &CosetColumns<'_>) -> Vec<Fr>;
}

/// The kernels on this machine's cores.
#[derive(Clone, Copy)]
pub struct Cpu<'a> {
    params: &'a Halo2Params,
    domain: &'a EvaluationDomain,
}

impl<'a> Cpu<'a> {
    /// For circuits of the parameters' size.
    pub fn new(params: &'a Halo2Params, domain: &'a EvaluationDomain) -> Self {
        Self { params, domain }
    }
}

impl Kernels for Cpu<'_> {
    fn commit(&self, basis: Basis, columns: &[Vec<Fr>]) -> Vec<G1Affine> {
        let bases = match basis {
            Basis::Lagrange => self.params.lagrange(),
            Basis::Monomial => self.params.powers(),
        };
        let sum = |column: &Vec<Fr>| msm_full(&bases[..column.len()], column);
        let sums: Vec<G1Projective> = columns.par_iter().map(sum).collect();
        G1Projective::normalize_batch(&sums)
    }

    fn interpolate(&self, columns: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
        columns.par_iter().map(|column| self.domain.rows().ifft(column)).collect()
    }

    fn extend(&self, coset: usize, polynomials: &[Vec<Fr>]) -> Vec<Vec<Fr>> {
        polynomials.par_iter().map(|p| self.domain.coset(coset).fft(p)).collect()
    }

    fn interpolate_coset(&self, coset: usize, mut values: Vec<Fr>) -> Vec<Fr> {
        self.domain.coset(coset).ifft_in_place(&mut values);
        values
    }

    fn constraints(&self, constraints: &Constraints, columns: &CosetColumns<'_>) -> Vec<Fr> {
        const LEAST: usize = 1 << 8;
        let rows = 0..self.domain.size();
        rows.into_par_iter().with_min_len(LEAST).map(|r| constraints.at(columns, r)).collect()
    }
}
