//! What an owner talks to in a round: a coordinator, a chain, and what trains and proves.

use core::future::Future;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::timeout;
use zktrain_chain::protocol::{Client, Status};
use zktrain_ledger::Members;
use zktrain_ledger::bindings::rounds::IRounds;
use zktrain_project::version::Version;
use zktrain_secagg::plan::Plan;
use zktrain_statement::compressed::ProofSystem;
use zktrain_wire::messages::{Item, Request, Response};
use zktrain_wire::{Peer, UploadSource};

use super::worker::Worker;
use super::{OwnerError, PAUSE};
use crate::Error;
use crate::work::{SecretUpdate, Task, Work};

/// What a chain's node is waited for. One that takes a question and never answers would keep an owner
/// from finding out that a round is over.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Seconds after which nothing comes of a round any more that should have gone on: contracts give
/// coordinators a day to propose, and clocks differ by less than another.
const GRACE: u64 = 2 * 86_400;

/// A coordinator, as an owner talks to it. Nothing that comes from it is believed.
pub trait Line {
    /// Asks something.
    ///
    /// # Errors
    /// If there is no answer.
    fn call(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, zktrain_wire::PeerError>>;

    /// Uploads something.
    ///
    /// # Errors
    /// If it is refused, or cannot be brought to an end.
    fn upload(
        &self,
        item: &Item,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), zktrain_wire::PeerError>>;

    /// Some time between two questions, however quick the answers are.
    fn pause(&self) -> impl Future<Output = ()> {
        tokio::time::sleep(PAUSE)
    }
}

impl Line for Peer {
    async fn call(&self, request: Request) -> Result<Response, zktrain_wire::PeerError> {
        Self::call(self, request).await
    }

    async fn upload(&self, item: &Item, bytes: Vec<u8>) -> Result<(), zktrain_wire::PeerError> {
        Self::upload(self, item, UploadSource::Bytes(bytes.into())).await.map(drop)
    }
}

/// What knows of a round whether it is over, whatever its coordinator says: the chain.
pub trait Watch {
    /// Whether it has been settled, or has come to nothing.
    ///
    /// # Errors
    /// If there is no answer.
    fn is_over(&self, round: u64) -> impl Future<Output = Result<bool, Error>>;

    /// Requires that a round is open, with the draw and the members that its plan has, in blocks that no
    /// reorganization takes back: what is signed otherwise can be held against its signer.
    ///
    /// # Errors
    /// If it is not, or there is no answer.
    fn stands(&self, plan: &Plan) -> impl Future<Output = Result<(), Error>>;
}

impl Watch for Client {
    async fn is_over(&self, round: u64) -> Result<bool, Error> {
        let known = in_time(PATIENCE, self.round(round)).await?;
        let chain = in_time(PATIENCE, async { self.sender().chain().time().await }).await?;
        let here = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A chain may stand still, and this clock be wrong: time is over when either says so.
        let now = chain.max(here.map_or(0, |since| since.as_secs()));
        Ok(is_done(Status::of(known.status), known.deadline, known.challengeEnd, now))
    }

    async fn stands(&self, plan: &Plan) -> Result<(), Error> {
        let round = plan.round;
        let members = plan.members.iter().map(|m| IRounds::Member {
            account: m.account,
            dataset: m.dataset,
            windows: m.windows,
            weight: m.weight,
        });
        let root = Members(members.collect()).root();
        let known = in_time(PATIENCE, self.require_drawn(round, plan.nonce, root)).await?;
        match Status::of(known.status) {
            Status::Open => Ok(()),
            _ => Err(OwnerError::Ended { round }.into()),
        }
    }
}

/// Whether anything comes of a round for its members. One whose coordinator is late ends on the chain
/// only when somebody says so there; its members' secrets are not to wait for that.
fn is_done(status: Status, deadline: u64, challenge_end: u64, now: u64) -> bool {
    match status {
        Status::Settled | Status::Void => true,
        Status::Open => now > deadline.saturating_add(GRACE),
        Status::Proposed => now > challenge_end.saturating_add(GRACE),
        Status::None => false,
    }
}

/// What a node answers, unless it keeps silent for so long.
pub(super) async fn in_time<T, E: Into<Error>>(
    patience: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(OwnerError::Silent.into()),
    }
}

/// Where there is no chain, only the coordinator tells.
#[cfg(test)]
impl Watch for () {
    async fn is_over(&self, _round: u64) -> Result<bool, Error> {
        Ok(false)
    }

    async fn stands(&self, _plan: &Plan) -> Result<(), Error> {
        Ok(())
    }
}

/// What trains and proves.
pub trait UpdateProver {
    /// Trains and proves, see [`crate::work::WindowProver::work`].
    ///
    /// # Errors
    /// As there.
    fn work(
        &self,
        parent: &Arc<Version>,
        system: ProofSystem,
        task: Task,
    ) -> impl Future<Output = Result<Work, Error>>;

    /// What an update hides that was worked on before, see [`crate::work::WindowProver::recall`].
    ///
    /// # Errors
    /// As there.
    fn recall(
        &self,
        parent: &Arc<Version>,
        task: Task,
    ) -> impl Future<Output = Result<SecretUpdate, Error>>;
}

impl UpdateProver for Worker {
    async fn work(
        &self,
        parent: &Arc<Version>,
        system: ProofSystem,
        task: Task,
    ) -> Result<Work, Error> {
        Self::work(self, parent, system, task).await
    }

    async fn recall(&self, parent: &Arc<Version>, task: Task) -> Result<SecretUpdate, Error> {
        Self::recall(self, parent, task).await
    }
}

#[cfg(test)]
mod tests {
    use core::future::{pending, ready};

    use super::super::OwnerVerdict;
    use super::*;

    /// A coordinator with phases of years, or one that is gone, keeps nobody's secrets.
    #[test]
    fn a_round_that_nobody_ends_is_over_two_days_after_its_time() {
        let (deadline, challenge_end) = (1_000, 5_000);
        let done = |status, now| is_done(status, deadline, challenge_end, now);
        for now in [0, deadline, deadline + GRACE] {
            assert!(!done(Status::Open, now) && !done(Status::None, now));
            assert!(done(Status::Settled, now) && done(Status::Void, now));
        }
        assert!(done(Status::Open, deadline + GRACE + 1));
        assert!(!done(Status::Proposed, challenge_end + GRACE));
        assert!(done(Status::Proposed, challenge_end + GRACE + 1));
        assert!(!is_done(Status::Open, u64::MAX, 0, u64::MAX), "no overflow");
    }

    #[tokio::test]
    async fn a_node_that_keeps_silent_is_asked_again_later() {
        let short = Duration::from_millis(1);
        let silent = pending::<Result<bool, Error>>();
        let error = in_time(short, silent).await.unwrap_err();
        assert_eq!(OwnerVerdict::of(&error), OwnerVerdict::Again);
        assert!(in_time(short, ready(Ok::<_, Error>(true))).await.unwrap());
    }
}
