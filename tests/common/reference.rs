//! A second reading of relations: every constraint evaluated at every point of
//! its domain, over the field, straight from its definition. It shares no code
//! with the prover or the argument, so an honest sheet on which both agree, and
//! a forged one of which this says which constraints it breaks, test them both.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use ark_ff::{BigInteger, One, PrimeField, Zero};
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{AxisFactor, DimMap, Domain, Linear, Lookup, Relation, Term};

/// Cells of a sheet, some of them replaced by field elements that no sheet of
/// small integers can hold.
pub struct Cells<'a> {
    sheet: Cow<'a, Sheet>,
    replaced: BTreeMap<u64, Fr>,
}

impl<'a> Cells<'a> {
    pub fn new(sheet: &'a Sheet) -> Self {
        Self { sheet: Cow::Borrowed(sheet), replaced: BTreeMap::new() }
    }

    /// The same of a sheet that nobody else needs.
    pub fn owned(sheet: Sheet) -> Cells<'static> {
        Cells { sheet: Cow::Owned(sheet), replaced: BTreeMap::new() }
    }

    /// Replaces the cell of a tensor at a padded flat index.
    pub fn replace(&mut self, tensor: &str, flat: usize, value: Fr) {
        let layout = self.sheet.layout();
        let id = layout.find(tensor).unwrap();
        self.replaced.insert(layout.tensor(id).flat_address(flat), value);
    }

    fn at(&self, address: u64) -> Fr {
        if let Some(value) = self.replaced.get(&address) {
            return *value;
        }
        let (row, offset) = self.sheet.row_at(address);
        Fr::from(i64::from(row.get(offset).copied().unwrap_or(0)))
    }

    fn form(&self, form: &Linear, domain: &Domain, index: &[usize]) -> Fr {
        form.terms.iter().map(|term| self.term(term, domain, index)).sum()
    }

    fn term(&self, term: &Term, domain: &Domain, index: &[usize]) -> Fr {
        let open = term.factors.iter().all(|factor| match factor {
            AxisFactor::First(axis) => index[*axis] == 0,
            AxisFactor::Below(axis, bound) => index[*axis] < *bound,
            AxisFactor::NotAfter(axis, end) => index[*axis] <= index[*end],
        });
        if !open {
            return Fr::zero();
        }
        let coef = integer(term.coef);
        let Some(id) = term.tensor else { return coef };
        let tensor = self.sheet.layout().tensor(id);
        let mut addresses = vec![tensor.base];
        for (dim, map) in tensor.dims.iter().zip(&term.dims) {
            let range = match map {
                DimMap::Axis(axis) => index[*axis]..index[*axis] + 1,
                DimMap::Before(axis) => 0..index[*axis],
                DimMap::Previous(axis) => index[*axis].saturating_sub(1)..index[*axis],
                DimMap::Sum => 0..1 << dim.axis.log,
                DimMap::Joined(upper, lower) => {
                    let at = (index[*upper] << domain.axes[*lower].log) + index[*lower];
                    at..at + 1
                }
                DimMap::Window(window) => {
                    let at = window.index(index[window.at], index[window.within], dim.axis.size);
                    at.map_or(0..0, |at| at..at + 1)
                }
            };
            let step = |address: &u64| {
                let address = *address;
                range.clone().map(move |x| address + ((x as u64) << dim.shift))
            };
            addresses = addresses.iter().flat_map(step).collect();
        }
        addresses.into_iter().map(|address| self.at(address)).sum::<Fr>() * coef
    }

    /// Labels of all constraints that do not hold.
    pub fn violations(&self, relation: &Relation) -> BTreeSet<String> {
        let mut broken = BTreeSet::new();
        let mut note = |label: &str, holds: bool| {
            if !holds && !broken.contains(label) {
                broken.insert(label.to_string());
            }
        };
        for product in &relation.products {
            note(&product.label, self.product_holds(product));
        }
        for check in &relation.linear {
            let holds = |index: Vec<usize>| self.form(&check.form, &check.domain, &index).is_zero();
            note(&check.label, points(&check.domain).all(holds));
        }
        for check in &relation.zerochecks {
            for index in points(&check.domain) {
                let polys: Vec<Fr> =
                    check.polys.iter().map(|f| self.form(f, &check.domain, &index)).collect();
                for constraint in &check.constraints {
                    let monomials = constraint.monomials.iter().map(|m| {
                        m.factors.iter().map(|f| polys[*f]).product::<Fr>() * integer(m.coef)
                    });
                    note(&constraint.label, monomials.sum::<Fr>().is_zero());
                }
            }
        }
        for lookup in &relation.lookups {
            let table = &relation.tables[lookup.table];
            let holds = |index: Vec<usize>| {
                let key = small(self.form(&lookup.input, &lookup.domain, &index), table.log);
                let pair = lookup.output.as_ref().zip(table.output.as_ref());
                key.is_some_and(|key| {
                    pair.is_none_or(|(own, values)| {
                        self.form(own, &lookup.domain, &index)
                            == self.form(values, &table.domain(), &[key])
                    })
                })
            };
            note(&lookup.label, points(&lookup.domain).all(holds));
        }
        broken
    }

    /// The keys of a lookup that a table of `2^log` has, position by position.
    pub fn keys<'b>(&'b self, lookup: &'b Lookup, log: u32) -> impl Iterator<Item = usize> + 'b {
        let value = move |at: Vec<usize>| self.form(&lookup.input, &lookup.domain, &at);
        points(&lookup.domain).filter_map(move |at| small(value(at), log))
    }

    fn product_holds(&self, product: &zktrain_model::relation::Product) -> bool {
        let [o, x, y, k] = product.axes.each_ref().map(|part| 1usize << part.log());
        let coef = integer(product.coef);
        let operand = |form: &Linear, domain: Domain| -> Vec<Fr> {
            points(&domain).map(|index| self.form(form, &domain, &index)).collect()
        };
        let left = operand(&product.left, product.left_domain());
        let right = operand(&product.right, product.right_domain());
        let out = operand(&product.out, product.out_domain());
        (0..o * x * y).all(|flat| {
            let (at_o, at_x, at_y) = (flat / y / x, flat / y % x, flat % y);
            let row = &left[(at_o * x + at_x) * k..][..k];
            let column = &right[(at_o * y + at_y) * k..][..k];
            let sum: Fr = row.iter().zip(column).map(|(l, r)| *l * r).sum();
            sum * coef == out[flat]
        })
    }
}

/// All points of the padded domain.
fn points(domain: &Domain) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..1usize << domain.log()).map(|flat| {
        let axes = domain.axes.iter().enumerate();
        axes.map(|(a, axis)| (flat >> domain.bit(a)) & ((1 << axis.log) - 1)).collect()
    })
}

fn integer(value: i128) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// The element as a key of a table with `2^log` keys.
fn small(value: Fr, log: u32) -> Option<usize> {
    let value = value.into_bigint();
    (value.num_bits() <= log).then(|| value.as_ref()[0] as usize)
}

/// `1/2^bits`: what a remainder is off by when a quotient is no integer.
pub fn fraction(bits: u32) -> Fr {
    Fr::one() / Fr::from(1u64 << bits)
}
