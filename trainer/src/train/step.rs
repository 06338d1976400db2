//! One optimizer step after the other, written straight into the trace.

use zktrain_model::operators::{LayerState, SavedTensors};
use zktrain_model::trace::{
    LayerParameters, LayerTrace, OptimizerState, Parameters, Record, Trace,
};

use super::Trainer;
use super::error::TrainError;
use super::forward::Turn;
use super::product::Matrix;
use super::state;

/// What the steps of a window carry from one to the next.
struct Run<'a> {
    trainer: &'a Trainer,
    parameters: Parameters,
    /// What the steps before have left of the optimizer.
    state: OptimizerState,
    /// Adam's.
    rates: Vec<i32>,
    layers: Vec<LayerTrace>,
    loss: Record,
}

impl Trainer {
    /// Trains on a checked window.
    pub(super) fn run(
        &self,
        before: &Parameters,
        state: Option<&OptimizerState>,
        inputs: &[i16],
        labels: &[i16],
    ) -> Result<Trace, TrainError> {
        let network = self.network();
        let widen = |x: &[i16]| -> Vec<i32> { x.iter().map(|x| i32::from(*x)).collect() };
        let (inputs, labels) = (widen(inputs), widen(labels));
        let mut run = Run {
            trainer: self,
            parameters: before.clone(),
            state: state.cloned().unwrap_or_default(),
            rates: Vec::new(),
            layers: vec![LayerTrace::default(); network.layers.len()],
            loss: Record::default(),
        };
        let x = inputs.chunks_exact(network.batch * network.input);
        let y = labels.chunks_exact(network.batch * network.output());
        for (t, (x, y)) in x.zip(y).enumerate() {
            run.step(t, x, y)?;
        }
        let Run { parameters: after, rates, layers, loss, .. } = run;
        let (before, state) = (before.clone(), state.cloned());
        Ok(Trace { inputs, labels, before, state, rates, layers, loss, after })
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
        let done = self.state.steps.saturating_add(1);
        self.state = state::after(network, &self.parameters, &self.layers, step, done);
        Ok(())
    }

    /// The updates of all layers, as traced.
    fn updates(
        &mut self,
        turn: Turn,
        kept: &[SavedTensors<Matrix>],
    ) -> Result<Vec<LayerParameters>, TrainError> {
        let graph = self.trainer.forward();
        let rate = self.trainer.rate(self.state.steps);
        self.rates.extend(rate);
        let rate = rate.map_or(0, i64::from);
        let mut updates = vec![LayerParameters::default(); self.layers.len()];
        for operator in graph.operators() {
            let pass = graph.pass(operator, None, &[], &self.parameters, turn);
            let blocks = self.state.blocks.iter().map(|block| &block.layers[operator.layer]);
            let state = LayerState { blocks: blocks.collect(), rate };
            let (own, trace) = (&kept[operator.id.0], &mut self.layers[operator.layer]);
            if let Some(update) = operator.kind.update(&pass, &state, own, trace)? {
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
