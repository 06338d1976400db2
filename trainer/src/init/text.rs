//! A draft for a text: each position predicts the character behind it.

use std::collections::BTreeSet;

use zktrain_model::manifest::{Data, LayerSpec, MAX_CLASSES, MAX_WIDTH, Manifest, Model, Uniform};

use super::{DraftError, DraftOptions};
use crate::dataset::Table;
use crate::images::{Images, hidden_layers};
use crate::transformer::{Transformer, each};

/// Channels, heads and blocks of the network that a text has unless other layers are said.
const SIZES: (usize, usize, usize) = (64, 4, 2);

/// The draft for a table that a text was cut into: tokens, and classes, are its characters, in the order of their
/// numbers in Unicode.
pub(super) fn draft(table: &Table, options: &DraftOptions) -> Result<Manifest, DraftError> {
    let (tokens, positions) = (characters(table)?, table.columns.len());
    let image = [positions, 1, tokens.len()];
    let layers = match &options.images {
        Some(images) => images.layers.clone(),
        None => {
            let (channels, heads, blocks) = SIZES;
            let inputs = tokens.len();
            Transformer { positions, inputs, channels, heads, blocks, causal: true }.layers().layers
        }
    };
    let mut layers: Vec<LayerSpec> =
        hidden_layers(Some(&Images { image, layers }), &[], options.activation);
    layers.push(each(tokens.len()));
    let input = positions * tokens.len();
    let model = Model { input, image: Some(image), loss: options.loss, layers };
    let prefix = "character_".to_owned();
    let columns = Uniform { prefix, count: positions, offset: 0.0, scale: 1.0 };
    let mut manifest = Manifest {
        version: 1,
        name: options.name.clone(),
        model,
        optimizer: options.optimizer,
        training: options.training,
        data: Data {
            label: options.label.clone(),
            classes: Some(tokens.clone()),
            target: None,
            uniform: Some(columns),
            features: None,
            weighted: true,
            class_weights: None,
            tokens: Some(tokens),
        },
        quantization: None,
    };
    manifest.version = manifest.oldest_version();
    Ok(manifest)
}

/// All characters that there are.
fn characters(table: &Table) -> Result<Vec<String>, DraftError> {
    let known: BTreeSet<u32> =
        table.features.iter().filter(|x| **x >= 0.0).map(|x| *x as u32).collect();
    let max = MAX_CLASSES.min(MAX_WIDTH / table.columns.len().max(1));
    let (path, got) = (table.path.clone(), known.len());
    if got > max {
        return Err(DraftError::ManyCharacters { path, max, got });
    }
    if got < 2 {
        return Err(DraftError::OneCharacter { path });
    }
    Ok(known.into_iter().filter_map(char::from_u32).map(String::from).collect())
}
