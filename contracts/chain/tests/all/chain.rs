//! Transactions survive concurrency, restarts, drops and replacements; on the embedded chain and
//! on anvil.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::Filter;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolEvent;
use serde_json::json;
use zktrain_chain::{Chain, ChainError, FailureKind, Outbox, OutboxError, Sender, WaitPolicy};
use zktrain_ledger::bindings::training::TrainingVerifier::{self, KeyLength, registerCall};
use zktrain_testchains::transactions::{rival, verifier};
use zktrain_testchains::{Backend, CHAIN, RICH};

const NOBODY: Address = Address::repeat_byte(0x42);

async fn ping(sender: &Sender, key: &str) -> Result<B256, ChainError> {
    sender.transact(key, Some(NOBODY), Bytes::new()).await.map(|r| r.transaction_hash)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_senders_of_one_account_have_nonces_of_their_own() {
    for backend in Backend::all().await {
        let sends = (0..20).map(|index| {
            // Each as if in a process of its own: they share the folder alone.
            let sender = backend.rich();
            tokio::spawn(async move { ping(&sender, &format!("ping/{index}")).await })
        });
        let mut nonces = BTreeSet::new();
        for send in sends.collect::<Vec<_>>() {
            let hash = send.await.unwrap().unwrap();
            let sent = backend.chain.provider().get_transaction_by_hash(hash).await.unwrap();
            nonces.insert(alloy::consensus::Transaction::nonce(&sent.unwrap()));
        }
        assert_eq!(nonces, (0..20).collect(), "{}", backend.name);
    }
}

#[tokio::test]
async fn a_key_is_sent_once_also_by_another_process() {
    for backend in Backend::all().await {
        let first = ping(&backend.rich(), "settle/7").await.unwrap();
        assert_eq!(ping(&backend.rich(), "settle/7").await.unwrap(), first);
        let other = backend.rich().transact("settle/7", Some(Address::ZERO), Bytes::new()).await;
        assert!(matches!(other, Err(ChainError::KeyReused { .. })), "{other:?}");
        assert_ne!(ping(&backend.rich(), "settle/8").await.unwrap(), first);
        let count = backend.chain.provider().get_transaction_count(backend.rich().address());
        assert_eq!(count.await.unwrap(), 2);
    }
}

#[tokio::test]
async fn reverts_have_their_contracts_errors() {
    for backend in Backend::all().await {
        let sender = backend.rich();
        let verifier = verifier(&sender).await;
        let call = registerCall { encoded: vec![0; 40].into() };
        let error = sender.send("register", verifier, call.clone()).await.unwrap_err();
        let expected = KeyLength { expected: U256::from(232), got: U256::from(40) };
        assert_eq!(error.revert().unwrap().get::<KeyLength>(), Some(expected), "{error}");
        assert!(error.to_string().contains("KeyLength"), "{error}");
        let error = backend.chain.view(verifier, call).await.unwrap_err();
        assert!(error.revert().unwrap().is::<KeyLength>());
        // What was refused before it was sent has taken no nonce, and no key.
        ping(&sender, "register").await.unwrap();
    }
}

#[tokio::test]
async fn time_and_blocks_move_on_request_and_logs_are_found() {
    for backend in Backend::all().await {
        let before = backend.chain.time().await.unwrap();
        backend.ask("evm_increaseTime", json!([1000])).await;
        backend.ask("evm_mine", json!([])).await;
        let after = backend.chain.time().await.unwrap();
        assert!((1000..1060).contains(&(after - before)), "{} {before} {after}", backend.name);
        backend.ask("evm_setNextBlockTimestamp", json!([after + 500])).await;
        backend.ask("evm_mine", json!([])).await;
        assert_eq!(backend.chain.time().await.unwrap(), after + 500);
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../test/fixtures/plain_halo2.json"
        ));
        let fixture: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        let key = hex::decode(&fixture["key"].as_str().unwrap()[2..]).unwrap();
        let sender = backend.rich();
        let verifier = verifier(&sender).await;
        let call = registerCall { encoded: key.into() };
        let receipt = sender.send("register", verifier, call).await.unwrap();
        let registered = TrainingVerifier::KeyRegistered::SIGNATURE_HASH;
        let filter = Filter::new().address(verifier).event_signature(registered).from_block(0);
        let logs = backend.chain.provider().get_logs(&filter).await.unwrap();
        let [log] = &logs[..] else { panic!("{logs:?}") };
        assert_eq!(log.transaction_hash, Some(receipt.transaction_hash));
        assert_eq!(format!("{:?}", log.topics()[1]), fixture["keyHash"].as_str().unwrap());
        let none = filter.clone().address(NOBODY);
        assert_eq!(backend.chain.provider().get_logs(&none).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_stranger_who_takes_the_nonce_is_noticed_and_named() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let sender = backend.rich();
    let task = tokio::spawn({
        let sender = sender.clone();
        async move { ping(&sender, "a").await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (by, raw) = rival(sender.signer(), 0, 500_000_000_000);
    let _ = backend.chain.provider().send_raw_transaction(&raw).await.unwrap();
    backend.ask("evm_mine", json!([])).await;
    let account = sender.address();
    let expected = ChainError::Replaced { account, nonce: 0, by: Some(by) }.to_string();
    assert_eq!(task.await.unwrap().unwrap_err().to_string(), expected);
    // It came to nothing: a caller that wants the same sends it anew, after a restart too, and
    // once.
    backend.ask("evm_setAutomine", json!([true])).await;
    let again = ping(&backend.rich(), "a").await.unwrap();
    assert_eq!(ping(&backend.rich(), "a").await.unwrap(), again);
    let count = backend.chain.provider().get_transaction_count(account).await.unwrap();
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_dropped_transaction_is_sent_again() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let sender = backend.rich();
    let task = tokio::spawn(async move { ping(&sender, "a").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    backend.ask("anvil_dropAllTransactions", json!([])).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    backend.ask("evm_mine", json!([])).await;
    let hash = task.await.unwrap().unwrap();
    assert!(backend.chain.provider().get_transaction_receipt(hash).await.unwrap().is_some());
}

#[tokio::test]
async fn a_slow_transaction_is_made_dearer_and_either_version_counts() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let patience = WaitPolicy { raise_after: Duration::from_millis(200), ..WaitPolicy::default() };
    let sender = backend.rich().with_patience(patience);
    let task = tokio::spawn(async move { ping(&sender, "a").await });
    tokio::time::sleep(Duration::from_millis(2500)).await;
    backend.ask("evm_mine", json!([])).await;
    let hash = task.await.unwrap().unwrap();
    let mined = backend.chain.provider().get_transaction_by_hash(hash).await.unwrap().unwrap();
    let first = backend.chain.provider().estimate_eip1559_fees().await.unwrap();
    let paid = alloy::consensus::Transaction::max_fee_per_gas(&mined);
    assert!(paid > first.max_fee_per_gas, "{paid} {}", first.max_fee_per_gas);
}

#[tokio::test]
async fn what_a_process_left_behind_is_finished_by_the_next() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let hasty = WaitPolicy { give_up_after: Duration::from_millis(200), ..WaitPolicy::default() };
    for key in ["a", "b", "c"] {
        let sender = backend.rich().with_patience(hasty);
        let left = ping(&sender, key).await;
        assert!(matches!(left, Err(ChainError::NotMined { .. })), "{left:?}");
    }
    // The node forgets them, as if they had been stored and never sent.
    backend.ask("anvil_dropAllTransactions", json!([])).await;
    backend.ask("evm_setAutomine", json!([true])).await;
    let fates = backend.rich().finish().await.unwrap();
    let keys: Vec<&str> = fates.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert!(fates.iter().all(|(_, fate)| fate.is_ok()), "{fates:?}");
    assert!(backend.rich().finish().await.unwrap().is_empty());
    let count = backend.chain.provider().get_transaction_count(backend.rich().address());
    assert_eq!(count.await.unwrap(), 3);
}

/// A coordinator that is started again listens at once, whatever its transactions wait for.
#[tokio::test]
async fn what_a_process_left_behind_is_sent_again_without_waiting_for_it() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let hasty = WaitPolicy { give_up_after: Duration::from_millis(200), ..WaitPolicy::default() };
    for key in ["a", "b"] {
        let left = ping(&backend.rich().with_patience(hasty), key).await;
        assert!(matches!(left, Err(ChainError::NotMined { .. })), "{left:?}");
    }
    backend.ask("anvil_dropAllTransactions", json!([])).await;
    // Nothing is mined, and it comes back all the same.
    let resumed = tokio::time::timeout(Duration::from_secs(20), backend.rich().resume()).await;
    assert_eq!(resumed.unwrap().unwrap(), ["a", "b"]);
    backend.ask("evm_mine", json!([])).await;
    let count = backend.chain.provider().get_transaction_count(backend.rich().address());
    assert_eq!(count.await.unwrap(), 2);
    let fates = backend.rich().finish().await.unwrap();
    assert!(fates.len() == 2 && fates.iter().all(|(_, fate)| fate.is_ok()), "{fates:?}");
}

#[tokio::test]
async fn what_two_processes_wait_for_may_be_a_version_of_either() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let hasty = WaitPolicy { raise_after: Duration::from_millis(200), ..WaitPolicy::default() };
    let senders = [backend.rich(), backend.rich().with_patience(hasty)];
    let tasks =
        senders.map(|sender| tokio::spawn(async move { ping(&sender, "a").await.unwrap() }));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    backend.ask("evm_mine", json!([])).await;
    let [one, other] = tasks;
    assert_eq!(one.await.unwrap(), other.await.unwrap());
    // Nothing of it was counted as a stranger's.
    assert!(backend.rich().finish().await.unwrap().is_empty());
    ping(&backend.rich(), "a").await.unwrap();
}

#[tokio::test]
async fn fees_end_where_the_owner_says() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let most_fee = 2_500_000_000;
    let raise_after = Duration::from_millis(100);
    let sender =
        backend.rich().with_patience(WaitPolicy { raise_after, most_fee, ..WaitPolicy::default() });
    let task = tokio::spawn(async move { ping(&sender, "a").await.unwrap() });
    tokio::time::sleep(Duration::from_millis(3000)).await;
    backend.ask("evm_mine", json!([])).await;
    let hash = task.await.unwrap();
    let mined = backend.chain.provider().get_transaction_by_hash(hash).await.unwrap().unwrap();
    let paid = alloy::consensus::Transaction::max_fee_per_gas(&mined);
    assert!(paid <= most_fee, "{paid}");
}

#[tokio::test]
async fn a_transaction_whose_block_is_given_up_is_mined_again() {
    let backend = Backend::anvil().await;
    let before = backend.ask("evm_snapshot", json!([])).await;
    let hash = ping(&backend.rich(), "a").await.unwrap();
    assert_eq!(backend.ask("evm_revert", json!([before])).await, json!(true));
    let provider = backend.chain.provider();
    assert!(provider.get_transaction_receipt(hash).await.unwrap().is_none());
    // The next one waits for it, and it counts once.
    ping(&backend.rich(), "b").await.unwrap();
    assert_eq!(ping(&backend.rich(), "a").await.unwrap(), hash);
    assert_eq!(provider.get_transaction_count(backend.rich().address()).await.unwrap(), 2);
}

#[tokio::test]
async fn transactions_of_another_chain_with_this_id_are_not_sent() {
    let (one, other) = (Backend::embedded().await, Backend::anvil().await);
    ping(&one.rich(), "a").await.unwrap();
    let signer: PrivateKeySigner = RICH.parse().unwrap();
    let outbox = Outbox::new(one.folder.path(), CHAIN, signer.address()).unwrap();
    let sender = Sender::new(other.chain.clone(), signer, outbox);
    let error = ping(&sender, "b").await.unwrap_err();
    assert!(matches!(error, ChainError::Outbox(OutboxError::OtherChain { .. })), "{error}");
    assert_eq!(other.chain.provider().get_transaction_count(sender.address()).await.unwrap(), 0);
    ping(&one.rich(), "b").await.unwrap();
}

#[tokio::test]
async fn who_cannot_pay_is_told_before_anything_is_stored() {
    for backend in Backend::all().await {
        let poor = PrivateKeySigner::random();
        let sender = backend.sender(poor.clone());
        let error = ping(&sender, "a").await.unwrap_err();
        assert!(matches!(error, ChainError::Funds { .. }), "{} {error}", backend.name);
        assert_eq!(error.trouble(), FailureKind::Refused);
        let money = U256::from(10).pow(U256::from(18));
        backend.rich().pay("gift", poor.address(), money).await.unwrap();
        ping(&sender, "a").await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_is_away_is_told_apart_from_one_that_refuses() {
    let away = Chain::http("http://127.0.0.1:1").await.unwrap_err();
    assert_eq!(away.trouble(), FailureKind::Away, "{away}");
    assert!(away.trouble().is_transient());
    let backend = Backend::served().await;
    let refused = backend.chain.provider().raw_request::<_, ()>("eth_sign".into(), json!([])).await;
    assert_eq!(ChainError::from(refused.unwrap_err()).trouble(), FailureKind::Refused);
}

#[tokio::test]
async fn what_reverts_only_when_mined_has_its_reason_too() {
    // Creation code that reverts with four bytes where gas has a price: not in estimates.
    let code = Bytes::from(hex::decode("3a1560115763deadbeef5f526004601cfd5b00").unwrap());
    for backend in [Backend::embedded().await, Backend::served().await] {
        let sender = backend.rich();
        let error = sender.transact("a", None, code.clone()).await.unwrap_err();
        assert!(matches!(error, ChainError::Failed { .. }), "{error}");
        assert_eq!(error.trouble(), FailureKind::Reverted);
        assert_eq!(error.revert().unwrap().data, [0xde, 0xad, 0xbe, 0xef]);
    }
}

#[tokio::test]
async fn a_reverted_attempt_ends_its_key_whatever_is_sent_next() {
    let code = Bytes::from(hex::decode("3a1560115763deadbeef5f526004601cfd5b00").unwrap());
    for backend in [Backend::embedded().await, Backend::served().await] {
        let reverts = async || {
            let error = backend.rich().transact("a", None, code.clone()).await.unwrap_err();
            assert!(matches!(error, ChainError::Failed { .. }), "{error}");
        };
        let count = async || {
            let provider = backend.chain.provider();
            provider.get_transaction_count(backend.rich().address()).await.unwrap()
        };
        // Each is an attempt of its own, not the first one's receipt.
        reverts().await;
        reverts().await;
        assert_eq!(count().await, 2);
        // One that succeeds is the last, also for a process that comes later.
        let done = ping(&backend.rich(), "a").await.unwrap();
        assert_eq!(ping(&backend.rich(), "a").await.unwrap(), done);
        assert_eq!(count().await, 3);
        let other = backend.rich().transact("a", None, code.clone()).await;
        assert!(matches!(other, Err(ChainError::KeyReused { .. })), "{other:?}");
        assert!(backend.rich().finish().await.unwrap().is_empty());
        // What was set aside still has its nonce.
        ping(&backend.rich(), "b").await.unwrap();
        assert_eq!(count().await, 4);
    }
}

#[tokio::test]
async fn what_is_wanted_time_and_again_is_sent_each_time_and_not_twice_at_once() {
    let one = U256::from(1);
    for backend in Backend::all().await {
        for _ in 0..3 {
            backend.rich().pay_anew("gift", NOBODY, one).await.unwrap();
        }
        let paid = backend.chain.provider().get_balance(NOBODY).await.unwrap();
        assert_eq!(paid, U256::from(3), "{}", backend.name);
    }
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let hasty = WaitPolicy { give_up_after: Duration::from_millis(200), ..WaitPolicy::default() };
    let hasty = backend.rich().with_patience(hasty);
    assert!(hasty.pay_anew("gift", NOBODY, one).await.is_err());
    // A caller that asks for it again, while it is not known what became of it, waits for that one.
    backend.ask("evm_setAutomine", json!([true])).await;
    backend.ask("evm_mine", json!([])).await;
    backend.rich().pay_anew("gift", NOBODY, one).await.unwrap();
    assert_eq!(backend.chain.provider().get_balance(NOBODY).await.unwrap(), one);
}

/// What a key names may be asked for otherwise once the attempt before has failed.
#[tokio::test]
async fn another_payload_waits_for_the_attempt_before_it() {
    let backend = Backend::anvil().await;
    backend.ask("evm_setAutomine", json!([false])).await;
    let first = tokio::spawn({
        let sender = backend.rich();
        async move { sender.pay_anew("gift", NOBODY, U256::from(1)).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = tokio::spawn({
        let sender = backend.rich();
        async move { sender.pay_anew("gift", NOBODY, U256::from(2)).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    backend.ask("evm_setAutomine", json!([true])).await;
    backend.ask("evm_mine", json!([])).await;
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(backend.chain.provider().get_balance(NOBODY).await.unwrap(), U256::from(3));
}
