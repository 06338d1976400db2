//! The worked example of docs/quantization.md, and manifests that are refused.

use crate::manifest::RoundSpec;
use crate::manifest::{LayerKind, Manifest, Network};
use crate::operators::{LayerState, Operand, Pass, SavedTensors, TensorKernels};
use crate::quant::round_sat;
use crate::trace::{LayerParameters, LayerTrace, Rounded};

const TEXT: &str = r#"
version = 3
name = "example"
[model]
input = 1
loss = "mse"
layers = [{ kind = "linear", out = 1 }, { kind = "batch_norm" }, { kind = "linear", out = 1 }]
[optimizer]
learning_rate = 0.5
[training]
batch = 4
steps_per_proof = 1
max_steps = 4
[data]
label = "y"
target = { offset = 0.0, scale = 1.0 }
uniform = { prefix = "x", count = 1, offset = 0.0, scale = 1.0 }
[quantization]
row_log = 8
input_frac = 6
weight_frac = 10
weight_init_bits = 12
mu = 0
lambda = 0
layers = [
    { z_frac = 4, grad_frac = 12, eta = 32 },
    { z_frac = 8, grad_frac = 10, eta = 32 },
    { z_frac = 8, eta = 128 },
]
"#;

fn network() -> Network {
    Manifest::from_toml(TEXT).unwrap().network().unwrap()
}

/// Rounds, and multiplies nothing.
pub(crate) struct Plain;

impl TensorKernels for Plain {
    type Matrix = ();

    fn matrix(&self, _: &[i32], _: usize, _: usize) {}

    fn product(&self, _: Operand<'_, ()>, _: Operand<'_, ()>) -> Vec<i64> {
        Vec::new()
    }

    fn round(
        &self,
        out: &mut Rounded,
        offset: usize,
        len: usize,
        spec: &RoundSpec,
        x: impl Fn(usize) -> i64 + Sync,
    ) {
        for i in 0..len {
            let rounding = round_sat(x(i), spec);
            out.q[offset + i] = rounding.q as i32;
            out.r[offset + i] = rounding.r as i32;
        }
    }
}

#[test]
fn a_batch_norm() {
    let network = network();
    let parameters = LayerParameters { w: vec![1024], b: Some(vec![256]), s: Some(vec![0, 256]) };
    let pass = Pass {
        kernels: &Plain,
        network: &network,
        layer: &network.layers[1],
        below: Some(0),
        slot: 0,
        with: &[],
        index: 1,
        parameters: &parameters,
        table: &[],
        step: 0,
        steps: 1,
        samples: 4,
        training: true,
    };
    let (mut kept, mut traces) = (SavedTensors::default(), vec![LayerTrace::default(); 2]);
    let (kind, input) = (LayerKind::BatchNorm, [40, -8, 16, 24]);
    let z = kind.forward(&pass, &input, &mut kept, &mut traces[1]).unwrap();
    assert_eq!(z, [389, -320, 34, 153]);
    let sent = kind.backward(&pass, &[300, -200, 50, 100], &mut kept, &mut traces).unwrap();
    assert_eq!(sent, [44, 16, 30, -89]);
    let norm = network.layers[1].norm.as_ref().unwrap();
    let quotient = |part: &str| {
        let (_, expansion) = norm.parts().into_iter().find(|(name, _)| *name == part).unwrap();
        let digits = traces[1].tensors.wide(part).unwrap();
        let pairs = expansion.digits().zip(digits);
        expansion.quotient(pairs.map(|(digit, x)| digit.weight * i128::from(x[0])).sum())
    };
    for (part, expected) in [
        ("mean", 288),
        ("variance", 76_800),
        ("deviation", 277),
        ("inverse", 248_084_753),
        ("scale", 242_270),
        ("correlation", 196_800),
        ("gain", 181_880),
        ("slope", 43_031_363),
        ("offset", 484_540_000),
        ("tilt", 4_971_126),
    ] {
        assert_eq!(quotient(part), expected, "{part}");
    }
    let update =
        kind.update(&pass, &LayerState::default(), &kept, &mut traces[1]).unwrap().unwrap();
    // η = 32 times the gradients, over 2^16.
    assert_eq!((update.w, update.b), (vec![89], Some(vec![31])));
    assert_eq!(update.s, Some(vec![-29, -2]));
    // Evaluation goes by the running statistics: a deviation of 1 and a mean of 0.
    let pass = Pass { training: false, samples: 2, ..pass };
    let mut trace = LayerTrace::default();
    let z = kind.forward(&pass, &[16, -32_768], &mut SavedTensors::default(), &mut trace).unwrap();
    assert_eq!(z, [256 + 64, -(1 << 15)]);
}

#[test]
fn what_a_batch_norm_cannot_hold_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        Manifest::from_toml(&TEXT.replace(from, to)).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (r#""batch_norm" }"#, r#""batch_norm", out = 1 }"#, "model.layers[1].out"),
        (r#""batch_norm" }"#, r#""batch_norm", bias = true }"#, "model.layers[1].bias"),
        (r#""batch_norm" }"#, r#""batch_norm", kernel = 2 }"#, "model.layers[1].kernel"),
        ("version = 3", "version = 2", "model.layers[1]"),
        (r#", { kind = "linear", out = 1 }]"#, "]", "model.layers[1].kind"),
        ("batch = 4", "batch = 1", "training.batch"),
        ("weight_init_bits = 12", "weight_init_bits = 8", "quantization.weight_init_bits"),
        ("max_steps = 4", "max_steps = 60000", "quantization.layers[1].z_frac"),
        ("grad_frac = 12", "grad_frac = 34", "quantization.layers[0].grad_frac"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
}
