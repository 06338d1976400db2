//! The domain itself: how it was opened, whose it is, and its versions.

use alloy_primitives::U256;

use super::super::findings::{CheckKind, Place};
use super::{Replay, rules};
use crate::bindings::registry::DomainRegistry::{self, DomainRegistryEvents};
use crate::export::CHAIN;
use crate::export::ExportedLog;

impl Replay<'_> {
    pub(super) fn domain(&mut self, event: DomainRegistryEvents, log: &ExportedLog) {
        match event {
            DomainRegistryEvents::DomainOpened(event) => self.began(event, log.block.time),
            DomainRegistryEvents::CoordinatorChanged(event) => {
                self.about_domain("coordinator", !self.rules.closed, "the domain is closed");
                self.rules.coordinator = event.coordinator;
            }
            DomainRegistryEvents::DomainOffered(event) => {
                self.about_domain("owner", !self.rules.closed, "the domain is closed");
                self.rules.offered = Some(event.to);
            }
            DomainRegistryEvents::OwnerChanged(event) => {
                let offered = self.rules.offered.take() == Some(event.owner) && !self.rules.closed;
                self.about_domain("owner", offered, "the domain was not offered to its new owner");
            }
            DomainRegistryEvents::ModelAdvanced(event) => self.advanced(&event, log),
            DomainRegistryEvents::DomainClosed(event) => self.ended(&event),
        }
    }

    /// Records a check of the domain's own events.
    fn about_domain(&mut self, field: &str, holds: bool, problem: &str) {
        let place = Place::file(CHAIN);
        self.findings.check(CheckKind::Export, &place, field, holds, || problem.to_owned());
    }

    fn began(&mut self, event: DomainRegistry::DomainOpened, now: u64) {
        let place = Place::file(CHAIN);
        let number = self.export.domain;
        self.findings.equal(CheckKind::Export, &place, "domain", number, event.domain);
        self.about_domain("domain", self.rules.config.is_none(), "it was opened twice");
        let reward = self.export.deployment.reward_token;
        let refused = rules::refused(&event.config, self.rules.values.as_ref(), reward);
        let problem = || format!("no domain is opened with such a {}", refused.unwrap_or_default());
        self.findings.check(CheckKind::Export, &place, "config", refused.is_none(), problem);
        self.rules.coordinator = event.config.coordinator;
        if let Some(values) = &self.rules.values {
            let left = values.domainDeposit.saturating_sub(values.domainFee);
            self.rules.deposit = U256::from(left);
        }
        self.head = event.config.genesis;
        self.money.open(&event.config);
        self.rules.config = Some(event.config.clone());
        self.history.opened = Some((event.config, event.spec));
        let usable = !self.is_stopped(now);
        self.about_domain("verifier", usable, "its verifier was stopped then, or never there");
    }

    fn ended(&mut self, event: &DomainRegistry::DomainClosed) {
        let free = self.current.is_none() && !self.rules.closed;
        self.about_domain("closed", free, "a round was under way, or it was closed before");
        let place = Place::file(CHAIN);
        let deposit = U256::from(event.deposit);
        self.findings.equal(CheckKind::Payment, &place, "deposit", self.rules.deposit, deposit);
        (self.rules.closed, self.due.closing) = (true, true);
    }

    fn advanced(&mut self, event: &DomainRegistry::ModelAdvanced, log: &ExportedLog) {
        let number = self.history.versions.len() as u64 + 1;
        let expected = self.due.advance.take();
        let got = Some((event.round, event.model, event.aggregate));
        let holds = expected == got && event.version == number && event.parent == self.head;
        let problem = "the version does not follow from the proposal and the version before";
        self.about(CheckKind::Export, event.round, "version", holds, problem);
        self.head = event.model;
        self.history.advance(event, log.block);
    }
}
