//! A round, as one owner goes through it.

mod participation;

use std::sync::Arc;

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use tokio::time::Instant;
use zktrain_chain::protocol::Client;
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_project::secrets::read_key;
use zktrain_project::version::Version;
use zktrain_secagg::member::Member;
use zktrain_secagg::plan::Plan;
use zktrain_secagg::policy::Policy;
use zktrain_statement::statements::Binding;
use zktrain_verify::circuit::CircuitKey;
use zktrain_wire::Peer;
use zktrain_wire::messages::{End, Notice};

use self::participation::Participation;
use crate::check::Expected;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::parent::{Ancestry, ParentError, Versions};
use crate::ports::{Line, PATIENCE, UpdateProver, in_time};
use crate::signed::SignedLog;
use crate::sums::Sums;
use crate::wait::{PLAN, Wait};
use crate::worker::{PublicProject, Worker};
use crate::{Error, OwnerError};

/// What an owner brings into every round.
pub struct Owner {
    /// The account and the contracts.
    pub client: Client,
    /// What it needs in a round once the plan is checked.
    pub seat: RoundContext<Peer, Worker>,
    /// The versions of the model that it computes.
    pub versions: Versions,
    /// What checks the others' proofs.
    pub circuit: Arc<CircuitKey>,
    /// What plans have to agree with.
    pub expected: Expected,
}

impl core::ops::Deref for Owner {
    type Target = RoundContext<Peer, Worker>;

    fn deref(&self) -> &Self::Target {
        &self.seat
    }
}

/// What an owner needs in a round whose plan is checked: it asks no chain any more.
pub struct RoundContext<L, C> {
    /// The account's key.
    pub signer: PrivateKeySigner,
    /// The coordinator.
    pub peer: L,
    /// What trains and proves.
    pub worker: C,
    /// What is public of the project.
    pub facts: PublicProject,
    /// Chain, contract and domain that proofs are for, as the owner's own settings and chain say,
    /// and its account; each round puts its number in.
    pub binding: Binding,
    pub project: Project,
    /// What the owner agrees to.
    pub policy: Policy,
    /// What its key has signed, whatever the project says.
    pub signed: Arc<SignedLog>,
    /// Misbehaviour, to show what becomes of it.
    pub fault: Option<Fault>,
}

impl<L: Line, C: UpdateProver> RoundContext<L, C> {
    pub(super) fn account(&self) -> Address {
        self.signer.address()
    }

    fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// Begins a round, or goes on with it, once its plan is checked against the chain. `parent` is the
    /// version that the owner has recomputed: no other one is trained on, whatever the plan says. `opened`
    /// is when the round was opened.
    ///
    /// # Errors
    /// If something may have been signed in it that nobody knows, the round starts from another model, the
    /// policy does not agree to the plan, the update may be in another sum, or the round was begun with
    /// another plan or is over.
    pub(super) fn begin(
        &self,
        plan: Plan,
        parent: Arc<Version>,
        opened: u64,
    ) -> Result<Participation<'_, L, C>, Error> {
        let begun = self.signed.begun(plan.round, opened);
        if !self.signed.is_complete(plan.round) {
            // Its update may be in a sum. If it was in an earlier one, that is noted.
            match Sums::admit(&self.project, &plan, self.account()) {
                Ok(mut sums) => sums.mask()?,
                Err(Error::Repeat(_)) => {}
                Err(error) => return Err(error),
            }
        }
        begun?;
        self.enter(plan, parent)
    }

    fn enter(&self, plan: Plan, parent: Arc<Version>) -> Result<Participation<'_, L, C>, Error> {
        let (expected, got) = (parent.hash, plan.parent);
        if expected != got {
            return Err(ParentError::Head { expected, got }.into());
        }
        let sums = Sums::admit(&self.project, &plan, self.account())?;
        sums.agree(&self.signed)?;
        files::create_folder(&self.project.rounds_path(), Access::Public)?;
        // Before anything is begun: a round that is not entered leaves nothing behind.
        let check = self.policy.check_plan(&plan, self.account());
        check.map_err(|error| OwnerError::from(zktrain_secagg::SecaggError::from(error)))?;
        let path = self.project.round_journal_path(plan.round);
        let key = read_key(&self.project.key_path())?;
        let journal = Journal::of_round(&path, plan.round, plan.digest(), &key)?;
        let (secret, promises) = (*journal.secret(), journal.promises().clone());
        self.signed.secret(plan.round, plan.digest(), &secret)?;
        let policy = self.policy.clone();
        let member = Member::resume(plan.clone(), self.account(), secret, policy, promises)
            .map_err(OwnerError::from)?;
        let (work, test) = (None, None);
        Ok(Participation { owner: self, plan, member, journal, parent, sums, work, test })
    }
}

impl Owner {
    /// Goes through a round to its end.
    ///
    /// # Errors
    /// If the coordinator breaks the rules, or proving fails.
    pub async fn take_part(&self, round: u64) -> Result<End, Error> {
        let (line, watch) = (&self.peer, &self.client);
        let plan = Wait { line, watch, round, until: Instant::now() + PLAN };
        let Notice::Plan(plan) = plan.notice(0).await? else {
            return Err(OwnerError::Unexpected { what: "the plan" }.into());
        };
        if plan.body.round != round {
            return Err(OwnerError::Unexpected { what: "another round's plan" }.into());
        }
        self.expected.check(&self.client, &plan).await?;
        let parent = self.parent(&plan.body).await?;
        let opened = in_time(PATIENCE, self.client.round(round)).await?.since;
        self.begin(plan.body, parent, opened)?.watched(&self.client).await
    }

    /// The round's model, recomputed from the versions before it.
    async fn parent(&self, plan: &Plan) -> Result<Arc<Version>, Error> {
        let ancestry = Ancestry {
            client: &self.client,
            source: &self.peer,
            versions: &self.versions,
            circuit: &self.circuit,
            system: self.expected.system,
            domain: self.expected.domain,
        };
        ancestry.parent(plan.parent).await
    }
}
