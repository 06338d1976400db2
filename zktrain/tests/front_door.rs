//! The whole way, as somebody has it who knows this crate alone.

use std::path::Path;

use zktrain::{
    Binding, Dataset, Draft, Error, LocalKey, Manifest, Nonce, Optimizer, Prover, ReferenceString,
    RootTrust, Source, Table, Transformer, Verifier,
};

const CSV: &str = "../data/breast_cancer.csv";

/// Half of the rows, which fill two windows.
fn table() -> Table {
    let all = Source::Csv(CSV.into()).read("malignant").unwrap();
    all.shuffled(1).split(0.5).0
}

fn world() -> (Manifest, ReferenceString, Dataset) {
    let draft = Draft::predicting("malignant").hidden([2]).batch(128);
    let manifest = draft.calibrate(&table()).unwrap();
    let srs = ReferenceString::insecure(&manifest).unwrap();
    let data = table().quantized(&manifest, &manifest.network().unwrap()).unwrap();
    (manifest, srs, data)
}

/// A state of four blocks and a clock is handed on from proof to proof.
#[test]
fn a_chain_with_adam_is_verified() {
    let draft = Draft::predicting("malignant").hidden([2]).batch(128);
    let manifest = draft.optimizer(Optimizer::adam(0.01)).calibrate(&table()).unwrap();
    let srs = ReferenceString::insecure(&manifest).unwrap();
    let data = table().quantized(&manifest, &manifest.network().unwrap()).unwrap();
    let mut prover = Prover::builder(&manifest, &srs).uncompressed().build(&data).unwrap();
    let chain = prover.prove(2).unwrap().clone();
    let builder = Verifier::builder(&manifest, &srs).pin_manifest(manifest.hash());
    let verdict = builder.build().unwrap().verify(&chain).unwrap();
    assert_eq!((verdict.steps, verdict.proofs), (2, 2));
    let mut swapped = chain;
    swapped.proofs.swap(0, 1);
    let builder = Verifier::builder(&manifest, &srs).pin_manifest(manifest.hash());
    assert!(builder.build().unwrap().verify(&swapped).is_err());
}

/// Digits as sequences of 16 positions with four pixels each.
#[test]
fn a_transformer_is_proven_and_verified() {
    let all = Source::Csv("../data/digits.csv".into()).read("label").unwrap();
    let table = all.shuffled(1).split(0.9).0;
    let (positions, inputs, channels, heads, blocks) = (16, 4, 8, 2, 1);
    let transformer = Transformer { positions, inputs, channels, heads, blocks, causal: true };
    let images = transformer.layers();
    let draft = Draft::predicting("label").image(images.image, images.layers).hidden([]).batch(32);
    let manifest = draft.calibrate(&table).unwrap();
    let srs = ReferenceString::insecure(&manifest).unwrap();
    let data = table.quantized(&manifest, &manifest.network().unwrap()).unwrap();
    let mut prover = Prover::builder(&manifest, &srs).uncompressed().build(&data).unwrap();
    let chain = prover.prove(2).unwrap().clone();
    let verifier = || Verifier::builder(&manifest, &srs).pin_manifest(manifest.hash());
    let verdict = verifier().build().unwrap().verify(&chain).unwrap();
    assert_eq!((verdict.steps, verdict.proofs), (2, 2));
    let mut swapped = chain;
    swapped.proofs.swap(0, 1);
    assert!(verifier().build().unwrap().verify(&swapped).is_err());
}

fn refused<T, E>(result: Result<T, E>) -> Error
where
    E: Into<Error>,
{
    result.map(drop).map_err(Into::into).unwrap_err()
}

#[test]
fn a_chain_goes_through_files_and_its_verdict_names_its_roots() {
    let (manifest, srs, data) = world();
    let mut seen = 0;
    let prover = Prover::builder(&manifest, &srs).uncompressed().progress(|_| seen += 1);
    let mut prover = prover.build(&data).unwrap();
    assert_eq!(prover.windows(), 2);
    prover.prove(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    prover.prove(1).unwrap().save(&manifest, folder.path()).unwrap();
    let files = ["registration.NOT-ZK", "proofs/000000.proof.NOT-ZK", "proofs/000001.proof.NOT-ZK"];
    assert!(files.iter().all(|file| folder.path().join(file).exists()));

    let pinned = || Verifier::builder(&manifest, &srs).pin_manifest(manifest.hash());
    let all = || {
        let builder = pinned().pin_reference_string(srs.fingerprint()).strict();
        builder.pin_genesis(prover.genesis_hash()).pin_nonce(Nonce::Derived)
    };
    let verifier = all().build().unwrap();
    let read = verifier.load(folder.path()).unwrap();
    assert_eq!(&read, prover.chain());
    assert!(!read.is_zero_knowledge());
    let verdict = verifier.verify(&read).unwrap();
    assert_eq!((verdict.steps, verdict.proofs, verdict.windows), (2, 2, 2));
    assert!(verdict.is_pinned());

    let extra = folder.path().join("proofs/000003.proof");
    std::fs::copy(folder.path().join(files[2]), &extra).unwrap();
    let gap = refused(verifier.load(folder.path()));
    assert!(matches!(gap, Error::Gap { expected: 2, got: 3, .. }), "{gap}");
    std::fs::rename(&extra, folder.path().join("proofs/000001.proof")).unwrap();
    let twice = refused(verifier.load(folder.path()));
    assert!(matches!(&twice, Error::Twice { paths } if paths.len() == 2), "{twice}");
    std::fs::write(folder.path().join("registration"), "of a chain before").unwrap();
    let mut shorter = read.clone();
    shorter.proofs.truncate(1);
    shorter.save(&manifest, folder.path()).unwrap();
    assert_eq!(verifier.load(folder.path()).unwrap(), shorter, "nothing of the longer one is left");
    assert_eq!(std::fs::read_dir(folder.path().join("proofs")).unwrap().count(), 1);
    assert!(!folder.path().join("registration").exists());

    let loose = pinned().build().unwrap().verify(&read).unwrap();
    let named: Vec<&str> =
        loose.roots.iter().filter(|root| root.is_named()).map(|root| root.name).collect();
    assert_eq!(named, ["manifest"]);
    assert_eq!(loose.roots[0].trust, RootTrust::CameWithTheProofs, "{}", loose.roots[0]);
    let strict = refused(pinned().strict().build().unwrap().verify(&read));
    assert!(matches!(strict, Error::Unpinned { .. }), "{strict}");

    let mut opening = prover.open_model();
    verifier.check_model(&verdict, &opening).unwrap();
    opening.model.layers[0].w[0] += 1;
    let other = refused(verifier.check_model(&verdict, &opening));
    assert!(matches!(other, Error::OtherModel { row: 0 }), "{other}");
    opening = prover.open_model();
    let blinding = opening.blindings.pop().unwrap();
    assert!(matches!(refused(verifier.check_model(&verdict, &opening)), Error::OtherModel { .. }));
    opening.blindings.extend([blinding; 2]);
    assert!(matches!(refused(verifier.check_model(&verdict, &opening)), Error::OtherModel { .. }));
    let keyless = refused(pinned().pin_groth16([1; 32]).build());
    assert!(matches!(keyless, Error::NoGroth16Key), "{keyless}");
    drop(prover);
    assert!(seen >= 3, "a chunk and two windows at least: {seen}");
}

#[test]
fn what_is_not_as_pinned_or_not_the_chain_is_refused() {
    let (manifest, srs, data) = world();
    let mut prover = Prover::builder(&manifest, &srs).uncompressed().seed(3).build(&data).unwrap();
    let proven = prover.prove(2).unwrap().clone();
    let builder = || Verifier::builder(&manifest, &srs);
    for builder in [builder().pin_manifest([1; 32]), builder().pin_reference_string([1; 32])] {
        assert!(matches!(refused(builder.build()), Error::Pin { .. }));
    }
    let elsewhere = Binding { round: 1, ..proven.proofs[0].0.binding };
    let others = [
        builder().pin_genesis([1; 32]),
        builder().pin_nonce(Nonce::Drawn([1; 32])),
        builder().pin_dataset([1; 32]),
        builder().pin_binding(elsewhere),
    ];
    for builder in others {
        let error = refused(builder.build().unwrap().verify(&proven));
        assert!(matches!(error, Error::Pin { .. }), "{error}");
    }
    let verifier = builder().build().unwrap();
    let mut altered = proven.clone();
    altered.proofs.swap(0, 1);
    assert!(matches!(refused(verifier.verify(&altered)), Error::Rejected(_)));
    altered = proven.clone();
    altered.nonce = Some([7; 32]);
    altered.genesis.layers[0].w[0] ^= 1;
    assert!(matches!(refused(verifier.verify(&altered)), Error::Rejected(_)));
    altered = proven.clone();
    altered.proofs[0].0.binding.prover = [9; 20];
    assert!(matches!(refused(verifier.verify(&altered)), Error::Owner { .. }));
    altered.proofs.clear();
    assert!(matches!(refused(verifier.verify(&altered)), Error::NoProof));
    altered = proven.clone();
    altered.genesis.layers.pop();
    assert!(matches!(refused(verifier.verify(&altered)), Error::Model { .. }));
}

#[test]
fn a_compressed_chain_is_zero_knowledge() {
    let (manifest, srs, data) = world();
    let mut prover = Prover::builder(&manifest, &srs).nonce([5; 32]).build(&data).unwrap();
    let proven = prover.prove(1).unwrap();
    assert!(proven.is_zero_knowledge());
    let drawn = Verifier::builder(&manifest, &srs).pin_nonce(Nonce::Drawn([5; 32]));
    let verifier = drawn.build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    proven.save(&manifest, folder.path()).unwrap();
    assert!(folder.path().join("proofs/000000.proof").exists());
    let read = verifier.load(folder.path()).unwrap();
    assert_eq!(&read, proven);
    assert_eq!(verifier.verify(&read).unwrap().steps, 1);
}

#[test]
fn too_little_data_and_too_many_steps_are_refused() {
    let (manifest, srs, data) = world();
    let few = table().split(0.9).0.quantized(&manifest, &manifest.network().unwrap()).unwrap();
    let none = refused(Prover::builder(&manifest, &srs).uncompressed().build(&few));
    assert!(matches!(none, Error::NoWindow { expected: 128, .. }), "{none}");
    let mut prover = Prover::builder(&manifest, &srs).uncompressed().build(&data).unwrap();
    let many = refused(prover.prove(usize::MAX));
    assert!(matches!(many, Error::TooManySteps { .. }), "{many}");
    assert!(prover.prove(0).unwrap().proofs.is_empty());
    let narrow = Draft::predicting("malignant").hidden([2]).batch(128).ignore("mean_area");
    let narrow = narrow.calibrate_on(CSV).unwrap();
    let other = refused(Prover::builder(&narrow, &srs).uncompressed().build(&data));
    assert!(matches!(other, Error::OtherData { what: "inputs", expected: 29, got: 30 }), "{other}");
    let missing = refused(Dataset::from_csv("no such file.csv", &manifest));
    assert!(missing.to_string().contains("no such file"), "{missing}");
    assert!(Path::new(CSV).exists());
}

#[test]
fn blinding_follows_from_the_owners_key_where_the_systems_randomness_repeats() {
    let (manifest, srs, data) = world();
    let prover = |key| {
        let binding = Binding { prover: [1; 20], ..Binding::default() };
        let builder = Prover::builder(&manifest, &srs).uncompressed().binding(binding);
        builder.local_key(key).build(&data)
    };
    let registered = |byte| {
        let key = LocalKey::with_repeating_system([byte; 32], [0; 32]);
        prover(key).unwrap().chain().registration.clone()
    };
    let one = registered(1);
    assert_eq!(one, registered(1), "nothing else is random");
    assert_ne!(one, registered(2));
    let without = refused(prover(LocalKey::with_failing_system([1; 32])));
    assert!(without.to_string().contains("no random bytes"), "{without}");
}
