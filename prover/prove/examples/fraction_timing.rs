//! Times the sum of fractions on the leaves of one large training step.
//!
//! `cargo run --release -p zktrain-prove --example fraction_timing [repetitions]`

use std::time::Instant;

use ark_bn254::Fr;
use ark_ff::{UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::Native;
use zktrain_argument::fraction::verify;
use zktrain_argument::transcript::Transcript;
use zktrain_prove::fraction::{Denominators, Numerators, Segment, prove};

const LOG_LEAVES: u32 = 22;
const LOG_TABLE: u32 = 16;

/// Long range lookups, a table, nearly constant columns and scraps.
fn segments(rng: &mut ChaCha20Rng) -> Vec<Segment> {
    let base = Fr::rand(rng);
    let mut counts = vec![0u64; 1 << LOG_TABLE];
    let mut segments = Vec::new();
    for (log, prefix, copies) in [(20, 800_000, 2), (18, 200_000, 4), (17, 100_000, 1)] {
        for _ in 0..copies {
            let values: Vec<i32> = (0..prefix).map(|_| rng.gen_range(0..1 << LOG_TABLE)).collect();
            values.iter().for_each(|value| counts[*value as usize] += 1);
            counts[0] += (1u64 << log) - prefix as u64;
            let denominators = Denominators::Small { base, values, tail: 0 };
            segments.push(Segment { log, numerators: Numerators::One, denominators });
        }
    }
    for (log, entries, copies) in [(14, 0u32, 20), (12, 3, 40), (4, 0, 200)] {
        for _ in 0..copies {
            let entries: Vec<(u32, i32)> = (0..entries).map(|i| (i * 1000 + 7, 5)).collect();
            counts[0] += (1u64 << log) - entries.len() as u64;
            counts[5] += entries.len() as u64;
            let denominators = Denominators::Sparse { base, default: 0, entries };
            segments.push(Segment { log, numerators: Numerators::One, denominators });
        }
    }
    let multiplicities = counts.iter().map(|count| -Fr::from(*count)).collect();
    segments.push(Segment {
        log: LOG_TABLE,
        numerators: Numerators::Values { values: multiplicities, tail: Fr::zero() },
        denominators: Denominators::Small { base, values: (0..1 << LOG_TABLE).collect(), tail: 0 },
    });
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.log));
    segments
}

/// Peak resident memory in MB, where the system tells.
fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repetitions = std::env::args().nth(1).map_or(Ok(3), |count| count.parse())?;
    let segments = segments(&mut ChaCha20Rng::seed_from_u64(1));
    println!("before: peak {:?} MB", peak_mb());
    for _ in 0..repetitions {
        let input = segments.clone();
        let mut transcript = Transcript::new(&mut Native);
        let start = Instant::now();
        let (proof, claim) = prove(&mut transcript, LOG_LEAVES, input);
        let elapsed = start.elapsed();
        let verified = verify(&mut Native, &mut Transcript::new(&mut Native), LOG_LEAVES, &proof)?;
        println!("{elapsed:?}, valid {}, peak {:?} MB", verified == claim, peak_mb());
    }
    Ok(())
}
