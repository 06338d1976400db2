use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

const KEY: [u8; 32] = [7; 32];
const SYSTEM: [u8; 32] = [9; 32];

fn first(purpose: Label, known: &[u8], key: &LocalKey, witness: &Hash) -> Fr {
    Fr::rand(&mut Randomness::new(purpose, known, key, witness).unwrap())
}

#[test]
fn labels_are_listed_and_have_names_of_their_own() {
    let names: BTreeSet<&str> = Label::ALL.iter().map(|label| label.name()).collect();
    assert_eq!(names.len(), Label::ALL.len());
    let last = Label::ALL.iter().max().copied();
    assert_eq!(last.map(|label| label as usize + 1), Some(Label::ALL.len()), "a label is missing");
}

/// With everything else equal, the operating system's bytes included.
#[test]
fn every_input_makes_another_stream() {
    let broken = |key| LocalKey::with_repeating_system(key, SYSTEM);
    let mut streams: Vec<Fr> =
        Label::ALL.iter().map(|label| first(*label, b"", &broken(KEY), &[0; 32])).collect();
    let label = Label::OwnRows;
    streams.push(first(label, b"a", &broken(KEY), &[0; 32]));
    streams.push(first(label, b"a\0", &broken(KEY), &[0; 32]));
    streams.push(first(label, b"", &broken([8; 32]), &[0; 32]));
    streams.push(first(label, b"", &broken(KEY), &[1; 32]));
    let other = LocalKey::with_repeating_system(KEY, [10; 32]);
    streams.push(first(label, b"", &other, &[0; 32]));
    let distinct: BTreeSet<Fr> = streams.iter().copied().collect();
    assert_eq!(distinct.len(), streams.len());
    let again = first(label, b"", &broken(KEY), &[0; 32]);
    assert_eq!(again, streams[2], "equal inputs give equal streams, or the test shows nothing");
}

#[test]
fn the_operating_systems_bytes_are_used() {
    let key = LocalKey::new(KEY);
    assert_ne!(first(Label::Salt, b"", &key, &[0; 32]), first(Label::Salt, b"", &key, &[0; 32]));
}

#[test]
fn without_an_operating_systems_bytes_there_is_no_generator() {
    let key = LocalKey::with_failing_system(KEY);
    assert!(matches!(Randomness::new(Label::Salt, b"", &key, &[0; 32]), Err(NoRandomness)));
    let fresh = ProofRandomness::fresh(&Context { key: &key, known: b"" }, &[], 1, 1);
    assert!(matches!(fresh, Err(NoRandomness)));
}

#[test]
fn parts_of_a_proof_share_nothing_and_two_statements_no_mask() {
    let key = LocalKey::with_repeating_system(KEY, SYSTEM);
    let rows = [Row::Dense(vec![1, 2, 3])];
    let fresh = |known| ProofRandomness::fresh(&Context { key: &key, known }, &rows, 4, 2).unwrap();
    let mut all = Vec::new();
    for known in [b"one statement".as_slice(), b"another"] {
        let ProofRandomness { blinds, mask, mask_blinding, salt } = fresh(known);
        all.extend(blinds.into_iter().chain(mask).chain([mask_blinding, salt]));
    }
    let distinct: BTreeSet<Fr> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (20, 20));
    assert_eq!(fresh(b"another".as_slice()).mask, fresh(b"another").mask);
}

#[test]
fn digests_tell_rows_apart() {
    let rows = [
        vec![Row::Dense(vec![])],
        vec![Row::Sparse(vec![])],
        vec![Row::Dense(vec![1, 2])],
        vec![Row::Sparse(vec![(0, 1), (1, 2)])],
        vec![Row::Dense(vec![1]), Row::Dense(vec![2])],
        vec![Row::Dense(vec![0, 2])],
    ];
    let digests: BTreeSet<Hash> = rows.iter().map(|rows| sheet_digest(rows)).collect();
    assert_eq!(digests.len(), rows.len());
    let scalars: Vec<Fr> = (0..5000u64).map(Fr::from).collect();
    let digests = [&scalars[..], &scalars[1..], &scalars[..4096]].map(scalars_digest);
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), 3);
}

/// Sources below a folder, tests left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if ["tests", "examples", "benches", "target", "node_modules"].contains(&name.as_str()) {
                continue;
            }
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// Where sources are: the program and the districts of its crates.
const CRATES: [&str; 8] =
    ["circuits", "contracts", "coordinator", "prover", "src", "trainer", "verifier", "zktrain"];

/// Who makes generators all the same, and why it may.
const ELSEWHERE: [(&str, &str); 13] = [
    ("src/audit/live.rs", "the key of nobody, with which nothing is signed"),
    ("src/chain/mod.rs", "names of transactions, and the key of nobody"),
    ("src/commands/chain/account.rs", "the name of a transfer: two that are equal are two"),
    ("src/commands/demo/shards.rs", "a fixed order of public data"),
    ("trainer/member/src/hostile", "tests, which repeat what a seed has found"),
    ("verifier/verify/src/batch.rs", "weights that hide nothing: adr/0028"),
    ("trainer/src/parameters.rs", "the first model, from a public seed"),
    ("trainer/src/synthetic.rs", "data of nobody, from a public seed"),
    ("contracts/devnet/src/execute.rs", "what a chain's beacon says, on a chain of one machine"),
    ("contracts/chain/src/keystore.rs", "keys of accounts: the libraries that use them make them"),
    ("coordinator/secagg/src/stream.rs", "masks that two parties derive from one secret: adr/0031"),
    (
        "coordinator/secagg/src/blame/defend.rs",
        "a defence, derived from the round's secret: adr/0031",
    ),
    ("coordinator/wire/src/client/link.rs", "how long to wait before connecting again"),
];

/// Nobody else asks the operating system, and nobody else seeds a generator.
#[test]
fn generators_are_made_here_alone() {
    const FORBIDDEN: [&str; 6] =
        ["OsRng", "thread_rng", "getrandom", "from_entropy", "from_seed", "seed_from_u64"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut files = Vec::new();
    CRATES.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    assert!(files.len() > 250, "{} sources", files.len());
    let mut makers = BTreeSet::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        // What follows is a file's own tests, which come last.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if FORBIDDEN.iter().any(|word| code.contains(*word)) {
            let path = path.strip_prefix(root).unwrap();
            let known = ELSEWHERE.iter().map(|(known, _)| *known).find(|k| path.starts_with(k));
            let here = path == Path::new("prover/commit/src/random.rs");
            let name = known.or(here.then_some("here"));
            makers.insert(name.unwrap_or_else(|| panic!("{} makes a generator", path.display())));
        }
    }
    let expected = ELSEWHERE.iter().map(|(known, _)| *known).chain(["here"]);
    let expected: BTreeSet<&str> = expected.collect();
    assert_eq!(makers, expected, "an exception that nobody needs");
}
