//! Transactions that tests send.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Address, B256, TxKind};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolConstructor;
use zktrain_chain::Sender;
use zktrain_ledger::bindings::halo2::Halo2Verifier;
use zktrain_ledger::bindings::training::TrainingVerifier::{self, constructorCall};

use super::CHAIN;

/// The verifier, deployed.
pub async fn verifier(sender: &Sender) -> Address {
    let halo2 = sender.transact("halo2", None, Halo2Verifier::BYTECODE.clone()).await.unwrap();
    let halo2 = halo2.contract_address.unwrap();
    let arguments = constructorCall { halo2 }.abi_encode();
    let code = [&TrainingVerifier::BYTECODE[..], &arguments].concat();
    let training = sender.transact("training", None, code.into()).await.unwrap();
    training.contract_address.unwrap()
}

/// A transaction of the same account and nonce that does not go through the outbox.
pub fn rival(signer: &PrivateKeySigner, nonce: u64, fee: u128) -> (B256, Vec<u8>) {
    let transaction = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: fee,
        to: TxKind::Call(Address::repeat_byte(1)),
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    (*envelope.tx_hash(), envelope.encoded_2718())
}
