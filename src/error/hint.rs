//! What people can do about errors.

mod project;
mod reverts;
mod strings;

use zktrain_chain::keystore::{FormError, KeystoreError};
use zktrain_chain::protocol::ClientError;
use zktrain_chain::{ChainError, OutboxError};
use zktrain_trainer::CalibrationError;
use zktrain_verify::groth16::Groth16Error;

use self::reverts::REVERTS;
use super::{Error, OptionsError};
use crate::coordinator::CoordinatorError;

impl Error {
    /// What to do about it, where there is something general to say.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Project(error) => return project::hint(error),
            Self::Calibration(CalibrationError::TooFewSamples { .. }) => {
                "use a smaller --batch, or more public data".into()
            }
            Self::Options(OptionsError::Required { hint, .. }) => (*hint).into(),
            Self::Options(OptionsError::OfChains { .. }) => "leave it out, or name the project's \
                 directory, whose proofs are checked as one chain"
                .into(),
            Self::Options(OptionsError::Preset { .. }) => {
                let names: Vec<&str> =
                    zktrain_trainer::preset::presets().iter().map(|p| p.name).collect();
                format!("presets are {}", names.join(", "))
            }
            Self::Options(OptionsError::Architecture { .. }) => {
                let all = zktrain_trainer::architectures();
                let names: Vec<&str> = all.iter().map(|network| network.name).collect();
                format!("networks are {}", names.join(", "))
            }
            Self::NoTestChain { .. } => "name a test node, such as `anvil --hardfork osaka`: a \
                 demonstration does not wait for challenge windows"
                .into(),
            Self::TooManySteps { .. } => {
                "train fewer epochs, or start a project with a larger --max-steps".into()
            }
            Self::NotTrained { .. } => "train longer first: `zktrain train`".into(),
            Self::NotProven { .. } => "leave --from out to continue where proving stopped".into(),
            Self::OtherSpec { .. } => {
                "name the manifest and the reference string that it was made \
                 with: `--manifest FILE`, `--srs FILE`; `zktrain srs info` shows a string's \
                 fingerprint"
                    .into()
            }
            Self::CircuitProof { source: Groth16Error::Pairing, .. } => "the key in the project's \
                 folder `keys` may not be the one that it was made with: put that one there"
                .into(),
            Self::Client(error) => return chain_hint(error),
            Self::Refusal(refusal) => return refusal.hint(),
            Self::Coordinator(error) => return coordinator_hint(error),
            Self::Keystore(error) => return keystore_hint(error),
            Self::NoContracts { .. } => "the chain may have been started anew, or the file be of \
                 another one: name the right file, `--deployment FILE`, or deploy the contracts \
                 again, `zktrain chain deploy --force`"
                .into(),
            Self::MainNetwork { .. } => "use a test network; if this is what you want, say so: \
                 `--main-network`"
                .into(),
            Self::Pin(mismatch) if mismatch.option == "--groth16-key" => "put the ceremony's \
                 result in the project's folder `keys`: proofs that it does not verify are worth \
                 nothing"
                .into(),
            Self::Pin(_) => "whatever is proven on another root than yours is worth nothing".into(),
            Self::Unpinned { .. } => "ask somebody other than the prover for their values, and \
                 name them with the options above"
                .into(),
            Self::Contract { .. }
            | Self::Rejected { .. }
            | Self::FinalModel { .. }
            | Self::Audit { .. } => "do not trust what this file claims".into(),
            _ => return None,
        })
    }
}

/// What to do about a key that cannot be used.
fn keystore_hint(error: &KeystoreError) -> Option<String> {
    Some(match error {
        // No other form makes an account's key of these.
        KeystoreError::Format { source: FormError::Validator | FormError::Curve, .. } => {
            "make a key for an account: `zktrain chain key new FILE`".into()
        }
        KeystoreError::Format { .. } => {
            "have the wallet that wrote it show the private key, write \
             that to a file, and make a keystore of it: `zktrain chain key import NEW.json --from \
             FILE`; then delete the file"
                .into()
        }
        KeystoreError::Text { .. } => "write it again as plain text in UTF-8".into(),
        KeystoreError::Variable { .. } => {
            "set it to the key's password, or name a file: `--password-file FILE`".into()
        }
        _ => return None,
    })
}

/// What to do about a coordinator that does not go on.
fn coordinator_hint(error: &CoordinatorError) -> Option<String> {
    match error {
        CoordinatorError::Client(error) => chain_hint(error),
        CoordinatorError::Listen { .. } => Some(PORT.into()),
        _ => None,
    }
}

/// What to do about an address that cannot be listened at.
const PORT: &str = "another program may listen there: stop it, or choose another port";

/// What to do about an outbox of another chain. Its transactions would be valid on this one.
fn outbox_hint(error: &OutboxError) -> Option<String> {
    let OutboxError::OtherChain { path, .. } = error else { return None };
    let folder = path.parent().unwrap_or(path).display();
    Some(format!(
        "keep an outbox for each chain: `--outbox DIR`; if the other chain is gone, as a test chain \
         that was started anew, delete {folder}"
    ))
}

/// What to do about what contracts refuse most often.
fn chain_hint(error: &ClientError) -> Option<String> {
    let ClientError::Chain(error) = error else { return None };
    if let ChainError::Outbox(error) = error {
        return outbox_hint(error);
    }
    let name = &error.revert()?.name;
    let found = REVERTS.iter().find(|(error, _)| name.starts_with(error));
    found.map(|(_, hint)| (*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use zktrain_prove::prove::ProveError;

    use super::*;

    #[test]
    fn what_people_can_do_is_said() {
        let path = std::path::PathBuf::from("chain/outbox/31337/account/store");
        let key = |source| KeystoreError::Format { path: path.clone(), source }.into();
        let [expected, got] = [B256::ZERO, B256::repeat_byte(1)];
        let listen = ([127, 0, 0, 1], 8545).into();
        let taken =
            CoordinatorError::Listen { listen, source: std::io::ErrorKind::AddrInUse.into() };
        let other = OutboxError::OtherChain { path: path.clone(), expected, got };
        let told: [(Error, &str); 5] = [
            (ChainError::Outbox(other).into(), "--outbox DIR"),
            (key(FormError::Scrypt { n: 1 << 18, r: 1, p: 8 }), "zktrain chain key import"),
            (key(FormError::Validator), "zktrain chain key new"),
            (taken.into(), "choose another port"),
            (OptionsError::OfChains { option: "--nonce" }.into(), "name the project's directory"),
        ];
        for (error, hint) in told {
            assert!(error.hint().is_some_and(|said| said.contains(hint)), "{error}");
        }
    }

    #[test]
    fn too_little_memory_is_told_with_the_number_needed() {
        let error = Error::from(ProveError::Memory { needed_mb: 5120, available_mb: 800 });
        assert!(error.to_string().contains("5120 MB") && error.to_string().contains("800 MB"));
        assert!(error.hint().is_some_and(|hint| hint.contains("--batch")));
    }
}
