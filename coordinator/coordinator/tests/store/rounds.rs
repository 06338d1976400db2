//! Rounds keep their plan, their events in order, and one outcome.

use std::sync::Arc;

use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_coordinator::store::{Begun, MAX_EVENT, MAX_PLAN, StoreError, StoredEvent};

use crate::place::each;

#[tokio::test]
async fn a_round_keeps_its_first_plan() {
    each(async |place| {
        let store = place.open().await;
        // Ids and times use all their bits.
        for round in [0, 1, 1 << 63, u64::MAX] {
            let plan = round.to_be_bytes().to_vec();
            let first = Begun { plan: plan.clone(), began_ms: u64::MAX - 1 };
            assert_eq!(store.begin(round, &plan, u64::MAX - 1).await.unwrap(), first);
            assert_eq!(store.begin(round, b"another", 7).await.unwrap(), first);
        }
        drop(store);
        let begun = place.open().await.begin(u64::MAX, b"", 9).await.unwrap();
        assert_eq!(begun.plan, u64::MAX.to_be_bytes());
    })
    .await;
}

#[tokio::test]
async fn events_come_back_in_order() {
    each(async |place| {
        let store = place.open().await;
        for round in [5, u64::MAX] {
            store.begin(round, b"plan", 1).await.unwrap();
            assert_eq!(store.events(round).await.unwrap(), []);
            for seq in 0..20 {
                let body = [seq as u8].repeat(seq as usize * 1000);
                // Of the same moment, and not in the order of time.
                assert_eq!(store.append(round, &body, u64::MAX - seq / 2).await.unwrap(), seq);
            }
        }
        drop(store);
        let store = place.open().await;
        let events = store.events(5).await.unwrap();
        let expected = (0..20).map(|seq| StoredEvent {
            seq,
            at_ms: u64::MAX - seq / 2,
            body: [seq as u8].repeat(seq as usize * 1000),
        });
        assert_eq!(events, expected.collect::<Vec<_>>());
        assert_eq!(store.append(5, b"", 0).await.unwrap(), 20);
        assert_eq!(store.events(u64::MAX).await.unwrap().len(), 20);
        assert_eq!(store.events(6).await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_many_tasks_have_places_of_their_own() {
    each(async |place| {
        let store = place.open().await;
        store.begin(1, b"plan", 1).await.unwrap();
        let tasks = (0..8u8).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut places = Vec::new();
                for _ in 0..10 {
                    places.push((store.append(1, &[task], 0).await.unwrap(), task));
                }
                places
            })
        });
        let mut places = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            places.extend(task.await.unwrap());
        }
        places.sort();
        let events = store.events(1).await.unwrap();
        let stored: Vec<_> = events.iter().map(|event| (event.seq, event.body[0])).collect();
        assert_eq!(places, stored);
        assert_eq!(places.last().unwrap().0, 79);
    })
    .await;
}

#[tokio::test]
async fn a_round_ends_once() {
    each(async |place| {
        let store = place.open().await;
        let missing = store.append(3, b"event", 0).await;
        assert!(matches!(missing, Err(StoreError::NoRound { round: 3 })), "{missing:?}");
        let missing = store.end(3, b"sum").await;
        assert!(matches!(missing, Err(StoreError::NoRound { round: 3 })), "{missing:?}");
        assert_eq!(store.outcome(3).await.unwrap(), None);
        store.begin(3, b"plan", 0).await.unwrap();
        store.begin(4, b"plan", 0).await.unwrap();
        store.append(3, b"event", 0).await.unwrap();
        assert_eq!(store.outcome(3).await.unwrap(), None);
        store.end(3, b"sum").await.unwrap();
        store.end(3, b"sum").await.unwrap();
        let other = store.end(3, b"void").await;
        assert!(matches!(other, Err(StoreError::Conflict { what: "outcome" })), "{other:?}");
        let late = store.append(3, b"late", 0).await;
        assert!(matches!(late, Err(StoreError::Ended { round: 3 })), "{late:?}");
        drop(store);
        let store = place.open().await;
        assert_eq!(store.outcome(3).await.unwrap().unwrap(), b"sum");
        assert_eq!(store.outcome(4).await.unwrap(), None);
        assert_eq!(store.events(3).await.unwrap().len(), 1);
        // An outcome of no bytes is one.
        store.end(4, b"").await.unwrap();
        assert_eq!(store.outcome(4).await.unwrap(), Some(vec![]));
    })
    .await;
}

#[tokio::test]
async fn rounds_are_bounded() {
    each(async |place| {
        let store = place.open().await;
        let long = vec![0; MAX_EVENT as usize + 1];
        let plan = store.begin(1, &long[..MAX_PLAN as usize + 1], 0).await;
        let bound = StoreError::TooLong { what: "plan", limit: MAX_PLAN, got: MAX_PLAN + 1 };
        assert_eq!(plan.unwrap_err().to_string(), bound.to_string());
        store.begin(1, b"plan", 0).await.unwrap();
        for error in [store.append(1, &long, 0).await.err(), store.end(1, &long).await.err()] {
            assert!(matches!(error, Some(StoreError::TooLong { .. })), "{error:?}");
        }
        assert_eq!(store.events(1).await.unwrap(), []);
        assert_eq!(store.outcome(1).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_missing_event_is_noticed() {
    each(async |place| {
        let store = place.open().await;
        store.begin(1, b"plan", 0).await.unwrap();
        for _ in 0..3 {
            store.append(1, b"event", 0).await.unwrap();
        }
        place.run("DELETE FROM round_event WHERE seq = 1").await;
        let events = store.events(1).await;
        assert!(matches!(events, Err(StoreError::Corrupt { .. })), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn reads_and_writes_are_measured_once_that_is_wanted() {
    each(async |place| {
        let (store, metrics) = (place.open().await, Arc::new(ProcessMetrics::new()));
        store.begin(1, b"plan", 1).await.unwrap();
        store.clone().measure(metrics.clone());
        store.append(1, b"event", 2).await.unwrap();
        store.append(1, b"event", 3).await.unwrap();
        store.events(1).await.unwrap();
        let text = metrics.render().unwrap();
        for (operation, count) in [("write", 2), ("read", 1)] {
            let name = "zktrain_store_operation_seconds_count";
            let line = format!("{name}{{operation=\"{operation}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    })
    .await;
}
