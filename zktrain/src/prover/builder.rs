//! What a prover is told before it begins.

use rand::RngCore;
use zktrain_ceremony::groth16::ProvingKey;
use zktrain_commit::random::{Label, LocalKey, Randomness};
use zktrain_model::Hash;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::size::Limits;
use zktrain_model::trace::Parameters;
use zktrain_prove::compress::Compressor;
use zktrain_prove::training::Committed;
use zktrain_statement::statements::{Binding, derived_nonce};
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::initial_parameters;
use zktrain_trainer::replay::Replay;
use zktrain_verify::round::rows_hash;

use super::{Listener, Prover, ProverProgress, ProverStage};
use crate::error::Error;
use crate::proven::ProvenChain;
use crate::reference_string::ReferenceString;
use crate::registration::Registrar;
use crate::setup::Setup;

/// What training proofs are compressed with.
enum Form {
    Plain,
    Halo2,
    Groth16(Box<ProvingKey>),
}

/// Options of a [`Prover`]. Without any, it starts from a model drawn with the seed 1, makes
/// zero-knowledge proofs with halo2, is bound to no chain, and to an address that is nobody's.
pub struct ProverBuilder<'a> {
    manifest: &'a Manifest,
    srs: &'a ReferenceString,
    seed: u64,
    genesis: Option<Parameters>,
    binding: Option<Binding>,
    nonce: Option<Hash>,
    secret: Option<LocalKey>,
    form: Form,
    limits: Limits,
    listener: Listener<'a>,
}

impl<'a> Prover<'a> {
    /// A prover for a manifest's network, under a reference string.
    pub fn builder(manifest: &'a Manifest, srs: &'a ReferenceString) -> ProverBuilder<'a> {
        ProverBuilder {
            manifest,
            srs,
            seed: 1,
            genesis: None,
            binding: None,
            nonce: None,
            secret: None,
            form: Form::Halo2,
            limits: Limits::default(),
            listener: Box::new(|_| ()),
        }
    }
}

impl<'a> ProverBuilder<'a> {
    /// Draws the first model with another seed. The model is public.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, genesis: None, ..self }
    }

    /// Starts from this model.
    #[must_use]
    pub fn genesis(self, model: Parameters) -> Self {
        Self { genesis: Some(model), ..self }
    }

    /// Binds the proofs to prover, chain, contract, domain and round: elsewhere they are worth nothing.
    #[must_use]
    pub fn binding(self, binding: Binding) -> Self {
        Self { binding: Some(binding), ..self }
    }

    /// Visits the windows in the order that this nonce draws. Somebody else should have chosen it,
    /// after the registration; without it, the order follows from the registration.
    #[must_use]
    pub fn nonce(self, nonce: Hash) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// The owner's secret that hedges all blinding, should the operating system's randomness be bad;
    /// otherwise a fresh one.
    #[must_use]
    pub fn local_key(self, key: LocalKey) -> Self {
        Self { secret: Some(key), ..self }
    }

    /// Leaves proofs as they are: faster, and **not zero-knowledge**. They are for the owner alone.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { form: Form::Plain, ..self }
    }

    /// Compresses training proofs with Groth16, under a key of the training's circuit. The
    /// registration's are halo2's all the same.
    #[must_use]
    pub fn groth16(self, key: ProvingKey) -> Self {
        Self { form: Form::Groth16(Box::new(key)), ..self }
    }

    /// Works on manifests that are larger, or not as large, as the default allows.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Is told of every window that is done.
    #[must_use]
    pub fn progress(self, listener: impl FnMut(ProverProgress) + 'a) -> Self {
        Self { listener: Box::new(listener), ..self }
    }

    /// Derives the keys, and commits to the data.
    ///
    /// # Errors
    /// If the manifest or the first model is refused, the reference string is too short, the data fill
    /// no window, or the registration cannot be proven.
    pub fn build(mut self, data: &'a Dataset) -> Result<Prover<'a>, Error> {
        let setup = Setup::new(self.manifest, self.srs, self.limits)?;
        let network = setup.network();
        check_data(network, data)?;
        let genesis = self.genesis.take();
        let genesis = genesis.unwrap_or_else(|| initial_parameters(network, self.seed));
        setup.check_genesis(&genesis)?;
        let secret = self.secret.take().map_or_else(LocalKey::generate, Ok)?;
        let compressor = self.form.compressor(&setup, &secret)?;
        let binding = self.binding.map_or_else(nowhere, Ok)?;
        let total = data.windows(network);
        let registrar = Registrar {
            setup: &setup,
            secret: &secret,
            owner: binding.prover,
            compressed: compressor.is_some(),
        };
        let listener = &mut self.listener;
        let (dataset, registration) = registrar.register(data, &mut |done| {
            listener(ProverProgress {
                stage: ProverStage::Registering,
                done,
                total,
                metrics: None,
            });
        })?;
        let nonce =
            self.nonce.unwrap_or_else(|| derived_nonce(&setup.key.spec, &dataset.tree.root()));
        let at = Committed::start(&setup.key, setup.commit(&genesis)?);
        Ok(Prover {
            replay: Replay::new(network, data, nonce, genesis.clone())?,
            pending: None,
            model: genesis.clone(),
            genesis_hash: rows_hash(&at.model.points),
            chain: ProvenChain { genesis, nonce: self.nonce, registration, proofs: Vec::new() },
            listener: self.listener,
            setup,
            secret,
            binding,
            compressor,
            dataset,
            at,
        })
    }
}

impl Form {
    /// What compresses training proofs; none for plain ones.
    fn compressor(self, setup: &Setup, secret: &LocalKey) -> Result<Option<Compressor>, Error> {
        let relation = setup.key.relation.clone();
        let compressor = match self {
            Self::Plain => return Ok(None),
            Self::Halo2 => {
                let params = setup.params(&relation)?;
                Compressor::halo2(relation, params)?
            }
            Self::Groth16(key) => {
                setup.check_groth16(&key.key)?;
                Compressor::groth16(relation, *key)
            }
        };
        Ok(Some(compressor.with_key(secret.clone())))
    }
}

/// Refuses data that were scaled for another network.
fn check_data(network: &Network, data: &Dataset) -> Result<(), Error> {
    let widths =
        [("inputs", network.input, data.width), ("outputs", network.output(), data.outputs)];
    match widths.into_iter().find(|(_, expected, got)| expected != got) {
        Some((what, expected, got)) => Err(Error::OtherData { what, expected, got }),
        None => Ok(()),
    }
}

/// Off chain, by somebody whose address is nobody's.
fn nowhere() -> Result<Binding, Error> {
    let mut randomness = Randomness::fresh(Label::Address)?;
    let mut prover = [0; 20];
    randomness.fill_bytes(&mut prover);
    Ok(Binding { prover, ..Binding::default() })
}
