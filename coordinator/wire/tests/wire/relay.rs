//! Peers behind a bad network: a relay of packets that loses, delays, reorders and cuts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use bytes::Bytes;
use rand::Rng;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use zktrain_wire::messages::{Item, Response};
use zktrain_wire::{CoordinatorTarget, Peer, Timeouts, UploadSource, WireLimits};

use crate::common::{Running, call, content, eventually, noise};

#[derive(Clone, Copy, Default)]
struct Faults {
    loss: f64,
    delay: Duration,
    /// Drawn for each packet, so that they overtake each other.
    jitter: Duration,
    cut: bool,
}

impl Faults {
    /// When a packet arrives, if it does.
    fn fate(&self) -> Option<Duration> {
        let mut rng = rand::thread_rng();
        let lost = self.cut || rng.gen_bool(self.loss);
        (!lost).then(|| self.delay + self.jitter.mul_f64(rng.gen_range(0.0..1.0)))
    }
}

/// For each peer, the socket that the server sees it at.
type Backs = HashMap<SocketAddr, (Arc<UdpSocket>, JoinHandle<()>)>;

struct Relay {
    address: SocketAddr,
    faults: Arc<Mutex<Faults>>,
    backs: Arc<Mutex<Backs>>,
}

impl Relay {
    async fn start(server: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = front.local_addr().unwrap();
        let relay = Self { address, faults: Arc::default(), backs: Arc::default() };
        let (faults, backs) = (relay.faults.clone(), relay.backs.clone());
        tokio::spawn(async move {
            let mut packet = vec![0; 65536];
            while let Ok((len, from)) = front.recv_from(&mut packet).await {
                let known = backs.lock().unwrap().get(&from).map(|(back, _)| back.clone());
                let back = match known {
                    Some(back) => back,
                    None => {
                        let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                        let pump = pump(back.clone(), front.clone(), from, faults.clone());
                        let pump = tokio::spawn(pump);
                        backs.lock().unwrap().insert(from, (back.clone(), pump));
                        back
                    }
                };
                deliver(&faults, back, server, packet[..len].to_vec());
            }
        });
        relay
    }

    fn set(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    /// As a NAT that forgets: from now on packets come from another port.
    fn forget(&self) {
        for (_, (_, pump)) in self.backs.lock().unwrap().drain() {
            pump.abort();
        }
    }

    async fn peer(&self, server: &Running) -> Peer {
        let target = CoordinatorTarget { address: self.address.to_string(), ..server.target() };
        Peer::connect(target, PrivateKeySigner::random(), Timeouts::default()).await.unwrap()
    }
}

async fn pump(
    back: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    to: SocketAddr,
    faults: Arc<Mutex<Faults>>,
) {
    let mut packet = vec![0; 65536];
    while let Ok((len, _)) = back.recv_from(&mut packet).await {
        deliver(&faults, front.clone(), to, packet[..len].to_vec());
    }
}

fn deliver(faults: &Mutex<Faults>, by: Arc<UdpSocket>, to: SocketAddr, packet: Vec<u8>) {
    if let Some(delay) = faults.lock().unwrap().fate() {
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = by.send_to(&packet, to).await;
        });
    }
}

const MASKED: Item = Item::Masked { round: 1 };

fn bad() -> Faults {
    let delay = Duration::from_millis(50);
    Faults { loss: 0.1, delay, jitter: Duration::from_millis(10), cut: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_arrive_through_loss_delay_and_disorder() {
    let server = Running::start(WireLimits::default()).await;
    let relay = Relay::start(server.address).await;
    let peer = relay.peer(&server).await;
    relay.set(bad());
    let (began, bytes) = (Instant::now(), Bytes::from(noise(8 << 20)));
    peer.upload(&MASKED, UploadSource::Bytes(bytes.clone())).await.unwrap();
    println!("8 MiB through 10 % loss and 100 ms there and back: {:?}", began.elapsed());
    assert_eq!(server.memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
    server.memory.downloads.lock().unwrap().insert(MASKED, bytes.slice(..1 << 20));
    let got = peer.download(&MASKED, 1 << 20).await.unwrap();
    assert_eq!(content(&got), content(&bytes[..1 << 20]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_of_some_seconds_is_lived_through() {
    let server = Running::start(WireLimits::default()).await;
    let relay = Relay::start(server.address).await;
    let peer = relay.peer(&server).await;
    *server.memory.slow.lock().unwrap() = Duration::from_millis(10);
    let bytes = Bytes::from(noise(8 << 20));
    let upload = {
        let (peer, bytes) = (peer.clone(), bytes.clone());
        tokio::spawn(async move { peer.upload(&MASKED, UploadSource::Bytes(bytes)).await })
    };
    let here = || server.memory.stored(peer.account(), &MASKED).map_or(0, |held| held.bytes.len());
    eventually("some of it is there", || here() > 1 << 20).await;
    relay.set(Faults { cut: true, ..Faults::default() });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!upload.is_finished());
    relay.set(Faults::default());
    let healed = Instant::now();
    upload.await.unwrap().unwrap();
    assert!(healed.elapsed() < Duration::from_secs(10), "{:?}", healed.elapsed());
    assert_eq!(server.memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
    assert_eq!(*server.memory.begins.lock().unwrap(), [0], "it is still the same upload");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_cut_ends_the_connection_but_not_the_upload() {
    let idle = Duration::from_millis(800);
    let server = Running::start(WireLimits { idle, ..WireLimits::default() }).await;
    let relay = Relay::start(server.address).await;
    let target = CoordinatorTarget { address: relay.address.to_string(), ..server.target() };
    let patience = Timeouts { idle, keep_alive: idle / 4, ..Timeouts::default() };
    let peer = Peer::connect(target, PrivateKeySigner::random(), patience).await.unwrap();
    *server.memory.slow.lock().unwrap() = Duration::from_millis(10);
    let bytes = Bytes::from(noise(8 << 20));
    let upload = {
        let (peer, bytes) = (peer.clone(), bytes.clone());
        tokio::spawn(async move { peer.upload(&MASKED, UploadSource::Bytes(bytes)).await })
    };
    let here = || server.memory.stored(peer.account(), &MASKED).map_or(0, |held| held.bytes.len());
    eventually("some of it is there", || here() > 1 << 20).await;
    relay.set(Faults { cut: true, ..Faults::default() });
    tokio::time::sleep(Duration::from_secs(3)).await;
    relay.set(Faults::default());
    upload.await.unwrap().unwrap();
    assert_eq!(server.memory.stored(peer.account(), &MASKED).unwrap().bytes, bytes);
    let begins = server.memory.begins.lock().unwrap().clone();
    assert!(begins.len() == 2 && begins[1] > 0, "{begins:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_port_changes_keeps_its_connection() {
    let server = Running::start(WireLimits::default()).await;
    let relay = Relay::start(server.address).await;
    let peer = relay.peer(&server).await;
    for round in 0..3 {
        let (item, bytes) = (Item::Masked { round }, Bytes::from(noise(1 << 20)));
        peer.upload(&item, UploadSource::Bytes(bytes.clone())).await.unwrap();
        assert_eq!(server.memory.stored(peer.account(), &item).unwrap().bytes, bytes);
        relay.forget();
        assert_eq!(call(&peer, 5).await.unwrap(), Response::Current(Some(5)));
    }
    assert_eq!(server.memory.admitted.load(Ordering::SeqCst), 1, "over the same connection");
}
