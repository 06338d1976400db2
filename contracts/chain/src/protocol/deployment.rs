//! Where the contracts are, and how they get there.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider;
use alloy::sol_types::SolConstructor;
use serde::{Deserialize, Serialize};

use crate::bindings::demands::Demands;
use crate::bindings::escrow::Escrow;
use crate::bindings::halo2::Halo2Verifier;
use crate::bindings::parameters::{IParameters, Parameters};
use crate::bindings::registry::DomainRegistry;
use crate::bindings::reputation::Reputation;
use crate::bindings::rounds::Rounds;
use crate::bindings::router::VerifierRouter;
use crate::bindings::slashing::Slashing;
use crate::bindings::stakes::StakeManager;
use crate::bindings::timelock::Timelock;
use crate::bindings::token::RewardToken;
use crate::bindings::training::TrainingVerifier;
use crate::{ChainError, Sender};

const DAY: u64 = 86_400;
/// `Timelock.LEAST_DELAY`
const LEAST_TIMELOCK_DELAY: u64 = 17 * DAY;

/// What a deployment is made with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Who may propose what governance decides.
    pub proposers: Vec<Address>,
    /// Who may cancel what was proposed; nobody of those who propose.
    pub cancellers: Vec<Address>,
    /// Who may execute it once its time has come; the zero address for anyone.
    pub executors: Vec<Address>,
    /// Seconds between a decision and its execution: longer than a round can take.
    pub timelock_delay: u64,
    /// Who may stop a verifier for some time.
    pub guardian: Address,
    /// Who holds the first supply.
    pub holder: Address,
    /// Reward tokens that there are at first, with 18 decimals.
    pub supply: U256,
    /// Reward tokens that may be minted in each of the first epochs.
    pub emission: U256,
    /// Seconds that stake takes to unbond.
    pub unbonding_delay: u64,
    /// Deposits, fees and bonds.
    pub values: IParameters::Values,
}

impl Setup {
    /// One account proposes, guards and holds everything: for tests and demonstrations, until it hands
    /// over. What it has proposed anyone executes, and nobody cancels.
    pub fn of_one(account: Address) -> Self {
        let tokens = |n: u128| n * 10u128.pow(18);
        Self {
            proposers: vec![account],
            cancellers: Vec::new(),
            executors: vec![Address::ZERO],
            timelock_delay: LEAST_TIMELOCK_DELAY,
            guardian: account,
            holder: account,
            supply: U256::from(tokens(100_000_000)),
            emission: U256::from(tokens(100_000)),
            unbonding_delay: 21 * DAY,
            values: IParameters::Values {
                domainDeposit: tokens(1000),
                domainFee: tokens(100),
                settlementFee: 100,
                burnShare: 5000,
                trainerBond: tokens(10),
                coordinatorBond: tokens(100),
            },
        }
    }
}

/// The contracts of one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block from which on their events are.
    pub block: u64,
    /// Name of the training verifier at the router.
    pub verifier: B256,
    /// `Timelock`
    pub timelock: Address,
    /// `RewardToken`
    pub reward_token: Address,
    /// `Parameters`
    pub parameters: Address,
    /// `Halo2Verifier`
    pub halo2_verifier: Address,
    /// `TrainingVerifier`
    pub training_verifier: Address,
    /// `VerifierRouter`
    pub router: Address,
    /// `StakeManager`
    pub stakes: Address,
    /// `DomainRegistry`
    pub registry: Address,
    /// `Escrow`
    pub escrow: Address,
    /// `Reputation`
    pub reputation: Address,
    /// `Rounds`
    pub rounds: Address,
    /// `Demands`
    pub demands: Address,
    /// `Slashing`
    pub slashing: Address,
}

impl Deployment {
    /// Deploys all contracts. Contracts know each other's addresses before they are there, so the
    /// account must not send anything else meanwhile. Run again after a crash it continues.
    ///
    /// # Errors
    /// If a contract cannot be created, or not where the others expect it.
    pub async fn create(sender: &Sender, setup: &Setup) -> Result<Self, ChainError> {
        let arguments = Timelock::constructorCall {
            delay: U256::from(setup.timelock_delay),
            proposers: setup.proposers.clone(),
            cancellers: setup.cancellers.clone(),
            executors: setup.executors.clone(),
        };
        let first = code(&Timelock::BYTECODE, &arguments);
        let receipt = sender.transact("deploy/Timelock", None, first).await?;
        let provider = sender.chain().provider();
        let sent = provider.get_transaction_by_hash(receipt.transaction_hash).await?;
        let nonce = sent.map(|t| alloy::consensus::Transaction::nonce(&t)).unwrap_or_default();
        let at = |index: u64| sender.address().create(nonce + index);
        let mut planned = Self {
            chain_id: sender.chain().id(),
            block: receipt.block_number.unwrap_or_default(),
            verifier: B256::ZERO,
            timelock: at(0),
            reward_token: at(1),
            parameters: at(2),
            halo2_verifier: at(3),
            training_verifier: at(4),
            router: at(5),
            stakes: at(6),
            registry: at(7),
            escrow: at(8),
            reputation: at(9),
            rounds: at(10),
            demands: at(11),
            slashing: at(12),
        };
        for (name, expected, code) in planned.rest(setup) {
            let receipt = sender.transact(&format!("deploy/{name}"), None, code).await?;
            if receipt.contract_address != Some(expected) {
                return Err(ChainError::NotCreated { name: name.to_owned(), expected });
            }
        }
        let verifier = provider.get_code_at(planned.training_verifier).await?;
        planned.verifier = keccak256(&verifier);
        Ok(planned)
    }

    /// Everything after the first contract: name, address, creation code.
    fn rest(&self, setup: &Setup) -> [(&'static str, Address, Bytes); 12] {
        let owner = self.timelock;
        let token = RewardToken::constructorCall {
            minter: owner,
            holder: setup.holder,
            supply: setup.supply,
            emission: setup.emission,
        };
        let initial = IParameters::Values { ..setup.values.clone() };
        let parameters = Parameters::constructorCall { owner, initial };
        let training = TrainingVerifier::constructorCall { halo2: self.halo2_verifier };
        let router = VerifierRouter::constructorCall {
            owner,
            firstGuardian: setup.guardian,
            first: vec![self.training_verifier],
        };
        let stakes = StakeManager::constructorCall {
            token: self.reward_token,
            rounds: self.rounds,
            unbondingDelay: setup.unbonding_delay,
        };
        let registry = DomainRegistry::constructorCall {
            rewardToken: self.reward_token,
            parameters: self.parameters,
            router: self.router,
            escrow: self.escrow,
            rounds: self.rounds,
        };
        let escrow = Escrow::constructorCall {
            rewardToken: self.reward_token,
            registry: self.registry,
            rounds: self.rounds,
        };
        let reputation = Reputation::constructorCall { rounds: self.rounds };
        let contracts = Rounds::Contracts {
            stakes: self.stakes,
            registry: self.registry,
            escrow: self.escrow,
            reputation: self.reputation,
            router: self.router,
            parameters: self.parameters,
            rewardToken: self.reward_token,
            demands: self.demands,
            slashing: self.slashing,
        };
        let rounds = Rounds::constructorCall { contracts };
        let demands = Demands::constructorCall {
            rounds: self.rounds,
            registry: self.registry,
            router: self.router,
        };
        let slashing = Slashing::constructorCall {
            rounds: self.rounds,
            demands: self.demands,
            registry: self.registry,
            router: self.router,
        };
        [
            ("RewardToken", self.reward_token, code(&RewardToken::BYTECODE, &token)),
            ("Parameters", self.parameters, code(&Parameters::BYTECODE, &parameters)),
            ("Halo2Verifier", self.halo2_verifier, Halo2Verifier::BYTECODE.clone()),
            (
                "TrainingVerifier",
                self.training_verifier,
                code(&TrainingVerifier::BYTECODE, &training),
            ),
            ("VerifierRouter", self.router, code(&VerifierRouter::BYTECODE, &router)),
            ("StakeManager", self.stakes, code(&StakeManager::BYTECODE, &stakes)),
            ("DomainRegistry", self.registry, code(&DomainRegistry::BYTECODE, &registry)),
            ("Escrow", self.escrow, code(&Escrow::BYTECODE, &escrow)),
            ("Reputation", self.reputation, code(&Reputation::BYTECODE, &reputation)),
            ("Rounds", self.rounds, code(&Rounds::BYTECODE, &rounds)),
            ("Demands", self.demands, code(&Demands::BYTECODE, &demands)),
            ("Slashing", self.slashing, code(&Slashing::BYTECODE, &slashing)),
        ]
    }
}

fn code(bytecode: &Bytes, arguments: &impl SolConstructor) -> Bytes {
    [&bytecode[..], &arguments.abi_encode()].concat().into()
}
