//! One process at a time, of this program's version, with nothing secret in what goes wrong.

use std::task::Poll;
use std::time::Duration;

use zktrain_coordinator::store::{Store, StoreError};

use crate::place::each;

async fn fails(url: &str) -> StoreError {
    Store::open(url).await.err().expect("opened")
}

#[tokio::test]
async fn a_store_has_one_user() {
    each(async |place| {
        let store = place.open().await;
        let clone = store.clone();
        let second = fails(&place.url).await;
        assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
        drop(store);
        let second = fails(&place.url).await;
        assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
        clone.ping().await.unwrap();
        drop(clone);
        place.open().await.ping().await.unwrap();
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_has_one_user_by_whatever_name_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::TempDir::new().unwrap();
    let (file, link) = (folder.path().join("a b.db"), folder.path().join("link.db"));
    let _store = Store::open(&format!("sqlite://{}", file.display())).await.unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let second = fails(&format!("sqlite:{}", link.display())).await;
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    for name in ["a b.db", "a b.db-wal", "a b.db.lock"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Futures that are dropped anywhere leave no half, and the next write works.
#[tokio::test]
async fn writes_are_cancelled() {
    each(async |place| {
        let store = place.open().await;
        store.begin(1, b"plan", 0).await.unwrap();
        let mut acknowledged = 0;
        for wait in 0..40 {
            let wait = Duration::from_micros(wait * 40);
            let event = store.append(1, b"event", wait.as_micros() as u64);
            if tokio::time::timeout(wait, event).await.is_ok() {
                acknowledged += 1;
            }
            acknowledged += 1;
            store.append(1, b"event", 0).await.unwrap();
        }
        let events = store.events(1).await.unwrap();
        assert!(events.len() >= acknowledged && events.len() <= 80, "{}", events.len());
        assert!(events.iter().all(|event| event.body == b"event"));
    })
    .await;
}

/// Polls once and drops, so that the connection is lost.
async fn lose_connection(store: &Store) {
    let mut event = Box::pin(store.append(1, b"lost", 0));
    std::future::poll_fn(|context| {
        assert!(event.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_store_that_was_taken_over_is_left_alone() {
    each(async |place| {
        let store = place.open().await;
        store.begin(1, b"plan", 0).await.unwrap();
        lose_connection(&store).await;
        store.append(1, b"event", 0).await.unwrap();
        place.run("UPDATE store_state SET generation = generation + 1").await;
        lose_connection(&store).await;
        let before = store.events(1).await.unwrap();
        for _ in 0..2 {
            let late = store.append(1, b"late", 0).await;
            assert!(matches!(late, Err(StoreError::TakenOver { .. })), "{late:?}");
        }
        assert!(before.iter().all(|event| event.body != b"late"));
        assert!(store.ping().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_up_is_called_again() {
    each(async |place| {
        if !place.is_postgres() {
            return;
        }
        let store = place.open().await;
        store.begin(1, b"plan", 0).await.unwrap();
        let hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE pid <> pg_backend_pid() AND datname = current_database()";
        place.run(hang_up).await;
        let lost = store.append(1, b"lost", 0).await;
        assert!(matches!(lost, Err(StoreError::Database(_))), "{lost:?}");
        assert_eq!(store.append(1, b"event", 0).await.unwrap(), 0);
        assert_eq!(store.events(1).await.unwrap().len(), 1);
        // The lock came back with the connection.
        let second = fails(&place.url).await;
        assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    })
    .await;
}

#[tokio::test]
async fn other_schemas_are_refused() {
    each(async |place| {
        drop(place.open().await);
        let copy = "INSERT INTO _sqlx_migrations \
                    (version, description, installed_on, success, checksum, execution_time) \
                    SELECT 9999, description, installed_on, success, checksum, execution_time \
                    FROM _sqlx_migrations WHERE version = 1";
        place.run(copy).await;
        let newer = fails(&place.url).await;
        assert!(matches!(newer, StoreError::Newer { expected: 1, got: 9999, .. }), "{newer:?}");
        place.run("UPDATE _sqlx_migrations SET success = false WHERE version = 9999").await;
        let half = fails(&place.url).await;
        assert!(matches!(half, StoreError::Schema { version: 9999, .. }), "{half:?}");
        place.run("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
        drop(place.open().await);
        let description = match place.is_postgres() {
            true => "UPDATE _sqlx_migrations SET checksum = '\\x00'",
            false => "UPDATE _sqlx_migrations SET checksum = x'00'",
        };
        place.run(description).await;
        let other = fails(&place.url).await;
        assert!(matches!(other, StoreError::Schema { version: 1, .. }), "{other:?}");
    })
    .await;
}

#[tokio::test]
async fn files_that_are_no_stores_are_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("x.db");
    let url = format!("sqlite:{}", file.display());
    std::fs::write(&file, "not a database, ".repeat(1000)).unwrap();
    let error = fails(&url).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");

    // A store whose first page is overwritten behind its header.
    std::fs::remove_file(&file).unwrap();
    drop(Store::open(&url).await.unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _ = std::fs::remove_file(folder.path().join("x.db-wal"));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..4096].fill(0xee);
    std::fs::write(&file, bytes).unwrap();
    let error = fails(&url).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");

    let error = fails(&format!("sqlite:{}/missing/x.db", folder.path().display())).await;
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    let error = fails(&format!("sqlite:{}", folder.path().display())).await;
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn a_damaged_page_is_noticed() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("x.db");
    let url = format!("sqlite:{}", file.display());
    let store = Store::open(&url).await.unwrap();
    store.begin(1, &[7; 100_000], 0).await.unwrap();
    drop(store);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() > 100_000, "the log was written back");
    std::fs::write(&file, &bytes[..bytes.len() - 60_000]).unwrap();
    let error = match Store::open(&url).await {
        Ok(store) => store.begin(1, b"", 0).await.err(),
        Err(error) => Some(error),
    };
    assert!(matches!(error, Some(StoreError::Corrupt { .. })), "{error:?}");
}

#[tokio::test]
async fn addresses_are_checked_and_their_passwords_kept() {
    let unknown = [
        "",
        "store.db",
        "hunter2",
        "mysql://user:hunter2@host/database",
        "postgres:user:hunter2@host",
        "postgres://user:hunter2@host:port/database",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:x.db?mode=hunter2",
    ];
    for url in unknown {
        let error = fails(url).await;
        assert!(matches!(error, StoreError::Address { .. }), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = fails("postgres://user:hunter2@127.0.0.1:1/database?password=hunter2").await;
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    each(async |place| {
        let Some((start, _)) = place.url.rsplit_once('@') else { return };
        let (start, _) = start.rsplit_once(':').unwrap();
        let (_, end) = place.url.rsplit_once('@').unwrap();
        let error = fails(&format!("{start}:hunter2@{end}")).await;
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        let _store = place.open().await;
        let (_, password) = place.url.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap();
        let error = fails(&place.url).await;
        assert!(!format!("{error} {error:?}").contains(password), "{error:?}");
    })
    .await;
}
