//! Files that are taken for one another: what they are told by.

/// What a file is that begins like this. Of two that fit, the longer one comes first.
const BEGINNINGS: [(&[u8], &str); 7] = [
    (b"ptau", "a ceremony's powers of tau (.ptau)"),
    (b"zkey", "a proving key of snarkjs (.zkey)"),
    (b"wtns", "a witness of circom (.wtns)"),
    (b"r1cs", "a constraint system of circom (.r1cs)"),
    (b"\0asm", "a program in WebAssembly (.wasm), as circom writes them"),
    (b"zktrain-srs-", "a reference string that zktrain wrote, which needs no import"),
    (b"zktrain-", "another file of zktrain"),
];

/// Bytes of an unknown beginning that are shown.
const SHOWN: usize = 12;

/// What the file is that begins with `start`, as the end of a sentence.
pub(super) fn told(start: &[u8]) -> String {
    match BEGINNINGS.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        Some((_, kind)) => format!("this is {kind}"),
        None => {
            let shown = &start[..start.len().min(SHOWN)];
            format!("it begins with \"{}\"", shown.escape_ascii())
        }
    }
}
