//! [`Arithmetic`] that lays out a [`Tape`].
//!
//! A variable is `scale·node + shift`. Nodes are values that have, or may get,
//! a cell: sums and products stay unevaluated until something needs them in one
//! cell, so that what fits in one arithmetic gate becomes one row. Every node
//! gets a cell at most once; a witness gets it where it is first used.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::gates::{ADVICE, COEFFICIENTS, Kind};
use super::rounds;
use super::tape::{Cell, Row, Tape};
use crate::arith::{Arithmetic, Check};
use crate::compress::{INPUTS, PublicInputs};
use crate::poseidon::WIDTH;

/// Terms of a sum that one row can add up.
const ROW_TERMS: usize = 3;
/// Terms beyond which a sum is not left unevaluated.
const MAX_TERMS: usize = 7;

/// Position of a node in the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(usize);

/// `scale·node + shift`; a constant without a node.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    node: Option<NodeId>,
    scale: Fr,
    shift: Fr,
}

impl Var {
    fn constant(c: Fr) -> Self {
        Self { node: None, scale: Fr::zero(), shift: c }
    }

    fn of(node: NodeId) -> Self {
        Self { node: Some(node), scale: Fr::one(), shift: Fr::zero() }
    }

    /// The constant, if it is one.
    fn as_constant(&self) -> Option<Fr> {
        if self.scale.is_zero() || self.node.is_none() { Some(self.shift) } else { None }
    }

    /// The node, if the variable is that node itself.
    fn as_node(&self) -> Option<NodeId> {
        self.node.filter(|_| self.scale.is_one() && self.shift.is_zero())
    }
}

/// The operands of one arithmetic gate, `e·(q_0·a·b + q_1·a + q_2·b + q_4) +
/// q_3·c`; without `e`, that factor is one. All operands are [`Form::Wire`].
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    a: Option<NodeId>,
    b: Option<NodeId>,
    c: Option<NodeId>,
    e: Option<NodeId>,
    q: [Fr; COEFFICIENTS],
}

/// How a node's value comes about.
#[derive(Clone, Debug)]
enum Form {
    /// It has a cell or gets one at its first use.
    Wire,
    /// `Σ coefficient·wire + constant`
    Sum(Vec<(NodeId, Fr)>, Fr),
    /// One arithmetic gate with a product.
    Product(Gate),
}

#[derive(Clone, Debug)]
struct Node {
    value: Fr,
    form: Form,
    home: Option<Cell>,
}

/// Records the rows of a circuit.
#[derive(Debug)]
pub struct Recorder {
    nodes: Vec<Node>,
    tape: Tape,
    constants: BTreeMap<Fr, NodeId>,
}

impl Recorder {
    /// An empty circuit with these public inputs.
    pub fn new(inputs: PublicInputs<Fr>) -> (Self, PublicInputs<Var>) {
        let inputs = inputs.to_array();
        let tape = Tape { rows: Vec::new(), copies: Vec::new(), inputs };
        let mut recorder = Self { nodes: Vec::new(), tape, constants: BTreeMap::new() };
        let mut vars = [Var::constant(Fr::zero()); INPUTS];
        for (var, value) in vars.iter_mut().zip(inputs) {
            // A gate without operands demands that its output be the instance.
            let node = recorder.wire(value);
            recorder.emit(Gate::default(), node);
            *var = Var::of(node);
        }
        (recorder, PublicInputs::from_array(vars))
    }

    /// A private value.
    pub fn witness(&mut self, value: Fr) -> Var {
        Var::of(self.wire(value))
    }

    /// The circuit so far.
    pub fn finish(self) -> Tape {
        self.tape
    }

    fn push(&mut self, value: Fr, form: Form) -> NodeId {
        self.nodes.push(Node { value, form, home: None });
        NodeId(self.nodes.len() - 1)
    }

    fn wire(&mut self, value: Fr) -> NodeId {
        self.push(value, Form::Wire)
    }

    fn value(&self, node: NodeId) -> Fr {
        self.nodes.get(node.0).map_or(Fr::zero(), |node| node.value)
    }

    fn var_value(&self, var: &Var) -> Fr {
        var.node.map_or(var.shift, |node| var.scale * self.value(node) + var.shift)
    }

    fn form(&self, node: NodeId) -> Form {
        self.nodes.get(node.0).map_or(Form::Wire, |node| node.form.clone())
    }

    fn set_form(&mut self, node: NodeId, form: Form) {
        if let Some(node) = self.nodes.get_mut(node.0) {
            node.form = form;
        }
    }

    /// Puts a wire in a cell: its home, or a copy of that.
    fn place(&mut self, node: NodeId, cell: Cell) {
        let Some(node) = self.nodes.get_mut(node.0) else { return };
        match node.home {
            Some(home) => self.tape.copies.push((home, cell)),
            None => node.home = Some(cell),
        }
    }

    /// Adds a row of these cells.
    fn row(
        &mut self,
        kind: Kind,
        coefficients: [Fr; COEFFICIENTS],
        cells: [Option<NodeId>; ADVICE],
    ) {
        let row = self.tape.rows.len();
        let advice = cells.map(|node| node.map_or(Fr::zero(), |node| self.value(node)));
        for (column, node) in cells.into_iter().enumerate() {
            if let Some(node) = node {
                self.place(node, Cell { row, column });
            }
        }
        self.tape.rows.push(Row { kind, coefficients, advice });
    }

    /// A wire that is this constant.
    fn constant_wire(&mut self, c: Fr) -> NodeId {
        if let Some(known) = self.constants.get(&c) {
            return *known;
        }
        let node = self.wire(c);
        let zero = Fr::zero();
        let coefficients = [Fr::one(), c, zero, zero, zero];
        self.row(Kind::Idle, coefficients, [Some(node), None, None, None, None]);
        self.constants.insert(c, node);
        node
    }

    /// One arithmetic row with this output.
    fn emit(&mut self, gate: Gate, out: NodeId) {
        let [q0, q1, q2, _, q4] = gate.q;
        let factor = [q0, q1, q2, q4].iter().any(|q| !q.is_zero());
        let e = if factor {
            Some(gate.e.unwrap_or_else(|| self.constant_wire(Fr::one())))
        } else {
            None
        };
        self.row(Kind::Arithmetic, gate.q, [gate.a, gate.b, gate.c, Some(out), e]);
    }

    fn gate_value(&self, gate: &Gate) -> Fr {
        let at = |node: Option<NodeId>| node.map_or(Fr::zero(), |node| self.value(node));
        let [q0, q1, q2, q3, q4] = gate.q;
        let (a, b) = (at(gate.a), at(gate.b));
        let e = gate.e.map_or(Fr::one(), |e| self.value(e));
        e * (q0 * a * b + q1 * a + q2 * b + q4) + q3 * at(gate.c)
    }

    fn product(&mut self, gate: Gate) -> Var {
        let value = self.gate_value(&gate);
        Var::of(self.push(value, Form::Product(gate)))
    }

    /// Gives the node a cell.
    fn settle(&mut self, node: NodeId) -> NodeId {
        let gate = match self.form(node) {
            Form::Wire => return node,
            Form::Product(gate) => gate,
            Form::Sum(..) => {
                let (terms, constant) = self.shorten(node, ROW_TERMS);
                sum_gate(&terms, constant)
            }
        };
        self.set_form(node, Form::Wire);
        self.emit(gate, node);
        node
    }

    /// Adds up terms of a sum until at most `limit` are left.
    fn shorten(&mut self, node: NodeId, limit: usize) -> (Vec<(NodeId, Fr)>, Fr) {
        let Form::Sum(mut terms, constant) = self.form(node) else {
            return (vec![(node, Fr::one())], Fr::zero());
        };
        while terms.len() > limit {
            // No more than needed, so that the rest still fits beside a factor.
            let count = ROW_TERMS.min(terms.len() + 1 - limit);
            let head: Vec<_> = terms.drain(..count).collect();
            let gate = sum_gate(&head, Fr::zero());
            let out = self.wire(self.gate_value(&gate));
            self.emit(gate, out);
            terms.push((out, Fr::one()));
        }
        self.set_form(node, Form::Sum(terms.clone(), constant));
        (terms, constant)
    }

    /// A wire equal to the variable.
    fn pure(&mut self, var: &Var) -> NodeId {
        if let Some(c) = var.as_constant() {
            return self.constant_wire(c);
        }
        if let Some(node) = var.as_node() {
            return self.settle(node);
        }
        let gate = self.gate_of(var);
        let out = self.wire(self.var_value(var));
        self.emit(gate, out);
        out
    }

    /// A gate whose output is the variable.
    fn gate_of(&mut self, var: &Var) -> Gate {
        let Some(node) = var.node else { return sum_gate(&[], var.shift) };
        if let Form::Product(gate) = self.form(node)
            && (gate.e.is_none() || var.shift.is_zero())
        {
            return scaled(gate, var.scale, var.shift);
        }
        let (terms, constant) = match self.form(node) {
            Form::Sum(..) => self.shorten(node, ROW_TERMS),
            _ => (vec![(self.settle(node), Fr::one())], Fr::zero()),
        };
        let terms: Vec<_> = terms.into_iter().map(|(t, c)| (t, c * var.scale)).collect();
        sum_gate(&terms, constant * var.scale + var.shift)
    }

    /// A variable over a wire and equal to `var`.
    fn settled(&mut self, var: &Var) -> Var {
        if let Some(node) = var.node {
            self.settle(node);
        }
        *var
    }

    /// Terms and constant of a variable that is not a product.
    fn terms(&self, var: &Var) -> (Vec<(NodeId, Fr)>, Fr) {
        let Some(node) = var.node else { return (Vec::new(), var.shift) };
        match self.form(node) {
            Form::Sum(terms, constant) => (
                terms.into_iter().map(|(t, c)| (t, c * var.scale)).collect(),
                constant * var.scale + var.shift,
            ),
            _ => (vec![(node, var.scale)], var.shift),
        }
    }

    fn is_product(&self, var: &Var) -> bool {
        var.node.is_some_and(|node| matches!(self.form(node), Form::Product(_)))
    }

    fn sum(&mut self, x: &Var, y: &Var) -> Var {
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
            [] => Var::constant(constant),
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

    fn times(&mut self, x: &Var, y: &Var) -> Var {
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
            return Var::constant(Fr::zero()); // constants are dealt with by the caller
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

/// Up to three terms and a constant, without a factor.
fn sum_gate(terms: &[(NodeId, Fr)], constant: Fr) -> Gate {
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
fn scaled(gate: Gate, scale: Fr, shift: Fr) -> Gate {
    let mut q = gate.q.map(|q| q * scale);
    q[4] += shift;
    Gate { q, ..gate }
}

/// The variable `x` over `gate`, plus `terms` and `constant`, if one gate can do it.
fn join(gate: Gate, x: &Var, terms: &[(NodeId, Fr)], constant: Fr) -> Option<Gate> {
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
fn multiply(gate: Gate, x: &Var, wire: NodeId, y: &Var) -> Option<Gate> {
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

impl Arithmetic for Recorder {
    type Var = Var;
    type Error = Infallible;

    fn constant(&mut self, c: Fr) -> Var {
        Var::constant(c)
    }
    fn add(&mut self, a: &Var, b: &Var) -> Var {
        if let Some(c) = a.as_constant() {
            return self.shift(b, c);
        }
        if let Some(c) = b.as_constant() {
            return self.shift(a, c);
        }
        if a.node == b.node {
            return Var { node: a.node, scale: a.scale + b.scale, shift: a.shift + b.shift };
        }
        self.sum(a, b)
    }
    fn sub(&mut self, a: &Var, b: &Var) -> Var {
        let minus = self.scale(b, -Fr::one());
        self.add(a, &minus)
    }
    fn mul(&mut self, a: &Var, b: &Var) -> Var {
        self.times(a, b)
    }
    fn scale(&mut self, a: &Var, c: Fr) -> Var {
        Var { node: a.node, scale: a.scale * c, shift: a.shift * c }
    }
    fn shift(&mut self, a: &Var, c: Fr) -> Var {
        Var { shift: a.shift + c, ..*a }
    }

    fn permute(&mut self, state: &mut [Var; WIDTH]) {
        let mut cells = [None; WIDTH];
        for (cell, var) in cells.iter_mut().zip(state.iter()) {
            *cell = Some(self.pure(var));
        }
        let input = cells.map(|node| node.map_or(Fr::zero(), |node| self.value(node)));
        let (rounds, output) = rounds::rows(&input);
        let mut first = Some(cells);
        for row in rounds {
            match first.take() {
                Some(cells) => self.row(row.kind, row.coefficients, cells),
                None => self.tape.rows.push(row),
            }
        }
        let nodes = output.map(|value| self.wire(value));
        self.row(Kind::Idle, [Fr::zero(); COEFFICIENTS], nodes.map(Some));
        *state = nodes.map(Var::of);
    }

    fn assert_equal(&mut self, _: Check, a: &Var, b: &Var) -> Result<(), Infallible> {
        let (gate, out) = if self.is_product(a) || b.as_node().is_some() {
            let out = self.pure(b);
            (self.gate_of(a), out)
        } else {
            let out = self.pure(a);
            (self.gate_of(b), out)
        };
        self.emit(gate, out);
        Ok(())
    }
}
