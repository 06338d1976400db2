//! A member's side, without input or output.
//!
//! Messages in order: [`Member::keys`]; from the roster [`Member::roster`] makes the sharing; from
//! what the others share [`Member::shares`] makes complaints, mostly none; [`Member::mask`] and
//! [`Member::upload`]; [`Member::counted`] confirms who is summed; [`Member::confirmed`] gives the
//! shares that unmask; [`Member::defend`] and [`Member::dispute`] only if the sum is wrong.
//!
//! The coordinator is not trusted. A member signs one roster, one set of those that have shared,
//! one vector and one confirmation a round, and shows one share of each other member: of its own
//! mask's seed if it is counted, of its mask key if not. It does so once a threshold of members
//! has signed the same sets. Two different counted sets would need `2t` confirmations of `n`
//! members, more than there are as long as fewer than `2t − n` of them sign twice.
//!
//! Everything follows from plan, secret and what was received: a member that restarts with the
//! same secret, its [`Promises`] and the same notices makes the same bytes.
//!
//! Source: Bonawitz et al., *Practical secure aggregation for privacy-preserving machine
//! learning*, eprint 2017/281, with consistency checks against an active adversary.

use alloy::primitives::{Address, B256, keccak256};
use ark_bn254::Fr;
use curve25519_dalek::ristretto::RistrettoPoint;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::blame::{self, Evidence};
use super::coordinator::check_confirm;
use super::error::Error;
use super::group::{Roster, accounts_digest, check_accounts, check_subset};
use super::keys::{Pair, Secret, own_mask};
use super::policy::{Policy, check_threshold};
use super::sharing::{self, Shares};
use super::{stream, vector};
use crate::messages::{
    Complaint, Confirm, Defence, Envelope, Keys, Passed, Reveal, SharingHead, Signed, Test, Unmask,
    Upload,
};
use crate::plan::Plan;

/// What a member has bound itself to in a round. Public; to be stored before what a call returned
/// is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// Digest of the roster.
    pub roster: Option<B256>,
    /// Digest of those that have shared.
    pub shared: Option<B256>,
    /// `keccak256` of the masked vector.
    pub masked: Option<B256>,
    /// What was uploaded.
    pub upload: Option<Upload>,
    /// What was confirmed.
    pub confirm: Option<Sets>,
    /// Digest of the test that was answered.
    pub test: Option<B256>,
}

/// The two sets that a member confirms, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sets {
    /// Those that have shared.
    pub shared: Vec<Address>,
    /// Those whose updates are counted.
    pub counted: Vec<Address>,
}

/// A member of one round.
#[cfg_attr(test, derive(Clone))]
pub struct Member {
    plan: Plan,
    digest: B256,
    account: Address,
    policy: Policy,
    secret: Secret,
    promises: Promises,
    roster: Option<Roster>,
    /// Those that have shared, with their shares for this member where they open.
    held: Option<Vec<(Address, Option<Shares>)>>,
}

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut out = f.debug_struct("Member");
        out.field("account", &self.account).field("promises", &self.promises);
        out.finish_non_exhaustive()
    }
}

/// Binds to a value, once.
fn promise<T: PartialEq>(slot: &mut Option<T>, value: T, what: &'static str) -> Result<(), Error> {
    match slot {
        Some(known) if *known != value => Err(Error::Conflict { what }),
        Some(_) => Ok(()),
        None => {
            *slot = Some(value);
            Ok(())
        }
    }
}

impl Member {
    /// Joins a round, if its plan protects the member.
    ///
    /// `secret` is to be fresh for each round, and kept until the round is over.
    ///
    /// # Errors
    /// What is wrong with the plan.
    pub fn new(
        plan: Plan,
        account: Address,
        secret: [u8; 32],
        policy: Policy,
    ) -> Result<Self, Error> {
        Self::resume(plan, account, secret, policy, Promises::default())
    }

    /// Joins again after a restart; the round's notices have to be handed over again.
    ///
    /// # Errors
    /// What is wrong with the plan.
    pub fn resume(
        plan: Plan,
        account: Address,
        secret: [u8; 32],
        policy: Policy,
        promises: Promises,
    ) -> Result<Self, Error> {
        policy.check_plan(&plan, account)?;
        let digest = plan.digest();
        let secret = Secret::new(secret, digest, account);
        Ok(Self { plan, digest, account, policy, secret, promises, roster: None, held: None })
    }

    /// What the member is bound to so far.
    pub fn promises(&self) -> &Promises {
        &self.promises
    }

    /// Phase 1: the public keys.
    pub fn keys(&self) -> Keys {
        let point = |secret: &_| RistrettoPoint::mul_base(secret).compress().0;
        let (mask, seal) = (point(&self.secret.mask()), point(&self.secret.seal()));
        Keys { account: self.account, mask, seal }
    }

    /// Phase 2: shares for everybody on the roster.
    ///
    /// # Errors
    /// If the roster does not hold, lacks this member's keys, is too small, or is another one than
    /// before.
    pub fn roster(&mut self, keys: &[Signed<Keys>]) -> Result<(SharingHead, Vec<Envelope>), Error> {
        let roster = Roster::new(&self.plan, keys)?;
        let own = keys.iter().find(|keys| keys.body.account == self.account);
        if own.is_none_or(|own| own.body != self.keys()) {
            return Err(Error::Stranger { account: self.account, set: "the roster" });
        }
        self.policy.check_set(&self.plan, self.account, "the roster", roster.accounts())?;
        promise(&mut self.promises.roster, roster.digest(), "roster")?;
        let dealt = sharing::deal(&self.plan, &roster, self.account, &self.secret)?;
        self.roster = Some(roster);
        Ok(dealt)
    }

    /// What the others share with this member. Returns complaints about envelopes that do not
    /// open.
    ///
    /// # Errors
    /// If what was passed on is not what was signed, or the set of those that have shared is too
    /// small, lacks this member or is another one than before.
    pub fn shares(&mut self, passed: &[Passed]) -> Result<Vec<Complaint>, Error> {
        let roster = self.known_roster()?;
        let shared: Vec<Address> = passed.iter().map(|passed| passed.head.body.account).collect();
        check_accounts(&self.plan, "those that have shared", &shared)?;
        check_subset(&[self.account], "those that have shared", &shared)?;
        self.policy.check_set(&self.plan, self.account, "those that have shared", &shared)?;
        let seal = self.secret.seal();
        let (mut held, mut complaints) = (Vec::with_capacity(passed.len()), Vec::new());
        for passed in passed {
            let account = passed.head.body.account;
            if passed.envelope.to != self.account {
                return Err(Error::Envelope { account });
            }
            sharing::check_passed(&self.plan, roster, passed)?;
            let point = *seal * roster.points(account)?.seal;
            let shares = sharing::open(&self.plan, roster, passed, &point);
            if shares.is_none() {
                complaints.push(sharing::complain(&self.plan, roster, passed, &seal)?);
            }
            held.push((account, shares));
        }
        promise(&mut self.promises.shared, accounts_digest(&shared), "set that has shared")?;
        self.held = Some(held);
        Ok(complaints)
    }

    /// Phase 3: the masked vector, encoded, from what [`vector::pack`] gave with this member's
    /// weight.
    ///
    /// # Errors
    /// If it is not known yet who has shared, or another vector was masked before.
    pub fn mask(&mut self, packed: &[Fr]) -> Result<Vec<u8>, Error> {
        let mut masked = packed.to_vec();
        stream::apply(&mut masked, &self.masks()?);
        let bytes = vector::encode(&masked);
        promise(&mut self.promises.masked, keccak256(&bytes), "vector")?;
        Ok(bytes)
    }

    /// All masks of this member's vector.
    fn masks(&self) -> Result<Vec<(stream::Sign, stream::Seed)>, Error> {
        let (roster, secret) = (self.known_roster()?, self.secret.mask());
        let mut masks =
            vec![(stream::Sign::Plus, own_mask(self.digest, self.account, &self.secret.own()))];
        for account in self.shared()?.into_iter().filter(|account| *account != self.account) {
            let pair = Pair::new(self.account, account);
            let point = *secret * roster.points(account)?.mask;
            masks.push((pair.sign(self.account), pair.mask(self.digest, &point)));
        }
        Ok(masks)
    }

    /// Phase 3: what is signed of the upload, given the struct hash of the submission.
    ///
    /// # Errors
    /// If nothing was masked yet, or another submission was signed for.
    pub fn upload(&mut self, submission: B256) -> Result<Upload, Error> {
        let masked = self.promises.masked.ok_or(Error::Early { what: "the masked vector" })?;
        let shared = accounts_digest(&self.shared()?);
        let upload = Upload { account: self.account, masked, submission, shared };
        promise(&mut self.promises.upload, upload, "upload")?;
        Ok(upload)
    }

    /// Phase 4: confirms whose updates are counted.
    ///
    /// # Errors
    /// If this member is not counted, the set is not one of those that have shared, is too small
    /// or dominated by one member, or another one was confirmed before.
    pub fn counted(&mut self, counted: &[Address]) -> Result<Confirm, Error> {
        self.promises.upload.ok_or(Error::Early { what: "the upload" })?;
        let shared = self.shared()?;
        check_accounts(&self.plan, "the counted", counted)?;
        check_subset(counted, "those that have shared", &shared)?;
        check_subset(&[self.account], "the counted", counted)?;
        self.policy.check_counted(&self.plan, self.account, counted)?;
        let digests = (accounts_digest(&shared), accounts_digest(counted));
        let sets = Sets { shared, counted: counted.to_vec() };
        promise(&mut self.promises.confirm, sets, "counted set")?;
        Ok(Confirm { account: self.account, shared: digests.0, counted: digests.1 })
    }

    /// Phase 5: the shares that unmask, once enough members have confirmed the same sets.
    ///
    /// # Errors
    /// If a confirmation does not hold or names other sets, or there are fewer than the threshold.
    pub fn confirmed(&mut self, confirms: &[Signed<Confirm>]) -> Result<Unmask, Error> {
        let own = self.promises.confirm.as_ref();
        let Sets { shared, counted } = own.ok_or(Error::Early { what: "the counted" })?;
        let accounts: Vec<Address> = confirms.iter().map(|confirm| confirm.body.account).collect();
        check_accounts(&self.plan, "the confirmations", &accounts)?;
        for confirm in confirms {
            check_confirm(&self.plan, shared, counted, confirm)?;
        }
        check_threshold(&self.plan, "the confirmations", accounts.len())?;
        let held = self.held.as_ref().ok_or(Error::Early { what: "the shares" })?;
        let share = |(account, shares): &(Address, Option<Shares>)| {
            let shares = shares.as_ref()?;
            let is_counted = counted.binary_search(account).is_ok();
            Some(if is_counted { *shares.own } else { *shares.mask })
        };
        Ok(Unmask { account: self.account, shares: held.iter().map(share).collect() })
    }

    /// Phase 6: shows that the uploaded vector is the masked update. `evidence` is the update with
    /// the commitments of the submission.
    ///
    /// # Errors
    /// If the test is not about what was confirmed and uploaded, or another was answered before.
    pub fn defend(&mut self, test: &Test, evidence: &Evidence<'_>) -> Result<Defence, Error> {
        let confirm = self.promises.confirm.clone().ok_or(Error::Early { what: "the counted" })?;
        let challenge = blame::Challenge::new(&self.plan, &confirm.counted, test)?;
        let own = test.uploads.iter().find(|upload| upload.body.account == self.account);
        if own.map(|own| own.body) != self.promises.upload {
            return Err(Error::Conflict { what: "upload" });
        }
        let pairs = self.pairs(&confirm.counted)?;
        promise(&mut self.promises.test, challenge.digest(), "test")?;
        blame::defend(&self.plan, self.account, &challenge, &pairs, &self.secret, evidence)
    }

    /// The other counted members, with what this one and they agree on for their masks.
    fn pairs(&self, counted: &[Address]) -> Result<Vec<blame::Agreed>, Error> {
        let (roster, secret) = (self.known_roster()?, self.secret.mask());
        let others = counted.iter().filter(|account| **account != self.account);
        let agreed = |account: &Address| {
            let shared = Zeroizing::new(*secret * roster.points(*account)?.mask);
            Ok(blame::Agreed { with: *account, shared })
        };
        others.map(agreed).collect()
    }

    /// Phase 7: shows what this member agrees on with those whose defences contradict its own.
    /// Someone else's defence that does not is no reason to show anything.
    ///
    /// # Errors
    /// If a defence is not signed, is not one in the test that was answered, or agrees with this
    /// member's.
    pub fn dispute(
        &mut self,
        test: &Test,
        evidence: &Evidence<'_>,
        defences: &[Signed<Defence>],
    ) -> Result<Reveal, Error> {
        let confirm = self.promises.confirm.clone().ok_or(Error::Early { what: "the counted" })?;
        let challenge = blame::Challenge::new(&self.plan, &confirm.counted, test)?;
        if self.promises.test != Some(challenge.digest()) {
            return Err(Error::Conflict { what: "test" });
        }
        let accounts: Vec<Address> = defences.iter().map(|d| d.body.account).collect();
        check_accounts(&self.plan, "the defences", &accounts)?;
        let pairs = self.pairs(&confirm.counted)?;
        let secret = self.secret.mask();
        let reveal = |defence: &Signed<Defence>| {
            let account = defence.body.account;
            let pair = pairs.iter().find(|pair| pair.with == account);
            let pair = pair.ok_or(Error::Stranger { account, set: "the counted" })?;
            let key = self.known_roster()?.points(account)?.mask;
            blame::contradict(&self.plan, self.account, &challenge, evidence, pair, defence)?;
            Ok(blame::reveal(&self.plan, pair, key, &secret))
        };
        let pairs = defences.iter().map(reveal).collect::<Result<Vec<_>, Error>>()?;
        Ok(Reveal { account: self.account, pairs })
    }

    #[cfg(test)]
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    fn known_roster(&self) -> Result<&Roster, Error> {
        self.roster.as_ref().ok_or(Error::Early { what: "the roster" })
    }

    /// Those that have shared.
    fn shared(&self) -> Result<Vec<Address>, Error> {
        let held = self.held.as_ref().ok_or(Error::Early { what: "those that have shared" })?;
        Ok(held.iter().map(|(account, _)| *account).collect())
    }
}
