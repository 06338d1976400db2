//! Windows that slide along dimensions: convolutions forwards, backwards and by their kernels, and
//! pooling, as relations made by hand, proven and verified.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use proptest::prelude::*;
use zktrain_argument::arith::{Check, Native};
use zktrain_argument::transcript::Transcript;
use zktrain_argument::verifier;
use zktrain_commit::random::{Context, LocalKey};
use zktrain_commit::sheet::Sheet;
use zktrain_model::relation::{
    Allocator, Constraint, DimMap, Direction, Domain, Group, Linear, LinearCheck, Lookup,
    LookupTable, Monomial, Product, Relation, TensorId, Window, ZeroCheck,
};
use zktrain_prove::prove::{CommittedRows, prove};

use crate::common::reference::Cells;
use crate::common::srs;

const ROW_LOG: u32 = 9;

/// A layer's sizes.
#[derive(Clone, Copy, Debug)]
struct Layer {
    batch: usize,
    channels: [usize; 2],
    image: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Layer {
    fn windows(&self) -> usize {
        (self.image + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Along one side of the image, from outputs to inputs or back.
    fn window(&self, direction: Direction, at: usize, within: usize) -> DimMap {
        let windows = match direction {
            Direction::Covers => self.windows(),
            Direction::CoveredBy => self.image,
        };
        let Self { kernel: places, stride, padding, .. } = *self;
        DimMap::Window(Window { at, windows, within, places, stride, padding, direction })
    }
}

/// The tensors of a layer: input `(c, b, i, j)`, kernel `(c, u, v, o)`, output `(o, b, i, j)`, and the
/// gradients of all three.
struct Ids {
    input: TensorId,
    kernel: TensorId,
    output: TensorId,
    back: TensorId,
    arriving: TensorId,
    gradient: TensorId,
}

fn axes<const N: usize>(order: [usize; N]) -> Vec<DimMap> {
    order.map(DimMap::Axis).to_vec()
}

fn read(id: TensorId, maps: &[DimMap]) -> Linear {
    Linear::zero().plus(1, id, maps)
}

fn convolution(layer: &Layer) -> (Relation, Ids) {
    let Layer { batch: b, channels: [c, o], image: n, kernel: k, .. } = *layer;
    let m = layer.windows();
    let shapes =
        [[c, b, n, n], [c, k, k, o], [o, b, m, m], [c, b, n, n], [o, b, m, m], [c, k, k, o]];
    let names = ["input", "kernel", "output", "back", "arriving", "gradient"];
    let mut allocator = Allocator::new(ROW_LOG);
    let wanted: Vec<_> =
        names.iter().zip(shapes).map(|(name, sizes)| ((*name).into(), sizes.to_vec())).collect();
    let placed = allocator.place(Group::Trace, &wanted);
    let &[input, kernel, output, back, arriving, gradient] = &placed[..] else { unreachable!() };
    let part = |sizes: &[usize]| Domain::new(sizes);
    let covers = |at, within| layer.window(Direction::Covers, at, within);
    let covered = |at, within| layer.window(Direction::CoveredBy, at, within);
    let product = |label: &str, axes, left, right, out| Product {
        label: label.into(),
        axes,
        left,
        right,
        coef: 1,
        out,
    };
    let (image, results) = ([b, n, n], [b, m, m]);
    let products = vec![
        product(
            "forward",
            [part(&[]), part(&results), part(&[o]), part(&[c, k, k])],
            read(input, &[DimMap::Axis(3), DimMap::Axis(0), covers(1, 4), covers(2, 5)]),
            read(kernel, &axes([1, 2, 3, 0])),
            read(output, &axes([3, 0, 1, 2])),
        ),
        product(
            "backward",
            [part(&[]), part(&image), part(&[c]), part(&[o, k, k])],
            read(arriving, &[DimMap::Axis(3), DimMap::Axis(0), covered(1, 4), covered(2, 5)]),
            read(kernel, &axes([0, 2, 3, 1])),
            read(back, &axes([3, 0, 1, 2])),
        ),
        product(
            "gradient",
            [part(&[]), part(&[c, k, k]), part(&[o]), part(&results)],
            read(input, &[DimMap::Axis(0), DimMap::Axis(3), covers(4, 1), covers(5, 2)]),
            read(arriving, &axes([0, 1, 2, 3])),
            read(gradient, &axes([0, 1, 2, 3])),
        ),
    ];
    let relation = Relation {
        layout: allocator.finish(),
        products,
        linear: vec![],
        zerochecks: vec![],
        lookups: vec![],
        tables: vec![],
    };
    relation.check().unwrap();
    (relation, Ids { input, kernel, output, back, arriving, gradient })
}

/// A small number for each index, some of them large.
fn number(seed: u64, index: usize) -> i32 {
    let mixed = (seed ^ index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (mixed % 255) as i32 - 127
}

/// The layer's sheet, convolved by its definition.
fn convolved(layer: &Layer, relation: &Relation, ids: &Ids, seed: u64) -> Sheet {
    let Layer { batch, channels: [cs, os], image: n, kernel: k, stride, padding } = *layer;
    let m = layer.windows();
    let values = |salt: u64, count: usize| -> Vec<i32> {
        (0..count).map(|index| number(seed.wrapping_mul(31) + salt, index)).collect()
    };
    let input = values(1, cs * batch * n * n);
    let kernel = values(2, cs * k * k * os);
    let arriving = values(3, os * batch * m * m);
    let mut output = vec![0; arriving.len()];
    let (mut back, mut gradient) = (vec![0; input.len()], vec![0; kernel.len()]);
    for (c, o, b) in triples(cs, os, batch) {
        for (i, j) in pairs(m) {
            for (u, v) in pairs(k) {
                let at = |i: usize, u: usize| (i * stride + u).checked_sub(padding);
                let (Some(y), Some(x)) = (at(i, u), at(j, v)) else { continue };
                if y >= n || x >= n {
                    continue;
                }
                let seen = ((c * batch + b) * n + y) * n + x;
                let weight = ((c * k + u) * k + v) * os + o;
                let made = ((o * batch + b) * m + i) * m + j;
                output[made] += input[seen] * kernel[weight];
                back[seen] += arriving[made] * kernel[weight];
                gradient[weight] += input[seen] * arriving[made];
            }
        }
    }
    let mut sheet = Sheet::new(relation.layout.clone());
    let all = [(ids.input, &input), (ids.kernel, &kernel), (ids.output, &output)];
    let gradients = [(ids.back, &back), (ids.arriving, &arriving), (ids.gradient, &gradient)];
    for (id, values) in all.into_iter().chain(gradients) {
        sheet.fill(id, values);
    }
    sheet
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |flat| (flat / c / b, flat / c % b, flat % c))
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n * n).map(move |flat| (flat / n, flat % n))
}

/// The sheet's multilinear extension, straight from its definition.
fn evaluate(sheet: &Sheet, point: &[Fr]) -> Fr {
    let layout = sheet.layout();
    let mut sum = Fr::zero();
    for slot in &layout.rows {
        let start = slot.index << layout.row_log;
        for offset in 0..1u64 << layout.row_log {
            let (cells, position) = sheet.row_at(start + offset);
            let value = cells.get(position).copied().unwrap_or(0);
            if value == 0 {
                continue;
            }
            let address = start + offset;
            let bits = point.iter().enumerate().map(|(bit, x)| match (address >> bit) & 1 {
                1 => *x,
                _ => Fr::one() - x,
            });
            sum += bits.product::<Fr>() * Fr::from(i64::from(value));
        }
    }
    sum
}

/// Proves `relation` for the sheet and verifies the argument, down to the sheet's value.
fn verdict(proven: &Relation, verified: &Relation, sheet: &Sheet) -> Result<(), Check> {
    let secret = LocalKey::new([7; 32]);
    let context = Context { key: &secret, known: b"windows" };
    let none = CommittedRows::default();
    let proved =
        prove(srs().g1(), proven, sheet.clone(), &none, &context, |_| b"windows".to_vec()).unwrap();
    let argument = &proved.proof.revealed().argument;
    let mut transcript = Transcript::new(&mut Native);
    let h = proved.proof.h();
    let opening = verifier::verify(&mut Native, &mut transcript, verified, &h, argument)?;
    assert_eq!(opening, *proved.proof.claim());
    let counted = counted(proven, sheet);
    assert_eq!(evaluate(&counted, &opening.point), argument.value, "the sheet at the point");
    Ok(())
}

/// The sheet with its tables' multiplicities.
fn counted(relation: &Relation, sheet: &Sheet) -> Sheet {
    let mut sheet = sheet.clone();
    for (index, table) in relation.tables.iter().enumerate() {
        let mut counts = vec![0; 1 << table.log];
        for lookup in relation.lookups.iter().filter(|lookup| lookup.table == index) {
            let cells = Cells::new(&sheet);
            cells.keys(lookup, table.log).for_each(|key| counts[key] += 1);
        }
        sheet.fill(table.counts, &counts);
    }
    sheet
}

fn layers() -> impl Strategy<Value = Layer> {
    let sizes = (1usize..=3, 1usize..=3, 1usize..=3, 1usize..=7, 1usize..=4);
    let steps = (1usize..=3, 0usize..=2);
    (sizes, steps).prop_filter_map(
        "a kernel larger than the image",
        |((batch, c, o, image, kernel), (stride, padding))| {
            let layer = Layer { batch, channels: [c, o], image, kernel, stride, padding };
            (kernel <= image + 2 * padding && padding < kernel).then_some(layer)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// Of any size, stride and padding, with sizes that are no powers of two.
    #[test]
    fn convolutions_are_proven_in_all_three_ways(layer in layers(), seed in any::<u64>()) {
        let (relation, ids) = convolution(&layer);
        let sheet = convolved(&layer, &relation, &ids, seed);
        prop_assert_eq!(Cells::new(&sheet).violations(&relation), BTreeSet::new());
        prop_assert_eq!(verdict(&relation, &relation, &sheet), Ok(()));
    }
}

const LAYER: Layer =
    Layer { batch: 2, channels: [2, 3], image: 6, kernel: 4, stride: 1, padding: 1 };

/// Each product is what stops a result that is not the convolution's.
#[test]
fn a_wrong_cell_of_a_convolution_is_refused_because_of_its_product() {
    let (relation, ids) = convolution(&LAYER);
    let results = [("forward", ids.output), ("backward", ids.back), ("gradient", ids.gradient)];
    for (label, id) in results {
        let mut sheet = convolved(&LAYER, &relation, &ids, 5);
        sheet.set(id, 3, sheet.get(id, 3) + 1);
        let broken = Cells::new(&sheet).violations(&relation);
        assert_eq!(broken, BTreeSet::from([label.to_owned()]));
        assert!(verdict(&relation, &relation, &sheet).is_err(), "{label}");
        let weak = relation.clone().without(|dropped| dropped == label);
        assert_eq!(verdict(&weak, &weak, &sheet), Ok(()), "{label}");
    }
}

/// The geometry is part of the relation: a proof for another one is none for this one.
#[test]
fn every_field_of_a_window_is_verified() {
    let (relation, ids) = convolution(&LAYER);
    let sheet = convolved(&LAYER, &relation, &ids, 9);
    type Change = fn(&mut Window);
    let changes: [(&str, Change); 5] = [
        ("windows", |window| window.windows += 1),
        ("places", |window| window.places -= 1),
        ("stride", |window| window.stride += 1),
        ("padding", |window| window.padding -= 1),
        ("direction", |window| window.direction = Direction::CoveredBy),
    ];
    for (field, change) in changes {
        let mut other = relation.clone();
        let windows = other.products[0].left.terms[0].dims.iter_mut();
        windows.for_each(|map| {
            if let DimMap::Window(window) = map {
                change(window)
            }
        });
        assert!(verdict(&relation, &other, &sheet).is_err(), "{field}: verified as another one");
        assert!(verdict(&other, &relation, &sheet).is_err(), "{field}: proven as another one");
    }
}

/// The largest of each window of two, with a bit a place for the first of them.
fn pooling(batch: usize, n: usize) -> (Relation, [TensorId; 3]) {
    let m = n / 2;
    let mut allocator = Allocator::new(ROW_LOG);
    let wanted = [("values", vec![batch, n, n]), ("largest", vec![batch, m, m])];
    let bits = ("chosen", vec![batch, m, m, 2, 2]);
    let wanted = wanted.into_iter().chain([bits, ("count", vec![1 << 8])]);
    let wanted: Vec<_> = wanted.map(|(name, sizes)| (name.to_owned(), sizes)).collect();
    let placed = allocator.place(Group::Trace, &wanted);
    let &[values, largest, chosen, counts] = &placed[..] else { unreachable!() };
    let domain = Domain::new(&[batch, m, m, 2, 2]);
    let side = |at, within| {
        let direction = Direction::Covers;
        let (windows, places) = (m, 2);
        DimMap::Window(Window { at, windows, within, places, stride: 2, padding: 0, direction })
    };
    let value = [DimMap::Axis(0), side(1, 3), side(2, 4)];
    let below = read(largest, &axes([0, 1, 2])).plus(-1, values, &value);
    let constraint = |label: &str, monomials: &[(i128, &[usize])]| Constraint {
        label: label.into(),
        monomials: monomials
            .iter()
            .map(|(coef, factors)| Monomial { coef: *coef, factors: factors.to_vec() })
            .collect(),
    };
    let polys = vec![read(chosen, &axes([0, 1, 2, 3, 4])), below.clone()];
    let constraints = vec![
        constraint("chosen.bit", &[(1, &[0, 0]), (-1, &[0])]),
        constraint("chosen.attained", &[(1, &[0, 1])]),
    ];
    let one = read(chosen, &[axes([0, 1, 2]), vec![DimMap::Sum; 2]].concat());
    let [rows, columns] = [1, 2].map(|axis| zktrain_model::relation::AxisFactor::Below(axis, m));
    let samples = zktrain_model::relation::AxisFactor::Below(0, batch);
    let one = one.plus_constant_masked(-1, &[samples, rows, columns]);
    let table = LookupTable {
        label: "range8".into(),
        log: 8,
        output: None,
        multiplicity: Linear::tensor(counts, 1),
        counts,
    };
    let relation = Relation {
        layout: allocator.finish(),
        products: vec![],
        linear: vec![LinearCheck {
            label: "chosen.one".into(),
            domain: Domain::new(&[batch, m, m]),
            form: one,
        }],
        zerochecks: vec![ZeroCheck { domain: domain.clone(), polys, constraints }],
        lookups: vec![Lookup {
            label: "largest".into(),
            domain,
            table: 0,
            input: below,
            output: None,
        }],
        tables: vec![table],
    };
    relation.check().unwrap();
    (relation, [values, largest, chosen])
}

fn pooled(relation: &Relation, ids: [TensorId; 3], batch: usize, n: usize, seed: u64) -> Sheet {
    let m = n / 2;
    let values: Vec<i32> = (0..batch * n * n).map(|index| number(seed, index)).collect();
    let (mut largest, mut chosen) = (Vec::new(), vec![0; batch * m * m * 4]);
    for (b, i, j) in triples(batch, m, m) {
        let at = |place: usize| values[(b * n + 2 * i + place / 2) * n + 2 * j + place % 2];
        let place = (1..4).fold(0, |best, place| if at(place) > at(best) { place } else { best });
        chosen[((b * m + i) * m + j) * 4 + place] = 1;
        largest.push(at(place));
    }
    let mut sheet = Sheet::new(relation.layout.clone());
    for (id, values) in ids.into_iter().zip([values, largest, chosen]) {
        sheet.fill(id, &values);
    }
    sheet
}

/// Windows in sums, pointwise constraints and lookups.
#[test]
fn the_largest_of_a_window_is_proven() {
    for (batch, n) in [(2, 4), (3, 6), (1, 10)] {
        let (relation, ids) = pooling(batch, n);
        let sheet = pooled(&relation, ids, batch, n, 3);
        assert_eq!(Cells::new(&counted(&relation, &sheet)).violations(&relation), BTreeSet::new());
        assert_eq!(verdict(&relation, &relation, &sheet), Ok(()));
    }
}

#[test]
fn a_window_s_largest_is_one_of_its_values_and_no_smaller_one() {
    let (batch, n) = (3, 6);
    let (relation, ids) = pooling(batch, n);
    let [values, largest, chosen] = ids;
    type Lie<'a> = &'a dyn Fn(&mut Sheet);
    let lies: [(&str, Lie<'_>); 3] = [
        ("chosen.attained", &|sheet| sheet.set(largest, 0, sheet.get(largest, 0) + 1)),
        ("chosen.one", &|sheet| {
            (0..4).for_each(|place| sheet.set(chosen, place, 0));
            sheet.set(largest, 0, sheet.get(largest, 0) + 1);
        }),
        ("largest", &|sheet| {
            let place = (0..4).find(|place| sheet.get(chosen, *place) == 0).unwrap();
            (0..4).for_each(|p| sheet.set(chosen, p, i32::from(p == place)));
            let at = (place / 2) * 8 + place % 2;
            sheet.set(largest, 0, sheet.get(values, at));
        }),
    ];
    for (label, lie) in lies {
        let mut sheet = pooled(&relation, ids, batch, n, 3);
        lie(&mut sheet);
        let broken = Cells::new(&sheet).violations(&relation);
        assert_eq!(broken, BTreeSet::from([label.to_owned()]));
        // Whatever is counted, a key that is none is not in the table.
        if label != "largest" {
            assert!(verdict(&relation, &relation, &sheet).is_err(), "{label}");
        }
        let weak = relation.clone().without(|dropped| dropped == label);
        assert_eq!(verdict(&weak, &weak, &sheet), Ok(()), "{label}");
    }
}
