//! Sharing a secret so that any `t` shares recover it and fewer say nothing.
//!
//! The secret is `f(0)` of a polynomial of degree `t − 1` over the scalar field of Curve25519,
//! the share of the member at position `p` of the plan is `f(p + 1)`.
//!
//! Source: Shamir, *How to share a secret*.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

/// A polynomial whose value at zero is shared.
pub(super) struct Polynomial(Zeroizing<Vec<Scalar>>);

impl Polynomial {
    /// A polynomial with these coefficients, the secret first.
    pub(super) fn new(coefficients: Vec<Scalar>) -> Self {
        Self(Zeroizing::new(coefficients))
    }

    /// The share of the member at a position.
    pub(super) fn share(&self, position: usize) -> Zeroizing<[u8; 32]> {
        let x = at(position);
        let value = self.0.iter().rev().fold(Scalar::ZERO, |sum, c| sum * x + c);
        Zeroizing::new(value.to_bytes())
    }
}

fn at(position: usize) -> Scalar {
    Scalar::from(position as u64 + 1)
}

/// The secret that shares recover, each with its member's position, all positions different.
/// None if a share is no scalar.
pub(super) fn recover(shares: &[(usize, [u8; 32])]) -> Option<Scalar> {
    let positions: Vec<usize> = shares.iter().map(|(position, _)| *position).collect();
    let weights = weights(&positions);
    shares.iter().zip(weights).try_fold(Scalar::ZERO, |sum, ((_, share), weight)| {
        let share = Option::<Scalar>::from(Scalar::from_canonical_bytes(*share))?;
        Some(sum + weight * share)
    })
}

/// Lagrange's coefficients at zero: `Π_{j≠i} x_j/(x_j − x_i)`.
fn weights(positions: &[usize]) -> Vec<Scalar> {
    let product = |i: usize| {
        let others = positions.iter().filter(move |j| **j != i);
        others.fold((Scalar::ONE, Scalar::ONE), |(above, below), j| {
            (above * at(*j), below * (at(*j) - at(i)))
        })
    };
    let (above, mut below): (Vec<Scalar>, Vec<Scalar>) =
        positions.iter().map(|i| product(*i)).unzip();
    if !below.is_empty() {
        Scalar::invert_batch_alloc(&mut below);
    }
    above.iter().zip(&below).map(|(above, below)| above * below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polynomial(threshold: u8) -> Polynomial {
        let coefficient = |n: u8| Scalar::from_bytes_mod_order([n + 1; 32]);
        Polynomial::new((0..threshold).map(coefficient).collect())
    }

    #[test]
    fn any_threshold_of_shares_recovers_and_fewer_do_not() {
        for threshold in 1..=5u8 {
            let polynomial = polynomial(threshold);
            let secret = Scalar::from_bytes_mod_order([1; 32]);
            for set in 1u32..64 {
                let members = (0..6).filter(|p| set >> p & 1 == 1);
                let shares: Vec<_> = members.map(|p| (p, *polynomial.share(p))).collect();
                let enough = shares.len() >= usize::from(threshold);
                assert_eq!(recover(&shares) == Some(secret), enough, "{threshold} {set:b}");
            }
        }
    }

    #[test]
    fn a_changed_share_recovers_something_else() {
        let polynomial = polynomial(3);
        let mut shares: Vec<_> = (0..3).map(|p| (p, *polynomial.share(p))).collect();
        let secret = recover(&shares);
        shares[1].1[0] ^= 1;
        assert_ne!(recover(&shares), secret);
        shares[1].1 = [0xff; 32];
        assert_eq!(recover(&shares), None);
        assert_eq!(recover(&[]), Some(Scalar::ZERO));
    }
}
