//! Splits the weights of all claims at the row boundary.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use rayon::prelude::*;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::verifier::claims::{CombinedClaim, Coordinate, Points, ScaledForm};
use zktrain_argument::verifier::fr;
use zktrain_argument::verifier::weights::{
    Sliding, axis_coordinates, before, below, not_after, previous,
};
use zktrain_model::relation::{AxisFactor, Dim, DimMap, SheetLayout, Tensor, Term, apart};

/// Weights `high(row number)·low(position)`.
pub struct WeightGroup {
    /// By row number, over the whole address space.
    pub high: Vec<Fr>,
    /// By position, from `start` on; zero elsewhere.
    pub low: Vec<Fr>,
    /// First position of `low`.
    pub start: usize,
}

/// What a bit of the position, or a run of them, contributes to a weight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bit {
    /// All bits of a dimension along which a window slides: its weights.
    Window(Box<Sliding>),
    /// All bits of a dimension that is summed up to a point.
    Before(Vec<Coordinate>),
    /// All bits of a dimension that is read one before a point.
    Previous(Vec<Coordinate>),
    /// Nothing: the bit is one of several that are entered below.
    Covered,
    /// `eq` with a coordinate.
    Equal(Coordinate),
    /// 1 whatever the bit is.
    Any,
    /// 1 if the bit is this one.
    Is(bool),
}

/// Terms with the same factor over positions become one group. A tensor that
/// lies within one row joins the other such tensors of that row instead: their
/// factor over row numbers is the same.
///
/// # Errors
/// [`Check::Shape`] if a form refers to an axis or coordinate that is not there.
pub fn split(
    layout: &SheetLayout,
    claim: &CombinedClaim<'_, Fr>,
    points: &Points<Fr>,
) -> Result<Vec<WeightGroup>, Check> {
    let mut wide: BTreeMap<Vec<Bit>, Vec<Fr>> = BTreeMap::new();
    let mut narrow: BTreeMap<u64, BTreeMap<Vec<Bit>, Narrow<'_>>> = BTreeMap::new();
    for part in &claim.parts {
        for term in &part.form.terms {
            let Some(id) = term.tensor else { continue };
            let tensor = layout.tensor(id);
            let scale = part.scale * fr(term.coef) * factors(part, term, points)?;
            let key = low_bits(layout, tensor, term, part)?;
            if tensor.span_log() <= layout.row_log {
                let row = narrow.entry(tensor.base >> layout.row_log).or_default();
                let own =
                    row.entry(key).or_insert(Narrow { tensor, term, part, scale: Fr::zero() });
                own.scale += scale * of_single(tensor, term, part, points)?;
            } else {
                let high =
                    wide.entry(key).or_insert_with(|| vec![Fr::zero(); 1 << layout.hi_log()]);
                add_high(high, layout, tensor, term, part, points, scale)?;
            }
        }
    }
    let wide: Vec<_> = wide.into_iter().collect();
    let groups = wide.into_par_iter().map(|(bits, high)| Ok(trim(high, low_table(&bits, points)?)));
    let mut groups = groups.collect::<Result<Vec<WeightGroup>, Check>>()?;
    let narrow: Vec<_> = narrow.into_iter().collect();
    let of_row = |(row, terms): (u64, BTreeMap<Vec<Bit>, Narrow<'_>>)| {
        let mut low = vec![Fr::zero(); 1 << layout.row_log];
        for term in terms.into_values() {
            term.add_to(&mut low, layout, points)?;
        }
        let mut high = vec![Fr::zero(); 1 << layout.hi_log()];
        high[row as usize] = Fr::one();
        Ok(trim(high, low))
    };
    let narrow = narrow.into_par_iter().map(of_row).collect::<Result<Vec<_>, Check>>()?;
    groups.extend(narrow);
    Ok(groups)
}

/// What dimensions of one position make of a weight: bits do not tell of them.
fn of_single(
    tensor: &Tensor,
    term: &Term,
    part: &ScaledForm<'_, Fr>,
    points: &Points<Fr>,
) -> Result<Fr, Check> {
    let single = apart(&tensor.dims, &term.dims, &part.domain).filter(|(dim, _)| dim.axis.log == 0);
    single
        .map(|(dim, map)| Ok(dim_table(part, map, &dim, points)?.into_iter().product::<Fr>()))
        .product()
}

/// Terms of a tensor within one row that follow the same points: their weights differ by a factor.
struct Narrow<'a> {
    tensor: &'a Tensor,
    term: &'a Term,
    part: &'a ScaledForm<'a, Fr>,
    scale: Fr,
}

impl Narrow<'_> {
    /// Adds the weights of its row, cell by cell.
    fn add_to(
        &self,
        row: &mut [Fr],
        layout: &SheetLayout,
        points: &Points<Fr>,
    ) -> Result<(), Check> {
        let Self { tensor, term, part, scale } = self;
        let mut dims: Vec<(Dim, DimMap)> = apart(&tensor.dims, &term.dims, &part.domain).collect();
        dims.sort_by_key(|(dim, _)| dim.shift);
        // Cells in the order of their addresses, as far as dimensions lie side by side.
        let (mut run, mut apart) = (vec![*scale], vec![(tensor.base, Fr::one())]);
        let mut bits = 0;
        for (dim, map) in dims {
            if dim.axis.log == 0 {
                continue; // a factor of the scale
            }
            let table = dim_table(part, map, &dim, points)?;
            if dim.shift == bits && apart.len() == 1 {
                bits += dim.axis.log;
                run = table.iter().flat_map(|w| run.iter().map(move |cell| *cell * w)).collect();
                continue;
            }
            let cells = |(address, weight): (u64, Fr)| {
                let table = table.iter().enumerate();
                table.map(move |(x, w)| (address + ((x as u64) << dim.shift), weight * w))
            };
            apart = apart.into_iter().flat_map(cells).collect();
        }
        let position = |address: u64| (address & ((1 << layout.row_log) - 1)) as usize;
        for (address, weight) in apart {
            let cells = row.iter_mut().skip(position(address)).zip(&run);
            if weight.is_one() {
                cells.for_each(|(cell, own)| *cell += own);
            } else {
                cells.for_each(|(cell, own)| *cell += weight * own);
            }
        }
        Ok(())
    }
}

/// Leaves out the zeros at both ends.
fn trim(high: Vec<Fr>, low: Vec<Fr>) -> WeightGroup {
    let start = low.iter().position(|w| !w.is_zero()).unwrap_or(0);
    let end = low.iter().rposition(|w| !w.is_zero()).map_or(start, |i| i + 1);
    WeightGroup { high, low: low[start..end].to_vec(), start }
}

fn factors(part: &ScaledForm<'_, Fr>, term: &Term, points: &Points<Fr>) -> Result<Fr, Check> {
    let value = |factor: &AxisFactor| -> Result<Fr, Check> {
        Ok(match factor {
            AxisFactor::First(axis) => {
                coordinates(part, *axis, points)?.iter().map(|c| Fr::one() - c).product()
            }
            AxisFactor::Below(axis, bound) => {
                below(&mut Native, &coordinates(part, *axis, points)?, *bound)
            }
            AxisFactor::NotAfter(axis, other) => {
                let [at, end] = [axis, other].map(|axis| coordinates(part, *axis, points));
                not_after(&mut Native, &at?, &end?)?
            }
        })
    };
    term.factors.iter().map(value).product()
}

fn coordinates(
    part: &ScaledForm<'_, Fr>,
    axis: usize,
    points: &Points<Fr>,
) -> Result<Vec<Fr>, Check> {
    values(axis_coordinates(part, axis)?, points)
}

/// The weight over a dimension's indices.
fn dim_table(
    part: &ScaledForm<'_, Fr>,
    map: DimMap,
    dim: &Dim,
    points: &Points<Fr>,
) -> Result<Vec<Fr>, Check> {
    let log = dim.axis.log;
    match map {
        DimMap::Sum => Ok(vec![Fr::one(); 1 << log]),
        DimMap::Window(window) => window_table(&Sliding::of(dim, &window, part)?, points),
        DimMap::Axis(axis) => Ok(zktrain_msm::eq::eq_table(&coordinates(part, axis, points)?)),
        DimMap::Before(axis) => before_table(&coordinates(part, axis, points)?),
        DimMap::Previous(axis) => previous_table(&coordinates(part, axis, points)?),
        DimMap::Joined(..) => Err(JOINED),
    }
}

/// Dimensions that two axes make up are taken apart: there is none left.
const JOINED: Check = Check::Shape("an axis that a dimension follows");

fn before_table(to: &[Fr]) -> Result<Vec<Fr>, Check> {
    indices(to.len()).map(|x| before(&mut Native, &x, to)).collect()
}

fn previous_table(to: &[Fr]) -> Result<Vec<Fr>, Check> {
    indices(to.len()).map(|x| previous(&mut Native, &x, to)).collect()
}

/// The bits of every index of so many, lowest first.
fn indices(log: usize) -> impl Iterator<Item = Vec<Fr>> {
    (0..1usize << log).map(move |x| (0..log).map(|k| Fr::from(((x >> k) & 1) as u64)).collect())
}

fn window_table(sliding: &Sliding, points: &Points<Fr>) -> Result<Vec<Fr>, Check> {
    sliding.table(&values(&sliding.at, points)?, &values(&sliding.within, points)?)
}

fn values(coordinates: &[Coordinate], points: &Points<Fr>) -> Result<Vec<Fr>, Check> {
    coordinates.iter().map(|c| points.at(*c).copied()).collect()
}

/// What each bit of the position contributes, lowest first.
fn low_bits(
    layout: &SheetLayout,
    tensor: &Tensor,
    term: &Term,
    part: &ScaledForm<'_, Fr>,
) -> Result<Vec<Bit>, Check> {
    let mut bits: Vec<Bit> =
        (0..layout.row_log).map(|bit| Bit::Is((tensor.base >> bit) & 1 == 1)).collect();
    for (dim, map) in apart(&tensor.dims, &term.dims, &part.domain) {
        if let Some(whole) = whole_run(&dim, &map, part)? {
            let shift = dim.shift as usize;
            if let Some(run) = bits.get_mut(shift..shift + dim.axis.log as usize) {
                run.fill(Bit::Covered);
                run.iter_mut().take(1).for_each(|first| *first = whole.clone());
            }
            continue;
        }
        for k in 0..dim.axis.log as usize {
            // The bits above belong to the row's number.
            let Some(bit) = bits.get_mut(dim.shift as usize + k) else { continue };
            *bit = match map {
                DimMap::Axis(axis) => {
                    let coordinate = axis_coordinates(part, axis)?.get(k);
                    Bit::Equal(*coordinate.ok_or(Check::Shape("the axis of a claim"))?)
                }
                _ => Bit::Any,
            };
        }
    }
    Ok(bits)
}

/// What all bits of a dimension contribute together; none if each does by itself.
fn whole_run(dim: &Dim, map: &DimMap, part: &ScaledForm<'_, Fr>) -> Result<Option<Bit>, Check> {
    let coordinates = |axis: &usize| axis_coordinates(part, *axis).map(<[Coordinate]>::to_vec);
    Ok(match map {
        DimMap::Window(window) => Some(Bit::Window(Box::new(Sliding::of(dim, window, part)?))),
        DimMap::Before(axis) => Some(Bit::Before(coordinates(axis)?)),
        DimMap::Previous(axis) => Some(Bit::Previous(coordinates(axis)?)),
        DimMap::Axis(_) | DimMap::Sum => None,
        DimMap::Joined(..) => return Err(JOINED),
    })
}

fn low_table(bits: &[Bit], points: &Points<Fr>) -> Result<Vec<Fr>, Check> {
    let mut table = Vec::with_capacity(1 << bits.len());
    table.push(Fr::one());
    for bit in bits {
        let half = table.len();
        let whole = match bit {
            Bit::Window(sliding) => Some(window_table(sliding, points)?),
            Bit::Before(to) => Some(before_table(&values(to, points)?)?),
            Bit::Previous(to) => Some(previous_table(&values(to, points)?)?),
            _ => None,
        };
        if let Some(weights) = whole {
            table = weights.iter().flat_map(|w| table.iter().map(move |t| *t * w)).collect();
            continue;
        }
        if *bit == Bit::Covered {
            continue;
        }
        table.resize(2 * half, Fr::zero());
        let (low, high) = table.split_at_mut(half);
        match bit {
            Bit::Window(_) | Bit::Before(_) | Bit::Previous(_) | Bit::Covered => {}
            Bit::Any => high.copy_from_slice(low),
            Bit::Is(true) => high.swap_with_slice(low),
            Bit::Is(false) => {}
            Bit::Equal(coordinate) => {
                let r = points.at(*coordinate)?;
                for (l, h) in low.iter_mut().zip(high) {
                    *h = *l * r;
                    *l -= *h;
                }
            }
        }
    }
    Ok(table)
}

/// Adds the weight over row numbers of a tensor that takes whole rows.
///
/// # Panics
/// If a running total, shift or window goes across the row boundary, which a
/// relation's check rules out.
fn add_high(
    high: &mut [Fr],
    layout: &SheetLayout,
    tensor: &Tensor,
    term: &Term,
    part: &ScaledForm<'_, Fr>,
    points: &Points<Fr>,
    scale: Fr,
) -> Result<(), Check> {
    let c = layout.row_log;
    let mut rows = vec![(tensor.base >> c, scale)];
    for (dim, map) in apart(&tensor.dims, &term.dims, &part.domain) {
        let (shift, log) = (dim.shift, dim.axis.log);
        let table = if shift >= c {
            dim_table(part, map, &dim, points)?
        } else if shift + log > c {
            let below = (c - shift) as usize;
            match map {
                DimMap::Sum => vec![Fr::one(); 1 << (shift + log - c)],
                DimMap::Axis(axis) => {
                    zktrain_msm::eq::eq_table(&coordinates(part, axis, points)?[below..])
                }
                DimMap::Joined(..) => return Err(JOINED),
                DimMap::Before(_) | DimMap::Previous(_) | DimMap::Window(_) => {
                    panic!("what follows several indices stays in a row, or above rows")
                }
            }
        } else {
            if log == 0 { dim_table(part, map, &dim, points)? } else { continue }
        };
        let shift = shift.max(c) - c;
        rows = rows
            .into_iter()
            .flat_map(|(row, weight)| {
                let cells = table.iter().enumerate();
                cells.map(move |(x, w)| (row + ((x as u64) << shift), weight * w))
            })
            .collect();
    }
    for (row, weight) in rows {
        high[row as usize] += weight;
    }
    Ok(())
}
