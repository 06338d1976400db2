//! The worked examples of docs/quantization.md, and manifests that are refused.

use super::super::batch_norm::tests::Plain;
use crate::manifest::{LayerKind, Manifest, Network};
use crate::operators::{Pass, SavedTensors};
use crate::trace::{LayerParameters, LayerTrace};

const TEXT: &str = r#"
version = 3
name = "example"
[model]
input = 1
loss = "mse"
layers = [{ kind = "linear", out = 4 }, { kind = "layer_norm" }, { kind = "linear", out = 1 }]
[optimizer]
learning_rate = 0.5
[training]
batch = 1
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
    { z_frac = 4, grad_frac = 12, eta = 128 },
    { z_frac = 8, grad_frac = 10, eta = 0 },
    { z_frac = 8, eta = 512 },
]
"#;

fn network(kind: LayerKind) -> Network {
    let text = TEXT.replace("layer_norm", kind.name());
    Manifest::from_toml(&text).unwrap().network().unwrap()
}

/// Of one kind: what comes out, what is sent, and quotients of wide integers.
fn check(kind: LayerKind, z: [i32; 4], sent: [i32; 4], quotients: &[(&str, i128)]) {
    let network = network(kind);
    let parameters = LayerParameters { w: vec![], b: None, s: None };
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
        samples: 1,
        training: true,
    };
    let (mut kept, mut traces) = (SavedTensors::default(), vec![LayerTrace::default(); 2]);
    let input = [40, -8, 16, 24];
    assert_eq!(kind.forward(&pass, &input, &mut kept, &mut traces[1]).unwrap(), z);
    let gradient = [300, -200, 50, 100];
    assert_eq!(kind.backward(&pass, &gradient, &mut kept, &mut traces).unwrap(), sent);
    let rows = network.layers[1].rows.as_ref().unwrap();
    for (part, expected) in quotients {
        let mut parts = rows.parts().into_iter();
        let (_, expansion) = parts.find(|(name, _)| name == part).unwrap();
        let digits = traces[1].tensors.wide(part).unwrap();
        let pairs = expansion.digits().zip(digits);
        let whole = pairs.map(|(digit, x)| digit.weight * i128::from(x[0])).sum();
        assert_eq!(expansion.quotient(whole), *expected, "{part}");
    }
    // Evaluation is the same.
    let pass = Pass { training: false, ..pass };
    let mut trace = LayerTrace::default();
    assert_eq!(kind.forward(&pass, &input, &mut SavedTensors::default(), &mut trace).unwrap(), z);
}

#[test]
fn norms_of_a_row() {
    let of_layer = [
        ("mean", 288),
        ("variance", 76_800),
        ("deviation", 277),
        ("inverse", 242_270),
        ("correlation", 181_700),
        ("offset", 484_540_000),
        ("tilt", 5_373_591),
    ];
    check(LayerKind::LayerNorm, [325, -384, -30, 89], [45, 14, 31, -89], &of_layer);
    let of_size = [
        ("variance", 159_744),
        ("deviation", 400),
        ("inverse", 167_772),
        ("correlation", 172_200),
        ("tilt", 3_526_652),
    ];
    check(LayerKind::RmsNorm, [410, -82, 164, 246], [79, -374, -148, -158], &of_size);
}

#[test]
fn what_a_layer_norm_cannot_hold_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        Manifest::from_toml(&TEXT.replace(from, to)).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (r#""layer_norm" }"#, r#""layer_norm", out = 4 }"#, "model.layers[1].out"),
        (r#""layer_norm" }"#, r#""layer_norm", bias = true }"#, "model.layers[1].bias"),
        (r#""layer_norm" }"#, r#""layer_norm", kernel = 2 }"#, "model.layers[1].kernel"),
        (r#""layer_norm" }"#, r#""layer_norm", slope = 0.5 }"#, "model.layers[1].slope"),
        ("version = 3", "version = 2", "model.layers[1]"),
        ("out = 4", "out = 1", "model.layers[1]: channels"),
        (r#", { kind = "linear", out = 1 }]"#, "]", "model.layers[1].kind"),
        ("grad_frac = 10, eta = 0", "grad_frac = 10, eta = 4", "quantization.layers[1].eta"),
        (
            "{ z_frac = 8, grad_frac = 10, eta = 0 },\n    { z_frac = 8, eta = 512 }",
            "{ z_frac = 4, grad_frac = 10, eta = 0 },\n    { z_frac = 8, eta = 8192 }",
            "quantization.layers[1].z_frac",
        ),
    ] {
        let error = refused(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
}
