//! Weights of labels, a label at each position, and tokens.

use super::super::*;
use ManifestErrorKind as Kind;

const WEIGHTED: &str = include_str!("../../../tests/constraints/weighted.toml");
const SEQUENCE: &str = include_str!("../../../tests/constraints/sequence.toml");
const NORMS: &str = include_str!("../../../tests/constraints/norms.toml");

fn refused(text: &str, from: &str, to: &str) -> ManifestError {
    assert!(text.contains(from), "{from}");
    Manifest::from_toml(&text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn what_weights_and_tokens_need_is_asked_for_by_name() {
    let cases = [
        (WEIGHTED, "version = 6", "version = 5", "data"),
        (WEIGHTED, "weighted = true\n", "", "training.batch"),
        (WEIGHTED, "batch = 3", "batch = 0", "training.batch"),
        (WEIGHTED, "batch = 3", "batch = 4097", "training.batch"),
        (WEIGHTED, "0.25, 0.6]", "0.25]", "data.class_weights"),
        (WEIGHTED, "0.25, 0.6]", "0.0, 0.6]", "data.class_weights[1]"),
        (WEIGHTED, "0.25, 0.6]", "0.25, 1.5]", "data.class_weights[2]"),
        (WEIGHTED, "0.25, 0.6]", "nan, 0.6]", "data.class_weights[1]"),
        (WEIGHTED, "\"softmax-cross-entropy\"", "\"mse\"", "data.weighted"),
        (NORMS, "version = 3", "version = 6", "data.weighted"),
        (SEQUENCE, "weighted = true\n", "", "training.batch"),
        (SEQUENCE, "\"e\"]\nweighted", "\"a\"]\nweighted", "data.tokens[4]"),
        (SEQUENCE, "\"e\"]\nweighted", "\"\"]\nweighted", "data.tokens[4].name"),
        (SEQUENCE, ", \"e\"]\nweighted", "]\nweighted", "data.tokens"),
        (SEQUENCE, "count = 4", "count = 20", "data.uniform.count"),
        (SEQUENCE, "scale = 1.0", "scale = 2.0", "data.tokens"),
        (SEQUENCE, "offset = 0.0", "offset = 1.0", "data.tokens"),
        (SEQUENCE, "out = 5\nkernel = 1", "out = 4\nkernel = 1", "model.layers[4].out"),
        (SEQUENCE, "padding = 1", "padding = 2", "model.layers[4]"),
        (SEQUENCE, "eta = 4\n", "eta = 12\n", "quantization.layers[3].eta"),
    ];
    for (text, from, to, field) in cases {
        let text = if text == NORMS {
            text.replacen("label = \"y\"", "label = \"y\"\nweighted = true", 1)
        } else {
            text.to_owned()
        };
        let error = refused(&text, from, to);
        assert_eq!(
            error.field.trim_end_matches(".name"),
            field.trim_end_matches(".name"),
            "{to}: {error}"
        );
    }
    let bare = SEQUENCE.replace("batch = 3", "batch = 4").replace("weighted = true\n", "");
    let error = Manifest::from_toml(&bare).unwrap_err();
    assert_eq!(
        (&*error.field, error.kind),
        ("data.weighted", Kind::LabelsByPosition { positions: 4 })
    );
    let unweighted = WEIGHTED.replace("weighted = true\n", "").replace("batch = 3", "batch = 4");
    let error = Manifest::from_toml(&unweighted).unwrap_err();
    assert_eq!((&*error.field, error.kind), ("data.weighted", Kind::Missing));
}

#[test]
fn a_batch_is_filled_up_and_a_step_follows_the_mean_of_its_labels() {
    let manifest = Manifest::from_toml(WEIGHTED).unwrap();
    let network = manifest.network().unwrap();
    assert_eq!((network.batch, network.window(), network.label_scale()), (4, 8, 1));
    assert_eq!(manifest.labels_in_step(&manifest.shapes().unwrap()), 3);
    // 0.5/3·2^10, rounded.
    assert_eq!(network.layers[0].eta, 171);
    // Four rows can have a gradient of 2^14 each: nothing shows that one of them has no weight.
    assert_eq!(network.layers[1].grad_max, (4 * ((1 << 15) - 1)) << 14);
    let manifest = Manifest::from_toml(SEQUENCE).unwrap();
    let network = manifest.network().unwrap();
    assert_eq!(manifest.labels_in_step(&manifest.shapes().unwrap()), 12);
    assert_eq!((network.labels(), network.output()), (Features::image([4, 1, 5]), 20));
    assert_eq!(network.exp_scale(), 1 << 11);
}

#[test]
fn the_hash_has_weights_and_tokens() {
    let hash = |text: &str| Manifest::from_toml(text).unwrap().hash();
    let mut hashes = std::collections::BTreeSet::from([hash(WEIGHTED), hash(SEQUENCE)]);
    for (text, from, to) in [
        (WEIGHTED, "0.25", "0.26"),
        (WEIGHTED, "class_weights = [1.0, 0.25, 0.6]\n", ""),
        (WEIGHTED, "version = 6", "version = 6\n# no change"),
        (SEQUENCE, "tokens = [\"a\"", "tokens = [\"x\""),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = hashes.insert(hash(&text.replacen(from, to, 1)));
        assert_eq!(changed, !to.contains('#'), "{to}");
    }
    let plain = WEIGHTED
        .replace("class_weights = [1.0, 0.25, 0.6]\n", "")
        .replace("batch = 3", "batch = 4");
    let plain = plain.replace("eta = 171", "eta = 128").replace("eta = 11", "eta = 8");
    assert_ne!(hash(&plain), hash(&plain.replace("weighted = true", "weighted = false")));
    let manifest = Manifest::from_toml(SEQUENCE).unwrap();
    assert_eq!(Manifest::from_toml(&manifest.to_toml().unwrap()).unwrap(), manifest);
    assert_eq!(manifest.oldest_version(), 6);
}
