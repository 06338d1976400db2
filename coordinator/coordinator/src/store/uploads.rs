//! Uploads: large things that come in parts, go on after a break, and are checked when complete.
//!
//! In order: announce length and digest ([`Store::upload_begin`] says where to go on), append parts,
//! finish, read. An upload has a number that is never used again, and a stored part never changes;
//! so what was hashed is what is read later, whatever happens to the name meanwhile.

use alloy::primitives::Keccak256;
use sqlx::AnyConnection;

use super::writer::Turn;
use super::{Store, StoreError, at_most};

/// The most bytes of a part.
pub const MAX_PART: u64 = 1 << 20;
/// The most bytes of an upload.
pub const MAX_UPLOAD: u64 = 1 << 40;
/// The most bytes of an item's name.
pub const MAX_ITEM: u64 = 256;

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its length in bytes, as announced.
    pub len: u64,
    /// Its keccak256, as announced.
    pub digest: [u8; 32],
    /// How many bytes are stored.
    pub stored: u64,
    /// Whether all are, and were checked.
    pub finished: bool,
}

/// An upload and its number.
struct Upload {
    id: i64,
    info: Info,
}

impl Upload {
    fn unfinished(&self) -> StoreError {
        StoreError::Unfinished { expected: self.info.len, got: self.info.stored }
    }
}

impl Store {
    /// Announces an upload and says how many of its bytes are stored already (all, if it is
    /// finished). Other content takes the place of an unfinished one, whose parts are deleted.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if other content is finished; if the length or the name is out of
    /// bounds, or the store fails.
    pub async fn upload_begin(
        &self,
        account: [u8; 20],
        item: &str,
        len: u64,
        digest: [u8; 32],
    ) -> Result<u64, StoreError> {
        check_item(item)?;
        at_most("upload", len, MAX_UPLOAD)?;
        let mut turn = self.writer.turn().await?;
        let stored = begin(&mut turn, account, item, len, digest).await;
        turn.end(stored)
    }

    /// Appends a part, from the offset where the stored ones end.
    ///
    /// # Errors
    /// [`StoreError::Offset`] if it begins elsewhere; if the part is too long, or longer than what
    /// was announced, no upload was begun, or the store fails.
    pub async fn upload_append(
        &self,
        account: [u8; 20],
        item: &str,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        check_item(item)?;
        at_most("part", bytes.len() as u64, MAX_PART)?;
        let mut turn = self.writer.turn().await?;
        let appended = append(&mut turn, account, item, offset, bytes).await;
        turn.end(appended)
    }

    /// Checks the digest of what is stored; from then on it can be read. Again is fine.
    ///
    /// # Errors
    /// [`StoreError::Digest`] if it is not the announced one: the upload is deleted then;
    /// [`StoreError::Unfinished`] if bytes are missing; if no upload was begun, or the store fails.
    pub async fn upload_finish(&self, account: [u8; 20], item: &str) -> Result<(), StoreError> {
        let upload = self.find(account, item).await?.ok_or_else(|| none(item))?;
        if upload.info.finished {
            return Ok(());
        }
        if upload.info.stored != upload.info.len {
            return Err(upload.unfinished());
        }
        // Others write meanwhile.
        let Some(got) = self.digest(&upload).await? else { return Err(none(item)) };
        let right = got == upload.info.digest;
        let query = match right {
            true => "UPDATE upload SET finished = 1 WHERE id = $1",
            false => "DELETE FROM upload WHERE id = $1",
        };
        let mut turn = self.writer.turn().await?;
        let done = sqlx::query(query).bind(upload.id).execute(&mut turn.connection).await;
        let done = turn.end(done.map_err(StoreError::from))?;
        match (right, done.rows_affected()) {
            (false, _) => Err(StoreError::Digest { expected: upload.info.digest, got }),
            (true, 0) => Err(none(item)),
            (true, _) => Ok(()),
        }
    }

    /// What is known of an upload, if there is one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn upload_info(
        &self,
        account: [u8; 20],
        item: &str,
    ) -> Result<Option<Info>, StoreError> {
        Ok(self.find(account, item).await?.map(|upload| upload.info))
    }

    /// Bytes of a finished upload from an offset: at most `max`, at most to the end of the stored
    /// part that the offset is in, none exactly from the end on (or if `max` is none).
    ///
    /// # Errors
    /// If there is no such upload, or it is not finished, or the store fails.
    pub async fn upload_read(
        &self,
        account: [u8; 20],
        item: &str,
        offset: u64,
        max: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let upload = self.find(account, item).await?.ok_or_else(|| none(item))?;
        if !upload.info.finished {
            return Err(upload.unfinished());
        }
        if offset >= upload.info.len || max == 0 {
            return Ok(Vec::new());
        }
        let Some((start, mut body)) = self.part(upload.id, offset).await? else {
            return Err(none(item));
        };
        let skip = usize::try_from(offset - start).unwrap_or(usize::MAX);
        if skip >= body.len() {
            return Err(StoreError::corrupt("bytes of an upload are missing"));
        }
        body.drain(..skip);
        body.truncate(max);
        Ok(body)
    }

    /// Deletes all uploads whose item begins so, finished or not, and says how many: what is left
    /// of a round that is over. (End the prefix with a separator: "1" also begins "12".)
    ///
    /// # Errors
    /// If the prefix is empty, or the store fails; some may be deleted then.
    pub async fn upload_drop(&self, item_prefix: &str) -> Result<u64, StoreError> {
        check_item(item_prefix)?;
        let query = "SELECT id FROM upload WHERE substr(item, 1, length($1)) = $1";
        let ids: Vec<(i64,)> =
            self.read(sqlx::query_as(query).bind(item_prefix).fetch_all(&self.readers)).await?;
        let mut dropped = 0;
        for (id,) in ids {
            // One a turn: others get theirs in between.
            let mut turn = self.writer.turn().await?;
            let query = sqlx::query("DELETE FROM upload WHERE id = $1").bind(id);
            let done = query.execute(&mut turn.connection).await;
            dropped += turn.end(done.map_err(StoreError::from))?.rows_affected();
        }
        Ok(dropped)
    }

    /// Deletes an upload, finished or not; none is fine.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn upload_delete(&self, account: [u8; 20], item: &str) -> Result<(), StoreError> {
        let mut turn = self.writer.turn().await?;
        let query = sqlx::query("DELETE FROM upload WHERE account = $1 AND item = $2");
        let query = query.bind(account.to_vec()).bind(item);
        let done = query.execute(&mut turn.connection).await;
        turn.end(done.map_err(StoreError::from)).map(drop)
    }

    /// The accounts that have a finished upload of an item, in their order as bytes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn uploads(&self, item: &str) -> Result<Vec<[u8; 20]>, StoreError> {
        let query = "SELECT account FROM upload WHERE item = $1 AND finished = 1 ORDER BY account";
        let rows: Vec<(Vec<u8>,)> =
            self.read(sqlx::query_as(query).bind(item).fetch_all(&self.readers)).await?;
        let account = |(bytes,): (Vec<u8>,)| {
            bytes.try_into().map_err(|_| StoreError::corrupt("an account is not 20 bytes"))
        };
        rows.into_iter().map(account).collect()
    }

    async fn find(&self, account: [u8; 20], item: &str) -> Result<Option<Upload>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        self.read(find(&mut reader, account, item)).await
    }

    /// The part that holds a byte: the last one that does not begin after it.
    async fn part(&self, id: i64, offset: u64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let query = "SELECT start, body FROM upload_part WHERE upload = $1 AND start <= $2 \
                     ORDER BY start DESC LIMIT 1";
        let query = sqlx::query_as(query).bind(id).bind(offset as i64);
        let row: Option<(i64, Vec<u8>)> = self.read(query.fetch_optional(&self.readers)).await?;
        Ok(row.map(|(start, body)| (start as u64, body)))
    }

    /// The keccak256 of all that is stored; none if the upload was deleted meanwhile.
    async fn digest(&self, upload: &Upload) -> Result<Option<[u8; 32]>, StoreError> {
        let (mut hasher, mut offset) = (Keccak256::new(), 0);
        while offset < upload.info.len {
            let Some((start, body)) = self.part(upload.id, offset).await? else { return Ok(None) };
            if start != offset || body.is_empty() {
                return Err(StoreError::corrupt("bytes of an upload are missing"));
            }
            offset += body.len() as u64;
            // Milliseconds: long enough to be in the way of a round's messages.
            let hashed = tokio::task::spawn_blocking(move || {
                hasher.update(&body);
                hasher
            });
            hasher = hashed.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
        }
        Ok(Some(hasher.finalize().0))
    }
}

fn none(item: &str) -> StoreError {
    StoreError::NoUpload { item: item.to_owned() }
}

fn check_item(item: &str) -> Result<(), StoreError> {
    if item.is_empty() {
        Err(StoreError::Unnamed)
    } else {
        at_most("item", item.len() as u64, MAX_ITEM)
    }
}

async fn find(
    connection: &mut AnyConnection,
    account: [u8; 20],
    item: &str,
) -> Result<Option<Upload>, StoreError> {
    let query = "SELECT id, len, digest, stored, finished FROM upload \
                 WHERE account = $1 AND item = $2";
    let query = sqlx::query_as(query).bind(account.to_vec()).bind(item);
    let row: Option<(i64, i64, Vec<u8>, i64, i64)> = query.fetch_optional(connection).await?;
    let Some((id, len, digest, stored, finished)) = row else { return Ok(None) };
    let digest = digest.try_into().map_err(|_| StoreError::corrupt("a digest is not 32 bytes"))?;
    let info = Info { len: len as u64, digest, stored: stored as u64, finished: finished != 0 };
    Ok(Some(Upload { id, info }))
}

async fn begin(
    turn: &mut Turn<'_>,
    account: [u8; 20],
    item: &str,
    len: u64,
    digest: [u8; 32],
) -> Result<u64, StoreError> {
    let mut transaction = turn.begin().await?;
    if let Some(Upload { id, info }) = find(&mut transaction, account, item).await? {
        if (info.len, info.digest) == (len, digest) {
            return Ok(info.stored);
        }
        if info.finished {
            return Err(StoreError::Conflict { what: "upload" });
        }
        let delete = sqlx::query("DELETE FROM upload WHERE id = $1").bind(id);
        delete.execute(&mut *transaction).await?;
    }
    let number = "UPDATE store_state SET next_upload = next_upload + 1 RETURNING next_upload";
    let (id,): (i64,) = sqlx::query_as(number).fetch_one(&mut *transaction).await?;
    let insert = "INSERT INTO upload (id, account, item, len, digest, stored, finished) \
                  VALUES ($1, $2, $3, $4, $5, 0, 0)";
    let insert = sqlx::query(insert).bind(id).bind(account.to_vec()).bind(item);
    insert.bind(len as i64).bind(digest.to_vec()).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(0)
}

async fn append(
    turn: &mut Turn<'_>,
    account: [u8; 20],
    item: &str,
    offset: u64,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let mut transaction = turn.begin().await?;
    let found = find(&mut transaction, account, item).await?;
    let Upload { id, info } = found.ok_or_else(|| none(item))?;
    if offset != info.stored {
        return Err(StoreError::Offset { expected: info.stored, got: offset });
    }
    at_most("rest of an upload", bytes.len() as u64, info.len - info.stored.min(info.len))?;
    if bytes.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO upload_part (upload, start, body) VALUES ($1, $2, $3)";
    let insert = sqlx::query(insert).bind(id).bind(offset as i64).bind(bytes);
    insert.execute(&mut *transaction).await?;
    let update = sqlx::query("UPDATE upload SET stored = $2 WHERE id = $1").bind(id);
    let stored = info.stored + bytes.len() as u64;
    update.bind(stored as i64).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}
