//! The verifier's evaluation of all claims' weights at the final point.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};

use super::claims::{CombinedClaim, Coordinate, Part, Points};
use super::fr;
use crate::arith::Arithmetic;
use crate::relation::linear::axis_bits;
use crate::relation::{AxisFactor, DimMap, SheetLayout, Tensor, TensorId, Term};

/// Identifies a factor that several terms share.
type FactorKey = (DimKind, Vec<Coordinate>, u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DimKind {
    Equal,
    Before,
    Previous,
}

/// Evaluates weights at `rho`, each shared factor once.
pub struct Weights<'p, A: Arithmetic> {
    layout: &'p SheetLayout,
    points: &'p Points<A::Var>,
    /// The final point, the address' lowest bit first.
    rho: &'p [A::Var],
    factors: BTreeMap<FactorKey, A::Var>,
    prefixes: BTreeMap<TensorId, A::Var>,
}

impl<'p, A: Arithmetic> Weights<'p, A> {
    /// Weights of forms over `layout`, at `rho`.
    pub fn new(layout: &'p SheetLayout, points: &'p Points<A::Var>, rho: &'p [A::Var]) -> Self {
        Self { layout, points, rho, factors: BTreeMap::new(), prefixes: BTreeMap::new() }
    }

    /// `(Σ scale·weight(rho), Σ scale·constants)` over the parts of a claim.
    pub fn total(&mut self, arith: &mut A, claim: &CombinedClaim<'_, A::Var>) -> A::Var {
        let mut sum = arith.constant(Fr::zero());
        for part in &claim.parts {
            for term in &part.form.terms {
                let Some(id) = term.tensor else { continue };
                let weight = self.term(arith, part, term, id);
                sum = arith.mul_add(&part.scale, &weight, &sum);
            }
        }
        sum
    }

    fn term(
        &mut self,
        arith: &mut A,
        part: &Part<'_, A::Var>,
        term: &Term,
        id: TensorId,
    ) -> A::Var {
        let layout = self.layout;
        let tensor = layout.tensor(id);
        let prefix = self.prefix(arith, tensor, id);
        let mut weight = arith.scale(&prefix, fr(term.coef));
        for (dim, map) in tensor.dims.iter().zip(&term.dims) {
            let (kind, axis) = match map {
                DimMap::Sum => continue,
                DimMap::Axis(axis) => (DimKind::Equal, *axis),
                DimMap::Before(axis) => (DimKind::Before, *axis),
                DimMap::Previous(axis) => (DimKind::Previous, *axis),
            };
            let coordinates = axis_coordinates(part, axis).to_vec();
            let factor = self.factor(arith, (kind, coordinates, dim.shift));
            weight = arith.mul(&weight, &factor);
        }
        for factor in &term.factors {
            let factor = axis_factor(arith, self.points, part, *factor);
            weight = arith.mul(&weight, &factor);
        }
        weight
    }

    /// `eq` of the bits that no dimension covers with the tensor's base.
    fn prefix(&mut self, arith: &mut A, tensor: &Tensor, id: TensorId) -> A::Var {
        if let Some(known) = self.prefixes.get(&id) {
            return known.clone();
        }
        let covered = tensor
            .dims
            .iter()
            .fold(0u64, |mask, dim| mask | (((1u64 << dim.axis.log) - 1) << dim.shift));
        let mut product = arith.constant(Fr::one());
        for (bit, coordinate) in self.rho.iter().enumerate() {
            if (covered >> bit) & 1 == 1 {
                continue;
            }
            let set = (tensor.base >> bit) & 1 == 1;
            let factor = if set { coordinate.clone() } else { arith.complement(coordinate) };
            product = arith.mul(&product, &factor);
        }
        self.prefixes.insert(id, product.clone());
        product
    }

    fn factor(&mut self, arith: &mut A, key: FactorKey) -> A::Var {
        if let Some(known) = self.factors.get(&key) {
            return known.clone();
        }
        let (kind, coordinates, shift) = &key;
        let points = self.points;
        let axis: Vec<A::Var> =
            coordinates.iter().filter_map(|c| points.get(*c)).cloned().collect();
        let bits: Vec<A::Var> =
            self.rho.iter().skip(*shift as usize).take(axis.len()).cloned().collect();
        let value = match kind {
            DimKind::Equal => arith.eq(&bits, &axis),
            DimKind::Before => before(arith, &bits, &axis),
            DimKind::Previous => previous(arith, &bits, &axis),
        };
        self.factors.insert(key, value.clone());
        value
    }
}

/// `Σ scale·constants` over the parts of a claim.
pub fn constants<A: Arithmetic>(
    arith: &mut A,
    claim: &CombinedClaim<'_, A::Var>,
    points: &Points<A::Var>,
) -> A::Var {
    let mut sum = arith.constant(Fr::zero());
    for part in &claim.parts {
        for term in part.form.terms.iter().filter(|t| t.tensor.is_none()) {
            let mut value = arith.scale(&part.scale, fr(term.coef));
            for factor in &term.factors {
                let factor = axis_factor(arith, points, part, *factor);
                value = arith.mul(&value, &factor);
            }
            sum = arith.add(&sum, &value);
        }
    }
    sum
}

/// The part's coordinates of one axis, lowest bit first.
pub fn axis_coordinates<'c, V>(part: &'c Part<'_, V>, axis: usize) -> &'c [Coordinate] {
    part.point.get(axis_bits(&part.domain, axis)).unwrap_or_default()
}

fn axis_factor<A: Arithmetic>(
    arith: &mut A,
    points: &Points<A::Var>,
    part: &Part<'_, A::Var>,
    factor: AxisFactor,
) -> A::Var {
    let axis = match factor {
        AxisFactor::First(axis) | AxisFactor::Below(axis, _) => axis,
    };
    let coordinates = axis_coordinates(part, axis);
    let bits: Vec<A::Var> = coordinates.iter().filter_map(|c| points.get(*c)).cloned().collect();
    match factor {
        AxisFactor::First(_) => {
            let mut product = arith.constant(Fr::one());
            for bit in &bits {
                let factor = arith.complement(bit);
                product = arith.mul(&product, &factor);
            }
            product
        }
        AxisFactor::Below(_, bound) => below(arith, &bits, bound),
    }
}

/// Multilinear extension of `[x < bound]` for a constant bound.
pub fn below<A: Arithmetic>(arith: &mut A, bits: &[A::Var], bound: usize) -> A::Var {
    if bound >> bits.len() != 0 {
        return arith.constant(Fr::one());
    }
    let mut value = arith.constant(Fr::zero());
    for (position, bit) in bits.iter().enumerate() {
        // Bit set in the bound: a 0 decides for "below", a 1 leaves it open.
        let not = arith.complement(bit);
        value = if (bound >> position) & 1 == 1 {
            arith.mul_add(bit, &value, &not)
        } else {
            arith.mul(&not, &value)
        };
    }
    value
}

/// Multilinear extension of `[x < y]`.
pub fn before<A: Arithmetic>(arith: &mut A, x: &[A::Var], y: &[A::Var]) -> A::Var {
    let mut value = arith.constant(Fr::zero());
    for (x, y) in x.iter().zip(y) {
        let equal = arith.eq_bit(x, y);
        let not = arith.complement(x);
        let carried = arith.mul(&equal, &value);
        value = arith.mul_add(&not, y, &carried);
    }
    value
}

/// Multilinear extension of `[x + 1 = y]`.
pub fn previous<A: Arithmetic>(arith: &mut A, x: &[A::Var], y: &[A::Var]) -> A::Var {
    let mut carry = arith.constant(Fr::one());
    let mut done = arith.constant(Fr::zero());
    for (x, y) in x.iter().zip(y) {
        let equal = arith.eq_bit(x, y);
        let (not_x, not_y) = (arith.complement(x), arith.complement(y));
        let (stop, go) = (arith.mul(&not_x, y), arith.mul(x, &not_y));
        let stopped = arith.mul(&carry, &stop);
        done = arith.mul_add(&done, &equal, &stopped);
        carry = arith.mul(&carry, &go);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::Native;

    fn bits(value: usize, log: usize) -> Vec<Fr> {
        (0..log).map(|k| Fr::from(((value >> k) & 1) as u64)).collect()
    }

    #[test]
    fn extensions_agree_with_their_functions_on_the_cube() {
        for x in 0..16 {
            for y in 0..16 {
                let (bx, by) = (bits(x, 4), bits(y, 4));
                assert_eq!(before(&mut Native, &bx, &by), Fr::from(u64::from(x < y)));
                assert_eq!(previous(&mut Native, &bx, &by), Fr::from(u64::from(x + 1 == y)));
                assert_eq!(below(&mut Native, &bx, y), Fr::from(u64::from(x < y)));
            }
            assert_eq!(below(&mut Native, &bits(x, 4), 16), Fr::one());
        }
    }
}
