//! The page that tells of the comparisons.

use std::fmt::Write;

use super::Comparison;

const HEAD: &str = "# Accuracy: integers against double precision\n\n\
    Held-out accuracy after training in integers and in double precision, with the same \
    hyper-parameters, initial parameters and order of batches. A quarter of the rows is held \
    out by a fixed seed; MNIST has its own test set. Small datasets are averaged over several \
    runs, each with its own split and initial parameters. Regenerate with `zktrain bench accuracy`, \
    with `--mnist DIR` for MNIST, with `--convolutions` for convolutional networks too, and with `--text FILE` for \
    a transformer on a text.\n\n\
    | data | shape | runs | epochs | steps | held out | integers | double precision | difference | saturated |\n\
    |---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n";

/// The page `docs/accuracy.md`.
pub fn to_markdown(lines: &[Comparison]) -> String {
    let mut page = String::from(HEAD);
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {:.2} % | {:.2} % | {:+.2} points | {:.4} % |",
            line.name,
            line.shape,
            line.runs,
            line.epochs,
            line.steps,
            line.test_rows,
            100.0 * line.integer,
            100.0 * line.float,
            line.difference(),
            100.0 * line.saturated,
        );
    }
    let told = |shape: &str| lines.iter().any(|line| line.shape == shape);
    let mut notes = NOTES.iter().filter(|(shape, _)| told(shape)).map(|(_, note)| *note).peekable();
    if notes.peek().is_some() {
        page.push_str("\nNetworks with names:\n\n");
    }
    notes.for_each(|note| page.extend([note, "\n"]));
    page
}

/// What networks with names are, and are trained on.
const NOTES: [(&str, &str); 3] = [
    (
        "lenet",
        "- `lenet`: LeNet-5 with ReLU and pools of the largest, 61,706 parameters, on all 60,000 images; learning rate \
         1/16, batches of 32.",
    ),
    (
        "resnet",
        "- `resnet`: three residual blocks of 8 and 16 channels with batch norms, on all 60,000 images; learning rate \
         1/64, momentum 0.9, batches of 32. Trained by the statistics of its batches, evaluated by the running ones.",
    ),
    (
        "transformer",
        "- `transformer`: four blocks of 128 channels with four heads, on a text, of which each character predicts the next \
         within rows of 64; the last quarter is held out; Adam with a learning rate of 0.001, batches of 16 rows.",
    ),
];
