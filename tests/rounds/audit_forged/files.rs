//! Files of rounds and members.

use std::path::Path;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use ark_bn254::Fr;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zktrain_audit::lineage::{
    GENESIS, GROTH16, MANIFEST, SRS, batch, decode_sum, encode_sum, plan, registration, submission,
    sum,
};
use zktrain_chain::protocol::Client;
use zktrain_cli::lineage::LineageWriter;
use zktrain_cli::ui::Ui;
use zktrain_commit::srs::Srs;
use zktrain_ledger::files::{BatchFile, SubmissionFile};
use zktrain_ledger::findings::CheckKind;
use zktrain_ledger::typed::{Batch, Submission};
use zktrain_ledger::{SignedBatch, SignedSubmission};
use zktrain_project::proofs::read_registration;
use zktrain_project::session::Session;
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::statements::TrainingStatement;
use zktrain_statement::sum::Sum;
use zktrain_verify::file::Registration;
use zktrain_verify::round::rows_hash;

use super::{Check, named};
use crate::audit_made::{Made, made};
use crate::common::plan::signed;

/// What a forged plan says otherwise.
type Change = (&'static str, fn(&mut Plan));

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// As lineages are written.
fn write(path: &Path, value: &impl Serialize) {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap();
    bytes.push(b'\n');
    std::fs::write(path, bytes).unwrap();
}

/// A plan after a change, signed by this account.
fn replanned(made: &Made, check: Check, by: &Client, change: fn(&mut Plan)) {
    let file = plan(made.rounds[0]);
    let what = format!("a plan with another {}", check.1);
    named(made, &file, check, &what, |dir| {
        let mut plan = read::<Signed<Plan>>(&dir.join(&file)).body;
        change(&mut plan);
        write(&dir.join(&file), &signed(plan, by));
    });
}

#[test]
fn plans_say_what_the_chain_says() {
    let made = made();
    let changes: [Change; 17] = [
        ("version", |p| p.version += 1),
        ("chain_id", |p| p.chain_id += 1),
        ("rounds", |p| p.rounds = Address::repeat_byte(1)),
        ("domain", |p| p.domain += 1),
        ("round", |p| p.round += 1),
        ("coordinator", |p| p.coordinator = Address::repeat_byte(1)),
        ("spec", |p| p.spec.0[0] ^= 1),
        ("parent", |p| p.parent.0[0] ^= 1),
        ("nonce", |p| p.nonce.0[0] ^= 1),
        ("system", |p| p.system = ProofSystem::Groth16.code()),
        ("optimistic", |p| p.optimistic = false),
        ("threshold", |p| p.threshold -= 1),
        ("members", |p| p.members[0].account = Address::repeat_byte(1)),
        ("members", |p| p.members[0].dataset.0[0] ^= 1),
        ("members", |p| p.members[0].windows += 1),
        ("members", |p| p.members[0].weight += 1),
        ("members", |p| p.members.truncate(p.members.len() - 1)),
    ];
    for (field, change) in changes {
        replanned(made, (CheckKind::Plan, field), &made.coordinator, change);
    }
    replanned(made, (CheckKind::Plan, "signature"), &made.owners[0], |_| {});
}

/// The first member's submission in the first round after a change, signed by this account.
fn resubmitted(
    made: &Made,
    check: Check,
    by: &Client,
    change: impl FnOnce(&mut Submission, &mut SubmissionFile),
) {
    let file = submission(made.rounds[0], made.members[0]);
    named(made, &file, check, &format!("a submission: {check:?}"), |dir| {
        let mut content: SubmissionFile = read(&dir.join(&file));
        let mut submission = content.signed.submission.clone();
        change(&mut submission, &mut content);
        submission.statement = keccak256(&content.statement);
        submission.proof = keccak256(&content.proof);
        submission.length = (content.statement.len() + content.proof.len()) as u32;
        let scope = made.scope(made.rounds[0]);
        let signed = SignedSubmission::new(submission, &scope, by.sender().signer());
        content.signed = signed.unwrap();
        write(&dir.join(&file), &content);
    });
}

/// With another statement, whose update it signs.
fn restated(made: &Made, check: Check, change: fn(&mut TrainingStatement)) {
    resubmitted(made, check, &made.owners[0], |submission, content| {
        let mut statement = TrainingStatement::from_bytes(&content.statement).unwrap();
        change(&mut statement);
        submission.update = rows_hash(&statement.update).into();
        content.statement = statement.to_bytes().into();
    });
}

fn cut(bytes: &mut Bytes) {
    *bytes = bytes[1..].to_vec().into();
}

#[test]
fn submissions_are_their_members_and_those_of_the_chain() {
    let made = made();
    let (own, other) = (&made.owners[0], &made.owners[1]);
    let signature = (CheckKind::Submission, "signature");
    resubmitted(made, signature, other, |_, _| {});
    resubmitted(made, signature, other, |submission, _| submission.member = other.address());
    let round = made.rounds[1];
    resubmitted(made, (CheckKind::Submission, "round"), own, |s, _| s.round = round);
    resubmitted(made, (CheckKind::Submission, "hash"), own, |_, file| cut(&mut file.proof));
    let long = |file: &mut SubmissionFile| file.proof = vec![0; 98_304].into();
    resubmitted(made, (CheckKind::Submission, "length"), own, |_, file| long(file));
    resubmitted(made, (CheckKind::Submission, "update"), own, |s, _| s.update.0[0] ^= 1);
    resubmitted(made, (CheckKind::Encoding, "statement"), own, |_, file| cut(&mut file.statement));
    resubmitted(made, (CheckKind::Encoding, "proof"), own, |_, file| cut(&mut file.proof));
    restated(made, (CheckKind::Statement, "statement"), |s| s.binding.round += 1);
    restated(made, (CheckKind::Statement, "statement"), |s| s.binding.contract[0] ^= 1);
    restated(made, (CheckKind::Statement, "statement"), |s| s.binding.domain += 1);
    restated(made, (CheckKind::Statement, "statement"), |s| s.model[0] = s.update[0]);
    restated(made, (CheckKind::Statement, "update"), |s| s.update[0] = s.model[0]);
    restated(made, (CheckKind::Proof, "proof"), |s| s.update[0] = s.model[0]);
    // Hashes that are not those of the bytes beside them.
    let parts: [fn(&mut SubmissionFile) -> &mut Bytes; 2] =
        [|file| &mut file.statement, |file| &mut file.proof];
    for part in parts {
        let file = submission(made.rounds[0], made.members[0]);
        named(made, &file, signature, "other bytes", |dir| {
            let mut content: SubmissionFile = read(&dir.join(&file));
            let mut bytes = part(&mut content).to_vec();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            *part(&mut content) = bytes.into();
            write(&dir.join(&file), &content);
        });
    }
}

/// The second round's batch after a change, signed by this account.
fn rebatched(
    made: &Made,
    check: Check,
    by: &Client,
    change: impl FnOnce(&mut Batch, &mut BatchFile),
) {
    let file = batch(made.rounds[1]);
    named(made, &file, check, &format!("a batch: {check:?}"), |dir| {
        let mut content: BatchFile = read(&dir.join(&file));
        let mut batch = content.signed.batch.clone();
        change(&mut batch, &mut content);
        let scope = made.scope(made.rounds[1]);
        content.signed = SignedBatch::new(batch, &scope, by.sender().signer()).unwrap();
        write(&dir.join(&file), &content);
    });
}

#[test]
fn batches_are_the_coordinators_and_those_of_the_chain() {
    let made = made();
    let own = &made.coordinator;
    rebatched(made, (CheckKind::Batch, "signature"), &made.owners[0], |_, _| {});
    let changes: [fn(&mut Batch); 4] =
        [|b| b.round += 1, |b| b.root.0[0] ^= 1, |b| b.aggregate.0[0] ^= 1, |b| b.model.0[0] ^= 1];
    for change in changes {
        rebatched(made, (CheckKind::Batch, "batch"), own, |batch, _| change(batch));
    }
    let other = |file: &mut BatchFile| file.aggregate = file.updates[0].rows.clone();
    rebatched(made, (CheckKind::Batch, "aggregate"), own, |_, file| other(file));
    rebatched(made, (CheckKind::Aggregate, "aggregate"), own, |batch, file| {
        other(file);
        batch.aggregate = keccak256(&file.aggregate);
    });
    // What stands for nothing where something was delivered.
    let nothing = |file: &mut BatchFile| file.aggregate = Bytes::new();
    rebatched(made, (CheckKind::Batch, "aggregate"), own, |_, file| nothing(file));
    rebatched(made, (CheckKind::Aggregate, "aggregate"), own, |batch, file| {
        nothing(file);
        batch.aggregate = B256::ZERO;
    });
    let updates = (CheckKind::Batch, "updates");
    let changes: [fn(&mut BatchFile); 6] = [
        |f| drop(f.updates.pop()),
        |f| f.updates.push(f.updates[0].clone()),
        |f| f.updates[0].account = Address::repeat_byte(1),
        |f| f.updates[0].weight += 1,
        |f| f.updates[0].rows = f.updates[1].rows.clone(),
        |f| f.updates.swap(0, 1),
    ];
    for change in changes {
        rebatched(made, updates, own, |_, file| change(file));
    }
}

/// As somebody writes it who can open nothing else.
fn summed(made: &Made, check: Check, change: fn(&mut Sum)) {
    let file = sum(made.rounds[0]);
    named(made, &file, check, &format!("a sum: {check:?}"), |dir| {
        let mut sum = decode_sum(&std::fs::read(dir.join(&file)).unwrap()).unwrap();
        change(&mut sum);
        std::fs::write(dir.join(&file), encode_sum(&sum).unwrap()).unwrap();
    });
}

#[test]
fn sums_open_the_aggregates() {
    let made = made();
    let values = (CheckKind::Sum, "values");
    summed(made, values, |s| s.values[0] += 1);
    summed(made, values, |s| s.values.swap(0, 1));
    summed(made, values, |s| s.blinds[0] += Fr::from(1u8));
    summed(made, values, |s| s.values.truncate(1));
    summed(made, values, |s| s.values.push(0));
    summed(made, values, |s| s.blinds.clear());
    summed(made, values, |s| s.blinds.push(Fr::from(0u8)));
    // The other round's, which opens its own aggregate.
    let [one, two] = [made.rounds[0], made.rounds[1]];
    named(made, &sum(one), values, "another round's sum", |dir| {
        std::fs::copy(dir.join(sum(two)), dir.join(sum(one))).unwrap();
    });
}

#[test]
fn sums_open_all_rows() {
    let made = made();
    let round = made.rounds[0];
    named(
        made,
        &sum(round),
        (CheckKind::Sum, "values"),
        "updates without their last rows",
        |dir| {
            for owner in &made.owners {
                let path = dir.join(submission(round, owner.address()));
                let mut content: SubmissionFile = read(&path);
                let mut statement = TrainingStatement::from_bytes(&content.statement).unwrap();
                statement.update.pop();
                content.statement = statement.to_bytes().into();
                write(&path, &content);
            }
        },
    );
}

#[test]
fn what_is_there_of_a_void_round_is_signed() {
    let made = made();
    let [settled, _, void] = made.rounds[..] else { panic!("three rounds") };
    let own = &made.coordinator;
    let file = plan(void);
    for (by, field) in [(&made.owners[0], "signature"), (own, "nonce")] {
        named(made, &file, (CheckKind::Plan, field), "a void round's plan", |dir| {
            let mut plan = read::<Signed<Plan>>(&dir.join(&file)).body;
            plan.nonce.0[0] ^= u8::from(field == "nonce");
            write(&dir.join(&file), &signed(plan, by));
        });
    }
    let file = submission(void, made.members[0]);
    for (field, by) in [("round", 0), ("signature", 1)] {
        named(made, &file, (CheckKind::Submission, field), "a void round's submission", |dir| {
            let other = submission(settled, made.members[by]);
            std::fs::copy(dir.join(other), dir.join(&file)).unwrap();
        });
    }
    let file = batch(void);
    named(made, &file, (CheckKind::Batch, "signature"), "a void round's batch", |dir| {
        let mut content: BatchFile = read(&dir.join(batch(settled)));
        content.signed.batch.model = B256::ZERO;
        write(&dir.join(&file), &content);
    });
    let file = sum(void);
    named(made, &file, (CheckKind::Encoding, "content"), "a void round's sum", |dir| {
        std::fs::write(dir.join(&file), b"sum").unwrap();
    });
}

#[test]
fn powers_belong_together() {
    let powers = (CheckKind::ReferenceString, "powers");
    named(made(), SRS, powers, "another last power", |dir| {
        let mut srs = Srs::load(&dir.join(SRS)).unwrap();
        let last = srs.g1.len() - 1;
        srs.g1[last] = srs.g1[last - 1];
        LineageWriter::new(dir).unwrap().srs(&srs).unwrap();
    });
}

#[test]
fn keys_that_come_along_can_be_read() {
    named(made(), GROTH16, (CheckKind::Domain, "key"), "a key of nothing", |dir| {
        let path = dir.join(GROTH16);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"nothing").unwrap();
    });
}

#[test]
fn registrations_are_their_owners() {
    let made = made();
    let (own, other) = (registration(made.members[0]), registration(made.members[1]));
    for check in [(CheckKind::Registration, "owner"), (CheckKind::Registration, "root")] {
        named(made, &own, check, "another member's registration", |dir| {
            std::fs::copy(dir.join(&other), dir.join(&own)).unwrap();
        });
    }
}

#[test]
fn registrations_are_proven() {
    let made = made();
    let [own, other] = [0, 1].map(|member| registration(made.members[member]));
    named(made, &own, (CheckKind::Registration, "proof"), "another member's proofs", |dir| {
        let session = Session::open(&dir.join(MANIFEST), &dir.join(SRS), &Ui { json: true });
        let key = session.unwrap().key;
        let [mine, theirs] =
            [&own, &other].map(|file| match read_registration(&key, &dir.join(file)).unwrap() {
                Registration::Plain(chunks) => chunks,
                Registration::Compressed(_) => panic!("compressed"),
            });
        let chunks = mine.into_iter().zip(theirs);
        let chunks = chunks.map(|((statement, _), (_, proof))| (statement, proof)).collect();
        std::fs::write(dir.join(&own), Registration::Plain(chunks).to_bytes()).unwrap();
    });
}

#[test]
fn a_signature_has_one_encoding() {
    // Both forms of `v` are taken where signatures are read.
    let made = made();
    let file = plan(made.rounds[0]);
    named(made, &file, (CheckKind::Plan, "signature"), "another v", |dir| {
        let mut content: Signed<Plan> = read(&dir.join(&file));
        let mut signature = content.signature.to_vec();
        signature[64] -= 27;
        content.signature = signature.into();
        assert!(content.is_by(&content.body, made.coordinator.address()));
        write(&dir.join(&file), &content);
    });
}

/// A file of safetensors whose header says the same in more words.
fn spaced(bytes: &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap());
    let (header, data) = rest.split_at(length as usize);
    [&(length + 8).to_le_bytes()[..], header, &[b' '; 8], data].concat()
}

#[test]
fn each_content_has_one_encoding() {
    let made = made();
    let [settled, _, void] = made.rounds[..] else { panic!("three rounds") };
    let account = made.members[0];
    let encoding = (CheckKind::Encoding, "encoding");
    let json = [
        "chain.json".to_owned(),
        plan(settled),
        plan(void),
        submission(settled, account),
        batch(settled),
    ];
    for file in json {
        named(made, &file, encoding, &file, |dir| {
            let bytes = std::fs::read(dir.join(&file)).unwrap();
            std::fs::write(dir.join(&file), [&bytes[..], b" "].concat()).unwrap();
        });
    }
    for file in [GENESIS.to_owned(), sum(settled)] {
        named(made, &file, encoding, &file, |dir| {
            let bytes = std::fs::read(dir.join(&file)).unwrap();
            std::fs::write(dir.join(&file), spaced(&bytes)).unwrap();
        });
    }
    named(made, MANIFEST, encoding, "a comment", |dir| {
        let bytes = std::fs::read(dir.join(MANIFEST)).unwrap();
        std::fs::write(dir.join(MANIFEST), [&bytes[..], b"# more\n"].concat()).unwrap();
    });
}

#[test]
fn what_has_to_be_there_is_there_and_can_be_read() {
    let made = made();
    let settled = made.rounds[0];
    let account = made.members[0];
    let files = [
        "chain.json".to_owned(),
        MANIFEST.to_owned(),
        GENESIS.to_owned(),
        registration(account),
        plan(settled),
        submission(settled, account),
        batch(settled),
        sum(settled),
    ];
    for file in files {
        named(made, &file, (CheckKind::Encoding, "file"), &file, |dir| {
            std::fs::remove_file(dir.join(&file)).unwrap();
        });
        named(made, &file, (CheckKind::Encoding, "content"), &file, |dir| {
            std::fs::write(dir.join(&file), b"nothing").unwrap();
        });
    }
}
