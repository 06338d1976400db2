//! The chain's export.

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::rlp::Decodable;
use alloy::sol_types::SolEvent;
use zktrain_audit::lineage::{GENESIS, MANIFEST, batch, registration, sum};
use zktrain_cli::lineage::LineageWriter;
use zktrain_ledger::ChainExport;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::export::ExportedLog;
use zktrain_ledger::findings::CheckKind;

use super::export::{CHAIN, decoded, each, first, insert, is, one, told, told_by_chain};
use super::named;
use crate::audit_made::made;

#[test]
fn an_export_is_whole_and_in_order() {
    let logs = (CheckKind::Export, "logs");
    told_by_chain((CheckKind::Export, "version"), "a version", |e| e.version += 1);
    told_by_chain((CheckKind::Export, "domain"), "a domain", |e| e.domain += 1);
    told_by_chain((CheckKind::Export, "head"), "an early end", |e| {
        e.head.number = e.logs.last().unwrap().block.number - 1;
    });
    named(made(), CHAIN, (CheckKind::Export, "checksum"), "a checksum", |dir| {
        let mut export = made().export.clone();
        export.checksum.0[0] ^= 1;
        LineageWriter::new(dir).unwrap().chain(&export).unwrap();
    });
    let last = |export: &ChainExport| export.logs.len() - 1;
    told_by_chain(logs, "time that goes back", |e| {
        // All of a block's events, so that the block has one time.
        let (number, early) = (e.logs[last(e)].block.number, e.logs[0].block.time - 1);
        let block = e.logs.iter_mut().filter(|log| log.block.number == number);
        block.for_each(|log| log.block.time = early);
    });
    told_by_chain(logs, "blocks that go back", |e| {
        let (at, later) = (first::<Rounds::RoundOpened>(e), e.head.number);
        e.logs[at].block.number = later;
    });
    let pair = |export: &ChainExport| {
        let same = |pair: &[ExportedLog]| pair[0].block == pair[1].block;
        export.logs.windows(2).position(same).unwrap()
    };
    told_by_chain(logs, "the same event twice", |e| {
        let at = pair(e);
        e.logs[at + 1].index = e.logs[at].index;
    });
    told_by_chain(logs, "a block with two hashes", |e| {
        let at = pair(e);
        e.logs[at + 1].block.hash.0[0] ^= 1;
    });
    told_by_chain(logs, "an event of a stranger", |e| {
        let at = last(e);
        e.logs[at].contract = Address::repeat_byte(1);
    });
    let drawing = (CheckKind::Export, "drawing");
    told_by_chain(drawing, "a block that draws nothing", |e| {
        let mut more = e.drawing[0].clone();
        more.round = u64::MAX;
        e.drawing.push(more);
    });
    told_by_chain(drawing, "two blocks that draw one round", |e| {
        let more = e.drawing[0].clone();
        e.drawing.insert(1, more);
    });
    told_by_chain((CheckKind::Nonce, "drawing"), "a later block", |e| {
        e.drawing[0].block.number += 1
    });
    told_by_chain((CheckKind::Nonce, "drawing"), "a hash", |e| e.drawing[0].block.hash.0[0] ^= 1);
    told_by_chain((CheckKind::Nonce, "drawing"), "a header with more behind it", |e| {
        let longer = [&e.drawing[0].header[..], &[0]].concat();
        e.drawing[0].block.hash = keccak256(&longer);
        e.drawing[0].header = longer.into();
    });
    told_by_chain((CheckKind::Nonce, "nonce"), "a block with other randomness", |e| {
        let mut header = Header::decode(&mut &e.drawing[0].header[..]).unwrap();
        header.mix_hash.0[0] ^= 1;
        e.drawing[0].block.hash = header.hash_slow();
        e.drawing[0].header = alloy::rlp::encode(&header).into();
    });
}

#[test]
fn versions_follow_from_proposals() {
    let version = (CheckKind::Export, "version");
    type Advanced = DomainRegistry::ModelAdvanced;
    told_by_chain(version, "a model", |e| one(e, |a: &mut Advanced| a.model.0[0] ^= 1));
    told_by_chain(version, "an aggregate", |e| one(e, |a: &mut Advanced| a.aggregate.0[0] ^= 1));
    told_by_chain(version, "a number", |e| one(e, |a: &mut Advanced| a.version += 1));
    told_by_chain(version, "a parent", |e| one(e, |a: &mut Advanced| a.parent.0[0] ^= 1));
    let model = (CheckKind::Export, "model");
    told_by_chain(model, "what is settled", |e| {
        one(e, |settled: &mut Rounds::Settled| settled.model.0[0] ^= 1);
    });
    told_by_chain((CheckKind::Export, "settled"), "nothing proposed", |e| {
        e.logs.remove(first::<Rounds::Proposed>(e));
    });
    let parent = (CheckKind::Export, "parent");
    told_by_chain(parent, "a parent", |e| {
        one(e, |opened: &mut Rounds::RoundOpened| opened.parent.0[0] ^= 1);
    });
    let deliveries = (CheckKind::Export, "deliveries");
    told_by_chain(deliveries, "a root", |e| one(e, |p: &mut Rounds::Proposed| p.root.0[0] ^= 1));
    told_by_chain(deliveries, "an update", |e| {
        one(e, |proposed: &mut Rounds::Proposed| proposed.deliveries[0].update.0[0] ^= 1);
    });
    told_by_chain(deliveries, "one more", |e| {
        one(e, |proposed: &mut Rounds::Proposed| {
            let more = proposed.deliveries[0].clone();
            proposed.deliveries.push(more);
        });
    });
    // All of the chain's words agree; it is another model than the sum makes.
    let made = made();
    told(&sum(made.rounds[1]), (CheckKind::Version, "model"), "a model", |e| {
        let head = made.export.logs.iter().rfind(|log| is::<Advanced>(log)).unwrap();
        let old = decoded::<Advanced>(head).model;
        let put = |model: &mut B256| {
            if *model == old {
                model.0[0] ^= 1;
            }
        };
        each(e, |advanced: &mut Advanced| put(&mut advanced.model));
        each(e, |proposed: &mut Rounds::Proposed| put(&mut proposed.model));
        each(e, |settled: &mut Rounds::Settled| put(&mut settled.model));
        each(e, |opened: &mut Rounds::RoundOpened| put(&mut opened.parent));
    });
}

#[test]
fn rounds_are_the_coordinators_and_their_members_have_joined() {
    type Opened = Rounds::RoundOpened;
    let round = (CheckKind::Export, "round");
    told_by_chain(round, "somebody's round", |e| {
        one(e, |opened: &mut Opened| opened.coordinator = Address::repeat_byte(1));
    });
    told_by_chain(round, "two rounds at once", |e| {
        let settled = first::<Rounds::Settled>(e);
        e.logs.remove(settled);
    });
    let members = (CheckKind::Membership, "members");
    told_by_chain(members, "an order", |e| one(e, |o: &mut Opened| o.members.swap(0, 1)));
    told_by_chain(members, "one twice", |e| {
        one(e, |opened: &mut Opened| {
            let again = opened.members[1].clone();
            opened.members[2] = again;
        });
    });
    let dataset = (CheckKind::Membership, "dataset");
    told_by_chain(dataset, "data", |e| one(e, |o: &mut Opened| o.members[0].dataset.0[0] ^= 1));
    told_by_chain(dataset, "windows", |e| one(e, |o: &mut Opened| o.members[0].windows += 1));
    told_by_chain(dataset, "a stranger", |e| {
        one(e, |opened: &mut Opened| opened.members[0].account = Address::ZERO);
    });
    told_by_chain(dataset, "who has not joined", |e| {
        e.logs.remove(first::<Rounds::Joined>(e));
    });
    told_by_chain(dataset, "who is leaving", |e| {
        // It was leaving before the round was opened.
        let (domain, account) = (e.domain, made().members[0]);
        let leaving = Rounds::Leaving { domain, account, leavesAt: 1 }.encode_log_data();
        insert(e, first::<Opened>(e), vec![(e.deployment.rounds, leaving)]);
    });
    told_by_chain((CheckKind::Membership, "rows"), "more rows than evidence can have", |e| {
        one(e, |opened: &mut Opened| {
            let member = opened.members[0].clone();
            opened.members.extend(std::iter::repeat_n(member, 1800));
        });
    });
    let threshold = (CheckKind::Batch, "threshold");
    told(&batch(made().rounds[1]), threshold, "fewer in a sum than the domain asks for", |e| {
        one(e, |opened: &mut DomainRegistry::DomainOpened| opened.config.threshold = 9_999);
    });
    let weight = (CheckKind::Weights, "weight");
    told_by_chain(weight, "a weight", |e| one(e, |o: &mut Opened| o.members[0].weight += 1));
    let slash = (CheckKind::Export, "slash");
    told_by_chain(slash, "another slash", |e| {
        one(e, |slashed: &mut StakeManager::Slashed| slashed.operator = Address::repeat_byte(1));
    });
}

#[test]
fn reputations_follow_and_are_told() {
    type Scored = Reputation::Scored;
    let score = (CheckKind::Reputation, "score");
    told_by_chain(score, "a score", |e| one(e, |scored: &mut Scored| scored.score += 1));
    told_by_chain(score, "an account", |e| {
        one(e, |scored: &mut Scored| scored.account = Address::repeat_byte(1));
    });
    let logs = (CheckKind::Export, "logs");
    told_by_chain(logs, "a score that is not told", |e| {
        let at = e.logs.iter().rposition(is::<Scored>).unwrap();
        e.logs.remove(at);
    });
    told_by_chain(logs, "a version that is not told", |e| {
        e.logs.remove(first::<DomainRegistry::ModelAdvanced>(e));
    });
    told_by_chain(logs, "a payment that is not told", |e| {
        let at = first::<Escrow::Shared>(e);
        e.logs.remove(at);
    });
    told_by_chain(logs, "a budget that is not told", |e| {
        e.logs.remove(first::<Escrow::Reserved>(e));
    });
}

#[test]
fn money_follows_from_budgets_and_weights() {
    type Credited = Escrow::Credited;
    type Shared = Escrow::Shared;
    let [payment, shared] = [(CheckKind::Payment, "payment"), (CheckKind::Payment, "shared")];
    let unit = U256::from(1);
    told_by_chain(payment, "an amount", |e| one(e, |c: &mut Credited| c.amount += unit));
    told_by_chain(payment, "an account", |e| {
        one(e, |credited: &mut Credited| credited.account = Address::repeat_byte(1));
    });
    told_by_chain(payment, "a token", |e| {
        one(e, |credited: &mut Credited| credited.token = Address::repeat_byte(1));
    });
    told_by_chain(shared, "what is paid", |e| one(e, |s: &mut Shared| s.paid += unit));
    told_by_chain(shared, "what is burned", |e| one(e, |s: &mut Shared| s.burned += unit));
    told_by_chain(shared, "what is returned", |e| one(e, |s: &mut Shared| s.returned += unit));
    told_by_chain(shared, "a payment that is missing", |e| {
        e.logs.remove(first::<Credited>(e));
    });
    let reserved = (CheckKind::Payment, "reserved");
    told_by_chain(reserved, "a budget", |e| {
        one(e, |reserved: &mut Escrow::Reserved| reserved.amount += unit);
    });
    told_by_chain(reserved, "money that is not there", |e| {
        e.logs.remove(first::<Escrow::Funded>(e));
    });
    told_by_chain((CheckKind::Payment, "paid"), "a settlement", |e| {
        one(e, |settled: &mut Rounds::Settled| settled.paid += unit);
    });
}

#[test]
fn what_the_lineage_starts_from_is_the_domains() {
    type Opened = DomainRegistry::DomainOpened;
    let hash = (CheckKind::Domain, "hash");
    told(MANIFEST, hash, "a manifest", |e| one(e, |o: &mut Opened| o.config.manifest.0[0] ^= 1));
    told(GENESIS, hash, "a model", |e| one(e, |o: &mut Opened| o.config.genesis.0[0] ^= 1));
    told(MANIFEST, (CheckKind::Domain, "spec"), "a spec", |e| {
        one(e, |opened: &mut Opened| opened.spec.0[0] ^= 1);
    });
    told(MANIFEST, (CheckKind::Domain, "key"), "a key", |e| {
        one(e, |opened: &mut Opened| opened.config.key.0[0] ^= 1);
    });
    told_by_chain((CheckKind::Export, "domain"), "no domain", |e| {
        e.logs.remove(first::<Opened>(e));
    });
}

#[test]
fn registered_data_are_those_of_the_rounds() {
    let made = made();
    let (file, root) = (registration(made.members[0]), (CheckKind::Registration, "root"));
    let account = made.members[0];
    // It joined with other data: rounds are right to list it with these.
    let everywhere = |e: &mut ChainExport, change: fn(&mut B256, &mut u64)| {
        each(e, |joined: &mut Rounds::Joined| {
            if joined.account == account {
                change(&mut joined.dataset, &mut joined.windows);
            }
        });
        each(e, |opened: &mut Rounds::RoundOpened| {
            let member = opened.members.iter_mut().find(|m| m.account == account).unwrap();
            change(&mut member.dataset, &mut member.windows);
        });
    };
    told(&file, root, "data", |e| everywhere(e, |dataset, _| dataset.0[0] ^= 1));
    told(&file, root, "windows", |e| everywhere(e, |_, windows| *windows += 1));
    // Rounds list it with other data than it has registered, and joined with at some time.
    let rounds = |e: &mut ChainExport, change: fn(&mut B256, &mut u64)| {
        each(e, |opened: &mut Rounds::RoundOpened| {
            let member = opened.members.iter_mut().find(|m| m.account == account).unwrap();
            change(&mut member.dataset, &mut member.windows);
        });
    };
    told(&file, root, "a round's data", |e| rounds(e, |dataset, _| dataset.0[0] ^= 1));
    told(&file, root, "a round's windows", |e| rounds(e, |_, windows| *windows += 1));
}
