//! The page that tells of the comparisons.

use std::fmt::Write;

use super::{Comparison, SOME};

const HEAD: &str = "# Accuracy: integers against double precision\n\n\
    Held-out accuracy after training in integers and in double precision, with the same \
    hyper-parameters, initial parameters and order of batches. A quarter of the rows is held \
    out by a fixed seed; MNIST has its own test set. Small datasets are averaged over several \
    runs, each with its own split and initial parameters. Regenerate with `zktrain bench accuracy`, \
    and with `--mnist DIR --convolutions` for all of it.\n\n\
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
    let mut notes =
        notes().into_iter().filter(|(shape, _)| lines.iter().any(|l| l.shape == *shape));
    if let Some((_, first)) = notes.next() {
        let _ = writeln!(page, "\nNetworks over images:\n\n{first}");
        notes.for_each(|(_, note)| page.extend([&note, "\n"]));
    }
    page
}

/// What networks with names are, and are trained on.
fn notes() -> [(&'static str, String); 3] {
    let [train, test] = SOME;
    [
        (
            "lenet",
            "- `lenet`: LeNet-5 with ReLU and pools of the largest, 61,706 parameters, on all 60,000 images of MNIST; \
             learning rate 1/64, momentum 0.9, batches of 32."
                .to_owned(),
        ),
        (
            "resnet",
            "- `resnet`: three residual blocks of 8 and 16 channels with batch norms, on all 60,000 images of MNIST; \
             learning rate 1/64, momentum 0.9, batches of 32. Trained by the statistics of its batches, evaluated by \
             the running ones."
                .to_owned(),
        ),
        (
            "vgg11",
            format!(
                "- `vgg11`: VGG-11, 9,750,922 parameters, on the first {train} images of MNIST's training set and the \
                 first {test} of its test set, made to 32×32×3: two rows and columns of background around each, and \
                 for each image two random colours, of ink and of background, from ChaCha20 with seeds 0 and 1 \
                 (`trainer/src/accuracy/coloured.rs`). Learning rate 1/128, momentum 0.9, batches of 16."
            ),
        ),
    ]
}
