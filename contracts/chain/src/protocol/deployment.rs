//! Where the contracts are, and how they get there.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider;
use alloy::sol_types::SolConstructor;
use zktrain_ledger::Deployment;
use zktrain_ledger::bindings::demands::Demands;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::halo2::Halo2Verifier;
use zktrain_ledger::bindings::parameters::{IParameters, Parameters};
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::bindings::slashing::Slashing;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::bindings::timelock::Timelock;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::bindings::training::TrainingVerifier;

use crate::{ChainError, Sender};

const DAY: u64 = 86_400;
/// `Timelock.LEAST_DELAY`
const LEAST_TIMELOCK_DELAY: u64 = 17 * DAY;

/// What a deployment is made with.
#[derive(Clone, Debug)]
pub struct DeploymentSetup {
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

impl DeploymentSetup {
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

impl DeploymentSetup {
    /// Deploys all contracts. Contracts know each other's addresses before they are there, so the
    /// account must not send anything else meanwhile. Run again after a crash it continues.
    ///
    /// # Errors
    /// If a contract cannot be created, or not where the others expect it.
    pub async fn deploy(&self, sender: &Sender) -> Result<Deployment, ChainError> {
        let arguments = Timelock::constructorCall {
            delay: U256::from(self.timelock_delay),
            proposers: self.proposers.clone(),
            cancellers: self.cancellers.clone(),
            executors: self.executors.clone(),
        };
        let first = code(&Timelock::BYTECODE, &arguments);
        let receipt = sender.transact("deploy/Timelock", None, first).await?;
        let provider = sender.chain().provider();
        let sent = provider.get_transaction_by_hash(receipt.transaction_hash).await?;
        let nonce = sent.map(|t| alloy::consensus::Transaction::nonce(&t)).unwrap_or_default();
        let at = |index: u64| sender.address().create(nonce + index);
        let mut planned = Deployment {
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
        for (name, expected, code) in self.rest(&planned) {
            let receipt = sender.transact(&format!("deploy/{name}"), None, code).await?;
            if receipt.contract_address != Some(expected) {
                return Err(ChainError::NotCreated { name: name.to_owned(), expected });
            }
        }
        let verifier = provider.get_code_at(planned.training_verifier).await?;
        planned.verifier = keccak256(&verifier);
        Ok(planned)
    }

    /// Everything after the first contract, in the order of the addresses that were planned.
    fn rest(&self, at: &Deployment) -> Vec<Creation> {
        let mut all = self.token_and_parameters(at).to_vec();
        all.extend(self.verifiers(at));
        all.extend(self.stakes_and_domains(at));
        all.extend(rounds_and_what_serves_them(at));
        all
    }

    fn token_and_parameters(&self, at: &Deployment) -> [Creation; 2] {
        let owner = at.timelock;
        let token = RewardToken::constructorCall {
            minter: owner,
            holder: self.holder,
            supply: self.supply,
            emission: self.emission,
        };
        let initial = IParameters::Values { ..self.values.clone() };
        let parameters = Parameters::constructorCall { owner, initial };
        [
            ("RewardToken", at.reward_token, code(&RewardToken::BYTECODE, &token)),
            ("Parameters", at.parameters, code(&Parameters::BYTECODE, &parameters)),
        ]
    }

    fn verifiers(&self, at: &Deployment) -> [Creation; 3] {
        let training = TrainingVerifier::constructorCall { halo2: at.halo2_verifier };
        let training = code(&TrainingVerifier::BYTECODE, &training);
        let router = VerifierRouter::constructorCall {
            owner: at.timelock,
            firstGuardian: self.guardian,
            first: vec![at.training_verifier],
        };
        [
            ("Halo2Verifier", at.halo2_verifier, Halo2Verifier::BYTECODE.clone()),
            ("TrainingVerifier", at.training_verifier, training),
            ("VerifierRouter", at.router, code(&VerifierRouter::BYTECODE, &router)),
        ]
    }

    fn stakes_and_domains(&self, at: &Deployment) -> [Creation; 3] {
        let stakes = StakeManager::constructorCall {
            token: at.reward_token,
            rounds: at.rounds,
            unbondingDelay: self.unbonding_delay,
        };
        let registry = DomainRegistry::constructorCall {
            rewardToken: at.reward_token,
            parameters: at.parameters,
            router: at.router,
            escrow: at.escrow,
            rounds: at.rounds,
        };
        let escrow = Escrow::constructorCall {
            rewardToken: at.reward_token,
            registry: at.registry,
            rounds: at.rounds,
        };
        [
            ("StakeManager", at.stakes, code(&StakeManager::BYTECODE, &stakes)),
            ("DomainRegistry", at.registry, code(&DomainRegistry::BYTECODE, &registry)),
            ("Escrow", at.escrow, code(&Escrow::BYTECODE, &escrow)),
        ]
    }
}

fn rounds_and_what_serves_them(at: &Deployment) -> [Creation; 4] {
    let reputation = Reputation::constructorCall { rounds: at.rounds };
    let contracts = Rounds::Contracts {
        stakes: at.stakes,
        registry: at.registry,
        escrow: at.escrow,
        reputation: at.reputation,
        router: at.router,
        parameters: at.parameters,
        rewardToken: at.reward_token,
        demands: at.demands,
        slashing: at.slashing,
    };
    let rounds = Rounds::constructorCall { contracts };
    let demands =
        Demands::constructorCall { rounds: at.rounds, registry: at.registry, router: at.router };
    let slashing = Slashing::constructorCall {
        rounds: at.rounds,
        demands: at.demands,
        registry: at.registry,
        router: at.router,
    };
    [
        ("Reputation", at.reputation, code(&Reputation::BYTECODE, &reputation)),
        ("Rounds", at.rounds, code(&Rounds::BYTECODE, &rounds)),
        ("Demands", at.demands, code(&Demands::BYTECODE, &demands)),
        ("Slashing", at.slashing, code(&Slashing::BYTECODE, &slashing)),
    ]
}

/// A contract's name, the address that it gets, its creation code.
type Creation = (&'static str, Address, Bytes);

fn code(bytecode: &Bytes, arguments: &impl SolConstructor) -> Bytes {
    [&bytecode[..], &arguments.abi_encode()].concat().into()
}
