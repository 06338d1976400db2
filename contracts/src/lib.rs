//! The contracts, as bytecode, and an EVM to run them in.
