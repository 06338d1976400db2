//! The worked example of docs/quantization.md, and manifests that are refused.

use crate::manifest::{Manifest, Network};
use crate::operators::batch_norm::tests::Plain;
use crate::operators::{Pass, SavedTensors};
use crate::trace::{LayerParameters, LayerTrace};

const TEXT: &str = r#"
version = 5
name = "example"
[model]
input = 8
image = [2, 1, 4]
loss = "mse"
layers = [
    { kind = "conv2d", out = 4, kernel = 1 },
    { kind = "conv2d", out = 4, kernel = 1 },
    { kind = "conv2d", out = 4, kernel = 1, from = 0 },
    { kind = "conv2d", out = 4, kernel = 1, from = 0 },
    { kind = "attention_scores", from = 1, with = 2, heads = 1 },
    { kind = "softmax", causal = true },
    { kind = "attention_values", with = 3 },
    { kind = "positions" },
    { kind = "linear", out = 1 },
]
[optimizer]
learning_rate = 0.5
[training]
batch = 1
steps_per_proof = 1
max_steps = 4
[data]
label = "y"
target = { offset = 0.0, scale = 1.0 }
uniform = { prefix = "x", count = 8, offset = 0.0, scale = 1.0 }
[quantization]
row_log = 8
input_frac = 6
weight_frac = 10
weight_init_bits = 12
mu = 0
lambda = 0
layers = [
    { z_frac = 6, grad_frac = 10, eta = 512 },
    { z_frac = 6, grad_frac = 12, eta = 128 },
    { z_frac = 6, grad_frac = 12, eta = 128 },
    { z_frac = 6, grad_frac = 10, eta = 512 },
    { z_frac = 8, grad_frac = 12 },
    { z_frac = 14, grad_frac = 10 },
    { z_frac = 8, grad_frac = 10 },
    { z_frac = 8, grad_frac = 10, eta = 32768 },
    { z_frac = 8, eta = 512 },
]
"#;

const Q: [i32; 8] = [100, -50, 30, 20, 40, 80, -60, 10];
const K: [i32; 8] = [90, 20, -10, 40, -30, 70, 50, -20];
const V: [i32; 8] = [120, -80, 60, 10, -40, 160, 20, -100];
const D: [i32; 8] = [300, -200, 50, 100, -120, 80, 240, -60];

/// A layer's turn, there and back to each of the two that it takes.
struct Turn {
    out: Vec<i32>,
    sent: Vec<Vec<i32>>,
    trace: LayerTrace,
}

fn turn(network: &Network, index: usize, [input, with]: [&[i32]; 2], d: &[i32]) -> Turn {
    let parameters = LayerParameters { w: vec![], b: None, s: None };
    let layer = &network.layers[index];
    let table = layer.kind.table(network, layer);
    let pass = |below: Option<usize>| Pass {
        kernels: &Plain,
        network,
        layer,
        below,
        slot: 0,
        with,
        index,
        parameters: &parameters,
        table: &table,
        step: 0,
        steps: 1,
        samples: 1,
        training: true,
    };
    let mut traces = vec![LayerTrace::default(); network.layers.len()];
    let mut kept = SavedTensors::default();
    let kind = layer.kind;
    let out = kind.forward(&pass(layer.from), input, &mut kept, &mut traces[index]).unwrap();
    let sources = layer.from.into_iter().chain(layer.with);
    let sent =
        sources.map(|below| kind.backward(&pass(Some(below)), d, &mut kept, &mut traces).unwrap());
    let sent = sent.collect();
    // Evaluation is the same.
    let evaluation = Pass { training: false, ..pass(layer.from) };
    let mut beside = LayerTrace::default();
    let again = kind.forward(&evaluation, input, &mut SavedTensors::default(), &mut beside);
    assert_eq!(again.unwrap(), out);
    Turn { out, sent, trace: traces.swap_remove(index) }
}

/// Shares, what is put out, and the gradients of values, shares, scores, queries and keys.
fn check(causal: bool, shares: [i32; 4], out: [i32; 8], sent: [&[i32]; 5], mean: [i32; 2]) {
    let text = TEXT.replace("causal = true", &format!("causal = {causal}"));
    let network = Manifest::from_toml(&text).unwrap().network().unwrap();
    let scores = turn(&network, 4, [&Q, &K], sent[2]);
    assert_eq!(scores.out, [266, -169, 194, 38]);
    assert_eq!(scores.sent, [sent[3].to_vec(), sent[4].to_vec()]);
    let softmax = turn(&network, 5, [&scores.out, &[]], sent[1]);
    assert_eq!(softmax.out, shares);
    assert_eq!(softmax.sent, [sent[2].to_vec()]);
    assert_eq!(softmax.trace.tensors.rounded("mean").unwrap().q, mean);
    let values = turn(&network, 6, [&softmax.out, &V], &D);
    assert_eq!(values.out, out);
    assert_eq!(values.sent, [sent[1].to_vec(), sent[0].to_vec()]);
}

#[test]
fn the_worked_example_of_attention() {
    let shares_sent = [875, -828, -109, 444];
    check(
        false,
        [13852, 2532, 10613, 5770],
        [381, -172, 215, -28, 255, 18, 184, -115],
        [
            &[176, -117, 198, 46, 4, -3, 92, -6],
            &shares_sent,
            &[889, -890, -505, 504],
            &[834, -348, -417, 417, -473, 197, 236, -237],
            &[537, -663, 445, 99, -538, 663, -445, -100],
        ],
        [612, 86],
    );
    check(
        true,
        [16384, 0, 10613, 5770],
        [480, -320, 240, 40, 255, 18, 184, -115],
        [
            &[222, -148, 205, 61, -42, 28, 85, -21],
            &shares_sent,
            &[0, 0, -505, 504],
            &[0, 0, 0, 0, -473, 197, 236, -237],
            &[-158, -316, 237, -39, 158, 315, -236, 39],
        ],
        [875, 86],
    );
}

#[test]
fn what_an_attention_cannot_take_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        Manifest::from_toml(&TEXT.replacen(from, to, 1)).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        ("version = 5", "version = 4", "model.layers[4]"),
        (", heads = 1", "", "model.layers[4].heads"),
        ("heads = 1", "heads = 3", "model.layers[4]: heads"),
        ("heads = 1", "heads = 8", "model.layers[4].heads"),
        ("heads = 1", "heads = 128", "model.layers[4]: heads"),
        ("with = 2, ", "", "model.layers[4].with"),
        ("with = 2", "with = 1", "model.layers[4].with"),
        ("heads = 1", "heads = 1, causal = true", "model.layers[4].causal"),
        ("heads = 1", "heads = 1, out = 4", "model.layers[4].out"),
        ("out = 4, kernel = 1, from = 0", "out = 8, kernel = 1, from = 0", "model.layers[4].heads"),
        ("causal = true", "causal = true, heads = 1", "model.layers[5].heads"),
        ("causal = true", "causal = true, with = 1", "model.layers[5].with"),
        ("with = 3", "with = 3, heads = 1", "model.layers[6].heads"),
        (
            "\"attention_values\", with",
            "\"attention_values\", from = 3, with",
            "model.layers[6].with",
        ),
        (
            "\"attention_values\", with",
            "\"attention_values\", from = 2, with",
            "model.layers[6].from",
        ),
        ("kind = \"positions\"", "kind = \"positions\", out = 2", "model.layers[7].out"),
        ("image = [2, 1, 4]", "image = [1, 2, 4]", "model.layers[4]"),
        ("z_frac = 14", "z_frac = 13", "quantization.layers[5].z_frac"),
        (
            "{ z_frac = 8, grad_frac = 12 }",
            "{ z_frac = 14, grad_frac = 12 }",
            "quantization.layers[4].z_frac",
        ),
        (
            "{ z_frac = 8, grad_frac = 12 }",
            "{ z_frac = 8, grad_frac = 25 }",
            "quantization.layers[4].grad_frac",
        ),
        ("eta = 32768", "eta = 512", "quantization.layers[7].eta"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(expected), "{to}: {error}");
    }
    // What several layers that take shares send has more than 16 bits together.
    let twice = TEXT
        .replace(
            r#"{ kind = "positions" },"#,
            r#"{ kind = "attention_values", from = 5, with = 3 }, { kind = "add", with = 6 },"#,
        )
        .replace(
            "{ z_frac = 8, grad_frac = 10, eta = 32768 },",
            "{ z_frac = 8, grad_frac = 10 }, { z_frac = 8, grad_frac = 10 },",
        );
    let error = Manifest::from_toml(&twice).unwrap_err().to_string();
    assert!(error.contains("quantization.layers[5].grad_frac"), "{error}");
    // A softmax of what are no scores, with more keys than queries, or of three channels.
    let alone = |image: &str, channels: &str, causal: &str| {
        let start = TEXT.find("layers = [").unwrap();
        let end = TEXT.find("[optimizer]").unwrap();
        let layers = format!(
            "layers = [{{ kind = \"conv2d\", out = {channels}, kernel = 1 }}, {{ kind = \"softmax\"{causal} }}, \
             {{ kind = \"linear\", out = 1 }}]\n"
        );
        let text = format!("{}{layers}{}", &TEXT[..start], &TEXT[end..]);
        let start = text.rfind("layers = [").unwrap();
        let scales = "layers = [{ z_frac = 6, grad_frac = 12, eta = 128 }, { z_frac = 14, grad_frac = 10 }, \
                      { z_frac = 8, eta = 8 }]\n";
        let text = format!("{}{scales}", &text[..start]);
        Manifest::from_toml(&text.replace("[2, 1, 4]", image)).map(|_| ())
    };
    alone("[2, 2, 2]", "2", ", causal = true").unwrap();
    alone("[2, 4, 1]", "2", "").unwrap();
    for (image, channels, causal, expected) in [
        ("[2, 4, 1]", "2", ", causal = true", "model.layers[1].causal"),
        ("[2, 4, 1]", "3", "", "model.layers[1]: channels"),
        ("[8, 1, 1]", "512", "", "model.layers[1]: channels"),
    ] {
        let error = alone(image, channels, causal).unwrap_err().to_string();
        assert!(error.contains(expected), "{image} {channels}: {error}");
    }
    // Three positions.
    let three = TEXT.replace("input = 8", "input = 12").replace("[2, 1, 4]", "[3, 1, 4]");
    let error = Manifest::from_toml(&three.replace("count = 8", "count = 12")).unwrap_err();
    assert!(error.to_string().contains("model.layers[4]: positions"), "{error}");
}
