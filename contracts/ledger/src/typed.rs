//! What members and coordinators sign: EIP-712 typed data of the contract `Rounds`.
//!
//! What is said about a round is signed with the nonce that was drawn for it. A number says little:
//! after a reorganization another draw, or another domain's round, can have the same, and an honest
//! signature would be evidence there. So nothing here can be hashed or signed without a [`Scope`],
//! which has the nonce; the contract puts its own in the same place.

use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use alloy_signer::SignerSync;
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use serde::{Deserialize, Serialize};

/// What is hashed and signed: with the nonce. Nobody holds these, so that nobody can leave it out.
mod structs {
    alloy_sol_types::sol! {
        struct Submission {
            uint64 round;
            bytes32 nonce;
            address member;
            bytes32 statement;
            bytes32 proof;
            bytes32 update;
            uint32 length;
        }

        struct Batch {
            uint64 round;
            bytes32 nonce;
            bytes32 root;
            bytes32 aggregate;
            bytes32 model;
        }

        struct Receipt {
            uint64 round;
            bytes32 nonce;
            address member;
            bytes32 plan;
            bytes32 masked;
            bytes32 submission;
            uint64 time;
        }
    }
}

/// What a member says that it delivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub round: u64,
    pub member: Address,
    /// `keccak256` of the statement's bytes.
    pub statement: B256,
    /// `keccak256` of the proof's bytes.
    pub proof: B256,
    /// `keccak256` of the update's row commitments.
    pub update: B256,
    /// Bytes of statement and proof together. Contracts slash for one that no valid submission has:
    /// what is too long for a transaction would be no evidence otherwise.
    pub length: u32,
}

impl Submission {
    /// What says that these are the statement and the proof.
    pub fn new(round: u64, member: Address, statement: &[u8], proof: &[u8], update: B256) -> Self {
        let length = length(statement, proof);
        let [statement, proof] = [statement, proof].map(keccak256);
        Self { round, member, statement, proof, update, length }
    }

    /// Whether it is about these bytes.
    pub fn is_of(&self, statement: &[u8], proof: &[u8]) -> bool {
        self.length == length(statement, proof)
            && self.statement == keccak256(statement)
            && self.proof == keccak256(proof)
    }
}

/// No data of ours has so many bytes that they could not be counted.
fn length(statement: &[u8], proof: &[u8]) -> u32 {
    u32::try_from(statement.len().saturating_add(proof.len())).unwrap_or(u32::MAX)
}

/// What a coordinator says that a round's members delivered, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub round: u64,
    /// Merkle root of the members' deliveries.
    pub root: B256,
    /// `keccak256` of the sum's row commitments; zero if there is no sum.
    pub aggregate: B256,
    /// The next model.
    pub model: B256,
}

/// What a coordinator signs for an upload that it has taken: all of it is fixed, so that a contract
/// can check it against a batch that has another submission of this member, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub round: u64,
    pub member: Address,
    /// The plan's digest.
    pub plan: B256,
    /// `keccak256` of the masked vector.
    pub masked: B256,
    /// The submission's struct hash.
    pub submission: B256,
    /// When it was taken, in Unix seconds.
    pub time: u64,
}

/// Something said about a round, for which its signer answers with its stake.
pub trait StakedMessage {
    /// The EIP-712 hash of the struct, in the round with this nonce.
    fn hash(&self, nonce: B256) -> B256;
}

impl StakedMessage for Submission {
    fn hash(&self, nonce: B256) -> B256 {
        let Self { round, member, statement, proof, update, length } = *self;
        structs::Submission { round, nonce, member, statement, proof, update, length }
            .eip712_hash_struct()
    }
}

impl StakedMessage for Batch {
    fn hash(&self, nonce: B256) -> B256 {
        let Self { round, root, aggregate, model } = *self;
        structs::Batch { round, nonce, root, aggregate, model }.eip712_hash_struct()
    }
}

impl StakedMessage for Receipt {
    fn hash(&self, nonce: B256) -> B256 {
        let Self { round, member, plan, masked, submission, time } = *self;
        structs::Receipt { round, nonce, member, plan, masked, submission, time }
            .eip712_hash_struct()
    }
}

/// What signatures about one round are for: a contract on a chain, and the nonce that was drawn for
/// the round there. What was signed for another draw is nobody's signature here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    domain: Eip712Domain,
    nonce: B256,
}

impl Scope {
    /// That of a round with this nonce, of a chain's contract `Rounds`.
    pub fn new(chain_id: u64, rounds: Address, nonce: B256) -> Self {
        Self { domain: domain(chain_id, rounds), nonce }
    }

    /// The EIP-712 hash of what is said, as deliveries and receipts name submissions.
    pub fn hash(&self, said: &impl StakedMessage) -> B256 {
        said.hash(self.nonce)
    }

    fn digest(&self, said: &impl StakedMessage) -> B256 {
        keccak256([&[0x19, 1], &self.domain.separator()[..], &self.hash(said)[..]].concat())
    }

    /// Signs what is said; 65 bytes `r ‖ s ‖ v`.
    ///
    /// # Errors
    /// If the round's nonce is still to be drawn, or the signer refuses.
    pub fn sign(
        &self,
        said: &impl StakedMessage,
        signer: &impl SignerSync,
    ) -> alloy_signer::Result<Bytes> {
        if self.nonce.is_zero() {
            let why =
                "the round's nonce is not drawn yet: what was signed now would hold on any chain";
            return Err(alloy_signer::Error::other(why));
        }
        Ok(signer.sign_hash_sync(&self.digest(said))?.as_bytes().to_vec().into())
    }

    /// Who signed what is said; none for bytes that are no signature, and before the draw.
    pub fn signer(&self, said: &impl StakedMessage, signature: &[u8]) -> Option<Address> {
        if self.nonce.is_zero() {
            return None;
        }
        recover(self.digest(said), signature)
    }
}

/// The domain that signatures are for: one contract on one chain.
pub fn domain(chain_id: u64, rounds: Address) -> Eip712Domain {
    eip712_domain! {
        name: "zktrain",
        version: "1",
        chain_id: chain_id,
        verifying_contract: rounds,
    }
}

/// Signs typed data that is no evidence; 65 bytes `r ‖ s ‖ v`.
///
/// # Errors
/// If the signer refuses.
pub fn sign(
    message: &impl SolStruct,
    domain: &Eip712Domain,
    signer: &impl SignerSync,
) -> alloy_signer::Result<Vec<u8>> {
    let digest = message.eip712_signing_hash(domain);
    Ok(signer.sign_hash_sync(&digest)?.as_bytes().to_vec())
}

/// Who signed typed data; none for bytes that are no signature.
pub fn signer(
    message: &impl SolStruct,
    domain: &Eip712Domain,
    signature: &[u8],
) -> Option<Address> {
    recover(message.eip712_signing_hash(domain), signature)
}

fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    let signature = Signature::try_from(signature).ok()?;
    // Contracts refuse the other of the two equivalent forms.
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&digest).ok()
}

#[cfg(test)]
mod tests {
    use alloy::signers::local::PrivateKeySigner;
    use alloy_primitives::b256;

    use super::*;

    const NONCE: B256 = B256::repeat_byte(5);

    fn submission() -> Submission {
        let hash = B256::repeat_byte;
        let (statement, proof, update) = (hash(1), hash(2), hash(3));
        let member = Address::repeat_byte(9);
        Submission { round: 7, member, statement, proof, update, length: 6_000 }
    }

    fn scope(chain_id: u64, rounds: Address, nonce: B256) -> Scope {
        Scope::new(chain_id, rounds, nonce)
    }

    #[test]
    fn every_field_chain_contract_and_draw_are_signed() {
        let key = PrivateKeySigner::random();
        let rounds = Address::repeat_byte(4);
        let here = scope(1, rounds, NONCE);
        let signature = here.sign(&submission(), &key).unwrap();
        let by = |said: &Submission, scope: &Scope| scope.signer(said, &signature);
        assert_eq!(by(&submission(), &here), Some(key.address()));
        let changes: [fn(&mut Submission); 6] = [
            |s| s.round += 1,
            |s| s.member.0[0] ^= 1,
            |s| s.statement.0[0] ^= 1,
            |s| s.proof.0[0] ^= 1,
            |s| s.update.0[0] ^= 1,
            |s| s.length += 1,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut other = submission();
            change(&mut other);
            assert_ne!(by(&other, &here), Some(key.address()), "{index}");
        }
        for other in [
            scope(2, rounds, NONCE),
            scope(1, Address::ZERO, NONCE),
            // After a reorganization.
            scope(1, rounds, B256::repeat_byte(6)),
        ] {
            assert_ne!(by(&submission(), &other), Some(key.address()), "{other:?}");
        }
    }

    #[test]
    fn nothing_is_signed_before_the_draw() {
        let key = PrivateKeySigner::random();
        let undrawn = scope(1, Address::ZERO, B256::ZERO);
        assert!(undrawn.sign(&submission(), &key).is_err());
        let digest = undrawn.digest(&submission());
        let signature = key.sign_hash_sync(&digest).unwrap().as_bytes();
        assert_eq!(recover(digest, &signature), Some(key.address()));
        assert_eq!(undrawn.signer(&submission(), &signature), None);
    }

    #[test]
    fn a_submission_is_about_all_of_its_bytes() {
        let said = Submission::new(7, Address::ZERO, b"abc", b"defg", B256::ZERO);
        assert_eq!(said.length, 7);
        assert!(said.is_of(b"abc", b"defg"));
        assert!(!said.is_of(b"abc", b"defh") && !said.is_of(b"abd", b"defg"));
        let longer = Submission { length: 8, ..said };
        assert!(!longer.is_of(b"abc", b"defg"));
    }

    /// Test vectors, computed apart from this program: what a contract has to hash.
    #[test]
    fn what_is_said_is_hashed_as_contracts_hash_structs() {
        let [first, second, third] = [1, 2, 3].map(B256::repeat_byte);
        let member = Address::repeat_byte(9);
        let batch = Batch { round: 7, root: first, aggregate: second, model: third };
        let (plan, masked, submission, time) = (first, second, third, 1_700_000_000);
        let receipt = Receipt { round: 7, member, plan, masked, submission, time };
        let here = scope(1, Address::repeat_byte(4), NONCE);
        let said = self::submission();
        assert_eq!(
            [here.hash(&said), here.digest(&said)],
            [
                b256!("36c29c5899568308a68fbf9d9d9cb303ea6376fa2ff962bb2b6b0f97b31df44c"),
                b256!("ff9de411b0970dbf3fa7c2fc541c6fb5ec137d431ad808952fb2ba0f58575c2c"),
            ]
        );
        assert_eq!(
            [here.hash(&batch), here.digest(&batch)],
            [
                b256!("335102f21df3657747d5c65369c652c1064d95ce47f2582fd2e2756abdde89ad"),
                b256!("8f2ea75314b359f19d64137356ba8cfaeaa1274cb6009afd144b658ea91fbfae"),
            ]
        );
        assert_eq!(
            [here.hash(&receipt), here.digest(&receipt)],
            [
                b256!("b667bda55a0ef19c61f0a42a97e54ae54ee3d3be09e712978312e2a91ef92a68"),
                b256!("2808338d6ee568c0650f84b7ca705adfa619ca6867b2deb2c418e2965c388fbe"),
            ]
        );
    }

    #[test]
    fn only_one_form_of_a_signature_is_taken() {
        let key = PrivateKeySigner::random();
        let here = scope(1, Address::ZERO, NONCE);
        let bytes = here.sign(&submission(), &key).unwrap();
        let signature = Signature::try_from(&bytes[..]).unwrap();
        let order = alloy_primitives::U256::from_str_radix(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
            16,
        )
        .unwrap();
        let other = Signature::new(signature.r(), order - signature.s(), !signature.v());
        assert_eq!(here.signer(&submission(), &other.as_bytes()), None);
        for cut in [0, 1, 64] {
            assert_eq!(here.signer(&submission(), &bytes[..cut]), None);
        }
    }
}
