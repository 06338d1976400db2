//! What a coordinator must not forget: rounds, what happened in them, and what members sent.
//!
//! A round is its plan's bytes, a list of events that only grows, and at last an outcome; the state
//! machine is rebuilt by handing it the events again. Large things come in parts and are checked
//! against the announced length and keccak256 before anyone sees them. Whatever a call has
//! acknowledged is on the disk: a process that is killed, or loses power, comes back with all of it,
//! and with nothing that is half there.
//!
//! It rests on SQLite (a file; write-ahead log, `synchronous=FULL`) or PostgreSQL, with the same
//! queries. One process at a time has a store open, see [`StoreError::InUse`]; inside it writes take
//! turns on one connection, and reads have their own. Numbers of 64 bits are stored as signed ones
//! of the same bits. What is dropped is overwritten (SQLite), its space used
//! again; the file does not shrink.
//!
//! Source: SQLite, Write-Ahead Logging, <https://sqlite.org/wal.html>.

mod address;
mod backup;
mod erase;
mod error;
mod rounds;
mod signed;
mod uploads;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sqlx::AnyPool;

use crate::metrics::{ProcessMetrics, Table};

pub use error::StoreError;
pub use rounds::{Begun, MAX_EVENT, MAX_PLAN, StoredEvent};
pub use signed::{SignedBatchError, SignedBatchLog};
pub use uploads::{Info, MAX_ITEM, MAX_PART, MAX_UPLOAD};

/// A store; clones are the same one.
#[derive(Clone)]
pub struct Store {
    writer: Arc<writer::Writer>,
    readers: AnyPool,
    /// Where it is measured how long things take, if anywhere.
    metrics: Arc<OnceLock<Arc<ProcessMetrics>>>,
}

impl Store {
    /// Opens `sqlite:FILE` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, makes or updates its
    /// tables, and keeps every other process out until all clones are dropped.
    ///
    /// # Errors
    /// If there is no store at the address, it is in use, damaged, or of a later program.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        let address = address::Address::parse(url).await?;
        let readers = address.readers();
        let metrics: Arc<OnceLock<_>> = Arc::default();
        let writer = Arc::new(writer::Writer::open(address, metrics.clone()).await?);
        Ok(Store { writer, readers, metrics })
    }

    /// From here on, all clones measure how long reads and writes take. Once.
    pub fn measure(&self, metrics: Arc<ProcessMetrics>) {
        // A second one would split what is counted.
        let _ = self.metrics.set(metrics);
    }

    /// Awaits a query that reads, and measures it.
    async fn read<T>(&self, query: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = query.await;
        if let Some(metrics) = self.metrics.get() {
            metrics.store(Table::Read, begun.elapsed());
        }
        result
    }

    /// Whether it can be written and read now.
    ///
    /// # Errors
    /// If not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let query = "UPDATE store_state SET generation = generation";
        let mut turn = self.writer.turn().await?;
        let written = sqlx::query(query).execute(&mut turn.connection).await;
        turn.end(written.map_err(StoreError::from))?;
        let query = sqlx::query("SELECT generation FROM store_state");
        self.read(query.fetch_one(&self.readers)).await?;
        Ok(())
    }
}

fn at_most(what: &'static str, got: u64, limit: u64) -> Result<(), StoreError> {
    if got > limit { Err(StoreError::TooLong { what, limit, got }) } else { Ok(()) }
}
