//! Changes of bytes, for readers of every kind of file.

use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::harness::pick;

/// Numbers at which readers tend to be wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    65_535,
    1 << 16,
    (1 << 31) - 1,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];

/// What stands in texts in place of a number.
const WORDS: [&str; 14] = [
    "0",
    "-1",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "65537",
    "\"\"",
    "[]",
    "null",
    "true",
];

/// One to four changes, most of them near the start, where headers are.
pub fn alter(rng: &mut ChaCha20Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.gen_range(1..=4) {
        once(rng, bytes);
    }
}

fn place(rng: &mut ChaCha20Rng, len: usize) -> usize {
    let end = if rng.gen_bool(0.5) { len.min(256) } else { len };
    rng.gen_range(0..end.max(1))
}

fn once(rng: &mut ChaCha20Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(rng.r#gen());
        return;
    }
    let at = place(rng, bytes.len());
    match rng.gen_range(0..10) {
        0 => bytes[at] ^= 1 << rng.gen_range(0..8),
        1 => bytes[at] = rng.r#gen(),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, rng.r#gen()),
        4 => {
            bytes.remove(at);
        }
        5 => number(rng, &mut bytes[at..]),
        6 => {
            // A part of the file once more, at another place.
            let end = bytes.len().min(at + rng.gen_range(1..=64));
            let part = bytes[at..end].to_vec();
            let to = place(rng, bytes.len());
            bytes.splice(to..to, part);
        }
        7 => {
            let end = bytes.len().min(at + rng.gen_range(1..=64));
            bytes.drain(at..end);
        }
        8 => word(rng, bytes, at),
        _ => bytes.extend((0..rng.gen_range(1..=40)).map(|_| rng.r#gen::<u8>())),
    }
}

/// Writes an integer of four or eight bytes over what is there.
fn number(rng: &mut ChaCha20Rng, bytes: &mut [u8]) {
    let value = *pick(rng, &NUMBERS);
    let long = if rng.r#gen() { value.to_be_bytes() } else { value.to_le_bytes() };
    let short =
        if rng.r#gen() { (value as u32).to_be_bytes() } else { (value as u32).to_le_bytes() };
    let new = if rng.r#gen() { &long[..] } else { &short[..] };
    bytes.iter_mut().zip(new).for_each(|(byte, new)| *byte = *new);
}

/// Puts a word where a run of digits is, next after `at`.
fn word(rng: &mut ChaCha20Rng, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) else {
        return;
    };
    let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let end = bytes[start..].iter().position(|byte| !digits(byte));
    let end = end.map_or(bytes.len(), |n| start + n);
    bytes.splice(start..end, pick(rng, &WORDS).bytes());
}
