//! The weights of a dimension along which a window slides.

use ark_bn254::Fr;
use zktrain_model::relation::{Axis, Dim, Window};

use super::{axis_coordinates, unit_vector};
use crate::arith::{Arithmetic, Check, Native};
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

    /// Windows, and places in one.
    pub fn sizes(&self) -> [usize; 2] {
        [self.window.windows, self.window.places]
    }

    /// `Σ within[u]·at[a]` over the windows `a` and places `u` that lead to an index, for each index of
    /// the dimension; `None` where there are none. `at` and `within` are the [`unit_vector`]s of the two
    /// axes. One multiplication for each that leads somewhere.
    ///
    /// # Errors
    /// [`Check::Shape`] if these have not as many entries as there are windows and places.
    pub fn weights<A: Arithmetic>(
        &self,
        arith: &mut A,
        at: &[A::Var],
        within: &[A::Var],
    ) -> Result<Vec<Option<A::Var>>, A::Error> {
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

    /// The same over the padded dimension, as numbers; `at` and `within` are the claim's point.
    ///
    /// # Errors
    /// [`Check::Shape`] if a point has not the coordinates of its axis.
    pub fn table(&self, at: &[Fr], within: &[Fr]) -> Result<Vec<Fr>, Check> {
        let [windows, places] = self.sizes();
        let at = unit_vector(&mut Native, at, windows);
        let within = unit_vector(&mut Native, within, places);
        let weights = self.weights(&mut Native, &at, &within)?;
        let mut table: Vec<Fr> = weights.into_iter().map(Option::unwrap_or_default).collect();
        table.resize(1 << Axis::new(self.size).log, Fr::default());
        Ok(table)
    }
}
