//! Wide integers in a relation: digits, each of them looked up.
//!
//! A digit of radix 2^16 takes one lookup, one of a smaller radix two: `x` and `radix − 1 − x`, both below 2^16. With
//! the weights of its digits a number has one expansion ([`Expansion`]), so an equation with what is expanded on
//! the other side has one solution.
//!
//! All digits of a layer that are looked up alike lie in one stack, so that one lookup is about all of them.

use super::builder::{RelationBuilder, axes};
use super::error::CompileError;
use super::tensors::Tensors;
use crate::quant::{Digit, Expansion, RADIX};
use crate::relation::{AxisFactor, DimMap, Domain, Linear, TensorId};

/// The tensors of wide integers.
#[derive(Clone, Debug)]
pub struct WideIds {
    /// How they are written.
    pub expansion: Expansion,
    /// A tensor a digit, the lowest first.
    pub digits: Vec<TensorId>,
}

impl WideIds {
    /// The whole number as a form; `dims` maps the dimensions of its digits.
    pub fn whole(&self, dims: &[DimMap]) -> Linear {
        self.above(0, dims, &[])
    }

    /// Its quotient.
    pub fn quotient(&self, dims: &[DimMap]) -> Linear {
        self.above(self.expansion.dropped(), dims, &[])
    }

    /// Its quotient where these factors are 1, and zero elsewhere.
    pub fn masked(&self, dims: &[DimMap], factors: &[AxisFactor]) -> Linear {
        self.above(self.expansion.dropped(), dims, factors)
    }

    fn above(&self, first: usize, dims: &[DimMap], factors: &[AxisFactor]) -> Linear {
        let digits: Vec<_> = self.expansion.digits().zip(&self.digits).skip(first).collect();
        let unit = digits.first().map_or(1, |(digit, _)| digit.weight);
        digits.iter().fold(Linear::zero(), |form, (digit, id)| {
            form.plus_masked(digit.weight / unit, **id, dims, factors)
        })
    }
}

/// How digits are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 16 bits, not negative.
    Plain,
    /// 16 bits with a sign: the last digit of a number that has one.
    Signed,
    /// Of a smaller radix.
    Short,
}

impl Kind {
    /// In the order in which stacks are placed, with the stacks' names.
    const ALL: [(Self, &'static str); 3] =
        [(Self::Plain, "digits"), (Self::Signed, "digits_signed"), (Self::Short, "digits_short")];

    fn of(digit: &Digit) -> Self {
        match digit.hi - digit.lo == i64::from(RADIX) - 1 {
            false => Self::Short,
            true if digit.lo < 0 => Self::Signed,
            true => Self::Plain,
        }
    }
}

/// Digits that are looked up alike: their number is the first dimension.
#[derive(Clone, Debug)]
pub struct DigitStack {
    /// Its name in the layer.
    pub name: &'static str,
    kind: Kind,
    id: TensorId,
    /// The largest value of each digit.
    ends: Vec<i64>,
}

/// A digit's number: of its wide integer among all, and in it.
type Place = (usize, usize);

/// Places the digits of all wide integers of a layer; the short ones by their radix.
///
/// # Errors
/// If fewer tensors were placed.
pub(super) fn place_digits(
    tensors: &mut Tensors,
    layer: &str,
    parts: &[(&'static str, &Expansion)],
    sizes: &[usize],
) -> Result<(Vec<DigitStack>, Vec<WideIds>), CompileError> {
    let (mut stacks, mut placed) = (Vec::new(), Vec::<(Place, TensorId)>::new());
    for (kind, name) in Kind::ALL {
        let all = parts.iter().enumerate().flat_map(|(part, (_, expansion))| {
            expansion.digits().enumerate().map(move |(k, digit)| ((part, k), digit))
        });
        let mut own: Vec<(Place, Digit)> =
            all.filter(|(_, digit)| Kind::of(digit) == kind).collect();
        own.sort_by_key(|(_, digit)| digit.hi);
        if own.is_empty() {
            continue;
        }
        let named = own.iter().filter_map(|((part, k), _)| {
            parts.get(*part).map(|(part, _)| format!("{layer}.{part}.d{k}"))
        });
        let named = named.collect();
        let (id, slices) = tensors.stack(format!("{layer}.{name}"), named, sizes)?;
        placed.extend(own.iter().map(|(place, _)| *place).zip(slices));
        let ends = own.iter().map(|(_, digit)| digit.hi).collect();
        stacks.push(DigitStack { name, kind, id, ends });
    }
    placed.sort_unstable_by_key(|(place, _)| *place);
    let wide = parts.iter().enumerate().map(|(part, (_, expansion))| {
        let own = placed.iter().filter(|((of, _), _)| *of == part);
        WideIds { expansion: (*expansion).clone(), digits: own.map(|(_, id)| *id).collect() }
    });
    Ok((stacks, wide.collect()))
}

/// Each digit is one; `groups` are what there is one wide integer of each part for.
///
/// # Errors
/// If the table of 16 bits is not there.
pub fn constrain_digits(
    builder: &mut RelationBuilder,
    layer: &str,
    stacks: &[DigitStack],
    groups: &Domain,
) -> Result<(), CompileError> {
    for stack in stacks {
        let domain = Domain::joined([&Domain::new(&[stack.ends.len()]), groups]);
        let dims = axes(domain.axes.len());
        let (name, digit) = (format!("{layer}.{}", stack.name), Linear::zero());
        let above = match stack.kind {
            Kind::Signed => digit.plus(1, stack.id, &dims).plus_constant(i128::from(RADIX / 2)),
            Kind::Plain | Kind::Short => digit.plus(1, stack.id, &dims),
        };
        builder.range16(format!("{name}.range"), &domain, above)?;
        if stack.kind == Kind::Short {
            let below = stack.largest().plus(-1, stack.id, &dims);
            builder.range16(format!("{name}.range_above"), &domain, below)?;
        }
    }
    Ok(())
}

impl DigitStack {
    /// The largest value of each digit, which grow: the last one's, less what it is more than the one before it, and so on.
    fn largest(&self) -> Linear {
        let last = self.ends.last().copied().unwrap_or(0);
        let form = Linear::constant(last.into());
        let steps = self.ends.iter().zip(self.ends.iter().skip(1)).enumerate();
        steps.fold(form, |form, (k, (end, next))| {
            let below = [AxisFactor::Below(0, k + 1)];
            form.plus_constant_masked(i128::from(end - next), &below)
        })
    }
}
