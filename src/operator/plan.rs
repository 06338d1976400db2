//! A round's plan, from what the chain says of it.

use alloy::primitives::B256;
use zktrain_circuits::compressed::System;
use zktrain_contracts::protocol::{Client, ClientError};
use zktrain_network::plan::{Plan, PlanMember, Timing, VERSION};

/// What the operator decides about rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Shares that recover a secret; by default more than two thirds of the members.
    pub threshold: Option<u32>,
    /// Members in a sum at least.
    pub least: u32,
    /// How long each phase may take.
    pub timing: Timing,
}

impl Rules {
    /// The threshold of a round of so many members: more than two thirds, so that a coordinator
    /// that colludes with fewer than a third of them learns nothing but the sum.
    pub fn threshold(&self, members: usize) -> u32 {
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        self.threshold.unwrap_or(2 * (members / 3) + 2 * (members % 3) / 3 + 1).min(members)
    }
}

/// The plan of an open, drawn round.
///
/// # Errors
/// If the chain does not know the round.
pub async fn plan(
    client: &Client,
    round: u64,
    spec: B256,
    system: System,
    rules: &Rules,
) -> Result<Plan, ClientError> {
    let known = client.round(round).await?;
    let members = client.members(round).await?.0;
    let threshold = rules.threshold(members.len());
    let members = members.into_iter().map(|m| PlanMember {
        account: m.account,
        dataset: m.dataset,
        windows: m.windows,
        weight: m.weight,
    });
    Ok(Plan {
        version: VERSION,
        chain_id: client.at().chain_id,
        rounds: client.at().rounds,
        domain: known.domain,
        round,
        coordinator: known.coordinator,
        spec,
        parent: known.parent,
        nonce: known.nonce,
        system: system.code(),
        optimistic: known.optimistic,
        threshold,
        least: rules.least,
        members: members.collect(),
        timing: rules.timing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_and_one_more_recover() {
        let timing = Timing::even(1);
        let rules = Rules { threshold: None, least: 2, timing };
        let all = [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (9, 7), (200, 134)];
        for (members, threshold) in all {
            assert_eq!(rules.threshold(members), threshold, "{members}");
        }
        assert_eq!(Rules { threshold: Some(9), ..rules }.threshold(5), 5);
    }
}
