//! A prover that trains nothing, and what all owners of a network know of it.

use std::cell::RefCell;
use std::sync::Arc;

use alloy::primitives::{Address, keccak256};
use ark_bn254::{Fr, G1Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_commit::random::scalars;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::{Sheet, fill_block};
use zktrain_commit::srs::Srs;
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::Manifest;
use zktrain_model::relation::Group;
use zktrain_model::schedule::round_window;
use zktrain_model::size::Limits;
use zktrain_model::trace::{LayerParameters, Parameters};
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_project::version::Version;
use zktrain_secagg::vector::{Update, VectorShape};
use zktrain_statement::compressed::{CompressedProof, ProofSystem, encoded_len};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;

use crate::work::{SecretUpdate, Task, Work};
use crate::{Error, PublicProject, UpdateProver};

/// Everything that an owner has ever worked out, for the one who judges.
#[derive(Clone)]
pub struct Made {
    /// Of which task its values are.
    pub task: [u8; 32],
    pub update: Update,
}

/// A prover that proves nothing: the same values for the same task, fresh blindings each time.
pub struct Bench {
    pub account: Address,
    pub facts: PublicProject,
    pub shape: VectorShape,
    pub project: Project,
    pub rng: RefCell<ChaCha20Rng>,
    /// By `keccak256` of the encoded update commitments.
    pub made: RefCell<Vec<(Vec<G1Affine>, Made)>>,
}

impl Bench {
    fn window(&self, task: &Task) -> u64 {
        round_window(task.nonce, self.account.into_array(), self.facts.windows).unwrap()
    }

    /// What is computed depends on the owner, the parent and the window.
    fn task_id(&self, task: &Task) -> [u8; 32] {
        let window = self.window(task).to_be_bytes();
        keccak256([self.account.as_slice(), &task.parent, &window].concat()).0
    }

    fn values(&self, id: [u8; 32]) -> Parameters {
        let rng = &mut ChaCha20Rng::from_seed(id);
        let mut list = |count: usize| (0..count).map(|_| rng.gen_range(-9999..9999)).collect();
        let layers = self.facts.key.network.layers.iter().map(|layer| LayerParameters {
            w: list(layer.n_in * layer.n_out),
            b: layer.bias.then(|| list(layer.n_out)),
            s: None,
        });
        Parameters { layers: layers.collect() }
    }

    fn commit(&self, values: &Parameters, blinds: &[Fr]) -> Vec<G1Affine> {
        let key = &self.facts.key;
        let ids: Vec<_> = key.ids.parameters().map(|parameter| parameter.before).collect();
        let mut sheet = Sheet::new(key.relation.layout.clone());
        fill_block(&mut sheet, &ids, values);
        commit_rows(self.facts.srs.g1(), &sheet.group(Group::Parameters), blinds).unwrap()
    }
}

impl UpdateProver for Bench {
    async fn work(&self, _: &Arc<Version>, system: ProofSystem, task: Task) -> Result<Work, Error> {
        let id = self.task_id(&task);
        let blinds = scalars(&mut *self.rng.borrow_mut(), self.shape.rows());
        let values = self.values(id);
        let rows = self.commit(&values, &blinds);
        let mut bytes = Vec::new();
        blinds.serialize_uncompressed(&mut bytes).unwrap();
        let path = self.project.round_state_path(task.binding.round);
        files::write(&path, &bytes, Access::Owner)?;
        let update = Update { values: values.flat().collect(), blinds: blinds.clone() };
        let secret = SecretUpdate { values, blinds };
        self.made.borrow_mut().push((rows.clone(), Made { task: id, update }));
        let statement = TrainingStatement {
            spec: [0; 32],
            binding: task.binding,
            step: 0,
            dataset: self.facts.dataset,
            windows: self.facts.windows,
            window: self.window(&task),
            data: Vec::new(),
            path: Vec::new(),
            model: Vec::new(),
            state: Vec::new(),
            update: rows,
            state_after: Vec::new(),
        };
        let relation = &self.facts.key.relation;
        let proof = vec![0; encoded_len(relation)];
        let proof = CompressedProof::from_bytes(relation, system, &proof).unwrap();
        Ok(Work { statement, proof, secret })
    }

    async fn recall(&self, _: &Arc<Version>, task: Task) -> Result<SecretUpdate, Error> {
        let bytes = files::read(&self.project.round_state_path(task.binding.round))?;
        let blinds = Vec::<Fr>::deserialize_uncompressed(&bytes[..]).unwrap();
        Ok(SecretUpdate { values: self.values(self.task_id(&task)), blinds })
    }
}

/// What all owners of a network know of it.
pub fn facts() -> PublicProject {
    const ROW_LOG: u32 = 7;
    let manifest = include_str!("../../../../circuits/model/tests/manifest.toml");
    let mut network = Manifest::from_toml(manifest).unwrap().network().unwrap();
    network.row_log = ROW_LOG;
    // So many rows that the blindings of all updates of a run, one element a row, are independent.
    network.chain(&[127, 64, 4]);
    let network = Limits::default().admit(network).unwrap();
    let srs = Srs::generate_g1(ROW_LOG, &mut ChaCha20Rng::seed_from_u64(7)).check().unwrap();
    let relation = compile_training(&network).unwrap().0;
    let tables = relation.layout.group_rows(Group::Tables).count();
    let tables = vec![G1Affine::default(); tables];
    let key = TrainingKey::new([0; 32], network, tables, srs.verifier_key()).unwrap();
    PublicProject { key: Arc::new(key), srs: Arc::new(srs), dataset: [5; 32], windows: 1 }
}

/// A model of nothing but zeros.
pub fn zero_model(facts: &PublicProject) -> Parameters {
    let layers = facts.key.network.layers.iter().map(|layer| LayerParameters {
        w: vec![0; layer.n_in * layer.n_out],
        b: layer.bias.then(|| vec![0; layer.n_out]),
        s: None,
    });
    Parameters { layers: layers.collect() }
}
