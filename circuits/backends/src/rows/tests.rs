use proptest::prelude::*;
use zktrain_model::chunks::largest_chunk;
use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::manifest::{Activation, Layer, Loss, Manifest, Network, RoundSpec};
use zktrain_model::size::{Bounded, Limits};

use super::*;
use crate::halo2;
use networks::{connect, networks, plain};

#[path = "../../../model/tests/support/networks.rs"]
mod networks;

fn base() -> Network {
    let text = include_str!("../../../model/tests/manifest.toml");
    Manifest::from_toml(text).unwrap().network().unwrap()
}

fn admitted(network: Network) -> Bounded {
    let limits = Limits { rows: u64::MAX, address_bits: 64, leaves: u64::MAX, memory: u64::MAX };
    limits.admit(network).unwrap()
}

fn check(relation: &Relation) {
    let rows = halo2::shape(relation).unwrap().rows.len() as u64;
    let bound = bound(relation).unwrap();
    assert!((rows..3 * rows).contains(&bound), "{rows} rows, bound {bound}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_bound_is_less_than_three_times_the_rows(network in networks(5, 40), chunk in 0..4u32) {
        let network = admitted(network);
        check(&compile_training(&network).unwrap().0);
        let windows = largest_chunk(&network).min(1 << chunk);
        check(&compile_dataset(&network, windows).unwrap().0);
    }

    /// A relation of few constraints.
    #[test]
    fn the_bound_holds_for_small_circuits(steps in 1..=2u32, n_in in 17..=24usize) {
        let one = (Layer { bias: false, clip: None, ..plain() }, 5);
        let network = connect(n_in, vec![one], Loss::SoftmaxCrossEntropy);
        let network = Network { batch: 1, steps: 1 << steps, row_log: 4, momentum: false, ..network };
        check(&compile_training(&admitted(network)).unwrap().0);
    }
}
