//! What members and coordinators sign: EIP-712 typed data of the contract `Rounds`.

use alloy::primitives::{Address, B256, Signature};
use alloy::signers::SignerSync;
use alloy::sol_types::{Eip712Domain, SolStruct, eip712_domain};

mod structs {
    #![allow(missing_docs)] // documented in `IRounds.sol`
    alloy::sol! {
        /// A member's signed submission.
        #[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        struct Submission {
            uint64 round;
            address member;
            bytes32 statement;
            bytes32 proof;
            bytes32 update;
        }

        /// A coordinator's signed batch.
        #[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        struct Batch {
            uint64 round;
            bytes32 root;
            bytes32 aggregate;
            bytes32 model;
        }

        /// What a coordinator signs for an upload that it has taken: all of it is fixed, so that a
        /// contract can check it against a batch that says that this member delivered nothing.
        #[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        struct Receipt {
            uint64 round;
            address member;
            bytes32 plan;
            bytes32 masked;
            bytes32 submission;
            uint64 time;
        }
    }
}

pub use structs::{Batch, Receipt, Submission};

/// The domain that signatures are for: one contract on one chain.
pub fn domain(chain_id: u64, rounds: Address) -> Eip712Domain {
    eip712_domain! {
        name: "zktrain",
        version: "1",
        chain_id: chain_id,
        verifying_contract: rounds,
    }
}

/// Signs typed data; 65 bytes `r ‖ s ‖ v`.
///
/// # Errors
/// If the signer refuses.
pub fn sign(
    message: &impl SolStruct,
    domain: &Eip712Domain,
    signer: &impl SignerSync,
) -> alloy::signers::Result<Vec<u8>> {
    let digest = message.eip712_signing_hash(domain);
    Ok(signer.sign_hash_sync(&digest)?.as_bytes().to_vec())
}

/// Who signed typed data; none for bytes that are no signature.
pub fn signer(
    message: &impl SolStruct,
    domain: &Eip712Domain,
    signature: &[u8],
) -> Option<Address> {
    let digest: B256 = message.eip712_signing_hash(domain);
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

    use super::*;

    fn submission() -> Submission {
        let hash = B256::repeat_byte;
        let (statement, proof, update) = (hash(1), hash(2), hash(3));
        Submission { round: 7, member: Address::repeat_byte(9), statement, proof, update }
    }

    #[test]
    fn every_field_chain_and_contract_are_signed() {
        let key = PrivateKeySigner::random();
        let rounds = Address::repeat_byte(4);
        let here = domain(1, rounds);
        let signature = sign(&submission(), &here, &key).unwrap();
        let by = |message: &Submission, domain: &Eip712Domain| signer(message, domain, &signature);
        assert_eq!(by(&submission(), &here), Some(key.address()));
        let changes: [fn(&mut Submission); 5] = [
            |s| s.round += 1,
            |s| s.member.0[0] ^= 1,
            |s| s.statement.0[0] ^= 1,
            |s| s.proof.0[0] ^= 1,
            |s| s.update.0[0] ^= 1,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut other = submission();
            change(&mut other);
            assert_ne!(by(&other, &here), Some(key.address()), "{index}");
        }
        assert_ne!(by(&submission(), &domain(2, rounds)), Some(key.address()));
        assert_ne!(by(&submission(), &domain(1, Address::ZERO)), Some(key.address()));
    }

    /// A test vector, computed apart from this program: what a contract has to hash.
    #[test]
    fn receipts_are_hashed_as_contracts_hash_structs() {
        use alloy::primitives::b256;
        let [plan, masked, submission] = [1, 2, 3].map(B256::repeat_byte);
        let member = Address::repeat_byte(9);
        let receipt = Receipt { round: 7, member, plan, masked, submission, time: 1_700_000_000 };
        assert_eq!(
            receipt.eip712_type_hash(),
            b256!("6f1ce4efa8567c6cc0f984ea3346e78bcf7aaaa5cf9c870956c0dd6523a4c103")
        );
        assert_eq!(
            receipt.eip712_hash_struct(),
            b256!("1cff6b0f8128527920adf2e5b4ede2f06f6f0dd2f38f646a1b6ea31311c187d3")
        );
        assert_eq!(
            receipt.eip712_signing_hash(&domain(1, Address::repeat_byte(4))),
            b256!("8447b6f68d467f43e04f0c0fac8a9119bb81c76cc0ca5b6fdd8e3354f729dfcf")
        );
    }

    #[test]
    fn only_one_form_of_a_signature_is_taken() {
        let key = PrivateKeySigner::random();
        let here = domain(1, Address::ZERO);
        let bytes = sign(&submission(), &here, &key).unwrap();
        let signature = Signature::try_from(bytes.as_slice()).unwrap();
        let order = alloy::primitives::U256::from_str_radix(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
            16,
        )
        .unwrap();
        let other = Signature::new(signature.r(), order - signature.s(), !signature.v());
        assert_eq!(signer(&submission(), &here, &other.as_bytes()), None);
        for cut in [0, 1, 64] {
            assert_eq!(signer(&submission(), &here, &bytes[..cut]), None);
        }
    }
}
