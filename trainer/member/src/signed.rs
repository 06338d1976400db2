//! What an owner's key has signed in a domain, in a file that is no part of the project.
//!
//! Two different submissions for one round are evidence against their signer, and two answers
//! to different notices give a coordinator what no two members together would have. The project keeps what
//! was signed and promised, so that a restart sends the very same again. But a project can be restored
//! from a backup, and then it does not know what it has signed since: it would prove again, with other
//! blindings, and sign that. So a digest of all that binds an owner in a round is written down here as
//! well, before any of it leaves, beside the transactions under way and not in the project. What
//! contradicts it is not sent, and its round is left out.
//!
//! Where there is no such file, as on a machine that has replaced another, nobody knows what was signed
//! for the round that is open: it is left out, and the next one taken. An account that joins has signed nothing,
//! so joining makes the file. The file may be a backup's as well, with the project: so is a round left out
//! that was opened before this process, if nothing stands in the file of it. A node that lags behind does
//! not tell of all rounds that are open: what counts is when one was opened, too.

mod file;
mod what;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use alloy::primitives::{B256, keccak256};
use serde::Serialize;
use zktrain_chain::TEST_CHAIN;
use zktrain_chain::protocol::Client;
use zktrain_ledger::SignedSubmission;
use zktrain_project::files::{self, Access, Lock};
use zktrain_secagg::sealed::Promises;

use super::ports::{PATIENCE, in_time};
use crate::Error;
use file::{Line, add, is_there, json, read, rewrite};
pub use what::{Of, SignedError, What};

/// Rounds that are kept, the last ones. A domain has one round at a time, so that earlier ones are over;
/// nothing more is ever signed for them.
const KEEP: usize = 64;

/// What is known.
#[derive(Debug, Default)]
struct State {
    after: u64,
    since: u64,
    /// Rounds that were opened before this process, and of which it knows nothing.
    out: BTreeSet<u64>,
    rounds: BTreeMap<u64, BTreeMap<What, B256>>,
    /// Bytes of the file's whole lines.
    whole: u64,
}

impl State {
    /// Whether something agrees with what is known; `Some` if it is new.
    fn news(&self, line: Line) -> Result<Option<Line>, SignedError> {
        let Line { round, what, hash } = line;
        match self.rounds.get(&round).and_then(|known| known.get(&what)) {
            Some(known) if *known == hash => Ok(None),
            Some(_) => Err(SignedError::Otherwise { round, what }),
            None => self.unknown(round).map_or(Ok(Some(line)), Err),
        }
    }

    /// Why something may have been signed for a round that does not stand here.
    fn unknown(&self, round: u64) -> Option<SignedError> {
        if round <= self.after {
            return Some(SignedError::Unknown { round });
        }
        self.out.contains(&round).then_some(SignedError::Before { round })
    }

    /// A round was opened before this process. It is left out, unless something of it stands here, or
    /// nothing can have been signed by then.
    fn leave(&mut self, round: u64) {
        let is_new = self.since == 0 && self.rounds.is_empty() && round > self.after;
        if !is_new && !self.rounds.contains_key(&round) && self.out.insert(round) {
            tracing::warn!(
                round,
                "this round is left out: it was opened before this program was started, and the record of \
                 what this key has signed has nothing of it, as one from a backup. The next one is taken"
            );
        }
    }

    fn apply(&mut self, line: Line) {
        self.rounds.entry(line.round).or_default().insert(line.what, line.hash);
    }

    /// Forgets early rounds, for which nothing more is signed then.
    fn prune(&mut self) {
        while self.rounds.len() > KEEP
            && let Some((round, _)) = self.rounds.pop_first()
        {
            self.after = self.after.max(round);
        }
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        self.rounds.iter().flat_map(|(round, known)| {
            known.iter().map(move |(what, hash)| Line { round: *round, what: *what, hash: *hash })
        })
    }
}

/// The record, which one process has at a time.
#[derive(Debug)]
pub struct SignedLog {
    path: PathBuf,
    of: Of,
    /// Rounds that were opened before this time were opened before this process. None on test chains, whose
    /// time is what somebody sets.
    from: Option<u64>,
    state: Mutex<State>,
    _lock: Lock,
}

impl SignedLog {
    /// Opens the record. `open` is the round that is open, or zero. Where there is no record, one is made,
    /// and nothing is signed for rounds up to that one. The same holds where the last line is cut off:
    /// other lines may be gone as well. Otherwise the open round is left out if nothing stands there of it.
    ///
    /// # Errors
    /// If another process has it, it is damaged or somebody else's, or cannot be read or written.
    pub fn open(path: &Path, of: Of, open: u64) -> Result<Self, Error> {
        let record = Self::begin(path, of, open, now())?;
        if open > record.state().after {
            record.state().leave(open);
        }
        Ok(record)
    }

    /// As [`Self::open`], but for what becomes of the open round. `since` is for a new file.
    fn begin(path: &Path, of: Of, after: u64, since: u64) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            files::create_folder(folder, Access::Public)?;
        }
        let lock = files::lock(&path.with_extension("lock"))?;
        let (mut state, is_whole) = match is_there(path)? {
            true => read(path, &of)?,
            false => (State::default(), false),
        };
        let is_new = state.whole == 0;
        if !is_whole {
            let last = state.rounds.keys().next_back().copied().unwrap_or(0);
            state.after = state.after.max(after).max(last);
            state.since = since;
            rewrite(path, of, &mut state)?;
        }
        if !is_whole && after > 0 {
            tracing::warn!(
                record = %path.display(),
                is_new,
                after,
                "what this key has signed for rounds up to this one is not known: if one is open it is left \
                 out, and the next one taken"
            );
        }
        let from = (of.chain_id != TEST_CHAIN).then(now);
        Ok(Self { path: path.to_owned(), of, from, state: Mutex::new(state), _lock: lock })
    }

    /// Opens the record of an account in a domain. Where there is none, what it has signed for the round
    /// that is open is not known.
    ///
    /// # Errors
    /// As [`Self::open`], or if there is no answer from the chain.
    pub async fn of_account(client: &Client, outbox: &Path, domain: u64) -> Result<Self, Error> {
        let open = in_time(PATIENCE, client.current(domain)).await?;
        let of = Of::client(client, domain);
        Self::open(&of.path(outbox), of, open.unwrap_or(0))
    }

    /// Makes the record of an account that has just become a member, if there is none. `after` is the
    /// last round from before that.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn found(path: &Path, of: Of, after: u64) -> Result<(), Error> {
        if is_there(path)? { Ok(()) } else { Self::begin(path, of, after, 0).map(drop) }
    }

    /// Writes down a submission that a person has signed by a command, before it is handed to anybody.
    /// Where there is no record one is made, in which all else of this round is unknown. Whether it is
    /// known that there was no other submission.
    ///
    /// # Errors
    /// [`SignedError::Otherwise`] if another one was signed; as [`Self::open`]; if there is no answer from
    /// the chain.
    pub async fn by_hand(
        client: &Client,
        outbox: &Path,
        domain: u64,
        signed: &SignedSubmission,
    ) -> Result<bool, Error> {
        let open = in_time(PATIENCE, client.current(domain)).await?.unwrap_or(0);
        let (of, round) = (Of::client(client, domain), signed.submission.round);
        Self::begin(&of.path(outbox), of, open.max(round), now())?.told(signed)
    }

    /// A person says that this is to be signed, whether the record goes back that far or not.
    fn told(&self, signed: &SignedSubmission) -> Result<bool, Error> {
        let (round, what, hash) = (signed.submission.round, What::Submission, self.mark(signed)?);
        let state = &mut *self.state();
        let is_known = state.rounds.get(&round).is_some_and(|known| known.contains_key(&what));
        if !is_known {
            let is_first = state.unknown(round).is_none();
            return self.append(state, round, vec![Line { round, what, hash }]).map(|()| is_first);
        }
        state.news(Line { round, what, hash })?;
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round was opened at this time, in seconds of Unix time. Asked before anything is signed for it.
    ///
    /// # Errors
    /// [`SignedError`] if something may have been signed for it that nobody knows.
    pub fn begun(&self, round: u64, opened: u64) -> Result<(), SignedError> {
        let state = &mut *self.state();
        if self.from.is_some_and(|from| opened < from.max(state.since)) {
            state.leave(round);
        }
        match state.rounds.contains_key(&round) {
            true => Ok(()),
            false => state.unknown(round).map_or(Ok(()), Err),
        }
    }

    /// Whether all that was signed for a round stands here.
    pub fn is_complete(&self, round: u64) -> bool {
        self.state().unknown(round).is_none()
    }

    /// These are about to leave. Once this returns they are on disk, and nothing else of the kind ever
    /// leaves for this round.
    fn record(&self, round: u64, signed: &[(What, B256)]) -> Result<(), Error> {
        let state = &mut *self.state();
        let mut lines = Vec::new();
        for (what, hash) in signed {
            lines.extend(state.news(Line { round, what: *what, hash: *hash })?);
        }
        if lines.is_empty() { Ok(()) } else { self.append(state, round, lines) }
    }

    fn append(&self, state: &mut State, round: u64, lines: Vec<Line>) -> Result<(), Error> {
        if state.rounds.len() >= 2 * KEEP && !state.rounds.contains_key(&round) {
            state.prune();
            rewrite(&self.path, self.of, state)?;
        }
        let mut bytes = Vec::new();
        for line in &lines {
            add(&self.path, &mut bytes, line)?;
        }
        if !files::append(&self.path, state.whole, &bytes)? {
            return Err(SignedError::Changed { path: self.path.clone() }.into());
        }
        state.whole += bytes.len() as u64;
        lines.into_iter().for_each(|line| state.apply(line));
        Ok(())
    }

    /// A round is entered with this secret.
    ///
    /// # Errors
    /// [`SignedError`]; if the record cannot be written.
    pub fn secret(&self, round: u64, plan: B256, secret: &[u8; 32]) -> Result<(), Error> {
        // Of 32 random bytes a digest tells nothing.
        let mark = keccak256([&b"zktrain/round-secret"[..], plan.as_slice(), secret].concat());
        self.record(round, &[(What::Secret, mark)])
    }

    /// An update is about to be masked, see [`super::Sums`].
    ///
    /// # Errors
    /// [`SignedError`]; if the record cannot be written.
    pub fn update(&self, round: u64, mark: B256) -> Result<(), Error> {
        self.record(round, &[(What::Update, mark)])
    }

    /// Rounds in which an update was masked.
    pub fn masked(&self, mark: B256) -> Vec<u64> {
        let state = self.state();
        let is_in = |known: &BTreeMap<What, B256>| known.get(&What::Update) == Some(&mark);
        let rounds = state.rounds.iter().filter(|(_, known)| is_in(known));
        rounds.map(|(round, _)| *round).collect()
    }

    /// This is promised.
    ///
    /// # Errors
    /// [`SignedError`]; if the record cannot be written.
    pub fn promises(&self, round: u64, promises: &Promises) -> Result<(), Error> {
        let Promises { roster, shared, upload, confirm, test } = promises;
        let mut all = Vec::new();
        let known = [(What::Roster, roster), (What::Shared, shared), (What::Test, test)];
        for (what, promise) in known {
            all.extend(promise.map(|hash| (what, hash)));
        }
        if let Some(upload) = upload {
            all.push((What::Upload, self.mark(upload)?));
        }
        if let Some(confirm) = confirm {
            all.push((What::Confirm, self.mark(confirm)?));
        }
        self.record(round, &all)
    }

    /// That no submission was signed for a round: one may be.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn may_submit(&self, round: u64) -> Result<(), SignedError> {
        let what = What::Submission;
        match self.known(round, what) {
            Some(_) => Err(SignedError::Otherwise { round, what }),
            None => self.state().unknown(round).map_or(Ok(()), Err),
        }
    }

    /// A submission is about to leave.
    ///
    /// # Errors
    /// [`SignedError`]; if the record cannot be written.
    pub fn submission(&self, signed: &SignedSubmission) -> Result<(), Error> {
        self.record(signed.submission.round, &[(What::Submission, self.mark(signed)?)])
    }

    fn mark(&self, what: &impl Serialize) -> Result<B256, Error> {
        Ok(keccak256(self.json(what)?))
    }

    fn json(&self, what: &impl Serialize) -> Result<Vec<u8>, Error> {
        json(&self.path, what)
    }

    /// The digest of what was signed.
    fn known(&self, round: u64, what: What) -> Option<B256> {
        self.state().rounds.get(&round)?.get(&what).copied()
    }
}

#[cfg(test)]
impl SignedLog {
    /// Reads the file again, as the next process does.
    pub fn reread(&self) -> Result<(), Error> {
        let state = &mut *self.state();
        let out = std::mem::take(&mut state.out);
        *state = State { out, ..read(&self.path, &self.of)?.0 };
        Ok(())
    }

    /// Sets the machine back to when nothing was signed.
    pub fn forget(&self) -> Result<(), Error> {
        *self.state() = State::default();
        rewrite(&self.path, self.of, &mut self.state())
    }

    /// Whether a submission was written down for a round.
    pub fn knows_submission(&self, round: u64) -> bool {
        self.known(round, What::Submission).is_some()
    }
}

/// This machine's time, in seconds of Unix time.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
