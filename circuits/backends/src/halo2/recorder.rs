//! [`Arithmetic`] that lays out a [`Tape`].
//!
//! A variable is `scale·node + shift`. Nodes are values that have, or may get,
//! a cell: sums and products stay unevaluated until something needs them in one
//! cell, so that what fits in one arithmetic gate becomes one row. Every node
//! gets a cell at most once; a witness gets it where it is first used.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_argument::poseidon::WIDTH;

use super::fuse::{Gate, scaled, sum_gate};
pub use super::fuse::{RecordedNode, Var};
use super::gates::{ADVICE, COEFFICIENTS, RowKind};
use super::rounds;
use super::tape::{Cell, Tape, TapeRow};
use crate::compress::{INPUTS, PublicInputs};

/// Terms of a sum that one row can add up.
const ROW_TERMS: usize = 3;

/// How a node's value comes about.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// It has a cell or gets one at its first use.
    Wire,
    /// `Σ coefficient·wire + constant`
    Sum(Vec<(RecordedNode, Fr)>, Fr),
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
    constants: BTreeMap<Fr, RecordedNode>,
    /// A row or copy that could not be written. Operations have no other way to say so.
    fault: Option<Check>,
}

impl Recorder {
    /// An empty circuit with these public inputs.
    pub fn new(inputs: PublicInputs<Fr>) -> (Self, PublicInputs<Var>) {
        let inputs = inputs.to_array();
        let tape = Tape { rows: Vec::new(), copies: Vec::new(), inputs };
        let (nodes, constants) = (Vec::new(), BTreeMap::new());
        let mut recorder = Self { nodes, tape, constants, fault: None };
        let mut vars = [Var::from(Fr::zero()); INPUTS];
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
    ///
    /// # Errors
    /// [`Check::Shape`] if a part of it could not be written: a variable was used that this
    /// recorder did not make.
    pub fn finish(self) -> Result<Tape, Check> {
        match self.fault {
            None => Ok(self.tape),
            Some(fault) => Err(fault),
        }
    }

    pub(super) fn fail(&mut self) {
        self.fault = Some(Check::Shape("a variable of the circuit"));
    }

    pub(super) fn push(&mut self, value: Fr, form: Form) -> RecordedNode {
        self.nodes.push(Node { value, form, home: None });
        RecordedNode(self.nodes.len() - 1)
    }

    fn wire(&mut self, value: Fr) -> RecordedNode {
        self.push(value, Form::Wire)
    }

    pub(super) fn value(&self, node: RecordedNode) -> Fr {
        self.nodes.get(node.0).map_or(Fr::zero(), |node| node.value)
    }

    fn var_value(&self, var: &Var) -> Fr {
        var.node.map_or(var.shift, |node| var.scale * self.value(node) + var.shift)
    }

    pub(super) fn form(&self, node: RecordedNode) -> Form {
        self.nodes.get(node.0).map_or(Form::Wire, |node| node.form.clone())
    }

    fn set_form(&mut self, node: RecordedNode, form: Form) {
        match self.nodes.get_mut(node.0) {
            Some(node) => node.form = form,
            None => self.fail(),
        }
    }

    /// Puts a wire in a cell: its home, or a copy of that.
    fn place(&mut self, node: RecordedNode, cell: Cell) {
        let Some(node) = self.nodes.get_mut(node.0) else { return self.fail() };
        match node.home {
            Some(home) => self.tape.copies.push((home, cell)),
            None => node.home = Some(cell),
        }
    }

    /// Adds a row of these cells.
    fn row(
        &mut self,
        kind: RowKind,
        coefficients: [Fr; COEFFICIENTS],
        cells: [Option<RecordedNode>; ADVICE],
    ) {
        // An operand is a wire by now; were one not, its own gate must not be forgotten.
        for node in cells.iter().flatten() {
            self.settle(*node);
        }
        let row = self.tape.rows.len();
        let advice = cells.map(|node| node.map_or(Fr::zero(), |node| self.value(node)));
        for (column, node) in cells.into_iter().enumerate() {
            if let Some(node) = node {
                self.place(node, Cell { row, column });
            }
        }
        self.tape.rows.push(TapeRow { kind, coefficients, advice });
    }

    /// A wire that is this constant.
    fn constant_wire(&mut self, c: Fr) -> RecordedNode {
        if let Some(known) = self.constants.get(&c) {
            return *known;
        }
        let node = self.wire(c);
        let zero = Fr::zero();
        let coefficients = [Fr::one(), c, zero, zero, zero];
        self.row(RowKind::Idle, coefficients, [Some(node), None, None, None, None]);
        self.constants.insert(c, node);
        node
    }

    /// One arithmetic row with this output.
    fn emit(&mut self, gate: Gate, out: RecordedNode) {
        let [q0, q1, q2, _, q4] = gate.q;
        let factor = [q0, q1, q2, q4].iter().any(|q| !q.is_zero());
        let e = if factor {
            Some(gate.e.unwrap_or_else(|| self.constant_wire(Fr::one())))
        } else {
            None
        };
        self.row(RowKind::Arithmetic, gate.q, [gate.a, gate.b, gate.c, Some(out), e]);
    }

    fn gate_value(&self, gate: &Gate) -> Fr {
        let at = |node: Option<RecordedNode>| node.map_or(Fr::zero(), |node| self.value(node));
        let [q0, q1, q2, q3, q4] = gate.q;
        let (a, b) = (at(gate.a), at(gate.b));
        let e = gate.e.map_or(Fr::one(), |e| self.value(e));
        e * (q0 * a * b + q1 * a + q2 * b + q4) + q3 * at(gate.c)
    }

    pub(super) fn product(&mut self, gate: Gate) -> Var {
        let value = self.gate_value(&gate);
        Var::of(self.push(value, Form::Product(gate)))
    }

    /// Gives the node a cell.
    pub(super) fn settle(&mut self, node: RecordedNode) -> RecordedNode {
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
    pub(super) fn shorten(
        &mut self,
        node: RecordedNode,
        limit: usize,
    ) -> (Vec<(RecordedNode, Fr)>, Fr) {
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
    pub(super) fn pure(&mut self, var: &Var) -> RecordedNode {
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
}

impl Arithmetic for Recorder {
    type Var = Var;
    type Error = Check;

    fn constant(&mut self, c: Fr) -> Var {
        Var::from(c)
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
        self.row(RowKind::Idle, [Fr::zero(); COEFFICIENTS], nodes.map(Some));
        *state = nodes.map(Var::of);
    }

    fn assert_equal(&mut self, _: Check, a: &Var, b: &Var) -> Result<(), Check> {
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
