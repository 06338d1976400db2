//! What operators compute with: whole tensors of integers at a time.
//!
//! An operator's arithmetic is written once, here in `model`, over the few [`TensorKernels`] that take time.
//! Who trains has fast ones; nothing is dispatched for a single number.

use super::batch_norm::Normed;
use super::site::ARRIVING;
use crate::manifest::{Layer, Network, RoundSpec};
use crate::quant::Expansion;
use crate::trace::{LayerParameters, LayerTrace, Record, Rounded};

/// A matrix, or its transpose.
#[derive(Debug)]
pub enum Operand<'a, M> {
    /// As it is.
    Straight(&'a M),
    /// Transposed.
    Transposed(&'a M),
}

/// Products and roundings of whole tensors.
pub trait TensorKernels {
    /// A matrix that is ready to be multiplied.
    type Matrix;

    /// `rows × cols`, row-major.
    fn matrix(&self, values: &[i32], rows: usize, cols: usize) -> Self::Matrix;

    /// `left·right`, exactly and row-major, for entries below `2^32` and results below `2^62` in
    /// magnitude.
    fn product(
        &self,
        left: Operand<'_, Self::Matrix>,
        right: Operand<'_, Self::Matrix>,
    ) -> Vec<i64>;

    /// Rounds `x(0) … x(len − 1)` into `out` at `offset`, as [`round_sat`](crate::quant::round_sat)
    /// does. What lies before has been written before: excesses stay sorted.
    fn round(
        &self,
        out: &mut Rounded,
        offset: usize,
        len: usize,
        spec: &RoundSpec,
        x: impl Fn(usize) -> i64 + Sync,
    );
}

/// One operator's turn in a step.
pub struct Pass<'a, K> {
    /// What it computes with.
    pub kernels: &'a K,
    /// The whole network.
    pub network: &'a Network,
    /// Its layer's scales.
    pub layer: &'a Layer,
    /// Whose values it takes: the index of that layer, none for the window's inputs. On the way back it has a
    /// turn for each whose values it takes, and this is who is being sent a gradient.
    pub below: Option<usize>,
    /// Which of the gradients that arrive there is its own.
    pub slot: usize,
    /// The other values that it takes, if it takes those of two; else empty.
    pub with: &'a [i32],
    /// Index of its own layer.
    pub index: usize,
    /// Its layer's parameters at this step.
    pub parameters: &'a LayerParameters,
    /// Its function table's values, those of its derivative's table behind them; empty if it has none.
    pub table: &'a [i32],
    /// The step within the window.
    pub step: usize,
    /// Steps of the window.
    pub steps: usize,
    /// Samples at a time.
    pub samples: usize,
    /// Whether this is a step of training; else values are only computed.
    pub training: bool,
}

/// What an operator keeps of the way forward for the way back.
#[derive(Debug)]
pub struct SavedTensors<M> {
    /// Its input.
    pub input: Option<M>,
    /// Its weights.
    pub weights: Option<M>,
    /// The gradient at its output.
    pub gradient: Option<M>,
    /// Its input, number by number, where no matrix is made of it; of a layer norm or a softmax
    /// what it puts out.
    pub values: Vec<i32>,
    /// Likewise the gradient at its output.
    pub arrived: Vec<i32>,
    /// What an attention keeps of the second layer that it takes.
    pub other: Vec<i32>,
    /// What a batch norm keeps.
    pub norm: Option<Normed>,
    /// What a layer norm keeps: the inverse of each row's deviation.
    pub inverse: Vec<i64>,
}

impl<M> Default for SavedTensors<M> {
    fn default() -> Self {
        Self {
            input: None,
            weights: None,
            gradient: None,
            values: Vec::new(),
            arrived: Vec::new(),
            other: Vec::new(),
            norm: None,
            inverse: Vec::new(),
        }
    }
}

/// Parameters or a trace that are not this network's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of layer {layer}: expected {expected} entries, got {got}")]
pub struct Untraced {
    /// Index of its layer.
    pub layer: usize,
    /// What does not fit.
    pub what: &'static str,
    /// Entries that it needs.
    pub expected: usize,
    /// Entries there are.
    pub got: usize,
}

impl<K> Pass<'_, K> {
    /// Where this step's values of a tensor begin that has so many in a step.
    pub(super) fn start(&self, len: usize) -> usize {
        self.step * len
    }

    /// That `what` does not have as many entries as it needs.
    pub(super) fn wrong(&self, what: &'static str, expected: usize, got: usize) -> Untraced {
        Untraced { layer: self.index, what, expected, got }
    }

    /// Refuses another number of entries than expected.
    pub(super) fn expect(
        &self,
        what: &'static str,
        expected: usize,
        got: usize,
    ) -> Result<(), Untraced> {
        if expected == got { Ok(()) } else { Err(self.wrong(what, expected, got)) }
    }

    /// Its own layer's trace.
    pub(super) fn own<'t>(
        &self,
        traces: &'t mut [LayerTrace],
    ) -> Result<&'t mut LayerTrace, Untraced> {
        let got = traces.len();
        traces.get_mut(self.index).ok_or_else(|| self.wrong("the trace", self.index + 1, got))
    }

    /// This step's values of a tensor, of which a step has `len`.
    pub(super) fn now<'t>(
        &self,
        what: &'static str,
        values: &'t [i32],
        len: usize,
    ) -> Result<&'t [i32], Untraced> {
        let start = self.start(len);
        values.get(start..start + len).ok_or_else(|| self.wrong(what, start + len, values.len()))
    }

    /// This step's values of a tensor that it has traced, of which a step has `len`.
    pub(super) fn traced<'t>(
        &self,
        record: &'t Record,
        name: &'static str,
        len: usize,
    ) -> Result<&'t [i32], Untraced> {
        let values = record.plain(name).or_else(|| record.rounded(name).map(|all| &all.q[..]));
        self.now(name, values.unwrap_or(&[]), len)
    }

    /// Appends this step's values of a tensor.
    pub(super) fn append(
        &self,
        record: &mut Record,
        name: &'static str,
        values: &[i32],
    ) -> Result<(), Untraced> {
        let all = record.plain_mut(name).ok_or_else(|| self.wrong(name, 1, 0))?;
        self.expect(name, self.start(values.len()), all.len())?;
        let whole = values.len() * self.steps;
        all.reserve_exact(whole.saturating_sub(all.len()));
        all.extend_from_slice(values);
        Ok(())
    }

    /// Appends the digits of this step's wide integers, one of each channel or of each row, and returns their quotients.
    pub(super) fn expand(
        &self,
        record: &mut Record,
        name: &'static str,
        expansion: &Expansion,
        values: &[i128],
    ) -> Result<Vec<i128>, Untraced> {
        let all = record.wide_mut(name, expansion.len()).ok_or_else(|| self.wrong(name, 1, 0))?;
        for value in values {
            // The static bounds leave none without digits.
            let digits = expansion.expand(*value).ok_or_else(|| self.wrong(name, 1, 0))?;
            all.iter_mut().zip(digits).for_each(|(list, digit)| list.push(digit));
        }
        let expected = self.start(values.len()) + values.len();
        for list in all {
            self.expect(name, expected, list.len())?;
        }
        Ok(values.iter().map(|value| expansion.quotient(*value)).collect())
    }

    /// Rounds this step's values of a tensor and returns the quotients.
    pub(super) fn round<'t>(
        &self,
        record: &'t mut Record,
        name: &'static str,
        len: usize,
        spec: &RoundSpec,
        x: impl Fn(usize) -> i64 + Sync,
    ) -> Result<&'t [i32], Untraced>
    where
        K: TensorKernels,
    {
        let out = record.rounded_mut(name).ok_or_else(|| self.wrong(name, 1, 0))?;
        self.round_into(out, name, len, spec, x)
    }

    /// Rounds what a layer sends to the one `below`, and returns it.
    pub(super) fn send(
        &self,
        below: usize,
        traces: &mut [LayerTrace],
        len: usize,
        x: impl Fn(usize) -> i64 + Sync,
    ) -> Result<Vec<i32>, Untraced>
    where
        K: TensorKernels,
    {
        let spec = self.network.layers.get(below).and_then(|below| below.g.get(self.slot));
        let name = ARRIVING.get(self.slot);
        let all = spec.zip(traces.get_mut(below)).zip(name);
        let ((spec, below), name) = all.ok_or_else(|| self.wrong("g", self.slot + 1, 0))?;
        Ok(self.round(&mut below.tensors, name, len, spec, x)?.to_vec())
    }

    /// The same into a tensor at hand.
    pub(super) fn round_into<'t>(
        &self,
        out: &'t mut Rounded,
        what: &'static str,
        len: usize,
        spec: &RoundSpec,
        x: impl Fn(usize) -> i64 + Sync,
    ) -> Result<&'t [i32], Untraced>
    where
        K: TensorKernels,
    {
        let start = self.start(len);
        self.expect(what, start, out.q.len())?;
        self.expect(what, start, out.r.len())?;
        out.extend(len, len * self.steps);
        self.kernels.round(out, start, len, spec, x);
        self.now(what, &out.q, len)
    }
}
