//! Extensions of "the index' bits are these", many of them at one point.

use std::collections::BTreeMap;

use crate::arith::Arithmetic;

/// `root·Π_k [bit k of the index is bit k of base]` at a point, over the bits that are not
/// free. Products over the upper bits are shared: one multiplication for each new bit.
pub struct Selectors<V> {
    point: Vec<V>,
    complements: Vec<V>,
    root: V,
    known: BTreeMap<Upper, V>,
}

/// Bits from a position on: the position, which bits are free, what the others are.
type Upper = (usize, u64, u64);

impl<V: Clone> Selectors<V> {
    /// Selectors at `point`, the index' lowest bit first, all times `root`.
    pub fn new<A: Arithmetic<Var = V>>(arith: &mut A, point: &[V], root: V) -> Self {
        let complements = point.iter().map(|x| arith.complement(x)).collect();
        Self { point: point.to_vec(), complements, root, known: BTreeMap::new() }
    }

    /// The selector of `base` over all bits but those set in `free`.
    pub fn get<A: Arithmetic<Var = V>>(&mut self, arith: &mut A, free: u64, base: u64) -> V {
        let mut product = self.root.clone();
        for bit in (0..self.point.len()).rev() {
            if (free >> bit) & 1 == 1 {
                continue;
            }
            let key = (bit, free >> bit, (base & !free) >> bit);
            if let Some(known) = self.known.get(&key) {
                product = known.clone();
                continue;
            }
            let set = (base >> bit) & 1 == 1;
            let factors = if set { &self.point } else { &self.complements };
            if let Some(factor) = factors.get(bit) {
                product = arith.mul(&product, factor);
            }
            self.known.insert(key, product.clone());
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::Native;
    use ark_bn254::Fr;
    use ark_ff::Zero;

    #[test]
    fn selectors_select() {
        let root = Fr::from(5u64);
        for index in 0..16u64 {
            let bits: Vec<Fr> = (0..4).map(|k| Fr::from((index >> k) & 1)).collect();
            let mut selectors = Selectors::new(&mut Native, &bits, root);
            for free in 0..16u64 {
                for base in 0..16u64 {
                    let expected = if (index ^ base) & !free == 0 { root } else { Fr::zero() };
                    assert_eq!(selectors.get(&mut Native, free, base), expected);
                }
            }
        }
    }
}
