//! A training step that can be told to lie once.
//!
//! The integer semantics once more, from the specification, straight into a
//! sheet. A hook sees every value as it is computed and may change it;
//! everything after it is computed honestly from the lie. So a forged sheet
//! breaks the constraint that forbids the lie, and as far as possible no other.

mod adam;
pub mod attention;
mod loss;
mod norm;
mod rows;

use attention::SoftmaxStep;
use norm::NormStep;
pub use norm::wide_parts;
use rows::RowStep;
use zktrain_commit::sheet::Sheet;
use zktrain_model::manifest::{Activation, Features, Layer, LayerKind, Network, RoundSpec};
use zktrain_model::operators::ARRIVING;
use zktrain_model::quant::{
    gelu_derivative_table, gelu_table, sigmoid_table, silu_derivative_table, silu_table, tanh_table,
};

/// The cells that one value takes: a plain value is `q` alone.
#[derive(Clone, Debug, Default)]
pub struct Value {
    pub q: i64,
    pub r: Vec<i64>,
    pub high: Vec<i64>,
    pub low: Vec<i64>,
    /// Whatever else a lie may depend on: `z` of an activation, the first number of a pool's window, for the bits
    /// that choose one the first largest's place (-1 if all are equal), the divisor of a
    /// probability; for a row's maximum 1 if all classes attain it, and for the
    /// bits that mark it which class does, -1 if all do, -2 if several.
    pub context: i64,
}

/// Sees name, `(step, row, column)` and value.
pub type Hook<'h> = dyn FnMut(&str, [usize; 3], &mut Value) + 'h;

/// A matrix of steps: `[row][column]`.
type Matrix = Vec<Vec<i64>>;

struct Forge<'a, 'h> {
    network: &'a Network,
    sheet: Sheet,
    hook: &'a mut Hook<'h>,
    /// The step's, with Adam.
    rate: i64,
}

/// Recomputes everything that is not given: data, parameters before, state, tables.
pub fn forge(network: &Network, sheet: Sheet, hook: &mut Hook<'_>) -> Sheet {
    let layers = network.layers.len();
    let mut forge = Forge { network, sheet, hook, rate: 0 };
    let mut parameters: Vec<[Matrix; 3]> = (0..layers).map(|l| forge.before(l, "before")).collect();
    let mut previous: Vec<[Matrix; 3]> = (0..layers)
        .map(|l| if network.momentum { forge.before(l, "state") } else { Default::default() })
        .collect();
    for t in 0..network.steps {
        let (inputs, mut pass) = forge.forward(t, &parameters);
        let gradients = forge.backward(t, &parameters, &inputs, &mut pass);
        forge.rate = forge.rate(t);
        for l in 0..layers {
            let norm = network.layers[l].norm.as_ref().map(|_| &pass.norms[l]);
            for (kind, name) in ["w", "b", "s"].into_iter().enumerate() {
                let sums = match (kind, norm) {
                    _ if network.layers[l].n_in == 0 => continue,
                    (2, Some(step)) => {
                        let running = parameters[l][2].clone();
                        let update = forge.norm_tracked(t, l, step, &running);
                        subtract(&mut parameters[l][2], &update);
                        continue;
                    }
                    (_, Some(step)) => vec![step.learned()[kind].clone()],
                    (0, _) => outer(&network.layers[l], &inputs[l], &gradients[l]),
                    (1, _) if network.layers[l].bias => {
                        vec![bias_sums(network, l, &gradients[l])]
                    }
                    _ => continue,
                };
                let weights = &mut parameters[l][kind];
                let update = forge.update(t, l, name, &sums, weights, previous[l][kind].as_slice());
                subtract(weights, &update);
                previous[l][kind] = update;
            }
        }
    }
    forge.sheet
}

fn subtract(parameters: &mut Matrix, update: &Matrix) {
    for (row, own) in parameters.iter_mut().zip(update) {
        row.iter_mut().zip(own).for_each(|(w, d)| *w -= d);
    }
}

/// Which numbers of the input meet which rows of the weights, at each position of the output and in one of its
/// channels.
fn taps(layer: &Layer, own: usize) -> Vec<Vec<(usize, usize)>> {
    if layer.kind == LayerKind::Scale {
        return (0..layer.output.positions()).map(|p| vec![(p * layer.n_out + own, 0)]).collect();
    }
    let (Some(kernel), Some([height, width]), Some([rows, columns])) =
        (layer.kernel, layer.input.image, layer.output.image)
    else {
        return vec![(0..layer.n_in).map(|i| (i, i)).collect()];
    };
    let channels = layer.input.channels;
    let covered = |i: usize, j: usize| {
        let mut taps = Vec::new();
        for place in 0..kernel.size * kernel.size {
            let y = (i * kernel.stride + place / kernel.size) as i64 - kernel.padding as i64;
            let x = (j * kernel.stride + place % kernel.size) as i64 - kernel.padding as i64;
            if (0..height as i64).contains(&y) && (0..width as i64).contains(&x) {
                let first = (y as usize * width + x as usize) * channels;
                match layer.kind {
                    LayerKind::DepthwiseConv2d => taps.push((first + own, place)),
                    _ => taps.extend((0..channels).map(|c| (first + c, place * channels + c))),
                }
            }
        }
        taps
    };
    (0..rows * columns).map(|place| covered(place / columns, place % columns)).collect()
}

/// The numbers of the input in a pool's window, by rows.
fn window(layer: &Layer, unit: usize) -> Vec<usize> {
    let (size, channels) = (layer.kernel.unwrap().size, layer.input.channels);
    let ([_, width], [_, columns]) = (layer.input.image.unwrap(), layer.output.image.unwrap());
    let (position, channel) = (unit / channels, unit % channels);
    let (i, j) = (position / columns * size, position % columns * size);
    let place = |place: usize| (i + place / size) * width + j + place % size;
    (0..size * size).map(|p| place(p) * channels + channel).collect()
}

/// Of a leaky ReLU's values, and of its gradients: a product of 16 bits with 2^16 at most.
pub const LEAKY: RoundSpec = RoundSpec {
    shift: 16,
    lo: -(1 << 15),
    hi: (1 << 15) - 1,
    x_min: -(1 << 31),
    x_max: ((1 << 15) - 1) << 16,
    bound_bits: 32,
};

/// What a leaky ReLU multiplies with.
fn leak(slope: i64, negative: i64) -> i64 {
    (1 << 16) - negative * ((1 << 16) - slope)
}

/// `round(2^16/k²)`
fn share(layer: &Layer) -> i64 {
    let places = layer.kernel.unwrap().size.pow(2) as f64;
    (65536.0 / places).round() as i64
}

/// A number's channel, step, sample and, in an image, row and column.
fn index_of(features: &Features, [t, b, unit]: [usize; 3]) -> Vec<usize> {
    let (position, channel) = (unit / features.channels, unit % features.channels);
    let mut index = vec![channel, t, b];
    if let Some([_, width]) = features.image {
        index.extend([position / width, position % width]);
    }
    index
}

/// A weight's row as the numbers of its tensor's dimensions.
fn row_index(layer: &Layer, mut row: usize) -> Vec<usize> {
    let mut index = Vec::new();
    for size in layer.rows().iter().rev() {
        index.insert(0, row % size);
        row /= size;
    }
    index
}

/// `Σ_b Σ_position a[b][i]·d[b][j]`
fn outer(layer: &Layer, a: &Matrix, d: &Matrix) -> Matrix {
    let n = layer.n_out;
    let mut sums = vec![vec![0; n]; layer.n_in];
    if layer.kind == LayerKind::Positions {
        for (unit, d) in d.iter().flat_map(|d| d.iter().enumerate()) {
            sums[unit / n][unit % n] += d;
        }
        return sums;
    }
    for j in 0..n {
        for (position, taps) in taps(layer, j).iter().enumerate() {
            for (a, d) in a.iter().zip(d) {
                for (i, row) in taps {
                    sums[*row][j] += a[*i] * d[position * n + j];
                }
            }
        }
    }
    sums
}

fn bias_sums(network: &Network, l: usize, d: &Matrix) -> Vec<i64> {
    let layer = &network.layers[l];
    let own = |j: usize| d.iter().flat_map(move |d| d.iter().skip(j).step_by(layer.n_out));
    (0..layer.n_out).map(|j| own(j).sum::<i64>() << layer.a_in_frac).collect()
}

impl Forge<'_, '_> {
    fn get(&self, name: &str, index: &[usize]) -> i64 {
        let layout = self.sheet.layout();
        let id = layout.find(name).unwrap_or_else(|| panic!("no tensor {name}"));
        i64::from(self.sheet.get(id, flat(layout.tensor(id).domain(), index)))
    }

    fn put(&mut self, name: &str, index: &[usize], value: i64) {
        let layout = self.sheet.layout();
        let id = layout.find(name).unwrap_or_else(|| panic!("no tensor {name}"));
        let at = flat(layout.tensor(id).domain(), index);
        self.sheet.set(id, at, i32::try_from(value).expect("cells have 32 bits"));
    }

    /// Weights `[n_in][n_out]`, biases `[1][n_out]` and running statistics `[2][n_out]`.
    fn before(&self, l: usize, which: &str) -> [Matrix; 3] {
        let layer = &self.network.layers[l];
        let norm = layer.norm.is_some();
        let weight = |i: usize, j: usize| {
            let index = match norm {
                true => vec![0, j],
                false => [vec![0], row_index(layer, i), vec![j]].concat(),
            };
            self.get(&format!("layer{l}.w.{which}"), &index)
        };
        let w = (0..layer.n_in).map(|i| (0..layer.n_out).map(|j| weight(i, j)).collect());
        let b = || (0..layer.n_out).map(|j| self.get(&format!("layer{l}.b.{which}"), &[0, j]));
        let s = |i: usize| {
            let one = |j: usize| self.get(&format!("layer{l}.s.{which}"), &[0, i, j]);
            (0..layer.n_out).map(one).collect()
        };
        let statistics = if norm { (0..2).map(s).collect() } else { Vec::new() };
        [w.collect(), if layer.bias { vec![b().collect()] } else { Vec::new() }, statistics]
    }

    /// A plain value, told to the hook and written.
    fn plain(&mut self, name: &str, at: [usize; 3], index: &[usize], q: i64, context: i64) -> i64 {
        let mut value = Value { q, context, ..Value::default() };
        (self.hook)(name, at, &mut value);
        self.put(name, index, value.q);
        value.q
    }

    /// A rounding, told to the hook and written; the quotient to `q_index`.
    fn round(
        &mut self,
        name: &str,
        spec: &RoundSpec,
        x: i64,
        at: [usize; 3],
        (q_index, index): (&[usize], &[usize]),
    ) -> i64 {
        let mut value = honest(spec, x);
        (self.hook)(name, at, &mut value);
        self.put(&format!("{name}.q"), q_index, value.q);
        for (part, limbs) in [("r", &value.r), ("high", &value.high), ("low", &value.low)] {
            for (k, limb) in limbs.iter().enumerate() {
                self.put(&format!("{name}.{part}{k}"), index, *limb);
            }
        }
        value.q
    }

    /// Inputs of every layer and what the backward pass needs.
    fn forward(&mut self, t: usize, parameters: &[[Matrix; 3]]) -> (Vec<Matrix>, Pass) {
        let network = self.network;
        let first = (0..network.batch).map(|b| {
            let index = |i| [vec![0], index_of(&network.features, [t, b, i])].concat();
            (0..network.input).map(|i| self.get("inputs", &index(i))).collect()
        });
        let first: Matrix = first.collect();
        let mut inputs: Vec<Matrix> = Vec::new();
        let mut pass = Pass::default();
        for (l, layer) in network.layers.iter().enumerate() {
            let (mut zs, mut signs, mut outs) = (Vec::new(), Vec::new(), Vec::new());
            inputs.push(layer.from.map_or(first.clone(), |from| pass.a[from].clone()));
            let norm = match layer.kind {
                LayerKind::BatchNorm => {
                    self.norm_forward(t, l, &parameters[l][0][0], &inputs[l].clone())
                }
                _ => NormStep::default(),
            };
            let rows = match layer.rows {
                Some(_) => self.rows_forward(t, l, &inputs[l].clone()),
                None => RowStep::default(),
            };
            let softmax = match layer.softmax {
                Some(_) => self.softmax_forward(t, l, &inputs[l].clone()),
                None => SoftmaxStep::default(),
            };
            for (b, a) in inputs[l].clone().iter().enumerate() {
                let with = layer.heads.map(|_| &pass.a[layer.with.unwrap()][b]);
                let attended = with.map(|with| attention::attended(layer, a, with));
                let (mut z_row, mut sign_row, mut a_row) = (Vec::new(), Vec::new(), Vec::new());
                for unit in 0..layer.output.count() {
                    let at = [t, b, unit];
                    let z = match layer.kind {
                        LayerKind::MaxPool2d => self.largest(l, a, at),
                        LayerKind::Add => self.added(l, a, &pass.a[layer.with.unwrap()][b], at),
                        LayerKind::BatchNorm => {
                            let j = unit % layer.n_out;
                            let x = norm.output(layer, parameters[l][1][0][j], a[unit], j);
                            let index = index_of(&layer.output, at);
                            let index = (&index[..], &index[..]);
                            self.round(&format!("layer{l}.z"), &layer.z, x, at, index)
                        }
                        LayerKind::LayerNorm | LayerKind::RmsNorm => {
                            let x = rows.output(layer, a[unit], b, unit);
                            let index = index_of(&layer.output, at);
                            let index = (&index[..], &index[..]);
                            self.round(&format!("layer{l}.z"), &layer.z, x, at, index)
                        }
                        LayerKind::Softmax => {
                            self.rounded_output(l, softmax.output(layer, b, unit), at)
                        }
                        LayerKind::Positions => {
                            let w = parameters[l][0][unit / layer.n_out][unit % layer.n_out];
                            let (own, frac) = (layer.a_in_frac, network.weight_frac);
                            let most = own.max(frac);
                            let x = (a[unit] << (most - own)) + (w << (most - frac));
                            self.rounded_output(l, x, at)
                        }
                        _ => match &attended {
                            Some(x) => self.rounded_output(l, x[unit], at),
                            None => self.weighed(l, &parameters[l], a, at),
                        },
                    };
                    let (sign, out) = self.activate(l, layer, z, at);
                    z_row.push(z);
                    sign_row.push(sign);
                    a_row.push(out);
                }
                zs.push(z_row);
                signs.push(sign_row);
                outs.push(a_row);
            }
            pass.z.push(zs);
            pass.sign.push(signs);
            pass.a.push(outs);
            pass.norms.push(norm);
            pass.rows.push(rows);
            pass.softmax.push(softmax);
        }
        (inputs, pass)
    }

    /// A number of a layer's output, rounded.
    fn rounded_output(&mut self, l: usize, x: i64, at: [usize; 3]) -> i64 {
        let layer = &self.network.layers[l];
        let index = index_of(&layer.output, at);
        self.round(&format!("layer{l}.z"), &layer.z, x, at, (&index, &index))
    }

    /// A product with weights, or a mean.
    fn weighed(&mut self, l: usize, [w, bias, _]: &[Matrix; 3], a: &[i64], at: [usize; 3]) -> i64 {
        let layer = &self.network.layers[l];
        let x = if layer.kind == LayerKind::AvgPool2d {
            share(layer) * window(layer, at[2]).iter().map(|i| a[*i]).sum::<i64>()
        } else {
            let (position, j) = (at[2] / layer.n_out, at[2] % layer.n_out);
            let dot: i64 = taps(layer, j)[position].iter().map(|(i, row)| a[*i] * w[*row][j]).sum();
            dot + bias.first().map_or(0, |row| row[j] << layer.a_in_frac)
        };
        let index = index_of(&layer.output, at);
        self.round(&format!("layer{l}.z"), &layer.z, x, at, (&index, &index))
    }

    /// The sum of two numbers, in the finer one's fractional bits.
    fn added(&mut self, l: usize, a: &[i64], b: &[i64], at: [usize; 3]) -> i64 {
        let layer = &self.network.layers[l];
        let frac = |of: Option<usize>| self.network.layers[of.unwrap()].a_frac;
        let (first, second) = (frac(layer.from), frac(layer.with));
        let most = first.max(second);
        let x = (a[at[2]] << (most - first)) + (b[at[2]] << (most - second));
        let index = index_of(&layer.output, at);
        self.round(&format!("layer{l}.z"), &layer.z, x, at, (&index, &index))
    }

    /// A window's largest number, and the bits that say where it is.
    fn largest(&mut self, l: usize, a: &[i64], at: [usize; 3]) -> i64 {
        let layer = &self.network.layers[l];
        let places = window(layer, at[2]);
        let most = places.iter().map(|i| a[*i]).max().unwrap();
        let first = places.iter().position(|i| a[*i] == most).unwrap();
        let index = index_of(&layer.output, at);
        let mut value = Value { q: most, context: a[places[0]], ..Value::default() };
        (self.hook)(&format!("layer{l}.z"), at, &mut value);
        let z = value.q;
        self.put(&format!("layer{l}.z.q"), &index, z);
        let alike = places.iter().all(|i| a[*i] == most);
        let context = if alike { -1 } else { first as i64 };
        let size = layer.kernel.unwrap().size;
        for place in 0..places.len() {
            let [c, t, b, i, j] = index[..] else { panic!("an image") };
            let cell = [c, t, b, i, place / size, j, place % size];
            let number = [t, b, at[2] * places.len() + place];
            let bit = i64::from(place == first);
            self.plain(&format!("layer{l}.chosen"), number, &cell, bit, context);
        }
        z
    }

    /// What a layer sends to each number of its input, before any rounding.
    fn sent(&self, l: usize, w: &Matrix, at: [usize; 2], above: &[i64]) -> Vec<i64> {
        let layer = &self.network.layers[l];
        let mut sums = vec![0; layer.input.count()];
        for (unit, d) in above.iter().enumerate() {
            if layer.n_in > 0 {
                let (position, j) = (unit / layer.n_out, unit % layer.n_out);
                taps(layer, j)[position].iter().for_each(|(i, row)| sums[*i] += d * w[*row][j]);
                continue;
            }
            let size = layer.kernel.unwrap().size;
            for (place, i) in window(layer, unit).into_iter().enumerate() {
                let [c, t, b, y, x] = index_of(&layer.output, [at[0], at[1], unit])[..] else {
                    panic!("an image")
                };
                let cell = [c, t, b, y, place / size, x, place % size];
                sums[i] = d * match layer.kind {
                    LayerKind::MaxPool2d => self.get(&format!("layer{l}.chosen"), &cell),
                    _ => share(layer),
                };
            }
        }
        sums
    }

    /// What the way back needs of an activation, a rectifier's bit or a derivative; and its value.
    fn activate(&mut self, l: usize, layer: &Layer, z: i64, at: [usize; 3]) -> (i64, i64) {
        let index = index_of(&layer.output, at);
        let name = format!("layer{l}.a");
        let key = || usize::try_from(z + (1 << 15)).unwrap();
        match layer.activation {
            Activation::Identity => (0, z),
            Activation::Relu => {
                let sign = format!("layer{l}.negative");
                let s = self.plain(&sign, at, &index, i64::from(z < 0), z);
                (s, self.plain(&name, at, &index, (1 - s) * z, z))
            }
            Activation::Sigmoid => {
                let a = sigmoid_table(layer.z_frac, layer.a_frac)[key()];
                (0, self.plain(&name, at, &index, a.into(), z))
            }
            Activation::Tanh => {
                let a = tanh_table(layer.z_frac, layer.a_frac)[key()];
                (0, self.plain(&name, at, &index, a.into(), z))
            }
            Activation::LeakyRelu { slope } => {
                let sign = format!("layer{l}.negative");
                let s = self.plain(&sign, at, &index, i64::from(z < 0), z);
                (s, self.round(&name, &LEAKY, leak(slope, s) * z, at, (&index, &index)))
            }
            Activation::Gelu | Activation::Silu => {
                let tables = match layer.activation {
                    Activation::Gelu => [gelu_table, gelu_derivative_table],
                    _ => [silu_table, silu_derivative_table],
                };
                let [a, h] = tables.map(|table| i64::from(table(layer.z_frac)[key()]));
                let a = self.plain(&name, at, &index, a, z);
                (self.plain(&format!("layer{l}.h"), at, &index, h, z), a)
            }
        }
    }

    /// `D` of every layer.
    fn backward(
        &mut self,
        t: usize,
        parameters: &[[Matrix; 3]],
        inputs: &[Matrix],
        pass: &mut Pass,
    ) -> Vec<Matrix> {
        let network = self.network;
        let last = network.layers.len() - 1;
        let mut gradients = vec![Matrix::new(); last + 1];
        // What has arrived at every layer's output.
        let blank = |l: usize| vec![vec![0; network.layers[l].output.count()]; network.batch];
        let mut arrived: Vec<Matrix> = (0..=last).map(blank).collect();
        for l in (0..=last).rev() {
            let layer = &network.layers[l];
            let row = |b: usize| match l == last {
                true => self.loss(t, b, &pass.z[last][b]),
                false => {
                    let units = arrived[l][b].iter().enumerate();
                    units
                        .map(|(unit, g)| self.derivative(l, layer, *g, [t, b, unit], pass))
                        .collect()
                }
            };
            gradients[l] = (0..network.batch).map(row).collect();
            if layer.norm.is_some() {
                let step = &mut pass.norms[l];
                self.norm_backward([t, l], step, &inputs[l], &gradients[l]);
            }
            if layer.rows.is_some() {
                let (step, z) = (&mut pass.rows[l], &pass.z[l]);
                self.rows_backward([t, l], step, z, &gradients[l]);
            }
            if layer.softmax.is_some() {
                let (step, p) = (&mut pass.softmax[l], &pass.z[l]);
                self.softmax_backward([t, l], step, p, &gradients[l]);
            }
            for below in layer.from.into_iter().chain(layer.with) {
                for b in 0..network.batch {
                    let (a, d) = (&inputs[l][b], gradients[l][b].clone());
                    let sent = self.arriving(t, b, (l, below), (&parameters[l][0], pass, a), &d);
                    arrived[below][b].iter_mut().zip(sent).for_each(|(sum, g)| *sum += g);
                }
            }
        }
        gradients
    }

    /// What a layer sends to one of those whose values it takes, of one sample.
    fn arriving(
        &mut self,
        t: usize,
        b: usize,
        (l, below): (usize, usize),
        (w, pass, a): (&Matrix, &Pass, &[i64]),
        d: &[i64],
    ) -> Vec<i64> {
        let (layer, to) = (&self.network.layers[l], &self.network.layers[below]);
        if !sends_tensor(layer) {
            return d.iter().map(|d| d << (to.g_frac - layer.d_frac)).collect();
        }
        let slot = slot(self.network, l, below);
        let sums: Vec<i64> = match layer.kind {
            LayerKind::BatchNorm => {
                let norm = &pass.norms[l];
                (0..d.len()).map(|k| norm.sent(d[k], a[k], k % layer.n_out)).collect()
            }
            LayerKind::LayerNorm | LayerKind::RmsNorm => {
                pass.rows[l].sent(layer, b, &pass.z[l][b], d)
            }
            LayerKind::Softmax => pass.softmax[l].sent(layer, b, &pass.z[l][b], d),
            LayerKind::AttentionScores | LayerKind::AttentionValues => {
                let (with, second) = (layer.with.unwrap(), layer.with == Some(below));
                attention::attended_back(layer, [a, &pass.a[with][b]], d, second)
            }
            _ => self.sent(l, w, [t, b], d),
        };
        let round = |(unit, x): (usize, i64)| {
            let (at, index) = ([t, b, unit], index_of(&to.output, [t, b, unit]));
            let name = format!("layer{below}.{}", ARRIVING[slot]);
            self.round(&name, &to.g[slot], x, at, (&index, &index))
        };
        sums.into_iter().enumerate().map(round).collect()
    }

    fn derivative(&mut self, l: usize, layer: &Layer, g: i64, at: [usize; 3], pass: &Pass) -> i64 {
        let [_, b, j] = at;
        let (index, a) = (index_of(&layer.output, at), pass.a[l][b][j]);
        let name = format!("layer{l}.d");
        let product = match layer.activation {
            Activation::Identity => return g,
            Activation::Relu => {
                return self.plain(&name, at, &index, (1 - pass.sign[l][b][j]) * g, g);
            }
            Activation::Sigmoid => a * ((1 << layer.a_frac) - a) * g,
            Activation::Tanh => ((1 << (2 * layer.a_frac)) - a * a) * g,
            Activation::LeakyRelu { slope } => leak(slope, pass.sign[l][b][j]) * g,
            Activation::Gelu | Activation::Silu => pass.sign[l][b][j] * g,
        };
        self.round(&name, &layer.d.unwrap(), product, at, (&index, &index))
    }

    /// The update of one weight matrix or bias vector.
    fn update(
        &mut self,
        t: usize,
        l: usize,
        kind: &str,
        sums: &Matrix,
        weights: &Matrix,
        previous: &[Vec<i64>],
    ) -> Matrix {
        let network = self.network;
        let layer = &network.layers[l];
        let name = format!("layer{l}.{kind}");
        let mut out = Matrix::new();
        for (i, row) in sums.iter().enumerate() {
            let mut updates = Vec::new();
            for (j, sum) in row.iter().enumerate() {
                let at = [t, i, j];
                let (block, trace) = match kind {
                    "w" if layer.norm.is_none() => {
                        let row = row_index(layer, i);
                        ([vec![t], row.clone(), vec![j]].concat(), [row, vec![t, j]].concat())
                    }
                    _ => (vec![t, j], vec![j, t]),
                };
                let gradient = match &layer.clip {
                    Some(spec) => {
                        self.round(&format!("{name}.clip"), spec, *sum, at, (&trace, &trace))
                    }
                    None => *sum,
                };
                if network.adam.is_some() {
                    let (own, places) = ((l, &*name), (&*block, &*trace));
                    updates.push(self.adam(own, at, places, (gradient, self.rate)));
                    continue;
                }
                let momentum = previous.get(i).map_or(0, |row| network.mu * row[j]);
                let x = momentum + layer.eta * gradient + network.lambda * weights[i][j];
                let update = format!("{name}.update");
                updates.push(self.round(&update, &layer.update.unwrap(), x, at, (&block, &trace)));
            }
            out.push(updates);
        }
        out
    }
}

/// Which of the gradients that arrive at a layer is the one that layer `l` sends.
pub fn slot(network: &Network, l: usize, below: usize) -> usize {
    let sends = |layer: &&Layer| sends_tensor(layer) && takes(layer, below);
    network.layers[..l].iter().filter(sends).count()
}

/// Whether what a layer sends is rounded, not what arrives at it.
pub fn sends_tensor(layer: &Layer) -> bool {
    !matches!(layer.kind, LayerKind::Add | LayerKind::Positions)
}

/// Whether a layer takes the values of another.
pub fn takes(layer: &Layer, below: usize) -> bool {
    [layer.from, layer.with].contains(&Some(below))
}

/// What the forward pass leaves: `[layer][sample][unit]`.
#[derive(Default)]
struct Pass {
    z: Vec<Matrix>,
    sign: Vec<Matrix>,
    a: Vec<Matrix>,
    norms: Vec<NormStep>,
    rows: Vec<RowStep>,
    softmax: Vec<SoftmaxStep>,
}

/// The only honest cells for `x`.
fn honest(spec: &RoundSpec, x: i64) -> Value {
    let v = spec.round(x);
    let q = v.clamp(spec.lo, spec.hi);
    let (s, r) = (spec.shift, x - (v << spec.shift));
    let r = match s {
        0 => Vec::new(),
        1..=16 => vec![r],
        _ => {
            let shifted = r + (1 << (s - 1));
            vec![shifted & ((1 << (s - 16)) - 1), (shifted >> (s - 16)) - (1 << 15)]
        }
    };
    let high = limbs((v - q).max(0), spec.excess_high_bits());
    let low = limbs((q - v).max(0), spec.excess_low_bits());
    Value { q, r, high, low, context: 0 }
}

/// Sixteen bits a limb; a negative number's sign goes to the last one.
pub fn limbs(value: i64, bits: u32) -> Vec<i64> {
    let count = bits.div_ceil(16);
    let limb = |k: u32| {
        let rest = value >> (16 * k);
        if k + 1 == count { rest } else { rest & 0xffff }
    };
    (0..count).map(limb).collect()
}

/// Padded flat index of a cell.
pub fn flat(domain: zktrain_model::relation::Domain, index: &[usize]) -> usize {
    index.iter().enumerate().map(|(axis, x)| x << domain.bit(axis)).sum()
}
