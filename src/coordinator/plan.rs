//! A round's plan, from what the chain says of it.

use alloy::primitives::B256;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::policy;
use zktrain_statement::compressed::ProofSystem;

/// What the coordinator decides about rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Shares that recover a secret; by default as many as the domain's rule says.
    pub threshold: Option<u32>,
    /// The domain's rule: basis points of a round's members that have to be in a sum.
    pub points: u16,
    /// Members in a sum at least.
    pub least: u32,
    /// How long each phase may take.
    pub timing: Timing,
}

impl Rules {
    /// The threshold of a round of so many members. Owners take part in no round with one below the
    /// domain's rule, so it is never that.
    pub fn threshold(&self, members: usize) -> u32 {
        let least = policy::required(members, self.points);
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        self.threshold.map_or(least, |threshold| threshold.max(least)).min(members)
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
    system: ProofSystem,
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
    fn as_many_recover_as_the_domains_rule_says() {
        let timing = Timing::even(1);
        let rules = Rules { threshold: None, points: 6_666, least: 2, timing };
        let all = [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (9, 6), (200, 134)];
        for (members, threshold) in all {
            assert_eq!(rules.threshold(members), threshold, "{members}");
        }
        let half = Rules { points: 5_000, ..rules };
        assert_eq!([3, 4, 100].map(|members| half.threshold(members)), [2, 3, 51]);
        // A higher one is the coordinator's to choose, a lower one is not.
        assert_eq!(Rules { threshold: Some(9), ..rules }.threshold(5), 5);
        assert_eq!(Rules { threshold: Some(9), ..rules }.threshold(10), 9);
        assert_eq!(Rules { threshold: Some(3), ..rules }.threshold(10), 7);
    }
}
