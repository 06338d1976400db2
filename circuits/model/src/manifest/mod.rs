//! The manifest: everything that the parties of a training run agree on.
//!
//! Read with [`Manifest::from_toml`], which checks it; lowered with
//! [`Manifest::network`] to the [`Network`] that the rest of the program uses. A
//! manifest without `[quantization]` is a draft: calibration completes it.

mod bounds;
mod derive;
mod encode;
mod error;
mod features;
mod lower;
mod network;
mod optimizer;
mod rates;
mod schema;
mod shape;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use bounds::Wide;
pub use bounds::{MAX_EXCESS_BITS, MAX_SHIFT, MAX_WEIGHT_BITS, MAX_WIDE_BITS, weight_bits};
pub use derive::{
    DEFAULT_SLOPE, MAX_ETA_ERROR, MAX_SLOPE_ERROR, derive_clip_bound, derive_eta, derive_lambda,
    derive_mu, derive_slope, eta_error, slope_error, update_shift,
};
pub use error::{ManifestError, ManifestErrorKind};
pub use features::{Features, Kernel};
pub(crate) use lower::{Arriving, Consumers, Lowering, derived, in_range, own_frac};
pub use network::{
    Activation, I16_HI, I16_LO, Layer, Network, PROBABILITY_FRAC, RoundSpec, UPDATE_SHIFT,
};
pub use optimizer::{Optimizer, OptimizerKind, Schedule, ScheduleKind};
pub use rates::{MOMENT_FRAC, Rates, schedule_factors};
pub use schema::{
    Data, Feature, LayerKind, LayerQuantization, LayerSpec, Loss, Manifest, Model, Quantization,
    Target, Training, Uniform,
};
pub use shape::{MAX_KERNEL, MAX_LAYERS, MAX_SIDE, MAX_WIDTH, Shape};
pub(crate) use shape::{no_kernel, no_weights, range, width};
pub use validate::MAX_CLASSES;
pub(crate) use validate::real;

/// The newest manifest format. Version 2 is version 1 with images and kernels; version 3 adds layers that take
/// the values of others than the one before, version 4 Adam, version 5 attention, version 6 weights of labels and tokens.
/// All are read and written.
pub const VERSION: u32 = 6;
/// Bytes of a manifest's text at most: room for nine thousand named columns, and little enough
/// that reading any text takes less than 50 MB. More columns share a scaling.
pub const MAX_TEXT: usize = 1 << 19;

impl Manifest {
    /// Reads and checks a manifest, complete or draft.
    ///
    /// # Errors
    /// Names the field that is malformed, inconsistent, unsupported or out of bounds.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        check_length(text)?;
        let syntax = |field: String, error: toml::de::Error| {
            ManifestError::new(field, ManifestErrorKind::Toml(Box::new(error)))
        };
        let reader =
            toml::Deserializer::parse(text).map_err(|error| syntax("manifest".into(), error))?;
        let manifest: Self = serde_path_to_error::deserialize(reader)
            .map_err(|error| syntax(error.path().to_string(), error.into_inner()))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Writes the manifest as TOML.
    ///
    /// # Errors
    /// When a value has no TOML form, or the text would be too long to be read again.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        let text = toml::to_string(self).map_err(|error| {
            ManifestError::new("manifest", ManifestErrorKind::Unwritable(Box::new(error)))
        })?;
        check_length(&text)?;
        Ok(text)
    }

    /// Checks every field, and the static bounds when the scales are there.
    ///
    /// # Errors
    /// Names the first field found wrong.
    pub fn validate(&self) -> Result<(), ManifestError> {
        validate::draft(self)?;
        if self.quantization.is_some() { self.network().map(|_| ()) } else { Ok(()) }
    }

    /// The network with all its scales and bounds, checked.
    ///
    /// # Errors
    /// As [`Self::validate`]; also when the manifest is a draft.
    pub fn network(&self) -> Result<Network, ManifestError> {
        validate::draft(self)?;
        if let Some(q) = &self.quantization {
            validate::quantization(q)?;
        }
        lower::lower(self)
    }

    /// The linear layers, each with its activation, known before any scale is.
    ///
    /// # Errors
    /// Names the layer that is out of order, lacks its width, or is too wide.
    pub fn shapes(&self) -> Result<Vec<Shape>, ManifestError> {
        self.model.shapes()
    }

    /// keccak256 of the canonical encoding, not of the text: equal values, equal hash.
    ///
    /// The encoding is `"zktrain/manifest/v1\0"`, or v2 to v6, followed by all fields in the order of
    /// their declaration: integers and lengths as 8 bytes big endian, real numbers as the
    /// big-endian bits of their double (−0 as 0), strings and lists preceded by their
    /// length, optional fields by 0 or 1, enumerations as their index; a linear layer's
    /// absent `bias` counts as true. Version 2 has the image behind the inputs and a kernel's
    /// size, stride (absent: 1) and padding (absent: 0) behind a layer's bias; version 3 has `from`, `with` and
    /// `slope` (of a leaky ReLU absent: 0.01) behind these; version 4 has the optimizer's kind behind `clip`, and with
    /// Adam `beta1`, `beta2`, `epsilon` (absent: their defaults) and the schedule; version 5 has `heads` and `causal` of a
    /// layer; version 6 has `weighted`, `class_weights` and `tokens` behind the columns.
    pub fn hash(&self) -> [u8; 32] {
        encode::hash(self)
    }
}

fn check_length(text: &str) -> Result<(), ManifestError> {
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    let kind = ManifestErrorKind::TooLong { max: MAX_TEXT, got: text.len() };
    Err(ManifestError::new("manifest", kind))
}

impl Model {
    /// As [`Manifest::shapes`].
    ///
    /// # Errors
    /// As there.
    pub fn shapes(&self) -> Result<Vec<Shape>, ManifestError> {
        shape::shapes(self)
    }
}

impl Manifest {
    /// The oldest format that has all that this manifest has.
    pub fn oldest_version(&self) -> u32 {
        self.model.version().max(self.optimizer.version()).max(self.data.version())
    }

    /// Labels whose mean loss a step follows: samples of a batch, times the positions where each has a label.
    pub fn labels_in_step(&self, shapes: &[Shape]) -> usize {
        self.training.batch * shapes.last().map_or(1, |last| last.output.positions())
    }

    /// Rows of a step: samples of a batch, and what fills them up to a power of two.
    pub fn padded_batch(&self) -> usize {
        self.training.batch.next_power_of_two()
    }
}

impl Data {
    /// Feature columns in the order of the inputs, the compact form written out.
    pub fn columns(&self) -> Vec<Feature> {
        match (&self.features, &self.uniform) {
            (Some(features), _) => features.clone(),
            (None, Some(u)) => (0..u.count)
                .map(|i| Feature {
                    name: format!("{}{i}", u.prefix),
                    offset: u.offset,
                    scale: u.scale,
                })
                .collect(),
            (None, None) => Vec::new(),
        }
    }
}
