//! What people can do about a project that cannot be worked on.

use zktrain_model::size::AdmitError;
use zktrain_prove::prove::ProveError;
use zktrain_trainer::dataset::DatasetError;

use super::strings;
use crate::error::ProjectError;

/// What to do about it, where there is something general to say.
pub(super) fn hint(error: &ProjectError) -> Option<String> {
    Some(match error {
        ProjectError::Missing { hint, .. } | ProjectError::Exists { hint, .. } => (*hint).into(),
        ProjectError::Srs { source, .. } => return strings::hint(source),
        ProjectError::NoModel { looks, .. } if looks.contains("Git LFS") => {
            "have Git fetch the file itself: `git lfs pull`".into()
        }
        ProjectError::Busy { .. } => "wait until it has finished".into(),
        ProjectError::Replacing { .. } => "verify again when the other command has finished; if none is \
             running, `zktrain train` finishes it first, as every command does that changes the \
             project"
            .into(),
        ProjectError::Manifest { .. } => "correct this field; docs/cli.md describes them all, and \
             docs/quantization.md which values they may have"
            .into(),
        ProjectError::Dataset(DatasetError::NotANumber { .. }) => "correct the cell; a column that \
             the model does not need is left out by `zktrain init --ignore COLUMN`"
            .into(),
        ProjectError::Admit { source: AdmitError::TooLarge(source), .. } => format!(
            "if you trust the author of the manifest, allow more: {}={}",
            zktrain_project::limits::variable(source.limit),
            source.got
        ),
        ProjectError::NoWindow { .. } => {
            "use a smaller --batch, fewer --steps-per-proof, or more data".into()
        }
        ProjectError::DataChanged => "restore the file, or register again with `zktrain data commit \
                              --force`, which sets the proofs made so far aside"
            .into(),
        ProjectError::Prove(ProveError::Memory { .. }) => "use a smaller --batch, fewer \
             --steps-per-proof or a smaller network, or a machine, or a container, with that much memory"
            .into(),
        ProjectError::Prove(ProveError::ReferenceString { .. }) => {
            "generate or import a reference string of that power".into()
        }
        ProjectError::NoCircuitKey { .. } => "make one in a ceremony: `zktrain setup new`; for a \
             demonstration, `zktrain setup insecure`"
            .into(),
        ProjectError::OtherKey { .. } => "name the manifest and the reference string that the key was \
                                  made for, or make another: `zktrain keys derive`, \
                                  `zktrain setup new`"
            .into(),
        ProjectError::Registration { .. } => "do not trust what this file claims".into(),
        ProjectError::Secret { .. } => "restore the file from a backup, or start again with `zktrain \
                                data commit --force`, which sets the proofs made so far aside"
            .into(),
        ProjectError::NoLabels => "name the file of the labels: `--labels labels.npy`".into(),
        _ => return None,
    })
}
