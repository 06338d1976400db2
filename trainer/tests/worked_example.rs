//! The worked example of `docs/quantization.md`, number by number.

use zktrain_model::manifest::Manifest;
use zktrain_model::trace::{
    LayerParameters, OptimizerState, ParameterTrace, Parameters, Rounded, Trace,
};
use zktrain_trainer::train::train_window;

const MANIFEST: &str = r#"
version = 1
name = "worked example"

[model]
input = 2
loss = "softmax-cross-entropy"
layers = [{ kind = "linear", out = 2 }, { kind = "relu" }, { kind = "linear", out = 2 }]

[optimizer]
learning_rate = 0.5
momentum = 0.5
weight_decay = 0.01

[training]
batch = 1
steps_per_proof = 1
max_steps = 100

[data]
label = "y"
classes = ["0", "1"]
uniform = { prefix = "x", count = 2, offset = 0.0, scale = 1.0 }

[quantization]
row_log = 10
input_frac = 6
weight_frac = 10
weight_init_bits = 12
mu = 32768
lambda = 328

[[quantization.layers]]
z_frac = 6
grad_frac = 10
eta = 512

[[quantization.layers]]
z_frac = 8
eta = 32
"#;

fn layer(w: [i32; 4], b: [i32; 2]) -> LayerParameters {
    LayerParameters { w: w.to_vec(), b: Some(b.to_vec()), s: None }
}

fn rounded<const N: usize>(q: [i32; N], r: [i32; N]) -> Rounded {
    Rounded { q: q.to_vec(), r: r.to_vec(), excess: vec![] }
}

/// The page's step of a network.
fn step(manifest: &str) -> Trace {
    let network = Manifest::from_toml(manifest).unwrap().network().unwrap();
    assert_eq!(network.weight_bits, 22);
    assert_eq!((network.layers[0].grad_frac, network.layers[1].grad_frac), (16, 20));
    let before = Parameters {
        layers: vec![layer([512, -700, 300, 900], [10, -20]), layer([800, -300, 400, 650], [0, 5])],
    };
    let last = vec![layer([3, -4, 5, 6], [1, -1]), layer([-2, 7, 0, 9], [2, -3])];
    let state = OptimizerState { blocks: vec![Parameters { layers: last }], steps: 0 };
    train_window(&network, &before, Some(&state), &[96, -32], &[0, 1]).unwrap()
}

/// What the page says of the same step with other activations.
#[test]
fn other_activations_are_those_of_the_page() {
    let with = |kind: &str| {
        let text = MANIFEST.replace("version = 1", "version = 3").replace("relu", kind);
        step(&text).layers.remove(0).tensors
    };
    let leaky = with("leaky_relu");
    assert_eq!(leaky.rounded("a"), Some(&rounded([39, -1], [0, 3311])));
    assert_eq!(leaky.plain("negative"), Some(&[0, 1][..]));
    assert_eq!(leaky.rounded("g").unwrap().q, [723, -164]);
    assert_eq!(leaky.rounded("d"), Some(&rounded([723, -2], [0, 23652])));
    for (kind, a, h, g, d) in [
        ("gelu", [28, -7], [15250, -2096], [683, -155], rounded([636, 20], [-4474, -2800])),
        ("silu", [25, -18], [12891, -636], [681, -155], rounded([536, 6], [-3053, 276])),
    ] {
        let tensors = with(kind);
        assert_eq!(tensors.plain("a"), Some(&a[..]), "{kind}");
        assert_eq!(tensors.plain("h"), Some(&h[..]), "{kind}");
        assert_eq!(tensors.rounded("g").unwrap().q, g, "{kind}");
        assert_eq!(tensors.rounded("d"), Some(&d), "{kind}");
    }
}

#[test]
fn the_page_and_the_program_agree() {
    let trace = step(MANIFEST);
    let [hidden, last] = &trace.layers[..] else { panic!("two layers") };
    assert_eq!(hidden.tensors.rounded("z"), Some(&rounded([39, -95], [256, 0])));
    assert_eq!(hidden.tensors.plain("a"), Some(&[39, 0][..]));
    assert_eq!(last.tensors.rounded("z"), Some(&rounded([122, -44], [-32, -116])));
    let expected: [(&str, &[i32]); 6] = [
        ("max", &[122]),
        ("at_max", &[1, 0]),
        ("e", &[8192, 4283]),
        ("sum", &[12475]),
        ("p", &[10759, 5625]),
        ("r", &[-1594, 1594]),
    ];
    for (name, values) in expected {
        assert_eq!(trace.loss.plain(name), Some(values), "{name}");
    }
    assert_eq!(hidden.tensors.rounded("g"), Some(&rounded([722, -164], [5652, -2774])));
    assert_eq!(hidden.tensors.plain("d"), Some(&[722, 0][..]));
    let update = |parameter: &Option<ParameterTrace>| parameter.as_ref().unwrap().update.clone();
    let hidden_w = rounded([546, -6, -176, 8], [-28672, 32544, -32672, -32480]);
    assert_eq!(update(&hidden.w), hidden_w);
    assert_eq!(update(&hidden.b), rounded([362, -1], [-29488, 26208]));
    assert_eq!(update(&last.w), rounded([208, -203, 2, 8], [-7392, 7552, 128, -16176]));
    assert_eq!(update(&last.b), rounded([337, -338], [14336, 20072]));
    let after = Parameters {
        layers: vec![
            layer([-34, -694, 476, 892], [-352, -19]),
            layer([592, -97, 398, 642], [-337, 343]),
        ],
    };
    assert_eq!(trace.after, after);
}
