//! Manifests that are refused, with the field and the reason.

use super::*;
use ManifestErrorKind as Kind;

#[test]
fn every_wrong_field_is_named() {
    let cases = [
        ("version = 1", "version = 4", "version"),
        ("name = \"three layers\"", "name = \"\"", "name"),
        ("input = 13", "input = 0", "model.input"),
        ("input = 13", "input = 12", "data.uniform.count"),
        ("input = 13", "input = -1", "model.input"),
        ("input = 13", "inputs = 13", "model.inputs"),
        ("  { kind = \"linear\", out = 7 },\n", "", "model.layers[0].kind"),
        ("out = 7", "out = 100000", "model.layers[0].out"),
        ("{ kind = \"linear\", out = 7 }", "{ kind = \"linear\" }", "model.layers[0].out"),
        ("{ kind = \"sigmoid\" }", "{ kind = \"sigmoid\", out = 3 }", "model.layers[1].out"),
        ("{ kind = \"sigmoid\" }", "{ kind = \"sigmoid\", bias = true }", "model.layers[1].bias"),
        ("{ kind = \"sigmoid\" }", "{ kind = \"softplus\" }", "model.layers[1].kind"),
        (
            "{ kind = \"sigmoid\" }",
            "{ kind = \"tanh\" }, { kind = \"relu\" }",
            "model.layers[2].kind",
        ),
        ("{ kind = \"linear\", out = 3 }", "{ kind = \"relu\" }", "model.layers[5].kind"),
        ("{ kind = \"linear\", out = 3 }", "{ kind = \"linear\", out = 2 }", "model.layers[5].out"),
        ("\"softmax-cross-entropy\"", "\"logistic\"", "data.classes"),
        ("learning_rate = 0.1", "learning_rate = nan", "optimizer.learning_rate"),
        ("learning_rate = 0.1", "learning_rate = 0.2", "quantization.lambda"),
        ("momentum = 0.9", "momentum = 1.0", "optimizer.momentum"),
        ("momentum = 0.9", "momentum = 0.8", "quantization.mu"),
        ("weight_decay = 0.0011", "weight_decay = -1.0", "optimizer.weight_decay"),
        ("clip = 0.5", "clip = 0.0", "optimizer.clip"),
        ("clip = 0.5", "clip = 0.25", "quantization.layers[3].clip_bound"),
        ("clip = 0.5", "", "quantization.layers[3].clip_frac"),
        ("batch = 8", "batch = 12", "training.batch"),
        ("batch = 8", "batch = 8192", "training.batch"),
        ("steps_per_proof = 2", "steps_per_proof = 0", "training.steps_per_proof"),
        ("steps_per_proof = 2", "steps_per_proof = 2048", "training.steps_per_proof"),
        ("max_steps = 1000", "max_steps = 1", "training.max_steps"),
        ("max_steps = 1000", "max_steps = 65536", "training.max_steps"),
        ("label = \"kind\"", "label = \"\"", "data.label"),
        ("\"a\", \"b\", \"c\"", "\"a\", \"b\", \"a\"", "data.classes[2]"),
        ("classes = [\"a\", \"b\", \"c\"]", "", "data.classes"),
        ("scale = 2.0", "scale = 0.0", "data.uniform.scale"),
        ("offset = 0.5", "offset = inf", "data.uniform.offset"),
        ("row_log = 10", "row_log = 30", "quantization.row_log"),
        ("input_frac = 10", "input_frac = 16", "quantization.input_frac"),
        ("weight_frac = 16", "weight_frac = 31", "quantization.weight_frac"),
        ("weight_frac = 16", "weight_frac = 0", "quantization.layers[3].eta"),
        ("weight_init_bits = 17", "weight_init_bits = 31", "quantization.weight_init_bits"),
        ("z_frac = 11", "z_frac = 16", "quantization.layers[0].z_frac"),
        ("grad_frac = 16", "grad_frac = 32", "quantization.layers[0].grad_frac"),
        ("grad_frac = 16\n", "", "quantization.layers[0].grad_frac"),
        ("a_frac = 12\n", "", "quantization.layers[0].a_frac"),
        ("a_frac = 12", "a_frac = 15", "quantization.layers[0].a_frac"),
        ("grad_frac = 15", "a_frac = 12\ngrad_frac = 15", "quantization.layers[1].a_frac"),
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
    assert!(matches!(
        edited("grad_frac = 14", "grad_frac = 31").kind,
        Kind::NegativeShift { max: 30, got: 31 }
    ));
    assert!(matches!(
        edited("max_steps = 1000", "max_steps = 65536").kind,
        Kind::Overflow { max: 31, got: 32, .. }
    ));
    let tiny = edited("weight_decay = 0.0011", "weight_decay = 0.00000001").kind;
    assert_eq!(tiny, Kind::Derived { expected: 0, got: 7 });
    // 65536 inputs of 16 bits and parameters of 31 bits reach the limit.
    let wide = MANIFEST
        .replace("input = 13", "input = 65536")
        .replace("count = 13", "count = 65536")
        .replace("max_steps = 1000", "max_steps = 65000");
    let error = Manifest::from_toml(&wide).unwrap_err();
    assert_eq!(error.field, "quantization.layers[0].z_frac");
    assert!(matches!(error.kind, Kind::Overflow { max: 62, got: 63, .. }), "{error}");
}

#[test]
fn a_list_of_features_must_name_each_column_once() {
    let list = |names: &[&str]| {
        let features: Vec<String> =
            names.iter().map(|n| format!("{{ name = \"{n}\", offset = 0, scale = 1 }}")).collect();
        format!("features = [{}]", features.join(", "))
    };
    let with = |names: &[&str]| {
        Manifest::from_toml(&MANIFEST.replace("input = 13", "input = 2").replace(
            "uniform = { prefix = \"x_\", count = 13, offset = 0.5, scale = 2.0 }",
            &list(names),
        ))
    };
    assert_eq!(with(&["p", "q"]).unwrap().data.columns()[1].name, "q");
    assert_eq!(with(&["p", "p"]).unwrap_err().field, "data.features[1].name");
    assert_eq!(with(&["p", "kind"]).unwrap_err().field, "data.features[1].name");
    assert_eq!(with(&["p"]).unwrap_err().field, "data.features");
}

/// Everything that a pool has to be, and what it cannot have.
#[test]
fn a_pool_tiles_an_image_and_has_no_parameters() {
    let text = include_str!("../../../tests/constraints/pools.toml");
    Manifest::from_toml(text).unwrap();
    let first = "kind = \"max_pool2d\"\nkernel = 2";
    let mean = "kind = \"avg_pool2d\"\nkernel = 2";
    let second = "z_frac = 8\ngrad_frac = 10\na_frac = 8";
    let scales = "[[quantization.layers]]\nz_frac = 6\ngrad_frac = 10\n[[";
    let cases = [
        (first, "kind = \"max_pool2d\"", "model.layers[1].kernel"),
        (first, "kind = \"max_pool2d\"\nkernel = 1", "model.layers[1].kernel"),
        (first, "kind = \"max_pool2d\"\nkernel = 8", "model.layers[1].kernel"),
        (first, "kind = \"max_pool2d\"\nkernel = 4", "model.layers[1].kernel"),
        (first, &format!("{first}\nstride = 1"), "model.layers[1].stride"),
        (first, &format!("{first}\npadding = 1"), "model.layers[1].padding"),
        (first, &format!("{first}\nout = 3"), "model.layers[1].out"),
        (first, &format!("{first}\nbias = false"), "model.layers[1].bias"),
        (mean, "kind = \"avg_pool2d\"\nstride = 4", "model.layers[5].stride"),
        (mean, "kind = \"avg_pool2d\"\npadding = 0", "model.layers[5].padding"),
        ("image = [6, 6, 2]\n", "", "model.layers[0].kind"),
        ("\"linear\"\nout = 2", "\"conv2d\"\nout = 2\nkernel = 1", "model.layers[8].kind"),
        ("\"linear\"\nout = 2", "\"avg_pool2d\"", "model.layers[8].kind"),
        (second, &second.replace("z_frac = 8", "z_frac = 7"), "quantization.layers[4].z_frac"),
        (scales, &scales.replace("grad", "eta = 1\ngrad"), "quantization.layers[1].eta"),
        (
            scales,
            &scales.replace("grad", "clip_frac = 1\ngrad"),
            "quantization.layers[1].clip_frac",
        ),
        (
            "grad_frac = 10\neta = 256",
            "grad_frac = 11\neta = 128",
            "quantization.layers[0].grad_frac",
        ),
    ];
    for (from, to, field) in cases {
        assert!(text.contains(from), "{from}");
        let error = Manifest::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
    // What may be left out says the same.
    let said = text.replacen(first, &format!("{first}\nstride = 2\npadding = 0"), 1);
    let hash = |text: &str| Manifest::from_toml(text).unwrap().hash();
    assert_eq!(hash(&said), hash(text));
    let oblong = text.replace("image = [6, 6, 2]", "image = [6, 12, 2]");
    let oblong = oblong.replace("= 72", "= 144").replace(mean, "kind = \"avg_pool2d\"");
    assert_eq!(Manifest::from_toml(&oblong).unwrap_err().field, "model.layers[5].kind");
    let large = text.replace("image = [6, 6, 2]", "image = [34, 34, 2]");
    let large = large.replace("= 72", "= 2312").replace(mean, "kind = \"avg_pool2d\"");
    assert_eq!(Manifest::from_toml(&large).unwrap_err().field, "model.layers[5].kind");
}
