//! What a transaction still owes: events that contracts emit after others, and in this order.

use std::collections::VecDeque;

use alloy_primitives::{Address, B256};

/// Who is about to lose stake, and on which terms.
#[derive(Clone, Debug)]
pub(super) struct Guilty {
    pub round: u64,
    pub account: Address,
    pub reason: B256,
    /// Whether as the round's coordinator.
    pub coordinator: bool,
}

/// Evidence that the contract was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub round: u64,
    pub guilty: Address,
    pub challenger: Address,
    pub reason: B256,
}

/// What has to be told next.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub scores: VecDeque<(Address, u32)>,
    /// The version: round, model and aggregate.
    pub advance: Option<(u64, B256, B256)>,
    /// A coordinator that opens no round again.
    pub bar: Option<Address>,
    /// Evidence whose slash is still to come.
    pub proven: Option<Proven>,
    /// A slash of stake.
    pub guilty: Option<(Guilty, Option<Proven>)>,
    /// Whose obligations change.
    pub obligations: VecDeque<Address>,
    /// Deliveries that the audit has drawn.
    pub demands: VecDeque<Address>,
    /// That a closed domain's money is its funders'.
    pub closing: bool,
}

impl Due {
    /// Whether nothing is.
    pub fn is_even(&self) -> bool {
        let told = self.scores.is_empty() && self.obligations.is_empty() && self.demands.is_empty();
        let slashed = self.bar.is_none() && self.proven.is_none() && self.guilty.is_none();
        told && slashed && self.advance.is_none() && !self.closing
    }
}
