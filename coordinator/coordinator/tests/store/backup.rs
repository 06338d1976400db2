//! What is acknowledged is in the store's own file after a clean end, and in a copy of it at any time.

use std::path::{Path, PathBuf};

use zktrain_coordinator::store::Store;

use crate::place::{content, digest, each};

const ACCOUNT: [u8; 20] = [7; 20];

async fn upload(store: &Store, item: &str, bytes: &[u8]) {
    store.upload_begin(ACCOUNT, item, bytes.len() as u64, digest(bytes)).await.unwrap();
    store.upload_append(ACCOUNT, item, 0, bytes).await.unwrap();
    store.upload_finish(ACCOUNT, item).await.unwrap();
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[tokio::test]
async fn a_clean_end_leaves_everything_in_the_stores_own_file() {
    each(async |place| {
        let store = place.open().await;
        store.begin(1, b"plan", 1).await.unwrap();
        upload(&store, "submission/1/", &content(1, 500_000)).await;
        store.uploads("submission/1/").await.unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let Some(file) = Store::file(&place.url).unwrap() else { return };
        assert!(!beside(&file, "-wal").exists() && !beside(&file, "-shm").exists());
        // The file alone, as somebody copies it who does not know better.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        std::fs::copy(&file, &copy).unwrap();
        let copy = Store::open(&format!("sqlite:{}", copy.display())).await.unwrap();
        assert_eq!(copy.uploads("submission/1/").await.unwrap(), [ACCOUNT]);
        assert_eq!(copy.unended().await.unwrap(), [1]);
    })
    .await;
}

#[tokio::test]
async fn a_store_is_copied_while_it_is_used_without_what_is_secret() {
    each(async |place| {
        let store = place.open().await;
        let (secret, kept) = (content(1, 300_000), content(2, 300_000));
        for round in [1, 2] {
            store.begin(round, b"plan", round).await.unwrap();
            store.append(round, &content(round + 9, 5000), 1).await.unwrap();
        }
        store.end(1, b"settled").await.unwrap();
        upload(&store, "masked/2/", &secret).await;
        upload(&store, "submission/2/", &kept).await;
        store.upload_begin(ACCOUNT, "submission/3/", 9, [0; 32]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        let copied = Store::snapshot(&place.url, &path).await.unwrap();
        assert_eq!(copied, !place.is_postgres());
        if !copied {
            return;
        }
        // The original goes on.
        store.append(2, b"more", 2).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(has(&kept[1000..1040]) && !has(&secret[1000..1040]) && !has(&content(11, 40)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!beside(&path, "-wal").exists());
        let copy = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        assert_eq!(
            (copy.ended().await.unwrap(), copy.unended().await.unwrap()),
            (vec![1], vec![2])
        );
        assert_eq!(copy.events(1).await.unwrap()[0].body, content(10, 5000));
        assert!(copy.events(2).await.unwrap().is_empty());
        assert_eq!(copy.upload_read(ACCOUNT, "submission/2/", 0, 9).await.unwrap(), kept[..9]);
        assert_eq!(copy.upload_info(ACCOUNT, "submission/3/").await.unwrap(), None);
        // Nothing is copied over anything.
        assert!(Store::snapshot(&place.url, &path).await.is_err());
    })
    .await;
}
