//! What a round opens of its members' updates: their weighted sum.

use ark_bn254::Fr;

/// The sum of weighted updates, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// One integer a parameter: layer by layer, weights `(n_in, n_out)` row-major, then biases.
    pub values: Vec<i64>,
    /// The summed blindings, one a row of the update.
    pub blinds: Vec<Fr>,
}
