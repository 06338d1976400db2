//! What contracts read randomness from: headers that hash to their blocks' hashes, and on our own
//! chain randomness that nobody knows before it is there.

use std::collections::BTreeSet;

use alloy::primitives::{U256, keccak256};
use alloy::providers::Provider;
use serde_json::json;
use zktrain_chain::protocol::{ClientError, RawHeader};
use zktrain_testchains::Backend;

#[tokio::test]
async fn headers_hash_to_what_the_chain_says() {
    for backend in Backend::all().await {
        for _ in 0..3 {
            backend.ask("evm_mine", json!([])).await;
        }
        for number in 0..=3 {
            let block = backend.chain.provider().get_block_by_number(number.into()).await;
            let expected = block.unwrap().unwrap().header;
            let header = RawHeader::of(&backend.chain, number).await.unwrap();
            assert_eq!((header.number, header.hash), (number, expected.hash), "{}", backend.name);
            assert_eq!(keccak256(&header.encoded), expected.hash);
            assert_eq!(header.random, expected.inner.mix_hash);
        }
        let missing = RawHeader::of(&backend.chain, 4).await.unwrap_err();
        assert!(matches!(missing, ClientError::NoEvent { .. }), "{missing}");
    }
}

/// Two chains that are alike in all else do not draw alike, and no block's randomness follows from
/// its parent.
#[tokio::test]
async fn blocks_of_our_own_chain_are_random() {
    let mut drawn = BTreeSet::new();
    for _ in 0..2 {
        let backend = Backend::embedded().await;
        let first = RawHeader::of(&backend.chain, 0).await.unwrap();
        backend.ask("evm_setNextBlockTimestamp", json!([4_000_000_000_u64])).await;
        backend.ask("evm_mine", json!([])).await;
        backend.ask("evm_mine", json!([])).await;
        let mut parent = first.hash;
        for number in [1, 2] {
            let header = RawHeader::of(&backend.chain, number).await.unwrap();
            assert!(U256::from_be_bytes(header.random.0) > U256::from(1));
            assert_ne!(header.random, keccak256(parent));
            drawn.insert(header.random);
            parent = header.hash;
        }
    }
    assert_eq!(drawn.len(), 4);
}
