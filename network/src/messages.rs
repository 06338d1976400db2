//! What peers of a round say, and their signatures.
//!
//! What other members rely on is signed (EIP-712, by the key of the sender's account): the
//! coordinator, which passes messages on, can withhold but not alter or invent them.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::signers::SignerSync;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zktrain_contracts::protocol::SignedReceipt;
use zktrain_contracts::protocol::typed::{self, Receipt};

use crate::plan::Plan;

mod structs {
    #![allow(missing_docs)] // documented at `Signed`
    alloy::sol! {
        struct Message {
            bytes32 plan;
            string kind;
            bytes32 body;
        }
    }
}

/// Something that is signed within a round.
pub trait Body: Serialize + DeserializeOwned {
    /// Its name in the signature; no two bodies share one.
    const KIND: &'static str;
}

/// Bytes of a signature.
const SIGNATURE: usize = 65;

/// A body with a signature over the plan's digest, the body's kind and `keccak256` of its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<T> {
    /// What is signed.
    pub body: T,
    /// 65 bytes.
    pub signature: Bytes,
}

/// What is signed: of a body, and about a plan, that both have an encoding.
fn message<T: Body>(plan: &Plan, body: &T) -> postcard::Result<structs::Message> {
    let (plan, body) = (plan.encoded()?, postcard::to_stdvec(body)?);
    Ok(structs::Message { plan: keccak256(plan), kind: T::KIND.into(), body: keccak256(body) })
}

impl<T: Body> Signed<T> {
    /// Signs a body.
    ///
    /// # Errors
    /// If the body has no encoding, or the signer refuses.
    pub fn new(plan: &Plan, body: T, signer: &impl SignerSync) -> alloy::signers::Result<Self> {
        let message = message(plan, &body).map_err(|error| {
            alloy::signers::Error::other(format!("what is to be signed has no encoding: {error}"))
        })?;
        let signature = typed::sign(&message, &plan.typed_domain(), signer)?;
        Ok(Self { body, signature: signature.into() })
    }

    /// Who signed it; none if the signature is none, or nobody can have signed it.
    pub fn signer(&self, plan: &Plan) -> Option<Address> {
        if self.signature.len() != SIGNATURE {
            return None;
        }
        let message = message(plan, &self.body).ok()?;
        typed::signer(&message, &plan.typed_domain(), &self.signature)
    }

    /// Whether this account signed it.
    pub fn is_by(&self, plan: &Plan, account: Address) -> bool {
        self.signer(plan) == Some(account)
    }
}

/// Phase 1: a member's public keys for one round, compressed Ristretto points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Whose.
    pub account: Address,
    /// Agrees on pairwise masks; its secret can be recovered if the member drops out.
    pub mask: [u8; 32],
    /// Agrees on what shares are sealed with; never recovered.
    pub seal: [u8; 32],
}

impl Body for Keys {
    const KIND: &'static str = "keys";
}

/// Phase 2: what a member binds itself to with the shares of its two secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharingHead {
    /// Whose.
    pub account: Address,
    /// The seed of its own mask, times the base point.
    pub own: [u8; 32],
    /// `keccak256` of the roster that it shares among.
    pub roster: B256,
    /// Merkle root of its envelopes, one a member of the roster, in its order.
    pub root: B256,
}

impl Body for SharingHead {
    const KIND: &'static str = "sharing";
}

/// Bytes of two sealed shares: 64, and a tag of 16.
pub const SEALED: usize = 80;

/// Two sealed shares. Always as many bytes, so that nothing longer can be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ciphertext(pub [u8; SEALED]);

impl Serialize for Ciphertext {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(SEALED)?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Ciphertext {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(SEALED, Bytewise)
    }
}

/// Reads a [`Ciphertext`].
struct Bytewise;

impl<'de> serde::de::Visitor<'de> for Bytewise {
    type Value = Ciphertext;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{SEALED} bytes")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut bytes = [0; SEALED];
        for (position, byte) in bytes.iter_mut().enumerate() {
            let next = seq.next_element()?;
            *byte = next.ok_or_else(|| serde::de::Error::invalid_length(position, &self))?;
        }
        Ok(Ciphertext(bytes))
    }
}

/// Two shares for one member, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// For whom.
    pub to: Address,
    /// `keccak256` of the share of the mask key's secret.
    pub mask: B256,
    /// `keccak256` of the share of the own mask's seed.
    pub own: B256,
    /// Both shares, sealed for the member.
    pub sealed: Ciphertext,
}

/// Phase 2, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// The signed part.
    pub head: Signed<SharingHead>,
    /// One a member of the roster, in its order, the sender's own included.
    pub envelopes: Vec<Envelope>,
}

/// One member's envelope as the coordinator passes it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The sender's signed part.
    pub head: Signed<SharingHead>,
    /// The envelope.
    pub envelope: Envelope,
    /// From the envelope to the root.
    pub path: Vec<B256>,
}

/// A share that does not open, shown to others: the pair's sealing key with a proof that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The envelope, as it was passed on.
    pub passed: Passed,
    /// The point that sender and receiver agree on.
    pub shared: [u8; 32],
    /// Equality of discrete logarithms: `shared = x·seal(sender)`, `seal(receiver) = x·G`.
    pub proof: [[u8; 32]; 2],
}

/// Phase 3: what a member uploads, by its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Whose.
    pub account: Address,
    /// `keccak256` of the masked vector.
    pub masked: B256,
    /// EIP-712 struct hash of the submission.
    pub submission: B256,
    /// Digest of those whose masks are in it, [`crate::secagg::group::Shared::digest`].
    pub shared: B256,
}

impl Body for Upload {
    const KIND: &'static str = "upload";
}

/// Phase 4: whose updates are in the sum. A member signs one of these in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// Who confirms.
    pub account: Address,
    /// Digest of those that have shared their secrets, as in [`Upload::shared`]: each member knows
    /// who they are, and gets as many of these as there are members.
    pub shared: B256,
    /// Digest of those among them whose updates are counted.
    pub counted: B256,
}

impl Body for Confirm {
    const KIND: &'static str = "confirm";
}

/// Phase 5: shares of the seeds of those that are counted, of the keys of those that are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmask {
    /// Whose shares.
    pub account: Address,
    /// One for each that has shared, in the order of addresses: of its own mask's seed if it is
    /// counted, of its mask key's secret if it is not; none if the share did not open.
    pub shares: Vec<Option<[u8; 32]>>,
}

impl Body for Unmask {
    const KIND: &'static str = "unmask";
}

/// Where uploads are tested if the sum is wrong: everything follows from these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// The counted members' uploads, in the order of addresses.
    pub uploads: Vec<Signed<Upload>>,
}

/// A member's proof that its masked vector is what it should be, see
/// [`crate::secagg::blame`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defence {
    /// Whose.
    pub account: Address,
    /// Encoded by [`crate::secagg::blame`].
    pub proof: Bytes,
}

impl Body for Defence {
    const KIND: &'static str = "defence";
}

/// The point that two members agree on, shown because the other one's defence contradicts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairOpening {
    /// The other one.
    pub with: Address,
    /// What both agree on for their pair's mask.
    pub shared: [u8; 32],
    /// Equality of discrete logarithms, as in [`Complaint::proof`], of the mask keys.
    pub proof: [[u8; 32]; 2],
}

/// A member's answer to defences that contradict its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveal {
    /// Whose.
    pub account: Address,
    /// One for each such defence, in the order of addresses.
    pub pairs: Vec<PairOpening>,
}

impl Body for Reveal {
    const KIND: &'static str = "reveal";
}

/// What a member sends in a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // held one at a time, and boxed where it is not
pub enum Contribution {
    /// Phase 1.
    Keys(Signed<Keys>),
    /// Phase 2.
    Sharing(Sharing),
    /// Between phases 2 and 4.
    Complaint(Complaint),
    /// Phase 3, once masked vector and submission are uploaded.
    Upload(Signed<Upload>),
    /// Phase 4.
    Confirm(Signed<Confirm>),
    /// Phase 5.
    Unmask(Signed<Unmask>),
    /// Phase 6, rarely.
    Defence(Signed<Defence>),
    /// Phase 7, more rarely still.
    Reveal(Signed<Reveal>),
}

/// What the coordinator tells members; each of a round's notices has a number, from zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // held one at a time, and boxed where it is not
pub enum Notice {
    /// The round.
    Plan(Signed<Plan>),
    /// Who takes part, in the order of addresses.
    Roster(Vec<Signed<Keys>>),
    /// For one member: what the others share with it, in the order of addresses.
    Shares(Vec<Passed>),
    /// Whose updates are counted, in the order of addresses.
    Counted(Vec<Address>),
    /// That enough members know so.
    Confirmed(Vec<Signed<Confirm>>),
    /// The sum is wrong.
    Test(Test),
    /// For one member: the defences that contradict its own.
    Dispute(Vec<Signed<Defence>>),
    /// It is over.
    End(End),
}

/// How a round ended for its members. What it ended with is downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// There is a sum, which has been checked.
    Summed {
        /// `keccak256` of the next model's row commitments.
        model: B256,
        /// Whose updates are in it.
        counted: Vec<Address>,
    },
    /// There is none.
    Void(Reason),
}

/// Why a round has no sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Too few members took part in a phase.
    TooFew {
        /// The phase.
        phase: Phase,
        /// Those needed.
        needed: u32,
        /// Those there.
        got: u32,
    },
    /// Members uploaded something else than their proven updates.
    Blamed(Vec<Address>),
    /// Fewer shares are valid than it takes.
    Unrecovered(Address),
    /// It was called off by the operator, or the chain did not take it.
    CalledOff,
}

/// Phases of a round, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Keys.
    Keys,
    /// Shares.
    Shares,
    /// Training, proving, uploading.
    Uploads,
    /// Whose updates are counted.
    Confirm,
    /// Unmasking.
    Unmask,
    /// The coordinator adds up and checks the sum.
    Sum,
    /// Finding out whose upload is wrong.
    Defence,
    /// Settling which of two contradicting defences is wrong.
    Dispute,
    /// Over.
    Ended,
}

/// Large things that peers send, in parts that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Item {
    /// To the coordinator: a dataset's registration proof, as in its file.
    Registration {
        /// The domain.
        domain: u64,
    },
    /// To the coordinator: a masked vector.
    Masked {
        /// The round.
        round: u64,
    },
    /// To the coordinator: the signed submission with statement and proof, JSON.
    Submission {
        /// The round.
        round: u64,
    },
    /// Nothing any more: owners recompute models and download none. It stays so that what comes after
    /// keeps its number; coordinators have no such thing.
    Retired {
        /// Of no meaning.
        number: u64,
    },
    /// From the coordinator: a file of the lineage, by its path there.
    Lineage {
        /// The path, of at most 200 letters, digits, `-`, `.`, `_` and `/`.
        path: String,
    },
}

/// What a member asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The round under way in a domain.
    Current {
        /// The domain.
        domain: u64,
    },
    /// A notice; answered once it is there, or with [`Response::Later`] after some seconds.
    Notice {
        /// The round.
        round: u64,
        /// Which.
        number: u32,
    },
    /// Takes part. Sending the same again is fine.
    Send {
        /// The round.
        round: u64,
        /// What is sent.
        what: Box<Contribution>,
    },
}

/// What the coordinator answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The round under way, if any.
    Current(Option<u64>),
    /// A notice.
    Notice(Box<Notice>),
    /// Not there yet: ask again.
    Later,
    /// Stored: it survives a crash from here on. An upload is answered so until it is counted.
    Taken,
    /// Refused; asking again does not help.
    Refused(Refusal),
    /// An upload is stored, as [`Self::Taken`], and counted: its proof holds, nobody has complained,
    /// and the coordinator answers for that with its key.
    Received(Box<SignedReceipt>),
}

impl Upload {
    /// The receipt for this upload in a round with this plan, taken at a time in Unix seconds.
    pub fn receipt(&self, plan: &Plan, time: u64) -> Receipt {
        Receipt {
            round: plan.round,
            member: self.account,
            plan: plan.digest(),
            masked: self.masked,
            submission: self.submission,
            time,
        }
    }
}

/// What is wrong with a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The coordinator has not signed it.
    #[error("the receipt is not signed by the coordinator {coordinator}")]
    Signature {
        /// Who should have signed.
        coordinator: Address,
    },
    /// It is for something else.
    #[error("the receipt is for another {field}")]
    Field {
        /// What differs.
        field: &'static str,
    },
}

/// Checks that a receipt is the plan's coordinator's, and for this upload.
///
/// # Errors
/// What is wrong with it.
pub fn check_receipt(
    plan: &Plan,
    upload: &Upload,
    signed: &SignedReceipt,
) -> Result<(), ReceiptError> {
    let (got, expected) = (&signed.receipt, upload.receipt(plan, signed.receipt.time));
    let fields = [
        ("round", got.round == expected.round),
        ("member", got.member == expected.member),
        ("plan", got.plan == expected.plan),
        ("masked vector", got.masked == expected.masked),
        ("submission", got.submission == expected.submission),
    ];
    if let Some((field, _)) = fields.into_iter().find(|(_, holds)| !holds) {
        return Err(ReceiptError::Field { field });
    }
    let coordinator = plan.coordinator;
    match signed.is_by(&plan.scope(), coordinator) {
        true => Ok(()),
        false => Err(ReceiptError::Signature { coordinator }),
    }
}

/// Why the coordinator refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Nothing is known of this round.
    #[error("no such round here")]
    UnknownRound,
    /// The peer is not a member.
    #[error("not a member of this round")]
    NotMember,
    /// It came when the phase was over, or before it began.
    #[error("not now: the round is in phase {now:?}")]
    WrongPhase {
        /// The phase.
        now: Phase,
    },
    /// Something else was sent before; the first counts.
    #[error("something else was sent before")]
    Conflict,
    /// It does not hold.
    #[error("refused: {0}")]
    Invalid(String),
    /// Larger than such a thing can be.
    #[error("{got} bytes; at most {most} are taken")]
    TooLarge {
        /// Bytes at most.
        most: u64,
        /// Bytes announced.
        got: u64,
    },
    /// There is no such thing to download.
    #[error("there is no such thing")]
    Missing,
    /// Too many requests.
    #[error("too many requests; slow down")]
    Busy,
    /// The coordinator has trouble of its own; asking again may help.
    #[error("the coordinator could not store it")]
    Internal,
}
