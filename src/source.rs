//! Data files from paths, and the bundled data.

pub mod unseen;

use std::path::{Path, PathBuf};

use zktrain_model::manifest::{Manifest, Network};
use zktrain_trainer::dataset::{Dataset, Source, Table};

use crate::error::{Error, OptionsError};
use crate::files::{self, Access};
use crate::project::Project;

/// The bundled data files, by name.
pub const BUNDLED: [(&str, &str); 3] = [
    ("breast_cancer.csv", include_str!("../data/breast_cancer.csv")),
    ("german_credit.csv", include_str!("../data/german_credit.csv")),
    ("digits.csv", include_str!("../data/digits.csv")),
];

/// What files a dataset is made of, by the ending of their names: `.npy`, `.idx` or
/// `…-ubyte` (gzipped or not), everything else CSV.
///
/// # Errors
/// If a format that keeps labels in a file of their own comes without it.
pub fn source(data: &Path, labels: Option<&Path>) -> Result<Source, Error> {
    named(
        data,
        labels,
        OptionsError::Required {
            option: "--labels",
            when: "with NPY and IDX data",
            hint: "name the file of the labels: `--labels labels.npy`",
        },
    )
}

/// [`source`] of public data that scales are chosen on.
///
/// # Errors
/// As there.
pub fn public(data: &Path, labels: Option<&Path>) -> Result<Source, Error> {
    named(
        data,
        labels,
        OptionsError::Required {
            option: "--calibrate-labels",
            when: "with an NPY or IDX file to calibrate on",
            hint: "name the file of its labels: `--calibrate-labels public-labels.npy`",
        },
    )
}

fn named(data: &Path, labels: Option<&Path>, without: OptionsError) -> Result<Source, Error> {
    let name = data.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let npy = stem.ends_with(".npy");
    if !npy && !stem.ends_with("-ubyte") && !stem.ends_with(".idx") {
        return Ok(Source::Csv(data.to_owned()));
    }
    let labels = labels.ok_or(without)?;
    let (features, labels) = (data.to_owned(), labels.to_owned());
    Ok(if npy { Source::Npy { features, labels } } else { Source::Idx { features, labels } })
}

/// A bundled file's text.
pub fn bundled(name: &str) -> Option<&'static str> {
    BUNDLED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Writes a bundled file to a folder, over no other file.
///
/// # Errors
/// If another file of that name is there, or the operating system refuses.
pub fn write_bundled(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    let text = bundled(name).unwrap_or_default();
    files::write_new(&path, text.as_bytes(), Access::Public, false)?;
    Ok(path)
}

/// The owner's rows, in the project's order: those trained on, and those held out.
///
/// # Errors
/// If a file is missing, malformed or does not suit the manifest.
pub fn tables(project: &Project, manifest: &Manifest) -> Result<(Table, Table), Error> {
    let local = project.local()?;
    let data = project.resolve(&local.data);
    let labels = local.labels.map(|path| project.resolve(&path));
    let table = source(&data, labels.as_deref())?.read_for(&manifest.data)?;
    table.check_labels(manifest)?;
    let table = local.shuffle.map(|seed| table.shuffled(seed)).unwrap_or(table);
    Ok(table.split(local.held_out))
}

/// The integers trained on, and those held out.
///
/// # Errors
/// As [`tables`]; also if not one window is filled.
pub fn datasets(
    project: &Project,
    manifest: &Manifest,
    network: &Network,
) -> Result<(Dataset, Dataset), Error> {
    let (train, held_out) = tables(project, manifest)?;
    let train = train.quantized(manifest, network)?;
    let held_out = held_out.quantized(manifest, network)?;
    if train.windows(network) == 0 {
        return Err(Error::NoWindow { expected: network.window(), got: train.rows() });
    }
    Ok((train, held_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_and_pairs_need_their_labels() {
        let of = |name: &str| source(Path::new(name), Some(Path::new("y")));
        assert!(matches!(of("x.csv"), Ok(Source::Csv(_))));
        assert!(matches!(of("x.npy"), Ok(Source::Npy { .. })));
        assert!(matches!(of("train-images-idx3-ubyte.gz"), Ok(Source::Idx { .. })));
        let missing = source(Path::new("x.npy"), None);
        let option = |missing| match missing {
            Err(Error::Options(OptionsError::Required { option, .. })) => option,
            _ => "none",
        };
        assert_eq!(option(missing), "--labels");
        assert_eq!(option(public(Path::new("x.npy"), None)), "--calibrate-labels");
    }
}
