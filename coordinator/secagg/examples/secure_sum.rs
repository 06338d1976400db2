//! Times a secure sum: `cargo run --release -p zktrain-secagg --example secure_sum [MEMBERS] [DROPPED]`.
//!
//! A network of a million parameters, 20 members, of which six drop out after they have shared.

use std::error::Error;
use std::time::Instant;

use alloy_primitives::{Address, B256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use ark_bn254::{Fr, G1Affine};
use zktrain_commit::srs::Srs;
use zktrain_model::compile::compile_training;
use zktrain_model::manifest::{Manifest, Network};
use zktrain_model::relation::Group;
use zktrain_model::size::Limits;
use zktrain_secagg::coordinator;
use zktrain_secagg::group::{Roster, Shared, default_threshold};
use zktrain_secagg::member::Member;
use zktrain_secagg::messages::{Body, Sharing, Signed, Upload, signing_hash};
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::policy::Policy;
use zktrain_secagg::sealed::{PromiseStore, Promises, Sealed};
use zktrain_secagg::unmasking::Unmasking;
use zktrain_secagg::vector::{Update, VectorShape, pack, unpack};
use zktrain_statement::key::TrainingKey;

/// Members here never restart.
struct Memory;

impl PromiseStore for Memory {
    type Error = core::convert::Infallible;

    fn keep(&mut self, _: &Promises) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn open<T>(sealed: Sealed<T>) -> T {
    match sealed.open(&mut Memory) {
        Ok(content) => content,
        Err(never) => match never {},
    }
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn sign<T: Body>(plan: &Plan, body: T, signer: &PrivateKeySigner) -> Outcome<Signed<T>> {
    let hash = signing_hash(plan, &body)?;
    let signature = signer.sign_hash_sync(&hash)?.as_bytes().to_vec().into();
    Ok(Signed { body, signature })
}

fn key(widths: &[usize]) -> Outcome<TrainingKey> {
    let manifest =
        Manifest::from_toml(include_str!("../../../circuits/model/tests/manifest.toml"))?;
    let mut network: Network = manifest.network()?;
    network.row_log = 14;
    network.chain(widths);
    let srs = Srs::generate_g1(1, &mut rand::rngs::OsRng).check()?;
    let network = Limits::default().admit(network)?;
    let tables = compile_training(&network)?.0.layout.group_rows(Group::Tables).count();
    Ok(TrainingKey::new([0; 32], network, vec![G1Affine::default(); tables], srs.verifier_key())?)
}

fn plan(accounts: &[Address]) -> Plan {
    let share = (1 << 16) / accounts.len() as u32;
    let mut members: Vec<PlanMember> = accounts
        .iter()
        .map(|account| PlanMember {
            account: *account,
            dataset: B256::ZERO,
            windows: 1,
            weight: share,
        })
        .collect();
    members[0].weight += (1 << 16) - share * accounts.len() as u32;
    let (zero, phase) = (B256::ZERO, 60);
    Plan {
        version: VERSION,
        chain_id: 1,
        rounds: Address::ZERO,
        domain: 0,
        round: 0,
        coordinator: Address::ZERO,
        spec: zero,
        parent: zero,
        nonce: zero,
        system: 0,
        optimistic: false,
        threshold: default_threshold(accounts.len()),
        least: 2,
        members,
        timing: Timing::even(phase),
    }
}

fn update(network: &Network, shape: &VectorShape, seed: i32) -> Update {
    let list = |count: usize| (0..count as i32).map(move |k| k.wrapping_mul(seed) % 30_000);
    let values = network.layers.iter().flat_map(|layer| {
        let biases = if layer.bias { layer.n_out } else { 0 };
        let rest = list(biases).chain(list(layer.statistics()));
        list(layer.n_in * layer.n_out).chain(rest)
    });
    Update { values: values.collect(), blinds: vec![Fr::from(seed); shape.rows()] }
}

/// Seconds that all threads of this process have computed, where Linux tells.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).flat_map(str::parse::<f64>);
    ticks.sum::<f64>() / 100.0
}

/// Prints the time that passed and, for busy machines, the time that was computed.
fn timed<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let (started, before) = (Instant::now(), computed());
    let result = work()?;
    let (passed, computed) = (started.elapsed().as_secs_f64(), computed() - before);
    println!("{what:<56} {passed:>8.3} s {computed:>8.2} s of processor");
    Ok(result)
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: usize| arguments.next().map_or(Ok(or), |text| text.parse());
    let (count, dropped): (usize, usize) = (number(20)?, number(6)?);
    let key = key(&[784, 1024, 256, 10])?;
    let shape = timed("shape", || Ok(VectorShape::of(&key)?))?;
    println!(
        "{} parameters, {} rows, {} bytes: {:.2} % above 8 a parameter",
        shape.parameters(),
        shape.rows(),
        shape.bytes(),
        100.0 * shape.bytes() as f64 / (8 * shape.parameters()) as f64 - 100.0,
    );
    let mut signers: Vec<PrivateKeySigner> = (0..count as u64)
        .map(|n| PrivateKeySigner::from_bytes(&keccak256(n.to_be_bytes())))
        .collect::<Result<_, _>>()?;
    signers.sort_by_key(PrivateKeySigner::address);
    let accounts: Vec<Address> = signers.iter().map(PrivateKeySigner::address).collect();
    let plan = plan(&accounts);
    let secret = |index: usize| keccak256([7, index as u8]).0;
    // A member has to allow a group as small as this.
    let policy = Policy { least: 2, max_share: 1 << 16, ..Policy::default() };
    let join = |index| Member::new(plan.clone(), accounts[index], secret(index), policy.clone());
    let mut members = (0..count).map(join).collect::<Result<Vec<Member>, _>>()?;

    let signed = members.iter().zip(&signers).map(|(m, s)| sign(&plan, open(m.keys()), s));
    let signed = signed.collect::<Outcome<Vec<_>>>()?;
    let roster = Roster::new(&plan, &signed)?;
    let sharings = timed("phase 2, all members", || {
        let mut sharings = Vec::new();
        for (member, signer) in members.iter_mut().zip(&signers) {
            let (head, envelopes) = open(member.roster(&signed)?);
            sharings.push(Sharing { head: sign(&plan, head, signer)?, envelopes });
        }
        Ok(sharings)
    })?;
    timed("phase 2, coordinator", || {
        Ok(sharings.iter().try_for_each(|s| coordinator::check_sharing(&plan, &roster, s))?)
    })?;
    timed("shares passed and opened, all members", || {
        let trees = coordinator::trees(&sharings);
        for (member, account) in members.iter_mut().zip(&accounts) {
            open(member.shares(&coordinator::pass(&sharings, &trees, *account)?)?);
        }
        Ok(())
    })?;
    let counted = accounts[..count - dropped].to_vec();
    let folder = tempfile::tempdir()?;
    let mut uploads: Vec<Upload> = Vec::new();
    for (index, member) in members.iter_mut().take(counted.len()).enumerate() {
        let update = update(&key.network, &shape, index as i32 + 1);
        let mut work = || {
            let packed = pack(&shape, &update, plan.members[index].weight)?;
            Ok(open(member.mask(&packed, B256::ZERO)?))
        };
        let (upload, bytes) =
            if index == 0 { timed("packing and masking, one member", work)? } else { work()? };
        std::fs::write(folder.path().join(index.to_string()), bytes)?;
        uploads.push(upload);
    }
    let confirms = members.iter_mut().zip(&signers).take(counted.len());
    let confirms = confirms.map(|(m, s)| sign(&plan, open(m.counted(&counted)?), s));
    let confirms = confirms.collect::<Outcome<Vec<_>>>()?;
    let unmasks = members.iter_mut().take(counted.len()).map(|m| Ok(open(m.confirmed(&confirms)?)));
    let unmasks = unmasks.collect::<Outcome<Vec<_>>>()?;

    let sum = timed("aggregation: these four", || {
        let secrets = timed("recovering secrets", || {
            Ok(coordinator::recover(&plan, &roster, &sharings, &counted, &unmasks)?)
        })?;
        let shared = Shared::new(&roster, sharings.iter().map(|sharing| &sharing.head.body))?;
        let mut sum = Unmasking::new(&roster, &shared, &counted, &secrets, shape.elements())?;
        timed("adding masked vectors from files, checking hashes", || {
            for (index, upload) in uploads.iter().enumerate() {
                sum.start(upload)?;
                let bytes = std::fs::read(folder.path().join(index.to_string()))?;
                bytes.chunks(1 << 20).try_for_each(|part| sum.write(part))?;
                sum.end()?;
            }
            Ok(())
        })?;
        let vector = timed("taking masks off", || Ok(sum.finish()?))?;
        timed("unpacking", || Ok(unpack(&shape, &vector)?))
    })?;
    println!("{count} members, {dropped} dropped; first values {:?}", &sum.values[..4]);
    Ok(())
}
