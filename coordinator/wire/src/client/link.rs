//! The connection behind the calls: made when it is needed, made again when it is lost.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use quinn::{Connection, ConnectionError, Endpoint};
use rand::Rng;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::CoordinatorTarget;
use super::trouble::{Announcement, Outage};
use crate::error::{Fail, Lost};
use crate::frame::{self, Greeting, Hello, IdentityProof, MAGIC, VERSION, Welcome};
use crate::identity::{Channel, PeerRole};
use crate::{PeerError, Timeouts, close, tls};

/// Bytes in flight.
const WINDOW: u32 = 4 << 20;

/// The connection there is.
struct Live {
    endpoint: Endpoint,
    connection: Connection,
}

/// A connection that comes back.
pub(super) struct Link {
    target: CoordinatorTarget,
    signer: PrivateKeySigner,
    patience: Timeouts,
    config: quinn::ClientConfig,
    live: Mutex<Option<Live>>,
    /// Attempts that failed, of any kind, since one last worked.
    failures: AtomicU32,
    trouble: std::sync::Mutex<Outage>,
}

impl Link {
    pub(super) fn new(
        target: CoordinatorTarget,
        signer: PrivateKeySigner,
        patience: Timeouts,
    ) -> Result<Self, PeerError> {
        let config = tls::client(&patience, WINDOW)?;
        let (live, failures) = (Mutex::default(), AtomicU32::new(0));
        let trouble = Default::default();
        Ok(Self { target, signer, patience, config, live, failures, trouble })
    }

    pub(super) fn account(&self) -> Address {
        self.signer.address()
    }

    pub(super) fn patience(&self) -> &Timeouts {
        &self.patience
    }

    /// The connection, a new one if there is none. `last` is what went wrong last.
    ///
    /// # Errors
    /// If none comes about until then, or for good.
    pub(super) async fn connection(
        &self,
        until: Instant,
        last: &mut Lost,
    ) -> Result<Connection, PeerError> {
        // The call that holds the lock connects, for all that wait for it.
        let found = timeout_at(until, async {
            let mut live = self.live.lock().await;
            loop {
                match live.as_ref().map(|live| (live, live.connection.close_reason())) {
                    Some((live, None)) => return Ok(live.connection.clone()),
                    Some((_, Some(reason))) if is_replaced(&reason) => {
                        // For this call; a later one takes the account's place back.
                        *live = None;
                        return Err(PeerError::Replaced { account: self.account() });
                    }
                    _ => *live = None,
                }
                match self.attempt().await {
                    Ok(made) => *live = Some(made),
                    Err(Fail::Fatal(error)) => return Err(error),
                    Err(Fail::Lost(why)) => {
                        self.tell(&why);
                        *last = why;
                        tokio::time::sleep(self.backoff()).await;
                    }
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => Err(self.late(std::mem::replace(last, Lost::Never))),
        }
    }

    /// Time is over.
    pub(super) fn late(&self, last: Lost) -> PeerError {
        PeerError::Deadline { at: self.target.address.clone(), last }
    }

    /// Says why there is no connection: at once, then less and less often. Somebody who looks on is
    /// not to guess what is waited for.
    fn tell(&self, why: &Lost) {
        let coordinator = &self.target.address;
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble.fails(std::time::Instant::now()) {
            Announcement::Now { waited } => {
                let seconds = waited.as_secs();
                tracing::warn!(%coordinator, %why, seconds, "waiting for the coordinator");
            }
            Announcement::Lately => tracing::debug!(%coordinator, %why, "trying again"),
        }
    }

    /// Something was answered: the next failure is the first again.
    pub(super) fn worked(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).ends() {
            tracing::info!(coordinator = %self.target.address, "the coordinator answers");
        }
    }

    /// What to do about a failure: waits if it may be tried again.
    pub(super) async fn failed(
        &self,
        connection: &Connection,
        fail: Fail,
    ) -> Result<Lost, PeerError> {
        let lost = match fail {
            Fail::Fatal(error) => return Err(error),
            Fail::Lost(lost) => lost,
        };
        if connection.close_reason().as_ref().is_some_and(is_replaced) {
            return Err(PeerError::Replaced { account: self.account() });
        }
        if connection.close_reason().as_ref().is_some_and(is_breach) {
            return Err(PeerError::Breach("it says that we broke the protocol"));
        }
        self.tell(&lost);
        tokio::time::sleep(self.backoff()).await;
        Ok(lost)
    }

    /// Before the next attempt: doubles each time, half of it drawn by chance, so that members
    /// that lost the same coordinator do not come back all at once.
    fn backoff(&self) -> Duration {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(16);
        let most = self.patience.backoff_most;
        let wait = self.patience.backoff.saturating_mul(1 << failures).min(most);
        wait.mul_f64(rand::thread_rng().gen_range(0.5..=1.0))
    }

    pub(super) async fn close(&self) {
        let Some(live) = self.live.lock().await.take() else { return };
        live.connection.close(close::LEAVE.code(), b"");
        let _ = timeout(Duration::from_secs(1), live.endpoint.wait_idle()).await;
    }

    /// One attempt for each address of the name, until one works.
    async fn attempt(&self) -> Result<Live, Fail> {
        let found = timeout(self.patience.attempt, tokio::net::lookup_host(&self.target.address));
        let found = found.await.map_err(|_| Fail::Lost(Lost::Silence))?;
        let found = found.map_err(|error| Fail::Lost(Lost::Lookup(error)))?;
        let mut last = Fail::Lost(Lost::NoHost);
        for address in found {
            match timeout(self.patience.attempt, self.attempt_at(address)).await {
                Ok(Ok(live)) => return Ok(live),
                Ok(Err(fail)) => last = fail,
                Err(_) => last = Fail::Lost(Lost::Silence),
            }
        }
        Err(last)
    }

    async fn attempt_at(&self, address: SocketAddr) -> Result<Live, Fail> {
        // A new socket each time: after a sleep or a change of network the old one may be dead.
        let local = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let io = |source| PeerError::Io { what: "opening a UDP socket", source };
        let endpoint = Endpoint::client(local).map_err(io)?;
        let connecting = endpoint.connect_with(self.config.clone(), address, tls::NAME);
        let connection = connecting.map_err(|error| Fail::Lost(error.into()))?.await?;
        match self.greet(&connection).await {
            Ok(()) => Ok(Live { endpoint, connection }),
            Err(fail) => {
                connection.close(close::LEAVE.code(), b"");
                Err(fail)
            }
        }
    }

    /// Both sides prove who they are; see [`crate::identity`].
    async fn greet(&self, connection: &Connection) -> Result<(), Fail> {
        let (mut send, mut recv) = connection.open_bi().await?;
        let hello = Hello { magic: MAGIC, version: VERSION };
        let _ = send.write_all(&frame::encode(&hello)?).await;
        let theirs: IdentityProof = match frame::read(&mut recv, None).await? {
            Greeting::Proof(proof) => proof,
            Greeting::Version(got) => {
                return Err(PeerError::Version { expected: VERSION, got }.into());
            }
        };
        let channel = Channel::of(connection)
            .map_err(|_| PeerError::Breach("the connection has no keying material"))?;
        let domain = &self.target.domain;
        let got = channel.proven(PeerRole::Coordinator, &theirs, domain);
        let expected = self.target.coordinator;
        if got != Some(expected) {
            return Err(PeerError::Identity { expected, got }.into());
        }
        let ours =
            channel.prove(PeerRole::Owner, &self.signer, domain).map_err(PeerError::Signer)?;
        let _ = send.write_all(&frame::encode(&ours)?).await;
        let _ = send.finish();
        match frame::read(&mut recv, None).await? {
            Welcome::Admitted => Ok(()),
            Welcome::Unproven => Err(PeerError::Unproven { account: self.account() }.into()),
            Welcome::Refused(refusal) => Err(refusal.into()),
        }
    }
}

fn is_closed_by(reason: &ConnectionError, code: close::Code) -> bool {
    matches!(reason, ConnectionError::ApplicationClosed(close) if close.error_code == code.code())
}

fn is_replaced(reason: &ConnectionError) -> bool {
    is_closed_by(reason, close::REPLACED)
}

fn is_breach(reason: &ConnectionError) -> bool {
    is_closed_by(reason, close::BREACH)
}
