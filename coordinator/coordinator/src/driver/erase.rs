//! Erasing what a round leaves in the store.
//!
//! Masked vectors and the shares that unmask them are needed until a round's sum is settled, and by
//! nobody later: an attacker who got hold of them could try to take the sum apart. They go as soon
//! as the round is over, however it ended. What members signed otherwise (keys, uploads' hashes,
//! confirmations, defences, submissions) is kept for a while, as evidence.

use zktrain_wire::messages::MemberMessage;

use super::{DriverError, items};
use crate::machine::RoundEvent;
use crate::store::Store;

/// Whether an event holds shares of secrets, sealed or open.
fn is_secret(event: &RoundEvent) -> bool {
    let RoundEvent::Contribution { what, .. } = event else { return false };
    match **what {
        MemberMessage::Sharing(_) | MemberMessage::Unmask(_) | MemberMessage::Reveal(_) => true,
        MemberMessage::Keys(_)
        | MemberMessage::Complaint(_)
        | MemberMessage::Upload(_)
        | MemberMessage::Confirm(_)
        | MemberMessage::Defence(_) => false,
    }
}

/// Erases masked vectors and shares of a round that is over, and notes how it ended. Again is fine.
///
/// # Errors
/// If the store fails, or holds what cannot be read.
pub async fn erase(store: &Store, round: u64, outcome: &[u8]) -> Result<(), DriverError> {
    store.upload_drop(&items::masked(round)).await?;
    let mut places = Vec::new();
    for stored in store.events(round).await? {
        // Without content: erased before.
        if stored.body.is_empty() {
            continue;
        }
        let event: RoundEvent =
            postcard::from_bytes(&stored.body).map_err(|_| DriverError::Stored { round })?;
        if is_secret(&event) {
            places.push(stored.seq);
        }
    }
    store.blank(round, &places).await?;
    store.end(round, outcome).await?;
    Ok(store.scrub().await?)
}

/// Forgets all but the last rounds that are over: their events and submissions. Those forgotten.
///
/// # Errors
/// If the store fails.
pub async fn forget(store: &Store, keep: usize) -> Result<Vec<u64>, DriverError> {
    let mut ended = store.ended().await?;
    ended.truncate(ended.len().saturating_sub(keep));
    for round in &ended {
        store.upload_drop(&items::submission(*round)).await?;
        store.forget(*round).await?;
    }
    if !ended.is_empty() {
        store.scrub().await?;
    }
    Ok(ended)
}
