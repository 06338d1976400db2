//! The beginning of a round in the store, or what was begun before.

use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::Plan;

use super::{DriverError, erase, items, now_ms};
use crate::store::{Begun, Store};

/// Begins a round in the store, or finds what was begun: the plan that counts.
pub(super) async fn begin(
    store: &Store,
    fresh: Signed<Plan>,
) -> Result<(Signed<Plan>, Begun), DriverError> {
    let round = fresh.body.round;
    let damaged = |_| DriverError::Stored { round };
    let encoded = postcard::to_stdvec(&fresh).map_err(damaged)?;
    let begun = store.begin(round, &encoded, now_ms()).await?;
    let stored: Signed<Plan> = postcard::from_bytes(&begun.plan).map_err(damaged)?;
    if is_same_round(&stored.body, &fresh.body) {
        return Ok((stored, begun));
    }
    tracing::warn!(round, "the chain has drawn or opened it anew: what was begun is called off");
    erase(store, round, b"redrawn").await?;
    store.upload_drop(&items::submission(round)).await?;
    store.forget(round).await?;
    let begun = store.begin(round, &encoded, now_ms()).await?;
    Ok((fresh, begun))
}

/// Whether two plans are of one round as the chain has it; what the coordinator decides may differ.
fn is_same_round(stored: &Plan, fresh: &Plan) -> bool {
    let Plan { timing, threshold, least, .. } = *stored;
    *stored == Plan { timing, threshold, least, ..fresh.clone() }
}
