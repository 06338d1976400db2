//! Parameters as safetensors files: de-quantized for other tools, integer for this one.
//!
//! Tensors are called `layers.0.weight` `(n_in, n_out)` and `layers.0.bias` `(n_out)`, the
//! index counting linear layers; a batch norm's are its scales and shifts `(n_out)`, and
//! `layers.0.running_mean` and `layers.0.running_deviation`. The integer file carries `weight_frac` as metadata. The
//! same parameters always give the same bytes.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use zktrain_model::manifest::{Layer, LayerKind, Network};
use zktrain_model::trace::{LayerParameters, Parameters};

use crate::parameters::statistics_frac;
use crate::train::{TrainError, check_shape};

const FRAC_KEY: &str = "weight_frac";

/// Why parameters cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Not a safetensors file, or a tensor is missing.
    #[error(transparent)]
    Format(#[from] SafeTensorError),
    /// Parameters that do not fit the network.
    #[error(transparent)]
    Parameters(#[from] TrainError),
    /// The fractional bits are missing or not the network's.
    #[error("metadata {key}: expected {expected}, got {got:?}")]
    Frac {
        /// The metadata key.
        key: &'static str,
        /// The network's fractional bits.
        expected: u32,
        /// What the file says.
        got: Option<String>,
    },
    /// A tensor of the wrong type.
    #[error("tensor {name}: expected elements of type I32, got {got:?}")]
    ElementType {
        /// The tensor.
        name: String,
        /// Its type.
        got: Dtype,
    },
    /// A tensor of the wrong shape.
    #[error("tensor {name}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The shape found.
        got: Vec<usize>,
    },
    /// Tensors that the network does not have.
    #[error("expected {expected} tensors, got {got}")]
    Tensors {
        /// Tensors of the network.
        expected: usize,
        /// Tensors in the file.
        got: usize,
    },
}

/// `model.safetensors`: the real numbers that the parameters stand for, as 32-bit floats.
///
/// # Errors
/// When the parameters do not fit the network.
pub fn to_float_safetensors(
    network: &Network,
    parameters: &Parameters,
) -> Result<Vec<u8>, ExportError> {
    let real = |x: i32, scale: f64| ((f64::from(x) / scale) as f32).to_le_bytes();
    serialize(network, parameters, Dtype::F32, |x, frac| real(x, f64::from(frac).exp2()))
}

/// `model.int.safetensors`: the integers, with `weight_frac` as metadata.
///
/// # Errors
/// When the parameters do not fit the network.
pub fn to_int_safetensors(
    network: &Network,
    parameters: &Parameters,
) -> Result<Vec<u8>, ExportError> {
    serialize(network, parameters, Dtype::I32, |x, _| x.to_le_bytes())
}

fn serialize(
    network: &Network,
    parameters: &Parameters,
    dtype: Dtype,
    element: impl Fn(i32, u32) -> [u8; 4],
) -> Result<Vec<u8>, ExportError> {
    check_shape(network, parameters)?;
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (l, (layer, own)) in network.layers.iter().zip(&parameters.layers).enumerate() {
        let all = own.w.iter().chain(own.b.iter().flatten()).chain(own.s.iter().flatten());
        let mut values = all.copied();
        for Named { name, shape, frac } in tensor_shapes(network, l, layer) {
            let count = shape.iter().product();
            let bytes = values.by_ref().take(count).flat_map(|x| element(x, frac)).collect();
            tensors.push((name, shape, bytes));
        }
    }
    let mut views = Vec::new();
    for (name, shape, bytes) in &tensors {
        views.push((name.as_str(), TensorView::new(dtype, shape.clone(), bytes)?));
    }
    // A single key: with more, their order would vary from run to run.
    let metadata = HashMap::from([(FRAC_KEY.to_owned(), network.weight_frac.to_string())]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// Reads what [`to_int_safetensors`] writes.
///
/// # Errors
/// When the file is malformed or its tensors are not the network's.
pub fn from_int_safetensors(network: &Network, bytes: &[u8]) -> Result<Parameters, ExportError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let got = header.metadata().as_ref().and_then(|m| m.get(FRAC_KEY)).cloned();
    if got.as_deref() != Some(network.weight_frac.to_string().as_str()) {
        return Err(ExportError::Frac { key: FRAC_KEY, expected: network.weight_frac, got });
    }
    let tensors = SafeTensors::deserialize(bytes)?;
    let layers = network.layers.iter().enumerate();
    let shapes: Vec<Vec<Named>> =
        layers.map(|(l, layer)| tensor_shapes(network, l, layer)).collect();
    let expected = shapes.iter().flatten().count();
    if tensors.len() != expected {
        return Err(ExportError::Tensors { expected, got: tensors.len() });
    }
    let mut layers = Vec::new();
    for (layer, shapes) in network.layers.iter().zip(shapes) {
        let mut own = shapes.into_iter();
        let mut next = || own.next().map(|named| read(&tensors, named)).transpose();
        let w = if layer.has_weights() { next()?.unwrap_or_default() } else { Vec::new() };
        let b = if layer.bias { next()? } else { None };
        let s = match next()? {
            Some(means) => Some([means, next()?.unwrap_or_default()].concat()),
            None => None,
        };
        layers.push(LayerParameters { w, b, s });
    }
    Ok(Parameters { layers })
}

/// A tensor of a file.
struct Named {
    name: String,
    shape: Vec<usize>,
    /// Fractional bits.
    frac: u32,
}

/// The tensors of a layer: weights, biases, running means and deviations, those that it has.
fn tensor_shapes(network: &Network, l: usize, layer: &Layer) -> Vec<Named> {
    let named = |part: &str, shape: Vec<usize>, frac: u32| {
        let name = format!("layers.{l}.{part}");
        Named { name, shape, frac }
    };
    let (frac, n) = (network.weight_frac, layer.n_out);
    let norm = layer.norm.is_some();
    let scale = norm || layer.kind == LayerKind::Scale;
    let weight = if scale { vec![n] } else { vec![layer.n_in, n] };
    let mut all = Vec::new();
    all.extend(layer.has_weights().then(|| named("weight", weight, frac)));
    all.extend(layer.bias.then(|| named("bias", vec![n], frac)));
    for part in ["running_mean", "running_deviation"] {
        all.extend(norm.then(|| named(part, vec![n], statistics_frac(layer))));
    }
    all
}

fn read(tensors: &SafeTensors<'_>, named: Named) -> Result<Vec<i32>, ExportError> {
    let Named { name, shape: expected, .. } = named;
    let tensor = tensors.tensor(&name)?;
    if tensor.dtype() != Dtype::I32 {
        return Err(ExportError::ElementType { name, got: tensor.dtype() });
    }
    if tensor.shape() != expected {
        return Err(ExportError::Shape { name, expected, got: tensor.shape().to_vec() });
    }
    let (elements, _) = tensor.data().as_chunks::<4>();
    Ok(elements.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{initial_parameters, synthetic};

    fn example() -> (Network, Parameters) {
        let network = synthetic::manifest(&[13, 7, 3], 4, 1).unwrap().network().unwrap();
        let parameters = initial_parameters(&network, 1);
        (network, parameters)
    }

    #[test]
    fn integers_survive_and_bytes_are_the_same_every_time() {
        let (network, parameters) = example();
        let bytes = to_int_safetensors(&network, &parameters).unwrap();
        assert_eq!(bytes, to_int_safetensors(&network, &parameters).unwrap());
        assert_eq!(from_int_safetensors(&network, &bytes).unwrap(), parameters);
    }

    #[test]
    fn floats_are_the_integers_scaled() {
        let (network, parameters) = example();
        let bytes = to_float_safetensors(&network, &parameters).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let w = tensors.tensor("layers.1.weight").unwrap();
        assert_eq!((w.dtype(), w.shape()), (Dtype::F32, &[7, 3][..]));
        let first = f32::from_le_bytes(w.data()[..4].try_into().unwrap());
        let expected = f64::from(parameters.layers[1].w[0]) / f64::from(1 << network.weight_frac);
        assert!((f64::from(first) - expected).abs() < 1e-6);
    }

    #[test]
    fn files_of_another_network_are_refused() {
        let (network, parameters) = example();
        let bytes = to_int_safetensors(&network, &parameters).unwrap();
        let mut other = network.clone();
        other.weight_frac += 1;
        assert!(matches!(from_int_safetensors(&other, &bytes), Err(ExportError::Frac { .. })));
        let mut other = network.clone();
        other.layers[1].n_in = 21;
        other.layers[1].n_out = 1;
        assert!(matches!(from_int_safetensors(&other, &bytes), Err(ExportError::Shape { .. })));
        let mut other = network.clone();
        other.layers.pop();
        let error = from_int_safetensors(&other, &bytes);
        assert!(matches!(error, Err(ExportError::Tensors { expected: 2, got: 4 })));
        let floats = to_float_safetensors(&network, &parameters).unwrap();
        let error = from_int_safetensors(&network, &floats);
        assert!(matches!(error, Err(ExportError::ElementType { .. })));
        for cut in [0, 7, 8, 40, bytes.len() - 1] {
            assert!(from_int_safetensors(&network, &bytes[..cut]).is_err());
        }
        let error = to_int_safetensors(&network, &Parameters::default());
        assert!(matches!(error, Err(ExportError::Parameters(TrainError::Layers { .. }))));
    }
}
