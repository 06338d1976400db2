//! The coordinator's end: accepts connections, proves who is there, and hands what peers ask to a
//! [`Service`].
//!
//! What one peer does costs the others nothing but its share: connections are counted (in all, by
//! network, by account), each has a bounded number of bytes, streams and requests at work, waits
//! end, and a peer that asks too often waits for its own turn.

mod registry;
mod session;
mod transfer;

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use quinn::{Endpoint, Incoming, TokioRuntime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::registry::{Network, Registry};
use self::transfer::Turns;
use super::{PeerError, Service, WireLimits, close, tls};

/// What a server has done since it was bound, for metrics.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// Authenticated connections, now.
    pub connected: AtomicU64,
    /// Connections that did not prove who they are, or broke the protocol doing so.
    pub unproven: AtomicU64,
    /// Connections that there was no room for, or whose accounts are not served.
    pub refused: AtomicU64,
    /// Connections whose account came again.
    pub replaced: AtomicU64,
    /// Connections that broke the protocol.
    pub breaches: AtomicU64,
    pub calls: AtomicU64,
    /// Bytes of uploads that were handed to the service.
    pub uploaded: AtomicU64,
    /// Bytes of downloads that were sent.
    pub downloaded: AtomicU64,
}

impl ServerCounters {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What all sessions of a server share.
struct Shared<S> {
    service: Arc<S>,
    signer: PrivateKeySigner,
    domain: Eip712Domain,
    limits: WireLimits,
    registry: Arc<Registry>,
    requests: DefaultKeyedRateLimiter<Address>,
    turns: Turns,
    counters: Arc<ServerCounters>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// A bound server.
pub struct Server<S> {
    endpoint: Endpoint,
    attempts: DefaultKeyedRateLimiter<Network>,
    shared: Arc<Shared<S>>,
}

impl<S: Service> Server<S> {
    /// Binds a UDP socket; within a tokio runtime. `domain` is that of the plans' signatures.
    ///
    /// # Errors
    /// If there is no such address to bind or no certificate can be made.
    pub fn bind(
        listen: SocketAddr,
        signer: PrivateKeySigner,
        domain: Eip712Domain,
        service: Arc<S>,
        limits: WireLimits,
    ) -> Result<Self, PeerError> {
        let io = |source| PeerError::Listen { listen, source };
        let socket = std::net::UdpSocket::bind(listen).map_err(io)?;
        let config = Some(tls::server(&limits)?);
        let endpoint = tls::endpoint(&signer);
        let endpoint =
            Endpoint::new(endpoint, config, socket, Arc::new(TokioRuntime)).map_err(io)?;
        let shared = Shared {
            service,
            signer,
            domain,
            registry: Registry::new(&limits),
            requests: RateLimiter::keyed(Quota::per_second(at_least_one(limits.requests))),
            limits,
            turns: Turns::default(),
            counters: Arc::default(),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        };
        let attempts = RateLimiter::keyed(Quota::per_minute(at_least_one(limits.attempts)));
        Ok(Self { endpoint, attempts, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, PeerError> {
        let io = |source| PeerError::Io { what: "asking where the socket is bound", source };
        self.endpoint.local_addr().map_err(io)
    }

    /// What it has done so far.
    pub fn counters(&self) -> Arc<ServerCounters> {
        self.shared.counters.clone()
    }

    /// Serves until `shutdown`, then lets what is under way end for [`WireLimits::drain`]: calls are
    /// answered, uploads stored as far as they have come.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.accept(incoming),
                    None => break,
                },
            }
        }
        self.endpoint.set_server_config(None);
        self.shared.shutdown.cancel();
        self.shared.tasks.close();
        let drain = self.shared.limits.drain;
        let drained = timeout(drain, self.shared.tasks.wait()).await.is_ok();
        tracing::debug!(drained, "the wire is shut down");
        self.endpoint.close(close::LEAVE.code(), b"shutdown");
        let _ = timeout(drain, self.endpoint.wait_idle()).await;
    }

    fn accept(&self, incoming: Incoming) {
        // Nothing is spent on addresses that may be forged: the sender must first show that
        // it gets what is sent there (RFC 9000 §8.1.2).
        if !incoming.remote_address_validated() {
            let _ = incoming.retry();
            return;
        }
        let network = Network::of(incoming.remote_address().ip());
        if self.attempts.len() > self.shared.limits.connections {
            self.attempts.retain_recent();
        }
        let slot = match self.attempts.check_key(&network) {
            Ok(()) => self.shared.registry.enter(network),
            Err(_) => None,
        };
        let Some(slot) = slot else {
            ServerCounters::count(&self.shared.counters.refused);
            incoming.refuse();
            return;
        };
        let shared = self.shared.clone();
        self.shared.tasks.spawn(session::run(shared, incoming, slot));
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}
