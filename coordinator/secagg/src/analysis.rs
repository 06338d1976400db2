//! What somebody works out who has come by secrets of a round: what a coordinator that deviates, with
//! members that collude, can compute. For programs that test how much that is.
//!
//! Nothing here is secret by itself: these are the protocol's own derivations.

use alloy_primitives::Address;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;

use super::error::SecaggError;
use super::group::{Roster, Shared};
use super::keys::{Pair, Secret, own_mask};
use super::{shamir, sharing, stream};
use crate::messages::Passed;
use crate::plan::Plan;

/// A secret scalar of a member, as shares recover it.
pub type Recovered = [u8; 32];

/// A member whose secret is known.
pub struct Insider {
    secret: Secret,
    account: Address,
}

impl Insider {
    /// The member of a plan with this secret.
    pub fn new(plan: &Plan, account: Address, secret: [u8; 32]) -> Self {
        Self { secret: Secret::new(secret, plan.digest(), account), account }
    }

    /// The secret of its mask key.
    pub fn mask(&self) -> Recovered {
        self.secret.mask().to_bytes()
    }

    /// The seed of its own mask among a roster.
    pub fn own(&self, roster: &Roster) -> Recovered {
        self.secret.own(roster.digest()).to_bytes()
    }

    /// The shares that were sealed for it: of the dealer's mask key, and of its own mask's seed.
    ///
    /// # Errors
    /// If the dealer is not on the roster.
    pub fn open(
        &self,
        plan: &Plan,
        roster: &Roster,
        passed: &Passed,
    ) -> Result<Option<[[u8; 32]; 2]>, SecaggError> {
        if passed.envelope.to != self.account {
            return Ok(None);
        }
        let point = *self.secret.seal() * roster.points(passed.head.body.account)?.seal;
        let shares = sharing::open(plan, roster, passed, &point);
        Ok(shares.map(|shares| [*shares.mask, *shares.own]))
    }
}

/// The point of a scalar, as keys and announced points are encoded; none if it is no scalar.
pub fn point(secret: &Recovered) -> Option<[u8; 32]> {
    Some(RistrettoPoint::mul_base(&scalar(secret)?).compress().0)
}

fn scalar(bytes: &Recovered) -> Option<Scalar> {
    Scalar::from_canonical_bytes(*bytes).into()
}

/// The secret that shares of a plan's members recover; none if one is no share.
pub fn recover(plan: &Plan, shares: &[(Address, [u8; 32])]) -> Option<Recovered> {
    let placed = shares.iter().map(|(account, share)| Some((plan.index(*account)?, *share)));
    let placed: Vec<(usize, [u8; 32])> = placed.collect::<Option<_>>()?;
    Some(shamir::recover(&placed)?.to_bytes())
}

/// So many elements of the pair's mask as `account` adds it, from the mask key's secret of either of
/// the two.
///
/// # Errors
/// If one of them is not on the roster.
pub fn pair_stream(
    roster: &Roster,
    shared: &Shared,
    account: Address,
    other: Address,
    secret: &Recovered,
    elements: usize,
) -> Result<Option<Vec<Fr>>, SecaggError> {
    let Some(secret) = scalar(secret) else { return Ok(None) };
    let (own, others) = (roster.points(account)?.mask, roster.points(other)?.mask);
    // Whose it is tells the public key.
    let key = if RistrettoPoint::mul_base(&secret) == own { others } else { own };
    let pair = Pair::new(account, other);
    let mut vector = vec![Fr::ZERO; elements];
    stream::apply(&mut vector, &[(pair.sign(account), pair.mask(shared, &(secret * key)))]);
    Ok(Some(vector))
}

/// So many elements of a member's own mask, from its seed; none if that is no scalar.
pub fn own_stream(
    shared: &Shared,
    account: Address,
    seed: &Recovered,
    elements: usize,
) -> Option<Vec<Fr>> {
    let mut vector = vec![Fr::ZERO; elements];
    let seed = own_mask(shared, account, &scalar(seed)?);
    stream::apply(&mut vector, &[(stream::Sign::Plus, seed)]);
    Some(vector)
}
