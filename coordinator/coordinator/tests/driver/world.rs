//! Members of a round, and the coordinator that they talk to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use ark_bn254::Fr;
use bytes::Bytes;
use tempfile::TempDir;
use zktrain_coordinator::driver::Driver;
use zktrain_coordinator::machine::Ends;
use zktrain_coordinator::service::{Download, Library, RequestHandler};
use zktrain_coordinator::store::{Store, StoreError};
use zktrain_ledger::SignedReceipt;
use zktrain_ledger::typed::{Receipt, Scope};
use zktrain_secagg::Policy;
use zktrain_secagg::blame::BlameEvidence;
use zktrain_secagg::member::Member;
use zktrain_secagg::messages::{Body, Sharing, Signed, Test, Upload};
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::sealed::{PromiseStore, Promises, Sealed};
use zktrain_secagg::vector::{Unpacked, Update, pack, unpack};
use zktrain_wire::messages::{End, Item, MemberMessage, Notice, Phase, Refusal, Request, Response};
use zktrain_wire::receipts::check_receipt;
use zktrain_wire::{Content, Service, sign};

use crate::wire::phase;
use crate::work::{Bench, commit, fixture, submission, update};

pub const ROUND: u64 = 7;
pub const DOMAIN: u64 = 3;

/// What an owner has, and how it lies.
pub struct Owner {
    pub signer: PrivateKeySigner,
    pub member: Member,
    pub update: Update,
    pub weight: u32,
    pub seen: Vec<Notice>,
    /// Changes the vector before it is masked.
    pub spoil: fn(&mut Vec<Fr>),
    /// Changes the masked vector that is uploaded.
    pub garble: fn(&mut Vec<u8>),
    /// Changes the submission.
    pub forge: fn(&mut Vec<u8>),
    /// Nothing is sent from this phase on.
    pub silent: Option<Phase>,
    test: Option<Test>,
}

impl Owner {
    pub fn account(&self) -> Address {
        self.signer.address()
    }

    pub fn sign<T: Body>(&self, plan: &Plan, body: T) -> Signed<T> {
        sign(plan, body, &self.signer).unwrap()
    }
}

/// Downloads for everybody.
pub struct DomainLibrary {
    pub file: PathBuf,
    /// Who was registered, in order.
    pub registered: Mutex<Vec<Address>>,
    /// The coordinator's key.
    pub signer: PrivateKeySigner,
    /// Whose contributions were refused, in order.
    pub refused: Mutex<Vec<(Address, Refusal)>>,
}

impl Library for DomainLibrary {
    async fn admit(&self, peer: Address) -> bool {
        peer != Address::ZERO
    }

    fn hear(&self, _peer: Address) {}

    fn refused(&self, peer: Address, refusal: &Refusal) {
        self.refused.lock().unwrap().push((peer, refusal.clone()));
    }

    async fn register(&self, peer: Address, bytes: Vec<u8>) -> Result<(), Refusal> {
        if !bytes.starts_with(b"good") {
            return Err(Refusal::Invalid("no proof".into()));
        }
        self.registered.lock().unwrap().push(peer);
        Ok(())
    }

    fn sign(&self, scope: &Scope, receipt: Receipt) -> Result<SignedReceipt, Refusal> {
        SignedReceipt::new(receipt, scope, &self.signer).map_err(|_| Refusal::Internal)
    }

    fn find(&self, item: &Item) -> Option<Download> {
        match item {
            Item::Lineage { path } if path == "short" => {
                Some(Download::Bytes(Bytes::from_static(b"a file")))
            }
            Item::Lineage { .. } => Some(Download::File(self.file.clone())),
            _ => None,
        }
    }
}

/// A coordinator under way.
pub struct Office {
    pub store: Store,
    pub driver: Driver,
    pub handler: Arc<RequestHandler<DomainLibrary>>,
    pub bench: Arc<Bench>,
}

pub struct World {
    pub plan: Signed<Plan>,
    pub owners: Vec<Owner>,
    pub folder: TempDir,
    pub office: Option<Office>,
    pub full: bool,
    /// When the chain takes nothing any more.
    pub until_ms: Option<u64>,
}

/// The coordinator's key.
pub fn coordinator() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256("coordinator")).unwrap()
}

/// Whether something was taken.
pub fn is_taken(plan: &Plan, what: &MemberMessage, response: &Response) -> bool {
    *response == Response::Taken || is_received(plan, what, response)
}

/// Whether an upload was answered with a receipt that holds.
pub fn is_received(plan: &Plan, what: &MemberMessage, response: &Response) -> bool {
    let (MemberMessage::Upload(upload), Response::Received(receipt)) = (what, response) else {
        return false;
    };
    check_receipt(plan, &upload.body, receipt).is_ok()
}

fn plan(signers: &[PrivateKeySigner], seconds: u32) -> Plan {
    let share = (1 << 16) / signers.len() as u32;
    let member = |(index, signer): (usize, &PrivateKeySigner)| PlanMember {
        account: signer.address(),
        dataset: B256::repeat_byte(5),
        windows: 4,
        weight: if index == 0 { (1 << 16) - share * (signers.len() as u32 - 1) } else { share },
    };
    let timing = Timing::even(seconds);
    Plan {
        version: VERSION,
        chain_id: 31337,
        rounds: Address::repeat_byte(1),
        domain: DOMAIN,
        round: ROUND,
        coordinator: coordinator().address(),
        spec: B256::repeat_byte(3),
        parent: B256::repeat_byte(4),
        nonce: B256::repeat_byte(6),
        system: 0,
        optimistic: false,
        threshold: signers.len() as u32 / 2 + 1,
        least: 2,
        members: signers.iter().enumerate().map(member).collect(),
        timing,
    }
}

impl World {
    /// Owners of about equal weight; each phase takes so many seconds at most.
    pub fn new(owners: u8, seconds: u32) -> Self {
        let signer = |n: u8| PrivateKeySigner::from_bytes(&keccak256([n])).unwrap();
        let mut signers: Vec<PrivateKeySigner> = (0..owners).map(signer).collect();
        signers.sort_by_key(PrivateKeySigner::address);
        let plan = plan(&signers, seconds);
        let policy =
            Policy { least: 2, max_share: 1 << 16, colluders: Some(0), ..Policy::default() };
        let owners = signers.iter().enumerate().map(|(index, signer)| {
            let secret = [index as u8 + 1; 32];
            Owner {
                signer: signer.clone(),
                member: Member::new(plan.clone(), signer.address(), secret, policy.clone())
                    .unwrap(),
                update: update(index as u64),
                weight: plan.members[index].weight,
                seen: Vec::new(),
                spoil: |_| (),
                garble: |_| (),
                forge: |_| (),
                silent: None,
                test: None,
            }
        });
        let owners = owners.collect();
        let signed = sign(&plan, plan.clone(), &coordinator()).unwrap();
        let folder = TempDir::new().unwrap();
        Self { plan: signed, owners, folder, office: None, full: false, until_ms: None }
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("store.db").display())
    }

    pub fn office(&self) -> &Office {
        self.office.as_ref().unwrap()
    }

    /// Starts the coordinator, again if it was there before.
    pub async fn open(&mut self) {
        self.office = None;
        let store = loop {
            match Store::open(&self.url()).await {
                Ok(store) => break store,
                // What the one before was doing has to end first.
                Err(StoreError::InUse { .. }) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let bench = Arc::new(Bench { full: self.full, ..Bench::default() });
        let (plan, ends) = (self.plan.clone(), Ends { until_ms: self.until_ms, ..Ends::default() });
        let driver = Driver::start(store.clone(), plan, bench.clone(), ends).await.unwrap();
        let file = self.folder.path().join("lineage");
        std::fs::write(&file, vec![5; 100_000]).unwrap();
        let handler = RequestHandler::new(
            store.clone(),
            DOMAIN,
            fixture().shape.bytes(),
            DomainLibrary {
                file,
                signer: coordinator(),
                registered: Mutex::default(),
                refused: Mutex::default(),
            },
        );
        handler.open_round(&driver);
        self.office = Some(Office { store, driver, handler, bench });
    }

    pub async fn send(&self, index: usize, what: MemberMessage) -> Response {
        let request = Request::Send { round: ROUND, what: Box::new(what) };
        self.office().handler.call(self.owners[index].account(), request).await
    }

    pub async fn upload(&self, index: usize, item: &Item, bytes: &[u8]) -> Result<(), Refusal> {
        upload(&*self.office().handler, self.owners[index].account(), item, bytes).await
    }

    /// An owner reads its next notice, if it is there, and answers. Whether it was there.
    pub async fn step(&mut self, index: usize) -> bool {
        let (account, number) = (self.owners[index].account(), self.owners[index].seen.len());
        let notice = self.office().driver.notice(account, number as u32);
        let waited = tokio::time::timeout(Duration::from_millis(20), notice).await;
        let Ok(notice) = waited else { return false };
        let notice = notice.unwrap();
        self.owners[index].seen.push(notice.clone());
        self.answer(index, notice).await;
        true
    }

    async fn answer(&mut self, index: usize, notice: Notice) {
        let phase = phase(&notice);
        if phase == Phase::Ended {
            return;
        }
        if self.owners[index].silent.is_some_and(|silent| phase >= silent) {
            return;
        }
        if let Notice::Shares(_) = &notice {
            self.send_vector(index, &notice).await;
        }
        let plan = self.plan.body.clone();
        if let Some(what) = self.owners[index].contribution(&plan, notice) {
            let response = self.send(index, what.clone()).await;
            assert!(is_taken(&plan, &what, &response), "{response:?}");
        }
    }

    async fn send_vector(&mut self, index: usize, notice: &Notice) {
        let Notice::Shares(passed) = notice else { return };
        let owner = &mut self.owners[index];
        assert!(kept(owner.member.shares(passed).unwrap()).is_empty());
        let (_, masked) = owner.masked();
        let submission = owner.submission();
        self.upload(index, &Item::Masked { round: ROUND }, &masked).await.unwrap();
        self.upload(index, &Item::Submission { round: ROUND }, &submission).await.unwrap();
    }

    /// Everybody answers until the round is over.
    pub async fn run(&mut self) -> End {
        loop {
            for index in 0..self.owners.len() {
                self.step(index).await;
            }
            if let Some(end) = self.office().driver.progress().await.end {
                return end;
            }
        }
    }

    /// The sum of some owners' weighted updates.
    pub fn expected(&self, who: &[usize]) -> Unpacked {
        let shape = &fixture().shape;
        let mut sum = vec![Fr::from(0); shape.elements()];
        for owner in who.iter().map(|index| &self.owners[*index]) {
            let vector = pack(shape, &owner.update, owner.weight).unwrap();
            sum.iter_mut().zip(vector.iter()).for_each(|(sum, element)| *sum += element);
        }
        unpack(shape, &sum).unwrap()
    }

    pub fn accounts(&self, who: &[usize]) -> Vec<Address> {
        who.iter().map(|index| self.owners[*index].account()).collect()
    }
}

/// Owners here never restart: their promises are nowhere but in memory.
struct Memory;

impl PromiseStore for Memory {
    type Error = core::convert::Infallible;

    fn keep(&mut self, _: &Promises) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Opens what is sealed.
pub fn kept<T>(sealed: Sealed<T>) -> T {
    sealed.open(&mut Memory).unwrap()
}

impl Owner {
    /// What is uploaded as the masked vector, and signed for it.
    pub fn masked(&mut self) -> (Upload, Vec<u8>) {
        let mut packed = pack(&fixture().shape, &self.update, self.weight).unwrap().to_vec();
        (self.spoil)(&mut packed);
        let hash = keccak256(self.submission());
        let (upload, mut masked) = kept(self.member.mask(&packed, hash).unwrap());
        (self.garble)(&mut masked);
        (upload, masked)
    }

    pub fn submission(&self) -> Vec<u8> {
        let mut submission = submission(&self.update);
        (self.forge)(&mut submission);
        submission
    }

    /// What is answered to a notice.
    pub fn contribution(&mut self, plan: &Plan, notice: Notice) -> Option<MemberMessage> {
        let account = self.account();
        let commitments = commit(&self.update);
        let update = self.update.clone();
        let (shape, opener) = (&fixture().shape, &fixture().srs.g1());
        let evidence = BlameEvidence { shape, opener, update: &update, commitments: &commitments };
        Some(match notice {
            Notice::Plan(_) => MemberMessage::Keys(self.sign(plan, kept(self.member.keys()))),
            Notice::Roster(keys) => {
                let (head, envelopes) = kept(self.member.roster(&keys).unwrap());
                MemberMessage::Sharing(Sharing { head: self.sign(plan, head), envelopes })
            }
            Notice::Shares(_) => {
                let (mut upload, masked) = self.masked();
                upload.masked = keccak256(masked);
                MemberMessage::Upload(self.sign(plan, upload))
            }
            Notice::Counted(counted) if counted.contains(&account) => {
                let confirm = kept(self.member.counted(&counted).unwrap());
                MemberMessage::Confirm(self.sign(plan, confirm))
            }
            Notice::Confirmed(confirms) => {
                let unmask = kept(self.member.confirmed(&confirms).unwrap());
                MemberMessage::Unmask(self.sign(plan, unmask))
            }
            Notice::Test(test) => {
                let defence = kept(self.member.defend(&test, &evidence).unwrap());
                self.test = Some(test);
                MemberMessage::Defence(self.sign(plan, defence))
            }
            Notice::Dispute(defences) => {
                let test = self.test.clone()?;
                let reveal = self.member.dispute(&test, &evidence, &defences).unwrap();
                let reveal = kept(reveal);
                MemberMessage::Reveal(self.sign(plan, reveal))
            }
            Notice::Counted(_) | Notice::End(_) => return None,
        })
    }
}

/// Uploads in uneven parts.
pub async fn upload(
    handler: &impl Service,
    peer: Address,
    item: &Item,
    bytes: &[u8],
) -> Result<(), Refusal> {
    let content = Content { len: bytes.len() as u64, digest: keccak256(bytes) };
    let mut offset = handler.begin(peer, item, content).await? as usize;
    while offset < bytes.len() {
        let end = bytes.len().min(offset + 777);
        let part = Bytes::copy_from_slice(&bytes[offset..end]);
        handler.chunk(peer, item, offset as u64, part).await?;
        offset = end;
    }
    handler.finish(peer, item).await
}
