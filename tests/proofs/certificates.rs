//! Certificates of relations: made for every manifest, refused when anything is missing.

use crate::common;

use common::cases::{Case, Images, LossKind, case};
use proptest::prelude::*;
use zktrain_model::certificate::{Uncertified, certify_dataset, certify_training};
use zktrain_model::compile::{compile_dataset, compile_training};
use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec, Manifest, Network};
use zktrain_model::relation::DimMap;
use zktrain_model::size::{Bounded, Limits};

/// Networks that between them have every kind of layer, loss, optimizer and limb.
fn networks() -> Vec<Bounded> {
    let [relu, sigmoid, tanh] = [LayerKind::Relu, LayerKind::Sigmoid, LayerKind::Tanh].map(Some);
    let [leaky, gelu, silu] = [LayerKind::LeakyRelu, LayerKind::Gelu, LayerKind::Silu].map(Some);
    let plain = Case { row_log: 9, batch: 2, ..Case::plain(&[5, 6, 3]) };
    let saturating = Case { clip: Some(0.02), stretch: 1000.0, fine: true, ..plain.clone() };
    let cases = [
        plain.clone(),
        Case { momentum: 0.9, decay: 1.0 / 64.0, steps: 2, ..plain.clone() },
        Case {
            kinds: vec![sigmoid, tanh],
            widths: vec![3, 5, 3, 1],
            loss: LossKind::Logistic,
            ..saturating.clone()
        },
        Case { kinds: vec![leaky, gelu, silu], widths: vec![3, 5, 3, 5, 2], ..saturating.clone() },
        Case { kinds: vec![relu], loss: LossKind::MseOneHot, ..saturating },
        Case { kinds: vec![None], loss: LossKind::MseTarget, momentum: 0.9, ..plain.clone() },
        Case {
            widths: vec![8, 16, 8, 4],
            steps: 3,
            momentum: 0.5,
            decay: 1.0 / 64.0,
            ..plain.clone()
        },
        Case { widths: vec![5, 3], unbiased: 1, steps: 0, ..plain.clone() },
        Case { normed: 3, widths: vec![5, 6, 3, 3], momentum: 0.5, steps: 1, ..plain.clone() },
        Case { image: Some(normed_image()), widths: vec![0, 3], clip: Some(0.02), ..plain.clone() },
        Case { rows: 3, widths: vec![5, 6, 7, 3], momentum: 0.5, steps: 1, ..plain.clone() },
        // Two layers beside each other: a gradient of more than 16 bits arrives.
        Case { rows: 2, widths: vec![5, 6, 7, 7, 3], graph: 0b01_00_00_00, fine: true, ..plain },
    ];
    cases.iter().filter_map(|case| Some(bounded(&case.manifest()?))).collect()
}

/// A batch norm over sides and channels that are no powers of two.
fn normed_image() -> Images {
    let kernel = Kernel { size: 3, stride: 1, padding: 1 };
    let norm = LayerSpec::of(LayerKind::BatchNorm);
    ([3, 5, 2], vec![LayerSpec::conv2d(3, kernel, true), norm])
}

fn bounded(manifest: &Manifest) -> Bounded {
    Limits::default().admit(manifest.network().unwrap()).unwrap()
}

#[test]
fn training_is_certified() {
    for network in networks() {
        let (relation, ids) = compile_training(&network).unwrap();
        let certificate = certify_training(&network, &relation, &ids).unwrap();
        // docs/soundness.md: both sides stay below 2^81, those of a batch norm below 2^120, and of rows below 2^97.
        let norms = network.layers.iter().any(|layer| layer.norm.is_some());
        let rows = network.layers.iter().any(|layer| layer.rows.is_some());
        let most = if norms {
            120
        } else if rows {
            97
        } else {
            81
        };
        assert!(certificate.bits <= most, "{}", certificate.bits);
        let softmax = relation.labels().contains(&"loss.at_max.bit");
        let layers = network.layers.iter().enumerate().filter(|(_, layer)| layer.softmax.is_some());
        let mut free: Vec<String> = layers.map(|(l, _)| format!("layer{l}.at_max")).collect();
        free.extend(softmax.then(|| "loss.at_max".into()));
        assert_eq!(certificate.free, free, "which of several equal maxima is marked, nothing else");
    }
}

/// Sigmoids are small: outputs of the layer above them stay away from one of their ends, where an
/// excess is allowed all the same.
#[test]
fn an_end_that_is_not_reached_is_certified() {
    let case = Case {
        kinds: vec![Some(LayerKind::Sigmoid)],
        unbiased: 2,
        loss: LossKind::Logistic,
        clip: Some(1.0),
        fine: true,
        ..Case::plain(&[3, 1, 1])
    };
    let network = bounded(&case.manifest().unwrap());
    let (relation, ids) = compile_training(&network).unwrap();
    let certificate = certify_training(&network, &relation, &ids).unwrap();
    let last = &network.layers[1].z;
    assert!(certificate.ranges["layer1.z.q"].hi < i128::from(last.hi));
    assert!(relation.labels().contains(&"layer1.z.high.saturates"));
}

/// Each constraint is needed for the certificate.
#[test]
fn nothing_can_be_left_out() {
    let mut dropped = 0;
    for network in networks() {
        let (relation, ids) = compile_training(&network).unwrap();
        for label in relation.labels() {
            let weaker = relation.clone().without(|other| other == label);
            let result = certify_training(&network, &weaker, &ids);
            assert!(result.is_err(), "certified without {label}");
            dropped += 1;
        }
    }
    assert!(dropped > 300, "{dropped}");
}

#[test]
fn registrations_are_certified_and_nothing_can_be_left_out() {
    for network in networks() {
        for windows in [1, 4] {
            let (relation, ids) = compile_dataset(&network, windows).unwrap();
            certify_dataset(&network, &relation, &ids).unwrap();
            for label in relation.labels() {
                let weaker = relation.clone().without(|other| other == label);
                let result = certify_dataset(&network, &weaker, &ids);
                assert!(result.is_err(), "certified without {label}");
            }
        }
    }
}

/// Wrong constants are found, not only missing constraints.
#[test]
fn altered_constants_are_found() {
    let network = networks().remove(1);
    let (relation, ids) = compile_training(&network).unwrap();
    let mut found = 0;
    for position in 0..relation.lookups.len() {
        let lookup = &relation.lookups[position];
        // A scaled range that is twice as wide as the remainder's.
        let Some(scaled) = lookup.input.terms.iter().position(|t| t.coef > 2) else { continue };
        let mut wider = relation.clone();
        for term in &mut wider.lookups[position].input.terms {
            term.coef /= 2;
        }
        assert!(certify_training(&network, &wider, &ids).is_err(), "{}, {scaled}", lookup.label);
        found += 1;
    }
    assert!(found > 4);
    // An excess that is allowed at another quotient than the last.
    for position in 0..relation.zerochecks.len() {
        for number in 0..relation.zerochecks[position].constraints.len() {
            let label = &relation.zerochecks[position].constraints[number].label;
            if !label.ends_with("saturates") {
                continue;
            }
            let mut other = relation.clone();
            let coef = &mut other.zerochecks[position].constraints[number].monomials[0].coef;
            *coef -= coef.signum();
            let result = certify_training(&network, &other, &ids);
            assert!(matches!(result, Err(Uncertified::Ambiguous { .. })), "{label}");
        }
    }
}

/// A constraint in which cells of different steps meet proves nothing about any of them.
#[test]
fn a_constraint_follows_one_step() {
    let network = networks().remove(1);
    assert!(network.steps > 1);
    let (mut relation, ids) = compile_training(&network).unwrap();
    let check = relation.linear.iter_mut().find(|c| c.label.ends_with(".b.gradient")).unwrap();
    let step = check.domain.axes[0];
    check.domain.axes.push(step);
    let errors = check.form.terms.iter_mut().filter(|term| term.dims.contains(&DimMap::Sum));
    let steps = errors.flat_map(|t| &mut t.dims).filter(|map| **map == DimMap::Axis(0));
    assert!(steps.map(|map| *map = DimMap::Axis(2)).count() > 0);
    let label = check.label.clone();
    let result = certify_training(&network, &relation, &ids).map(|_| ());
    assert_eq!(result, Err(Uncertified::Order { label }));
}

/// A chain whose parameters could outgrow their bits.
#[test]
fn growth_is_bounded() {
    let network = networks().remove(0);
    let (relation, ids) = compile_training(&network).unwrap();
    let longer = Network { max_steps: 1 << 20, ..network.network().clone() };
    let result = certify_training(&longer, &relation, &ids).map(|_| ());
    let (bits, steps) = (network.weight_bits, 1 << 20);
    assert_eq!(result, Err(Uncertified::Growth { bits, steps }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_manifests_are_certified(case in case()) {
        let Some(manifest) = case.manifest() else { return Ok(()) };
        let network = bounded(&manifest);
        let (relation, ids) = compile_training(&network).unwrap();
        let certificate = certify_training(&network, &relation, &ids);
        prop_assert!(certificate.is_ok(), "{:?}", certificate.err());
        let labels = relation.labels();
        let label = labels[case.seed as usize % labels.len()].to_owned();
        let weaker = relation.clone().without(|other| other == label);
        // Where nothing can saturate, a quotient's range follows from the rounding itself.
        let implied = label.ends_with(".q.range") || label.ends_with(".q.range_above");
        // Where channels alone are padded, no bit is set there, and so nothing is sent.
        let implied = implied || label.ends_with(".g.padding");
        let refused = certify_training(&network, &weaker, &ids).is_err();
        prop_assert!(implied || refused, "without {}", label);
        let (relation, ids) = compile_dataset(&network, 2).unwrap();
        prop_assert!(certify_dataset(&network, &relation, &ids).is_ok());
    }
}
