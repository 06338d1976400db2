//! Envelopes: how a member shares its two secrets among the roster, and what a complaint shows.
//!
//! The dealer signs the Merkle root over its envelopes, each of which names the hashes of the two
//! shares that are sealed in it. So a share that is given away later can be told from an invented
//! one by its hash, and an envelope that does not open to shares with these hashes is the
//! dealer's fault: the receiver shows the point that both agree on, with a proof that it is, and
//! anyone can open the envelope. Whether the shares lie on one polynomial nobody checks when they
//! are dealt; `t` shares with the right hashes that recover something else than announced are the
//! dealer's fault too.

use alloy_primitives::{Address, B256, keccak256};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

use super::dleq::{self, Statement};
use super::error::SecaggError;
use super::group::Roster;
use super::keys::{SealKey, Secret};
use super::shamir::Polynomial;
use crate::merkle;
use crate::messages::{Complaint, Envelope, Passed, SharingHead};
use crate::plan::Plan;

/// Two shares of one dealer's secrets.
pub(super) struct Shares {
    /// Of the mask key's secret.
    pub mask: Zeroizing<[u8; 32]>,
    /// Of the own mask's seed.
    pub own: Zeroizing<[u8; 32]>,
}

/// What one member sends in phase 2: the part that it signs, and the envelopes.
pub(super) fn deal(
    plan: &Plan,
    roster: &Roster,
    account: Address,
    secret: &Secret,
) -> Result<(SharingHead, Vec<Envelope>), SecaggError> {
    let digest = roster.digest();
    let polynomial = |constant: &Scalar, label: &str| {
        let rest = (1..plan.threshold).map(|k| secret.coefficient(label, digest, k));
        Polynomial::new(core::iter::once(*constant).chain(rest).collect())
    };
    let own = secret.own(digest);
    let masks = polynomial(&secret.mask(), "share/mask");
    let owns = polynomial(&own, "share/own");
    let seal = secret.seal();
    let envelope = |to: &Address| {
        let position = position(plan, *to)?;
        let (mask, own) = (masks.share(position), owns.share(position));
        let shared = *seal * roster.points(*to)?.seal;
        let key = SealKey::new(plan.digest(), &shared, digest, account, *to);
        let sealed = key.seal(&mask, &own).ok_or(SecaggError::Unsealed { account: *to })?;
        Ok(Envelope { to: *to, mask: keccak256(mask), own: keccak256(own), sealed })
    };
    let envelopes =
        roster.accounts().iter().map(envelope).collect::<Result<Vec<_>, SecaggError>>()?;
    let own = RistrettoPoint::mul_base(&own).compress().0;
    let head =
        SharingHead { account, own, roster: digest, root: merkle::root(&leaves(&envelopes)) };
    Ok((head, envelopes))
}

/// A member's position in the plan: where the polynomials are evaluated for it.
pub(super) fn position(plan: &Plan, account: Address) -> Result<usize, SecaggError> {
    plan.index(account).ok_or(SecaggError::Stranger { account, set: "the members of the plan" })
}

fn leaf(envelope: &Envelope) -> B256 {
    let sealed = keccak256(envelope.sealed.0);
    let parts = [envelope.to.as_slice(), &envelope.mask.0, &envelope.own.0, &sealed.0];
    // Twice, so that no inner node is a leaf.
    keccak256(keccak256(parts.concat()))
}

/// Leaves of the tree that a dealer signs the root of.
pub(super) fn leaves(envelopes: &[Envelope]) -> Vec<B256> {
    envelopes.iter().map(leaf).collect()
}

/// Checks that a dealer has signed for this envelope, among this roster.
pub(super) fn check_passed(
    plan: &Plan,
    roster: &Roster,
    passed: &Passed,
) -> Result<(), SecaggError> {
    let head = &passed.head.body;
    roster.points(head.account)?;
    roster.points(passed.envelope.to)?;
    if !passed.head.is_by(plan, head.account) {
        return Err(SecaggError::Signature { what: "the sharing", account: head.account });
    }
    check_head(roster, head)?;
    if !merkle::leads(leaf(&passed.envelope), &passed.path, head.root) {
        return Err(SecaggError::Envelope { account: head.account });
    }
    Ok(())
}

/// Checks the roster that a dealer shares among, and its announced point.
pub(super) fn check_head(roster: &Roster, head: &SharingHead) -> Result<(), SecaggError> {
    let (account, expected, got) = (head.account, roster.digest(), head.roster);
    if got != expected {
        return Err(SecaggError::Mismatch { what: "the roster", account, expected, got });
    }
    dleq::point(&head.own).ok_or(SecaggError::Point { what: "the own mask", account })?;
    Ok(())
}

/// Opens an envelope with the point that both sides agree on; none if it does not hold two
/// scalars with the hashes that it names.
pub(super) fn open(
    plan: &Plan,
    roster: &Roster,
    passed: &Passed,
    shared: &RistrettoPoint,
) -> Option<Shares> {
    let (from, to) = (passed.head.body.account, passed.envelope.to);
    let key = SealKey::new(plan.digest(), shared, roster.digest(), from, to);
    let [mask, own] = key.open(&passed.envelope.sealed)?;
    let scalar = |share: &[u8; 32]| Scalar::from_canonical_bytes(*share).is_some().into();
    let fits = keccak256(mask.as_ref()) == passed.envelope.mask
        && keccak256(own.as_ref()) == passed.envelope.own
        && scalar(&mask)
        && scalar(&own);
    fits.then_some(Shares { mask, own })
}

fn statement<'a>(
    plan: &'a B256,
    roster: &Roster,
    passed: &Passed,
    shared: RistrettoPoint,
) -> Result<Statement<'a>, SecaggError> {
    let key = roster.points(passed.envelope.to)?.seal;
    let base = roster.points(passed.head.body.account)?.seal;
    Ok(Statement { label: "complaint", context: plan.as_slice(), key, base, shared })
}

/// A complaint by the receiver of an envelope.
pub(super) fn complain(
    plan: &Plan,
    roster: &Roster,
    passed: &Passed,
    seal: &Scalar,
) -> Result<Complaint, SecaggError> {
    let shared = seal * roster.points(passed.head.body.account)?.seal;
    let proof = statement(&plan.digest(), roster, passed, shared)?.prove(seal);
    Ok(Complaint { passed: passed.clone(), shared: shared.compress().0, proof })
}

/// Whom a complaint convicts.
pub(super) fn check_complaint(
    plan: &Plan,
    roster: &Roster,
    complaint: &Complaint,
) -> Result<Address, SecaggError> {
    let passed = &complaint.passed;
    check_passed(plan, roster, passed)?;
    let account = passed.head.body.account;
    let unfounded = |why| SecaggError::Unfounded { account, why };
    if account == passed.envelope.to {
        return Err(unfounded("it is about itself"));
    }
    let shared = dleq::point(&complaint.shared).ok_or(unfounded("the key is no point"))?;
    if !statement(&plan.digest(), roster, passed, shared)?.holds(&complaint.proof) {
        return Err(unfounded("the key is not the pair's"));
    }
    match open(plan, roster, passed, &shared) {
        Some(_) => Err(unfounded("the envelope opens")),
        None => Ok(account),
    }
}
