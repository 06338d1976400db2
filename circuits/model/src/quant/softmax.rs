//! Integer softmax of one row.

/// Largest sum of a row's terms is `2^SUM_BITS`.
const SUM_BITS: u32 = 14;

/// The largest power of two `E0` with `classes·E0 ≤ 2^14`; 1 when there are more than `2^14` classes.
pub fn exp_scale(classes: usize) -> i64 {
    let rounded_up = classes.max(1).next_power_of_two();
    ((1usize << SUM_BITS) / rounded_up).max(1) as i64
}

/// What the softmax of one row leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxRow {
    /// Row maximum.
    pub max: i32,
    /// Index of the first maximum.
    pub argmax: u32,
    /// Sum of the terms, below `2^15`.
    pub sum: i32,
}

/// Softmax of the row `z`, times a weight `w` that is `2^14` at most: writes the terms `e`, the weighted probabilities
/// `p` (14 fractional bits) and the residues `r`, with `2·e·w + S = 2S·p + (r + S)` and `−S ≤ r < S`.
///
/// `table` is [`exp_table`](super::exp_table); all slices have the length of `z`,
/// whose entries are 16-bit.
pub fn softmax_row(
    z: &[i32],
    weight: i32,
    table: &[i32],
    [e, p, r]: [&mut [i32]; 3],
) -> SoftmaxRow {
    let (mut max, mut argmax) = (i32::MIN, 0);
    for (j, &z) in z.iter().enumerate() {
        if z > max {
            (max, argmax) = (z, j as u32);
        }
    }
    let mut sum = 0;
    for (e, &z) in e.iter_mut().zip(z) {
        // The table has an entry for every difference of 16-bit numbers.
        *e = table.get((max - z) as usize).copied().unwrap_or(0);
        sum += *e;
    }
    let divisor = 2 * i64::from(sum);
    for ((p, r), &e) in p.iter_mut().zip(r).zip(&*e) {
        let numerator = 2 * i64::from(e) * i64::from(weight);
        let quotient = (numerator + i64::from(sum)) / divisor;
        *p = quotient as i32;
        *r = (numerator - divisor * quotient) as i32;
    }
    SoftmaxRow { max, argmax, sum }
}
