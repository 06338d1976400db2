//! Commitments to rows of small integers: the rows, the sheet that holds them, the reference strings
//! that they are committed with, Mercury's openings, a round's average of committed updates, and the
//! randomness that hides what is committed to.

pub mod average;
pub mod mercury;
pub mod random;
pub mod rows;
pub mod sheet;
pub mod srs;
