//! Keys and commitments for an audit, with the kernels that proofs are made with.

use std::path::Path;

use ark_bn254::G1Affine;
use zktrain_audit::backend::{
    AuditBackend, BackendError, CircuitKeys, NextVersion, ReferenceStringFile, Setup,
};
use zktrain_audit::trust::{PinMismatch, Root};
use zktrain_commit::srs::SrsFile;
use zktrain_model::Hash;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::trace::Parameters;
use zktrain_project::cache::Cache;
use zktrain_project::circuits::{Circuits, contract_key_hash};
use zktrain_project::project::{Project, read_manifest};
use zktrain_project::session::{Session, open_srs, read_genesis};
use zktrain_project::version::{Version, opens};
use zktrain_prove::training::commit_model;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::Registration;

use crate::roots::reference_string;
use crate::ui::Ui;

/// This program's kernels.
pub(super) struct Kernels<'u> {
    /// Where a string or a key that convinces nobody is warned of.
    pub ui: &'u Ui,
}

impl AuditBackend for Kernels<'_> {
    fn manifest(&self, path: &Path) -> Result<Manifest, BackendError> {
        Ok(read_manifest(path)?)
    }

    fn genesis(&self, path: &Path, network: &Network) -> Result<Parameters, BackendError> {
        Ok(read_genesis(path, network)?)
    }

    fn reference_string(
        &self,
        path: &Path,
    ) -> Result<Box<dyn ReferenceStringFile<'_> + '_>, BackendError> {
        Ok(Box::new(OpenString { file: open_srs(path)?, ui: self.ui }))
    }
}

/// A reference string's file, opened once.
struct OpenString<'u> {
    file: SrsFile,
    ui: &'u Ui,
}

impl<'u> ReferenceStringFile<'u> for OpenString<'u> {
    fn check(&self) -> Result<Result<(), BackendError>, BackendError> {
        let whole = self.file.whole()?;
        Ok(whole.check().map(drop).map_err(BackendError::from))
    }

    /// No cache: what an audit says rests on what it has computed itself.
    fn setup(
        self: Box<Self>,
        manifest: &Path,
        lineage: &Path,
    ) -> Result<Box<dyn Setup + 'u>, BackendError> {
        let Self { file, ui } = *self;
        let session = Session::of_srs(manifest, file, Cache::none(), ui)?;
        Ok(Box::new(Opened { session, project: Project::new(lineage), ui }))
    }
}

/// A session over a lineage, whose folder is laid out as a project's where it has keys.
struct Opened<'u> {
    session: Session,
    project: Project,
    ui: &'u Ui,
}

impl Setup for Opened<'_> {
    fn manifest(&self) -> &Manifest {
        &self.session.manifest
    }

    fn key(&self) -> &TrainingKey {
        &self.session.key
    }

    fn root(&self, pin: Option<&str>) -> Result<Root, PinMismatch> {
        reference_string(&self.session.srs, pin)
    }

    fn commit(&self, model: &Parameters) -> Result<Vec<G1Affine>, BackendError> {
        let session = &self.session;
        Ok(commit_model(&session.key, session.srs.g1(), model)?.points)
    }

    fn opens(&self, sum: &Sum, aggregate: &[G1Affine]) -> Result<(), BackendError> {
        let session = &self.session;
        Ok(opens(&session.key, session.srs.g1(), sum, aggregate)?)
    }

    fn next(&self, model: &Parameters, sum: &Sum) -> Result<NextVersion, BackendError> {
        let session = &self.session;
        let (next, clamped) = Version::next(model, &session.key, session.srs.g1(), sum)?;
        let Version { parameters, rows, hash } = next;
        Ok(NextVersion { parameters, rows, hash, clamped })
    }

    fn circuits(&self) -> Box<dyn CircuitKeys + '_> {
        let circuits = Circuits::new(&self.session, &self.project, self.ui);
        Box::new(SessionKeys { session: &self.session, circuits })
    }
}

/// A session's circuits, each key derived once.
struct SessionKeys<'a> {
    session: &'a Session,
    circuits: Circuits<'a>,
}

impl CircuitKeys for SessionKeys<'_> {
    fn key(&self, system: ProofSystem) -> Result<CircuitKey, BackendError> {
        Ok(self.circuits.key_of(system)?)
    }

    fn contract_key(&self, key: &CircuitKey, system: ProofSystem) -> Result<Hash, BackendError> {
        Ok(contract_key_hash(&self.session.key, key, system)?)
    }

    fn registration(&self, registration: &Registration) -> Result<Hash, BackendError> {
        Ok(self.circuits.verify_registration(registration)?)
    }
}
