//! The contracts themselves.

use alloy::network::TransactionBuilder;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use zktrain_chain::protocol::{Client, ClientError, Status};
use zktrain_ledger::bindings::rounds::Rounds;
use zktrain_ledger::bindings::router::VerifierRouter;
use zktrain_ledger::files::SubmissionFile;

use super::{Cost, OwnerContracts, Standing};
use crate::Error;
use crate::{OwnerError, terms};

/// Gas of a delivery besides verifying its proof.
const BESIDES: u64 = 500_000;
/// Gas that a byte of a transaction costs at most.
const BYTE: u64 = 40;

impl OwnerContracts for Client {
    async fn current(&self, domain: u64) -> Result<Option<u64>, Error> {
        Ok(self.current(domain).await?)
    }

    async fn standing(&self, round: u64) -> Result<Standing, Error> {
        let (known, account) = (self.round(round).await?, self.address());
        let found = self.members(round).await?.find(account);
        let weight = found.map_or(0, |(member, _)| member.weight);
        let config = self.domain(known.domain).await?.config;
        Ok(Standing {
            status: Status::of(known.status),
            optimistic: known.optimistic,
            since: known.since,
            deadline: known.deadline,
            challenge_end: known.challengeEnd,
            time: self.sender().chain().time().await.map_err(ClientError::from)?,
            delivered: !self.delivered(round, account).await?.is_zero(),
            pay: terms::pay(&known, config.coordinatorShare, weight),
        })
    }

    async fn hand_in(&self, file: &SubmissionFile) -> Result<Cost, Error> {
        let (round, account) = (file.signed.submission.round, self.address());
        // Nothing is asked about what is under way or done already: the contract would refuse it.
        if self.delivered(round, account).await?.is_zero() {
            bounded(self, round, file).await?;
        }
        let receipt = self.submit(round, account, &file.statement, &file.proof).await?;
        let wei = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        Ok(Cost { gas: receipt.gas_used, wei })
    }

    async fn listed(&self, round: u64) -> Result<B256, Error> {
        let (proposed, account) = (self.proposed(round).await?, self.address());
        let found = self.members(round).await?.delivery(&proposed.deliveries, account);
        let none = || ClientError::NotMember { account, round };
        Ok(found.ok_or_else(none)?.0.submission)
    }

    async fn settle(&self, round: u64) -> Result<(), Error> {
        self.settle(round).await?;
        Ok(())
    }

    async fn claim(&self, domain: u64) {
        crate::claim(self, domain).await;
    }
}

/// Requires that handing a proof in costs no more gas than its key is bounded by.
async fn bounded(client: &Client, round: u64, file: &SubmissionFile) -> Result<(), Error> {
    let account = client.address();
    let config = client.domain(client.round(round).await?.domain).await?.config;
    let (id, key) = (config.verifier, config.key);
    let bound = client.view(client.at().router, VerifierRouter::gasBoundCall { id, key }).await?;
    let found = client.members(round).await?.find(account);
    let (member, path) = found.ok_or(ClientError::NotMember { account, round })?;
    let (statement, proof) = (file.statement.clone(), file.proof.clone());
    let data = Rounds::submitCall { round, member, path, statement, proof }.abi_encode();
    let most = u64::try_from(bound).unwrap_or(u64::MAX);
    let most = most.saturating_add(BESIDES).saturating_add(BYTE * data.len() as u64);
    let request = TransactionRequest::default().with_from(account).with_to(client.at().rounds);
    let estimate = client.sender().chain().provider().estimate_gas(request.with_input(data));
    match estimate.await {
        Ok(got) if got > most => Err(OwnerError::Dear { round, most, got }.into()),
        // A node that does not tell does not take the transaction either, and then says why.
        _ => Ok(()),
    }
}
