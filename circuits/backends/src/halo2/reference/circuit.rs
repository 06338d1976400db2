//! The tape as a circuit of halo2: its columns, gates and cells.

use ark_bn254::Fr;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::bn256;
use halo2_proofs::plonk::{
    Advice, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance,
};
use halo2_proofs::poly::Rotation;

use super::convert::to_scalar;
use crate::halo2::gates::{ADVICE, COEFFICIENTS, DEGREE, FIXED, GATES, Ring, View, gates};
use crate::halo2::tape::{Tape, TapeRow};

/// The columns, in the order of their commitments.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// Advice, all under the permutation argument.
    pub advice: [Column<Advice>; ADVICE],
    /// Coefficients, then the two selectors.
    pub fixed: [Column<Fixed>; FIXED],
    /// The public inputs.
    pub instance: Column<Instance>,
}

/// A tape to be proven.
#[derive(Clone, Debug)]
pub struct TapeCircuit<'a> {
    tape: &'a Tape,
}

impl<'a> TapeCircuit<'a> {
    /// The circuit of a tape.
    pub fn new(tape: &'a Tape) -> Self {
        Self { tape }
    }

    /// The advice columns, `2^log_rows` cells each, blinding left zero.
    pub fn advice(tape: &Tape, log_rows: u32) -> Vec<Vec<bn256::Fr>> {
        let zero = bn256::Fr::zero();
        let mut columns = vec![vec![zero; 1 << log_rows]; ADVICE];
        for (row, values) in tape.rows.iter().enumerate() {
            for (column, value) in columns.iter_mut().zip(&values.advice) {
                if let Some(cell) = column.get_mut(row) {
                    *cell = to_scalar(value);
                }
            }
        }
        columns
    }
}

impl Ring for Expression<bn256::Fr> {
    fn constant(value: Fr) -> Self {
        Expression::Constant(to_scalar(&value))
    }
    fn scaled(self, by: Fr) -> Self {
        self * to_scalar(&by)
    }
}

impl Circuit<bn256::Fr> for TapeCircuit<'_> {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<bn256::Fr>) -> Columns {
        meta.set_minimum_degree(DEGREE);
        let columns = Columns {
            advice: [(); ADVICE].map(|()| meta.advice_column()),
            fixed: [(); FIXED].map(|()| meta.fixed_column()),
            instance: meta.instance_column(),
        };
        columns.advice.iter().for_each(|column| meta.enable_equality(*column));
        meta.create_gate("all", |cells| {
            let (current, next) = (Rotation::cur(), Rotation::next());
            let current = columns.advice.map(|column| cells.query_advice(column, current));
            let next = columns.advice.map(|column| cells.query_advice(column, next));
            let fixed = columns.fixed.map(|column| cells.query_fixed(column, Rotation::cur()));
            let [q0, q1, q2, q3, q4, x, y] = fixed;
            let instance = cells.query_instance(columns.instance, Rotation::cur());
            let coefficients: [_; COEFFICIENTS] = [q0, q1, q2, q3, q4];
            gates(&View { current, next, coefficients, selectors: [x, y], instance })
        });
        debug_assert_eq!(meta.gates().first().map(|gate| gate.polynomials().len()), Some(GATES));
        columns
    }

    fn synthesize(
        &self,
        columns: Columns,
        mut layouter: impl Layouter<bn256::Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "tape",
            |mut region| {
                let mut cells = Vec::with_capacity(self.tape.rows.len());
                for (index, row) in self.tape.rows.iter().enumerate() {
                    for (column, value) in columns.fixed.iter().zip(fixed_values(row)) {
                        region.assign_fixed(*column, index, to_scalar(&value));
                    }
                    let assigned = columns.advice.iter().zip(&row.advice).map(|(column, value)| {
                        let value = Value::known(to_scalar(value));
                        region.assign_advice(*column, index, value).cell()
                    });
                    cells.push(assigned.collect::<Vec<_>>());
                }
                let at = |cell: &crate::halo2::tape::Cell| {
                    cells.get(cell.row).and_then(|row| row.get(cell.column)).copied()
                };
                for (left, right) in &self.tape.copies {
                    if let (Some(left), Some(right)) = (at(left), at(right)) {
                        region.constrain_equal(left, right);
                    }
                }
                Ok(())
            },
        )
    }
}

/// Coefficients and selectors of a row, in the order of the columns.
fn fixed_values(row: &TapeRow) -> impl Iterator<Item = Fr> + '_ {
    row.coefficients.iter().copied().chain(row.kind.selectors())
}
