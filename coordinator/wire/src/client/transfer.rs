//! Uploads and downloads, as an owner sees them: one attempt on one connection each.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use alloy::primitives::Keccak256;
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::UploadSource;
use super::link::Link;
use crate::error::{Fail, Lost};
use crate::frame::{self, Answer, Ask};
use crate::messages::Item;
use crate::{Content, PeerError, close};

/// Bytes read from a file at once.
const PART: usize = 256 << 10;

/// How far a transfer has come. Only what it never had before counts, so that it ends: either all
/// is there, or nothing new has come for too long.
pub(super) struct Progress {
    best: Option<u64>,
    link: Arc<Link>,
    until: Instant,
}

impl Progress {
    pub(super) fn new(link: Arc<Link>) -> Self {
        let until = Instant::now() + link.patience().progress;
        Self { best: None, link, until }
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    fn reached(&mut self, offset: u64) {
        if self.best.is_none_or(|best| best < offset) {
            self.best = Some(offset);
            self.until = Instant::now() + self.link.patience().progress;
        }
    }

    async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Fail> {
        let silence = |_| Fail::Fatal(self.link.late(Lost::Silence));
        timeout_at(self.until, future).await.map_err(silence)
    }
}

fn file_error(what: &'static str) -> impl Fn(io::Error) -> PeerError {
    move |source| PeerError::Io { what, source }
}

/// A source that can be read from anywhere.
pub(super) enum Measured {
    Bytes(Bytes),
    File(File),
}

impl UploadSource {
    /// Its length and digest.
    pub(super) async fn measure(self) -> Result<(Measured, Content), PeerError> {
        let mut hasher = Keccak256::new();
        match self {
            Self::Bytes(bytes) => {
                hasher.update(&bytes);
                let content = Content { len: bytes.len() as u64, digest: hasher.finalize() };
                Ok((Measured::Bytes(bytes), content))
            }
            Self::File(path) => {
                let opened = File::open(&path).await;
                let mut file = opened.map_err(file_error("opening what is uploaded"))?;
                let len = hash_file(&mut file, &mut hasher).await?;
                let content = Content { len, digest: hasher.finalize() };
                Ok((Measured::File(file), content))
            }
        }
    }
}

/// Reads a file from where it is to its end: how many bytes there were.
async fn hash_file(file: &mut File, hasher: &mut Keccak256) -> Result<u64, PeerError> {
    let mut part = vec![0; PART];
    let mut len = 0;
    loop {
        let read = file.read(&mut part).await.map_err(file_error("reading a file"))?;
        if read == 0 {
            return Ok(len);
        }
        hasher.update(part.get(..read).unwrap_or_default());
        len += read as u64;
    }
}

impl Measured {
    async fn seek(&mut self, offset: u64) -> Result<(), PeerError> {
        if let Self::File(file) = self {
            let sought = file.seek(SeekFrom::Start(offset)).await;
            sought.map_err(file_error("seeking in what is uploaded"))?;
        }
        Ok(())
    }

    /// The part at an offset, to which a file was sought; empty at the end.
    async fn part(&mut self, offset: u64) -> Result<Bytes, PeerError> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(from..bytes.len().min(from.saturating_add(PART))))
            }
            Self::File(file) => {
                let mut part = vec![0; PART];
                let read = file.read(&mut part).await;
                part.truncate(read.map_err(file_error("reading what is uploaded"))?);
                Ok(part.into())
            }
        }
    }
}

/// Uploads on one connection, from where the coordinator says.
pub(super) async fn upload(
    connection: &Connection,
    ask: &[u8],
    source: &mut Measured,
    content: Content,
    progress: &mut Progress,
) -> Result<(), Fail> {
    let (mut send, mut recv) = progress.wait(connection.open_bi()).await??;
    // If the other side does not take all of it, what it answers says why.
    let _ = progress.wait(send.write_all(ask)).await?;
    let offset = match progress.wait(frame::read(&mut recv, None)).await?? {
        Answer::From(offset) if offset <= content.len => offset,
        Answer::Refused(refusal) => return Err(refusal.into()),
        _ => return Err(PeerError::Breach("an upload was answered by something else").into()),
    };
    progress.reached(offset);
    let sent = send_from(&mut send, source, content, offset, progress).await;
    if let Err(fail) = sent {
        // What has arrived is stored; the rest is not to be taken for the end.
        let _ = send.reset(close::LEAVE.code());
        return Err(fail);
    }
    match progress.wait(frame::read(&mut recv, None)).await?? {
        Answer::Done => Ok(()),
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Err(PeerError::Breach("an upload was answered by something else").into()),
    }
}

async fn send_from(
    send: &mut SendStream,
    source: &mut Measured,
    content: Content,
    mut offset: u64,
    progress: &mut Progress,
) -> Result<(), Fail> {
    source.seek(offset).await?;
    while offset < content.len {
        let part = source.part(offset).await?;
        let len = part.len() as u64;
        if len == 0 || len > content.len - offset {
            let changed = io::Error::new(io::ErrorKind::InvalidData, "its length has changed");
            return Err(file_error("reading what is uploaded")(changed).into());
        }
        if progress.wait(send.write_chunk(part)).await?.is_err() {
            // Stopped or lost: reading the answer tells which.
            return Ok(());
        }
        offset += len;
        progress.reached(offset);
    }
    let _ = send.finish();
    Ok(())
}

/// Where a download goes.
pub(super) enum Store {
    Memory(Vec<u8>),
    File(File),
}

impl Store {
    /// A file, with what an earlier process left in it.
    pub(super) async fn open(path: &Path) -> Result<Self, PeerError> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).await;
        Ok(Self::File(file.map_err(file_error("opening what a download goes to"))?))
    }

    async fn append(&mut self, bytes: &[u8]) -> Result<(), PeerError> {
        match self {
            Self::Memory(held) => held.extend_from_slice(bytes),
            Self::File(file) => {
                let written = file.write_all(bytes).await;
                written.map_err(file_error("writing a download"))?;
            }
        }
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), PeerError> {
        match self {
            Self::Memory(held) => held.clear(),
            Self::File(file) => {
                let io = file_error("emptying a download's file");
                file.set_len(0).await.map_err(&io)?;
                file.seek(SeekFrom::Start(0)).await.map_err(&io)?;
            }
        }
        Ok(())
    }
}

/// What a download has come to so far.
pub(super) struct Sink {
    store: Store,
    most: u64,
    len: u64,
    hasher: Keccak256,
    /// Of what the stored bytes are a part; none before the coordinator has said so.
    content: Option<Content>,
    /// Some of the bytes were stored by an earlier process, perhaps of another content.
    inherited: bool,
}

impl Sink {
    pub(super) async fn new(mut store: Store, most: u64) -> Result<Self, PeerError> {
        let mut hasher = Keccak256::new();
        let len = match &mut store {
            Store::Memory(held) => held.len() as u64,
            Store::File(file) => hash_file(file, &mut hasher).await?,
        };
        Ok(Self { store, most, len, hasher, content: None, inherited: len > 0 })
    }

    async fn clear(&mut self) -> Result<(), PeerError> {
        self.store.clear().await?;
        (self.len, self.hasher, self.inherited) = (0, Keccak256::new(), false);
        Ok(())
    }

    async fn append(&mut self, bytes: &[u8]) -> Result<(), PeerError> {
        self.store.append(bytes).await?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The bytes, if they were to go to memory.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.store {
            Store::Memory(held) => held.into(),
            Store::File(_) => Bytes::new(),
        }
    }

    /// Gives the file its name, once it is on disk.
    pub(super) async fn into_file(self, part: &Path, file: &Path) -> Result<(), PeerError> {
        let io = file_error("storing a download");
        if let Store::File(mut stored) = self.store {
            stored.flush().await.map_err(&io)?;
            stored.sync_all().await.map_err(&io)?;
        }
        tokio::fs::rename(part, file).await.map_err(io)
    }
}

/// Downloads on one connection, from where it stopped.
pub(super) async fn download(
    connection: &Connection,
    item: &Item,
    sink: &mut Sink,
    progress: &mut Progress,
) -> Result<Content, Fail> {
    let (mut send, mut recv) = progress.wait(connection.open_bi()).await??;
    let digest = sink.content.map(|content| content.digest);
    let ask = frame::encode(&Ask::Download { item: item.clone(), offset: sink.len, digest })?;
    let _ = progress.wait(send.write_all(&ask)).await?;
    let _ = send.finish();
    let (content, offset) = match progress.wait(frame::read(&mut recv, None)).await?? {
        Answer::Content { content, offset } => (content, offset),
        Answer::Refused(refusal) => return Err(refusal.into()),
        _ => return Err(PeerError::Breach("a download was answered by something else").into()),
    };
    if content.len > sink.most {
        return Err(PeerError::TooLarge { most: sink.most, got: content.len }.into());
    }
    if offset == 0 {
        sink.clear().await?;
    } else if offset != sink.len || offset > content.len {
        return Err(PeerError::Breach("a download goes on somewhere else").into());
    }
    sink.content = Some(content);
    progress.reached(sink.len);
    receive(&mut recv, sink, content, progress).await?;
    let got = sink.hasher.clone().finalize();
    if got == content.digest {
        return Ok(content);
    }
    let inherited = sink.inherited;
    sink.clear().await?;
    if inherited {
        // Parts of two contents: start over, once.
        return Err(Fail::Lost(Lost::Mixed));
    }
    Err(PeerError::Digest { expected: content.digest, got }.into())
}

async fn receive(
    recv: &mut RecvStream,
    sink: &mut Sink,
    content: Content,
    progress: &mut Progress,
) -> Result<(), Fail> {
    while sink.len < content.len {
        let left = usize::try_from(content.len - sink.len).unwrap_or(usize::MAX);
        match progress.wait(recv.read_chunk(left.min(PART), true)).await? {
            Ok(Some(chunk)) => {
                sink.append(&chunk.bytes).await?;
                progress.reached(sink.len);
            }
            Ok(None) => return Err(Fail::Lost(Lost::Cut)),
            Err(error) => return Err(Fail::Lost(Lost::Read(error))),
        }
    }
    Ok(())
}
