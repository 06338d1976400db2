//! What is left of a round that is over: in the tables, and in the bytes of the files.

use std::path::Path;

use zktrain_coordinator::driver::{erase, forget, items};
use zktrain_coordinator::machine::RoundEvent;
use zktrain_coordinator::store::Store;
use zktrain_wire::messages::{End, MemberMessage, Reason};

use crate::world::{ROUND, World};

/// Whether some bytes are in any file of a folder.
fn is_on_disk(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let file = match std::fs::read(entry.unwrap().path()) {
            // The database's log comes and goes.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            file => file.unwrap(),
        };
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

/// All of an upload.
async fn read(store: &Store, account: [u8; 20], item: &str) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let part = store.upload_read(account, item, all.len() as u64, 1 << 20).await.unwrap();
        if part.is_empty() {
            return all;
        }
        all.extend(part);
    }
}

/// What nobody may find after the round: bytes of masked vectors, and shares as they were sent.
async fn secrets(world: &World) -> Vec<Vec<u8>> {
    let store = &world.office().store;
    let mut all = Vec::new();
    for owner in &world.owners {
        let account = owner.account().into_array();
        let vector = read(store, account, &items::masked(ROUND)).await;
        // Beginnings of parts, as they were uploaded.
        all.extend(vector.chunks(777).filter(|part| part.len() >= 32).map(|p| p[..32].to_vec()));
    }
    for stored in store.events(ROUND).await.unwrap() {
        let event: RoundEvent = postcard::from_bytes(&stored.body).unwrap();
        let RoundEvent::Contribution { what, .. } = event else { continue };
        match *what {
            MemberMessage::Unmask(unmask) => {
                all.extend(unmask.body.shares.iter().flatten().map(|share| share.to_vec()));
            }
            MemberMessage::Sharing(sharing) => {
                all.extend(sharing.envelopes.iter().map(|envelope| envelope.sealed.0.to_vec()));
            }
            _ => {}
        }
    }
    all
}

/// A round of three, of which the first spoils the sum or not, and what was secret in it.
async fn over(spoiled: bool) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new(3, 600);
    world.open().await;
    if spoiled {
        world.owners[0].spoil = |vector| vector[1] += ark_bn254::Fr::from(1);
    }
    let end = world.run().await;
    match spoiled {
        true => assert!(matches!(end, End::Void(Reason::Blamed(_))), "{end:?}"),
        false => assert!(matches!(end, End::Summed { .. }), "{end:?}"),
    }
    let secrets = secrets(&world).await;
    assert!(secrets.len() >= 3 + 3 * 3 + 3 * 3, "{}", secrets.len());
    (world, secrets)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masked_vectors_and_shares_are_gone_from_the_disk_however_the_round_ended() {
    for (spoiled, outcome) in [(false, &b"settled"[..]), (true, &b"void"[..])] {
        let (mut world, secrets) = over(spoiled).await;
        let folder = world.folder.path().to_owned();
        // Nearly all: a page may end within one.
        let there = secrets.iter().filter(|secret| is_on_disk(&folder, secret)).count();
        assert!(there * 4 >= secrets.len() * 3, "{there} of {}", secrets.len());
        let store = world.office().store.clone();
        assert_eq!(store.unended().await.unwrap(), [ROUND]);
        erase(&store, ROUND, outcome).await.unwrap();
        erase(&store, ROUND, outcome).await.unwrap();
        assert!(store.unended().await.unwrap().is_empty());
        assert_eq!(store.outcome(ROUND).await.unwrap().as_deref(), Some(outcome));
        let left = secrets.iter().filter(|secret| is_on_disk(&folder, secret)).count();
        assert_eq!(left, 0, "of {}", secrets.len());
        // What is evidence is still there.
        let account = world.owners[0].account().into_array();
        assert!(!read(&store, account, &items::submission(ROUND)).await.is_empty());
        let events = store.events(ROUND).await.unwrap();
        let kept = events.iter().filter(|stored| !stored.body.is_empty()).count();
        assert!(kept >= 3 + 3 + 3 && kept < events.len(), "{kept} of {}", events.len());
        drop(store);
        world.office = None;
        let left = secrets.iter().filter(|secret| is_on_disk(&folder, secret)).count();
        assert_eq!(left, 0, "after the coordinator's end");
    }
}

#[tokio::test]
async fn a_round_under_way_is_not_forgotten_and_the_last_ones_are_kept() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("s.db").display());
    let store = Store::open(&url).await.unwrap();
    let account = [7; 20];
    // Numbers of rounds begin with a contract's, in all 64 bits.
    let rounds: Vec<u64> = (0..5).map(|n| 0xf000_0000_0000_0001 + n).collect();
    for round in &rounds {
        store.begin(*round, b"plan", 1).await.unwrap();
        let digest = alloy::primitives::keccak256(b"work").0;
        let item = items::submission(*round);
        store.upload_begin(account, &item, 4, digest).await.unwrap();
        store.upload_append(account, &item, 0, b"work").await.unwrap();
        store.upload_finish(account, &item).await.unwrap();
    }
    for round in &rounds[..4] {
        erase(&store, *round, b"void").await.unwrap();
    }
    assert_eq!(forget(&store, 2).await.unwrap(), rounds[..2]);
    assert!(forget(&store, 2).await.unwrap().is_empty());
    assert_eq!(store.ended().await.unwrap(), rounds[2..4]);
    assert_eq!(store.unended().await.unwrap(), rounds[4..]);
    for (round, kept) in rounds.iter().zip([false, false, true, true, true]) {
        let info = store.upload_info(account, &items::submission(*round)).await.unwrap();
        assert_eq!(info.is_some(), kept, "{round:#x}");
    }
    store.forget(rounds[4]).await.unwrap();
    assert_eq!(store.unended().await.unwrap(), rounds[4..], "it is not over");
}
