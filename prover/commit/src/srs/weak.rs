//! Values of `τ` that anybody finds, or with which the string's own arithmetic degenerates.
//!
//! That nobody knows `τ` cannot be seen from a string. What can be seen is refused: `|τ| < 2^20`,
//! which is found by trying, and a root of unity of an order up to `2^28`, where the Lagrange
//! basis of a circuit's domain has points at zero and all polynomials that agree on a domain have
//! one commitment. A file to which nobody contributed has `τ = 1`.

use std::collections::HashSet;
use std::sync::LazyLock;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::ScalarMul};
use ark_ff::{FftField, Field};

/// What is wrong with a `τ`, `α` or `β`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// It is 1: nobody contributed to it.
    One,
    /// It or its negative is below `2^20`.
    Small,
    /// A power of two of it is 1: it is a root of unity of an order up to `2^28`.
    RootOfUnity,
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One => "is 1: nobody has contributed, and everybody can forge any proof",
            Self::Small => "is below 2^20: anybody who tries finds it and can forge any proof",
            Self::RootOfUnity => "is a root of unity: anybody who tries finds it",
        })
    }
}

/// Half the width of a giant step of [`is_small`], and the size of its table.
const BABY: u64 = 1 << 10;
/// Giant steps in either direction: `GIANT·2·BABY = 2^20`.
const GIANT: usize = 1 << 9;
/// `2^28` divides the order of the scalars, `2^29` does not.
const TWO_ADICITY: u32 = 28;

/// `x` of `a·[1]` for `1 ≤ a ≤ 2^10`; equal for `a` and `−a`.
static MULTIPLES: LazyLock<HashSet<Fq>> = LazyLock::new(|| {
    let one = G1Projective::generator();
    let multiples: Vec<G1Projective> =
        std::iter::successors(Some(one), |p| Some(*p + one)).take(BABY as usize).collect();
    G1Projective::normalize_batch(&multiples).iter().map(|p| p.x).collect()
});

/// What is wrong with the scalar whose multiple of the generator this is, as far as the point
/// alone shows it within a thousand additions.
pub(super) fn weakness_of(point: &G1Affine) -> Option<Weakness> {
    if *point == G1Affine::generator() {
        Some(Weakness::One)
    } else {
        is_small(point).then_some(Weakness::Small)
    }
}

/// Whether `|s| ≤ 2^20` for the point `[s]`: baby steps, giant steps.
fn is_small(point: &G1Affine) -> bool {
    let stride = G1Projective::generator() * Fr::from(2 * BABY);
    let walk = |stride: G1Projective| {
        std::iter::successors(Some(G1Projective::from(*point)), move |p| Some(*p - stride))
            .take(GIANT + 1)
    };
    let steps: Vec<G1Projective> = walk(stride).chain(walk(-stride)).collect();
    let steps = G1Projective::normalize_batch(&steps);
    steps.iter().any(|p| p.is_zero() || MULTIPLES.contains(&p.x))
}

/// Whether `τ^(2^28) = 1`, of powers that are known to be those of one `τ`; there are two at
/// least.
///
/// The last power `σ = τ^(2^k)` that the string has leaves `2^(28−k)` candidates, which baby steps
/// `ω^a·[1]` and giant steps `ω^(−b·2^l)·[σ]` go through with a number of multiplications about
/// the square root of that: 384 for `2^14` powers.
pub(super) fn is_root_of_unity(powers: &[G1Affine]) -> bool {
    let last = powers.len().saturating_sub(1);
    let Some(log) = last.checked_ilog2().map(|log| log.min(TWO_ADICITY)) else { return false };
    let Some(sigma) = powers.get(1usize << log) else { return false };
    let left = TWO_ADICITY - log;
    let baby = left.div_ceil(2);
    let Some(root) = Fr::get_root_of_unity(1u64 << left) else { return false };
    let Some(back) = root.pow([1u64 << baby]).inverse() else { return false };
    let table = G1Projective::generator().batch_mul(&geometric(root, 1 << baby));
    let table: HashSet<G1Affine> = table.into_iter().collect();
    let steps = G1Projective::from(*sigma).batch_mul(&geometric(back, 1 << (left - baby)));
    steps.iter().any(|p| table.contains(p))
}

fn geometric(ratio: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * ratio)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(tau: Fr, count: usize) -> Vec<G1Affine> {
        G1Projective::generator().batch_mul(&geometric(tau, count))
    }

    #[test]
    fn small_values_are_found_and_others_are_not() {
        let one = G1Projective::generator();
        let small = |s: Fr| is_small(&(one * s).into_affine());
        let around = [1u64, 2, 1023, 1024, 1025, 2047, 2048, 2049, 777_777, (1 << 20) - 1, 1 << 20];
        for s in around.map(Fr::from) {
            assert!(small(s) && small(-s), "{s}");
        }
        for s in [(1u64 << 20) + 1025, 1 << 21, 1 << 40].map(Fr::from) {
            assert!(!small(s) && !small(-s), "{s}");
        }
        assert_eq!(weakness_of(&G1Affine::generator()), Some(Weakness::One));
        assert_eq!(weakness_of(&(-G1Affine::generator())), Some(Weakness::Small));
    }

    #[test]
    fn roots_of_unity_of_every_order_are_found_with_any_number_of_powers() {
        for log in 1..=TWO_ADICITY {
            // Not the usual generator of the group of this order, but another one.
            let tau = Fr::get_root_of_unity(1 << log).unwrap().pow([12_345]);
            assert_eq!(tau.pow([1u64 << log]), Fr::ONE);
            for count in [64, 127] {
                assert!(is_root_of_unity(&powers(tau, count)), "2^{log}, {count} powers");
            }
        }
        let tau = Fr::get_root_of_unity(1 << 28).unwrap().pow([54_321]);
        assert!(is_root_of_unity(&powers(tau, 2)));
        for tau in [Fr::from(5u64), Fr::from(3u64) * tau] {
            assert!(!is_root_of_unity(&powers(tau, 64)));
        }
    }
}
