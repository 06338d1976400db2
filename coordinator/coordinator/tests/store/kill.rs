//! A process that is killed at any moment loses nothing that it acknowledged, and leaves no half.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zktrain_coordinator::store::{Store, StoreError};

use crate::place::{content, digest, each};

/// The variable that tells a child where its store is.
const STORE: &str = "ZKTRAIN_TEST_STORE";
const ROUND: u64 = u64::MAX - 5;
const ACCOUNT: [u8; 20] = [7; 20];
const PART: usize = 50_000;

fn event(seq: u64) -> Vec<u8> {
    content(seq, (seq * 7919 % 30_000) as usize)
}

fn upload(index: u64) -> Vec<u8> {
    content(!index, 100_000 + (index * 40_009 % 300_000) as usize)
}

fn item(index: u64) -> String {
    format!("{index}/masked")
}

/// Sends an upload from where it stopped, and says what is stored.
async fn send(store: &Store, index: u64) {
    let (bytes, item) = (upload(index), item(index));
    let len = bytes.len() as u64;
    if store.upload_info(ACCOUNT, &item).await.unwrap().is_none() && index.is_multiple_of(3) {
        // Something else first, which is replaced.
        store.upload_begin(ACCOUNT, &item, len, [0; 32]).await.unwrap();
        store.upload_append(ACCOUNT, &item, 0, &bytes[1..1000]).await.unwrap();
    }
    let mut offset =
        store.upload_begin(ACCOUNT, &item, len, digest(&bytes)).await.unwrap() as usize;
    while offset < bytes.len() {
        let part = &bytes[offset..bytes.len().min(offset + PART)];
        store.upload_append(ACCOUNT, &item, offset as u64, part).await.unwrap();
        offset += part.len();
        println!("part {index} {offset}");
    }
    store.upload_finish(ACCOUNT, &item).await.unwrap();
    println!("finished {index} {offset}");
}

/// Appends events and uploads things, for ever, and prints what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the processes that are killed do"]
async fn write_until_killed() {
    let store = Store::open(&std::env::var(STORE).unwrap()).await.unwrap();
    println!();
    store.begin(ROUND, b"plan", 1).await.unwrap();
    println!("began 0 0");
    let events = tokio::spawn({
        let store = store.clone();
        async move {
            for next in store.events(ROUND).await.unwrap().len() as u64.. {
                assert_eq!(store.append(ROUND, &event(next), next).await.unwrap(), next);
                println!("event {next} 0");
            }
        }
    });
    for index in 0.. {
        let info = store.upload_info(ACCOUNT, &item(index)).await.unwrap();
        if !info.is_some_and(|info| info.finished) {
            send(&store, index).await;
        }
        assert!(!events.is_finished());
    }
}

fn child(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::write_until_killed", "--ignored", "--nocapture"])
        .env(STORE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What children acknowledged.
#[derive(Default)]
struct Acknowledged {
    began: bool,
    events: u64,
    /// How much of an upload, and whether it was finished.
    uploads: BTreeMap<u64, (u64, bool)>,
}

impl Acknowledged {
    /// Lines that were cut off say nothing.
    fn read(&mut self, output: &str) {
        for line in output.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, first, second] = words[..] else { continue };
            let (Ok(first), Ok(second)) = (first.parse(), second.parse()) else { continue };
            match what {
                "began" => self.began = true,
                "event" => self.events = first + 1,
                "part" => drop(self.uploads.insert(first, (second, false))),
                "finished" => drop(self.uploads.insert(first, (second, true))),
                _ => {}
            }
        }
    }

    async fn check(&self, store: &Store) {
        let events = store.events(ROUND).await.unwrap();
        let stored = events.len() as u64;
        assert!(stored == self.events || stored == self.events + 1, "{stored}, {}", self.events);
        for stored in events {
            assert_eq!((stored.at_ms, stored.body), (stored.seq, event(stored.seq)));
        }
        for (&index, &(acknowledged, finished)) in &self.uploads {
            let bytes = upload(index);
            let info = store.upload_info(ACCOUNT, &item(index)).await.unwrap().unwrap();
            assert!(info.stored >= acknowledged && info.finished >= finished, "{index}: {info:?}");
            assert_eq!((info.len, info.digest), (bytes.len() as u64, digest(&bytes)));
            assert!(info.stored == info.len || info.stored.is_multiple_of(PART as u64));
            let mut offset = 0;
            while info.finished && offset < bytes.len() {
                let name = item(index);
                let part = store.upload_read(ACCOUNT, &name, offset as u64, PART).await.unwrap();
                assert!(!part.is_empty() && bytes[offset..].starts_with(&part), "{index}");
                offset += part.len();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_killed() {
    each(async |place| {
        let mut acknowledged = Acknowledged::default();
        for _ in 0..14 {
            let mut child = child(&place.url);
            let wait = 20 + rand::random::<u64>() % 500;
            // A pipe holds little: it is read while the child runs.
            let mut pipe = child.stdout.take().unwrap();
            let output = tokio::task::spawn_blocking(move || {
                let mut output = Vec::new();
                pipe.read_to_end(&mut output).map(|_| output)
            });
            tokio::time::sleep(Duration::from_millis(wait)).await;
            assert!(child.try_wait().unwrap().is_none(), "a child failed");
            child.kill().unwrap();
            child.wait().unwrap();
            let output = output.await.unwrap().unwrap();
            acknowledged.read(&String::from_utf8_lossy(&output));
            acknowledged.check(&place.open().await).await;
        }
        // Enough happened, and what is unfinished can be finished.
        assert!(acknowledged.began && acknowledged.events > 20 && acknowledged.uploads.len() > 5);
        let store = place.open().await;
        let next = acknowledged.uploads.keys().max().unwrap() + 1;
        for index in 0..=next {
            send(&store, index).await;
        }
        assert_eq!(store.uploads(&item(next)).await.unwrap(), [ACCOUNT]);
        let begun = store.begin(ROUND, b"another", 2).await.unwrap();
        assert_eq!((begun.plan.as_slice(), begun.began_ms), (&b"plan"[..], 1));
        assert!(matches!(store.end(1, b"").await, Err(StoreError::NoRound { .. })));
    })
    .await;
}
