//! One optimizer step after the other, written straight into the trace.

use zktrain_model::manifest::Network;
use zktrain_model::operators::SavedTensors;
use zktrain_model::trace::{
    LayerParameters, LayerTrace, ParameterTrace, Parameters, Record, Trace,
};

use super::Trainer;
use super::error::TrainError;
use super::forward::Turn;
use super::product::Matrix;

/// What the steps of a window carry from one to the next.
struct Run<'a> {
    trainer: &'a Trainer,
    parameters: Parameters,
    /// The previous update; with momentum only.
    velocity: Option<Parameters>,
    layers: Vec<LayerTrace>,
    loss: Record,
}

impl Trainer {
    /// Trains on a checked window.
    pub(super) fn run(
        &self,
        before: &Parameters,
        state: Option<&Parameters>,
        inputs: &[i16],
        labels: &[i16],
    ) -> Result<Trace, TrainError> {
        let network = self.network();
        let widen = |x: &[i16]| -> Vec<i32> { x.iter().map(|x| i32::from(*x)).collect() };
        let (inputs, labels) = (widen(inputs), widen(labels));
        let mut run = Run {
            trainer: self,
            parameters: before.clone(),
            velocity: state.cloned(),
            layers: vec![LayerTrace::default(); network.layers.len()],
            loss: Record::default(),
        };
        let x = inputs.chunks_exact(network.batch * network.input);
        let y = labels.chunks_exact(network.batch * network.output());
        for (t, (x, y)) in x.zip(y).enumerate() {
            run.step(t, x, y)?;
        }
        let Run { parameters: after, layers, loss, .. } = run;
        let (before, state) = (before.clone(), state.cloned());
        Ok(Trace { inputs, labels, before, state, layers, loss, after })
    }
}

impl Run<'_> {
    /// Forwards, backwards, and only then the parameters: all of a step is computed with those
    /// before it.
    fn step(&mut self, step: usize, x: &[i32], y: &[i32]) -> Result<(), TrainError> {
        let (network, graph) = (self.trainer.network(), self.trainer.forward());
        let samples = network.batch;
        let turn = Turn { step, steps: network.steps, samples, training: true };
        let mut kept: Vec<SavedTensors<Matrix>> =
            (0..graph.len()).map(|_| SavedTensors::default()).collect();
        let values = graph.run(&self.parameters, x, turn, &mut kept, &mut self.layers)?;
        let mut gradients: Vec<Vec<i32>> = vec![Vec::new(); graph.len()];
        let (last, table) = graph.loss().ok_or(TrainError::Loss)?;
        let z = &values[last.0];
        let d = network.loss.gradient(network, table, z, y, &mut self.loss);
        gradients[last.0] = d.ok_or(TrainError::Loss)?;
        for operator in graph.operators().rev() {
            let own = &mut kept[operator.id.0];
            for input in operator.inputs {
                let pass = graph.pass(operator, Some(*input), &[], &self.parameters, turn);
                let gradient = &gradients[operator.id.0];
                let sent = operator.kind.backward(&pass, gradient, own, &mut self.layers)?;
                arrive(&mut gradients[input.0], sent)?;
            }
        }
        let updates = self.updates(turn, &kept)?;
        for (p, update) in self.parameters.layers.iter_mut().zip(&updates) {
            subtract(p, update);
        }
        if network.momentum {
            self.velocity = Some(Parameters { layers: updates });
        }
        Ok(())
    }

    /// The updates of all layers, as traced.
    fn updates(
        &mut self,
        turn: Turn,
        kept: &[SavedTensors<Matrix>],
    ) -> Result<Vec<LayerParameters>, TrainError> {
        let graph = self.trainer.forward();
        let mut updates = vec![LayerParameters::default(); self.layers.len()];
        for operator in graph.operators() {
            let pass = graph.pass(operator, None, &[], &self.parameters, turn);
            let velocity = self.velocity.as_ref().map(|v| &v.layers[operator.layer]);
            let (own, trace) = (&kept[operator.id.0], &mut self.layers[operator.layer]);
            if let Some(update) = operator.kind.update(&pass, velocity, own, trace)? {
                updates[operator.layer] = update;
            }
        }
        Ok(updates)
    }
}

/// Adds what arrives at a node from one of those who take its values.
fn arrive(sum: &mut Vec<i32>, sent: Vec<i32>) -> Result<(), TrainError> {
    if sum.is_empty() {
        *sum = sent;
        return Ok(());
    }
    if sum.len() != sent.len() {
        let (expected, got) = (sum.len(), sent.len());
        return Err(TrainError::Arriving { expected, got });
    }
    // Manifests bound the sum: it has 30 bits at most.
    sum.iter_mut().zip(sent).for_each(|(sum, sent)| *sum += sent);
    Ok(())
}

fn subtract(parameters: &mut LayerParameters, update: &LayerParameters) {
    let pairs = parameters.w.iter_mut().zip(&update.w);
    let biases = parameters.b.iter_mut().flatten().zip(update.b.iter().flatten());
    let statistics = parameters.s.iter_mut().flatten().zip(update.s.iter().flatten());
    // The static bounds keep parameters below 2^31.
    pairs.chain(biases).chain(statistics).for_each(|(w, update)| *w -= update);
}

/// The update of step `t`.
pub(super) fn update_at(network: &Network, trace: &Trace, t: usize) -> Parameters {
    let slice = |parameter: &ParameterTrace| {
        let all = &parameter.update.q;
        let len = all.len() / network.steps;
        all[t * len..(t + 1) * len].to_vec()
    };
    let layers = trace.layers.iter().map(|layer| LayerParameters {
        w: layer.w.as_ref().map(slice).unwrap_or_default(),
        b: layer.b.as_ref().map(slice),
        s: layer.s.as_ref().map(slice),
    });
    Parameters { layers: layers.collect() }
}
