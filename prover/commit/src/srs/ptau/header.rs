//! What a `.ptau` file says of itself before its points.

use std::io::Read;

use super::curve::{Curve, LONGEST};
use super::error::{PtauError, PtauPart};
use super::input::Input;
use crate::srs::{MAX_POWER, Section};

/// Bytes of a header besides the modulus.
const FIXED: u64 = 12;
/// Bytes of another kind of file that are looked at to tell what it is.
const LOOKED_AT: usize = 64;

/// Reads what the file is, and its version; returns the number of sections.
pub(super) fn read_start<R: Read>(input: &mut Input<R>) -> Result<u32, PtauError> {
    input.begin(PtauPart::Start, 12);
    let magic: [u8; 4] = input.array()?;
    if &magic != b"ptau" {
        let mut start = magic.to_vec();
        start.extend(input.more(LOOKED_AT - magic.len())?);
        return Err(PtauError::Kind { start });
    }
    let version = input.u32()?;
    if version != 1 {
        return Err(PtauError::Version { got: version });
    }
    input.u32()
}

/// Reads the header's section of this size; returns the file's power.
pub(super) fn read_header<R: Read>(input: &mut Input<R>, size: u64) -> Result<u32, PtauError> {
    if !(FIXED..=FIXED + LONGEST).contains(&size) {
        return Err(PtauError::HeaderSize { got: size });
    }
    input.begin(PtauPart::Section(Section::Header), size);
    let bytes = input.u32()?;
    if u64::from(bytes) + FIXED != size {
        return Err(PtauError::FieldSize { size, got: bytes });
    }
    let mut modulus = vec![0u8; bytes as usize];
    input.fill(&mut modulus)?;
    if let Some(other) = Curve::other(&modulus) {
        return Err(PtauError::Curve(other));
    }
    // BN254's modulus takes 32 bytes; points are read as such.
    if modulus.len() != 32 {
        return Err(PtauError::FieldSize { size, got: bytes });
    }
    let (power, ceremony) = (input.u32()?, input.u32()?);
    if !(1..=MAX_POWER).contains(&power) {
        return Err(PtauError::Power { got: power });
    }
    if !(power..=MAX_POWER).contains(&ceremony) {
        return Err(PtauError::CeremonyPower { power, got: ceremony });
    }
    Ok(power)
}
