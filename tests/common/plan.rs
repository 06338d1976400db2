//! Plans and submissions as the network's peers sign them.

use zktrain_chain::protocol::Client;
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::typed::Scope;
use zktrain_member::work::{submission, submission_file};
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::statements::Binding;
use zktrain_wire::sign;

use super::round::Delivered;

/// The plan of a round as the chain knows it, for members with this manifest and reference string.
pub async fn plan(coordinator: &Client, domain: u64, round: u64, spec: [u8; 32]) -> Plan {
    let known = coordinator.round(round).await.unwrap();
    let at = coordinator.at();
    let members = coordinator.members(round).await.unwrap().0.into_iter();
    let members = members.map(|m| PlanMember {
        account: m.account,
        dataset: m.dataset,
        windows: m.windows,
        weight: m.weight,
    });
    Plan {
        version: VERSION,
        chain_id: at.chain_id,
        rounds: at.rounds,
        domain,
        round,
        coordinator: coordinator.address(),
        spec: spec.into(),
        parent: known.parent,
        nonce: known.nonce,
        system: ProofSystem::Halo2.code(),
        optimistic: true,
        threshold: 2,
        least: 2,
        members: members.collect(),
        timing: Timing { keys: 1, shares: 1, uploads: 9, confirm: 1, unmask: 1, defence: 1 },
    }
}

/// Where a plan's proofs are for; nobody's in particular.
pub fn place(plan: &Plan) -> Binding {
    Binding {
        chain_id: plan.chain_id,
        contract: plan.rounds.into_array(),
        domain: plan.domain,
        round: plan.round,
        prover: [0; 20],
    }
}

/// Signed by this account.
pub fn signed(plan: Plan, by: &Client) -> Signed<Plan> {
    sign(&plan, plan.clone(), by.sender().signer()).unwrap()
}

/// What a member hands in, in the round that this is for.
pub fn handed_in(work: &Delivered, scope: &Scope, by: &Client) -> SubmissionFile {
    let said = submission(&work.statement, &work.proof);
    let signed = SignedSubmission::new(said, scope, by.sender().signer()).unwrap();
    submission_file(signed, &work.statement, &work.proof)
}
