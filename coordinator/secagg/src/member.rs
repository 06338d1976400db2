//! A member's side, without input or output.
//!
//! Messages in order: [`Member::keys`]; from the roster [`Member::roster`] makes the sharing; from
//! what the others share [`Member::shares`] makes complaints, mostly none; [`Member::mask`] the
//! upload; [`Member::counted`] confirms who is summed; [`Member::confirmed`] gives the
//! shares that unmask; [`Member::defend`] and [`Member::dispute`] only if the sum is wrong.
//!
//! The coordinator is not trusted. A member signs one roster, one set of those that have shared,
//! one vector and one confirmation a round, and shows one share of each other member: of its own
//! mask's seed if it is counted, of its mask key if not. It does so once a threshold of members
//! has signed the same sets. Two different counted sets would need `2t` confirmations of `n`
//! members, more than there are as long as fewer than `2t − n` of them sign twice.
//!
//! Everything follows from plan, secret and what was received: a member that restarts with the
//! same secret, its [`Promises`] and the same notices makes the same bytes. What is to be sent is
//! [`Sealed`] until its promises are kept. One that has lost them, or has got older ones back, may
//! be shown another view; its masks are then other ones, since they are bound to the view.
//!
//! Source: Bonawitz et al., *Practical secure aggregation for privacy-preserving machine
//! learning*, eprint 2017/281, with consistency checks against an active adversary.

use alloy_primitives::{Address, B256, keccak256};
use ark_bn254::Fr;
use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

use super::blame::{self, BlameEvidence};
use super::coordinator::check_confirm;
use super::error::SecaggError;
use super::group::{Roster, Shared, accounts_digest, check_accounts, check_subset};
use super::keys::{Pair, Secret, own_mask};
use super::policy::{Policy, check_threshold};
use super::sealed::{Promises, Sealed, promise};
use super::sharing::{self, Shares};
use super::{stream, vector};
use crate::messages::{
    Complaint, Confirm, Defence, Envelope, Keys, Passed, Reveal, SharingHead, Signed, Test, Unmask,
    Upload,
};
use crate::plan::Plan;

/// A member of one round.
///
/// ```
/// # use alloy_primitives::{Address, B256};
/// use zktrain_secagg::member::Member;
/// use zktrain_secagg::policy::Policy;
/// # use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
/// # let members = [1, 2, 3].map(|byte| PlanMember {
/// #     account: Address::repeat_byte(byte),
/// #     dataset: B256::ZERO,
/// #     windows: 1,
/// #     weight: if byte == 3 { 21846 } else { 21845 },
/// # });
/// # let plan = Plan {
/// #     version: VERSION,
/// #     chain_id: 1,
/// #     rounds: Address::ZERO,
/// #     domain: 1,
/// #     round: 1,
/// #     coordinator: Address::ZERO,
/// #     spec: B256::ZERO,
/// #     parent: B256::ZERO,
/// #     nonce: B256::ZERO,
/// #     system: 1,
/// #     optimistic: false,
/// #     threshold: 3,
/// #     least: 3,
/// #     members: members.to_vec(),
/// #     timing: Timing::even(60),
/// # };
///
/// // A plan of three members.
/// let account = plan.members[0].account;
/// let join = |policy| Member::new(plan.clone(), account, [7; 32], policy);
/// assert!(join(Policy::default()).is_err(), "a member asks for sixteen unless it says otherwise");
/// let member = join(Policy { least: 3, max_share: 1 << 15, ..Policy::default() })?;
/// assert_eq!(member.promises().roster, None, "it has not seen a roster yet");
/// # Ok::<(), zktrain_secagg::SecaggError>(())
/// ```
#[cfg_attr(test, derive(Clone))]
pub struct Member {
    plan: Plan,
    account: Address,
    policy: Policy,
    secret: Secret,
    promises: Promises,
    roster: Option<Roster>,
    held: Option<Held>,
    /// Whose updates are counted, once confirmed.
    counted: Option<Vec<Address>>,
}

/// Those that have shared.
#[cfg_attr(test, derive(Clone))]
struct Held {
    shared: Shared,
    /// Their shares for this member, where they open.
    shares: Vec<Option<Shares>>,
}

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut out = f.debug_struct("Member");
        out.field("account", &self.account).field("promises", &self.promises);
        out.finish_non_exhaustive()
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
    ) -> Result<Self, SecaggError> {
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
    ) -> Result<Self, SecaggError> {
        policy.check_plan(&plan, account)?;
        let secret = Secret::new(secret, plan.digest(), account);
        let (roster, held, counted) = (None, None, None);
        Ok(Self { plan, account, policy, secret, promises, roster, held, counted })
    }

    /// What the member is bound to so far.
    pub fn promises(&self) -> &Promises {
        &self.promises
    }

    /// What is to be sent, with all that is promised by then.
    fn seal<T>(&self, content: T) -> Sealed<T> {
        Sealed::new(content, &self.promises)
    }

    /// Phase 1: the public keys.
    pub fn keys(&self) -> Sealed<Keys> {
        self.seal(self.own_keys())
    }

    fn own_keys(&self) -> Keys {
        let point = |secret: &_| RistrettoPoint::mul_base(secret).compress().0;
        let (mask, seal) = (point(&self.secret.mask()), point(&self.secret.seal()));
        Keys { account: self.account, mask, seal }
    }

    /// Phase 2: shares for everybody on the roster.
    ///
    /// # Errors
    /// If the roster does not hold, lacks this member's keys, is too small, or is another one than
    /// before.
    pub fn roster(
        &mut self,
        keys: &[Signed<Keys>],
    ) -> Result<Sealed<(SharingHead, Vec<Envelope>)>, SecaggError> {
        let roster = Roster::new(&self.plan, keys)?;
        let own = keys.iter().find(|keys| keys.body.account == self.account);
        if own.is_none_or(|own| own.body != self.own_keys()) {
            return Err(SecaggError::Stranger { account: self.account, set: "the roster" });
        }
        self.policy.check_set(&self.plan, self.account, "the roster", roster.accounts())?;
        promise(&mut self.promises.roster, roster.digest(), "roster")?;
        let dealt = sharing::deal(&self.plan, &roster, self.account, &self.secret)?;
        self.roster = Some(roster);
        Ok(self.seal(dealt))
    }

    /// What the others share with this member. Returns complaints about envelopes that do not
    /// open.
    ///
    /// # Errors
    /// If what was passed on is not what was signed, or the set of those that have shared is too
    /// small, lacks this member or is another one than before.
    pub fn shares(&mut self, passed: &[Passed]) -> Result<Sealed<Vec<Complaint>>, SecaggError> {
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
                return Err(SecaggError::Envelope { account });
            }
            sharing::check_passed(&self.plan, roster, passed)?;
            let point = *seal * roster.points(account)?.seal;
            let shares = sharing::open(&self.plan, roster, passed, &point);
            if shares.is_none() {
                complaints.push(sharing::complain(&self.plan, roster, passed, &seal)?);
            }
            held.push(shares);
        }
        let shared = Shared::new(roster, passed.iter().map(|passed| &passed.head.body))?;
        promise(&mut self.promises.shared, shared.digest(), "set that has shared")?;
        self.held = Some(Held { shared, shares: held });
        Ok(self.seal(complaints))
    }

    /// Phase 3: what is signed of the upload, and the masked vector, encoded, from what
    /// [`vector::pack`] gave with this member's weight and the struct hash of the submission.
    ///
    /// # Errors
    /// If it is not known yet who has shared, or another vector or submission was promised before.
    pub fn mask(
        &mut self,
        packed: &[Fr],
        submission: B256,
    ) -> Result<Sealed<(Upload, Vec<u8>)>, SecaggError> {
        let mut vector = Zeroizing::new(packed.to_vec());
        stream::apply(&mut vector, &self.masks()?);
        let bytes = vector::encode(&vector);
        let (account, masked) = (self.account, keccak256(&bytes));
        let shared = self.held()?.shared.digest();
        let upload = Upload { account, masked, submission, shared };
        promise(&mut self.promises.upload, upload, "upload")?;
        Ok(self.seal((upload, bytes)))
    }

    /// All masks of this member's vector.
    fn masks(&self) -> Result<Vec<(stream::Sign, stream::Seed)>, SecaggError> {
        let (roster, secret) = (self.known_roster()?, self.secret.mask());
        let shared = &self.held()?.shared;
        let own = self.secret.own(roster.digest());
        let mut masks = vec![(stream::Sign::Plus, own_mask(shared, self.account, &own))];
        for account in shared.accounts().iter().filter(|account| **account != self.account) {
            let pair = Pair::new(self.account, *account);
            let point = *secret * roster.points(*account)?.mask;
            masks.push((pair.sign(self.account), pair.mask(shared, &point)));
        }
        Ok(masks)
    }

    /// Phase 4: confirms whose updates are counted.
    ///
    /// # Errors
    /// If this member is not counted, the set is not one of those that have shared, is too small
    /// or dominated by one member, or another one was confirmed before.
    pub fn counted(&mut self, counted: &[Address]) -> Result<Sealed<Confirm>, SecaggError> {
        self.promises.upload.ok_or(SecaggError::Early { what: "the upload" })?;
        let shared = &self.held()?.shared;
        check_accounts(&self.plan, "the counted", counted)?;
        check_subset(counted, "those that have shared", shared.accounts())?;
        check_subset(&[self.account], "the counted", counted)?;
        self.policy.check_counted(&self.plan, self.account, counted)?;
        let (account, counted) = (self.account, counted.to_vec());
        let digest = accounts_digest(&counted);
        let confirm = Confirm { account, shared: shared.digest(), counted: digest };
        promise(&mut self.promises.confirm, confirm, "counted set")?;
        self.counted = Some(counted);
        Ok(self.seal(confirm))
    }

    /// Phase 5: the shares that unmask, once enough members have confirmed the same sets.
    ///
    /// # Errors
    /// If a confirmation does not hold or names other sets, or there are fewer than the threshold.
    pub fn confirmed(
        &mut self,
        confirms: &[Signed<Confirm>],
    ) -> Result<Sealed<Unmask>, SecaggError> {
        let (counted, held) = (self.known_counted()?, self.held()?);
        let accounts: Vec<Address> = confirms.iter().map(|confirm| confirm.body.account).collect();
        check_accounts(&self.plan, "the confirmations", &accounts)?;
        for confirm in confirms {
            check_confirm(&self.plan, &held.shared, counted, confirm)?;
        }
        check_threshold(&self.plan, "the confirmations", accounts.len())?;
        let share = |(account, shares): (&Address, &Option<Shares>)| {
            let shares = shares.as_ref()?;
            let is_counted = counted.binary_search(account).is_ok();
            Some(if is_counted { *shares.own } else { *shares.mask })
        };
        let shares = held.shared.accounts().iter().zip(&held.shares).map(share).collect();
        Ok(self.seal(Unmask { account: self.account, shares }))
    }

    /// Phase 6: shows that the uploaded vector is the masked update. `evidence` is the update with
    /// the commitments of the submission.
    ///
    /// # Errors
    /// If the test is not about what was confirmed and uploaded, or another was answered before.
    pub fn defend(
        &mut self,
        test: &Test,
        evidence: &BlameEvidence<'_>,
    ) -> Result<Sealed<Defence>, SecaggError> {
        let challenge = self.challenge(test)?;
        let own = test.uploads.iter().find(|upload| upload.body.account == self.account);
        if own.map(|own| own.body) != self.promises.upload {
            return Err(SecaggError::Conflict { what: "upload" });
        }
        let pairs = self.pairs()?;
        promise(&mut self.promises.test, challenge.digest(), "test")?;
        let (plan, shared) = (&self.plan, &self.held()?.shared);
        let (account, secret) = (self.account, &self.secret);
        let defence = blame::defend(plan, shared, account, &challenge, &pairs, secret, evidence)?;
        Ok(self.seal(defence))
    }

    fn challenge(&self, test: &Test) -> Result<blame::BlameChallenge, SecaggError> {
        let counted = self.known_counted()?;
        blame::BlameChallenge::new(&self.plan, &self.held()?.shared, counted, test)
    }

    /// The other counted members, with what this one and they agree on for their masks.
    fn pairs(&self) -> Result<Vec<blame::Agreed>, SecaggError> {
        let (roster, secret) = (self.known_roster()?, self.secret.mask());
        let others = self.known_counted()?.iter().filter(|account| **account != self.account);
        let agreed = |account: &Address| {
            let point = Zeroizing::new(*secret * roster.points(*account)?.mask);
            Ok(blame::Agreed { with: *account, point })
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
        evidence: &BlameEvidence<'_>,
        defences: &[Signed<Defence>],
    ) -> Result<Sealed<Reveal>, SecaggError> {
        let challenge = self.challenge(test)?;
        if self.promises.test != Some(challenge.digest()) {
            return Err(SecaggError::Conflict { what: "test" });
        }
        let accounts: Vec<Address> = defences.iter().map(|d| d.body.account).collect();
        check_accounts(&self.plan, "the defences", &accounts)?;
        let pairs = self.pairs()?;
        let (secret, shared) = (self.secret.mask(), &self.held()?.shared);
        let reveal = |defence: &Signed<Defence>| {
            let account = defence.body.account;
            let pair = pairs.iter().find(|pair| pair.with == account);
            let pair = pair.ok_or(SecaggError::Stranger { account, set: "the counted" })?;
            let key = self.known_roster()?.points(account)?.mask;
            let (plan, account) = (&self.plan, self.account);
            blame::contradict(plan, shared, account, &challenge, evidence, pair, defence)?;
            Ok(blame::reveal(plan, pair, key, &secret))
        };
        let pairs = defences.iter().map(reveal).collect::<Result<Vec<_>, SecaggError>>()?;
        Ok(self.seal(Reveal { account: self.account, pairs }))
    }

    #[cfg(test)]
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    fn known_roster(&self) -> Result<&Roster, SecaggError> {
        self.roster.as_ref().ok_or(SecaggError::Early { what: "the roster" })
    }

    fn held(&self) -> Result<&Held, SecaggError> {
        self.held.as_ref().ok_or(SecaggError::Early { what: "those that have shared" })
    }

    /// Whose updates are counted, once this member has confirmed it.
    pub fn confirmed_set(&self) -> Option<&[Address]> {
        self.counted.as_deref()
    }

    fn known_counted(&self) -> Result<&[Address], SecaggError> {
        self.counted.as_deref().ok_or(SecaggError::Early { what: "the counted" })
    }
}
