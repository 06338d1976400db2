//! What a proof says, of whom and to whom, and how that is written: statements, a manifest's key,
//! the tree over a dataset's windows, proofs in both forms, and the files that carry them.
//!
//! Nothing here knows a circuit or touches a file: it makes bytes, and reads them.
//!
//! ```
//! use zktrain_statement::merkle::{WindowTree, leaf, root_from};
//!
//! let leaves: Vec<_> = (0..3).map(|window| leaf(window, &[])).collect();
//! let tree = WindowTree::new(leaves.clone());
//! assert_eq!(root_from(leaves[2], 2, &tree.path(2)), tree.root());
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod compressed;
pub mod key;
pub mod merkle;
pub mod proof;
pub mod statements;
pub mod sum;
pub mod tree;
pub mod wire;
