//! Checks the files of one round after another, carrying the model along.

use alloy_primitives::{Address, B256, keccak256};
use ark_bn254::G1Affine;
use zktrain_argument::opening::point_bytes;
use zktrain_ledger::bindings::registry::IDomainRegistry::Config;
use zktrain_ledger::files::{BatchFile, SubmissionFile};
use zktrain_ledger::findings::{CheckKind, Place};
use zktrain_ledger::history::{CountedMember, RoundHistory};
use zktrain_ledger::typed::{Batch, Scope};
use zktrain_ledger::{ChainExport, Deployment};
use zktrain_model::trace::Parameters;
use zktrain_secagg::messages::Signed;
use zktrain_secagg::plan::{Plan, PlanMember, VERSION};
use zktrain_secagg::policy::{bears, required, third};
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::statements::TrainingStatement;
use zktrain_statement::sum::Sum;
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::batch;
use zktrain_verify::round::rows_hash;
use zktrain_verify::round::{MemberTask, RoundTask, check};

use super::auditor::Auditor;
use super::basis::Basis;
use crate::lineage;

/// Most members of a round times rows of an update: `Rounds.MAX_ROWS`.
const MOST_ROWS: usize = 1800;
/// Most bytes of a submission's statement and proof: `Slashing.MAX_BYTES`.
const MOST_BYTES: u32 = 98_304;

/// A proof that is still to be checked, with its place.
struct Claim {
    place: Place,
    statement: TrainingStatement,
    proof: CompressedProof,
}

/// On which terms a round's sum hides its members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub round: u64,
    /// Shares that recover a secret.
    pub threshold: u32,
    /// Members with weight in a sum at least.
    pub least: u32,
    /// Whether two sums need more colluders than a third of the members: `2t − n > (n − 1)/3`.
    pub bears_third: bool,
}

/// From version to version of a lineage.
pub(crate) struct LineageReplay<'w, 'a> {
    pub auditor: &'w mut Auditor<'a>,
    basis: &'w Basis<'w>,
    at: &'w Deployment,
    domain: u64,
    rules: &'w Config,
    /// The version reached; none once one does not follow.
    pub model: Option<(Parameters, Vec<G1Affine>)>,
    /// Parameters that were clamped, by round.
    pub clamped: Vec<(u64, usize)>,
    /// What plans say, by round.
    pub terms: Vec<Terms>,
    claims: Vec<Claim>,
}

fn row_bytes(rows: &[G1Affine]) -> Vec<u8> {
    rows.iter().flat_map(point_bytes).collect()
}

impl<'w, 'a> LineageReplay<'w, 'a> {
    pub fn new(
        auditor: &'w mut Auditor<'a>,
        basis: &'w Basis<'w>,
        export: &'w ChainExport,
        rules: &'w Config,
    ) -> Self {
        let model = Some((basis.genesis.clone(), basis.rows.clone()));
        let (at, domain) = (&export.deployment, export.domain);
        let (clamped, terms, claims) = Default::default();
        Self { auditor, basis, at, domain, rules, model, clamped, terms, claims }
    }

    /// Checks the files of a round.
    pub fn round(&mut self, round: &RoundHistory) {
        self.size(round);
        if !round.is_settled() {
            return self.without_version(round);
        }
        self.plan(round);
        let counted = round.counted();
        let updates: Vec<Option<Vec<G1Affine>>> =
            counted.iter().map(|member| self.submission(round, member)).collect();
        let batch = self.batch(round, &counted);
        let whole: Option<Vec<Vec<G1Affine>>> = updates.into_iter().collect();
        let sum = self.sum(round, &counted, whole, batch.as_ref());
        let next = sum.and_then(|sum| self.next(round, &sum));
        self.model = next;
    }

    /// So many members that evidence of a wrong sum, all rows of all updates, fits a transaction.
    fn size(&mut self, round: &RoundHistory) {
        let place = Place::round(lineage::CHAIN, round.id);
        let rows = round.members.0.len().saturating_mul(self.basis.rows.len());
        let problem = || format!("{rows} rows of its members' updates, {MOST_ROWS} are the most");
        let findings = &mut self.auditor.findings;
        findings.check(CheckKind::Membership, &place, "rows", rows <= MOST_ROWS, problem);
    }

    /// Rounds that did not change the model: what is there of them is signed.
    fn without_version(&mut self, round: &RoundHistory) {
        if self.auditor.has(&lineage::plan(round.id)) {
            self.plan(round);
        }
        for member in &round.members.0 {
            let place = self.submission_place(round, member.account);
            if self.auditor.has(&place.file) {
                self.signed_submission(&place, round, member.account);
            }
        }
        let place = Place::round(&lineage::batch(round.id), round.id);
        if self.auditor.has(&place.file)
            && let Some(file) = self.auditor.json::<BatchFile>(&place)
        {
            self.signed_batch(&place, round, &file);
        }
        let name = lineage::sum(round.id);
        if self.auditor.has(&name) {
            self.decoded_sum(&Place::round(&name, round.id));
        }
    }

    fn plan(&mut self, round: &RoundHistory) {
        let place = Place::round(&lineage::plan(round.id), round.id);
        let Some(signed) = self.auditor.json::<Signed<Plan>>(&place) else { return };
        let plan = &signed.body;
        let by = signed.is_by(plan, round.coordinator);
        self.auditor.signature(CheckKind::Plan, &place, &signed.signature, by);
        let members = round.members.0.iter().map(|m| PlanMember {
            account: m.account,
            dataset: m.dataset,
            windows: m.windows,
            weight: m.weight,
        });
        let members: Vec<PlanMember> = members.collect();
        let fields = [
            ("version", plan.version == VERSION),
            ("chain_id", plan.chain_id == self.at.chain_id),
            ("rounds", plan.rounds == self.at.rounds),
            ("domain", plan.domain == self.domain),
            ("round", plan.round == round.id),
            ("coordinator", plan.coordinator == round.coordinator),
            ("spec", plan.spec == self.basis.setup.key().spec),
            ("parent", plan.parent == round.parent),
            ("nonce", Some(plan.nonce) == round.nonce),
            ("system", plan.system == self.basis.system.code()),
            ("optimistic", plan.optimistic == self.rules.optimistic),
            ("members", plan.members == members),
        ];
        for (field, holds) in fields {
            let problem = || "not what the chain says".to_owned();
            self.auditor.findings.check(CheckKind::Plan, &place, field, holds, problem);
        }
        self.terms(&place, plan, round);
    }

    /// How well the round's members were hidden: the domain has a rule for the threshold, the rest is the
    /// coordinator's choice.
    fn terms(&mut self, place: &Place, plan: &Plan, round: &RoundHistory) {
        let (members, threshold, least) = (plan.members.len(), plan.threshold, plan.least);
        let bears_third = bears(members, threshold, third(members));
        self.terms.push(Terms { round: round.id, threshold, least, bears_third });
        let least_threshold = required(members, self.rules.threshold);
        let findings = &mut self.auditor.findings;
        let problem = || {
            format!(
                "{threshold} for {members} members: the domain's rule is {least_threshold} at least, \
                 so that smaller sets of them are not unmasked"
            )
        };
        let holds = threshold >= least_threshold;
        findings.check(CheckKind::Plan, place, "threshold", holds, problem);
        if !bears_third {
            findings.notice(
                place,
                format!(
                    "a threshold of {threshold} for {members} members: fewer than a third of them, \
                     together with the coordinator, could have had two sums unmasked"
                ),
            );
        }
        let counted = round.counted();
        let heavy = counted.iter().filter(|member| member.weight > 0).count();
        let few = counted.len() < threshold as usize || heavy < least as usize;
        if round.is_settled() && few {
            let counted = counted.len();
            findings.notice(
                place,
                format!("{counted} members are counted, fewer than the plan asks for"),
            );
        }
    }

    fn submission_place(&self, round: &RoundHistory, account: Address) -> Place {
        Place::member(&lineage::submission(round.id, account), round.id, account)
    }

    /// What the round's signatures are for: its nonce is of the chain, as what it said is.
    fn scope(&self, round: &RoundHistory) -> Scope {
        Scope::new(self.at.chain_id, self.at.rounds, round.nonce.unwrap_or_default())
    }

    fn signed_submission(
        &mut self,
        place: &Place,
        of: &RoundHistory,
        account: Address,
    ) -> Option<SubmissionFile> {
        let file: SubmissionFile = self.auditor.json(place)?;
        let by = file.is_signed(&self.scope(of)) && file.signed.submission.member == account;
        self.auditor.signature(CheckKind::Submission, place, &file.signed.signature, by);
        let round = Some(file.signed.submission.round) == place.round;
        let problem = || "it is for another round".to_owned();
        self.auditor.findings.check(CheckKind::Submission, place, "round", round, problem);
        let length = file.signed.submission.length;
        let problem = || {
            format!(
                "{length} bytes are signed for, {MOST_BYTES} are the most: as long as its member has a \
                 bond, `zktrain chain challenge too-long {}` has it slashed",
                place.file
            )
        };
        self.auditor.findings.check(
            CheckKind::Submission,
            place,
            "length",
            length <= MOST_BYTES,
            problem,
        );
        Some(file)
    }

    /// Checks a submission but for its proof; the update's rows.
    fn submission(
        &mut self,
        round: &RoundHistory,
        member: &CountedMember,
    ) -> Option<Vec<G1Affine>> {
        let place = self.submission_place(round, member.account);
        let file = self.signed_submission(&place, round, member.account)?;
        let scope = self.scope(round);
        let findings = &mut self.auditor.findings;
        let submission = &file.signed.submission;
        // Elsewhere the contract has checked the proof, and the batch names none.
        if round.optimistic {
            let got = scope.hash(submission);
            findings.equal(CheckKind::Submission, &place, "hash", member.submission, got);
        }
        findings.equal(CheckKind::Submission, &place, "update", member.update, submission.update);
        let statement = TrainingStatement::from_bytes(&file.statement);
        let statement = findings.result(CheckKind::Encoding, &place, "statement", statement)?;
        let key = self.basis.setup.key();
        let proof = CompressedProof::from_bytes(&key.relation, self.basis.system, &file.proof);
        let proof = findings.result(CheckKind::Encoding, &place, "proof", proof)?;
        if let Some((_, model)) = &self.model {
            let task = RoundTask {
                chain_id: self.at.chain_id,
                contract: self.at.rounds.into_array(),
                domain: self.domain,
                round: round.id,
                nonce: round.nonce.unwrap_or_default().0,
                model,
            };
            let (account, dataset) = (member.account.into_array(), member.dataset.0);
            let own = MemberTask { account, dataset, windows: member.windows };
            let asked = check(key, &task, &own, &statement);
            findings.result(CheckKind::Statement, &place, "statement", asked);
        }
        let update = B256::from(rows_hash(&statement.update));
        findings.equal(CheckKind::Statement, &place, "update", member.update, update);
        let rows = statement.update.clone();
        self.claims.push(Claim { place, statement, proof });
        Some(rows)
    }

    fn signed_batch(&mut self, place: &Place, round: &RoundHistory, file: &BatchFile) {
        let by = file.signed.is_by(&self.scope(round), round.coordinator);
        self.auditor.signature(CheckKind::Batch, place, &file.signed.signature, by);
        let expected = round.proposal.as_ref().map(|proposal| Batch {
            round: round.id,
            root: proposal.root,
            aggregate: proposal.aggregate,
            model: proposal.model,
        });
        // A batch that was not proposed is none of the chain's.
        let holds = expected.is_none_or(|expected| expected == file.signed.batch);
        let problem = || "not what was proposed on chain".to_owned();
        self.auditor.findings.check(CheckKind::Batch, place, "batch", holds, problem);
        // Contracts want zero where nothing was delivered: there is no sum of nothing.
        let nothing = file.aggregate.is_empty();
        let hash = if nothing { B256::ZERO } else { keccak256(&file.aggregate) };
        let aggregate = file.signed.batch.aggregate;
        self.auditor.findings.equal(CheckKind::Batch, place, "aggregate", aggregate, hash);
    }

    fn batch(&mut self, round: &RoundHistory, counted: &[CountedMember]) -> Option<BatchFile> {
        let place = Place::round(&lineage::batch(round.id), round.id);
        let file: BatchFile = self.auditor.json(&place)?;
        self.signed_batch(&place, round, &file);
        let most = round.members.0.len();
        let least = required(most, self.rules.threshold) as usize;
        let findings = &mut self.auditor.findings;
        let (expected, got) = (counted.len(), file.updates.len());
        let problem = || {
            format!(
                "{expected} of {most} members are in the sum, by the domain's rule {least} at least"
            )
        };
        findings.check(CheckKind::Batch, &place, "threshold", expected >= least, problem);
        findings.equal(CheckKind::Batch, &place, "updates", expected, got);
        for (member, update) in counted.iter().zip(&file.updates) {
            let place = Place { member: Some(member.account), ..place.clone() };
            // The hash is that of the proven rows: so are these.
            let same = (update.account, update.weight) == (member.account, member.weight)
                && keccak256(&update.rows) == member.update;
            let problem = || "not the member's update, or another weight".to_owned();
            findings.check(CheckKind::Batch, &place, "updates", same, problem);
        }
        Some(file)
    }

    fn decoded_sum(&mut self, place: &Place) -> Option<Sum> {
        let bytes = self.auditor.bytes(place)?;
        let sum = lineage::decode_sum(&bytes);
        let sum = self.auditor.findings.result(CheckKind::Encoding, place, "content", sum)?;
        let again = lineage::encode_sum(&sum);
        let again = self.auditor.findings.result(CheckKind::Encoding, place, "content", again)?;
        self.auditor.canonical(place, &bytes, &again);
        Some(sum)
    }

    /// The aggregate is the weighted sum of the proven updates, and the sum opens it.
    fn sum(
        &mut self,
        round: &RoundHistory,
        counted: &[CountedMember],
        updates: Option<Vec<Vec<G1Affine>>>,
        batch: Option<&BatchFile>,
    ) -> Option<Sum> {
        let place = Place::round(&lineage::sum(round.id), round.id);
        let sum = self.decoded_sum(&place);
        let updates = updates?;
        let findings = &mut self.auditor.findings;
        let batch_place = Place::round(&lineage::batch(round.id), round.id);
        let rows = match weighted_updates(counted, &updates) {
            Ok(rows) => rows,
            Err(why) => {
                findings.check(CheckKind::Aggregate, &batch_place, "aggregate", false, || why);
                return None;
            }
        };
        let claimed = batch.map(|file| &file.aggregate[..]);
        let differs = claimed.is_some_and(|claimed| row_bytes(&rows) != claimed);
        let problem = || "not the weighted sum of the proven updates".to_owned();
        findings.check(CheckKind::Aggregate, &batch_place, "aggregate", !differs, problem);
        let sum = sum?;
        let opened = self.basis.setup.opens(&sum, &rows);
        findings.result(CheckKind::Sum, &place, "values", opened);
        Some(sum)
    }

    /// The next version, if it is the one that the chain settled.
    fn next(&mut self, round: &RoundHistory, sum: &Sum) -> Option<(Parameters, Vec<G1Affine>)> {
        let (model, _) = self.model.take()?;
        let next = self.basis.setup.next(&model, sum);
        let findings = &mut self.auditor.findings;
        let place = Place::round(&lineage::sum(round.id), round.id);
        let next = findings.result(CheckKind::Version, &place, "values", next)?;
        self.clamped.push((round.id, next.clamped));
        let expected = round.proposal.as_ref().map(|p| p.model).unwrap_or_default();
        let same = findings.equal(CheckKind::Version, &place, "model", expected, next.hash);
        same.then_some((next.parameters, next.rows))
    }

    /// Checks all proofs at once; how many there were.
    pub fn proofs(&mut self) -> u64 {
        let basis = self.basis;
        let pairs: Vec<_> = self.claims.iter().map(|c| (&c.statement, &c.proof)).collect();
        let results = batch::verify(basis.setup.key(), &basis.circuit, &pairs);
        for (claim, result) in self.claims.iter().zip(results) {
            self.auditor.findings.result(CheckKind::Proof, &claim.place, "proof", result);
        }
        self.claims.len() as u64
    }
}

/// The weighted sum of the counted members' updates, in their order; what is wrong if there is none.
fn weighted_updates(
    counted: &[CountedMember],
    updates: &[Vec<G1Affine>],
) -> Result<Vec<G1Affine>, String> {
    let (expected, got) = (counted.len(), updates.len());
    if expected != got {
        return Err(format!("{got} updates of {expected} counted members"));
    }
    let pairs = counted.iter().zip(updates).map(|(m, rows)| (m.weight, rows.as_slice()));
    weighted_rows(&pairs.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_that_do_not_fit_have_no_sum() {
        let member = |weight| CountedMember {
            account: Default::default(),
            dataset: B256::ZERO,
            windows: 1,
            weight,
            update: B256::ZERO,
            submission: B256::ZERO,
        };
        let counted = [member(1), member(2)];
        let row = G1Affine::default();
        assert_eq!(weighted_updates(&counted, &[vec![row], vec![row]]), Ok(vec![row]));
        let fewer = weighted_updates(&counted, &[vec![row]]).unwrap_err();
        assert_eq!(fewer, "1 updates of 2 counted members");
        let shorter = weighted_updates(&counted, &[vec![row; 2], vec![row]]).unwrap_err();
        assert_eq!(shorter, "update: 1 row commitments, expected 2");
    }
}
