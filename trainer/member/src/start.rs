//! Starting: an owner, a coordinator and a chain can be started in any order, and an owner tells what it
//! waits for.

use std::fmt::Display;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zktrain_chain::protocol::Client;
use zktrain_chain::{Embed, Endpoint};
use zktrain_project::project::Project;
use zktrain_statement::compressed::ProofSystem;
use zktrain_wire::messages::Refusal;

use super::ports::{Watch, in_time};
use super::signed::SignedLog;
use super::{OwnerError, PAUSE, erase};
use crate::Error;

/// Between two questions whether there is a round, of somebody who does not answer: a round's first phases
/// are short.
pub const SOON: Duration = Duration::from_secs(15);
/// Between two attempts at most.
const LONGEST: Duration = Duration::from_secs(60);
/// What a node is given for an answer, before somebody who looks on hears that there is none.
pub const ANSWER: Duration = Duration::from_secs(8);

/// Tries until somebody answers who is away; says so at once, and again after ever longer pauses.
///
/// # Errors
/// What is no trouble on the way.
pub async fn patiently<T, F>(whom: impl Display, attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    patiently_from(PAUSE, whom, attempt).await
}

async fn patiently_from<T, F>(
    mut pause: Duration,
    whom: impl Display,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match attempt().await {
            Err(error) if is_away(&error) => {
                tracing::warn!(%whom, %error, again_in_seconds = pause.as_secs(), "waiting");
            }
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST.min(pause * 2);
    }
}

/// Waits for a node to be there. The key is opened afterwards, so that its password is asked for once.
///
/// # Errors
/// If what answers is no node of a chain.
pub async fn node(endpoint: &Endpoint, embedded: &impl Embed) -> Result<(), Error> {
    if matches!(endpoint, Endpoint::Embedded(_)) {
        return Ok(());
    }
    patiently(endpoint, || in_time(ANSWER, endpoint.connect(embedded))).await.map(drop)
}

/// Whether somebody does not answer now who may answer later.
fn is_away(error: &Error) -> bool {
    match error {
        Error::Client(error) => error.trouble().is_transient(),
        Error::Peer(error) => matches!(
            **error,
            zktrain_wire::PeerError::Deadline { .. }
                // The chain knows this member: its coordinator's node may be behind.
                | zktrain_wire::PeerError::Refused(Refusal::Busy | Refusal::Internal | Refusal::NotMember)
        ),
        Error::Owner(error) => matches!(**error, OwnerError::Silent),
        _ => false,
    }
}

/// Erases what is kept of rounds that are over, once it is known that the chain has this project's
/// domain: any other would tell of rounds of its own, and the secrets of one under way would be gone.
/// Also where there is no coordinator any more.
///
/// # Errors
/// If the domain is another one; if a file cannot be read or written.
pub async fn erase_over(
    own: Result<ProofSystem, Error>,
    project: &Project,
    chain: &impl Watch,
) -> Result<ProofSystem, Error> {
    let system = own?;
    erase::over(project, chain, &mut erase::untold(project)?).await?;
    Ok(system)
}

/// The record of what this account has signed in a domain.
///
/// # Errors
/// If another process has it, it is damaged, or cannot be read or written.
pub async fn record(
    node: &Endpoint,
    outbox: &Path,
    client: &Client,
    domain: u64,
) -> Result<Arc<SignedLog>, Error> {
    let opened = || SignedLog::of_account(client, outbox, domain);
    Ok(Arc::new(patiently(node, opened).await?))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use alloy::primitives::{Address, B256};
    use alloy::transports::TransportErrorKind;
    use zktrain_chain::ChainError;
    use zktrain_chain::protocol::ClientError;
    use zktrain_secagg::plan::Plan;
    use zktrain_wire::Lost;

    use super::*;
    use crate::journal::Journal;
    use zktrain_project::files::{self, Access};

    fn away() -> [Error; 4] {
        let node = ChainError::Node(TransportErrorKind::custom_str("connection refused"));
        let at = "coordinator.example.org:7443".to_owned();
        [
            ClientError::Chain(node).into(),
            zktrain_wire::PeerError::Deadline { at, last: Lost::NoHost }.into(),
            zktrain_wire::PeerError::Refused(Refusal::NotMember).into(),
            OwnerError::Silent.into(),
        ]
    }

    #[tokio::test]
    async fn a_party_that_is_away_at_the_start_is_waited_for() {
        let (errors, tries) = (Cell::new(Vec::from(away())), Cell::new(0));
        let attempt = || {
            tries.set(tries.get() + 1);
            let mut left = errors.take();
            let next = left.pop();
            errors.set(left);
            async move { next.map_or(Ok(7), Err) }
        };
        let short = Duration::from_millis(1);
        assert_eq!(patiently_from(short, "somebody", attempt).await.unwrap(), 7);
        assert_eq!(tries.get(), 5);
    }

    #[tokio::test]
    async fn what_waiting_does_not_mend_is_told_at_once() {
        let (account, expected) = (Address::ZERO, Address::ZERO);
        let errors: [Error; 4] = [
            ClientError::OtherChain { expected: 1, got: 2 }.into(),
            zktrain_wire::PeerError::Identity { expected, got: None }.into(),
            OwnerError::NotMember { account, domain: 1 }.into(),
            Error::WorkerStopped,
        ];
        for error in errors {
            let (shown, mut error) = (error.to_string(), Some(error));
            let attempt = || {
                let error = error.take();
                async move { error.map_or(Ok(()), Err) }
            };
            assert_eq!(patiently("somebody", attempt).await.unwrap_err().to_string(), shown);
        }
    }

    /// A chain on which all rounds are over.
    struct Over;

    impl Watch for Over {
        async fn is_over(&self, _round: u64) -> Result<bool, Error> {
            Ok(true)
        }

        async fn stands(&self, _plan: &Plan) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn another_chain_erases_no_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::new(folder.path());
        files::create_folder(&project.rounds_path(), Access::Public).unwrap();
        files::create_folder(&project.secret_path(), Access::Owner).unwrap();
        Journal::open(&project.round_journal_path(7), 7, B256::ZERO).unwrap();
        let other = Err(Error::OtherDomain { domain: 1 });
        let refused = erase_over(other, &project, &Over).await.unwrap_err();
        assert!(matches!(refused, Error::OtherDomain { .. }), "{refused}");
        assert_eq!(erase::untold(&project).unwrap(), [7]);
        erase_over(Ok(ProofSystem::Halo2), &project, &Over).await.unwrap();
        assert!(erase::untold(&project).unwrap().is_empty());
    }
}
