//! How an export is forged.

use alloy::primitives::{Address, LogData, keccak256};
use alloy::sol_types::SolEvent;
use tempfile::TempDir;
use zktrain_audit::AuditReport;
use zktrain_cli::lineage::LineageWriter;
use zktrain_ledger::ChainExport;
use zktrain_ledger::export::ExportedLog;

use super::{Check, named, names};
use crate::audit::report;
use crate::audit_made::busy::busy;
use crate::audit_made::{Made, made};

pub const CHAIN: &str = "chain.json";

pub fn is<E: SolEvent>(log: &ExportedLog) -> bool {
    log.topics.first() == Some(&E::SIGNATURE_HASH)
}

/// Where the first event of a kind is.
pub fn first<E: SolEvent>(export: &ChainExport) -> usize {
    export.logs.iter().position(is::<E>).unwrap()
}

/// Where the event of a kind is that so many of it are before.
pub fn nth<E: SolEvent>(export: &ChainExport, before: usize) -> usize {
    let all = export.logs.iter().enumerate().filter(|(_, log)| is::<E>(log));
    all.map(|(at, _)| at).nth(before).unwrap()
}

/// What an event says.
pub fn decoded<E: SolEvent>(log: &ExportedLog) -> E {
    let data = LogData::new_unchecked(log.topics.clone(), log.data.clone());
    E::decode_log_data(&data).unwrap()
}

/// Puts a transaction of its own behind the one that the event before is in.
pub fn insert(export: &mut ChainExport, at: usize, events: Vec<(Address, LogData)>) {
    let before = export.logs[at - 1].clone();
    let transaction = keccak256(export.logs.len().to_be_bytes());
    let logs = events.into_iter().zip(before.index + 1..).map(|((contract, event), index)| {
        let (topics, data) = (event.topics().to_vec(), event.data);
        ExportedLog { transaction, index, contract, topics, data, ..before.clone() }
    });
    let logs: Vec<ExportedLog> = logs.collect();
    export.logs.splice(at..at, logs);
}

/// Changes all events of a kind; their indexed values, too.
pub fn each<E: SolEvent>(export: &mut ChainExport, change: impl Fn(&mut E)) {
    for log in export.logs.iter_mut().filter(|log| is::<E>(log)) {
        edit(log, &change);
    }
}

/// Changes the first event of a kind.
pub fn one<E: SolEvent>(export: &mut ChainExport, change: impl Fn(&mut E)) {
    let at = first::<E>(export);
    edit(&mut export.logs[at], change);
}

pub fn edit<E: SolEvent>(log: &mut ExportedLog, change: impl Fn(&mut E)) {
    let mut event = decoded::<E>(log);
    change(&mut event);
    let new = event.encode_log_data();
    (log.topics, log.data) = (new.topics().to_vec(), new.data);
}

/// That an audit of a changed export names this check of this file.
pub fn told(file: &str, check: Check, what: &str, change: impl FnOnce(&mut ChainExport)) {
    let made: &Made = made();
    named(made, file, check, what, |dir| {
        let mut export = made.export.clone();
        change(&mut export);
        export.checksum = export.digest().unwrap();
        LineageWriter::new(dir).unwrap().chain(&export).unwrap();
    });
}

pub fn told_by_chain(check: Check, what: &str, change: impl FnOnce(&mut ChainExport)) {
    told(CHAIN, check, what, change);
}

/// Changes the event of a kind that so many of it are before.
pub fn at<E: SolEvent>(export: &mut ChainExport, before: usize, change: impl Fn(&mut E)) {
    let at = nth::<E>(export, before);
    edit(&mut export.logs[at], change);
}

/// Takes the event of a kind out that so many of it are before.
pub fn without<E: SolEvent>(export: &mut ChainExport, before: usize) -> ExportedLog {
    let at = nth::<E>(export, before);
    export.logs.remove(at)
}

/// Says something once more, in a transaction of its own behind all others.
pub fn add(export: &mut ChainExport, contract: Address, event: &impl SolEvent) {
    insert(export, export.logs.len(), vec![(contract, event.encode_log_data())]);
}

/// An audit of nothing but an export, which is quick: that of the busy domain after a change.
pub fn replayed(change: impl FnOnce(&mut ChainExport)) -> AuditReport {
    let mut export = busy().export.clone();
    change(&mut export);
    export.checksum = export.digest().unwrap();
    let dir = TempDir::new().unwrap();
    LineageWriter::new(dir.path()).unwrap().chain(&export).unwrap();
    report(dir.path(), &dir.path().join(CHAIN))
}

/// That it names this check of the export.
pub fn refused(check: Check, what: &str, change: impl FnOnce(&mut ChainExport)) {
    let report = replayed(change);
    assert!(names(&report, CHAIN, check), "{what}: {check:?} is not in {:#?}", report.failures);
}
