//! Compares an export with what a node says now.

use alloy::signers::local::PrivateKeySigner;
use rand::rngs::OsRng;
use zktrain_contracts::chain::{ChainError, Endpoint, Outbox, Sender};
use zktrain_contracts::protocol::{ChainExport, Client};

use crate::chain::{Connection, block_on};
use crate::error::Error;

/// What is different on the node; none if nothing is.
///
/// # Errors
/// If the node does not answer.
pub(super) fn compare(export: &ChainExport, at: &Endpoint) -> Result<Option<String>, Error> {
    block_on(async {
        let chain = at.connect(Connection::genesis()).await?;
        let (expected, got) = (export.deployment.chain_id, chain.id());
        if expected != got {
            return Ok(Some(format!("the node's chain is {got}, the export's {expected}")));
        }
        let folder = tempfile::tempdir()
            .map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
        // Only looks: nothing is ever signed with it.
        let nobody = PrivateKeySigner::random_with(&mut OsRng);
        let outbox = Outbox::new(folder.path(), chain.id(), nobody.address());
        let sender = Sender::new(chain, nobody, outbox.map_err(ChainError::from)?);
        let client = Client::new(sender, export.deployment.clone(), "")?;
        let live = client.export_to(export.domain, export.head.number).await?;
        if let Some(difference) = export.difference(&live) {
            return Ok(Some(difference.to_string()));
        }
        let same = live.head == export.head;
        Ok((!same).then(|| format!("block {} is another", export.head.number)))
    })
}
