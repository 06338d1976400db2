//! Lies about shares of rows.

use zktrain_commit::sheet::Sheet;
use zktrain_model::manifest::LayerKind;

use super::Run;
use crate::common::forge::attention::{numbers_of, row_of};
use crate::common::forge::{Value, forge};

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

/// Whether the lie begins with a row's largest number, which is told here.
fn begins(what: &str, v: &mut Value) -> bool {
    match what {
        "at_max.attained" | "at_max.one" if v.high == [1] && v.q < 1 << 12 => v.q += 1,
        // A score behind the mask, of a row whose own have numbers still.
        "at_max.masked" if v.high == [1] && (1..64).contains(&(v.context - v.q)) => v.q = v.context,
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
