//! Audits, as this program has them made: it reads the model, asks a node, and computes what an audit
//! needs a prover's kernels for. What is checked is in `zktrain_audit`.

mod backend;
mod live;
mod summary;

use std::path::Path;

use backend::Kernels;
use live::LiveNode;
use zktrain_audit::backend::{BackendError, ChainNode};
use zktrain_audit::lineage::{CHAIN, Lineage};
use zktrain_audit::{AuditError, AuditPins, AuditReport};
use zktrain_chain::Endpoint;

use crate::error::{Error, ProjectError};
use crate::ui::Ui;

/// What an audit needs besides the lineage.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The model: integers, or the floats that they stand for.
    pub model: &'a Path,
    /// A reference string that the auditor trusts; otherwise the lineage's is used.
    pub srs: Option<&'a Path>,
    /// A node to compare the export with.
    pub chain: Option<&'a Endpoint>,
    /// What the verdict may rest on.
    pub pins: AuditPins,
    /// Receipts that owners have got for their uploads: a folder, or a file.
    pub receipts: Option<&'a Path>,
}

/// Audits a model.
///
/// # Errors
/// If the model or a node cannot be read at all. What does not hold is in the report.
pub fn audit(lineage: &Lineage, options: &Options<'_>, ui: &Ui) -> Result<AuditReport, Error> {
    let model = zktrain_project::files::read(options.model)?;
    let node = options.chain.map(LiveNode);
    let node = node.as_ref().map(|node| node as &dyn ChainNode);
    let given = zktrain_audit::AuditOptions {
        name: &options.model.display().to_string(),
        model: &model,
        srs: options.srs,
        node,
        pins: options.pins.clone(),
        receipts: options.receipts,
    };
    zktrain_audit::audit(lineage, &given, &Kernels { ui }).map_err(|error| match error {
        AuditError::File { path, source } => Error::Project(ProjectError::File { path, source }),
        AuditError::Node(fault) => node_error(fault),
        other => Error::Project(ProjectError::File {
            path: options.model.to_owned(),
            source: std::io::Error::other(other.to_string()),
        }),
    })
}

/// What ended an audit is an error of ours, which [`LiveNode`] has handed over.
fn node_error(fault: BackendError) -> Error {
    match fault.downcast::<Error>() {
        Ok(error) => *error,
        Err(other) => Error::Project(ProjectError::File {
            path: CHAIN.into(),
            source: std::io::Error::other(other.to_string()),
        }),
    }
}
