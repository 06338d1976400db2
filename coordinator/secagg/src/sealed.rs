//! What leaves a member only after what it promises is kept.
//!
//! A member that answered two different views with one secret would give the coordinator two
//! masked vectors, or two kinds of shares. It therefore promises each view once, and what follows
//! from a promise comes [`Sealed`]: the one way to open it writes the promises down first.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use super::error::SecaggError;
use crate::messages::{Confirm, Upload};

/// What a member has bound itself to in a round. Public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// Digest of the roster.
    pub roster: Option<B256>,
    /// Digest of those that have shared, [`super::group::Shared::digest`].
    pub shared: Option<B256>,
    /// What was uploaded: vector, submission and for whom it is masked.
    pub upload: Option<Upload>,
    /// What was confirmed.
    pub confirm: Option<Confirm>,
    /// Digest of the test that was answered.
    pub test: Option<B256>,
}

impl Promises {
    /// Adds others to these; what is promised already stays.
    ///
    /// # Errors
    /// If one of them is another than before; then nothing is added.
    pub fn add(&mut self, more: &Self) -> Result<(), SecaggError> {
        let mut all = self.clone();
        add(&mut all.roster, more.roster.as_ref(), "roster")?;
        add(&mut all.shared, more.shared.as_ref(), "set that has shared")?;
        add(&mut all.upload, more.upload.as_ref(), "upload")?;
        add(&mut all.confirm, more.confirm.as_ref(), "counted set")?;
        add(&mut all.test, more.test.as_ref(), "test")?;
        *self = all;
        Ok(())
    }
}

fn add<T: Clone + PartialEq>(
    slot: &mut Option<T>,
    more: Option<&T>,
    what: &'static str,
) -> Result<(), SecaggError> {
    match more {
        Some(value) => promise(slot, value.clone(), what),
        None => Ok(()),
    }
}

/// Binds to a value, once.
pub(super) fn promise<T: PartialEq>(
    slot: &mut Option<T>,
    value: T,
    what: &'static str,
) -> Result<(), SecaggError> {
    match slot {
        Some(known) if *known != value => Err(SecaggError::Conflict { what }),
        Some(_) => Ok(()),
        None => {
            *slot = Some(value);
            Ok(())
        }
    }
}

/// Keeps a member's promises where they outlive its process.
pub trait PromiseStore {
    /// Why promises cannot be kept.
    type Error;

    /// Adds promises to those that are kept, as [`Promises::add`] does. They are on disk once this
    /// returns.
    ///
    /// # Errors
    /// If they cannot be written, or contradict what is kept.
    fn keep(&mut self, promises: &Promises) -> Result<(), Self::Error>;
}

/// Something to be sent, with the promises that it follows from. Neither copied nor printed.
#[must_use = "what is sealed is not sent"]
pub struct Sealed<T> {
    content: T,
    promises: Promises,
}

impl<T> Sealed<T> {
    pub(super) fn new(content: T, promises: &Promises) -> Self {
        Self { content, promises: promises.clone() }
    }

    /// The content, once its promises are kept.
    ///
    /// # Errors
    /// If they cannot be; the content is lost then, and the member makes it again.
    pub fn open<K: PromiseStore>(self, keeper: &mut K) -> Result<T, K::Error> {
        keeper.keep(&self.promises)?;
        Ok(self.content)
    }
}

impl<T> core::fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sealed").field("promises", &self.promises).finish_non_exhaustive()
    }
}
