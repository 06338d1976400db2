//! Models for the datasets that come with the program, and for MNIST, which does not.

use zktrain_model::manifest::{LayerKind, Loss, Optimizer, Training};

use crate::{DraftOptions, Scaling, architecture};

/// A dataset with a model and hyper-parameters that suit it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name in commands and tables, for example `breast-cancer`.
    pub name: &'static str,
    /// CSV file in the folder of bundled data; `None` for MNIST.
    pub file: Option<&'static str>,
    /// Everything that a draft manifest needs beyond the table.
    pub options: DraftOptions,
    /// Epochs of the accuracy table.
    pub epochs: usize,
    /// Runs of the accuracy table, each with its own split and initial parameters.
    pub runs: usize,
}

/// All presets, smallest first.
///
/// Learning rates are powers of two because those need no fractional bits.
pub fn presets() -> Vec<Preset> {
    let pixels = |largest: f64| Scaling::Uniform { offset: 0.0, scale: 1.0 / largest };
    vec![
        Preset {
            name: "breast-cancer",
            file: Some("breast_cancer.csv"),
            options: options("malignant", 16, 0.0625, 0.9, Scaling::Standardize),
            epochs: 20,
            runs: 5,
        },
        Preset {
            name: "german-credit",
            file: Some("german_credit.csv"),
            options: options("bad_credit", 16, 0.0625, 0.0, Scaling::Standardize),
            epochs: 15,
            runs: 5,
        },
        Preset {
            name: "digits",
            file: Some("digits.csv"),
            options: options("label", 32, 0.125, 0.9, pixels(16.0)),
            epochs: 20,
            runs: 5,
        },
        Preset {
            name: "mnist",
            file: None,
            options: options("label", 128, 0.125, 0.0, pixels(255.0)),
            epochs: 2,
            runs: 1,
        },
        Preset {
            name: "lenet",
            file: None,
            options: DraftOptions {
                images: architecture("lenet").map(|network| network.images),
                hidden: architecture("lenet").map_or(Vec::new(), |network| network.hidden),
                ..options("label", 0, 0.0625, 0.0, pixels(255.0))
            },
            epochs: 4,
            runs: 1,
        },
        Preset {
            name: "resnet",
            file: None,
            options: DraftOptions {
                images: architecture("resnet").map(|network| network.images),
                hidden: Vec::new(),
                ..options("label", 0, 0.125, 0.0, pixels(255.0))
            },
            epochs: 3,
            runs: 1,
        },
    ]
    .into_iter()
    .map(|mut preset| {
        preset.options.name = preset.name.to_owned();
        preset
    })
    .collect()
}

/// The preset called `name`.
pub fn preset(name: &str) -> Option<Preset> {
    presets().into_iter().find(|preset| preset.name == name)
}

fn options(
    label: &str,
    hidden: usize,
    learning_rate: f64,
    momentum: f64,
    scaling: Scaling,
) -> DraftOptions {
    DraftOptions {
        images: None,
        name: String::new(),
        label: label.to_owned(),
        hidden: vec![hidden],
        activation: LayerKind::Relu,
        loss: Loss::SoftmaxCrossEntropy,
        regression: false,
        optimizer: Optimizer { learning_rate, momentum, weight_decay: 0.0, clip: None },
        training: Training { batch: 32, steps_per_proof: 1, max_steps: 8192 },
        scaling,
    }
}
