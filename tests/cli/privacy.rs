//! No private value leaves the named secret files: planted cells are searched for, in
//! every form in which they could have been written, in all that the program wrote.

use crate::project;

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use project::planted::{Planted, contains, integer_forms};
use project::{COLUMNS, Project, csv, files, rows};
use zktrain_model::manifest::Manifest;
use zktrain_statement::compressed::CompressedProof;
use zktrain_statement::wire::ProofFile;
use zktrain_trainer::dataset::Source;

/// All forms of the private cells.
fn planted(data: &Path, manifest: &Path) -> Vec<Planted> {
    let manifest = Manifest::from_toml(&std::fs::read_to_string(manifest).unwrap()).unwrap();
    let network = manifest.network().unwrap();
    let table = Source::Csv(data.to_owned()).read_for(&manifest.data).unwrap();
    let integers = table.quantized(&manifest, &network).unwrap();
    let mut all = Vec::new();
    for (index, cell) in table.features.iter().enumerate() {
        let text = format!("{cell:.4}");
        let scaled = (cell - 5000.0) * 0.0004;
        for (form, bytes) in [
            ("decimal", text.trim_end_matches('0').as_bytes().to_vec()),
            ("three decimals", format!("{cell:.3}").into_bytes()),
            ("double, little endian", cell.to_le_bytes().to_vec()),
            ("double, big endian", cell.to_be_bytes().to_vec()),
            ("scaled double", scaled.to_le_bytes().to_vec()),
            ("scaled decimal", format!("{scaled:.6}").into_bytes()),
        ] {
            all.push(Planted { what: format!("cell {index}, {form}"), bytes });
        }
    }
    integer_forms(&integers, &mut all);
    all
}

/// Zeros and ones are padding: empty branches of the lookup tree are 0/1.
fn padding(word: &[u8]) -> bool {
    word[..31].iter().all(|byte| *byte == 0) && word[31] < 2
}

/// Words of proofs: from the first bytes of an uncompressed one on, and the last block of a
/// file of a compressed one.
fn words(bytes: &[u8]) -> Vec<&[u8; 32]> {
    let magic = zktrain_statement::proof::MAGIC;
    let plain = bytes.windows(magic.len()).position(|window| window == magic);
    let plain = plain.map(|at| &bytes[at + magic.len() + 4..]);
    let body = bytes.strip_prefix(CompressedProof::TRAINING_FILE).map(|body| {
        let length = |at: usize| u64::from_be_bytes(body[at..at + 8].try_into().unwrap()) as usize;
        &body[24 + length(8)..]
    });
    plain.or(body).unwrap_or_default().as_chunks::<32>().0.iter().collect()
}

/// Words of a proof that are small integers of either sign, small enough to be a cell: honest
/// words are evaluations at random points, or uniform.
fn small_words(bytes: &[u8]) -> Vec<Fr> {
    let small = |x: &Fr| {
        let limit = Fr::from(1u64 << 32).into_bigint();
        x.into_bigint() < limit || (-*x).into_bigint() < limit
    };
    let words = words(bytes).into_iter().filter(|word| !padding(*word));
    let both = words.flat_map(|w| [Fr::from_be_bytes_mod_order(w), Fr::from_le_bytes_mod_order(w)]);
    both.filter(small).collect()
}

/// The private value that is in `bytes`, if one is.
fn found<'a>(bytes: &[u8], planted: &'a [Planted]) -> Option<&'a str> {
    planted.iter().find(|p| contains(bytes, &p.bytes)).map(|p| p.what.as_str())
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A project whose every command ran once with text and once with JSON, its proofs in one form.
fn told(form: &str) -> Project {
    let project = Project::with_rows(40);
    project.init(&[]);
    let plain: &[&str] = if form == "none" { &["--plain"] } else { &[] };
    let commit = [&["data", "commit", "p"], plain].concat();
    let prove = ["prove", "p", "--compress", form];
    let proof = |i: usize| match form {
        "none" => format!("proofs/{i:06}.proof.NOT-ZK"),
        _ => format!("proofs/{i:06}.proof"),
    };
    project.ok(&commit);
    if form == "groth16" {
        project.ok(&["setup", "insecure", "p"]);
    }
    project.ok(&["train", "p"]);
    project.ok(&prove);
    project.verify(&["p"]);
    project.ok(&["model", "inspect", "p/model.int.safetensors"]);
    let single = format!("p/{}", proof(0));
    for args in [
        &[&commit[..], &["--force"]].concat()[..],
        &["train", "p"],
        &prove,
        &[&["verify", "p"], &project.pins()[..]].concat(),
        &[&["verify", &single], &project.pins_of_proofs()[..]].concat(),
        &["proof", "inspect", &single],
        &["model", "inspect", "p/model.safetensors"],
    ] {
        project.json(args);
    }
    if form != "none" {
        project.verify(&["p", "--evm"]);
        project.ok(&["proof", "export", &single, "--format", "json", "--out", "p/proof.json"]);
        project.ok(&["proof", "export", &single, "--format", "calldata", "--out", "p/call.hex"]);
    }
    // Failures speak too.
    project.fails(&["data", "commit", "p"]);
    let flip = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
    };
    project.with_change(&proof(1), flip, || project.fails(&["verify", "p"]));
    project
}

#[test]
fn no_planted_cell_is_in_any_file_or_output() {
    for form in ["none", "halo2", "groth16"] {
        nothing_is_found(&told(form));
    }
}

fn nothing_is_found(project: &Project) {
    let planted = planted(&project.folder.path().join("mine.csv"), &project.path("manifest.toml"));
    assert!(planted.len() > 40 * 4 * 6);
    let mut searched = 0;
    for path in files(&project.path("")) {
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(found(&bytes, &planted), None, "{}", path.display());
        assert_eq!(small_words(&bytes), [], "{}", path.display());
        searched += 1;
    }
    assert!(searched > 20, "{searched} files");
    let said = project.said.borrow();
    assert!(said.len() > 4000);
    assert_eq!(found(&said, &planted), None, "in what the program said");
}

#[test]
fn errors_about_data_say_where_and_never_what() {
    let project = Project::with_rows(40);
    project.init(&[]);
    let data = project.folder.path().join("mine.csv");
    let text = std::fs::read_to_string(&data).unwrap();
    for (from, to, said) in [
        (",no\n", ",plantedlabel\n", "row 1"),
        ("\n", "\nplantedcell", "column \"income\""),
        (",no\n", ",no,planted\n", "mine.csv"),
    ] {
        let at = text.find('\n').unwrap();
        let (header, rows) = text.split_at(at);
        std::fs::write(&data, format!("{header}{}", rows.replacen(from, to, 1))).unwrap();
        let error = project.fails(&["data", "commit", "p"]);
        assert!(error.contains(said), "{error}");
        project.run(&["data", "commit", "p", "--json"]);
        let all = String::from_utf8(project.said.borrow().clone()).unwrap();
        assert!(!all.contains("planted"), "{all}");
    }
}

#[test]
fn the_search_finds_what_it_searches_for() {
    let project = Project::with_rows(40);
    project.init(&[]);
    let data = project.folder.path().join("mine.csv");
    let planted = planted(&data, &project.path("manifest.toml"));
    assert!(found(&std::fs::read(&data).unwrap(), &planted).is_some());
    for planted_form in &planted {
        let mut bytes = vec![0x55; 7];
        bytes.extend_from_slice(&planted_form.bytes);
        bytes.push(0x55);
        assert!(contains(&bytes, &planted_form.bytes), "{}", planted_form.what);
    }
    let mut proof = zktrain_statement::proof::MAGIC.to_vec();
    proof.extend([0; 4]);
    proof.extend([0x22; 32]);
    assert_eq!(small_words(&proof), []);
    proof.extend((-Fr::from(3187)).into_bigint().to_bytes_be());
    assert_eq!(small_words(&proof), [-Fr::from(3187)]);
    for form in ["16 bits, little", "32 bits, big", "field elements, big", "commas", "labels 41"] {
        assert!(planted.iter().any(|p| p.what.contains(form)), "{form}");
    }
}

#[test]
#[cfg(unix)]
fn what_may_hold_secrets_is_readable_by_its_owner_alone() {
    // Set aside: registration, dataset, training, opening, proofs, states.
    let aside = 4 + 4 + 4;
    // Uncompressed: registration, proofs; always: states, key/dataset/lock, settings.
    for (form, secrets) in [("none", 1 + 4 + 4 + 3 + 1), ("halo2", 4 + 3 + 1)] {
        modes_are_right(&told(form), secrets + aside);
    }
}

#[cfg(unix)]
fn modes_are_right(project: &Project, secrets: usize) {
    for folder in ["secret", "proofs"] {
        assert_eq!(mode(&project.path(folder)), 0o700, "{folder}");
    }
    let mut secret = 0;
    for path in files(&project.path("")) {
        let name = path.strip_prefix(project.path("")).unwrap().to_string_lossy().into_owned();
        // The tests' own tampering rewrites a proof in place, which keeps its mode.
        let private =
            name.starts_with("secret") || name.ends_with("NOT-ZK") || name == "local.toml";
        if private {
            assert_eq!(mode(&path), 0o600, "{name}");
            secret += 1;
        } else {
            assert_eq!(mode(&path), 0o666, "{name}: public under the umask of the test");
        }
        if name.ends_with("NOT-ZK") {
            assert!(std::fs::read(&path).unwrap().starts_with(b"NOT-ZK "), "{name}");
        }
    }
    assert_eq!(secret, secrets);
}

#[test]
fn a_manifest_does_not_depend_on_the_private_data() {
    let manifests = [0, 99].map(|salt| {
        let project = Project::with_rows(40);
        let data = project.folder.path().join("mine.csv");
        std::fs::write(data, csv(&rows(64, salt))).unwrap();
        project.init(&[]);
        let names = ["manifest.toml", "genesis.int.safetensors"];
        names.map(|name| std::fs::read(project.path(name)).unwrap())
    });
    assert_eq!(manifests[0], manifests[1]);
    let text = String::from_utf8(manifests[0][0].clone()).unwrap();
    assert!(COLUMNS.iter().all(|column| text.contains(column)));
}

#[test]
fn two_registrations_and_two_proofs_of_the_same_data_share_nothing() {
    for form in ["none", "halo2", "groth16"] {
        let plain = form == "none";
        let project = Project::registered(plain, 1);
        if form == "groth16" {
            project.ok(&["setup", "insecure", "p"]);
        }
        project.ok(&["prove", "p", "--proofs", "1", "--compress", form]);
        let read = |name: &str| std::fs::read(project.path(name)).unwrap();
        let proof = if plain { "proofs/000000.proof.NOT-ZK" } else { "proofs/000000.proof" };
        let first = read(proof);
        project.ok(&["prove", "p", "--proofs", "1", "--from", "0", "--compress", form]);
        let second = read(proof);
        assert_eq!(first.len(), second.len());
        // The proof's own rows, mask, opening and the rest: all after the statement.
        assert!(words(&first).len() > 30);
        let shared = words(&first).into_iter().zip(words(&second));
        let shared = shared.filter(|(a, b)| a == b && !padding(*a)).count();
        assert_eq!(shared, 0, "{form}: words in common");
        if form == "groth16" {
            continue;
        }
        let (name, commit): (_, &[&str]) = match plain {
            true => ("registration.NOT-ZK", &["data", "commit", "p", "--force", "--plain"]),
            false => ("registration", &["data", "commit", "p", "--force"]),
        };
        let registration = read(name);
        project.ok(commit);
        let again = read(name);
        let differing = registration.iter().zip(&again).filter(|(a, b)| a != b).count();
        assert!(differing * 10 > registration.len() * 9);
    }
}
