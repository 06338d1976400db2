//! What a coordinator does for the peers that are connected to it.

use std::future::Future;

use alloy::primitives::{Address, B256};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::messages::{Item, Refusal, Request, Response};

/// Length and digest of a large thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes.
    pub len: u64,
    /// `keccak256` of them.
    pub digest: B256,
}

/// Answers authenticated peers. Called by many tasks at once, but for one `(peer, item)` the
/// methods of an upload are called one after another, also across a peer's connections.
///
/// Futures of [`Self::call`] with [`Request::Notice`] and of downloads may be dropped at any
/// point, when the peer gives up; all others run to their end.
pub trait Service: Send + Sync + 'static {
    /// Whether this account may stay connected. Asked once a connection; accounts that have
    /// nothing to do here should be refused, as connections are limited.
    fn admit(&self, peer: Address) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Answers a request. [`Response::Taken`] only for what survives a crash.
    ///
    /// For [`Request::Notice`] waits until the notice is there; the server answers
    /// [`Response::Later`] itself after [`super::WireLimits::poll`].
    fn call(&self, peer: Address, request: Request) -> impl Future<Output = Response> + Send;

    /// An upload starts or goes on: how many bytes of this very content (same length and digest)
    /// are stored already. All of them, if it is finished. Another content for the same item
    /// replaces an unfinished one or is refused.
    fn begin(
        &self,
        peer: Address,
        item: &Item,
        content: Content,
    ) -> impl Future<Output = Result<u64, Refusal>> + Send;

    /// Stores a part, at the end of what is stored; durable when it returns.
    fn chunk(
        &self,
        peer: Address,
        item: &Item,
        offset: u64,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// All is there: checks the digest. If it differs, what is stored is thrown away, so that
    /// the next [`Self::begin`] starts over. Also called for what was finished before.
    fn finish(
        &self,
        peer: Address,
        item: &Item,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// What there is to download.
    fn open(
        &self,
        peer: Address,
        item: &Item,
    ) -> impl Future<Output = Result<Content, Refusal>> + Send;

    /// A part of it, of 1 to `max` bytes; none at its end.
    fn read(
        &self,
        peer: Address,
        item: &Item,
        offset: u64,
        max: usize,
    ) -> impl Future<Output = Result<Bytes, Refusal>> + Send;
}
