//! Times the kernels: `cargo bench -p zktrain-benches [-- FILTER]`.

use std::hint::black_box;
use std::time::Duration;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, UniformRand};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::Native;
use zktrain_argument::poseidon::{WIDTH, permute};
use zktrain_argument::transcript::Transcript;
use zktrain_commit::mercury;
use zktrain_commit::rows::{commit_floor, commit_rows};
use zktrain_commit::srs::Srs;
use zktrain_model::compile::compile_training;
use zktrain_model::size::Limits;
use zktrain_msm::eq::{eq_table, evaluate_field};
use zktrain_msm::{Row, SignedAccumulator, WideAccumulator, fold_rows, msm_full};
use zktrain_prove::fraction::{self, Denominators, Numerators, Segment};
use zktrain_prove::materialize::materialize;
use zktrain_prove::witness::training_sheet;
use zktrain_trainer::train::Trainer;
use zktrain_trainer::{initial_parameters, synthetic};

/// Entries of a row in these measurements, as a logarithm.
const ROW_LOG: u32 = 15;
/// Rows committed to and folded.
const ROWS: usize = 8;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn fields(count: usize) -> Vec<Fr> {
    let mut rng = rng();
    (0..count).map(|_| Fr::rand(&mut rng)).collect()
}

/// Rows of signed 16-bit entries.
fn rows() -> Vec<Row> {
    let mut rng = rng();
    let mut row = || (0..1 << ROW_LOG).map(|_| i32::from(rng.r#gen::<i16>())).collect();
    (0..ROWS).map(|_| Row::Dense(row())).collect()
}

fn field(c: &mut Criterion) {
    const COUNT: usize = 1024;
    let (a, b) = (fields(COUNT), fields(2 * COUNT).split_off(COUNT));
    let small: Vec<i32> = (0..COUNT as i32).map(|i| (i - 512) * 61).collect();
    let mut group = c.benchmark_group("field");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("multiply-add", |bench| {
        bench.iter(|| a.iter().zip(&b).map(|(a, b)| *a * b).sum::<Fr>());
    });
    group.bench_function("WideAccumulator", |bench| {
        bench.iter(|| {
            let mut sum = WideAccumulator::default();
            a.iter().zip(&b).for_each(|(a, b)| sum.add(a, b));
            sum.finish()
        });
    });
    group.bench_function("SignedAccumulator", |bench| {
        bench.iter(|| {
            let mut sum = SignedAccumulator::default();
            a.iter().zip(&small).for_each(|(a, k)| sum.add(a, *k));
            sum.finish()
        });
    });
    group.finish();
    let mut state = [Fr::ZERO; WIDTH];
    c.bench_function("poseidon/permutation of width 5", |bench| bench.iter(|| permute(&mut state)));
}

fn sheet_rows(c: &mut Criterion) {
    let srs = Srs::generate_g1(ROW_LOG, &mut rng()).check().unwrap();
    let g1 = srs.g1();
    let rows = rows();
    let rows: Vec<&Row> = rows.iter().collect();
    let blinds = fields(ROWS);
    let mut group = c.benchmark_group("rows of 2^15 16-bit entries");
    group.throughput(Throughput::Elements((ROWS << ROW_LOG) as u64));
    group.bench_function("commit_rows", |bench| {
        bench.iter(|| commit_rows(g1, &rows, &blinds).expect("the rows fit"));
    });
    group.bench_function("commit_floor", |bench| bench.iter(|| commit_floor(g1, &rows)));
    group.bench_function("fold_rows", |bench| {
        bench.iter(|| fold_rows(&blinds, &rows, 1 << ROW_LOG));
    });
    group.finish();
}

fn opening(c: &mut Criterion) {
    let srs = Srs::generate_g1(ROW_LOG, &mut rng()).check().unwrap();
    let (values, point, seed) = (fields(1 << ROW_LOG), fields(ROW_LOG as usize), [1; 32]);
    let mut group = c.benchmark_group("full-width, 2^15");
    group.bench_function("msm_full", |bench| {
        bench.iter(|| msm_full(black_box(&srs.g1[..1 << ROW_LOG]), &values));
    });
    group.bench_function("mercury prove", |bench| {
        let input = || values.clone();
        let prove = |values| mercury::prove(srs.g1(), values, &point, seed);
        bench.iter_batched(input, prove, BatchSize::LargeInput);
    });
    let proof = mercury::prove(srs.g1(), values.clone(), &point, seed);
    let commitment = msm_full(&srs.g1[..1 << ROW_LOG], &values);
    let (key, value) = (srs.verifier_key(), evaluate_field(&values, &point));
    group.bench_function("mercury verify", |bench| {
        bench.iter(|| {
            zktrain_verify::mercury::verify(&key, &commitment, &point, value, seed, &proof)
                .expect("the proof is honest")
        });
    });
    group.finish();
    let point = fields(20);
    c.bench_function("eq_table/2^20", |bench| bench.iter(|| eq_table(black_box(&point))));
}

/// A range lookup of 15 sixteenths of the leaves, and its table with multiplicities.
fn leaves(log: u32) -> Vec<Segment> {
    let table = log - 4;
    let mut rng = rng();
    let base = Fr::rand(&mut rng);
    let mut counts = vec![0u64; 1 << table];
    let mut lookup = |log: u32| {
        let values: Vec<i32> = (0..1 << log).map(|_| rng.gen_range(0..1 << table)).collect();
        values.iter().for_each(|value| counts[*value as usize] += 1);
        let denominators = Denominators::Small { base, values, tail: 0 };
        Segment { log, numerators: Numerators::One, denominators }
    };
    let mut segments: Vec<Segment> = (table..log).rev().map(&mut lookup).collect();
    let multiplicities = counts.iter().map(|count| -Fr::from(*count)).collect();
    segments.push(Segment {
        log: table,
        numerators: Numerators::Values { values: multiplicities, tail: Fr::ZERO },
        denominators: Denominators::Small { base, values: (0..1 << table).collect(), tail: 0 },
    });
    segments
}

fn lookups(c: &mut Criterion) {
    let mut group = c.benchmark_group("fraction::prove, leaves");
    for log in [16, 20] {
        let segments = leaves(log);
        group.throughput(Throughput::Elements(1 << log));
        group.bench_function(format!("2^{log}"), |bench| {
            let prove =
                |segments| fraction::prove(&mut Transcript::new(&mut Native), log, segments);
            bench.iter_batched(|| segments.clone(), prove, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn training(c: &mut Criterion) {
    let manifest = synthetic::manifest(&[784, 128, 10], 32, 1).expect("the shape is supported");
    let network = manifest.network().expect("the manifest is consistent");
    let samples = synthetic::samples(&manifest, network.window(), 3).expect("as above");
    let data = samples.quantized(&network);
    let model = initial_parameters(&network, 1);
    let trainer = Trainer::new(network.clone()).unwrap();
    let train = || trainer.train_window(&model, None, &data.inputs, &data.labels);
    let trace = train().expect("the window is whole");
    let bounded = Limits::default().admit(network.clone()).expect("the network is small");
    let (relation, ids) = compile_training(&bounded).expect("the network has a relation");
    let mut group = c.benchmark_group("784-128-10, B 32");
    group.bench_function("train_window", |bench| bench.iter(train));
    group.bench_function("training_sheet", |bench| {
        bench.iter(|| training_sheet(&relation, &ids, &network, &trace));
    });
    let sheet = training_sheet(&relation, &ids, &network, &trace).expect("it is its trace");
    let largest = relation.lookups.iter().max_by_key(|lookup| lookup.domain.stored());
    let lookup = largest.expect("a training step has lookups");
    group.throughput(Throughput::Elements(lookup.domain.stored() as u64));
    group.bench_function("materialize the largest lookup", |bench| {
        bench.iter(|| materialize(&sheet, &lookup.input, &lookup.domain));
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = kernels;
    config = short();
    targets = field, sheet_rows, opening, lookups, training
}
criterion_main!(kernels);
