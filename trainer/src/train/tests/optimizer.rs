//! What becomes of a gradient, number by number, as the specification says it.

use zktrain_model::manifest::{self, Network};
use zktrain_model::trace::{LayerParameters, OptimizerState, ParameterTrace, Parameters};

use super::scalar::Expect;

/// Everything that one kind of parameter is expected to leave.
#[derive(Default)]
pub struct ExpectedChange {
    clip: Expect,
    update: Expect,
    moments: [Vec<i32>; 4],
}

impl ExpectedChange {
    /// The update for a gradient sum `x`, and what it leaves to the next step, one number a block.
    pub fn step(
        &mut self,
        (network, layer, rate): (&Network, &manifest::Layer, i32),
        x: i128,
        w: i32,
        state: &[i32],
    ) -> (i32, Vec<i32>) {
        let g = match &layer.clip {
            Some(spec) => i128::from(self.clip.round(x, spec)),
            None => x,
        };
        if let Some(adam) = &network.adam {
            return self.adam(adam.betas, (layer.epsilon, rate), g, state);
        }
        let before = state.first().copied().unwrap_or(0);
        let x = i128::from(network.mu) * i128::from(before)
            + i128::from(layer.eta) * g
            + i128::from(network.lambda) * i128::from(w);
        let update = self.update.round(x, &layer.update.unwrap()) as i32;
        (update, if network.momentum { vec![update] } else { Vec::new() })
    }

    fn adam(
        &mut self,
        [first, second]: [i64; 2],
        (epsilon, rate): (i64, i32),
        g: i128,
        state: &[i32],
    ) -> (i32, Vec<i32>) {
        let known = |k: usize| state.get(k).map_or(0, |x| i128::from(*x));
        let (first, second) = (i128::from(first), i128::from(second));
        let d = g - known(0);
        let moved = (d.abs() * (65_536 - first) + 65_535).div_euclid(65_536);
        let m = known(0) + if d < 0 { -moved } else { moved };
        let old = known(1) * known(1) + known(2);
        let n = second * old + known(3) + (65_536 - second) * g * g;
        let v = n.div_euclid(65_536);
        // Slowly, as the specification has it: the largest number whose square is no larger.
        let mut s = f64::sqrt(v as f64) as i128 + 2;
        while s * s > v {
            s -= 1;
        }
        let by = s + i128::from(epsilon);
        let scaled = i128::from(rate) * m;
        let q = scaled.div_euclid(by);
        self.update.q.push(q as i32);
        self.update.r.push((scaled - by * q) as i32);
        assert!((-32_768..32_768).contains(&q), "an update saturates: {q}");
        let next = [m, s, v - s * s, n.rem_euclid(65_536)].map(|x| x as i32);
        self.moments.iter_mut().zip(next).for_each(|(list, x)| list.push(x));
        (q as i32, next.to_vec())
    }

    pub fn check(&self, got: Option<&ParameterTrace>, what: &str) {
        let Some(got) = got else {
            assert_eq!(self.update.q, Vec::<i32>::new(), "{what}");
            return;
        };
        self.update.check(&got.update, what);
        match &got.clip {
            Some(clip) => self.clip.check(clip, &format!("{what}: clipped")),
            None => assert_eq!(self.clip.q, Vec::<i32>::new(), "{what}: clipped"),
        }
        let moments: Vec<_> = self.moments.iter().filter(|list| !list.is_empty()).collect();
        assert_eq!(moments, got.moments.iter().collect::<Vec<_>>(), "{what}: moments");
    }
}

/// What a step takes over, for one kind of parameter of a layer.
pub struct StateBefore<'a> {
    pub state: Option<&'a OptimizerState>,
    pub layer: usize,
    pub of: fn(&LayerParameters) -> &[i32],
}

impl StateBefore<'_> {
    /// That of one number, one entry a block.
    pub fn at(&self, index: usize) -> Vec<i32> {
        let blocks = self.state.iter().flat_map(|state| &state.blocks);
        blocks.map(|block| (self.of)(&block.layers[self.layer])[index]).collect()
    }
}

/// Builds the state that a step leaves, block by block, from a network's parameters.
pub struct NextState {
    blocks: Vec<Parameters>,
}

impl NextState {
    pub fn new(network: &Network, parameters: &Parameters) -> Self {
        let count = if network.adam.is_some() { 4 } else { usize::from(network.momentum) };
        let mut empty = parameters.clone();
        for layer in &mut empty.layers {
            layer.w.clear();
            layer.b.iter_mut().for_each(Vec::clear);
            // What is tracked has no moments.
            layer.s = layer.s.take().filter(|_| network.adam.is_none());
        }
        Self { blocks: vec![empty; count] }
    }

    pub fn weight(&mut self, layer: usize, left: &[i32]) {
        let blocks = self.blocks.iter_mut().zip(left);
        blocks.for_each(|(block, x)| block.layers[layer].w.push(*x));
    }

    pub fn bias(&mut self, layer: usize, left: &[i32]) {
        let blocks = self.blocks.iter_mut().zip(left);
        blocks.for_each(|(block, x)| block.layers[layer].b.as_mut().unwrap().push(*x));
    }

    /// Updates of running statistics, which momentum keeps beside the others.
    pub fn tracked(&mut self, layer: usize, updates: &[i32]) {
        for block in &mut self.blocks {
            let all = block.layers[layer].s.as_mut();
            all.into_iter().for_each(|own| own.clone_from(&updates.to_vec()));
        }
    }

    pub fn finish(self, network: &Network, done: u32) -> Option<OptimizerState> {
        let steps = if network.adam.is_some() { done } else { 0 };
        network.has_state().then_some(OptimizerState { blocks: self.blocks, steps })
    }
}
