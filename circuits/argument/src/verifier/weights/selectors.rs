//! Extensions of "the index' bits are these", many of them at one point.

use std::collections::BTreeMap;

use crate::arith::{Arithmetic, Check};

/// `root·Π_k [bit k of the index is bit k of base]` at a point, over the bits that are not
/// free. Products over the upper bits are shared: one multiplication for each new bit.
pub struct Selectors<V> {
    /// For each bit, what selects 1 and what selects 0.
    bits: Vec<[V; 2]>,
    root: V,
    known: BTreeMap<Upper, V>,
}

/// Bits from a position on: the position, which bits are free, what the others are.
type Upper = (usize, u64, u64);

impl<V: Clone> Selectors<V> {
    /// Selectors at `point`, the index' lowest bit first, all times `root`.
    pub fn new<A: Arithmetic<Var = V>>(arith: &mut A, point: &[V], root: V) -> Self {
        let bits = point.iter().map(|x| [x.clone(), arith.complement(x)]).collect();
        Self { bits, root, known: BTreeMap::new() }
    }

    /// The selector of `base` over all bits but those set in `free`.
    ///
    /// # Errors
    /// [`Check::Shape`] if `base` has a bit that the point has no coordinate for: nothing would
    /// select it.
    pub fn get<A: Arithmetic<Var = V>>(
        &mut self,
        arith: &mut A,
        free: u64,
        base: u64,
    ) -> Result<V, A::Error> {
        if base.checked_shr(self.bits.len() as u32).unwrap_or(0) != 0 {
            return Err(Check::Shape("the place of a tensor or column").into());
        }
        let mut product = self.root.clone();
        for (bit, [one, zero]) in self.bits.iter().enumerate().rev() {
            if (free >> bit) & 1 == 1 {
                continue;
            }
            let key = (bit, free >> bit, (base & !free) >> bit);
            if let Some(known) = self.known.get(&key) {
                product = known.clone();
                continue;
            }
            let factor = if (base >> bit) & 1 == 1 { one } else { zero };
            product = arith.mul(&product, factor);
            self.known.insert(key, product.clone());
        }
        Ok(product)
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
                    assert_eq!(selectors.get(&mut Native, free, base), Ok(expected));
                }
            }
        }
    }
    #[test]
    fn an_index_beyond_the_point_is_an_error() {
        let bits = vec![Fr::from(7u64); 4];
        let mut selectors = Selectors::new(&mut Native, &bits, Fr::from(1u64));
        let refused = Err(Check::Shape("the place of a tensor or column"));
        assert_eq!(selectors.get(&mut Native, 0, 16), refused);
        assert_eq!(selectors.get(&mut Native, u64::MAX, 1 << 40), refused);
        assert!(selectors.get(&mut Native, 0, 15).is_ok());
    }
}
