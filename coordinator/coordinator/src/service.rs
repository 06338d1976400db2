//! What peers can ask of a coordinator.

mod hashes;

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use alloy::primitives::{Address, keccak256};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::Semaphore;
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::typed::{Receipt, Scope};
use zktrain_secagg::messages::Upload;
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{Item, MemberMessage, Phase, Refusal, Request, Response};
use zktrain_wire::receipts::receipt;
use zktrain_wire::{Content, Scoped, Service};

use self::hashes::Hashes;
use crate::driver::{Driver, items, now_ms};
use crate::store::{Store, StoreError};

/// Bytes of a registration at most.
const REGISTRATION: u64 = 256 << 20;
/// Registrations that are checked at once.
const REGISTERING: usize = 2;
/// Rounds of which notices are kept for members that come back late.
const KEPT: usize = 4;

/// Something to download.
#[derive(Clone, Debug)]
pub enum Download {
    /// In memory.
    Bytes(Bytes),
    /// A file that does not change while it is read.
    File(PathBuf),
}

/// What the coordinator decides and has, beyond rounds.
pub trait Library: Send + Sync + 'static {
    /// Whether an account has anything to do here.
    fn admit(&self, peer: Address) -> impl Future<Output = bool> + Send;

    /// An authenticated account was heard of.
    fn hear(&self, peer: Address);

    /// Something that an account contributed to a round was refused.
    fn refused(&self, peer: Address, refusal: &Refusal);

    /// Signs a receipt of a round with the coordinator's key.
    ///
    /// # Errors
    /// If the key refuses.
    fn sign(&self, scope: &Scope, receipt: Receipt) -> Result<SignedReceipt, Refusal>;

    /// Checks a registration that was uploaded.
    fn register(
        &self,
        peer: Address,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// A file of the lineage.
    fn find(&self, item: &Item) -> Option<Download>;
}

/// Answers peers: registrations and downloads itself, rounds by their drivers.
pub struct RequestHandler<L> {
    store: Store,
    domain: u64,
    library: L,
    /// Bytes of a masked vector.
    masked: u64,
    rounds: RwLock<Rounds>,
    /// Registrations are long: few at a time are in memory. Nobody waits for a single one.
    registering: Semaphore,
    /// Digests of those that hold, by whose they are.
    entered: Mutex<HashMap<Address, [u8; 32]>>,
    /// Digests of files.
    hashes: Hashes,
}

#[derive(Default)]
struct Rounds {
    current: Option<u64>,
    /// In the order in which they were opened.
    known: Vec<Driver>,
}

impl Rounds {
    fn find(&self, round: u64) -> Option<&Driver> {
        self.known.iter().find(|driver| driver.plan().round == round)
    }
}

fn refuse(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict { .. } => Refusal::Conflict,
        StoreError::Digest { .. } | StoreError::Offset { .. } | StoreError::TooLong { .. } => {
            Refusal::Invalid(error.to_string())
        }
        error => {
            tracing::error!(%error, "the store fails");
            Refusal::Internal
        }
    }
}

impl<L: Library> RequestHandler<L> {
    /// A handler without a round. `masked` is the length of masked vectors, in bytes.
    pub fn new(store: Store, domain: u64, masked: u64, library: L) -> Arc<Self> {
        let registering = Semaphore::new(REGISTERING);
        let (rounds, entered, hashes) = Default::default();
        Arc::new(Self { store, domain, library, masked, rounds, registering, entered, hashes })
    }

    /// The coordinator's part.
    pub fn library(&self) -> &L {
        &self.library
    }

    /// Opens a round to its members.
    pub fn open_round(&self, driver: &Driver) {
        let mut rounds = self.rounds.write().unwrap_or_else(PoisonError::into_inner);
        let round = driver.plan().round;
        rounds.current = Some(round);
        rounds.known.retain(|known| known.plan().round != round);
        rounds.known.push(driver.clone());
        let old = rounds.known.len().saturating_sub(KEPT);
        rounds.known.drain(..old);
    }

    /// No round is under way. Its notices can still be had.
    pub fn close_round(&self) {
        self.rounds.write().unwrap_or_else(PoisonError::into_inner).current = None;
    }

    /// Enters anew who had registered before a restart: members register once and then only ask
    /// for rounds. A registration that no longer holds is left out, with a warning. How many do.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn restore(&self) -> Result<usize, StoreError> {
        let mut entered = 0;
        for account in self.store.uploads(&items::registration(self.domain)).await? {
            let peer = Address::from(account);
            match self.enter(peer).await {
                Ok(()) => entered += 1,
                Err(refusal) => tracing::warn!(%peer, %refusal, "a registration is left out"),
            }
        }
        Ok(entered)
    }

    /// Has a registration checked that was uploaded, unless it is the one that was checked before.
    async fn enter(&self, peer: Address) -> Result<(), Refusal> {
        let (account, name) = (peer.into_array(), items::registration(self.domain));
        let info = self.store.upload_info(account, &name).await.map_err(|error| refuse(&error))?;
        let digest = info.ok_or(Refusal::Missing)?.digest;
        if self.entered().get(&peer) == Some(&digest) {
            return Ok(());
        }
        let _turn = self.registering.acquire().await.map_err(|_| Refusal::Internal)?;
        let bytes = read_all(&self.store, account, &name, REGISTRATION).await?;
        // It may be another one by now, sent over another connection.
        let digest = keccak256(&bytes).0;
        self.library.register(peer, bytes).await?;
        self.entered().insert(peer, digest);
        Ok(())
    }

    fn entered(&self) -> MutexGuard<'_, HashMap<Address, [u8; 32]>> {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn round(&self, round: u64, peer: Address) -> Result<Driver, Refusal> {
        let rounds = self.rounds.read().unwrap_or_else(PoisonError::into_inner);
        let driver = rounds.find(round).ok_or(Refusal::UnknownRound)?;
        driver.plan().member(peer).ok_or(Refusal::NotMember)?;
        Ok(driver.clone())
    }

    fn current(&self) -> Option<u64> {
        self.rounds.read().unwrap_or_else(PoisonError::into_inner).current
    }

    /// The name of an upload in the store, if the peer may send it, and its bytes at most.
    fn place(&self, peer: Address, item: &Item) -> Result<(String, u64), Refusal> {
        match item {
            Item::Registration { domain } if *domain == self.domain => {
                Ok((items::registration(*domain), REGISTRATION))
            }
            Item::Masked { round } => {
                self.round(*round, peer)?;
                Ok((items::masked(*round), self.masked))
            }
            Item::Submission { round } => {
                self.round(*round, peer)?;
                Ok((items::submission(*round), crate::driver::SUBMISSION))
            }
            _ => Err(Refusal::Missing),
        }
    }

    async fn answer(&self, peer: Address, request: Request) -> Result<Response, Refusal> {
        match request {
            Request::Current { domain } if domain == self.domain => {
                Ok(Response::Current(self.current()))
            }
            Request::Current { .. } => Err(Refusal::Missing),
            Request::Notice { round, number } => {
                let notice = self.round(round, peer)?.notice(peer, number).await?;
                Ok(Response::Notice(Box::new(notice)))
            }
            Request::Send { round, what } => {
                let driver = self.round(round, peer)?;
                let upload = match &*what {
                    MemberMessage::Upload(upload) => Some(upload.body),
                    _ => None,
                };
                let taken = driver.contribute(peer, *what).await;
                taken.inspect_err(|refusal| self.library.refused(peer, refusal))?;
                match upload {
                    Some(upload) if driver.answers_for(peer).await => {
                        self.receipt(driver.plan(), &upload)
                    }
                    // What is not counted yet may never be: its sender asks again by sending it again.
                    _ => Ok(Response::Taken),
                }
            }
        }
    }

    /// A receipt for an upload that is counted.
    fn receipt(&self, plan: &Plan, upload: &Upload) -> Result<Response, Refusal> {
        let receipt = self.library.sign(&plan.scope(), receipt(plan, upload, now_ms() / 1000))?;
        Ok(Response::Received(Box::new(receipt)))
    }
}

impl<L: Library> Service for RequestHandler<L> {
    async fn admit(&self, peer: Address) -> Result<(), Refusal> {
        if self.library.admit(peer).await { Ok(()) } else { Err(Refusal::NotMember) }
    }

    async fn call(&self, peer: Address, request: Request) -> Response {
        self.library.hear(peer);
        self.answer(peer, request).await.unwrap_or_else(Response::Refused)
    }

    async fn begin(&self, peer: Address, item: &Item, content: Content) -> Result<u64, Refusal> {
        let (name, most) = self.place(peer, item)?;
        let exact = matches!(item, Item::Masked { .. });
        let Content { len, digest } = content;
        if len > most || (exact && len != most) {
            return Err(Refusal::TooLarge { most, got: len });
        }
        if let Item::Masked { round } | Item::Submission { round } = item
            && self.round(*round, peer)?.is_over().await
        {
            // What is of no use any more would stay for ever.
            return Err(Refusal::WrongPhase { now: Phase::Ended });
        }
        let account = peer.into_array();
        let begun = match self.store.upload_begin(account, &name, len, digest.0).await {
            // A member that comes back with another dataset: what it says of it is checked anew.
            Err(StoreError::Conflict { .. }) if matches!(item, Item::Registration { .. }) => {
                self.store.upload_delete(account, &name).await.map_err(|error| refuse(&error))?;
                self.store.upload_begin(account, &name, len, digest.0).await
            }
            begun => begun,
        };
        begun.map_err(|error| refuse(&error))
    }

    async fn chunk(
        &self,
        peer: Address,
        item: &Item,
        offset: u64,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        self.library.hear(peer);
        let (name, _) = self.place(peer, item)?;
        let stored = self.store.upload_append(peer.into_array(), &name, offset, &bytes).await;
        stored.map_err(|error| refuse(&error))
    }

    async fn finish(&self, peer: Address, item: &Item) -> Result<(), Refusal> {
        let (name, _) = self.place(peer, item)?;
        let finished = self.store.upload_finish(peer.into_array(), &name).await;
        finished.map_err(|error| refuse(&error))?;
        if matches!(item, Item::Registration { .. }) {
            self.enter(peer).await?;
            self.library.hear(peer);
        }
        Ok(())
    }

    async fn open(&self, _peer: Address, item: &Item) -> Result<Content, Refusal> {
        match self.library.find(item).ok_or(Refusal::Missing)? {
            Download::Bytes(bytes) => {
                Ok(Content { len: bytes.len() as u64, digest: keccak256(&bytes) })
            }
            Download::File(path) => self.hashes.of(&path).await.map_err(|_| Refusal::Missing),
        }
    }

    async fn read(
        &self,
        _peer: Address,
        item: &Item,
        offset: u64,
        max: usize,
    ) -> Result<Bytes, Refusal> {
        match self.library.find(item).ok_or(Refusal::Missing)? {
            Download::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(from..bytes.len().min(from.saturating_add(max))))
            }
            Download::File(path) => part(&path, offset, max).await.map_err(|_| Refusal::Missing),
        }
    }
}

/// An upload in memory.
async fn read_all(
    store: &Store,
    account: [u8; 20],
    name: &str,
    most: u64,
) -> Result<Vec<u8>, Refusal> {
    let mut all = Vec::new();
    while (all.len() as u64) <= most {
        let part = store.upload_read(account, name, all.len() as u64, 1 << 20).await;
        let part = part.map_err(|error| refuse(&error))?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend(part);
    }
    Err(Refusal::TooLarge { most, got: all.len() as u64 })
}

async fn part(path: &std::path::Path, offset: u64, max: usize) -> std::io::Result<Bytes> {
    let mut file = tokio::fs::File::open(path).await?;
    // Not every number is a place that one can seek.
    let offset = offset.min(file.metadata().await?.len());
    file.seek(std::io::SeekFrom::Start(offset)).await?;
    let mut part = Vec::with_capacity(max.min(1 << 20));
    file.take(max as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}
