//! Sums and products that stay unevaluated as long as they fit in one gate.

use ark_bn254::Fr;
use ark_ff::Zero;
use zktrain_argument::arith::Arithmetic;

use super::fuse::{Gate, RecordedNode, Var, join, multiply, scaled, sum_gate};
use super::recorder::{Form, Recorder};

/// Terms beyond which a sum is not left unevaluated.
const MAX_TERMS: usize = 7;

impl Recorder {
    /// A variable over a wire and equal to `var`.
    fn settled(&mut self, var: &Var) -> Var {
        if let Some(node) = var.node {
            self.settle(node);
        }
        *var
    }

    /// Terms and constant of a variable that is not a product.
    fn terms(&self, var: &Var) -> (Vec<(RecordedNode, Fr)>, Fr) {
        let Some(node) = var.node else { return (Vec::new(), var.shift) };
        match self.form(node) {
            Form::Sum(terms, constant) => (
                terms.into_iter().map(|(t, c)| (t, c * var.scale)).collect(),
                constant * var.scale + var.shift,
            ),
            _ => (vec![(node, var.scale)], var.shift),
        }
    }

    pub(super) fn is_product(&self, var: &Var) -> bool {
        var.node.is_some_and(|node| matches!(self.form(node), Form::Product(_)))
    }

    pub(super) fn sum(&mut self, x: &Var, y: &Var) -> Var {
        match (self.is_product(x), self.is_product(y)) {
            (false, false) => self.sum_of_terms(x, y),
            (true, false) => self.sum_with_product(x, y),
            (false, true) => self.sum_with_product(y, x),
            (true, true) => {
                // The older one is usually an accumulator, the newer one what joins it.
                let (older, newer) = if x.node < y.node { (x, y) } else { (y, x) };
                let older = self.settled(older);
                self.sum_with_product(newer, &older)
            }
        }
    }

    fn sum_of_terms(&mut self, x: &Var, y: &Var) -> Var {
        let ((mut terms, mut constant), (more, c)) = (self.terms(x), self.terms(y));
        if terms.len() + more.len() > MAX_TERMS {
            let (long, short) = if terms.len() > more.len() { (x, y) } else { (y, x) };
            let long = self.settled(long);
            return self.sum_of_terms(&long, short);
        }
        constant += c;
        for (node, coefficient) in more {
            match terms.iter_mut().find(|(known, _)| *known == node) {
                Some((_, sum)) => *sum += coefficient,
                None => terms.push((node, coefficient)),
            }
        }
        terms.retain(|(_, coefficient)| !coefficient.is_zero());
        match terms.as_slice() {
            [] => Var::from(constant),
            [(node, scale)] => Var { node: Some(*node), scale: *scale, shift: constant },
            _ => {
                let value = terms.iter().map(|(t, c)| self.value(*t) * c).sum::<Fr>() + constant;
                Var::of(self.push(value, Form::Sum(terms, constant)))
            }
        }
    }

    /// `x + y` where `x` is a product: in its gate if there is room.
    fn sum_with_product(&mut self, x: &Var, y: &Var) -> Var {
        let Some(Form::Product(gate)) = x.node.map(|node| self.form(node)) else {
            return self.sum_of_terms(x, y);
        };
        let (terms, constant) = self.terms(y);
        if let Some(joined) = join(gate, x, &terms, constant) {
            return self.product(joined);
        }
        // With an odd number of terms, adding those up first saves a row.
        if terms.len() % 2 == 1 && terms.len() > 1 {
            let y = Var::of(self.pure(y));
            return self.sum_with_product(x, &y);
        }
        let x = self.settled(x);
        self.sum_of_terms(&x, y)
    }

    pub(super) fn times(&mut self, x: &Var, y: &Var) -> Var {
        if let Some(c) = x.as_constant() {
            return self.scale(y, c);
        }
        if let Some(c) = y.as_constant() {
            return self.scale(x, c);
        }
        if self.is_product(x) && self.is_product(y) {
            let (first, second) = if x.shift.is_zero() { (x, y) } else { (y, x) };
            let first = self.settled(first);
            return self.times_wire(second, &first);
        }
        let single = |recorder: &Self, v: &Var| {
            v.node.is_some_and(|node| matches!(recorder.form(node), Form::Wire))
        };
        if single(self, y) {
            self.times_wire(x, y)
        } else if single(self, x) {
            self.times_wire(y, x)
        } else {
            let (sum, other) = if self.is_product(x) { (y, x) } else { (x, y) };
            let sum = self.settled(sum);
            self.times_wire(other, &sum)
        }
    }

    /// `x·y` where `y` is over a wire.
    fn times_wire(&mut self, x: &Var, y: &Var) -> Var {
        let (Some(base), Some(wire)) = (x.node, y.node) else {
            self.fail(); // constants are dealt with by the caller
            return Var::from(Fr::zero());
        };
        match self.form(base) {
            Form::Product(gate) => {
                if let Some(gate) = multiply(gate, x, wire, y) {
                    return self.product(gate);
                }
            }
            Form::Sum(terms, _) if y.shift.is_zero() && terms.len() % 2 == 0 => {
                let (terms, constant) = self.shorten(base, 2);
                let mut gate = sum_gate(&terms, constant);
                gate = scaled(gate, x.scale * y.scale, x.shift * y.scale);
                return self.product(Gate { e: Some(wire), ..gate });
            }
            _ => {}
        }
        let x = self.settled(x);
        let q = [
            x.scale * y.scale,
            x.scale * y.shift,
            x.shift * y.scale,
            Fr::zero(),
            x.shift * y.shift,
        ];
        self.product(Gate { a: x.node, b: y.node, c: None, e: None, q })
    }
}
