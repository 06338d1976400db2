//! A project opened for work: manifest, network, reference string, key.

use std::path::{Path, PathBuf};

use ark_bn254::G1Affine;
use sha3::{Digest, Keccak256};
use zktrain_circuits::key::TrainingKey;
use zktrain_circuits::manifest::{Manifest, Network};
use zktrain_circuits::merkle::Hash;
use zktrain_circuits::schedule::window_order;
use zktrain_circuits::statement::Binding;
use zktrain_prover::random::{Label, Randomness};
use zktrain_prover::srs::Srs;
use zktrain_prover::trace::{Parameters, Trace};
use zktrain_prover::training::derive_key;
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::export::from_int_safetensors;
use zktrain_trainer::train::{Trainer, last_update};

use crate::error::Error;
use crate::files;
use crate::project::{Project, Round, exists, settings};
use crate::ui::Ui;

/// Powers that nearly every circuit makes do with, as a logarithm.
pub const CIRCUIT_POWER: u32 = 14;

/// What everyone who proves or verifies needs.
pub struct Session {
    /// The manifest.
    pub manifest: Manifest,
    /// The reference string, as far as the manifest needs it.
    pub srs: Srs,
    /// The file that it is from; circuits may need more of it.
    pub srs_path: PathBuf,
    /// The key derived from both.
    pub key: TrainingKey,
}

impl Session {
    /// Derives the key from a manifest and the reference string in a file.
    ///
    /// # Errors
    /// If the manifest is a draft or the reference string missing, damaged or short.
    pub fn open(manifest_path: &Path, srs_path: &Path, ui: &Ui) -> Result<Self, Error> {
        let (manifest, network) = read_network(manifest_path)?;
        exists(srs_path, "name the reference string that the proofs were made with: `--srs FILE`")?;
        let srs = load_srs(srs_path, Some(1 << network.row_log), ui)?;
        let key = derive_key(manifest.hash(), network, &srs.g1, srs.verifier_key())?;
        Ok(Self { manifest, srs, srs_path: srs_path.to_owned(), key })
    }

    /// Opens the owner's project. Where its settings name no reference string of its
    /// own, one is generated, which is insecure; but never once data are registered
    /// under one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_project(project: &Project, ui: &Ui) -> Result<Self, Error> {
        let (_, network) = read_network(&project.manifest_path())?;
        let path = project.resolve(&project.local()?.srs);
        let own = path == project.default_srs_path() && !project.dataset_path().exists();
        if own && !path.exists() {
            let power = network.row_log.max(CIRCUIT_POWER);
            ui.say(&format!("generating a reference string of 2^{power} powers"));
            let srs = Srs::generate_g1(power, &mut Randomness::fresh(Label::ReferenceString)?);
            srs.save(&path).map_err(|source| srs_error(&path, source))?;
        }
        Self::open(&project.manifest_path(), &path, ui)
    }

    /// Opens the files that a verifier has: those named, else those of a project. An
    /// auditor has no settings of the owner's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_files(
        project: &Project,
        manifest: Option<&Path>,
        srs: Option<&Path>,
        ui: &Ui,
    ) -> Result<Self, Error> {
        let manifest = manifest.map_or_else(|| project.manifest_path(), Path::to_owned);
        let own = || project.local().map(|local| project.resolve(&local.srs)).ok();
        let srs = srs.map(Path::to_owned).or_else(own);
        Self::open(&manifest, &srs.unwrap_or_else(|| project.default_srs_path()), ui)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.key.network
    }
}

/// A manifest with its network.
///
/// # Errors
/// If the manifest is missing, refused or a draft.
pub fn read_network(path: &Path) -> Result<(Manifest, Network), Error> {
    let manifest = crate::project::read_manifest(path)?;
    let refused = |source| Error::Manifest { path: path.to_owned(), source: Box::new(source) };
    let network = manifest.network().map_err(refused)?;
    Ok((manifest, network))
}

/// Reads a reference string, the first `powers` powers or all, and warns if it is insecure.
///
/// # Errors
/// If the file is missing, damaged or short.
pub fn load_srs(path: &Path, powers: Option<usize>, ui: &Ui) -> Result<Srs, Error> {
    let srs = match powers {
        Some(powers) => Srs::load_prefix(path, powers),
        None => Srs::load(path),
    }
    .map_err(|source| srs_error(path, source))?;
    if srs.is_insecure() {
        warn_insecure(path, ui);
    }
    Ok(srs)
}

/// Says that a reference string convinces nobody.
pub fn warn_insecure(path: &Path, ui: &Ui) {
    ui.warn(&format!(
        "the reference string {} is INSECURE: it was generated on one machine, and whoever ran \
         that could forge any proof. For tests and demonstrations only; import a public \
         ceremony's with `zktrain srs import`.",
        path.display()
    ));
}

/// An error about a reference string.
pub fn srs_error(path: &Path, source: zktrain_prover::srs::SrsError) -> Error {
    Error::Srs { path: path.to_owned(), source: Box::new(source) }
}

/// Reads the integers of a model and checks that they fit the network.
///
/// # Errors
/// If the file is missing or its tensors are not the network's.
pub fn read_model(path: &Path, network: &Network, hint: &'static str) -> Result<Parameters, Error> {
    exists(path, hint)?;
    from_int_safetensors(network, &files::read(path)?)
        .map_err(|source| Error::Model { path: path.to_owned(), source: Box::new(source) })
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
    let all = model.layers.iter().flat_map(|l| l.w.iter().chain(l.b.iter().flatten()));
    match all.copied().find(|w| w.unsigned_abs() >= 1 << bits) {
        Some(got) => Err(Error::GenesisRange { path: path.to_owned(), bits, got }),
        None => Ok(()),
    }
}

/// The rules of a chain that do not depend on the model: who, which data, which order.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Prover, chain and round.
    pub binding: Binding,
    /// Root of the registered dataset.
    pub dataset: Hash,
    /// Its windows.
    pub windows: usize,
    /// Draws the order of windows.
    pub nonce: [u8; 32],
}

impl Rules {
    /// The rules of a round for a registered dataset.
    ///
    /// Outside a round the nonce is `keccak256("zktrain/nonce" ‖ spec ‖ root)`: it follows
    /// from the registration, but whoever registers can try several datasets' orders, so
    /// it binds less than a nonce that a round draws after the registration.
    ///
    /// # Errors
    /// If the round's address or nonce is malformed.
    pub fn new(
        path: &Path,
        round: &Round,
        spec: &Hash,
        dataset: Hash,
        windows: usize,
    ) -> Result<Self, Error> {
        let binding = round.binding().map_err(|e| settings(path, e))?;
        let drawn = round.nonce().map_err(|e| settings(path, e))?;
        let derived = || {
            let hasher = Keccak256::new().chain_update(b"zktrain/nonce");
            hasher.chain_update(spec).chain_update(dataset).finalize().into()
        };
        Ok(Self { binding, dataset, windows, nonce: drawn.unwrap_or_else(derived) })
    }

    /// Identifies a chain by its rules and first model: what secret state belongs to.
    pub fn chain_id(&self, spec: &Hash, model: &[G1Affine]) -> Hash {
        let mut hasher = Keccak256::new()
            .chain_update(b"zktrain/chain")
            .chain_update(spec)
            .chain_update(self.binding.chain_id.to_be_bytes())
            .chain_update(self.binding.round.to_be_bytes())
            .chain_update(self.binding.prover)
            .chain_update(self.dataset)
            .chain_update(self.nonce);
        for row in model {
            hasher.update(zktrain_circuits::opening::point_bytes(row));
        }
        hasher.finalize().into()
    }
}

/// Deterministic training, window after window in the drawn order: `train` runs it to
/// learn, `prove` runs it again to have the traces.
pub struct Replay<'a> {
    trainer: Trainer,
    data: &'a Dataset,
    nonce: [u8; 32],
    order: Vec<usize>,
    index: usize,
    model: Parameters,
    state: Option<Parameters>,
}

impl<'a> Replay<'a> {
    /// Training from the first model.
    pub fn new(network: &Network, data: &'a Dataset, nonce: [u8; 32], model: Parameters) -> Self {
        let trainer = Trainer::new(network.clone());
        Self { trainer, data, nonce, order: Vec::new(), index: 0, model, state: None }
    }

    /// The model after the windows so far.
    pub fn model(&self) -> &Parameters {
        &self.model
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Trains on the next window; its number and its trace.
    ///
    /// # Errors
    /// If the data have no window or training is refused.
    pub fn next_window(&mut self) -> Result<(u64, Trace), Error> {
        let network = self.trainer.network();
        let windows = self.data.windows(network);
        let too_short = || Error::NoWindow { expected: network.window(), got: self.data.rows() };
        let position = self.index.checked_rem(windows).ok_or_else(too_short)?;
        if position == 0 {
            let epoch = (self.index / windows) as u64;
            self.order = window_order(self.nonce, epoch, windows);
        }
        let window = self.order.get(position).copied().ok_or_else(too_short)?;
        let (x, y) = self.data.window(network, window).ok_or_else(too_short)?;
        let trace = self.trainer.train_window(&self.model, self.state.as_ref(), x, y)?;
        self.state = last_update(network, &trace);
        self.model = trace.after.clone();
        self.index += 1;
        Ok((window as u64, trace))
    }
}
