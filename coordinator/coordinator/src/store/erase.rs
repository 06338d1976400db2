//! Erasing: what is no longer needed is gone from the disk, not only from the tables.
//!
//! SQLite overwrites what it deletes (`PRAGMA secure_delete`) and [`Store::scrub`] empties the
//! write-ahead log, where older pages are left otherwise
//! (<https://sqlite.org/pragma.html#pragma_secure_delete>). PostgreSQL keeps dead rows until its
//! vacuum, and its log as long as its administrator says.

use sqlx::AnyConnection;

use super::{Store, StoreError};

impl Store {
    /// Rounds that were begun and have no outcome, in ascending order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn unended(&self) -> Result<Vec<u64>, StoreError> {
        self.rounds("SELECT round FROM round WHERE outcome IS NULL ORDER BY round").await
    }

    /// Rounds that have an outcome and were not forgotten, in ascending order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn ended(&self) -> Result<Vec<u64>, StoreError> {
        self.rounds("SELECT round FROM round WHERE outcome IS NOT NULL ORDER BY round").await
    }

    async fn rounds(&self, query: &'static str) -> Result<Vec<u64>, StoreError> {
        let rows: Vec<(i64,)> = self.read(sqlx::query_as(query).fetch_all(&self.readers)).await?;
        let mut rounds: Vec<u64> = rows.into_iter().map(|(round,)| round as u64).collect();
        // They are stored as signed numbers of the same bits.
        rounds.sort_unstable();
        Ok(rounds)
    }

    /// Takes the content of events away, all or none: their places and times stay.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn blank(&self, round: u64, places: &[u64]) -> Result<(), StoreError> {
        let mut turn = self.writer.turn().await?;
        let done = async {
            let mut transaction = turn.begin().await?;
            for place in places {
                let update = "UPDATE round_event SET body = $3 WHERE round = $1 AND seq = $2";
                let update = sqlx::query(update).bind(round as i64).bind(*place as i64);
                update.bind(Vec::<u8>::new()).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(())
        };
        let done = done.await;
        turn.end(done)
    }

    /// Deletes a round that has ended, with its events. None is fine.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget(&self, round: u64) -> Result<(), StoreError> {
        let mut turn = self.writer.turn().await?;
        let done = async {
            let mut transaction = turn.begin().await?;
            let ended = "SELECT round FROM round WHERE round = $1 AND outcome IS NOT NULL";
            let ended: Option<(i64,)> =
                sqlx::query_as(ended).bind(round as i64).fetch_optional(&mut *transaction).await?;
            if ended.is_some() {
                delete(&mut transaction, round).await?;
            }
            transaction.commit().await?;
            Ok(())
        };
        let done = done.await;
        turn.end(done)
    }

    /// Makes sure that nothing deleted is left on the disk. Where readers are at work, what they
    /// read may stay until the next time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let Some(query) = self.writer.scrub() else { return Ok(()) };
        let mut turn = self.writer.turn().await?;
        let done = sqlx::query(query).fetch_all(&mut turn.connection).await;
        turn.end(done.map(drop).map_err(StoreError::from))
    }
}

async fn delete(connection: &mut AnyConnection, round: u64) -> Result<(), StoreError> {
    for query in ["DELETE FROM round_event WHERE round = $1", "DELETE FROM round WHERE round = $1"]
    {
        sqlx::query(query).bind(round as i64).execute(&mut *connection).await?;
    }
    Ok(())
}
