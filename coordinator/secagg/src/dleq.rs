//! Equality of discrete logarithms: that a point is what two keys agree on.
//!
//! # Statement
//! `A = x·G` and `D = x·B` for one `x`: `D` is the Diffie-Hellman point of the keys `A` and `B`.
//!
//! # Protocol
//! `R_1 = k·G`, `R_2 = k·B`, `c = SHA-512(label, context, A, B, D, R_1, R_2)`, `z = k + c·x`. The
//! proof is `(c, z)`; it holds if `c` follows from `R_1 = z·G − c·A` and `R_2 = z·B − c·D`. The
//! nonce `k` is derived from `x` and all that is hashed, so that no two challenges share one.
//!
//! Source: Chaum, Pedersen, *Wallet databases with observers*; soundness error `2^-252`.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

/// What a proof is about.
pub(super) struct Statement<'a> {
    /// Separates uses.
    pub label: &'static str,
    /// What the proof belongs to.
    pub context: &'a [u8],
    /// `A`
    pub key: RistrettoPoint,
    /// `B`
    pub base: RistrettoPoint,
    /// `D`
    pub shared: RistrettoPoint,
}

impl Statement<'_> {
    fn start(&self) -> Sha512 {
        let mut hash = Sha512::new();
        hash.update(b"zktrain/secagg/v1/dleq");
        for part in [self.label.as_bytes(), self.context] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        for point in [&self.key, &self.base, &self.shared] {
            hash.update(point.compress().as_bytes());
        }
        hash
    }

    fn challenge(&self, first: &RistrettoPoint, second: &RistrettoPoint) -> Scalar {
        let mut hash = self.start();
        hash.update(first.compress().as_bytes());
        hash.update(second.compress().as_bytes());
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }

    /// The proof by who knows `x`.
    pub(super) fn prove(&self, x: &Scalar) -> [[u8; 32]; 2] {
        let mut nonce = self.start();
        nonce.update(b"nonce");
        nonce.update(Zeroizing::new(x.to_bytes()));
        let nonce = Zeroizing::new(<[u8; 64]>::from(nonce.finalize()));
        let k = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&nonce));
        let c = self.challenge(&RistrettoPoint::mul_base(&k), &(*k * self.base));
        [c.to_bytes(), (*k + c * x).to_bytes()]
    }

    /// Whether a proof holds.
    pub(super) fn holds(&self, proof: &[[u8; 32]; 2]) -> bool {
        let [c, z] = proof.map(|bytes| Option::from(Scalar::from_canonical_bytes(bytes)));
        let (Some(c), Some(z)): (Option<Scalar>, Option<Scalar>) = (c, z) else { return false };
        let first = RistrettoPoint::mul_base(&z) - c * self.key;
        let second = z * self.base - c * self.shared;
        self.challenge(&first, &second) == c
    }
}

/// A point from its canonical encoding; the neutral element is no key.
pub(super) fn point(bytes: &[u8; 32]) -> Option<RistrettoPoint> {
    use curve25519_dalek::traits::IsIdentity;
    CompressedRistretto(*bytes).decompress().filter(|point| !point.is_identity())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(n: u8) -> Scalar {
        Scalar::from_bytes_mod_order([n; 32])
    }

    fn statement(x: &Scalar) -> Statement<'static> {
        let base = RistrettoPoint::mul_base(&scalar(2));
        let key = RistrettoPoint::mul_base(x);
        Statement { label: "test", context: b"context", key, base, shared: x * base }
    }

    #[test]
    fn a_proof_holds_for_its_statement_alone() {
        let x = scalar(1);
        let proof = statement(&x).prove(&x);
        assert!(statement(&x).holds(&proof));
        let other = RistrettoPoint::mul_base(&scalar(9));
        let changed = [
            Statement { label: "tes", context: b"tcontext", ..statement(&x) },
            Statement { context: b"contexu", ..statement(&x) },
            Statement { key: other, ..statement(&x) },
            Statement { base: other, ..statement(&x) },
            Statement { shared: other, ..statement(&x) },
        ];
        for (index, changed) in changed.iter().enumerate() {
            assert!(!changed.holds(&proof), "{index}");
        }
    }

    #[test]
    fn every_bit_of_a_proof_matters() {
        let x = scalar(1);
        let proof = statement(&x).prove(&x);
        for part in 0..2 {
            for bit in 0..256 {
                let mut changed = proof;
                changed[part][bit / 8] ^= 1 << (bit % 8);
                assert!(!statement(&x).holds(&changed), "{part} {bit}");
            }
        }
    }

    #[test]
    fn unequal_logarithms_have_no_proof() {
        let (x, y) = (scalar(1), scalar(3));
        let wrong = Statement { shared: y * statement(&x).base, ..statement(&x) };
        assert!(!wrong.holds(&wrong.prove(&x)));
        assert!(!wrong.holds(&wrong.prove(&y)));
    }

    #[test]
    fn only_points_of_the_group_are_keys() {
        assert!(point(&RistrettoPoint::mul_base(&scalar(1)).compress().0).is_some());
        for bytes in [[0; 32], [0xff; 32], [1; 32]] {
            assert!(point(&bytes).is_none());
        }
    }
}
