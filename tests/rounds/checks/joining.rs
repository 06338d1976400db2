//! Who may join a domain is known before anything is sent, and is what the contracts say.

use alloy::primitives::{Address, B256, keccak256};
use zktrain_chain::Chain;
use zktrain_chain::protocol::{Client, ClientError};
use zktrain_devnet::{EmbeddedNode, serve};
use zktrain_ledger::Revert;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_member::{Error, JoinError, OwnerError, may_join};

use zktrain_testchains::economy::{Economy, TRAINER_BOND, plain_key, tokens};
use zktrain_testchains::{Backend, genesis};

/// What a domain asks for.
const LEAST: u64 = 3;

/// A domain, and two accounts that can pay its bond.
async fn domain(economy: &Economy) -> (u64, Config) {
    let (name, first) = (keccak256("domain"), keccak256("first model"));
    let change = |config: &mut Config| config.minWindows = LEAST;
    let domain = economy.domain_with(name, &plain_key(), first, change).await;
    for owner in &economy.owners {
        owner.stake(tokens(TRAINER_BOND)).await.unwrap();
    }
    let config = economy.watcher.domain(domain).await.unwrap().config;
    (domain, config)
}

/// Why an account may not join.
async fn refused(client: &Client, domain: u64, config: &Config, data: (B256, u64)) -> JoinError {
    let refused = may_join(client, domain, config, data).await.unwrap_err();
    let Error::Owner(error) = refused else { panic!("{refused}") };
    let OwnerError::Join(error) = *error else { panic!("{error}") };
    error
}

/// What the contract says when it is asked all the same.
async fn reverted(client: &Client, domain: u64, (dataset, windows): (B256, u64)) -> Revert {
    match client.join(domain, dataset, windows).await.unwrap_err() {
        ClientError::Chain(error) => error.revert().unwrap().clone(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_a_contract_would_refuse_is_refused_before_anything_is_sent() {
    let economy = Economy::new(Backend::embedded().await, 2).await;
    let (domain, config) = domain(&economy).await;
    let [first, second] = &economy.owners[..] else { panic!("two owners") };
    let dataset = keccak256("data");

    let few = (dataset, LEAST - 1);
    let error = refused(first, domain, &config, few).await;
    assert_eq!(error, JoinError::Windows { domain, least: LEAST, got: LEAST - 1 });
    let revert = reverted(first, domain, few).await;
    let expected = Rounds::TooFewWindows { least: LEAST, got: LEAST - 1 };
    assert_eq!(revert.get::<Rounds::TooFewWindows>(), Some(expected), "{revert}");

    let enough = (dataset, LEAST);
    may_join(first, domain, &config, enough).await.unwrap();
    first.join(domain, dataset, LEAST).await.unwrap();

    let holder = first.address();
    let error = refused(second, domain, &config, enough).await;
    assert_eq!(error, JoinError::Taken { domain, holder });
    let revert = reverted(second, domain, enough).await;
    let expected = Rounds::DatasetTaken { domain, dataset, account: holder };
    assert_eq!(revert.get::<Rounds::DatasetTaken>(), Some(expected), "{revert}");

    // Its own dataset is nobody else's: the contract alone says what it is to the member.
    may_join(first, domain, &config, enough).await.unwrap();
    let revert = reverted(first, domain, enough).await;
    assert!(revert.is::<Rounds::AlreadyMember>(), "{revert}");
    // Other data are free.
    may_join(second, domain, &config, (keccak256("other data"), LEAST)).await.unwrap();
    assert_eq!(holders(&economy, domain).await, [holder]);
}

async fn holders(economy: &Economy, domain: u64) -> Vec<Address> {
    let found = economy.watcher.candidates(domain).await.unwrap();
    found.iter().map(|candidate| candidate.account).collect()
}

#[tokio::test]
async fn a_node_that_does_not_answer_lets_nobody_join() {
    let node = EmbeddedNode::in_memory(genesis()).unwrap();
    let economy = Economy::new(Backend::on(&node).await, 1).await;
    let (domain, config) = domain(&economy).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(node, listener));
    let mut backend = Backend::on(&EmbeddedNode::in_memory(genesis()).unwrap()).await;
    backend.chain = Chain::http(&url).await.unwrap();
    let client = Client::new(backend.rich(), economy.at.clone(), "").unwrap();
    may_join(&client, domain, &config, (keccak256("data"), LEAST)).await.unwrap();
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    let away = may_join(&client, domain, &config, (keccak256("data"), LEAST)).await.unwrap_err();
    let Error::Client(error) = away else { panic!("{away}") };
    assert!(error.trouble().is_transient(), "{error}");
}
