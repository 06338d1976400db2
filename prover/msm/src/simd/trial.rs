//! What a form has to get right before it is chosen.
//!
//! That a processor says that it has some instructions does not show that what was written over
//! them is right, and its author may not have had such a processor. So a form above the
//! portable one first computes what the portable one does: products, differences and sums of points
//! over a few fixed elements. A form that does not is never chosen, and nobody loses more than time.
//!
//! Once for a program: a thousand products in each form, about a tenth of a millisecond.

use ark_bn254::Fq;
use ark_ff::{BigInt, BigInteger, Field, PrimeField};

use super::{Form, Kernel, Lane, WORDS};
use crate::lanes::{Elements, LIMBS, Stored, add_points, product, store};

/// Elements of the trial: a multiple of the lanes of every form.
const ELEMENTS: usize = 16;

/// The first of these forms that computes what the portable one does; the portable one if none
/// does.
pub(super) fn first_right(forms: impl IntoIterator<Item = Form>) -> Form {
    let trial = Trial { elements: elements() };
    let expected = Form::PORTABLE.run(trial);
    forms.into_iter().find(|form| form.run(trial) == expected).unwrap_or(Form::PORTABLE)
}

/// Every element with every other one, in all that kernels do with lanes. What comes of it are
/// integers, not only the field elements that they stand for: these are the same in every form.
#[derive(Clone, Copy)]
struct Trial {
    elements: [Stored; ELEMENTS],
}

impl Kernel for Trial {
    /// For each pair a product and the coordinates of a sum.
    type Output = Vec<[Stored; 3]>;

    #[inline(always)]
    fn run<L: Lane<N>, const N: usize>(self) -> Self::Output {
        let mut out = Vec::with_capacity(ELEMENTS * ELEMENTS);
        let mut turned = self.elements;
        for _ in 0..ELEMENTS {
            turned.rotate_left(1);
            let pairs = self.elements.as_chunks::<N>().0.iter().zip(turned.as_chunks::<N>().0);
            for (a, b) in pairs {
                let a = Elements::<L, N>::load(a.each_ref());
                let mut memory = [[0; N]; LIMBS];
                Elements::<L, N>::load(b.each_ref()).save(&mut memory);
                let b = Elements::<L, N>::saved(&memory);
                // As if they were coordinates of points, and one the inverse that is needed.
                let (x, y) = add_points((&a, &b), (&b, &a), &a);
                let products = product(&a.sub(&b), &b).store();
                for ((product, x), y) in products.into_iter().zip(x.store()).zip(y.store()) {
                    out.push([product, x, y]);
                }
            }
        }
        out
    }
}

/// The elements at the edges of what is stored, and others without a pattern.
fn elements() -> [Stored; ELEMENTS] {
    let one = BigInt::from(1u64);
    let (mut below, mut below_twice) = (Fq::MODULUS, Fq::MODULUS);
    below.sub_with_borrow(&one);
    below_twice.add_with_carry(&below);
    let edges = [
        [0; WORDS],
        one.0,
        store(Fq::ONE),
        store(-Fq::ONE),
        below.0,
        Fq::MODULUS.0,
        below_twice.0,
        // All limbs but the last are as large as limbs are.
        [u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 24],
    ];
    let mut state = 0;
    let mut out = [[0; WORDS]; ELEMENTS];
    for (i, element) in out.iter_mut().enumerate() {
        *element = edges.get(i).copied().unwrap_or_else(|| scrambled(&mut state));
    }
    out
}

/// An element below `2^253`, and so below the modulus, by Steele's SplitMix.
fn scrambled(state: &mut u64) -> Stored {
    let mut words = [0; WORDS];
    for word in &mut words {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        *word = mixed ^ mixed >> 31;
    }
    words[WORDS - 1] >>= 3;
    words
}

#[cfg(test)]
mod tests {
    use super::super::wrong::Operation;
    use super::*;

    #[test]
    fn a_form_that_gets_one_operation_wrong_is_never_chosen() {
        let detected = Form::detected();
        for operation in Operation::ALL {
            let wrong = Form::wrong(operation);
            assert_eq!(first_right([wrong]), Form::PORTABLE, "{operation:?}");
            // The next one is, if there is one.
            let next = first_right([wrong].into_iter().chain(detected.clone()));
            assert_eq!(next, Form::best(), "{operation:?}");
        }
    }

    #[test]
    fn a_form_that_gets_everything_right_is_chosen() {
        assert_eq!(first_right([]), Form::PORTABLE);
        for form in Form::all() {
            assert_eq!(first_right([form]), form);
        }
    }

    #[test]
    fn elements_are_below_twice_the_modulus() {
        let mut twice = Fq::MODULUS;
        assert!(!twice.add_with_carry(&Fq::MODULUS));
        let all = elements();
        assert!(all.iter().all(|element| BigInt(*element) < twice));
        assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "twice the same");
    }
}
