//! `z·Φ(z)`, with `Φ` the distribution function of the standard normal distribution.

use super::tabulated::Function;
use crate::compile::TableKind;
use crate::manifest::Activation;

/// The Gaussian error linear unit.
#[derive(Debug)]
pub(crate) struct Gelu;

impl Function for Gelu {
    const ACTIVATION: Activation = Activation::Gelu;
    /// At √2 it is `Φ(√2) + √2·φ(√2)`, below 1.129.
    const PEAK: i128 = 18_496;

    fn table(frac: u32) -> TableKind {
        TableKind::Gelu { frac }
    }

    fn derivative_table(frac: u32) -> TableKind {
        TableKind::GeluDerivative { frac }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tabulated::tests::check;
    use super::*;

    #[test]
    fn its_tables_are_within_its_bounds() {
        check(&Gelu);
    }
}
