//! Messages about damaged `.ptau` files and about files of other kinds, for users who do not know
//! the format.

use super::*;

const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/pot6.ptau");
/// Bytes before the first section, and before a section's data.
const LABEL: usize = 12;
/// The header's data.
const HEADER: usize = 2 * LABEL;

/// Modulus of the coordinates of BLS12-381.
const BLS12_381: &str = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624\
                         1eabfffeb153ffffb9feffffffffaaab";

fn said(file: &[u8]) -> String {
    Srs::import_ptau(file).unwrap_err().to_string()
}

fn altered(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = FIXTURE.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Number, start of the data and size of each section of the fixture.
fn sections() -> Vec<(u32, usize, usize)> {
    let mut found = Vec::new();
    let mut at = LABEL;
    while at < FIXTURE.len() {
        let number = u32::from_le_bytes(FIXTURE[at..at + 4].try_into().unwrap());
        let size = u64::from_le_bytes(FIXTURE[at + 4..at + LABEL].try_into().unwrap()) as usize;
        found.push((number, at + LABEL, size));
        at += LABEL + size;
    }
    found
}

/// A file whose header gives a modulus of so many bytes, and nothing behind the header.
fn over(modulus: &[u8]) -> Vec<u8> {
    let mut file = b"ptau".to_vec();
    file.extend([1u32, 7, 1].iter().flat_map(|n| n.to_le_bytes()));
    file.extend((modulus.len() as u64 + 12).to_le_bytes());
    file.extend((modulus.len() as u32).to_le_bytes());
    file.extend(modulus);
    file.extend([14u32, 14].iter().flat_map(|n| n.to_le_bytes()));
    file
}

/// Little-endian bytes of a number in hexadecimal.
fn little_endian(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).rev();
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn another_curve_is_named() {
    let told = said(&over(&little_endian(BLS12_381)));
    assert!(told.contains("the curve BLS12-381") && told.contains("381 bits"), "{told}");
    assert!(told.contains("zktrain needs BN254") && told.contains("bn128"), "{told}");
    // Whatever the width: some programs write all moduli in 64 bytes.
    let mut wide = little_endian(BLS12_381);
    wide.resize(64, 0);
    assert_eq!(said(&over(&wide)), told);
    let told = said(&over(&[0xff; 40]));
    assert!(told.contains("an unknown curve") && told.contains("320 bits"), "{told}");
    assert!(told.contains("0xffffffffffffffff…") && told.contains("BN254"), "{told}");
    assert!(said(&over(&[0; 32])).contains("which is zero"));
    // One bit of BN254's own.
    let told = said(&altered(HEADER + 4, &[FIXTURE[HEADER + 4] ^ 1]));
    assert!(told.contains("an unknown curve") && told.contains("254 bits"), "{told}");
}

#[test]
fn headers_that_none_can_have_are_told_with_both_numbers() {
    let told = said(&altered(HEADER, &[48]));
    for part in ["section 1 (header) has 44 bytes", "takes 48", "44 and 32"] {
        assert!(told.contains(part), "{told}");
    }
    for size in [0u64, 11, 1000, u64::MAX] {
        let told = said(&altered(HEADER - 8, &size.to_le_bytes()));
        let expected = format!("section 1 (header) has {size} bytes; that of a file over BN254");
        assert!(told.contains(&expected) && told.ends_with("has 44"), "{told}");
    }
    for power in [0u8, 29, 255] {
        let told = said(&altered(HEADER + 36, &[power]));
        assert!(told.contains(&format!("its power is {power};")), "{told}");
        assert!(told.contains("between 1 and 28"), "{told}");
    }
    for ceremony in [5u8, 29] {
        let told = said(&altered(HEADER + 40, &[ceremony]));
        assert!(told.contains(&format!("power is 6 and its ceremony's is {ceremony};")), "{told}");
        assert!(told.contains("between the file's and 28"), "{told}");
    }
    let told = said(&altered(4, &[2]));
    assert!(told.contains("version 2 of the .ptau format") && told.contains("version 1"), "{told}");
}

#[test]
fn a_file_that_is_cut_says_where_and_how_much_is_missing() {
    let names = [
        "section 1 (header)",
        "section 2 (tauG1)",
        "section 3 (tauG2)",
        "section 4 (alphaTauG1)",
        "section 5 (betaTauG1)",
        "section 6 (betaG2)",
        "section 7 (contributions)",
    ];
    assert_eq!(sections().len(), names.len());
    for (before, ((_, start, size), name)) in sections().into_iter().zip(names).enumerate() {
        for there in [0, size / 2, size - 1] {
            let told = said(&FIXTURE[..start + there]);
            let expected = format!("ends inside {name}: {there} of its {size} bytes are there");
            assert!(told.contains(&expected), "{told}");
        }
        for cut in [1, LABEL] {
            let told = said(&FIXTURE[..start - cut]);
            let expected = format!("the file ends after {before} of the 7 sections");
            assert!(told.contains(&expected), "{told}");
        }
    }
    assert_eq!(said(b""), "the file is empty");
    for there in [1, 4, 11] {
        let told = said(&FIXTURE[..there]);
        assert!(told.contains(&format!("ends after {there} bytes; a .ptau begins with 12")));
    }
    let told = said(&[FIXTURE, b"!"].concat());
    let expected = format!("after the last of its 7 sections, {} bytes", FIXTURE.len());
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn other_kinds_of_files_are_named() {
    let kinds: [(&[u8], &str); 7] = [
        (b"zkey\x01\0\0\0\x0a\0\0\0", "a proving key of snarkjs (.zkey)"),
        (b"wtns\x02\0\0\0\x02\0\0\0", "a witness of circom (.wtns)"),
        (b"r1cs\x01\0\0\0\x05\0\0\0", "a constraint system of circom (.r1cs)"),
        (b"\0asm\x01\0\0\0", "WebAssembly"),
        (b"zktrain-srs-v1\0\x01", "a reference string that zktrain wrote, which needs no import"),
        (b"zktrain-g16-pk\0\x01", "another file of zktrain"),
        (b"<!DOCTYPE html><html>\x1b[31m", "it begins with \"<!DOCTYPE ht\""),
    ];
    for (file, kind) in kinds {
        let told = said(file);
        assert!(told.contains("not a ceremony's powers of tau (.ptau)"), "{told}");
        assert!(told.contains(kind), "{told}");
    }
    // Nothing in the file reaches a terminal.
    assert!(said(b"\x1b[31m\0\xff").contains(r#""\x1b[31m\x00\xff""#));
}

#[test]
fn sections_are_told_by_number_and_name() {
    for (number, start, size) in &sections()[1..6] {
        let told = said(&altered(start - 8, &(*size as u64 + 32).to_le_bytes()));
        assert!(told.starts_with(&format!("section {number} (")), "{told}");
        assert!(told.contains(&format!(") has {} bytes;", size + 32)), "{told}");
        assert!(told.contains("the power 6") && told.ends_with(&format!("it has {size}")));
        // Behind another number the section is not there.
        let told = said(&altered(start - LABEL, &[99]));
        assert!(told.starts_with(&format!("section {number} (")), "{told}");
        assert!(told.ends_with(") is missing"), "{told}");
        // The first byte of its first point.
        let told = said(&altered(*start, &[1]));
        assert!(told.starts_with(&format!("section {number} (")), "{told}");
        assert!(told.contains("point 0: not a point of BN254"), "{told}");
        let told = said(&altered(*start, &[0xff; 32]));
        assert!(told.contains("a coordinate is not below the field's modulus"), "{told}");
    }
    let told = said(&altered(sections()[4].1 - LABEL, &[4]));
    assert_eq!(told, "section 4 (alphaTauG1) appears twice");
    assert_eq!(said(&altered(sections()[1].1 - LABEL, &[1])), "section 1 (header) appears twice");
    let told = said(&altered(sections()[0].1 - LABEL, &[99]));
    assert!(told.starts_with("section 2 (tauG1) comes before section 1 (header)"), "{told}");
    // A size that nothing has, of a section that is skipped.
    let (_, start, size) = sections()[6];
    let told = said(&altered(start - 8, &(1u64 << 60).to_le_bytes()));
    let expected = format!("(contributions): {size} of its {} bytes are there", 1u64 << 60);
    assert!(told.contains(&expected), "{told}");
}

/// Fails when it is asked for the byte at a place.
struct Failing(usize);

impl std::io::Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let left = FIXTURE.len() - self.0;
        let (start, count) = (self.0, out.len().min(left).min(7));
        if count == 0 || start >= 1000 {
            return Err(std::io::Error::other("the disk is on fire"));
        }
        out[..count].copy_from_slice(&FIXTURE[start..start + count]);
        self.0 += count;
        Ok(count)
    }
}

#[test]
fn a_disk_that_fails_is_told_with_the_place() {
    let told = Srs::import_ptau(Failing(0)).unwrap_err().to_string();
    assert!(told.starts_with("reading section 2 (tauG1), 10"), "{told}");
    assert!(told.ends_with("bytes from the file's start: the disk is on fire"), "{told}");
}
