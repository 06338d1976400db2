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

#[cfg(test)]
mod tests {
    use zktrain_model::relation::{Direction, Domain, Linear};

    use super::*;
    use crate::verifier::claims::Points;
    use crate::verifier::weights::factors::{Factor, Factors};

    fn bits(value: usize, log: usize) -> Vec<Fr> {
        (0..log).map(|k| Fr::from(((value >> k) & 1) as u64)).collect()
    }

    /// Five windows of three places over seven positions, in steps of one with one zero before them.
    fn window() -> Window {
        let (windows, places, stride, padding) = (5, 3, 1, 1);
        let direction = Direction::Covers;
        Window { at: 0, windows, within: 1, places, stride, padding, direction }
    }

    fn sliding(within: Vec<Coordinate>) -> Sliding {
        let at = (0..3).map(Coordinate::First).collect();
        let window = window();
        Sliding { shift: 1, size: 7, window, at, within }
    }

    /// On the cube the factor says whether the two axes lead to the index, padding left out.
    #[test]
    fn a_window_s_factor_agrees_with_its_function_on_the_cube() {
        for (at, within) in (0..8).flat_map(|at| (0..4).map(move |within| (at, within))) {
            let points = Points { first: bits(at, 3), second: bits(within, 2), leaf: Vec::new() };
            let own = sliding((0..2).map(Coordinate::Second).collect());
            let leads = window().index(at, within, 7);
            let table = own.table(&points.first, &points.second).unwrap();
            assert_eq!(table.len(), 8);
            for (index, weight) in table.into_iter().enumerate() {
                let expected = Fr::from(u64::from(leads == Some(index)));
                assert_eq!(weight, expected, "{at} {within} {index}");
                let rho = [vec![Fr::from(9u64)], bits(index, 3)].concat();
                let factor = Factor::Window(Box::new(own.clone()));
                let value = Factors::new(&points, &rho).product(&mut Native, &[factor]);
                assert_eq!(value, Ok(Some(expected)), "{at} {within} {index}");
            }
        }
    }

    #[test]
    fn a_window_without_its_coordinates_is_an_error() {
        let one = Fr::from(1u64);
        let points = Points { first: vec![one; 3], second: vec![one; 2], leaf: Vec::new() };
        let value = |within: Vec<Coordinate>, rho: usize| {
            let factor = Factor::Window(Box::new(sliding(within)));
            let rho = vec![one; rho];
            Factors::new(&points, &rho).product(&mut Native, &[factor])
        };
        let both = vec![Coordinate::Second(0), Coordinate::Second(1)];
        assert!(value(both.clone(), 4).is_ok());
        let short = Err(Check::Shape("the axes of a window"));
        assert_eq!(value(vec![Coordinate::Second(0)], 4), short);
        assert_eq!(value([both.clone(), both.clone()].concat(), 4), short);
        let beyond = vec![Coordinate::Second(1), Coordinate::Second(2)];
        assert_eq!(value(beyond, 4), Err(Check::Shape("the point of a claim")));
        assert_eq!(value(both, 3), Err(Check::Shape("a dimension of a tensor")));
    }

    #[test]
    fn a_window_along_an_axis_that_a_claim_lacks_is_an_error() {
        let form = Linear::zero();
        let part = |sizes: &[usize]| ScaledForm {
            scale: Fr::from(1u64),
            form: &form,
            domain: Domain::new(sizes),
            point: (0..5).map(Coordinate::First).collect(),
        };
        let dim = Dim { axis: Axis::new(7), shift: 0 };
        assert!(Sliding::of(&dim, &window(), &part(&[5, 3])).is_ok());
        let missing = Err(Check::Shape("the axis of a claim"));
        assert_eq!(Sliding::of(&dim, &window(), &part(&[5])), missing);
    }
}
