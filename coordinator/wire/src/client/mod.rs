//! An owner's end: calls, uploads and downloads over a connection that comes back when it is lost.
//!
//! Only ever connects out. All futures may be dropped at any point: what is under way on the
//! stream ends, the connection stays.

mod link;
mod transfer;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use bytes::Bytes;
use quinn::Connection;
use tokio::time::{Instant, timeout_at};

use self::link::Link;
use self::transfer::{Progress, Sink, Store};
use super::error::{Fail, Lost};
use super::frame::{self, Answer, Ask};
use super::{Content, PeerError, Timeouts};
use crate::messages::{Item, Request, Response};

/// Which coordinator.
#[derive(Clone, Debug)]
pub struct CoordinatorTarget {
    /// `host:port` or `address:port`; looked up again for each connection.
    pub address: String,
    /// Who must be there.
    pub coordinator: Address,
    /// That of the plans' signatures.
    pub domain: Eip712Domain,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub enum UploadSource {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, which must not change meanwhile.
    File(PathBuf),
}

/// A connection to a coordinator that comes back when it is lost. Clones share it.
#[derive(Clone)]
pub struct Peer {
    link: Arc<Link>,
}

impl Peer {
    /// Connects; gives up after [`Timeouts::call`].
    ///
    /// # Errors
    /// If no connection comes about or the other side is someone else.
    pub async fn connect(
        target: CoordinatorTarget,
        signer: PrivateKeySigner,
        patience: Timeouts,
    ) -> Result<Self, PeerError> {
        let peer = Self { link: Arc::new(Link::new(target, signer, patience)?) };
        let until = Instant::now() + patience.call;
        peer.link.connection(until, &mut Lost::Never).await?;
        Ok(peer)
    }

    /// Our account.
    pub fn account(&self) -> Address {
        self.link.account()
    }

    /// Asks and waits for the answer. Asks again on another connection if one is lost, so a
    /// request may arrive twice.
    ///
    /// # Errors
    /// If no answer comes in time. [`Response::Refused`] is an answer.
    pub async fn call(&self, request: Request) -> Result<Response, PeerError> {
        let ask = frame::encode(&Ask::Call(request)).map_err(PeerError::Frame)?;
        let until = Instant::now() + self.link.patience().call;
        let mut last = Lost::Never;
        loop {
            let connection = self.link.connection(until, &mut last).await?;
            let failed = match timeout_at(until, exchange(&connection, &ask)).await {
                Ok(Ok(response)) => {
                    self.link.worked();
                    return Ok(response);
                }
                Ok(Err(failed)) => failed,
                Err(_) => return Err(self.link.late(Lost::Silence)),
            };
            last = self.link.failed(&connection, failed).await?;
        }
    }

    /// Uploads; goes on where it stopped, also if an earlier process began it. `Ok` once the
    /// coordinator has checked and stored it.
    ///
    /// # Errors
    /// If it is refused or nothing moves for [`Timeouts::progress`].
    pub async fn upload(&self, item: &Item, source: UploadSource) -> Result<Content, PeerError> {
        let (mut source, content) = source.measure().await?;
        let ask = Ask::Upload { item: item.clone(), content };
        let ask = frame::encode(&ask).map_err(PeerError::Frame)?;
        let mut progress = Progress::new(self.link.clone());
        let mut last = Lost::Never;
        loop {
            let connection = self.link.connection(progress.until(), &mut last).await?;
            let attempt = transfer::upload(&connection, &ask, &mut source, content, &mut progress);
            match attempt.await {
                Ok(()) => {
                    self.link.worked();
                    return Ok(content);
                }
                Err(failed) => last = self.link.failed(&connection, failed).await?,
            }
        }
    }

    /// Downloads into memory, at most `most` bytes.
    ///
    /// # Errors
    /// If it is refused, too large, or nothing moves for [`Timeouts::progress`].
    pub async fn download(&self, item: &Item, most: u64) -> Result<Bytes, PeerError> {
        let mut sink = Sink::new(Store::Memory(Vec::new()), most).await?;
        self.fill(item, &mut sink).await?;
        Ok(sink.into_bytes())
    }

    /// Downloads into a file, at most `most` bytes; goes on with `<file>.part` if an earlier
    /// process left one. The file is there only once it is complete, and replaces another.
    ///
    /// # Errors
    /// As [`Self::download`], or if the file cannot be written.
    pub async fn download_file(
        &self,
        item: &Item,
        file: &Path,
        most: u64,
    ) -> Result<Content, PeerError> {
        let mut name = file.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let mut sink = Sink::new(Store::open(&part).await?, most).await?;
        let content = self.fill(item, &mut sink).await?;
        sink.into_file(&part, file).await?;
        Ok(content)
    }

    async fn fill(&self, item: &Item, sink: &mut Sink) -> Result<Content, PeerError> {
        let mut progress = Progress::new(self.link.clone());
        let mut last = Lost::Never;
        loop {
            let connection = self.link.connection(progress.until(), &mut last).await?;
            match transfer::download(&connection, item, sink, &mut progress).await {
                Ok(content) => {
                    self.link.worked();
                    return Ok(content);
                }
                Err(failed) => last = self.link.failed(&connection, failed).await?,
            }
        }
    }

    /// Takes leave; later calls connect again.
    pub async fn close(&self) {
        self.link.close().await;
    }
}

/// One call on one connection.
async fn exchange(connection: &Connection, ask: &[u8]) -> Result<Response, Fail> {
    let (mut send, mut recv) = connection.open_bi().await?;
    // If the other side does not take all of it, what it answers says why.
    let _ = send.write_all(ask).await;
    let _ = send.finish();
    match frame::read(&mut recv, None).await? {
        Answer::Response(response) => Ok(response),
        _ => Err(PeerError::Breach("a call was answered by something else").into()),
    }
}
