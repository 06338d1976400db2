//! What a round needs besides messages: checking proofs and sums.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use ark_bn254::{Fr, G1Affine};
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_secagg::messages::Upload;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_secagg::vector::VectorShape;
use zktrain_wire::messages::Phase;

use crate::machine::ProofVerdict;

/// A submission that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Row commitments of the update.
    pub update: Vec<G1Affine>,
}

/// What comparing a sum with the commitments came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is the sum of what the commitments hold, and is kept.
    Right {
        /// `keccak256` of the next model's row commitments.
        model: B256,
    },
    /// It is not: somebody's vector is wrong.
    Wrong,
    /// The coordinator could not tell, or not keep it: nobody else's fault.
    Failed,
}

/// Something that took its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// A phase, from its beginning to its end.
    Phase(Phase, Duration),
    /// A delivery, from its arrival to the verdict on its proof: whether it holds.
    Proof(bool, Duration),
}

/// Long computations, called on threads of their own.
pub trait RoundComputations: Send + Sync + 'static {
    /// The shape of masked vectors.
    fn shape(&self) -> &VectorShape;

    /// What verifies openings.
    fn kzg(&self) -> &KzgVerifierKey;

    /// Checks a member's submission, which its upload names: who signed it, what it is about, its
    /// proof.
    ///
    /// # Errors
    /// Why it is not counted.
    fn judge(
        &self,
        plan: &Plan,
        member: &PlanMember,
        upload: &Upload,
        submission: &[u8],
    ) -> Result<Judged, ProofVerdict>;

    /// The update's commitments in a submission that was judged before.
    fn update(&self, submission: &[u8]) -> Option<Vec<G1Affine>>;

    /// Compares the sum of the counted members' vectors with the sum of their commitments, and
    /// keeps it if it is right.
    fn settle(
        &self,
        plan: &Plan,
        updates: &BTreeMap<Address, Vec<G1Affine>>,
        sum: &[Fr],
    ) -> Settled;

    /// Something has been timed. Not told again of what was before a restart.
    fn observe(&self, what: Timed);
}
