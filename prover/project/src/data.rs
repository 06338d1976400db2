//! The owner's rows: read from files, and those that were registered.

use std::path::Path;

use zktrain_model::manifest::{Manifest, Network};
use zktrain_trainer::dataset::{Dataset, Source, Table};

use crate::error::Error;
use crate::project::Project;
use crate::secrets::{DatasetSecret, data_digest, read_dataset, read_key};
use crate::session::{Rules, Session};

/// What files a dataset is made of, by the ending of their names: `.npy`, `.idx` or
/// `…-ubyte` (gzipped or not), `.txt`, everything else CSV.
///
/// # Errors
/// [`Error::NoLabels`] if a format that keeps labels in a file of their own comes without it.
pub fn source(data: &Path, labels: Option<&Path>) -> Result<Source, Error> {
    named(data, labels).ok_or(Error::NoLabels)
}

/// [`source`], or none without labels that are needed.
pub fn named(data: &Path, labels: Option<&Path>) -> Option<Source> {
    let name = data.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".txt") {
        return Some(Source::Text { path: data.to_owned(), positions: 1 });
    }
    let npy = stem.ends_with(".npy");
    if !npy && !stem.ends_with("-ubyte") && !stem.ends_with(".idx") {
        return Some(Source::Csv(data.to_owned()));
    }
    let (features, labels) = (data.to_owned(), labels?.to_owned());
    Some(if npy { Source::Npy { features, labels } } else { Source::Idx { features, labels } })
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
    let held_out = held_out.held_out(manifest, network)?;
    if train.windows(network) == 0 {
        return Err(Error::NoWindow { expected: network.window(), got: train.rows() });
    }
    Ok((train, held_out))
}

/// The data that were registered, with the secrets of the registration.
///
/// # Errors
/// If the data cannot be read, were not registered or have changed since.
pub fn registered(
    project: &Project,
    session: &Session,
) -> Result<(Dataset, Dataset, DatasetSecret), Error> {
    let secret = read_dataset(&project.dataset_path(), &session.key.spec)?;
    let (train, held_out) = datasets(project, &session.manifest, session.network())?;
    if data_digest(&read_key(&project.key_path())?, &train) != secret.digest {
        return Err(Error::DataChanged);
    }
    Ok((train, held_out, secret))
}

/// The rules that the project's chain follows.
///
/// # Errors
/// If the round's settings are missing or malformed.
pub fn rules(project: &Project, session: &Session, secret: &DatasetSecret) -> Result<Rules, Error> {
    let (root, windows) = (secret.dataset.tree.root(), secret.dataset.windows.len());
    Rules::new(&project.round_path(), &project.round()?, &session.key.spec, root, windows)
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
        let missing = source(Path::new("x.npy"), None).unwrap_err();
        assert!(matches!(missing, Error::NoLabels) && missing.to_string().contains("--labels"));
    }
}
