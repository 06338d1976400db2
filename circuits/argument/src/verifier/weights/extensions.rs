//! Multilinear extensions of comparisons between the bits of two numbers.

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use crate::arith::{Arithmetic, Check};

/// Multilinear extension of `[x < bound]` for a constant bound.
pub fn below<A: Arithmetic>(arith: &mut A, bits: &[A::Var], bound: usize) -> A::Var {
    if bound >> bits.len() != 0 {
        return arith.constant(Fr::one());
    }
    let mut value = arith.constant(Fr::zero());
    for (position, bit) in bits.iter().enumerate() {
        // Bit set in the bound: a 0 decides for "below", a 1 leaves it open.
        let not = arith.complement(bit);
        value = if (bound >> position) & 1 == 1 {
            arith.mul_add(bit, &value, &not)
        } else {
            arith.mul(&not, &value)
        };
    }
    value
}

/// Multilinear extensions of `[x = 0], [x = 1], …` for the first `count` numbers: `count − 1`
/// multiplications and a few, as a product over the upper bits serves all numbers that begin with it.
pub fn unit_vector<A: Arithmetic>(arith: &mut A, bits: &[A::Var], count: usize) -> Vec<A::Var> {
    let mut products = vec![arith.constant(Fr::one())];
    for (position, bit) in bits.iter().enumerate().rev() {
        // Numbers that begin like one below `count`.
        let wanted = count.div_ceil(1usize.checked_shl(position as u32).unwrap_or(usize::MAX));
        let mut next = Vec::with_capacity(wanted);
        for upper in &products {
            let one = arith.mul(upper, bit);
            next.push(arith.sub(upper, &one));
            next.push(one);
        }
        next.truncate(wanted);
        products = next;
    }
    products
}

/// Multilinear extension of `[x < y]`.
///
/// # Errors
/// [`Check::Shape`] if the numbers differ in length.
pub fn before<A: Arithmetic>(
    arith: &mut A,
    x: &[A::Var],
    y: &[A::Var],
) -> Result<A::Var, A::Error> {
    Check::same_length("the points of a comparison", x, y)?;
    let mut value = arith.constant(Fr::zero());
    for (x, y) in x.iter().zip(y) {
        let equal = arith.eq_bit(x, y);
        let not = arith.complement(x);
        let carried = arith.mul(&equal, &value);
        value = arith.mul_add(&not, y, &carried);
    }
    Ok(value)
}

/// Multilinear extension of `[x ≤ y]`.
///
/// # Errors
/// [`Check::Shape`] if the numbers differ in length.
pub fn not_after<A: Arithmetic>(
    arith: &mut A,
    x: &[A::Var],
    y: &[A::Var],
) -> Result<A::Var, A::Error> {
    let after = before(arith, y, x)?;
    Ok(arith.complement(&after))
}

/// Multilinear extension of `[x + 1 = y]`.
///
/// # Errors
/// [`Check::Shape`] if the numbers differ in length.
pub fn previous<A: Arithmetic>(
    arith: &mut A,
    x: &[A::Var],
    y: &[A::Var],
) -> Result<A::Var, A::Error> {
    Check::same_length("the points of a comparison", x, y)?;
    let mut carry = arith.constant(Fr::one());
    let mut done = arith.constant(Fr::zero());
    for (x, y) in x.iter().zip(y) {
        let equal = arith.eq_bit(x, y);
        let (not_x, not_y) = (arith.complement(x), arith.complement(y));
        let (stop, go) = (arith.mul(&not_x, y), arith.mul(x, &not_y));
        let stopped = arith.mul(&carry, &stop);
        done = arith.mul_add(&done, &equal, &stopped);
        carry = arith.mul(&carry, &go);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::Native;

    fn bits(value: usize, log: usize) -> Vec<Fr> {
        (0..log).map(|k| Fr::from(((value >> k) & 1) as u64)).collect()
    }

    #[test]
    fn unit_vectors_agree_with_their_functions_on_the_cube() {
        for x in 0..16 {
            for count in 1..=16 {
                let vector = unit_vector(&mut Native, &bits(x, 4), count);
                let expected = (0..count).map(|y| Fr::from(u64::from(x == y)));
                assert_eq!(vector, expected.collect::<Vec<_>>(), "{x} {count}");
            }
        }
        assert_eq!(unit_vector(&mut Native, &[], 1), [Fr::one()]);
    }

    #[test]
    fn extensions_agree_with_their_functions_on_the_cube() {
        for x in 0..16 {
            for y in 0..16 {
                let (bx, by) = (bits(x, 4), bits(y, 4));
                assert_eq!(before(&mut Native, &bx, &by), Ok(Fr::from(u64::from(x < y))));
                assert_eq!(not_after(&mut Native, &bx, &by), Ok(Fr::from(u64::from(x <= y))));
                assert_eq!(previous(&mut Native, &bx, &by), Ok(Fr::from(u64::from(x + 1 == y))));
                assert_eq!(below(&mut Native, &bx, y), Fr::from(u64::from(x < y)));
            }
            assert_eq!(below(&mut Native, &bits(x, 4), 16), Fr::one());
        }
    }
    #[test]
    fn numbers_of_different_length_are_not_compared() {
        let (long, short) = (bits(5, 4), bits(5, 3));
        let refused = Err(Check::Shape("the points of a comparison"));
        assert_eq!(before(&mut Native, &long, &short), refused);
        assert_eq!(not_after(&mut Native, &long, &short), refused);
        assert_eq!(previous(&mut Native, &short, &long), refused);
    }
}
