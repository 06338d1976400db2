//! Models in files.

use std::path::Path;

use zktrain_model::manifest::Network;
use zktrain_model::trace::Parameters;
use zktrain_trainer::export::{ExportError, from_int_safetensors};
use zktrain_trainer::looks_like;

use crate::error::Error;
use crate::files;
use crate::project::exists;

/// Reads the integers of a model and checks that they fit the network.
///
/// # Errors
/// If the file is missing or its tensors are not the network's.
pub fn read_model(path: &Path, network: &Network, hint: &'static str) -> Result<Parameters, Error> {
    exists(path, hint)?;
    let bytes = files::read(path)?;
    from_int_safetensors(network, &bytes).map_err(|source| model_error(path, &bytes, source))
}

/// An error about a model file, which says what another kind of file looks like.
pub fn model_error(path: &Path, bytes: &[u8], source: ExportError) -> Error {
    let path = path.to_owned();
    match (&source, looks_like(bytes)) {
        (ExportError::Format(_), Some(looks)) => Error::NoModel { path, looks },
        _ => Error::Model { path, source: Box::new(source) },
    }
}

/// Reads the model that a chain starts from: public, so its range is checked in the clear.
///
/// # Errors
/// As [`read_model`]; also if a parameter is out of range.
pub fn read_genesis(path: &Path, network: &Network) -> Result<Parameters, Error> {
    let model = read_model(path, network, "make a project first: `zktrain init`")?;
    check_first(path, network, &model)?;
    Ok(model)
}

/// Checks that parameters from a file are in the range of a round's first model.
///
/// # Errors
/// [`Error::GenesisRange`].
pub fn check_first(path: &Path, network: &Network, model: &Parameters) -> Result<(), Error> {
    let bits = network.weight_init_bits;
    match model.flat().find(|w| w.unsigned_abs() >= 1 << bits) {
        Some(got) => Err(Error::GenesisRange { path: path.to_owned(), bits, got }),
        None => Ok(()),
    }
}
