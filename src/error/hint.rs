//! What people can do about errors.

use zktrain_contracts::protocol::ClientError;
use zktrain_prover::prove::ProveError;
use zktrain_prover::srs::SrsError;

use super::{Error, OptionsError};

impl Error {
    /// What to do about it, where there is something general to say.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { hint, .. } | Self::Exists { hint, .. } => (*hint).into(),
            Self::Srs { source, .. } => return srs_hint(source),
            Self::Busy { .. } => "wait until it has finished".into(),
            Self::Replacing { .. } => "verify again when the other command has finished; if none is \
                 running, `zktrain train` finishes it first, as every command does that changes the \
                 project"
                .into(),
            Self::Manifest { .. } => "correct this field; docs/cli.md describes them all".into(),
            Self::TooLarge { source, .. } => format!(
                "if you trust whoever wrote the manifest, allow more: {}={}",
                crate::limits::variable(source.limit),
                source.got
            ),
            Self::Options(OptionsError::Required { hint, .. }) => (*hint).into(),
            Self::Options(OptionsError::Preset { .. }) => {
                let names: Vec<&str> =
                    zktrain_trainer::preset::presets().iter().map(|p| p.name).collect();
                format!("presets are {}", names.join(", "))
            }
            Self::NoWindow { .. } => {
                "use a smaller --batch, fewer --steps-per-proof, or more data".into()
            }
            Self::NoTestChain { .. } => "name a test node, such as `anvil --hardfork osaka`: a \
                 demonstration does not wait for challenge windows"
                .into(),
            Self::DataChanged => "restore the file, or register again with `zktrain data commit \
                                  --force`, which sets the proofs made so far aside"
                .into(),
            Self::TooManySteps { .. } => {
                "train fewer epochs, or start a project with a larger --max-steps".into()
            }
            Self::Prove(ProveError::Memory { .. }) => "use a smaller --batch, fewer \
                 --steps-per-proof or a smaller network, or a machine with that much memory"
                .into(),
            Self::Prove(ProveError::ReferenceString { .. }) => {
                "generate or import a reference string of that power".into()
            }
            Self::NotTrained { .. } => "train longer first: `zktrain train`".into(),
            Self::NotProven { .. } => "leave --from out to continue where proving stopped".into(),
            Self::NoCircuitKey { .. } => "make one in a ceremony: `zktrain setup new`; for a \
                 demonstration, `zktrain setup insecure`"
                .into(),
            Self::OtherKey { .. } => "name the manifest and the reference string that the key was \
                                      made for, or make another: `zktrain keys derive`, \
                                      `zktrain setup new`"
                .into(),
            Self::Client(error) => return chain_hint(error),
            Self::Pin(mismatch) if mismatch.option == "--groth16-key" => "put the ceremony's \
                 result in the project's folder `keys`: proofs that it does not verify are worth \
                 nothing"
                .into(),
            Self::Pin(_) => "whatever is proven on another root than yours is worth nothing".into(),
            Self::Unpinned { .. } => {
                "ask somebody other than whoever proves for their values, and \
                 name them with the options above"
                    .into()
            }
            Self::Contract { .. }
            | Self::Rejected { .. }
            | Self::Registration { .. }
            | Self::FinalModel { .. }
            | Self::Audit { .. } => "do not trust what this file claims".into(),
            Self::Secret { .. } => "restore the file from a backup, or start again with `zktrain \
                                    data commit --force`, which sets the proofs made so far aside"
                .into(),
            _ => return None,
        })
    }
}

/// What to do about a reference string that is none.
fn srs_hint(error: &SrsError) -> Option<String> {
    Some(match error {
        SrsError::Weak { .. } => "take the ceremony's file as it was after its last contribution; \
             compare its SHA-256 with the published one"
            .into(),
        SrsError::Generator { .. } | SrsError::Relation { .. } | SrsError::Subgroup { .. } => {
            "this is no reference string, and whoever made it could have forged proofs with it: \
             get one from its ceremony"
                .into()
        }
        _ => return None,
    })
}

/// What to do about what contracts refuse most often.
fn chain_hint(error: &ClientError) -> Option<String> {
    let ClientError::Chain(error) = error else { return None };
    let name = &error.revert()?.name;
    let hints = [
        ("NotCovered", "stake more first: `zktrain chain stake`"),
        ("ERC20InsufficientBalance", "the account has fewer tokens: `zktrain chain status`"),
        ("TooEarly", "wait; `zktrain chain status --round` says until when"),
        ("NotEligible", "members have joined, are covered by stake, and are not leaving"),
        ("NotEnoughFunds", "pay into the budget: `zktrain chain domain fund`"),
        ("StillUnbonding", "wait until the ticket is due"),
        ("ProofIsValid", "there is nothing to challenge: the proof holds"),
    ];
    let found = hints.iter().find(|(error, _)| name.starts_with(error));
    found.map(|(_, hint)| (*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_told_with_the_number_needed() {
        let error = Error::from(ProveError::Memory { needed_mb: 5120, available_mb: 800 });
        assert!(error.to_string().contains("5120 MB") && error.to_string().contains("800 MB"));
        assert!(error.hint().is_some_and(|hint| hint.contains("--batch")));
    }
}
