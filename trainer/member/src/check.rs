//! Whether a plan is the round that the chain knows: the coordinator is not believed.

use alloy::primitives::{Address, B256, U256};
use zktrain_chain::amount;
use zktrain_chain::protocol::{Client, ClientError, Status};
use zktrain_ledger::Members;
use zktrain_ledger::bindings::rounds::IRounds::{Member, Round};
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::{Plan, VERSION};
use zktrain_secagg::policy;
use zktrain_statement::compressed::ProofSystem;

use super::OwnerError;
use super::terms::{self, Asked};
use crate::Error;

/// What a plan has to agree with besides the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The domain that the owner has joined.
    pub domain: u64,
    /// Digest of the owner's manifest and reference string.
    pub spec: B256,
    /// The system of the domain's proofs.
    pub system: ProofSystem,
    /// The owner.
    pub account: Address,
    /// Merkle root of the owner's dataset.
    pub dataset: B256,
    pub windows: u64,
    /// What the owner works for.
    pub asked: Asked,
}

/// Why a plan is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not signed by the coordinator that the chain names.
    #[error("the plan of round {round} is not signed by the coordinator {coordinator}")]
    Signature {
        round: u64,
        /// Who should have signed.
        coordinator: Address,
    },
    /// It says something else than the chain, or than the owner's project.
    #[error("the plan of round {round} has another {field} than it should")]
    Field { round: u64, field: &'static str },
    /// It pays less than the owner works for.
    #[error(
        "round {round} pays {} in all, less than {} (`policy.least_budget`)",
        amount::show(*budget),
        amount::show(*least)
    )]
    Budget {
        round: u64,
        /// What it pays.
        budget: U256,
        /// What the owner asks for.
        least: U256,
    },
    /// It pays the owner less than it works for.
    #[error(
        "round {round} pays this owner {} if it delivers, less than {} (`policy.least_pay`): the \
         members' part of {} by its weight, less the fee",
        amount::show(*pay),
        amount::show(*least),
        amount::show(*budget)
    )]
    Pay {
        round: u64,
        /// What it pays all members and the coordinator together.
        budget: U256,
        /// What it pays the owner.
        pay: U256,
        /// What the owner asks for.
        least: U256,
    },
    /// Fewer members have to be in the sum than the domain's rule says.
    #[error(
        "the plan of round {round} has the threshold {got} for {members} members; by its domain's \
         rule on the chain it is {least} at least"
    )]
    Threshold {
        round: u64,
        /// Members of the round.
        members: usize,
        /// What the domain asks for.
        least: u32,
        /// The plan's.
        got: u32,
    },
    /// The round is not open.
    #[error("round {round} is not open on the chain")]
    NotOpen { round: u64 },
}

impl Expected {
    /// Compares a plan with the chain and with what the owner knows.
    ///
    /// # Errors
    /// If anything differs, or the chain cannot be asked.
    pub async fn check(&self, client: &Client, plan: &Signed<Plan>) -> Result<(), Error> {
        let round = plan.body.round;
        // In blocks that no reorganization takes back: what is signed rests on this draw.
        let finality = client.sender().chain().finality();
        let known = client.drawn(round).await?.ok_or(ClientError::NotFinal { round, finality })?;
        if Status::of(known.status) != Status::Open {
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
        self.agree(client, &known, p).await
    }

    /// Whether the owner works on the terms of a domain and of a round in it.
    async fn agree(&self, client: &Client, known: &Round, plan: &Plan) -> Result<(), Error> {
        let config = client.domain(self.domain).await?.config;
        self.asked.check(self.domain, &config).map_err(OwnerError::from)?;
        required(plan, config.threshold)?;
        let weight = plan.member(self.account).map_or(0, |member| member.weight);
        let budget = U256::from(known.budget);
        let pay = terms::pay(known, config.coordinatorShare, weight);
        self.is_worth(plan.round, budget, pay)?;
        let (members, budget, pay) = (plan.members.len(), amount::show(budget), amount::show(pay));
        tracing::info!(round = plan.round, members, budget, pay, "plan");
        Ok(())
    }

    /// Whether a round pays what the owner works for.
    fn is_worth(&self, round: u64, budget: U256, pay: U256) -> Result<(), PlanError> {
        let least = self.asked.budget;
        if budget < least {
            return Err(PlanError::Budget { round, budget, least });
        }
        let least = self.asked.pay;
        match pay < least {
            true => Err(PlanError::Pay { round, budget, pay, least }),
            false => Ok(()),
        }
    }
}

/// Whether as many members have to be in a plan's sum as its domain's rule says. A coordinator may ask
/// for more: then fewer sums can be made, and more members may collude without harm. That such a round
/// fails more easily is no weapon, as a coordinator can call off any round.
fn required(plan: &Plan, points: u16) -> Result<(), PlanError> {
    let (round, members, got) = (plan.round, plan.members.len(), plan.threshold);
    let least = policy::required(members, points);
    match got < least {
        true => Err(PlanError::Threshold { round, members, least, got }),
        false => Ok(()),
    }
}

fn same(plan: &Plan, members: &Members) -> bool {
    let listed = plan.members.iter().map(|m| (m.account, m.dataset, m.windows, m.weight));
    let known = |m: &Member| (m.account, m.dataset, m.windows, m.weight);
    listed.eq(members.0.iter().map(known))
}
