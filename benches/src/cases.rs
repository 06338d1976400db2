//! What is measured.

use serde::{Deserialize, Serialize};
use zktrain_cli::bench::StepOptions;
use zktrain_statement::compressed::ProofSystem;

use crate::Error;
use crate::record::Purpose;

/// Widths and batch of the table's networks, smallest first.
pub const TABLE: [(&[usize], usize); 5] = [
    (&[30, 16, 2], 32),
    (&[64, 32, 10], 32),
    (&[784, 128, 10], 32),
    (&[784, 256, 128, 10], 64),
    (&[784, 1024, 256, 10], 64),
];

/// Steps a proof in the table.
pub const STEPS: [usize; 3] = [1, 4, 16];

/// The network whose row length is varied, with its batch.
pub const SWEEP: (&[usize], usize) = (&[784, 128, 10], 32);

/// Row lengths of the sweep, as logarithms.
pub const SWEEP_ROW_LOGS: core::ops::RangeInclusive<u32> = 12..=15;

/// Networks of 10⁴ to 10⁷ parameters.
///
/// From 10⁵ on nearly all hidden widths are powers of two, as they are stored: the curve is to show
/// growth, and the padding that other widths need would hide it.
pub const SCALING: [&[usize]; 8] = [
    &[784, 13, 10],
    &[784, 40, 10],
    &[784, 128, 10],
    &[784, 256, 256, 10],
    &[784, 1024, 256, 10],
    &[784, 2048, 512, 10],
    &[1024, 4096, 256, 10],
    &[2048, 4096, 384, 10],
];

/// Hidden layers along the curve over depth, all of [`DEPTH_WIDTH`] units.
pub const DEPTH: [usize; 5] = [1, 2, 4, 8, 15];

/// Units of a layer along the curve over depth.
pub const DEPTH_WIDTH: usize = 32;

/// Samples a step along the scaling curve.
pub const SCALING_BATCH: usize = 64;

/// One measurement to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What it is for.
    pub purpose: Purpose,
    /// Widths, input first.
    pub shape: Vec<usize>,
    /// Samples a step.
    pub batch: usize,
    /// Steps a proof.
    pub steps: usize,
    /// Proofs made.
    pub runs: usize,
    /// Row length, as a logarithm, instead of the manifest's own choice.
    pub row_log: Option<u32>,
}

impl Case {
    /// The options of the measuring function.
    pub fn options(&self) -> StepOptions {
        StepOptions {
            by_position: false,
            image: None,
            optimizer: None,
            shape: self.shape.clone(),
            batch: self.batch,
            steps: self.steps,
            runs: self.runs,
            row_log: self.row_log,
            systems: match self.purpose {
                Purpose::RowLength => Vec::new(),
                Purpose::Scaling | Purpose::Depth => vec![ProofSystem::Halo2],
                Purpose::Table => vec![ProofSystem::Halo2, ProofSystem::Groth16],
            },
        }
    }

    /// Widths joined by dashes.
    pub fn name(&self) -> String {
        shape_name(&self.shape)
    }
}

impl core::fmt::Display for Case {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}, B {}, T {}", self.name(), self.batch, self.steps)?;
        self.row_log.map_or(Ok(()), |c| write!(f, ", rows of 2^{c}"))
    }
}

/// Widths joined by dashes.
pub fn shape_name(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// Widths from text such as `784-128-10`.
///
/// # Errors
/// If a part is not a number or there are fewer than two.
pub fn parse_shape(text: &str) -> Result<Vec<usize>, Error> {
    let widths: Option<Vec<usize>> = text.split('-').map(|part| part.parse().ok()).collect();
    let enough = widths.filter(|widths| widths.len() >= 2);
    enough.ok_or_else(|| Error::Shape { got: text.to_owned() })
}

/// The table's cases: every shape with every number of steps, then the sweep of row lengths.
///
/// `only` restricts them to some shapes; `quick` to the smallest shape, few steps and no sweep.
pub fn table(runs: usize, quick: bool, only: &[Vec<usize>]) -> Vec<Case> {
    let wanted = |shape: &[usize]| only.is_empty() || only.iter().any(|o| o == shape);
    let (shapes, steps) = if quick { (&TABLE[..1], &STEPS[..2]) } else { (&TABLE[..], &STEPS[..]) };
    let mut cases = Vec::new();
    for (shape, batch) in shapes.iter().filter(|(shape, _)| wanted(shape)) {
        cases.extend(steps.iter().map(|steps| Case {
            purpose: Purpose::Table,
            shape: shape.to_vec(),
            batch: *batch,
            steps: *steps,
            runs,
            row_log: None,
        }));
    }
    let (shape, batch) = SWEEP;
    if !quick && wanted(shape) {
        cases.extend(SWEEP_ROW_LOGS.map(|row_log| Case {
            purpose: Purpose::RowLength,
            shape: shape.to_vec(),
            batch,
            steps: 1,
            runs,
            row_log: Some(row_log),
        }));
    }
    cases
}

/// The cases of the curves over parameters and over depth; `quick` takes the two smallest of each.
pub fn scaling(runs: usize, quick: bool) -> Vec<Case> {
    let count = if quick { 2 } else { usize::MAX };
    let case = |purpose, shape| Case {
        purpose,
        shape,
        batch: SCALING_BATCH,
        steps: 1,
        runs,
        row_log: None,
    };
    let wide = SCALING.iter().take(count).map(|shape| case(Purpose::Scaling, shape.to_vec()));
    let deep = DEPTH.iter().take(count).map(|hidden| {
        let hidden = std::iter::repeat_n(DEPTH_WIDTH, *hidden);
        let shape = std::iter::once(64).chain(hidden).chain([10]).collect();
        case(Purpose::Depth, shape)
    });
    wide.chain(deep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_refused() {
        assert_eq!(parse_shape("784-128-10").unwrap(), [784, 128, 10]);
        for bad in ["", "784", "784-", "a-b", "784--10", "-1-2"] {
            assert!(matches!(parse_shape(bad), Err(Error::Shape { .. })), "{bad}");
        }
    }

    #[test]
    fn the_table_has_every_shape_and_every_number_of_steps() {
        let cases = table(3, false, &[]);
        assert_eq!(cases.len(), TABLE.len() * STEPS.len() + 4);
        assert!(cases.iter().all(|c| c.runs == 3));
        assert_eq!(table(1, false, &[vec![64, 32, 10]]).len(), STEPS.len());
        assert!(table(1, true, &[]).iter().all(|c| c.shape == [30, 16, 2]));
    }

    #[test]
    fn the_curve_spans_four_orders_of_magnitude() {
        let parameters = |shape: &[usize]| -> usize {
            shape.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
        };
        let counts: Vec<usize> = SCALING.iter().map(|shape| parameters(shape)).collect();
        assert!(counts.is_sorted());
        assert!((9_000..12_000).contains(&counts[0]), "{counts:?}");
        assert!((9_500_000..10_500_000).contains(&counts[counts.len() - 1]), "{counts:?}");
    }
}
