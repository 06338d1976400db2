//! What members and coordinator say about a plan, and their signatures.
//!
//! What other members rely on is signed (EIP-712, by the key of the sender's account): the
//! coordinator, which passes messages on, can withhold but not alter or invent them.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::eip712;
use crate::plan::Plan;

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

/// The hash that the holder of the key signs for a body, about a plan.
///
/// # Errors
/// If one of the two has no encoding: a signature is of a body, never of nothing.
pub fn signing_hash<T: Body>(plan: &Plan, body: &T) -> postcard::Result<B256> {
    let (digest, body) = (plan.encoded()?, postcard::to_stdvec(body)?);
    let (digest, body) = (keccak256(digest), keccak256(body));
    Ok(eip712::digest(plan.domain_separator(), digest, T::KIND, body))
}

impl<T: Body> Signed<T> {
    /// Who signed it; none if the signature is none, or nobody can have signed it.
    pub fn signer(&self, plan: &Plan) -> Option<Address> {
        if self.signature.len() != SIGNATURE {
            return None;
        }
        eip712::signer(signing_hash(plan, &self.body).ok()?, &self.signature)
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
    /// Digest of those whose masks are in it, [`crate::group::Shared::digest`].
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
/// [`crate::blame`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defence {
    /// Whose.
    pub account: Address,
    /// Encoded by [`crate::blame`].
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
