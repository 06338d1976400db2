//! What a coordinator and its colluders have in the end, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, keccak256};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zktrain_ledger::files::SubmissionFile;
use zktrain_secagg::analysis::{self, Recovered};
use zktrain_secagg::coordinator;
use zktrain_secagg::group::Roster;
use zktrain_secagg::messages::Sharing;
use zktrain_secagg::plan::Plan;
use zktrain_secagg::vector::{self, Update, VectorShape, pack};
use zktrain_wire::Scoped;

use super::coordinator::Game;
use super::plans::People;
use super::program::Program;
use super::untrained::{Bench, Made};

/// Unknown vectors of the honest owners, and what sums of them may be known.
#[derive(Default)]
pub struct Ledger {
    names: Vec<Name>,
    pub unknown: Vec<Vec<Fr>>,
    /// Masked vectors, less the masks that are known.
    pub held: Vec<Vec<Fr>>,
    permitted: Vec<Sum>,
}

/// A sum that may be known.
#[derive(Default)]
struct Sum {
    /// Unknown vectors with their weights.
    terms: Vec<(usize, u32)>,
    /// Those of owners that have forgotten in which sums they were.
    forgotten: BTreeSet<usize>,
}

/// An unknown vector: values of an owner's update, or blindings of its commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Values(Address, [u8; 32]),
    /// Of the update with these values, and by the hash of the commitments.
    Blinds(Address, [u8; 32], B256),
}

/// Secrets by the point that belongs to each.
type Secrets = BTreeMap<[u8; 32], Recovered>;

impl Ledger {
    fn number(&mut self, name: Name, vector: impl FnOnce() -> Vec<Fr>) -> usize {
        if let Some(at) = self.names.iter().position(|known| *known == name) {
            return at;
        }
        self.names.push(name);
        self.unknown.push(vector());
        self.names.len() - 1
    }

    /// The numbers of an update's values and blindings.
    fn update(
        &mut self,
        account: Address,
        shape: &VectorShape,
        made: &Made,
        rows: B256,
    ) -> [usize; 2] {
        let Update { values, blinds } = made.update.clone();
        let none = vec![Fr::ZERO; blinds.len()];
        let packed = |update: Update| pack(shape, &update, 1).unwrap().to_vec();
        let zero = vec![0; values.len()];
        let name = Name::Values(account, made.task);
        let first = self.number(name, || packed(Update { values, blinds: none }));
        let name = Name::Blinds(account, made.task, rows);
        [first, self.number(name, || packed(Update { values: zero, blinds }))]
    }

    /// Adds what was learnt in a round.
    ///
    /// # Panics
    /// If a sum was unmasked that no owner agrees to.
    pub fn add(&mut self, game: &Game<'_>, owners: &[Program], people: &People) {
        let shape = &owners[0].seat.worker.shape;
        let secrets = secrets(game);
        for vector in &game.vectors {
            let mut elements = vector::decode(&vector.bytes).unwrap();
            let roster = &game.rosters[&vector.roster];
            for stream in known_streams(game, roster, vector, &secrets, shape.elements()) {
                elements.iter_mut().zip(stream).for_each(|(element, mask)| *element -= mask);
            }
            // What is sent again says nothing new.
            if !self.held.contains(&elements) {
                self.held.push(elements);
            }
        }
        for owner in owners {
            let bench: &Bench = &owner.seat.worker;
            for (rows, made) in bench.made.borrow().iter() {
                self.update(owner.account, shape, made, name_of(rows));
            }
        }
        self.permit(game, owners, people);
    }

    /// A sum is permitted that an honest member has shown shares for. There is one in a round.
    fn permit(&mut self, game: &Game<'_>, owners: &[Program], people: &People) {
        let shape = &owners[0].seat.worker.shape;
        let unmasked: BTreeSet<Address> = game.unmasks.iter().map(|u| u.body.account).collect();
        let sets = game.confirms.iter().filter(|c| unmasked.contains(&c.body.account));
        let sets: BTreeSet<(B256, B256)> = sets
            .filter(|c| self.is_confirmed(game, c.body.shared, c.body.counted))
            .map(|c| (c.body.shared, c.body.counted))
            .collect();
        assert!(sets.len() <= 1, "{} sums in one round", sets.len());
        for (shared, counted) in sets {
            let set = &game.sets[&counted];
            assert!(people.may_be_summed(game.plan, set), "a sum of too few: {set:?}");
            let mut sum = Sum::default();
            for owner in owners {
                if !set.contains(&owner.account) {
                    continue;
                }
                let uploads = game.uploads.iter().filter(|u| u.body.account == owner.account);
                let uploads = uploads.filter(|u| u.body.shared == shared);
                let hashes: BTreeSet<B256> = uploads.map(|u| u.body.submission).collect();
                let weight = game.plan.member(owner.account).unwrap().weight;
                let bench = &owner.seat.worker;
                for (rows, made) in bench.made.borrow().iter() {
                    if hashes.contains(&submission_of(game, rows)) {
                        let numbers = self.update(owner.account, shape, made, name_of(rows));
                        sum.terms.extend(numbers.map(|number| (number, weight)));
                        if game.forgetful.contains(&owner.account) {
                            sum.forgotten.extend(numbers);
                        }
                        // Whichever it is: their blindings' difference is allowed.
                        break;
                    }
                }
            }
            self.permitted.push(sum);
        }
    }

    fn is_confirmed(&self, game: &Game<'_>, shared: B256, counted: B256) -> bool {
        let of =
            game.confirms.iter().filter(|c| (c.body.shared, c.body.counted) == (shared, counted));
        let honest: BTreeSet<Address> = of.map(|c| c.body.account).collect();
        let colluding =
            game.colluders.iter().filter(|c| game.sets[&counted].contains(&c.account()));
        honest.len() + colluding.count() >= game.plan.threshold as usize
    }

    /// What may be known: permitted sums, and differences of blindings of the same update, which
    /// its commitments show up to a factor and which say nothing of its values.
    fn allowed(&self) -> Vec<Vec<Fr>> {
        let row = |terms: &[(usize, Fr)]| {
            let mut row = vec![Fr::ZERO; self.names.len()];
            terms.iter().for_each(|(at, times)| row[*at] += times);
            row
        };
        let sums = self.permitted.iter().map(|sum| {
            row(&sum.terms.iter().map(|(at, weight)| (*at, Fr::from(*weight))).collect::<Vec<_>>())
        });
        let update = |name: &Name| match name {
            Name::Blinds(account, task, _) => Some((*account, *task)),
            Name::Values(..) => None,
        };
        let differences = self.names.iter().enumerate().filter_map(|(at, name)| {
            let of = update(name)?;
            let first = self.names.iter().position(|other| update(other) == Some(of))?;
            let one = Fr::from(1u64);
            (first != at).then(|| row(&[(at, one), (first, -one)]))
        });
        sums.chain(differences).collect()
    }

    /// What is known of the unknown that must not be, and how many sums are, as they may be.
    pub fn judge(&self) -> (Vec<String>, usize) {
        let allowed = self.allowed();
        let reached = super::algebra::reached(&self.held, &self.unknown);
        let differences = self.differences();
        let (sums, leaks): (Vec<_>, Vec<_>) =
            reached.iter().partition(|found| super::algebra::is_spanned(found, &allowed));
        let leaks = leaks.into_iter().chain(&differences);
        let show = |found: &Vec<Fr>| {
            let terms = found.iter().zip(&self.names).filter(|(times, _)| **times != Fr::ZERO);
            terms.map(|(_, name)| format!("{name:?}")).collect::<Vec<_>>().join(" + ")
        };
        (leaks.map(show).collect(), self.permitted.len().min(sums.len()))
    }

    /// Differences of permitted sums that have some update in common, and not all; but for those of
    /// owners whose files were restored or lost.
    fn differences(&self) -> Vec<Vec<Fr>> {
        let values = |sum: &Sum| -> BTreeMap<usize, u32> {
            let is_values = |at: &usize| matches!(self.names[*at], Name::Values(..));
            sum.terms.iter().copied().filter(|(at, _)| is_values(at)).collect()
        };
        let sums: Vec<_> = self.permitted.iter().map(|sum| (values(sum), &sum.forgotten)).collect();
        let mut differences = Vec::new();
        for (index, (first, forgotten)) in sums.iter().enumerate() {
            for (second, others) in &sums[index + 1..] {
                let is_common = |at: &usize| {
                    second.contains_key(at) && !forgotten.contains(at) && !others.contains(at)
                };
                if first == second || !first.keys().any(is_common) {
                    continue;
                }
                let mut row = vec![Fr::ZERO; self.names.len()];
                first.iter().for_each(|(at, weight)| row[*at] += Fr::from(*weight));
                second.iter().for_each(|(at, weight)| row[*at] -= Fr::from(*weight));
                differences.push(row);
            }
        }
        differences
    }
}

fn name_of(rows: &[ark_bn254::G1Affine]) -> B256 {
    B256::from(zktrain_verify::round::rows_hash(rows))
}

/// The struct hash of the submission with these commitments.
fn submission_of(game: &Game<'_>, rows: &[ark_bn254::G1Affine]) -> B256 {
    let update = name_of(rows);
    let files = game.submissions.iter().filter_map(|bytes| {
        let file: SubmissionFile = serde_json::from_slice(bytes).ok()?;
        Some(file.signed.submission)
    });
    let mut of = files.filter(|submission| submission.update == update);
    of.next().map(|submission| game.plan.scope().hash(&submission)).unwrap_or_default()
}

/// All secrets of members that can be worked out.
fn secrets(game: &Game<'_>) -> Secrets {
    let mut known = Secrets::new();
    let mut learn = |secret: Recovered| {
        if let Some(point) = analysis::point(&secret) {
            known.insert(point, secret);
        }
    };
    let shown = game.unmasks.iter().flat_map(|unmask| unmask.body.shares.iter().flatten());
    let mut shares: BTreeMap<B256, [u8; 32]> =
        shown.map(|share| (keccak256(share), *share)).collect();
    for colluder in game.colluders {
        let insider = colluder.insider(game.plan);
        learn(insider.mask());
        for (digest, roster) in &game.rosters {
            learn(insider.own(roster));
            let sharings =
                game.sharings.get(digest).into_iter().flat_map(|of| of.values().flatten());
            for sharing in sharings {
                let one = std::slice::from_ref(sharing);
                let trees = coordinator::trees(one);
                let Ok(passed) = coordinator::pass(one, &trees, colluder.account()) else {
                    continue;
                };
                let opened = insider.open(game.plan, roster, &passed[0]).unwrap();
                shares.extend(opened.into_iter().flatten().map(|share| (keccak256(share), share)));
            }
        }
    }
    for sharing in game.sharings.values().flat_map(|of| of.values().flatten()) {
        for own in [false, true] {
            recovered(game.plan, sharing, own, &shares).into_iter().for_each(&mut learn);
        }
    }
    known
}

fn recovered(
    plan: &Plan,
    sharing: &Sharing,
    own: bool,
    shares: &BTreeMap<B256, [u8; 32]>,
) -> Option<Recovered> {
    let found = sharing.envelopes.iter().filter_map(|envelope| {
        let share = shares.get(if own { &envelope.own } else { &envelope.mask })?;
        Some((envelope.to, *share))
    });
    let found: Vec<(Address, [u8; 32])> = found.take(plan.threshold as usize).collect();
    (found.len() == plan.threshold as usize).then(|| analysis::recover(plan, &found))?
}

/// The masks of a vector that can be worked out.
fn known_streams(
    game: &Game<'_>,
    roster: &Roster,
    vector: &super::coordinator::Vector,
    secrets: &Secrets,
    elements: usize,
) -> Vec<Vec<Fr>> {
    let account = vector.account;
    let key = |of: Address| {
        let mut keys = roster.signed().iter().filter(|keys| keys.body.account == of);
        secrets.get(&keys.next()?.body.mask)
    };
    let others = vector.list.accounts().iter().filter(|other| **other != account);
    let mut streams: Vec<Vec<Fr>> = others
        .filter_map(|other| {
            let secret = key(account).or_else(|| key(*other))?;
            let list = &vector.list;
            analysis::pair_stream(roster, list, account, *other, secret, elements).unwrap()
        })
        .collect();
    let of = game.sharings.get(&vector.roster).and_then(|of| of.get(&account));
    let own = of.into_iter().flatten().find_map(|s| secrets.get(&s.head.body.own));
    streams.extend(own.and_then(|own| analysis::own_stream(&vector.list, account, own, elements)));
    streams
}
