//! Peers that do harm, and one that does not and must not notice.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256};
use bytes::Bytes;
use quinn::ConnectionError;
use zktrain_secagg::messages::{Keys, Signed};
use zktrain_wire::frame::{Answer, Ask, Frame};
use zktrain_wire::messages::{Item, MemberMessage, Request, Response};
use zktrain_wire::{Content, WireLimits};

use crate::common::{Running, call, eventually, noise, while_healthy};
use crate::raw;

static FILE: LazyLock<Item> = LazyLock::new(|| Item::Lineage { path: "model".into() });

fn work(milliseconds: u64) -> Ask {
    let keys = Keys { account: Address::ZERO, mask: [0; 32], seal: [0; 32] };
    let what = MemberMessage::Keys(Signed { body: keys, signature: Default::default() });
    Ask::Call(Request::Send { round: milliseconds, what: Box::new(what) })
}

fn current() -> Ask {
    Ask::Call(Request::Current { domain: 1 })
}

fn code(reason: &ConnectionError) -> Option<u64> {
    match reason {
        ConnectionError::ApplicationClosed(closed) => Some(closed.error_code.into_inner()),
        _ => None,
    }
}

#[tokio::test]
async fn garbage_ends_the_connection_that_it_came_on() {
    let server = Running::start(WireLimits::default()).await;
    let endpoint = raw::client(2);
    let trailing = {
        let mut bytes = zktrain_wire::frame::encode(&current()).unwrap();
        bytes.push(0);
        bytes[3] += 1;
        bytes
    };
    let too_long = (Ask::MOST as u32 + 1).to_be_bytes().to_vec();
    let cases = [vec![0xff; 4], too_long, [vec![0, 0, 0, 9], vec![0xff; 9]].concat(), trailing];
    while_healthy(&server, async {
        for (case, bytes) in cases.iter().enumerate() {
            let connection = raw::member(&endpoint, server.address).await;
            let (mut to, _from) = connection.open_bi().await.unwrap();
            to.write_all(bytes).await.unwrap();
            let closed = tokio::time::timeout(Duration::from_secs(2), connection.closed()).await;
            assert_eq!(code(&closed.unwrap()), Some(2), "case {case}");
        }
    })
    .await;
    assert_eq!(server.counters.breaches.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn noise_at_the_socket_is_ignored() {
    let server = Running::start(WireLimits::default()).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.3:0").await.unwrap();
    while_healthy(&server, async {
        let noise = noise(1200);
        for packet in 0..3000usize {
            let from = packet % 1000;
            let _ = socket.send_to(&noise[from..], server.address).await;
            if packet % 100 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn connections_that_do_not_say_who_they_are_end() {
    let handshake = Duration::from_millis(400);
    let limits = WireLimits { handshake, per_ip: 8, ..WireLimits::default() };
    let server = Running::start(limits).await;
    let endpoint = raw::client(2);
    while_healthy(&server, async {
        let mut open = Vec::new();
        for _ in 0..8 {
            open.push(raw::connect(&endpoint, server.address).await);
        }
        let ninth = endpoint.connect(server.address, "anyone").unwrap().await;
        assert!(ninth.is_err(), "no more from one address");
        // Elsewhere there is still room.
        raw::member(&raw::client(3), server.address).await;
        // An unproven connection has one stream, and few bytes on it.
        let (mut to, _from) = open[0].open_bi().await.unwrap();
        let second = tokio::time::timeout(Duration::from_millis(50), open[0].open_bi());
        assert!(second.await.is_err());
        let flood = vec![0xff; 1 << 20];
        let all = tokio::time::timeout(Duration::from_millis(50), to.write_all(&flood));
        assert!(!matches!(all.await, Ok(Ok(()))), "nobody reads all that");
        for connection in &open {
            let closed = tokio::time::timeout(Duration::from_secs(3), connection.closed()).await;
            assert!(closed.is_ok(), "half-open for ever");
        }
    })
    .await;
    // Their places are free again.
    raw::member(&endpoint, server.address).await;
    assert!(server.counters.unproven.load(Ordering::Relaxed) >= 8);
}

/// Connects again and again, as often as one may, and says nothing.
async fn say_nothing(endpoint: quinn::Endpoint, server: std::net::SocketAddr) {
    let mut open = Vec::new();
    loop {
        match endpoint.connect(server, "anyone").unwrap().await {
            Ok(connection) => open.push(connection),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// With the limits as they are by default: two addresses, next door and elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_say_nothing_keep_no_new_owner_out() {
    let server = Running::start(WireLimits::default()).await;
    let silent = [[127, 0, 0, 2], [127, 0, 0, 3], [127, 1, 0, 1], [127, 2, 0, 1]];
    let mut tasks = tokio::task::JoinSet::new();
    for address in silent {
        tasks.spawn(say_nothing(raw::client_at(address), server.address));
    }
    // Each has asked for more than all places that there were for everybody.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for _ in 0..5 {
        let began = Instant::now();
        let peer = server.peer().await;
        assert_eq!(call(&peer, 7).await.unwrap(), Response::Current(Some(7)));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    let limits = server.limits;
    assert!(limits.hello <= Duration::from_secs(2) && limits.handshakes <= limits.connections);
    tasks.abort_all();
}

#[tokio::test]
async fn connections_that_never_say_hello_lose_their_place_soon() {
    let hello = Duration::from_millis(200);
    let server = Running::start(WireLimits { hello, ..WireLimits::default() }).await;
    let connection = raw::connect(&raw::client(2), server.address).await;
    let closed = tokio::time::timeout(Duration::from_secs(3), connection.closed()).await;
    assert!(closed.is_ok(), "long before the whole handshake's time is over");
    assert_eq!(server.counters.unproven.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn attempts_to_connect_are_limited() {
    let server = Running::start(WireLimits { attempts: 10, ..WireLimits::default() }).await;
    let endpoint = raw::client(2);
    while_healthy(&server, async {
        let mut taken = 0;
        for _ in 0..30 {
            let connecting = endpoint.connect(server.address, "anyone").unwrap();
            taken += usize::from(connecting.await.is_ok());
        }
        assert!((10..=12).contains(&taken), "{taken}");
    })
    .await;
}

#[tokio::test]
async fn silent_connections_end() {
    let server =
        Running::start(WireLimits { idle: Duration::from_millis(500), ..WireLimits::default() });
    let server = server.await;
    // This one does not keep its connection alive.
    let silent = raw::member(&raw::client(2), server.address).await;
    let connected = || server.counters.connected.load(Ordering::Relaxed);
    assert_eq!(connected(), 1);
    eventually("its place is free", || connected() == 0).await;
    drop(silent);
}

#[tokio::test]
async fn a_flood_of_requests_waits_its_turn() {
    let server = Running::start(WireLimits { requests: 20, ..WireLimits::default() }).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    let began = Instant::now();
    let answered = std::sync::atomic::AtomicUsize::new(0);
    while_healthy(&server, async {
        let flood = async {
            loop {
                let (_to, mut from) = raw::ask(&connection, &current()).await;
                raw::answer(&mut from).await;
                answered.fetch_add(1, Ordering::SeqCst);
            }
        };
        let _: Result<(), _> = tokio::time::timeout(Duration::from_secs(2), flood).await;
    })
    .await;
    let answered = answered.load(Ordering::SeqCst) as f64;
    let most = 20.0 + 20.0 * began.elapsed().as_secs_f64() + 2.0;
    assert!(answered >= 20.0 && answered <= most, "{answered} of at most {most}");
}

#[tokio::test]
async fn streams_and_calls_at_work_are_limited_for_each_peer() {
    let limits = WireLimits { streams: 8, work: 3, ..WireLimits::default() };
    let server = Running::start(limits).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    while_healthy(&server, async {
        let mut open = Vec::new();
        let short = Duration::from_millis(100);
        let ask = work(1000);
        while let Ok(one) = tokio::time::timeout(short, raw::ask(&connection, &ask)).await {
            open.push(one);
        }
        // The handshake's stream may still count.
        assert!((7..=8).contains(&open.len()), "{}", open.len());
        for (_, from) in &mut open {
            raw::answer(from).await;
        }
    })
    .await;
    assert_eq!(server.memory.most_at_work.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn waiting_for_notices_is_no_work() {
    let server = Running::start(WireLimits { work: 1, ..WireLimits::default() }).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    let mut polls = Vec::new();
    for number in 0..8 {
        let ask = Ask::Call(Request::Notice { round: 1, number });
        polls.push(raw::ask(&connection, &ask).await);
    }
    eventually("all wait", || server.memory.polls.load(Ordering::SeqCst) == 8).await;
    let (_to, mut from) = raw::ask(&connection, &current()).await;
    assert!(matches!(raw::answer(&mut from).await, Answer::Response(_)));
    drop(polls);
}

#[tokio::test]
async fn a_slow_writer_is_given_up() {
    let stall = Duration::from_millis(300);
    let server = Running::start(WireLimits { stall, ..WireLimits::default() }).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    while_healthy(&server, async {
        // Frames that never end, long and short ones.
        let mut open = Vec::new();
        for header in [[0, 0, 0, 50], [0, 1, 0, 0], [0, 1, 0, 0]] {
            let (mut to, from) = connection.open_bi().await.unwrap();
            to.write_all(&header).await.unwrap();
            open.push((to, from));
        }
        for (to, _) in &open {
            let given_up = tokio::time::timeout(Duration::from_secs(2), to.stopped()).await;
            assert!(given_up.is_ok());
        }
        // An upload that stops in the middle: what has come is kept.
        let item = Item::Masked { round: 1 };
        let content = Content { len: 1000, digest: B256::ZERO };
        let ask = Ask::Upload { item, content };
        let (mut to, mut from) = raw::ask(&connection, &ask).await;
        assert_eq!(raw::answer(&mut from).await, Answer::From(0));
        to.write_all(&[1; 100]).await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_secs(2), to.stopped()).await;
        assert!(given_up.is_ok());
        let (_to, mut from) = raw::ask(&connection, &ask).await;
        assert_eq!(raw::answer(&mut from).await, Answer::From(100));
    })
    .await;
    let uploads = server.memory.uploads.lock().unwrap();
    assert!(uploads.values().all(|stored| !stored.finished));
}

#[tokio::test]
async fn a_slow_reader_is_given_up() {
    let stall = Duration::from_millis(300);
    let server = Running::start(WireLimits { stall, ..WireLimits::default() }).await;
    let large = Bytes::from(noise(32 << 20));
    server.memory.downloads.lock().unwrap().insert(FILE.clone(), large.clone());
    let connection = raw::member(&raw::client(2), server.address).await;
    while_healthy(&server, async {
        let ask = Ask::Download { item: FILE.clone(), offset: 0, digest: None };
        let (_to, mut from) = raw::ask(&connection, &ask).await;
        assert!(matches!(raw::answer(&mut from).await, Answer::Content { .. }));
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(from.read_to_end(64 << 20).await.is_err());
    })
    .await;
    let reads = server.memory.reads.lock().unwrap();
    let furthest = reads.iter().max().copied().unwrap();
    assert!(furthest < 4 << 20, "{furthest} bytes were buffered for someone who reads none");
}

#[tokio::test]
async fn transfers_at_once_are_limited_for_each_peer() {
    let server = Running::start(WireLimits { transfers: 2, ..WireLimits::default() }).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    let begin = |round| Ask::Upload {
        item: Item::Masked { round },
        content: Content { len: 1 << 20, digest: B256::ZERO },
    };
    let mut open = Vec::new();
    for round in 0..2 {
        let (to, mut from) = raw::ask(&connection, &begin(round)).await;
        assert_eq!(raw::answer(&mut from).await, Answer::From(0));
        open.push((to, from));
    }
    let (_to, mut from) = raw::ask(&connection, &begin(2)).await;
    let third = tokio::time::timeout(Duration::from_millis(100), raw::answer(&mut from)).await;
    assert!(third.is_err());
    open.clear();
    assert_eq!(raw::answer(&mut from).await, Answer::From(0));
}

#[tokio::test]
async fn more_than_announced_is_not_taken() {
    let server = Running::start(WireLimits::default()).await;
    let connection = raw::member(&raw::client(2), server.address).await;
    let bytes = noise(1000);
    let content = crate::common::content(&bytes[..900]);
    let ask = Ask::Upload { item: Item::Masked { round: 1 }, content };
    let (mut to, mut from) = raw::ask(&connection, &ask).await;
    assert_eq!(raw::answer(&mut from).await, Answer::From(0));
    to.write_all(&bytes).await.unwrap();
    assert_eq!(raw::answer(&mut from).await, Answer::Done);
    assert_eq!(server.counters.uploaded.load(Ordering::Relaxed), 900);
}
