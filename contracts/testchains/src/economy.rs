//! Everybody who has to do with domains, on one chain.

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use zktrain_chain::protocol::{Client, DeploymentSetup};
use zktrain_ledger::Deployment;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::stakes::StakeManager;

use super::Backend;

/// Seconds of it; the challenge window of the domains here.
pub const HOUR: u64 = 3600;
/// Tokens that a coordinator vouches with for a round.
pub const COORDINATOR_BOND: u128 = 100;
/// Tokens that a member vouches with for a round.
pub const TRAINER_BOND: u128 = 10;
/// Tokens that rounds can pay.
pub const BUDGET: u128 = 24;

/// So many reward tokens, in their smallest unit.
pub fn tokens(amount: u128) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

/// A key that the contracts take.
pub fn plain_key() -> Vec<u8> {
    let text = include_str!("../../test/fixtures/plain_halo2.json");
    let fixture: serde_json::Value = serde_json::from_str(text).unwrap();
    alloy::hex::decode(fixture["key"].as_str().unwrap()).unwrap()
}

/// The contracts, and accounts with money.
pub struct Economy {
    /// The chain.
    pub backend: Backend,
    /// Where the contracts are.
    pub at: Deployment,
    /// In the order of their addresses.
    pub owners: Vec<Client>,
    /// Has staked.
    pub coordinator: Client,
    /// Has no part in anything.
    pub watcher: Client,
}

impl Economy {
    /// Deploys the contracts on a chain, for so many owners.
    pub async fn new(backend: Backend, owners: usize) -> Self {
        let rich = backend.rich();
        let at = DeploymentSetup::of_one(rich.address()).deploy(&rich).await.unwrap();
        let bank = Client::new(rich.clone(), at.clone(), "bank/").unwrap();
        let mut clients = Vec::new();
        for _ in 0..owners + 2 {
            let signer = PrivateKeySigner::random();
            let account = signer.address();
            let wei = U256::from(10).pow(U256::from(19));
            rich.pay(&format!("wei/{account}"), account, wei).await.unwrap();
            bank.transfer(account, tokens(100_000)).await.unwrap();
            clients.push(Client::new(backend.sender(signer), at.clone(), "").unwrap());
        }
        let (watcher, coordinator) = (clients.pop().unwrap(), clients.pop().unwrap());
        clients.sort_by_key(Client::address);
        coordinator.stake(tokens(1_000)).await.unwrap();
        Self { backend, at, owners: clients, coordinator, watcher }
    }

    /// An optimistic domain of the coordinator's, funded. No two have one name.
    pub async fn domain(&self, name: B256, key: &[u8], genesis: B256) -> u64 {
        self.domain_with(name, key, genesis, |_| {}).await
    }

    /// As [`Self::domain`], otherwise configured.
    pub async fn domain_with(
        &self,
        name: B256,
        key: &[u8],
        genesis: B256,
        change: impl FnOnce(&mut Config),
    ) -> u64 {
        let mut config = Config {
            manifest: name,
            verifier: self.at.verifier,
            key: self.coordinator.register_key(key).await.unwrap(),
            genesis,
            coordinator: self.coordinator.address(),
            token: self.at.reward_token,
            optimistic: true,
            challengeWindow: HOUR,
            trainerBond: tokens(TRAINER_BOND).to(),
            coordinatorBond: tokens(COORDINATOR_BOND).to(),
            coordinatorShare: 1000,
            minMembers: 1,
            maxBudget: tokens(COORDINATOR_BOND / 4).to(),
            minBudget: 1,
            minDuration: 600,
            minWindows: 1,
            threshold: 6666,
            audits: 0,
            uri: String::new(),
        };
        change(&mut config);
        let domain = self.coordinator.open_domain(config).await.unwrap();
        self.coordinator.fund(domain, tokens(1_000)).await.unwrap();
        domain
    }

    /// A round of these owners, whose windows are still to be drawn.
    pub async fn open(&self, domain: u64, owners: &[usize]) -> u64 {
        let accounts = owners.iter().map(|owner| self.owners[*owner].address()).collect();
        let budget = tokens(BUDGET).to();
        self.coordinator.open_round(domain, HOUR, budget, accounts).await.unwrap()
    }

    /// Time goes by.
    pub async fn pass(&self, seconds: u64) {
        self.watcher.pass(seconds).await.unwrap();
    }

    /// What stands behind an account, its own stake and others'.
    pub async fn stake(&self, account: Address) -> U256 {
        let pool = StakeManager::poolCall { operator: account };
        let pool = self.watcher.view(self.at.stakes, pool).await.unwrap();
        U256::from(pool.own) + U256::from(pool.delegated)
    }

    /// Reward tokens of an account.
    pub async fn balance(&self, account: Address) -> U256 {
        self.watcher.balance(self.at.reward_token, account).await.unwrap()
    }
}
