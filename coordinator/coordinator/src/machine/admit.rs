//! What is taken, from whom, when.

use std::sync::Arc;

use alloy::primitives::Address;
use zktrain_secagg::SecaggError;
use zktrain_secagg::coordinator as secagg;
use zktrain_secagg::group::{Roster, Shared};
use zktrain_secagg::messages::{Reveal, Signed};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{MemberMessage, Phase, Refusal};

use super::{Admit, Machine};

/// Whether two bodies of one member's slot are the same; a second one that is not is refused.
fn same<T: PartialEq>(known: Option<&T>, sent: &T) -> Option<bool> {
    known.map(|known| known == sent)
}

fn refusal(error: SecaggError) -> Refusal {
    Refusal::Invalid(error.to_string())
}

fn invalid(why: &str) -> Refusal {
    Refusal::Invalid(why.into())
}

/// Whose it says it is.
fn account(what: &MemberMessage) -> Address {
    match what {
        MemberMessage::Keys(keys) => keys.body.account,
        MemberMessage::Sharing(sharing) => sharing.head.body.account,
        MemberMessage::Complaint(complaint) => complaint.passed.envelope.to,
        MemberMessage::Upload(upload) => upload.body.account,
        MemberMessage::Confirm(confirm) => confirm.body.account,
        MemberMessage::Unmask(unmask) => unmask.body.account,
        MemberMessage::Defence(defence) => defence.body.account,
        MemberMessage::Reveal(reveal) => reveal.body.account,
    }
}

/// When it may be sent.
fn phase(what: &MemberMessage) -> Phase {
    match what {
        MemberMessage::Keys(_) => Phase::Keys,
        MemberMessage::Sharing(_) => Phase::Shares,
        MemberMessage::Complaint(_) | MemberMessage::Upload(_) => Phase::Uploads,
        MemberMessage::Confirm(_) => Phase::Confirm,
        MemberMessage::Unmask(_) => Phase::Unmask,
        MemberMessage::Defence(_) => Phase::Defence,
        MemberMessage::Reveal(_) => Phase::Dispute,
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
    pub fn check(&self, from: Address, what: &MemberMessage) -> Result<Admit, Refusal> {
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
        what: &MemberMessage,
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
    pub(super) fn admit(&self, from: Address, what: &MemberMessage) -> Result<Admit, Refusal> {
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
        if self.closed && !matches!(what, MemberMessage::Complaint(_)) {
            return Err(Refusal::WrongPhase { now });
        }
        self.allowed(from, what).map(|()| Admit::New)
    }

    /// Whether it is what was sent before; none if nothing was.
    fn before(&self, from: Address, what: &MemberMessage) -> Option<bool> {
        // Signatures are not compared: a signer may well make another one of the same body.
        match what {
            MemberMessage::Keys(sent) => same(self.keys.get(&from).map(|k| &k.body), &sent.body),
            MemberMessage::Sharing(sent) => {
                let known = self.sharing(from)?;
                Some(known.head.body == sent.head.body && known.envelopes == sent.envelopes)
            }
            // Whatever the proof, that the dealer is guilty is known.
            MemberMessage::Complaint(sent) => {
                let dealer = sent.passed.head.body.account;
                self.complaints.contains(&(from, dealer)).then_some(true)
            }
            MemberMessage::Upload(sent) => {
                same(self.uploads.get(&from).map(|u| &u.body), &sent.body)
            }
            MemberMessage::Confirm(sent) => {
                same(self.confirms.get(&from).map(|c| &c.body), &sent.body)
            }
            MemberMessage::Unmask(sent) => {
                same(self.unmasks.get(&from).map(|u| &u.body), &sent.body)
            }
            MemberMessage::Defence(sent) => {
                same(self.defences.get(&from).map(|d| &d.body), &sent.body)
            }
            MemberMessage::Reveal(sent) => {
                same(self.reveals.get(&from).map(|r| &r.body), &sent.body)
            }
        }
    }

    /// Whether the sender is one of those that are asked in this phase.
    fn allowed(&self, from: Address, what: &MemberMessage) -> Result<(), Refusal> {
        let shared = self.sharers();
        let among = |set: &[Address]| set.binary_search(&from).is_ok();
        let allowed = match what {
            MemberMessage::Keys(_) => true,
            MemberMessage::Sharing(_) => {
                self.roster.as_deref().is_some_and(|roster| among(roster.accounts()))
            }
            MemberMessage::Complaint(complaint) => {
                let dealer = complaint.passed.head.body.account;
                among(shared) && shared.binary_search(&dealer).is_ok()
            }
            MemberMessage::Upload(_) if self.convicted.contains(&from) => {
                return Err(invalid("a share that it has dealt does not open"));
            }
            MemberMessage::Upload(_) => among(shared),
            MemberMessage::Confirm(_) | MemberMessage::Unmask(_) | MemberMessage::Defence(_) => {
                among(self.counted())
            }
            MemberMessage::Reveal(_) => self.disputes.contains_key(&from),
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
    pub fn verify(&self, what: &MemberMessage) -> Result<(), Refusal> {
        let (plan, counted) = (&self.plan.body, self.counted.as_slice());
        let roster = || self.roster.as_deref().ok_or(Refusal::Internal);
        let shared = || self.shared.as_deref().ok_or(Refusal::Internal);
        match what {
            MemberMessage::Keys(keys) => secagg::check_keys(plan, keys).map_err(refusal),
            MemberMessage::Sharing(sharing) => {
                secagg::check_sharing(plan, roster()?, sharing).map_err(refusal)
            }
            MemberMessage::Complaint(complaint) => {
                secagg::check_complaint(plan, roster()?, complaint).map(|_| ()).map_err(refusal)
            }
            MemberMessage::Upload(upload) => {
                secagg::check_upload(plan, shared()?, upload).map_err(refusal)
            }
            MemberMessage::Confirm(confirm) => {
                secagg::check_confirm(plan, shared()?, counted, confirm).map_err(refusal)
            }
            MemberMessage::Unmask(unmask) => {
                secagg::check_unmask(plan, shared()?, counted, unmask).map_err(refusal)
            }
            MemberMessage::Defence(defence) => {
                secagg::check_defence(plan, counted, defence).map_err(refusal)
            }
            MemberMessage::Reveal(reveal) => self.verify_reveal(reveal),
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
