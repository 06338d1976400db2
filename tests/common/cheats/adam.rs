//! Lies about moments, updates and the clock.

use ark_bn254::Fr;
use ark_ff::{Field, One};
use zktrain_commit::sheet::Sheet;

use super::super::forge::Value;
use super::super::reference::Cells;
use super::{Run, cell};

/// Whether a gradient that hides that it saturates is still looked up: its difference to the moment has 16 bits.
pub fn is_looked_up(rest: &str, at: [usize; 3], v: &Value) -> bool {
    let sum = |limbs: &[i64]| limbs.iter().rev().fold(0, |sum, limb| (sum << 16) + limb);
    let exact = v.q + sum(&v.high) - sum(&v.low);
    !rest.starts_with("q.range") || (at[0] == 0 && exact.abs() < 1 << 15)
}

/// Changes a value where this is the place to lie; whether it did.
pub fn lie(label: &str, name: &str, v: &mut Value) -> bool {
    let own = [".w.mean", ".b.mean", ".w.update", ".b.update"];
    let told = ["clock", "rate"].contains(&name) || own.iter().any(|part| name.ends_with(part));
    let Some(rest) = label.strip_prefix(name).filter(|_| told) else {
        return about_second(label, name, v);
    };
    match rest {
        // A clock that is ahead, and the rate that it says; a rate that it does not say.
        "" if name == "clock" || name == "rate" => v.q += 1,
        ".move" => v.q += 1,
        // With the remainder that there would be for one more, or one less.
        "" if name.ends_with(".update") => v.q += 1,
        ".r0.range" if v.q < (1 << 15) - 1 => {
            v.q += 1;
            v.r[0] -= v.context;
        }
        ".r0.below" if v.q > -(1 << 15) => {
            v.q -= 1;
            v.r[0] += v.context;
        }
        _ => return false,
    }
    true
}

/// A root with its rest and the fraction, all told together.
fn about_second(label: &str, name: &str, v: &mut Value) -> bool {
    let Some((parameter, rest)) =
        name.strip_suffix("root").and_then(|x| Some((x, label.strip_prefix(x)?)))
    else {
        return false;
    };
    debug_assert!(parameter.ends_with('.'));
    match rest {
        "second" if v.r[0] < 2 * v.q => v.r[0] += 1,
        "rest.range" => {
            v.r[0] -= 2 * v.q + 1;
            v.q += 1;
        }
        "rest.below" if v.q > 0 => {
            v.r[0] += 2 * v.q - 1;
            v.q -= 1;
        }
        "low.range" if v.r[0] > 0 => {
            v.r[0] -= 1;
            v.r[1] += 1 << 16;
        }
        _ => return false,
    }
    true
}

/// The last update of a parameter of the first layer no integer: the remainder is one off, and the update makes up for it.
pub fn fractional<'a>(run: &Run, honest: &'a Sheet, label: &str) -> Option<Cells<'a>> {
    let network = run.key.network.network();
    network.adam.as_ref()?;
    let (last, first) = (network.steps - 1, network.layers.first()?);
    let parameter = label.strip_prefix("layer0.")?.strip_suffix(".update.q.range")?;
    let name = format!("layer0.{parameter}");
    let rows = if parameter == "w" { first.rows().len() } else { 0 };
    let [q, root, r] = ["update.q", "root", "update.r0"].map(|part| format!("{name}.{part}"));
    (0..first.n_out).find_map(|j| {
        let zeros = vec![0; rows];
        let block = [vec![last], zeros.clone(), vec![j]].concat();
        let trace = match parameter {
            "w" => [zeros, vec![last, j]].concat(),
            _ => vec![j, last],
        };
        let at = [cell(honest, &q, &block), cell(honest, &root, &block), cell(honest, &r, &trace)];
        let [update, s, rest] = at.map(|(id, flat)| i64::from(honest.get(id, flat)));
        let by = s + first.epsilon;
        let mut cells = Cells::new(honest);
        let part = Fr::from(by).inverse()?;
        cells.replace(&q, at[0].1, Fr::from(update) - part);
        cells.replace(&r, at[2].1, Fr::from(rest) + Fr::one());
        (rest + 1 < by).then_some(cells)
    })
}
