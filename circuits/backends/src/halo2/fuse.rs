//! What fits in one arithmetic gate.
//!
//! Variables, the operands of a gate, and the rules by which sums and products
//! become one gate's.

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::gates::COEFFICIENTS;

/// Position of a node in the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedNode(pub(super) usize);

/// `scale·node + shift`; a constant without a node.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    pub(super) node: Option<RecordedNode>,
    pub(super) scale: Fr,
    pub(super) shift: Fr,
}

impl From<Fr> for Var {
    fn from(c: Fr) -> Self {
        Self { node: None, scale: Fr::zero(), shift: c }
    }
}

impl Var {
    pub(super) fn of(node: RecordedNode) -> Self {
        Self { node: Some(node), scale: Fr::one(), shift: Fr::zero() }
    }

    /// The constant, if it is one.
    pub(super) fn as_constant(&self) -> Option<Fr> {
        if self.scale.is_zero() || self.node.is_none() { Some(self.shift) } else { None }
    }

    /// The node, if the variable is that node itself.
    pub(super) fn as_node(&self) -> Option<RecordedNode> {
        self.node.filter(|_| self.scale.is_one() && self.shift.is_zero())
    }
}

/// The operands of one arithmetic gate, `e·(q_0·a·b + q_1·a + q_2·b + q_4) +
/// q_3·c`; without `e`, that factor is one. All operands have, or get, a cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    pub(super) a: Option<RecordedNode>,
    pub(super) b: Option<RecordedNode>,
    pub(super) c: Option<RecordedNode>,
    pub(super) e: Option<RecordedNode>,
    pub(super) q: [Fr; COEFFICIENTS],
}

/// Up to three terms and a constant, without a factor.
pub(super) fn sum_gate(terms: &[(RecordedNode, Fr)], constant: Fr) -> Gate {
    let at = |i: usize| terms.get(i).copied();
    let coefficient = |i: usize| at(i).map_or(Fr::zero(), |(_, c)| c);
    let node = |i: usize| at(i).map(|(node, _)| node);
    Gate {
        a: node(0),
        b: node(1),
        c: node(2),
        e: None,
        q: [Fr::zero(), coefficient(0), coefficient(1), coefficient(2), constant],
    }
}

/// `scale·gate + shift·e`
pub(super) fn scaled(gate: Gate, scale: Fr, shift: Fr) -> Gate {
    let mut q = gate.q.map(|q| q * scale);
    q[4] += shift;
    Gate { q, ..gate }
}

/// The variable `x` over `gate`, plus `terms` and `constant`, if one gate can do it.
pub(super) fn join(
    gate: Gate,
    x: &Var,
    terms: &[(RecordedNode, Fr)],
    constant: Fr,
) -> Option<Gate> {
    let outside = x.shift + constant;
    if gate.e.is_some() && !outside.is_zero() {
        return None;
    }
    let mut gate = scaled(gate, x.scale, outside);
    for (node, coefficient) in terms {
        if gate.e.is_none() && gate.a == Some(*node) {
            gate.q[1] += coefficient;
        } else if gate.e.is_none() && gate.b == Some(*node) {
            gate.q[2] += coefficient;
        } else if gate.c.is_none() || gate.c == Some(*node) {
            gate.c = Some(*node);
            gate.q[3] += coefficient;
        } else {
            return None;
        }
    }
    Some(gate)
}

/// `x·y` for `x` over the product `gate` and `y` over a wire, if one gate can do it.
pub(super) fn multiply(gate: Gate, x: &Var, wire: RecordedNode, y: &Var) -> Option<Gate> {
    if gate.e.is_some() || gate.c.is_some() {
        return None;
    }
    let inner = scaled(gate, x.scale, x.shift);
    if y.shift.is_zero() {
        return Some(Gate { e: Some(wire), ..scaled(inner, y.scale, Fr::zero()) });
    }
    let [q0, q1, q2, _, q4] = inner.q;
    if !q4.is_zero() {
        return None;
    }
    // One operand as the factor of a line in the other: x = e·(q_0·b + q).
    let (e, b, q) = match (q1.is_zero(), q2.is_zero()) {
        (_, true) => (inner.a, inner.b, q1),
        (true, _) => (inner.b, inner.a, q2),
        _ => return None,
    };
    let q = [q0 * y.scale, q0 * y.shift, q * y.scale, Fr::zero(), q * y.shift];
    Some(Gate { a: b, b: Some(wire), c: None, e, q })
}
