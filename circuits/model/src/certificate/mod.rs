//! Certificates: that a relation says what it should, computed from the relation alone.
//!
//! A relation is data, compiled from a manifest that somebody else wrote. Its proof convinces only
//! if three things hold, which `docs/soundness.md` argues once for all manifests and [`certify`]
//! computes for one:
//!
//! 1. **Integers.** Every cell is an integer between known ends (`ranges`), given that what was
//!    proven or pinned before is: parameters, state and function tables. No scaled lookup is relied
//!    on where it would allow fractions.
//! 2. **No wrap-around.** In every equation and every key, the sum of all magnitudes is far below
//!    half the field's modulus, so that what holds in the field holds for integers.
//! 3. **One solution.** Every cell of the trace and of the updates has one value for each value of
//!    what is given (`determined`), step after step (`order`). What may have several (which of
//!    several equal maxima is marked) is named in the certificate, and enters nothing else.
//!
//! Of data it shows, in training proofs and registrations alike, that they are what the loss takes
//! them for: integers of 16 bits or bits, zero on padding, one-hot where classes are, or one weight among zeros.
//!
//! The rules are few and know no labels. A constraint that is left out makes a certificate fail; a new
//! operator that needs a new argument has to bring its rule.

mod determined;
mod division;
mod equation;
mod interval;
mod order;
mod pattern;
mod pick;
mod ranges;
mod root;
mod rounding;
mod share;
mod sign;
mod stack;
#[cfg(test)]
mod tests;
mod wide;

use std::collections::{BTreeMap, BTreeSet};

pub use interval::Interval;

use crate::compile::{DatasetIds, TrainingIds};
use crate::manifest::{Features, Loss, Network, PROBABILITY_FRAC};
use crate::relation::{AxisFactor, Relation, TensorId};
use determined::Determined;
use equation::System;
use ranges::Ranges;
use stack::Stacks;

/// Why a relation is not certified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncertified {
    /// A constraint refers to what the relation does not have.
    #[error("{label}: refers to what the relation does not have")]
    Broken {
        /// The constraint.
        label: String,
    },
    /// Cells that are not shown to be integers between known ends.
    #[error("{tensor}: its cells are not shown to be integers in a range")]
    Unbounded {
        /// The tensor.
        tensor: String,
    },
    /// Both sides of a constraint could differ by the modulus.
    #[error("{label}: its sides are not shown to stay below half the modulus")]
    TooLarge {
        /// The constraint.
        label: String,
    },
    /// Cells that could have several values.
    #[error("{tensor}: its cells are not determined by what is committed before")]
    Ambiguous {
        /// The tensor.
        tensor: String,
    },
    /// A step could depend on itself or on a later one.
    #[error("{label}: steps are not in order")]
    Order {
        /// The constraint.
        label: String,
    },
    /// Data that the loss does not expect are allowed.
    #[error("{tensor}: {what} is not shown")]
    Data {
        /// The tensor.
        tensor: &'static str,
        /// What has to be shown.
        what: &'static str,
    },
    /// Parameters can leave their range within a chain.
    #[error("parameters can leave their {bits} bits within {steps} steps")]
    Growth {
        /// Bits of a parameter.
        bits: u32,
        /// Steps of a chain.
        steps: usize,
    },
}

/// What has been shown of a relation.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Every tensor's cells are integers in this interval; multiplicities are left out.
    pub ranges: BTreeMap<String, Interval>,
    /// No side of a constraint has more bits.
    pub bits: u32,
    /// Tensors with one value for each value of what is given.
    pub determined: Vec<String>,
    /// Tensors that may have several values, which enter nothing else.
    pub free: Vec<String>,
}

/// What holds of a relation's tensors before it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Tensors that were committed before, with what was shown of them then.
    pub committed: BTreeMap<TensorId, Interval>,
    /// Tensors that were committed before, of which nothing is known but what the relation shows.
    pub data: BTreeSet<TensorId>,
    /// Public tables.
    pub tables: BTreeMap<TensorId, Interval>,
}

impl Given {
    fn has(&self, id: TensorId) -> bool {
        self.committed.contains_key(&id) || self.data.contains(&id) || self.tables.contains_key(&id)
    }
}

/// Certifies a relation.
///
/// # Errors
/// What could not be shown, the first of all.
pub fn certify(relation: &Relation, given: &Given) -> Result<Certificate, Uncertified> {
    let system = System::of(relation)?;
    order::check(&system, |id| given.has(id))?;
    let counts: BTreeSet<TensorId> = relation.tables.iter().map(|table| table.counts).collect();
    let ranges = Ranges::derive(&system, &given.committed, &given.tables);
    let stacks = Stacks::of(&relation.layout)?.ids();
    let all = || {
        let ids = (0..relation.layout.tensors().len()).map(TensorId);
        ids.filter(|id| !stacks.contains(id))
    };
    let name = |id: TensorId| relation.layout.tensor(id).name.clone();
    let mut named = BTreeMap::new();
    for id in all().filter(|id| !counts.contains(id)) {
        let interval = ranges.get(id).ok_or_else(|| Uncertified::Unbounded { tensor: name(id) })?;
        named.insert(name(id), interval);
    }
    let bits = magnitudes(&system, &ranges)?;
    let before = given.committed.keys().chain(&given.data).chain(given.tables.keys());
    let determined = Determined::derive(&system, &ranges, before.copied());
    let (mut shown, mut free) = (Vec::new(), Vec::new());
    for id in all().filter(|id| !counts.contains(id) && !given.has(*id)) {
        match determined.contains(&id) {
            true => shown.push(name(id)),
            false if enters_nothing(&system, id) => free.push(name(id)),
            false => return Err(Uncertified::Ambiguous { tensor: name(id) }),
        }
    }
    Ok(Certificate { ranges: named, bits, determined: shown, free })
}

/// Bits of the largest side of any constraint.
fn magnitudes(system: &System<'_>, ranges: &Ranges) -> Result<u32, Uncertified> {
    let mut most = 0i128;
    for equation in &system.equations {
        let too_large = || Uncertified::TooLarge { label: equation.label.to_owned() };
        most = most.max(ranges.magnitude(system, equation).ok_or_else(too_large)?);
    }
    for query in &system.queries {
        for form in core::iter::once(&query.key).chain(&query.value) {
            let too_large = || Uncertified::TooLarge { label: query.label.to_owned() };
            let interval = ranges.of_sum(system, form, None).ok_or_else(too_large)?;
            most = most.max(interval.magnitude());
        }
    }
    Ok(i128::BITS - most.leading_zeros())
}

/// Whether a tensor marks one of several in a selection, and stands in no other constraint.
fn enters_nothing(system: &System<'_>, id: TensorId) -> bool {
    let selections = pattern::selections(system);
    let Some(selection) = selections.iter().find(|selection| selection.bits == id) else {
        return false;
    };
    let mentions = |form: &[equation::CellMonomial<'_>]| {
        form.iter().any(|monomial| monomial.atoms.iter().any(|atom| atom.tensor == id))
    };
    let in_product = |equation: &equation::Equation<'_>| {
        equation.product.is_some_and(|product| {
            let terms = product.left.terms.iter().chain(&product.right.terms);
            terms.into_iter().any(|term| term.tensor == Some(id))
        })
    };
    let equations = system.equations.iter().filter(|e| mentions(&e.monomials) || in_product(e));
    let queries = system.queries.iter();
    let mut queries = queries.filter(|q| mentions(&q.key) || q.value.iter().any(|v| mentions(v)));
    queries.next().is_none() && equations.into_iter().all(|e| selection.labels.contains(&e.label))
}

/// What inputs and labels have to be.
fn data_ranges(network: &Network) -> Option<[Interval; 2]> {
    let short = Interval::new(-(1 << 15), (1 << 15) - 1)?;
    let target = network.loss == Loss::Mse && !network.one_hot;
    let entry = match (target, network.weighted) {
        (true, _) => short,
        (false, true) => Interval::new(0, 1 << PROBABILITY_FRAC)?,
        (false, false) => Interval::new(0, 1)?,
    };
    Some([short, entry])
}

/// Certifies the relation of a training proof.
///
/// Given are parameters below `2^weight_bits`, the optimizer's state within ends that it is in again after the proof (16 bits;
/// first moments 18), a clock of 16 bits, and the function tables' public values. Also shown: the window's data are well formed, as [`certify_dataset`]
/// shows it of all windows, and no chain of `max_steps` steps takes parameters beyond `2^weight_bits`, from a first
/// model below `2^weight_init_bits`.
///
/// # Errors
/// What could not be shown.
pub fn certify_training(
    network: &Network,
    relation: &Relation,
    ids: &TrainingIds,
) -> Result<Certificate, Uncertified> {
    let growth = Uncertified::Growth { bits: network.weight_bits, steps: network.max_steps };
    let given = training_given(network, ids).ok_or_else(|| growth.clone())?;
    let certificate = certify(relation, &given)?;
    let system = System::of(relation)?;
    well_formed(network, &system, &by_itself(&system), &ids.data())?;
    for (_, after, kind) in handed_on(ids).ok_or_else(|| growth.clone())? {
        let tensor = relation.layout.tensor(after).name.clone();
        let got = certificate.ranges.get(&tensor).copied();
        if got.is_none_or(|got| got.meet(kind) != Some(got)) {
            return Err(Uncertified::Unbounded { tensor });
        }
    }
    let updates = ids.parameters().map(|p| relation.layout.tensor(p.update.q).name.as_str());
    for name in updates {
        let step = certificate.ranges.get(name).map(|interval| interval.magnitude());
        let total = step
            .and_then(|step| step.checked_mul(network.max_steps as i128))
            .and_then(|total| total.checked_add(1i128.checked_shl(network.weight_init_bits)?));
        if total.is_none_or(|total| total > 1i128 << network.weight_bits.min(120)) {
            return Err(growth);
        }
    }
    Ok(certificate)
}

fn short() -> Option<Interval> {
    Interval::new(-(1 << 15), (1 << 15) - 1)
}

/// What a proof hands on to the next beside updates: a tensor of the state, the one that becomes it, and what
/// both have to be.
fn handed_on(ids: &TrainingIds) -> Option<Vec<(TensorId, TensorId, Interval)>> {
    let mut all = Vec::new();
    let digits = Interval::below_power(16)?;
    for moments in ids.parameters().filter_map(|parameter| parameter.moments.as_ref()) {
        // What is looked up with a first moment bounds it, wider than it is where a step takes all of a gradient.
        let kinds = [Interval::new(-(1 << 17), 1 << 17)?, digits, digits, digits];
        let pairs = moments.before.into_iter().zip(moments.after).zip(kinds);
        all.extend(pairs.map(|((before, after), kind)| (before, after, kind)));
    }
    if let Some(clock) = &ids.clock {
        all.push((clock.before, clock.after, Interval::new(0, 1 << 16)?));
    }
    Some(all)
}

fn training_given(network: &Network, ids: &TrainingIds) -> Option<Given> {
    let mut given = Given::default();
    given.data.extend([ids.inputs, ids.labels]);
    let end = 1i128.checked_shl(network.weight_bits)?.checked_sub(1)?;
    for parameter in ids.parameters() {
        given.committed.insert(parameter.before, Interval::new(-end, end)?);
        if let Some(state) = parameter.state {
            given.committed.insert(state, short()?);
        }
    }
    given.committed.extend(handed_on(ids)?.into_iter().map(|(before, _, end)| (before, end)));
    for (kind, id) in &ids.tables {
        let values = kind.values()?;
        let (lo, hi) = (*values.iter().min()?, *values.iter().max()?);
        given.tables.insert(*id, Interval::new(lo.into(), hi.into())?);
    }
    Some(given)
}

/// Certifies the relation of a registration: data are what the loss takes them for, every range
/// shown.
///
/// # Errors
/// What could not be shown.
pub fn certify_dataset(
    network: &Network,
    relation: &Relation,
    ids: &DatasetIds,
) -> Result<(), Uncertified> {
    let system = System::of(relation)?;
    let ranges = by_itself(&system);
    magnitudes_of(&system, &ranges, relation, ids)?;
    well_formed(network, &system, &ranges, ids)
}

/// What a relation shows where nothing is given.
fn by_itself(system: &System<'_>) -> Ranges {
    Ranges::derive(system, &BTreeMap::new(), &BTreeMap::new())
}

/// Certifies that data are what the loss takes them for.
fn well_formed(
    network: &Network,
    system: &System<'_>,
    ranges: &Ranges,
    ids: &DatasetIds,
) -> Result<(), Uncertified> {
    let expected = data_ranges(network).unwrap_or([Interval { lo: 0, hi: 0 }; 2]);
    let tensors =
        [("inputs", ids.inputs, network.features), ("labels", ids.labels, network.labels())];
    for ((tensor, id, features), expected) in tensors.into_iter().zip(expected) {
        let inside = ranges.get(id).is_some_and(|got| got.meet(expected) == Some(got));
        let missing = |what| Uncertified::Data { tensor, what };
        inside.then_some(()).ok_or_else(|| missing("its range"))?;
        let dims = paddings(network, &features);
        let zero = system.equations.iter().any(|e| zero_on_padding(system, e, id, &dims));
        (dims.is_empty() || zero).then_some(()).ok_or_else(|| missing("zero padding"))?;
    }
    let one_hot = system.equations.iter().any(|equation| {
        // Windows, classes, steps, batch: one class of each sample.
        let found = match network.weighted {
            true => share::share(system, equation).map(|(id, dim, _)| (id, dim)),
            false => pattern::one_hot(system, equation),
        };
        found == Some((ids.labels, 1))
    });
    let missing = Uncertified::Data { tensor: "labels", what: "one class a sample" };
    (!network.one_hot || one_hot).then_some(()).ok_or(missing)
}

fn magnitudes_of(
    system: &System<'_>,
    ranges: &Ranges,
    relation: &Relation,
    ids: &DatasetIds,
) -> Result<u32, Uncertified> {
    for id in [ids.inputs, ids.labels] {
        let name = || relation.layout.tensor(id).name.clone();
        ranges.get(id).ok_or_else(|| Uncertified::Unbounded { tensor: name() })?;
    }
    magnitudes(system, ranges)
}

/// The dimensions of a window's data that are padded, by number and size.
fn paddings(network: &Network, features: &Features) -> Vec<(usize, usize)> {
    // Windows come first.
    let sizes = network.tensor(features).into_iter().enumerate();
    sizes.map(|(dim, size)| (dim + 1, size)).filter(|(_, size)| !size.is_power_of_two()).collect()
}

/// `x·Π [i_d < size_d] = x` along these dimensions of the tensor, all cells of it.
fn zero_on_padding(
    system: &System<'_>,
    equation: &equation::Equation<'_>,
    id: TensorId,
    dims: &[(usize, usize)],
) -> bool {
    pattern::masked_zero(equation).is_some_and(|(atom, masks)| {
        let masked = |(dim, size): &(usize, usize)| {
            let Some(crate::relation::DimMap::Axis(axis)) = atom.dims.get(*dim) else {
                return false;
            };
            masks.contains(&AxisFactor::Below(*axis, *size))
        };
        let everywhere = atom.is_cellwise(system, &equation.axes);
        everywhere && atom.tensor == id && dims.iter().all(masked)
    })
}
