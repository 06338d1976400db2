//! The coordinator's side of a test.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use ark_bn254::{Fr, G1Affine};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;
use zktrain_argument::curve::blinding_base;
use zktrain_argument::opening::KzgVerifierKey;
use zktrain_verify::mercury;

use super::defend::{folded_commitment, pair_commitment, pair_of, reveal_statement};
use super::proof::{Proof, Response};
use super::{BlameChallenge, Point};
use crate::coordinator::Secrets;
use crate::dleq;
use crate::error::SecaggError;
use crate::group::{Roster, Shared};
use crate::keys::Pair;
use crate::messages::{Defence, PairOpening, Reveal, Signed, Test, Upload};
use crate::plan::Plan;
use crate::stream::{Seed, Sign};
use crate::unmasking::{Incoming, known_masks};
use crate::vector::VectorShape;

/// What a trial is about.
#[derive(Clone, Copy)]
pub struct TrialSetup<'a> {
    /// The round.
    pub plan: &'a Plan,
    /// Its members' keys.
    pub roster: &'a Roster,
    /// Those that have shared.
    pub shared: &'a Shared,
    /// The vectors' shape.
    pub shape: &'a VectorShape,
    /// The reference string's part that verification needs.
    pub kzg: &'a KzgVerifierKey,
    /// Whose updates were summed.
    pub counted: &'a [Address],
    /// Their uploads.
    pub test: &'a Test,
    /// What unmasked the sum.
    pub secrets: &'a Secrets,
    /// The row commitments of each counted member's proven update.
    pub commitments: &'a BTreeMap<Address, Vec<G1Affine>>,
}

/// Who is to blame, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialVerdict {
    /// Those whose own signed messages show that they cheated.
    pub guilty: Vec<Address>,
    /// Those that did not defend themselves, or did not show what settles a dispute.
    pub silent: Vec<Address>,
}

impl TrialVerdict {
    /// All of them.
    pub fn blamed(&self) -> Vec<Address> {
        let all: BTreeSet<Address> = self.guilty.iter().chain(&self.silent).copied().collect();
        all.into_iter().collect()
    }
}

/// A defence that came, and whether it holds.
struct Answer {
    signed: Signed<Defence>,
    proof: Option<Proof>,
}

/// A counted member.
struct Tested {
    upload: Upload,
    /// Row commitments of its update.
    update: Vec<G1Affine>,
    /// Masks of its vector that are known.
    masks: Vec<(Sign, Seed)>,
}

/// A trial: uploads are evaluated one after another, then defences, then what settles disputes.
pub struct Trial {
    plan: Plan,
    roster: Roster,
    shared: Shared,
    kzg: KzgVerifierKey,
    challenge: BlameChallenge,
    point: Point,
    /// `r`
    weights: Vec<Fr>,
    /// `eq(ρ_hi, k)`
    rows: Vec<Fr>,
    members: BTreeMap<Address, Tested>,
    /// `A_i`, once the upload was evaluated.
    values: BTreeMap<Address, Fr>,
    incoming: Option<(Address, Fr, Incoming)>,
    answers: BTreeMap<Address, Answer>,
    /// The true commitments of pairs in dispute, by their ordered accounts.
    settled: BTreeMap<(Address, Address), G1Affine>,
}

impl Tested {
    fn new(setup: &TrialSetup<'_>, upload: Upload) -> Result<Self, SecaggError> {
        let account = upload.account;
        let update = setup.commitments.get(&account).cloned().unwrap_or_default();
        let (expected, got) = (setup.shape.rows(), update.len());
        if got != expected {
            return Err(SecaggError::Count { what: "row commitments", expected, got });
        }
        let masks = known_masks(setup.roster, setup.shared, account, setup.secrets)?;
        Ok(Self { upload, update, masks })
    }
}

fn ordered(a: Address, b: Address) -> (Address, Address) {
    (a.min(b), a.max(b))
}

impl Trial {
    /// Opens a trial.
    ///
    /// # Errors
    /// If the uploads are not the counted members', masked for those that have shared, one has no commitments for each row, or its
    /// own mask is not among the secrets.
    pub fn new(setup: TrialSetup<'_>) -> Result<Self, SecaggError> {
        let challenge = BlameChallenge::new(setup.plan, setup.shared, setup.counted, setup.test)?;
        let uploads = setup.test.uploads.iter().map(|upload| upload.body);
        let members = uploads.map(|upload| Ok((upload.account, Tested::new(&setup, upload)?)));
        let members = members.collect::<Result<_, SecaggError>>()?;
        let point = challenge.point(setup.shape);
        let (weights, rows) = (point.weights(setup.shape)?, point.rows(setup.shape));
        let (plan, roster, kzg) = (setup.plan.clone(), setup.roster.clone(), *setup.kzg);
        let shared = setup.shared.clone();
        let (values, incoming, answers, settled) = Default::default();
        Ok(Self {
            plan,
            roster,
            shared,
            kzg,
            challenge,
            point,
            weights,
            rows,
            members,
            values,
            incoming,
            answers,
            settled,
        })
    }

    /// Starts the masked vector of a member.
    ///
    /// # Errors
    /// If another one is not at its end, or this one is not counted or was there before.
    pub fn start(&mut self, account: Address) -> Result<(), SecaggError> {
        if self.incoming.is_some() || self.values.contains_key(&account) {
            return Err(SecaggError::Conflict { what: "vector" });
        }
        let incoming = Incoming::new(self.tested(account)?.upload, self.weights.len());
        self.incoming = Some((account, Fr::ZERO, incoming));
        Ok(())
    }

    fn tested(&self, account: Address) -> Result<&Tested, SecaggError> {
        self.members.get(&account).ok_or(SecaggError::Stranger { account, set: "the counted" })
    }

    /// Takes the next bytes of the vector.
    ///
    /// # Errors
    /// If there are too many, or an element is not reduced.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SecaggError> {
        let incoming = self.incoming.as_mut().ok_or(SecaggError::Early { what: "the vector" })?;
        let (position, elements) = incoming.2.write(bytes)?;
        let weights = self.weights.iter().skip(position);
        incoming.1 += weights.zip(&elements).map(|(w, e)| *w * e).sum::<Fr>();
        Ok(())
    }

    /// Ends the vector: what is left of its value without the masks that are known.
    ///
    /// # Errors
    /// If bytes are missing, or they are not what the member signed for.
    pub fn end(&mut self) -> Result<(), SecaggError> {
        let incoming = self.incoming.take().ok_or(SecaggError::Early { what: "the vector" })?;
        let (account, mut value, incoming) = incoming;
        incoming.end()?;
        for (sign, seed) in &self.tested(account)?.masks {
            match sign {
                Sign::Plus => value += seed.inner(&self.weights),
                Sign::Minus => value -= seed.inner(&self.weights),
            }
        }
        self.values.insert(account, value);
        Ok(())
    }

    /// Takes a member's defence. The first one counts, whether it holds or not.
    ///
    /// # Errors
    /// If its vector was not evaluated yet, it is not this member's, or it has sent another one.
    pub fn defence(&mut self, defence: &Signed<Defence>) -> Result<(), SecaggError> {
        let account = defence.body.account;
        self.tested(account)?;
        if !defence.is_by(&self.plan, account) {
            return Err(SecaggError::Signature { what: "the defence", account });
        }
        if !self.values.contains_key(&account) {
            return Err(SecaggError::Early { what: "the vector" });
        }
        if let Some(known) = self.answers.get(&account) {
            let same = known.signed.body == defence.body;
            return if same { Ok(()) } else { Err(SecaggError::Conflict { what: "defence" }) };
        }
        let others = self.challenge.counted.len().saturating_sub(1);
        let proof = Proof::from_bytes(&defence.body.proof, others).ok();
        let proof = proof.filter(|proof| self.holds(account, proof));
        self.answers.insert(account, Answer { signed: defence.clone(), proof });
        Ok(())
    }

    /// Whether all equations of a defence hold.
    fn holds(&self, account: Address, proof: &Proof) -> bool {
        let (Some(value), Some(tested)) = (self.values.get(&account), self.members.get(&account))
        else {
            return false;
        };
        proof.commitments.test == self.challenge.digest
            && self.balances(account, *value, proof)
            && self.opens(account, &tested.update, proof)
    }

    /// `A_i·G = w_i·V_i + Σ_j ±E_ij + z_i·H`
    fn balances(&self, account: Address, value: Fr, proof: &Proof) -> bool {
        let Some(member) = self.plan.member(account) else { return false };
        let mut sum = proof.commitments.value * Fr::from(member.weight)
            + blinding_base() * proof.response.balance;
        let others = self.challenge.counted.iter().filter(|other| **other != account);
        let others: Vec<&Address> = others.collect();
        if others.len() != proof.commitments.pairs.len() {
            return false;
        }
        for (other, pair) in others.into_iter().zip(&proof.commitments.pairs) {
            match Pair::new(account, *other).sign(account) {
                Sign::Plus => sum += pair,
                Sign::Minus => sum -= pair,
            }
        }
        sum == self.kzg.g1() * value
    }

    /// That `V_i` holds what the update's commitments hold.
    fn opens(&self, account: Address, update: &[G1Affine], proof: &Proof) -> bool {
        let Proof { commitments, response } = proof;
        let Response { value, blinding, link, balance, opening } = response;
        let (gamma, digest) = commitments.challenge(account, update);
        let held = self.point.scale * value + self.point.eta * blinding;
        let linked = commitments.mask_value * gamma + commitments.value;
        if linked != self.kzg.g1() * held + blinding_base() * link {
            return false;
        }
        let seed = Response::seed(digest, value, blinding, link, balance);
        let Some(folded) = folded_commitment(update, &self.rows) else { return false };
        let opened = folded + commitments.mask * gamma - blinding_base() * blinding;
        mercury::verify(&self.kzg, &opened, &self.point.low, *value, seed, opening).is_ok()
    }

    /// Pairs of members whose defences hold and contradict each other.
    fn pairs(&self) -> Vec<(Address, Address)> {
        let held = self.answers.iter().filter_map(|(a, answer)| Some((*a, answer.proof.as_ref()?)));
        let held: Vec<(Address, &Proof)> = held.collect();
        let counted = &self.challenge.counted;
        let said =
            |of: &(Address, &Proof), with: Address| pair_of(&of.1.commitments, counted, of.0, with);
        let pairs = held.par_iter().enumerate().flat_map_iter(|(index, first)| {
            let later = held.iter().skip(index + 1);
            later
                .filter(move |second| said(first, second.0) != said(second, first.0))
                .map(move |second| (first.0, second.0))
        });
        pairs.collect()
    }

    /// For each member whose defence others contradict: their defences, which it is to answer.
    pub fn disputes(&self) -> BTreeMap<Address, Vec<Signed<Defence>>> {
        let mut disputes: BTreeMap<Address, Vec<Signed<Defence>>> = BTreeMap::new();
        for (a, b) in self.pairs() {
            for (account, other) in [(a, b), (b, a)] {
                if let Some(answer) = self.answers.get(&other) {
                    disputes.entry(account).or_default().push(answer.signed.clone());
                }
            }
        }
        for defences in disputes.values_mut() {
            defences.sort_by_key(|defence| defence.body.account);
        }
        disputes
    }

    /// Takes what a member shows in its disputes.
    ///
    /// # Errors
    /// If it is not this member's, is about something that is not in dispute, or does not hold.
    pub fn reveal(&mut self, reveal: &Signed<Reveal>) -> Result<(), SecaggError> {
        let account = reveal.body.account;
        self.tested(account)?;
        if !reveal.is_by(&self.plan, account) {
            return Err(SecaggError::Signature { what: "the opened pairs", account });
        }
        let disputed: BTreeSet<(Address, Address)> = self.pairs().into_iter().collect();
        for opening in &reveal.body.pairs {
            let pair = ordered(account, opening.with);
            if !disputed.contains(&pair) {
                return Err(SecaggError::Stranger { account: opening.with, set: "the disputed" });
            }
            let commitment = self.settle(account, opening)?;
            self.settled.insert(pair, commitment);
        }
        Ok(())
    }

    /// What both of a pair should have published, from the point that one of them shows.
    fn settle(&self, account: Address, opening: &PairOpening) -> Result<G1Affine, SecaggError> {
        let wrong = |why| SecaggError::Defence { account, why };
        let plan = &self.plan;
        let key = self.roster.points(account)?.mask;
        let base = self.roster.points(opening.with)?.mask;
        let point = dleq::point(&opening.shared).ok_or(wrong("what it shows is no point"))?;
        if !reveal_statement(&plan.digest().0, key, base, point).holds(&opening.proof) {
            return Err(wrong("what it shows is not the pair's"));
        }
        let pair = Pair::new(account, opening.with);
        let (g, weights) = (&self.kzg.g1(), &self.weights);
        Ok(pair_commitment(&self.shared, &self.challenge, weights, g, pair, &point).0)
    }

    /// The verdict, once everybody has answered or had its time.
    pub fn verdict(&self) -> TrialVerdict {
        let (mut guilty, mut silent) = (BTreeSet::new(), BTreeSet::new());
        for account in &self.challenge.counted {
            match self.answers.get(account) {
                None => drop(silent.insert(*account)),
                Some(answer) if answer.proof.is_none() => drop(guilty.insert(*account)),
                Some(_) => {}
            }
        }
        for (a, b) in self.pairs() {
            match self.settled.get(&(a, b)) {
                None => silent.extend([a, b]),
                Some(truth) => guilty.extend(self.liars(a, b, truth)),
            }
        }
        let silent = silent.difference(&guilty).copied().collect();
        TrialVerdict { guilty: guilty.into_iter().collect(), silent }
    }

    /// Those of a pair that have published something else than its commitment.
    fn liars(&self, a: Address, b: Address, truth: &G1Affine) -> Vec<Address> {
        let said = |of: Address, with: Address| {
            let proof = self.answers.get(&of)?.proof.as_ref()?;
            pair_of(&proof.commitments, &self.challenge.counted, of, with)
        };
        let pairs = [(a, b), (b, a)].into_iter();
        let liars = pairs.filter(|(of, with)| said(*of, *with).as_ref() != Some(truth));
        liars.map(|(of, _)| of).collect()
    }
}
