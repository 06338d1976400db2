//! Uploads and downloads, as the coordinator sees them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use alloy::primitives::{Address, B256};
use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::session::Session;
use crate::frame::Answer;
use crate::messages::{Item, Refusal};
use crate::{Content, Service, close};

type Key = (Address, Item);

/// One upload of a thing at a time, also when its peer has connected again while the earlier
/// connection's last part is still being stored.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>);

/// A turn; the next one's when dropped.
struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    async fn wait(&self, key: Key) -> Turn<'_> {
        // Made before waiting: if the wait is given up, the entry is removed all the same.
        let mut turn = Turn { turns: self, key, guard: None };
        let lock = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(turn.key.clone()).or_default().clone()
        };
        turn.guard = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.key);
        }
    }
}

/// Takes an upload, from where it stopped.
pub(super) async fn upload<S: Service>(
    session: &Session<S>,
    item: Item,
    content: Content,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    match take(session, &item, content, &mut send, &mut recv).await {
        Ok(()) => session.answer(&mut send, &Answer::Done).await,
        Err(Some(refusal)) => {
            let _ = recv.stop(close::REFUSED.code());
            session.answer(&mut send, &Answer::Refused(refusal)).await;
        }
        Err(None) => {
            let _ = recv.stop(close::STALLED.code());
            let _ = send.reset(close::STALLED.code());
        }
    }
}

/// `Err(None)` if the peer is gone.
async fn take<S: Service>(
    session: &Session<S>,
    item: &Item,
    content: Content,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Result<(), Option<Refusal>> {
    let (shared, peer) = (&session.shared, session.peer);
    let most = shared.limits.upload;
    if content.len > most {
        return Err(Some(Refusal::TooLarge { most, got: content.len }));
    }
    let _turn = shared.turns.wait((peer, item.clone())).await;
    let mut offset = shared.service.begin(peer, item, content).await?;
    if offset > content.len {
        tracing::error!(%peer, offset, len = content.len, "more is stored than there is");
        return Err(Some(Refusal::Internal));
    }
    let from = crate::frame::encode(&Answer::From(offset)).map_err(|_| None)?;
    let sent = timeout(shared.limits.stall, send.write_all(&from)).await;
    sent.map_err(|_| None)?.map_err(|_| None)?;
    while offset < content.len {
        let left = usize::try_from(content.len - offset).unwrap_or(usize::MAX);
        let (part, more) = part(session, recv, left.min(shared.limits.chunk)).await;
        if !part.is_empty() {
            let len = part.len() as u64;
            shared.service.chunk(peer, item, offset, part).await?;
            offset += len;
            shared.counters.uploaded.fetch_add(len, Ordering::Relaxed);
        }
        // What has come is stored also if no more will: that is where the peer goes on.
        if !more {
            return Err(None);
        }
    }
    shared.service.finish(peer, item).await.map_err(Some)
}

/// The next part, of `len` bytes unless the stream ends, stalls or the server shuts down; and
/// whether there may be more.
async fn part<S: Service>(
    session: &Session<S>,
    recv: &mut RecvStream,
    len: usize,
) -> (Bytes, bool) {
    let shared = &session.shared;
    let mut part = BytesMut::new();
    while part.len() < len {
        let read = tokio::select! {
            () = shared.shutdown.cancelled() => return (part.freeze(), false),
            read = timeout(shared.limits.stall, recv.read_chunk(len - part.len(), true)) => read,
        };
        match read {
            Ok(Ok(Some(chunk))) if part.is_empty() && chunk.bytes.len() == len => {
                return (chunk.bytes, true);
            }
            Ok(Ok(Some(chunk))) => part.extend_from_slice(&chunk.bytes),
            Ok(Ok(None) | Err(_)) | Err(_) => return (part.freeze(), false),
        }
    }
    (part.freeze(), true)
}

/// Sends a download, from where it stopped.
pub(super) async fn download<S: Service>(
    session: &Session<S>,
    item: &Item,
    offset: u64,
    digest: Option<B256>,
    mut send: SendStream,
) {
    if !is_well_formed(item) {
        return session.answer(&mut send, &Answer::Refused(Refusal::Missing)).await;
    }
    let opened = tokio::select! {
        opened = session.shared.service.open(session.peer, item) => opened,
        _ = send.stopped() => return,
    };
    let content = match opened {
        Ok(content) => content,
        Err(refusal) => return session.answer(&mut send, &Answer::Refused(refusal)).await,
    };
    let same = digest.is_none_or(|digest| digest == content.digest);
    let offset = if same && offset <= content.len { offset } else { 0 };
    if give(session, item, content, offset, &mut send).await.is_none() {
        // Cut off within the content: the peer sees that this was not its end.
        let _ = send.reset(close::STALLED.code());
    } else {
        session.end(&mut send).await;
    }
}

/// None if the peer does not take it or the service fails.
async fn give<S: Service>(
    session: &Session<S>,
    item: &Item,
    content: Content,
    mut offset: u64,
    send: &mut SendStream,
) -> Option<()> {
    let shared = &session.shared;
    let stall = shared.limits.stall;
    let head = crate::frame::encode(&Answer::Content { content, offset }).ok()?;
    timeout(stall, send.write_all(&head)).await.ok()?.ok()?;
    while offset < content.len {
        let max = usize::try_from(content.len - offset).unwrap_or(usize::MAX);
        let max = max.min(shared.limits.chunk);
        let bytes = tokio::select! {
            () = shared.shutdown.cancelled() => return None,
            _ = send.stopped() => return None,
            read = shared.service.read(session.peer, item, offset, max) => read.ok()?,
        };
        if bytes.is_empty() || bytes.len() > max {
            tracing::error!(?item, offset, got = bytes.len(), "a download ends too early");
            return None;
        }
        let len = bytes.len() as u64;
        timeout(stall, send.write_chunk(bytes)).await.ok()?.ok()?;
        offset += len;
        shared.counters.downloaded.fetch_add(len, Ordering::Relaxed);
    }
    Some(())
}

/// Whether a path of the lineage stays within it.
fn is_well_formed(item: &Item) -> bool {
    let Item::Lineage { path } = item else { return true };
    let is_letter = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'/');
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.');
    path.len() <= 200 && path.bytes().all(is_letter) && path.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_lineage() {
        let is = |path: &str| is_well_formed(&Item::Lineage { path: path.into() });
        assert!(is("chain.json") && is("rounds/7/0xAb-c_d.submission.json"));
        let long = "a".repeat(201);
        let bad = ["", "/etc/passwd", "a//b", "../a", "a/../b", "a/", ".ssh/x", "a\\b", "a\0", "ä"];
        for path in bad.into_iter().chain([long.as_str()]) {
            assert!(!is(path), "{path}");
        }
    }

    #[tokio::test]
    async fn turns_follow_one_another_and_leave_nothing_behind() {
        let turns = Turns::default();
        let key = (Address::ZERO, Item::Masked { round: 1 });
        let first = turns.wait(key.clone()).await;
        let second = turns.wait(key.clone());
        let short = std::time::Duration::from_millis(20);
        assert!(timeout(short, second).await.is_err(), "while the first has not ended");
        let other = turns.wait((Address::ZERO, Item::Masked { round: 2 })).await;
        drop(first);
        drop(turns.wait(key).await);
        drop(other);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
