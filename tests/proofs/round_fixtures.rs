//! A round of three members for the tests of the contracts:
//! `contracts/test/fixtures/round_halo2.json`.
//!
//! Addresses, the chain's id and a block's hash are fixed, so that the round's number, its nonce
//! and with them the members' windows are known in advance. `ZKTRAIN_WRITE_FIXTURES=1` (or
//! `round`) makes it anew; otherwise what is there is checked.

use crate::common;

use std::path::PathBuf;

use common::cases::Case;
use common::round::{Cohort, Delivered, aggregate, digest, row_bytes};
use serde::{Deserialize, Serialize};
use zktrain_devnet::{Evm, EvmError};
use zktrain_model::manifest::Manifest;
use zktrain_model::schedule::round_window;
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_verify::evm::key_hash;

/// The id of forge's chain.
const CHAIN: u64 = 31337;
/// Where the tests put the rounds' contract: "Rounds" and zeros.
const ROUNDS: [u8; 20] = *b"Rounds\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Where they put a bounty: a contract that is none of rounds.
const BOUNTY: [u8; 20] = *b"Bounty\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The first domain.
const DOMAIN: u64 = 1;
/// Addresses of the private keys 2, 3 and 1: in ascending order.
const ACCOUNTS: [(u64, &str); 3] = [
    (2, "2b5ad5c4795c026514f8317c7a215e218dccd6cf"),
    (3, "6813eb9362372eef6200f3b1dbc3f819671cba69"),
    (1, "7e5f4552091a69125d5dfcb7b8c2659029395bdf"),
];
/// Three members of equal reputation.
const WEIGHTS: [u32; 3] = [21_846, 21_845, 21_845];
const WINDOWS: usize = 5;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Round {
    rounds: String,
    bounty: String,
    domain: u64,
    round: u64,
    blockhash: String,
    nonce: String,
    key: String,
    key_hash: String,
    spec: String,
    model: String,
    zero_state: String,
    /// Rows of the weighted sum of the updates.
    aggregate: String,
    members: Vec<Member>,
    /// A proof by the first member of a window that was not drawn.
    other_window: Proof,
    /// A proof by the first member for the next round.
    other_round: Proof,
    /// A proof by the first member for this round of a contract at the bounty's place.
    other_contract: Proof,
    /// A proof by the first member for this round in the next domain.
    other_domain: Proof,
    /// A proof by the first member for the bounty, which has no domains.
    for_bounty: Proof,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    private_key: u64,
    account: String,
    dataset: String,
    windows: u64,
    window: u64,
    weight: u32,
    proof: Proof,
    /// Another proof of the same: blinding is fresh.
    again: Proof,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    statement: String,
    proof: String,
    update: String,
    update_rows: String,
}

impl Proof {
    fn of(delivered: &Delivered) -> Self {
        Self {
            statement: text(&delivered.statement.to_bytes()),
            proof: text(&delivered.proof.to_bytes()),
            update: text(&delivered.update()),
            update_rows: text(&row_bytes(&delivered.statement.update)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

fn word<const N: usize>(value: [u8; N]) -> [u8; 32] {
    let mut word = [0; 32];
    word[32 - N..].copy_from_slice(&value);
    word
}

/// The first round of a contract at [`ROUNDS`].
fn round_id() -> u64 {
    let digest = key_hash(&[word(CHAIN.to_be_bytes()), word(ROUNDS)].concat());
    let high = u64::from_be_bytes(digest[..8].try_into().unwrap());
    (high & 0xffff_ffff_0000_0000) | 1
}

fn block() -> [u8; 32] {
    key_hash(b"the block that draws the round")
}

fn nonce() -> [u8; 32] {
    key_hash(&[block(), word(round_id().to_be_bytes()), word(ROUNDS)].concat())
}

fn accounts() -> [[u8; 20]; 3] {
    ACCOUNTS.map(|(_, account)| hex::decode(account).unwrap().try_into().unwrap())
}

fn manifest() -> Manifest {
    let case = Case { momentum: 0.9, batch: 2, steps: 0, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    case.manifest().unwrap()
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures/round_halo2.json")
}

fn write() {
    let cohort = Cohort::new(&manifest(), &accounts(), WINDOWS);
    let (round, nonce) = (round_id(), nonce());
    let window = |member| cohort.window(member, nonce);
    let place =
        Binding { chain_id: CHAIN, contract: ROUNDS, domain: DOMAIN, round, prover: [0; 20] };
    let prove = |member: usize| cohort.prove(member, place, window(member));
    let elsewhere = |place: Binding| Proof::of(&cohort.prove(0, place, window(0)));
    let proofs: Vec<Delivered> = (0..3).map(prove).collect();
    let updates: Vec<_> = proofs.iter().map(|p| p.statement.update.as_slice()).collect();
    let member = |index: usize| Member {
        private_key: ACCOUNTS[index].0,
        account: text(&accounts()[index]),
        dataset: text(&cohort.members[index].dataset.tree.root()),
        windows: WINDOWS as u64,
        window: window(index),
        weight: WEIGHTS[index],
        proof: Proof::of(&proofs[index]),
        again: Proof::of(&prove(index)),
    };
    let other = (window(0) + 1) % WINDOWS as u64;
    let key = cohort.contract_key();
    let fixture = Round {
        rounds: text(&ROUNDS),
        bounty: text(&BOUNTY),
        domain: DOMAIN,
        round,
        blockhash: text(&block()),
        nonce: text(&nonce),
        key_hash: text(&key_hash(&key)),
        key: text(&key),
        spec: text(&cohort.key().spec),
        model: text(&digest(cohort.genesis())),
        zero_state: text(&digest(&cohort.members[0].start.state.points)),
        aggregate: text(&row_bytes(&aggregate(&updates, &WEIGHTS))),
        members: (0..3).map(member).collect(),
        other_window: Proof::of(&cohort.prove(0, place, other)),
        other_round: elsewhere(Binding { round: round + 1, ..place }),
        other_contract: elsewhere(Binding { contract: BOUNTY, ..place }),
        other_domain: elsewhere(Binding { domain: DOMAIN + 1, ..place }),
        for_bounty: elsewhere(Binding { contract: BOUNTY, domain: 0, ..place }),
    };
    std::fs::write(path(), serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
}

fn writes() -> bool {
    let wanted = std::env::var("ZKTRAIN_WRITE_FIXTURES").unwrap_or_default();
    wanted == "1" || wanted.split(',').any(|wanted| wanted == "round")
}

#[test]
fn the_rounds_proofs_are_what_the_round_asks_for() {
    if writes() {
        write();
    }
    let file = path();
    let json = std::fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; ZKTRAIN_WRITE_FIXTURES=1 makes it", file.display()));
    let fixture: Round = serde_json::from_str(&json).unwrap();
    assert_eq!((fixture.round, fixture.nonce), (round_id(), text(&nonce())));
    let mut evm = Evm::new(CHAIN).unwrap();
    let key = evm.register(&bytes(&fixture.key)).unwrap().key;
    assert_eq!(text(&key), fixture.key_hash);
    let mut accepted = |proof: &Proof| {
        let (statement, proof) = (bytes(&proof.statement), bytes(&proof.proof));
        evm.verify(key, &statement, &proof).map(|verified| verified.claim)
    };
    let mut updates = Vec::new();
    for member in &fixture.members {
        let account: [u8; 20] = bytes(&member.account).try_into().unwrap();
        let claim = accepted(&member.proof).unwrap();
        assert_eq!(claim.prover.0.0, account);
        assert_eq!(Some(claim.window), round_window(nonce(), account, member.windows));
        assert_eq!((claim.round, claim.step, claim.window), (fixture.round, 0, member.window));
        assert_eq!((claim.contractAddress.0.0, claim.domain), (ROUNDS, DOMAIN));
        assert_eq!(text(&claim.dataset.0), member.dataset);
        assert_eq!(text(&claim.model.0), fixture.model);
        assert_eq!(text(&claim.state.0), fixture.zero_state);
        assert_eq!(text(&claim.update.0), member.proof.update);
        let again = accepted(&member.again).unwrap();
        assert_ne!(again.update, claim.update, "blinding is fresh");
        let statement = TrainingStatement::from_bytes(&bytes(&member.proof.statement)).unwrap();
        assert_eq!(text(&row_bytes(&statement.update)), member.proof.update_rows);
        updates.push(statement.update);
    }
    let updates: Vec<_> = updates.iter().map(Vec::as_slice).collect();
    assert_eq!(text(&row_bytes(&aggregate(&updates, &WEIGHTS))), fixture.aggregate);
    assert_ne!(accepted(&fixture.other_window).unwrap().window, fixture.members[0].window);
    assert_eq!(accepted(&fixture.other_round).unwrap().round, fixture.round + 1);
    let mut place = |proof: &Proof| {
        let claim = accepted(proof).unwrap();
        (claim.contractAddress.0.0, claim.domain)
    };
    assert_eq!(place(&fixture.other_contract), (BOUNTY, DOMAIN));
    assert_eq!(place(&fixture.other_domain), (ROUNDS, DOMAIN + 1));
    assert_eq!(place(&fixture.for_bounty), (BOUNTY, 0));
    let mut altered = bytes(&fixture.members[0].proof.proof);
    altered[100] ^= 1;
    let statement = bytes(&fixture.members[0].proof.statement);
    assert!(matches!(evm.verify(key, &statement, &altered), Err(EvmError::Rejected { .. })));
}
