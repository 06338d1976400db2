//! A round's machine as its driver holds it: with times, and how it stands to the store.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy::primitives::Address;
use tokio::time::Instant;
use zktrain_wire::messages::MemberMessage;

use super::Timed;
use crate::machine::{Action, Machine, ProofVerdict, RoundEvent};

/// Milliseconds since 1970, as they were at some point, and what has passed since.
pub(super) struct Clock {
    pub(super) start_ms: u64,
    pub(super) start: Instant,
}

impl Clock {
    /// Milliseconds since 1970, which never go back.
    pub(super) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.saturating_add(passed)
    }
}

/// The machine, and how it stands to the store.
pub(super) struct State {
    pub(super) machine: Machine,
    /// When its phase began.
    pub(super) since_ms: u64,
    /// When deliveries came that have no verdict yet.
    pub(super) arrived_ms: BTreeMap<Address, u64>,
    /// How long the others waited for theirs.
    pub(super) verified: BTreeMap<Address, Duration>,
    /// Events that the machine has handled.
    pub(super) handled: u64,
    /// There may be an event in the store that the machine has not handled.
    pub(super) behind: bool,
}

/// What takes longer than a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    Judge(Address),
    Sum,
    Try,
}

impl State {
    /// What the machine makes of an event, and what was timed with it.
    pub(super) fn handle(&mut self, event: RoundEvent, at_ms: u64) -> (Vec<Action>, Vec<Timed>) {
        let mut timed: Vec<Timed> = self.time(&event, at_ms).into_iter().collect();
        let before = self.machine.phase();
        let actions = self.machine.handle(event, at_ms);
        if self.machine.phase() != before {
            let since = core::mem::replace(&mut self.since_ms, at_ms);
            timed.push(Timed::Phase(before, passed(since, at_ms)));
        }
        (actions, timed)
    }

    /// Times deliveries, waiting included.
    fn time(&mut self, event: &RoundEvent, at_ms: u64) -> Option<Timed> {
        match event {
            RoundEvent::Contribution { from, what }
                if matches!(**what, MemberMessage::Upload(_)) =>
            {
                self.arrived_ms.insert(*from, at_ms);
                None
            }
            RoundEvent::Judged { account, verdict } => {
                let took = passed(self.arrived_ms.remove(account)?, at_ms);
                self.verified.insert(*account, took);
                Some(Timed::Proof(*verdict == ProofVerdict::Accepted, took))
            }
            _ => None,
        }
    }
}

/// The time between two points, of which a later one may be first: then none.
pub(super) fn passed(since_ms: u64, at_ms: u64) -> Duration {
    Duration::from_millis(at_ms.saturating_sub(since_ms))
}

/// What an action asks for that takes longer than a message.
pub(super) fn job_of(action: &Action) -> Option<Job> {
    match action {
        Action::Judge { account } => Some(Job::Judge(*account)),
        Action::Sum => Some(Job::Sum),
        Action::Try => Some(Job::Try),
        Action::Published | Action::Ended(_) => None,
    }
}
