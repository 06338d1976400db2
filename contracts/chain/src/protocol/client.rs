//! What one account does with the contracts.

use alloy::primitives::utils::format_units;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::rpc::types::{Log, TransactionReceipt};
use alloy::sol_types::{SolCall, SolEvent, SolValue};
use zktrain_ledger::Deployment;
use zktrain_ledger::Members;
use zktrain_ledger::beacon::DRAW_DELAY;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::{DomainRegistry, IDomainRegistry};
use zktrain_ledger::bindings::rounds::{IRounds, Rounds};
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::bindings::stakes::StakeManager;
use zktrain_ledger::bindings::token::RewardToken;
use zktrain_ledger::bindings::training::TrainingVerifier;

use super::header::RawHeader;
use super::index::{Index, Search, read};
use crate::{ChainError, FailureKind, Finality, Sender};

/// Why an action cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The chain or a contract refuses.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An event that must be there is not.
    #[error("the chain has no {what}")]
    NoEvent {
        /// What was looked for.
        what: String,
    },
    /// The account is not in the round.
    #[error("{account} is not a member of round {round}")]
    NotMember { account: Address, round: u64 },
    /// The account has staked less.
    #[error("{} are staked, not {}", tokens(got), tokens(asked))]
    Stake {
        /// What was asked for.
        asked: U256,
        /// What is there.
        got: U256,
    },
    /// No reorganization is to be feared of what a signature rests on; of this one is.
    #[error("the draw of round {round} is not final yet: `finality` is {finality}")]
    NotFinal {
        round: u64,
        /// Which blocks count.
        finality: Finality,
    },
    /// The chain has taken back what was read of a round before.
    #[error(
        "the chain was reorganized: round {round} has another draw, or other members, than before"
    )]
    Redrawn { round: u64 },
    /// A block's header has parts that this program does not know.
    #[error(
        "the header of block {number} is not one that hashes to {hash}: the chain's blocks have \
         something that this program does not know; use a newer one"
    )]
    Header {
        /// The block.
        number: u64,
        /// Its hash, as the node says.
        hash: B256,
    },
    /// The deployment is on another chain.
    #[error("the contracts are on chain {expected}; the node's is {got}")]
    OtherChain {
        /// The deployment's chain id.
        expected: u64,
        /// The node's.
        got: u64,
    },
    /// What the chain said has no encoding, and so no checksum.
    #[error("the chain's export cannot be written: {0}")]
    Export(#[from] serde_json::Error),
}

impl ClientError {
    /// What kind of trouble it is.
    pub fn trouble(&self) -> FailureKind {
        match self {
            Self::Chain(error) => error.trouble(),
            // Of nodes behind one address some may be behind.
            Self::NoEvent { .. } => FailureKind::Away,
            Self::NotFinal { .. } => FailureKind::Pending,
            Self::Stake { .. } => FailureKind::Refused,
            Self::NotMember { .. }
            | Self::Redrawn { .. }
            | Self::Header { .. }
            | Self::OtherChain { .. }
            | Self::Export(_) => FailureKind::Here,
        }
    }
}

/// An amount of reward tokens.
fn tokens(amount: &U256) -> String {
    let text = format_units(*amount, 18).unwrap_or_else(|_| amount.to_string());
    format!("{} ZKT", text.trim_end_matches('0').trim_end_matches('.'))
}

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

    /// Starts to unbond stake, all of it without an amount.
    ///
    /// # Errors
    /// If the account has staked less.
    pub async fn unstake(
        &self,
        operator: Address,
        amount: Option<U256>,
    ) -> Result<StakeManager::Unbonding, ClientError> {
        let staker = self.address();
        let held =
            self.view(self.at.stakes, StakeManager::sharesOfCall { operator, staker }).await?;
        let worth =
            self.view(self.at.stakes, StakeManager::stakeOfCall { operator, staker }).await?;
        let shares = match amount {
            None => held,
            Some(asked) if asked > worth => {
                return Err(ClientError::Stake { asked, got: worth });
            }
            // Up: what is left never is more than was asked to be left.
            Some(asked) => (asked * held).div_ceil(worth.max(U256::ONE)).min(held),
        };
        let call = StakeManager::unbondCall { operator, shares };
        let receipt =
            self.send_anew(&format!("unstake/{operator}/{shares}"), self.at.stakes, call).await?;
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

    /// Opens a round; its number.
    ///
    /// # Errors
    /// If the contract refuses a member or the budget is not there.
    pub async fn open_round(
        &self,
        domain: u64,
        duration: u64,
        budget: u128,
        mut accounts: Vec<Address>,
    ) -> Result<u64, ClientError> {
        accounts.sort_unstable();
        accounts.dedup();
        let call = Rounds::openCall { domain, duration, budget, accounts };
        // A domain has one round at a time: of two openings the contract refuses one.
        let receipt = self.send_anew(&format!("open/{domain}"), self.at.rounds, call).await?;
        Ok(Self::logged::<Rounds::RoundOpened>(&receipt)?.round)
    }

    /// Draws a round's nonce; waits for the block that draws it, and makes it on a test chain.
    ///
    /// # Errors
    /// If it was drawn, or too late.
    pub async fn draw(&self, round: u64) -> Result<B256, ClientError> {
        let known = self.round(round).await?;
        if !known.nonce.is_zero() {
            return Ok(known.nonce);
        }
        let target = known.openedAt + DRAW_DELAY;
        // The block's hash is known from the next one on.
        self.until_block(target + 1).await?;
        let header = RawHeader::of(self.sender.chain(), target).await?.encoded;
        let call = Rounds::drawCall { round, header };
        // With the block: after a reorganization it is another attempt.
        let action = format!("draw/{round}/{}", keccak256(&call.header));
        let sent = self.send(&action, self.at.rounds, call).await;
        // Anyone may draw: if somebody was faster, it is drawn all the same.
        match self.round(round).await?.nonce {
            nonce if nonce.is_zero() => sent.map(|_| nonce),
            nonce => Ok(nonce),
        }
    }

    /// A round.
    ///
    /// # Errors
    /// If there is none with this number.
    pub async fn round(&self, round: u64) -> Result<IRounds::Round, ClientError> {
        self.view(self.at.rounds, Rounds::getCall { round }).await
    }

    /// A round's members.
    ///
    /// # Errors
    /// If the chain has no such round.
    pub async fn members(&self, round: u64) -> Result<Members, ClientError> {
        let known = self.round(round).await?;
        if let Some(members) = self.index.members(round, known.members) {
            return Ok(members);
        }
        let (contract, event) = (self.at.rounds, Rounds::RoundOpened::SIGNATURE_HASH);
        let (topic, from) = (Some(B256::from(U256::from(round))), known.openedAt);
        let search = Search { contract, event, topic, from };
        let chain = self.sender.chain();
        let mut opened = decode(&read(chain, &search, from, from).await?);
        if opened.is_empty() {
            // Rollups number blocks otherwise in contracts than for their nodes' users.
            opened = self.events::<Rounds::RoundOpened>(contract, topic).await?;
        }
        let what = || ClientError::NoEvent { what: format!("round {round}") };
        let opened: Rounds::RoundOpened = opened.into_iter().next().ok_or_else(what)?;
        let members = Members(opened.members);
        self.index.keep_members(round, &members);
        Ok(members)
    }

    /// What was proposed in a round.
    ///
    /// # Errors
    /// If nothing was.
    pub async fn proposed(&self, round: u64) -> Result<Rounds::Proposed, ClientError> {
        let topic = Some(B256::from(U256::from(round)));
        let opened = self.round(round).await?.openedAt;
        let proposed = self.events_since::<Rounds::Proposed>(self.at.rounds, topic, opened).await?;
        let what = || ClientError::NoEvent { what: format!("proposal in round {round}") };
        proposed.into_iter().next().ok_or_else(what)
    }

    pub(super) fn found<T>(
        found: Option<T>,
        account: Address,
        round: u64,
    ) -> Result<T, ClientError> {
        found.ok_or(ClientError::NotMember { account, round })
    }

    /// A member of a round, with its path.
    pub(super) async fn member(
        &self,
        round: u64,
        account: Address,
    ) -> Result<(IRounds::Member, Vec<B256>), ClientError> {
        Self::found(self.members(round).await?.find(account), account, round)
    }

    /// Has the contracts judge a proof as they would in a challenge, without a transaction: that it
    /// holds, and that it is what the round asks of this member.
    ///
    /// # Errors
    /// What the contracts say against it.
    pub async fn judge(
        &self,
        round: u64,
        account: Address,
        statement: &[u8],
        proof: &[u8],
    ) -> Result<(), ClientError> {
        let (member, _) = self.member(round, account).await?;
        let config = self.domain(self.round(round).await?.domain).await?.config;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let (id, key) = (config.verifier, config.key);
        let call = VerifierRouter::verifyCall { id, key, statement, proof };
        let claim = self.view(self.at.router, call).await?;
        let claim = Rounds::TrainingClaim::abi_decode(&claim.abi_encode());
        let claim = claim.map_err(ChainError::Return)?;
        self.view(self.at.rounds, Rounds::requireExpectedCall { round, member, claim }).await?;
        Ok(())
    }

    /// Hands in a proof to the contract, for the member that it is by. In an optimistic domain that is
    /// for members whom the coordinator leaves out: it has to propose what was handed in here.
    ///
    /// # Errors
    /// If the contract refuses it, or the deadline has passed.
    pub async fn submit(
        &self,
        round: u64,
        account: Address,
        statement: &[u8],
        proof: &[u8],
    ) -> Result<TransactionReceipt, ClientError> {
        let (member, path) = self.member(round, account).await?;
        let [statement, proof] = [statement, proof].map(Bytes::copy_from_slice);
        let call = Rounds::submitCall { round, member, path, statement, proof };
        self.send(&format!("submit/{round}/{account}"), self.at.rounds, call).await
    }
}

/// Those of these events that are of one kind.
fn decode<E: SolEvent>(logs: &[Log]) -> Vec<E> {
    logs.iter().filter_map(|log| E::decode_log(&log.inner).ok()).map(|event| event.data).collect()
}
