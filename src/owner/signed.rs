//! What an owner's key has signed in a domain, in a file that is no part of the project.
//!
//! Two different submissions for one round are evidence against whoever has signed them, and two answers
//! to different notices give a coordinator what no two members together would have. The project keeps what
//! was signed and promised, so that a restart sends the very same again. But a project can be restored
//! from a backup, and then it does not know what it has signed since: it would prove again, with other
//! blindings, and sign that. So a digest of all that binds an owner in a round is written down here as
//! well, before any of it leaves, beside the transactions under way and not in the project. What
//! contradicts it is not sent, and its round is left out.
//!
//! Where there is no such file, as on a machine that has replaced another, nobody knows what was signed
//! for the round that is open: it is left out, and the next one taken. Whoever joins has signed nothing,
//! so joining makes the file.

mod what;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use zktrain_contracts::protocol::{Client, SignedSubmission};
use zktrain_network::secagg::sealed::Promises;

use super::ports::{PATIENCE, in_time};
use crate::error::Error;
use crate::files::{self, Access, Lock};
pub use what::{Of, SignedError, What};

/// Rounds that are kept, the last ones. A domain has one round at a time, so that earlier ones are over;
/// nothing more is ever signed for them.
const KEEP: usize = 64;
/// Bytes of the file at most: twice as many rounds are a tenth of it.
const MOST: u64 = 1 << 21;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    of: Of,
    /// Of rounds up to this one only what stands below was signed, if it was that.
    after: u64,
}

/// Any other line.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    round: u64,
    what: What,
    hash: B256,
}

#[derive(Debug, Default)]
struct State {
    after: u64,
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
            None if round <= self.after => Err(SignedError::Unknown { round }),
            None => Ok(Some(line)),
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
    state: Mutex<State>,
    _lock: Lock,
}

impl SignedLog {
    /// Opens the record. Where there is none, one is made, and nothing is signed for rounds up to `after`,
    /// the last that may have been drawn. The same holds where the last line is cut off: other lines may
    /// be gone as well.
    ///
    /// # Errors
    /// If another process has it, it is damaged or somebody else's, or cannot be read or written.
    pub fn open(path: &Path, of: Of, after: u64) -> Result<Self, Error> {
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
        Ok(Self { path: path.to_owned(), of, state: Mutex::new(state), _lock: lock })
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
        if is_there(path)? { Ok(()) } else { Self::open(path, of, after).map(drop) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are about to leave. Once this returns they are on disk, and nothing else of the kind ever
    /// leaves for this round.
    fn record(&self, round: u64, signed: &[(What, B256)]) -> Result<(), Error> {
        let state = &mut *self.state();
        let mut lines = Vec::new();
        for (what, hash) in signed {
            lines.extend(state.news(Line { round, what: *what, hash: *hash })?);
        }
        if lines.is_empty() {
            return Ok(());
        }
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
            None if round <= self.state().after => Err(SignedError::Unknown { round }),
            None => Ok(()),
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
        *self.state() = read(&self.path, &self.of)?.0;
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

fn json(path: &Path, what: &impl Serialize) -> Result<Vec<u8>, Error> {
    let failed =
        |error: serde_json::Error| Error::File { path: path.to_owned(), source: error.into() };
    serde_json::to_vec(what).map_err(failed)
}

fn add(path: &Path, bytes: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Error> {
    bytes.extend(json(path, line)?);
    bytes.push(b'\n');
    Ok(())
}

/// Whether there is a record. One that cannot be looked at is not none.
fn is_there(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads the file, and whether its last line is whole.
fn read(path: &Path, of: &Of) -> Result<(State, bool), Error> {
    let bytes = files::read_up_to(path, MOST)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let damaged = |line| SignedError::Damaged { path: path.to_owned(), line };
    let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
    let head = lines.next().and_then(|line| serde_json::from_slice::<Head>(line).ok());
    let Head { of: got, after } = head.ok_or_else(|| damaged(1))?;
    if got != *of {
        let (path, expected, got) = (path.to_owned(), Box::new(*of), Box::new(got));
        return Err(SignedError::Foreign { path, expected, got }.into());
    }
    let mut state = State { after, whole: whole as u64, ..State::default() };
    for (line, number) in lines.zip(2..) {
        let line: Line = serde_json::from_slice(line).map_err(|_| damaged(number))?;
        match state.rounds.entry(line.round).or_default().entry(line.what) {
            Entry::Occupied(_) => return Err(damaged(number).into()),
            Entry::Vacant(entry) => entry.insert(line.hash),
        };
    }
    Ok((state, whole == bytes.len()))
}

/// Writes the whole file anew, in place of the old one.
fn rewrite(path: &Path, of: Of, state: &mut State) -> Result<(), Error> {
    let mut bytes = Vec::new();
    add(path, &mut bytes, &Head { of, after: state.after })?;
    for line in state.lines() {
        add(path, &mut bytes, &line)?;
    }
    files::write(path, &bytes, Access::Owner)?;
    state.whole = bytes.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests;
