//! A coordinator that calls a round off once its members have worked, and the contract that does not.

use alloy::primitives::B256;
use alloy::providers::Provider;
use tempfile::TempDir;
use zktrain_cli::files::{self, Access};
use zktrain_cli::owner::{Force, PayMonitor};
use zktrain_cli::project::{Project, write_json};
use zktrain_ledger::files::SubmissionFile;
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
    let monitor = || {
        PayMonitor::new(client.clone(), project.clone(), account, world.neighbour, Force::default())
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
