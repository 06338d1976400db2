//! Compares an export with what a node says now, and asks it what the export's contracts are.

use alloy::primitives::{Address, B256, keccak256};
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use rand::rngs::OsRng;
use zktrain_chain::bindings::rounds::Rounds;
use zktrain_chain::protocol::{ChainExport, Client, Deployment, Status};
use zktrain_chain::{Chain, ChainError, Endpoint, Outbox, Sender};

use crate::chain::{Connection, block_on};
use crate::error::Error;

/// What a node says about an export.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// What it says else about the export's events; none if nothing.
    pub difference: Option<String>,
    /// What stands at the address of `Rounds`; none if the node is of another chain.
    pub contract: Option<Contract>,
    /// The domain's current version; none if the node could not be asked.
    pub version: Option<u64>,
    /// The domain's rounds that have ended by now.
    pub ended: Vec<u64>,
}

impl Live {
    /// A node of which nothing is believed.
    fn of_another(difference: String, contract: Option<Contract>) -> Self {
        Self { difference: Some(difference), contract, version: None, ended: Vec::new() }
    }
}

/// The contract at the export's address of `Rounds`.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    /// Keccak-256 of its code, as `EXTCODEHASH` gives it.
    pub code: B256,
    /// A contract of the export that `Rounds` does not work with; none if there is none.
    pub stranger: Option<&'static str>,
}

/// Asks a node.
///
/// # Errors
/// If the node does not answer.
pub(super) fn look(export: &ChainExport, at: &Endpoint) -> Result<Live, Error> {
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
    let folder =
        tempfile::tempdir().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
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
