//! Compares an export with what a node says now, and asks it what the export's contracts are.

use alloy::primitives::{Address, keccak256};
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use rand::rngs::OsRng;
use zktrain_audit::backend::{BackendError, ChainNode};
use zktrain_audit::live::{Contract, Live};
use zktrain_chain::protocol::{Client, Status};
use zktrain_chain::{Chain, ChainError, Endpoint, Outbox, Sender};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::{ChainExport, Deployment};

use crate::chain::{Connection, block_on};
use crate::error::{Error, ProjectError};

/// A node at an address, which an audit compares its export with.
pub(super) struct LiveNode<'a>(pub &'a Endpoint);

impl ChainNode for LiveNode<'_> {
    fn look(&self, export: &ChainExport) -> Result<Live, BackendError> {
        Ok(look(export, self.0)?)
    }
}

/// Asks a node.
///
/// # Errors
/// If the node does not answer.
fn look(export: &ChainExport, at: &Endpoint) -> Result<Live, Error> {
    block_on(async {
        let chain = at.connect(&Connection::genesis()).await?;
        let (expected, got) = (export.deployment.chain_id, chain.id());
        if expected != got {
            let difference = format!("the node's chain is {got}, the export's {expected}");
            return Ok(Live::of_another(difference, None));
        }
        let contract = contract(&chain, &export.deployment).await?;
        if let Some(name) = contract.stranger {
            let difference = format!("the contract Rounds works with another {name}");
            return Ok(Live::of_another(difference, Some(contract)));
        }
        let client = viewer(chain, &export.deployment)?;
        let version = client.domain(export.domain).await?.versions;
        let ended = ended(&client, export.domain).await?;
        let difference = difference(&client, export).await?;
        Ok(Live { difference, contract: Some(contract), version: Some(version), ended })
    })
}

/// Rounds of a domain that nothing more happens in.
async fn ended(client: &Client, domain: u64) -> Result<Vec<u64>, Error> {
    let opened = client.events::<Rounds::RoundOpened>(client.at().rounds, None).await?;
    let mut ended = Vec::new();
    for round in opened.iter().filter(|event| event.domain == domain).map(|event| event.round) {
        if matches!(client.status(round).await?, Status::Settled | Status::Void) {
            ended.push(round);
        }
    }
    Ok(ended)
}

/// The code of `Rounds` has the addresses of all that it works with in it: an export that lists
/// others is about contracts that somebody put beside it.
async fn contract(chain: &Chain, at: &Deployment) -> Result<Contract, Error> {
    let code = chain.provider().get_code_at(at.rounds).await.map_err(ChainError::from)?;
    let names = |address: Address| {
        let word = address.into_word();
        code.windows(32).any(|window| window == word.as_slice())
    };
    let others = [
        ("StakeManager", at.stakes),
        ("DomainRegistry", at.registry),
        ("Escrow", at.escrow),
        ("Reputation", at.reputation),
        ("VerifierRouter", at.router),
        ("Parameters", at.parameters),
        ("RewardToken", at.reward_token),
        ("Demands", at.demands),
        ("Slashing", at.slashing),
    ];
    let stranger = others.into_iter().find(|(_, address)| !names(*address));
    Ok(Contract { code: keccak256(&code), stranger: stranger.map(|(name, _)| name) })
}

/// Only looks: nothing is ever signed with its key.
fn viewer(chain: Chain, at: &Deployment) -> Result<Client, Error> {
    let folder = tempfile::tempdir().map_err(|source| {
        Error::Project(ProjectError::File { path: std::env::temp_dir(), source })
    })?;
    let nobody = PrivateKeySigner::random_with(&mut OsRng);
    let outbox = Outbox::new(folder.path(), chain.id(), nobody.address());
    let sender = Sender::new(chain, nobody, outbox.map_err(ChainError::from)?);
    Ok(Client::new(sender, at.clone(), "")?)
}

async fn difference(client: &Client, export: &ChainExport) -> Result<Option<String>, Error> {
    let live = client.export_to(export.domain, export.head.number).await?;
    if let Some(difference) = export.difference(&live) {
        return Ok(Some(difference.to_string()));
    }
    let same = live.head == export.head;
    Ok((!same).then(|| format!("block {} is another", export.head.number)))
}
