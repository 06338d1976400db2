//! The coordinator's side: what it takes from members, and the secrets that unmask a sum.
//!
//! Functions of what was said, without state. Lists are in strictly ascending order of accounts.
//! What is summed is in [`super::unmasking`], who is to blame in [`super::blame`].

use std::collections::BTreeMap;

use alloy_primitives::{Address, keccak256};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::SecaggError;
use super::group::{self, Roster, Shared, accounts_digest, check_subset};
use super::{blame, shamir, sharing};
use crate::merkle::{self, ShareTree};
use crate::messages::{
    Complaint, Confirm, Defence, Envelope, Keys, Passed, Sharing, Signed, Unmask, Upload,
};
use crate::plan::Plan;

/// Checks a member's keys.
///
/// # Errors
/// If the account is no member, the signature is not its own, or a key is no point.
pub fn check_keys(plan: &Plan, keys: &Signed<Keys>) -> Result<(), SecaggError> {
    group::check_keys(plan, keys).map(|_| ())
}

/// Checks what a member shares: one envelope for each of the roster, in its order, under the
/// signed root. Whether envelopes open only their receivers can tell.
///
/// # Errors
/// What is wrong with it.
pub fn check_sharing(plan: &Plan, roster: &Roster, sharing: &Sharing) -> Result<(), SecaggError> {
    let head = &sharing.head.body;
    let account = head.account;
    roster.points(account)?;
    if !sharing.head.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the sharing", account });
    }
    sharing::check_head(roster, head)?;
    let (expected, got) = (roster.accounts().len(), sharing.envelopes.len());
    if got != expected {
        return Err(SecaggError::Count { what: "envelopes", expected, got });
    }
    let to = sharing.envelopes.iter().map(|envelope| &envelope.to);
    if let Some(position) = to.zip(roster.accounts()).position(|(to, member)| to != member) {
        return Err(SecaggError::Order { what: "envelopes", position });
    }
    if merkle::root(&sharing::leaves(&sharing.envelopes)) != head.root {
        return Err(SecaggError::Envelope { account });
    }
    Ok(())
}

/// The tree over each sharing's envelopes, for [`pass`].
pub fn trees(sharings: &[Sharing]) -> Vec<ShareTree> {
    let tree = |sharing: &Sharing| ShareTree::new(sharing::leaves(&sharing.envelopes));
    sharings.par_iter().map(tree).collect()
}

/// What those that have shared pass to one member, given the trees over their envelopes.
///
/// # Errors
/// If a sharing has no envelope for it, or no tree.
pub fn pass(
    sharings: &[Sharing],
    trees: &[ShareTree],
    to: Address,
) -> Result<Vec<Passed>, SecaggError> {
    let (expected, got) = (sharings.len(), trees.len());
    if got != expected {
        return Err(SecaggError::Count { what: "trees over envelopes", expected, got });
    }
    sharings.iter().zip(trees).map(|(sharing, tree)| pass_one(sharing, tree, to)).collect()
}

fn pass_one(sharing: &Sharing, tree: &ShareTree, to: Address) -> Result<Passed, SecaggError> {
    let position = sharing.envelopes.binary_search_by_key(&to, |envelope| envelope.to).ok();
    let found = position.and_then(|at| Some((at, sharing.envelopes.get(at)?)));
    let (at, envelope) = found.ok_or(SecaggError::Stranger { account: to, set: "the roster" })?;
    Ok(Passed { head: sharing.head.clone(), envelope: envelope.clone(), path: tree.path(at) })
}

/// Checks a complaint. Returns the dealer that it convicts.
///
/// # Errors
/// If it does not hold: nobody is convicted by it, not even who complains.
pub fn check_complaint(
    plan: &Plan,
    roster: &Roster,
    complaint: &Complaint,
) -> Result<Address, SecaggError> {
    sharing::check_complaint(plan, roster, complaint)
}

/// Checks what a member says of its upload, of which `shared` are those that have shared.
///
/// # Errors
/// If the signature is not its own, or it has masked for others.
pub fn check_upload(
    plan: &Plan,
    shared: &Shared,
    upload: &Signed<Upload>,
) -> Result<(), SecaggError> {
    let account = upload.body.account;
    check_subset(&[account], "those that have shared", shared.accounts())?;
    if !upload.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the upload", account });
    }
    let (expected, got) = (shared.digest(), upload.body.shared);
    if got != expected {
        return Err(SecaggError::Mismatch { what: "the masked set", account, expected, got });
    }
    Ok(())
}

/// Checks a confirmation of these sets.
///
/// # Errors
/// If the account is not counted, the signature is not its own, or it names other sets.
pub fn check_confirm(
    plan: &Plan,
    shared: &Shared,
    counted: &[Address],
    confirm: &Signed<Confirm>,
) -> Result<(), SecaggError> {
    let Confirm { account, shared: said_shared, counted: said_counted } = confirm.body;
    check_subset(&[account], "the counted", counted)?;
    if !confirm.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the confirmation", account });
    }
    for (what, expected, got) in [
        ("the set that has shared", shared.digest(), said_shared),
        ("the counted set", accounts_digest(counted), said_counted),
    ] {
        if expected != got {
            return Err(SecaggError::Mismatch { what, account, expected, got });
        }
    }
    Ok(())
}

/// Checks who unmasks, and for how many. Shares that are not those dealt are ignored later.
///
/// # Errors
/// If the account is not counted, the signature is not its own, or the number is another.
pub fn check_unmask(
    plan: &Plan,
    shared: &Shared,
    counted: &[Address],
    unmask: &Signed<Unmask>,
) -> Result<(), SecaggError> {
    let account = unmask.body.account;
    check_subset(&[account], "the counted", counted)?;
    if !unmask.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the shares", account });
    }
    let (expected, got) = (shared.accounts().len(), unmask.body.shares.len());
    if got != expected {
        return Err(SecaggError::Count { what: "shares", expected, got });
    }
    Ok(())
}

/// Checks who defends itself, and that what it sends is not longer than a defence among so many
/// counted members. Whether it holds is judged later.
///
/// # Errors
/// If the account is not counted, the signature is not its own, or it is longer.
pub fn check_defence(
    plan: &Plan,
    counted: &[Address],
    defence: &Signed<Defence>,
) -> Result<(), SecaggError> {
    let account = defence.body.account;
    check_subset(&[account], "the counted", counted)?;
    let (expected, got) = (blame::defence_bytes(counted.len()), defence.body.proof.len());
    if got > expected {
        return Err(SecaggError::Count { what: "bytes of a defence", expected, got });
    }
    if !defence.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the defence", account });
    }
    Ok(())
}

/// What unmasks a sum: seeds of the counted members' own masks, mask keys of all others that have
/// shared. Wiped when dropped, and never printed.
pub struct Secrets {
    pub(super) own: BTreeMap<Address, Zeroizing<Scalar>>,
    pub(super) masks: BTreeMap<Address, Zeroizing<Scalar>>,
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Why there are no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secrets of {} members lack shares, those of {} were dealt wrongly", short.len(), guilty.len())]
pub struct RecoverError {
    /// Those of whose secret fewer shares than the threshold are valid.
    pub short: Vec<Address>,
    /// Dealers whose shares are those that they dealt, and recover something else than announced.
    pub guilty: Vec<Address>,
}

/// What was recovered of one dealer's secret.
enum Recovered {
    Secret(Zeroizing<Scalar>),
    Short,
    Guilty,
}

/// Recovers the secrets of those that have shared, given their checked sharings (one a member, in
/// order), who of them is counted, and checked unmasking messages.
///
/// # Errors
/// Whose secrets cannot be recovered, and whose fault it is.
pub fn recover(
    plan: &Plan,
    roster: &Roster,
    sharings: &[Sharing],
    counted: &[Address],
    unmasks: &[Unmask],
) -> Result<Secrets, RecoverError> {
    let dealers = sharings.par_iter().enumerate();
    let found: Vec<(Address, bool, Recovered)> = dealers
        .map(|(index, sharing)| {
            let account = sharing.head.body.account;
            let is_counted = counted.binary_search(&account).is_ok();
            let shares = valid_shares(plan, roster, sharing, index, is_counted, unmasks);
            (account, is_counted, recover_one(plan, roster, sharing, is_counted, &shares))
        })
        .collect();
    let mut secrets = Secrets { own: BTreeMap::new(), masks: BTreeMap::new() };
    let mut error = RecoverError { short: Vec::new(), guilty: Vec::new() };
    for (account, is_counted, recovered) in found {
        match (recovered, is_counted) {
            (Recovered::Secret(secret), true) => drop(secrets.own.insert(account, secret)),
            (Recovered::Secret(secret), false) => drop(secrets.masks.insert(account, secret)),
            (Recovered::Short, _) => error.short.push(account),
            (Recovered::Guilty, _) => error.guilty.push(account),
        }
    }
    if error.short.is_empty() && error.guilty.is_empty() { Ok(secrets) } else { Err(error) }
}

/// As many shares as it takes, each with its holder's position; those that are not what the
/// dealer dealt left out.
fn valid_shares(
    plan: &Plan,
    roster: &Roster,
    sharing: &Sharing,
    index: usize,
    own: bool,
    unmasks: &[Unmask],
) -> Vec<(usize, [u8; 32])> {
    let dealt = |envelope: &Envelope| if own { envelope.own } else { envelope.mask };
    let holders: BTreeMap<Address, &Unmask> = unmasks.iter().map(|u| (u.account, u)).collect();
    let valid = |unmask: &Unmask| {
        let share = (*unmask.shares.get(index)?)?;
        let at = roster.accounts().binary_search(&unmask.account).ok()?;
        let position = plan.index(unmask.account)?;
        (keccak256(share) == dealt(sharing.envelopes.get(at)?)).then_some((position, share))
    };
    holders.into_values().filter_map(valid).take(plan.threshold as usize).collect()
}

fn recover_one(
    plan: &Plan,
    roster: &Roster,
    sharing: &Sharing,
    own: bool,
    shares: &[(usize, [u8; 32])],
) -> Recovered {
    if shares.len() < plan.threshold as usize {
        return Recovered::Short;
    }
    let head = &sharing.head.body;
    let mask = roster.points(head.account).map(|points| points.mask.compress().0);
    let announced = if own { Some(head.own) } else { mask.ok() };
    match shamir::recover(shares) {
        Some(secret) if Some(RistrettoPoint::mul_base(&secret).compress().0) == announced => {
            Recovered::Secret(Zeroizing::new(secret))
        }
        _ => Recovered::Guilty,
    }
}
