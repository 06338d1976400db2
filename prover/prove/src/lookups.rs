//! Columns of the lookup argument: keys of every lookup, multiplicities of
//! every table, and the leaves made of them.

use ark_bn254::Fr;
use ark_ff::Zero;
use rayon::prelude::*;
use zktrain_argument::verifier::LookupChallenges;
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::columns::{ColumnKind, LeafLayout};
use zktrain_model::relation::{AxisFactor, Domain, Linear, Lookup, LookupTable, Relation};

use crate::fraction::{Denominators, Numerators, Segment};
use crate::materialize::{ValueRange, materialize, support};

/// A form over a domain: values at the stored indices, one value beyond them.
struct Column {
    values: Vec<i32>,
    tail: i32,
    len: usize,
}

/// Every lookup's keys and values.
pub struct LookupColumns {
    keys: Vec<Column>,
    outputs: Vec<Option<Column>>,
}

impl LookupColumns {
    /// Evaluates all lookups on a sheet whose multiplicities are still missing.
    ///
    /// # Errors
    /// If a value does not fit 32 bits.
    pub fn new(sheet: &Sheet, relation: &Relation) -> Result<Self, ValueRange> {
        let lookups = &relation.lookups;
        let keys: Result<_, _> =
            lookups.iter().map(|l| column(sheet, &l.input, &l.domain)).collect();
        let outputs: Result<_, _> = lookups
            .iter()
            .map(|l| l.output.as_ref().map(|form| column(sheet, form, &l.domain)).transpose())
            .collect();
        Ok(Self { keys: keys?, outputs: outputs? })
    }

    /// Counts how often each key of each table is used. A key outside its
    /// table, which no honest witness has, is left out: the proof then fails.
    pub fn count(&self, relation: &Relation) -> Vec<Vec<i32>> {
        let tables = relation.tables.iter().enumerate();
        tables.map(|(index, table)| self.count_table(relation, index, table)).collect()
    }

    fn count_table(&self, relation: &Relation, index: usize, table: &LookupTable) -> Vec<i32> {
        let lookups = relation.lookups.iter().zip(&self.keys);
        let used: Vec<(&Lookup, &Column)> = lookups.filter(|(l, _)| l.table == index).collect();
        let size = 1usize << table.log;
        let mut counts = vec![0i32; size];
        for (lookup, column) in used {
            let tail = (1usize << lookup.domain.log()) - column.values.len();
            if let Some(count) = counts.get_mut(column.tail as usize) {
                *count += tail as i32;
            }
            for key in &column.values {
                if let Some(count) = counts.get_mut(*key as usize) {
                    *count += 1;
                }
            }
        }
        counts
    }

    /// The first lookup that is not in its table, with the flat index: what makes a proof fail. Only
    /// for tests, as it goes through all tables once more.
    #[cfg(any(test, feature = "testing"))]
    pub fn first_missing<'r>(
        &self,
        sheet: &Sheet,
        relation: &'r Relation,
    ) -> Option<(&'r str, usize)> {
        for ((lookup, keys), outputs) in relation.lookups.iter().zip(&self.keys).zip(&self.outputs)
        {
            let table = &relation.tables[lookup.table];
            let values =
                table.output.as_ref().and_then(|f| materialize(sheet, f, &table.domain()).ok());
            for index in 0..1usize << lookup.domain.log() {
                let key = keys.get(index) as usize;
                let fits = key < 1 << table.log;
                let matches = match (&values, outputs) {
                    (Some(values), Some(outputs)) => values.get(key) == Some(&outputs.get(index)),
                    _ => true,
                };
                if !fits || !matches {
                    return Some((&lookup.label, index));
                }
            }
        }
        None
    }

    /// The leaves, in the order of the columns.
    pub fn segments(
        self,
        sheet: &Sheet,
        relation: &Relation,
        challenges: &LookupChallenges<Fr>,
    ) -> Result<Vec<Segment>, ValueRange> {
        let layout = LeafLayout::of(relation);
        let mut keys: Vec<Option<Column>> = self.keys.into_iter().map(Some).collect();
        let mut outputs = self.outputs;
        let mut segments = Vec::with_capacity(layout.columns.len());
        for place in &layout.columns {
            let segment = match place.kind {
                ColumnKind::Lookup(index) => {
                    let alpha = challenges.alphas[relation.lookups[index].table];
                    let key = keys[index].take().unwrap_or(Column::empty());
                    let denominators = match outputs[index].take() {
                        Some(output) => pairs(&key, &output, alpha, challenges.beta),
                        None => key.range(alpha),
                    };
                    Segment { log: place.log, numerators: Numerators::One, denominators }
                }
                ColumnKind::Table(index) => {
                    table_segment(sheet, &relation.tables[index], index, challenges)?
                }
            };
            segments.push(segment);
        }
        Ok(segments)
    }
}

impl Column {
    fn empty() -> Self {
        Self { values: Vec::new(), tail: 0, len: 0 }
    }

    fn range(self, base: Fr) -> Denominators {
        let odd = self.values.par_iter().filter(|v| **v != self.tail).count();
        if odd * 16 > self.len {
            return Denominators::Small { base, values: self.values, tail: self.tail };
        }
        let entries = self.values.iter().enumerate().filter(|(_, v)| **v != self.tail);
        let entries = entries.map(|(index, v)| (index as u32, *v)).collect();
        Denominators::Sparse { base, default: self.tail, entries }
    }

    fn get(&self, index: usize) -> i32 {
        self.values.get(index).copied().unwrap_or(self.tail)
    }
}

/// A form's values; nothing is stored for one that reads untouched tensors.
fn column(sheet: &Sheet, form: &Linear, domain: &Domain) -> Result<Column, ValueRange> {
    let constants =
        Linear { terms: form.terms.iter().filter(|t| t.tensor.is_none()).cloned().collect() };
    let len = 1usize << domain.log();
    let domain = &support(form, domain);
    let tail = tail_of(&constants, domain)?;
    let untouched = form.terms.iter().filter_map(|t| t.tensor).all(|id| sheet.is_untouched(id));
    let plain = constants.terms.iter().all(|t| t.factors.is_empty());
    let values = if untouched && plain { Vec::new() } else { materialize(sheet, form, domain)? };
    Ok(Column { values, tail, len })
}

/// The form's value at the padding of the outermost axis, where tensors are zero and what compares that axis with
/// another one is not allowed.
fn tail_of(constants: &Linear, domain: &Domain) -> Result<i32, ValueRange> {
    let outermost = domain.axes.first();
    let last = outermost.map_or(0, |axis| (1usize << axis.log) - 1);
    let masked_out = |factor: &AxisFactor| factor.is_over(0) && !factor.is_open(|_| Some(last));
    let open = constants.terms.iter().filter(|t| !t.factors.iter().any(masked_out));
    let value = open.map(|t| t.coef as i64).sum::<i64>();
    i32::try_from(value).map_err(|_| ValueRange { value })
}

fn pairs(key: &Column, output: &Column, alpha: Fr, beta: Fr) -> Denominators {
    let at = |key: i32, output: i32| {
        alpha - Fr::from(i64::from(key)) - beta * Fr::from(i64::from(output))
    };
    let stored = key.values.len().max(output.values.len());
    let values = (0..stored).into_par_iter().map(|i| at(key.get(i), output.get(i))).collect();
    Denominators::Field { values, tail: at(key.tail, output.tail) }
}

fn table_segment(
    sheet: &Sheet,
    table: &LookupTable,
    index: usize,
    challenges: &LookupChallenges<Fr>,
) -> Result<Segment, ValueRange> {
    let counts = materialize(sheet, &table.multiplicity, &table.domain())?;
    let values = counts.iter().map(|count| -Fr::from(i64::from(*count))).collect();
    let numerators = Numerators::Values { values, tail: Fr::zero() };
    let alpha = challenges.alphas[index];
    let size = 1i32 << table.log;
    let keys = Column { values: (0..size).collect(), tail: 0, len: size as usize };
    let denominators = match &table.output {
        Some(form) => {
            let output = column(sheet, form, &table.domain())?;
            pairs(&keys, &output, alpha, challenges.beta)
        }
        None => Denominators::Small { base: alpha, values: keys.values, tail: 0 },
    };
    Ok(Segment { log: table.log, numerators, denominators })
}
