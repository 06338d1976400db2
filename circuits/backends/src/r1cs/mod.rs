//! The compressed statement as a rank-one constraint system, for Groth16.
//!
//! [`Builder`] is a backend of the verifier's [arithmetic](zktrain_argument::arith::Arithmetic):
//! linear operations are free, a product of two variable values is one constraint, a permutation
//! 312. The system's shape follows from the relation alone: nothing that is decided while building
//! looks at a value.

mod builder;
mod circuit;
mod poseidon;
mod system;
mod wire;

pub use builder::{Builder, Synthesis};
pub use circuit::{Compression, CompressionShape, compile};
pub use system::{Constraint, ONE, R1cs, Term};
pub use wire::Wire;
