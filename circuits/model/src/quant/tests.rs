use proptest::prelude::*;

use super::*;
use crate::manifest::RoundSpec;

fn spec(shift: u32, lo: i64, hi: i64) -> RoundSpec {
    RoundSpec { shift, lo, hi, x_min: -(1 << 61), x_max: 1 << 61, bound_bits: 62 }
}

proptest! {
    #[test]
    fn rounding_is_nearest_and_recomposes(x in -(1i64 << 61)..1 << 61, shift in 0u32..=32, hi in 0i64..40_000) {
        let spec = spec(shift, -hi - 1, hi);
        let Rounding { q, r, e } = round_sat(x, &spec);
        prop_assert_eq!(x, ((q + e) << shift) + r);
        prop_assert!((spec.lo..=spec.hi).contains(&q));
        prop_assert!(e <= 0 || q == spec.hi);
        prop_assert!(e >= 0 || q == spec.lo);
        if shift == 0 {
            prop_assert_eq!(r, 0);
        } else {
            let half = 1i64 << (shift - 1);
            prop_assert!((-half..half).contains(&r));
        }
    }

    #[test]
    fn softmax_satisfies_its_division(
        z in prop::collection::vec(-32_768i32..32_768, 1..40),
        frac in 0u32..=15,
        weight in prop_oneof![Just(1 << 14), Just(0), 0i32..=1 << 14],
    ) {
        let n = z.len();
        let table = exp_table(frac, exp_scale(n));
        let (mut e, mut p, mut r) = (vec![0; n], vec![0; n], vec![0; n]);
        let row = softmax_row(&z, weight, &table, [&mut e, &mut p, &mut r]);
        prop_assert_eq!(row.argmax as usize, z.iter().position(|&x| x == row.max).unwrap());
        prop_assert_eq!(e.iter().sum::<i32>(), row.sum);
        prop_assert!(i64::from(row.sum) >= exp_scale(n) && row.sum < 1 << 15);
        for j in 0..n {
            prop_assert_eq!(2 * e[j] * weight, 2 * row.sum * p[j] + r[j]);
            prop_assert!((-row.sum..row.sum).contains(&r[j]));
            prop_assert!((0..=weight).contains(&p[j]));
        }
    }
}

#[test]
fn halves_round_up() {
    let spec = spec(1, -10, 10);
    let quotients: Vec<i64> = [-3, -1, 1, 3].map(|x| round_sat(x, &spec).q).to_vec();
    assert_eq!(quotients, [-1, 0, 1, 2]);
}

/// The numbers of `docs/quantization.md`: those of its example, and with a weight of one quarter.
#[test]
fn a_weight_shrinks_probabilities_and_their_gradient() {
    let table = exp_table(8, exp_scale(2));
    for (weight, wanted) in [(1 << 14, [10759, 5625, -1594]), (4096, [2690, 1406, -6636])] {
        let (mut e, mut p, mut r) = ([0; 2], [0; 2], [0; 2]);
        softmax_row(&[122, -44], weight, &table, [&mut e, &mut p, &mut r]);
        assert_eq!((e, p, r), ([8192, 4283], [wanted[0], wanted[1]], [wanted[2], -wanted[2]]));
    }
}

#[test]
fn exp_scale_keeps_the_sum_below_two_to_the_fifteen() {
    assert_eq!(exp_scale(2), 1 << 13);
    assert_eq!(exp_scale(10), 1 << 10);
    assert_eq!(exp_scale(4096), 4);
    for classes in 1..=4096usize {
        let scale = exp_scale(classes) as usize;
        assert!(scale * classes <= 1 << 14 && 2 * scale * classes > 1 << 14);
    }
}

#[test]
fn tables_start_middle_and_end_where_they_should() {
    let sigmoid = sigmoid_table(12, 14);
    assert_eq!(
        (sigmoid.len(), sigmoid[1 << 15], sigmoid[(1 << 15) + 4096]),
        (I16_LEN, 8192, 11978)
    );
    let tanh = tanh_table(12, 14);
    assert_eq!((tanh[1 << 15], tanh[(1 << 15) + 4096], tanh[0]), (0, 12478, -16384));
    let exp = exp_table(12, 1 << 10);
    assert_eq!((exp.len(), exp[0], exp[4096], exp[65_535]), (EXP_LEN, 1024, 377, 0));
}

/// Values that anybody can look up: GELU and SiLU of -1, 1 and 3, and what is far from zero.
#[test]
fn looked_up_functions_are_what_they_are_known_for() {
    let at = |table: &[i32], z: i32| table[usize::try_from(z + (1 << 15)).unwrap()];
    let one = 1 << 12;
    let gelu = gelu_table(12);
    // -0.158655, 0.841345 and 2.99595 times 4096.
    assert_eq!([-one, 0, one, 3 * one].map(|z| at(&gelu, z)), [-650, 0, 3446, 12271]);
    assert_eq!([at(&gelu, -(1 << 15)), at(&gelu, (1 << 15) - 1)], [0, 32767]);
    let slope = gelu_derivative_table(12);
    // -0.0833155, 1/2 and 1.0833155 times 16384.
    assert_eq!([-one, 0, one].map(|z| at(&slope, z)), [-1365, 8192, 17749]);
    let silu = silu_table(12);
    // -0.268941, 0.731059 and 2.857722 times 4096.
    assert_eq!([-one, 0, one, 3 * one].map(|z| at(&silu, z)), [-1102, 0, 2994, 11705]);
    let slope = silu_derivative_table(12);
    // 0.0723295, 1/2 and 0.9276705 times 16384.
    assert_eq!([-one, 0, one].map(|z| at(&slope, z)), [1185, 8192, 15199]);
    // Without fractional bits nearly all is far from zero.
    let (gelu, silu) = (gelu_table(0), silu_table(0));
    for (i, z) in (-(1 << 15)..1 << 15).enumerate().filter(|(_, z)| i32::abs(*z) > 20) {
        assert_eq!([gelu[i], silu[i]], [z.max(0); 2]);
    }
}

#[test]
fn derivative_products_match_their_functions() {
    // At a = 1/2 the derivative of the sigmoid is 1/4.
    assert_eq!(sigmoid_product(8192, 14, 4), 1 << 28);
    assert_eq!(tanh_product(0, 14, -3), -3 << 28);
    assert_eq!(relu(-5), 0);
    assert_eq!([leaky_product(0, 655, -3), leaky_product(1, 655, -3)], [-3 << 16, -3 * 655]);
}
