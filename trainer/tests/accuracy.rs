//! Accuracy of integer training against double precision, and training speed.

use std::path::PathBuf;
use std::time::Instant;

use zktrain_trainer::accuracy::{accuracy_table, mnist_part, to_markdown};
use zktrain_trainer::preset::presets;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{calibrate, draft, initial_parameters, synthetic};

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data")
}

/// The folder of MNIST's files, if it is known.
fn mnist() -> Option<PathBuf> {
    let mnist = std::env::var_os("ZKTRAIN_MNIST_DIR").map(PathBuf::from);
    if mnist.is_none() {
        eprintln!(
            "SKIPPED for MNIST: set ZKTRAIN_MNIST_DIR to the folder of its gzipped IDX files"
        );
    }
    mnist
}

/// Whether there are scales at all depends on how large real images' updates are.
#[test]
fn presets_over_images_have_scales() {
    let Some(folder) = mnist() else { return };
    let (table, _) = mnist_part(&folder, "train").unwrap().split(0.8);
    let over_images = presets().into_iter().filter(|preset| preset.options.images.is_some());
    for preset in over_images {
        let draft = draft(&table, &preset.options).unwrap();
        let manifest = calibrate(&draft, &table.scaled(&draft).unwrap(), 0).unwrap();
        assert!(preset.epochs * 60_000 / 32 <= manifest.training.max_steps, "{}", preset.name);
    }
}

#[test]
fn integers_are_within_one_point_of_double_precision() {
    let mnist = mnist();
    let lines = accuracy_table(&data(), mnist.as_deref(), None, false, |_| {}).unwrap();
    println!("{}", to_markdown(&lines));
    // The bundled datasets with gradient descent and with Adam.
    assert_eq!(lines.len(), if mnist.is_some() { 7 } else { 6 });
    for line in &lines {
        assert!(line.difference().abs() <= 1.0, "{}: {line:?}", line.name);
        // Far above the share of the most frequent class.
        assert!(line.integer > 0.7, "{}: {line:?}", line.name);
        assert!(line.saturated < 1e-3, "{}: {line:?}", line.name);
    }
}

#[test]
fn a_step_of_a_million_parameters_is_fast() {
    let manifest = synthetic::manifest(&[784, 1024, 256, 10], 64, 1).unwrap();
    let network = manifest.network().unwrap();
    let sample = synthetic::samples(&manifest, 64, 3).unwrap().quantized(&network);
    let trainer = Trainer::new(network.clone()).unwrap();
    let before = initial_parameters(&network, 1);
    let (x, y) = sample.window(&network, 0).unwrap();
    let mut seconds = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        let trace = trainer.train_window(&before, None, x, y).unwrap();
        seconds = seconds.min(start.elapsed().as_secs_f64());
        assert_ne!(trace.after, trace.before);
    }
    println!("one step of 784-1024-256-10, batch 64, trace included: {seconds:.3} s");
    // Generous: shared machines are slow at times.
    assert!(seconds < 2.0, "{seconds} s");
}
