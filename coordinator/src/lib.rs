//! Runs rounds: what a round's coordinator does with what members send.
//!
//! [`machine`] decides, without input or output, what comes next.
#![forbid(unsafe_code)]

pub mod machine;
