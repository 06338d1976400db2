//! What follows from the results of jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::primitives::Address;
use zktrain_secagg::messages::Test;
use zktrain_wire::messages::{End, Phase, Reason};

use super::{Action, Machine, MisdeedKind, SumResult, TrialResult};

impl Machine {
    /// Jobs that have no result yet: what is to be done again after a restart.
    pub fn pending(&self) -> Vec<Action> {
        match self.phase {
            Phase::Uploads => self.unjudged().map(|account| Action::Judge { account }).collect(),
            Phase::Sum => vec![Action::Sum],
            Phase::Defence | Phase::Dispute if self.closed => vec![Action::Try],
            _ => Vec::new(),
        }
    }

    /// Takes what adding up came to.
    pub(super) fn summed(&mut self, result: SumResult, now_ms: u64) -> Vec<Action> {
        if self.phase != Phase::Sum {
            return Vec::new();
        }
        match result {
            SumResult::Right { model } => {
                let counted = self.counted().to_vec();
                self.over(End::Summed { model, counted })
            }
            SumResult::Wrong => {
                let counted = self.counted().iter();
                let uploads = counted.filter_map(|account| self.uploads.get(account)).cloned();
                self.test = Some(Arc::new(Test { uploads: uploads.collect() }));
                self.begin(Phase::Defence, now_ms, self.plan.body.timing.defence)
            }
            SumResult::Short(accounts) => match accounts.first() {
                Some(account) => self.over(End::Void(Reason::Unrecovered(*account))),
                None => self.over(End::Void(Reason::CalledOff)),
            },
            SumResult::Guilty(accounts) if accounts.is_empty() => {
                self.over(End::Void(Reason::CalledOff))
            }
            SumResult::Guilty(accounts) => {
                for account in &accounts {
                    self.misdeed(*account, MisdeedKind::Dealer);
                }
                self.over(End::Void(Reason::Blamed(accounts)))
            }
            SumResult::Failed => self.over(End::Void(Reason::CalledOff)),
        }
    }

    /// Takes what judging defences came to.
    pub(super) fn tried(&mut self, result: TrialResult, now_ms: u64) -> Vec<Action> {
        if !matches!(self.phase, Phase::Defence | Phase::Dispute) || !self.closed {
            return Vec::new();
        }
        match result {
            // If nobody is to blame the sum is right: then the coordinator is wrong somewhere.
            TrialResult::Guilty(accounts) if accounts.is_empty() => {
                self.over(End::Void(Reason::CalledOff))
            }
            TrialResult::Guilty(accounts) => {
                for account in &accounts {
                    self.misdeed(*account, self.blame(account));
                }
                self.over(End::Void(Reason::Blamed(accounts)))
            }
            TrialResult::Disputes(disputes) => self.disputed(disputes, now_ms),
            TrialResult::Failed => self.over(End::Void(Reason::CalledOff)),
        }
    }

    /// Whether someone to blame has answered all that it was asked, and so shown that it cheats.
    fn blame(&self, account: &Address) -> MisdeedKind {
        let is_disputed = self.disputes.contains_key(account);
        let has_answered = self.defences.contains_key(account)
            && (!is_disputed || self.reveals.contains_key(account));
        if has_answered { MisdeedKind::Blamed } else { MisdeedKind::Undefended }
    }

    /// Asks those whose defences contradict each other, once.
    fn disputed(&mut self, disputes: Vec<(Address, Vec<Address>)>, now_ms: u64) -> Vec<Action> {
        let defended = |account: &Address| self.defences.contains_key(account);
        let hold = |(account, others): &(Address, Vec<Address>)| {
            defended(account) && !others.is_empty() && others.iter().all(defended)
        };
        let is_first = self.phase == Phase::Defence;
        if !is_first || disputes.is_empty() || !disputes.iter().all(hold) {
            return self.over(End::Void(Reason::CalledOff));
        }
        self.disputes = disputes.into_iter().collect::<BTreeMap<_, _>>();
        self.begin(Phase::Dispute, now_ms, self.plan.body.timing.defence)
    }
}
