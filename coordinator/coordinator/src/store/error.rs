//! What can be wrong with the store, and what to do about it.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
///
/// After [`Locked`](Self::Locked), [`Full`](Self::Full) or [`Database`](Self::Database) of a call
/// that writes, what it wrote is there wholly or not at all; reading tells which. No variant holds
/// an address's credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address is of no kind that is known.
    #[error("{given}: expected sqlite:FILE (without any of ?#%) or postgres://USER@HOST/DATABASE")]
    Address {
        /// The part of the address before its first colon.
        given: String,
    },
    /// The file, or its lock, cannot be opened or created.
    #[error("{path}: {source}; its folder must exist and be writable")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has the store open.
    #[error("{store}: in use by another coordinator; stop it first, or choose another store")]
    InUse {
        /// The store, without credentials.
        store: String,
    },
    /// The connection was lost, and another process opened the store before it came back.
    #[error("another coordinator took this store over (opening {got}, ours {expected}); stop")]
    TakenOver {
        /// The opening that was ours.
        expected: i64,
        /// The latest.
        got: i64,
    },
    /// Its tables were made by a later version of this program.
    #[error(
        "{store}: has schema {got}, known is {expected}; run the program that wrote it, or later"
    )]
    Newer {
        /// The store, without credentials.
        store: String,
        /// The latest schema that this program knows.
        expected: i64,
        /// The store's.
        got: i64,
    },
    /// Its tables are not the ones that its schema's number stands for.
    #[error(
        "{store}: schema {version} is not this program's, or was left half made; \
             restore a backup, or start with an empty store"
    )]
    Schema {
        /// The store, without credentials.
        store: String,
        /// The schema.
        version: i64,
    },
    /// The database cannot be read as one, or contradicts itself.
    #[error("the database is damaged ({reason}); stop, keep a copy, and restore a backup")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// Another program holds a lock inside the database.
    #[error("the database stays locked ({reason}); close the other programs that have it open")]
    Locked {
        /// What the database said.
        reason: String,
    },
    /// No room is left.
    #[error("no space is left ({reason}); make room, then go on")]
    Full {
        /// What the database said.
        reason: String,
    },
    /// It may be read but not written.
    #[error("the database is read-only ({reason}); let this user write to it and to its folder")]
    ReadOnly {
        /// What the database said.
        reason: String,
    },
    /// The database, or the way to it, failed otherwise.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// Something is longer than anything of its kind may be.
    #[error("{what}: at most {limit} bytes, got {got}")]
    TooLong {
        /// Which thing.
        what: &'static str,
        /// Its most bytes.
        limit: u64,
        /// How many there are.
        got: u64,
    },
    /// An item's name, or a beginning of names, is empty.
    #[error("an item's name is empty")]
    Unnamed,
    /// The round was never begun.
    #[error("round {round:#018x} was not begun")]
    NoRound {
        /// Which round.
        round: u64,
    },
    /// The round is over: nothing more happens in it.
    #[error("round {round:#018x} has ended")]
    Ended {
        /// Which round.
        round: u64,
    },
    /// What is final is there already, and is another.
    #[error("{what}: final, and not what was given now")]
    Conflict {
        /// Which thing.
        what: &'static str,
    },
    /// No upload of this account and item is there.
    #[error("upload {item}: none")]
    NoUpload { item: String },
    /// A part does not begin where the stored ones end.
    #[error("upload: expected bytes from {expected}, got from {got}")]
    Offset {
        /// How much is stored.
        expected: u64,
        /// Where the part began.
        got: u64,
    },
    /// An upload that is not finished was to be finished or read.
    #[error("upload: expected {expected} bytes, {got} are stored and not all is checked")]
    Unfinished {
        /// Its length.
        expected: u64,
        /// How much is stored.
        got: u64,
    },
    /// The bytes are not the announced ones; they are deleted.
    #[error("upload: expected keccak256 {}, got {}", hex(expected), hex(got))]
    Digest {
        /// As announced.
        expected: [u8; 32],
        /// Of what came.
        got: [u8; 32],
    },
}

fn hex(digest: &[u8; 32]) -> impl std::fmt::Display {
    alloy::primitives::B256::from(*digest)
}

impl StoreError {
    /// Whether the connection may be in any state, so that a new one is needed.
    pub(super) fn spoils_connection(&self) -> bool {
        use StoreError::*;
        matches!(self, Corrupt { .. } | Locked { .. } | Full { .. } | ReadOnly { .. } | Database(_))
    }

    pub(super) fn corrupt(reason: &str) -> StoreError {
        StoreError::Corrupt { reason: reason.to_owned() }
    }
}

impl From<sqlx::Error> for StoreError {
    /// Sorts by the result codes of SQLite (<https://sqlite.org/rescode.html>, whose low eight bits
    /// are the primary code) and the five-letter ones of PostgreSQL (its manual, appendix A).
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(inner) = &error else { return StoreError::Database(error) };
        let (code, reason) = (inner.code().unwrap_or_default(), inner.message().to_owned());
        let primary =
            if code.len() < 5 { code.parse::<u32>().ok().map(|c| c & 0xff) } else { None };
        match (primary, code.as_ref()) {
            (Some(5 | 6), _) | (_, "55P03") => StoreError::Locked { reason },
            (Some(11 | 26), _) | (_, "XX001" | "XX002") => StoreError::Corrupt { reason },
            (Some(13), _) | (_, "53100") => StoreError::Full { reason },
            (Some(8), _) | (_, "25006") => StoreError::ReadOnly { reason },
            _ => StoreError::Database(error),
        }
    }
}
