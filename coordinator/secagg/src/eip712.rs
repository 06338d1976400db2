//! EIP-712 for the one struct that all statements about a plan are signed as.
//!
//! Nothing signed so goes to a contract. What does is hashed where contracts are known, which takes
//! more than hashes and a curve.

use alloy_primitives::{Address, B256, Signature, keccak256};

/// The struct that is signed: digests of plan and body, and which kind of body it is.
const MESSAGE: &str = "Message(bytes32 plan,string kind,bytes32 body)";
const DOMAIN: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/// `keccak256` of words, one after another.
fn hash_words<const N: usize>(words: [B256; N]) -> B256 {
    keccak256(words.map(|word| word.0).concat())
}

/// The domain's separator: one contract on one chain.
pub(crate) fn separator(chain_id: u64, contract: Address) -> B256 {
    let chain_id = B256::left_padding_from(&chain_id.to_be_bytes());
    let [kind, name, version] = [DOMAIN, "zktrain", "1"].map(keccak256);
    hash_words([kind, name, version, chain_id, contract.into_word()])
}

/// What is signed for a body of a kind, about a plan.
pub(crate) fn digest(separator: B256, plan: B256, kind: &str, body: B256) -> B256 {
    let message = hash_words([keccak256(MESSAGE), plan, keccak256(kind), body]);
    keccak256([&[0x19, 1], separator.as_slice(), message.as_slice()].concat())
}

/// Who signed a digest; none for bytes that are no signature.
pub(crate) fn signer(digest: B256, signature: &[u8]) -> Option<Address> {
    let signature = Signature::try_from(signature).ok()?;
    // Contracts refuse the other of the two equivalent forms: nobody has two signatures.
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&digest).ok()
}
