//! What peers of a coordinator can have besides rounds: to be registered, the lineage.

use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Instant;

use alloy::primitives::Address;
use bytes::Bytes;
use tokio::task::spawn_blocking;
use zktrain_chain::protocol::Client;
use zktrain_coordinator::metrics::{Misdeed, ProcessMetrics};
use zktrain_coordinator::service::{Download, Library};
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::typed::{Receipt, Scope};
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_wire::messages::{Item, Refusal};

use super::admission::{Register, check};
use crate::lineage::LineageWriter;

/// A domain's public things, and who has registered.
pub struct DomainLibrary {
    client: Client,
    domain: u64,
    session: Arc<Session>,
    project: Project,
    lineage: LineageWriter,
    metrics: Arc<ProcessMetrics>,
    /// Who has registered.
    pub register: Register,
}

impl DomainLibrary {
    /// A library with nothing in it.
    pub fn new(
        client: Client,
        domain: u64,
        session: Arc<Session>,
        project: Project,
        lineage: LineageWriter,
        metrics: Arc<ProcessMetrics>,
    ) -> Self {
        let register = Register::default();
        Self { client, domain, session, project, lineage, metrics, register }
    }
}

impl Library for DomainLibrary {
    async fn admit(&self, peer: Address) -> bool {
        match self.client.candidate(self.domain, peer).await {
            Ok(known) => known.is_some(),
            Err(error) => {
                tracing::warn!(%peer, %error, "the chain does not say whether it is a member");
                false
            }
        }
    }

    fn hear(&self, peer: Address) {
        self.register.hear(peer, Instant::now());
    }

    fn refused(&self, peer: Address, refusal: &Refusal) {
        let kind = match refusal {
            Refusal::Invalid(_) => Misdeed::Invalid,
            Refusal::Conflict => Misdeed::Conflict,
            // Too late, or at the wrong door.
            _ => return,
        };
        tracing::warn!(%peer, %refusal, "refused");
        self.metrics.misdeed(kind);
    }

    fn sign(&self, scope: &Scope, receipt: Receipt) -> Result<SignedReceipt, Refusal> {
        let signed = SignedReceipt::new(receipt, scope, self.client.sender().signer());
        signed.map_err(|error| {
            tracing::error!(%error, "a receipt could not be signed");
            Refusal::Internal
        })
    }

    async fn register(&self, peer: Address, bytes: Vec<u8>) -> Result<(), Refusal> {
        let (session, project) = (self.session.clone(), self.project.clone());
        let bytes = Bytes::from(bytes);
        let kept = bytes.clone();
        let checked = spawn_blocking(move || check(&session, &project, peer, &bytes)).await;
        let registered = checked
            .map_err(|_| Refusal::Internal)?
            .map_err(|error| Refusal::Invalid(error.to_string()))?;
        let known = self.client.candidate(self.domain, peer).await;
        let known = known.map_err(|_| Refusal::Internal)?.ok_or(Refusal::NotMember)?;
        if (known.dataset, known.windows) != (registered.dataset, registered.windows) {
            return Err(Refusal::Invalid("the chain knows another dataset".into()));
        }
        self.lineage.registration(peer, &kept).map_err(|error| {
            tracing::error!(%error, "a registration could not be kept");
            Refusal::Internal
        })?;
        self.register.enter(peer, registered);
        tracing::info!(%peer, windows = registered.windows, "registered");
        Ok(())
    }

    fn find(&self, item: &Item) -> Option<Download> {
        match item {
            Item::Lineage { path } => {
                let plain = |part| matches!(part, Component::Normal(_));
                let inside = path.len() <= 200 && Path::new(path).components().all(plain);
                let file = self.lineage.dir().join(path);
                (inside && file.is_file()).then_some(Download::File(file))
            }
            _ => None,
        }
    }
}
