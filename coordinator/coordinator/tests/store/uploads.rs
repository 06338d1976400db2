//! Uploads go on where they stopped, and are read only when they are what was announced.

use zktrain_coordinator::store::{Info, MAX_ITEM, MAX_PART, MAX_UPLOAD, Store, StoreError};

use crate::place::{content, digest, each};

const ALICE: [u8; 20] = [0xa1; 20];
const BOB: [u8; 20] = [0xb0; 20];

/// Appends what is missing, in parts.
async fn send(store: &Store, account: [u8; 20], item: &str, bytes: &[u8], part: usize) {
    let len = bytes.len() as u64;
    let mut offset = store.upload_begin(account, item, len, digest(bytes)).await.unwrap() as usize;
    while offset < bytes.len() {
        let part = &bytes[offset..bytes.len().min(offset + part)];
        store.upload_append(account, item, offset as u64, part).await.unwrap();
        offset += part.len();
    }
}

/// Everything, in reads of at most so many bytes.
async fn read(store: &Store, account: [u8; 20], item: &str, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = store.upload_read(account, item, bytes.len() as u64, max).await.unwrap();
        assert!(more.len() <= max);
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}

#[tokio::test]
async fn an_upload_goes_on_and_is_read() {
    each(async |place| {
        let store = place.open().await;
        let (bytes, item) = (content(1, 3_000_000), "1/masked");
        let len = bytes.len() as u64;
        assert_eq!(store.upload_begin(ALICE, item, len, digest(&bytes)).await.unwrap(), 0);
        store.upload_append(ALICE, item, 0, &bytes[..1 << 20]).await.unwrap();
        for got in [0, 1 << 19, (1 << 20) + 1, len, u64::MAX] {
            let wrong = store.upload_append(ALICE, item, got, b"abc").await.unwrap_err();
            let expected = StoreError::Offset { expected: 1 << 20, got };
            assert_eq!(wrong.to_string(), expected.to_string());
        }
        store.upload_append(ALICE, item, 1 << 20, &bytes[1 << 20..1_048_583]).await.unwrap();
        store.upload_append(ALICE, item, 1_048_583, b"").await.unwrap();
        drop(store);

        let store = place.open().await;
        assert_eq!(store.upload_begin(ALICE, item, len, digest(&bytes)).await.unwrap(), 1_048_583);
        let info = Info { len, digest: digest(&bytes), stored: 1_048_583, finished: false };
        assert_eq!(store.upload_info(ALICE, item).await.unwrap(), Some(info.clone()));
        let early = store.upload_finish(ALICE, item).await;
        assert!(matches!(early, Err(StoreError::Unfinished { got: 1_048_583, .. })), "{early:?}");
        send(&store, ALICE, item, &bytes, 1 << 20).await;
        let early = store.upload_read(ALICE, item, 0, 1).await;
        assert!(matches!(early, Err(StoreError::Unfinished { .. })), "{early:?}");
        assert_eq!(store.uploads(item).await.unwrap(), [[0; 20]; 0]);
        store.upload_finish(ALICE, item).await.unwrap();
        store.upload_finish(ALICE, item).await.unwrap();
        let info = Info { stored: len, finished: true, ..info };
        assert_eq!(store.upload_info(ALICE, item).await.unwrap(), Some(info));
        assert_eq!(store.upload_begin(ALICE, item, len, digest(&bytes)).await.unwrap(), len);

        for max in [1 << 20, 65_537, usize::MAX] {
            assert!(read(&store, ALICE, item, max).await == bytes, "reads of {max}");
        }
        // Not more than the part that the offset is in.
        let end = store.upload_read(ALICE, item, (1 << 20) - 2, 100).await.unwrap();
        assert_eq!(end, bytes[(1 << 20) - 2..1 << 20]);
        assert_eq!(store.upload_read(ALICE, item, u64::MAX, 100).await.unwrap(), [0; 0]);
        assert_eq!(store.upload_read(ALICE, item, 0, 0).await.unwrap(), [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn other_content_replaces_what_is_unfinished_only() {
    each(async |place| {
        let store = place.open().await;
        let (first, second) = (content(1, 1000), content(2, 1000));
        store.upload_begin(ALICE, "x", 1000, digest(&first)).await.unwrap();
        store.upload_append(ALICE, "x", 0, &first[..600]).await.unwrap();
        send(&store, BOB, "x", &first, 300).await;
        assert_eq!(store.upload_begin(ALICE, "x", 1000, digest(&second)).await.unwrap(), 0);
        assert_eq!(place.number("SELECT COUNT(*) FROM upload_part").await, 4);
        // Another length of the same digest is other content, too.
        store.upload_append(ALICE, "x", 0, &second[..1]).await.unwrap();
        assert_eq!(store.upload_begin(ALICE, "x", 999, digest(&second)).await.unwrap(), 0);
        send(&store, ALICE, "x", &second, 999).await;
        store.upload_finish(ALICE, "x").await.unwrap();
        for (len, digest) in [(1000, digest(&first)), (999, digest(&second))] {
            let other = store.upload_begin(ALICE, "x", len, digest).await;
            assert!(matches!(other, Err(StoreError::Conflict { what: "upload" })), "{other:?}");
        }
        assert_eq!(read(&store, ALICE, "x", 4096).await, second);
        // The other account's went on all the while.
        store.upload_finish(BOB, "x").await.unwrap();
        assert_eq!(store.uploads("x").await.unwrap(), [ALICE, BOB]);
    })
    .await;
}

#[tokio::test]
async fn wrong_bytes_are_deleted() {
    each(async |place| {
        let store = place.open().await;
        let bytes = content(1, 5000);
        let mut wrong = bytes.clone();
        wrong[4321] ^= 1;
        store.upload_begin(ALICE, "x", 5000, digest(&bytes)).await.unwrap();
        for (index, part) in wrong.chunks(1000).enumerate() {
            store.upload_append(ALICE, "x", index as u64 * 1000, part).await.unwrap();
        }
        let error = store.upload_finish(ALICE, "x").await.unwrap_err();
        let expected = StoreError::Digest { expected: digest(&bytes), got: digest(&wrong) };
        assert_eq!(error.to_string(), expected.to_string());
        assert_eq!(place.number("SELECT COUNT(*) FROM upload_part").await, 0);
        assert_eq!(store.upload_info(ALICE, "x").await.unwrap(), None);
        let gone = store.upload_finish(ALICE, "x").await;
        assert!(matches!(gone, Err(StoreError::NoUpload { .. })), "{gone:?}");
        send(&store, ALICE, "x", &bytes, 1000).await;
        store.upload_finish(ALICE, "x").await.unwrap();
        assert_eq!(read(&store, ALICE, "x", 4096).await, bytes);
    })
    .await;
}

#[tokio::test]
async fn uploads_are_bounded() {
    each(async |place| {
        let store = place.open().await;
        let (long, zero) = ("x".repeat(MAX_ITEM as usize + 1), [0; 32]);
        for item in ["", &long] {
            let errors = [
                store.upload_begin(ALICE, item, 1, zero).await.err(),
                store.upload_append(ALICE, item, 0, b"a").await.err(),
                store.upload_drop(item).await.err(),
            ];
            for error in errors {
                let right = matches!(error, Some(StoreError::Unnamed | StoreError::TooLong { .. }));
                assert!(right, "{error:?}");
            }
        }
        store.upload_begin(ALICE, &long[1..], MAX_UPLOAD, zero).await.unwrap();
        for len in [MAX_UPLOAD + 1, u64::MAX] {
            let error = store.upload_begin(ALICE, "x", len, zero).await;
            assert!(matches!(error, Err(StoreError::TooLong { .. })), "{error:?}");
        }
        let part = vec![0; MAX_PART as usize + 1];
        store.upload_begin(ALICE, "x", 1 << 30, zero).await.unwrap();
        let error = store.upload_append(ALICE, "x", 0, &part).await;
        assert!(matches!(error, Err(StoreError::TooLong { what: "part", .. })), "{error:?}");
        store.upload_begin(BOB, "x", 1000, zero).await.unwrap();
        store.upload_append(BOB, "x", 0, &part[..400]).await.unwrap();
        let error = store.upload_append(BOB, "x", 400, &part[..601]).await;
        assert!(matches!(error, Err(StoreError::TooLong { limit: 600, .. })), "{error:?}");
        assert_eq!(store.upload_info(BOB, "x").await.unwrap().unwrap().stored, 400);
        for error in [
            store.upload_append(BOB, "y", 0, b"a").await.err(),
            store.upload_finish(BOB, "y").await.err(),
            store.upload_read(BOB, "y", 0, 1).await.err(),
        ] {
            assert!(matches!(error, Some(StoreError::NoUpload { .. })), "{error:?}");
        }
        // No bytes at all are an upload.
        send(&store, BOB, "empty", b"", 1).await;
        store.upload_finish(BOB, "empty").await.unwrap();
        assert_eq!(read(&store, BOB, "empty", 10).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn uploads_are_dropped_by_prefix() {
    each(async |place| {
        let store = place.open().await;
        let bytes = content(1, 100);
        for item in ["a_/x", "a_/y", "ab/x", "a_", "A_/x", "%"] {
            for account in [ALICE, BOB] {
                send(&store, account, item, &bytes, 30).await;
            }
            store.upload_finish(ALICE, item).await.unwrap();
        }
        assert_eq!(store.upload_drop("a_/").await.unwrap(), 4);
        assert_eq!(store.upload_drop("a_/").await.unwrap(), 0);
        assert_eq!(store.upload_drop("%").await.unwrap(), 2);
        assert_eq!(store.upload_info(ALICE, "a_/x").await.unwrap(), None);
        for item in ["ab/x", "a_", "A_/x"] {
            assert_eq!(store.uploads(item).await.unwrap(), [ALICE], "{item}");
        }
        assert_eq!(place.number("SELECT COUNT(*) FROM upload_part").await, 6 * 4);
        send(&store, BOB, "a_/x", &bytes, 30).await;
        store.upload_finish(BOB, "a_/x").await.unwrap();
    })
    .await;
}

/// What was hashed is what is read, though the name's content changes meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_changes_while_it_is_checked_is_not_finished() {
    each(async |place| {
        let store = place.open().await;
        let (first, second) = (content(1, 200_000), content(2, 200_000));
        for round in 0..20 {
            let item = format!("{round}");
            send(&store, ALICE, &item, &first, 40_000).await;
            let finish = tokio::spawn({
                let (store, item) = (store.clone(), item.clone());
                async move { store.upload_finish(ALICE, &item).await }
            });
            let begun = store.upload_begin(ALICE, &item, 200_000, digest(&second)).await;
            match (finish.await.unwrap(), begun) {
                (Ok(()), Err(StoreError::Conflict { .. })) => {
                    assert!(read(&store, ALICE, &item, 1 << 20).await == first);
                }
                (Err(StoreError::NoUpload { .. } | StoreError::Unfinished { .. }), Ok(0)) => {
                    send(&store, ALICE, &item, &second, 100_000).await;
                    store.upload_finish(ALICE, &item).await.unwrap();
                    assert!(read(&store, ALICE, &item, 1 << 20).await == second);
                }
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_part_is_noticed() {
    each(async |place| {
        let store = place.open().await;
        let bytes = content(1, 100);
        for item in ["read", "check"] {
            send(&store, ALICE, item, &bytes, 30).await;
        }
        store.upload_finish(ALICE, "read").await.unwrap();
        place.run("DELETE FROM upload_part WHERE start = 30").await;
        let read = store.upload_read(ALICE, "read", 30, 5).await;
        assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
        let check = store.upload_finish(ALICE, "check").await;
        assert!(matches!(check, Err(StoreError::Corrupt { .. })), "{check:?}");
    })
    .await;
}
