//! Adam in a forged step, number by number; what the step before has left is read where it lies.

use super::{Forge, Value};

/// Moments by name, in their order.
const PARTS: [&str; 4] = ["mean", "root", "rest", "low"];

impl Forge<'_, '_> {
    /// The step's rate, by a clock.
    pub fn rate(&mut self, t: usize) -> i64 {
        let Some(adam) = &self.network.adam else { return 0 };
        let before = match t.checked_sub(1) {
            Some(last) => self.get("clock", &[last, 0]),
            None => self.get("clock.state", &[0, 0]),
        };
        let clock = self.plain("clock", [t, 0, 0], &[t, 0], before + 1, 0);
        let rate = adam.rates.values()[usize::try_from(clock - 1).unwrap()];
        self.plain("rate", [t, 0, 0], &[t], rate.into(), 0)
    }

    /// The update of one parameter with this name, for a clipped gradient. The hook is told the first moment (its context is
    /// the difference that moves it), the root with rest and fraction as remainders, and the update, in the context of what it
    /// is divided by.
    pub fn adam(
        &mut self,
        (l, name): (usize, &str),
        at: [usize; 3],
        (block, trace): (&[usize], &[usize]),
        (gradient, rate): (i64, i64),
    ) -> i64 {
        let [first, second] = self.network.adam.as_ref().unwrap().betas;
        let [m, s, rest, low] = self.moments(name, block);
        let difference = gradient - m;
        let moved = (difference.abs() * (65_536 - first) + 65_535) >> 16;
        let m = m + moved * difference.signum();
        let m = self.plain(&format!("{name}.mean"), at, block, m, difference);

        let n = second * (s * s + rest) + low + (65_536 - second) * gradient * gradient;
        let (v, low) = (n.div_euclid(65_536), n.rem_euclid(65_536));
        let s = v.isqrt();
        let mut root = Value { q: s, r: vec![v - s * s, low], ..Value::default() };
        (self.hook)(&format!("{name}.root"), at, &mut root);
        let second = [root.q, root.r[0], root.r[1]];
        for (part, value) in PARTS[1..].iter().zip(second) {
            self.put(&format!("{name}.{part}"), block, value);
        }

        let by = root.q + self.network.layers[l].epsilon;
        let q = (rate * m).div_euclid(by);
        let mut update = Value { q, r: vec![rate * m - by * q], context: by, ..Value::default() };
        (self.hook)(&format!("{name}.update"), at, &mut update);
        self.put(&format!("{name}.update.q"), block, update.q);
        self.put(&format!("{name}.update.r0"), trace, update.r[0]);
        update.q
    }

    /// What the step before has left, or the proof before.
    fn moments(&self, name: &str, block: &[usize]) -> [i64; 4] {
        let mut index = block.to_vec();
        let first = index[0] == 0;
        index[0] = index[0].saturating_sub(1);
        PARTS.map(|part| {
            let suffix = if first { ".state" } else { "" };
            self.get(&format!("{name}.{part}{suffix}"), &index)
        })
    }
}
