//! What is taken, from whom, when.

use std::sync::Arc;

use alloy::primitives::Address;
use zktrain_secagg::Error;
use zktrain_secagg::coordinator as secagg;
use zktrain_secagg::group::{Roster, Shared};
use zktrain_secagg::messages::{Reveal, Signed};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{Contribution, Phase, Refusal};

use super::{Admit, Machine};

/// Whether two bodies of one member's slot are the same; a second one that is not is refused.
fn same<T: PartialEq>(known: Option<&T>, sent: &T) -> Option<bool> {
    known.map(|known| known == sent)
}

fn refusal(error: Error) -> Refusal {
    Refusal::Invalid(error.to_string())
}

fn invalid(why: &str) -> Refusal {
    Refusal::Invalid(why.into())
}

/// Whose it says it is.
fn account(what: &Contribution) -> Address {
    match what {
        Contribution::Keys(keys) => keys.body.account,
        Contribution::Sharing(sharing) => sharing.head.body.account,
        Contribution::Complaint(complaint) => complaint.passed.envelope.to,
        Contribution::Upload(upload) => upload.body.account,
        Contribution::Confirm(confirm) => confirm.body.account,
        Contribution::Unmask(unmask) => unmask.body.account,
        Contribution::Defence(defence) => defence.body.account,
        Contribution::Reveal(reveal) => reveal.body.account,
    }
}

/// When it may be sent.
fn phase(what: &Contribution) -> Phase {
    match what {
        Contribution::Keys(_) => Phase::Keys,
        Contribution::Sharing(_) => Phase::Shares,
        Contribution::Complaint(_) | Contribution::Upload(_) => Phase::Uploads,
        Contribution::Confirm(_) => Phase::Confirm,
        Contribution::Unmask(_) => Phase::Unmask,
        Contribution::Defence(_) => Phase::Defence,
        Contribution::Reveal(_) => Phase::Dispute,
    }
}

impl Machine {
    /// Whether something that a member sends is taken. To be called before it is stored and
    /// handled. `from` is who sent it, as its connection has shown.
    ///
    /// The first of a kind counts; the same again is known, whatever the phase.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, from: Address, what: &Contribution) -> Result<Admit, Refusal> {
        match self.look_at(from, what)? {
            Some(grounds) => grounds.verify(what).map(|()| Admit::New),
            None => Ok(Admit::Known),
        }
    }

    /// The quick part of [`Self::check`]: on what grounds something new is to be verified, which takes
    /// some time and needs nothing of the machine any more; none if it is known.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn look_at(
        &self,
        from: Address,
        what: &Contribution,
    ) -> Result<Option<VerificationContext>, Refusal> {
        match self.admit(from, what)? {
            Admit::Known => Ok(None),
            Admit::New => Ok(Some(self.grounds(from))),
        }
    }

    fn grounds(&self, from: Address) -> VerificationContext {
        VerificationContext {
            plan: self.plan.clone(),
            roster: self.roster.clone(),
            shared: self.shared.clone(),
            counted: self.counted.clone().unwrap_or_default(),
            asked: self.disputes.get(&from).cloned().unwrap_or_default(),
        }
    }

    /// What can be told without looking at signatures.
    pub(super) fn admit(&self, from: Address, what: &Contribution) -> Result<Admit, Refusal> {
        if self.plan.body.member(from).is_none() {
            return Err(Refusal::NotMember);
        }
        if account(what) != from {
            return Err(invalid("it speaks for another account"));
        }
        let now = self.phase;
        match self.before(from, what) {
            Some(true) => return Ok(Admit::Known),
            Some(false) if now != Phase::Ended => return Err(Refusal::Conflict),
            _ if now != phase(what) => return Err(Refusal::WrongPhase { now }),
            _ => {}
        }
        // A complaint is of use until it is published who is counted.
        if self.closed && !matches!(what, Contribution::Complaint(_)) {
            return Err(Refusal::WrongPhase { now });
        }
        self.allowed(from, what).map(|()| Admit::New)
    }

    /// Whether it is what was sent before; none if nothing was.
    fn before(&self, from: Address, what: &Contribution) -> Option<bool> {
        // Signatures are not compared: a signer may well make another one of the same body.
        match what {
            Contribution::Keys(sent) => same(self.keys.get(&from).map(|k| &k.body), &sent.body),
            Contribution::Sharing(sent) => {
                let known = self.sharing(from)?;
                Some(known.head.body == sent.head.body && known.envelopes == sent.envelopes)
            }
            // Whatever the proof, that the dealer is guilty is known.
            Contribution::Complaint(sent) => {
                let dealer = sent.passed.head.body.account;
                self.complaints.contains(&(from, dealer)).then_some(true)
            }
            Contribution::Upload(sent) => {
                same(self.uploads.get(&from).map(|u| &u.body), &sent.body)
            }
            Contribution::Confirm(sent) => {
                same(self.confirms.get(&from).map(|c| &c.body), &sent.body)
            }
            Contribution::Unmask(sent) => {
                same(self.unmasks.get(&from).map(|u| &u.body), &sent.body)
            }
            Contribution::Defence(sent) => {
                same(self.defences.get(&from).map(|d| &d.body), &sent.body)
            }
            Contribution::Reveal(sent) => {
                same(self.reveals.get(&from).map(|r| &r.body), &sent.body)
            }
        }
    }

    /// Whether the sender is one of those that are asked in this phase.
    fn allowed(&self, from: Address, what: &Contribution) -> Result<(), Refusal> {
        let shared = self.sharers();
        let among = |set: &[Address]| set.binary_search(&from).is_ok();
        let allowed = match what {
            Contribution::Keys(_) => true,
            Contribution::Sharing(_) => {
                self.roster.as_deref().is_some_and(|roster| among(roster.accounts()))
            }
            Contribution::Complaint(complaint) => {
                let dealer = complaint.passed.head.body.account;
                among(shared) && shared.binary_search(&dealer).is_ok()
            }
            Contribution::Upload(_) if self.convicted.contains(&from) => {
                return Err(invalid("a share that it has dealt does not open"));
            }
            Contribution::Upload(_) => among(shared),
            Contribution::Confirm(_) | Contribution::Unmask(_) | Contribution::Defence(_) => {
                among(self.counted())
            }
            Contribution::Reveal(_) => self.disputes.contains_key(&from),
        };
        if allowed { Ok(()) } else { Err(invalid("the sender is no longer in this round")) }
    }
}

/// What contributions are verified against. All of it is fixed once members are asked for something
/// that rests on it, so that what was verified stays right whatever happens meanwhile.
#[derive(Clone)]
pub struct VerificationContext {
    plan: Arc<Signed<Plan>>,
    roster: Option<Arc<Roster>>,
    shared: Option<Arc<Shared>>,
    counted: Arc<Vec<Address>>,
    /// With whom the sender is to open its pairs.
    asked: Vec<Address>,
}

impl core::fmt::Debug for VerificationContext {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VerificationContext")
            .field("round", &self.plan.body.round)
            .finish_non_exhaustive()
    }
}

impl VerificationContext {
    /// Signatures, and what else takes some time.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, what: &Contribution) -> Result<(), Refusal> {
        let (plan, counted) = (&self.plan.body, self.counted.as_slice());
        let roster = || self.roster.as_deref().ok_or(Refusal::Internal);
        let shared = || self.shared.as_deref().ok_or(Refusal::Internal);
        match what {
            Contribution::Keys(keys) => secagg::check_keys(plan, keys).map_err(refusal),
            Contribution::Sharing(sharing) => {
                secagg::check_sharing(plan, roster()?, sharing).map_err(refusal)
            }
            Contribution::Complaint(complaint) => {
                secagg::check_complaint(plan, roster()?, complaint).map(|_| ()).map_err(refusal)
            }
            Contribution::Upload(upload) => {
                secagg::check_upload(plan, shared()?, upload).map_err(refusal)
            }
            Contribution::Confirm(confirm) => {
                secagg::check_confirm(plan, shared()?, counted, confirm).map_err(refusal)
            }
            Contribution::Unmask(unmask) => {
                secagg::check_unmask(plan, shared()?, counted, unmask).map_err(refusal)
            }
            Contribution::Defence(defence) => {
                secagg::check_defence(plan, counted, defence).map_err(refusal)
            }
            Contribution::Reveal(reveal) => self.verify_reveal(reveal),
        }
    }

    fn verify_reveal(&self, reveal: &Signed<Reveal>) -> Result<(), Refusal> {
        let account = reveal.body.account;
        if !reveal.is_by(&self.plan.body, account) {
            return Err(invalid("the opened pairs are not signed by their sender"));
        }
        if reveal.body.pairs.iter().map(|pair| &pair.with).ne(&self.asked) {
            return Err(invalid("other pairs are in dispute"));
        }
        Ok(())
    }
}
