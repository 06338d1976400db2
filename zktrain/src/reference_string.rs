//! The reference string, checked.

use std::path::Path;
use std::sync::Arc;

use zktrain_commit::random::{Label, Randomness};
use zktrain_commit::srs::{CheckedSrs, MAX_POWER, Srs, ceremonies};
use zktrain_model::Hash;
use zktrain_model::manifest::Manifest;
use zktrain_model::size::Limits;
use zktrain_prove::halo2::power;

use crate::error::Error;

/// Powers that nearly every circuit makes do with, as a logarithm.
const CIRCUIT_POWER: u32 = 14;

/// Powers of a `τ` that nobody may know: what everything is committed with. Clones share it.
///
/// The points are checked, however they came: they are powers of one `τ`. That nobody knows it is
/// what a public ceremony is for.
#[derive(Clone, Debug)]
pub struct ReferenceString(Arc<CheckedSrs>);

impl ReferenceString {
    /// Makes one on this machine, long enough for a manifest: **insecure**, as the party that runs
    /// this could keep `τ` and forge any proof. For tests and demonstrations.
    ///
    /// # Errors
    /// If the manifest is refused or a draft, or there is no randomness.
    pub fn insecure(manifest: &Manifest) -> Result<Self, Error> {
        let network = Limits::default().admit(manifest.network()?)?;
        Self::insecure_of(power(&network).max(CIRCUIT_POWER))
    }

    /// As [`Self::insecure`], of `2^power` powers: for circuits that are larger than most.
    ///
    /// # Errors
    /// If there is no randomness, or so many powers are never made.
    pub fn insecure_of(power: u32) -> Result<Self, Error> {
        if power > MAX_POWER {
            return Err(Error::Power { most: MAX_POWER, got: power });
        }
        let mut randomness = Randomness::fresh(Label::ReferenceString)?;
        Ok(Self(Arc::new(Srs::generate_g1(power, &mut randomness).check()?)))
    }

    /// Reads and checks a file of this project's format, as `zktrain srs import` writes it from a
    /// ceremony's.
    ///
    /// # Errors
    /// If the file is missing or damaged, or its points are no reference string.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Srs::load(path.as_ref())?.check()?)))
    }

    /// Keccak-256 of `[τ]` in G2, which identifies the whole string: what a verifier pins.
    pub fn fingerprint(&self) -> Hash {
        self.0.fingerprint()
    }

    /// Whether it says of itself that it was made on one machine. That it does not say so means
    /// nothing.
    pub fn claims_insecure(&self) -> bool {
        self.0.claims_insecure()
    }

    /// The public ceremony that it is from, if that is a known one.
    pub fn ceremony(&self) -> Option<&'static str> {
        ceremonies::find(&self.0.g2[1]).map(|ceremony| ceremony.name)
    }

    pub(crate) fn checked(&self) -> &CheckedSrs {
        &self.0
    }
}

impl From<CheckedSrs> for ReferenceString {
    fn from(srs: CheckedSrs) -> Self {
        Self(Arc::new(srs))
    }
}
