//! Members that upload something else than their update, and what it takes to blame them.

mod defences;
mod disputes;
mod vectors;

use alloy_primitives::{Address, B256, Bytes};
use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::Field;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;
use zktrain_verify::aggregate::weighted_rows;

use super::defend::{Folded, Randomness, respond};
use super::proof::{Commitments, Proof};
use super::*;
use crate::keys::{Pair, Secret};
use crate::messages::{Defence, PairOpening, Reveal, Signed};
use crate::stream;
use crate::tests::{Round, World, commit, fixture, kept, opened};
use crate::vector::VectorError;

/// Weight is uneven, and nothing of it zero.
fn world() -> World {
    World::new(&[20_000, 15_000, 25_000, 5_536], 3)
}

/// A round in which member 3 has shared and is not counted, with changed vectors of others.
fn round(world: &World, change: impl Fn(usize, &mut Vec<Fr>)) -> Round<'_> {
    let mut round = Round::new(world);
    round.until_shares(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    round.pass().unwrap();
    round.upload_with(&[0, 1, 2], change).unwrap();
    round.finish(&[0, 1, 2]).unwrap();
    round
}

/// Whether the sum opens the sum of commitments.
fn is_right(round: &Round<'_>) -> bool {
    let world = round.world;
    let Ok(sum) = round.sum() else { return false };
    let commitments = world.commitments(&round.counted);
    let weighted: Vec<(u32, &[G1Affine])> = commitments
        .iter()
        .map(|(account, rows)| (world.plan.member(*account).unwrap().weight, rows.as_slice()))
        .collect();
    opened(sum) == weighted_rows(&weighted).unwrap()
}

/// A trial that has seen all uploads.
fn trial(round: &Round<'_>) -> Trial {
    let (world, counted) = (round.world, round.world.accounts(&round.counted));
    let setup = TrialSetup {
        plan: &world.plan,
        roster: round.roster.as_ref().unwrap(),
        shared: &round.shared(),
        shape: &fixture().shape,
        kzg: &fixture().srs.verifier_key(),
        counted: &counted,
        test: &round.test(),
        secrets: &round.secrets().unwrap(),
        commitments: &world.commitments(&round.counted),
    };
    let mut trial = Trial::new(setup).unwrap();
    for index in &round.counted {
        trial.start(world.account(*index)).unwrap();
        for part in round.uploads[index].1.chunks(1000) {
            trial.write(part).unwrap();
        }
        trial.end().unwrap();
    }
    trial
}

/// A member's defence, honestly made from its proven update.
fn defend(round: &mut Round<'_>, index: usize) -> Signed<Defence> {
    let (test, world) = (round.test(), round.world);
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[index]);
    let evidence = BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update: &world.updates[index],
        commitments: &commitments,
    };
    world.sign(index, kept(round.members[index].defend(&test, &evidence).unwrap()))
}

/// A member's answer to what contradicts its defence.
fn dispute(
    round: &mut Round<'_>,
    index: usize,
    defences: &[Signed<Defence>],
) -> Result<Signed<Reveal>, SecaggError> {
    let (test, world) = (round.test(), round.world);
    let evidence = BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update: &world.updates[index],
        commitments: &[],
    };
    let reveal = kept(round.members[index].dispute(&test, &evidence, defences)?);
    Ok(world.sign(index, reveal))
}

/// All defend themselves honestly and answer disputes.
fn judge(round: &mut Round<'_>) -> TrialVerdict {
    let mut trial = trial(round);
    for index in round.counted.clone() {
        trial.defence(&defend(round, index)).unwrap();
    }
    assert!(trial.disputes().is_empty());
    trial.verdict()
}

fn guilty(world: &World, who: &[usize]) -> TrialVerdict {
    TrialVerdict { guilty: world.accounts(who), silent: vec![] }
}

fn secret(world: &World, index: usize) -> Secret {
    Secret::new([index as u8 + 1; 32], world.plan.digest(), world.account(index))
}

/// The point that two members agree on for their mask.
fn agreed(world: &World, a: usize, b: usize) -> RistrettoPoint {
    *secret(world, a).mask() * RistrettoPoint::mul_base(&secret(world, b).mask())
}

fn other_point() -> RistrettoPoint {
    RistrettoPoint::mul_base(&Scalar::from(99u64))
}

/// Those that have shared in every round here: all members.
fn view(world: &World) -> Shared {
    let mut round = Round::new(world);
    round.until_shares(&[0, 1, 2, 3], &[0, 1, 2, 3]).unwrap();
    round.shared()
}

/// Replaces the mask of member `of`'s pair with another by that of another point.
fn swap_mask(world: &World, of: usize, with: usize, vector: &mut [Fr]) {
    let pair = Pair::new(world.account(of), world.account(with));
    let (sign, shared) = (pair.sign(world.account(of)), view(world));
    let masks = [
        (sign, pair.mask(&shared, &other_point())),
        (-sign, pair.mask(&shared, &agreed(world, of, with))),
    ];
    stream::apply(vector, &masks);
}

/// The defence of a member that pretends to agree on another point with some.
fn pretend(round: &Round<'_>, index: usize, with: &[usize]) -> Signed<Defence> {
    let world = round.world;
    let counted = world.accounts(&round.counted);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let others = round.counted.iter().filter(|other| **other != index);
    let pairs: Vec<Agreed> = others
        .map(|other| {
            let point =
                if with.contains(other) { other_point() } else { agreed(world, index, *other) };
            Agreed { with: world.account(*other), point: Zeroizing::new(point) }
        })
        .collect();
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[index]);
    let evidence = BlameEvidence {
        shape: &fixture().shape,
        opener: &fixture().srs.g1(),
        update: &world.updates[index],
        commitments: &commitments,
    };
    let (plan, account) = (&world.plan, world.account(index));
    let (secret, shared) = (secret(world, index), round.shared());
    let defence = super::defend(plan, &shared, account, &challenge, &pairs, &secret, &evidence);
    world.sign(index, defence.unwrap())
}

/// A member's defence with other commitments, to which it responds as well as it can.
fn adapt(
    round: &Round<'_>,
    index: usize,
    change: impl FnOnce(&mut Commitments),
) -> Signed<Defence> {
    let world = round.world;
    let (counted, shape) = (world.accounts(&round.counted), &fixture().shape);
    let challenge =
        BlameChallenge::new(&world.plan, &round.shared(), &counted, &round.test()).unwrap();
    let point = challenge.point(shape);
    let commitments = commit(&fixture().key, &fixture().srs, &world.updates[index]);
    let (update, opener) = (&world.updates[index], &fixture().srs.g1());
    let evidence = BlameEvidence { shape, opener, update, commitments: &commitments };
    let honest = defend(&mut round.clone(), index);
    let mut proof = Proof::from_bytes(&honest.body.proof, counted.len() - 1).unwrap();
    change(&mut proof.commitments);
    let folded = Folded::new(&evidence, &point).unwrap();
    let (account, balance) = (world.account(index), proof.response.balance);
    let made = &proof.commitments;
    let honest = Proof::from_bytes(&honest.body.proof, counted.len() - 1).unwrap();
    let pairs = &honest.commitments.pairs;
    let known = Commitments::known(challenge.digest, account, pairs, &commitments);
    let random = Randomness::new(&secret(world, index), known, shape.row_log);
    proof.response = respond(account, &evidence, &point, &folded, &random, made, balance).unwrap();
    world.sign(index, Defence { account, proof: proof.to_bytes().into() })
}
