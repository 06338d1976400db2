//! A look at the owner's data before there is a project: what `zktrain data commit` would refuse
//! is better known while options can still be changed. Nothing of it gets into the manifest.

use zktrain_model::manifest::Manifest;
use zktrain_trainer::dataset::{ColumnSummary, Source, csv_header, inspect};

use super::super::init::Args;
use super::Files;
use crate::error::{Error, ProjectError};
use crate::source::unseen;
use crate::ui::Ui;

/// Checks that the data suit the manifest; the columns that the model does not use.
///
/// # Errors
/// If the files cannot be read, columns are missing, cells are no numbers or labels no classes; or
/// if a column of numbers would be left out that nobody said may be.
pub(super) fn check(
    args: &Args,
    own: &Files,
    manifest: &Manifest,
    ui: &Ui,
) -> Result<Vec<String>, Error> {
    let files = zktrain_project::data::source(&own.data, own.labels.as_deref())?;
    let table = files.read_for(&manifest.data)?;
    let left_out = match &files {
        Source::Csv(path) => unused(csv_header(path)?, manifest),
        // Without names every column is one of the model's.
        Source::Npy { .. } | Source::Idx { .. } | Source::Text { .. } => Vec::new(),
    };
    if args.manifest.is_none() {
        known(args, manifest, &left_out)?;
        let unasked: Vec<&String> =
            left_out.iter().filter(|name| !args.ignore.contains(name)).collect();
        if !unasked.is_empty() {
            let seen = inspect(&files.look(&manifest.data.label)?).columns;
            let columns = seen.iter().filter(|column| unasked.contains(&&column.name));
            vanishing(args, columns, own)?;
        }
    }
    table.check_labels(manifest)?;
    let network = manifest.network().map_err(|source| {
        Error::Project(ProjectError::Manifest {
            path: args.dir.join("manifest.toml"),
            source: Box::new(source),
        })
    })?;
    let data = table.quantized(manifest, &network)?;
    unseen::warn_clamped(&unseen::clampings(manifest, &[&data]), ui);
    unseen::warn_left_out(table.trained_on(args.held_out), manifest, &network, ui);
    Ok(left_out)
}

/// The names of a header that are neither the label nor a feature. Columns without a name cannot
/// be meant.
fn unused(header: Vec<String>, manifest: &Manifest) -> Vec<String> {
    let used: std::collections::BTreeSet<String> =
        manifest.data.columns().into_iter().map(|column| column.name).collect();
    let unused =
        |name: &String| !name.is_empty() && *name != manifest.data.label && !used.contains(name);
    header.into_iter().filter(unused).collect()
}

/// Checks that whatever is to be ignored is there, in a file that was read.
fn known(args: &Args, manifest: &Manifest, left_out: &[String]) -> Result<(), Error> {
    if args.ignore.contains(&manifest.data.label) {
        let why = format!("--ignore: {:?} is the label", manifest.data.label);
        return Err(Error::Argument { why });
    }
    // A column that the public file alone has is not seen here any more.
    let public = args.calibrate_on.as_deref().and_then(|path| csv_header(path).ok());
    let public = public.unwrap_or_default();
    let known = |name: &&String| left_out.contains(name) || public.contains(name);
    match args.ignore.iter().find(|name| !known(name)) {
        Some(name) => {
            Err(Error::Argument { why: format!("--ignore: no column is called {name:?}") })
        }
        None => Ok(()),
    }
}

/// Refuses to leave out columns of numbers that nobody named: the public file may lack one by
/// mistake, and the model would never see it. Text cannot be a feature, and is left out as it is.
fn vanishing<'a>(
    args: &Args,
    columns: impl Iterator<Item = &'a ColumnSummary>,
    own: &Files,
) -> Result<(), Error> {
    let numbers: Vec<&str> =
        columns.filter(|column| column.not_numbers == 0).map(|c| c.name.as_str()).collect();
    let Some(first) = numbers.first() else { return Ok(()) };
    let public = args.calibrate_on.as_deref().map(|path| path.display().to_string());
    let public = public.unwrap_or_else(|| "the preset's data".into());
    let why = format!(
        "{}: numbers in {}, of which {public} knows nothing: the model would not see them. Scales \
         come from public data of the same columns; if the model is to do without, say so: \
         --ignore {first:?}",
        own.data.display(),
        listed(&numbers)
    );
    Err(Error::Argument { why })
}

/// Columns that one message names.
const NAMED: usize = 8;

fn listed(names: &[&str]) -> String {
    let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("{name:?}")).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = if names.len() == 1 { "column" } else { "columns" };
    format!("{what} {}{more}", named.join(", "))
}
