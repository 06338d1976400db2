//! Who may be in a round and is paid, where somebody was slashed or has left, a round is void or
//! empty, or the token is another one.

use alloy::primitives::{Address, B256, LogData, U256};
use alloy::sol_types::SolEvent;
use zktrain_cli::lineage::LineageWriter;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::parameters::Parameters;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::findings::CheckKind;
use zktrain_ledger::reputation::Standings;
use zktrain_ledger::{ChainExport, Members, payments};

use super::Check;
use super::export::{CHAIN, decoded, each, edit, first, insert, nth, one, told_by_chain};
use crate::audit::report;
use crate::audit_made::made;
use zktrain_testchains::economy::{BUDGET, tokens};

type Opened = Rounds::RoundOpened;
/// What a contract says.
type Said = (Address, LogData);

/// A member loses its stake in the first round, for two submissions.
fn slash(export: &ChainExport) -> Vec<Said> {
    let (at, account) = (&export.deployment, made().members[0]);
    let (round, domain) = (made().rounds[0], export.domain);
    let (challenger, reason) = (Address::repeat_byte(9), B256::right_padding_from(b"equivocation"));
    let ([own, delegated, bounty], since) = ([U256::ZERO; 3], 0);
    let guilty = account;
    let slashed = StakeManager::Slashed {
        operator: account,
        challenger,
        reason,
        own,
        delegated,
        bounty,
        since,
    };
    let proven = Slashing::Proven { round, guilty, challenger, reason };
    let obligations = StakeManager::Obligations { operator: account, obligations: U256::ZERO };
    vec![
        (at.slashing, proven.encode_log_data()),
        (at.rounds, Rounds::MemberSlashed { round, account, challenger, reason }.encode_log_data()),
        (at.reputation, Reputation::Scored { domain, account, score: 0 }.encode_log_data()),
        (at.stakes, obligations.encode_log_data()),
        (at.stakes, slashed.encode_log_data()),
    ]
}

#[test]
fn who_was_slashed_is_not_paid_and_not_asked_again() {
    told_by_chain((CheckKind::Payment, "paid"), "pay after a slash", |e| {
        insert(e, first::<Rounds::Proposed>(e), slash(e));
    });
    told_by_chain((CheckKind::Membership, "dataset"), "a member after its slash", |e| {
        insert(e, nth::<Opened>(e, 1), slash(e));
    });
}

#[test]
fn rounds_are_of_whom_the_domain_has_then() {
    told_by_chain((CheckKind::Membership, "dataset"), "who has left", |e| {
        let (domain, account) = (e.domain, made().members[0]);
        let exited = Rounds::Exited { domain, account }.encode_log_data();
        insert(e, nth::<Opened>(e, 1), vec![(e.deployment.rounds, exited)]);
    });
    told_by_chain((CheckKind::Export, "round"), "who coordinates no more", |e| {
        let (domain, coordinator) = (e.domain, Address::repeat_byte(1));
        let changed = DomainRegistry::CoordinatorChanged { domain, coordinator }.encode_log_data();
        insert(e, nth::<Opened>(e, 1), vec![(e.deployment.registry, changed)]);
    });
}

#[test]
fn only_reward_tokens_are_burned() {
    told_by_chain((CheckKind::Payment, "fee"), "a fee on another token", |e| {
        let token = Address::repeat_byte(1);
        one(e, |opened: &mut DomainRegistry::DomainOpened| opened.config.token = token);
        each(e, |credited: &mut Escrow::Credited| credited.token = token);
    });
}

#[test]
fn budgets_are_reserved_from_what_is_left() {
    told_by_chain((CheckKind::Payment, "reserved"), "money that is spent", |e| {
        let once_and_a_half = tokens(BUDGET + BUDGET / 2);
        one(e, |funded: &mut Escrow::Funded| funded.amount = once_and_a_half);
    });
    // What void and unfinished rounds gave back is missing.
    told_by_chain((CheckKind::Payment, "withdrawn"), "more than a closed domain has", |e| {
        let funded = decoded::<Escrow::Funded>(&e.logs[first::<Escrow::Funded>(e)]);
        let (domain, to, shares, amount) = (e.domain, funded.from, funded.shares, funded.amount);
        let withdrawn = Escrow::Withdrawn { domain, to, shares, amount }.encode_log_data();
        insert(e, e.logs.len(), vec![(e.deployment.escrow, withdrawn)]);
    });
}

#[test]
fn payments_in_other_domains_are_not_this_ones() {
    let copy = made().copy();
    let mut export = made().export.clone();
    let (token, account) = (export.deployment.reward_token, made().members[0]);
    let credited = Escrow::Credited { token, account, amount: U256::from(1) }.encode_log_data();
    let escrow = export.deployment.escrow;
    insert(&mut export, first::<Rounds::Proposed>(&made().export), vec![(escrow, credited)]);
    export.checksum = export.digest().unwrap();
    LineageWriter::new(copy.path()).unwrap().chain(&export).unwrap();
    let report = report(copy.path(), &made().model());
    assert!(report.valid, "{:#?}", report.failures);
}

#[test]
fn nobody_is_paid_for_a_round_in_which_nothing_was_delivered() {
    told_by_chain((CheckKind::Payment, "paid"), "an empty round", |e| {
        let opened = decoded::<Opened>(&e.logs[nth::<Opened>(e, 1)]);
        let (part, _) = parts(e);
        let [proposed, settled] = [nth::<Rounds::Proposed>(e, 1), nth::<Rounds::Settled>(e, 1)];
        edit(&mut e.logs[proposed], |proposed: &mut Rounds::Proposed| {
            for delivery in &mut proposed.deliveries {
                (delivery.update, delivery.submission) = Default::default();
            }
            let members = Members(opened.members.clone());
            proposed.root = members.delivery_root(&proposed.deliveries);
        });
        edit(&mut e.logs[settled], |settled: &mut Rounds::Settled| settled.paid = part);
    });
}

/// The coordinator's part of a budget and the members'.
fn parts(export: &ChainExport) -> (U256, U256) {
    let opened: DomainRegistry::DomainOpened =
        decoded(&export.logs[first::<DomainRegistry::DomainOpened>(export)]);
    payments::split(tokens(BUDGET), opened.config.coordinatorShare)
}

/// The end of a void round: who is paid, and whose reputation moves.
#[derive(Clone, Default)]
struct End {
    paid: Vec<(Address, U256)>,
    burned: U256,
    moved: Vec<(Address, bool)>,
}

impl End {
    /// The first member had its proof checked before the round became void.
    fn fair(export: &ChainExport) -> Self {
        let mut end = Self { moved: vec![(made().members[0], true)], ..Self::default() };
        end.pay(export, 0);
        end
    }

    fn pay(&mut self, export: &ChainExport, member: usize) {
        let changed =
            decoded::<Parameters::Changed>(&export.logs[first::<Parameters::Changed>(export)]);
        let opened = decoded::<Opened>(&export.logs[nth::<Opened>(export, 2)]);
        let (weight, fee) = (opened.members[member].weight, changed.values.settlementFee);
        let (pay, burned) = payments::member(parts(export).1, weight, fee);
        self.paid.push((opened.members[member].account, pay));
        self.burned += burned;
    }

    fn said(&self, export: &ChainExport) -> Vec<Said> {
        let (at, domain, round) = (&export.deployment, export.domain, made().rounds[2]);
        let paid: U256 = self.paid.iter().map(|(_, amount)| *amount).sum();
        let settled = Rounds::Settled { round, paid, model: B256::ZERO }.encode_log_data();
        let mut said = vec![(at.rounds, settled)];
        let mut standings = standings();
        for (account, delivered) in &self.moved {
            let score = standings.settle(*account, *delivered).unwrap();
            let scored = Reputation::Scored { domain, account: *account, score };
            said.push((at.reputation, scored.encode_log_data()));
        }
        let token = at.reward_token;
        for (account, amount) in self.paid.iter().copied() {
            let credited = Escrow::Credited { token, account, amount };
            said.push((at.escrow, credited.encode_log_data()));
        }
        let (burned, returned) = (self.burned, tokens(BUDGET) - paid - self.burned);
        let shared = Escrow::Shared { domain, paid, burned, returned };
        said.push((at.escrow, shared.encode_log_data()));
        said
    }
}

/// After two settled rounds, of which the last member missed one.
fn standings() -> Standings {
    let mut standings = Standings::default();
    for (member, account) in made().members.iter().enumerate() {
        standings.admit(*account);
        standings.settle(*account, true);
        standings.settle(*account, member < 2);
    }
    standings
}

/// The first member's proof, checked by the contract in the last round.
fn delivered(export: &ChainExport) -> Said {
    let (round, account) = (made().rounds[2], made().members[0]);
    let delivered = Rounds::Delivered { round, account, update: B256::repeat_byte(3) };
    (export.deployment.rounds, delivered.encode_log_data())
}

/// As if the last round had ended so.
fn worked(export: &mut ChainExport, end: &End) {
    export.logs.remove(nth::<Escrow::Shared>(export, 2));
    let checked = delivered(export);
    insert(export, nth::<Rounds::Drawn>(export, 2) + 1, vec![checked]);
    let said = end.said(export);
    insert(export, export.logs.len(), said);
}

#[test]
fn void_rounds_pay_for_what_was_checked_and_nothing_else() {
    let fair = End::fair(&made().export);
    let copy = made().copy();
    let mut export = made().export.clone();
    worked(&mut export, &fair);
    export.checksum = export.digest().unwrap();
    LineageWriter::new(copy.path()).unwrap().chain(&export).unwrap();
    let report = report(copy.path(), &made().model());
    let chain: Vec<_> = report.failures.iter().filter(|failure| failure.file == CHAIN).collect();
    assert!(chain.is_empty(), "{chain:#?}");

    let cheat = |check: Check, what: &str, change: &dyn Fn(&mut End)| {
        let mut end = fair.clone();
        change(&mut end);
        told_by_chain(check, what, |e| worked(e, &end));
    };
    let coordinator = (made().coordinator.address(), parts(&made().export).0);
    let paid = (CheckKind::Payment, "paid");
    cheat(paid, "its coordinator", &|end| end.paid.push(coordinator));
    cheat(paid, "who had delivered nothing", &|end| {
        end.pay(&made().export, 1);
        end.pay(&made().export, 2);
    });
    cheat(paid, "nobody", &|end| *end = End { moved: end.moved.clone(), ..End::default() });
    cheat((CheckKind::Reputation, "score"), "who had no time to deliver", &|end| {
        end.moved.extend(made().members[1..].iter().map(|account| (*account, false)));
    });
    told_by_chain((CheckKind::Payment, "shared"), "a budget that somebody has worked for", |e| {
        insert(e, nth::<Rounds::Drawn>(e, 2) + 1, vec![delivered(e)]);
    });
}
