//! Multi-scalar multiplication with full-width scalars.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, PrimeField};
use rayon::prelude::*;

use super::buckets::{Bases, Item, MAX_DIGIT_BITS, combine, digit_sums, estimated_additions};

/// Items that are worth a task of their own.
const TASK_ITEMS: usize = 1 << 14;

/// `Σ_i scalars[i]·bases[i]` in parallel.
///
/// Pippenger's method with signed digits; the windows are independent tasks, and so are ranges of
/// bases where there are more threads than windows.
///
/// # Panics
/// If the slices differ in length.
pub fn msm_full(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    assert_eq!(bases.len(), scalars.len(), "one scalar for each base");
    if bases.is_empty() {
        return G1Projective::ZERO;
    }
    let width = window_width(bases.len());
    let windows = (Fr::MODULUS_BIT_SIZE + 1).div_ceil(width) as usize;
    // At least four tasks a thread, unless they would be too short to share inversions well.
    let wanted = 4 * rayon::current_num_threads();
    let ranges = wanted.div_ceil(windows).min(bases.len().div_ceil(TASK_ITEMS)).max(1);
    let range = bases.len().div_ceil(ranges);
    let sums: Vec<Vec<G1Projective>> = bases
        .par_chunks(range)
        .zip(scalars.par_chunks(range))
        .map(|(bases, scalars)| window_sums(&Bases::new(bases), scalars, width, windows))
        .collect();
    sums.iter().map(|digits| combine(digits, width)).sum()
}

/// The number of bits of a window that costs least for `n` scalars. Digits are signed, so that
/// windows of `w` bits have magnitudes up to `2^(w − 1)`.
fn window_width(n: usize) -> u32 {
    let cost = |width: u32| {
        let windows = (Fr::MODULUS_BIT_SIZE + 1).div_ceil(width);
        f64::from(windows) * (estimated_additions(n as f64, width - 1) + 3.0 * f64::from(width))
    };
    (3..=MAX_DIGIT_BITS).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(8)
}

/// The digit sums of all windows, lowest first.
fn window_sums(bases: &Bases, scalars: &[Fr], width: u32, windows: usize) -> Vec<G1Projective> {
    let integers: Vec<[u64; 4]> = scalars.iter().map(|s| s.into_bigint().0).collect();
    let digits = signed_digits(&integers, width, windows);
    let together = TASK_ITEMS.div_ceil(scalars.len()).min(windows);
    digits
        .par_chunks(together * scalars.len())
        .flat_map_iter(|digits| {
            let lists: Vec<Vec<Item>> = digits.chunks(scalars.len()).map(items).collect();
            // The carry makes a digit of 2^(width − 1) possible, which takes all `width` bits.
            digit_sums(bases, &lists, width)
        })
        .collect()
}

fn items(digits: &[i32]) -> Vec<Item> {
    let nonzero = digits.iter().enumerate().filter(|(_, digit)| **digit != 0);
    nonzero.map(|(i, &digit)| Item::new(digit.unsigned_abs(), i, digit < 0)).collect()
}

/// Digits in `[−2^(width−1), 2^(width−1))`, one window after another.
fn signed_digits(integers: &[[u64; 4]], width: u32, windows: usize) -> Vec<i32> {
    let n = integers.len();
    let mut digits = vec![0i32; n * windows];
    let mut carries = vec![0i32; n];
    for (window, digits) in digits.chunks_mut(n).enumerate() {
        let offset = window * width as usize;
        let (limb, shift) = (offset / 64, (offset % 64) as u32);
        let half = 1i32 << (width - 1);
        for ((digit, carry), integer) in digits.iter_mut().zip(&mut carries).zip(integers) {
            let low = integer.get(limb).map_or(0, |l| l >> shift);
            let high = integer.get(limb + 1).map_or(0, |l| l.checked_shl(64 - shift).unwrap_or(0));
            let value = ((low | high) & ((1 << width) - 1)) as i32 + *carry;
            *carry = i32::from(value >= half);
            *digit = value - (*carry << width);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::{PrimeGroup, VariableBaseMSM, scalar_mul::ScalarMul};
    use ark_ff::{Field, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    fn some_bases(count: usize, rng: &mut ChaCha20Rng) -> Vec<G1Affine> {
        let scalars: Vec<Fr> = (0..count).map(|_| Fr::rand(rng)).collect();
        G1Projective::generator().batch_mul(&scalars)
    }

    #[test]
    fn matches_arkworks_at_every_size() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let bases = some_bases(5000, &mut rng);
        for n in [0, 1, 2, 3, 7, 33, 64, 200, 1000, 5000] {
            let mut scalars: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
            for (i, edge) in [Fr::ZERO, Fr::ONE, -Fr::ONE, -Fr::from(2u64)].into_iter().enumerate()
            {
                if let Some(scalar) = scalars.get_mut(3 * i) {
                    *scalar = edge;
                }
            }
            let expected = G1Projective::msm_unchecked(&bases[..n], &scalars);
            assert_eq!(msm_full(&bases[..n], &scalars), expected, "{n} bases");
        }
    }

    #[test]
    fn digits_recompose_at_every_width() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut scalars: Vec<Fr> = (0..50).map(|_| Fr::rand(&mut rng)).collect();
        scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(0x8000u64), Fr::from(u64::MAX)]);
        let integers: Vec<[u64; 4]> = scalars.iter().map(|s| s.into_bigint().0).collect();
        for width in 3..=MAX_DIGIT_BITS {
            let windows = (Fr::MODULUS_BIT_SIZE + 1).div_ceil(width) as usize;
            let digits = signed_digits(&integers, width, windows);
            for (i, scalar) in scalars.iter().enumerate() {
                let weight = Fr::from(1u64 << width);
                let column = digits.chunks(scalars.len()).map(|window| window[i]);
                let value =
                    column.rev().fold(Fr::ZERO, |sum, digit| sum * weight + Fr::from(digit));
                assert_eq!(value, *scalar, "width {width}");
            }
        }
    }

    #[test]
    fn independent_of_the_number_of_threads() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let bases = some_bases(4097, &mut rng);
        let scalars: Vec<Fr> = bases.iter().map(|_| Fr::rand(&mut rng)).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| msm_full(&bases, &scalars))
        };
        assert_eq!(run(1), run(9));
    }
}
