//! An EVM in memory with the contracts deployed.

use core::convert::Infallible;
use core::fmt;

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::{SolCall, SolConstructor, SolInterface};
use revm::context::result::{EVMError, ExecutionResult, HaltReason, Output, ResultGas};
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::TxKind;
use revm::primitives::hardfork::SpecId;
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext};
use zktrain_ledger::bindings::halo2::Halo2Verifier;
use zktrain_ledger::bindings::training::TrainingVerifier::{
    self, TrainingClaim, TrainingVerifierErrors, constructorCall, registerCall, verifyCall,
};

/// Gas of a transaction at most, EIP-7825.
const GAS_LIMIT: u64 = 1 << 24;

/// Why the contracts reverted.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// An error of the training verifier or its libraries.
    Training(TrainingVerifierErrors),
    /// An error of the halo2 verifier.
    Halo2(Halo2Verifier::Halo2VerifierErrors),
    /// Bytes that are no error of theirs.
    Unknown(Vec<u8>),
}

impl Rejection {
    /// Decodes what a call reverted with.
    pub fn decode(data: &[u8]) -> Self {
        if let Ok(error) = TrainingVerifierErrors::abi_decode(data) {
            return Self::Training(error);
        }
        match Halo2Verifier::Halo2VerifierErrors::abi_decode(data) {
            Ok(error) => Self::Halo2(error),
            Err(_) => Self::Unknown(data.to_vec()),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training(error) => write!(f, "{error:?}"),
            Self::Halo2(error) => write!(f, "{error:?}"),
            Self::Unknown(data) => write!(f, "unknown error 0x{}", hex::encode(data)),
        }
    }
}

/// Why a transaction did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvmError {
    /// A contract reverted.
    #[error("the contract rejects: {rejection}")]
    Rejected {
        /// With this error.
        rejection: Box<Rejection>,
        /// Gas used as a transaction.
        gas: u64,
    },
    /// Execution stopped without an error of the contract's: out of gas, say.
    #[error("execution halted after {gas} gas: {reason:?}")]
    Halted {
        reason: HaltReason,
        /// Gas used as a transaction.
        gas: u64,
    },
    /// The transaction itself is not valid.
    #[error("not a valid transaction: {0}")]
    Transaction(#[from] EVMError<Infallible>),
    /// A contract returned something that its interface does not allow.
    #[error("unexpected return data: {0}")]
    Return(#[from] alloy::sol_types::Error),
    /// A transaction that should create a contract did not say where it is.
    #[error("no contract was created")]
    NotCreated,
}

/// A key that the contracts know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisteredKey {
    /// Its name: `keccak256` of its bytes.
    pub key: [u8; 32],
    /// Gas of the transaction, everything included.
    pub gas: u64,
}

/// A proof that the contracts accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What has been proven.
    pub claim: TrainingClaim,
    /// Gas as a transaction: base, calldata and execution.
    pub gas: u64,
}

/// The contracts, deployed on a chain in memory under the rules of Osaka.
pub struct Evm {
    database: CacheDB<EmptyDB>,
    chain_id: u64,
    verifier: Address,
}

impl Evm {
    /// Deploys the contracts on a new chain with this id.
    ///
    /// # Errors
    /// If a contract cannot be deployed.
    pub fn new(chain_id: u64) -> Result<Self, EvmError> {
        let database = CacheDB::new(EmptyDB::new());
        let mut evm = Self { database, chain_id, verifier: Address::ZERO };
        let halo2 = evm.create(Halo2Verifier::BYTECODE.to_vec())?;
        let mut code = TrainingVerifier::BYTECODE.to_vec();
        code.extend_from_slice(&constructorCall { halo2 }.abi_encode());
        evm.verifier = evm.create(code)?;
        Ok(evm)
    }

    /// Registers a training key, in the encoding of `zktrain_verify::evm`.
    ///
    /// # Errors
    /// If the contract rejects it.
    pub fn register(&mut self, key: &[u8]) -> Result<RegisteredKey, EvmError> {
        let call = registerCall { encoded: Bytes::copy_from_slice(key) };
        let (output, gas) = self.transact(TxKind::Call(self.verifier), call.abi_encode())?;
        let key = registerCall::abi_decode_returns(output.data())?;
        Ok(RegisteredKey { key: key.0, gas })
    }

    /// Checks a proof by the registered key with this name. `statement` and `proof` are the
    /// canonical encodings.
    ///
    /// # Errors
    /// If the contract rejects it.
    pub fn verify(
        &mut self,
        key: [u8; 32],
        statement: &[u8],
        proof: &[u8],
    ) -> Result<Verified, EvmError> {
        let call = Self::verify_calldata(key, statement, proof);
        let (output, gas) = self.transact(TxKind::Call(self.verifier), call)?;
        let claim = verifyCall::abi_decode_returns(output.data())?;
        Ok(Verified { claim, gas })
    }

    /// The calldata of a transaction that has a proof checked.
    pub fn verify_calldata(key: [u8; 32], statement: &[u8], proof: &[u8]) -> Vec<u8> {
        let (statement, proof) = (Bytes::copy_from_slice(statement), Bytes::copy_from_slice(proof));
        verifyCall { keyHash: B256::from(key), statement, proof }.abi_encode()
    }

    fn create(&mut self, code: Vec<u8>) -> Result<Address, EvmError> {
        let (output, _) = self.transact(TxKind::Create, code)?;
        output.address().copied().ok_or(EvmError::NotCreated)
    }

    /// Executes a transaction and keeps what it changes.
    fn transact(&mut self, kind: TxKind, data: Vec<u8>) -> Result<(Output, u64), EvmError> {
        let mut cfg = CfgEnv::new_with_spec(SpecId::OSAKA).with_mainnet_gas_params();
        cfg.chain_id = self.chain_id;
        cfg.disable_nonce_check = true;
        let context = Context::mainnet()
            .with_db(&mut self.database)
            .with_cfg(cfg)
            .with_block(BlockEnv::default());
        let transaction = TxEnv {
            kind,
            data: data.into(),
            gas_limit: GAS_LIMIT,
            chain_id: Some(self.chain_id),
            ..TxEnv::default()
        };
        let result = context.build_mainnet().transact_commit(transaction)?;
        let used = |gas: &ResultGas| gas.tx_gas_used();
        match result {
            ExecutionResult::Success { output, gas, .. } => Ok((output, used(&gas))),
            ExecutionResult::Revert { output, gas, .. } => Err(EvmError::Rejected {
                rejection: Box::new(Rejection::decode(&output)),
                gas: used(&gas),
            }),
            ExecutionResult::Halt { reason, gas, .. } => {
                Err(EvmError::Halted { reason, gas: used(&gas) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use alloy::sol_types::SolError;
    use zktrain_ledger::bindings::halo2::Halo2Verifier::InputNotReduced;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_types_and_costs_what_it_costs() {
        let mut evm = Evm::new(7).unwrap();
        let Err(EvmError::Rejected { rejection, gas }) = evm.register(&[0; 40]) else {
            panic!("registered")
        };
        let length = TrainingVerifier::KeyLength { expected: U256::from(232), got: U256::from(40) };
        assert_eq!(*rejection, Rejection::Training(TrainingVerifierErrors::KeyLength(length)));
        assert!((21_000..100_000).contains(&gas), "{gas}");
        let Err(EvmError::Rejected { rejection, .. }) = evm.verify([1; 32], b"", b"") else {
            panic!("verified")
        };
        let key = TrainingVerifier::UnknownKey { key: B256::repeat_byte(1) };
        assert_eq!(*rejection, Rejection::Training(TrainingVerifierErrors::UnknownKey(key)));
        assert!(rejection.to_string().contains("UnknownKey"));
    }

    #[test]
    fn errors_of_halo2s_verifier_are_known() {
        let error = InputNotReduced { index: U256::from(1), value: U256::MAX };
        let rejection = Rejection::decode(&error.abi_encode());
        assert!(matches!(rejection, Rejection::Halo2(_)), "{rejection}");
        assert_eq!(Rejection::decode(b"abc"), Rejection::Unknown(b"abc".to_vec()));
    }
}
