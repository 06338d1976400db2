//! A network so small that a round takes moments, and what its coordinator computes.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use alloy::primitives::{Address, B256, keccak256};
use ark_bn254::{Fr, G1Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_commit::average::{commit_sum, parameters};
use zktrain_commit::random::scalars;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::{Sheet, fill_block};
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_coordinator::driver::{Judged, RoundComputations, Settled, Timed};
use zktrain_coordinator::machine::ProofVerdict;
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::relation::Group;
use zktrain_model::size::Limits;
use zktrain_secagg::messages::Upload;
use zktrain_secagg::plan::{Plan, PlanMember};
use zktrain_secagg::vector::{Unpacked, Update, VectorShape, unpack};
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;
use zktrain_verify::aggregate::weighted_rows;

/// Begins a submission whose proof does not hold.
pub const FALSE: &[u8] = b"false";
/// Begins a submission that no verifier can bear.
pub const PANIC: &[u8] = b"panic";

pub struct Fixture {
    pub key: TrainingKey,
    pub shape: VectorShape,
    pub srs: CheckedSrs,
}

/// Layers of 7, 13 and 3 numbers; the update has several rows.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
        let manifest =
            Manifest::from_toml(include_str!("../../../../circuits/model/tests/manifest.toml"))
                .unwrap();
        let mut network: Network = manifest.network().unwrap();
        let row_log = 6;
        network.row_log = row_log;
        network.chain(&[7, 13, 3]);
        for (l, layer) in network.layers.iter_mut().enumerate() {
            layer.bias = l == 0;
        }
        let srs = Srs::generate_g1(row_log.max(1), &mut ChaCha20Rng::seed_from_u64(7));
        let srs = srs.check().unwrap();
        let network = Limits::default().admit(network).unwrap();
        let relation = compile_training(&network).unwrap().0;
        let tables = relation.layout.group_rows(Group::Tables).count();
        let tables = vec![G1Affine::default(); tables];
        let key = TrainingKey::new([1; 32], network, tables, srs.verifier_key()).unwrap();
        Fixture { shape: VectorShape::of(&key).unwrap(), key, srs }
    });
    &FIXTURE
}

pub fn update(seed: u64) -> Update {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let count = fixture().shape.parameters();
    let values = (0..count).map(|_| rng.gen_range(-9999..=9999)).collect();
    Update { values, blinds: scalars(rng, fixture().shape.rows()) }
}

pub fn commit(update: &Update) -> Vec<G1Affine> {
    let Fixture { key, srs, .. } = fixture();
    let ids: Vec<_> = key.ids.parameters().map(|parameter| parameter.before).collect();
    let mut sheet = Sheet::new(key.relation.layout.clone());
    let values = update.values.iter().copied();
    fill_block(&mut sheet, &ids, &parameters(&key.network, values));
    commit_rows(srs.g1(), &sheet.group(Group::Parameters), &update.blinds).unwrap()
}

/// A submission of these rows: its proof holds unless it says otherwise.
pub fn submission(update: &Update) -> Vec<u8> {
    let mut bytes = Vec::new();
    commit(update).serialize_compressed(&mut bytes).unwrap();
    bytes
}

/// Checks sums for real; submissions are bare commitments.
#[derive(Default)]
pub struct Bench {
    /// The sum that was kept.
    pub kept: Mutex<Option<Unpacked>>,
    /// Nothing can be kept.
    pub full: bool,
    /// What was timed.
    pub timed: Mutex<Vec<Timed>>,
}

impl RoundComputations for Bench {
    fn shape(&self) -> &VectorShape {
        &fixture().shape
    }

    fn kzg(&self) -> &KzgVerifierKey {
        &fixture().key.kzg
    }

    fn judge(
        &self,
        _plan: &Plan,
        _member: &PlanMember,
        upload: &Upload,
        submission: &[u8],
    ) -> Result<Judged, ProofVerdict> {
        assert!(!submission.starts_with(PANIC));
        let rejected =
            |signed| ProofVerdict::Rejected { signed, why: "the proof does not hold".into() };
        if keccak256(submission) != upload.submission {
            return Err(rejected(false));
        }
        Ok(Judged { update: self.update(submission).ok_or(rejected(true))? })
    }

    fn update(&self, submission: &[u8]) -> Option<Vec<G1Affine>> {
        Vec::deserialize_compressed(submission).ok()
    }

    fn settle(
        &self,
        plan: &Plan,
        updates: &BTreeMap<Address, Vec<G1Affine>>,
        sum: &[Fr],
    ) -> Settled {
        let Fixture { key, shape, srs } = fixture();
        let weighted: Vec<(u32, &[G1Affine])> = updates
            .iter()
            .map(|(account, rows)| (plan.member(*account).unwrap().weight, rows.as_slice()))
            .collect();
        let Ok(sum) = unpack(shape, sum) else { return Settled::Wrong };
        let Unpacked { values, blinds } = sum.clone();
        let opened = commit_sum(key, srs.g1(), &Sum { values, blinds });
        if !opened.is_ok_and(|opened| opened == weighted_rows(&weighted).unwrap()) {
            return Settled::Wrong;
        }
        if self.full {
            return Settled::Failed;
        }
        *self.kept.lock().unwrap() = Some(sum);
        Settled::Right { model: B256::repeat_byte(9) }
    }
    fn observe(&self, what: Timed) {
        self.timed.lock().unwrap().push(what);
    }
}
