//! What an optimizer carries from step to step: the previous update, or Adam's moments and a clock.

use zktrain_model::manifest::Network;
use zktrain_model::operators::GRADIENT_HI;
use zktrain_model::trace::{
    LayerParameters, LayerTrace, MOMENTS, OptimizerState, ParameterTrace, Parameters, Trace,
};

use super::check;
use super::error::TrainError;

/// A slice of what one kind of parameter left, by parameters of a step.
type Of = fn(&ParameterTrace, usize) -> &[i32];

/// What the last step of a window leaves to the next window's first; none of an optimizer without a state.
pub fn last_state(network: &Network, trace: &Trace) -> Option<OptimizerState> {
    let before = trace.state.as_ref().map_or(0, |state| state.steps);
    let steps = network.steps;
    let done = before.saturating_add(steps as u32);
    network.has_state().then(|| after(network, &trace.after, &trace.layers, steps - 1, done))
}

/// What step `t` of the traces leaves, `done` steps of the chain having been done after it.
pub(super) fn after(
    network: &Network,
    parameters: &Parameters,
    layers: &[LayerTrace],
    t: usize,
    done: u32,
) -> OptimizerState {
    let update: Of = |trace, _| &trace.update.q;
    let moment: Of = |trace, k| trace.moments.get(k).map_or(&[], Vec::as_slice);
    let block = |of: Of, k: usize| {
        let all = parameters.layers.iter().zip(layers);
        Parameters { layers: all.map(|(own, trace)| at(own, trace, t, |p| of(p, k))).collect() }
    };
    match (&network.adam, network.momentum) {
        (Some(_), _) => {
            let blocks = (0..MOMENTS).map(|k| block(moment, k)).collect();
            OptimizerState { blocks, steps: done }
        }
        (None, true) => OptimizerState { blocks: vec![block(update, 0)], steps: 0 },
        (None, false) => OptimizerState::default(),
    }
}

/// The same of one layer. What is tracked has updates and no moments.
fn at<'a>(
    own: &LayerParameters,
    trace: &'a LayerTrace,
    t: usize,
    of: impl Fn(&'a ParameterTrace) -> &'a [i32],
) -> LayerParameters {
    let slice = |parameter: &'a Option<ParameterTrace>, len: usize| {
        let all = parameter.as_ref().map(&of)?;
        all.get(t * len..(t + 1) * len).map(<[i32]>::to_vec)
    };
    let part = |parameter, own: &Option<Vec<i32>>| {
        own.as_ref().and_then(|own| slice(parameter, own.len()))
    };
    LayerParameters {
        w: slice(&trace.w, own.w.len()).unwrap_or_default(),
        b: part(&trace.b, &own.b),
        s: part(&trace.s, &own.s),
    }
}

/// Checks a state that comes from outside.
pub(super) fn check_state(network: &Network, state: &OptimizerState) -> Result<(), TrainError> {
    let expected = match &network.adam {
        Some(_) => MOMENTS,
        None => usize::from(network.momentum),
    };
    let got = state.blocks.len();
    match expected {
        0 => return Err(TrainError::UnexpectedState),
        _ if expected != got => return Err(TrainError::State { expected, got }),
        _ => {}
    }
    for (k, block) in state.blocks.iter().enumerate() {
        match &network.adam {
            // |δ| ≤ 2^15, so the bound is 2^16 with room of 2^15 − 1.
            None => {
                check::shape(network, block)?;
                check::range(network, block, 16, (1 << 15) - 1)?;
            }
            Some(_) => check_moment(network, k, block)?,
        }
    }
    Ok(())
}

/// A first moment and a root have what a gradient has, a rest twice that, a fraction 16 bits.
fn check_moment(network: &Network, k: usize, block: &Parameters) -> Result<(), TrainError> {
    let (expected, got) = (network.layers.len(), block.layers.len());
    if expected != got {
        return Err(TrainError::Layers { expected, got });
    }
    let most = GRADIENT_HI as i32;
    let ends = match k {
        0 => -most..most + 1,
        1 => 0..most + 1,
        2 => 0..2 * most + 1,
        _ => 0..1 << 16,
    };
    for (l, (layer, own)) in network.layers.iter().zip(&block.layers).enumerate() {
        let wrong = |what, expected, got| TrainError::Parameters { what, layer: l, expected, got };
        let (weights, biases) = (layer.n_in * layer.n_out, layer.n_out);
        if own.w.len() != weights {
            return Err(wrong("moments of weights", weights, own.w.len()));
        }
        let got = own.b.as_ref().map_or(0, Vec::len);
        if own.b.is_some() != layer.bias || (layer.bias && got != biases) {
            return Err(wrong("moments of biases", biases, got));
        }
        let values = own.w.iter().chain(own.b.iter().flatten());
        if let Some(value) = values.into_iter().find(|value| !ends.contains(*value)) {
            let (layer, value) = (l, i64::from(*value));
            return Err(TrainError::Moment { layer, min: ends.start, max: ends.end - 1, value });
        }
    }
    Ok(())
}
