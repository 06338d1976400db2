//! What is said of a coordinator's health during a round.

use std::time::{Duration, Instant};

use zktrain_coordinator::health::{Component, HealthReporter, Readiness, reporter};
use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_wire::messages::Phase;

use crate::world::World;

const PATIENCE: Duration = Duration::from_millis(300);
const EVERY: Duration = Duration::from_millis(50);

/// Looks from time to time, for so long; whether store and driver were ready at every look.
async fn stays_ready(readiness: &Readiness, how_long: Duration) -> bool {
    tokio::time::sleep(EVERY).await;
    let begun = Instant::now();
    while begun.elapsed() < how_long {
        let parts = readiness.report(Instant::now()).parts;
        if !parts[&Component::Store].ready || !parts[&Component::Driver].ready {
            return false;
        }
        tokio::time::sleep(EVERY / 2).await;
    }
    true
}

#[tokio::test]
async fn a_round_longer_than_the_patience_makes_nobody_unready() {
    let mut world = World::new(3, 600);
    world.open().await;
    let (readiness, metrics, reporter) =
        (Readiness::new(PATIENCE), ProcessMetrics::new(), HealthReporter::default());
    reporter.follow(Some(world.office().driver.clone()));
    let file = world.folder.path().join("store.db");
    let beats = async {
        tokio::join!(
            reporter.of_driver(EVERY, &readiness, &metrics),
            reporter::of_store(EVERY, &world.office().store, Some(&file), &readiness, &metrics),
        );
    };
    let looks = async {
        assert!(stays_ready(&readiness, PATIENCE * 3).await);
        assert_eq!(world.office().driver.progress().await.phase, Phase::Keys);
        // What keeps the coordinator is told in its words, and only as long as it does.
        reporter.report(Some("the domain's budget is used up"));
        tokio::time::sleep(EVERY * 3).await;
        let report = readiness.report(Instant::now());
        assert_eq!(report.parts[&Component::Driver].reason, Some("the domain's budget is used up"));
        assert!(report.parts[&Component::Store].ready);
        reporter.report(None);
        tokio::time::sleep(EVERY * 2).await;
        assert!(stays_ready(&readiness, EVERY).await);
    };
    tokio::select! {
        () = beats => panic!("heartbeats end"),
        () = looks => {}
    }
    let text = metrics.render().unwrap();
    let bytes = text.lines().find_map(|line| line.strip_prefix("zktrain_store_bytes "));
    assert!(bytes.unwrap().parse::<u64>().unwrap() > 0, "{text}");
}
