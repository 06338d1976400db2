//! An owner's line to a coordinator that decides what becomes of each call.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use alloy::signers::local::PrivateKeySigner;
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use zktrain_ledger::SignedReceipt;
use zktrain_project::files::trial::{self, InjectedFault};
use zktrain_secagg::plan::Plan;
use zktrain_wire::messages::{Item, MemberMessage, Notice, Phase, Refusal, Request, Response};
use zktrain_wire::{Scoped, receipts};

use crate::Line;

/// Something that an owner has sent.
#[allow(clippy::large_enum_variant)] // a few hundred of them, in tests
pub enum Sent {
    Said(MemberMessage),
    Uploaded(Item, Vec<u8>),
}

/// What becomes of a call.
pub enum CallOutcome {
    Taken,
    /// It has come, and the owner is told that it is refused.
    Refused(Refusal),
    /// It has come, and the owner's process ends before it hears of it.
    Crashed,
    /// The owner's process ends, and nothing has come.
    Lost,
}

/// The coordinator's end of a line.
pub struct Wire {
    /// Notices of the round, from number one on.
    pub notices: Vec<Notice>,
    /// What has come.
    pub sent: Vec<Sent>,
    pub rng: ChaCha20Rng,
    /// How often something else than `Taken` happens, in a thousand.
    pub trouble: u32,
    /// Refuses every upload but that of a vector.
    pub greedy: bool,
    /// Every upload is lost, and the owner's process ends in it.
    pub loses_uploads: bool,
    /// The owner's process has ended in a call.
    pub hung: bool,
    /// Signs receipts.
    pub coordinator: PrivateKeySigner,
    /// The round.
    pub plan: Option<Plan>,
    /// The round of the last upload: who asks again is given a receipt.
    pub uploaded: Option<u64>,
}

impl Wire {
    /// After how many effects on files the process ends, or the disk refuses.
    pub fn trial(&mut self) -> Option<(u32, InjectedFault)> {
        let trouble =
            if self.rng.gen_ratio(2, 3) { InjectedFault::Ends } else { InjectedFault::Refuses };
        let steps = self.rng.gen_range(0..24);
        self.rng.gen_ratio(2 * self.trouble, 1000).then_some((steps, trouble))
    }

    fn fate(&mut self, is_vector: bool) -> CallOutcome {
        if self.greedy && !is_vector {
            return CallOutcome::Refused(Refusal::Busy);
        }
        if !self.rng.gen_ratio(self.trouble, 1000) {
            return CallOutcome::Taken;
        }
        match self.rng.gen_range(0..4) {
            0 => CallOutcome::Crashed,
            1 => CallOutcome::Lost,
            _ => self.refusal(),
        }
    }

    fn refusal(&mut self) -> CallOutcome {
        CallOutcome::Refused(match self.rng.gen_range(0..9) {
            0 => Refusal::UnknownRound,
            1 => Refusal::NotMember,
            2 => Refusal::Missing,
            3 => Refusal::Conflict,
            4 => Refusal::Invalid("it is".into()),
            5 => Refusal::Internal,
            6 => Refusal::WrongPhase { now: Phase::Ended },
            _ => Refusal::Busy,
        })
    }
}

/// An owner's end.
#[derive(Clone)]
pub struct Tap(pub Rc<RefCell<Wire>>);

impl Tap {
    /// There is none for the first upload, as long as its proof is not judged.
    fn receipt(&self, what: &MemberMessage) -> Option<Box<SignedReceipt>> {
        let MemberMessage::Upload(upload) = what else { return None };
        let mut wire = self.0.borrow_mut();
        let round = wire.plan.as_ref()?.round;
        if wire.uploaded.replace(round) != Some(round) {
            return None;
        }
        let plan = wire.plan.as_ref()?;
        let receipt = receipts::receipt(plan, &upload.body, 1);
        Some(Box::new(SignedReceipt::new(receipt, &plan.scope(), &wire.coordinator).unwrap()))
    }

    async fn bring(&self, sent: Sent) -> Result<(), Refusal> {
        // Nothing leaves a process that has ended.
        if trial::happened() == Some(InjectedFault::Ends) {
            self.0.borrow_mut().hung = true;
            return std::future::pending().await;
        }
        let is_vector = matches!(sent, Sent::Uploaded(Item::Masked { .. }, _));
        let is_upload = matches!(sent, Sent::Uploaded(..));
        if is_upload && self.0.borrow().loses_uploads {
            self.0.borrow_mut().hung = true;
            return std::future::pending().await;
        }
        let fate = {
            let mut wire = self.0.borrow_mut();
            match is_upload || !wire.greedy {
                true => wire.fate(is_vector),
                false => CallOutcome::Taken,
            }
        };
        if !matches!(fate, CallOutcome::Lost) {
            self.0.borrow_mut().sent.push(sent);
        }
        match fate {
            CallOutcome::Taken => Ok(()),
            CallOutcome::Refused(refusal) => Err(refusal),
            CallOutcome::Crashed | CallOutcome::Lost => {
                self.0.borrow_mut().hung = true;
                std::future::pending().await
            }
        }
    }
}

impl Line for Tap {
    async fn call(&self, request: Request) -> Result<Response, zktrain_wire::PeerError> {
        match request {
            Request::Notice { number, .. } => {
                let notice = std::future::poll_fn(|_| {
                    let wire = self.0.borrow();
                    match wire.notices.get((number as usize).wrapping_sub(1)) {
                        Some(notice) => Poll::Ready(notice.clone()),
                        None => Poll::Pending,
                    }
                });
                Ok(Response::Notice(Box::new(notice.await)))
            }
            Request::Send { what, .. } => {
                let receipt = self.receipt(&what);
                Ok(match self.bring(Sent::Said(*what)).await {
                    Ok(()) => receipt.map_or(Response::Taken, Response::Received),
                    Err(refusal) => Response::Refused(refusal),
                })
            }
            Request::Current { .. } => Ok(Response::Current(None)),
        }
    }

    async fn upload(&self, item: &Item, bytes: Vec<u8>) -> Result<(), zktrain_wire::PeerError> {
        let brought = self.bring(Sent::Uploaded(item.clone(), bytes)).await;
        brought.map_err(zktrain_wire::PeerError::Refused)
    }
}
