//! Adam: what manifests may say of it, its rates, and that no update saturates.

use super::super::*;
use crate::operators::{Adam, AdamStep, GRADIENT_HI};

const ADAM: &str = include_str!("../../../tests/constraints/adam.toml");
const PLAIN: &str = include_str!("../../../tests/constraints/adam-plain.toml");

#[test]
fn what_adam_does_not_have_is_refused_and_what_it_needs_is_asked_for() {
    let rate = "learning_rate = 0.015625";
    let line = |more: &str| format!("{rate}\n{more}");
    let schedule = |more: &str| format!("warmup = 2\n{more}");
    let edits = [
        ("version = 4", "version = 3".to_owned(), "optimizer"),
        (rate, line("momentum = 0.5"), "optimizer.momentum"),
        (rate, line("weight_decay = 0.5"), "optimizer.weight_decay"),
        (rate, line("clip = 0.5"), "optimizer.clip"),
        (rate, line("beta1 = 1.0"), "optimizer.beta1"),
        (rate, line("beta1 = -0.1"), "optimizer.beta1"),
        (rate, line("beta1 = 0.99995"), "optimizer.beta1"),
        (rate, line("beta2 = 0.25"), "optimizer.beta2"),
        (rate, line("beta2 = 0.9999"), "optimizer.beta2"),
        (rate, line("beta1 = 0.96\nbeta2 = 0.9"), "quantization.weight_frac"),
        (rate, line("epsilon = 1.5"), "optimizer.epsilon"),
        (rate, line("epsilon = nan"), "optimizer.epsilon"),
        (rate, "learning_rate = 0.25".into(), "quantization.weight_frac"),
        (rate, "learning_rate = 0.00001".into(), "quantization.weight_frac"),
        ("kind = \"adam\"", "kind = \"sgd\"".into(), "optimizer.schedule"),
        ("kind = \"adam\"", "kind = \"adagrad\"".into(), "optimizer.kind"),
        ("kind = \"cosine\"", "kind = \"sine\"".into(), "optimizer.schedule.kind"),
        ("warmup = 2", "warmup = 12".into(), "optimizer.schedule.steps"),
        ("warmup = 2", "warmup = 65537".into(), "optimizer.schedule.warmup"),
        ("warmup = 2", schedule("steps = 2"), "optimizer.schedule.steps"),
        ("warmup = 2", schedule("steps = 65537"), "optimizer.schedule.steps"),
        ("warmup = 2", schedule("every = 2"), "optimizer.schedule.every"),
        ("warmup = 2", schedule("factor = 0.5"), "optimizer.schedule.factor"),
        ("kind = \"cosine\"", "kind = \"step\"\nfactor = 0.5".into(), "optimizer.schedule.every"),
        ("kind = \"cosine\"", "kind = \"step\"\nevery = 3".into(), "optimizer.schedule.factor"),
        (
            "kind = \"cosine\"",
            "kind = \"step\"\nevery = 0\nfactor = 0.5".into(),
            "optimizer.schedule.every",
        ),
        (
            "kind = \"cosine\"",
            "kind = \"step\"\nevery = 3\nfactor = 1.5".into(),
            "optimizer.schedule.factor",
        ),
        ("kind = \"cosine\"", "kind = \"constant\"\nsteps = 9".into(), "optimizer.schedule.steps"),
        ("clip_frac = 12", String::new(), "quantization.layers[2].clip_frac"),
        ("clip_frac = 12", "clip_frac = 23".into(), "quantization.layers[2].clip_frac"),
        (
            "clip_frac = 12",
            "clip_frac = 12\nclip_bound = 9".into(),
            "quantization.layers[2].clip_bound",
        ),
        ("clip_frac = 12", "clip_frac = 12\neta = 9".into(), "quantization.layers[2].eta"),
    ];
    for (from, to, field) in edits {
        assert!(ADAM.contains(from), "{from}");
        let error = Manifest::from_toml(&ADAM.replacen(from, &to, 1)).unwrap_err();
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
    // What is added to a root has 15 bits in the units of the finest gradient.
    let coarse = ADAM.replacen(rate, &line("epsilon = 1.0"), 1);
    assert!(Manifest::from_toml(&coarse).is_ok());
    let error = Manifest::from_toml(&coarse.replacen("clip_frac = 12", "clip_frac = 13", 1));
    assert_eq!(error.unwrap_err().field, "optimizer.epsilon");
}

/// Whatever changes the values changes the hash; defaults that are written out do not.
#[test]
fn the_hash_is_of_the_values() {
    let hash = |text: &str| Manifest::from_toml(text).unwrap().hash();
    let rate = "learning_rate = 0.015625";
    let said = format!("{rate}\nbeta1 = 0.9\nbeta2 = 0.999\nepsilon = 1e-8");
    assert_eq!(hash(&ADAM.replacen(rate, &said, 1)), hash(ADAM));
    let mut seen = vec![hash(ADAM)];
    for (from, to) in [
        (rate, "learning_rate = 0.015625\nbeta1 = 0.875"),
        (rate, "learning_rate = 0.015625\nbeta2 = 0.998"),
        (rate, "learning_rate = 0.015625\nepsilon = 1e-9"),
        ("warmup = 2", "warmup = 3"),
        ("warmup = 2", "warmup = 2\nsteps = 9"),
        ("kind = \"cosine\"", "kind = \"linear\""),
        ("kind = \"cosine\"", "kind = \"constant\""),
        ("kind = \"cosine\"", "kind = \"step\"\nevery = 3\nfactor = 0.5"),
        ("kind = \"cosine\"", "kind = \"step\"\nevery = 4\nfactor = 0.5"),
        ("kind = \"cosine\"", "kind = \"step\"\nevery = 3\nfactor = 0.25"),
    ] {
        seen.push(hash(&ADAM.replacen(from, to, 1)));
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

fn optimizer(schedule: Option<Schedule>) -> Optimizer {
    Optimizer { schedule, ..Optimizer::adam(0.01) }
}

/// The rates of the page's formula, computed another way: powers by exponentiation.
#[test]
fn rates_are_learning_rate_times_schedule_and_correction() {
    let [kept, squares] = [58_982.0 / 65_536.0, 65_470.0 / 65_536.0];
    let schedule =
        |kind, warmup, every, factor| Schedule { kind, warmup, steps: None, every, factor };
    let step = schedule(ScheduleKind::Step, 3, Some(4), Some(0.5));
    type Share = fn(f64) -> f64;
    let shares: [(Option<Schedule>, Share); 5] = [
        (None, |_| 1.0),
        (Some(schedule(ScheduleKind::Constant, 10, None, None)), |t| {
            f64::min(1.0, (t + 1.0) / 10.0)
        }),
        (Some(schedule(ScheduleKind::Linear, 0, None, None)), |t| (40.0 - t) / 40.0),
        (Some(schedule(ScheduleKind::Cosine, 0, None, None)), |t| {
            (1.0 + f64::cos(std::f64::consts::PI * t / 40.0)) / 2.0
        }),
        (Some(step), |t| match t < 3.0 {
            true => (t + 1.0) / 3.0,
            false => f64::powf(0.5, f64::floor((t - 3.0) / 4.0)),
        }),
    ];
    for (schedule, share) in shares {
        let rates = Rates::new(&optimizer(schedule), 18, 40).values();
        assert_eq!(rates.len(), 64);
        assert!(rates[40..].iter().all(|rate| *rate == 0));
        for (t, rate) in rates[..40].iter().enumerate() {
            let n = t as i32 + 1;
            let correction = f64::sqrt(1.0 - f64::powi(squares, n)) / (1.0 - f64::powi(kept, n));
            let exact = 0.01 * share(t as f64) * 262_144.0 * correction;
            assert!((f64::from(*rate) - exact).abs() < 0.6, "{schedule:?} {t}: {rate}, {exact}");
        }
    }
}

/// Gradients that make a moment as large as it can be beside its root, and others.
#[test]
fn no_update_saturates() {
    for text in [ADAM, PLAIN] {
        let network = Manifest::from_toml(text).unwrap().network().unwrap();
        let Some(adam) = &network.adam else { panic!("no Adam") };
        let rates = adam.rates.values();
        let largest = rates.iter().copied().max().unwrap();
        assert!(f64::from(largest) * adam.rates.quotient() + 1.0 <= 32_767.0);
        for kind in 0..6 {
            run(adam, largest.into(), kind);
        }
    }
}

fn run(adam: &Adam, rate: i64, kind: u64) {
    let mut state = [0; 4];
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let (kept, squares) = (adam.betas[0] as f64 / 65_536.0, adam.betas[1] as f64 / 65_536.0);
    for t in 0..3000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let noise = (random >> 33) as i64 % (2 * GRADIENT_HI + 1) - GRADIENT_HI;
        let g = match kind {
            0 => GRADIENT_HI,
            1 => i64::from(t % 700 == 699) * -GRADIENT_HI,
            2 => 1,
            // The worst case of the inequality: gradients that grow as both shares allow.
            3 => (GRADIENT_HI as f64 * f64::powi(kept / squares, 150 - t % 150)) as i64,
            4 => noise,
            _ => noise >> (t % 15),
        };
        let step = AdamStep { adam, epsilon: 1, rate };
        let (next, update, rest) = step.next(g, state);
        let [m, s, r, l] = next;
        assert!(m.abs() <= GRADIENT_HI && (0..1 << 14).contains(&s), "{kind} {t}");
        assert!((0..=2 * s).contains(&r) && (0..1 << 16).contains(&l), "{kind} {t}");
        assert!((0..s + 1).contains(&rest) && (-32_768..32_768).contains(&update), "{kind} {t}");
        assert!(m.abs() as f64 <= adam.rates.quotient() * (s + 1) as f64, "{kind} {t}: {m} {s}");
        state = next;
    }
}

/// The page's example.
#[test]
fn the_worked_example_of_adam() {
    let rates = Rates::new(&Optimizer::adam(0.001), 21, 3);
    assert_eq!(rates.values(), [665, 495, 425, 0]);
    let adam = Adam { betas: rates.betas(), rates };
    assert_eq!(adam.betas, [58_982, 65_470]);
    let expected = [
        (1000, [101, 31, 46, 5248], 2098, 29),
        (-200, [70, 32, 22, 22_882], 1050, 0),
        (0, [62, 32, 21, 19_382], 798, 16),
    ];
    let mut state = [0; 4];
    for ((gradient, next, update, rest), rate) in expected.into_iter().zip(rates.values()) {
        let step = AdamStep { adam: &adam, epsilon: 1, rate: rate.into() };
        assert_eq!(step.next(gradient, state), (next, update, rest));
        state = next;
    }
}
