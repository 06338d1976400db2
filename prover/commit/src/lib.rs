//! Commitments to rows of small integers: the rows, the sheet that holds them, the reference strings
//! that they are committed with, Mercury's openings, a round's average of committed updates, and the
//! randomness that hides what is committed to.
//!
//! ```
//! use ark_bn254::Fr;
//! use zktrain_commit::random::{Label, Randomness};
//! use zktrain_commit::rows::commit_rows;
//! use zktrain_commit::srs::Srs;
//! use zktrain_msm::Row;
//!
//! let mut randomness = Randomness::fresh(Label::ReferenceString)?;
//! let srs = Srs::generate_g1(3, &mut randomness).check()?;
//! let row = Row::Dense(vec![1, -2, 3]);
//! let commitment = |blinding: u64| commit_rows(srs.g1(), &[&row], &[Fr::from(blinding)]);
//! assert_ne!(commitment(1)?, commitment(2)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod average;
pub mod mercury;
pub mod random;
pub mod rows;
pub mod sheet;
pub mod srs;
