//! Sets of members, and their keys.

use alloy_primitives::{Address, B256, keccak256};
use curve25519_dalek::ristretto::RistrettoPoint;

use super::dleq;
use super::error::SecaggError;
use crate::messages::{Keys, SharingHead, Signed};
use crate::plan::Plan;

/// `⌊2n/3⌋ + 1`: private against a coordinator that colludes with fewer than a third of the
/// members, and as many may drop out.
pub fn default_threshold(members: usize) -> u32 {
    u32::try_from(members * 2 / 3 + 1).unwrap_or(u32::MAX)
}

/// The first position that does not ascend strictly.
pub(super) fn unordered(accounts: &[Address]) -> Option<usize> {
    accounts.windows(2).position(|pair| matches!(pair, [a, b] if a >= b)).map(|at| at + 1)
}

/// Checks that accounts ascend strictly and are members.
pub(super) fn check_accounts(
    plan: &Plan,
    what: &'static str,
    accounts: &[Address],
) -> Result<(), SecaggError> {
    if let Some(position) = unordered(accounts) {
        return Err(SecaggError::Order { what, position });
    }
    match accounts.iter().find(|account| plan.member(**account).is_none()) {
        Some(account) => {
            Err(SecaggError::Stranger { account: *account, set: "the members of the plan" })
        }
        None => Ok(()),
    }
}

/// Checks that every account of one ascending list is in another.
pub(super) fn check_subset(
    accounts: &[Address],
    set: &'static str,
    of: &[Address],
) -> Result<(), SecaggError> {
    match accounts.iter().find(|account| of.binary_search(account).is_err()) {
        Some(account) => Err(SecaggError::Stranger { account: *account, set }),
        None => Ok(()),
    }
}

/// What names a set of accounts, in ascending order: `keccak256` of the addresses.
pub fn accounts_digest(accounts: &[Address]) -> B256 {
    let addresses = accounts.iter().flat_map(|account| account.into_array());
    keccak256(addresses.collect::<Vec<u8>>())
}

/// Both keys of a member, as points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points {
    pub mask: RistrettoPoint,
    pub seal: RistrettoPoint,
}

/// Checks a member's keys by themselves.
pub(super) fn check_keys(plan: &Plan, keys: &Signed<Keys>) -> Result<Points, SecaggError> {
    let account = keys.body.account;
    if plan.member(account).is_none() {
        return Err(SecaggError::Stranger { account, set: "the members of the plan" });
    }
    if !keys.is_by(plan, account) {
        return Err(SecaggError::Signature { what: "the keys", account });
    }
    let mask =
        dleq::point(&keys.body.mask).ok_or(SecaggError::Point { what: "the mask key", account })?;
    let seal =
        dleq::point(&keys.body.seal).ok_or(SecaggError::Point { what: "the seal key", account })?;
    if mask == seal {
        return Err(SecaggError::Point { what: "the seal key, the mask key again,", account });
    }
    Ok(Points { mask, seal })
}

/// Those that have sent keys, in ascending order of their addresses.
#[derive(Clone, Debug)]
pub struct Roster {
    plan: B256,
    digest: B256,
    accounts: Vec<Address>,
    signed: Vec<Signed<Keys>>,
    points: Vec<Points>,
}

impl Roster {
    /// Checks keys and their order.
    ///
    /// # Errors
    /// If accounts do not ascend strictly, or a member's keys or signature do not hold.
    pub fn new(plan: &Plan, keys: &[Signed<Keys>]) -> Result<Self, SecaggError> {
        let accounts: Vec<Address> = keys.iter().map(|keys| keys.body.account).collect();
        check_accounts(plan, "the roster", &accounts)?;
        let points = keys.iter().map(|keys| check_keys(plan, keys));
        let points = points.collect::<Result<Vec<Points>, SecaggError>>()?;
        let digest = plan.digest();
        let mut bytes = digest.to_vec();
        for keys in keys {
            let Keys { account, mask, seal } = &keys.body;
            for part in [account.as_slice(), mask, seal] {
                bytes.extend_from_slice(part);
            }
        }
        let (plan, signed) = (digest, keys.to_vec());
        Ok(Self { plan, digest: keccak256(bytes), accounts, signed, points })
    }

    /// What names it: `keccak256` of the plan's digest and of each account with its keys.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    /// The accounts.
    pub fn accounts(&self) -> &[Address] {
        &self.accounts
    }

    /// The keys, as they were signed.
    pub fn signed(&self) -> &[Signed<Keys>] {
        &self.signed
    }

    /// The digest of the plan that it is of.
    pub fn plan(&self) -> B256 {
        self.plan
    }

    /// The keys of an account.
    pub(super) fn points(&self, account: Address) -> Result<&Points, SecaggError> {
        let at = self.accounts.binary_search(&account).ok();
        let points = at.and_then(|at| self.points.get(at));
        points.ok_or(SecaggError::Stranger { account, set: "the roster" })
    }
}

/// Those of a roster that have shared, in ascending order of their addresses, and what names them
/// with all that masks depend on: the view of a round that masks are made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    plan: B256,
    roster: B256,
    digest: B256,
    accounts: Vec<Address>,
}

impl Shared {
    /// Those that have signed these sharings among a roster.
    ///
    /// # Errors
    /// If accounts do not ascend strictly, one is not on the roster, or has shared among another.
    pub fn new<'a>(
        roster: &Roster,
        heads: impl IntoIterator<Item = &'a SharingHead>,
    ) -> Result<Self, SecaggError> {
        let heads: Vec<&SharingHead> = heads.into_iter().collect();
        let accounts: Vec<Address> = heads.iter().map(|head| head.account).collect();
        if let Some(position) = unordered(&accounts) {
            return Err(SecaggError::Order { what: "those that have shared", position });
        }
        check_subset(&accounts, "the roster", &roster.accounts)?;
        if let Some(other) = heads.iter().find(|head| head.roster != roster.digest) {
            let (account, expected, got) = (other.account, roster.digest, other.roster);
            return Err(SecaggError::Mismatch { what: "the roster", account, expected, got });
        }
        let mut bytes = b"zktrain/secagg/v2/shared".to_vec();
        for part in [roster.plan, roster.digest] {
            bytes.extend_from_slice(part.as_slice());
        }
        for SharingHead { account, own, root, .. } in heads {
            for part in [account.as_slice(), own, root.as_slice()] {
                bytes.extend_from_slice(part);
            }
        }
        let (plan, roster, digest) = (roster.plan, roster.digest, keccak256(bytes));
        Ok(Self { plan, roster, digest, accounts })
    }

    /// The plan's digest.
    pub fn plan(&self) -> B256 {
        self.plan
    }

    /// The roster's digest.
    pub fn roster(&self) -> B256 {
        self.roster
    }

    /// `keccak256` of a label, the digests of plan and roster, and of each account with its own
    /// point and the root of its envelopes.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    /// The accounts.
    pub fn accounts(&self) -> &[Address] {
        &self.accounts
    }

    #[cfg(test)]
    pub(super) fn view(plan: B256, roster: B256, digest: B256) -> Self {
        Self { plan, roster, digest, accounts: Vec::new() }
    }
}
