//! Checks of everything that comes from outside, before the first step.

use zktrain_model::manifest::{Layer, Network, PROBABILITY_FRAC};
use zktrain_model::trace::{OptimizerState, Parameters};

use super::error::TrainError;
use super::state::check_state;

/// Checks shapes, ranges and labels of a window's inputs to training.
pub(super) fn check(
    network: &Network,
    before: &Parameters,
    state: Option<&OptimizerState>,
    inputs: &[i16],
    labels: &[i16],
) -> Result<(), TrainError> {
    largest(network)?;
    shape(network, before)?;
    range(network, before, network.weight_bits, network.steps as i64 * (1 << 15))?;
    state.map_or(Ok(()), |state| check_state(network, state))?;
    let got = state.map_or(0, |state| state.steps as usize).saturating_add(network.steps);
    if network.adam.is_some() && got > network.max_steps {
        return Err(TrainError::TooManySteps { max: network.max_steps, got });
    }
    let samples = network.window();
    length("inputs", samples * network.input, inputs.len())?;
    length("labels", samples * network.output(), labels.len())?;
    check_labels(network, labels)
}

/// Checks shapes and ranges of parameters that are not going to be trained.
pub(crate) fn parameters(network: &Network, parameters: &Parameters) -> Result<(), TrainError> {
    shape(network, parameters)?;
    range(network, parameters, network.weight_bits, 0)
}

/// Checks that `parameters` has the network's shape.
pub(crate) fn shape(network: &Network, parameters: &Parameters) -> Result<(), TrainError> {
    let (expected, got) = (network.layers.len(), parameters.layers.len());
    if expected != got {
        return Err(TrainError::Layers { expected, got });
    }
    for (l, (layer, parameters)) in network.layers.iter().zip(&parameters.layers).enumerate() {
        let wrong = |what, expected, got| TrainError::Parameters { what, layer: l, expected, got };
        let weights = layer.n_in * layer.n_out;
        if parameters.w.len() != weights {
            return Err(wrong("weights", weights, parameters.w.len()));
        }
        let biases = if layer.bias { layer.n_out } else { 0 };
        let got = parameters.b.as_ref().map_or(0, Vec::len);
        if got != biases || parameters.b.is_some() != layer.bias {
            return Err(wrong("biases", biases, got));
        }
        let (expected, got) = (layer.statistics(), parameters.s.as_ref().map_or(0, Vec::len));
        if got != expected || parameters.s.is_some() != layer.norm.is_some() {
            return Err(wrong("running statistics", expected, got));
        }
    }
    Ok(())
}

/// Checks `|x| + reserve < 2^bits` for every entry.
pub(super) fn range(
    network: &Network,
    parameters: &Parameters,
    bits: u32,
    reserve: i64,
) -> Result<(), TrainError> {
    let limit = (1i64 << bits) - reserve;
    for (layer, p) in parameters.layers.iter().enumerate().take(network.layers.len()) {
        let mut all = p.w.iter().chain(p.b.iter().flatten()).chain(p.s.iter().flatten());
        if let Some(&got) = all.find(|x| i64::from(**x).abs() >= limit) {
            return Err(TrainError::ParameterRange { layer, bits, got });
        }
    }
    Ok(())
}

fn length(what: &'static str, expected: usize, got: usize) -> Result<(), TrainError> {
    if expected == got { Ok(()) } else { Err(TrainError::Window { what, expected, got }) }
}

fn check_labels(network: &Network, labels: &[i16]) -> Result<(), TrainError> {
    let valid = |row: &[i16]| {
        let bits = row.iter().all(|y| matches!(y, 0 | 1));
        match network.one_hot {
            true if network.weighted => {
                let mut weights = row.iter().filter(|y| **y != 0);
                let fits = weights.next().is_none_or(|y| (1..=1 << PROBABILITY_FRAC).contains(y));
                fits && weights.next().is_none()
            }
            true => bits && row.iter().map(|y| i32::from(*y)).sum::<i32>() == 1,
            false => bits || network.has_targets(),
        }
    };
    let (each, positions) = (network.labels().channels, network.labels().positions());
    match labels.chunks_exact(each).position(|row| !valid(row)) {
        Some(label) => Err(TrainError::Label { sample: label / positions }),
        None => Ok(()),
    }
}

/// Flat indices of a trace are 32-bit.
fn largest(network: &Network) -> Result<(), TrainError> {
    let max = u32::MAX as usize;
    let values = |l: &Layer| network.batch * l.output.count();
    let per_step = network.layers.iter().map(|l| (l.n_in * l.n_out).max(values(l)));
    let got = per_step.max().unwrap_or(0).saturating_mul(network.steps);
    if got > max { Err(TrainError::TooLarge { max, got }) } else { Ok(()) }
}
