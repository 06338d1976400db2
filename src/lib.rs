//! zktrain as a library: what the command-line program is made of.

pub mod bench;
