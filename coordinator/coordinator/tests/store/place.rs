//! Empty places for stores.

use alloy::primitives::keccak256;
use sqlx::{AnyConnection, Connection, Executor};
use tempfile::TempDir;
use zktrain_coordinator::store::Store;

/// Where a store of one test is, on one engine.
pub struct Place {
    pub url: String,
    _folder: TempDir,
    /// The server's URL, and the database's name on it.
    server: Option<(String, String)>,
}

impl Place {
    fn file() -> Place {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Place { url, _folder: folder, server: None }
    }

    async fn database(server: &str) -> Place {
        let name = format!("store_{:016x}", rand::random::<u64>());
        let (host, _) = server.rsplit_once('/').unwrap();
        let url = format!("{host}/{name}");
        run(server, &format!("CREATE DATABASE {name}")).await;
        Place { url, _folder: TempDir::new().unwrap(), server: Some((server.to_owned(), name)) }
    }

    pub fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// Does something to the database behind the store's back.
    pub async fn run(&self, statement: &str) {
        run(&self.url, statement).await;
    }

    /// A number that the database gives behind the store's back.
    pub async fn number(&self, query: &str) -> i64 {
        let mut connection = connect(&self.url).await;
        let (number,): (i64,) = sqlx::query_as(query).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }
}

async fn connect(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

async fn run(url: &str, statement: &str) {
    let mut connection = connect(url).await;
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
}

/// Runs a test at an empty place of every engine.
pub async fn each(test: impl AsyncFn(&Place)) {
    test(&Place::file()).await;
    let Ok(server) = std::env::var("ZKTRAIN_POSTGRES") else { return };
    assert!(server.starts_with("postgres"), "ZKTRAIN_POSTGRES is not a server's URL");
    let place = Place::database(&server).await;
    test(&place).await;
    if let Some((server, name)) = &place.server {
        run(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

/// Bytes that nobody else has: as many as wanted, the same for the same seed.
pub fn content(seed: u64, len: usize) -> Vec<u8> {
    let blocks = (0..len.div_ceil(32) as u64).flat_map(|block| {
        let mut input = [0; 16];
        input[..8].copy_from_slice(&seed.to_be_bytes());
        input[8..].copy_from_slice(&block.to_be_bytes());
        keccak256(input).0
    });
    blocks.take(len).collect()
}

pub fn digest(bytes: &[u8]) -> [u8; 32] {
    keccak256(bytes).0
}
