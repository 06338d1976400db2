//! Who is at the other end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use quinn::{Connection, RecvStream, SendStream};
use tokio::io::copy;
use zktrain_ledger::typed;
use zktrain_wire::frame::{Greeting, Hello, MAGIC, VERSION, Welcome};
use zktrain_wire::identity::{Channel, PeerRole};
use zktrain_wire::messages::{Refusal, Response};
use zktrain_wire::{CoordinatorTarget, Peer, PeerError, Server, Timeouts, WireLimits};

use crate::common::{Running, call, domain, eventually};
use crate::raw;

async fn connect(target: CoordinatorTarget) -> Result<Peer, PeerError> {
    Peer::connect(target, PrivateKeySigner::random(), Timeouts::default()).await
}

#[tokio::test]
async fn both_sides_know_who_is_there() {
    let server = Running::start(WireLimits::default()).await;
    let peer = server.peer().await;
    assert_eq!(call(&peer, 3).await.unwrap(), Response::Current(Some(3)));
    assert_eq!(server.counters.connected.load(Ordering::Relaxed), 1);
    peer.close().await;
    eventually("its place is free", || server.counters.connected.load(Ordering::Relaxed) == 0)
        .await;
    assert_eq!(call(&peer, 4).await.unwrap(), Response::Current(Some(4)), "it connects again");
    server.stop().await;
}

#[tokio::test]
async fn another_coordinator_chain_or_contract_is_not_talked_to() {
    let server = Running::start(WireLimits::default()).await;
    let right = server.target();
    let other = CoordinatorTarget { coordinator: Address::ZERO, ..right.clone() };
    let there = server.signer.address();
    let refused = connect(other).await.err().unwrap();
    assert!(
        matches!(refused, PeerError::Identity { expected: Address::ZERO, got } if got == Some(there))
    );
    let domains =
        [typed::domain(1, Address::repeat_byte(7)), typed::domain(31337, Address::repeat_byte(8))];
    for domain in domains {
        let refused = connect(CoordinatorTarget { domain, ..right.clone() }).await.err().unwrap();
        assert!(matches!(refused, PeerError::Identity { got: None, .. }), "{refused}");
    }
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 0, "nobody said who it is");
}

/// Someone in the middle, who has a TLS connection with either side and passes all on.
async fn man_in_the_middle(server: std::net::SocketAddr) -> std::net::SocketAddr {
    let front = raw::server();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let back = raw::client(1);
        while let Some(incoming) = front.accept().await {
            let (near, far) = (incoming.await.unwrap(), raw::connect(&back, server).await);
            tokio::spawn(pass_on(near, far));
        }
    });
    address
}

async fn pass_on(near: Connection, far: Connection) {
    async fn pump(mut from: RecvStream, mut to: SendStream) {
        let _ = copy(&mut from, &mut to).await;
        let _ = to.finish();
    }
    while let Ok((to_near, from_near)) = near.accept_bi().await {
        let Ok((to_far, from_far)) = far.open_bi().await else { return };
        tokio::spawn(pump(from_near, to_far));
        tokio::spawn(pump(from_far, to_near));
    }
}

#[tokio::test]
async fn a_man_in_the_middle_is_noticed_by_the_owner() {
    let server = Running::start(WireLimits::default()).await;
    let middle = man_in_the_middle(server.address).await;
    let refused =
        connect(CoordinatorTarget { address: middle.to_string(), ..server.target() }).await;
    assert!(matches!(refused.err().unwrap(), PeerError::Identity { got: None, .. }));
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_man_in_the_middle_is_noticed_by_the_coordinator() {
    let server = Running::start(WireLimits::default()).await;
    let middle = man_in_the_middle(server.address).await;
    // An owner that does not look who is there.
    let careless = raw::connect(&raw::client(1), middle).await;
    let welcome = raw::authenticate(&careless, &PrivateKeySigner::random()).await;
    assert_eq!(welcome, Welcome::Unproven);
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 0);
    let unproven = || server.counters.unproven.load(Ordering::Relaxed) == 1;
    eventually("it is counted", unproven).await;
}

#[tokio::test]
async fn a_proof_of_another_connection_does_not_hold() {
    let server = Running::start(WireLimits::default()).await;
    let (endpoint, signer) = (raw::client(1), PrivateKeySigner::random());
    let first = raw::connect(&endpoint, server.address).await;
    let earlier = Channel::of(&first).unwrap().prove(PeerRole::Owner, &signer, &domain()).unwrap();
    let second = raw::connect(&endpoint, server.address).await;
    let (mut to, mut from, _) = raw::hello(&second).await;
    raw::send(&mut to, &earlier).await;
    assert_eq!(raw::receive::<Welcome>(&mut from).await, Welcome::Unproven);
}

#[tokio::test]
async fn proofs_are_for_one_role_account_chain_and_contract() {
    let server = Running::start(WireLimits::default()).await;
    let (endpoint, signer) = (raw::client(1), PrivateKeySigner::random());
    for case in 0..5 {
        let connection = raw::connect(&endpoint, server.address).await;
        let channel = Channel::of(&connection).unwrap();
        let (mut to, mut from, theirs) = raw::hello(&connection).await;
        let prove = |role, domain| channel.prove(role, &signer, &domain).unwrap();
        let proof = match case {
            0 => theirs,
            1 => prove(PeerRole::Coordinator, domain()),
            2 => prove(PeerRole::Owner, typed::domain(1, Address::repeat_byte(7))),
            3 => prove(PeerRole::Owner, typed::domain(31337, Address::repeat_byte(8))),
            _ => {
                let mut proof = prove(PeerRole::Owner, domain());
                proof.account = PrivateKeySigner::random().address();
                proof
            }
        };
        raw::send(&mut to, &proof).await;
        assert_eq!(raw::receive::<Welcome>(&mut from).await, Welcome::Unproven, "case {case}");
    }
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn sessions_are_not_resumed() {
    let server = Running::start(WireLimits::default()).await;
    let endpoint = raw::client(1);
    let first = raw::member(&endpoint, server.address).await;
    first.close(0u32.into(), b"");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let again = endpoint.connect(server.address, "anyone").unwrap();
    assert!(again.into_0rtt().is_err(), "there is no ticket to send early data with");
}

#[tokio::test]
async fn another_version_gets_an_answer_that_says_so() {
    let server = Running::start(WireLimits::default()).await;
    let endpoint = raw::client(1);
    let hellos = [
        Hello { magic: MAGIC, version: VERSION + 1 },
        Hello { magic: *b"othernet", version: VERSION },
    ];
    for hello in hellos {
        let connection = raw::connect(&endpoint, server.address).await;
        let (mut to, mut from) = connection.open_bi().await.unwrap();
        raw::send(&mut to, &hello).await;
        assert_eq!(raw::receive::<Greeting>(&mut from).await, Greeting::Version(VERSION));
    }
}

#[tokio::test]
async fn a_coordinator_of_another_version_is_named() {
    let newer = raw::server();
    let address = newer.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let connection = newer.accept().await.unwrap().await.unwrap();
        let (mut to, mut from) = connection.accept_bi().await.unwrap();
        let _: Hello = raw::receive(&mut from).await;
        raw::send(&mut to, &Greeting::Version(9)).await;
        connection.closed().await;
    });
    let target = CoordinatorTarget { address, coordinator: Address::ZERO, domain: domain() };
    let refused = connect(target).await.err().unwrap();
    assert!(matches!(refused, PeerError::Version { expected: VERSION, got: 9 }), "{refused}");
}

#[tokio::test]
async fn accounts_that_are_not_served_are_told_so() {
    let server = Running::start(WireLimits::default()).await;
    let signer = PrivateKeySigner::random();
    server.memory.refused.lock().unwrap().push(signer.address());
    let refused = Peer::connect(server.target(), signer, Timeouts::default()).await;
    assert!(matches!(refused.err().unwrap(), PeerError::Refused(Refusal::NotMember)));
    assert_eq!(server.counters.connected.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_newer_connection_of_an_account_takes_the_place_of_the_older() {
    let server = Running::start(WireLimits::default()).await;
    let signer = PrivateKeySigner::random();
    let again = || Peer::connect(server.target(), signer.clone(), Timeouts::default());
    let older = again().await.unwrap();
    let newer = again().await.unwrap();
    assert_eq!(call(&newer, 1).await.unwrap(), Response::Current(Some(1)));
    eventually("the older is gone", || server.counters.connected.load(Ordering::Relaxed) == 1)
        .await;
    assert!(matches!(call(&older, 1).await, Err(PeerError::Replaced { .. })));
    assert_eq!(call(&newer, 2).await.unwrap(), Response::Current(Some(2)));
    assert_eq!(server.counters.replaced.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_full_server_keeps_those_that_it_has() {
    let server = Running::start(WireLimits { connections: 2, ..WireLimits::default() }).await;
    let (first, second) = (server.peer().await, server.peer().await);
    let patience = Timeouts { call: Duration::from_secs(1), ..Timeouts::default() };
    let third = Peer::connect(server.target(), PrivateKeySigner::random(), patience).await;
    assert!(matches!(third.err().unwrap(), PeerError::Deadline { .. }));
    for peer in [&first, &second] {
        assert_eq!(call(peer, 1).await.unwrap(), Response::Current(Some(1)));
    }
    first.close().await;
    server.peer().await;
    assert_eq!(Arc::strong_count(&server.memory), 2);
}

#[tokio::test]
async fn errors_name_the_address_that_they_are_about() {
    let server = Running::start(WireLimits::default()).await;
    let taken = Server::bind(
        server.address,
        PrivateKeySigner::random(),
        domain(),
        server.memory.clone(),
        WireLimits::default(),
    );
    let said = taken.err().unwrap().to_string();
    assert!(said.contains(&server.address.to_string()) && said.contains("UDP"), "{said}");
    let patience = Timeouts { call: Duration::from_millis(300), ..Timeouts::default() };
    let nowhere =
        CoordinatorTarget { address: "no-such-host.invalid:7443".into(), ..server.target() };
    let connected = Peer::connect(nowhere, PrivateKeySigner::random(), patience).await;
    let said = connected.err().unwrap().to_string();
    assert!(said.contains("no-such-host.invalid:7443"), "{said}");
    let expected = Address::repeat_byte(9);
    let other = CoordinatorTarget { coordinator: expected, ..server.target() };
    let connected = Peer::connect(other, PrivateKeySigner::random(), Timeouts::default()).await;
    let said = connected.err().unwrap().to_string();
    assert!(
        said.contains(&server.signer.address().to_string()) && !said.contains("Some"),
        "{said}"
    );
    let said = PeerError::Identity { expected, got: None }.to_string();
    assert!(!said.contains("None"), "{said}");
}
