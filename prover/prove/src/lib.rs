//! The prover: lays a witness out, argues with sumchecks and sums of fractions that it satisfies the
//! relation, and compresses the argument.

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
pub mod witness;
