//! Points that are no reference string, given to every command that reads one.

use crate::project;

use std::path::Path;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::ScalarMul};
use ark_ff::{FftField, Field};
use project::Project;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::Arithmetic;
use zktrain_backends::r1cs::R1csBuilder;
use zktrain_ceremony::phase_two::Ceremony;
use zktrain_commit::srs::{Provenance, Srs};

/// Powers that the project's circuit needs; its rows need fewer.
const CIRCUIT: usize = 1 << 14;
/// Entries of a row; every circuit has four times as many rows at least.
const ROWS: usize = 1 << 10;

/// A string of this `τ`, which claims to be a ceremony's.
fn of(tau: Fr) -> Srs {
    let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * tau));
    let powers: Vec<Fr> = powers.take(CIRCUIT).collect();
    Srs {
        power: 14,
        g1: G1Projective::generator().batch_mul(&powers),
        g2: [G2Affine::generator(), (G2Affine::generator() * tau).into_affine()],
        phase_two: None,
        provenance: Provenance::Imported { source_sha256: [7; 32] },
    }
}

fn root(log: u32) -> Fr {
    Fr::get_root_of_unity(1 << log).unwrap()
}

/// A point of the twist outside the group of order `r`.
fn outside() -> G2Affine {
    let x = |x: u64| ark_bn254::Fq2::new(x.into(), 1u64.into());
    let points = (1..).filter_map(|n| G2Affine::get_point_from_x_unchecked(x(n), true));
    let mut found = points.filter(|p| !p.is_in_correct_subgroup_assuming_on_curve());
    found.next().unwrap()
}

/// What is wrong, what is said, whether the rows show it, and the string.
fn strings(honest: &Srs) -> Vec<(&'static str, &'static str, bool, Srs)> {
    let altered = |alter: &dyn Fn(&mut Srs)| {
        let mut srs = honest.clone();
        alter(&mut srs);
        srs
    };
    let shift = |srs: &mut Srs, at: usize| {
        srs.g1[at] = (srs.g1[at] + G1Affine::generator()).into_affine();
    };
    let two = Fr::from(2u64);
    let double = |srs: &mut Srs| {
        let doubled: Vec<G1Projective> = srs.g1.iter().map(|p| *p * two).collect();
        srs.g1 = G1Projective::normalize_batch(&doubled);
    };
    let small = Fr::from((1u64 << 20) - 3);
    vec![
        ("a power of the rows", "tauG1: pairing", true, altered(&|s| shift(s, 3))),
        ("a power behind the rows", "tauG1: pairing", false, altered(&|s| shift(s, 2 * ROWS))),
        ("the unit of G1", "tauG1 does not start with the generator", true, altered(&double)),
        (
            "the unit of G2",
            "tauG2 does not start with the generator",
            true,
            altered(&|s| s.g2[0] = (s.g2[1] * two).into_affine()),
        ),
        ("another [τ]", "tauG1: pairing", true, altered(&|s| s.g2[1] = (s.g2[1] * two).into())),
        ("no [τ]", "outside the prime-order group", true, altered(&|s| s.g2[1] = outside())),
        ("τ = 1", "nobody has contributed", true, of(Fr::ONE)),
        ("τ = −1", "below 2^20", true, of(-Fr::ONE)),
        ("a small τ", "below 2^20", true, of(small)),
        ("minus a small τ", "below 2^20", true, of(-small)),
        ("a root of order 2^5", "a root of unity", true, of(root(5))),
        ("a root of order 2^28", "a root of unity", true, of(root(28).pow([7]))),
    ]
}

/// Commands that read the project's string: with its rows' powers alone, and with the circuit's.
/// `chain work` opens a project as `chain join` does, which is among those that need a chain.
const WITH_ROWS: [&[&str]; 12] = [
    &["data", "commit", "p", "--plain", "--force"],
    &["train", "p"],
    &["prove", "p", "--compress", "none"],
    &["verify", "p"],
    &["verify", "p/proofs/000000.proof"],
    &["roots", "p"],
    &["proof", "inspect", "p/proofs/000000.proof"],
    &["proof", "export", "p/proofs/000000.proof", "--format", "json", "--out", "out"],
    &["proof", "export", "p/proofs/000000.proof", "--format", "snarkjs", "--out", "out"],
    &["setup", "insecure", "p"],
    &["chain", "submit", "p/proofs/000000.proof"],
    &["chain", "propose", "1", "p", "--out", "out"],
];
const WITH_CIRCUIT: [&[&str]; 11] = [
    &["data", "commit", "p", "--force"],
    &["prove", "p", "--from", "0"],
    &["verify", "p"],
    &["keys", "derive", "p"],
    &["keys", "check", "p/keys/halo2.vk", "p"],
    &["proof", "export", "p/proofs/000000.proof", "--format", "calldata", "--out", "out"],
    &["srs", "info", "--check", "honest.bin"],
    &["setup", "new", "p", "-o", "out"],
    &["setup", "verify", "held.ceremony", "p"],
    &["setup", "finish", "held.ceremony", "p"],
    &["chain", "domain", "open", "p"],
];
/// Commands that ask a chain first. They load the string as the others do, so they are given only
/// those that are altered in one power.
const WITH_CHAIN: [&[&str]; 3] = [
    &["chain", "join", "1", "p", "--key", "coordinator.json"],
    &[
        "coordinator",
        "--domain",
        "1",
        "--project",
        "p",
        "--key",
        "coordinator.json",
        "--budget",
        "9",
    ],
    &["trainer", "--domain", "1", "--project", "p", "--key", "coordinator.json", "--coordinator"],
];

/// What commands work on: registered data, a proof, a key, a ceremony, a chain with a domain.
fn made(project: &Project) {
    project.ok(&["data", "commit", "p"]);
    project.ok(&["train", "p", "--epochs", "1"]);
    project.ok(&["prove", "p", "--proofs", "1"]);
    project.ok(&["keys", "derive", "p"]);
    hold_ceremony(&project.folder.path().join("held.ceremony"));
    project.ok(&["chain", "key", "new", "coordinator.json"]);
    for command in [&["deploy"][..], &["stake", "1000"], &["domain", "open", "p"]] {
        project.ok(&[&["chain", "--key", "coordinator.json"], command].concat());
    }
}

/// A ceremony that can be read, of a circuit of one constraint.
fn hold_ceremony(path: &Path) {
    let (mut builder, [x, ..]) = R1csBuilder::new([Fr::ONE; 3]);
    builder.mul(&x, &x);
    let system = builder.finish().system;
    let srs = Srs::generate(system.domain_log() + 1, &mut ChaCha20Rng::seed_from_u64(8));
    Ceremony::new(&system, &srs.check().unwrap()).unwrap().save(path).unwrap();
}

/// That a command names the string's file and what is wrong with it.
fn refuses(project: &Project, command: &[&str], what: &str, said: &str) {
    // Nobody is there; it is not asked for.
    let nobody = (command[0] == "trainer").then_some("127.0.0.1:9");
    let command: Vec<&str> = command.iter().copied().chain(nobody).collect();
    let error = project.fails(&command);
    let named = error.contains("honest.bin") && error.contains(said);
    assert!(named && !error.contains("panicked"), "{what}: {command:?}: {error}");
}

#[test]
fn no_command_takes_points_that_are_no_string() {
    let project = Project::with_rows(40);
    let path = project.folder.path().join("honest.bin");
    let honest = Srs::generate_g1(14, &mut ChaCha20Rng::seed_from_u64(7));
    honest.save(&path).unwrap();
    project.init(&["--srs", "honest.bin"]);
    project.shorten_rows(10);
    made(&project);
    let before = project::files(&project.path(""));
    for (what, said, in_rows, srs) in strings(&honest) {
        srs.save(&path).unwrap();
        let rows: &[&[&str]] = if in_rows { &WITH_ROWS } else { &[] };
        let chain: &[&[&str]] = if what.starts_with("a power") { &WITH_CHAIN } else { &[] };
        for command in rows.iter().chain(&WITH_CIRCUIT).chain(chain) {
            refuses(&project, command, what, said);
        }
        assert_eq!(project::files(&project.path("")), before, "{what}");
    }
    // Of an altered power behind them the rows know nothing, and need not.
    honest.save(&path).unwrap();
    project.verify(&["p"]);
}

/// A powers-of-tau file as snarkjs writes it, of `2^2` powers, with this `τ = α = β`.
fn ptau(secret: Fr) -> Vec<u8> {
    let coordinate = |x: &Fq| x.0.0.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>();
    let g1 = |s: Fr| {
        let p = (G1Projective::generator() * s).into_affine();
        [coordinate(&p.x), coordinate(&p.y)].concat()
    };
    let g2 = |s: Fr| {
        let p = (G2Affine::generator() * s).into_affine();
        [&p.x.c0, &p.x.c1, &p.y.c0, &p.y.c1].map(coordinate).concat()
    };
    let power = |i: u64| secret.pow([i]);
    let mut header = 32u32.to_le_bytes().to_vec();
    header.extend(<Fq as ark_ff::PrimeField>::MODULUS.0.iter().flat_map(|limb| limb.to_le_bytes()));
    header.extend([2u32, 2].iter().flat_map(|n| n.to_le_bytes()));
    let sections = [
        header,
        (0..7).flat_map(|i| g1(power(i))).collect(),
        (0..4).flat_map(|i| g2(power(i))).collect(),
        (0..4).flat_map(|i| g1(secret * power(i))).collect(),
        (0..4).flat_map(|i| g1(secret * power(i))).collect(),
        g2(secret),
        0u32.to_le_bytes().to_vec(),
    ];
    let mut file = b"ptau".to_vec();
    file.extend([1u32, 7].iter().flat_map(|n| n.to_le_bytes()));
    for (number, section) in (1u32..).zip(&sections) {
        file.extend(number.to_le_bytes());
        file.extend((section.len() as u64).to_le_bytes());
        file.extend(section);
    }
    file
}

#[test]
fn a_file_to_which_nobody_contributed_is_not_imported() {
    let project = Project::with_rows(1);
    let file = |name: &str, secret: Fr| {
        std::fs::write(project.folder.path().join(name), ptau(secret)).unwrap();
    };
    let import = ["srs", "import", "x.ptau", "-o", "x.bin"];
    for secret in [Fr::ONE, -Fr::ONE, Fr::from(17u64), root(28)] {
        file("x.ptau", secret);
        let error = project.fails(&import);
        let said = if secret == Fr::ONE { "nobody has contributed" } else { "its secret is" };
        assert!(error.contains("x.ptau") && error.contains(said), "{error}");
        assert!(error.contains("after its last contribution"), "{error}");
        assert!(!Path::new(&project.folder.path().join("x.bin")).exists());
    }
    file("x.ptau", Fr::from(5u64).pow([1 << 40]));
    project.ok(&import);
    project.ok(&["srs", "info", "x.bin", "--check"]);
}
