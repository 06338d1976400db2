//! The verifier: checks a proof, and a chain of proofs.
//!
//! ```
//! use zktrain_model::size::Limits;
//! use zktrain_verify::contract_key::ContractKey;
//!
//! let fixture = |name: &str| std::fs::read(format!("../../tests/fixtures/compressed_{name}"));
//! let manifest = String::from_utf8(fixture("v1.toml")?)?;
//! let key = ContractKey::read(&manifest, Limits::default(), &fixture("halo2_v1.key")?)?;
//! // The key's name is all that a verdict rests on: compare it with one from somebody to be trusted.
//! assert_ne!(key.name(), [0; 32]);
//! let (statement, _) = key.verify(&fixture("halo2_v1.proof")?)?;
//! assert_eq!(statement.step, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod aggregate;
pub mod batch;
pub mod circuit;
pub mod contract_key;
pub mod dataset;
pub mod evm;
pub mod file;
pub mod groth16;
pub mod halo2;
pub mod mercury;
pub mod pairing;
pub mod round;
pub mod sheet;
pub mod training;
