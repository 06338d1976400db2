//! Rounds: plan, events, outcome.

use sqlx::AnyConnection;

use super::writer::Turn;
use super::{Store, StoreError, at_most};

/// The most bytes of a plan.
pub const MAX_PLAN: u64 = 16 << 20;
/// The most bytes of an event, or of an outcome.
pub const MAX_EVENT: u64 = 64 << 20;

/// A round as it was begun, now or earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The plan's bytes, as first stored.
    pub plan: Vec<u8>,
    /// When that was, in milliseconds.
    pub began_ms: u64,
}

/// Something that happened in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place, from 0.
    pub seq: u64,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// What, in the caller's encoding.
    pub body: Vec<u8>,
}

impl Store {
    /// Begins a round, once: a round that was begun keeps its plan and its time, which come back.
    ///
    /// # Errors
    /// If the plan is too long, or the store fails.
    pub async fn begin(&self, round: u64, plan: &[u8], now_ms: u64) -> Result<Begun, StoreError> {
        at_most("plan", plan.len() as u64, MAX_PLAN)?;
        let mut turn = self.writer.turn().await?;
        let begun = begin(&mut turn.connection, round, plan, now_ms).await;
        turn.end(begun)
    }

    /// Appends an event and gives its place. If it fails, the event may still be stored, wholly:
    /// [`events`](Self::events) tells.
    ///
    /// # Errors
    /// If the event is too long, the round was not begun or has ended, or the store fails.
    pub async fn append(&self, round: u64, event: &[u8], now_ms: u64) -> Result<u64, StoreError> {
        at_most("event", event.len() as u64, MAX_EVENT)?;
        let mut turn = self.writer.turn().await?;
        let seq = append(&mut turn, round, event, now_ms).await;
        turn.end(seq)
    }

    /// All events of a round in order; none if it was not begun.
    ///
    /// # Errors
    /// If the store fails, or a place is missing.
    pub async fn events(&self, round: u64) -> Result<Vec<StoredEvent>, StoreError> {
        let query = "SELECT seq, at_ms, body FROM round_event WHERE round = $1 ORDER BY seq";
        let rows: Vec<(i64, i64, Vec<u8>)> =
            self.read(sqlx::query_as(query).bind(round as i64).fetch_all(&self.readers)).await?;
        let mut events = Vec::with_capacity(rows.len());
        for (place, (seq, at_ms, body)) in rows.into_iter().enumerate() {
            if seq as u64 != place as u64 {
                return Err(StoreError::corrupt("an event of a round is missing"));
            }
            events.push(StoredEvent { seq: seq as u64, at_ms: at_ms as u64, body });
        }
        Ok(events)
    }

    /// Ends a round with its outcome, once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has ended with another; if the outcome is too long, the round
    /// was not begun, or the store fails.
    pub async fn end(&self, round: u64, outcome: &[u8]) -> Result<(), StoreError> {
        at_most("outcome", outcome.len() as u64, MAX_EVENT)?;
        let mut turn = self.writer.turn().await?;
        let ended = end(&mut turn.connection, round, outcome).await;
        turn.end(ended)
    }

    /// A round's outcome; none if it has not ended, or was not begun.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn outcome(&self, round: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_as("SELECT outcome FROM round WHERE round = $1").bind(round as i64);
        let row: Option<(Option<Vec<u8>>,)> =
            self.read(query.fetch_optional(&self.readers)).await?;
        Ok(row.and_then(|(outcome,)| outcome))
    }
}

async fn begin(
    connection: &mut AnyConnection,
    round: u64,
    plan: &[u8],
    now_ms: u64,
) -> Result<Begun, StoreError> {
    let insert = "INSERT INTO round (round, plan, began_ms) VALUES ($1, $2, $3) \
                  ON CONFLICT (round) DO NOTHING";
    let insert = sqlx::query(insert).bind(round as i64).bind(plan).bind(now_ms as i64);
    insert.execute(&mut *connection).await?;
    let query = sqlx::query_as("SELECT plan, began_ms FROM round WHERE round = $1");
    let (plan, began_ms): (Vec<u8>, i64) =
        query.bind(round as i64).fetch_one(&mut *connection).await?;
    Ok(Begun { plan, began_ms: began_ms as u64 })
}

/// Whether the round has ended.
async fn ended(connection: &mut AnyConnection, round: u64) -> Result<bool, StoreError> {
    let query = "SELECT CASE WHEN outcome IS NULL THEN 0 ELSE 1 END FROM round WHERE round = $1";
    let row: Option<(i64,)> =
        sqlx::query_as(query).bind(round as i64).fetch_optional(connection).await?;
    row.map(|(ended,)| ended != 0).ok_or(StoreError::NoRound { round })
}

async fn append(
    turn: &mut Turn<'_>,
    round: u64,
    event: &[u8],
    now_ms: u64,
) -> Result<u64, StoreError> {
    let mut transaction = turn.begin().await?;
    if ended(&mut transaction, round).await? {
        return Err(StoreError::Ended { round });
    }
    let next = "SELECT COALESCE(MAX(seq) + 1, 0) FROM round_event WHERE round = $1";
    let (seq,): (i64,) =
        sqlx::query_as(next).bind(round as i64).fetch_one(&mut *transaction).await?;
    let insert = "INSERT INTO round_event (round, seq, at_ms, body) VALUES ($1, $2, $3, $4)";
    let insert = sqlx::query(insert).bind(round as i64).bind(seq).bind(now_ms as i64).bind(event);
    insert.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(seq as u64)
}

async fn end(connection: &mut AnyConnection, round: u64, outcome: &[u8]) -> Result<(), StoreError> {
    let update = "UPDATE round SET outcome = $2 WHERE round = $1 AND outcome IS NULL";
    let update = sqlx::query(update).bind(round as i64).bind(outcome);
    if update.execute(&mut *connection).await?.rows_affected() == 1 {
        return Ok(());
    }
    let query = sqlx::query_as("SELECT outcome FROM round WHERE round = $1").bind(round as i64);
    let row: Option<(Option<Vec<u8>>,)> = query.fetch_optional(connection).await?;
    match row {
        None => Err(StoreError::NoRound { round }),
        Some((Some(stored),)) if stored == outcome => Ok(()),
        Some(_) => Err(StoreError::Conflict { what: "outcome" }),
    }
}
