//! Heartbeats: what keeps saying that store and driver work, however long a round lasts and whatever
//! the coordinator waits for meanwhile.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Component, Readiness};
use crate::driver::Driver;
use crate::metrics::ProcessMetrics;
use crate::store::Store;

/// What is due in a round and has not happened for so long does not happen by itself.
const OVERDUE: Duration = Duration::from_secs(30);

/// Reports on store and driver, each by a task of its own.
#[derive(Default)]
pub struct HealthReporter {
    /// The round under way.
    driver: Mutex<Option<Driver>>,
    /// Why the coordinator cannot go on.
    fault: Mutex<Option<&'static str>>,
}

impl core::fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HealthReporter").field("fault", &self.fault()).finish_non_exhaustive()
    }
}

impl HealthReporter {
    /// The round under way, or none.
    pub fn follow(&self, driver: Option<Driver>) {
        *self.driver.lock().unwrap_or_else(PoisonError::into_inner) = driver;
    }

    /// Why the coordinator cannot go on, or that it does. Anybody who asks is shown it.
    pub fn report(&self, fault: Option<&'static str>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn fault(&self) -> Option<&'static str> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says again and again whether the driver works: the coordinator has nothing that keeps it, and
    /// what is due in the round under way happens.
    pub async fn of_driver(
        &self,
        every: Duration,
        readiness: &Readiness,
        metrics: &ProcessMetrics,
    ) -> Infallible {
        loop {
            let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stuck = match &driver {
                Some(driver) => match timeout(OVERDUE, driver.overdue()).await {
                    Ok(overdue) => {
                        metrics.set_queue_age(driver.queue_age().await);
                        overdue > OVERDUE
                    }
                    Err(_) => true,
                },
                None => false,
            };
            match self.fault() {
                Some(fault) => readiness.fails(Component::Driver, fault),
                None if stuck => readiness.fails(Component::Driver, "what is due does not happen"),
                None => readiness.works(Component::Driver),
            }
            drop(driver);
            sleep(every).await;
        }
    }
}

/// Says again and again whether the store can be written and read. `file` is where it is, if that is a
/// file: how large it is is measured.
pub async fn of_store(
    every: Duration,
    store: &Store,
    file: Option<&Path>,
    readiness: &Readiness,
    metrics: &ProcessMetrics,
) -> Infallible {
    loop {
        match timeout(OVERDUE, store.ping()).await {
            Ok(Ok(())) => readiness.works(Component::Store),
            Ok(Err(_)) => {
                readiness.fails(Component::Store, "it cannot be written or read: see the log")
            }
            Err(_) => readiness.fails(Component::Store, "it does not answer"),
        }
        if let Some(file) = file {
            metrics.set_store_bytes(size(file).await);
        }
        sleep(every).await;
    }
}

/// Bytes of a database's file and of those that SQLite keeps beside it.
async fn size(file: &Path) -> u64 {
    let mut bytes = 0;
    for end in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        let found = tokio::fs::metadata(PathBuf::from(name)).await;
        bytes += found.map_or(0, |found| found.len());
    }
    bytes
}
