//! Rounds in memory.

mod dealers;
mod dropouts;
mod members;
mod policies;
mod vectors;
mod views;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_primitives::{Address, B256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use ark_bn254::{Fr, G1Affine};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;
use zktrain_commit::average::{commit_sum, parameters};
use zktrain_commit::random::scalars;
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::{Sheet, fill_block};
use zktrain_commit::srs::{CheckedSrs, Srs};
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::relation::Group;
use zktrain_model::size::Limits;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::sum::Sum;

use super::coordinator::{self, RecoverError, Secrets};
use super::error::SecaggError;
use super::group::{Roster, Shared, accounts_digest};
use super::member::Member;
use super::policy::Policy;
use super::sealed::{PromiseStore, Promises, Sealed};
use super::sharing::Shares;
use super::unmasking::Unmasking;
use super::vector::{self, Unpacked, Update, VectorShape};
use crate::messages::{
    Body, Complaint, Confirm, Passed, Sharing, Signed, Test, Unmask, Upload, signing_hash,
};
use crate::plan::{Plan, PlanMember, Timing, VERSION, WEIGHT_LOG};

/// What those that have shared pass to one member.
fn pass(sharings: &[Sharing], to: Address) -> Result<Vec<Passed>, SecaggError> {
    coordinator::pass(sharings, &coordinator::trees(sharings), to)
}

/// A disk.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    pub promises: Promises,
    /// Nothing can be written any more.
    pub full: bool,
}

impl PromiseStore for Disk {
    type Error = SecaggError;

    fn keep(&mut self, promises: &Promises) -> Result<(), SecaggError> {
        if self.full {
            Err(SecaggError::Early { what: "the disk" })
        } else {
            self.promises.add(promises)
        }
    }
}

/// Opens what is sealed, on a disk of its own.
pub(crate) fn kept<T>(sealed: Sealed<T>) -> T {
    sealed.open(&mut Disk::default()).unwrap()
}

/// What rounds of one network share.
pub(crate) struct Fixture {
    pub key: TrainingKey,
    pub shape: VectorShape,
    pub srs: CheckedSrs,
}

/// A network of layers of these widths.
pub(crate) fn key(widths: &[usize], biased: &[bool], row_log: u32) -> TrainingKey {
    let manifest =
        Manifest::from_toml(include_str!("../../../../circuits/model/tests/manifest.toml"));
    let mut network: Network = manifest.unwrap().network().unwrap();
    network.row_log = row_log;
    network.chain(widths);
    for (layer, &bias) in network.layers.iter_mut().zip(biased) {
        layer.bias = bias;
    }
    let srs = Srs::generate_g1(row_log.max(1), &mut ChaCha20Rng::seed_from_u64(7));
    let srs = srs.check().unwrap();
    let network = Limits::default().admit(network).unwrap();
    let relation = compile_training(&network).unwrap().0;
    let tables = relation.layout.group_rows(Group::Tables).count();
    let tables = vec![G1Affine::default(); tables];
    TrainingKey::new([1; 32], network, tables, srs.verifier_key()).unwrap()
}

/// A small network, whose update has several rows.
pub(crate) fn fixture() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
        let key = key(&[7, 13, 3], &[true, false], 6);
        let srs = Srs::generate_g1(6, &mut ChaCha20Rng::seed_from_u64(7)).check().unwrap();
        Fixture { shape: VectorShape::of(&key).unwrap(), key, srs }
    });
    &FIXTURE
}

/// A random update of a network, of at most so many bits and a sign.
pub(crate) fn update(network: &Network, rows: usize, bits: u32, rng: &mut ChaCha20Rng) -> Update {
    let bound = 1i32 << bits;
    let values = (0..network.parameters()).map(|_| rng.gen_range(-bound..=bound)).collect();
    Update { values, blinds: scalars(rng, rows) }
}

/// The row commitments of an update.
pub(crate) fn commit(key: &TrainingKey, srs: &CheckedSrs, update: &Update) -> Vec<G1Affine> {
    let ids: Vec<_> = key.ids.parameters().map(|parameter| parameter.before).collect();
    let mut sheet = Sheet::new(key.relation.layout.clone());
    let values = update.values.iter().copied();
    fill_block(&mut sheet, &ids, &parameters(&key.network, values));
    commit_rows(srs.g1(), &sheet.group(Group::Parameters), &update.blinds).unwrap()
}

/// The row commitments that a sum opens.
pub(crate) fn opened(sum: Unpacked) -> Vec<G1Affine> {
    let Fixture { key, srs, .. } = fixture();
    let Unpacked { values, blinds } = sum;
    commit_sum(key, srs.g1(), &Sum { values, blinds }).unwrap_or_default()
}

/// Signs a body, about a plan.
pub(crate) fn sign<T: Body>(plan: &Plan, body: T, signer: &PrivateKeySigner) -> Signed<T> {
    let hash = signing_hash(plan, &body).unwrap();
    let signature = signer.sign_hash_sync(&hash).unwrap().as_bytes().to_vec().into();
    Signed { body, signature }
}

/// A plan with its members' accounts and updates.
pub(crate) struct World {
    pub plan: Plan,
    pub signers: Vec<PrivateKeySigner>,
    pub updates: Vec<Update>,
    pub policy: Policy,
}

impl World {
    /// So many members of about equal weight.
    pub(crate) fn of(members: u32, threshold: u32) -> Self {
        let share = (1 << WEIGHT_LOG) / members;
        let mut weights = vec![share; members as usize];
        weights[0] += (1 << WEIGHT_LOG) - share * members;
        Self::new(&weights, threshold)
    }

    pub(crate) fn new(weights: &[u32], threshold: u32) -> Self {
        let signer = |n: usize| PrivateKeySigner::from_bytes(&keccak256([n as u8])).unwrap();
        let mut signers: Vec<PrivateKeySigner> = (0..weights.len()).map(signer).collect();
        signers.sort_by_key(PrivateKeySigner::address);
        let members = signers.iter().zip(weights).map(|(signer, weight)| PlanMember {
            account: signer.address(),
            dataset: B256::repeat_byte(5),
            windows: 4,
            weight: *weight,
        });
        let phase = 10;
        let plan = Plan {
            version: VERSION,
            chain_id: 31337,
            rounds: Address::repeat_byte(1),
            domain: 1,
            round: 3,
            coordinator: Address::repeat_byte(2),
            spec: B256::repeat_byte(3),
            parent: B256::repeat_byte(4),
            nonce: B256::repeat_byte(6),
            system: 0,
            optimistic: false,
            threshold,
            least: 1,
            members: members.collect(),
            timing: Timing::even(phase),
        };
        let (fixture, rng) = (fixture(), &mut ChaCha20Rng::seed_from_u64(11));
        let updates =
            weights.iter().map(|_| update(&fixture.key.network, fixture.shape.rows(), 15, rng));
        let updates = updates.collect();
        let policy = Policy {
            least: 1,
            max_share: 1 << WEIGHT_LOG,
            colluders: Some(0),
            ..Policy::default()
        };
        Self { plan, signers, updates, policy }
    }

    pub(crate) fn account(&self, index: usize) -> Address {
        self.signers[index].address()
    }

    pub(crate) fn accounts(&self, who: &[usize]) -> Vec<Address> {
        who.iter().map(|index| self.account(*index)).collect()
    }

    pub(crate) fn member(&self, index: usize) -> Member {
        let secret = [index as u8 + 1; 32];
        Member::new(self.plan.clone(), self.account(index), secret, self.policy.clone()).unwrap()
    }

    pub(crate) fn sign<T: Body>(&self, index: usize, body: T) -> Signed<T> {
        sign(&self.plan, body, &self.signers[index])
    }

    /// The vector of a member before it is masked.
    pub(crate) fn packed(&self, index: usize) -> Vec<Fr> {
        let weight = self.plan.members[index].weight;
        vector::pack(&fixture().shape, &self.updates[index], weight).unwrap().to_vec()
    }

    /// The sum of some members' weighted updates.
    pub(crate) fn expected(&self, who: &[usize]) -> Unpacked {
        let shape = &fixture().shape;
        let mut sum = Unpacked {
            values: vec![0; shape.parameters()],
            blinds: vec![Fr::from(0); shape.rows()],
        };
        for index in who {
            let weight = self.plan.members[*index].weight;
            let values = shape.values(&self.updates[*index]).unwrap();
            for (sum, value) in sum.values.iter_mut().zip(values) {
                *sum += i64::from(weight) * i64::from(*value);
            }
            for (sum, blind) in sum.blinds.iter_mut().zip(&self.updates[*index].blinds) {
                *sum += Fr::from(weight) * blind;
            }
        }
        sum
    }

    pub(crate) fn commitments(&self, who: &[usize]) -> BTreeMap<Address, Vec<G1Affine>> {
        let Fixture { key, srs, .. } = fixture();
        let commit =
            |index: &usize| (self.account(*index), commit(key, srs, &self.updates[*index]));
        who.iter().map(commit).collect()
    }
}

impl Clone for Shares {
    fn clone(&self) -> Self {
        Self { mask: Zeroizing::new(*self.mask), own: Zeroizing::new(*self.own) }
    }
}

/// A round under way. Lists of members are ascending.
#[derive(Clone)]
pub(crate) struct Round<'a> {
    pub world: &'a World,
    pub members: Vec<Member>,
    pub roster: Option<Roster>,
    pub sharings: Vec<Sharing>,
    pub uploads: BTreeMap<usize, (Signed<Upload>, Vec<u8>)>,
    pub counted: Vec<usize>,
    pub confirms: Vec<Signed<Confirm>>,
    pub unmasks: Vec<Unmask>,
}

impl<'a> Round<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let members = (0..world.signers.len()).map(|index| world.member(index)).collect();
        let (sharings, uploads, counted, confirms, unmasks) = Default::default();
        Self { world, members, roster: None, sharings, uploads, counted, confirms, unmasks }
    }

    /// A round of everybody, up to the counted members' shares.
    pub(crate) fn whole(world: &'a World) -> Self {
        let all: Vec<usize> = (0..world.signers.len()).collect();
        let mut round = Self::new(world);
        round.until_shares(&all, &all).unwrap();
        round.pass().unwrap();
        round.upload(&all).unwrap();
        round.finish(&all).unwrap();
        round
    }

    pub(crate) fn keys(&self, who: &[usize]) -> Vec<Signed<crate::messages::Keys>> {
        who.iter().map(|i| self.world.sign(*i, kept(self.members[*i].keys()))).collect()
    }

    /// Phases 1 and 2: some send keys, some of them their sharing.
    pub(crate) fn until_shares(
        &mut self,
        keys: &[usize],
        shares: &[usize],
    ) -> Result<(), SecaggError> {
        let plan = &self.world.plan;
        let signed = self.keys(keys);
        signed.iter().try_for_each(|keys| coordinator::check_keys(plan, keys))?;
        let roster = Roster::new(plan, &signed)?;
        self.sharings = Vec::new();
        for index in keys {
            let (head, envelopes) = kept(self.members[*index].roster(&signed)?);
            if shares.contains(index) {
                let sharing = Sharing { head: self.world.sign(*index, head), envelopes };
                coordinator::check_sharing(plan, &roster, &sharing)?;
                self.sharings.push(sharing);
            }
        }
        self.roster = Some(roster);
        Ok(())
    }

    /// Those that have shared.
    pub(crate) fn shared(&self) -> Shared {
        let heads = self.sharings.iter().map(|sharing| &sharing.head.body);
        Shared::new(self.roster.as_ref().unwrap(), heads).unwrap()
    }

    pub(crate) fn index(&self, account: Address) -> usize {
        self.world.plan.index(account).unwrap()
    }

    /// Between phases 2 and 3: those that have shared get theirs.
    pub(crate) fn pass(&mut self) -> Result<Vec<Complaint>, SecaggError> {
        let mut complaints = Vec::new();
        for sharing in &self.sharings {
            let account = sharing.head.body.account;
            let index = self.index(account);
            let passed = pass(&self.sharings, account)?;
            complaints.extend(kept(self.members[index].shares(&passed)?));
        }
        Ok(complaints)
    }

    /// Phase 3.
    pub(crate) fn upload(&mut self, who: &[usize]) -> Result<(), SecaggError> {
        self.upload_with(who, |_, _| {})
    }

    /// Phase 3, with changed vectors.
    pub(crate) fn upload_with(
        &mut self,
        who: &[usize],
        change: impl Fn(usize, &mut Vec<Fr>),
    ) -> Result<(), SecaggError> {
        let shared = self.shared();
        for index in who {
            let mut packed = self.world.packed(*index);
            change(*index, &mut packed);
            let submission = B256::repeat_byte(*index as u8);
            let (upload, bytes) = kept(self.members[*index].mask(&packed, submission)?);
            let upload = self.world.sign(*index, upload);
            coordinator::check_upload(&self.world.plan, &shared, &upload)?;
            self.uploads.insert(*index, (upload, bytes));
        }
        Ok(())
    }

    /// Phase 4: of those that are counted, some confirm.
    pub(crate) fn confirm(&mut self, counted: &[usize], who: &[usize]) -> Result<(), SecaggError> {
        self.counted = counted.to_vec();
        let (counted, shared) = (self.world.accounts(counted), self.shared());
        self.confirms = Vec::new();
        for index in who {
            let confirm = kept(self.members[*index].counted(&counted)?);
            let confirm = self.world.sign(*index, confirm);
            coordinator::check_confirm(&self.world.plan, &shared, &counted, &confirm)?;
            self.confirms.push(confirm);
        }
        Ok(())
    }

    /// Phase 5.
    pub(crate) fn unmask(&mut self, who: &[usize]) -> Result<(), SecaggError> {
        let (counted, shared) = (self.world.accounts(&self.counted), self.shared());
        self.unmasks = Vec::new();
        for index in who {
            let unmask = kept(self.members[*index].confirmed(&self.confirms)?);
            let signed = self.world.sign(*index, unmask.clone());
            coordinator::check_unmask(&self.world.plan, &shared, &counted, &signed)?;
            self.unmasks.push(unmask);
        }
        Ok(())
    }

    /// Phases 4 and 5 by all that are counted.
    pub(crate) fn finish(&mut self, counted: &[usize]) -> Result<(), SecaggError> {
        self.confirm(counted, counted)?;
        self.unmask(counted)
    }

    pub(crate) fn secrets(&self) -> Result<Secrets, RecoverError> {
        let roster = self.roster.as_ref().unwrap();
        let counted = self.world.accounts(&self.counted);
        coordinator::recover(&self.world.plan, roster, &self.sharings, &counted, &self.unmasks)
    }

    /// The unmasked sum.
    pub(crate) fn sum(&self) -> Result<Unpacked, SecaggError> {
        let Fixture { shape, .. } = fixture();
        let (secrets, counted) = (self.secrets().unwrap(), self.world.accounts(&self.counted));
        let roster = self.roster.as_ref().unwrap();
        let elements = shape.elements();
        let mut sum = Unmasking::new(roster, &self.shared(), &counted, &secrets, elements)?;
        for index in &self.counted {
            let (upload, bytes) = &self.uploads[index];
            sum.start(&upload.body)?;
            // Parts of any length.
            for part in bytes.chunks(37 + index * 1000) {
                sum.write(part)?;
            }
            sum.end()?;
        }
        Ok(vector::unpack(shape, &sum.finish()?)?)
    }

    pub(crate) fn test(&self) -> Test {
        Test { uploads: self.counted.iter().map(|i| self.uploads[i].0.clone()).collect() }
    }
}

#[test]
fn everybody_is_summed() {
    let world = World::of(4, 3);
    let round = Round::whole(&world);
    assert_eq!(round.sum().unwrap(), world.expected(&[0, 1, 2, 3]));
    assert_eq!(round.members[0].promises().shared, Some(round.shared().digest()));
}
