//! Blocks of small integers: range lookups until their first variable is bound.
//! [`super::symmetric`] states how they are summed.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};

use super::block::{Batching, Binding, Block, Full, Node, Parts};
use super::limbs::{self, IntegerSum, Limbs};
use super::symmetric::{Powers, SUMS, SymmetricSums};
use super::twin::{Bound, Twin};

/// Four fractions with numerators one and denominators `base + values[i]`.
#[derive(Clone, Copy)]
pub(super) struct Small {
    pub(super) values: [u16; 4],
}

/// What the blocks of a region share.
#[derive(Clone)]
pub(super) struct Base {
    pub(super) powers: Powers,
    /// Multipliers of `1, e1, e2, e3, e4` in a parent's denominator, shifted.
    denominator: [Limbs; 5],
    /// Multipliers of `1, e1, e2, e3` in its numerator, shifted.
    numerator: [Limbs; 4],
}

impl Base {
    pub(super) fn new(base: Fr) -> Self {
        let powers = Powers::new(base);
        let [one, b1, b2, b3, b4] = powers.0;
        let numerator = [b3.double().double(), b2.double() + b2, b1.double(), one];
        Self {
            powers,
            denominator: [b4, b3, b2, b1, one].map(limbs::shifted),
            numerator: numerator.map(limbs::shifted),
        }
    }
}

/// A variable's sums: of the weights, and of the symmetric polynomials.
#[derive(Default)]
pub(super) struct Sums {
    weight: IntegerSum,
    symmetric: SymmetricSums,
}

impl Block for Small {
    type Bound = Twin;
    type Shared = Box<Base>;
    type Binder = ();
    type Sums = Sums;
    type Totals = [Fr; 1 + SUMS];

    fn node(&self, base: &Box<Base>) -> Node {
        let [u0, u1, u2, u3] = self.values.map(u64::from);
        let (s, t, a, b) = (u0 + u1, u2 + u3, u0 * u1, u2 * u3);
        // All below 2^64, and they sum to at most 2^64: the product of the u_i + 1.
        let e = [1, s + t, a + b + s * t, a * t + b * s, a * b];
        Node {
            p: limbs::combination(&base.numerator, &[e[0], e[1], e[2], e[3]]),
            q: limbs::combination(&base.denominator, &e),
        }
    }

    fn prepare(&mut self, _: &Batching) {}

    fn full(&self, base: &Box<Base>, batching: &Batching) -> Full {
        let q = self.values.map(|value| base.powers.0[1] + Fr::from(value));
        let mut full = Full { p: [Fr::one(); 4], q };
        full.prepare(batching);
        full
    }

    #[inline]
    fn accumulate(sums: &mut Sums, weight: &Fr, low: &Self, high: &Self) {
        let weight = limbs::of(weight);
        let lines = core::array::from_fn(|i| [i64::from(low.values[i]), i64::from(high.values[i])]);
        sums.weight.add(weight, 1);
        sums.symmetric.add(weight, lines, 1);
    }

    fn totals(sums: &Sums) -> [Fr; 1 + SUMS] {
        let mut totals = [Fr::ZERO; 1 + SUMS];
        totals[0] = sums.weight.finish();
        totals[1..].copy_from_slice(&sums.symmetric.totals());
        totals
    }

    fn parts([weight, sums @ ..]: &[Fr; 1 + SUMS], base: &Box<Base>, batching: &Batching) -> Parts {
        base.powers.parts(*weight, *sums, batching.lambda)
    }

    fn bound_shared(base: &Box<Base>, binding: &Binding) -> Box<Bound> {
        Box::new(Bound::new(base.powers, binding.t))
    }

    fn binder(_: &Box<Base>, _: &Binding) {}

    fn bind(low: &Self, high: &Self, (): &()) -> Twin {
        Twin { low: low.values, high: high.values }
    }
}
