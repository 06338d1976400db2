//! One command a file: its options, what it does, and its report.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod chain;
pub mod coordinator;
pub mod data;
pub mod demo;
pub mod init;
pub mod keys;
pub mod members;
pub mod model;
mod plan;
pub mod proof;
pub mod prove;
pub mod roots;
pub mod setup;
pub mod srs;
pub mod train;
pub mod trainer;
pub mod verify;

use zktrain_model::manifest::Network;

/// What goes through the layers, input first, as in `30-16-2` or `28x28x1-14x14x8-10`.
pub fn shape(network: &Network) -> String {
    let outputs = network.layers.iter().map(|layer| layer.output);
    let all: Vec<String> =
        std::iter::once(network.features).chain(outputs).map(|values| values.to_string()).collect();
    all.join("-")
}
