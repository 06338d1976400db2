//! The compressed statement as a rank-one constraint system, for Groth16.
//!
//! [`R1csBuilder`] is a backend of the verifier's [arithmetic](zktrain_argument::arith::Arithmetic):
//! linear operations are free, a product of two variable values is one constraint, a permutation
//! 312. The system's shape follows from the relation alone: nothing that is decided while building
//! looks at a value.

mod builder;
mod circuit;
mod poseidon;
mod system;
mod wire;

pub use builder::{R1csBuilder, Synthesis};
pub use circuit::{CompressionShape, R1csCompression, compile};
pub use system::{ONE, R1cs, R1csConstraint, R1csTerm};
pub use wire::R1csWire;
