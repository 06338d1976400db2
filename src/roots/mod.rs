//! Roots of verdicts that are more than a value: what reference strings and nonces are known by, and the
//! options that pin roots. What a root is, and what follows from it, is `zktrain_audit::trust`.

mod pins;
mod stated;

use zktrain_audit::trust::{PinMismatch, Root, Trust};
use zktrain_commit::srs::{CheckedSrs, Provenance, ceremonies};

pub use pins::{DERIVED, Pins, hash_pin, nonce_pin};
pub use stated::StatedPins;

/// The reference string, by its `[τ]₂`. That is enough, because it is checked: all its powers
/// are powers of that `τ`.
///
/// # Errors
/// If another one was asked for.
pub fn reference_string(srs: &CheckedSrs, pin: Option<&str>) -> Result<Root, PinMismatch> {
    let value = hex::encode(srs.fingerprint());
    let mut root = Root::new("reference string", "--srs-fingerprint", value, pin)?;
    if let Some(ceremony) = ceremonies::find(&srs.g2[1]) {
        if root.trust == Trust::CameWithTheProofs {
            root.trust = Trust::Known;
        }
        root.source = Some(format!("{}; {}", ceremony.name, ceremony.source));
    }
    root.says = Some(match &srs.provenance {
        Provenance::Insecure => "generated on one machine, insecure".to_owned(),
        Provenance::Imported { source_sha256 } => {
            format!("imported from a file with SHA-256 {}", hex::encode(source_sha256))
        }
    });
    Ok(root)
}

/// The nonce that draws the order of windows. Where none was drawn, that is a root all the
/// same: the order then follows from the data, which the data owner chooses.
///
/// # Errors
/// If another one was asked for.
pub fn nonce(drawn: Option<String>, pin: Option<&str>) -> Result<Root, PinMismatch> {
    let says = drawn.is_none().then(|| {
        "no nonce is drawn, windows are in an order that follows from manifest, reference \
         string and data"
            .to_owned()
    });
    let value = drawn.unwrap_or_else(|| DERIVED.to_owned());
    Ok(Root { says, ..Root::new("nonce", "--nonce", value, pin)? })
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use zktrain_commit::srs::Srs;

    use super::*;

    #[test]
    fn a_nonce_that_nobody_drew_has_to_be_pinned_as_well() {
        let nonce = |drawn: Option<&str>, pin| super::nonce(drawn.map(str::to_owned), pin);
        let open = nonce(None, None).unwrap();
        assert_eq!((open.trust, &*open.value), (Trust::CameWithTheProofs, DERIVED));
        assert!(open.says.unwrap().contains("no nonce is drawn"));
        assert_eq!(nonce(None, Some(DERIVED)).unwrap().trust, Trust::Pinned);
        let error = nonce(Some("ab"), Some(DERIVED)).unwrap_err().to_string();
        assert_eq!(error, "the nonce is ab, not derived as --nonce says");
        assert!(nonce(None, Some("ab")).is_err());
    }

    const SAID: [Provenance; 2] =
        [Provenance::Insecure, Provenance::Imported { source_sha256: [9; 32] }];

    /// Both say of themselves what they like.
    fn labelled(srs: Srs) -> [CheckedSrs; 2] {
        SAID.map(|provenance| Srs { provenance, ..srs.clone() }.check().unwrap())
    }

    #[test]
    fn a_local_string_is_not_known_whatever_its_file_says() {
        let srs = Srs::generate_g1(1, &mut rand::rngs::OsRng);
        for srs in labelled(srs) {
            let root = reference_string(&srs, None).unwrap();
            assert_eq!((root.trust, root.source), (Trust::CameWithTheProofs, None));
        }
    }

    /// Two powers of a ceremony are a string: a short one, but checked.
    #[test]
    fn a_ceremonys_string_is_known_by_its_point_whatever_its_file_says() {
        for ceremony in &ceremonies::CEREMONIES {
            let g1 = vec![G1Affine::generator(), ceremony.tau_g1];
            let g2 = [G2Affine::generator(), ceremony.tau_g2];
            let [provenance, _] = SAID;
            for srs in labelled(Srs { power: 1, g1, g2, phase_two: None, provenance }) {
                let root = |pin| reference_string(&srs, pin);
                let pin = hex::encode(srs.fingerprint());
                assert_eq!(root(None).unwrap().trust, Trust::Known, "{}", ceremony.name);
                assert!(root(None).unwrap().source.unwrap().contains(ceremony.name));
                assert_eq!(root(Some(&pin)).unwrap().trust, Trust::Pinned);
                assert!(root(Some(&"ab".repeat(32))).is_err(), "known, and not the one asked for");
            }
        }
    }
}
