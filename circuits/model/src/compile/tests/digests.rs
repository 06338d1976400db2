//! Whole relations by their digests: a change of any tensor, constraint, lookup, table, or of their
//! order, is seen. What proofs, keys and fixtures say depends on all of it.
//!
//! `ZKTRAIN_WRITE_FIXTURES=1` writes the list. Which constraints have changed is told by the table of
//! counts first.

use std::fmt::{Debug, Write};

use sha3::{Digest, Keccak256};

use super::*;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/constraints/digests.txt");

/// Everything that a value holds, as it is printed: with its types' names, so a type that is renamed changes digests too.
struct Printed(Keccak256);

impl Write for Printed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(value: &impl Debug) -> String {
    let mut printed = Printed(Keccak256::new());
    write!(printed, "{value:?}").unwrap();
    hex(printed.0.finalize())
}

#[test]
fn relations_are_those_committed_to_the_last_term() {
    let mut list = String::new();
    for (name, text) in MANIFESTS {
        let manifest = Manifest::from_toml(text).unwrap();
        writeln!(list, "{name} manifest {}", hex(manifest.hash())).unwrap();
        let bounded = Limits::default().admit(manifest.network().unwrap()).unwrap();
        let (training, ids) = compile_training(&bounded).unwrap();
        writeln!(list, "{name} training {}", digest(&training)).unwrap();
        writeln!(list, "{name} tensors {}", digest(&ids)).unwrap();
        let (registration, ids) = compile_dataset(&bounded, 2).unwrap();
        writeln!(list, "{name} registration {}", digest(&(registration, ids))).unwrap();
    }
    if std::env::var_os("ZKTRAIN_WRITE_FIXTURES").is_some() {
        std::fs::write(LIST, &list).unwrap();
    }
    let known = std::fs::read_to_string(LIST).unwrap();
    for (got, expected) in list.lines().zip(known.lines()) {
        assert_eq!(got, expected);
    }
    assert_eq!(list.lines().count(), known.lines().count());
}
