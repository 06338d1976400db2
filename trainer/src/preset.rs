//! Models for the datasets that come with the program, and for MNIST, which does not.

use zktrain_model::manifest::{LayerKind, Loss, Optimizer, Training};

use crate::{DraftOptions, Scaling, architecture};

/// A dataset with a model and hyper-parameters that suit it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name in commands and tables, for example `breast-cancer`.
    pub name: &'static str,
    /// CSV file in the folder of bundled data; `None` for MNIST and for texts.
    pub file: Option<&'static str>,
    /// Whether its data are a text.
    pub text: bool,
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
            text: false,
            options: options("malignant", 16, 0.0625, 0.9, Scaling::Standardize),
            epochs: 20,
            runs: 5,
        },
        Preset {
            name: "german-credit",
            file: Some("german_credit.csv"),
            text: false,
            options: options("bad_credit", 16, 0.0625, 0.0, Scaling::Standardize),
            epochs: 15,
            runs: 5,
        },
        Preset {
            name: "digits",
            file: Some("digits.csv"),
            text: false,
            options: options("label", 32, 0.125, 0.9, pixels(16.0)),
            epochs: 20,
            runs: 5,
        },
        Preset {
            name: "mnist",
            file: None,
            text: false,
            options: options("label", 128, 0.125, 0.0, pixels(255.0)),
            epochs: 2,
            runs: 1,
        },
        // Of 60,000 images, in batches of 32: 1,875 steps an epoch.
        over_images("lenet", (0.0625, 0.0), 4),
        over_images("resnet", (0.015625, 0.9), 3),
        transformer(),
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

impl Preset {
    /// The same trained with Adam, on the datasets that come with the program; none on MNIST.
    pub fn with_adam(&self) -> Option<Self> {
        self.file?;
        let options = DraftOptions { optimizer: Optimizer::adam(0.01), ..self.options.clone() };
        Some(Self { options, ..self.clone() })
    }
}

/// A network that has a name, on MNIST, with a learning rate and a momentum. A chain is as long as the epochs: what parameters may
/// come to in it is what a batch norm's integers have to leave room for.
fn over_images(name: &'static str, (rate, momentum): (f64, f64), epochs: usize) -> Preset {
    let network = architecture(name);
    let (images, hidden) = network.map(|network| (network.images, network.hidden)).unzip();
    let scaling = Scaling::Uniform { offset: 0.0, scale: 1.0 / 255.0 };
    let options = options("label", 0, rate, momentum, scaling);
    let training = Training { max_steps: epochs * 1875, ..options.training };
    let hidden = hidden.unwrap_or_default();
    let options = DraftOptions { images, hidden, training, ..options };
    Preset { name, file: None, text: false, options, epochs, runs: 1 }
}

/// A transformer on a text, with Adam.
fn transformer() -> Preset {
    let name = "transformer";
    let optimizer = Optimizer::adam(0.001);
    let training = Training { batch: 16, steps_per_proof: 1, max_steps: 8192 };
    let images = architecture(name).map(|network| network.images);
    let plain = Scaling::Uniform { offset: 0.0, scale: 1.0 };
    let options = options("next", 0, 0.001, 0.0, plain);
    let options = DraftOptions { images, hidden: Vec::new(), optimizer, training, ..options };
    Preset { name, file: None, text: true, options, epochs: 2, runs: 1 }
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
        optimizer: Optimizer { momentum, ..Optimizer::sgd(learning_rate) },
        training: Training { batch: 32, steps_per_proof: 1, max_steps: 8192 },
        scaling,
        weighted: false,
        class_weights: None,
    }
}
