//! Calls, uploads and downloads, and what becomes of them when something goes wrong.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use bytes::Bytes;
use zktrain_wire::messages::{Item, Phase, Refusal, Request, Response};
use zktrain_wire::{
    Content, CoordinatorTarget, Peer, PeerError, Timeouts, UploadSource, WireLimits,
};

use crate::common::{Memory, Running, call, content, domain, eventually, noise};

const MASKED: Item = Item::Masked { round: 1 };
static FILE: LazyLock<Item> = LazyLock::new(|| Item::Lineage { path: "model".into() });

fn hasty() -> Timeouts {
    let (call, progress) = (Duration::from_millis(600), Duration::from_millis(600));
    Timeouts { call, progress, ..Timeouts::default() }
}

#[tokio::test]
async fn uploads_arrive_whole_whatever_their_length() {
    let server = Running::start(WireLimits::default()).await;
    let peer = server.peer().await;
    let chunk = server.limits.chunk;
    for (round, len) in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk].into_iter().enumerate() {
        let (item, bytes) = (Item::Masked { round: round as u64 }, noise(len));
        let sent = peer.upload(&item, UploadSource::Bytes(bytes.clone().into())).await.unwrap();
        assert_eq!(sent, content(&bytes));
        let stored = server.memory.stored(peer.account(), &item).unwrap();
        assert!(stored.finished && stored.bytes == bytes, "{len} bytes");
    }
    let uploaded = server.counters.uploaded.load(Ordering::Relaxed);
    assert_eq!(uploaded, (6 * chunk + 1) as u64);
}

#[tokio::test]
async fn downloads_arrive_whole_whatever_their_length() {
    let server = Running::start(WireLimits::default()).await;
    let peer = server.peer().await;
    let chunk = server.limits.chunk;
    for len in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk] {
        let bytes = Bytes::from(noise(len));
        server.memory.downloads.lock().unwrap().insert(FILE.clone(), bytes.clone());
        assert_eq!(peer.download(&FILE, len as u64).await.unwrap(), bytes, "{len} bytes");
    }
}

#[tokio::test]
async fn files_go_up_and_down() {
    let folder = tempfile::tempdir().unwrap();
    let (up, down) = (folder.path().join("up"), folder.path().join("down"));
    let bytes = noise(700_000);
    std::fs::write(&up, &bytes).unwrap();
    let server = Running::start(WireLimits::default()).await;
    let peer = server.peer().await;
    peer.upload(&MASKED, UploadSource::File(up)).await.unwrap();
    assert_eq!(server.memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
    server.memory.downloads.lock().unwrap().insert(FILE.clone(), bytes.clone().into());
    let got = peer.download_file(&FILE, &down, 1 << 20).await.unwrap();
    assert_eq!(got, content(&bytes));
    assert_eq!(std::fs::read(&down).unwrap(), bytes);
    assert!(!folder.path().join("down.part").exists());
}

#[tokio::test]
async fn an_upload_goes_on_where_an_earlier_process_stopped() {
    let server = Running::start(WireLimits::default()).await;
    let (signer, bytes) = (PrivateKeySigner::random(), Bytes::from(noise(4 << 20)));
    *server.memory.slow.lock().unwrap() = Duration::from_millis(40);
    let connect = || Peer::connect(server.target(), signer.clone(), Timeouts::default());
    let first = connect().await.unwrap();
    let upload = {
        let (peer, bytes) = (first.clone(), bytes.clone());
        tokio::spawn(async move { peer.upload(&MASKED, UploadSource::Bytes(bytes)).await })
    };
    let memory = &server.memory;
    let here = || memory.stored(signer.address(), &MASKED).map_or(0, |held| held.bytes.len());
    eventually("some of it is there", || here() > 0).await;
    upload.abort();
    assert!(upload.await.unwrap_err().is_cancelled());
    first.close().await;
    *server.memory.slow.lock().unwrap() = Duration::ZERO;
    let second = connect().await.unwrap();
    second.upload(&MASKED, UploadSource::Bytes(bytes.clone())).await.unwrap();
    assert_eq!(server.memory.stored(signer.address(), &MASKED).unwrap().bytes, bytes);
    let begins = server.memory.begins.lock().unwrap().clone();
    assert!(begins.len() == 2 && begins[0] == 0 && begins[1] > 0, "{begins:?}");
}

#[test]
fn an_upload_goes_on_when_the_server_is_killed_and_comes_back() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    };
    let (signer, memory) = (PrivateKeySigner::random(), Arc::new(Memory::default()));
    *memory.slow.lock().unwrap() = Duration::from_millis(10);
    let doomed = runtime();
    let start =
        |address| Running::start_at(address, signer.clone(), memory.clone(), WireLimits::default());
    let server = doomed.block_on(async { start("127.0.0.1:0".parse().unwrap()) });
    let (address, target) = (server.address, server.target());
    let bytes = Bytes::from(noise(8 << 20));
    runtime().block_on(async {
        let owner = PrivateKeySigner::random();
        let peer = Peer::connect(target, owner.clone(), Timeouts::default()).await.unwrap();
        let upload = {
            let (peer, bytes) = (peer.clone(), bytes.clone());
            tokio::spawn(async move { peer.upload(&MASKED, UploadSource::Bytes(bytes)).await })
        };
        let here = || memory.stored(owner.address(), &MASKED).map_or(0, |held| held.bytes.len());
        eventually("some of it is there", || here() > 1 << 20).await;
        // As with kill -9: no good-bye, nothing but the socket is closed by the system.
        doomed.shutdown_background();
        let until = Instant::now() + Duration::from_secs(5);
        while std::net::UdpSocket::bind(address).is_err() {
            assert!(Instant::now() < until, "the socket stays open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _server = start(address);
        let again = || memory.admitted.load(Ordering::SeqCst) == 2;
        eventually("the new server says that it does not know the connection", again).await;
        upload.await.unwrap().unwrap();
        assert_eq!(memory.stored(owner.address(), &MASKED).unwrap().bytes, bytes);
        let begins = memory.begins.lock().unwrap().clone();
        assert!(begins.len() == 2 && begins[1] >= 1 << 20, "{begins:?}");
    });
}

#[tokio::test]
async fn a_stopped_server_keeps_what_has_come() {
    let server = Running::start(WireLimits::default()).await;
    *server.memory.slow.lock().unwrap() = Duration::from_millis(20);
    let (address, signer, memory) = (server.address, server.signer.clone(), server.memory.clone());
    let (peer, bytes) = (server.peer().await, Bytes::from(noise(4 << 20)));
    let upload = {
        let (peer, bytes) = (peer.clone(), bytes.clone());
        tokio::spawn(async move { peer.upload(&MASKED, UploadSource::Bytes(bytes)).await })
    };
    let here = || memory.stored(peer.account(), &MASKED).map_or(0, |held| held.bytes.len());
    eventually("some of it is there", || here() > 1 << 20).await;
    server.stop().await;
    let kept = here();
    let _again = Running::start_at(address, signer, memory.clone(), WireLimits::default());
    upload.await.unwrap().unwrap();
    let begins = memory.begins.lock().unwrap().clone();
    assert_eq!(begins, [0, kept as u64]);
    assert_eq!(memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
}

#[tokio::test]
async fn a_download_goes_on_with_what_an_earlier_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let (file, part) = (folder.path().join("model"), folder.path().join("model.part"));
    let server = Running::start(WireLimits::default()).await;
    let (peer, bytes) = (server.peer().await, noise(1 << 20));
    server.memory.downloads.lock().unwrap().insert(FILE.clone(), bytes.clone().into());
    std::fs::write(&part, &bytes[..600_000]).unwrap();
    peer.download_file(&FILE, &file, 1 << 20).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let reads = server.memory.reads.lock().unwrap().clone();
    assert!(reads.iter().all(|&from| from >= 600_000), "{reads:?}");

    // Left of another model, shorter or longer than this one: all is loaded again.
    for left in [400_000, 3 << 20] {
        std::fs::write(&part, vec![7; left]).unwrap();
        peer.download_file(&FILE, &file, 1 << 20).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

#[tokio::test]
async fn what_is_not_as_announced_is_not_taken() {
    let server = Running::start(WireLimits::default()).await;
    let (peer, bytes) = (server.peer().await, noise(1000));
    server.memory.downloads.lock().unwrap().insert(FILE.clone(), bytes.clone().into());
    let large = peer.download(&FILE, 999).await;
    assert!(matches!(large, Err(PeerError::TooLarge { most: 999, got: 1000 })));
    let mut other = content(&bytes);
    other.digest.0[0] ^= 1;
    *server.memory.announced.lock().unwrap() = Some(other);
    let wrong = peer.download(&FILE, 1000).await;
    assert!(matches!(wrong, Err(PeerError::Digest { expected, .. }) if expected == other.digest));
    // More announced than there is: it is cut off, and asked for until nothing comes any more.
    let peer = Peer::connect(server.target(), PrivateKeySigner::random(), hasty()).await.unwrap();
    *server.memory.announced.lock().unwrap() = Some(Content { len: 1001, ..other });
    assert!(matches!(peer.download(&FILE, 2000).await, Err(PeerError::Deadline { .. })));
}

#[tokio::test]
async fn refusals_are_told() {
    let server = Running::start(WireLimits { upload: 1000, ..WireLimits::default() }).await;
    let peer = server.peer().await;
    let large = peer.upload(&MASKED, UploadSource::Bytes(vec![0; 1001].into())).await;
    let refusal = Refusal::TooLarge { most: 1000, got: 1001 };
    assert!(matches!(large, Err(PeerError::Refused(got)) if got == refusal));
    assert!(server.memory.begins.lock().unwrap().is_empty(), "the service is not even asked");
    let early = peer.upload(&FILE, UploadSource::Bytes(vec![0; 10].into())).await;
    let refusal = Refusal::WrongPhase { now: Phase::Keys };
    assert!(matches!(early, Err(PeerError::Refused(got)) if got == refusal));
    let paths = ["none", "../secret", "/etc/passwd"];
    for path in paths {
        let item = Item::Lineage { path: path.into() };
        server.memory.downloads.lock().unwrap().insert(item.clone(), Bytes::from_static(b"x"));
        let got = peer.download(&item, 10).await;
        match path {
            "none" => assert_eq!(got.unwrap(), "x"),
            _ => assert!(matches!(got, Err(PeerError::Refused(Refusal::Missing))), "{path}"),
        }
    }
}

#[tokio::test]
async fn trouble_of_the_coordinator_is_waited_out() {
    let server = Running::start(WireLimits::default()).await;
    let (peer, bytes) = (server.peer().await, noise(1 << 20));
    server.memory.failures.store(2, Ordering::SeqCst);
    peer.upload(&MASKED, UploadSource::Bytes(bytes.clone().into())).await.unwrap();
    assert_eq!(server.memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
    assert_eq!(server.memory.begins.lock().unwrap().len(), 3);
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 1, "over the same connection");
}

#[tokio::test]
async fn what_is_given_up_harms_nothing() {
    let server = Running::start(WireLimits::default()).await;
    let peer = server.peer().await;
    for number in 0..40 {
        let poll = peer.call(Request::Notice { round: 1, number });
        assert!(tokio::time::timeout(Duration::from_millis(5), poll).await.is_err());
    }
    assert_eq!(call(&peer, 1).await.unwrap(), Response::Current(Some(1)));
    let polls = || server.memory.polls.load(Ordering::SeqCst);
    eventually("the coordinator gives up what its peer gave up", || polls() == 0).await;
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 1, "over the same connection");
}

#[tokio::test]
async fn a_notice_that_is_not_there_is_answered_in_time() {
    let poll = Duration::from_millis(100);
    let server = Running::start(WireLimits { poll, ..WireLimits::default() }).await;
    let peer = server.peer().await;
    let later = peer.call(Request::Notice { round: 1, number: 0 }).await.unwrap();
    assert_eq!(later, Response::Later);
}

#[tokio::test]
async fn every_call_ends_in_time() {
    let server = Running::start(WireLimits::default()).await;
    let connect = || Peer::connect(server.target(), PrivateKeySigner::random(), hasty());
    let peer = connect().await.unwrap();
    let began = Instant::now();
    let silent = peer.call(Request::Notice { round: 1, number: 0 }).await;
    assert!(matches!(silent, Err(PeerError::Deadline { .. })));
    *server.memory.slow.lock().unwrap() = Duration::from_secs(100);
    let stuck = peer.upload(&MASKED, UploadSource::Bytes(noise(8 << 20).into())).await;
    assert!(matches!(stuck, Err(PeerError::Deadline { .. })));
    server.memory.downloads.lock().unwrap().insert(FILE.clone(), vec![0; 10].into());
    let stuck = peer.download(&FILE, 10).await;
    assert!(matches!(stuck, Err(PeerError::Deadline { .. })));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_there_is_an_error_in_time() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [closed.to_string(), "no.such.host.invalid:1".into()] {
        let coordinator = alloy::primitives::Address::ZERO;
        let target = CoordinatorTarget { address, coordinator, domain: domain() };
        let began = Instant::now();
        let nobody = Peer::connect(target, PrivateKeySigner::random(), hasty()).await;
        assert!(matches!(nobody.err().unwrap(), PeerError::Deadline { .. }));
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn uploading_costs_few_bytes() {
    let server = Running::start(WireLimits::default()).await;
    let endpoint = crate::raw::client(1);
    let connection = crate::raw::member(&endpoint, server.address).await;
    let bytes = noise(8 << 20);
    // What was lost on the way, to full buffers of a busy machine, is not the protocol's.
    let sent = || connection.stats().udp_tx.bytes - connection.stats().path.lost_bytes;
    let before = sent();
    let began = Instant::now();
    let ask = zktrain_wire::frame::Ask::Upload { item: MASKED, content: content(&bytes) };
    let (mut to, mut from) = crate::raw::ask(&connection, &ask).await;
    crate::raw::answer(&mut from).await;
    to.write_all(&bytes).await.unwrap();
    to.finish().unwrap();
    crate::raw::answer(&mut from).await;
    let took = began.elapsed().as_secs_f64();
    let sent = sent() - before;
    let over = sent as f64 / bytes.len() as f64 - 1.0;
    println!("8 MiB in {took:.3} s, {:.1} MB/s, {:.2} % over", 8.388608 / took, over * 100.0);
    assert!(over < 0.06, "{over}");
}
