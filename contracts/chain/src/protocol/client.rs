//! What one account does with the contracts.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::rpc::types::{Log, TransactionReceipt};
use alloy::sol_types::{SolCall, SolEvent, SolValue};
use zktrain_ledger::Deployment;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::{DomainRegistry, IDomainRegistry};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::bindings::training::TrainingVerifier;

use super::error::ClientError;
use super::index::{Index, Search};
use crate::Sender;

/// An account and the contracts.
#[derive(Clone, Debug)]
pub struct Client {
    sender: Sender,
    at: Deployment,
    prefix: String,
    index: Index,
}

impl Client {
    /// An account at a deployment. Under one prefix what can happen once, as settling a round, is one
    /// transaction for ever: repeated after a crash, it is found again in the outbox. What is wanted
    /// time and again, as claiming, is a new one as soon as the last one has come to an end.
    ///
    /// # Errors
    /// If the deployment is on another chain.
    pub fn new(sender: Sender, at: Deployment, prefix: &str) -> Result<Self, ClientError> {
        let (expected, got) = (at.chain_id, sender.chain().id());
        if expected != got {
            return Err(ClientError::OtherChain { expected, got });
        }
        Ok(Self { sender, at, prefix: prefix.to_owned(), index: Index::default() })
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// What sends.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The contracts.
    pub fn at(&self) -> &Deployment {
        &self.at
    }

    /// Events and members that were read before.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) async fn send<C: SolCall>(
        &self,
        action: &str,
        to: Address,
        call: C,
    ) -> Result<TransactionReceipt, ClientError> {
        Ok(self.sender.send(&format!("{}{action}", self.prefix), to, call).await?)
    }

    /// Whether this was sent before, by this process or an earlier one with the same prefix.
    pub(super) fn has_sent(&self, action: &str) -> Result<bool, ClientError> {
        Ok(self.sender.has_sent(&format!("{}{action}", self.prefix))?)
    }

    /// As [`Self::send`], for what is wanted time and again.
    pub(super) async fn send_anew<C: SolCall>(
        &self,
        action: &str,
        to: Address,
        call: C,
    ) -> Result<TransactionReceipt, ClientError> {
        Ok(self.sender.send_anew(&format!("{}{action}", self.prefix), to, call).await?)
    }

    /// As [`Self::send_anew`], with wei.
    pub(super) async fn send_with<C: SolCall>(
        &self,
        action: &str,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<TransactionReceipt, ClientError> {
        Ok(self.sender.send_with(&format!("{}{action}", self.prefix), to, call, value).await?)
    }

    /// Calls a view.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn view<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, ClientError> {
        Ok(self.sender.chain().view(to, call).await?)
    }

    /// All events of a kind with these indexed values, oldest first.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn events<E: SolEvent>(
        &self,
        contract: Address,
        topic: Option<B256>,
    ) -> Result<Vec<E>, ClientError> {
        self.events_since(contract, topic, self.at.block).await
    }

    /// As [`Self::events`], where they cannot be before this block.
    pub(super) async fn events_since<E: SolEvent>(
        &self,
        contract: Address,
        topic: Option<B256>,
        block: u64,
    ) -> Result<Vec<E>, ClientError> {
        let from = block.max(self.at.block);
        let search = Search { contract, event: E::SIGNATURE_HASH, topic, from };
        Ok(decode(&self.index.logs(self.sender.chain(), search).await?))
    }

    pub(super) fn logged<E: SolEvent>(receipt: &TransactionReceipt) -> Result<E, ClientError> {
        let found = receipt.logs().iter().find_map(|log| E::decode_log(&log.inner).ok());
        let missing = || ClientError::NoEvent { what: format!("event {}", E::SIGNATURE) };
        Ok(found.ok_or_else(missing)?.data)
    }

    pub(super) fn all_logged<E: SolEvent>(receipt: &TransactionReceipt) -> Vec<E> {
        let found = receipt.logs().iter().filter_map(|log| E::decode_log(&log.inner).ok());
        found.map(|event| event.data).collect()
    }

    /// Lets a contract take tokens, if it may not yet.
    pub(super) async fn allow(
        &self,
        action: &str,
        token: Address,
        spender: Address,
        amount: U256,
    ) -> Result<(), ClientError> {
        let owner = self.address();
        let allowed = self.view(token, RewardToken::allowanceCall { owner, spender }).await?;
        if allowed < amount {
            let call = RewardToken::approveCall { spender, value: amount };
            self.send_anew(&format!("{action}/approve"), token, call).await?;
        }
        Ok(())
    }

    /// Tokens that an account has.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn balance(&self, token: Address, account: Address) -> Result<U256, ClientError> {
        self.view(token, RewardToken::balanceOfCall { account }).await
    }

    /// Gives tokens away.
    ///
    /// # Errors
    /// If the account has less.
    pub async fn transfer(
        &self,
        to: Address,
        value: U256,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = RewardToken::transferCall { to, value };
        self.send_anew(&format!("transfer/{to}/{value}"), self.at.reward_token, call).await
    }

    /// Starts to unbond what is staked with an account, all of it without an amount.
    ///
    /// # Errors
    /// If less is staked.
    pub async fn unstake(
        &self,
        account: Address,
        amount: Option<U256>,
    ) -> Result<StakeManager::Unbonding, ClientError> {
        let staker = self.address();
        let held = self
            .view(self.at.stakes, StakeManager::sharesOfCall { operator: account, staker })
            .await?;
        let worth = self
            .view(self.at.stakes, StakeManager::stakeOfCall { operator: account, staker })
            .await?;
        let shares = match amount {
            None => held,
            Some(asked) if asked > worth => {
                return Err(ClientError::Stake { asked, got: worth });
            }
            // Up: what is left never is more than was asked to be left.
            Some(asked) => (asked * held).div_ceil(worth.max(U256::ONE)).min(held),
        };
        let call = StakeManager::unbondCall { operator: account, shares };
        let receipt =
            self.send_anew(&format!("unstake/{account}/{shares}"), self.at.stakes, call).await?;
        Self::logged(&receipt)
    }

    /// Takes out what has unbonded.
    ///
    /// # Errors
    /// If the ticket is not due, or somebody else's.
    pub async fn withdraw(&self, ticket: U256) -> Result<StakeManager::Withdrawn, ClientError> {
        let call = StakeManager::withdrawCall { ticket };
        Self::logged(&self.send(&format!("withdraw/{ticket}"), self.at.stakes, call).await?)
    }

    /// Registers a training key, if nobody has yet.
    ///
    /// # Errors
    /// If the contract refuses the key.
    pub async fn register_key(&self, key: &[u8]) -> Result<B256, ClientError> {
        let name = keccak256(key);
        let verifier = self.at.training_verifier;
        let store = self.view(verifier, TrainingVerifier::keyStoreCall { key: name }).await?;
        if store == Address::ZERO {
            let call = TrainingVerifier::registerCall { encoded: key.to_vec().into() };
            self.send(&format!("key/{name}"), verifier, call).await?;
        }
        Ok(name)
    }

    /// Opens a domain; its number.
    ///
    /// # Errors
    /// If the configuration is refused or the deposit is not there.
    pub async fn open_domain(&self, config: IDomainRegistry::Config) -> Result<u64, ClientError> {
        let action = format!("domain/{}", keccak256(config.abi_encode()));
        let values = zktrain_ledger::bindings::parameters::Parameters::getCall {};
        let deposit = U256::from(self.view(self.at.parameters, values).await?.domainDeposit);
        self.allow(&action, self.at.reward_token, self.at.registry, deposit).await?;
        let receipt =
            self.send_anew(&action, self.at.registry, DomainRegistry::openCall { config }).await?;
        Ok(Self::logged::<DomainRegistry::DomainOpened>(&receipt)?.domain)
    }

    /// A domain.
    ///
    /// # Errors
    /// If there is none with this number.
    pub async fn domain(&self, domain: u64) -> Result<IDomainRegistry::Domain, ClientError> {
        self.view(self.at.registry, DomainRegistry::getCall { domain }).await
    }

    /// The hash of a domain's current model.
    ///
    /// # Errors
    /// If there is no domain with this number.
    pub async fn head(&self, domain: u64) -> Result<B256, ClientError> {
        Ok(self.view(self.at.registry, DomainRegistry::headCall { domain }).await?.model)
    }

    /// Closes a domain.
    ///
    /// # Errors
    /// If it is not the caller's, or a round is under way.
    pub async fn close_domain(&self, domain: u64) -> Result<TransactionReceipt, ClientError> {
        let call = DomainRegistry::closeCall { domain };
        self.send(&format!("close/{domain}"), self.at.registry, call).await
    }

    /// Funds a domain in its token.
    ///
    /// # Errors
    /// If the account has less.
    pub async fn fund(&self, domain: u64, amount: U256) -> Result<TransactionReceipt, ClientError> {
        let token = self.view(self.at.registry, DomainRegistry::tokenOfCall { domain }).await?;
        let action = format!("fund/{domain}/{amount}");
        self.allow(&action, token, self.at.escrow, amount).await?;
        self.send_anew(&action, self.at.escrow, Escrow::fundCall { domain, amount }).await
    }

    /// Takes what is owed in a token; the amount.
    ///
    /// # Errors
    /// If nothing is.
    pub async fn claim(&self, token: Address) -> Result<U256, ClientError> {
        let receipt = self
            .send_anew(&format!("claim/{token}"), self.at.escrow, Escrow::claimCall { token })
            .await?;
        Ok(Self::logged::<Escrow::Claimed>(&receipt)?.amount)
    }

    /// Joins a domain with a dataset.
    ///
    /// # Errors
    /// If the stake does not cover the bond, or the account is a member.
    pub async fn join(
        &self,
        domain: u64,
        dataset: B256,
        windows: u64,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = Rounds::joinCall { domain, dataset, windows };
        self.send_anew(&format!("join/{domain}/{dataset}"), self.at.rounds, call).await
    }

    /// Leaves a domain: no new rounds from now on.
    ///
    /// # Errors
    /// If the account is no member.
    pub async fn resign(&self, domain: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Rounds::resignCall { domain };
        self.send_anew(&format!("resign/{domain}"), self.at.rounds, call).await
    }

    /// Ends a membership from which the account has resigned.
    ///
    /// # Errors
    /// If a round could still be under way.
    pub async fn exit(&self, domain: u64) -> Result<TransactionReceipt, ClientError> {
        let call = Rounds::exitCall { domain };
        self.send_anew(&format!("exit/{domain}"), self.at.rounds, call).await
    }
}

/// Those of these events that are of one kind.
pub(super) fn decode<E: SolEvent>(logs: &[Log]) -> Vec<E> {
    logs.iter().filter_map(|log| E::decode_log(&log.inner).ok()).map(|event| event.data).collect()
}
