//! The prover of the sum of fractions: `zktrain_argument::fraction` states the argument.
//!
//! Leaves come in [`Segment`]s whose values are stored as far as they differ
//! from a constant. Every level of the tree and every variable of a layer keeps
//! that form: the constant blocks are computed once, and their weight has a
//! closed form. A segment that has shrunk to a single block joins a dense run
//! behind the longer ones. So the cost is proportional to the stored leaves,
//! whatever the tree's size, and some tens of microseconds
//! for each segment.
//!
//! **Cost of a stored leaf** of a range lookup (numerator one, 16 bits), in
//! products of field elements; a product of a field element and a machine
//! integer counts as one ninth:
//!
//! | | products |
//! |---|---|
//! | parents, from the integers | 0.3 |
//! | leaf layer, variables 1 and 2, from the integers | 0.7 |
//! | binding the first two variables | 0.2 |
//! | leaf layer, later variables: 14 a pair and 4 for binding | 1.1 |
//! | layers above: 24 a pair, 8 for binding, 7 a parent | 3.4 |
//! | together | 5.7 |
//!
//! A product takes 21 ns here, with its reduction; additions and comparisons with
//! the modulus cost half as much again, and tables, memory and the transcript
//! make it about 200 ns a leaf on one core. General numerators or denominators
//! cost about twice as much. Beyond the input, the peak is at the bottom
//! of the tree, 40 bytes a stored leaf.
//!
//! **Files.** `leaves` turns segments into the lowest `level`; a level consists
//! of `region`s, of blocks of four siblings. `block` holds the arithmetic of
//! blocks of field elements, `small` and `twin` that of integers, over
//! `symmetric`; `limbs` is the arithmetic below all of them. `layer` runs the
//! sumcheck of a layer with the `weights` of its pairs.

mod block;
mod layer;
mod leaves;
mod level;
mod limbs;
mod region;
mod small;
mod symmetric;
mod twin;
mod weights;

#[cfg(test)]
mod tests;

use ark_bn254::Fr;
use zktrain_argument::arith::Native;
use zktrain_argument::fraction::{FractionProof, LeafClaim, TOP_NODES, TOP_VARIABLES, is_tree};
use zktrain_argument::transcript::Transcript;

use level::Level;

/// Numerators of a segment's leaves.
#[derive(Clone, Debug)]
pub enum Numerators {
    /// All are one.
    One,
    /// The first leaves' values.
    Values {
        /// Numerators from the segment's first leaf on.
        values: Vec<Fr>,
        /// The numerator of all later leaves.
        tail: Fr,
    },
}

/// Denominators of a segment's leaves.
#[derive(Clone, Debug)]
pub enum Denominators {
    /// `base − value` with small integers, as range lookups have them.
    Small {
        /// What the integers are subtracted from.
        base: Fr,
        /// Integers from the segment's first leaf on.
        values: Vec<i32>,
        /// The integer of all later leaves.
        tail: i32,
    },
    /// Field elements.
    Field {
        /// Denominators from the segment's first leaf on.
        values: Vec<Fr>,
        /// The denominator of all later leaves.
        tail: Fr,
    },
    /// `base − default` but for a few leaves.
    Sparse {
        /// What the integers are subtracted from.
        base: Fr,
        /// The integer of all leaves without an entry.
        default: i32,
        /// Leaves, counted from the segment's first and ascending, with their integers.
        entries: Vec<(u32, i32)>,
    },
}

/// `2^log` neighbouring leaves.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The logarithm of the number of leaves.
    pub log: u32,
    pub numerators: Numerators,
    pub denominators: Denominators,
}

/// Proves that the fractions of `2^log_leaves` leaves sum to zero.
///
/// The segments lie one after another from leaf 0; the leaves behind the last
/// one are `0/1`. Whether the sum is zero is not checked: the proof of another
/// sum does not verify. The returned claim is the one that the verifier arrives
/// at, and holds for the leaves given.
///
/// # Panics
/// If `log_leaves` is odd or below 4, the segments do not descend in size or
/// exceed the leaves, a segment holds more values than leaves, or sparse entries
/// do not ascend: all of this is the caller's layout, not outside data.
pub fn prove(
    transcript: &mut Transcript<Fr>,
    log_leaves: u32,
    segments: Vec<Segment>,
) -> (FractionProof<Fr>, LeafClaim<Fr>) {
    check_layout(log_leaves, &segments);
    let mut levels = tree(log_leaves, segments);
    let (top_numerators, top_denominators) = top(levels.pop());

    transcript.absorb(&mut Native, "fraction top numerators", &top_numerators);
    transcript.absorb(&mut Native, "fraction top denominators", &top_denominators);
    let point = transcript.challenges(&mut Native, "fraction top point", TOP_VARIABLES as usize);
    let mut claim = LeafClaim {
        numerator: interpolate(&top_numerators, &point),
        denominator: interpolate(&top_denominators, &point),
        point,
    };
    let mut layers = Vec::with_capacity(levels.len());
    while let Some(level) = levels.pop() {
        let (layer, next) = layer::prove(transcript, level, &claim);
        layers.push(layer);
        claim = next;
    }
    (FractionProof { top_numerators, top_denominators, layers }, claim)
}

/// All levels, from the leaves to the 16 top nodes, which are all in the run.
fn tree(log_leaves: u32, segments: Vec<Segment>) -> Vec<Level> {
    let mut log_nodes = log_leaves;
    let mut levels = vec![leaves::level(segments, log_nodes > TOP_VARIABLES)];
    while log_nodes > TOP_VARIABLES {
        log_nodes -= 2;
        let parents = levels.last().map(|level| level.parents(log_nodes > TOP_VARIABLES));
        levels.extend(parents);
    }
    levels
}

/// The top level's numerators and denominators.
fn top(level: Option<Level>) -> (Vec<Fr>, Vec<Fr>) {
    let blocks = level.map(|level| level.run.blocks).unwrap_or_default();
    let mut numerators: Vec<Fr> = blocks.iter().flat_map(|block| block.p).collect();
    let mut denominators: Vec<Fr> = blocks.iter().flat_map(|block| block.q).collect();
    numerators.resize(TOP_NODES, Fr::from(0u64));
    denominators.resize(TOP_NODES, Fr::from(1u64));
    (numerators, denominators)
}

fn check_layout(log_leaves: u32, segments: &[Segment]) {
    assert!(is_tree(log_leaves), "2^{log_leaves} leaves do not form a tree of arity 4");
    let sizes = segments.iter().map(|segment| segment.log);
    assert!(sizes.is_sorted_by(|a, b| a >= b), "segments must descend in size");
    let total: u64 = segments.iter().map(|segment| 1u64 << segment.log).sum();
    assert!(total <= 1 << log_leaves, "{total} leaves exceed 2^{log_leaves}");
    segments.iter().for_each(Segment::check);
}

/// The multilinear extension of `values` at `point`.
fn interpolate(values: &[Fr], point: &[Fr]) -> Fr {
    let mut values = values.to_vec();
    for t in point {
        values = values.chunks(2).map(|pair| pair[0] + (pair[1] - pair[0]) * t).collect();
    }
    values[0]
}
