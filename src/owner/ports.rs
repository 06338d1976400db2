//! What an owner talks to in a round: a coordinator, a chain, and what trains and proves.

use core::future::Future;
use core::time::Duration;

use tokio::time::timeout;
use zktrain_circuits::compressed::System;
use zktrain_contracts::protocol::{Client, Status};
use zktrain_network::messages::{Item, Request, Response};
use zktrain_network::wire::{self, Peer, Source};
use zktrain_prover::trace::Parameters;

use super::worker::Worker;
use super::{OwnerError, PAUSE};
use crate::error::Error;
use crate::round::{SecretUpdate, Task, Work};

/// What a chain's node is waited for. One that takes a question and never answers would keep an owner
/// from finding out that a round is over.
const PATIENCE: Duration = Duration::from_secs(30);

/// A coordinator, as an owner talks to it. Nothing that comes from it is believed.
pub trait Line {
    /// Asks something.
    ///
    /// # Errors
    /// If there is no answer.
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, wire::Error>>;

    /// Uploads something.
    ///
    /// # Errors
    /// If it is refused, or cannot be brought to an end.
    fn upload(&self, item: &Item, bytes: Vec<u8>) -> impl Future<Output = Result<(), wire::Error>>;

    /// Some time between two questions, however quick the answers are.
    fn pause(&self) -> impl Future<Output = ()> {
        tokio::time::sleep(PAUSE)
    }
}

impl Line for Peer {
    async fn call(&self, request: Request) -> Result<Response, wire::Error> {
        Self::call(self, request).await
    }

    async fn upload(&self, item: &Item, bytes: Vec<u8>) -> Result<(), wire::Error> {
        Self::upload(self, item, Source::Bytes(bytes.into())).await.map(drop)
    }
}

/// What knows of a round whether it is over, whatever its coordinator says: the chain.
pub trait Watch {
    /// Whether it has been settled, or has come to nothing.
    ///
    /// # Errors
    /// If there is no answer.
    fn is_over(&self, round: u64) -> impl Future<Output = Result<bool, Error>>;
}

impl Watch for Client {
    async fn is_over(&self, round: u64) -> Result<bool, Error> {
        let status = in_time(PATIENCE, self.status(round)).await?;
        Ok(matches!(status, Status::Settled | Status::Void))
    }
}

/// What a node answers, unless it keeps silent for so long.
async fn in_time<T, E: Into<Error>>(
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
}

/// What trains and proves.
pub trait Craft {
    /// Trains and proves, see [`crate::round::Workshop::work`].
    ///
    /// # Errors
    /// As there.
    fn work(
        &self,
        model: &Parameters,
        system: System,
        task: Task,
    ) -> impl Future<Output = Result<Work, Error>>;

    /// What an update hides that was worked on before, see [`crate::round::Workshop::recall`].
    ///
    /// # Errors
    /// As there.
    fn recall(
        &self,
        model: &Parameters,
        task: Task,
    ) -> impl Future<Output = Result<SecretUpdate, Error>>;
}

impl Craft for Worker {
    async fn work(&self, model: &Parameters, system: System, task: Task) -> Result<Work, Error> {
        Self::work(self, model, system, task).await
    }

    async fn recall(&self, model: &Parameters, task: Task) -> Result<SecretUpdate, Error> {
        Self::recall(self, model, task).await
    }
}

#[cfg(test)]
mod tests {
    use core::future::{pending, ready};

    use super::super::Verdict;
    use super::*;

    #[tokio::test]
    async fn a_node_that_keeps_silent_is_asked_again_later() {
        let short = Duration::from_millis(1);
        let silent = pending::<Result<bool, Error>>();
        let error = in_time(short, silent).await.unwrap_err();
        assert_eq!(Verdict::of(&error), Verdict::Again);
        assert!(in_time(short, ready(Ok::<_, Error>(true))).await.unwrap());
    }
}
