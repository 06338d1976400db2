//! Why no relation can be written.

use crate::graph::GraphError;
use crate::relation::Malformed;

/// A constraint that cannot be written, or that would say something else than it should.
///
/// No manifest leads here: each case is a fault of the compiler, or of a network that no manifest
/// lowers to. It is an error all the same. Prover and verifier compile the same relation, so a
/// constraint that was left out would be missing for both, and nobody would see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Layers that are no graph.
    #[error("the network: {0}")]
    Graph(#[from] GraphError),
    /// A lookup into a table that was not declared.
    #[error("{label}: a lookup into table {table}, which the relation does not have")]
    UndeclaredTable {
        /// The lookup.
        label: String,
        /// The table.
        table: String,
    },
    /// A tensor that a constraint needs does not exist.
    #[error("{name}: {part} has no tensor")]
    Missing {
        /// The layer or part of it.
        name: String,
        /// What it lacks.
        part: &'static str,
    },
    /// The tensors are those of another network.
    #[error("{name}: the network and its tensors differ in {part}")]
    Differs {
        /// The layer or part of it.
        name: String,
        /// In what.
        part: &'static str,
    },
    /// A list of tensors is too short or too long.
    #[error("{part}: {got} tensors, expected {expected}")]
    Tensors {
        /// Which list.
        part: &'static str,
        /// Tensors that the network asks for.
        expected: usize,
        /// Tensors there are.
        got: usize,
    },
    /// Fewer tensors were placed than the relation takes.
    #[error("fewer tensors were placed than the relation takes")]
    Exhausted,
    /// A remainder whose limbs do not hold its bits.
    #[error("{name}: a remainder of {shift} bits in {limbs} limbs")]
    Remainder {
        /// The rounding.
        name: String,
        /// Bits that the rounding drops.
        shift: u32,
        /// Limbs of the remainder.
        limbs: usize,
    },
    /// The relation refers to something that it does not have.
    #[error("the relation is malformed: {0}")]
    Malformed(#[from] Malformed),
}
