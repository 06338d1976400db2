//! Exact integer matrix products through double-precision ones.
//!
//! A product of doubles that hold integers is exact, in whatever order it is
//! summed, when no partial sum can reach `2^53`. The bound `k·max|a|·max|b|` is
//! checked on the operands at hand; an operand that is too wide is cut in two
//! 16-bit limbs. The result therefore never depends on the machine, the blocking
//! or the number of threads.

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, Zip};

/// Partial sums below this magnitude are exact in double precision.
const EXACT: u128 = 1 << 53;
const LIMB_BITS: u32 = 16;
/// Sums of so many products of two limbs are exact: a limb is at most `2^16`.
const TERMS: usize = 1 << 20;
/// Rows or columns of the result that one task computes.
const BLOCK: usize = 64;
/// Below this number of multiplications a product stays on one thread.
const SMALL: usize = 1 << 15;

/// An integer matrix with a bound on its entries.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    values: Array2<f64>,
    max: u64,
}

impl Matrix {
    /// `rows × cols`, row-major.
    pub fn new(values: &[i32], rows: usize, cols: usize) -> Self {
        let max = values.iter().map(|x| u64::from(x.unsigned_abs())).max().unwrap_or(0);
        let values = Array2::from_shape_fn((rows, cols), |(i, j)| f64::from(values[i * cols + j]));
        Self { values, max }
    }

    /// The matrix itself.
    pub fn view(&self) -> Operand<'_> {
        Operand { values: self.values.view(), max: self.max }
    }

    /// Its transpose, without copying.
    pub fn transposed(&self) -> Operand<'_> {
        Operand { values: self.values.t(), max: self.max }
    }
}

/// A matrix or its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand<'a> {
    values: ArrayView2<'a, f64>,
    max: u64,
}

impl Operand<'_> {
    /// `self = 2^16·high + low` with `0 ≤ low < 2^16`.
    fn limbs(&self) -> [Matrix; 2] {
        let base = f64::from(1u32 << LIMB_BITS);
        let high = self.values.mapv(|x| (x / base).floor());
        let low = &self.values - &(&high * base);
        [
            Matrix { values: high, max: (self.max >> LIMB_BITS) + 1 },
            Matrix { values: low, max: (1 << LIMB_BITS) - 1 },
        ]
    }
}

/// `a·b`, exactly, for operands below `2^32` and a result below `2^62` in magnitude.
///
/// Limbs have 16 bits at least, so sums of more than [`TERMS`] products of two are not exact: longer ones are added up.
pub(crate) fn product(a: Operand<'_>, b: Operand<'_>) -> Array2<i64> {
    if a.values.ncols() > TERMS {
        let (first, rest) = a.values.split_at(Axis(1), TERMS);
        let (upper, lower) = b.values.split_at(Axis(0), TERMS);
        let part = |left, right| {
            product(Operand { values: left, max: a.max }, Operand { values: right, max: b.max })
        };
        // As below, modulo 2^64.
        let mut sum = part(first, upper);
        Zip::from(&mut sum)
            .and(&part(rest, lower))
            .for_each(|sum, part| *sum = sum.wrapping_add(*part));
        return sum;
    }
    let terms = a.values.ncols() as u128;
    if terms * u128::from(a.max) * u128::from(b.max) < EXACT {
        return product_f64(a.values, b.values).mapv(|x| x as i64);
    }
    let (mut high, low) = if a.max > b.max {
        let [high, low] = a.limbs();
        (product(high.view(), b), product(low.view(), b))
    } else {
        let [high, low] = b.limbs();
        (product(a, high.view()), product(a, low.view()))
    };
    // The two halves may cancel, so the sum is taken modulo 2^64.
    Zip::from(&mut high).and(&low).for_each(|high, low| {
        *high = high.wrapping_shl(LIMB_BITS).wrapping_add(*low);
    });
    high
}

/// `a·b` in double precision, blocks of the longer side in parallel.
fn product_f64(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let (m, n) = (a.nrows(), b.ncols());
    let mut c = Array2::zeros((m, n));
    if m * n * a.ncols() < SMALL {
        general_mat_mul(1.0, &a, &b, 0.0, &mut c);
    } else if m >= n {
        c.axis_chunks_iter_mut(Axis(0), BLOCK)
            .into_par_iter()
            .zip(a.axis_chunks_iter(Axis(0), BLOCK).into_par_iter())
            .for_each(|(mut c, a)| general_mat_mul(1.0, &a, &b, 0.0, &mut c));
    } else {
        c.axis_chunks_iter_mut(Axis(1), BLOCK)
            .into_par_iter()
            .zip(b.axis_chunks_iter(Axis(1), BLOCK).into_par_iter())
            .for_each(|(mut c, b)| general_mat_mul(1.0, &a, &b, 0.0, &mut c));
    }
    c
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(a: &[i32], b: &[i32], (m, k, n): (usize, usize, usize)) -> Vec<i64> {
        let mut c = vec![0i64; m * n];
        for i in 0..m {
            for j in 0..n {
                for t in 0..k {
                    let term = i64::from(a[i * k + t]).wrapping_mul(i64::from(b[t * n + j]));
                    c[i * n + j] = c[i * n + j].wrapping_add(term);
                }
            }
        }
        c
    }

    #[test]
    fn long_sums_are_exact() {
        for count in [TERMS, TERMS + 1, 8 * TERMS + 5] {
            let a: Vec<i32> = (0..count).map(|i| (1 << 15) - (i % 3) as i32).collect();
            let b: Vec<i32> = (0..count).map(|i| (1 << 15) - (i % 5) as i32).collect();
            let got = product(Matrix::new(&a, 1, count).view(), Matrix::new(&b, count, 1).view());
            let expected: i64 = a.iter().zip(&b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            assert_eq!(got[[0, 0]], expected, "{count}");
        }
    }

    proptest! {
        #[test]
        fn is_exact_at_every_width(
            (m, k, n) in (1usize..70, 1usize..70, 1usize..70),
            bits in (0u32..=31, 0u32..=31),
            seed in any::<u64>(),
        ) {
            use rand::{Rng, SeedableRng};
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            // Results stay below 2^62 as the static bounds demand.
            let bits = (bits.0, bits.1.min(54 - bits.0.min(31)));
            let mut draw = |len: usize, bits: u32| -> Vec<i32> {
                let max = ((1i64 << bits) - 1) as i32;
                (0..len).map(|_| if rng.gen_bool(0.2) { max } else { rng.gen_range(-max..=max) }).collect()
            };
            let (a, b) = (draw(m * k, bits.0), draw(k * n, bits.1));
            let expected = naive(&a, &b, (m, k, n));
            let (x, y) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            let got = product(x.view(), y.view());
            prop_assert_eq!(got.iter().copied().collect::<Vec<_>>(), expected.clone());
            let turned = product(y.transposed(), x.transposed());
            prop_assert_eq!(turned.t().iter().copied().collect::<Vec<_>>(), expected);
        }
    }
}
