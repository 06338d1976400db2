//! Drafts and calibration: scales suit the data, or the error says why none do.

use std::path::PathBuf;

use zktrain_model::manifest::{LayerKind, Loss, MAX_WEIGHT_BITS, Manifest, Optimizer};
use zktrain_trainer::accuracy::compare;
use zktrain_trainer::dataset::{Table, read_csv};
use zktrain_trainer::preset::{Preset, preset};
use zktrain_trainer::{
    CalibrationError, DraftError, DraftOptions, Remedy, Scaling, calibrate, draft, synthetic,
};

fn table(preset: &Preset) -> Table {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data");
    read_csv(&data.join(preset.file.unwrap()), &preset.options.label).unwrap()
}

/// Trains a variant of a preset and demands that integers do about as well as doubles.
fn close_to_float(name: &str, change: impl Fn(&mut Preset)) {
    let mut preset = preset(name).unwrap();
    change(&mut preset);
    let (train, test) = table(&preset).shuffled(1).split(0.25);
    let line = compare(&preset, &train, &test, 1).unwrap();
    assert!(line.difference().abs() <= 1.5, "{line:?}");
    assert!(line.integer > 0.85 && line.saturated < 1e-3, "{line:?}");
}

#[test]
fn networks_of_every_activation_train_like_double_precision() {
    // With momentum of 0.9 some do not settle at the preset's learning rate, in double precision either.
    let (fast, slow) = (0.125, 0.03125);
    for (kind, learning_rate) in [
        (LayerKind::Sigmoid, fast),
        (LayerKind::Tanh, fast),
        (LayerKind::LeakyRelu, slow),
        (LayerKind::Gelu, slow),
        (LayerKind::Silu, slow),
    ] {
        close_to_float("digits", |p| {
            p.options.activation = kind;
            p.options.hidden = vec![32, 16];
            p.options.optimizer.learning_rate = learning_rate;
        });
    }
}

#[test]
fn logistic_and_squared_losses_train_like_double_precision() {
    close_to_float("breast-cancer", |p| p.options.loss = Loss::Logistic);
    close_to_float("digits", |p| {
        p.options.loss = Loss::Mse;
        p.options.optimizer.learning_rate = 1.0 / 32.0;
        p.options.optimizer.momentum = 0.9;
    });
}

#[test]
fn clipping_decay_and_large_batches_train_like_double_precision() {
    close_to_float("digits", |p| {
        p.options.optimizer = Optimizer {
            momentum: 0.9,
            weight_decay: 0.0011,
            clip: Some(0.05),
            ..Optimizer::sgd(0.1)
        };
    });
    close_to_float("digits", |p| {
        p.options.training.batch = 256;
        p.options.training.steps_per_proof = 2;
        p.options.optimizer.learning_rate = 0.5;
        p.epochs = 30;
    });
}

#[test]
fn a_draft_reads_columns_and_classes_off_the_table() {
    let preset = preset("breast-cancer").unwrap();
    let table = table(&preset);
    let manifest = draft(&table, &preset.options).unwrap();
    manifest.validate().unwrap();
    assert_eq!(manifest.model.input, 30);
    assert_eq!(manifest.data.classes.as_deref().unwrap(), ["0", "1"]);
    let scaled = table.scaled(&manifest).unwrap();
    for j in 0..30 {
        let column: Vec<f64> = scaled.inputs.iter().skip(j).step_by(30).copied().collect();
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        let square = column.iter().map(|x| x * x).sum::<f64>() / column.len() as f64;
        assert!(mean.abs() < 1e-3 && (square - 1.0).abs() < 1e-3, "{j}: {mean} {square}");
    }
    let complete = calibrate(&manifest, &scaled, 1).unwrap();
    let again = Manifest::from_toml(&complete.to_toml().unwrap()).unwrap();
    assert_eq!(again.hash(), complete.hash());
    assert_eq!(complete, calibrate(&manifest, &scaled, 1).unwrap());
}

#[test]
fn labels_that_cannot_be_used_are_refused() {
    let preset = preset("breast-cancer").unwrap();
    let mut table = table(&preset);
    let mut options = preset.options.clone();
    options.scaling = Scaling::Uniform { offset: 0.0, scale: 1.0 };
    options.regression = true;
    options.loss = Loss::Mse;
    let manifest = draft(&table, &options).unwrap();
    assert_eq!(manifest.shapes().unwrap().last().unwrap().n_out, 1);
    manifest.validate().unwrap();
    table.labels[4] = "benign".into();
    let error = draft(&table, &options).unwrap_err();
    assert!(matches!(error, DraftError::LabelNotANumber { row: 5, .. }), "{error}");
    let rows = 5000;
    table.features = vec![0.0; rows * 30];
    table.labels = (0..rows).map(|i| i.to_string()).collect();
    let refused = |table: &Table, options: &DraftOptions| draft(table, options).unwrap_err();
    let error = refused(&table, &preset.options);
    assert!(matches!(error, DraftError::TooManyClasses { max: 4096, got: 5000, .. }), "{error}");
    assert!(error.to_string().contains("--regression"), "{error}");
    table.labels = (0..rows).map(|i| (i % 3).to_string()).collect();
    options.regression = false;
    options.loss = Loss::Logistic;
    assert!(matches!(refused(&table, &options), DraftError::NotTwoClasses { got: 3, .. }));
    table.labels[2] = "long".repeat(100);
    options.loss = Loss::SoftmaxCrossEntropy;
    let error = refused(&table, &options);
    assert!(matches!(error, DraftError::LongName { got: 400, .. }), "{error}");
    assert!(error.to_string().contains("row 3"), "{error}");
    table.labels = vec!["no".into(); rows];
    assert!(matches!(refused(&table, &options), DraftError::OneClass { .. }));
}

/// A cell that spoils the scaling of its column is named, whatever it does to mean and deviation.
#[test]
fn numbers_beyond_all_scaling_are_named_by_row_and_column() {
    let preset = preset("breast-cancer").unwrap();
    let mut table = table(&preset);
    let honest = table.features.clone();
    for immense in [1e300, -1e300, 1e308, 1e16] {
        table.features[30 * 6 + 4] = immense;
        let error = draft(&table, &preset.options).unwrap_err();
        let DraftError::Immense { row: 7, column, .. } = &error else { panic!("{error}") };
        assert_eq!(*column, table.columns[4]);
        assert!(error.to_string().len() < 300, "{error}");
    }
    table.features = honest;
    for (row, cells) in table.features.chunks_mut(30).enumerate() {
        cells[2] = row as f64 * 1e-20;
    }
    let error = draft(&table, &preset.options).unwrap_err();
    assert!(matches!(&error, DraftError::Minute { column, .. } if *column == table.columns[2]));
}

/// Hyper-parameters with which training goes wrong in double precision: the learning rate is too
/// large, and nothing else is said; above all nothing about fields that nobody wrote.
#[test]
fn where_training_diverges_the_advice_is_a_smaller_learning_rate() {
    let mut refused = 0;
    for (regression, rates) in [(false, [1.0, 8.0, 64.0, 512.0]), (true, [0.5, 2.0, 64.0, 900.0])] {
        for learning_rate in rates {
            let mut preset = preset("breast-cancer").unwrap();
            let options = &mut preset.options;
            options.optimizer.learning_rate = learning_rate;
            options.optimizer.momentum = 0.9;
            options.hidden = vec![8, 8];
            options.training.batch = 16;
            options.regression = regression;
            if regression {
                options.loss = Loss::Mse;
            }
            let table = table(&preset);
            let draft = draft(&table, &preset.options).unwrap();
            let sample = table.scaled(&draft).unwrap();
            let Err(error) = calibrate(&draft, &sample, 1) else { continue };
            refused += 1;
            let said = error.to_string();
            let advice = said.contains("use a smaller") && !said.contains("larger");
            assert!(advice && !said.starts_with("quantization"), "{learning_rate}: {said}");
        }
    }
    assert!(refused > 0, "none of these diverges");
}

#[test]
fn row_length_follows_the_number_of_committed_entries() {
    let row_log = |widths: &[usize], batch, steps| {
        let draft = synthetic::draft(widths, batch, steps);
        let sample = synthetic::samples(&draft, batch, 1).unwrap();
        let mut short = draft.clone();
        short.training.max_steps = steps.max(2);
        calibrate(&short, &sample, 1).unwrap().quantization.unwrap().row_log
    };
    assert_eq!(row_log(&[30, 16, 2], 32, 1), 13);
    assert_eq!(row_log(&[784, 128, 10], 32, 1), 16);
    assert_eq!(row_log(&[3, 2], 1, 1), 13);
}

#[test]
fn calibration_says_why_it_fails() {
    let draft = synthetic::draft(&[4, 3], 8, 1);
    let sample = synthetic::samples(&draft, 64, 1).unwrap();
    let few = synthetic::samples(&draft, 7, 1).unwrap();
    let error = calibrate(&draft, &few, 1).unwrap_err();
    assert_eq!(error, CalibrationError::TooFewSamples { expected: 8, got: 7 });
    let narrow = synthetic::samples(&synthetic::draft(&[3, 3], 8, 1), 64, 1).unwrap();
    let error = calibrate(&draft, &narrow, 1).unwrap_err();
    assert_eq!(error, CalibrationError::Shape { what: "inputs", expected: 4, got: 3 });
    let mut steep = draft.clone();
    steep.model.loss = Loss::Mse;
    steep.optimizer.learning_rate = 900.0;
    assert!(matches!(
        calibrate(&steep, &sample, 1),
        Err(CalibrationError::Diverges { layer: 0, .. })
    ));
    let mut tiny = draft.clone();
    tiny.optimizer.learning_rate = 1e-6;
    let error = calibrate(&tiny, &sample, 1).unwrap_err();
    assert!(matches!(error, CalibrationError::Resolution { remedy: Remedy::LargerSteps, .. }));
    assert!(error.to_string().contains("larger learning rate"), "{error}");
    let mut slow = draft.clone();
    (slow.version, slow.optimizer) = (4, Optimizer::adam(1e-7));
    let error = calibrate(&slow, &sample, 1).unwrap_err();
    assert!(matches!(&error, CalibrationError::AdamRate(_)), "{error}");
    assert!(!error.to_string().contains("clipping"), "{error}");
    let mut long = draft.clone();
    long.training.max_steps = 1 << 16;
    let error = calibrate(&long, &sample, 1).unwrap_err();
    let CalibrationError::Manifest(error) = error else { panic!("{error}") };
    assert_eq!(error.field, "training.max_steps");
    long.training.max_steps = (1 << 16) - 1024;
    let network = calibrate(&long, &sample, 1).unwrap().network().unwrap();
    assert_eq!(network.weight_bits, MAX_WEIGHT_BITS);
}
