//! The embedded chain refuses what others refuse, and survives in its file.

use alloy::primitives::Address;
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use serde_json::json;
use zktrain_chain::{Chain, Endpoint, FailureKind, Finality, Outbox, Sender};
use zktrain_devnet::{EmbeddedNode, Genesis, NodeError};
use zktrain_ledger::bindings::training::TrainingVerifier::{KeyLength, registerCall};
use zktrain_testchains::transactions::{rival, verifier};
use zktrain_testchains::{Backend, CHAIN, RICH, genesis};

const NOBODY: Address = Address::repeat_byte(0x42);

#[tokio::test]
async fn the_embedded_chain_survives_in_its_file_and_is_used_by_one_process() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("chain.redb");
    let open = || EmbeddedNode::open(&path, genesis());
    let backend = Backend::embedded().await;
    let sender = |chain: &Chain| {
        let signer: PrivateKeySigner = RICH.parse().unwrap();
        let outbox = Outbox::new(backend.folder.path(), chain.id(), signer.address());
        Sender::new(chain.clone(), signer, outbox.unwrap())
    };
    let (address, hash) = {
        let node = open().unwrap();
        let chain = Chain::embedded(node.client()).await.unwrap();
        assert!(matches!(open().unwrap_err(), NodeError::InUse { .. }));
        let address = verifier(&sender(&chain)).await;
        let latest = chain.provider().get_block_by_number(Default::default()).await.unwrap();
        (address, latest.unwrap().header.hash)
    };
    let node = open().unwrap();
    let chain = Chain::embedded(node.client()).await.unwrap();
    let latest = chain.provider().get_block_by_number(Default::default()).await.unwrap().unwrap();
    assert_eq!((latest.header.hash, latest.header.number), (hash, 2));
    assert!(!chain.provider().get_code_at(address).await.unwrap().is_empty());
    let call = registerCall { encoded: vec![0; 40].into() };
    assert!(chain.view(address, call).await.unwrap_err().revert().unwrap().is::<KeyLength>());
    drop((chain, node));
    let other = EmbeddedNode::open(&path, Genesis { chain_id: 5, funded: Vec::new() });
    assert!(matches!(other, Err(NodeError::OtherChain { expected: 5, got: CHAIN, .. })));
}

#[tokio::test]
async fn the_embedded_chain_refuses_what_a_node_refuses() {
    let backend = Backend::embedded().await;
    let provider = backend.chain.provider();
    let rich: PrivateKeySigner = RICH.parse().unwrap();
    let poor = PrivateKeySigner::random();
    let fee = 2_000_000_000;
    let refused = async |raw: &[u8]| {
        let sent = provider.send_raw_transaction(raw).await;
        sent.map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused(&rival(&poor, 0, fee).1).await.contains("lack of funds"), "no money");
    let (_, raw) = rival(&rich, 0, fee);
    assert!(refused(&raw[..40]).await.contains("not a transaction"));
    assert!(refused(&[&raw[..], &[0]].concat()).await.contains("bytes after"));
    // A gap is kept, filled, and mined in order.
    let later = rival(&rich, 1, fee);
    provider.send_raw_transaction(&later.1).await.map(|_| ()).unwrap();
    assert!(provider.get_transaction_receipt(later.0).await.unwrap().is_none());
    assert!(refused(&rival(&rich, 1, fee - 1).1).await.contains("underpriced"));
    provider.send_raw_transaction(&raw).await.map(|_| ()).unwrap();
    assert_eq!(provider.get_block_number().await.unwrap(), 2);
    assert!(provider.get_transaction_receipt(later.0).await.unwrap().is_some());
    assert!(refused(&raw).await.contains("already known"));
    assert!(refused(&rival(&rich, 0, 2 * fee).1).await.contains("nonce too low"));
    let old = provider.call(Default::default()).block(0.into()).await;
    assert!(old.unwrap_err().to_string().contains("not kept"));
    let balance = provider.get_balance(NOBODY).block_id(0.into()).await;
    assert!(balance.unwrap_err().to_string().contains("not kept"));
    assert!(refused(&vec![0; (128 << 10) + 1]).await.contains("oversized"));
    let unknown = provider.raw_request::<_, ()>("eth_sign".into(), json!([])).await;
    assert!(unknown.unwrap_err().to_string().contains("does not exist"));
    let malformed = provider.raw_request::<_, ()>("eth_getCode".into(), json!(["0x12"])).await;
    assert!(malformed.unwrap_err().to_string().contains("parameter 0"));
}

#[tokio::test]
async fn the_address_of_a_file_opens_its_chain_and_says_who_has_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("chain.redb");
    let endpoint: Endpoint = format!("embedded:{}", path.display()).parse().unwrap();
    let chain = endpoint.connect(&genesis()).await.unwrap();
    assert_eq!((chain.id(), chain.finality()), (CHAIN, Finality::LATEST));
    let error = endpoint.connect(&genesis()).await.unwrap_err();
    assert_eq!(error.trouble(), FailureKind::Here);
    assert_eq!(error.to_string(), format!("{}: another process uses this chain", path.display()));
}
