//! Compressed proofs: time, size, gas, and how the circuit grows.

use super::markdown::{number, table};
use crate::record::{Compressed, Figures};

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
        "verify, ms",
        "bytes",
        "gas",
        "rows or constraints",
        "keys, s",
    ];
    text += &table(&head, &rows.collect::<Vec<_>>());
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
