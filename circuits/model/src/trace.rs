//! The trace: every integer that the `T` steps of one proof produce.
//!
//! Unpadded, row-major in the order of the dimensions given, written by the
//! training loop and read by the witness layout. `T` steps, `B` samples a batch,
//! a layer maps `n_in` to `n_out` values. See `docs/quantization.md` for meanings.

use std::collections::BTreeMap;

/// The result of one saturating rounding: `x = 2^s·(q + e) + r`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounded {
    /// Saturated quotients.
    pub q: Vec<i32>,
    /// Centred remainders, `−2^(s−1)..2^(s−1)`.
    pub r: Vec<i32>,
    /// Signed excesses that are not zero, with their flat index, sorted by it.
    pub excess: Vec<(u32, i64)>,
}

impl Rounded {
    /// Room for so many roundings behind those that there are; `whole` will come in all.
    pub fn extend(&mut self, len: usize, whole: usize) {
        for values in [&mut self.q, &mut self.r] {
            let end = values.len() + len;
            values.reserve_exact(whole.max(end) - values.len());
            values.resize(end, 0);
        }
    }
}

/// A tensor of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Numbers as they are.
    Plain(Vec<i32>),
    /// Numbers that were rounded.
    Rounded(Rounded),
    /// Wide integers, one of each channel and step: digit by digit, the lowest first, `(T, channels)` each.
    Wide(Vec<Vec<i32>>),
}

/// What a layer or a loss leaves of its steps, by the names that its operators give their tensors. Each is
/// `(T, B, position…, channels)`, the steps in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    tensors: BTreeMap<&'static str, Recorded>,
}

impl Record {
    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Recorded> {
        self.tensors.get(name)
    }

    /// Names and tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Recorded)> + '_ {
        self.tensors.iter().map(|(name, tensor)| (*name, tensor))
    }

    /// Adds a tensor, in place of one of that name.
    pub fn insert(&mut self, name: &'static str, tensor: Recorded) {
        self.tensors.insert(name, tensor);
    }

    /// Numbers as they are; none if there are none of that name, or they were rounded.
    pub fn plain(&self, name: &str) -> Option<&[i32]> {
        match self.get(name)? {
            Recorded::Plain(values) => Some(values),
            Recorded::Rounded(_) | Recorded::Wide(_) => None,
        }
    }

    /// Numbers that were rounded; none if there are none of that name.
    pub fn rounded(&self, name: &str) -> Option<&Rounded> {
        match self.get(name)? {
            Recorded::Rounded(values) => Some(values),
            Recorded::Plain(_) | Recorded::Wide(_) => None,
        }
    }

    /// The digits of wide integers; none if there are none of that name.
    pub fn wide(&self, name: &str) -> Option<&[Vec<i32>]> {
        match self.get(name)? {
            Recorded::Wide(digits) => Some(digits),
            Recorded::Plain(_) | Recorded::Rounded(_) => None,
        }
    }

    /// Where the digits of wide integers go, so many lists; none if those of that name were no such.
    pub fn wide_mut(&mut self, name: &'static str, digits: usize) -> Option<&mut Vec<Vec<i32>>> {
        let none = || Recorded::Wide(vec![Vec::new(); digits]);
        match self.tensors.entry(name).or_insert_with(none) {
            Recorded::Wide(values) if values.len() == digits => Some(values),
            Recorded::Wide(_) | Recorded::Plain(_) | Recorded::Rounded(_) => None,
        }
    }

    /// Where numbers as they are go; none if those of that name were rounded.
    pub fn plain_mut(&mut self, name: &'static str) -> Option<&mut Vec<i32>> {
        match self.tensors.entry(name).or_insert(Recorded::Plain(Vec::new())) {
            Recorded::Plain(values) => Some(values),
            Recorded::Rounded(_) | Recorded::Wide(_) => None,
        }
    }

    /// Where numbers go that are rounded; none if those of that name were not.
    pub fn rounded_mut(&mut self, name: &'static str) -> Option<&mut Rounded> {
        match self.tensors.entry(name).or_insert(Recorded::Rounded(Rounded::default())) {
            Recorded::Rounded(values) => Some(values),
            Recorded::Plain(_) | Recorded::Wide(_) => None,
        }
    }
}

/// What one layer produces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerTrace {
    /// Its operators' tensors.
    pub tensors: Record,
    /// What became of its weights; none if it has none.
    pub w: Option<ParameterTrace>,
    /// What became of its biases.
    pub b: Option<ParameterTrace>,
    /// What became of its running statistics.
    pub s: Option<ParameterTrace>,
}

/// What became of one kind of parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterTrace {
    /// Clipped gradient sums, `(T, …)`; with clipping only.
    pub clip: Option<Rounded>,
    /// Updates `δ`, `(T, …)`.
    pub update: Rounded,
    /// Moments after each step, `(T, …)`, in the order of their blocks; with Adam only.
    pub moments: Vec<Vec<i32>>,
}

/// Moments of a parameter: the first, and root, rest and fraction of the second.
pub const MOMENTS: usize = 4;

/// What an optimizer carries from step to step, beside parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptimizerState {
    /// The previous update; with Adam the four moments.
    pub blocks: Vec<Parameters>,
    /// Steps that were done; counted with Adam only.
    pub steps: u32,
}

/// Parameters, or anything else that has one integer per parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// One entry per layer.
    pub layers: Vec<LayerParameters>,
}

impl Parameters {
    /// Layer by layer, weights row-major, then biases, then statistics, of those layers that have them.
    pub fn tensors(&self) -> impl Iterator<Item = &[i32]> + '_ {
        let all = self.layers.iter().flat_map(|l| core::iter::once(&l.w).chain(&l.b).chain(&l.s));
        all.filter(|values| !values.is_empty()).map(Vec::as_slice)
    }

    /// All of them in a row, in that order.
    pub fn flat(&self) -> impl Iterator<Item = i32> + '_ {
        self.tensors().flatten().copied()
    }
}

/// Parameters of one layer; nothing of one that has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerParameters {
    /// Weights `(n_in, n_out)`: input `i`, output `j` at `i·n_out + j`.
    pub w: Vec<i32>,
    /// Biases, `n_out`.
    pub b: Option<Vec<i32>>,
    /// Running statistics of a batch norm, `(2, n_out)`: means, then deviations.
    pub s: Option<Vec<i32>>,
}

/// Everything that the `T` steps of one proof produce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Inputs, `(T, B, input)`.
    pub inputs: Vec<i32>,
    /// Labels, `(T, B, n_out of the last layer)`: one-hot 0/1, a logistic 0/1, or `mse` targets.
    pub labels: Vec<i32>,
    /// Parameters before the first step.
    pub before: Parameters,
    /// What the previous proof has left of the optimizer; none at the start of a chain, and without a state.
    pub state: Option<OptimizerState>,
    /// The rate of each step; with Adam only.
    pub rates: Vec<i32>,
    /// One entry per layer.
    pub layers: Vec<LayerTrace>,
    /// What the loss produced.
    pub loss: Record,
    /// Parameters after the last step.
    pub after: Parameters,
}
