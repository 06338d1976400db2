//! What must not be found anywhere but with its owner, in the forms in which it could be written.

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use zktrain_trainer::dataset::Dataset;

/// Something that must not be found, and what it is.
pub struct Planted {
    pub what: String,
    pub bytes: Vec<u8>,
}

/// Integers of a sample in a row, as 16 and 32 bits in both orders and as text, and three
/// in a row as field elements. Single ones would be found anywhere, and so would a small number
/// among zeros: a page of any store is full of them.
pub fn integer_forms(data: &Dataset, all: &mut Vec<Planted>) {
    let windows = data.inputs.chunks(data.width).chain(data.labels.chunks(16));
    for (index, cells) in windows.enumerate() {
        let join = |of: fn(&i16) -> Vec<u8>| cells.iter().flat_map(of).collect::<Vec<u8>>();
        let text = |separator: &str| {
            let cells: Vec<String> = cells.iter().map(i16::to_string).collect();
            cells.join(separator).into_bytes()
        };
        for (form, bytes) in [
            ("16 bits, little endian", join(|v| v.to_le_bytes().to_vec())),
            ("16 bits, big endian", join(|v| v.to_be_bytes().to_vec())),
            ("32 bits, little endian", join(|v| i32::from(*v).to_le_bytes().to_vec())),
            ("32 bits, big endian", join(|v| i32::from(*v).to_be_bytes().to_vec())),
            ("text with commas", text(",")),
            ("text with commas and blanks", text(", ")),
        ] {
            all.push(Planted { what: format!("sample or labels {index}, {form}"), bytes });
        }
    }
    let element = |cell: &i16| Fr::from(i64::from(*cell)).into_bigint();
    for cells in data.inputs.windows(3).filter(|cells| !cells.contains(&0)) {
        let what = |order| format!("integers {cells:?} as field elements, {order} endian");
        let join =
            |of: fn(BigInt<4>) -> Vec<u8>| cells.iter().flat_map(|c| of(element(c))).collect();
        all.push(Planted { what: what("big"), bytes: join(|e| e.to_bytes_be()) });
        all.push(Planted { what: what("little"), bytes: join(|e| e.to_bytes_le()) });
    }
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
