//! One member's work in a round that a contract opened: train on the window that was drawn, from
//! the round's model, and prove it.

use alloy::primitives::{Address, B256};
use ark_bn254::Fr;
use sha3::{Digest, Keccak256};
use zktrain_ledger::SignedSubmission;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::typed::Submission;
use zktrain_model::Hash;
use zktrain_model::schedule::round_window;
use zktrain_model::trace::{LayerParameters, Parameters, Trace};
use zktrain_project::Error as ProjectError;
use zktrain_project::Notices;
use zktrain_project::circuits::{CircuitShape, Circuits};
use zktrain_project::data::registered;
use zktrain_project::project::Project;
use zktrain_project::secrets::{DatasetSecret, read_key, read_state, write_state};
use zktrain_project::session::Session;
use zktrain_project::version::Version;
use zktrain_prove::prove::CommittedRows;
use zktrain_prove::training::{Committed, Position, TrainingProver};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_trainer::dataset::Dataset;
use zktrain_trainer::train::Trainer;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::round::rows_hash;

use crate::Error;

/// What a round asks of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Chain, round and the member's address.
    pub binding: Binding,
    /// Draws the window.
    pub nonce: Hash,
    /// `keccak256` of the model's row commitments.
    pub parent: Hash,
}

/// A round's work, proven, with what only its owner may know.
pub struct Work {
    pub statement: TrainingStatement,
    pub proof: CompressedProof,
    /// The update's openings.
    pub secret: SecretUpdate,
}

/// What a proven update's commitments hide.
pub struct SecretUpdate {
    /// `Δ`, one integer a parameter.
    pub values: Parameters,
    /// One blinding a row.
    pub blinds: Vec<Fr>,
}

/// A project ready to work: its keys derived and its data read once.
pub struct WindowProver<'a> {
    project: &'a Project,
    session: &'a Session,
    circuits: Circuits<'a>,
    train: Dataset,
    data: DatasetSecret,
}

impl<'a> WindowProver<'a> {
    /// Reads the registered data.
    ///
    /// # Errors
    /// If the data are not registered or have changed.
    pub fn open(
        project: &'a Project,
        session: &'a Session,
        notices: &'a dyn Notices,
    ) -> Result<Self, Error> {
        let (train, _, data) = registered(project, session)?;
        let circuits = Circuits::new(session, project, notices);
        Ok(Self { project, session, circuits, train, data })
    }

    /// What checks proofs of training in a system.
    ///
    /// # Errors
    /// If there is no such key.
    pub fn circuit(&self, system: ProofSystem) -> Result<CircuitKey, Error> {
        Ok(self.circuits.key_of(system)?)
    }

    /// The system of proofs that contracts check with the key of this name, if it is the project's own.
    ///
    /// # Errors
    /// If a key cannot be derived.
    pub fn system(&self, name: &Hash) -> Result<Option<ProofSystem>, Error> {
        Ok(self.circuits.system_of(name)?)
    }

    /// The registered dataset's Merkle root and windows.
    pub fn dataset(&self) -> (Hash, u64) {
        (self.data.dataset.tree.root(), self.data.dataset.windows.len() as u64)
    }

    /// Commits to a model that a round may start from.
    ///
    /// # Errors
    /// If it is not the network's.
    pub fn parent(&self, model: Parameters) -> Result<Version, Error> {
        Ok(Version::new(&self.session.key, self.session.srs.g1(), model)?)
    }

    /// Whether a version is the one that the round starts from.
    fn check(parent: &Version, task: &Task) -> Result<(), Error> {
        if parent.hash != task.parent {
            let [expected, got] = [task.parent, parent.hash.0].map(hex::encode);
            return Err(Error::ParentModel { expected, got });
        }
        Ok(())
    }

    /// Trains on the drawn window.
    fn train(&self, model: &Parameters, task: &Task) -> Result<(u64, Trace), Error> {
        let network = self.session.network();
        let windows = self.data.dataset.windows.len() as u64;
        let too_short = || {
            Error::Project(ProjectError::NoWindow {
                expected: network.window(),
                got: self.train.rows(),
            })
        };
        let window =
            round_window(task.nonce, task.binding.prover, windows).ok_or_else(too_short)?;
        let index = usize::try_from(window).map_err(|_| too_short())?;
        let (x, y) = self.train.window(network, index).ok_or_else(too_short)?;
        Ok((window, Trainer::new(network.clone())?.train_window(model, None, x, y)?))
    }

    /// Trains on the drawn window and proves it, compressed. The update's blindings stay in the
    /// project, so that [`Self::recall`] finds them after a crash. The parent's commitments are taken as
    /// they are; the proof would not verify with others.
    ///
    /// # Errors
    /// If the parent is not the round's, or proving fails.
    pub fn work(&self, parent: &Version, system: ProofSystem, task: Task) -> Result<Work, Error> {
        Self::check(parent, &task)?;
        let (window, trace) = self.train(&parent.parameters, &task)?;
        let rows = CommittedRows::public(parent.rows.clone());
        let start = Committed::start(&self.session.key, rows);
        let secret = read_key(&self.project.key_path())?;
        let (key, g1) = (&self.session.key, self.session.srs.g1());
        let prover = TrainingProver { key, g1, secret: &secret, dataset: &self.data.dataset };
        let position = Position { binding: task.binding, step: 0, window };
        let proved = prover.prove(&start, position, &trace)?;
        let compressor = self.circuits.compressor(system, CircuitShape::Training)?;
        let proof = compressor.compress(proved.proof)?;
        let statement = proved.statement;
        zktrain_verify::training::verify(key, &compressor.key(), &statement, &proof)
            .map_err(|source| Error::OwnProof(Box::new(source)))?;
        let path = self.project.round_state_path(task.binding.round);
        write_state(&path, &task.id(), 0, &proved.after)?;
        let secret = SecretUpdate::new(&trace, proved.after.model.blinds);
        Ok(Work { statement, proof, secret })
    }

    /// What the update of a round that was worked on before hides: training is deterministic, and
    /// the blindings were kept.
    ///
    /// # Errors
    /// If the parent is not the round's, or nothing was kept, or for another task.
    pub fn recall(&self, parent: &Version, task: Task) -> Result<SecretUpdate, Error> {
        Self::check(parent, &task)?;
        let (_, trace) = self.train(&parent.parameters, &task)?;
        let path = self.project.round_state_path(task.binding.round);
        let after = read_state(&path, &task.id(), 0)?;
        Ok(SecretUpdate::new(&trace, after.model.blinds))
    }
}

impl SecretUpdate {
    /// The model's own blindings are zero, so what comes after has the update's.
    fn new(trace: &Trace, blinds: Vec<Fr>) -> Self {
        let less = |after: &[i32], before: &[i32]| -> Vec<i32> {
            after.iter().zip(before).map(|(after, before)| after - before).collect()
        };
        let layers = trace.after.layers.iter().zip(&trace.before.layers);
        let layers = layers.map(|(after, before)| LayerParameters {
            w: less(&after.w, &before.w),
            b: after.b.as_ref().zip(before.b.as_ref()).map(|(a, b)| less(a, b)),
            s: after.s.as_ref().zip(before.s.as_ref()).map(|(a, b)| less(a, b)),
        });
        Self { values: Parameters { layers: layers.collect() }, blinds }
    }
}

impl Task {
    /// What the secret openings of its update are kept under.
    fn id(&self) -> Hash {
        let hasher = Keccak256::new().chain_update(b"zktrain/task");
        let hasher = hasher.chain_update(self.binding.to_bytes());
        hasher.chain_update(self.nonce).chain_update(self.parent).finalize().into()
    }
}

/// What a member signs for its work.
pub fn submission(statement: &TrainingStatement, proof: &CompressedProof) -> Submission {
    let (round, member) = (statement.binding.round, Address::from(statement.binding.prover));
    let update = B256::from(rows_hash(&statement.update));
    Submission::new(round, member, &statement.to_bytes(), &proof.to_bytes(), update)
}

/// What a member hands in: what it has signed, with the bytes that its hashes are of.
pub fn submission_file(
    signed: SignedSubmission,
    statement: &TrainingStatement,
    proof: &CompressedProof,
) -> SubmissionFile {
    let (statement, proof) = (statement.to_bytes().into(), proof.to_bytes().into());
    SubmissionFile { signed, statement, proof }
}
