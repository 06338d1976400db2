//! Follows a domain event by event, without asking whether contracts would have emitted what comes: for
//! those who believe their node, and for all that is not in an export, as stakes are.
//!
//! What an event changes in a domain's history is the same as in the [replay](crate::replay), which asks.

use alloy_primitives::{Address, B256, U256};

use crate::bindings::escrow::Escrow::EscrowEvents;
use crate::bindings::registry::DomainRegistry::DomainRegistryEvents;
use crate::bindings::rounds::Rounds::RoundsEvents;
use crate::export::{Block, ChainEvent};
use crate::history::DomainHistory;
use crate::stakes::StakePools;

/// What a settlement has credited to a member or a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The round that earned it.
    pub round: u64,
    /// Who is owed.
    pub account: Address,
    /// In the smallest unit of the domain's token.
    pub amount: U256,
}

/// A settlement whose payments are being credited.
#[derive(Clone, Debug)]
struct Settling {
    transaction: B256,
    round: u64,
    credits: Vec<(Address, U256)>,
}

/// What a domain's events come to.
#[derive(Clone, Debug, Default)]
pub struct DomainFollower {
    domain: u64,
    settling: Option<Settling>,
    /// Rounds, versions, members and slashes. What a slash has burned is not in it: of stake nothing says
    /// which domain it is about.
    pub history: DomainHistory,
    /// What settlements have credited in the domain's token, in order.
    pub payments: Vec<Payment>,
    /// Stakes with all accounts.
    pub stakes: StakePools,
}

impl DomainFollower {
    /// Of a domain, before its first event.
    pub fn new(domain: u64) -> Self {
        Self { domain, ..Self::default() }
    }

    /// The next event, in the order of the chain. Those of other domains change nothing but stakes.
    pub fn apply(&mut self, event: ChainEvent, block: Block, transaction: B256) {
        match event {
            ChainEvent::Domain(event) => self.registry(event, block),
            ChainEvent::Rounds(event) => self.rounds(event, block, transaction),
            ChainEvent::Escrow(event) => self.escrow(&event, transaction),
            ChainEvent::Stakes(event) => self.stakes.apply(&event),
            _ => {}
        }
    }

    fn registry(&mut self, event: DomainRegistryEvents, block: Block) {
        match event {
            DomainRegistryEvents::DomainOpened(event) if event.domain == self.domain => {
                self.history.opened = Some((event.config, event.spec));
            }
            DomainRegistryEvents::ModelAdvanced(event) if event.domain == self.domain => {
                self.history.advance(&event, block);
            }
            _ => {}
        }
    }

    fn rounds(&mut self, event: RoundsEvents, block: Block, transaction: B256) {
        let history = &mut self.history;
        match event {
            RoundsEvents::Joined(event) if event.domain == self.domain => history.join(&event),
            RoundsEvents::Leaving(event) if event.domain == self.domain => history.leave(&event),
            RoundsEvents::Exited(event) if event.domain == self.domain => history.exit(&event),
            RoundsEvents::RoundOpened(event) if event.domain == self.domain => {
                history.open(event, Vec::new(), block);
            }
            RoundsEvents::Delivered(event) => {
                if let Some(round) = history.round(event.round) {
                    round.deliver(&event);
                }
            }
            RoundsEvents::Proposed(event) => {
                if let Some(round) = history.round(event.round) {
                    round.propose(event, block);
                }
            }
            RoundsEvents::Settled(event) => {
                let settled = history.settle(event.round, block);
                if settled.is_some() {
                    let credits = Vec::new();
                    self.settling = Some(Settling { transaction, round: event.round, credits });
                }
            }
            RoundsEvents::Voided(event) => history.void(&event, block),
            RoundsEvents::MemberSlashed(event) => history.slash_member(&event),
            _ => {}
        }
    }

    /// A settlement credits everybody, in the same transaction, and then says how much it was. No
    /// other contract's call comes between.
    fn escrow(&mut self, event: &EscrowEvents, transaction: B256) {
        let Some(settling) = &mut self.settling else { return };
        if settling.transaction != transaction {
            self.settling = None;
            return;
        }
        match event {
            EscrowEvents::Credited(event) => {
                let token = self.history.opened.as_ref().map(|(config, _)| config.token);
                if token == Some(event.token) {
                    settling.credits.push((event.account, event.amount));
                }
            }
            EscrowEvents::Shared(event) if event.domain == self.domain => {
                let round = settling.round;
                let credits = std::mem::take(&mut settling.credits).into_iter();
                self.payments.extend(credits.map(|(account, amount)| Payment {
                    round,
                    account,
                    amount,
                }));
                self.settling = None;
            }
            _ => {}
        }
    }
}
