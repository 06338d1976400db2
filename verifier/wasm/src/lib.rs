//! The verifier in WebAssembly: a host gives it bytes, one by one, and asks for a verdict.
//!
//! Nothing of its memory is shared with the host, so there are no pointers to get wrong on either
//! side; some thousand calls a proof take no time beside the check. What is exported is in
//! [`exports`], what it does in [`inputs`]. `verifier.mjs` beside this crate calls it from JavaScript.
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod exports;
pub mod inputs;
