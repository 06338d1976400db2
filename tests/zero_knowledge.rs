//! What a proof reveals, attacked by someone who has guessed the whole witness.
//!
//! A guess must not be confirmable: each attack below works when the part of the randomness
//! that stands against it is zero, and does not when that part is fresh.

mod common;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use common::cases::Case;
use common::{Run, srs};
use zktrain_circuits::proof::own_rows;
use zktrain_circuits::relation::Relation;
use zktrain_prover::commit::{Row, commit_rows};
use zktrain_prover::compress::Compressor;
use zktrain_prover::halo2::{Halo2Params, log_rows};
use zktrain_prover::prove::{CommittedRows, Proved, prove_with};
use zktrain_prover::random::{LocalKey, Randomness};
use zktrain_prover::sheet::Sheet;

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
        Self { relation, sheet, known: CommittedRows { points, blinds }, key: LocalKey::generate() }
    }

    fn fresh(&self) -> Randomness {
        let row_log = self.relation.layout.row_log;
        Randomness::fresh(&self.key, self.sheet.rows(), own_rows(&self.relation), row_log)
    }

    fn prove(&self, randomness: &Randomness) -> Proved {
        let statement = |_: &[_]| b"statement".to_vec();
        let (sheet, randomness) = (self.sheet.clone(), randomness.clone());
        prove_with(srs().g1(), &self.relation, sheet, &self.known, randomness, statement).unwrap()
    }

    /// The weight of every row at the point that a proof reveals.
    fn weights(&self, proved: &Proved) -> Vec<Fr> {
        let high = &proved.claim.point[self.relation.layout.row_log as usize..];
        let slots = self.relation.layout.rows.iter();
        slots.map(|slot| select(high, slot.index)).collect()
    }

    /// What the guessed sheet is at the point that a proof reveals; multiplicities included,
    /// for the attacker can count as well.
    fn guessed_value(&self, proved: &Proved) -> Fr {
        let mut sheet = self.sheet.clone();
        let columns = zktrain_prover::lookups::LookupColumns::new(&sheet, &self.relation).unwrap();
        for (table, counts) in self.relation.tables.iter().zip(columns.count(&self.relation)) {
            sheet.fill(table.counts, &counts);
        }
        let low = &proved.claim.point[..self.relation.layout.row_log as usize];
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
    assert_ne!(masked.claim.value, victim.guessed_value(&masked));
    let zero = vec![Fr::zero(); fresh.mask.len()];
    let bare = victim.prove(&Randomness { mask: zero, ..fresh });
    assert_eq!(bare.claim.value, victim.guessed_value(&bare));
}

#[test]
fn without_its_blinding_the_mask_reveals_a_sum_of_blindings() {
    let victim = Victim::new();
    let fresh = victim.fresh();
    let hidden = victim.prove(&fresh);
    assert_ne!(hidden.proof.blinding, victim.guessed_blinding(&hidden));
    let bare = victim.prove(&Randomness { mask_blinding: Fr::zero(), ..fresh });
    assert_eq!(bare.proof.blinding, victim.guessed_blinding(&bare));
}

/// Whoever knows the salt can compute the challenges from a guess, and compare the point.
#[test]
fn without_a_salt_the_point_confirms_a_guess() {
    let victim = Victim::new();
    let fresh = victim.fresh();
    let guess = victim.prove(&Randomness { salt: Fr::zero(), ..fresh.clone() });
    let salted = victim.prove(&fresh);
    assert_eq!(guess.h, salted.h, "the statement and all commitments are the same");
    let shared = guess.claim.point.iter().filter(|x| salted.claim.point.contains(x)).count();
    assert_eq!(shared, 0, "challenges do not follow from statement and witness");
    let unsalted = victim.prove(&Randomness { salt: Fr::zero(), ..fresh });
    assert_eq!(guess.claim.point, unsalted.claim.point);
}

/// The same witness, proven twice, is hidden by randomness that shares nothing.
#[test]
fn no_two_proofs_share_randomness() {
    let victim = Victim::new();
    let [a, b] = [victim.fresh(), victim.fresh()];
    let all = |r: &Randomness| {
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
            compressor.compress(proved.h, &proved.claim, proved.proof).unwrap().to_bytes()
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
