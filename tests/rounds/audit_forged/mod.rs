//! Lineages by people who know how to sign and to compute checksums: what they alter is well
//! encoded, and only the rule that it breaks is against it.

mod drawn;
mod events;
mod export;
mod files;
mod receipts;
mod roots;
mod rules;
mod standing;
mod verifiers;

use std::path::Path;

use zktrain_audit::AuditReport;
use zktrain_ledger::findings::CheckKind;

use crate::audit::report;
use crate::audit_made::Made;

pub use roots::{node_pins, pins};

/// What a check is about: its kind and its field.
pub type Check = (CheckKind, &'static str);

/// Whether a report names this check of this file.
fn names(report: &AuditReport, file: &str, (kind, field): Check) -> bool {
    let is = |f: &&zktrain_ledger::findings::Failure| {
        (f.check, &*f.file, &*f.field) == (kind, file, field)
    };
    report.failures.iter().any(|failure| is(&failure))
}

/// That an audit of a changed copy names this check of this file.
fn named(made: &Made, file: &str, check: Check, what: &str, change: impl FnOnce(&Path)) {
    let copy = made.copy();
    change(copy.path());
    let report = report(copy.path(), &made.model());
    assert!(!report.valid, "{what}");
    assert!(names(&report, file, check), "{what}: {check:?} is not in {:#?}", report.failures);
}
