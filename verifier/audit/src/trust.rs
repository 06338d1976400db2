//! What a verdict rests on: values that the verifier has to know from elsewhere.
//!
//! A proof is checked against a reference string, a manifest, a first model and keys. If these come
//! with the proof, the prover chose them, and a choice is enough to prove anything. So
//! every verdict names them, with how far each can be trusted: *pinned* by the verifier, *known*
//! to this program as a public ceremony's, or none of both. What a file says of itself is shown as
//! what the file says, and nothing follows from it.

use std::fmt;
use std::io::Write;

use serde::Serialize;
use zktrain_verify::groth16::{self, Groth16Key};

/// How far a root can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It is the one that the verifier has named.
    Pinned,
    /// It is a public ceremony's, which this program knows.
    Known,
    /// The prover chose it.
    CameWithTheProofs,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pinned => "pinned",
            Self::Known => "known",
            Self::CameWithTheProofs => "came with the proofs",
        })
    }
}

/// Something that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Root {
    /// What it is.
    pub name: &'static str,
    /// Its value; hashes are in hexadecimal.
    pub value: String,
    /// How far it can be trusted.
    pub trust: Trust,
    /// Why it is trusted, unless because it was named itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What its file says of itself, which nobody has checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The option that pins it.
    pub option: &'static str,
}

impl Root {
    /// A root that is pinned if its value is the one asked for.
    ///
    /// # Errors
    /// If another value was asked for.
    pub fn new(
        name: &'static str,
        option: &'static str,
        value: String,
        pin: Option<&str>,
    ) -> Result<Self, PinMismatch> {
        let trust = match pin {
            Some(expected) if expected != value => {
                let expected = expected.to_owned();
                return Err(PinMismatch { name, option, expected, got: value });
            }
            Some(_) => Trust::Pinned,
            None => Trust::CameWithTheProofs,
        };
        Ok(Self { name, value, trust, source: None, says: None, option })
    }

    /// The key that Groth16 proofs are checked with. That it is the circuit's is checked; that
    /// nobody knows what it was made from is not.
    ///
    /// # Errors
    /// If another one was asked for.
    pub fn groth16_key(key: &Groth16Key, pin: Option<&str>) -> Result<Self, PinMismatch> {
        let mut root = Self::new("Groth16 key", "--groth16-key", hex::encode(key.hash()), pin)?;
        root.says = Some(match key.provenance {
            groth16::KeyProvenance::Insecure => "made by one party, insecure".to_owned(),
            groth16::KeyProvenance::Ceremony { contributions, .. } => {
                format!("made in a ceremony of {contributions} contributions")
            }
        });
        Ok(root)
    }

    /// Whether it is pinned or known.
    pub fn is_named(&self) -> bool {
        self.trust != Trust::CameWithTheProofs
    }

    /// It follows from other roots, which are pinned.
    pub fn follows(mut self, source: &str) -> Self {
        if !self.is_named() {
            self.trust = Trust::Pinned;
            self.source = Some(source.to_owned());
        }
        self
    }
}

/// A root is another one than the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {name} is {got}, not {expected} as {option} says")]
pub struct PinMismatch {
    /// What it is.
    pub name: &'static str,
    /// The option that pins it.
    pub option: &'static str,
    /// The value asked for.
    pub expected: String,
    /// The value that is there.
    pub got: String,
}

impl PinMismatch {
    /// The root that is there, which nobody has pinned.
    pub fn into_root(self) -> Root {
        let (name, value, option) = (self.name, self.got, self.option);
        let trust = Trust::CameWithTheProofs;
        Root { name, value, trust, source: None, says: None, option }
    }
}

/// Only pinned and known roots were asked for, and what was checked rests on others too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody pinned what this rests on: {roots}")]
pub struct Unpinned {
    /// Their names.
    pub roots: String,
}

/// All roots of a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Roots(Vec<Root>);

impl Roots {
    /// Adds one.
    pub fn push(&mut self, root: Root) {
        self.0.push(root);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        self.0.iter()
    }

    /// Names of those that are neither pinned nor known.
    pub fn unnamed(&self) -> Vec<&'static str> {
        self.0.iter().filter(|root| !root.is_named()).map(|root| root.name).collect()
    }

    /// Whether all of them are pinned or known. A verdict on no roots at all is none.
    pub fn are_named(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Root::is_named)
    }

    /// What holds, if everything else does.
    ///
    /// # Errors
    /// If only pinned and known roots will do, and there are others.
    pub fn verdict(&self, strict: bool) -> Result<Verdict, Unpinned> {
        match (self.are_named(), strict) {
            (true, _) => Ok(Verdict::Holds),
            (false, false) => Ok(Verdict::OnUnnamedRoots(self.unnamed())),
            (false, true) => Err(Unpinned { roots: self.unnamed().join(", ") }),
        }
    }

    /// Writes them for people.
    ///
    /// # Errors
    /// If the output does not take it.
    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "\n  this rests on")?;
        for root in &self.0 {
            writeln!(out, "    {:<17} {:<21} {}", root.name, root.trust, root.value)?;
            let more = |out: &mut dyn Write, line: String| writeln!(out, "{:<44}{line}", "");
            if let Some(source) = &root.source {
                more(out, source.clone())?;
            }
            if !root.is_named() {
                more(out, format!("the prover chose it: {} pins it", root.option))?;
            }
            if let Some(says) = &root.says {
                more(out, format!("its file says, unchecked: {says}"))?;
            }
        }
        Ok(())
    }
}

/// What a command has found out, when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, or the command has done what it was asked for.
    Holds,
    /// It holds on roots that the prover chose.
    OnUnnamedRoots(Vec<&'static str>),
}

impl Verdict {
    /// The exit code: 0 for what holds, 3 for what holds on a root that nobody pinned.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::OnUnnamedRoots(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(trust: Trust) -> Root {
        let mut root = Root::new("manifest", "--manifest-hash", "ab".into(), None).unwrap();
        root.trust = trust;
        root
    }

    #[test]
    fn a_verdict_is_as_good_as_its_worst_root() {
        let roots = |all: &[Trust]| Roots(all.iter().copied().map(root).collect());
        let good = roots(&[Trust::Pinned, Trust::Known]);
        assert_eq!(good.verdict(true).unwrap().exit_code(), 0);
        let bad = roots(&[Trust::Pinned, Trust::CameWithTheProofs, Trust::Known]);
        assert_eq!(bad.verdict(false).unwrap().exit_code(), 3);
        assert!(matches!(bad.verdict(true), Err(Unpinned { .. })));
        assert_eq!(roots(&[]).verdict(false).unwrap().exit_code(), 3, "none at all");
    }

    #[test]
    fn a_pin_names_a_value_and_refuses_all_others() {
        let pinned = |pin| Root::new("nonce", "--nonce", "ab".into(), pin);
        assert_eq!(pinned(Some("ab")).unwrap().trust, Trust::Pinned);
        assert_eq!(pinned(None).unwrap().trust, Trust::CameWithTheProofs);
        let error = pinned(Some("ac")).unwrap_err().to_string();
        assert_eq!(error, "the nonce is ab, not ac as --nonce says");
    }

    #[test]
    fn trust_is_written_as_promised() {
        let all = [Trust::Pinned, Trust::Known, Trust::CameWithTheProofs];
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"["pinned","known","came-with-the-proofs"]"#);
    }
}
