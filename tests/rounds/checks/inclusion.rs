//! A coordinator that calls a round off once its members have worked, and the contract that does not.

use std::sync::Arc;

use alloy::primitives::B256;
use alloy::providers::Provider;
use tempfile::TempDir;
use zktrain_ledger::files::SubmissionFile;
use zktrain_member::signed::{Of, SignedError, SignedLog};
use zktrain_member::{Force, PayMonitor};
use zktrain_project::files::{self, Access};
use zktrain_project::project::{Project, write_json};
use zktrain_wire::Scoped;
use zktrain_wire::messages::{End, Reason};

use crate::checks::world::{World, world};
use crate::common::plan::{handed_in, place, plan};

const OWNER: usize = 2;

/// What the owner has signed in the neighbour's round.
async fn signed(world: &World) -> SubmissionFile {
    let spec = world.cohort.key().spec;
    let plan = plan(world.coordinator(), world.neighbour, world.other, spec).await;
    let window = world.cohort.window(OWNER, plan.nonce.0);
    let work = world.cohort.prove(OWNER, place(&plan), window);
    handed_in(&work, &plan.scope(), world.owner(OWNER))
}

#[tokio::test]
async fn work_of_a_round_that_was_called_off_is_handed_in_once() {
    let world = world();
    let (client, round) = (world.owner(OWNER), world.other);
    let (folder, file) = (TempDir::new().unwrap(), signed(world).await);
    let project = Project::new(folder.path());
    files::create_folder(&project.rounds_path(), Access::Public).unwrap();
    write_json(&project.round_submission_path(round), &file).unwrap();
    let account = client.address();
    let of = Of::client(client, world.neighbour);
    let signed = Arc::new(SignedLog::open(&of.path(folder.path()), of, 0).unwrap());
    let monitor = || {
        let (contracts, project, force) = (client.clone(), project.clone(), Force::default());
        PayMonitor::new(contracts, project, account, world.neighbour, force, signed.clone())
    };
    monitor().look().await.unwrap();
    assert_eq!(client.delivered(round, account).await.unwrap(), B256::ZERO, "it may be counted");
    let end = End::Void(Reason::CalledOff);
    write_json(&project.round_end_path(round), &end).unwrap();
    monitor().look().await.unwrap();
    let update = file.signed.submission.update;
    assert_eq!(client.delivered(round, account).await.unwrap(), update);
    // Another process finds that it was done.
    let sent = || async {
        client.sender().chain().provider().get_transaction_count(account).await.unwrap()
    };
    let before = sent().await;
    monitor().look().await.unwrap();
    assert_eq!(sent().await, before);
}

/// A machine that has replaced another does not know what that one has signed.
#[tokio::test]
async fn an_account_without_a_record_signs_nothing_for_the_round_that_is_open() {
    let (world, folder) = (world(), TempDir::new().unwrap());
    let (client, round) = (world.owner(OWNER), world.other);
    let log = SignedLog::of_account(client, folder.path(), world.neighbour).await.unwrap();
    let refused = log.may_submit(round).unwrap_err();
    assert!(matches!(refused, SignedError::Unknown { round: got } if got == round), "{refused}");
    let signed = signed(world).await.signed;
    assert_eq!(signed.submission.round, round);
    log.submission(&signed).unwrap_err();
    log.may_submit(round + 1).unwrap();
    drop(log);
    // Where joining has made one, nothing can have been signed: the open round is taken.
    let of = Of::client(client, world.domain);
    SignedLog::found(&of.path(folder.path()), of, 0).unwrap();
    let log = SignedLog::of_account(client, folder.path(), world.domain).await.unwrap();
    log.may_submit(world.round).unwrap();
}
