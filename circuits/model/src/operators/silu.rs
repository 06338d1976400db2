//! `z/(1 + exp(−z))`.

use super::tabulated::Function;
use crate::compile::TableKind;
use crate::manifest::Activation;

/// The sigmoid linear unit.
#[derive(Debug)]
pub(crate) struct Silu;

impl Function for Silu {
    const ACTIVATION: Activation = Activation::Silu;
    /// Near 2.4 it is below 1.0999.
    const PEAK: i128 = 18_020;

    fn table(frac: u32) -> TableKind {
        TableKind::Silu { frac }
    }

    fn derivative_table(frac: u32) -> TableKind {
        TableKind::SiluDerivative { frac }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tabulated::tests::check;
    use super::*;

    #[test]
    fn its_tables_are_within_its_bounds() {
        check(&Silu);
    }
}
