//! ProvenChain as files, called as in the program's projects.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zktrain_files::regular;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::trace::Parameters;
use zktrain_statement::key::TrainingKey;
use zktrain_trainer::export::{from_int_safetensors, to_int_safetensors};
use zktrain_verify::file::{
    Registration, StoredProof, decode, decode_registration, encode_for_owner,
};

use crate::error::Error;
use crate::proven::ProvenChain;
use crate::verifier::Verifier;

/// The first model.
const GENESIS: &str = "genesis.int.safetensors";
/// The registration.
const REGISTRATION: &str = "registration";
/// The folder of proofs.
const PROOFS: &str = "proofs";
/// How names end of what is for the owner alone.
const PLAIN: &str = ".NOT-ZK";
/// Bytes of a file at most.
const MOST: u64 = 1 << 32;

impl ProvenChain {
    /// Writes files to a folder, in place of the chain that is there: the first model, the registration
    /// and the proofs. What is not zero-knowledge is for the owner alone, and its names end in
    /// `.NOT-ZK`. A nonce is not written: who verifies has to know it from elsewhere.
    ///
    /// # Errors
    /// If the operating system refuses, or the first model is not the manifest's.
    pub fn save(&self, manifest: &Manifest, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = folder.as_ref();
        let proofs = folder.join(PROOFS);
        let refused = |source| Error::File { path: proofs.clone(), source };
        std::fs::create_dir_all(&proofs).map_err(refused)?;
        let genesis = encode_model(&manifest.network()?, &self.genesis)?;
        write(folder.join(GENESIS), &genesis, true)?;
        let public = self.registration.is_compressed();
        write(named(folder, REGISTRATION, public), &self.registration.to_bytes(), public)?;
        for (index, (statement, proof)) in self.proofs.iter().enumerate() {
            let public = matches!(proof, StoredProof::Compressed(_));
            let path = named(&proofs, &proof_name(index), public);
            write(path, &encode_for_owner(statement, proof), public)?;
        }
        // Of a longer chain that was here before.
        for (_, path) in proof_files(&proofs)?.range(self.proofs.len()..) {
            for path in path {
                remove(path)?;
            }
        }
        Ok(())
    }
}

impl Verifier {
    /// Reads what [`ProvenChain::save`] or the program wrote. The nonce is the pinned one. Nothing is
    /// verified yet.
    ///
    /// # Errors
    /// If a file is missing, there twice (in either form), or not one of this verifier's manifest. A
    /// proof may only be missing at the end, of which files say nothing.
    pub fn load(&self, folder: impl AsRef<Path>) -> Result<ProvenChain, Error> {
        let (folder, key) = (folder.as_ref(), self.key());
        let genesis = read(&folder.join(GENESIS))?;
        let genesis = from_int_safetensors(key.network.network(), &genesis);
        let genesis = genesis.map_err(|source| model_error(GENESIS, source))?;
        let registration = read_registration(key, folder)?;
        let mut proofs = Vec::new();
        let all = folder.join(PROOFS);
        for (index, paths) in proof_files(&all)? {
            if index != proofs.len() {
                return Err(Error::Gap { folder: all, expected: proofs.len(), got: index });
            }
            let path = one_of(paths)?;
            let decoded = decode(key, &read(&path)?);
            proofs.push(decoded.map_err(|e| Error::Wire { path, source: Box::new(e) })?);
        }
        Ok(ProvenChain { genesis, nonce: self.drawn_nonce(), registration, proofs })
    }
}

/// A model's integers as a file has them; the network's shape is checked.
pub(crate) fn encode_model(network: &Network, model: &Parameters) -> Result<Vec<u8>, Error> {
    to_int_safetensors(network, model).map_err(|source| model_error("the model", source))
}

fn model_error(what: &'static str, source: zktrain_trainer::export::ExportError) -> Error {
    Error::Model { what, source: Box::new(source) }
}

fn read_registration(key: &TrainingKey, folder: &Path) -> Result<Registration, Error> {
    let mut there = Vec::new();
    for path in [true, false].map(|public| named(folder, REGISTRATION, public)) {
        if path.try_exists().map_err(|source| Error::File { path: path.clone(), source })? {
            there.push(path);
        }
    }
    let path = if there.is_empty() { folder.join(REGISTRATION) } else { one_of(there)? };
    let registration = decode_registration(key, &read(&path)?);
    registration.map_err(|e| Error::Wire { path, source: Box::new(e) })
}

fn proof_name(index: usize) -> String {
    format!("{index:06}.proof")
}

fn named(folder: &Path, name: &str, public: bool) -> PathBuf {
    folder.join(if public { name.to_owned() } else { format!("{name}{PLAIN}") })
}

/// Files of proofs by their numbers, in either form. What has another name is somebody else's.
fn proof_files(folder: &Path) -> Result<BTreeMap<usize, Vec<PathBuf>>, Error> {
    let refused = |source| Error::File { path: folder.to_owned(), source };
    let mut files: BTreeMap<usize, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let public = name.strip_suffix(PLAIN).unwrap_or(name);
        let number = public.strip_suffix(".proof").and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|number| proof_name(*number) == public) {
            files.entry(number).or_default().push(path);
        }
    }
    Ok(files)
}

/// The only one of these files: two say different things, and nobody knows which one was meant.
fn one_of(mut paths: Vec<PathBuf>) -> Result<PathBuf, Error> {
    match (paths.pop(), paths.pop()) {
        (Some(path), None) => Ok(path),
        (first, second) => {
            Err(Error::Twice { paths: [first, second].into_iter().flatten().collect() })
        }
    }
}

/// Writes one form of a file, and removes the other: it was of the chain before.
fn write(path: PathBuf, bytes: &[u8], public: bool) -> Result<(), Error> {
    write_alone(path.clone(), bytes, public)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    remove(&match name.strip_suffix(PLAIN) {
        Some(public) => path.with_file_name(public),
        None => path.with_file_name(format!("{name}{PLAIN}")),
    })
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn write_alone(path: PathBuf, bytes: &[u8], public: bool) -> Result<(), Error> {
    let written = regular::replace(&path, |file| {
        if !public {
            for_the_owner(file)?;
        }
        file.write_all(bytes)
    });
    written.map_err(|source| Error::File { path, source })
}

#[cfg(unix)]
fn for_the_owner(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// Other systems have no such permissions.
#[cfg(not(unix))]
fn for_the_owner(_: &File) -> std::io::Result<()> {
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    regular::open(path).map_err(file)?.take(MOST).read_to_end(&mut bytes).map_err(file)?;
    Ok(bytes)
}
