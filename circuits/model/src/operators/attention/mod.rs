//! Attention: how much every position takes from every other one, for each of several heads.
//!
//! It is three layers. `attention_scores` holds queries against keys, `softmax` makes shares of each row of scores, and
//! `attention_values` adds up values by these shares. The first and the last are here: both are products of matrices of
//! numbers that are all there, one for each sample and head, and so are the gradients of both.
//!
//! A position's channels are those of one head after the other. Everything that is counted here is a power of two: a
//! channel's number has a head's in its upper bits, so that nothing but outputs and their roundings is committed to.

mod arithmetic;
mod scores;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use scores::Scores;
pub use scores::factor as score_factor;
pub(crate) use values::Values;

use super::site::{Site, differs, missing};
use crate::compile::CompileError;
use crate::manifest::{Features, LayerSpec, ManifestError, ManifestErrorKind as Kind, range};
use crate::relation::{DimMap, Domain};

/// Most positions of a sequence: a share of a row has as many bits as are left by them.
pub(crate) const MAX_POSITIONS: usize = 256;
/// Most heads.
const MAX_HEADS: usize = 64;
/// Most channels of a head.
const MAX_CHANNELS: usize = 256;

/// Sizes of an attention, and the scale of the second of the two that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// How many.
    pub count: usize,
    /// Channels of each.
    pub width: usize,
    /// Positions that take.
    pub queries: usize,
    /// Positions that are taken from.
    pub keys: usize,
    /// What scores are multiplied with: `factor/2^factor_frac` is about the inverse root of the width, and 1 where values
    /// are added up.
    pub factor: i64,
    /// Its fractional bits.
    pub factor_frac: u32,
    /// Fractional bits of the second layer's values.
    pub with_frac: u32,
    /// Their largest magnitude.
    pub with_max: i64,
}

/// Positions of a sequence: an image of one column.
fn positions(field: &str, of: &Features) -> Result<usize, ManifestError> {
    let kind = Kind::NoSequence { got: *of };
    match of.image {
        Some([count, 1]) => power("positions", field, MAX_POSITIONS, count),
        _ => Err(ManifestError::new(field, kind)),
    }
}

/// A number that is a power of two.
pub(super) fn power(
    what: &str,
    field: &str,
    most: usize,
    got: usize,
) -> Result<usize, ManifestError> {
    let field = format!("{field}: {what}");
    if !(1..=most).contains(&got) {
        return Err(range(&field, 1, most, got));
    }
    if got.is_power_of_two() {
        return Ok(got);
    }
    Err(ManifestError::new(field, Kind::NotPowerOfTwo { got }))
}

/// Refuses a manifest's field that is not this layer's.
fn refuse(field: &str, name: &str, present: bool) -> Result<(), ManifestError> {
    match present {
        true => Err(ManifestError::new(format!("{field}.{name}"), Kind::Unexpected)),
        false => Ok(()),
    }
}

/// The heads that a layer has to say.
fn heads(field: &str, spec: &LayerSpec) -> Result<usize, ManifestError> {
    let missing = || ManifestError::new(format!("{field}.heads"), Kind::Missing);
    power("heads", field, MAX_HEADS, spec.heads.ok_or_else(missing)?)
}

/// Axes of products over heads: step, sample and head, then two more.
struct Places<'a> {
    site: &'a Site<'a>,
    name: String,
    heads: Heads,
}

impl<'a> Places<'a> {
    /// The layer's, with the sizes of its input and output.
    fn new(
        site: &'a Site<'a>,
        sizes: impl Fn(&Heads) -> [Features; 2],
    ) -> Result<Self, CompileError> {
        let (layer, name) = (site.layer()?.0, site.name());
        let heads = layer.heads.ok_or_else(|| missing(&name, "its heads"))?;
        if sizes(&heads) != [layer.input, layer.output] {
            return Err(differs(&name, "its sizes"));
        }
        Ok(Self { site, name, heads })
    }

    /// Those axes, with these sizes of `x`, `y` and `k`.
    fn axes(&self, x: usize, y: usize, k: usize) -> [Domain; 4] {
        let network = self.site.network;
        let outer = Domain::new(&[network.steps, network.batch, self.heads.count]);
        [outer, Domain::new(&[x]), Domain::new(&[y]), Domain::new(&[k])]
    }

    /// The values of one of the two that it takes.
    fn taken(&self, port: usize, map: &[DimMap]) -> Result<crate::relation::Linear, CompileError> {
        let inputs = self.site.inputs()?;
        let input = inputs.get(port).ok_or_else(|| missing(&self.name, "one of two inputs"))?;
        input.value(map)
    }
}

/// Channels at each position, `(channel, T, B, position, 1)`, on axes of a product: where the position is, and the number
/// within a head.
fn rows(position: usize, within: usize) -> Vec<DimMap> {
    let [t, b, position] = [0, 1, position].map(DimMap::Axis);
    vec![DimMap::Joined(2, within), t, b, position, DimMap::Sum]
}

/// Numbers of two positions, `(head, T, B, query, key)`.
fn pairs(query: usize, key: usize) -> Vec<DimMap> {
    [2, 0, 1, query, key].map(DimMap::Axis).to_vec()
}

impl Heads {
    /// Channels of a position.
    fn channels(&self) -> usize {
        self.count * self.width
    }

    /// Channels at the positions that take.
    fn of_queries(&self) -> Features {
        Features { channels: self.channels(), image: Some([self.queries, 1]) }
    }

    /// Numbers of pairs of positions.
    fn of_pairs(&self) -> Features {
        Features { channels: self.count, image: Some([self.queries, self.keys]) }
    }
}
