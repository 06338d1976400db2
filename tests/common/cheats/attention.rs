//! Lies about shares of rows.

use ark_bn254::Fr;
use ark_ff::One;
use zktrain_commit::sheet::Sheet;
use zktrain_model::manifest::LayerKind;
use zktrain_model::operators::ARRIVING;

use super::{Run, cell};
use crate::common::forge::attention::{numbers_of, row_of};
use crate::common::forge::{Value, forge, slot};
use crate::common::reference::{Cells, fraction};

/// A softmax that takes another row's largest score, or other numbers for its scores; none if the label says something else.
pub fn lie(run: &Run, honest: &Sheet, label: &str) -> Option<Sheet> {
    let (prefix, what) = label.split_once('.')?;
    let number: usize = prefix.strip_prefix("layer")?.parse().ok()?;
    let network = run.key.network.network();
    let layer = network.layers.get(number).filter(|layer| layer.kind == LayerKind::Softmax)?;
    if !["at_max.bit", "at_max.attained", "at_max.masked", "at_max.one", "below", "e"]
        .contains(&what)
    {
        return None;
    }
    let own = |part: &str| format!("{prefix}.{part}");
    // Step, sample and row of the lie.
    let mut told: Option<[usize; 3]> = None;
    let sheet = forge(network, honest.clone(), &mut |name, at, v| {
        let of_row = |[t, b, unit]: [usize; 3]| [t, b, row_of(layer, unit)];
        if name == own("max") && told.is_none() && begins(what, v) {
            told = Some(at);
        }
        if name == own("at_max") && (told.is_none() || told == Some(of_row(at))) {
            let (all, _) = numbers_of(layer, of_row(at)[2]);
            let key = all.iter().position(|unit| *unit == at[2]).unwrap();
            let begun = told.is_some() || what == "at_max.bit";
            told = (begun && mark(what, v, key)).then(|| of_row(at)).or(told);
        }
        // A number below the largest, of those that may be looked at: a row whose sum is less than 2^14 has no inverse.
        let open = name == own("e") || v.context == 1 && v.q > 0;
        if open
            && [own("below"), own("e")].contains(&name.to_owned())
            && name == label
            && told.is_none()
            && v.q < 1 << 12
        {
            v.q += 1;
            told = Some(of_row(at));
        }
    });
    told.map(|_| sheet)
}

/// A row's mean that is no integer, where all shares are one score's: what is sent to it is one more, an integer.
pub fn fractional<'a>(run: &Run, honest: &'a Sheet, label: &str) -> Option<Cells<'a>> {
    let prefix = label.strip_suffix(".mean.q.range")?;
    let number: usize = prefix.strip_prefix("layer")?.parse().ok()?;
    let network = run.key.network.network();
    let layer = network.layers.get(number)?;
    // The first position of a causal row looks at itself alone.
    let shift = layer.softmax.as_ref().filter(|softmax| softmax.causal)?.mean.shift;
    let below = layer.from?;
    let sent = format!("layer{below}.{}.r0", ARRIVING[slot(network, number, below)]);
    let mut cells = Cells::new(honest);
    for (name, by) in [
        (format!("{prefix}.mean.q"), -fraction(shift)),
        (format!("{prefix}.mean.r0"), Fr::one()),
        (sent, Fr::one()),
    ] {
        let (id, flat) = cell(honest, &name, &[0; 5]);
        cells.replace(&name, flat, Fr::from(honest.get(id, flat)) + by);
    }
    Some(cells)
}

/// Whether the lie begins with a row's largest number, which is told here.
fn begins(what: &str, v: &mut Value) -> bool {
    match what {
        "at_max.attained" | "at_max.one" if v.high == [1] && v.q < 1 << 12 => v.q += 1,
        // A score behind the mask, of a row whose own have numbers still.
        "at_max.masked" if v.context > v.q && v.low[0] > 1 << 14 => v.q = v.context,
        _ => return false,
    }
    true
}

/// The marks of a row; whether this one is part of the lie.
fn mark(what: &str, v: &mut Value, key: usize) -> bool {
    match what {
        // Two that are the largest: one chosen twice, the other minus once.
        "at_max.bit" if v.high == [1] && key < 2 => v.q = [2, -1][key],
        "at_max.masked" => v.q = i64::from(key as i64 == v.context),
        "at_max.one" => v.q = 0,
        _ => return false,
    }
    true
}
