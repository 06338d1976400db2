//! One connection: who is there, then one task for each of its streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use alloy::primitives::Address;
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::registry::{ConnectionSlot, Place};
use super::{ServerCounters, Shared, transfer};
use crate::frame::{
    self, Answer, Ask, Frame, FrameError, Greeting, Hello, IdentityProof, MAGIC, VERSION, Welcome,
};
use crate::identity::{Channel, PeerRole};
use crate::messages::{Refusal, Request, Response};
use crate::{Service, close};

/// An authenticated connection.
pub(super) struct Session<S> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) peer: Address,
    connection: Connection,
    /// One frame of more than a few bytes at once.
    large: Semaphore,
    work: Semaphore,
    transfers: Semaphore,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
enum Unproven {
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("it says nothing")]
    Silent,
    #[error("another version")]
    Version,
    #[error("no keying material")]
    Exporter,
    #[error("our signer refused")]
    Signer(#[from] alloy::signers::Error),
    #[error("the proof does not hold")]
    Proof,
    #[error(transparent)]
    Refused(Refusal),
}

pub(super) async fn run<S: Service>(
    shared: Arc<Shared<S>>,
    incoming: Incoming,
    mut slot: ConnectionSlot,
) {
    let from = incoming.remote_address();
    let evicted = slot.evicted();
    let proven = tokio::select! {
        () = shared.shutdown.cancelled() => return,
        () = evicted.cancelled() => {
            ServerCounters::count(&shared.counters.refused);
            tracing::debug!(%from, "no connection: its place was taken");
            return;
        }
        proven = timeout(shared.limits.handshake, greet(&shared, incoming, &mut slot)) => proven,
    };
    let (connection, peer) = match proven {
        Ok(Ok(proven)) => proven,
        Ok(Err(error)) => {
            let refused = matches!(error, Unproven::Refused(_));
            let counters = &shared.counters;
            ServerCounters::count(if refused { &counters.refused } else { &counters.unproven });
            tracing::debug!(%from, %error, "no connection");
            return;
        }
        Err(_) => {
            ServerCounters::count(&shared.counters.unproven);
            tracing::debug!(%from, "no connection: out of time");
            return;
        }
    };
    shared.counters.connected.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(%from, %peer, "connected");
    let limits = &shared.limits;
    connection.set_receive_window(VarInt::from_u32(limits.window));
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(limits.streams));
    let (work, transfers) = (Semaphore::new(limits.work), Semaphore::new(limits.transfers));
    let large = Semaphore::new(1);
    let session = Arc::new(Session { shared, peer, connection, large, work, transfers });
    session.streams().await;
    session.shared.counters.connected.fetch_sub(1, Ordering::Relaxed);
    if session.shared.requests.len() > session.shared.limits.connections {
        session.shared.requests.retain_recent();
    }
    tracing::debug!(%from, %peer, "disconnected");
}

/// Both sides prove who they are; see [`crate::identity`].
async fn greet<S: Service>(
    shared: &Shared<S>,
    incoming: Incoming,
    slot: &mut ConnectionSlot,
) -> Result<(Connection, Address), Unproven> {
    // A peer that says nothing costs a place for this long, and nothing else.
    let said = timeout(shared.limits.hello, listen(incoming)).await;
    let (connection, mut send, mut recv, hello) = said.map_err(|_| Unproven::Silent)??;
    if hello.magic != MAGIC || hello.version != VERSION {
        answer(&mut send, &Greeting::Version(VERSION)).await?;
        let _ = send.stopped().await;
        return Err(Unproven::Version);
    }
    let channel = Channel::of(&connection).map_err(|_| Unproven::Exporter)?;
    let ours = channel.prove(PeerRole::Coordinator, &shared.signer, &shared.domain)?;
    answer(&mut send, &Greeting::Proof(ours)).await?;
    let theirs: IdentityProof = frame::read(&mut recv, None).await?;
    let Some(peer) = channel.proven(PeerRole::Owner, &theirs, &shared.domain) else {
        answer(&mut send, &Welcome::Unproven).await?;
        let _ = send.stopped().await;
        return Err(Unproven::Proof);
    };
    let admitted = match shared.service.admit(peer).await {
        Ok(()) => match slot.prove(peer, &connection) {
            Place::Free => Ok(()),
            Place::Replaced => {
                ServerCounters::count(&shared.counters.replaced);
                Ok(())
            }
            Place::Full => Err(Refusal::Busy),
        },
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = admitted {
        answer(&mut send, &Welcome::Refused(refusal.clone())).await?;
        let _ = send.stopped().await;
        return Err(Unproven::Refused(refusal));
    }
    answer(&mut send, &Welcome::Admitted).await?;
    Ok((connection, peer))
}

/// What the other side says first.
async fn listen(
    incoming: Incoming,
) -> Result<(Connection, SendStream, RecvStream, Hello), Unproven> {
    let connection = incoming.await?;
    let (send, mut recv) = connection.accept_bi().await?;
    let hello = frame::read(&mut recv, None).await?;
    Ok((connection, send, recv, hello))
}

async fn answer<T: Frame>(send: &mut SendStream, frame: &T) -> Result<(), FrameError> {
    let bytes = frame::encode(frame)?;
    // A peer that does not take the answer does not get it; there is nothing else to do about it.
    let _ = send.write_all(&bytes).await;
    Ok(())
}

impl<S: Service> Session<S> {
    /// Takes streams until the connection or the server ends. Streams' tasks end by themselves:
    /// each wait in them has a limit, and all of them fail when the connection is gone.
    async fn streams(self: &Arc<Self>) {
        let shared = &self.shared;
        loop {
            let stream = tokio::select! {
                () = shared.shutdown.cancelled() => break,
                stream = self.connection.accept_bi() => stream,
            };
            let Ok((send, recv)) = stream else { break };
            let session = self.clone();
            shared.tasks.spawn(async move { session.stream(send, recv).await });
            // A peer that asks too often waits; it is not refused, so that nothing is lost by it.
            tokio::select! {
                () = shared.shutdown.cancelled() => break,
                _ = self.connection.closed() => break,
                () = shared.requests.until_key_ready(&self.peer) => {}
            }
        }
    }

    async fn stream(&self, mut send: SendStream, mut recv: RecvStream) {
        let ask = frame::read::<Ask>(&mut recv, Some(&self.large));
        let ask = match timeout(self.shared.limits.stall, ask).await {
            Ok(Ok(ask)) => ask,
            Ok(Err(error)) if error.is_breach() => return self.breach(&error),
            // Given up by the peer, or by us.
            Ok(Err(_)) | Err(_) => return,
        };
        match ask {
            Ask::Call(request) => {
                ServerCounters::count(&self.shared.counters.calls);
                if let Some(response) = self.call(request, &send).await {
                    self.answer(&mut send, &Answer::Response(response)).await;
                }
            }
            Ask::Upload { item, content } => {
                let Ok(_permit) = self.transfers.acquire().await else { return };
                transfer::upload(self, item, content, send, recv).await;
            }
            Ask::Download { item, offset, digest } => {
                let Ok(_permit) = self.transfers.acquire().await else { return };
                transfer::download(self, &item, offset, digest, send).await;
            }
        }
    }

    /// None if the peer does not wait for the answer any more.
    async fn call(&self, request: Request, send: &SendStream) -> Option<Response> {
        let shared = &self.shared;
        if matches!(request, Request::Notice { .. }) {
            return tokio::select! {
                response = shared.service.call(self.peer, request) => Some(response),
                () = tokio::time::sleep(shared.limits.poll) => Some(Response::Later),
                () = shared.shutdown.cancelled() => Some(Response::Later),
                _ = send.stopped() => None,
            };
        }
        let _permit = self.work.acquire().await.ok()?;
        Some(shared.service.call(self.peer, request).await)
    }

    /// Answers and ends the stream.
    pub(super) async fn answer(&self, send: &mut SendStream, frame: &Answer) {
        match timeout(self.shared.limits.stall, answer(send, frame)).await {
            Ok(Ok(())) => self.end(send).await,
            Ok(Err(error)) => {
                // Our own service answers more than a frame can hold.
                tracing::error!(%error, "an answer could not be sent");
                let _ = send.reset(close::INTERNAL.code());
            }
            Err(_) => {
                let _ = send.reset(close::STALLED.code());
            }
        }
    }

    /// Ends a stream and waits until the peer has all of it: a connection that nobody holds any
    /// more is closed, whatever is still on its way.
    pub(super) async fn end(&self, send: &mut SendStream) {
        let _ = send.finish();
        let _ = timeout(self.shared.limits.stall, send.stopped()).await;
    }

    fn breach(&self, error: &FrameError) {
        ServerCounters::count(&self.shared.counters.breaches);
        tracing::debug!(peer = %self.peer, %error, "the protocol was broken");
        self.connection.close(close::BREACH.code(), b"protocol");
    }
}
