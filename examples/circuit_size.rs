//! How the circuits of compressed proofs grow, over parameters and over depth: a table in
//! Markdown. Nothing is proven.
//!
//!     cargo run --release --example circuit_size

use zktrain_argument::messages::ArgumentShape;
use zktrain_backends::{halo2, r1cs};
use zktrain_model::compile::compile_training;
use zktrain_model::size::Limits;
use zktrain_trainer::synthetic;

/// Networks of 10^4 to 10^7 parameters.
const WIDE: [&[usize]; 5] = [
    &[784, 13, 10],
    &[784, 128, 10],
    &[784, 1024, 256, 10],
    &[1024, 4096, 256, 10],
    &[2048, 4096, 384, 10],
];
/// Hidden layers of 32 units.
const DEEP: [usize; 5] = [1, 2, 4, 8, 15];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("| shape | parameters | argument, elements | halo2, rows | Groth16, constraints |");
    println!("|---|---:|---:|---:|---:|");
    for shape in WIDE {
        row(shape, &shape.iter().map(usize::to_string).collect::<Vec<_>>().join("-"))?;
    }
    for hidden in DEEP {
        let hidden_units = std::iter::repeat_n(32, hidden);
        let shape: Vec<usize> = std::iter::once(64).chain(hidden_units).chain([10]).collect();
        row(&shape, &format!("64-32…32-10, {} layers", hidden + 1))?;
    }
    Ok(())
}

fn row(shape: &[usize], name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let network = Limits::default().admit(synthetic::manifest(shape, 64, 1)?.network()?)?;
    let parameters = network.parameters();
    let (relation, _) = compile_training(&network)?;
    let elements = ArgumentShape::of(&relation).elements();
    let rows = halo2::shape(&relation)?.rows.len();
    let constraints = r1cs::compile(&relation)?.constraints().len();
    println!("| {name} | {parameters} | {elements} | {rows} | {constraints} |");
    Ok(())
}
