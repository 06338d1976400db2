//! What contracts allow and when, in a domain in which nearly everything happens: each rule broken by
//! somebody who knows how to compute checksums.

use alloy::primitives::{Address, B256, LogData, U256};
use alloy::sol_types::SolEvent;
use zktrain_audit::AuditReport;
use zktrain_ledger::bindings::demands::Demands;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::export::ExportedLog;
use zktrain_ledger::findings::CheckKind;
use zktrain_ledger::{ChainExport, Members};

use super::export::{
    CHAIN, add, at, decoded, each, edit, insert, is, nth, one, refused, replayed, without,
};
use crate::audit_made::busy::busy;
use zktrain_testchains::economy::HOUR;

type Opened = Rounds::RoundOpened;
type Domain = DomainRegistry::DomainOpened;
type Slashed = StakeManager::Slashed;

/// The rounds of the domain, in order.
pub const VOID: usize = 0;
const NO_SUM: usize = 1;
pub const SUM: usize = 2;
pub const FREE: usize = 3;
pub const BELIED: usize = 4;
/// The last ones were never settled.
const SETTLED: [usize; 4] = [VOID, NO_SUM, SUM, FREE];

pub fn word(text: &str) -> B256 {
    B256::right_padding_from(text.as_bytes())
}

/// A round's number.
pub fn number(round: usize) -> u64 {
    let export = &busy().export;
    decoded::<Opened>(&export.logs[nth::<Opened>(export, round)]).round
}

/// How many events of a kind there are before the first one about a round.
fn before<E: SolEvent>(round: usize) -> usize {
    let (export, number) = (&busy().export, B256::from(U256::from(number(round))));
    let mut all = export.logs.iter().filter(|log| is::<E>(log));
    all.position(|log| log.topics[1] == number).unwrap()
}

/// Changes what was proposed in a round, and the root with it.
fn propose(export: &mut ChainExport, round: usize, change: impl Fn(&mut Rounds::Proposed)) {
    let opened = decoded::<Opened>(&export.logs[nth::<Opened>(export, round)]);
    at(export, before::<Rounds::Proposed>(round), |proposed: &mut Rounds::Proposed| {
        change(proposed);
        proposed.root = Members(opened.members.clone()).delivery_root(&proposed.deliveries);
    });
}

#[test]
fn what_contracts_have_done_holds_and_is_told() {
    let report = replayed(|_| {});
    let chain: Vec<_> = report.failures.iter().filter(|failure| failure.file == CHAIN).collect();
    assert!(chain.is_empty(), "{chain:#?}");
    let outcomes: Vec<_> = report.rounds.iter().map(|round| round.outcome).collect();
    assert_eq!(outcomes, ["void", "empty", "settled", "empty", "void"]);
    let reasons: Vec<_> = report.slashes.iter().map(|slash| slash.reason.as_str()).collect();
    assert_eq!(reasons, ["missed deadline", "equivocation", "too long", "omitted"]);
    // Whose proof the contract has checked is paid, whatever came of the round; the coordinator for
    // what is in the sum alone.
    let paid = |round: usize| -> Vec<bool> {
        report.rounds[round].members.iter().map(|member| member.paid != "0").collect()
    };
    assert_eq!(
        SETTLED.map(paid),
        [vec![true, false, false], vec![true, false, false], vec![true; 3], vec![false; 3]]
    );
    let coordinator = |round: usize| report.rounds[round].coordinator_paid != "0";
    assert_eq!(SETTLED.map(coordinator), [false, false, true, false]);
    let sum = &report.rounds[SUM];
    assert_eq!((sum.counted, sum.demanded, sum.audited), (2, 2, Some(1)));
    let forced = &sum.members[2];
    assert!(forced.delivered && !forced.counted);
    // A round without a budget moves no reputation, one without a sum none of who had no part in it.
    let scores = |report: &AuditReport, round: usize| -> Vec<u32> {
        report.rounds[round].members.iter().map(|member| member.score).collect()
    };
    assert_eq!(scores(&report, FREE), scores(&report, BELIED));
    assert_eq!(scores(&report, NO_SUM)[1..], scores(&report, SUM)[1..]);
    assert!(scores(&report, NO_SUM)[0] < scores(&report, SUM)[0]);
    let page = zktrain_audit::page(&report);
    assert!(page.contains("2 deliveries had to be proven on chain, 1 of them drawn by lot"));
    // Without a node nobody knows that the blocks that drew are the chain's.
    assert!(report.assumed.iter().any(|line| line.contains("headers of the blocks that drew")));
}

/// The last round becomes void sixteen days later, for another reason.
fn late(export: &mut ChainExport, reason: &str) {
    let transaction = export.logs[nth::<Rounds::Voided>(export, 1)].transaction;
    let is_of = |log: &ExportedLog| log.transaction == transaction;
    let mut logs: Vec<ExportedLog> = export.logs.iter().filter(|log| is_of(log)).cloned().collect();
    export.logs.retain(|log| !is_of(log));
    for log in &mut logs {
        if is::<Slashing::Proven>(log) {
            edit(log, |proven: &mut Slashing::Proven| proven.reason = word(reason));
        } else if is::<Rounds::Voided>(log) {
            edit(log, |voided: &mut Rounds::Voided| voided.reason = word(reason));
        } else if is::<Slashed>(log) {
            edit(log, |slashed: &mut Slashed| slashed.reason = word(reason));
        }
    }
    let exited = export.logs[nth::<Rounds::Exited>(export, 0)].transaction;
    let last = export.logs.iter().rposition(|log| log.transaction == exited).unwrap();
    let said =
        logs.into_iter().map(|log| (log.contract, LogData::new_unchecked(log.topics, log.data)));
    insert(export, last + 1, said.collect());
}

/// Somebody demands a delivery of the last round.
fn demand(export: &mut ChainExport) {
    let behind = nth::<Rounds::Proposed>(export, before::<Rounds::Proposed>(BELIED)) + 1;
    let until = export.logs[behind - 1].block.time + 24 * HOUR;
    let (round, account, by, bond) =
        (number(BELIED), busy().members[0], busy().members[1], U256::ONE);
    let demanded = Demands::Demanded { round, account, by, until, bond }.encode_log_data();
    insert(export, behind, vec![(export.deployment.demands, demanded)]);
}

#[test]
fn a_demand_without_an_answer_and_an_audit_that_nobody_draws_cost_the_bond() {
    let failures = |change: &dyn Fn(&mut ChainExport)| -> Vec<String> {
        let report = replayed(change);
        let chain = report.failures.into_iter().filter(|failure| failure.file == CHAIN);
        chain.map(|failure| failure.to_string()).collect()
    };
    let nothing: Vec<String> = Vec::new();
    assert_eq!(failures(&|e| late(e, "unaudited")), nothing);
    let unanswered = |e: &mut ChainExport| {
        demand(e);
        late(e, "unanswered");
    };
    assert_eq!(failures(&unanswered), nothing);
    let void = (CheckKind::Export, "void");
    refused(void, "no demand", |e| late(e, "unanswered"));
    refused(void, "a demand that can still be answered", |e| {
        unanswered(e);
        at(e, 2, |demanded: &mut Demands::Demanded| demanded.until += 30 * 24 * HOUR);
    });
    refused(void, "no audit is due", |e| {
        late(e, "unaudited");
        one(e, |opened: &mut Domain| opened.config.audits = 0);
    });
    refused(void, "evidence that came too late", |e| {
        late(e, "omitted");
        one(e, |opened: &mut Domain| opened.config.audits = 0);
    });
}

#[test]
fn domains_are_opened_and_handed_over_within_the_rules() {
    let config = (CheckKind::Export, "config");
    let changes: [fn(&mut Domain); 14] = [
        |d| d.config.coordinator = Address::ZERO,
        |d| d.config.challengeWindow = HOUR - 1,
        |d| d.config.trainerBond = 0,
        |d| d.config.coordinatorBond = 0,
        |d| d.config.coordinatorShare = 10_001,
        |d| d.config.minMembers = 0,
        |d| d.config.maxBudget = d.config.coordinatorBond / 4 + 1,
        |d| d.config.minBudget = 0,
        |d| d.config.minBudget = d.config.maxBudget + 1,
        |d| d.config.minDuration = 599,
        |d| d.config.minWindows = 0,
        |d| d.config.threshold = 4_999,
        |d| d.config.audits = 17,
        |d| d.config.optimistic = false,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        refused(config, &format!("configuration {index}"), |e| one(e, change));
    }
    let owner = (CheckKind::Export, "owner");
    refused(owner, "nobody's offer", |e| drop(without::<DomainRegistry::DomainOffered>(e, 0)));
    refused(owner, "another's offer", |e| {
        one(e, |new: &mut DomainRegistry::OwnerChanged| new.owner = Address::ZERO);
    });
    refused((CheckKind::Payment, "deposit"), "a deposit", |e| {
        one(e, |closed: &mut DomainRegistry::DomainClosed| closed.deposit += U256::ONE);
    });
    refused((CheckKind::Export, "closed"), "a round under way", |e| {
        drop(without::<Rounds::Voided>(e, 1));
    });
    refused((CheckKind::Export, "coordinator"), "a closed domain's coordinator", |e| {
        let (domain, coordinator) = (e.domain, Address::ZERO);
        add(e, e.deployment.registry, &DomainRegistry::CoordinatorChanged { domain, coordinator });
    });
    refused((CheckKind::Export, "domain"), "a second opening", |e| {
        let again = decoded::<Domain>(&e.logs[nth::<Domain>(e, 0)]);
        add(e, e.deployment.registry, &again);
    });
}

#[test]
fn members_join_with_data_of_their_own_and_leave_after_their_rounds() {
    let member = |field| (CheckKind::Membership, field);
    refused(member("dataset"), "another's data", |e| {
        let taken = decoded::<Rounds::Joined>(&e.logs[nth::<Rounds::Joined>(e, 0)]).dataset;
        at(e, 1, |joined: &mut Rounds::Joined| joined.dataset = taken);
    });
    refused(member("windows"), "too few windows", |e| {
        one(e, |opened: &mut Domain| opened.config.minWindows = 4);
    });
    refused(member("joined"), "twice", |e| {
        let again = decoded::<Rounds::Joined>(&e.logs[nth::<Rounds::Joined>(e, 0)]);
        insert(e, nth::<Opened>(e, 0), vec![(e.deployment.rounds, again.encode_log_data())]);
    });
    refused(member("joined"), "after its slash", |e| {
        let again = decoded::<Rounds::Joined>(&e.logs[nth::<Rounds::Joined>(e, 1)]);
        insert(
            e,
            nth::<Rounds::Leaving>(e, 0),
            vec![(e.deployment.rounds, again.encode_log_data())],
        );
    });
    refused(member("leaving"), "in another time", |e| {
        one(e, |leaving: &mut Rounds::Leaving| leaving.leavesAt -= 1);
    });
    refused(member("exited"), "too early", |e| {
        one(e, |leaving: &mut Rounds::Leaving| leaving.leavesAt += HOUR);
    });
    refused(member("exited"), "without leaving", |e| drop(without::<Rounds::Leaving>(e, 0)));
}

#[test]
fn rounds_are_as_long_as_large_and_as_rich_as_domains_let_them() {
    refused((CheckKind::Export, "number"), "another contract's number", |e| {
        each(e, |opened: &mut Opened| opened.round ^= 1 << 40);
    });
    refused((CheckKind::Export, "number"), "an earlier number", |e| {
        at(e, FREE, |opened: &mut Opened| opened.round -= 3);
    });
    let deadline = (CheckKind::Export, "deadline");
    refused(deadline, "too short", |e| one(e, |o: &mut Opened| o.deadline -= HOUR - 599));
    refused(deadline, "too long", |e| one(e, |o: &mut Opened| o.deadline += 7 * 24 * HOUR));
    refused((CheckKind::Payment, "budget"), "too rich", |e| {
        one(e, |opened: &mut Domain| opened.config.maxBudget = 1);
    });
    refused((CheckKind::Payment, "budget"), "too poor", |e| {
        one(e, |opened: &mut Domain| opened.config.minBudget = opened.config.maxBudget);
    });
    refused((CheckKind::Membership, "count"), "too few", |e| {
        one(e, |opened: &mut Domain| opened.config.minMembers = 4);
    });
    refused((CheckKind::Payment, "fee"), "a fee", |e| {
        one(e, |o: &mut Opened| o.settlementFee += 1)
    });
    refused((CheckKind::Payment, "burnShare"), "a share", |e| {
        one(e, |o: &mut Opened| o.burnShare += 1)
    });
    refused((CheckKind::Export, "round"), "an account that was slashed as a coordinator", |e| {
        let old = decoded::<Opened>(&e.logs[nth::<Opened>(e, VOID)]).coordinator;
        one(e, |new: &mut DomainRegistry::CoordinatorChanged| new.coordinator = old);
        at(e, NO_SUM, |opened: &mut Opened| opened.coordinator = old);
    });
    refused((CheckKind::Export, "round"), "something about no round", |e| {
        one(e, |delivered: &mut Rounds::Delivered| delivered.round += 1000);
    });
}

#[test]
fn batches_have_what_was_delivered_to_the_contract_and_are_in_time() {
    type Delivered = Rounds::Delivered;
    let delivered = (CheckKind::Export, "delivered");
    refused(delivered, "a stranger", |e| one(e, |d: &mut Delivered| d.account = Address::ZERO));
    refused(delivered, "nothing", |e| one(e, |d: &mut Delivered| d.update = B256::ZERO));
    refused(delivered, "twice", |e| {
        let again = e.logs[nth::<Delivered>(e, 0)].clone();
        let data = LogData::new_unchecked(again.topics, again.data);
        insert(e, nth::<Delivered>(e, 0) + 1, vec![(again.contract, data)]);
    });
    refused(delivered, "after the deadline", |e| one(e, |o: &mut Opened| o.deadline = 1));
    refused(delivered, "before the draw", |e| drop(without::<Rounds::Drawn>(e, VOID)));
    let delivery = (CheckKind::Export, "delivery");
    refused(delivery, "who is left out", |e| {
        propose(e, SUM, |proposed| proposed.deliveries[2].update = B256::ZERO);
    });
    refused(delivery, "another update", |e| {
        propose(e, NO_SUM, |proposed| proposed.deliveries[0].update.0[0] ^= 1);
    });
    refused(delivery, "a submission of nothing", |e| {
        propose(e, NO_SUM, |proposed| proposed.deliveries[1].submission = B256::repeat_byte(1));
    });
    // Elsewhere contracts know no submissions.
    refused(delivery, "a submission in an eager round", |e| {
        one(e, |opened: &mut Domain| opened.config.optimistic = false);
    });
    refused(delivery, "what nobody has signed or checked", |e| {
        propose(e, NO_SUM, |proposed| proposed.deliveries[1].update = B256::repeat_byte(1));
    });
    let time = (CheckKind::Export, "time");
    refused(time, "before the deadline, without everybody", |e| {
        at(e, NO_SUM, |opened: &mut Opened| opened.deadline += 2 * HOUR);
    });
    refused(time, "after the day for it", |e| {
        at(e, SUM, |opened: &mut Opened| opened.deadline = 1)
    });
    let sum = (CheckKind::Export, "sum");
    refused(sum, "a model of no sum", |e| propose(e, NO_SUM, |p| p.model = B256::repeat_byte(1)));
    refused(sum, "a sum of nothing", |e| propose(e, FREE, |p| p.aggregate = B256::repeat_byte(1)));
    refused(sum, "a sum of what was checked alone", |e| {
        propose(e, NO_SUM, |proposed| proposed.aggregate = B256::repeat_byte(1));
    });
    let ends = (CheckKind::Export, "challengeEnd");
    refused(ends, "a longer window", |e| one(e, |p: &mut Rounds::Proposed| p.challengeEnd += 1));
    refused((CheckKind::Export, "proposed"), "twice", |e| {
        let again = decoded::<Rounds::Proposed>(&e.logs[nth::<Rounds::Proposed>(e, 0)]);
        add(e, e.deployment.rounds, &again);
    });
    refused((CheckKind::Export, "window"), "settled while it could be challenged", |e| {
        one(e, |opened: &mut Domain| opened.config.challengeWindow += HOUR);
        each(e, |proposed: &mut Rounds::Proposed| proposed.challengeEnd += HOUR);
    });
    refused((CheckKind::Export, "settled"), "twice", |e| {
        let again = decoded::<Rounds::Settled>(&e.logs[nth::<Rounds::Settled>(e, VOID)]);
        add(e, e.deployment.rounds, &again);
    });
}

#[test]
fn only_what_is_in_a_sum_is_its_coordinators_and_only_budgets_move_reputations() {
    let paid = (CheckKind::Payment, "paid");
    let full = U256::from(10).pow(U256::from(18)) * U256::from(9);
    // All of its part, as if the third member were in the sum too.
    refused(paid, "a coordinator's whole share", |e| {
        at(e, SUM, |settled: &mut Rounds::Settled| settled.paid += full / U256::from(3));
    });
    refused(paid, "a coordinator without a sum", |e| {
        at(e, NO_SUM, |settled: &mut Rounds::Settled| settled.paid += full);
    });
    let score = (CheckKind::Reputation, "score");
    for round in [VOID, NO_SUM, FREE] {
        refused(score, "who had no part in it", |e| {
            let (domain, account) = (e.domain, busy().members[1]);
            let scored = Reputation::Scored { domain, account, score: 256 }.encode_log_data();
            insert(
                e,
                nth::<Rounds::Settled>(e, round) + 1,
                vec![(e.deployment.reputation, scored)],
            );
        });
    }
    let logs = (CheckKind::Export, "logs");
    refused(logs, "a deposit that is not given back", |e| drop(without::<Escrow::Closed>(e, 0)));
    refused(logs, "a bond that is not given back", |e| {
        let settled = e.logs[nth::<Rounds::Settled>(e, SUM)].transaction;
        let told =
            |log: &&ExportedLog| log.transaction == settled && is::<StakeManager::Obligations>(log);
        let at = e.logs.iter().position(|log| told(&log)).unwrap();
        e.logs.remove(at);
    });
}

#[test]
fn funders_have_what_they_paid_for() {
    type Funded = Escrow::Funded;
    type Withdrawn = Escrow::Withdrawn;
    let shares = (CheckKind::Payment, "shares");
    refused(shares, "the first one's", |e| one(e, |f: &mut Funded| f.shares += U256::ONE));
    refused(shares, "a later one's", |e| at(e, 1, |f: &mut Funded| f.shares = f.amount));
    refused(shares, "after the end", |e| {
        let again = decoded::<Funded>(&e.logs[nth::<Funded>(e, 0)]);
        add(e, e.deployment.escrow, &again);
    });
    let withdrawn = (CheckKind::Payment, "withdrawn");
    refused(withdrawn, "more", |e| one(e, |w: &mut Withdrawn| w.amount += U256::ONE));
    refused(withdrawn, "other shares", |e| one(e, |w: &mut Withdrawn| w.shares += U256::ONE));
    refused(withdrawn, "another's", |e| one(e, |w: &mut Withdrawn| w.to = Address::ZERO));
    refused(withdrawn, "twice", |e| {
        let again = decoded::<Withdrawn>(&e.logs[nth::<Withdrawn>(e, 0)]);
        add(e, e.deployment.escrow, &again);
    });
    refused(withdrawn, "as long as the domain is active", |e| {
        drop(without::<DomainRegistry::DomainClosed>(e, 0));
        drop(without::<Escrow::Closed>(e, 0));
    });
    refused((CheckKind::Payment, "closed"), "without the domain", |e| {
        drop(without::<DomainRegistry::DomainClosed>(e, 0));
    });
}

#[test]
fn slashes_have_evidence_and_take_what_is_at_stake() {
    let void = (CheckKind::Export, "void");
    refused(void, "for nothing", |e| one(e, |v: &mut Rounds::Voided| v.reason = word("weather")));
    for reason in ["unanswered", "unaudited", "omitted", "wrong aggregate", "invalid delivery"] {
        refused(void, reason, |e| one(e, |v: &mut Rounds::Voided| v.reason = word(reason)));
    }
    refused(void, "who was not late", |e| one(e, |o: &mut Opened| o.deadline += 24 * HOUR));
    refused(void, "after the challenge window", |e| {
        let ends = |p: &mut Rounds::Proposed| p.challengeEnd = 1;
        at(e, before::<Rounds::Proposed>(BELIED), ends);
        one(e, |opened: &mut Domain| opened.config.audits = 0);
    });
    refused((CheckKind::Membership, "slashed"), "for nothing", |e| {
        one(e, |slashed: &mut Rounds::MemberSlashed| slashed.reason = word("weather"));
    });
    refused((CheckKind::Membership, "slashed"), "a stranger", |e| {
        one(e, |slashed: &mut Rounds::MemberSlashed| slashed.account = Address::ZERO);
    });
    refused((CheckKind::Membership, "slashed"), "who was not in the round", |e| {
        let guilty = busy().members[1];
        at(e, BELIED, |o: &mut Opened| o.members.retain(|member| member.account != guilty));
    });
    let evidence = (CheckKind::Export, "evidence");
    type Proven = Slashing::Proven;
    for slash in 0..4 {
        refused(evidence, "nothing shown", |e| drop(without::<Proven>(e, slash)));
        refused(evidence, "another", |e| at(e, slash, |p: &mut Proven| p.guilty = Address::ZERO));
    }
    refused(evidence, "by another", |e| at(e, 1, |p: &mut Proven| p.challenger = Address::ZERO));
    let slash = (CheckKind::Payment, "slash");
    let unit = U256::ONE;
    refused(slash, "more than the bond", |e| {
        one(e, |slashed: &mut Slashed| slashed.delegated += slashed.own);
    });
    refused(slash, "a bounty", |e| one(e, |slashed: &mut Slashed| slashed.bounty += unit));
    refused(slash, "a bounty of what others staked", |e| {
        one(e, |slashed: &mut Slashed| std::mem::swap(&mut slashed.own, &mut slashed.delegated));
    });
    refused(slash, "from another time on", |e| one(e, |slashed: &mut Slashed| slashed.since += 1));
    let another = (CheckKind::Export, "slash");
    refused(another, "a reason", |e| one(e, |slashed: &mut Slashed| slashed.reason.0[0] ^= 1));
    refused(another, "a challenger", |e| {
        one(e, |slashed: &mut Slashed| slashed.challenger = Address::ZERO);
    });
    let logs = (CheckKind::Export, "logs");
    refused(logs, "stake that is not taken", |e| drop(without::<Slashed>(e, 0)));
    refused(logs, "who is not barred", |e| drop(without::<Reputation::Barred>(e, 0)));
    refused((CheckKind::Reputation, "barred"), "another", |e| {
        one(e, |barred: &mut Reputation::Barred| barred.account = Address::ZERO);
    });
}

#[test]
fn bonds_are_for_the_account_that_answered() {
    type Collected = Demands::Collected;
    let demand = (CheckKind::Demand, "demand");
    refused(demand, "another", |e| one(e, |c: &mut Collected| c.to = Address::ZERO));
    refused(demand, "more", |e| one(e, |c: &mut Collected| c.amount += U256::ONE));
    refused(demand, "twice", |e| {
        let again = decoded::<Collected>(&e.logs[nth::<Collected>(e, 0)]);
        add(e, e.deployment.demands, &again);
    });
    refused(demand, "before the end", |e| {
        let taken = without::<Collected>(e, 0);
        let data = LogData::new_unchecked(taken.topics, taken.data);
        insert(e, nth::<Rounds::Settled>(e, SUM), vec![(taken.contract, data)]);
    });
}
