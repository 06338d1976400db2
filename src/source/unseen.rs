//! Data that a model never sees as they are: values that the fixed-point scales cannot hold,
//! and rows that fill no window.

use serde::Serialize;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_trainer::dataset::{Clamped, Dataset};

use crate::ui::{Ui, percent};

/// Share of a column's values above which their clamping is worth a warning.
const MUCH_CLAMPED: f64 = 0.01;
/// Share of the rows above which leaving them out is worth a warning.
const MUCH_LEFT_OUT: f64 = 0.05;
/// Columns that one warning names.
const NAMED: usize = 8;

/// Values of a column that do not fit 16 bits, and are clamped to the nearest that does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clamping {
    pub column: String,
    /// Whether it is the label: the number to be predicted.
    pub label: bool,
    /// Its values that are clamped, of rows trained on and held out.
    pub values: usize,
    /// All of its values.
    pub rows: usize,
    /// The clamped ones' share.
    pub share: f64,
}

/// The columns that have clamped values, of several parts of the data together.
pub fn clampings(manifest: &Manifest, parts: &[&Dataset]) -> Vec<Clamping> {
    let rows: usize = parts.iter().map(|part| part.rows()).sum();
    let sum = |of: &dyn Fn(&Clamped) -> usize| -> usize {
        parts.iter().map(|part| of(&part.clamped)).sum()
    };
    let clamping = |column: String, label: bool, values: usize| {
        let share = values as f64 / rows.max(1) as f64;
        (values > 0).then_some(Clamping { column, label, values, rows, share })
    };
    let columns = manifest.data.columns().into_iter().enumerate();
    let inputs = columns.filter_map(|(j, column)| {
        let values = sum(&|clamped| clamped.inputs.get(j).copied().unwrap_or_default());
        clamping(column.name, false, values)
    });
    let target = clamping(manifest.data.label.clone(), true, sum(&|clamped| clamped.targets));
    inputs.chain(target).collect()
}

/// Warns of clamped values, where they are many, or targets.
pub fn warn_clamped(clampings: &[Clamping], ui: &Ui) {
    let (labels, mut features): (Vec<_>, Vec<_>) = clampings.iter().partition(|c| c.label);
    for target in labels {
        let (column, share) = (&target.column, percent(target.share));
        ui.warn(&format!(
            "{} of {} values to predict ({share}), column {column:?}, are beyond what the scales \
             hold: the model learns them clamped, so it cannot reach them; losses that are reported \
             for all rows are against the values as they are. Calibrate on public data whose labels \
             span as much",
            target.values, target.rows
        ));
    }
    features.retain(|c| c.share > MUCH_CLAMPED);
    if features.is_empty() {
        return;
    }
    features.sort_by(|a, b| b.share.total_cmp(&a.share));
    let named = |c: &&Clamping| format!("{:?} {}", c.column, percent(c.share));
    let named: Vec<String> = features.iter().take(NAMED).map(named).collect();
    let more = features.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    ui.warn(&format!(
        "many values are beyond what the scales hold, and are clamped, in columns {}{more}: the \
         model cannot tell them apart. Calibrate on public data like these, or choose --offset and \
         --scale so that features are within about -2 to 2",
        named.join(", ")
    ));
}

/// Share of a batch below which steps are so short of rows that it is worth a warning.
const SHORT: f64 = 0.9;

/// Warns of steps that have fewer rows than a batch, where they lack many.
fn warn_short(rows: usize, manifest: &Manifest, ui: &Ui) {
    let (batch, steps) = (manifest.training.batch, manifest.training.steps_per_proof);
    let all = rows.div_ceil(batch * steps) * steps;
    let each = rows as f64 / all as f64;
    if each < SHORT * batch as f64 {
        ui.warn(&format!(
            "{rows} rows for training, spread over {all} steps, are {each:.1} for each batch of {batch}: a step \
             moves the model as much less. A smaller --batch or fewer --steps-per-proof fit them better"
        ));
    }
}

/// Warns of rows that fill no window, where they are many or there is no window at all; with weights any rows do.
pub fn warn_left_out(rows: usize, manifest: &Manifest, network: &Network, ui: &Ui) {
    if network.weighted && rows > 0 {
        return warn_short(rows, manifest, ui);
    }
    let (window, left) = (network.window(), rows % network.window());
    let share = left as f64 / rows.max(1) as f64;
    if rows < window {
        ui.warn(&format!(
            "{rows} rows for training do not fill one window of {window}: `zktrain data commit` \
             will refuse them. Use a smaller --batch, fewer --steps-per-proof, or more data"
        ));
    } else if share > MUCH_LEFT_OUT {
        ui.warn(&format!(
            "{left} of {rows} rows for training ({}) fill no window of {window} and are never \
             trained on. A smaller --batch or fewer --steps-per-proof leave fewer out",
            percent(share)
        ));
    }
}
