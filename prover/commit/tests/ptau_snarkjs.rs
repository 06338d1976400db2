//! Reads a file that snarkjs wrote, and refuses altered copies of it.
//!
//! `scripts/make-ptau-fixture.sh` regenerates the file.

use ark_bn254::{Bn254, Fq, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::PrimeField;
use sha2::{Digest, Sha256};
use zktrain_commit::srs::{
    CheckedSrs, PointFault, Provenance, PtauError, PtauPart, Section, Srs, SrsError,
};

const FIXTURE: &[u8] = include_bytes!("fixtures/pot6.ptau");
const POWER: u32 = 6;

fn import(bytes: &[u8]) -> Result<CheckedSrs, SrsError> {
    Srs::import_ptau(bytes)
}

/// Why a file cannot be read, before its points are compared.
fn fault(bytes: &[u8]) -> PtauError {
    match import(bytes).unwrap_err() {
        SrsError::Ptau(fault) => fault,
        other => panic!("{other}"),
    }
}

/// Where the data of a section starts, and how long it is.
fn section(number: u32) -> (usize, usize) {
    let mut at = 12;
    loop {
        let found = u32::from_le_bytes(FIXTURE[at..at + 4].try_into().unwrap());
        let size = u64::from_le_bytes(FIXTURE[at + 4..at + 12].try_into().unwrap()) as usize;
        at += 12;
        if found == number {
            return (at, size);
        }
        at += size;
    }
}

fn altered(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut copy = FIXTURE.to_vec();
    copy[at..at + bytes.len()].copy_from_slice(bytes);
    copy
}

/// An element's Montgomery limbs, little-endian, as the format stores them.
fn montgomery(x: Fq) -> Vec<u8> {
    x.0.0.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

fn g1_bytes(p: G1Affine) -> Vec<u8> {
    [p.x, p.y].into_iter().flat_map(montgomery).collect()
}

fn g2_bytes(p: G2Affine) -> Vec<u8> {
    [p.x.c0, p.x.c1, p.y.c0, p.y.c1].into_iter().flat_map(montgomery).collect()
}

const G1_SECTIONS: [(u32, Section); 3] =
    [(2, Section::TauG1), (4, Section::AlphaTauG1), (5, Section::BetaTauG1)];
const G2_SECTIONS: [(u32, Section); 2] = [(3, Section::TauG2), (6, Section::BetaG2)];

#[test]
fn imports_what_snarkjs_writes() {
    let srs = import(FIXTURE).unwrap();
    assert_eq!((srs.power, srs.g1.len()), (POWER, 127));
    let phase_two = srs.phase_two.as_ref().unwrap();
    assert_eq!(phase_two.g2_powers.len(), 64);
    assert_eq!((phase_two.alpha_g1.len(), phase_two.beta_g1.len()), (64, 64));
    assert_eq!(srs.g1[0], G1Affine::generator());
    assert_eq!(Bn254::pairing(srs.g1[1], srs.g2[0]), Bn254::pairing(srs.g1[0], srs.g2[1]));
    // A contribution was made: neither τ, α nor β is one.
    for point in [srs.g1[1], phase_two.alpha_g1[0], phase_two.beta_g1[0]] {
        assert_ne!(point, G1Affine::generator());
    }
    let source_sha256 = Sha256::digest(FIXTURE).into();
    assert_eq!(srs.provenance, Provenance::Imported { source_sha256 });
    assert!(!srs.info().claims_insecure);
}

#[test]
fn imports_a_prefix() {
    let whole = import(FIXTURE).unwrap();
    for power in 1..=POWER {
        let srs = Srs::import_ptau_prefix(FIXTURE, power).unwrap();
        assert_eq!(srs.g1, whole.g1[..(2 << power) - 1]);
        assert_eq!(srs.g2, whole.g2, "power {power}");
        assert_eq!(srs.phase_two.as_ref().unwrap().alpha_g1.len(), 1 << power);
        assert_eq!(srs.provenance, whole.provenance);
    }
}

#[test]
fn survives_our_own_format() {
    let srs = import(FIXTURE).unwrap();
    let path = std::env::temp_dir().join(format!("zktrain-ptau-{}", std::process::id()));
    srs.save(&path).unwrap();
    let loaded = Srs::load(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.unwrap().check().unwrap(), srs);
}

#[test]
fn altered_points_are_found_by_the_pairings() {
    for (number, name) in G1_SECTIONS {
        let (start, size) = section(number);
        for at in [start, start + 64, start + size - 64] {
            let other = (G1Affine::generator() + G1Affine::generator()).into_affine();
            match import(&altered(at, &g1_bytes(other))).unwrap_err() {
                SrsError::Generator { section } => assert_eq!((at, section), (start, name)),
                SrsError::Relation { section } => assert_eq!(section, name),
                other => panic!("section {name}: {other}"),
            }
        }
    }
    for (number, name) in G2_SECTIONS {
        let (start, size) = section(number);
        let other = (G2Affine::generator() + G2Affine::generator()).into_affine();
        for at in [start, start + size - 128] {
            match import(&altered(at, &g2_bytes(other))).unwrap_err() {
                SrsError::Generator { section } => assert_eq!((at, section), (start, name)),
                SrsError::Relation { section } => assert_eq!(section, name),
                other => panic!("section {name}: {other}"),
            }
        }
    }
}

#[test]
fn another_tau_in_g2_is_found() {
    let other = (G2Affine::generator() + G2Affine::generator()).into_affine();
    let error = import(&altered(section(3).0 + 128, &g2_bytes(other))).unwrap_err();
    assert!(matches!(error, SrsError::Relation { .. }), "{error}");
}

#[test]
fn malformed_points_are_named() {
    let modulus: Vec<u8> = Fq::MODULUS.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    for (number, name) in G1_SECTIONS.into_iter().chain(G2_SECTIONS) {
        let (start, _) = section(number);
        let zeros = vec![0; if G2_SECTIONS.contains(&(number, name)) { 128 } else { 64 }];
        let faults: [(&[u8], PointFault); 3] = [
            (&modulus, PointFault::Unreduced),
            (&[1], PointFault::OffCurve),
            (&zeros, PointFault::OffCurve),
        ];
        for (bytes, expected) in faults {
            match fault(&altered(start, bytes)) {
                PtauError::Point { section, index, fault } => {
                    assert_eq!((section, index, fault), (name, 0, expected));
                }
                other => panic!("section {name}: {other}"),
            }
        }
    }
}

#[test]
fn points_outside_the_group_are_named() {
    // Small x-coordinates on the twist almost never give points of order r.
    let outside = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    for (number, name, at) in [(3, Section::TauG2, 2), (6, Section::BetaG2, 0)] {
        match fault(&altered(section(number).0 + at * 128, &g2_bytes(outside))) {
            PtauError::Point { section, index, fault: PointFault::Subgroup } => {
                assert_eq!((section, index), (name, at));
            }
            other => panic!("section {name}: {other}"),
        }
    }
}

#[test]
fn altered_headers_are_refused() {
    let (header, _) = section(1);
    let error = |at, bytes: &[u8]| fault(&altered(at, bytes));
    assert!(matches!(error(0, b"zkey"), PtauError::Kind { .. }));
    assert!(matches!(error(4, &[2]), PtauError::Version { got: 2 }));
    assert!(matches!(error(header, &[48]), PtauError::FieldSize { size: 44, got: 48 }));
    assert!(matches!(error(header + 4, &[0]), PtauError::Curve(_)));
    for power in [0u8, 29, 255] {
        let error = error(header + 36, &[power]);
        assert!(matches!(error, PtauError::Power { .. }), "{error}");
    }
    for bytes in [&[5u8][..], &[7, 0, 0, 0, 7]] {
        let error = error(header + 36, bytes);
        assert!(matches!(error, PtauError::SectionSize { .. }), "{error}");
    }
    let ceremony = error(header + 40, &[5]);
    assert!(matches!(ceremony, PtauError::CeremonyPower { power: 6, got: 5 }));
    // One section fewer than there are leaves the last one over.
    let count = u32::from_le_bytes(FIXTURE[8..12].try_into().unwrap());
    let fewer = error(8, &(count - 1).to_le_bytes());
    assert!(matches!(fewer, PtauError::TrailingBytes { .. }));
    let more = error(8, &(count + 1).to_le_bytes());
    assert!(matches!(more, PtauError::Truncated { part: PtauPart::Label { .. }, .. }));
}

#[test]
fn altered_section_tables_are_refused() {
    for (number, name) in G1_SECTIONS.into_iter().chain(G2_SECTIONS) {
        let (start, size) = section(number);
        let wrong = fault(&altered(start - 8, &(size as u64 + 32).to_le_bytes()));
        assert!(
            matches!(wrong, PtauError::SectionSize { section, .. } if section == name),
            "{wrong}"
        );
        // An unknown number hides the section; an enormous size allocates nothing.
        let absent = fault(&altered(start - 12, &[99]));
        assert!(
            matches!(absent, PtauError::MissingSection { section } if section == name),
            "{absent}"
        );
        let mut unknown = altered(start - 12, &[99]);
        unknown[start - 8..start].copy_from_slice(&u64::MAX.to_le_bytes());
        let part = PtauPart::Section(Section::Other(99));
        let error = fault(&unknown);
        assert!(
            matches!(error, PtauError::Truncated { part: found, .. } if found == part),
            "{error}"
        );
    }
    let twice = fault(&altered(section(5).0 - 12, &[4]));
    let section_4 = Section::AlphaTauG1;
    assert!(
        matches!(twice, PtauError::DuplicateSection { section } if section == section_4),
        "{twice}"
    );
    let headless = fault(&altered(section(1).0 - 12, &[99]));
    assert!(matches!(headless, PtauError::Headless { section: Section::TauG1 }), "{headless}");
}

#[test]
fn truncated_and_extended_files_are_refused() {
    for len in (0..FIXTURE.len()).step_by(397) {
        let error = fault(&FIXTURE[..len]);
        assert!(matches!(error, PtauError::Truncated { .. }), "{len} bytes: {error}");
    }
    let mut long = FIXTURE.to_vec();
    long.push(0);
    assert!(matches!(fault(&long), PtauError::TrailingBytes { .. }));
}
