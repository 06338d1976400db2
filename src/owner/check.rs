//! Whether a plan is the round that the chain knows: the coordinator is not believed.

use alloy::primitives::{Address, B256, U256};
use zktrain_circuits::compressed::System;
use zktrain_contracts::bindings::rounds::IRounds::Member;
use zktrain_contracts::protocol::{Client, Members, Status};
use zktrain_network::messages::Signed;
use zktrain_network::plan::{Plan, VERSION};

use crate::chain::amount;
use crate::error::Error;

/// What a plan has to agree with besides the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The domain that the owner has joined.
    pub domain: u64,
    /// Digest of the owner's manifest and reference string.
    pub spec: B256,
    /// The system of the domain's proofs.
    pub system: System,
    /// The owner.
    pub account: Address,
    /// Merkle root of the owner's dataset.
    pub dataset: B256,
    /// Its windows.
    pub windows: u64,
    /// What a round has to pay at least.
    pub least_budget: U256,
}

/// Why a plan is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not signed by the coordinator that the chain names.
    #[error("the plan of round {round} is not signed by the coordinator {coordinator}")]
    Signature {
        /// The round.
        round: u64,
        /// Who should have signed.
        coordinator: Address,
    },
    /// It says something else than the chain, or than the owner's project.
    #[error("the plan of round {round} has another {field} than it should")]
    Field {
        /// The round.
        round: u64,
        /// What differs.
        field: &'static str,
    },
    /// It pays less than the owner works for.
    #[error(
        "round {round} pays {} in all, less than {} (`policy.least_budget`)",
        amount::show(*budget),
        amount::show(*least)
    )]
    Budget {
        /// The round.
        round: u64,
        /// What it pays.
        budget: U256,
        /// What the owner asks for.
        least: U256,
    },
    /// The round is not open.
    #[error("round {round} is not open on the chain")]
    NotOpen {
        /// The round.
        round: u64,
    },
}

impl Expected {
    /// Compares a plan with the chain and with what the owner knows.
    ///
    /// # Errors
    /// If anything differs, or the chain cannot be asked.
    pub async fn check(&self, client: &Client, plan: &Signed<Plan>) -> Result<(), Error> {
        let round = plan.body.round;
        let known = client.round(round).await?;
        if Status::of(known.status) != Status::Open || known.nonce.is_zero() {
            return Err(PlanError::NotOpen { round }.into());
        }
        let members = client.members(round).await?;
        if members.root() != known.members {
            return Err(PlanError::Field { round, field: "list of members" }.into());
        }
        let coordinator = known.coordinator;
        if !plan.is_by(&plan.body, coordinator) {
            return Err(PlanError::Signature { round, coordinator }.into());
        }
        let p = &plan.body;
        let me = p.member(self.account);
        let fields = [
            ("version", p.version == VERSION),
            ("chain", p.chain_id == client.at().chain_id && p.rounds == client.at().rounds),
            ("domain", p.domain == self.domain && known.domain == self.domain),
            ("coordinator", p.coordinator == coordinator),
            ("manifest or reference string", p.spec == self.spec),
            ("parent model", p.parent == known.parent),
            ("nonce", p.nonce == known.nonce),
            ("proof system", p.system == self.system.code()),
            ("mode", p.optimistic == known.optimistic),
            ("list of members", same(p, &members)),
            ("dataset", me.is_some_and(|m| (m.dataset, m.windows) == (self.dataset, self.windows))),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, holds)| !holds) {
            return Err(PlanError::Field { round, field }.into());
        }
        let (budget, least) = (U256::from(known.budget), self.least_budget);
        if budget < least {
            return Err(PlanError::Budget { round, budget, least }.into());
        }
        tracing::info!(round, members = members.0.len(), budget = amount::show(budget), "plan");
        Ok(())
    }
}

fn same(plan: &Plan, members: &Members) -> bool {
    let listed = plan.members.iter().map(|m| (m.account, m.dataset, m.windows, m.weight));
    let known = |m: &Member| (m.account, m.dataset, m.windows, m.weight);
    listed.eq(members.0.iter().map(known))
}
