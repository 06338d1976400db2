//! A reference string that is one: what everything commits with and derives from.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_serialize::CanonicalSerialize;
use zktrain_argument::opening::KzgVerifierKey;

use super::{Section, Srs, SrsError, Weakness};

/// BLAKE3 of all points of a string, and of how many there are of each kind.
pub type SrsDigest = [u8; 32];

/// The version of the check. It changes when more is checked, so that what was remembered of an
/// older check does not count.
pub const CHECK_VERSION: u32 = 1;

/// Digests of checked strings that a process remembers at most.
const REMEMBERED: usize = 1 << 10;

/// Checks that this process has made.
static CHECKED: Mutex<BTreeSet<SrsDigest>> = Mutex::new(BTreeSet::new());

/// Remembers checks from one process to the next. An implementation vouches that
/// [`Self::knows`] is true of digests alone that were given to [`Self::note`].
pub trait CheckMemory {
    /// Whether a string of this digest has passed the check of [`CHECK_VERSION`].
    fn knows(&self, digest: &SrsDigest) -> bool;
    /// Keeps that it has.
    fn note(&self, digest: &SrsDigest);
}

/// Remembers nothing.
impl CheckMemory for () {
    fn knows(&self, _: &SrsDigest) -> bool {
        false
    }
    fn note(&self, _: &SrsDigest) {}
}

/// A string whose points are powers of one `τ`, all of them.
///
/// There is no other way to one than [`Srs::check`]: of exactly these points it is known that
/// they are on the curve, not zero and of prime order, that the generators are arkworks' standard
/// ones, that pairing relations tie every power (and every point of the phase-two sections) to
/// `[τ]` in G2, and that `τ` is not one that anybody finds. That nobody knows `τ` is what its
/// ceremony is for; the points do not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedSrs {
    srs: Srs,
    key: KzgVerifierKey,
    digest: SrsDigest,
}

impl Deref for CheckedSrs {
    type Target = Srs;

    fn deref(&self) -> &Srs {
        &self.srs
    }
}

impl CheckedSrs {
    /// The powers of `τ` in G1.
    pub fn g1(&self) -> Powers<'_> {
        Powers(&self.srs.g1)
    }

    /// What a verifier needs.
    pub fn verifier_key(&self) -> KzgVerifierKey {
        self.key
    }

    /// Identifies the very points of this string; a prefix has another digest than the whole.
    pub fn digest(&self) -> &SrsDigest {
        &self.digest
    }

    /// Keccak-256 of `[τ]` in G2, uncompressed in arkworks' encoding.
    ///
    /// Of a checked string it identifies every power: the generators are constants, so that
    /// `[τ]` in G2 determines `τ`, and the relations leave no other points in G1. Two checked
    /// strings of one fingerprint differ in length alone.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.srs.fingerprint()
    }

    /// The string, to be altered; what comes of it has to be checked again.
    pub fn into_unchecked(self) -> Srs {
        self.srs
    }
}

/// Powers of `τ` in G1 that were checked, from `[1]` on.
#[derive(Clone, Copy, Debug)]
pub struct Powers<'a>(&'a [G1Affine]);

impl<'a> Powers<'a> {
    /// The first `n` of them, or all if there are fewer.
    pub fn prefix(self, n: usize) -> Self {
        Self(&self.0[..n.min(self.0.len())])
    }

    /// The points.
    pub fn as_slice(self) -> &'a [G1Affine] {
        self.0
    }
}

impl Deref for Powers<'_> {
    type Target = [G1Affine];

    fn deref(&self) -> &[G1Affine] {
        self.0
    }
}

impl Srs {
    /// Checks that these points are a reference string, unless this process has done so before.
    ///
    /// # Errors
    /// [`SrsError`] with the section at fault.
    pub fn check(self) -> Result<CheckedSrs, SrsError> {
        self.check_with(&())
    }

    /// As [`Self::check`], but does not repeat a check that `memory` knows of.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_with(self, memory: &impl CheckMemory) -> Result<CheckedSrs, SrsError> {
        let key = self.key()?;
        let digest = digest(&self)?;
        if !remembered(&digest) && !memory.knows(&digest) {
            self.check_points()?;
            remember(digest);
            memory.note(&digest);
        }
        Ok(CheckedSrs { srs: self, key, digest })
    }

    fn key(&self) -> Result<KzgVerifierKey, SrsError> {
        let (section, [_, tau], one) = (Section::TauG2, self.g2, G2Affine::generator());
        match KzgVerifierKey::new(tau) {
            Ok(key) => Ok(key),
            Err(_) if tau == one => Err(SrsError::Weak { section, why: Weakness::One }),
            Err(_) if tau == -one => Err(SrsError::Weak { section, why: Weakness::Small }),
            Err(_) => Err(SrsError::Subgroup { section, index: 1 }),
        }
    }
}

fn remembered(digest: &SrsDigest) -> bool {
    CHECKED.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
}

fn remember(digest: SrsDigest) {
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if checked.len() >= REMEMBERED {
        checked.clear();
    }
    checked.insert(digest);
}

fn digest(srs: &Srs) -> Result<SrsDigest, SrsError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"zktrain/srs/points");
    hasher.update(&srs.power.to_le_bytes());
    absorb::<G2Affine>(&mut hasher, &srs.g2)?;
    absorb::<G1Affine>(&mut hasher, &srs.g1)?;
    if let Some(phase_two) = &srs.phase_two {
        absorb::<G2Affine>(&mut hasher, &[phase_two.beta_g2])?;
        absorb(&mut hasher, &phase_two.g2_powers)?;
        absorb(&mut hasher, &phase_two.alpha_g1)?;
        absorb(&mut hasher, &phase_two.beta_g1)?;
    }
    Ok(hasher.finalize().into())
}

/// The number of points, then the points.
fn absorb<P: CanonicalSerialize>(
    hasher: &mut blake3::Hasher,
    points: &[P],
) -> Result<(), SrsError> {
    hasher.update(&(points.len() as u64).to_le_bytes());
    let mut bytes = Vec::new();
    for chunk in points.chunks(1 << 10) {
        bytes.clear();
        for point in chunk {
            point.serialize_uncompressed(&mut bytes)?;
        }
        hasher.update(&bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use std::cell::RefCell;

    #[derive(Default)]
    struct Notes(RefCell<BTreeSet<SrsDigest>>);

    impl CheckMemory for Notes {
        fn knows(&self, digest: &SrsDigest) -> bool {
            self.0.borrow().contains(digest)
        }
        fn note(&self, digest: &SrsDigest) {
            self.0.borrow_mut().insert(*digest);
        }
    }

    #[test]
    fn a_check_is_remembered_for_the_very_points() {
        let notes = Notes::default();
        let srs = Srs::generate_g1(4, &mut ChaCha20Rng::seed_from_u64(31));
        let digest = *srs.clone().check_with(&notes).unwrap().digest();
        assert!(notes.knows(&digest));
        for at in 1..16 {
            let mut altered = srs.clone();
            altered.g1[at] = (altered.g1[at] + G1Affine::generator()).into_affine();
            assert!(altered.check_with(&notes).is_err(), "power {at}");
        }
        let mut prefix = srs.clone();
        (prefix.g1, prefix.power) = (srs.g1[..8].to_vec(), 3);
        let prefix = prefix.check_with(&notes).unwrap();
        assert_ne!(*prefix.digest(), digest);
        assert_eq!(prefix.fingerprint(), srs.fingerprint());
        assert_eq!(notes.0.borrow().len(), 2);
    }
}
