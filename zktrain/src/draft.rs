//! A manifest from a few choices and public data.

use std::path::Path;

use zktrain_model::manifest::{LayerKind, LayerSpec, Loss, Manifest, Optimizer, Training};
use zktrain_trainer::dataset::{Source, Table};
use zktrain_trainer::{ClassWeights, DraftOptions, Images, Scaling, calibrate, draft};

use crate::error::Error;

/// What is chosen of a manifest, before its scales are: a network with one hidden layer of 16 units,
/// classes by softmax, a learning rate of 1/16, batches of 32, unless something else is said.
///
/// ```
/// let draft = zktrain::Draft::predicting("malignant").hidden([8, 4]).batch(16);
/// let manifest = draft.calibrate_on("../data/breast_cancer.csv")?;
/// assert_eq!(manifest.model.input, 30);
/// # Ok::<(), zktrain::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    options: DraftOptions,
    ignored: Vec<String>,
    seed: u64,
}

impl Draft {
    /// A model of the column called `label`.
    pub fn predicting(label: impl Into<String>) -> Self {
        let label = label.into();
        let options = DraftOptions { name: label.clone(), label, ..DraftOptions::default() };
        Self { options, ignored: Vec::new(), seed: 1 }
    }

    /// What the model is called; otherwise as its label.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// A column that the model does not use.
    #[must_use]
    pub fn ignore(mut self, column: impl Into<String>) -> Self {
        self.ignored.push(column.into());
        self
    }

    /// Columns that are the numbers of an image of this height, width and depth, and layers over it, before the hidden ones. A
    /// sequence is an image of one column.
    ///
    /// ```
    /// use zktrain::{Draft, Kernel, LayerKind, LayerSpec, TransformerBlock};
    ///
    /// // Eight positions of two numbers each are 16 columns.
    /// let each = LayerSpec::conv2d(8, Kernel { size: 1, stride: 1, padding: 0 }, true);
    /// let mut layers = vec![each, LayerSpec::of(LayerKind::Positions)];
    /// TransformerBlock { channels: 8, heads: 2, causal: false }.add_to(&mut layers);
    /// let draft = Draft::predicting("malignant").image([8, 1, 2], layers);
    /// ```
    #[must_use]
    pub fn image(mut self, image: [usize; 3], layers: impl Into<Vec<LayerSpec>>) -> Self {
        self.options.images = Some(Images { image, layers: layers.into() });
        self
    }

    /// Widths of the hidden layers; none for a linear model.
    #[must_use]
    pub fn hidden(mut self, widths: impl Into<Vec<usize>>) -> Self {
        self.options.hidden = widths.into();
        self
    }

    /// The activation after every hidden layer.
    #[must_use]
    pub fn activation(mut self, activation: LayerKind) -> Self {
        self.options.activation = activation;
        self
    }

    /// The loss function.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.options.loss = loss;
        self
    }

    /// Predicts the label as a number, with the squared error as loss.
    #[must_use]
    pub fn regression(mut self) -> Self {
        (self.options.regression, self.options.loss) = (true, Loss::Mse);
        self
    }

    /// Learning rate, momentum, weight decay, clipping; or Adam, with a schedule.
    #[must_use]
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.options.optimizer = optimizer;
        self
    }

    /// The learning rate alone. Powers of two need the fewest bits.
    #[must_use]
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.options.optimizer.learning_rate = rate;
        self
    }

    /// Batch size, steps a proof and a chain may have.
    #[must_use]
    pub fn training(mut self, training: Training) -> Self {
        self.options.training = training;
        self
    }

    /// Rows of a batch; where it is no power of two, labels have weights ([`Self::every_row`]).
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.options.training.batch = rows;
        self
    }

    /// Leaves no row out: windows are filled up with rows of weight zero, and rows without a label are not learned from.
    ///
    /// ```
    /// use zktrain::{ClassWeights, Draft};
    ///
    /// let draft = Draft::predicting("malignant").batch(20).every_row();
    /// let draft = draft.class_weights(ClassWeights::Balanced);
    /// let manifest = draft.calibrate_on("../data/breast_cancer.csv")?;
    /// assert!(manifest.data.weighted);
    /// # Ok::<(), zktrain::Error>(())
    /// ```
    #[must_use]
    pub fn every_row(mut self) -> Self {
        self.options.weighted = true;
        self
    }

    /// How much each class counts.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.options.class_weights = Some(weights);
        self
    }

    /// Steps that one proof covers, a power of two.
    #[must_use]
    pub fn steps_per_proof(mut self, steps: usize) -> Self {
        self.options.training.steps_per_proof = steps;
        self
    }

    /// How features are scaled.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.options.scaling = scaling;
        self
    }

    /// The seed of the training that scales are chosen on.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Chooses scales on a CSV file, which has to be public: the manifest shows what is in it.
    ///
    /// # Errors
    /// If the file cannot be read, the choices do not suit it, or no scales do.
    pub fn calibrate_on(&self, public: impl AsRef<Path>) -> Result<Manifest, Error> {
        let source = Source::Csv(public.as_ref().to_owned());
        let table = source.read_without(&self.options.label, &self.ignored)?;
        self.calibrate(&table)
    }

    /// As [`Self::calibrate_on`], with public data that were read already.
    ///
    /// # Errors
    /// As there.
    pub fn calibrate(&self, public: &Table) -> Result<Manifest, Error> {
        let manifest = draft(public, &self.options)?;
        let sample = public.scaled(&manifest)?;
        Ok(calibrate(&manifest, &sample, self.seed)?)
    }
}
