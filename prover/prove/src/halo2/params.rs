//! The reference string for halo2's circuits, with the Lagrange basis.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{Field, UniformRand, batch_inversion};
use rayon::prelude::*;
use sha3::{Digest, Keccak256};
use zktrain_argument::opening::{OpeningDecodeError, Words, point_bytes};
use zktrain_backends::halo2::key::omega;
use zktrain_commit::random::{Label, NoRandomness, Randomness};
use zktrain_commit::srs::{CheckedSrs, Powers, SrsDigest};
use zktrain_msm::msm_full;

use super::lagrange::{geometric, lagrange};

/// Start of the basis' encoding.
const MAGIC: &[u8; 24] = b"zktrain-lagrange-basis-2";
const HEADER: usize = MAGIC.len() + 32 + 4;
const DIGEST: usize = 32;

/// Why there are no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Nothing to check a kept basis with.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The reference string is too short.
    #[error("the reference string has {got} powers, {expected} needed")]
    TooSmall {
        /// Powers needed.
        expected: usize,
        /// Powers there are.
        got: usize,
    },
    /// The bytes are not a basis for this string and number of rows.
    #[error("not a Lagrange basis of this reference string for 2^{log_rows} rows")]
    Header {
        /// Logarithm of the rows asked for.
        log_rows: u32,
    },
    /// Too short or too long.
    #[error("the Lagrange basis has {got} bytes, expected {expected}")]
    Length {
        /// The length that the number of rows demands.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// The checksum does not match.
    #[error("the Lagrange basis is damaged")]
    Checksum,
    /// The points are not the basis, though the checksum says so.
    #[error("the points are not the Lagrange basis of this reference string")]
    Basis,
    /// A point is not valid.
    #[error(transparent)]
    Point(#[from] OpeningDecodeError),
}

/// Commitment parameters for circuits of `2^log_rows` rows.
#[derive(Clone, Debug)]
pub struct Halo2Params {
    /// Logarithm of the number of rows.
    pub log_rows: u32,
    /// Of the reference string.
    digest: SrsDigest,
    /// [`powers`] of the reference string.
    powers: Vec<G1Affine>,
    lagrange: Vec<G1Affine>,
    g2: [G2Affine; 2],
}

/// How many powers of the reference string a circuit of `2^log_rows` rows takes: one more than
/// rows, for the blinding between the quotient's pieces.
pub const fn powers(log_rows: u32) -> usize {
    (1 << log_rows) + 1
}

impl Halo2Params {
    /// From a reference string. The Lagrange basis takes seconds; see [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`ParamsError::TooSmall`] if the string has fewer than [`powers`].
    pub fn new(srs: &CheckedSrs, log_rows: u32) -> Result<Self, ParamsError> {
        let powers = prefix(srs, log_rows)?;
        Ok(Self::assemble(srs, log_rows, lagrange(&powers[..1 << log_rows])))
    }

    /// The Lagrange basis, to be kept in a file: header, points, Keccak-256 of both.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = header(&self.digest, self.log_rows);
        for point in &self.lagrange {
            out.extend_from_slice(&point_bytes(point));
        }
        let digest = Keccak256::digest(&out);
        out.extend_from_slice(&digest);
        out
    }

    /// With a Lagrange basis that [`Self::to_bytes`] wrote. The checksum finds damage; that the
    /// points are the basis is checked against the string's powers, at a random place, so that it
    /// does not matter who could write the file. Two sums of so many points.
    ///
    /// # Errors
    /// If the bytes are not the basis of this string for this number of rows.
    pub fn from_bytes(srs: &CheckedSrs, log_rows: u32, bytes: &[u8]) -> Result<Self, ParamsError> {
        let powers = prefix(srs, log_rows)?.prefix(1 << log_rows);
        let count = powers.len();
        if !bytes.starts_with(&header(srs.digest(), log_rows)) {
            return Err(ParamsError::Header { log_rows });
        }
        let (expected, got) = (HEADER + 64 * count + DIGEST, bytes.len());
        if expected != got {
            return Err(ParamsError::Length { expected, got });
        }
        let (body, digest) = bytes.split_at(got - DIGEST);
        if Keccak256::digest(body).as_slice() != digest {
            return Err(ParamsError::Checksum);
        }
        let points: Result<Vec<_>, _> = (0..count)
            .into_par_iter()
            .map(|index| Words::new(body, HEADER + 64 * index).point())
            .collect();
        let basis = points?;
        if !is_basis(&powers, &basis)? {
            return Err(ParamsError::Basis);
        }
        Ok(Self::assemble(srs, log_rows, basis))
    }

    /// The commitments `[τ^i]` to monomials, one more than rows.
    pub fn powers(&self) -> &[G1Affine] {
        &self.powers
    }

    /// The commitments to the rows' Lagrange polynomials.
    pub fn lagrange(&self) -> &[G1Affine] {
        &self.lagrange
    }

    /// `[1]` and `[τ]` in G2.
    pub fn g2(&self) -> &[G2Affine; 2] {
        &self.g2
    }

    fn assemble(srs: &CheckedSrs, log_rows: u32, lagrange: Vec<G1Affine>) -> Self {
        let powers = srs.g1[..powers(log_rows)].to_vec();
        Self { log_rows, digest: *srs.digest(), powers, lagrange, g2: srs.g2 }
    }
}

fn prefix(srs: &CheckedSrs, log_rows: u32) -> Result<Powers<'_>, ParamsError> {
    let (expected, got) = (powers(log_rows), srs.g1.len());
    if got < expected {
        return Err(ParamsError::TooSmall { expected, got });
    }
    Ok(srs.g1().prefix(expected))
}

/// Whether `basis` are the Lagrange points of so many powers.
///
/// For a random `r`, `Σ_i (1 − r^n)/(ω^i − r)·L_i = Σ_j r^(n−1−j)·X^j`: both sides are
/// `(X^n − r^n)/(X − r)`, by its values and by its coefficients. Points that are off by `e_i` pass
/// if `Σ_i e_i/(ω^i − r) = 0`, for fewer than `n` values of `r`.
fn is_basis(powers: &[G1Affine], basis: &[G1Affine]) -> Result<bool, NoRandomness> {
    let n = powers.len();
    let root = omega(n.trailing_zeros());
    let r = Fr::rand(&mut Randomness::fresh(Label::BasisPoint)?);
    let ascending: Vec<Fr> = geometric(r, n);
    let last = ascending.last().map_or(Fr::ONE, |power| *power * r);
    let mut values: Vec<Fr> = geometric(root, n).iter().map(|at| *at - r).collect();
    batch_inversion(&mut values);
    let scale = Fr::ONE - last;
    values.par_iter_mut().for_each(|value| *value *= scale);
    let coefficients: Vec<Fr> = ascending.iter().rev().copied().collect();
    Ok(msm_full(basis, &values) == msm_full(powers, &coefficients))
}

fn header(digest: &SrsDigest, log_rows: u32) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(digest);
    out.extend_from_slice(&log_rows.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use zktrain_backends::halo2::reference::convert::{from_point, to_point};
    use zktrain_commit::srs::Srs;

    fn srs() -> CheckedSrs {
        Srs::generate_g1(6, &mut ChaCha20Rng::seed_from_u64(4)).check().unwrap()
    }

    #[test]
    fn the_basis_is_halo2s() {
        let (srs, params) = (srs(), Halo2Params::new(&srs(), 6).unwrap());
        let powers: Vec<_> = srs.g1[..64].iter().map(|p| to_point(p).into()).collect();
        let expected = halo2_proofs::arithmetic::g_to_lagrange(powers, 6);
        assert!(expected.iter().map(from_point).eq(params.lagrange));
    }

    #[test]
    fn the_basis_is_read_back() {
        let (srs, params) = (srs(), Halo2Params::new(&srs(), 6).unwrap());
        let bytes = params.to_bytes();
        let again = Halo2Params::from_bytes(&srs, 6, &bytes).unwrap();
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.lagrange, params.lagrange);
    }

    #[test]
    fn another_basis_with_a_good_checksum_is_refused() {
        let srs = srs();
        let honest = Halo2Params::new(&srs, 6).unwrap();
        for at in [0, 1, 31, 63] {
            let mut forged = honest.clone();
            forged.lagrange[at] = (forged.lagrange[at] + srs.g1[0]).into_affine();
            let error = Halo2Params::from_bytes(&srs, 6, &forged.to_bytes()).unwrap_err();
            assert_eq!(error, ParamsError::Basis, "{at}");
        }
        let mut swapped = honest.clone();
        swapped.lagrange.swap(3, 4);
        let error = Halo2Params::from_bytes(&srs, 6, &swapped.to_bytes()).unwrap_err();
        assert_eq!(error, ParamsError::Basis);
    }

    #[test]
    fn a_damaged_basis_is_refused() {
        let srs = srs();
        let bytes = Halo2Params::new(&srs, 6).unwrap().to_bytes();
        let error = |bytes: &[u8]| Halo2Params::from_bytes(&srs, 6, bytes).unwrap_err();
        for position in (0..bytes.len()).step_by(37) {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            let expected = if position < HEADER {
                ParamsError::Header { log_rows: 6 }
            } else {
                ParamsError::Checksum
            };
            assert_eq!(error(&altered), expected, "{position}");
        }
        assert!(matches!(error(&bytes[..bytes.len() - 1]), ParamsError::Length { .. }));
        assert!(matches!(error(&[bytes.clone(), vec![0]].concat()), ParamsError::Length { .. }));
        assert_eq!(error(&[]), ParamsError::Header { log_rows: 6 });
        let other = Srs::generate_g1(6, &mut ChaCha20Rng::seed_from_u64(5)).check().unwrap();
        assert!(Halo2Params::from_bytes(&other, 6, &bytes).is_err());
        assert!(Halo2Params::from_bytes(&srs, 5, &bytes).is_err());
        let error = Halo2Params::new(&srs, 20).unwrap_err();
        assert_eq!(error, ParamsError::TooSmall { expected: powers(20), got: srs.g1.len() });
    }
}
