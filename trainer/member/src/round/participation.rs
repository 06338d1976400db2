//! A round in progress: what is answered in each phase, once what it promises is on disk.

use std::path::PathBuf;
use std::sync::Arc;

use alloy::primitives::{Address, B256};
use ark_bn254::{Fr, G1Affine};
use ark_ff::Field;
use tokio::time::Instant;
use zktrain_ledger::files::SubmissionFile;
use zktrain_ledger::{SignedReceipt, SignedSubmission};
use zktrain_project::files;
use zktrain_project::project::{settings, write_json};
use zktrain_project::version::Version;
use zktrain_secagg::blame::BlameEvidence;
use zktrain_secagg::member::Member;
use zktrain_secagg::messages::{Confirm, Defence, Keys, Passed, Sharing, Signed, Test, Upload};
use zktrain_secagg::plan::Plan;
use zktrain_secagg::sealed::{PromiseStore, Promises, Sealed};
use zktrain_secagg::vector::{Update, VectorShape, pack};
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::statements::{Binding, TrainingStatement};
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Refusal, Request, Response};
use zktrain_wire::receipts::check_receipt;
use zktrain_wire::{Scoped, sign};

use super::RoundContext;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::ports::{Line, UpdateProver, Watch};
use crate::signed::SignedLog;
use crate::sums::Sums;
use crate::wait::{Wait, longest};
use crate::work::{SecretUpdate, Task, Work, submission, submission_file};
use crate::{Error, OwnerError};

/// Notices of a round at most, after the plan: roster, shares, counted, confirmed, test, dispute, end.
/// A coordinator that has more to tell keeps its members, and their secrets, from the end.
const NOTICES: u32 = 7;

/// What is promised is kept in the project, and outside of it.
struct OwnerBooks<'a> {
    journal: &'a mut Journal,
    signed: &'a SignedLog,
    round: u64,
}

impl PromiseStore for OwnerBooks<'_> {
    type Error = Error;

    fn keep(&mut self, promises: &Promises) -> Result<(), Error> {
        self.journal.keep(promises)?;
        self.signed.promises(self.round, promises)
    }
}

/// A round in progress.
pub(crate) struct Participation<'a, L, C> {
    pub(super) owner: &'a RoundContext<L, C>,
    pub(super) plan: Plan,
    pub(super) member: Member,
    pub(super) journal: Journal,
    /// What is trained on.
    pub(super) parent: Arc<Version>,
    /// In which sums the update may be.
    pub(super) sums: Sums,
    /// What was submitted and what it hides.
    pub(super) work: Option<(TrainingStatement, SecretUpdate)>,
    /// The test that was answered.
    pub(super) test: Option<Test>,
}

impl<L: Line, C: UpdateProver> Participation<'_, L, C> {
    /// As [`Self::watched`], where nothing but the coordinator tells of an end.
    #[cfg(test)]
    pub(crate) async fn run(&mut self) -> Result<End, Error> {
        self.watched(&()).await
    }

    /// Answers what is asked until the end.
    pub(crate) async fn watched(&mut self, watch: &impl Watch) -> Result<End, Error> {
        let (line, round) = (&self.owner.peer, self.plan.round);
        let until = Instant::now() + longest(&self.plan.timing);
        let wait = Wait { line, watch, round, until };
        let keys = self.member.keys();
        let keys = self.open(keys)?;
        let keys = self.sign(keys)?;
        let mut included = self.send(MemberMessage::Keys(keys)).await?;
        for number in 1..=NOTICES {
            let notice = wait.notice(number).await?;
            tracing::debug!(round, number, "notice");
            if let Notice::End(end) = notice {
                return Ok(end);
            }
            // A member that is late for one phase is left out of the rest, and waits for the end.
            if included {
                included = self.answer(notice, &wait).await?;
            }
        }
        Err(OwnerError::Unexpected { what: "more notices than phases" }.into())
    }

    fn sign<T: zktrain_secagg::messages::Body>(&self, body: T) -> Result<Signed<T>, Error> {
        Ok(sign(&self.plan, body, self.owner.signer()).map_err(OwnerError::from)?)
    }

    /// Writes down what is promised: only then there is something to send.
    fn open<T>(&mut self, sealed: Sealed<T>) -> Result<T, Error> {
        let (signed, round) = (&self.owner.signed, self.plan.round);
        sealed.open(&mut OwnerBooks { journal: &mut self.journal, signed, round })
    }

    /// Sends a contribution. Whether it came in time.
    async fn send(&mut self, what: MemberMessage) -> Result<bool, Error> {
        let request = Request::Send { round: self.plan.round, what: Box::new(what) };
        match self.owner.peer.call(request).await? {
            Response::Taken => Ok(true),
            Response::Received(receipt) => self.keep_receipt(&receipt).map(|()| true),
            Response::Refused(Refusal::WrongPhase { now }) => {
                tracing::warn!(round = self.plan.round, ?now, "too late; left out of this round");
                Ok(false)
            }
            Response::Refused(refusal) => Err(OwnerError::Refused(refusal).into()),
            _ => Err(OwnerError::Unexpected { what: "an answer" }.into()),
        }
    }

    async fn answer<W: Watch>(
        &mut self,
        notice: Notice,
        wait: &Wait<'_, L, W>,
    ) -> Result<bool, Error> {
        match notice {
            Notice::Roster(keys) => self.share(&keys).await,
            Notice::Shares(passed) => self.work(&passed, wait).await,
            Notice::Counted(counted) => self.confirm(&counted).await,
            Notice::Confirmed(confirms) => self.unmask(&confirms).await,
            Notice::Test(test) => self.defend(test).await,
            Notice::Dispute(defences) => self.dispute(&defences).await,
            Notice::Plan(_) | Notice::End(_) => {
                Err(OwnerError::Unexpected { what: "a second plan" }.into())
            }
        }
    }

    fn is_in<'a>(&self, mut accounts: impl Iterator<Item = &'a Address>) -> bool {
        let own = self.owner.account();
        accounts.any(|account| *account == own)
    }

    async fn share(&mut self, keys: &[Signed<Keys>]) -> Result<bool, Error> {
        if !self.is_in(keys.iter().map(|keys| &keys.body.account)) {
            return Ok(false);
        }
        let sealed = self.member.roster(keys).map_err(OwnerError::from)?;
        let (head, envelopes) = self.open(sealed)?;
        let sharing = Sharing { head: self.sign(head)?, envelopes };
        self.send(MemberMessage::Sharing(sharing)).await
    }

    /// The long phase: train, prove, mask, upload.
    async fn work<W: Watch>(
        &mut self,
        passed: &[Passed],
        wait: &Wait<'_, L, W>,
    ) -> Result<bool, Error> {
        if !self.is_in(passed.iter().map(|passed| &passed.head.body.account)) {
            return Ok(false);
        }
        let sealed = self.member.shares(passed).map_err(OwnerError::from)?;
        let complaints = self.open(sealed)?;
        for complaint in complaints {
            tracing::warn!(of = %complaint.passed.head.body.account, "a share does not open");
            self.send(MemberMessage::Complaint(complaint)).await?;
        }
        if self.owner.fault.is_some_and(|fault| fault == Fault::LeaveBeforeUpload) {
            return Err(OwnerError::Left.into());
        }
        let file = self.submission(wait).await?;
        let round = self.plan.round;
        let bytes = serde_json::to_vec(&file).map_err(|e| settings(&self.file_path(), e))?;
        // Before it leaves: whatever becomes of this round, the update may be in its sum.
        self.owner.signed.update(round, self.sums.mark())?;
        self.sums.mask()?;
        let hash = self.plan.scope().hash(&file.signed.submission);
        let sealed = self.mask(hash)?;
        let (upload, masked) = self.open(sealed)?;
        for (item, bytes) in [(Item::Masked { round }, masked), (Item::Submission { round }, bytes)]
        {
            if !self.upload(&item, bytes).await? {
                return Ok(false);
            }
        }
        let upload = self.sign(upload)?;
        self.send(MemberMessage::Upload(upload)).await
    }

    fn receipt_path(&self) -> PathBuf {
        self.owner.project.round_receipt_path(self.plan.round)
    }

    /// What was uploaded.
    fn uploaded(&self) -> Result<Upload, OwnerError> {
        let none = OwnerError::Unexpected { what: "an answer to no upload" };
        self.member.promises().upload.ok_or(none)
    }

    /// Keeps the coordinator's receipt for the upload; one that does not hold is none.
    fn keep_receipt(&self, receipt: &SignedReceipt) -> Result<(), Error> {
        check_receipt(&self.plan, &self.uploaded()?, receipt).map_err(OwnerError::from)?;
        Ok(write_json(&self.receipt_path(), receipt)?)
    }

    fn has_receipt(&self, upload: &Upload) -> bool {
        let read = files::read(&self.receipt_path()).ok();
        let kept = read.and_then(|bytes| serde_json::from_slice::<SignedReceipt>(&bytes).ok());
        kept.is_some_and(|kept| check_receipt(&self.plan, upload, &kept).is_ok())
    }

    /// Has the coordinator, which says that it counts the upload, answer for that with its key. It has
    /// no reason to do so any earlier. Whether the upload is still known.
    async fn receipt(&mut self) -> Result<bool, Error> {
        let upload = self.uploaded()?;
        if self.has_receipt(&upload) {
            return Ok(true);
        }
        let again = self.sign(upload)?;
        let taken = self.send(MemberMessage::Upload(again)).await?;
        if taken && !self.has_receipt(&upload) {
            return Err(
                OwnerError::Unexpected { what: "a counted upload without a receipt" }.into()
            );
        }
        Ok(taken)
    }

    /// Uploads something. Whether it came in time.
    async fn upload(&self, item: &Item, bytes: Vec<u8>) -> Result<bool, Error> {
        match self.owner.peer.upload(item, bytes).await {
            Ok(_) => Ok(true),
            Err(zktrain_wire::PeerError::Refused(Refusal::WrongPhase { now })) => {
                tracing::warn!(round = self.plan.round, ?now, "too late; left out of this round");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn file_path(&self) -> PathBuf {
        self.owner.project.round_submission_path(self.plan.round)
    }

    /// What this owner's chain and settings say, not what the plan does.
    fn task(&self) -> Task {
        let binding = Binding { round: self.plan.round, ..self.owner.binding };
        Task { binding, nonce: self.plan.nonce.0, parent: self.plan.parent.0 }
    }

    /// Trains and proves, or finds what was signed before a restart: a second signature for the
    /// same round would be fraud. Nothing is signed, or sent again, for a draw that the chain has taken
    /// back meanwhile: it would be about a window that the owner was not given.
    async fn submission<W: Watch>(
        &mut self,
        wait: &Wait<'_, L, W>,
    ) -> Result<SubmissionFile, Error> {
        let (path, task) = (self.file_path(), self.task());
        if let Some(bytes) = files::read_if_there(&path)? {
            let file: SubmissionFile =
                serde_json::from_slice(&bytes).map_err(|e| settings(&path, e))?;
            let statement = TrainingStatement::from_bytes(&file.statement)
                .map_err(|_| OwnerError::Unexpected { what: "the submission of this round" })?;
            wait.stands(&self.plan).await?;
            self.owner.signed.submission(&file.signed)?;
            let secret = self.owner.worker.recall(&self.parent, task).await?;
            self.work = Some((statement, secret));
            return Ok(file);
        }
        // A project that was restored does not know of what it has signed.
        self.owner.signed.may_submit(self.plan.round)?;
        let system = ProofSystem::from_code(self.plan.system)
            .ok_or(OwnerError::Unexpected { what: "a proof system that is not known" })?;
        let work = self.owner.worker.work(&self.parent, system, task).await?;
        let Work { mut statement, proof, secret } = work;
        if self.owner.fault.is_some_and(|fault| fault == Fault::WrongUpdate) {
            crate::fault::falsify(&mut statement, self.owner.facts.srs.g1());
        }
        let submission = submission(&statement, &proof);
        wait.stands(&self.plan).await?;
        let scope = self.plan.scope();
        let signed = SignedSubmission::new(submission, &scope, self.owner.signer());
        let signed = signed.map_err(OwnerError::from)?;
        let file = submission_file(signed, &statement, &proof);
        // Before it is sent: an owner that signs two of them can be slashed.
        write_json(&path, &file)?;
        self.owner.signed.submission(&file.signed)?;
        self.work = Some((statement, secret));
        Ok(file)
    }

    fn weight(&self) -> u32 {
        self.plan.member(self.owner.account()).map_or(0, |member| member.weight)
    }

    fn mask(&mut self, submission: B256) -> Result<Sealed<(Upload, Vec<u8>)>, Error> {
        let (shape, update, _) = self.opened()?;
        let mut packed = pack(&shape, &update, self.weight()).map_err(OwnerError::from)?;
        if self.owner.fault.is_some_and(|fault| fault == Fault::WrongVector) {
            packed.iter_mut().take(1).for_each(|element| *element += Fr::ONE);
        }
        Ok(self.member.mask(&packed, submission).map_err(OwnerError::from)?)
    }

    async fn confirm(&mut self, counted: &[Address]) -> Result<bool, Error> {
        if !self.is_in(counted.iter()) {
            return Ok(false);
        }
        self.sums.confirm(counted)?;
        // Without one nothing is confirmed.
        if !self.receipt().await? {
            return Ok(false);
        }
        let sealed = self.member.counted(counted).map_err(OwnerError::from)?;
        let confirm = self.open(sealed)?;
        let confirm = self.sign(confirm)?;
        self.send(MemberMessage::Confirm(confirm)).await
    }

    async fn unmask(&mut self, confirms: &[Signed<Confirm>]) -> Result<bool, Error> {
        let sealed = self.member.confirmed(confirms).map_err(OwnerError::from)?;
        if let Some(counted) = self.member.confirmed_set() {
            self.sums.confirmed(counted)?;
        }
        let unmask = self.open(sealed)?;
        let unmask = self.sign(unmask)?;
        self.send(MemberMessage::Unmask(unmask)).await
    }

    /// The sum is wrong: shows that this owner's vector is not the reason.
    async fn defend(&mut self, test: Test) -> Result<bool, Error> {
        let (shape, update, commitments) = self.opened()?;
        let opener = &self.owner.facts.srs.g1();
        let evidence =
            BlameEvidence { shape: &shape, opener, update: &update, commitments: &commitments };
        let sealed = self.member.defend(&test, &evidence).map_err(OwnerError::from)?;
        let defence = self.open(sealed)?;
        self.test = Some(test);
        let defence = self.sign(defence)?;
        self.send(MemberMessage::Defence(defence)).await
    }

    /// Somebody's defence contradicts this owner's: shows what both have agreed on.
    async fn dispute(&mut self, defences: &[Signed<Defence>]) -> Result<bool, Error> {
        let (shape, update, commitments) = self.opened()?;
        let opener = &self.owner.facts.srs.g1();
        let evidence =
            BlameEvidence { shape: &shape, opener, update: &update, commitments: &commitments };
        let early = OwnerError::Unexpected { what: "a dispute without a test" };
        let test = self.test.clone().ok_or(early)?;
        let sealed = self.member.dispute(&test, &evidence, defences).map_err(OwnerError::from)?;
        let reveal = self.open(sealed)?;
        let reveal = self.sign(reveal)?;
        self.send(MemberMessage::Reveal(reveal)).await
    }

    /// What was submitted, opened.
    fn opened(&self) -> Result<(VectorShape, Update, Vec<G1Affine>), Error> {
        let Some((statement, secret)) = &self.work else {
            return Err(OwnerError::Unexpected { what: "no work" }.into());
        };
        let shape = VectorShape::of(&self.owner.facts.key).map_err(OwnerError::from)?;
        let update =
            Update { values: secret.values.flat().collect(), blinds: secret.blinds.clone() };
        Ok((shape, update, statement.update.clone()))
    }
}
