//! Everything secret of a member in a round, derived from 32 bytes, and what pairs agree on.
//!
//! HKDF-SHA256 with the plan's digest as salt. A member that restarts derives the same again and
//! sends the same bytes.
//!
//! A secret is bound to everything that it depends on, so that no two views of a round that a
//! coordinator shows share one, whatever a member has forgotten in between:
//!
//! | derived | bound to |
//! |---|---|
//! | mask key, sealing key | plan, account |
//! | seed of the own mask | plan, account, roster |
//! | coefficients of both polynomials | plan, account, roster |
//! | key of an envelope | plan, roster, both accounts in order |
//! | stream of an own mask | plan, roster, those that have shared, account |
//! | stream and blindings of a pair | plan, roster, those that have shared, both accounts |
//! | randomness of a defence | plan, account, all that it commits to |

use alloy_primitives::{Address, B256};
use ark_bn254::Fr;
use ark_ff::PrimeField;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::group::Shared;
use super::stream::{Seed, Sign};
use crate::messages::Ciphertext;

/// Labels of all derivations start with it.
const VERSION: &[u8] = b"zktrain/secagg/v2/";

/// 64 bytes that follow from a secret, a plan, a label and a context.
fn expand(secret: &[u8], plan: B256, label: &str, context: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut info = [VERSION, label.as_bytes(), b"/"].concat();
    context.iter().for_each(|part| info.extend_from_slice(part));
    let mut out = Zeroizing::new([0; 64]);
    // HKDF-SHA256 gives up to 8160 bytes: this never fails.
    let _ = Hkdf::<Sha256>::new(Some(plan.as_slice()), secret).expand(&info, out.as_mut());
    out
}

fn half(bytes: &[u8; 64]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(bytes).for_each(|(out, byte)| *out = *byte);
    out
}

fn wide_scalar(bytes: &[u8; 64]) -> Zeroizing<Scalar> {
    Zeroizing::new(Scalar::from_bytes_mod_order_wide(bytes))
}

/// What one member derives all its secrets from.
#[derive(Clone)]
pub(super) struct Secret {
    master: Zeroizing<[u8; 32]>,
    plan: B256,
    account: Address,
}

impl Secret {
    pub(super) fn new(master: [u8; 32], plan: B256, account: Address) -> Self {
        Self { master: Zeroizing::new(master), plan, account }
    }

    fn bytes(&self, label: &str, context: &[&[u8]]) -> Zeroizing<[u8; 64]> {
        let account: &[u8] = self.account.as_slice();
        expand(self.master.as_ref(), self.plan, label, &[&[account], context].concat())
    }

    fn scalar(&self, label: &str, context: &[&[u8]]) -> Zeroizing<Scalar> {
        wide_scalar(&self.bytes(label, context))
    }

    /// The mask key's secret.
    pub(super) fn mask(&self) -> Zeroizing<Scalar> {
        self.scalar("member/mask", &[])
    }

    /// The sealing key's secret.
    pub(super) fn seal(&self) -> Zeroizing<Scalar> {
        self.scalar("member/seal", &[])
    }

    /// The seed of the own mask, shared among a roster.
    pub(super) fn own(&self, roster: B256) -> Zeroizing<Scalar> {
        self.scalar("member/own", &[roster.as_slice()])
    }

    /// A coefficient of the polynomial that shares one of the secrets among a roster.
    pub(super) fn coefficient(&self, of: &str, roster: B256, degree: u32) -> Scalar {
        *self.scalar(of, &[roster.as_slice(), &degree.to_be_bytes()])
    }

    /// What a defence's randomness is drawn from, given a digest of all that is known of it
    /// before.
    pub(super) fn defence(&self, known: B256) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(half(&self.bytes("member/defence", &[known.as_slice()])))
    }
}

/// Whose pair it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    low: Address,
    high: Address,
}

impl Pair {
    pub(super) fn new(a: Address, b: Address) -> Self {
        Self { low: a.min(b), high: a.max(b) }
    }

    /// What this one of the two does with the pair's mask.
    pub(super) fn sign(&self, account: Address) -> Sign {
        if account == self.low { Sign::Plus } else { Sign::Minus }
    }

    /// The seed of the pair's mask, from the point that both agree on.
    pub(super) fn mask(&self, shared: &Shared, point: &RistrettoPoint) -> Seed {
        Seed(half(&self.expand(shared, point, "pair/mask", &[])))
    }

    /// The blinding of the pair's commitment in one test.
    pub(super) fn blinding(&self, shared: &Shared, point: &RistrettoPoint, test: B256) -> Fr {
        let bytes = self.expand(shared, point, "pair/blinding", &[test.as_slice()]);
        Fr::from_be_bytes_mod_order(bytes.as_ref())
    }

    fn expand(
        &self,
        shared: &Shared,
        point: &RistrettoPoint,
        label: &str,
        context: &[&[u8]],
    ) -> Zeroizing<[u8; 64]> {
        let point = Zeroizing::new(point.compress().0);
        let (roster, digest) = (shared.roster(), shared.digest());
        let pair: [&[u8]; 4] =
            [roster.as_slice(), digest.as_slice(), self.low.as_slice(), self.high.as_slice()];
        expand(point.as_ref(), shared.plan(), label, &[&pair, context].concat())
    }
}

/// The seed of a member's own mask, from the secret that it shares.
pub(super) fn own_mask(shared: &Shared, account: Address, own: &Scalar) -> Seed {
    let bytes = Zeroizing::new(own.to_bytes());
    let (roster, digest) = (shared.roster(), shared.digest());
    let context: [&[u8]; 3] = [roster.as_slice(), digest.as_slice(), account.as_slice()];
    Seed(half(&expand(bytes.as_ref(), shared.plan(), "own/mask", &context)))
}

/// Seals two shares from one member for another. A key seals one message: it is bound to the
/// roster, and a member shares once among a roster.
pub(super) struct SealKey {
    cipher: ChaCha20Poly1305,
}

impl SealKey {
    pub(super) fn new(
        plan: B256,
        shared: &RistrettoPoint,
        roster: B256,
        from: Address,
        to: Address,
    ) -> Self {
        let point = Zeroizing::new(shared.compress().0);
        let context: [&[u8]; 3] = [roster.as_slice(), from.as_slice(), to.as_slice()];
        let key = Zeroizing::new(half(&expand(point.as_ref(), plan, "pair/seal", &context)));
        Self { cipher: ChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Sealed shares: 64 bytes and a tag; none if they could not be sealed.
    pub(super) fn seal(&self, mask: &[u8; 32], own: &[u8; 32]) -> Option<Ciphertext> {
        let message = Zeroizing::new([*mask, *own].concat());
        let payload = Payload { msg: &message, aad: VERSION };
        // Messages of 64 bytes are always sealed, and to 80.
        let sealed = self.cipher.encrypt(&Nonce::default(), payload).ok()?;
        Some(Ciphertext(sealed.try_into().ok()?))
    }

    /// The shares; none if they were not sealed with this key.
    pub(super) fn open(&self, sealed: &Ciphertext) -> Option<[Zeroizing<[u8; 32]>; 2]> {
        let payload = Payload { msg: &sealed.0, aad: VERSION };
        let opened = Zeroizing::new(self.cipher.decrypt(&Nonce::default(), payload).ok()?);
        let (mask, own) = opened.split_at_checked(32)?;
        let share = |bytes: &[u8]| bytes.try_into().ok().map(Zeroizing::new);
        Some([share(mask)?, share(own)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::SEALED;

    fn account(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    fn point(n: u64) -> RistrettoPoint {
        RistrettoPoint::mul_base(&Scalar::from(n))
    }

    #[test]
    fn a_seal_opens_for_its_pair_direction_roster_and_plan_alone() {
        let (plan, roster) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let key = |plan, n, roster, from, to| SealKey::new(plan, &point(n), roster, from, to);
        let (a, b) = (account(1), account(2));
        let sealed = key(plan, 3, roster, a, b).seal(&[5; 32], &[6; 32]).unwrap();
        let [mask, own] = key(plan, 3, roster, a, b).open(&sealed).unwrap();
        assert_eq!((*mask, *own), ([5; 32], [6; 32]));
        let others = [
            key(roster, 3, roster, a, b),
            key(plan, 4, roster, a, b),
            key(plan, 3, plan, a, b),
            key(plan, 3, roster, b, a),
            key(plan, 3, roster, a, account(3)),
            key(plan, 3, roster, account(3), b),
        ];
        assert!(others.iter().all(|other| other.open(&sealed).is_none()));
        for bit in 0..SEALED * 8 {
            let mut changed = sealed;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert!(key(plan, 3, roster, a, b).open(&changed).is_none(), "{bit}");
        }
    }

    #[test]
    fn masks_are_those_of_one_view_pair_and_test() {
        let hash = B256::repeat_byte;
        let view = |plan, roster, digest| Shared::view(hash(plan), hash(roster), hash(digest));
        let (known, test) = (view(1, 2, 3), hash(2));
        let views = [view(9, 2, 3), view(1, 9, 3), view(1, 2, 9)];
        let pair = Pair::new(account(1), account(2));
        let same = Pair::new(account(2), account(1));
        let other = Pair::new(account(1), account(3));
        let seed = pair.mask(&known, &point(3)).0;
        assert_eq!(same.mask(&known, &point(3)).0, seed);
        assert_ne!(other.mask(&known, &point(3)).0, seed);
        assert_ne!(pair.mask(&known, &point(4)).0, seed);
        assert!(views.iter().all(|view| pair.mask(view, &point(3)).0 != seed));
        assert_eq!((pair.sign(account(1)), pair.sign(account(2))), (Sign::Plus, Sign::Minus));
        let blinding = pair.blinding(&known, &point(3), test);
        assert_eq!(same.blinding(&known, &point(3), test), blinding);
        assert_ne!(other.blinding(&known, &point(3), test), blinding);
        assert_ne!(pair.blinding(&known, &point(3), hash(1)), blinding);
        assert!(views.iter().all(|view| pair.blinding(view, &point(3), test) != blinding));
        let own = own_mask(&known, account(1), &Scalar::from(7u64)).0;
        assert_ne!(own_mask(&known, account(2), &Scalar::from(7u64)).0, own);
        assert_ne!(own_mask(&known, account(1), &Scalar::from(8u64)).0, own);
        let own_of = |view| own_mask(view, account(1), &Scalar::from(7u64)).0;
        assert!(views.iter().all(|view| own_of(view) != own));
    }

    #[test]
    fn secrets_of_a_member_are_all_different() {
        let secret = Secret::new([1; 32], B256::repeat_byte(1), account(1));
        let (a, b) = (B256::repeat_byte(2), B256::repeat_byte(3));
        let all = [
            *secret.mask(),
            *secret.seal(),
            *secret.own(a),
            *secret.own(b),
            secret.coefficient("share/mask", a, 1),
            secret.coefficient("share/mask", a, 2),
            secret.coefficient("share/mask", b, 1),
            secret.coefficient("share/own", a, 1),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| other != one), "{index}");
        }
        assert_ne!(secret.defence(a), secret.defence(b));
    }
}
