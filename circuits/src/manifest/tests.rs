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
weight_decay = 0.001
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
    let [a, b, c, d] = &network.layers[..] else {
        panic!("four layers")
    };
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
    assert_eq!(d.g, None);
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
    let spelled = MANIFEST
        .replace("out = 7 }", "out = 7, bias = true }")
        .replace("0.5", "5e-1");
    assert_eq!(
        Manifest::from_toml(&spelled).unwrap().hash(),
        manifest.hash()
    );
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
        |m| {
            m.data.target = Some(Target {
                offset: 0.0,
                scale: 1.0,
            })
        },
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
        assert!(
            hashes.insert(changed.hash()),
            "edit {i} did not change the hash"
        );
    }
}

#[test]
fn a_draft_validates_but_does_not_lower() {
    let draft = MANIFEST.split("[quantization]").next().unwrap();
    let manifest = Manifest::from_toml(draft).unwrap();
    let error = manifest.network().unwrap_err();
    assert_eq!(
        (error.field.as_str(), error.kind),
        ("quantization", ManifestErrorKind::Missing)
    );
}

#[test]
fn every_wrong_field_is_named() {
    let cases = [
        ("version = 1", "version = 2", "version"),
        ("name = \"three layers\"", "name = \"\"", "name"),
        ("input = 13", "input = 0", "model.input"),
        ("input = 13", "input = 12", "data.uniform.count"),
        ("input = 13", "input = -1", "model.input"),
        ("input = 13", "inputs = 13", "model.inputs"),
        (
            "  { kind = \"linear\", out = 7 },\n",
            "",
            "model.layers[0].kind",
        ),
        ("out = 7", "out = 100000", "model.layers[0].out"),
        (
            "{ kind = \"linear\", out = 7 }",
            "{ kind = \"linear\" }",
            "model.layers[0].out",
        ),
        (
            "{ kind = \"sigmoid\" }",
            "{ kind = \"sigmoid\", out = 3 }",
            "model.layers[1].out",
        ),
        (
            "{ kind = \"sigmoid\" }",
            "{ kind = \"sigmoid\", bias = true }",
            "model.layers[1].bias",
        ),
        (
            "{ kind = \"sigmoid\" }",
            "{ kind = \"softplus\" }",
            "model.layers[1].kind",
        ),
        (
            "{ kind = \"sigmoid\" }",
            "{ kind = \"tanh\" }, { kind = \"relu\" }",
            "model.layers[2].kind",
        ),
        (
            "{ kind = \"linear\", out = 3 }",
            "{ kind = \"relu\" }",
            "model.layers[5].kind",
        ),
        (
            "{ kind = \"linear\", out = 3 }",
            "{ kind = \"linear\", out = 2 }",
            "model.layers[5].out",
        ),
        ("\"softmax-cross-entropy\"", "\"logistic\"", "data.classes"),
        (
            "learning_rate = 0.1",
            "learning_rate = nan",
            "optimizer.learning_rate",
        ),
        (
            "learning_rate = 0.1",
            "learning_rate = 0.2",
            "quantization.lambda",
        ),
        ("momentum = 0.9", "momentum = 1.0", "optimizer.momentum"),
        ("momentum = 0.9", "momentum = 0.8", "quantization.mu"),
        (
            "weight_decay = 0.001",
            "weight_decay = -1.0",
            "optimizer.weight_decay",
        ),
        ("clip = 0.5", "clip = 0.0", "optimizer.clip"),
        (
            "clip = 0.5",
            "clip = 0.25",
            "quantization.layers[3].clip_bound",
        ),
        ("clip = 0.5", "", "quantization.layers[3].clip_frac"),
        ("batch = 8", "batch = 12", "training.batch"),
        ("batch = 8", "batch = 8192", "training.batch"),
        (
            "steps_per_proof = 2",
            "steps_per_proof = 0",
            "training.steps_per_proof",
        ),
        (
            "steps_per_proof = 2",
            "steps_per_proof = 2048",
            "training.steps_per_proof",
        ),
        ("max_steps = 1000", "max_steps = 1", "training.max_steps"),
        (
            "max_steps = 1000",
            "max_steps = 65536",
            "training.max_steps",
        ),
        ("label = \"kind\"", "label = \"\"", "data.label"),
        (
            "\"a\", \"b\", \"c\"",
            "\"a\", \"b\", \"a\"",
            "data.classes[2]",
        ),
        ("classes = [\"a\", \"b\", \"c\"]", "", "data.classes"),
        ("scale = 2.0", "scale = 0.0", "data.uniform.scale"),
        ("offset = 0.5", "offset = inf", "data.uniform.offset"),
        ("row_log = 10", "row_log = 30", "quantization.row_log"),
        (
            "input_frac = 10",
            "input_frac = 16",
            "quantization.input_frac",
        ),
        (
            "weight_frac = 16",
            "weight_frac = 31",
            "quantization.weight_frac",
        ),
        (
            "weight_frac = 16",
            "weight_frac = 0",
            "quantization.layers[3].eta",
        ),
        (
            "weight_init_bits = 17",
            "weight_init_bits = 31",
            "quantization.weight_init_bits",
        ),
        (
            "z_frac = 11",
            "z_frac = 16",
            "quantization.layers[0].z_frac",
        ),
        (
            "grad_frac = 16",
            "grad_frac = 32",
            "quantization.layers[0].grad_frac",
        ),
        ("grad_frac = 16\n", "", "quantization.layers[0].grad_frac"),
        ("a_frac = 12\n", "", "quantization.layers[0].a_frac"),
        (
            "a_frac = 12",
            "a_frac = 15",
            "quantization.layers[0].a_frac",
        ),
        (
            "grad_frac = 15",
            "a_frac = 12\ngrad_frac = 15",
            "quantization.layers[1].a_frac",
        ),
        ("eta = 13107", "eta = 13108", "quantization.layers[0].eta"),
        ("mu = 58982", "mu = 58981", "quantization.mu"),
        ("lambda = 7", "lambda = 6", "quantization.lambda"),
    ];
    for (from, to, field) in cases {
        let error = edited(from, to);
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
}

#[test]
fn scales_and_bounds_are_refused_by_kind() {
    use ManifestErrorKind as Kind;
    assert!(matches!(
        edited("grad_frac = 14", "grad_frac = 31").kind,
        Kind::NegativeShift { max: 30, got: 31 }
    ));
    assert!(matches!(
        edited("max_steps = 1000", "max_steps = 65536").kind,
        Kind::Overflow {
            max: 31,
            got: 32,
            ..
        }
    ));
    let tiny = edited("weight_decay = 0.001", "weight_decay = 0.00000001").kind;
    assert_eq!(
        tiny,
        Kind::Derived {
            expected: 0,
            got: 7
        }
    );
    let vanishing = MANIFEST
        .replace("weight_decay = 0.001", "weight_decay = 0.00000001")
        .replace("lambda = 7", "lambda = 0");
    let error = Manifest::from_toml(&vanishing).unwrap_err();
    assert_eq!(
        (error.field.as_str(), error.kind),
        ("optimizer.weight_decay", Kind::Vanishes)
    );
    // 65536 inputs of 16 bits and parameters of 31 bits reach the limit.
    let wide = MANIFEST
        .replace("input = 13", "input = 65536")
        .replace("count = 13", "count = 65536")
        .replace("max_steps = 1000", "max_steps = 65000");
    let error = Manifest::from_toml(&wide).unwrap_err();
    assert_eq!(error.field, "quantization.layers[0].z_frac");
    assert!(
        matches!(
            error.kind,
            Kind::Overflow {
                max: 62,
                got: 63,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_list_of_features_must_name_each_column_once() {
    let list = |names: &[&str]| {
        let features: Vec<String> = names
            .iter()
            .map(|n| format!("{{ name = \"{n}\", offset = 0, scale = 1 }}"))
            .collect();
        format!("features = [{}]", features.join(", "))
    };
    let with = |names: &[&str]| {
        Manifest::from_toml(&MANIFEST.replace("input = 13", "input = 2").replace(
            "uniform = { prefix = \"x_\", count = 13, offset = 0.5, scale = 2.0 }",
            &list(names),
        ))
    };
    assert_eq!(with(&["p", "q"]).unwrap().data.columns()[1].name, "q");
    assert_eq!(
        with(&["p", "p"]).unwrap_err().field,
        "data.features[1].name"
    );
    assert_eq!(
        with(&["p", "kind"]).unwrap_err().field,
        "data.features[1].name"
    );
    assert_eq!(with(&["p"]).unwrap_err().field, "data.features");
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
