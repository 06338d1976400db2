//! A round's sum opens the sum of its members' commitments, and the next model follows from it.

use crate::common;

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use common::Run;
use common::cases::Case;
use zktrain_commit::average::{AverageError, average, bound, commit_sum};
use zktrain_model::manifest::Network;
use zktrain_model::trace::{Parameters, Trace};
use zktrain_prove::training::{TrainingProved, commit_model};
use zktrain_statement::sum::Sum;
use zktrain_trainer::initial_parameters;
use zktrain_verify::aggregate::weighted_rows;
use zktrain_verify::training::add_rows;

const WEIGHTS: [u32; 3] = [40_000, 20_000, 5_536];

fn flat(parameters: &Parameters) -> Vec<i64> {
    parameters.flat().map(i64::from).collect()
}

/// Members' first steps, from one model on data of their own.
fn rounds(steps: u32) -> (Vec<Run>, Vec<(Trace, TrainingProved)>) {
    let case = Case { momentum: 0.9, batch: 2, steps, row_log: 12, ..Case::plain(&[7, 5, 3]) };
    let manifest = case.manifest().unwrap();
    let initial = initial_parameters(&manifest.network().unwrap(), 1);
    let member =
        |seed| Run::trained_on(manifest.clone(), initial.clone(), 2, &|_, x| *x *= 4.0, seed);
    let runs: Vec<Run> = (0..3).map(member).collect();
    let proved = runs.iter().map(|run| {
        let (window, trace) = run.traces(1).remove(0);
        let proved = run.prover().prove(&run.start, run.position(0, window), &trace).unwrap();
        (trace, proved)
    });
    let proved = proved.collect();
    (runs, proved)
}

fn sum(works: &[(Trace, TrainingProved)]) -> Sum {
    let (trace, proved) = &works[0];
    let mut values = vec![0i64; flat(&trace.before).len()];
    let mut blinds = vec![Fr::default(); proved.statement.update.len()];
    for ((trace, proved), weight) in works.iter().zip(WEIGHTS) {
        let changes = flat(&trace.after).into_iter().zip(flat(&trace.before));
        for (value, (after, before)) in values.iter_mut().zip(changes) {
            *value += i64::from(weight) * (after - before);
        }
        for (sum, blind) in blinds.iter_mut().zip(&proved.after.model.blinds) {
            *sum += Fr::from(weight) * blind;
        }
    }
    Sum { values, blinds }
}

#[test]
fn a_sum_opens_the_sum_of_commitments_and_nothing_else_does() {
    for steps in [0, 2] {
        let (runs, works) = rounds(steps);
        let key = &runs[0].key;
        let g1 = common::srs().g1();
        let sum = sum(&works);
        assert!(sum.values.iter().any(|v| v.abs() > 1 << 16), "updates of more than a unit");
        let updates: Vec<_> = works
            .iter()
            .zip(WEIGHTS)
            .map(|((_, p), w)| (w, p.statement.update.as_slice()))
            .collect();
        let rows = weighted_rows(&updates).unwrap();
        assert_eq!(commit_sum(key, g1, &sum).unwrap(), rows);
        for index in 0..sum.values.len() {
            let mut other = sum.clone();
            other.values[index] += 1;
            assert_ne!(commit_sum(key, g1, &other).unwrap(), rows, "{index}");
        }
        for index in 0..sum.blinds.len() {
            let mut other = sum.clone();
            other.blinds[index] += Fr::from(1u8);
            assert_ne!(commit_sum(key, g1, &other).unwrap(), rows, "{index}");
        }
        let mut lighter = updates.clone();
        lighter[0].0 -= 1;
        assert_ne!(weighted_rows(&lighter).unwrap(), rows);
    }
}

#[test]
fn the_next_model_is_the_rounded_sum() {
    let (runs, works) = rounds(0);
    let network = runs[0].key.network.network();
    let sum = sum(&works);
    let before = &runs[0].initial;
    let after = average(network, before, &sum).unwrap();
    assert_eq!(after.clamped, 0);
    let expected = flat(before)
        .into_iter()
        .zip(&sum.values)
        .map(|(w, s)| w + (*s as f64 / 65_536.0 + 0.5).floor() as i64);
    assert_eq!(flat(&after.next), expected.collect::<Vec<_>>());
    // The model's commitment is the parent's and the quotient's: blinding zero.
    let (key, g1) = (&runs[0].key, common::srs().g1());
    let quotient = Sum {
        values: sum.values.iter().map(|s| ((s + 32_768) >> 16) << 16).collect(),
        blinds: vec![Fr::default(); sum.blinds.len()],
    };
    let scaled = commit_sum(key, g1, &quotient).unwrap();
    let parent = commit_model(key, g1, before).unwrap().points;
    let next = commit_model(key, g1, &after.next).unwrap().points;
    let inverse = ark_ff::Field::inverse(&Fr::from(1u64 << 16)).unwrap();
    let step: Vec<_> = scaled.iter().map(|row| (*row * inverse).into()).collect();
    assert_eq!(add_rows(&parent, &step), Ok(next.clone()));
    assert!(next.iter().any(|row| !row.is_zero()));
}

fn zeros(network: &Network, rows: usize) -> Sum {
    Sum { values: vec![0; network.parameters()], blinds: vec![Fr::default(); rows] }
}

#[test]
fn sums_of_another_network_or_beyond_reach_are_refused() {
    let (runs, works) = rounds(0);
    let (key, initial) = (&runs[0].key, &runs[0].initial);
    let network = key.network.network();
    let g1 = common::srs().g1();
    let rows = works[0].1.statement.update.len();
    let mut short = zeros(network, rows);
    short.values.pop();
    let (expected, got) = (network.parameters(), network.parameters() - 1);
    let error = AverageError::Values { expected, got };
    assert_eq!(average(network, initial, &short), Err(error.clone()));
    assert_eq!(commit_sum(key, g1, &short), Err(error));
    assert!(commit_sum(key, g1, &zeros(network, rows + 1)).is_err());
    let most = bound(network);
    for (value, fits) in [(most, true), (-most, true), (most + 1, false), (i64::MIN, false)] {
        let mut sum = zeros(network, rows);
        sum.values[3] = value;
        let refused = AverageError::Range { index: 3, most, got: value };
        assert_eq!(average(network, initial, &sum).err(), (!fits).then_some(refused.clone()));
        assert_eq!(commit_sum(key, g1, &sum).err(), (!fits).then_some(refused));
    }
    let mut other = initial.clone();
    other.layers[1].b = None;
    let wrong = Err(AverageError::Shape { layer: 1 });
    assert_eq!(average(network, &other, &zeros(network, rows)), wrong);
}

#[test]
fn parameters_stay_below_the_bound_of_a_first_model() {
    let (runs, works) = rounds(0);
    let network = runs[0].key.network.network();
    let limit = (1i32 << network.weight_init_bits) - 1;
    let mut model = runs[0].initial.clone();
    model.layers[0].w[0] = limit;
    model.layers[0].w[1] = -limit;
    let mut sum = zeros(network, works[0].1.statement.update.len());
    (sum.values[0], sum.values[1], sum.values[2]) = (1 << 16, -(1 << 16), 1 << 16);
    let after = average(network, &model, &sum).unwrap();
    assert_eq!(after.clamped, 2);
    assert_eq!(after.next.layers[0].w[..2], [limit, -limit]);
    assert_eq!(after.next.layers[0].w[2], model.layers[0].w[2] + 1);
}
