//! One lie for each kind of constraint.

use ark_bn254::Fr;
use ark_ff::One;
use zktrain_commit::sheet::Sheet;
use zktrain_model::manifest::{Activation, LayerKind, Loss, Network, RoundSpec};
use zktrain_model::operators::ARRIVING;
use zktrain_model::quant::{Digit, Expansion};
use zktrain_model::relation::TensorId;

mod adam;
mod attention;

use super::Run;
use super::forge::{LEAKY, Value, flat, forge, limbs, sends_tensor, takes, wide_parts};
use super::reference::{Cells, fraction};

/// A forged witness.
pub enum ForgedWitness<'a> {
    /// In small integers: it can be committed to and proven.
    Sheet(Sheet),
    /// With cells that are field elements, which the prover at hand cannot
    /// commit to but an adversary's could.
    Field(Cells<'a>),
}

/// A witness that breaks the constraint with this label only; none if this
/// run has no cell where that can be done.
pub fn lie_for<'a>(run: &Run, honest: &'a Sheet, label: &str) -> Option<ForgedWitness<'a>> {
    if label.starts_with("update.padding") || label.starts_with("moments.padding") {
        let mut sheet = honest.clone();
        let id = sheet.layout().find(label)?;
        sheet.set(id, 0, 1); // rides along with what a step leaves
        return Some(ForgedWitness::Sheet(sheet));
    }
    if label.starts_with("inputs.") || label.starts_with("labels.") {
        return data_lie(run, honest, label).map(ForgedWitness::Sheet);
    }
    if let Some(digit) = label.strip_suffix(".padding").filter(|x| x.contains(".inverse.d")) {
        // An inverse of a channel or a position that does not exist: zero times anything.
        let mut sheet = honest.clone();
        let dims = &sheet.layout().tensor(sheet.layout().find(digit)?).dims;
        let mut index = vec![0; dims.len()];
        let padded = dims.iter().position(|dim| !dim.axis.size.is_power_of_two())?;
        index[padded] = dims[padded].axis.size;
        let (id, flat) = cell(&sheet, digit, &index);
        sheet.set(id, flat, 1);
        return Some(ForgedWitness::Sheet(sheet));
    }
    if let Some(sheet) = pool_lie(run, honest, label) {
        return Some(ForgedWitness::Sheet(sheet));
    }
    if let Some(sheet) = sign_lie(run, honest, label) {
        return Some(ForgedWitness::Sheet(sheet));
    }
    if let Some(sheet) = attention::lie(run, honest, label) {
        return Some(ForgedWitness::Sheet(sheet));
    }
    let padding = label == "loss.at_max.padding";
    let mut told = None;
    let sheet = forge(&run.key.network, honest.clone(), &mut |name, at, value| {
        if told.is_some_and(|(t, i)| [t, i] != at[..2]) {
            return;
        }
        let lied = told.is_some();
        if lie(run, label, name, at, value, lied) {
            told = Some((at[0], at[1]));
        }
    });
    let Some((t, b)) = told else {
        let cells = fractional_digit(run, honest, label)
            .or_else(|| fractional(run, honest, label))
            .or_else(|| unread(run, honest, label))
            .or_else(|| adam::fractional(run, honest, label))
            .or_else(|| attention::fractional(run, honest, label));
        return cells.map(ForgedWitness::Field);
    };
    let mut sheet = sheet;
    if padding {
        let id = sheet.layout().find("loss.at_max")?;
        let domain = sheet.layout().tensor(id).domain();
        let last = (1 << domain.axes[0].log) - 1;
        // `b` is a label's number in the step.
        let outputs = run.key.network.labels();
        let (sample, position) = (b / outputs.positions(), b % outputs.positions());
        let width = outputs.sides().last().copied().unwrap_or(1);
        let place = [position / width, position % width];
        let index = [&[last, t, sample], &place[..outputs.sides().len()]].concat();
        sheet.set(id, flat(domain, &index), 1);
    }
    Some(ForgedWitness::Sheet(sheet))
}

/// A pool of the largest that chooses otherwise, in one window; none if there is no such label or window.
fn pool_lie(run: &Run, honest: &Sheet, label: &str) -> Option<Sheet> {
    let (layer, what) = label.split_once('.')?;
    let number: usize = layer.strip_prefix("layer")?.parse().ok()?;
    let network = run.key.network.network();
    let spec = network.layers.get(number)?;
    if what == "z.padding" || what == "g.padding" {
        return padding_lie(network, honest, (number, what));
    }
    let chooses = what == "first" || what.starts_with("chosen.");
    if spec.kind != LayerKind::MaxPool2d || !chooses {
        return None;
    }
    let places = spec.kernel?.size.pow(2);
    let mut data = honest.clone();
    if what == "chosen.padding" {
        // Over inputs, of which all in one window are below zero: none of them is what lies beside it.
        if number > 0 {
            return None;
        }
        for place in 0..places {
            let size = spec.kernel?.size;
            let index = [0, 0, 0, 0, place / size, place % size];
            let (id, flat) = cell(&data, "inputs", &index);
            data.set(id, flat, -5);
        }
    }
    let (z, chosen) = (format!("{layer}.z"), format!("{layer}.chosen"));
    let mut told: Option<[usize; 3]> = None;
    let mut sheet = forge(network, data, &mut |name, at, v| {
        let lies = match what {
            "chosen.one" => (1..1 << 12).contains(&v.q),
            "chosen.padding" => v.q < 0,
            "first" => v.context < v.q && v.context.abs() < 1 << 12,
            "chosen.attained" => v.context < v.q,
            // Two places that are alike: one chosen twice, the other minus once.
            _ => v.context == v.q,
        };
        if name == z && told.is_none() && lies {
            match what {
                "chosen.one" => v.q += 1,
                "chosen.padding" => v.q = 0,
                "first" => v.q = v.context,
                _ => {}
            }
            told = Some(at);
        }
        if name != chosen || told != Some([at[0], at[1], at[2] / places]) {
            return;
        }
        let place = at[2] % places;
        match what {
            "chosen.one" | "chosen.padding" => v.q = 0,
            "first" | "chosen.attained" => v.q = i64::from(place == 0),
            // Not all are alike: only the first one is the largest.
            _ if v.context != -1 => told = None,
            _ => v.q = [2, -1].get(place).copied().unwrap_or(0),
        }
    });
    let [t, b, unit] = told?;
    if what == "chosen.padding" {
        // Behind the last place of the first row.
        let [size, c] = [spec.kernel?.size, spec.input.channels];
        let columns = spec.output.image?[1];
        let (position, channel) = (unit / c, unit % c);
        let index = [channel, t, b, position / columns, 0, position % columns, size];
        let (id, flat) = cell(&sheet, &chosen, &index);
        sheet.set(id, flat, 1);
    }
    Some(sheet)
}

/// A leaky ReLU whose bit is two, beside a number that should have saturated; none if there is no such number, or its
/// product has more than 16 bits.
fn sign_lie(run: &Run, honest: &Sheet, label: &str) -> Option<Sheet> {
    let layer = label.strip_suffix(".negative.bit")?;
    let number: usize = layer.strip_prefix("layer")?.parse().ok()?;
    let network = run.key.network.network();
    let Activation::LeakyRelu { slope } = network.layers.get(number)?.activation else {
        return None;
    };
    let (z, negative) = (format!("{layer}.z"), format!("{layer}.negative"));
    let mut told = None;
    let sheet = forge(network, honest.clone(), &mut |name, at, v| {
        if name == z && told.is_none() && v.low.iter().any(|limb| *limb > 0) {
            let exact = v.q - v.low.iter().rev().fold(0, |sum, limb| (sum << 16) + limb);
            // What the bit makes of it: (2·slope − 1)·z.
            let fits = exact.abs() * ((1 << 16) - 2 * slope).abs() < ((1 << 15) - 1) << 16;
            if exact >= -(1 << 16) && fits {
                hide(v, exact);
                told = Some(at);
            }
        }
        if name == negative && told == Some(at) {
            v.q = 2;
        }
    });
    told.map(|_| sheet)
}

/// Something beside the image: in a pool's output, which nothing reads there, or in the gradient that it sends,
/// which sums up to nothing.
fn padding_lie(network: &Network, honest: &Sheet, (l, what): (usize, &str)) -> Option<Sheet> {
    let layer = &network.layers[l];
    let sides = layer.output.image?;
    let side = sides.iter().position(|side| !side.is_power_of_two())?;
    let mut sheet = honest.clone();
    let mut index = vec![0; 5];
    index[3 + side] = sides[side];
    if what == "z.padding" {
        let plain = matches!(layer.activation, Activation::Identity | Activation::Relu);
        let over_windows = network.layers.get(l + 1)?.kernel.is_some();
        let parts: &[&str] =
            if layer.activation == Activation::Relu { &["z.q", "a"] } else { &["z.q"] };
        for part in parts {
            let (id, flat) = cell(&sheet, &format!("layer{l}.{part}"), &index);
            sheet.set(id, flat, 3);
        }
        return (plain && over_windows).then_some(sheet);
    }
    let alone = layer.activation == Activation::Identity && layer.kernel.is_some();
    let mut other = index.clone();
    other[4 - side] = 1;
    for (index, value) in [(index, 1), (other, -1)] {
        let (id, flat) = cell(&sheet, &format!("layer{l}.g.q"), &index);
        sheet.set(id, flat, value);
    }
    (alone && sides[1 - side] > 1).then_some(sheet)
}

/// Changes a value where this is the place to lie; whether it did. `lied` is
/// set for the values of the same step and row after the first lie.
fn lie(run: &Run, label: &str, name: &str, at: [usize; 3], v: &mut Value, lied: bool) -> bool {
    if label.starts_with("loss.") && name.starts_with("loss.") {
        return lie_in_loss(label, name, at, v, lied);
    }
    if lied {
        return false;
    }
    if run.key.network.adam.is_some() && adam::lie(label, name, v) {
        return true;
    }
    let Some((layer, part)) = name.split_once('.') else { return false };
    let Ok(number) = layer.trim_start_matches("layer").parse::<usize>() else { return false };
    let specs = &run.key.network.layers[number];
    let slot = ARRIVING.iter().position(|name| *name == part);
    let leaky = matches!(specs.activation, Activation::LeakyRelu { .. });
    if let Some((_, expansion)) = wide_parts(specs).into_iter().find(|(name, _)| *name == part) {
        return lie_in_digits(label, name, expansion, v);
    }
    let spec = match part {
        _ if slot.is_some() => slot.and_then(|slot| specs.g.get(slot).copied()),
        "z" => Some(specs.z),
        "d" => specs.d,
        "a" => leaky.then_some(LEAKY),
        "w.clip" | "b.clip" => specs.clip,
        "w.update" | "b.update" if run.key.network.adam.is_none() => specs.update,
        "s.update" => specs.norm.as_ref().map(|norm| norm.statistics),
        "mean" => specs.softmax.as_ref().map(|softmax| softmax.mean),
        _ => None,
    };
    if let (Some(rest), Some(spec)) = (label.strip_prefix(&format!("{name}.")), spec) {
        // The exponential's table ends where 16 bits do.
        let softmax = run.key.network.loss == Loss::SoftmaxCrossEntropy;
        let last = number + 1 == run.key.network.layers.len();
        if part == "z" && rest == "q.range" && last && softmax {
            return false;
        }
        let moved = run.key.network.adam.is_some() && part.ends_with(".clip");
        if moved && !adam::is_looked_up(rest, at, v) {
            return false;
        }
        return lie_in_rounding(rest, &spec, v);
    }
    let network = run.key.network.network();
    let sender = |slot: usize| {
        let sends =
            |l: &usize| takes(&network.layers[*l], number) && sends_tensor(&network.layers[*l]);
        (0..network.layers.len()).filter(sends).nth(slot)
    };
    let backward = slot.and_then(sender).map(|above| {
        let second = network.layers[above].with == Some(number);
        format!("layer{above}.{}", if second { "backward_with" } else { "backward" })
    });
    let clipped = specs.clip.is_some();
    let equation = match part {
        "z" => label == format!("{layer}.forward"),
        _ if slot.is_some() => Some(label) == backward.as_deref(),
        "a" | "d" if spec.is_some() => label == name,
        "w.clip" | "b.clip" => label == format!("{layer}.{}.gradient", &part[..1]),
        "s.update" | "mean" => label == name,
        "w.update" | "b.update" if clipped => label == name,
        "w.update" | "b.update" if spec.is_some() => {
            label == format!("{layer}.{}.gradient", &part[..1])
        }
        _ => false,
    };
    if equation && spec.is_some_and(|spec| v.q < spec.hi && v.q > spec.lo) {
        v.q += 1; // and nothing else
        return true;
    }
    // A leaky ReLU's bit is told by the number itself.
    !(leaky && label.ends_with(".bit")) && lie_in_activation(label, name, part, v)
}

/// Whose equation it is that breaks where a wide integer is another: that of the root or the quotient, where it is what is
/// left.
fn equation_of(name: &str) -> String {
    let of = |rest: &str| name.strip_suffix(rest).map(str::to_owned);
    of("_low").unwrap_or_else(|| name.to_owned())
}

/// A digit beyond its ends, the one above making up for it; or another number.
fn lie_in_digits(label: &str, name: &str, expansion: &Expansion, v: &mut Value) -> bool {
    let alone = ["deviation", "inverse"].iter().any(|part| name.ends_with(&format!(".{part}")));
    if label == equation_of(name) && !alone {
        // One less, or one more than nothing: what is left over then has room on the other side.
        let digit = &mut v.r[expansion.dropped()];
        *digit += if *digit > 0 { -1 } else { 1 };
        return true;
    }
    let Some((stack, which)) = label.strip_prefix(layer_of(name)).and_then(|x| x.split_once('.'))
    else {
        return false;
    };
    let digits: Vec<Digit> = expansion.digits().collect();
    for (k, pair) in digits.windows(2).enumerate().filter(|(_, pair)| stack_of(&pair[0]) == stack) {
        let (radix, above) = (pair[0].hi + 1, pair[1]);
        let sign = match which {
            "range" if v.r[k + 1] < above.hi => -1,
            "range_above" if v.r[k + 1] > above.lo => 1,
            _ => continue,
        };
        v.r[k] += sign * radix;
        v.r[k + 1] -= sign;
        return true;
    }
    false
}

/// The part of a name that says the layer, with the dot behind it.
fn layer_of(name: &str) -> &str {
    name.split_inclusive('.').next().unwrap()
}

/// Where a digit lies.
fn stack_of(digit: &Digit) -> &'static str {
    match (digit.lo, digit.hi) {
        (0, 65_535) => "digits",
        (0, _) => "digits_short",
        _ => "digits_signed",
    }
}

/// The last digit of a number with a sign a fraction: a unit of the one below is taken from it.
fn fractional_digit<'a>(run: &Run, honest: &'a Sheet, label: &str) -> Option<Cells<'a>> {
    let layer = label.strip_suffix(".digits_signed.range")?;
    let number: usize = layer.strip_prefix("layer")?.parse().ok()?;
    let parts = wide_parts(run.key.network.layers.get(number)?);
    let signed = |expansion: &&Expansion| {
        let last = expansion.digits().last();
        let several = expansion.len() - expansion.dropped() > 1;
        several && last.is_some_and(|digit| stack_of(&digit) == "digits_signed")
    };
    let (part, expansion) = parts.into_iter().find(|(_, expansion)| signed(expansion))?;
    let last = expansion.len() - 1;
    let below = last - 1;
    let names = [below, last].map(|k| format!("{layer}.{part}.d{k}"));
    let [low, high] = names.each_ref().map(|name| {
        let id = honest.layout().find(name).unwrap();
        Fr::from(honest.get(id, 0))
    });
    let mut cells = Cells::new(honest);
    cells.replace(&names[0], 0, low + Fr::one());
    cells.replace(&names[1], 0, high - fraction(16));
    Some(cells)
}

fn lie_in_activation(label: &str, name: &str, part: &str, v: &mut Value) -> bool {
    let z = v.context;
    let small = (0..1 << 12).contains(&z);
    match part {
        // a = 2z, d = 2g
        "negative" if label == format!("{name}.bit") && small && z > 0 => v.q = -1,
        // a = 0, d = 0 where z is not negative: zero has a sign
        "negative" if label == name && small => v.q = 1,
        "a" if label == name && small && v.r.is_empty() => v.q += 1,
        "h" if label == name => v.q += 1,
        "d" if label == name && v.r.is_empty() => v.q += 1,
        _ => return false,
    }
    true
}

/// Where `x = 2^s·(q + high − low) + r` stays as it is.
fn lie_in_rounding(rest: &str, spec: &RoundSpec, v: &mut Value) -> bool {
    let sum =
        |limbs: &[i64]| -> i64 { limbs.iter().enumerate().map(|(k, limb)| limb << (16 * k)).sum() };
    let (high, low) = (sum(&v.high), sum(&v.low));
    let exact = v.q + high - low;
    let plain = high == 0 && low == 0 && v.q > spec.lo + 1 && v.q < spec.hi - 1;
    let modest = exact.abs() < 1 << 17;
    let near = exact - spec.lo < 1 << 16 && spec.hi - exact < 1 << 16;
    let own = spec.hi - spec.lo != (1 << 16) - 1;
    match rest {
        // The quotient one too small, the remainder 2^s too large.
        "r0.range" if plain && v.r.len() == 2 && v.r[1] > -(1 << 15) => {
            // A unit of the high limb in the low one.
            v.r[0] += 1 << (spec.shift - 16);
            v.r[1] -= 1;
        }
        "r0.range" if plain && v.r.len() == 1 => {
            v.q -= 1;
            v.r[0] += 1 << spec.shift;
        }
        "r1.range" if plain => {
            v.q -= 1;
            v.r[1] += 1 << 16;
        }
        // Saturation hidden.
        "q.range" if (low > 0 || high > 0 && !own) && modest && (near || !own) => hide(v, exact),
        "q.range_above" if high > 0 && near => hide(v, exact),
        // Saturation claimed.
        "high.saturates" if plain => {
            v.q -= 1;
            v.high[0] += 1;
        }
        "low.saturates" if plain => {
            v.q += 1;
            v.low[0] += 1;
        }
        _ if plain => return negative_excess(rest, spec, v),
        _ => return false,
    }
    true
}

fn hide(v: &mut Value, exact: i64) {
    v.q = exact;
    v.high.iter_mut().chain(&mut v.low).for_each(|limb| *limb = 0);
}

/// The quotient at its end and an excess that leads back: limb `k` negative.
fn negative_excess(rest: &str, spec: &RoundSpec, v: &mut Value) -> bool {
    let exact = v.q;
    for (part, end) in [("high", spec.hi), ("low", spec.lo)] {
        let excess = if part == "high" { exact - end } else { end - exact };
        let own = if part == "high" { &mut v.high } else { &mut v.low };
        for k in 0..own.len() {
            if rest == format!("{part}{k}.range") {
                let lower = limbs(excess, 16 * (k as u32 + 1));
                own[..=k].copy_from_slice(&lower);
                v.q = end;
                return true;
            }
        }
    }
    false
}

fn lie_in_loss(label: &str, name: &str, at: [usize; 3], v: &mut Value, lied: bool) -> bool {
    let (j, tie) = (at[2], v.context == 1);
    match (label, name) {
        // Two maxima: one chosen twice, the other minus once.
        ("loss.at_max.bit", "loss.at_max") if v.context == -1 && j < 2 => v.q = [2, -1][j],
        // A class that does not attain the maximum.
        ("loss.at_max.attained", "loss.at_max") if v.context >= 0 => {
            let other = usize::from(v.context == 0);
            v.q = i64::from(j == other);
        }
        // No class attains the maximum that is claimed.
        ("loss.at_max.one", "loss.max") if v.q < 1 << 14 => v.q += 1,
        ("loss.at_max.one", "loss.at_max") if lied => v.q = 0,
        // A class that does not exist attains it; the driver marks it.
        ("loss.at_max.padding", "loss.max") if tie && v.q == 0 => {}
        ("loss.at_max.padding", "loss.at_max") if lied => v.q = 0,
        ("loss.e", "loss.e") if !lied => v.q += 1,
        ("loss.sum", "loss.sum") => v.q += 1,
        ("loss.p", "loss.p") if v.r.is_empty() && !lied => v.q += 1,
        ("loss.p", "loss.p") if !lied && v.r[0] + 1 < v.context => v.r[0] += 1,
        ("loss.r.range", "loss.p") if !lied => {
            v.q += 1;
            v.r[0] -= 2 * v.context;
        }
        ("loss.r.range_above", "loss.p") if !lied && v.q > 0 => {
            v.q -= 1;
            v.r[0] += 2 * v.context;
        }
        _ => return false,
    }
    true
}

/// Quotients that are not integers: the remainder one off, the quotient the
/// field element that makes up for it. Only where nothing depends on it: the
/// last update, and the sample without inputs in a layer without bias.
fn fractional<'a>(run: &Run, honest: &'a Sheet, label: &str) -> Option<Cells<'a>> {
    let network = run.key.network.network();
    let layout = honest.layout();
    let mut cells = Cells::new(honest);
    let get = |name: &str, flat: usize| honest.get(layout.find(name).unwrap(), flat);
    let alone = network.steps == 1 && network.layers.iter().all(|l| !l.bias);
    if label == "loss.p.range" && alone && network.layers.len() == 1 {
        let (p, r, sum) = (get("loss.p", 0), get("loss.r", 0), get("loss.sum", 0));
        cells.replace("loss.p", 0, Fr::from(p) + Fr::one() / Fr::from(2 * sum));
        cells.replace("loss.r", 0, Fr::from(r - 1));
        return Some(cells);
    }
    let first = network.layers.first()?;
    let name = label.strip_suffix(".q.range").filter(|_| network.adam.is_none())?;
    let last = network.steps - 1;
    let columns = last * first.n_out.next_power_of_two();
    let (spec, q_at, r_at) = match name {
        "layer0.d" if alone => (first.d?, 0, 0),
        "layer0.b.update" => (first.update?, columns, last),
        _ => return None,
    };
    let (q, r) = (format!("{name}.q"), format!("{name}.r0"));
    cells.replace(&q, q_at, Fr::from(get(&q, q_at)) - fraction(spec.shift));
    cells.replace(&r, r_at, Fr::from(get(&r, r_at) + 1));
    Some(cells)
}

/// A leaky ReLU's value that is no integer, where the layer behind it does not read it: its weights there are zero,
/// and the sample has no error.
fn unread(run: &Run, honest: &Sheet, label: &str) -> Option<Cells<'static>> {
    let network = run.key.network.network();
    let [first, last] = &network.layers[..] else { return None };
    let leaky = matches!(first.activation, Activation::LeakyRelu { .. });
    if label != "layer0.a.q.range" || !leaky || network.loss != Loss::Mse || network.one_hot {
        return None;
    }
    let mut sheet = honest.clone();
    for j in 0..last.n_out {
        let (weights, flat) = cell(&sheet, "layer1.w.before", &[0, 0, j]);
        sheet.set(weights, flat, 0);
    }
    let mut sheet = forge(network, sheet, &mut |_, _, _| {});
    without_error(network, &mut sheet);
    let sheet = forge(network, sheet, &mut |_, _, _| {});
    let [a, r] = ["layer0.a.q", "layer0.a.r0"].map(|name| cell(&sheet, name, &[0, 0, 0]));
    let [q, rest] = [a, r].map(|(id, flat)| sheet.get(id, flat));
    let mut cells = Cells::owned(sheet);
    cells.replace("layer0.a.q", a.1, Fr::from(q) - fraction(LEAKY.shift));
    cells.replace("layer0.a.r0", r.1, Fr::from(rest + 1));
    Some(cells)
}

/// Label, tensor, and the cells that are overwritten.
type DataLie = (&'static str, &'static str, Vec<(Vec<usize>, i32)>);

/// Cheats in data: the constraint, and one cell of a tensor at `(window, unit, step, sample)`, and the
/// position in an image, after another; `last` is the last window.
pub fn data_lies(network: &Network, last: usize) -> Vec<DataLie> {
    let bits = network.one_hot || network.loss == Loss::Logistic;
    let output = network.labels().channels;
    let unit = usize::from(network.features.channels > 1);
    let mut lies = vec![("inputs.range", "inputs", vec![(vec![0, unit, 0, 1], 1 << 15)])];
    lies.push(("inputs.range", "inputs", vec![(vec![last, 0, 0, 0], -(1 << 15) - 1)]));
    let sizes = network.tensor(&network.features);
    for (dim, size) in sizes.iter().enumerate().filter(|(_, size)| !size.is_power_of_two()) {
        let mut index = vec![0; 1 + sizes.len()];
        (index[0], index[1 + dim]) = (last, *size);
        lies.push(("inputs.padding", "inputs", vec![(index, 3)]));
    }
    if !bits {
        lies.push(("labels.range", "labels", vec![(vec![0, 0, 0, 1], 1 << 15)]));
        return lies;
    }
    if network.weighted {
        lies.extend(weight_lies(network));
        return lies;
    }
    if network.one_hot {
        lies.push(("labels.bit", "labels", two(|j| [2, -1][j])));
        lies.push(("labels.one_hot", "labels", two(|_| 1)));
    } else {
        lies.push(("labels.bit", "labels", vec![(vec![0, 0, 0, 0], 2)]));
    }
    if !output.is_power_of_two() {
        // With a label taken away, as the row must sum to one.
        let mut cells = two(|_| 0);
        cells.push((vec![0, 2, 0, 0], 0));
        cells.push((vec![0, output, 0, 0], 1));
        lies.push(("labels.padding", "labels", cells));
    }
    lies
}

/// Labels of two classes, of a weight below zero, of one above 1, and of a class that does not exist: the first one's, whose other
/// entries are zero.
fn weight_lies(network: &Network) -> Vec<DataLie> {
    let outputs = network.labels();
    let entry = |j: usize, value: i32| {
        let place = vec![0; outputs.sides().len()];
        ([vec![0, j, 0, 0], place].concat(), value)
    };
    let row = |lies: &[(usize, i32)]| -> Vec<(Vec<usize>, i32)> {
        let zeros = (0..outputs.channels).map(|j| entry(j, 0));
        zeros.chain(lies.iter().map(|(j, value)| entry(*j, *value))).collect()
    };
    let mut lies = vec![
        ("labels.one_weight", "labels", row(&[(0, 1), (1, 2)])),
        ("labels.weight.range", "labels", row(&[(0, -1)])),
        ("labels.weight.range_above", "labels", row(&[(1, (1 << 14) + 1)])),
    ];
    if !outputs.channels.is_power_of_two() {
        lies.push(("labels.padding", "labels", row(&[(outputs.channels, 1)])));
    }
    lies
}

/// The first two labels of the first sample, the third one zero.
fn two(value: impl Fn(usize) -> i32) -> Vec<(Vec<usize>, i32)> {
    let mut cells: Vec<_> = (0..2).map(|j| (vec![0, j, 0, 0], value(j))).collect();
    cells.push((vec![0, 2, 0, 0], 0));
    cells
}

/// Honest training on data that are none.
fn data_lie(run: &Run, honest: &Sheet, label: &str) -> Option<Sheet> {
    let network = run.key.network.network();
    let (_, tensor, cells) = data_lies(network, 0).into_iter().find(|lie| lie.0 == label)?;
    let mut sheet = honest.clone();
    if label.ends_with("padding") {
        unnoticed(run, &mut sheet, label)?;
    }
    for (index, value) in cells {
        let (id, flat) = cell(&sheet, tensor, &index);
        sheet.set(id, flat, value);
    }
    Some(forge(network, sheet, &mut |_, _, _| {}))
}

/// Makes the first sample one whose padding has no gradient, as otherwise that would be noticed:
/// with an input beyond the last one a sample without an error, with a class beyond the last one a
/// sample without inputs, in one layer without bias.
fn unnoticed(run: &Run, sheet: &mut Sheet, label: &str) -> Option<()> {
    let network = run.key.network.network();
    if label == "labels.padding" {
        let zero = |i: usize| {
            let (id, flat) = cell(sheet, "inputs", &[0, i, 0, 0]);
            sheet.get(id, flat) == 0
        };
        let alone =
            network.layers.len() == 1 && !network.layers[0].bias && (0..network.input).all(zero);
        return alone.then_some(());
    }
    if network.loss != Loss::Mse || network.one_hot {
        return None;
    }
    without_error(network, sheet);
    Some(())
}

/// Makes the first sample's targets its outputs.
fn without_error(network: &Network, sheet: &mut Sheet) {
    let last = network.layers.len() - 1;
    for j in 0..network.output() {
        let (z, flat) = cell(sheet, &format!("layer{last}.z.q"), &[j, 0, 0]);
        let output = sheet.get(z, flat);
        let (labels, flat) = cell(sheet, "labels", &[0, j, 0, 0]);
        sheet.set(labels, flat, output);
    }
}

/// A tensor and a flat index in it.
fn cell(sheet: &Sheet, name: &str, index: &[usize]) -> (TensorId, usize) {
    let id = sheet.layout().find(name).unwrap();
    (id, flat(sheet.layout().tensor(id).domain(), index))
}
