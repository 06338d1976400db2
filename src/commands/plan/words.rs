//! What `zktrain init` says about options and classes.

use std::collections::BTreeMap;

use zktrain_model::manifest::Manifest;
use zktrain_trainer::CalibrationError;
use zktrain_trainer::dataset::Table;

use crate::error::Error;
use crate::ui::Ui;

/// Fields of a manifest that options set: of a manifest that nobody wrote, no field is named.
const OPTIONS: [(&str, &str); 23] = [
    ("name", "the name of --data"),
    ("optimizer.learning_rate", "--lr"),
    ("optimizer.momentum", "--momentum"),
    ("optimizer.weight_decay", "--weight-decay"),
    ("optimizer.clip", "--clip"),
    ("optimizer.beta1", "--beta1"),
    ("optimizer.beta2", "--beta2"),
    ("optimizer.epsilon", "--epsilon"),
    ("optimizer.schedule", "--schedule, --warmup"),
    ("optimizer.schedule.kind", "--schedule"),
    ("optimizer.schedule.warmup", "--warmup"),
    ("optimizer.schedule.steps", "--warmup, --max-steps"),
    ("optimizer.schedule.every", "--decay-every"),
    ("optimizer.schedule.factor", "--decay-factor"),
    ("training.batch", "--batch"),
    ("training.steps_per_proof", "--steps-per-proof"),
    ("training.max_steps", "--max-steps"),
    ("data.uniform.offset", "--offset"),
    ("data.uniform.scale", "--scale"),
    ("data.classes", "--classes"),
    ("data.weighted", "--every-row, --class-weights, --batch"),
    ("data.class_weights", "--class-weights"),
    ("data.tokens", "--positions"),
];

/// An error about a drafted manifest, in terms of the options that drafted it.
pub(super) fn by_option(error: CalibrationError) -> Error {
    let CalibrationError::Manifest(fault) = &error else { return error.into() };
    let option = OPTIONS.iter().find(|(field, _)| *field == fault.field).map(|(_, option)| *option);
    let option = option.or_else(|| scaling(&fault.field)).or_else(|| widths(&fault.field));
    let option = option.or_else(|| images(&fault.field));
    match option {
        Some(option) => Error::Argument { why: format!("{option}: {}", fault.kind) },
        None => error.into(),
    }
}

/// The scaling of a column, which is an option's where a column's own cannot be refused any more.
fn scaling(field: &str) -> Option<&'static str> {
    let (_, part) = field.strip_prefix("data.features[")?.split_once("].")?;
    match part {
        "offset" => Some("--offset"),
        "scale" => Some("--scale"),
        _ => None,
    }
}

fn widths(field: &str) -> Option<&'static str> {
    let (_, part) = field.strip_prefix("model.layers[")?.split_once("].")?;
    (part == "out").then_some("--hidden, --shape")
}

/// What is said of images and kernels. A number of inputs that is not the image's is the image's fault.
fn images(field: &str) -> Option<&'static str> {
    if field == "model.input" || field.starts_with("model.image") {
        return Some("--image");
    }
    if field.starts_with("data.class_weights[") {
        return Some("--class-weights");
    }
    let part = field.strip_prefix("model.layers[")?.split_once("].")?.1;
    match part {
        "kind" => Some("--layer"),
        "kernel" => Some("--layer, its kernel"),
        "stride" => Some("--layer, its stride"),
        "padding" => Some("--layer, its padding"),
        _ => None,
    }
}

/// Checks a number that has to be a power of two.
pub(super) fn power_of_two(option: &str, given: Option<usize>) -> Result<(), Error> {
    let Some(got) = given.filter(|got| *got > 0 && !got.is_power_of_two()) else { return Ok(()) };
    let below: usize = 1 << got.ilog2();
    let near = below
        .checked_mul(2)
        .map_or(below.to_string(), |above: usize| format!("{below} or {above}"));
    let why = format!("{option}: expected a power of two, such as {near}, got {got}");
    Err(Error::Argument { why })
}

/// So many classes that the label may be a number, or free text.
const MANY: usize = 64;
/// Rows of a class below which it can hardly be learned.
const FEW_ROWS: usize = 4;

/// Warns where labels are hardly classes, or classes hardly different.
pub(super) fn warn_of_classes(manifest: &Manifest, table: &Table, ui: &Ui) {
    let Some(classes) = manifest.data.classes.as_ref().filter(|_| !table.text) else { return };
    let (count, rows, label) = (classes.len(), table.rows(), &manifest.data.label);
    if count > MANY || (count > 2 && count * FEW_ROWS > rows) {
        let advice = match classes.iter().all(|name| name.parse::<f64>().is_ok()) {
            true => "If it is a number to predict, say --regression",
            false => "Is it the label?",
        };
        ui.warn(&format!(
            "column {label:?} has {count} different labels in {rows} rows, and the model gets an \
             output for each. {advice}"
        ));
    }
    if let Some([a, b]) = alike(classes) {
        ui.warn(&format!(
            "the classes {a:?} and {b:?} of column {label:?} are different ones, though they look \
             alike. Write all labels of a class the same way"
        ));
    }
}

/// Two classes that differ in capitals, or are the same number.
fn alike(classes: &[String]) -> Option<[&String; 2]> {
    let mut seen = BTreeMap::new();
    classes.iter().find_map(|name| {
        let plain = match name.parse::<f64>() {
            Ok(number) => number.to_string(),
            Err(_) => name.to_lowercase(),
        };
        seen.insert(plain, name).map(|earlier| [earlier, name])
    })
}

#[cfg(test)]
mod tests {
    use zktrain_model::manifest::{ManifestError, ManifestErrorKind};

    use super::*;

    #[test]
    fn options_are_named_and_the_nearest_powers_are_offered() {
        let said = |given| power_of_two("--batch", Some(given)).err().map(|e| e.to_string());
        assert_eq!((said(8), said(1), said(0)), (None, None, None));
        assert!(said(10).is_some_and(|said| said.contains("such as 8 or 16, got 10")));
        assert!(said(usize::MAX).is_some());
        let fault =
            |field: &str| by_option(ManifestError::new(field, ManifestErrorKind::Missing).into());
        for (field, option) in [
            ("optimizer.weight_decay", "--weight-decay: "),
            ("data.features[3].scale", "--scale: "),
            ("model.layers[2].out", "--hidden, --shape: "),
            ("data.label", "data.label: "),
        ] {
            assert!(fault(field).to_string().starts_with(option), "{field}");
        }
    }

    #[test]
    fn classes_that_look_alike_are_found() {
        let classes =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for names in [["no", "yes", "NO"], ["0", "1", "1.0"]] {
            assert!(alike(&classes(&names)).is_some(), "{names:?}");
        }
        assert!(alike(&classes(&["no", "yes", "none", "1", "10"])).is_none());
    }
}
