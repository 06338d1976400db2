//! Compressed proofs: time, size, gas, and how the circuit grows.

use super::markdown::{number, ratio, table};
use crate::record::{Compressed, Figures};

/// What the overhead means beside a published one.
const ZERO_KNOWLEDGE: &str = "\nCompression is what makes a proof zero-knowledge, so the column \
    whole ÷ uncompressed is the price of zero knowledge. Jolt Atlas, which proves inference, \
    publishes 1.83 for its own. The comparison is fair in that both relate a zero-knowledge proof \
    to the same prover's proof without; it is not in three respects: ours also makes the proof \
    small enough for a chain, it is a fixed cost that hardly grows with the model or the number \
    of steps, so the factor is large for small proofs and close to one for large ones, and the \
    two statements differ.\n";

/// Tables of both systems, and of the circuit over parameters and depth.
pub(super) fn section(cases: &[&Figures], wide: &[&Figures], deep: &[&Figures]) -> String {
    if cases.iter().all(|f| f.compressed.is_empty()) {
        return String::new();
    }
    let mut text = String::from("## Compressed proofs\n\n");
    text += "Whole is proving and compressing; keys are made once. Gas is that of a transaction, \
             calldata and base included; none where the contracts do not take so many rows.\n\n";
    let rows = cases.iter().flat_map(|f| f.compressed.iter().map(|c| row(f, c)));
    let head = [
        "shape",
        "T",
        "system",
        "compress, s",
        "whole a step, s",
        "whole ÷ uncompressed",
        "verify, ms",
        "bytes",
        "gas",
        "rows or constraints",
        "keys, s",
    ];
    text += &table(&head, &rows.collect::<Vec<_>>());
    text += ZERO_KNOWLEDGE;
    for (what, curve) in [("parameters", wide), ("depth", deep)] {
        let rows: Vec<_> = curve.iter().filter_map(|f| growth(f)).collect();
        if !rows.is_empty() {
            text += &format!("\nThe halo2 circuit over {what}:\n\n");
            let head = [
                "shape",
                "parameters",
                "layers",
                "permutations",
                "argument, elements",
                "rows of the circuit",
                "compress, s",
                "circuit's proof, bytes",
            ];
            text += &table(&head, &rows);
        }
    }
    text
}

fn row(figures: &Figures, c: &Compressed) -> Vec<String> {
    let whole = (figures.prove_s + c.compress_s) / figures.steps.max(1) as f64;
    vec![
        figures.shape.clone(),
        figures.steps.to_string(),
        c.system.clone(),
        number(c.compress_s),
        number(whole),
        ratio(1.0 + c.compress_s / figures.prove_s),
        number(c.verify_ms),
        c.proof_bytes.to_string(),
        c.gas.map_or_else(|| "–".into(), |gas| gas.to_string()),
        c.circuit.to_string(),
        number(c.key_s),
    ]
}

fn growth(figures: &Figures) -> Option<Vec<String>> {
    let c = figures.system("halo2")?;
    Some(vec![
        figures.shape.clone(),
        figures.parameters.to_string(),
        (figures.shape.split('-').count() - 1).to_string(),
        figures.permutations.to_string(),
        figures.argument_elements.to_string(),
        c.circuit.to_string(),
        number(c.compress_s),
        c.circuit_proof_bytes.to_string(),
    ])
}
