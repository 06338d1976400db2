//! What a verifier knows from elsewhere.

use zktrain_model::Hash;
use zktrain_model::manifest::Manifest;
use zktrain_model::size::Limits;
use zktrain_statement::statements::Binding;
use zktrain_verify::groth16::Groth16Key;

use super::{Nonce, Verifier};
use crate::error::Error;
use crate::reference_string::ReferenceString;
use crate::roots::Pins;
use crate::setup::Setup;

/// Options of a [`Verifier`]. A root that is pinned has to be that of the chain. One that is not came
/// with the proofs: who made them chose it, and a choice is enough to prove anything.
pub struct VerifierBuilder<'a> {
    manifest: &'a Manifest,
    srs: &'a ReferenceString,
    limits: Limits,
    pins: Pins,
    groth16: Option<Groth16Key>,
}

impl Verifier {
    /// A verifier of a manifest's proofs, under a reference string.
    pub fn builder<'a>(manifest: &'a Manifest, srs: &'a ReferenceString) -> VerifierBuilder<'a> {
        let (limits, pins) = (Limits::default(), Pins::default());
        VerifierBuilder { manifest, srs, limits, pins, groth16: None }
    }
}

impl VerifierBuilder<'_> {
    /// The manifest is the one with this hash ([`Manifest::hash`]).
    #[must_use]
    pub fn pin_manifest(mut self, hash: Hash) -> Self {
        self.pins.manifest = Some(hash);
        self
    }

    /// The reference string is the one with this fingerprint ([`ReferenceString::fingerprint`]). Those
    /// of public ceremonies are known without.
    #[must_use]
    pub fn pin_reference_string(mut self, fingerprint: Hash) -> Self {
        self.pins.reference_string = Some(fingerprint);
        self
    }

    /// The chain starts from the model whose row commitments have this hash.
    #[must_use]
    pub fn pin_genesis(mut self, hash: Hash) -> Self {
        self.pins.genesis = Some(hash);
        self
    }

    /// The order of windows is drawn like this.
    #[must_use]
    pub fn pin_nonce(mut self, nonce: Nonce) -> Self {
        self.pins.nonce = Some(nonce);
        self
    }

    /// The dataset is the one with this root.
    #[must_use]
    pub fn pin_dataset(mut self, root: Hash) -> Self {
        self.pins.dataset = Some(root);
        self
    }

    /// The proofs are for this chain, contract, domain and round, by this prover.
    #[must_use]
    pub fn pin_binding(mut self, binding: Binding) -> Self {
        self.pins.binding = Some(binding);
        self
    }

    /// The key that Groth16 proofs are checked with: without one, there are none that hold.
    #[must_use]
    pub fn groth16(mut self, key: Groth16Key) -> Self {
        self.groth16 = Some(key);
        self
    }

    /// The Groth16 key is the one with this hash ([`Groth16Key::hash`]), as its ceremony said.
    #[must_use]
    pub fn pin_groth16(mut self, hash: Hash) -> Self {
        self.pins.groth16 = Some(hash);
        self
    }

    /// Refuses chains that rest on a root which is neither pinned nor known. Whose data were trained on, by
    /// whom, and for which round is no root but what the verdict says: compare its dataset and binding, or
    /// pin them, where another owner's chain would not do.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.pins.strict = true;
        self
    }

    /// Reads manifests that are larger, or not as large, as the default allows.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Derives the key, and checks what is pinned of it.
    ///
    /// # Errors
    /// If the manifest is refused, the reference string is too short, the Groth16 key is another
    /// circuit's, or one of them is not the pinned one, or not there.
    pub fn build(self) -> Result<Verifier, Error> {
        let setup = Setup::new(self.manifest, self.srs, self.limits)?;
        self.pins.of_setup(&setup)?;
        if let Some(key) = &self.groth16 {
            setup.check_groth16(key)?;
            self.pins.groth16(key)?;
        } else if self.pins.groth16.is_some() {
            return Err(Error::NoGroth16Key);
        }
        Ok(Verifier { setup, pins: self.pins, groth16: self.groth16 })
    }
}
