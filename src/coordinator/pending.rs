//! Sums of rounds that are not settled yet. A sum is published only once the chain has taken it: that
//! of a round that comes to nothing would say something about its members for no version of the
//! model, and another sum of the same updates could be compared with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::B256;
use zktrain_chain::protocol::Client;
use zktrain_project::files::{self, Access};
use zktrain_project::session::Session;
use zktrain_statement::sum::Sum;

use super::models::Model;
use super::next::{NextModel, NextModelError, SummedRound};
use crate::error::Error;
use crate::lineage::LineageWriter;
use zktrain_audit::lineage::{decode_sum, encode_sum};

/// A round's next model, with what it was made of: its parent's hash and what the round ended with.
type Made = (B256, SummedRound, Arc<NextModel>);

/// A folder of sums, for the coordinator alone. What was made of the last of them is held.
#[derive(Clone)]
pub struct Pending {
    folder: PathBuf,
    made: Arc<Mutex<Option<Made>>>,
}

impl Pending {
    /// A folder, which is made if it is not there.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        files::create_folder(folder, Access::Owner)?;
        Ok(Self { folder: folder.to_owned(), made: Arc::default() })
    }

    fn path(&self, round: u64) -> PathBuf {
        self.folder.join(format!("{round}.sum.safetensors"))
    }

    /// Keeps a round's sum. When this returns it survives a crash.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn keep(&self, round: u64, sum: &Sum) -> Result<(), Error> {
        let path = self.path(round);
        let bytes = encode_sum(sum)
            .map_err(|source| Error::Sum { path: path.clone(), source: Box::new(source) })?;
        Ok(files::write(&path, &bytes, Access::Owner)?)
    }

    /// A round's sum; none if it is not here.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn find(&self, round: u64) -> Result<Option<Sum>, Error> {
        let path = self.path(round);
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let sum = decode_sum(&bytes);
        Ok(Some(sum.map_err(|source| Error::Sum { path, source: Box::new(source) })?))
    }

    fn made(&self) -> MutexGuard<'_, Option<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a round makes of its parent: computed once, when its sum is checked, unless something that it
    /// follows from is another.
    ///
    /// # Errors
    /// If the sum does not open the sum of commitments, or gives no model.
    pub(super) fn next(
        &self,
        session: &Session,
        parent: &Model,
        given: SummedRound,
    ) -> Result<Arc<NextModel>, NextModelError> {
        if let Some((hash, of, next)) = &*self.made()
            && (hash, of) == (&parent.hash, &given)
        {
            return Ok(next.clone());
        }
        let next = Arc::new(NextModel::new(session, &parent.parameters, &given)?);
        *self.made() = Some((parent.hash, given, next.clone()));
        Ok(next)
    }

    /// Puts a round's sum into the lineage, if the round has made the domain's last version. No other
    /// sum is ever published.
    ///
    /// # Errors
    /// If the chain does not answer; if a file is damaged or cannot be written.
    pub async fn publish(
        &self,
        client: &Client,
        domain: u64,
        round: u64,
        lineage: &LineageWriter,
    ) -> Result<(), Error> {
        let last = client.domain(domain).await?.versions;
        if client.version(domain, last).await?.round != round {
            return Ok(());
        }
        match self.find(round)? {
            Some(sum) => lineage.sum(round, &sum),
            None => Ok(()),
        }
    }

    /// Deletes a round's sum, if it is here.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn remove(&self, round: u64) -> Result<(), Error> {
        self.made().take_if(|(_, given, _)| given.round == round);
        Ok(files::remove(&self.path(round))?)
    }
}
