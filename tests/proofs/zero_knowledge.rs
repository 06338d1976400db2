//! What a proof reveals, attacked by someone who has guessed the whole witness.
//!
//! A guess must not be confirmable: each attack below works when the part of the randomness
//! that stands against it is zero, and does not when that part is fresh.

use crate::common;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use common::cases::Case;
use common::{Run, srs};
use zktrain_commit::random::{Context, LocalKey, ProofRandomness};
use zktrain_commit::rows::commit_rows;
use zktrain_commit::sheet::Sheet;
use zktrain_model::compile::compile_dataset;
use zktrain_model::relation::Relation;
use zktrain_msm::Row;
use zktrain_prove::compress::Compressor;
use zktrain_prove::halo2::{Halo2Params, log_rows};
use zktrain_prove::prove::{CommittedRows, Proved, prove_with};
use zktrain_prove::training::{Chunk, TrainingProver, register_chunk};
use zktrain_prove::witness::dataset_sheet;
use zktrain_statement::proof::own_rows;

/// A witness, with blindings of the rows that are known before the proof.
struct Victim {
    relation: Relation,
    sheet: Sheet,
    known: CommittedRows,
    key: LocalKey,
}

impl Victim {
    fn new() -> Self {
        let run = Run::of(&Case::plain(&[5, 4, 3]), 1).unwrap();
        let (_, sheet) = run.first_sheet();
        let relation = run.key.relation.clone();
        let known = sheet.rows().len() - own_rows(&relation);
        let rows: Vec<&Row> = sheet.rows().iter().take(known).collect();
        let blinds: Vec<Fr> = (0..known as u64).map(|i| Fr::from(1000 + i)).collect();
        let points = commit_rows(srs().g1(), &rows, &blinds).unwrap();
        let key = LocalKey::generate().unwrap();
        Self { relation, sheet, known: CommittedRows { points, blinds }, key }
    }

    fn fresh(&self) -> ProofRandomness {
        let row_log = self.relation.layout.row_log;
        let context = Context { key: &self.key, known: b"statement" };
        let own = own_rows(&self.relation);
        ProofRandomness::fresh(&context, self.sheet.rows(), own, row_log).unwrap()
    }

    fn prove(&self, randomness: &ProofRandomness) -> Proved {
        let statement = |_: &[_]| b"statement".to_vec();
        let (sheet, randomness) = (self.sheet.clone(), randomness.clone());
        prove_with(srs().g1(), &self.relation, sheet, &self.known, randomness, statement).unwrap()
    }

    /// The weight of every row at the point that a proof reveals.
    fn weights(&self, proved: &Proved) -> Vec<Fr> {
        let high = &proved.proof.claim().point[self.relation.layout.row_log as usize..];
        let slots = self.relation.layout.rows.iter();
        slots.map(|slot| select(high, slot.index)).collect()
    }

    /// What the guessed sheet is at the point that a proof reveals; multiplicities included,
    /// for the attacker can count as well.
    fn guessed_value(&self, proved: &Proved) -> Fr {
        let mut sheet = self.sheet.clone();
        let columns = zktrain_prove::lookups::LookupColumns::new(&sheet, &self.relation).unwrap();
        for (table, counts) in self.relation.tables.iter().zip(columns.count(&self.relation)) {
            sheet.fill(table.counts, &counts);
        }
        let low = &proved.proof.claim().point[..self.relation.layout.row_log as usize];
        let row_at = |row: &Row| {
            let mut sum = Fr::zero();
            row.for_each(|j, value| sum += select(low, j as u64) * Fr::from(value));
            sum
        };
        let rows = sheet.rows().iter().zip(self.weights(proved));
        rows.map(|(row, weight)| weight * row_at(row)).sum()
    }

    /// What the folded blinding would be without the mask's.
    fn guessed_blinding(&self, proved: &Proved) -> Fr {
        let blinds = self.known.blinds.iter().chain(&proved.own.blinds);
        self.weights(proved).iter().zip(blinds).map(|(weight, b)| *weight * b).sum()
    }
}

/// `eq(point, index)`
fn select(point: &[Fr], index: u64) -> Fr {
    let bit = |k: usize| (index >> k) & 1 == 1;
    point.iter().enumerate().map(|(k, r)| if bit(k) { *r } else { Fr::one() - r }).product()
}

#[test]
fn without_a_mask_the_opening_confirms_a_guess() {
    let victim = Victim::new();
    let fresh = victim.fresh();
    let masked = victim.prove(&fresh);
    assert_ne!(masked.proof.claim().value, victim.guessed_value(&masked));
    let zero = vec![Fr::zero(); fresh.mask.len()];
    let bare = victim.prove(&ProofRandomness { mask: zero, ..fresh });
    assert_eq!(bare.proof.claim().value, victim.guessed_value(&bare));
}

#[test]
fn without_its_blinding_the_mask_reveals_a_sum_of_blindings() {
    let victim = Victim::new();
    let fresh = victim.fresh();
    let hidden = victim.prove(&fresh);
    assert_ne!(hidden.proof.revealed().blinding, victim.guessed_blinding(&hidden));
    let bare = victim.prove(&ProofRandomness { mask_blinding: Fr::zero(), ..fresh });
    assert_eq!(bare.proof.revealed().blinding, victim.guessed_blinding(&bare));
}

/// An observer who knows the salt can compute the challenges from a guess, and compare the point.
#[test]
fn without_a_salt_the_point_confirms_a_guess() {
    let victim = Victim::new();
    let fresh = victim.fresh();
    let guess = victim.prove(&ProofRandomness { salt: Fr::zero(), ..fresh.clone() });
    let salted = victim.prove(&fresh);
    assert_eq!(guess.proof.h(), salted.proof.h(), "the statement and all commitments are the same");
    let shared =
        guess.proof.claim().point.iter().filter(|x| salted.proof.claim().point.contains(x)).count();
    assert_eq!(shared, 0, "challenges do not follow from statement and witness");
    let unsalted = victim.prove(&ProofRandomness { salt: Fr::zero(), ..fresh });
    assert_eq!(guess.proof.claim().point, unsalted.proof.claim().point);
}

/// The same witness, proven twice, is hidden by randomness that shares nothing.
#[test]
fn no_two_proofs_share_randomness() {
    let victim = Victim::new();
    let [a, b] = [victim.fresh(), victim.fresh()];
    let all = |r: &ProofRandomness| {
        let mut all = r.blinds.clone();
        all.extend(r.mask.iter().chain([&r.mask_blinding, &r.salt]).copied());
        all
    };
    let (mut a, b) = (all(&a), all(&b));
    a.extend(b);
    assert!(a.iter().all(|x| !x.is_zero()));
    let count = a.len();
    a.sort_unstable();
    a.dedup();
    assert_eq!(a.len(), count);
}

/// Bits that are set in a proof's uniform words: everything but the top byte of each word,
/// which is not uniform below a modulus.
fn ones(bytes: &[u8]) -> (u32, u32) {
    let words = bytes.as_chunks::<32>().0.iter();
    let ones = words.clone().flat_map(|w| &w[1..]).map(|b| b.count_ones()).sum();
    (ones, 8 * 31 * words.count() as u32)
}

/// Two very different datasets of one shape: the share of set bits, the values of each byte and
/// the words themselves say nothing about which one a proof is of.
#[test]
fn simple_statistics_do_not_tell_datasets_apart() {
    const PROOFS: usize = 6;
    let case = Case { batch: 2, row_log: 13, ..Case::plain(&[5, 4, 3]) };
    let quiet = Case { stretch: 0.0, ..case.clone() };
    let loud = Case { stretch: 900.0, seed: 77, ..case };
    let mut compressor = None;
    let mut all = [quiet, loud].map(|case| {
        let run = Run::of(&case, 1).unwrap();
        let compressor = compressor.get_or_insert_with(|| compressor_of(&run));
        let (window, trace) = run.traces(1).remove(0);
        let prove = |_| {
            let position = run.position(0, window);
            let proved = run.prover().prove(&run.start, position, &trace).unwrap();
            compressor.compress(proved.proof).unwrap().to_bytes()
        };
        (0..PROOFS).map(prove).collect::<Vec<_>>()
    });
    let length = all[0][0].len();
    assert!(all.iter().flatten().all(|proof| proof.len() == length), "the size says nothing");
    for proofs in &all {
        let (ones, bits) = ones(&proofs.concat());
        // Five standard deviations of a fair coin.
        let deviation = (f64::from(ones) - f64::from(bits) / 2.0).abs();
        assert!(deviation < 5.0 * f64::from(bits).sqrt() / 2.0, "{ones} of {bits} bits are set");
    }
    let mut counts = [[0f64; 256]; 2];
    for (counts, proofs) in counts.iter_mut().zip(&all) {
        let words = proofs.iter().flat_map(|proof| proof.as_chunks::<32>().0);
        words.flat_map(|word| &word[1..]).for_each(|byte| counts[usize::from(*byte)] += 1.0);
    }
    let [quiet, loud] = counts;
    let chi: f64 = quiet.iter().zip(&loud).map(|(a, b)| (a - b).powi(2) / (a + b)).sum();
    // 255 degrees of freedom: mean 255, deviation 22.6.
    assert!((255.0 - 6.0 * 22.6..255.0 + 6.0 * 22.6).contains(&chi), "chi square {chi}");
    let mut words: Vec<[u8; 32]> =
        all.iter_mut().flatten().flat_map(|proof| proof.as_chunks::<32>().0.to_vec()).collect();
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count, "no word appears twice");
}

fn compressor_of(run: &Run) -> Compressor {
    let relation = run.key.relation.clone();
    let params = Halo2Params::new(srs(), log_rows(&relation).unwrap()).unwrap();
    Compressor::halo2(relation, params).unwrap()
}

/// Rows of a chunk's own that a proof commits to, as an observer who knows the data computes them.
fn own_rows_of(relation: &Relation, mut sheet: Sheet) -> Vec<Row> {
    let columns = zktrain_prove::lookups::LookupColumns::new(&sheet, relation).unwrap();
    for (table, counts) in relation.tables.iter().zip(columns.count(relation)) {
        sheet.fill(table.counts, &counts);
    }
    let known = sheet.rows().len() - own_rows(relation);
    sheet.rows()[known..].to_vec()
}

/// An operating system that repeats itself blinds data rows and a proof's own rows differently.
#[test]
fn a_registration_repeats_no_blinding_even_if_the_system_does() {
    let run = Run::of(&Case::plain(&[5, 4, 3]), 1).unwrap();
    let (network, g1) = (&run.key.network, srs().g1());
    let [inputs, labels] = [&run.data.inputs, &run.data.labels]
        .map(|list| list.iter().map(|v| i32::from(*v)).collect::<Vec<i32>>());
    let chunk = Chunk {
        owner: [7; 20],
        total: 1,
        first: 0,
        windows: 1,
        inputs: &inputs[..network.window() * network.input],
        labels: &labels[..network.window() * network.output()],
    };
    let broken = LocalKey::with_repeating_system([7; 32], [9; 32]);
    let proved = register_chunk(&run.key, g1, &broken, &chunk).unwrap();
    let again = register_chunk(&run.key, g1, &broken, &chunk).unwrap();
    assert_eq!(proved.windows, again.windows, "the system repeats itself");
    let data = &proved.windows[0].blinds;
    let (relation, ids) = compile_dataset(network, 1).unwrap();
    let sheet = dataset_sheet(&relation, &ids, network, chunk.inputs, chunk.labels);
    let own = own_rows_of(&relation, sheet);
    let count = data.len().min(own.len());
    assert!(count > 0);
    // If a blinding served twice, the difference of two commitments would be one of data alone.
    let rows: Vec<&Row> = own.iter().take(count).collect();
    let guessed = commit_rows(g1, &rows, &data[..count]).unwrap();
    for (guess, row) in guessed.iter().zip(&proved.proof.revealed().rows) {
        assert_ne!(guess, row);
    }
}

/// One witness in two statements: neither mask nor blindings are repeated.
#[test]
fn two_statements_about_one_witness_share_no_randomness_even_if_the_system_repeats_itself() {
    let run = Run::of(&Case::plain(&[5, 4, 3]), 1).unwrap();
    let broken = LocalKey::with_repeating_system([7; 32], [9; 32]);
    let (window, trace) = run.traces(1).remove(0);
    let prove = |round: u64| {
        let mut position = run.position(0, window);
        position.binding.round = round;
        let prover = TrainingProver { secret: &broken, ..run.prover() };
        prover.prove(&run.start, position, &trace).unwrap().proof.reveal()
    };
    let (one, again, other) = (prove(2), prove(2), prove(3));
    assert_eq!(one.mask, again.mask, "the system repeats itself");
    assert_ne!(one.mask, other.mask);
    assert_ne!(one.argument.salt, other.argument.salt);
    assert!(one.rows.iter().all(|row| !other.rows.contains(row)));
}

/// What compresses an owner's proof blinds it with the owner's key, too.
#[test]
fn compression_depends_on_the_owners_key_even_if_the_system_repeats_itself() {
    let run = Run::of(&Case::plain(&[5, 4, 3]), 1).unwrap();
    let (window, trace) = run.traces(1).remove(0);
    let proved = run.prover().prove(&run.start, run.position(0, window), &trace).unwrap();
    let mut compressor = compressor_of(&run);
    let mut circuit_proofs = Vec::new();
    for key in [[7; 32], [7; 32], [8; 32]] {
        compressor = compressor.with_key(LocalKey::with_repeating_system(key, [9; 32]));
        let proof = compressor.compress(proved.proof.clone());
        circuit_proofs.push(proof.unwrap().circuit_proof);
    }
    let [one, again, other] = &circuit_proofs[..] else { unreachable!() };
    assert_eq!(one, again, "the system repeats itself");
    assert!(one.as_chunks::<32>().0.iter().all(|word| !other.as_chunks::<32>().0.contains(word)));
    let failing = compressor.with_key(LocalKey::with_failing_system([7; 32]));
    assert!(failing.compress(proved.proof).is_err());
}
