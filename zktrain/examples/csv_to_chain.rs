//! From a CSV to files that anybody can verify, in zero knowledge, with every root pinned.
//!
//! ```sh
//! cargo run --release -p zktrain --example csv_to_chain [FOLDER]
//! ```

use std::path::{Path, PathBuf};

use zktrain::{Dataset, Draft, Error, Nonce, Prover, ReferenceString, Source, Verifier};

/// Windows that are trained on and proven.
const WINDOWS: usize = 4;

fn main() -> Result<(), Error> {
    let folder = std::env::args_os().nth(1).map_or_else(default_folder, PathBuf::from);
    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/breast_cancer.csv");

    // What everybody knows. Here the owner's data are public, so that scales may come from them.
    let manifest = Draft::predicting("malignant").hidden([16]).batch(64).calibrate_on(&csv)?;
    let srs = ReferenceString::insecure(&manifest)?;

    // The owner: rows in an order of its own, a quarter of them never trained on.
    let table = Source::Csv(csv).read_for(&manifest.data)?.shuffled(7);
    let data: Dataset = table.split(0.25).0.quantized(&manifest, &manifest.network()?)?;
    let told = |progress: zktrain::ProverProgress| match progress.metrics {
        Some(metrics) => println!("window {} proven, loss {:.4}", progress.done, metrics.loss),
        None => println!("{} of {} windows registered", progress.done, progress.total),
    };
    let mut prover = Prover::builder(&manifest, &srs).seed(1).progress(told).build(&data)?;
    prover.prove(WINDOWS)?.save(&manifest, &folder)?;

    // Anybody, who knows the roots from somebody to be trusted: here from the owner.
    let verifier = Verifier::builder(&manifest, &srs)
        .pin_manifest(manifest.hash())
        .pin_reference_string(srs.fingerprint())
        .pin_genesis(prover.genesis_hash())
        .pin_nonce(Nonce::Derived)
        .strict()
        .build()?;
    let verdict = verifier.verify(&verifier.load(&folder)?)?;
    verifier.check_model(&verdict, &prover.open_model())?;
    println!("{} steps hold, from files in {}. This rests on", verdict.steps, folder.display());
    verdict.roots.iter().for_each(|root| println!("  {root}"));
    Ok(())
}

fn default_folder() -> PathBuf {
    std::env::temp_dir().join(format!("zktrain-chain-{}", std::process::id()))
}
