//! Runs cases drawn from seeds, and says how to repeat one that fails.
//!
//! A case is a function of the test's name, a seed and a number. The committed seeds run always,
//! the one in `ZKTRAIN_FUZZ_SEED` with them; with `ZKTRAIN_FUZZ_CASE` that one's single case runs
//! alone. `ZKTRAIN_FUZZ_SECONDS` goes on after that with seeds counted up from the last one.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// One number a line.
const SEEDS: &str = include_str!("seeds.txt");
/// Longer than any case may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, not a whole number")))
}

/// What a case draws from.
pub fn generator(name: &str, seed: u64, case: u64) -> ChaCha20Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&seed.to_be_bytes()).update(&case.to_be_bytes());
    ChaCha20Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Runs `check` for so many cases of each seed.
pub fn run(name: &str, cases: u64, check: impl Fn(&mut ChaCha20Rng)) {
    let own = setting("ZKTRAIN_FUZZ_SEED");
    if let (Some(seed), Some(case)) = (own, setting("ZKTRAIN_FUZZ_CASE")) {
        return one(name, seed, case, &check);
    }
    let committed = SEEDS.lines().map(|line| line.trim().parse::<u64>().unwrap());
    let mut last = 0;
    for seed in committed.chain(own) {
        (0..cases).for_each(|case| one(name, seed, case, &check));
        last = seed;
    }
    let more = Duration::from_secs(setting("ZKTRAIN_FUZZ_SECONDS").unwrap_or(0));
    let started = Instant::now();
    while started.elapsed() < more {
        last = last.wrapping_add(1);
        (0..cases).for_each(|case| one(name, last, case, &check));
    }
}

fn one(name: &str, seed: u64, case: u64, check: &impl Fn(&mut ChaCha20Rng)) {
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| check(&mut generator(name, seed, case))));
    let late = started.elapsed() > PATIENCE;
    if outcome.is_err() || late {
        eprintln!(
            "{name}: seed {seed}, case {case}{}; to repeat it:\n  ZKTRAIN_FUZZ_SEED={seed} \
             ZKTRAIN_FUZZ_CASE={case} cargo test --profile ci --workspace --test fuzz {name}",
            if late { " takes too long" } else { "" }
        );
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    assert!(!late, "case {case} of seed {seed} took {:?}", started.elapsed());
}

/// One of these.
pub fn pick<'a, T>(rng: &mut ChaCha20Rng, of: &'a [T]) -> &'a T {
    &of[rng.gen_range(0..of.len())]
}
