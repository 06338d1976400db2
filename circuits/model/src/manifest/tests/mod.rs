mod adam;
mod refusals;
mod relations;
mod weights;

use super::*;

const MANIFEST: &str = r#"
version = 1
name = "three layers"

[model]
input = 13
loss = "softmax-cross-entropy"
layers = [
  { kind = "linear", out = 7 },
  { kind = "sigmoid" },
  { kind = "linear", out = 5, bias = false },
  { kind = "linear", out = 4 },
  { kind = "relu" },
  { kind = "linear", out = 3 },
]

[optimizer]
learning_rate = 0.1
momentum = 0.9
weight_decay = 0.0011
clip = 0.5

[training]
batch = 8
steps_per_proof = 2
max_steps = 1000

[data]
label = "kind"
classes = ["a", "b", "c"]
uniform = { prefix = "x_", count = 13, offset = 0.5, scale = 2.0 }

[quantization]
row_log = 10
input_frac = 10
weight_frac = 16
weight_init_bits = 17
mu = 58982
lambda = 7

[[quantization.layers]]
z_frac = 11
a_frac = 12
grad_frac = 16
clip_frac = 12
clip_bound = 16384
eta = 13107

[[quantization.layers]]
z_frac = 11
grad_frac = 15
clip_frac = 12
clip_bound = 16384
eta = 13107

[[quantization.layers]]
z_frac = 11
grad_frac = 14
clip_frac = 12
clip_bound = 16384
eta = 13107

[[quantization.layers]]
z_frac = 11
clip_frac = 12
clip_bound = 16384
eta = 13107
"#;

fn edited(from: &str, to: &str) -> ManifestError {
    assert!(MANIFEST.contains(from), "{from}");
    Manifest::from_toml(&MANIFEST.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn lowers_scales_through_the_network() {
    let network = Manifest::from_toml(MANIFEST).unwrap().network().unwrap();
    let [a, b, c, d] = &network.layers[..] else { panic!("four layers") };
    assert_eq!(a.activation, Activation::Sigmoid);
    assert_eq!(b.activation, Activation::Identity);
    assert_eq!((b.a_in_frac, b.a_in_max, b.bias), (12, 1 << 12, false));
    assert_eq!(a.z.shift, 10 + 16 - 11);
    assert_eq!(b.z.shift, 12 + 16 - 11);
    // 2^17 + 1000·2^15 < 2^25.
    assert_eq!(network.weight_bits, 25);
    assert_eq!(a.z.bound_bits, 44);
    // The quotient of a derivative never saturates; a wide product may.
    assert_eq!(a.d.unwrap().excess_bits(), 0);
    assert!(a.z.excess_bits() > 0);
    assert_eq!((a.d_frac, b.d_frac, c.d_frac, d.d_frac), (18, 15, 14, 14));
    assert_eq!(a.grad_frac, 28);
    assert_eq!(a.clip.unwrap().shift, 16);
    assert_eq!(d.g, []);
    assert_eq!(network.exp_scale(), 1 << 12);
    assert_eq!(network.parameters(), 13 * 7 + 7 + 35 + 24 + 15);
    assert_eq!(network.output(), 3);
}

#[test]
fn survives_a_round_trip() {
    let manifest = Manifest::from_toml(MANIFEST).unwrap();
    let text = manifest.to_toml().unwrap();
    let again = Manifest::from_toml(&text).unwrap();
    assert_eq!(again, manifest);
    assert_eq!(again.hash(), manifest.hash());
}

#[test]
fn hash_depends_on_every_value_and_not_on_the_text() {
    let manifest = Manifest::from_toml(MANIFEST).unwrap();
    let spelled = MANIFEST.replace("out = 7 }", "out = 7, bias = true }").replace("0.5", "5e-1");
    assert_eq!(Manifest::from_toml(&spelled).unwrap().hash(), manifest.hash());
    let mut hashes = std::collections::BTreeSet::from([manifest.hash()]);
    let edits: [fn(&mut Manifest); 24] = [
        |m| m.version = 2,
        |m| m.name.push('x'),
        |m| m.model.input = 14,
        |m| m.model.loss = Loss::Mse,
        |m| m.model.layers[1].kind = LayerKind::Tanh,
        |m| m.model.layers[0].out = Some(8),
        |m| m.model.layers[0].bias = Some(false),
        |m| m.optimizer.learning_rate = 0.2,
        |m| m.optimizer.momentum = 0.8,
        |m| m.optimizer.weight_decay = 0.0,
        |m| m.optimizer.clip = None,
        |m| m.training.batch = 16,
        |m| m.training.steps_per_proof = 4,
        |m| m.training.max_steps = 999,
        |m| m.data.label.push('x'),
        |m| m.data.classes = None,
        |m| m.data.target = Some(Target { offset: 0.0, scale: 1.0 }),
        |m| m.data.uniform = None,
        |m| m.data.features = Some(vec![]),
        |m| m.quantization = None,
        |m| m.quantization.as_mut().unwrap().row_log = 11,
        |m| m.quantization.as_mut().unwrap().layers[0].z_frac = 12,
        |m| m.quantization.as_mut().unwrap().layers[0].grad_frac = None,
        |m| m.quantization.as_mut().unwrap().layers[0].eta = 9,
    ];
    for (i, edit) in edits.iter().enumerate() {
        let mut changed = manifest.clone();
        edit(&mut changed);
        assert!(hashes.insert(changed.hash()), "edit {i} did not change the hash");
    }
}

#[test]
fn a_draft_validates_but_does_not_lower() {
    let draft = MANIFEST.split("[quantization]").next().unwrap();
    let manifest = Manifest::from_toml(draft).unwrap();
    let error = manifest.network().unwrap_err();
    assert_eq!((error.field.as_str(), error.kind), ("quantization", ManifestErrorKind::Missing));
}

#[test]
fn sixteen_layers_are_allowed() {
    let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
    manifest.quantization = None;
    manifest.model.layers = (0..16)
        .flat_map(|l| {
            let out = if l == 15 { 3 } else { 9 };
            [LayerSpec::linear(out, true), LayerSpec::of(LayerKind::Relu)]
        })
        .take(31)
        .collect();
    manifest.validate().unwrap();
    assert_eq!(manifest.shapes().unwrap().len(), 16);
}

#[test]
fn hash_fixture_v1() {
    let hash = Manifest::from_toml(MANIFEST).unwrap().hash();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "7a4a194b65867d4ca9607feaea9e7ceb7a9555896a236c6dab912a90bfc62b56");
}
