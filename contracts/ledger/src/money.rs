//! A domain's money, as `Escrow.sol` holds it: what funders have, and what rounds pay to whom.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{Address, U256, U512};

use super::findings::{CheckKind, Findings, Place};
use crate::bindings::escrow::Escrow::{self, EscrowEvents};
use crate::bindings::registry::IDomainRegistry::Config;
use crate::export::CHAIN;

/// Seconds without a round's budget after which funders may withdraw: `Escrow.IDLE`.
const IDLE: u64 = 90 * 24 * 3600;
/// A generation's shares are `2^64` of the last one's.
const SCALE_LOG: usize = 64;
/// After so many generations nothing is left of 256-bit numbers.
const NOTHING: u64 = 4;

/// What funders have together.
#[derive(Debug, Default)]
struct Funders {
    shares: U256,
    generation: u64,
    /// Shares of each, and their generation.
    holdings: BTreeMap<Address, (U256, u64)>,
}

impl Funders {
    /// An account's shares now.
    fn of(&self, account: Address) -> U256 {
        let (shares, generation) = self.holdings.get(&account).copied().unwrap_or_default();
        let passed = self.generation.saturating_sub(generation);
        let bits = SCALE_LOG * usize::try_from(passed.min(NOTHING)).unwrap_or_default();
        shares >> bits
    }

    /// Starts as many generations as keep shares within bounds.
    fn scale(&mut self, assets: U256) {
        if assets.is_zero() {
            if !self.shares.is_zero() {
                (self.shares, self.generation) = (U256::ZERO, self.generation + NOTHING);
            }
            return;
        }
        while self.shares >> SCALE_LOG >= assets {
            self.shares >>= SCALE_LOG;
            self.generation += 1;
        }
    }
}

/// What a domain has, and what the escrow has to tell next.
#[derive(Debug, Default)]
pub(super) struct Money {
    /// What has to be reserved next.
    pub reserve: Option<U256>,
    domain: u64,
    token: Address,
    available: U256,
    reserved: U256,
    funders: Funders,
    /// When a round's budget last moved, or the domain was first funded.
    active: Option<u64>,
    closed: bool,
    credits: VecDeque<(Address, U256)>,
    shared: Option<(U256, U256, U256)>,
}

/// `a · b / c`, rounded down; zero if there is none.
fn mul_div(a: U256, b: U256, c: U256) -> U256 {
    let whole = U512::from(a) * U512::from(b);
    whole.checked_div(U512::from(c)).map(U256::saturating_from).unwrap_or_default()
}

impl Money {
    pub fn new(domain: u64) -> Self {
        Self { domain, ..Self::default() }
    }

    /// A domain's rules.
    pub fn open(&mut self, config: &Config) {
        self.token = config.token;
    }

    /// What the escrow has to tell when it shares out a budget. Payments of nothing are not told.
    pub fn expect(&mut self, payments: Vec<(Address, U256)>, burned: U256, budget: U256) {
        if budget.is_zero() {
            return;
        }
        let paid: U256 = payments.iter().map(|(_, amount)| *amount).sum();
        self.credits = payments.into_iter().filter(|(_, amount)| !amount.is_zero()).collect();
        self.shared = Some((paid, burned, budget.saturating_sub(paid + burned)));
    }

    /// Whether everything that had to be told was. Payments are due only as long as it is that the
    /// budget is shared out.
    pub fn is_even(&self) -> bool {
        self.reserve.is_none() && self.shared.is_none()
    }

    /// Forgets what had to be told.
    pub fn clear(&mut self) {
        (self.reserve, self.shared) = (None, None);
        self.credits.clear();
    }

    fn assets(&self) -> U256 {
        self.available.saturating_add(self.reserved)
    }

    /// The next event, at this time. Other domains', in one transaction with this one's, are none of
    /// ours; what is credited names none, and is ours as long as a settlement is. `closing`: whether the
    /// domain was closed, and the escrow is to say so.
    pub fn event(
        &mut self,
        event: EscrowEvents,
        now: u64,
        closing: &mut bool,
        findings: &mut Findings,
    ) {
        let domain = self.domain;
        let ours = |of: u64| of == domain;
        match event {
            EscrowEvents::Funded(event) if ours(event.domain) => self.funded(&event, now, findings),
            EscrowEvents::Reserved(event) if ours(event.domain) => {
                self.set_aside(&event, now, findings);
            }
            EscrowEvents::Credited(event) if self.shared.is_some() => {
                self.credited(&event, findings);
            }
            EscrowEvents::Shared(event) if ours(event.domain) => self.shares(&event, now, findings),
            EscrowEvents::Withdrawn(event) if ours(event.domain) => {
                self.withdrawn(&event, now, findings);
            }
            EscrowEvents::Closed(event) if ours(event.domain) => {
                let problem = "the escrow was closed without the domain";
                check(findings, "closed", std::mem::take(closing), problem.to_owned());
                self.closed = true;
            }
            _ => {}
        }
    }

    /// Shares are issued at what they are worth; what a round has set aside counts.
    fn funded(&mut self, event: &Escrow::Funded, now: u64, findings: &mut Findings) {
        let assets = self.assets();
        let expected = match assets.is_zero() {
            true => event.amount,
            false => mul_div(event.amount, self.funders.shares, assets),
        };
        let holds = expected == event.shares && !event.amount.is_zero() && !self.closed;
        check(findings, "shares", holds, format!("{} are not what was paid", event.shares));
        let held = self.funders.of(event.from).saturating_add(event.shares);
        self.funders.holdings.insert(event.from, (held, self.funders.generation));
        self.funders.shares = self.funders.shares.saturating_add(event.shares);
        self.available = self.available.saturating_add(event.amount);
        self.active.get_or_insert(now);
    }

    fn set_aside(&mut self, event: &Escrow::Reserved, now: u64, findings: &mut Findings) {
        let expected = self.reserve.take();
        let holds = expected == Some(event.amount) && event.amount <= self.available;
        check(findings, "reserved", holds, format!("{} is not the budget", event.amount));
        self.available = self.available.saturating_sub(event.amount);
        self.reserved = self.reserved.saturating_add(event.amount);
        self.active = Some(now);
    }

    fn credited(&mut self, event: &Escrow::Credited, findings: &mut Findings) {
        let got = (event.account, event.amount);
        let expected = self.credits.pop_front();
        let text = format!("{:#x} was credited {}: ", got.0, got.1);
        let due = expected.map_or_else(
            || "nothing was due".to_owned(),
            |(account, amount)| format!("{account:#x} was due {amount}"),
        );
        let holds = expected == Some(got) && event.token == self.token;
        check(findings, "payment", holds, text + &due);
    }

    fn shares(&mut self, event: &Escrow::Shared, now: u64, findings: &mut Findings) {
        let got = (event.paid, event.burned, event.returned);
        let holds = self.shared.take() == Some(got) && self.credits.is_empty();
        let problem = format!("{} paid, {} burned, {} returned", got.0, got.1, got.2);
        check(findings, "shared", holds, problem + ": this does not follow");
        let moved = got.0.saturating_add(got.1).saturating_add(got.2);
        self.reserved = self.reserved.saturating_sub(moved);
        self.available = self.available.saturating_add(event.returned);
        self.credits.clear();
        self.active = Some(now);
        self.funders.scale(self.assets());
    }

    /// Funders take what is theirs of a domain that is closed, or idle.
    fn withdrawn(&mut self, event: &Escrow::Withdrawn, now: u64, findings: &mut Findings) {
        let idle = self.active.is_some_and(|active| now >= active.saturating_add(IDLE));
        let free = (self.closed || idle) && self.reserved.is_zero();
        let shares = self.funders.of(event.to);
        let amount = mul_div(shares, self.available, self.funders.shares);
        let holds = free && (event.shares, event.amount) == (shares, amount) && !shares.is_zero();
        let text = format!("{} are not this funder's, or not yet", event.amount);
        check(findings, "withdrawn", holds, text);
        self.funders.holdings.remove(&event.to);
        self.funders.shares = self.funders.shares.saturating_sub(event.shares);
        self.available = self.available.saturating_sub(event.amount);
        self.funders.scale(self.assets());
    }
}

fn check(findings: &mut Findings, field: &str, holds: bool, problem: String) {
    findings.check(CheckKind::Payment, &Place::file(CHAIN), field, holds, || problem);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the tests of `Escrow.sol` have it: who funds later has no part in what was spent before.
    #[test]
    fn funders_have_shares_of_what_is_left() {
        let [one, other] = [1, 2].map(Address::repeat_byte);
        let mut money = Money::new(7);
        let mut findings = Findings::default();
        let n = |n: u64| U256::from(n);
        let mut closing = true;
        let mut tell = |money: &mut Money, event: EscrowEvents, now: u64| {
            money.event(event, now, &mut closing, &mut findings);
            findings.failures().len()
        };
        let funded = |from: Address, amount: u64, shares: u64| {
            let (amount, shares) = (n(amount), n(shares));
            EscrowEvents::Funded(Escrow::Funded { domain: 7, from, amount, shares })
        };
        let withdrawn = |to: Address, shares: u64, amount: u64| {
            let (amount, shares) = (n(amount), n(shares));
            EscrowEvents::Withdrawn(Escrow::Withdrawn { domain: 7, to, shares, amount })
        };
        assert_eq!(tell(&mut money, funded(one, 100, 100), 5), 0);
        money.reserve = Some(n(80));
        let reserved = Escrow::Reserved { domain: 7, amount: n(80) };
        assert_eq!(tell(&mut money, EscrowEvents::Reserved(reserved), 6), 0);
        money.expect(vec![(other, n(50))], n(0), n(80));
        let credited = Escrow::Credited { token: Address::ZERO, account: other, amount: n(50) };
        assert_eq!(tell(&mut money, EscrowEvents::Credited(credited), 7), 0);
        let (paid, burned, returned) = (n(50), n(0), n(30));
        let shared = Escrow::Shared { domain: 7, paid, burned, returned };
        assert_eq!(tell(&mut money, EscrowEvents::Shared(shared), 7), 0);
        // Of 50 that are left each of the 100 shares is a half.
        assert_eq!(tell(&mut money, funded(other, 25, 50), 8), 0);
        assert_eq!(tell(&mut money, withdrawn(one, 100, 50), 9), 1, "the domain is active");
        let idle = 7 + IDLE;
        assert_eq!(tell(&mut money, withdrawn(other, 50, 25), idle), 1);
        assert_eq!(tell(&mut money, withdrawn(other, 50, 25), idle), 2, "nothing is left");
        assert_eq!(tell(&mut money, funded(one, 25, 10), idle), 3, "too few");
        let elsewhere = Escrow::Closed { domain: 8 };
        assert_eq!(tell(&mut money, EscrowEvents::Closed(elsewhere), idle), 3, "another domain");
        assert_eq!(tell(&mut money, EscrowEvents::Closed(Escrow::Closed { domain: 7 }), idle), 3);
        assert_eq!(tell(&mut money, funded(one, 25, 25), idle), 4, "closed");
    }

    #[test]
    fn shares_lose_their_generation_with_the_money() {
        let mut funders = Funders { shares: U256::from(1) << 70, ..Funders::default() };
        let account = Address::repeat_byte(1);
        funders.holdings.insert(account, (funders.shares, 0));
        funders.scale(U256::from(64));
        assert_eq!((funders.generation, funders.of(account)), (1, U256::from(64)));
        funders.scale(U256::ZERO);
        assert_eq!((funders.shares, funders.of(account)), (U256::ZERO, U256::ZERO));
        assert_eq!(mul_div(U256::MAX, U256::MAX, U256::MAX), U256::MAX);
        assert_eq!(mul_div(U256::MAX, U256::ONE, U256::ZERO), U256::ZERO);
    }
}
