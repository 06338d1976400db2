//! Attention in a forged step: scores, shares of rows, and what is taken by them.

use zktrain_model::manifest::{Layer, LayerKind};
use zktrain_model::operators::SoftmaxBounds;
use zktrain_model::quant::exp_table;

use super::{Forge, Matrix, Value, index_of};

/// What a step of one softmax has of each row: of each sample, `query·heads + head`.
#[derive(Clone, Debug, Default)]
pub struct SoftmaxStep {
    inverse: Matrix,
    e: Matrix,
    mean: Matrix,
}

/// Heads, queries and keys of a layer's pairs.
fn sizes(layer: &Layer) -> [usize; 3] {
    let of_pairs = match layer.kind {
        LayerKind::AttentionValues => layer.input,
        _ => layer.output,
    };
    let [queries, keys] = of_pairs.image.expect("pairs of positions");
    [of_pairs.channels, queries, keys]
}

fn bounds(layer: &Layer) -> &SoftmaxBounds {
    layer.softmax.as_ref().expect("a softmax")
}

/// The channels of a head at a position.
fn channels(row: &[i64], width: usize, [heads, at, head]: [usize; 3]) -> &[i64] {
    &row[(at * heads + head) * width..][..width]
}

fn dot(left: &[i64], right: &[i64]) -> i64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// `left·rightᵀ` for each head, pair by pair.
fn met([heads, queries, keys]: [usize; 3], left: &[i64], right: &[i64]) -> Vec<i64> {
    let width = left.len() / queries / heads;
    let number = |unit: usize| {
        let (pair, head) = (unit / heads, unit % heads);
        let own = channels(left, width, [heads, pair / keys, head]);
        dot(own, channels(right, width, [heads, pair % keys, head]))
    };
    (0..queries * keys * heads).map(number).collect()
}

/// `weights·right` for each head, of keys, or of queries with the weights turned.
fn mixed(
    [heads, queries, keys]: [usize; 3],
    weights: &[i64],
    right: &[i64],
    turned: bool,
) -> Vec<i64> {
    let (to, over) = if turned { (keys, queries) } else { (queries, keys) };
    let count = right.len() / over;
    let number = |unit: usize| {
        let (at, channel) = (unit / count, unit % count);
        let head = channel / (count / heads);
        let term = |other: usize| {
            let (query, key) = if turned { (other, at) } else { (at, other) };
            weights[(query * keys + key) * heads + head] * right[other * count + channel]
        };
        (0..over).map(term).sum()
    };
    (0..to * count).map(number).collect()
}

/// What scores or values are rounded from.
pub fn attended(layer: &Layer, first: &[i64], second: &[i64]) -> Vec<i64> {
    let factor = layer.heads.expect("heads").factor;
    match layer.kind {
        LayerKind::AttentionScores => {
            met(sizes(layer), first, second).into_iter().map(|x| factor * x).collect()
        }
        _ => mixed(sizes(layer), first, second, false),
    }
}

/// What they send to the first or the second of the two that they take, before rounding.
pub fn attended_back(layer: &Layer, [a, b]: [&[i64]; 2], d: &[i64], second: bool) -> Vec<i64> {
    let (sizes, factor) = (sizes(layer), layer.heads.expect("heads").factor);
    match (layer.kind, second) {
        (LayerKind::AttentionScores, _) => {
            let other = if second { a } else { b };
            mixed(sizes, d, other, second).into_iter().map(|x| factor * x).collect()
        }
        (_, false) => met(sizes, d, b),
        (_, true) => mixed(sizes, a, d, true),
    }
}

impl SoftmaxStep {
    /// What a share is rounded from.
    pub fn output(&self, layer: &Layer, b: usize, unit: usize) -> i64 {
        self.e[b][unit] * self.inverse[b][row_of(layer, unit)]
    }

    /// What the gradient that is sent is rounded from.
    pub fn sent(&self, layer: &Layer, b: usize, p: &[i64], d: &[i64]) -> Vec<i64> {
        let numbers = p.iter().zip(d).enumerate();
        numbers.map(|(unit, (p, d))| p * (d - self.mean[b][row_of(layer, unit)])).collect()
    }
}

/// The row of a pair.
pub fn row_of(layer: &Layer, unit: usize) -> usize {
    let [heads, _, keys] = sizes(layer);
    unit / heads / keys * heads + unit % heads
}

/// The numbers of a row, and how many of the first of them may be looked at.
pub fn numbers_of(layer: &Layer, row: usize) -> (Vec<usize>, usize) {
    let [heads, _, keys] = sizes(layer);
    let (query, head) = (row / heads, row % heads);
    let all = (0..keys).map(|key| (query * keys + key) * heads + head).collect();
    (all, if bounds(layer).causal { query + 1 } else { keys })
}

impl Forge<'_, '_> {
    /// Where a row's numbers lie.
    fn row_index(&self, layer: &Layer, [t, b, row]: [usize; 3]) -> Vec<usize> {
        let [heads, ..] = sizes(layer);
        vec![row % heads, t, b, row / heads, 0]
    }

    /// A plain value of which more is told, written.
    fn told(&mut self, name: &str, at: [usize; 3], index: &[usize], mut value: Value) -> i64 {
        (self.hook)(name, at, &mut value);
        self.put(name, index, value.q);
        value.q
    }

    /// Rows of a step. Of a maximum `context` is the largest number behind those that may be looked at, and `low` the sum that there
    /// would be if it were the maximum; of a mark `context` is its key. Both have 1 in `high` if the first two numbers are both
    /// the largest.
    pub fn softmax_forward(&mut self, t: usize, l: usize, input: &Matrix) -> SoftmaxStep {
        let layer = &self.network.layers[l];
        let [heads, queries, _] = sizes(layer);
        let (causal, table) = (bounds(layer).causal, exp_table(layer.a_in_frac, 1 << 14));
        let name = |part: &str| format!("layer{l}.{part}");
        let mut step = SoftmaxStep::default();
        for (b, a) in input.iter().enumerate() {
            let (mut inverses, mut numbers) = (Vec::new(), vec![0; a.len()]);
            for row in 0..queries * heads {
                let ((all, allowed), at) = (numbers_of(layer, row), [t, b, row]);
                let index = self.row_index(layer, at);
                let largest = all[..allowed].iter().map(|i| a[*i]).max().unwrap();
                let behind = all[allowed..].iter().map(|i| a[*i]).max().unwrap_or(i64::MIN);
                let place = all[allowed..].iter().position(|i| a[*i] == behind);
                let alike = allowed > 1 && all[..2].iter().all(|i| a[*i] == largest);
                let more = |q: i64, context: i64| Value {
                    q,
                    context,
                    high: vec![i64::from(alike)],
                    ..Value::default()
                };
                let numbers_below = |max: i64| -> i64 {
                    let keys = all[..allowed].iter().map(|i| usize::try_from(max - a[*i]));
                    keys.map(|key| key.map_or(0, |key| i64::from(table[key]))).sum()
                };
                let sum = if behind > largest { numbers_below(behind) } else { 0 };
                let of_max = Value { low: vec![sum], ..more(largest, behind) };
                let max = self.told(&name("max"), at, &index, of_max);
                let first = all.iter().position(|i| a[*i] == largest).unwrap();
                let place = place.map_or(-1, |place| (allowed + place) as i64);
                let mut sum = 0;
                for (key, unit) in all.iter().copied().enumerate() {
                    let (at, index) = ([t, b, unit], index_of(&layer.output, [t, b, unit]));
                    let mark = more(i64::from(key == first), place);
                    self.told(&name("at_max"), at, &index, mark);
                    let open = key < allowed;
                    let mut below = if open { max - a[unit] } else { 0 };
                    if causal {
                        below = self.plain(&name("below"), at, &index, below, i64::from(open));
                    }
                    // A lie may ask for what no table has.
                    let e = usize::try_from(below).ok().and_then(|key| table.get(key)).copied();
                    let e = i64::from(e.unwrap_or(0)) - if open { 0 } else { 1 << 14 };
                    let e = self.plain(&name("e"), at, &index, e, i64::from(open));
                    numbers[unit] = e;
                    sum += e;
                }
                let whole = (1i128 << 30) - 1;
                let sum = i128::from(sum);
                let inverse = self.wide(l, "inverse", at, &index, whole / sum)[0];
                let low = self.wide(l, "inverse_low", at, &index, whole - sum * inverse)[0];
                self.wide(l, "inverse_high", at, &index, sum - 1 - low);
                inverses.push(inverse as i64);
            }
            step.inverse.push(inverses);
            step.e.push(numbers);
        }
        step
    }

    /// The mean of the gradient `d` of each row, by shares.
    pub fn softmax_backward(
        &mut self,
        [t, l]: [usize; 2],
        step: &mut SoftmaxStep,
        p: &Matrix,
        d: &Matrix,
    ) {
        let layer = &self.network.layers[l];
        let [heads, queries, _] = sizes(layer);
        for (b, (p, d)) in p.iter().zip(d).enumerate() {
            let mean = |row: usize| {
                let all = numbers_of(layer, row).0;
                let x = all.iter().map(|i| p[*i] * d[*i]).sum();
                let index = self.row_index(layer, [t, b, row]);
                let spec = &bounds(layer).mean;
                self.round(&format!("layer{l}.mean"), spec, x, [t, b, row], (&index, &index))
            };
            step.mean.push((0..queries * heads).map(mean).collect());
        }
    }
}
