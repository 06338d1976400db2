//! The prover: lays a witness out, argues with sumchecks and sums of fractions that it satisfies the
//! relation, and compresses the argument.
//!
//! ```
//! use zktrain_commit::random::{Label, Randomness};
//! use zktrain_commit::srs::Srs;
//! use zktrain_model::manifest::Manifest;
//! use zktrain_model::size::Limits;
//! use zktrain_prove::training::derive_key;
//!
//! let text = std::fs::read_to_string("../../circuits/model/tests/manifest.toml")?;
//! let manifest = Manifest::from_toml(&text)?;
//! let network = Limits::default().admit(manifest.network()?)?;
//! let mut randomness = Randomness::fresh(Label::ReferenceString)?;
//! let srs = Srs::generate_g1(network.row_log, &mut randomness).check()?;
//! let key = derive_key(manifest.hash(), network, &srs)?;
//! assert!(!key.tables.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod compress;
pub mod fraction;
pub mod halo2;
pub mod lookups;
pub mod materialize;
pub mod memory;
pub mod prove;
pub mod reduction;
pub mod relations;
pub mod training;
pub mod uncompressed;
pub mod witness;
