//! What owners, funders and guardians do with domains, beyond opening, funding and closing them.

use alloy::primitives::{Address, B256, U256};
use alloy::rpc::types::TransactionReceipt;
use zktrain_ledger::bindings::escrow::Escrow;
use zktrain_ledger::bindings::registry::DomainRegistry;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::bindings::reputation::Reputation;
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::router::VerifierRouter;

use super::client::Client;
use super::error::ClientError;

impl Client {
    /// Names another coordinator, from the next round on.
    ///
    /// # Errors
    /// If the domain is not the caller's.
    pub async fn set_coordinator(
        &self,
        domain: u64,
        coordinator: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = DomainRegistry::setCoordinatorCall { domain, coordinator };
        self.send_anew(&format!("coordinator/{domain}"), self.at().registry, call).await
    }

    /// Offers a domain to somebody, who becomes its owner by accepting.
    ///
    /// # Errors
    /// If the domain is not the caller's.
    pub async fn offer_domain(
        &self,
        domain: u64,
        to: Address,
    ) -> Result<TransactionReceipt, ClientError> {
        let call = DomainRegistry::offerCall { domain, to };
        self.send_anew(&format!("offer/{domain}"), self.at().registry, call).await
    }

    /// Takes over a domain that was offered to the caller, deposit included.
    ///
    /// # Errors
    /// If it was not.
    pub async fn accept_domain(&self, domain: u64) -> Result<TransactionReceipt, ClientError> {
        let call = DomainRegistry::acceptCall { domain };
        self.send_anew(&format!("accept/{domain}"), self.at().registry, call).await
    }

    /// Takes back what is left of what the account has funded a domain with, once that is closed or
    /// idle; the amount.
    ///
    /// # Errors
    /// If the domain is active, or the account has not funded it.
    pub async fn withdraw_funds(&self, domain: u64) -> Result<U256, ClientError> {
        let call = Escrow::withdrawCall { domain };
        let action = format!("withdraw/domain/{domain}");
        let receipt = self.send_anew(&action, self.at().escrow, call).await?;
        Ok(Self::logged::<Escrow::Withdrawn>(&receipt)?.amount)
    }

    /// An account's shares of a domain's money, and all shares of it.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn funded(&self, domain: u64, account: Address) -> Result<[U256; 2], ClientError> {
        let own = Escrow::sharesOfCall { domain, account };
        let all = Escrow::totalSharesCall { domain };
        let escrow = self.at().escrow;
        Ok([self.view(escrow, own).await?, self.view(escrow, all).await?])
    }

    /// Whether an account was slashed as a coordinator of a domain: it opens no round there again.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn is_barred(&self, domain: u64, account: Address) -> Result<bool, ClientError> {
        self.view(self.at().reputation, Reputation::isBarredCall { domain, account }).await
    }

    /// Whose dataset this is in a domain; none for nobody's.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn holder_of(
        &self,
        domain: u64,
        dataset: B256,
    ) -> Result<Option<Address>, ClientError> {
        let holder = self.view(self.at().rounds, Rounds::holderOfCall { domain, dataset }).await?;
        Ok((!holder.is_zero()).then_some(holder))
    }

    /// The name of the key that a domain's proofs are checked with; none where the deployment's verifier
    /// does not check them: any other may accept everything.
    pub fn key_name(&self, config: &Config) -> Option<B256> {
        (config.verifier == self.at().verifier).then_some(config.key)
    }

    /// Stops a verifier for some time, as its guardian.
    ///
    /// # Errors
    /// If the caller is not the guardian, or has stopped it before.
    pub async fn stop_verifier(&self, id: B256) -> Result<TransactionReceipt, ClientError> {
        self.send_anew(&format!("stop/{id}"), self.at().router, VerifierRouter::stopCall { id })
            .await
    }

    /// When the stop of a verifier that is in force began, in Unix seconds; none without one.
    ///
    /// # Errors
    /// If there is no such verifier.
    pub async fn stopped_at(&self, id: B256) -> Result<Option<u64>, ClientError> {
        let at = self.view(self.at().router, VerifierRouter::stoppedAtCall { id }).await?;
        Ok((at != 0).then_some(at))
    }
}
