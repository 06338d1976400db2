//! The weights of a dimension along which a window slides.

use ark_bn254::Fr;
use zktrain_model::relation::{Axis, Dim, Window};

use super::{axis_coordinates, unit_vector};
use crate::arith::{Arithmetic, Check};
use crate::verifier::claims::{Coordinate, ScaledForm};

/// A window along a dimension of a tensor, and a claim's point on its two axes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sliding {
    /// The dimension's lowest bit in an address.
    pub shift: usize,
    /// Size of the dimension.
    pub size: usize,
    /// How it slides; its axes go by 0 and 1 here.
    window: Window,
    /// The claim's point on the first, lowest bit first.
    pub at: Vec<Coordinate>,
    /// The claim's point on the second.
    pub within: Vec<Coordinate>,
}

impl Sliding {
    /// The window along a dimension in a part of a claim.
    ///
    /// # Errors
    /// [`Check::Shape`] if the claim's domain lacks one of its axes.
    pub fn of<V>(dim: &Dim, window: &Window, part: &ScaledForm<'_, V>) -> Result<Self, Check> {
        let axis = |index| axis_coordinates(part, index).map(<[Coordinate]>::to_vec);
        let (at, within) = (axis(window.at)?, axis(window.within)?);
        let window = Window { at: 0, within: 1, ..*window };
        Ok(Self { shift: dim.shift as usize, size: dim.axis.size, window, at, within })
    }

    /// `Σ eq(within, u)·eq(at, a)` over the windows `a` and places `u` that lead to an index, for each
    /// index of the dimension; `None` where there are none. One multiplication for each that leads
    /// somewhere, besides those of two unit vectors.
    ///
    /// # Errors
    /// [`Check::Shape`] if a point has not the coordinates of its axis.
    pub fn weights<A: Arithmetic>(
        &self,
        arith: &mut A,
        at: &[A::Var],
        within: &[A::Var],
    ) -> Result<Vec<Option<A::Var>>, A::Error> {
        let Window { windows, places, .. } = self.window;
        let logs = [windows, places].map(|size| Axis::new(size).log as usize);
        if [at.len(), within.len()] != logs {
            return Err(Check::Shape("the axes of a window").into());
        }
        let at = unit_vector(arith, at, windows);
        let within = unit_vector(arith, within, places);
        let mut weights = vec![None; self.size];
        for (a, u, index) in self.window.cells(self.size) {
            let cell = at.get(a).zip(within.get(u)).zip(weights.get_mut(index));
            let ((a, u), weight) = cell.ok_or(Check::Shape("the axes of a window"))?;
            *weight = Some(match weight.take() {
                Some(sum) => arith.mul_add(a, u, &sum),
                None => arith.mul(a, u),
            });
        }
        Ok(weights)
    }

    /// The same over the padded dimension, as numbers.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub fn table(&self, at: &[Fr], within: &[Fr]) -> Result<Vec<Fr>, Check> {
        let weights = self.weights(&mut crate::arith::Native, at, within)?;
        let mut table: Vec<Fr> = weights.into_iter().map(Option::unwrap_or_default).collect();
        table.resize(1 << Axis::new(self.size).log, Fr::default());
        Ok(table)
    }
}
