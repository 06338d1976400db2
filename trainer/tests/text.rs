//! A transformer learns a text in integers like in double precision; classes with weights, and rows without labels.

use std::path::{Path, PathBuf};

use zktrain_model::manifest::Optimizer;
use zktrain_trainer::accuracy::compare;
use zktrain_trainer::dataset::{Source, Table, read_text};
use zktrain_trainer::preset::preset;
use zktrain_trainer::transformer::Transformer;
use zktrain_trainer::{ClassWeights, calibrate, draft, evaluate, initial_parameters};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The next character of a licence, in batches of twelve rows of sixteen characters.
#[test]
fn a_text_is_learned_like_in_double_precision() {
    let (positions, channels) = (16, 16);
    let table = read_text(&file("LICENSE-APACHE"), positions).unwrap();
    let mut preset = preset("transformer").unwrap();
    let transformer =
        Transformer { positions, inputs: 1, channels, heads: 2, blocks: 1, causal: true };
    preset.options.images = Some(transformer.layers());
    preset.options.optimizer = Optimizer::adam(1.0 / 64.0);
    preset.options.training.batch = 12;
    preset.epochs = 12;
    let (train, test) = table.split(0.25);
    let line = compare(&preset, &train, &test, 1).unwrap();
    println!("{line:?}");
    assert!(line.difference().abs() <= 2.0, "{line:?}");
    // Always the commonest character, a space, would be right one time in six.
    assert!(line.integer > 0.25 && line.saturated < 1e-3, "{line:?}");
}

/// Of a hundred rows one is another class: all together, it counts as much as the others.
#[test]
fn a_rare_class_counts_as_much_as_the_others() {
    let rows = 200;
    let features = (0..rows).map(|row| f64::from(row % 7) - 3.0).collect();
    let labels = (0..rows).map(|row| if row % 50 == 0 { "rare" } else { "common" });
    let table = Table {
        path: "t".into(),
        columns: vec!["x".into()],
        features,
        labels: labels.map(str::to_owned).collect(),
        labels_a_row: 1,
        text: false,
    };
    let mut options = preset("breast-cancer").unwrap().options;
    options.label = "y".into();
    options.class_weights = Some(ClassWeights::Balanced);
    let manifest = draft(&table, &options).unwrap();
    assert_eq!(manifest.data.classes.as_deref().unwrap(), ["common", "rare"]);
    assert_eq!(manifest.data.class_weights.as_deref().unwrap(), [0.020_408_2, 1.0]);
    assert!(manifest.data.weighted);
    let scaled = table.scaled(&manifest).unwrap();
    let of = |class: usize| scaled.labels.iter().skip(class).step_by(2).sum::<f64>();
    assert!((of(0) - of(1)).abs() < 1e-3, "{} and {}", of(0), of(1));
    options.class_weights = Some(ClassWeights::Each(vec![1.0]));
    assert!(draft(&table, &options).unwrap().validate().is_err());
}

/// A row without a label moves nothing and counts for nothing.
#[test]
fn rows_without_labels_are_left_alone() {
    let read = |manifest: &zktrain_model::manifest::Manifest, text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Source::Csv(path).read_for(&manifest.data)
    };
    let lines = |labels: &[&str]| -> String {
        let row = |(i, label): (usize, &&str)| format!("{},{label}\n", i as f64 / 4.0 - 1.0);
        "x,y\n".to_owned() + &labels.iter().enumerate().map(row).collect::<String>()
    };
    let public = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, lines(&["a", "b"].repeat(20))).unwrap();
        Source::Csv(path).read("y").unwrap()
    };
    let mut options = preset("breast-cancer").unwrap().options;
    (options.label, options.training.batch) = ("y".into(), 5);
    let manifest = draft(&public, &options).unwrap();
    let manifest = calibrate(&manifest, &public.scaled(&manifest).unwrap(), 1).unwrap();
    let network = manifest.network().unwrap();
    let table = read(&manifest, &lines(&["a", "", "b", "", "a", "b", "a"])).unwrap();
    let data = table.quantized(&manifest, &network).unwrap();
    assert_eq!((data.rows(), data.filled, data.windows(&network)), (16, 9, 2));
    let weights: i32 = data.labels.iter().map(|y| i32::from(*y)).sum();
    assert_eq!(weights, 5 << 14);
    let trainer = zktrain_trainer::train::Trainer::new(network.clone()).unwrap();
    let model = initial_parameters(&network, 1);
    let measured = table.held_out(&manifest, &network).unwrap();
    assert_eq!(evaluate(&trainer, &model, &measured).unwrap().samples, 5);
    // Nobody knows which of two columns of one name is meant.
    assert!(read(&manifest, "x,z,y,x\n1,2,a,3\n").is_err());
    // Without any label nothing moves.
    let table = read(&manifest, &lines(&[""; 5])).unwrap();
    let data = table.quantized(&manifest, &network).unwrap();
    let (inputs, labels) = data.window(&network, 0).unwrap();
    let trace = trainer.train_window(&model, None, inputs, labels).unwrap();
    assert_eq!(trace.after, model);
}

/// Labels for each position of samples that have one label are refused, of classes and of numbers.
#[test]
fn labels_of_positions_need_positions() {
    for regression in [false, true] {
        let mut options = preset("breast-cancer").unwrap().options;
        options.label = "y".into();
        if regression {
            (options.regression, options.loss) = (true, zktrain_model::manifest::Loss::Mse);
        }
        let table = |labels_a_row: usize| Table {
            path: "t".into(),
            columns: vec!["x".into()],
            features: (0..40).map(f64::from).collect(),
            labels: (0..40 * labels_a_row).map(|row| (row % 2).to_string()).collect(),
            labels_a_row,
            text: false,
        };
        let manifest = draft(&table(1), &options).unwrap();
        assert!(table(1).scaled(&manifest).is_ok());
        assert!(table(4).scaled(&manifest).is_err());
        assert!(draft(&table(4), &options).is_err());
    }
}

/// What would not fit memory is refused before there is a number for each token.
#[test]
fn a_text_with_too_many_numbers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.txt");
    std::fs::write(&path, "ab".repeat(40)).unwrap();
    let mut options = preset("transformer").unwrap().options;
    options.images = None;
    let mut manifest = draft(&read_text(&path, 4).unwrap(), &options).unwrap();
    manifest.data.tokens = Some((0..1 << 22).map(|i| i.to_string()).collect());
    let error = read_text(&path, 4).unwrap().scaled(&manifest).unwrap_err();
    assert!(error.to_string().contains("at most 64 characters"), "{error}");
}
