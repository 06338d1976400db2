//! Relations between fields, and arbitrary ones.

use proptest::prelude::*;

use super::*;
use ManifestErrorKind as Kind;

/// A change to a complete manifest, the field it spoils and the reason given.
type Spoiling = (fn(&mut Manifest), &'static str, fn(&Kind) -> bool);

fn q(manifest: &mut Manifest) -> &mut Quantization {
    manifest.quantization.as_mut().unwrap()
}

#[test]
fn relations_between_fields_are_checked() {
    let cases: [Spoiling; 17] = [
        (|m| m.model.layers.clear(), "model.layers", |k| *k == Kind::Missing),
        (
            |m| m.model.layers = vec![LayerSpec::linear(3, true); 257],
            "model.layers",
            |k| matches!(k, Kind::OutOfRange { max: 256, got: 257, .. }),
        ),
        (|m| m.name = "x".repeat(257), "name", |k| matches!(k, Kind::OutOfRange { got: 257, .. })),
        (|m| m.data.features = Some(vec![]), "data.uniform", |k| *k == Kind::Unexpected),
        (|m| m.data.uniform = None, "data.features", |k| *k == Kind::Missing),
        (
            |m| m.data.target = Some(Target { offset: 0.0, scale: 1.0 }),
            "data.target",
            |k| *k == Kind::Unexpected,
        ),
        (
            |m| {
                m.model.loss = Loss::Mse;
                m.data.classes = None;
                m.data.target = Some(Target { offset: 0.0, scale: 1.0 });
            },
            "model.layers[5].out",
            |k| matches!(k, Kind::Count { expected: 1, got: 3, .. }),
        ),
        (
            |m| m.data.classes = Some((0..4097).map(|i| i.to_string()).collect()),
            "data.classes",
            |k| matches!(k, Kind::OutOfRange { max: 4096, got: 4097, .. }),
        ),
        (
            |m| m.data.classes = Some(vec!["a".into()]),
            "data.classes",
            |k| matches!(k, Kind::OutOfRange { min: 2, got: 1, .. }),
        ),
        (
            |m| _ = q(m).layers.pop(),
            "quantization.layers",
            |k| matches!(k, Kind::Count { expected: 4, got: 3, .. }),
        ),
        (
            |m| q(m).layers[3].grad_frac = Some(3),
            "quantization.layers[3].grad_frac",
            |k| *k == Kind::Unexpected,
        ),
        (
            |m| q(m).layers[1].clip_bound = None,
            "quantization.layers[1].clip_bound",
            |k| *k == Kind::Missing,
        ),
        (
            |m| {
                q(m).layers[1].clip_frac = Some(14);
                q(m).layers[1].clip_bound = Some(65_536);
            },
            "quantization.layers[1].clip_bound",
            |k| matches!(k, Kind::OutOfRange { max: 32_767, got: 65_536, .. }),
        ),
        (
            |m| {
                m.optimizer.clip = Some(1e-7);
                q(m).layers.iter_mut().for_each(|l| {
                    l.clip_frac = Some(34);
                    l.clip_bound = Some(13_744);
                });
            },
            "quantization.layers[3].clip_frac",
            |k| matches!(k, Kind::NegativeShift { max: 25, got: 34 }),
        ),
        (
            |m| q(m).layers[2].grad_frac = Some(0),
            "quantization.layers[2].clip_frac",
            |k| matches!(k, Kind::NegativeShift { max: 11, got: 12 }),
        ),
        (
            |m| {
                m.training.max_steps = 65_000;
                q(m).input_frac = 0;
                q(m).layers[0].z_frac = 15;
            },
            "quantization.layers[0].z_frac",
            |k| matches!(k, Kind::Overflow { what: "the excess", max: 48, .. }),
        ),
        (
            |m| {
                q(m).weight_frac = 30;
                q(m).layers[3].z_frac = 0;
                q(m).layers[3].eta = 214_748_365;
            },
            "quantization.layers[3].z_frac",
            |k| matches!(k, Kind::ShiftTooWide { max: 32, got: 41 }),
        ),
    ];
    for (i, (spoil, field, reason)) in cases.iter().enumerate() {
        let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
        spoil(&mut manifest);
        let error = manifest.validate().unwrap_err();
        assert_eq!(error.field, *field, "case {i}: {error}");
        assert!(reason(&error.kind), "case {i}: {error}");
    }
}

#[test]
fn a_multiplier_that_rounds_too_much_is_refused() {
    let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
    manifest.optimizer.clip = None;
    for (layer, eta) in q(&mut manifest).layers.iter_mut().zip([0, 0, 0, 2]) {
        (layer.clip_frac, layer.clip_bound, layer.eta) = (None, None, eta);
    }
    // 0.1/8·2^(16 + 16 − 25) = 1.6.
    let error = manifest.validate().unwrap_err();
    assert_eq!(error.field, "quantization.layers[3].eta");
    assert!(
        matches!(error.kind, Kind::Imprecise { got, .. } if (got - 0.25).abs() < 1e-9),
        "{error}"
    );
}

/// A decay of 0.504 steps used to be rounded to one, and so doubled without a word.
#[test]
fn a_small_decay_has_more_bits_and_one_that_none_hold_is_refused_with_the_nearest() {
    let decay = |rate: f64, decay: f64, version: u32| {
        let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
        manifest.version = version;
        manifest.optimizer =
            Optimizer { learning_rate: rate, weight_decay: decay, ..manifest.optimizer };
        q(&mut manifest).lambda = derive_lambda(&manifest.optimizer);
        q(&mut manifest).mu = derive_mu(&manifest.optimizer);
        let eta = derive_eta(&manifest.optimizer, manifest.training.batch, 16, 12);
        q(&mut manifest).layers.iter_mut().for_each(|layer| layer.eta = eta);
        manifest.network()
    };
    for (rate, wanted, shift, lambda) in [
        (0.1, 0.0011, 16, 7),
        (0.1, 0.001, 17, 13),
        (0.0625, 0.000_123, 17, 1),
        (0.1, 0.0001, 19, 5),
        (0.01, 0.0001, 20, 1),
        (0.001, 0.0001, 26, 7),
    ] {
        let network = decay(rate, wanted, 6).unwrap();
        assert_eq!(network.layers[0].update.unwrap().shift, shift, "{rate}, {wanted}");
        assert_eq!(
            (network.lambda, network.mu),
            (lambda, 58_982.4f64.mul_add(f64::from(1 << (shift - 16)), 0.5) as i64)
        );
        let refused = decay(rate, wanted, 5).map_err(|error| (error.field, error.kind));
        let newer = ("optimizer".to_owned(), Kind::NewerVersion { needed: 6, got: 5 });
        assert_eq!(refused.err(), (shift > 16).then_some(newer));
    }
    let refused = decay(0.1, 1e-8, 6).unwrap_err();
    assert_eq!(refused.field, "optimizer.weight_decay");
    let Kind::ImpreciseDecay { got, nearest, .. } = refused.kind else { panic!("{refused}") };
    assert!((got - 1.0).abs() < 0.001 && (nearest * 0.1 * (1u64 << 30) as f64 - 1.0).abs() < 1e-9);
    decay(0.1, nearest, 6).unwrap();
    let nothing = decay(1e-9, 5e-324, 6).unwrap_err();
    assert_eq!(nothing.field, "optimizer.weight_decay");
}

#[test]
fn a_one_hot_target_must_fit_sixteen_bits() {
    let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
    manifest.model.loss = Loss::Mse;
    q(&mut manifest).layers[3].z_frac = 14;
    let network = manifest.network().unwrap();
    assert_eq!((network.label_scale(), network.layers[3].d_max), (1 << 14, 1 << 16));
    q(&mut manifest).layers[3].z_frac = 15;
    let error = manifest.validate().unwrap_err();
    assert_eq!(error.field, "quantization.layers[3].z_frac");
    assert!(matches!(error.kind, Kind::OutOfRange { max: 14, got: 15, .. }));
}

proptest! {
    /// Whatever the scales, there is a network within its bounds or an error.
    #[test]
    fn no_scales_make_lowering_panic(
        scales in prop::array::uniform4(0u32..34),
        layers in prop::array::uniform4((0u32..17, 0u32..42, 0u32..62, any::<i64>())),
        (mu, lambda) in any::<(i64, i64)>(),
        max_steps in 0usize..70_000,
        derive in any::<bool>(),
    ) {
        let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
        manifest.training.max_steps = max_steps;
        let optimizer = manifest.optimizer;
        let (clip, batch) = (optimizer.clip.unwrap(), manifest.training.batch);
        let recorded = q(&mut manifest);
        [recorded.row_log, recorded.input_frac, recorded.weight_frac, recorded.weight_init_bits] = scales;
        if !derive {
            (recorded.mu, recorded.lambda) = (mu, lambda);
        }
        for (layer, (z, g, c, eta)) in recorded.layers.iter_mut().zip(layers) {
            layer.z_frac = z;
            layer.grad_frac = layer.grad_frac.map(|_| g);
            layer.clip_frac = Some(c);
            layer.clip_bound = Some(if derive { derive_clip_bound(clip, batch, c) } else { eta });
            layer.eta = if derive { derive_eta(&optimizer, batch, scales[2], c) } else { eta };
        }
        if let Ok(network) = manifest.network() {
            for layer in &network.layers {
                let rounded = [Some(layer.z), layer.d, layer.clip, layer.update].into_iter().flatten();
                for spec in rounded.chain(layer.g.clone()) {
                    prop_assert!(spec.bound_bits <= 62 && spec.shift <= 32 && spec.excess_bits() <= 48);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_reading_panic(at in 0usize..1200, bytes in prop::collection::vec(any::<u8>(), 0..6)) {
        let mut text = MANIFEST.as_bytes().to_vec();
        let at = at.min(text.len());
        let end = (at + bytes.len()).min(text.len());
        text.splice(at..end, bytes);
        if let Ok(text) = String::from_utf8(text) {
            let _ = Manifest::from_toml(&text);
        }
    }
}
