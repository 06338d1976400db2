//! Manifests that are refused, with the field and the reason.

use super::*;
use ManifestErrorKind as Kind;

#[test]
fn every_wrong_field_is_named() {
    let cases = [
        ("version = 1", "version = 7", "version"),
        ("version = 1", "version = 0", "version"),
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
        ("\"linear\"\nout = 2", "\"conv2d\"\nout = 2\nkernel = 1", "data.weighted"),
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

/// Whose values a layer can take, and what their sum has to be.
#[test]
fn a_layer_takes_what_is_there_and_all_is_taken() {
    let text = include_str!("../../../tests/constraints/graph.toml");
    Manifest::from_toml(text).unwrap();
    let sum = "{ kind = \"add\", with = 2 }";
    let skip = "{ kind = \"add\", with = 1 }";
    let side = "kernel = 1, from = 1 }";
    let last = "{ kind = \"add\", from = 9, with = 10 }";
    let cases = [
        ("version = 3", "version = 2", "model.layers[3]"),
        (sum, "{ kind = \"add\" }", "model.layers[5].with"),
        (sum, "{ kind = \"add\", with = 5 }", "model.layers[5].with"),
        (sum, "{ kind = \"add\", with = 4 }", "model.layers[5].with"),
        // What stands before an activation is its own.
        (sum, "{ kind = \"add\", with = 0 }", "model.layers[5].with"),
        (sum, "{ kind = \"add\", with = 1 }", "model.layers[2]"),
        (sum, "{ kind = \"add\", with = 2, out = 3 }", "model.layers[5].out"),
        (sum, "{ kind = \"add\", with = 2, bias = true }", "model.layers[5].bias"),
        (sum, "{ kind = \"add\", with = 2, kernel = 1 }", "model.layers[5].kernel"),
        (last, "{ kind = \"add\", from = 9, with = 7 }", "model.layers[11].with"),
        (last, "{ kind = \"add\", from = 9, with = 9 }", "model.layers[11].with"),
        (side, "kernel = 1, from = 1, with = 2 }", "model.layers[3].with"),
        (side, "kernel = 1, from = 3 }", "model.layers[3].from"),
        (side, "kernel = 1, from = 1, slope = 0.5 }", "model.layers[3].slope"),
        ("{ kind = \"tanh\" }", "{ kind = \"tanh\", from = 3 }", "model.layers[4].from"),
        (
            skip,
            "{ kind = \"add\", with = 1 }, { kind = \"add\", with = 8 }",
            "model.layers[8].with",
        ),
        (
            "out = 3, kernel = 3, padding = 1 }",
            "out = 2, kernel = 3, padding = 1 }",
            "model.layers[7].with",
        ),
        // A sum has not more bits than what it adds, and its gradient not more than it becomes a part of.
        (
            "{ z_frac = 8, grad_frac = 13 }",
            "{ z_frac = 11, grad_frac = 13 }",
            "quantization.layers[3].z_frac",
        ),
        (
            "a_frac = 10, grad_frac = 13",
            "a_frac = 10, grad_frac = 12",
            "quantization.layers[2].grad_frac",
        ),
        (
            "{ z_frac = 8, grad_frac = 12 }",
            "{ z_frac = 8, grad_frac = 12, eta = 1 }",
            "quantization.layers[4].eta",
        ),
    ];
    for (from, to, field) in cases {
        assert!(text.contains(from), "{from}");
        let error = Manifest::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
    // Gradients are passed on with so many bits more that they do not fit a cell.
    let long =
        text.replace("{ z_frac = 9, grad_frac = 16, eta = 4 }", "{ z_frac = 9, grad_frac = 30 }");
    assert_eq!(Manifest::from_toml(&long).unwrap_err().field, "quantization.layers[6].grad_frac");
    // Who takes what is a part of the hash.
    let hash = |text: &str| Manifest::from_toml(text).unwrap().hash();
    let other = text.replace(
        "{ kind = \"add\", from = 9, with = 10 }",
        "{ kind = \"add\", from = 10, with = 9 }",
    );
    assert_ne!(hash(&other), hash(text));
}

#[test]
fn no_more_layers_take_the_same_values_than_can() {
    let adds = |count: usize| "{ kind = \"add\", with = 1 },".repeat(count);
    let text = include_str!("../../../tests/constraints/graph.toml");
    let shapes = |count: usize| {
        let text = text.replace("{ kind = \"add\", with = 1 },", &adds(count));
        let text = text
            .replace("from = 9, with = 10", &format!("from = {}, with = {}", 8 + count, 9 + count));
        let (head, _) = text.split_once("[quantization]").unwrap();
        Manifest::from_toml(head)
    };
    assert!(shapes(6).is_ok());
    let error = shapes(7).unwrap_err();
    assert_eq!(error.field, "model.layers[0]");
    assert_eq!(error.kind, Kind::Crowded { max: 8, got: 9 });
}

/// Each of these sums takes the last two: what arrives at the first would be the sum of 2, 3, 5, 8 … tensors.
#[test]
fn sums_of_sums_do_not_multiply() {
    let text = include_str!("../../../tests/constraints/graph.toml");
    let (head, rest) = text.split_once("layers = [").unwrap();
    let (_, tail) = rest.split_once("\n]\n").unwrap();
    let (tail, _) = tail.split_once("[quantization]").unwrap();
    let shapes = |sums: usize| {
        let linear = "{ kind = \"linear\", out = 6 },";
        let sum = |k: usize| format!("{{ kind = \"add\", with = {k} }},");
        let sums: String = (0..sums).map(sum).collect();
        let last = "{ kind = \"linear\", out = 3 }";
        Manifest::from_toml(&format!("{head}layers = [{linear}{linear}{sums}{last}\n]\n{tail}"))
    };
    assert!(shapes(8).is_ok());
    for sums in [12, 40, 60] {
        let error = shapes(sums).unwrap_err();
        assert!(matches!(error.kind, Kind::Summands { max: 64, got: 65..=200 }), "{error}");
        assert!(error.field.starts_with("model.layers["), "{error}");
    }
}

/// What a convolution of each channel by itself has in common with one of all, and what not.
#[test]
fn a_depthwise_convolution_has_as_many_channels_as_its_input() {
    let text = include_str!("../../../tests/constraints/depthwise.toml");
    let manifest = Manifest::from_toml(text).unwrap();
    let network = manifest.network().unwrap();
    // 3·3·3 weights and 3 biases, 3·6 and 6, 2·2·6, and 3·2·6 and one.
    assert_eq!(network.parameters(), 30 + 24 + 24 + 37);
    assert_eq!(network.layers[0].rows(), [3, 3]);
    let first = "{ kind = \"depthwise_conv2d\", kernel = 3,";
    let cases = [
        ("version = 3", "version = 2", "model.layers[0]"),
        (first, "{ kind = \"depthwise_conv2d\", out = 3, kernel = 3,", "model.layers[0].out"),
        (first, "{ kind = \"depthwise_conv2d\",", "model.layers[0].kernel"),
        (first, "{ kind = \"depthwise_conv2d\", kernel = 8,", "model.layers[0].kernel"),
        ("stride = 2", "stride = 3", "model.layers[0].stride"),
        ("padding = 1", "padding = 3", "model.layers[0].padding"),
        ("image = [7, 5, 3]\n", "", "model.layers[0].kind"),
        ("kernel = 2, bias = false }", "kernel = 5 }", "model.layers[4].kernel"),
    ];
    for (from, to, field) in cases {
        assert!(text.contains(from), "{from}");
        let error = Manifest::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
    // A bias is there if nothing is said.
    let said = text.replace("padding = 1 }", "padding = 1, bias = true }");
    assert_eq!(Manifest::from_toml(&said).unwrap().hash(), manifest.hash());
}

/// What a slope can be, and where: with a leaky ReLU alone, whose other scales are those of its layer.
#[test]
fn a_slope_is_that_of_a_leaky_relu() {
    let text = include_str!("../../../tests/constraints/activations.toml");
    let network = Manifest::from_toml(text).unwrap().network().unwrap();
    let activations: Vec<Activation> = network.layers.iter().map(|l| l.activation).collect();
    let leaky = |slope| Activation::LeakyRelu { slope };
    let expected = [leaky(16384), Activation::Gelu, Activation::Silu, leaky(655)];
    assert_eq!(activations, [&expected[..], &[Activation::Identity]].concat());
    for layer in &network.layers[..4] {
        // All keep the scales of what they take and of what arrives.
        assert_eq!((layer.a_frac, layer.d_frac), (layer.z_frac, 10));
        let bits = match layer.activation {
            Activation::Gelu => 13,
            Activation::Silu => 12,
            _ => 0,
        };
        let excess = layer.d.map(|d| (d.excess_high_bits(), d.excess_low_bits()));
        assert_eq!(excess, Some((bits, bits)));
    }
    let slope = "slope = 0.25";
    let field = "model.layers[1].slope";
    let gelu = "kind = \"gelu\"";
    let scales = "z_frac = 6\ngrad_frac = 10";
    for (from, to, field) in [
        (slope, "slope = 0.0", field),
        (slope, "slope = 1.0", field),
        (slope, "slope = -0.25", field),
        (slope, "slope = nan", field),
        (slope, "slope = 0.000015", field),
        // 1.3·2^−16: rounding changes it by more than 1/16.
        (slope, "slope = 0.00002", field),
        (slope, "slope = 0.25\nout = 3", "model.layers[1].out"),
        (slope, "slope = 0.25\nbias = true", "model.layers[1].bias"),
        (slope, "slope = 0.25\nkernel = 2", "model.layers[1].kernel"),
        (gelu, "kind = \"gelu\"\nslope = 0.25", "model.layers[3].slope"),
        ("out = 5", "out = 5\nslope = 0.25", "model.layers[4].slope"),
        ("version = 3", "version = 2", "model.layers[1]"),
        (scales, &format!("{scales}\na_frac = 6"), "quantization.layers[0].a_frac"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Manifest::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.field, field, "{from} -> {to}: {error}");
    }
    let with = |wanted: &str| Manifest::from_toml(&text.replace("0.25", wanted));
    let Kind::ImpreciseSlope { got, nearest, .. } = with("0.00002").unwrap_err().kind else {
        panic!("another reason")
    };
    assert!((got - 0.237).abs() < 1e-3 && nearest == 1.0 / 65_536.0, "{got} {nearest}");
    // The ends, and 7.54·2^−16, which rounding changes by nearly 1/16.
    for slope in ["0.0000152587890625", "0.000115", "0.3", "0.9999847412109375"] {
        with(slope).unwrap();
    }
}

/// A slope that is not said is 0.01, and hashed as if it were said.
#[test]
fn a_slope_has_a_default() {
    let text = include_str!("../../../tests/constraints/activations.toml");
    let last = "kind = \"leaky_relu\"\n[[";
    let hash = |slope: &str| {
        let said = format!("kind = \"leaky_relu\"\n{slope}[[");
        assert!(text.contains(last));
        Manifest::from_toml(&text.replace(last, &said)).unwrap().hash()
    };
    assert_eq!(hash(""), hash("slope = 0.01\n"));
    assert_ne!(hash(""), hash("slope = 0.02\n"));
    // The same integers, another manifest.
    assert_ne!(hash(""), hash("slope = 0.010001\n"));
}
