//! What a demonstration trains, and on what.

use zktrain_trainer::preset::preset;

use crate::source::bundled;

/// Models that a demonstration can train.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// One hidden layer, on the Wisconsin breast-cancer data: 569 rows of 30 numbers
    #[default]
    Perceptron,
    /// A small LeNet (convolutions, pools, linear layers), on handwritten digits: 1,797 images of 8×8
    Lenet,
}

impl Model {
    /// The preset whose data and hidden layer it has.
    pub fn preset(self) -> &'static str {
        match self {
            Self::Perceptron => "breast-cancer",
            Self::Lenet => "digits",
        }
    }

    /// These data, as CSV.
    pub fn data(self) -> &'static str {
        let file = preset(self.preset()).and_then(|preset| preset.file);
        file.and_then(bundled).unwrap_or_default()
    }

    /// What the rows are images of, if they are, as `init --image` has it.
    pub fn image(self) -> Option<&'static str> {
        match self {
            Self::Perceptron => None,
            Self::Lenet => Some("8x8x1"),
        }
    }

    /// The layers over an image, as `init --layer` has them.
    pub fn layers(self) -> &'static [&'static str] {
        match self {
            Self::Perceptron => &[],
            Self::Lenet => &["conv:8:3:1:1", "max:2", "conv:16:3:1:1", "max:2"],
        }
    }

    /// Steps that each proof of one owner alone covers: so many that a few epochs are a few proofs.
    pub fn steps_alone(self) -> usize {
        match self {
            Self::Perceptron => 4,
            Self::Lenet => 8,
        }
    }

    /// The learning rate of one owner alone, where the preset's is too large.
    pub fn rate_alone(self) -> Option<f64> {
        match self {
            Self::Perceptron => None,
            Self::Lenet => Some(0.03125),
        }
    }

    /// Options of `init` for the few rounds of a network: large steps. Few rows a window, so that everybody has several:
    /// after a round without a sum, an owner that draws the same window again sits out.
    fn training(self) -> [&'static str; 8] {
        let (batch, steps, lr) = match self {
            Self::Perceptron => ("8", "1", "0.5"),
            Self::Lenet => ("4", "8", "0.125"),
        };
        ["--batch", batch, "--steps-per-proof", steps, "--lr", lr, "--momentum", "0.5"]
    }

    /// All options of `init` that make it in a network.
    pub fn options(self) -> Vec<&'static str> {
        let image = self.image().into_iter().flat_map(|image| ["--image", image]);
        let layers = self.layers().iter().flat_map(|layer| ["--layer", *layer]);
        ["--preset", self.preset()]
            .into_iter()
            .chain(image)
            .chain(layers)
            .chain(self.training())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::commands::demo::alone;
    use crate::commands::init;
    use crate::ui::Ui;

    /// One owner's project and a network's are of the same layers.
    #[test]
    fn every_model_makes_projects() {
        let shapes = ["30-16-2", "8x8x1-8x8x8-4x4x8-4x4x16-2x2x16-32-10"];
        for (model, shape) in [Model::Perceptron, Model::Lenet].into_iter().zip(shapes) {
            assert!(model.data().lines().count() > 500);
            let folder = tempfile::tempdir().unwrap();
            let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
            let words = ["zktrain", "init", b.to_str().unwrap()].into_iter().chain(model.options());
            let Command::Init(network) = Cli::parse_from(words).command else {
                panic!("another command");
            };
            for args in [alone::project(model, a), *network] {
                assert_eq!(init::run(&args, &Ui { json: true }).unwrap().shape, shape);
            }
        }
    }
}
