//! What people can do about reference strings, and files in their place.

use zktrain_commit::srs::{PtauError, SrsError};
use zktrain_trainer::looks_like;

/// What to do about a reference string that is none.
pub(super) fn hint(error: &SrsError) -> Option<String> {
    Some(match error {
        SrsError::Weak { .. } => "take the ceremony's file as it was after its last contribution; \
             compare its SHA-256 with the published one"
            .into(),
        SrsError::Generator { .. }
        | SrsError::Relation { .. }
        | SrsError::Subgroup { .. }
        | SrsError::OffCurve { .. }
        | SrsError::Unreduced { .. } => {
            "this is no reference string, and its maker could have forged proofs with it: \
             get one from its ceremony"
                .into()
        }
        SrsError::NoString { start } if start.starts_with(b"ptau") => {
            "import it, and name the file that this writes: `zktrain srs import FILE.ptau -o srs.bin`"
                .into()
        }
        SrsError::NoString { start } => format!(
            "{}name a file that `zktrain srs import` or `zktrain srs generate` wrote",
            appearance(start)
        ),
        SrsError::Truncated { .. } | SrsError::Checksum { .. } | SrsError::TrailingBytes => {
            "the file is damaged: copy it again, or import the ceremony's file again".into()
        }
        SrsError::Ptau(error) => return ceremony_hint(error),
        _ => return None,
    })
}

/// What to do about a ceremony's file that cannot be read.
fn ceremony_hint(error: &PtauError) -> Option<String> {
    Some(match error {
        PtauError::Truncated { .. } => "this is probably a part of a download: fetch the file \
             again, and compare its size and its hash with those that the ceremony published"
            .into(),
        PtauError::Kind { start } if start.starts_with(b"zktrain-srs-") => {
            "name it where a reference string is asked for: `--srs FILE`".into()
        }
        PtauError::Kind { start } => {
            format!("{}name the .ptau file of a ceremony over BN254", appearance(start))
        }
        PtauError::Curve(_) => "take the file of a ceremony over BN254, such as the Perpetual \
             Powers of Tau (powersOfTau28_hez_final_*.ptau); if it should be one, it is damaged: \
             fetch it again"
            .into(),
        PtauError::Version { .. } => "take the ceremony's file in version 1, which snarkjs \
             writes; if it should be that, it is damaged: fetch it again"
            .into(),
        PtauError::HeaderSize { .. }
        | PtauError::FieldSize { .. }
        | PtauError::Power { .. }
        | PtauError::CeremonyPower { .. }
        | PtauError::SectionSize { .. }
        | PtauError::DuplicateSection { .. }
        | PtauError::MissingSection { .. }
        | PtauError::Headless { .. }
        | PtauError::TrailingBytes { .. }
        | PtauError::Point { .. } => "the file is damaged, or no ceremony's: fetch it again, and \
             compare its hash with the one that the ceremony published"
            .into(),
        _ => return None,
    })
}

/// What a file of another kind looks like, where its beginning shows it, before what to do.
fn appearance(start: &[u8]) -> String {
    looks_like(start).map_or_else(String::new, |looks| format!("this looks like {looks}; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use zktrain_commit::srs::{PointFault, PtauPart, Section, Srs};
    use zktrain_project::session::srs_error;

    fn told(error: impl Into<SrsError>) -> String {
        let error = Error::from(srs_error(std::path::Path::new("tau.ptau"), error.into()));
        assert!(error.to_string().starts_with("tau.ptau: "), "{error}");
        error.hint().unwrap_or_default()
    }

    #[test]
    fn every_damaged_ceremony_file_has_a_way_out() {
        let section = Section::TauG1;
        let part = PtauPart::Section(section);
        let download = PtauError::Truncated { part, expected: 64, got: 1 };
        assert!(told(download).contains("fetch the file again"));
        for error in [
            PtauError::HeaderSize { got: 3 },
            PtauError::FieldSize { size: 44, got: 48 },
            PtauError::Power { got: 29 },
            PtauError::CeremonyPower { power: 6, got: 5 },
            PtauError::SectionSize { section, power: 6, expected: 64, got: 1 },
            PtauError::DuplicateSection { section },
            PtauError::MissingSection { section },
            PtauError::Headless { section },
            PtauError::TrailingBytes { sections: 7, at: 99 },
            PtauError::Point { section, index: 1, fault: PointFault::OffCurve },
        ] {
            let hint = told(error);
            assert!(hint.contains("fetch it again") && hint.contains("hash"), "{hint}");
        }
        assert!(told(PtauError::Version { got: 2 }).contains("version 1"));
    }

    #[test]
    fn another_kind_of_file_is_refused_with_the_one_to_take() {
        let imported = |file: &[u8]| told(Srs::import_ptau(file).err().unwrap());
        assert!(imported(b"zkey\x01\0\0\0").contains("name the .ptau file"));
        assert!(imported(b"<!DOCTYPE html><html>").contains("looks like a web page (HTML); name"));
        assert!(imported(b"\x1f\x8b\x08\0\0\0\0\0").contains("looks like a gzip file; name"));
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
        assert!(imported(pointer).contains("git lfs pull"));
        assert!(imported(b"zktrain-srs-v1\0\0").contains("--srs FILE"));
        let named = |start: &[u8]| told(SrsError::NoString { start: start.to_vec() });
        assert!(named(b"ptau\x01\0\0\0").contains("zktrain srs import FILE.ptau"));
        assert!(named(b"PK\x03\x04").contains("looks like a ZIP archive"));
        assert!(named(b"anything").starts_with("name a file that `zktrain srs import`"));
        assert!(told(SrsError::TrailingBytes).contains("damaged"));
    }
}
