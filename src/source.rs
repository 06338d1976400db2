//! Data files from paths, and the bundled data.

pub mod unseen;

use std::path::{Path, PathBuf};

use zktrain_project::data::named;
use zktrain_project::files::{self, Access};
use zktrain_trainer::dataset::Source;

use crate::error::{Error, OptionsError};

/// The bundled data files, by name.
pub const BUNDLED: [(&str, &str); 3] = [
    ("breast_cancer.csv", include_str!("../data/breast_cancer.csv")),
    ("german_credit.csv", include_str!("../data/german_credit.csv")),
    ("digits.csv", include_str!("../data/digits.csv")),
];

/// [`Source`] of public data that scales are chosen on.
///
/// # Errors
/// If a format that keeps labels in a file of their own comes without it.
pub fn public(data: &Path, labels: Option<&Path>) -> Result<Source, OptionsError> {
    named(data, labels).ok_or(OptionsError::Required {
        option: "--calibrate-labels",
        when: "with an NPY or IDX file to calibrate on",
        hint: "name the file of its labels: `--calibrate-labels public-labels.npy`",
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_pairs_need_their_labels() {
        let missing = public(Path::new("x.npy"), None).unwrap_err();
        assert!(matches!(missing, OptionsError::Required { option: "--calibrate-labels", .. }));
    }
}
