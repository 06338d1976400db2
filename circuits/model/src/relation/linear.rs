//! Linear forms over a domain: the only way that a relation refers to cells.

use super::tensor::{Axis, Dim, Domain, TensorId};
use super::window::Window;

/// How a dimension of a tensor follows the point of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimMap {
    /// The dimension's index is the axis' index.
    Axis(usize),
    /// Summed over indices below the axis' index: a running total.
    Before(usize),
    /// The axis' index less one; nothing at index 0.
    Previous(usize),
    /// Summed over the whole dimension.
    Sum,
    /// The index follows two axes: a window that slides along the dimension.
    Window(Window),
    /// The index' upper bits are the index on the first axis, its lower bits that on the second: a dimension that two axes
    /// make up, none of the three with padding.
    Joined(usize, usize),
}

impl DimMap {
    /// The axes that it follows.
    pub fn axes(&self) -> impl Iterator<Item = usize> + use<> {
        let [first, second] = match self {
            Self::Axis(axis) | Self::Before(axis) | Self::Previous(axis) => [Some(*axis), None],
            Self::Window(window) => [Some(window.at), Some(window.within)],
            Self::Joined(upper, lower) => [Some(*upper), Some(*lower)],
            Self::Sum => [None, None],
        };
        first.into_iter().chain(second)
    }

    /// The same with its axes renumbered.
    pub fn renumbered(self, place: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Axis(axis) => Self::Axis(place(axis)),
            Self::Before(axis) => Self::Before(place(axis)),
            Self::Previous(axis) => Self::Previous(place(axis)),
            Self::Window(window) => Self::Window(window.renumbered(place)),
            Self::Joined(upper, lower) => Self::Joined(place(upper), place(lower)),
            Self::Sum => Self::Sum,
        }
    }
}

/// A tensor's dimensions and what each follows: one that two axes make up is two of them, the upper bits first.
pub fn apart<'a>(
    dims: &'a [Dim],
    maps: &'a [DimMap],
    domain: &'a Domain,
) -> impl DoubleEndedIterator<Item = (Dim, DimMap)> + 'a {
    dims.iter()
        .zip(maps)
        .flat_map(|(dim, map)| {
            let DimMap::Joined(upper, lower) = *map else { return [Some((*dim, *map)), None] };
            let log = domain.axes.get(lower).map_or(0, |axis| axis.log).min(dim.axis.log);
            let part = |log: u32, shift: u32, axis: usize| {
                Some((Dim { axis: Axis { size: 1 << log, log }, shift }, DimMap::Axis(axis)))
            };
            [part(dim.axis.log - log, dim.shift + log, upper), part(log, dim.shift, lower)]
        })
        .flatten()
}

/// A public 0/1 factor over one axis or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisFactor {
    /// 1 at index 0 of the axis.
    First(usize),
    /// 1 at the indices below a constant.
    Below(usize, usize),
    /// 1 where the index on the first axis is at most that on the second, which are of one size, a power of two.
    NotAfter(usize, usize),
}

impl AxisFactor {
    /// The axes that it is over.
    pub fn axes(&self) -> impl Iterator<Item = usize> + use<> {
        let [first, second] = match self {
            Self::First(axis) | Self::Below(axis, _) => [Some(*axis), None],
            Self::NotAfter(axis, other) => [Some(*axis), Some(*other)],
        };
        first.into_iter().chain(second)
    }

    /// Whether it is over this axis.
    pub fn is_over(&self, axis: usize) -> bool {
        self.axes().any(|own| own == axis)
    }

    /// Whether it is 1 at these indices of a domain's axes; zero where there is no such axis.
    pub fn is_open(&self, index: impl Fn(usize) -> Option<usize>) -> bool {
        match self {
            Self::First(axis) => index(*axis) == Some(0),
            Self::Below(axis, bound) => index(*axis).is_some_and(|index| index < *bound),
            Self::NotAfter(axis, other) => {
                index(*axis).zip(index(*other)).is_some_and(|(index, end)| index <= end)
            }
        }
    }

    /// The same with its axes renumbered.
    pub fn renumbered(self, place: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::First(axis) => Self::First(place(axis)),
            Self::Below(axis, bound) => Self::Below(place(axis), bound),
            Self::NotAfter(axis, other) => Self::NotAfter(place(axis), place(other)),
        }
    }
}

/// `coef·Π factors·tensor[…]`, or `coef·Π factors` without a tensor.
#[derive(Clone, Debug)]
pub struct Term {
    /// Public factor.
    pub coef: i128,
    /// The tensor read, if any.
    pub tensor: Option<TensorId>,
    /// One entry a dimension of the tensor.
    pub dims: Vec<DimMap>,
    /// Public factors over axes of the domain.
    pub factors: Vec<AxisFactor>,
}

/// A sum of terms.
#[derive(Clone, Debug, Default)]
pub struct Linear {
    /// The terms.
    pub terms: Vec<Term>,
}

impl Linear {
    /// The zero form.
    pub fn zero() -> Self {
        Self::default()
    }

    /// A constant.
    pub fn constant(value: i128) -> Self {
        Self::zero().plus_constant(value)
    }

    /// A tensor whose dimensions are the first axes of the domain, in order.
    pub fn tensor(id: TensorId, dims: usize) -> Self {
        Self::zero().plus(1, id, &(0..dims).map(DimMap::Axis).collect::<Vec<_>>())
    }

    /// Adds `coef·tensor[dims]`.
    pub fn plus(self, coef: i128, tensor: TensorId, dims: &[DimMap]) -> Self {
        self.plus_masked(coef, tensor, dims, &[])
    }

    /// Adds `coef·Π factors·tensor[dims]`.
    pub fn plus_masked(
        mut self,
        coef: i128,
        tensor: TensorId,
        dims: &[DimMap],
        factors: &[AxisFactor],
    ) -> Self {
        let (dims, factors) = (dims.to_vec(), factors.to_vec());
        self.terms.push(Term { coef, tensor: Some(tensor), dims, factors });
        self
    }

    /// Adds a constant.
    pub fn plus_constant(self, value: i128) -> Self {
        self.plus_constant_masked(value, &[])
    }

    /// Adds a constant where the factors are 1.
    pub fn plus_constant_masked(mut self, value: i128, factors: &[AxisFactor]) -> Self {
        if value != 0 {
            let factors = factors.to_vec();
            self.terms.push(Term { coef: value, tensor: None, dims: Vec::new(), factors });
        }
        self
    }

    /// The form where these factors are 1, and zero elsewhere.
    pub fn masked(mut self, factors: &[AxisFactor]) -> Self {
        self.terms.iter_mut().for_each(|term| term.factors.extend_from_slice(factors));
        self
    }

    /// The form with the axes of its domain renumbered.
    pub fn renumbered(mut self, place: impl Fn(usize) -> usize) -> Self {
        for term in &mut self.terms {
            term.dims.iter_mut().for_each(|dim| *dim = dim.renumbered(&place));
            term.factors.iter_mut().for_each(|factor| *factor = factor.renumbered(&place));
        }
        self
    }

    /// Adds `scale` times another form.
    pub fn plus_form(mut self, scale: i128, other: &Linear) -> Self {
        let scaled = other.terms.iter().cloned();
        self.terms.extend(scaled.map(|term| Term { coef: scale * term.coef, ..term }));
        self
    }
}

/// The bits of a domain's point that number the positions of one axis, LSB first; `None` if there
/// is no such axis.
pub fn axis_bits(domain: &Domain, axis: usize) -> Option<core::ops::Range<usize>> {
    let log = domain.axes.get(axis)?.log as usize;
    let start = domain.bit(axis) as usize;
    Some(start..start + log)
}
