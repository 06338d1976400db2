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
    fn extensions_agree_with_their_functions_on_the_cube() {
        for x in 0..16 {
            for y in 0..16 {
                let (bx, by) = (bits(x, 4), bits(y, 4));
                assert_eq!(before(&mut Native, &bx, &by), Ok(Fr::from(u64::from(x < y))));
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
        assert_eq!(previous(&mut Native, &short, &long), refused);
    }
}
