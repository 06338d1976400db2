//! Sums of few multiples of group elements, by the curves' endomorphism and signed windows.

use ark_bn254::Fr;
use ark_ec::{AdditiveGroup, scalar_mul::glv::GLVConfig, short_weierstrass::Projective};
use ark_ff::{BigInteger, PrimeField};

/// Bits of a window; digits are odd and below `2^(WINDOW − 1)`.
const WINDOW: usize = 5;
/// Odd multiples in a table.
const TABLE: usize = 1 << (WINDOW - 2);

/// A scalar `k_0 + k_1·λ` as signed digits of both halves, lowest first.
#[derive(Clone, Debug)]
pub(super) struct Digits([Vec<i8>; 2]);

impl Digits {
    /// The digits for multiples on the curve `C`.
    pub(super) fn new<C: GLVConfig<ScalarField = Fr>>(scalar: Fr) -> Self {
        let (low, high) = C::scalar_decomposition(scalar);
        Self([low, high].map(|(positive, half)| {
            let digits = half.into_bigint().find_wnaf(WINDOW).unwrap_or_default();
            let sign = if positive { 1 } else { -1 };
            digits.into_iter().map(|digit| sign * digit as i8).collect()
        }))
    }

    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// Odd multiples of a point and of its image under the endomorphism.
struct Tables<C: GLVConfig>([[Projective<C>; TABLE]; 2]);

impl<C: GLVConfig> Tables<C> {
    fn new(point: Projective<C>) -> Self {
        let double = point.double();
        let mut next = point;
        let multiples = [(); TABLE].map(|()| {
            let multiple = next;
            next += double;
            multiple
        });
        Self([multiples, multiples.each_ref().map(C::endomorphism)])
    }
}

/// `Σ scalar·point`
pub(super) fn combine<C: GLVConfig<ScalarField = Fr>>(
    terms: &[(Projective<C>, &Digits)],
) -> Projective<C> {
    let tables: Vec<Tables<C>> = terms.iter().map(|(point, _)| Tables::new(*point)).collect();
    let length = terms.iter().map(|(_, digits)| digits.len()).max().unwrap_or(0);
    let mut sum = Projective::<C>::ZERO;
    for position in (0..length).rev() {
        sum.double_in_place();
        for ((_, digits), tables) in terms.iter().zip(&tables) {
            for (digits, table) in digits.0.iter().zip(&tables.0) {
                match digits.get(position) {
                    Some(&digit) if digit > 0 => sum += table[digit as usize / 2],
                    Some(&digit) if digit < 0 => {
                        sum -= table[usize::from(digit.unsigned_abs()) / 2]
                    }
                    _ => {}
                }
            }
        }
    }
    sum
}

/// `scalar·point`
pub(super) fn multiply<C: GLVConfig<ScalarField = Fr>>(
    point: Projective<C>,
    digits: &Digits,
) -> Projective<C> {
    combine(&[(point, digits)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{g1, g2};
    use ark_ec::PrimeGroup;
    use ark_ff::{Field, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    fn check<C: GLVConfig<ScalarField = Fr>>() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut scalars: Vec<Fr> = (0..20).map(|_| Fr::rand(&mut rng)).collect();
        scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, C::LAMBDA, -C::LAMBDA, Fr::from(31u64)]);
        let digits: Vec<Digits> = scalars.iter().map(|s| Digits::new::<C>(*s)).collect();
        let points: Vec<_> =
            scalars.iter().map(|_| Projective::<C>::generator() * Fr::rand(&mut rng)).collect();
        for ((point, digits), scalar) in points.iter().zip(&digits).zip(&scalars) {
            assert_eq!(multiply(*point, digits), *point * scalar);
        }
        let terms: Vec<_> = points.iter().copied().zip(&digits).collect();
        let expected: Projective<C> = points.iter().zip(&scalars).map(|(p, s)| *p * s).sum();
        assert_eq!(combine(&terms), expected);
        assert_eq!(combine::<C>(&[]), Projective::<C>::ZERO);
    }

    #[test]
    fn matches_plain_multiples() {
        check::<g1::Config>();
        check::<g2::Config>();
    }
}
