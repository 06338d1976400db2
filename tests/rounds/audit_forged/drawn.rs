//! What is drawn by lot: windows, and the deliveries that an audit has proven on chain.

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, LogData, U256};
use alloy::rlp::Decodable;
use alloy::sol_types::SolEvent;
use zktrain_ledger::ChainExport;
use zktrain_ledger::bindings::demands::Demands;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::export::{Drawing, ExportedLog};
use zktrain_ledger::findings::CheckKind;

use super::export::{add, at, decoded, insert, nth, one, refused, without};
use crate::audit_made::busy::busy;

type Audited = Demands::Audited;
type Demanded = Demands::Demanded;

/// The round in which a delivery is drawn, among those that have an audit.
const SUM: usize = 1;
/// The audit of the round without a budget, which has nothing to draw.
const FREE: usize = 2;

fn said(log: ExportedLog) -> (Address, LogData) {
    (log.contract, LogData::new_unchecked(log.topics, log.data))
}

/// Another block in a block's place, which says that it is that one.
fn remade(drawing: &mut Drawing, change: impl Fn(&mut Header)) {
    let mut header = Header::decode(&mut &drawing.header[..]).unwrap();
    change(&mut header);
    drawing.block.hash = header.hash_slow();
    drawing.header = alloy::rlp::encode(&header).into();
}

/// The position of the demand that the audit has made.
fn by_audit(export: &ChainExport) -> usize {
    let contract = export.deployment.demands;
    let by = |at: usize| decoded::<Demanded>(&export.logs[nth::<Demanded>(export, at)]).by;
    (0..2).find(|at| by(*at) == contract).unwrap()
}

#[test]
fn windows_are_drawn_once_in_time_and_by_randomness() {
    let drawn = (CheckKind::Nonce, "drawn");
    refused(drawn, "twice", |e| {
        let again = said(e.logs[nth::<Rounds::Drawn>(e, 0)].clone());
        insert(e, nth::<Rounds::Delivered>(e, 0), vec![again]);
    });
    refused(drawn, "too early", |e| {
        let early = said(without::<Rounds::Drawn>(e, 0));
        let opened = nth::<Rounds::RoundOpened>(e, 0);
        let transaction = e.logs[opened].transaction;
        let behind = e.logs.iter().rposition(|log| log.transaction == transaction).unwrap() + 1;
        insert(e, behind, vec![early]);
    });
    refused((CheckKind::Nonce, "randomness"), "a chain without any", |e| {
        remade(&mut e.drawing[0], |header| header.mix_hash = B256::with_last_byte(1));
    });
    refused((CheckKind::Nonce, "drawing"), "another number", |e| {
        remade(&mut e.drawing[0], |header| header.number += 1);
    });
    refused((CheckKind::Nonce, "drawing"), "another time", |e| {
        remade(&mut e.drawing[0], |header| header.timestamp += 1);
    });
    // Members, parent and domain are in it: the same randomness draws nothing else.
    let nonce = (CheckKind::Nonce, "nonce");
    type Opened = Rounds::RoundOpened;
    refused(nonce, "a member", |e| one(e, |o: &mut Opened| o.members[0].windows += 1));
    refused(nonce, "a parent", |e| one(e, |o: &mut Opened| o.parent.0[0] ^= 1));
    refused(nonce, "a domain", |e| e.domain += 1);
    refused(nonce, "a nonce", |e| one(e, |d: &mut Rounds::Drawn| d.nonce.0[0] ^= 1));
}

#[test]
fn audits_are_drawn_by_the_randomness_of_a_later_block() {
    let seed = (CheckKind::Demand, "seed");
    refused(seed, "a seed", |e| at(e, SUM, |audited: &mut Audited| audited.seed.0[0] ^= 1));
    refused(seed, "a seed where nothing is drawn", |e| {
        at(e, FREE, |audited: &mut Audited| audited.seed.0[0] ^= 1);
    });
    refused(seed, "other randomness", |e| {
        remade(&mut e.audits[0], |header| header.mix_hash.0[0] ^= 1);
    });
    refused((CheckKind::Demand, "demands"), "fewer", |e| {
        at(e, SUM, |audited: &mut Audited| audited.demands = U256::ZERO);
    });
    refused((CheckKind::Nonce, "drawing"), "no block", |e| e.audits.clear());
    refused((CheckKind::Export, "drawing"), "a block that draws nothing", |e| {
        let mut more = e.audits[0].clone();
        more.round = u64::MAX;
        e.audits.push(more);
    });
    refused((CheckKind::Export, "drawing"), "a block that its events are not in", |e| {
        e.drawing[0].block = e.logs[nth::<Rounds::Drawn>(e, 0)].block;
        e.drawing[0].block.hash.0[0] ^= 1;
    });
    let audit = (CheckKind::Demand, "audit");
    refused(audit, "twice", |e| {
        let again = decoded::<Audited>(&e.logs[nth::<Audited>(e, 0)]);
        add(e, e.deployment.demands, &again);
    });
    refused(audit, "too early", |e| {
        let transaction = e.logs[nth::<Audited>(e, SUM)].transaction;
        let of = |log: &ExportedLog| log.transaction == transaction;
        let early: Vec<_> = e.logs.iter().filter(|log| of(log)).cloned().map(said).collect();
        e.logs.retain(|log| !of(log));
        insert(e, nth::<Rounds::Proposed>(e, SUM) + 1, early);
    });
    refused(audit, "another block without need", |e| {
        let round = decoded::<Audited>(&e.logs[nth::<Audited>(e, SUM)]).round;
        let behind = nth::<Rounds::Proposed>(e, SUM) + 1;
        let target = e.logs[behind - 1].block.number + 2;
        let postponed = Demands::Postponed { round, target }.encode_log_data();
        insert(e, behind, vec![(e.deployment.demands, postponed)]);
    });
}

#[test]
fn what_is_demanded_is_drawn_or_paid_for_and_is_answered() {
    let demand = (CheckKind::Demand, "demand");
    let members = &busy().members;
    refused(demand, "another than was drawn", |e| {
        let drawn = decoded::<Demanded>(&e.logs[nth::<Demanded>(e, by_audit(e))]).account;
        let other = members.iter().copied().find(|account| *account != drawn).unwrap();
        at(e, by_audit(e), |demanded: &mut Demanded| demanded.account = other);
    });
    refused(demand, "what was proven", |e| {
        at(e, 1 - by_audit(e), |demanded: &mut Demanded| demanded.account = members[2]);
    });
    refused(demand, "without a bond", |e| {
        at(e, 1 - by_audit(e), |demanded: &mut Demanded| demanded.bond = U256::ZERO);
    });
    refused(demand, "for a bond of the audit's", |e| {
        at(e, by_audit(e), |demanded: &mut Demanded| demanded.bond = U256::ONE);
    });
    refused(demand, "for longer", |e| one(e, |demanded: &mut Demanded| demanded.until += 1));
    refused(demand, "too late", |e| {
        at(e, SUM, |proposed: &mut Rounds::Proposed| proposed.challengeEnd = 1);
    });
    type Answered = Demands::Answered;
    refused(demand, "an answer to nothing", |e| {
        one(e, |answered: &mut Answered| answered.account = Address::ZERO);
    });
    refused(demand, "two answers", |e| {
        let again = decoded::<Answered>(&e.logs[nth::<Answered>(e, 0)]);
        insert(e, nth::<Answered>(e, 1), vec![(e.deployment.demands, again.encode_log_data())]);
    });
    refused(demand, "an answer too late", |e| {
        at(e, by_audit(e), |demanded: &mut Demanded| demanded.until = 1);
    });
    let pending = (CheckKind::Demand, "pending");
    refused(pending, "no answer", |e| drop(without::<Answered>(e, 0)));
    refused(pending, "no audit", |e| drop(without::<Audited>(e, FREE)));
    refused((CheckKind::Export, "logs"), "a demand that the audit owes", |e| {
        drop(without::<Demanded>(e, by_audit(e)));
    });
}
