//! What prover and verifier both derive, each on its own: the key, and circuits' keys.

use zktrain_backends::r1cs;
use zktrain_model::Hash;
use zktrain_model::compile::compile_dataset;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::relation::Relation;
use zktrain_model::size::Limits;
use zktrain_model::trace::Parameters;
use zktrain_prove::compress::CompressError;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::prove::{CommittedRows, ProveError};
use zktrain_prove::training::{commit_model, derive_key};
use zktrain_statement::key::{TrainingKey, check_readable};
use zktrain_verify::groth16::Groth16Key;

use crate::error::Error;
use crate::folder::encode_model;
use crate::reference_string::ReferenceString;

/// A manifest and a reference string, with what follows from them.
pub(crate) struct Setup {
    pub manifest: Hash,
    pub srs: ReferenceString,
    pub key: TrainingKey,
}

impl Setup {
    pub fn new(manifest: &Manifest, srs: &ReferenceString, limits: Limits) -> Result<Self, Error> {
        let network = limits.admit(manifest.network()?)?;
        check_readable(&network)?;
        let key = derive_key(manifest.hash(), network, srs.checked())?;
        Ok(Self { manifest: manifest.hash(), srs: srs.clone(), key })
    }

    pub fn network(&self) -> &Network {
        self.key.network.network()
    }

    /// The relation of a registration of so many windows.
    pub fn registration(&self, windows: usize) -> Result<Relation, Error> {
        let compiled = compile_dataset(&self.key.network, windows).map_err(ProveError::from)?;
        Ok(compiled.0)
    }

    /// What a relation's circuit is committed with.
    pub fn params(&self, relation: &Relation) -> Result<Halo2Params, Error> {
        let log = log_rows(relation).map_err(CompressError::from)?;
        Ok(Halo2Params::new(self.srs.checked(), log).map_err(CompressError::from)?)
    }

    /// Refuses a Groth16 key of another circuit than the training's.
    pub fn check_groth16(&self, key: &Groth16Key) -> Result<(), Error> {
        let circuit = r1cs::compile(&self.key.relation).map_err(CompressError::from)?;
        match circuit.digest() == key.circuit {
            true => Ok(()),
            false => Err(Error::OtherGroth16Key),
        }
    }

    /// Refuses a model whose parameters are not the network's, by writing it.
    pub fn check_shape(&self, model: &Parameters) -> Result<(), Error> {
        encode_model(self.network(), model).map(drop)
    }

    /// Commits to a public model.
    pub fn commit(&self, model: &Parameters) -> Result<CommittedRows, Error> {
        Ok(commit_model(&self.key, self.srs.checked().g1(), model)?)
    }

    /// Refuses a first model of another shape, or with parameters beyond the manifest's bound: it is
    /// public, so that this is checked in the clear.
    pub fn check_genesis(&self, model: &Parameters) -> Result<(), Error> {
        self.check_shape(model)?;
        let bits = self.network().weight_init_bits;
        match model.flat().find(|w| w.unsigned_abs() >= 1 << bits) {
            Some(got) => Err(Error::Genesis { bits, got }),
            None => Ok(()),
        }
    }
}
