//! How phases end.

use std::sync::Arc;

use alloy::primitives::Address;
use zktrain_secagg::group::{Roster, Shared};
use zktrain_wire::messages::{End, Phase, Reason};

use super::{Action, Machine, MisdeedKind, ProofVerdict, after};

impl Machine {
    /// Ends the phase if everybody who can has answered.
    pub(super) fn advance(&mut self, now_ms: u64) -> Vec<Action> {
        if self.complete() { self.end_phase(now_ms) } else { Vec::new() }
    }

    /// Whether everybody who is asked in this phase, and still can, has answered.
    fn complete(&self) -> bool {
        let shared = self.sharers();
        match self.phase {
            Phase::Keys => self.keys.len() == self.plan.body.members.len(),
            Phase::Shares => self.dealt.len() == self.keys.len(),
            Phase::Uploads if self.closed => !self.is_judging(),
            Phase::Uploads => {
                let answered = |account| {
                    self.convicted.contains(account) || self.verdicts.contains_key(account)
                };
                shared.iter().all(answered)
            }
            Phase::Confirm => self.confirms.len() == self.counted().len(),
            Phase::Unmask => self.confirms.keys().all(|account| self.unmasks.contains_key(account)),
            Phase::Defence => !self.closed && self.defences.len() == self.counted().len(),
            Phase::Dispute => !self.closed && self.reveals.len() == self.disputes.len(),
            Phase::Sum | Phase::Ended => false,
        }
    }

    /// Whether a proof that matters is being verified.
    fn is_judging(&self) -> bool {
        self.unjudged().next().is_some()
    }

    /// Whose proofs are to be verified.
    pub(super) fn unjudged(&self) -> impl Iterator<Item = Address> + '_ {
        let open = |account: &Address| {
            !self.verdicts.contains_key(account) && !self.convicted.contains(account)
        };
        self.uploads.keys().copied().filter(open)
    }

    /// Ends the phase if its time is over.
    pub(super) fn tick(&mut self, now_ms: u64) -> Vec<Action> {
        // The chain would take nothing else any more.
        if self.is_due(now_ms) {
            return self.over(End::Void(Reason::CalledOff));
        }
        match self.deadline {
            Some(deadline) if now_ms >= deadline => {}
            _ => return Vec::new(),
        }
        self.note_absent();
        match self.phase {
            Phase::Uploads if !self.closed && self.is_judging() => {
                self.closed = true;
                self.deadline = Some(self.by(now_ms, self.plan.body.timing.confirm));
                Vec::new()
            }
            // A job took too long.
            Phase::Sum => self.over(End::Void(Reason::CalledOff)),
            Phase::Defence | Phase::Dispute if self.closed => {
                self.over(End::Void(Reason::CalledOff))
            }
            _ => self.end_phase(now_ms),
        }
    }

    fn end_phase(&mut self, now_ms: u64) -> Vec<Action> {
        match self.phase {
            Phase::Keys => self.end_keys(now_ms),
            Phase::Shares => self.end_shares(now_ms),
            Phase::Uploads => self.end_uploads(now_ms),
            Phase::Confirm => self.end_confirm(now_ms),
            Phase::Unmask => self.end_unmask(now_ms),
            Phase::Defence | Phase::Dispute => self.begin_trial(now_ms),
            Phase::Sum | Phase::Ended => Vec::new(),
        }
    }

    /// Begins the next phase, for which members have been told what to answer.
    pub(super) fn begin(&mut self, phase: Phase, now_ms: u64, seconds: u32) -> Vec<Action> {
        self.phase = phase;
        self.closed = false;
        if self.is_hopeless(phase, now_ms) {
            return self.over(End::Void(Reason::CalledOff));
        }
        self.deadline = Some(self.allot(phase, now_ms, u64::from(seconds) * 1000));
        vec![Action::Published]
    }

    /// When a job that begins now is given up.
    fn by(&self, now_ms: u64, seconds: u32) -> u64 {
        after(now_ms, seconds).min(self.ends().until_ms.unwrap_or(u64::MAX))
    }

    /// The phase's time is over: notes who was silent while others depended on it. Not of those that
    /// had less time than they were told.
    fn note_absent(&mut self) {
        if self.closed || self.shortened {
            return;
        }
        let phase = self.phase;
        let silent: Vec<Address> = match phase {
            Phase::Uploads => {
                let asked = self.sharers().iter().filter(|who| !self.convicted.contains(*who));
                asked.filter(|who| !self.uploads.contains_key(*who)).copied().collect()
            }
            Phase::Confirm => {
                let asked = self.counted().iter();
                asked.filter(|who| !self.confirms.contains_key(*who)).copied().collect()
            }
            Phase::Unmask => {
                let asked = self.confirms.keys();
                asked.filter(|who| !self.unmasks.contains_key(*who)).copied().collect()
            }
            _ => Vec::new(),
        };
        silent.into_iter().for_each(|who| self.misdeed(who, MisdeedKind::Absent { phase }));
    }

    /// Ends the round.
    pub(super) fn over(&mut self, end: End) -> Vec<Action> {
        self.phase = Phase::Ended;
        self.deadline = None;
        self.end = Some(end.clone());
        vec![Action::Published, Action::Ended(end)]
    }

    fn end_keys(&mut self, now_ms: u64) -> Vec<Action> {
        let accounts: Vec<Address> = self.keys.keys().copied().collect();
        if let Some(end) = self.too_few(&accounts, true) {
            return self.over(end);
        }
        let keys: Vec<_> = self.keys.values().cloned().collect();
        // They were checked one by one before they were taken.
        match Roster::new(&self.plan.body, &keys) {
            Ok(roster) => self.roster = Some(Arc::new(roster)),
            Err(_) => return self.over(End::Void(Reason::CalledOff)),
        }
        self.begin(Phase::Shares, now_ms, self.plan.body.timing.shares)
    }

    fn end_shares(&mut self, now_ms: u64) -> Vec<Action> {
        let accounts: Vec<Address> = self.dealt.keys().copied().collect();
        if let Some(end) = self.too_few(&accounts, true) {
            return self.over(end);
        }
        self.sharings = Arc::new(core::mem::take(&mut self.dealt).into_values().collect());
        let heads = self.sharings.iter().map(|sharing| &sharing.head.body);
        // They were checked one by one before they were taken.
        match self.roster.as_deref().map(|roster| Shared::new(roster, heads)) {
            Some(Ok(shared)) => self.shared = Some(Arc::new(shared)),
            _ => return self.over(End::Void(Reason::CalledOff)),
        }
        self.begin(Phase::Uploads, now_ms, self.plan.body.timing.uploads)
    }

    fn end_uploads(&mut self, now_ms: u64) -> Vec<Action> {
        let accepted = self.accepted();
        if let Some(end) = self.too_few(&accepted, true) {
            return self.over(end);
        }
        self.counted = Some(Arc::new(accepted));
        self.begin(Phase::Confirm, now_ms, self.plan.body.timing.confirm)
    }

    /// Whose updates are counted, or would be if phase Uploads ended now.
    pub(super) fn accepted(&self) -> Vec<Address> {
        if let Some(counted) = &self.counted {
            return counted.to_vec();
        }
        let accepted = self.verdicts.iter().filter(|(account, verdict)| {
            **verdict == ProofVerdict::Accepted && !self.convicted.contains(*account)
        });
        accepted.map(|(account, _)| *account).collect()
    }

    fn end_confirm(&mut self, now_ms: u64) -> Vec<Action> {
        let accounts: Vec<Address> = self.confirms.keys().copied().collect();
        if let Some(end) = self.too_few(&accounts, false) {
            return self.over(end);
        }
        self.confirmed = true;
        self.begin(Phase::Unmask, now_ms, self.plan.body.timing.unmask)
    }

    fn end_unmask(&mut self, now_ms: u64) -> Vec<Action> {
        let accounts: Vec<Address> = self.unmasks.keys().copied().collect();
        if let Some(end) = self.too_few(&accounts, false) {
            return self.over(end);
        }
        self.begin(Phase::Sum, now_ms, self.plan.body.timing.unmask);
        self.deadline = Some(self.sum_by(now_ms));
        vec![Action::Sum]
    }

    /// When a sum that begins now is given up: it takes as long as it is large, and nobody waits for
    /// it but the chain.
    fn sum_by(&self, now_ms: u64) -> u64 {
        let (counted, shared) = (self.counted().len(), self.sharers().len());
        let takes = |bounds: super::Bounds| bounds.sum_ms(counted, shared.saturating_sub(counted));
        let more = self.bounds.map_or(0, takes);
        let until = self.ends().until_ms.unwrap_or(u64::MAX);
        after(now_ms, self.plan.body.timing.unmask).saturating_add(more).min(until)
    }

    /// Defences, or answers in disputes, are judged.
    fn begin_trial(&mut self, now_ms: u64) -> Vec<Action> {
        self.closed = true;
        self.deadline = Some(self.by(now_ms, self.plan.body.timing.defence));
        vec![Action::Try]
    }

    /// How the round ends if these are too few to go on.
    fn too_few(&self, accounts: &[Address], weights: bool) -> Option<End> {
        let plan = &self.plan.body;
        let weighs = |account: &&Address| plan.member(**account).is_some_and(|m| m.weight > 0);
        let needs = [
            (plan.threshold, accounts.len(), true),
            (plan.least, accounts.iter().filter(weighs).count(), weights),
        ];
        let short =
            |(needed, got, matters): &(u32, usize, bool)| *matters && *got < *needed as usize;
        let (needed, got, _) = needs.into_iter().find(short)?;
        let got = u32::try_from(got).unwrap_or(u32::MAX);
        Some(End::Void(Reason::TooFew { phase: self.phase, needed, got }))
    }

    /// Takes what the verification of a proof came to.
    pub(super) fn judged(&mut self, account: Address, verdict: ProofVerdict) {
        let is_asked = self.phase == Phase::Uploads && self.uploads.contains_key(&account);
        if !is_asked || self.verdicts.contains_key(&account) {
            return;
        }
        if let ProofVerdict::Rejected { signed, why } = &verdict {
            self.misdeed(account, MisdeedKind::Submission { signed: *signed, why: why.clone() });
        }
        self.verdicts.insert(account, verdict);
    }
}
