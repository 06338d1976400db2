//! Who can be in the next round: members on the chain whose dataset's registration was checked here
//! and who have been heard of lately.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256};
use zktrain_chain::protocol::Candidate;
use zktrain_project::circuits::{Circuits, RegistrationFault};
use zktrain_project::project::Project;
use zktrain_project::session::Session;
use zktrain_verify::file::{Registration, decode_registration};

use crate::ui::Ui;

/// Why a registration is refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// Not the encoding of a registration.
    #[error("not a registration for this manifest: {0}")]
    Decode(#[from] zktrain_statement::wire::WireError),
    /// It reveals evaluations of the data: nobody but its owner should ever have had it.
    #[error("an uncompressed registration is for its owner alone; register again without --plain")]
    Plain,
    /// By somebody else.
    #[error("the registration is {}'s", Address::from(*owner))]
    Owner { owner: [u8; 20] },
    /// No key to check it with.
    #[error("its proofs cannot be checked here: {0}")]
    Keys(String),
    /// A proof does not hold.
    #[error(transparent)]
    Proof(#[from] zktrain_verify::dataset::DatasetProofError),
}

/// A dataset that was proven well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its Merkle root.
    pub dataset: B256,
    pub windows: u64,
}

/// Checks a member's registration.
///
/// # Errors
/// If it does not hold, or is not this member's.
pub fn check(
    session: &Session,
    project: &Project,
    account: Address,
    bytes: &[u8],
) -> Result<Registered, RegistrationError> {
    let registration = decode_registration(&session.key, bytes)?;
    if !matches!(registration, Registration::Compressed(_)) {
        return Err(RegistrationError::Plain);
    }
    let first = registration.statements().first().map(|s| (s.owner, s.windows));
    let (owner, windows) = first.unwrap_or_default();
    if owner != account.into_array() {
        return Err(RegistrationError::Owner { owner });
    }
    let ui = Ui { json: true };
    let circuits = Circuits::new(session, project, &ui);
    let root = circuits.verify_registration(&registration).map_err(|fault| match fault {
        RegistrationFault::Key(error) => RegistrationError::Keys(error.to_string()),
        RegistrationFault::Proof(error) => RegistrationError::Proof(error),
        other => RegistrationError::Keys(other.to_string()),
    })?;
    Ok(Registered { dataset: root.into(), windows })
}

/// Who has registered, and when each was heard of last.
#[derive(Debug, Default)]
pub struct Register(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    registered: BTreeMap<Address, Registered>,
    seen: BTreeMap<Address, Instant>,
}

impl Register {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a registration that was checked.
    pub fn enter(&self, account: Address, registered: Registered) {
        self.inner().registered.insert(account, registered);
    }

    /// An authenticated peer has said something.
    pub fn hear(&self, account: Address, now: Instant) {
        let mut inner = self.inner();
        // Accounts that are no members are never asked for, so need not be kept.
        if inner.registered.contains_key(&account) {
            inner.seen.insert(account, now);
        }
    }

    /// Whether this account's registration was checked.
    pub fn has(&self, account: Address) -> bool {
        self.inner().registered.contains_key(&account)
    }

    /// Candidates whose data are those that were checked and who were heard of within `silence`.
    pub fn present(
        &self,
        candidates: &[Candidate],
        silence: Duration,
        now: Instant,
    ) -> Vec<Candidate> {
        let inner = self.inner();
        let ready = |c: &&Candidate| {
            let known = inner.registered.get(&c.account);
            let seen = inner.seen.get(&c.account);
            known.is_some_and(|r| (r.dataset, r.windows) == (c.dataset, c.windows))
                && seen.is_some_and(|at| now.saturating_duration_since(*at) <= silence)
        };
        candidates.iter().filter(ready).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(n: u8, score: u32) -> Candidate {
        Candidate {
            account: Address::repeat_byte(n),
            dataset: B256::repeat_byte(n),
            windows: 4,
            score,
        }
    }

    #[test]
    fn only_who_is_registered_and_there_is_chosen() {
        let register = Register::default();
        let (now, silence) = (Instant::now(), Duration::from_secs(10));
        let all = [candidate(1, 10), candidate(2, 30), candidate(3, 20)];
        for c in &all {
            register.hear(c.account, now);
        }
        assert!(register.present(&all, silence, now).is_empty(), "nobody has registered");
        for c in &all {
            register.enter(c.account, Registered { dataset: c.dataset, windows: c.windows });
            register.hear(c.account, now);
        }
        assert_eq!(register.present(&all, silence, now), all);
        let later = now + Duration::from_secs(11);
        register.hear(all[1].account, later);
        assert_eq!(register.present(&all, silence, later), [all[1]]);
        let other = Registered { dataset: B256::ZERO, windows: 4 };
        register.enter(all[1].account, other);
        assert!(register.present(&all, silence, later).is_empty(), "other data than on the chain");
    }
}
