//! The one connection that writes.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sqlx::{Any, AnyConnection, Connection, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::StoreError;
use super::address::Address;
use crate::metrics::{ProcessMetrics, Table};

/// The one connection that writes, whose users take turns.
pub(super) struct Writer {
    address: Address,
    /// Which opening of the store this is.
    generation: i64,
    connection: Mutex<Option<AnyConnection>>,
    metrics: Arc<OnceLock<Arc<ProcessMetrics>>>,
}

/// A turn at writing.
///
/// The connection is out of its place meanwhile: a turn that is dropped (its future cancelled, its
/// transaction in any state) closes it, which rolls back, and the next turn makes a new one.
pub(super) struct Turn<'a> {
    place: MutexGuard<'a, Option<AnyConnection>>,
    pub connection: AnyConnection,
    begin: &'static str,
    begun: Instant,
    metrics: &'a OnceLock<Arc<ProcessMetrics>>,
}

impl Writer {
    /// Connects, makes the tables, and counts this opening.
    pub async fn open(
        address: Address,
        metrics: Arc<OnceLock<Arc<ProcessMetrics>>>,
    ) -> Result<Writer, StoreError> {
        let mut connection = address.writer().await?;
        address.migrate(&mut connection).await?;
        let count = "UPDATE store_state SET generation = generation + 1 RETURNING generation";
        let (generation,): (i64,) = sqlx::query_as(count).fetch_one(&mut connection).await?;
        Ok(Writer { address, generation, connection: Mutex::new(Some(connection)), metrics })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// If the connection was lost and cannot be made again, or another process was here since.
    pub async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let mut place = self.connection.lock().await;
        let connection = match place.take() {
            Some(connection) => connection,
            None => self.reconnect().await?,
        };
        let (begin, begun) = (self.address.begin(), Instant::now());
        Ok(Turn { place, connection, begin, begun, metrics: &self.metrics })
    }

    /// See [`Address::scrub`].
    pub fn scrub(&self) -> Option<&'static str> {
        self.address.scrub()
    }

    /// Ends with an empty log, if there is one.
    pub async fn close(&self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.lock().await.take() else { return Ok(()) };
        if let Some(scrub) = self.scrub() {
            sqlx::query(scrub).fetch_all(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    async fn reconnect(&self) -> Result<AnyConnection, StoreError> {
        let mut connection = self.address.writer().await?;
        let latest = sqlx::query_as("SELECT generation FROM store_state");
        let (got,): (i64,) = latest.fetch_one(&mut connection).await?;
        if got != self.generation {
            return Err(StoreError::TakenOver { expected: self.generation, got });
        }
        Ok(connection)
    }
}

impl Turn<'_> {
    /// Begins a transaction that may write from its beginning.
    pub async fn begin(&mut self) -> Result<Transaction<'_, Any>, StoreError> {
        Ok(self.connection.begin_with(self.begin).await?)
    }

    /// Ends the turn; the connection stays unless the result makes it doubtful.
    pub fn end<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(metrics) = self.metrics.get() {
            metrics.store(Table::Write, self.begun.elapsed());
        }
        if !matches!(&result, Err(error) if error.spoils_connection()) {
            *self.place = Some(self.connection);
        }
        result
    }
}
