//! Many owners of one institution come at once, from one address: its NAT's.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use zktrain_wire::messages::Response;
use zktrain_wire::{Peer, Timeouts, WireLimits};

use crate::common::{Running, call, eventually};
use crate::raw;

/// Owners of the largest rounds that are measured.
const OWNERS: usize = 200;

/// The defaults have room for them all, though not for all their handshakes at once: those that
/// find no room come again by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_owners_come_at_once_from_one_address() {
    let server = Running::start(WireLimits::default()).await;
    let (mut owners, here) = (JoinSet::new(), Arc::new(Barrier::new(OWNERS)));
    for _ in 0..OWNERS {
        let (target, here) = (server.target(), here.clone());
        owners.spawn(async move {
            let signer = PrivateKeySigner::random();
            let peer = Peer::connect(target, signer, Timeouts::default()).await.unwrap();
            // Nobody leaves before all are there.
            here.wait().await;
            assert_eq!(call(&peer, 7).await.unwrap(), Response::Current(Some(7)));
            peer
        });
    }
    let owners = owners.join_all().await;
    assert_eq!(server.counters.connected.load(Ordering::Relaxed) as usize, OWNERS);
    assert_eq!(server.counters.replaced.load(Ordering::Relaxed), 0);
    drop(owners);
    server.stop().await;
}

/// There is a cap all the same, which leaves most places to others.
#[tokio::test]
async fn one_address_does_not_get_all_places() {
    let limits = WireLimits::default();
    assert!(limits.per_ip > OWNERS && limits.per_ip * 4 <= limits.connections);
    assert!(limits.attempts as usize > 2 * limits.per_ip, "all can come again in one minute");
    let server = Running::start(limits).await;
    let endpoint = raw::client(2);
    let mut open = Vec::new();
    for _ in 0..limits.per_ip {
        open.push(raw::member(&endpoint, server.address).await);
    }
    let connected = || server.counters.connected.load(Ordering::Relaxed) as usize;
    eventually("all are there", || connected() == limits.per_ip).await;
    let more = endpoint.connect(server.address, "anyone").unwrap();
    let more = tokio::time::timeout(Duration::from_secs(5), more).await.unwrap();
    assert!(more.is_err(), "one more than there are places for an address");
    // Elsewhere there is still room.
    raw::member(&raw::client(3), server.address).await;
    drop(open);
    server.stop().await;
}
