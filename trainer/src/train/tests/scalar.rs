//! The specification, one scalar at a time.

use zktrain_model::manifest::{self, LayerKind, Loss, Manifest, Network, RoundSpec};
use zktrain_model::trace::{LayerParameters, Parameters, Record, Recorded, Rounded, Trace};

use zktrain_model::operators::ARRIVING;

use super::norm::Norm;
use super::optimizer::{ExpectedChange, NextState, StateBefore};
use super::rows::Rows;
use crate::train::last_state;

/// Rounding by 2^16 to 16 bits, of products of numbers of 16 bits with 2^16 at most.
const SIXTEEN: RoundSpec = RoundSpec {
    shift: 16,
    lo: -32768,
    hi: 32767,
    x_min: -32768 << 16,
    x_max: 32767 << 16,
    bound_bits: 32,
};

/// Expected contents of one `Rounded`, in index order.
#[derive(Default)]
pub struct Expect {
    pub q: Vec<i32>,
    pub r: Vec<i32>,
    excess: Vec<(u32, i64)>,
}

impl Expect {
    pub fn round(&mut self, x: i128, spec: &RoundSpec) -> i64 {
        let half = if spec.shift == 0 { 0 } else { 1i128 << (spec.shift - 1) };
        let v = (x + half).div_euclid(1 << spec.shift);
        let q = v.clamp(spec.lo.into(), spec.hi.into());
        if v != q {
            self.excess.push((self.q.len() as u32, (v - q) as i64));
        }
        self.q.push(q as i32);
        self.r.push((x - (v << spec.shift)) as i32);
        assert!(x >= spec.x_min.into() && x <= spec.x_max.into(), "static bound");
        q as i64
    }

    pub fn check(&self, got: &Rounded, what: &str) {
        assert_eq!(self.q, got.q, "{what} quotients");
        assert_eq!(self.r, got.r, "{what} remainders");
        assert_eq!(self.excess, got.excess, "{what} excesses");
    }
}

/// Everything one layer is expected to leave.
#[derive(Default)]
struct Layer {
    z: Expect,
    a: Vec<i32>,
    a_leaky: Expect,
    negative: Vec<i32>,
    h: Vec<i32>,
    chosen: Vec<i32>,
    /// By who sends it.
    g: Vec<Expect>,
    d: Expect,
    d_relu: Vec<i32>,
    w: ExpectedChange,
    b: ExpectedChange,
    update_s: Expect,
    norm: Norm,
    rows: Rows,
}

fn table_value(kind: LayerKind, z: i64, z_frac: u32, a_frac: u32) -> i64 {
    let x = z as f64 / f64::from(1u32 << z_frac);
    let y = if kind == LayerKind::Tanh { x.tanh() } else { 1.0 / (1.0 + (-x).exp()) };
    (y * f64::from(1u32 << a_frac) + 0.5).floor() as i64
}

/// Value and derivative of a function that is looked up with both, the second with 14 fractional bits.
fn value_and_derivative(kind: LayerKind, z: i64, z_frac: u32) -> (i64, i64) {
    let (x, one) = (z as f64 / f64::from(1u32 << z_frac), f64::from(1u32 << z_frac));
    let (value, derivative) = if kind == LayerKind::Gelu {
        let below = (1.0 + libm::erf(x / 2f64.sqrt())) / 2.0;
        (x * below, below + x * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt())
    } else {
        let s = 1.0 / (1.0 + (-x).exp());
        (x * s, s + x * s * (1.0 - s))
    };
    ((value * one + 0.5).floor() as i64, (derivative * 16384.0 + 0.5).floor() as i64)
}

/// What is rounded to the number that a leaky ReLU puts out, or sends back, for `x`.
fn leak(negative: bool, slope: f64, x: i64) -> i128 {
    let factor = if negative { (slope * 65536.0 + 0.5).floor() as i128 } else { 1 << 16 };
    factor * i128::from(x)
}

/// Runs the specification entry by entry and compares with `trace`.
pub(super) fn check(manifest: &Manifest, network: &Network, trace: &Trace) {
    let (batch, count) = (network.batch, network.layers.len());
    // Kinds of activations, from the manifest and not from the lowered network.
    let (mut kinds, mut slopes) = (Vec::new(), Vec::new());
    for (i, layer) in manifest.model.layers.iter().enumerate() {
        let activation = |kind: &LayerKind| {
            use LayerKind::{Gelu, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
            matches!(kind, Relu | Sigmoid | Tanh | LeakyRelu | Gelu | Silu)
        };
        if !activation(&layer.kind) {
            let next = manifest.model.layers.get(i + 1).map(|next| next.kind);
            kinds.push(next.filter(activation));
            let slope = manifest.model.layers.get(i + 1).and_then(|next| next.slope);
            slopes.push(slope.unwrap_or(0.01));
        }
    }
    let sources = sources(manifest);
    let mut expected: Vec<Layer> = (0..count).map(|_| Layer::default()).collect();
    let mut parameters = trace.before.clone();
    let mut state = trace.state.clone();
    let mut loss = LossExpect::default();
    for t in 0..network.steps {
        let window = t * batch * network.input..(t + 1) * batch * network.input;
        let window: Vec<i64> = trace.inputs[window].iter().map(|x| i64::from(*x)).collect();
        let (mut inputs, mut outputs): (Vec<Vec<i64>>, Vec<Vec<i64>>) = (Vec::new(), Vec::new());
        for (l, layer) in network.layers.iter().enumerate() {
            let of = |source: &Option<usize>| source.map(|source| outputs[source].clone());
            let first = sources[l].first().and_then(of);
            inputs.push(first.unwrap_or_else(|| window.clone()));
            // The other values of a sum, and both in fractional bits of the finer.
            let with = sources[l].get(1).and_then(of).unwrap_or_default();
            let fracs: Vec<u32> =
                sources[l].iter().map(|s| s.map_or(0, |s| network.layers[s].a_frac)).collect();
            let (len, channels) = (layer.input.count(), layer.output.channels);
            if layer.kind == LayerKind::MaxPool2d {
                expected[l].chosen.extend(chosen(layer, &inputs[l], batch));
            }
            let mut out = Vec::new();
            let normed = layer.kind == LayerKind::BatchNorm;
            if normed {
                let p = &parameters.layers[l];
                expected[l].norm.forward(network, layer, p, &inputs[l]);
            }
            if matches!(layer.kind, LayerKind::LayerNorm | LayerKind::RmsNorm) {
                expected[l].rows.forward(layer, &inputs[l]);
            }
            for (i, at) in
                (0..batch).flat_map(|i| (0..layer.output.positions()).map(move |p| (i, p)))
            {
                for j in 0..channels {
                    let p = &parameters.layers[l];
                    let input = &inputs[l][i * len..];
                    let x = match layer.kind {
                        LayerKind::Add => {
                            let (n, most) = (i * len + at * channels + j, fracs[0].max(fracs[1]));
                            (i128::from(inputs[l][n]) << (most - fracs[0]))
                                + (i128::from(with[n]) << (most - fracs[1]))
                        }
                        LayerKind::BatchNorm => {
                            expected[l].norm.output(network, p, input[at * channels + j], j)
                        }
                        LayerKind::LayerNorm | LayerKind::RmsNorm => {
                            let row = i * layer.output.positions() + at;
                            expected[l].rows.output(input[at * channels + j], row)
                        }
                        _ => before_rounding(layer, p, input, at, j),
                    };
                    let z = expected[l].z.round(x, &layer.z);
                    let a = match kinds[l] {
                        None => z,
                        Some(LayerKind::Relu) => z.max(0),
                        Some(LayerKind::LeakyRelu) => {
                            let x = leak(z < 0, slopes[l], z);
                            expected[l].a_leaky.round(x, &SIXTEEN)
                        }
                        Some(kind @ (LayerKind::Gelu | LayerKind::Silu)) => {
                            let (a, h) = value_and_derivative(kind, z, layer.z_frac);
                            expected[l].h.push(h as i32);
                            a
                        }
                        Some(kind) => table_value(kind, z, layer.z_frac, layer.a_frac),
                    };
                    let leaky = kinds[l] == Some(LayerKind::LeakyRelu);
                    if kinds[l].is_some() && !leaky {
                        expected[l].a.push(a as i32);
                    }
                    if leaky || kinds[l] == Some(LayerKind::Relu) {
                        expected[l].negative.push(i32::from(z < 0));
                    }
                    out.push(a);
                }
            }
            outputs.push(out);
        }
        let n = network.output();
        let y = &trace.labels[t * batch * n..(t + 1) * batch * n];
        // What has arrived at every layer's output; of the last one what the loss says.
        let mut arrived: Vec<Vec<i64>> = vec![Vec::new(); count];
        let mut updates = Vec::new();
        let done = state.as_ref().map_or(0, |state| state.steps);
        let rates = network.adam.as_ref().map(|adam| adam.rates.values());
        let rate = rates.map_or(0, |rates| rates[done as usize]);
        let mut next = NextState::new(network, &parameters);
        for l in (0..count).rev() {
            let layer = &network.layers[l];
            let d = if l + 1 == count {
                loss.gradient(network, &outputs[l], y)
            } else {
                derived(layer, (kinds[l], slopes[l]), &mut expected[l], &outputs[l], &arrived[l])
            };
            if layer.kind == LayerKind::BatchNorm {
                expected[l].norm.backward(layer, &inputs[l], &d);
            }
            if matches!(layer.kind, LayerKind::LayerNorm | LayerKind::RmsNorm) {
                let z = expected[l].z.q.clone();
                expected[l].rows.backward(layer, &z[z.len() - d.len()..], &d);
            }
            for source in sources[l].iter().flatten().copied() {
                let sent = match layer.kind {
                    LayerKind::Add => {
                        let more = network.layers[source].g_frac - layer.d_frac;
                        d.iter().map(|d| d << more).collect()
                    }
                    _ => {
                        let senders = (0..l).filter(|k| {
                            sources[*k].contains(&Some(source))
                                && network.layers[*k].kind != LayerKind::Add
                        });
                        let slot = senders.count();
                        let at = (l, source, slot);
                        backward(&parameters, network, &mut expected, at, (&inputs[l], &d))
                    }
                };
                match arrived[source].is_empty() {
                    true => arrived[source] = sent,
                    false => arrived[source].iter_mut().zip(sent).for_each(|(a, b)| *a += b),
                }
            }
            if layer.n_in == 0 {
                updates.push((Vec::new(), Vec::new(), None));
                continue;
            }
            let (len, n_in, n_out) = (layer.input.count(), layer.n_in, layer.n_out);
            let own = (network, layer, rate);
            let of_weights = StateBefore { state: state.as_ref(), layer: l, of: |p| &p.w };
            let of_biases =
                StateBefore { state: state.as_ref(), layer: l, of: |p| p.b.as_ref().unwrap() };
            let mut w_updates = Vec::new();
            let Layer { w: of_w, b: of_b, update_s, norm, .. } = &mut expected[l];
            if layer.kind == LayerKind::BatchNorm {
                let p = &parameters.layers[l];
                let mut b = Vec::new();
                for (j, w) in p.w.iter().enumerate() {
                    let (update, left) = of_w.step(own, norm.learned(j)[0], *w, &of_weights.at(j));
                    w_updates.push(update);
                    next.weight(l, &left);
                }
                for (j, w) in p.b.as_ref().unwrap().iter().enumerate() {
                    let (update, left) = of_b.step(own, norm.learned(j)[1], *w, &of_biases.at(j));
                    b.push(update);
                    next.bias(l, &left);
                }
                let s = p.s.as_ref().unwrap().iter().enumerate().map(|(i, s)| {
                    let x = norm.tracked(*s, i / n_out, i % n_out);
                    update_s.round(x, &layer.norm.as_ref().unwrap().statistics) as i32
                });
                let s: Vec<i32> = s.collect();
                next.tracked(l, &s);
                updates.push((w_updates, b, Some(s)));
                continue;
            }
            let mut sums = vec![0i128; n_in * n_out];
            let places = layer.output.positions();
            let by_channel: Vec<_> = (0..n_out).map(|j| taps(layer, j)).collect();
            for (position, j) in (0..places).flat_map(|p| (0..n_out).map(move |j| (p, j))) {
                for i in 0..batch {
                    for (from, k) in &by_channel[j][position] {
                        let d = d[(i * places + position) * n_out + j];
                        sums[k * n_out + j] +=
                            i128::from(inputs[l][i * len + from]) * i128::from(d);
                    }
                }
            }
            for k in 0..n_in {
                for j in 0..n_out {
                    let x = sums[k * n_out + j];
                    let at = k * n_out + j;
                    let w = parameters.layers[l].w[at];
                    let (update, left) = of_w.step(own, x, w, &of_weights.at(at));
                    w_updates.push(update);
                    next.weight(l, &left);
                }
            }
            let mut b_updates = Vec::new();
            if let Some(b) = &parameters.layers[l].b {
                for (j, b) in b.iter().enumerate() {
                    let x: i128 = d.iter().skip(j).step_by(n_out).map(|d| i128::from(*d)).sum();
                    let (update, left) = of_b.step(own, x << layer.a_in_frac, *b, &of_biases.at(j));
                    b_updates.push(update);
                    next.bias(l, &left);
                }
            }
            updates.push((w_updates, b_updates, None));
        }
        updates.reverse();
        for (l, (w, b, s)) in updates.into_iter().enumerate() {
            let p = &mut parameters.layers[l];
            p.w.iter_mut().zip(&w).for_each(|(p, u)| *p -= u);
            p.b.iter_mut().flatten().zip(&b).for_each(|(p, u)| *p -= u);
            p.s.iter_mut().flatten().zip(s.iter().flatten()).for_each(|(p, u)| *p -= u);
        }
        state = next.finish(network, done + 1);
    }
    compare(trace, expected, loss, &parameters);
    assert_eq!(last_state(network, trace), state);
}

/// What is rounded to a number of the output of one sample.
fn before_rounding(
    layer: &manifest::Layer,
    p: &LayerParameters,
    input: &[i64],
    position: usize,
    j: usize,
) -> i128 {
    let window = || window(layer, position, j).into_iter().map(|from| i128::from(input[from]));
    match layer.kind {
        LayerKind::MaxPool2d => window().max().unwrap(),
        LayerKind::AvgPool2d => share(layer) * window().sum::<i128>(),
        _ => {
            let weigh = |(from, k): &(usize, usize)| {
                i128::from(input[*from]) * i128::from(p.w[k * layer.n_out + j])
            };
            let x: i128 = taps(layer, j)[position].iter().map(weigh).sum();
            x + p.b.as_ref().map_or(0, |b| i128::from(b[j]) << layer.a_in_frac)
        }
    }
}

/// The numbers of a pool's window, by rows.
fn window(layer: &manifest::Layer, position: usize, channel: usize) -> Vec<usize> {
    let (size, c) = (layer.kernel.unwrap().size, layer.input.channels);
    let ([_, width], [_, columns]) = (layer.input.image.unwrap(), layer.output.image.unwrap());
    let mut all = Vec::new();
    for y in (0..size).map(|u| position / columns * size + u) {
        for x in (0..size).map(|v| position % columns * size + v) {
            all.push((y * width + x) * c + channel);
        }
    }
    all
}

fn share(layer: &manifest::Layer) -> i128 {
    let places = layer.kernel.unwrap().size.pow(2) as f64;
    (65536.0 / places + 0.5).floor() as i128
}

/// One at the first largest number of every window.
fn chosen(layer: &manifest::Layer, inputs: &[i64], batch: usize) -> Vec<i32> {
    let (len, channels) = (layer.input.count(), layer.input.channels);
    let mut bits = vec![0; batch * len];
    for i in 0..batch {
        for (position, j) in
            (0..layer.output.positions()).flat_map(|p| (0..channels).map(move |j| (p, j)))
        {
            let places: Vec<usize> =
                window(layer, position, j).into_iter().map(|from| i * len + from).collect();
            let largest = places.iter().map(|at| inputs[*at]).max().unwrap();
            bits[*places.iter().find(|at| inputs[**at] == largest).unwrap()] = 1;
        }
    }
    bits
}

/// At each position of the output and one of its channels: which numbers of the input meet which rows of the weights.
fn taps(layer: &manifest::Layer, own: usize) -> Vec<Vec<(usize, usize)>> {
    if layer.kind == LayerKind::Scale {
        return (0..layer.output.positions()).map(|p| vec![(p * layer.n_out + own, 0)]).collect();
    }
    let (Some(kernel), Some([height, width])) = (layer.kernel, layer.input.image) else {
        return vec![(0..layer.n_in).map(|k| (k, k)).collect()];
    };
    let c = layer.input.channels;
    let outputs = |side: usize| (side + 2 * kernel.padding - kernel.size) / kernel.stride + 1;
    let mut all = Vec::new();
    for i in 0..outputs(height) {
        for j in 0..outputs(width) {
            let mut taps = Vec::new();
            for u in 0..kernel.size {
                for v in 0..kernel.size {
                    let (y, x) = (i * kernel.stride + u, j * kernel.stride + v);
                    let inside = (kernel.padding..height + kernel.padding).contains(&y)
                        && (kernel.padding..width + kernel.padding).contains(&x);
                    let depthwise = layer.kind == LayerKind::DepthwiseConv2d;
                    for channel in
                        (0..c).filter(|channel| inside && (!depthwise || *channel == own))
                    {
                        let pixel = (y - kernel.padding) * width + x - kernel.padding;
                        let place = u * kernel.size + v;
                        let row = if depthwise { place } else { place * c + channel };
                        taps.push((pixel * c + channel, row));
                    }
                }
            }
            all.push(taps);
        }
    }
    all
}

/// The layers that each layer takes the values of, from the manifest and not from the lowered network; none for
/// the inputs.
fn sources(manifest: &Manifest) -> Vec<Vec<Option<usize>>> {
    let mut layer_of: Vec<usize> = Vec::new();
    let mut all: Vec<Vec<Option<usize>>> = Vec::new();
    for entry in &manifest.model.layers {
        if entry.kind.begins_layer() {
            let first = match entry.from {
                Some(from) => Some(layer_of[from]),
                None => all.len().checked_sub(1),
            };
            let with = entry.with.map(|with| Some(layer_of[with]));
            all.push([first].into_iter().chain(with).collect());
        }
        layer_of.push(all.len() - 1);
    }
    all
}

/// The gradient before a layer's activation, out of what has arrived behind it.
fn derived(
    layer: &manifest::Layer,
    (kind, slope): (Option<LayerKind>, f64),
    expected: &mut Layer,
    outputs: &[i64],
    arrived: &[i64],
) -> Vec<i64> {
    let mut out = Vec::new();
    for (g, a) in arrived.iter().zip(outputs) {
        let (a, one) = (i128::from(*a), 1i128 << layer.a_frac);
        let product = match kind {
            Some(LayerKind::Sigmoid) => a * (one - a) * i128::from(*g),
            Some(LayerKind::Tanh) => (one * one - a * a) * i128::from(*g),
            Some(LayerKind::LeakyRelu) => leak(expected.z.q[expected.d.q.len()] < 0, slope, *g),
            Some(LayerKind::Gelu | LayerKind::Silu) => {
                i128::from(expected.h[expected.d.q.len()]) * i128::from(*g)
            }
            Some(_) => {
                let at = expected.d_relu.len();
                let d = if expected.z.q[at] < 0 { 0 } else { *g };
                expected.d_relu.push(d as i32);
                out.push(d);
                continue;
            }
            None => {
                out.push(*g);
                continue;
            }
        };
        out.push(expected.d.round(product, &layer.d.unwrap()));
    }
    out
}

/// What layer `l` sends to a layer, as the gradient that arrives there in a slot.
fn backward(
    parameters: &Parameters,
    network: &Network,
    expected: &mut [Layer],
    (l, source, slot): (usize, usize, usize),
    (input, d): (&[i64], &[i64]),
) -> Vec<i64> {
    let (above, below) = (&network.layers[l], &network.layers[source]);
    let mut out = Vec::new();
    let (len, places) = (above.input.count(), above.output.positions());
    let choice = expected[l].chosen.len().checked_sub(network.batch * len);
    let choice = choice.map_or(Vec::new(), |start| expected[l].chosen[start..].to_vec());
    let slots = &mut expected[source].g;
    slots.resize_with(slots.len().max(slot + 1), Expect::default);
    for i in 0..network.batch {
        let sums = match above.kind {
            LayerKind::MaxPool2d | LayerKind::AvgPool2d => {
                let mut sums = vec![0i128; len];
                for (position, j) in
                    (0..places).flat_map(|p| (0..above.output.channels).map(move |j| (p, j)))
                {
                    let d = d[(i * places + position) * above.output.channels + j];
                    for from in window(above, position, j) {
                        let factor = match above.kind {
                            LayerKind::MaxPool2d => choice[i * len + from].into(),
                            _ => share(above),
                        };
                        sums[from] = factor * i128::from(d);
                    }
                }
                sums
            }
            LayerKind::LayerNorm | LayerKind::RmsNorm => {
                let rows = &expected[l].rows;
                (i * len..(i + 1) * len).map(|k| rows.sent(k, d[k])).collect()
            }
            LayerKind::BatchNorm => {
                let n = above.n_out;
                let number = |k: usize| (input[i * len + k], d[i * len + k], k % n);
                let norm = &expected[l].norm;
                (0..len).map(number).map(|(a, d, j)| norm.sent(a, d, j)).collect()
            }
            _ => {
                let d = &d[i * places * above.n_out..(i + 1) * places * above.n_out];
                weighed_back(above, &parameters.layers[l].w, d)
            }
        };
        for x in sums {
            out.push(slots[slot].round(x, &below.g[slot]));
        }
    }
    out
}

/// What a layer with weights sends to the numbers of one sample.
fn weighed_back(above: &manifest::Layer, w: &[i32], d: &[i64]) -> Vec<i128> {
    let mut sums = vec![0i128; above.input.count()];
    for j in 0..above.n_out {
        for (position, taps) in taps(above, j).iter().enumerate() {
            for (from, k) in taps {
                let d = i128::from(d[position * above.n_out + j]);
                sums[*from] += d * i128::from(w[k * above.n_out + j]);
            }
        }
    }
    sums
}

#[derive(Default)]
struct LossExpect {
    max: Vec<i32>,
    at_max: Vec<i32>,
    e: Vec<i32>,
    sum: Vec<i32>,
    p: Vec<i32>,
    r: Vec<i32>,
}

impl LossExpect {
    fn gradient(&mut self, network: &Network, z: &[i64], y: &[i32]) -> Vec<i64> {
        let n = network.labels().channels;
        let frac = network.layers.last().unwrap().z_frac;
        let mut d = Vec::new();
        for (z, y) in z.chunks(n).zip(y.chunks(n)) {
            match network.loss {
                Loss::Mse if network.one_hot => {
                    d.extend(z.iter().zip(y).map(|(z, y)| z - (i64::from(*y) << frac)));
                }
                Loss::Mse => d.extend(z.iter().zip(y).map(|(z, y)| z - i64::from(*y))),
                Loss::Logistic => {
                    let p = table_value(LayerKind::Sigmoid, z[0], frac, 14);
                    self.p.push(p as i32);
                    d.push(p - (i64::from(y[0]) << 14));
                }
                Loss::SoftmaxCrossEntropy => {
                    let max = *z.iter().max().unwrap();
                    self.max.push(max as i32);
                    let first = z.iter().position(|z| *z == max);
                    self.at_max.extend((0..n).map(|class| i32::from(Some(class) == first)));
                    let mut scale = 1 << 14;
                    while scale * n > 1 << 14 {
                        scale /= 2;
                    }
                    let term = |z: &i64| {
                        let x = (max - z) as f64 / f64::from(1u32 << frac);
                        (scale as f64 * (-x).exp() + 0.5).floor() as i64
                    };
                    let e: Vec<i64> = z.iter().map(term).collect();
                    let sum: i64 = e.iter().sum();
                    self.sum.push(sum as i32);
                    // A label's own number, or a whole one.
                    let unit = if network.weighted { 1 } else { 1 << 14 };
                    let weight: i64 = y.iter().map(|y| i64::from(*y) * unit).sum();
                    for (e, y) in e.iter().zip(y) {
                        let p = (2 * weight * e + sum) / (2 * sum);
                        self.e.push(*e as i32);
                        self.p.push(p as i32);
                        self.r.push((2 * weight * e - 2 * sum * p) as i32);
                        d.push(p - i64::from(*y) * unit);
                    }
                }
            }
        }
        d
    }
}

fn compare(trace: &Trace, expected: Vec<Layer>, loss: LossExpect, after: &Parameters) {
    for (l, (got, want)) in trace.layers.iter().zip(expected).enumerate() {
        let mut names = 0;
        let slots = ARRIVING.into_iter().zip(want.g);
        let own = [("z", want.z), ("a", want.a_leaky), ("d", want.d)];
        for (name, want) in own.into_iter().chain(slots) {
            match got.tensors.rounded(name) {
                Some(got) => want.check(got, &format!("layer {l}: {name}")),
                None => assert_eq!(want.q, Vec::<i32>::new(), "layer {l}: {name}"),
            }
            names += usize::from(!want.q.is_empty());
        }
        names += plain(
            &got.tensors,
            [
                ("a", want.a),
                ("negative", want.negative),
                ("h", want.h),
                ("d", want.d_relu),
                ("chosen", want.chosen),
            ],
        );
        names += want.norm.check(&got.tensors, &format!("layer {l}"));
        names += want.rows.check(&got.tensors, &format!("layer {l}"));
        assert_eq!(names, got.tensors.iter().count(), "layer {l}");
        let tracked = got.s.as_ref().map(|s| s.update.clone()).unwrap_or_default();
        want.update_s.check(&tracked, &format!("layer {l}: statistics"));
        want.w.check(got.w.as_ref(), &format!("layer {l}: weights"));
        want.b.check(got.b.as_ref(), &format!("layer {l}: biases"));
    }
    let LossExpect { max, at_max, e, sum, p, r } = loss;
    let expected = [("max", max), ("at_max", at_max), ("e", e), ("sum", sum), ("p", p), ("r", r)];
    let names = plain(&trace.loss, expected);
    assert_eq!(names, trace.loss.iter().count());
    assert_eq!(&trace.after, after);
}

/// Compares those of these tensors that hold anything; how many these are.
fn plain<const N: usize>(record: &Record, expected: [(&str, Vec<i32>); N]) -> usize {
    let expected = expected.into_iter().filter(|(_, want)| !want.is_empty());
    let same = |(name, want): (&str, Vec<i32>)| {
        assert_eq!(record.get(name), Some(&Recorded::Plain(want)), "{name}");
    };
    expected.map(same).count()
}
