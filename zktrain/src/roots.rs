//! What a verdict rests on: values that a verifier has to know from elsewhere.

use std::fmt;

use zktrain_model::Hash;
use zktrain_statement::statements::Binding;
use zktrain_verify::groth16::Groth16Key;

use crate::error::Error;
use crate::setup::Setup;
use crate::verifier::Nonce;

/// How far a root can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootTrust {
    /// It is the one that the verifier has pinned.
    Pinned,
    /// It is a public ceremony's, which this library knows.
    Known,
    /// Who made the proofs chose it.
    CameWithTheProofs,
}

impl fmt::Display for RootTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pinned => "pinned",
            Self::Known => "known",
            Self::CameWithTheProofs => "came with the proofs",
        })
    }
}

/// Something that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootOfTrust {
    /// What it is.
    pub name: &'static str,
    /// Its value; hashes are in hexadecimal.
    pub value: String,
    /// How far it can be trusted.
    pub trust: RootTrust,
}

impl RootOfTrust {
    /// Whether it is pinned or known.
    pub fn is_named(&self) -> bool {
        self.trust != RootTrust::CameWithTheProofs
    }

    /// A root that is pinned, if this is the value that was.
    fn new(name: &'static str, pin: Option<&str>, value: String) -> Result<Self, Error> {
        let trust = match pin {
            Some(expected) if expected != value => {
                return Err(Error::Pin { root: name, expected: expected.to_owned(), got: value });
            }
            Some(_) => RootTrust::Pinned,
            None => RootTrust::CameWithTheProofs,
        };
        Ok(Self { name, value, trust })
    }

    fn of_hash(name: &'static str, pin: Option<&Hash>, hash: &Hash) -> Result<Self, Error> {
        Self::new(name, pin.map(hex::encode).as_deref(), hex::encode(hash))
    }
}

impl fmt::Display for RootOfTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<17} {:<21} {}", self.name, self.trust, self.value)
    }
}

/// What a verifier has pinned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    pub manifest: Option<Hash>,
    pub reference_string: Option<Hash>,
    pub genesis: Option<Hash>,
    pub nonce: Option<Nonce>,
    pub dataset: Option<Hash>,
    pub binding: Option<Binding>,
    pub groth16: Option<Hash>,
    pub strict: bool,
}

impl Pins {
    /// Reference string and manifest.
    pub fn of_setup(&self, setup: &Setup) -> Result<Vec<RootOfTrust>, Error> {
        let pin = self.reference_string.as_ref();
        let mut srs = RootOfTrust::of_hash("reference string", pin, &setup.srs.fingerprint())?;
        if !srs.is_named() && setup.srs.ceremony().is_some() {
            srs.trust = RootTrust::Known;
        }
        let manifest = RootOfTrust::of_hash("manifest", self.manifest.as_ref(), &setup.manifest)?;
        Ok(vec![srs, manifest])
    }

    pub fn genesis(&self, rows: &Hash) -> Result<RootOfTrust, Error> {
        RootOfTrust::of_hash("genesis model", self.genesis.as_ref(), rows)
    }

    pub fn groth16(&self, key: &Groth16Key) -> Result<RootOfTrust, Error> {
        RootOfTrust::of_hash("Groth16 key", self.groth16.as_ref(), &key.hash())
    }

    /// Where none was drawn, that is a root as well: the order then follows from the data, which the
    /// owner chooses.
    pub fn nonce(&self, drawn: Option<&Hash>) -> Result<RootOfTrust, Error> {
        let text = |nonce: Option<&Hash>| nonce.map_or_else(|| "derived".to_owned(), hex::encode);
        let pin = self.nonce.as_ref().map(|nonce| match nonce {
            Nonce::Derived => text(None),
            Nonce::Drawn(hash) => text(Some(hash)),
        });
        RootOfTrust::new("nonce", pin.as_deref(), text(drawn))
    }

    /// What proofs state is compared if it is pinned: a root then, and otherwise a part of the verdict.
    pub fn dataset(&self, root: &Hash) -> Result<Option<RootOfTrust>, Error> {
        let pin = self.dataset.as_ref();
        pin.map(|pin| RootOfTrust::of_hash("dataset", Some(pin), root)).transpose()
    }

    /// As [`Self::dataset`].
    pub fn binding(&self, stated: &Binding) -> Result<Option<RootOfTrust>, Error> {
        let text = |binding: &Binding| hex::encode(binding.to_bytes());
        let pin = self.binding.as_ref();
        pin.map(|pin| RootOfTrust::new("binding", Some(&text(pin)), text(stated))).transpose()
    }

    pub fn drawn_nonce(&self) -> Option<Hash> {
        match self.nonce {
            Some(Nonce::Drawn(hash)) => Some(hash),
            Some(Nonce::Derived) | None => None,
        }
    }

    /// Refuses roots that nobody has named, if only named ones will do.
    pub fn admit(&self, roots: &[RootOfTrust]) -> Result<(), Error> {
        let unnamed = roots.iter().filter(|root| !root.is_named()).map(|root| root.name);
        let unnamed: Vec<&str> = unnamed.collect();
        match unnamed.is_empty() || !self.strict {
            true => Ok(()),
            false => Err(Error::Unpinned { roots: unnamed.join(", ") }),
        }
    }
}
