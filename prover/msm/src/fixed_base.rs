//! Multiples of one fixed point from a table.

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, Field, PrimeField};

const WINDOW: u32 = 7;

/// Multiples of a point: about 37 additions for a full-width scalar.
pub struct FixedBase {
    /// For each window, the multiples `1 … 2^WINDOW − 1` of the point times the window's weight.
    windows: Vec<Vec<G1Affine>>,
}

impl FixedBase {
    /// The table of a point, some hundred kilobytes.
    pub fn new(base: G1Affine) -> Self {
        let mut weighted = G1Projective::from(base);
        let windows = (0..Fr::MODULUS_BIT_SIZE.div_ceil(WINDOW)).map(|_| {
            let step = weighted;
            let multiples: Vec<G1Projective> =
                std::iter::successors(Some(step), |sum| Some(*sum + step))
                    .take((1 << WINDOW) - 1)
                    .collect();
            weighted = multiples[multiples.len() - 1] + step;
            normalize(&multiples)
        });
        Self { windows: windows.collect() }
    }

    /// `scalar` times the point.
    pub fn mul(&self, scalar: &Fr) -> G1Projective {
        let limbs = scalar.into_bigint().0;
        let mut sum = G1Projective::ZERO;
        for (window, multiples) in self.windows.iter().enumerate() {
            let offset = window * WINDOW as usize;
            let (limb, shift) = (offset / 64, offset % 64);
            let low = limbs[limb] >> shift;
            let high = limbs.get(limb + 1).filter(|_| shift > 0).map_or(0, |l| l << (64 - shift));
            let digit = ((low | high) & ((1 << WINDOW) - 1)) as usize;
            if digit > 0 {
                sum += multiples[digit - 1];
            }
        }
        sum
    }
}

/// Affine forms of points that are not the neutral element.
///
/// On this thread alone: the table of blindings is made behind a lock, and a
/// thread of the pool that waited for it could be the one that has to work on it.
fn normalize(points: &[G1Projective]) -> Vec<G1Affine> {
    let mut products = Vec::with_capacity(points.len());
    let mut product = Fq::ONE;
    for point in points {
        products.push(product);
        product *= point.z;
    }
    let mut inverse = product.inverse().unwrap_or(Fq::ONE);
    let mut affine: Vec<G1Affine> = points
        .iter()
        .zip(&products)
        .rev()
        .map(|(point, before)| {
            let z = inverse * before;
            inverse *= point.z;
            let square = z.square();
            G1Affine::new_unchecked(point.x * square, point.y * square * z)
        })
        .collect();
    affine.reverse();
    affine
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn matches_plain_multiples() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let base = (G1Affine::generator() * Fr::rand(&mut rng)).into_affine();
        let table = FixedBase::new(base);
        let mut scalars: Vec<Fr> = (0..20).map(|_| Fr::rand(&mut rng)).collect();
        scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(127u64), Fr::from(128u64)]);
        for scalar in scalars {
            assert_eq!(table.mul(&scalar), base * scalar);
        }
    }
}
