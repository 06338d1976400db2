//! A coordinator that keeps everything in memory, and peers of it.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zktrain_ledger::typed;
use zktrain_wire::messages::{Item, Phase, Refusal, Request, Response};
use zktrain_wire::{
    Content, CoordinatorTarget, Peer, PeerError, Server, ServerCounters, Service, Timeouts,
    WireLimits,
};

pub fn domain() -> Eip712Domain {
    typed::domain(31337, Address::repeat_byte(7))
}

/// Bytes that repeat nowhere near.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

pub fn content(bytes: &[u8]) -> Content {
    Content { len: bytes.len() as u64, digest: keccak256(bytes) }
}

#[derive(Clone)]
pub struct Stored {
    pub content: Content,
    pub bytes: Vec<u8>,
    pub finished: bool,
}

/// What a coordinator remembers, and how it behaves.
#[derive(Default)]
pub struct Memory {
    pub uploads: Mutex<HashMap<(Address, Item), Stored>>,
    pub downloads: Mutex<HashMap<Item, Bytes>>,
    /// If set, what downloads are announced as.
    pub announced: Mutex<Option<Content>>,
    /// Offsets that uploads began at.
    pub begins: Mutex<Vec<u64>>,
    /// Offsets that were read from.
    pub reads: Mutex<Vec<u64>>,
    pub admitted: AtomicUsize,
    pub refused: Mutex<Vec<Address>>,
    pub calls: AtomicUsize,
    /// Notices waited for, now.
    pub polls: AtomicUsize,
    /// Calls at work, now and at most.
    pub at_work: AtomicUsize,
    pub most_at_work: AtomicUsize,
    /// So many parts fail before one is stored.
    pub failures: AtomicUsize,
    /// Each part takes so long to store.
    pub slow: Mutex<Duration>,
}

struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service for Memory {
    async fn admit(&self, peer: Address) -> Result<(), Refusal> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        match self.refused.lock().unwrap().contains(&peer) {
            true => Err(Refusal::NotMember),
            false => Ok(()),
        }
    }

    /// `Current` echoes the domain, `Notice` waits for ever, `Send` takes as long as its round's
    /// number says in milliseconds.
    async fn call(&self, _: Address, request: Request) -> Response {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match request {
            Request::Current { domain } => Response::Current(Some(domain)),
            Request::Notice { .. } => {
                let _polling = Counted::new(&self.polls);
                std::future::pending().await
            }
            Request::Send { round, .. } => {
                let _working = Counted::new(&self.at_work);
                let now = self.at_work.load(Ordering::SeqCst);
                self.most_at_work.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(round)).await;
                Response::Taken
            }
        }
    }

    async fn begin(&self, peer: Address, item: &Item, content: Content) -> Result<u64, Refusal> {
        if matches!(item, Item::Lineage { .. }) {
            return Err(Refusal::WrongPhase { now: Phase::Keys });
        }
        let mut uploads = self.uploads.lock().unwrap();
        let fresh = Stored { content, bytes: Vec::new(), finished: false };
        let stored = uploads.entry((peer, item.clone())).or_insert_with(|| fresh.clone());
        if stored.content != content {
            *stored = fresh;
        }
        self.begins.lock().unwrap().push(stored.bytes.len() as u64);
        Ok(stored.bytes.len() as u64)
    }

    async fn chunk(
        &self,
        peer: Address,
        item: &Item,
        offset: u64,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        let one_less = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Err(Refusal::Internal);
        }
        let mut uploads = self.uploads.lock().unwrap();
        let stored = uploads.get_mut(&(peer, item.clone())).unwrap();
        assert_eq!(offset, stored.bytes.len() as u64, "parts come in order, each once");
        stored.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(&self, peer: Address, item: &Item) -> Result<(), Refusal> {
        let mut uploads = self.uploads.lock().unwrap();
        let stored = uploads.get_mut(&(peer, item.clone())).unwrap();
        if content(&stored.bytes) != stored.content {
            stored.bytes.clear();
            return Err(Refusal::Invalid("digest".into()));
        }
        stored.finished = true;
        Ok(())
    }

    async fn open(&self, _: Address, item: &Item) -> Result<Content, Refusal> {
        let downloads = self.downloads.lock().unwrap();
        let bytes = downloads.get(item).ok_or(Refusal::Missing)?;
        Ok(self.announced.lock().unwrap().unwrap_or_else(|| content(bytes)))
    }

    async fn read(&self, _: Address, item: &Item, from: u64, max: usize) -> Result<Bytes, Refusal> {
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        self.reads.lock().unwrap().push(from);
        let downloads = self.downloads.lock().unwrap();
        let bytes = downloads.get(item).ok_or(Refusal::Missing)?;
        let from = bytes.len().min(from as usize);
        Ok(bytes.slice(from..bytes.len().min(from + max)))
    }
}

impl Memory {
    pub fn stored(&self, peer: Address, item: &Item) -> Option<Stored> {
        self.uploads.lock().unwrap().get(&(peer, item.clone())).cloned()
    }
}

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    pub signer: PrivateKeySigner,
    pub memory: Arc<Memory>,
    pub counters: Arc<ServerCounters>,
    pub limits: WireLimits,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(limits: WireLimits) -> Self {
        let (signer, memory) = (PrivateKeySigner::random(), Arc::default());
        Self::start_at("127.0.0.1:0".parse().unwrap(), signer, memory, limits)
    }

    pub fn start_at(
        listen: SocketAddr,
        signer: PrivateKeySigner,
        memory: Arc<Memory>,
        limits: WireLimits,
    ) -> Self {
        let server = Server::bind(listen, signer.clone(), domain(), memory.clone(), limits);
        let server = server.unwrap();
        let (address, counters) = (server.local_addr().unwrap(), server.counters());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.serve(async move {
            let _ = stopped.await;
        }));
        Self { address, signer, memory, counters, limits, stop: Some(stop), task }
    }

    pub fn target(&self) -> CoordinatorTarget {
        CoordinatorTarget {
            address: self.address.to_string(),
            coordinator: self.signer.address(),
            domain: domain(),
        }
    }

    pub async fn peer(&self) -> Peer {
        let signer = PrivateKeySigner::random();
        Peer::connect(self.target(), signer, Timeouts::default()).await.unwrap()
    }

    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap();
    }
}

pub async fn call(peer: &Peer, domain: u64) -> Result<Response, PeerError> {
    peer.call(Request::Current { domain }).await
}

/// Waits until something holds; not for ever.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// While something goes on, a peer that does nothing wrong is served quickly.
pub async fn while_healthy<T>(server: &Running, goes_on: impl Future<Output = T>) -> T {
    let peer = server.peer().await;
    let quick = async {
        let mut slowest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let answer = call(&peer, 7).await.unwrap();
            assert_eq!(answer, Response::Current(Some(7)));
            slowest = slowest.max(began.elapsed());
            assert!(slowest < Duration::from_millis(1500), "a call took {slowest:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::select! {
        never = quick => never,
        done = goes_on => {
            // Also afterwards.
            let began = Instant::now();
            call(&peer, 7).await.unwrap();
            assert!(began.elapsed() < Duration::from_millis(1500));
            done
        }
    }
}
