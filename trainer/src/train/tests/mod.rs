//! The training loop against a scalar re-implementation, written from the specification alone.

mod norm;
mod optimizer;
mod rows;
mod scalar;
mod wide;

use proptest::prelude::*;
use zktrain_model::manifest::{
    Kernel, LayerKind, LayerSpec, Loss, Manifest, Optimizer, Schedule, ScheduleKind, Target,
    Training,
};
use zktrain_model::trace::{OptimizerState, Parameters, Trace};

use self::scalar::check;
use super::{TrainError, Trainer, last_state};
use crate::{CalibrationError, calibrate, evaluate, initial_parameters, synthetic};

/// Height, width and channels, and the layers over them.
type Images = ([usize; 3], Vec<LayerSpec>);

/// A random network and what it is trained with.
#[derive(Debug, Clone)]
struct Case {
    /// Images, and the convolutions and pools that come first.
    images: Option<Images>,
    widths: Vec<usize>,
    kinds: Vec<Option<LayerKind>>,
    /// Of leaky ReLUs; the default without it.
    slope: Option<f64>,
    biases: u32,
    loss: usize,
    momentum: f64,
    decay: f64,
    clip: Option<f64>,
    /// Adam, and which schedule; without it what stands before.
    adam: Option<usize>,
    batch: u32,
    steps: u32,
    /// What makes a graph of the layers.
    graph: u64,
    seed: u64,
}

impl Case {
    fn activation(&self, kind: LayerKind) -> LayerSpec {
        let slope = self.slope.filter(|_| kind == LayerKind::LeakyRelu);
        LayerSpec { slope, ..LayerSpec::of(kind) }
    }

    fn manifest(&self) -> Manifest {
        let mut manifest = synthetic::draft(&[3, 2], 4, 1);
        let (last, hidden) = self.widths.split_last().unwrap();
        let (loss, outputs) = [
            (Loss::SoftmaxCrossEntropy, (*last).max(2)),
            (Loss::Logistic, 1),
            (Loss::Mse, (*last).max(2)),
            (Loss::Mse, 1),
        ][self.loss];
        let mut layers = Vec::new();
        let alone = self.batch == 0;
        let norm = LayerSpec::of(LayerKind::BatchNorm);
        let [by_layer, by_size] = [LayerKind::LayerNorm, LayerKind::RmsNorm].map(LayerSpec::of);
        for (i, out) in hidden.iter().skip(1).enumerate() {
            layers.push(LayerSpec::linear(*out, self.biases & (1 << i) == 0));
            // Over a batch of one there is nothing to normalise.
            let normed = self.biases & (256 << i) != 0 && !alone;
            layers.extend(normed.then_some(norm));
            // Nor is there among the numbers of a sample, if it has one.
            let row = [by_layer, by_size][i % 2];
            layers.extend((self.biases & (1 << (16 + i)) != 0 && *out > 1).then_some(row));
            let bias = Some(self.biases & (1 << i) == 0);
            let scale = LayerSpec { bias, ..LayerSpec::of(LayerKind::Scale) };
            layers.extend((self.biases & (1 << (24 + i)) != 0).then_some(scale));
            layers.extend(self.kinds[i].map(|kind| self.activation(kind)));
        }
        layers.push(LayerSpec::linear(outputs, self.biases & 1 == 0));
        let over_image = self.images.iter().flat_map(|(_, all)| all).zip(&self.kinds);
        let over_image = over_image.filter(|(layer, _)| !(alone && layer.kind == norm.kind));
        let over_image = over_image.flat_map(|(layer, kind)| {
            core::iter::once(*layer).chain(kind.map(|kind| self.activation(kind)))
        });
        layers.splice(0..0, over_image);
        let image = self.images.as_ref().map(|(image, _)| *image);
        manifest.model.image = image;
        manifest.model.input = image.map_or(hidden[0], |image| image.iter().product());
        manifest.data.uniform.as_mut().unwrap().count = manifest.model.input;
        manifest.model.layers = layers;
        manifest.model = synthetic::with_shortcuts(&manifest.model, self.graph).unwrap();
        manifest.model.loss = loss;
        let classes = if loss == Loss::Logistic { 2 } else { outputs };
        manifest.data.classes = Some((0..classes).map(|j| j.to_string()).collect());
        if self.loss == 3 {
            manifest.data.classes = None;
            manifest.data.target = Some(Target { offset: 0.0, scale: 1.0 });
        }
        manifest.optimizer = Optimizer {
            // Squared errors are steeper.
            learning_rate: if self.loss < 2 { 0.0625 } else { 1.0 / 256.0 },
            momentum: self.momentum,
            weight_decay: self.decay,
            clip: self.clip,
            ..Optimizer::default()
        };
        if let Some(schedule) = self.adam {
            manifest.optimizer = adam(schedule);
        }
        manifest.version = manifest.oldest_version();
        manifest.training =
            Training { batch: 1 << self.batch, steps_per_proof: 1 << self.steps, max_steps: 64 };
        match self.seed % 3 {
            0 => synthetic::with_weights(manifest),
            _ => manifest,
        }
    }
}

/// Adam with one of several schedules and shares.
fn adam(which: usize) -> Optimizer {
    let schedule = |kind, steps, every: Option<usize>| {
        let factor = every.map(|_| 0.625);
        Some(Schedule { kind, warmup: which, steps, every, factor })
    };
    let schedule = match which {
        0 => None,
        1 => schedule(ScheduleKind::Constant, None, None),
        2 => schedule(ScheduleKind::Linear, Some(9), None),
        3 => schedule(ScheduleKind::Cosine, None, None),
        _ => schedule(ScheduleKind::Step, None, Some(3)),
    };
    let (beta1, beta2) = if which < 3 { (None, None) } else { (Some(0.5), Some(0.9)) };
    let epsilon = (which == 2).then_some(1e-3);
    Optimizer { beta1, beta2, epsilon, schedule, ..Optimizer::adam(1.0 / 128.0) }
}

fn case() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        Just(None),
        Just(Some(LayerKind::Relu)),
        Just(Some(LayerKind::Sigmoid)),
        Just(Some(LayerKind::Tanh)),
        Just(Some(LayerKind::LeakyRelu)),
        Just(Some(LayerKind::Gelu)),
        Just(Some(LayerKind::Silu)),
    ];
    let slope = prop_oneof![Just(None), (0.001..0.9999).prop_map(Some)];
    let kernel = (1usize..5, 1usize..3, 0usize..3, 1usize..4, any::<bool>());
    let kernel = kernel.prop_map(|(size, stride, padding, out, bias)| {
        LayerSpec::conv2d(out, Kernel { size, stride, padding: padding.min(size - 1) }, bias)
    });
    let sizes = (1usize..5, 1usize..3, 0usize..3, any::<bool>());
    let depthwise = sizes.prop_map(|(size, stride, padding, bias)| {
        let padding = padding.min(size - 1);
        LayerSpec::depthwise_conv2d(Kernel { size, stride, padding }, bias)
    });
    let pool = (any::<bool>(), 2usize..4).prop_map(|(largest, size)| {
        let kind = if largest { LayerKind::MaxPool2d } else { LayerKind::AvgPool2d };
        LayerSpec::pool2d(kind, Some(size))
    });
    let whole = Just(LayerSpec::pool2d(LayerKind::AvgPool2d, None));
    let norms = [LayerKind::BatchNorm, LayerKind::LayerNorm, LayerKind::RmsNorm, LayerKind::Scale];
    let norm = prop::sample::select(norms.to_vec()).prop_map(LayerSpec::of);
    let layer = prop_oneof![4 => kernel, 2 => depthwise, 4 => pool, 1 => whole, 3 => norm];
    let image = ([1usize..9, 1usize..9, 1usize..4], prop::collection::vec(layer, 0..5));
    let image = prop_oneof![1 => Just(None), 1 => image.prop_map(fitting)];
    (
        (image, prop::collection::vec(1usize..14, 2..6)),
        (prop::collection::vec(kind, 5), slope),
        any::<u32>(),
        0usize..4,
        prop_oneof![Just(0.0), Just(0.9)],
        prop_oneof![Just(0.0), Just(1.0 / 64.0), Just(1e-4)],
        prop_oneof![Just(None), Just(Some(0.02)), Just(Some(1.0))],
        prop_oneof![3 => Just(None), 2 => (0usize..5).prop_map(Some)],
        (0u32..4, 0u32..3),
        (prop_oneof![Just(0), any::<u64>()], any::<u64>()),
    )
        .prop_map(
            |(
                (images, widths),
                (kinds, slope),
                biases,
                loss,
                momentum,
                decay,
                clip,
                adam,
                (batch, steps),
                (graph, seed),
            )| {
                Case {
                    images,
                    widths,
                    kinds,
                    slope,
                    biases,
                    loss,
                    momentum,
                    decay,
                    clip,
                    adam,
                    batch,
                    steps,
                    graph,
                    seed,
                }
            },
        )
}

/// The layers that fit what those before them leave of the image.
fn fitting((image, mut layers): Images) -> Option<Images> {
    let (mut sides, mut channels) = ([image[0], image[1]], image[2]);
    layers.retain(|layer| match after(layer, sides) {
        // A number by itself has nothing to be normalised by.
        Some(_) if [LayerKind::LayerNorm, LayerKind::RmsNorm].contains(&layer.kind) => channels > 1,
        Some(after) => {
            (sides, channels) = (after, layer.out.unwrap_or(channels));
            true
        }
        None => false,
    });
    Some((image, layers))
}

/// The sides behind a layer; none if it does not fit.
fn after(layer: &LayerSpec, sides: [usize; 2]) -> Option<[usize; 2]> {
    if matches!(layer.kind, LayerKind::Conv2d | LayerKind::DepthwiseConv2d) {
        let (size, stride) = (layer.kernel?, layer.stride?);
        let kernel = Kernel { size, stride, padding: layer.padding? };
        let [height, width] = sides.map(|side| kernel.places(side));
        return Some([height?, width?]);
    }
    let norms = [LayerKind::BatchNorm, LayerKind::LayerNorm, LayerKind::RmsNorm];
    if norms.contains(&layer.kind) || layer.kind == LayerKind::Scale {
        return Some(sides);
    }
    if layer.kernel.is_none() && sides[0] != sides[1] {
        return None;
    }
    let size = layer.kernel.unwrap_or(sides[0]);
    sides.iter().all(|side| side % size == 0).then(|| sides.map(|side| side / size))
}

/// Two windows in a row, the second with the first one's state, both checked.
fn train_and_check(manifest: &Manifest, scale: f64, seed: u64) -> Vec<Trace> {
    let network = manifest.network().unwrap();
    let mut sample = synthetic::samples(manifest, 2 * network.window(), seed).unwrap();
    sample.inputs.iter_mut().for_each(|x| *x *= scale);
    let data = sample.quantized(&network);
    let trainer = Trainer::new(network.clone()).unwrap();
    let mut parameters = initial_parameters(&network, seed);
    let mut state = None;
    let mut traces = Vec::new();
    for index in 0..2 {
        let (x, y) = data.window(&network, index).unwrap();
        let trace = trainer.train_window(&parameters, state.as_ref(), x, y).unwrap();
        check(manifest, &network, &trace);
        state = last_state(&network, &trace);
        parameters = trace.after.clone();
        traces.push(trace);
    }
    traces
}

fn calibrated(draft: &Manifest) -> Manifest {
    try_calibrated(draft).unwrap()
}

fn try_calibrated(draft: &Manifest) -> Result<Manifest, CalibrationError> {
    calibrate(draft, &synthetic::samples(draft, 64, 5)?, 1)
}

/// A random case may diverge, or nearly so that no scale fits; it is then no case at all.
fn case_manifest(case: &Case) -> Option<Manifest> {
    match try_calibrated(&case.manifest()) {
        Err(CalibrationError::Diverges { .. } | CalibrationError::Resolution { .. }) => None,
        // What is passed on has few bits where it goes around layers that have many.
        Err(CalibrationError::NoScales(_)) if case.graph != 0 => None,
        manifest => Some(manifest.unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_integer_of_the_trace_is_the_specified_one(case in case()) {
        let manifest = case_manifest(&case);
        prop_assume!(manifest.is_some());
        train_and_check(&manifest.unwrap(), 1.0, case.seed);
    }

    /// Inputs far outside the calibrated range: everything saturates, nothing breaks.
    #[test]
    fn saturation_is_traced_exactly(case in case()) {
        let manifest = case_manifest(&case);
        prop_assume!(manifest.is_some());
        train_and_check(&manifest.unwrap(), 1000.0, case.seed);
    }
}

fn shape_13_7_3() -> Case {
    Case {
        images: None,
        widths: vec![13, 7, 3],
        kinds: vec![Some(LayerKind::Relu); 2],
        slope: None,
        biases: 0,
        loss: 0,
        momentum: 0.9,
        decay: 0.01,
        clip: None,
        adam: None,
        batch: 3,
        steps: 2,
        graph: 0,
        seed: 7,
    }
}

#[test]
fn saturation_really_happens_under_stress() {
    let mut case = shape_13_7_3();
    case.clip = Some(0.01);
    let mut manifest = calibrated(&case.manifest());
    // Scales far too fine for the values: quotients overflow.
    for layer in &mut manifest.quantization.as_mut().unwrap().layers {
        layer.z_frac = 15;
        layer.grad_frac = layer.grad_frac.map(|_| 22);
    }
    manifest.validate().unwrap();
    let traces = train_and_check(&manifest, 1000.0, 3);
    let hidden = &traces[1].layers[0];
    let clip = hidden.w.as_ref().and_then(|w| w.clip.as_ref());
    for (what, rounded) in [
        ("z", hidden.tensors.rounded("z").unwrap()),
        ("g", hidden.tensors.rounded("g").unwrap()),
        ("clip", clip.unwrap()),
    ] {
        assert!(rounded.excess.iter().any(|(_, e)| *e > 0), "{what} has positive excesses");
        assert!(rounded.excess.iter().any(|(_, e)| *e < 0), "{what} has negative excesses");
    }
    let mut case = shape_13_7_3();
    case.momentum = 0.0;
    let traces = train_and_check(&calibrated(&case.manifest()), 1000.0, 3);
    let updates = traces.iter().filter_map(|trace| trace.layers[0].w.as_ref());
    assert!(updates.into_iter().any(|w| !w.update.excess.is_empty()), "updates saturate");
}

#[test]
fn the_trace_is_the_same_for_any_number_of_threads() {
    let manifest = synthetic::manifest(&[300, 200, 10], 64, 2).unwrap();
    let network = manifest.network().unwrap();
    let data = synthetic::samples(&manifest, 128, 3).unwrap().quantized(&network);
    let before = initial_parameters(&network, 1);
    let (x, y) = data.window(&network, 0).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            Trainer::new(network.clone()).unwrap().train_window(&before, None, x, y).unwrap()
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn what_does_not_fit_the_network_is_refused() {
    let manifest = calibrated(&shape_13_7_3().manifest());
    let network = manifest.network().unwrap();
    let data = synthetic::samples(&manifest, network.window(), 1).unwrap().quantized(&network);
    let (x, y) = data.window(&network, 0).unwrap();
    let good = initial_parameters(&network, 1);
    let trainer = Trainer::new(network.clone()).unwrap();
    let run = |p: &Parameters, s: Option<&OptimizerState>, x: &[i16], y: &[i16]| {
        trainer.train_window(p, s, x, y).map(|_| ()).unwrap_err()
    };
    let window = |what, expected, got| TrainError::Window { what, expected, got };
    assert_eq!(run(&good, None, &x[1..], y), window("inputs", 32 * 13, 32 * 13 - 1));
    assert_eq!(run(&good, None, x, &y[3..]), window("labels", 32 * 3, 31 * 3));
    let mut labels = y.to_vec();
    labels[3..6].copy_from_slice(&[1, 1, 0]);
    assert_eq!(run(&good, None, x, &labels), TrainError::Label { sample: 1 });
    labels[3..6].copy_from_slice(&[-1, 1, 1]);
    assert_eq!(run(&good, None, x, &labels), TrainError::Label { sample: 1 });
    let mut bad = good.clone();
    bad.layers.pop();
    assert_eq!(run(&bad, None, x, y), TrainError::Layers { expected: 2, got: 1 });
    let mut bad = good.clone();
    bad.layers[1].w.pop();
    assert!(matches!(
        run(&bad, None, x, y),
        TrainError::Parameters { layer: 1, expected: 21, got: 20, .. }
    ));
    let mut bad = good.clone();
    bad.layers[0].b = None;
    assert!(matches!(
        run(&bad, None, x, y),
        TrainError::Parameters { layer: 0, expected: 7, got: 0, .. }
    ));
    let mut bad = good.clone();
    bad.layers[1].w[2] = i32::MIN;
    let bits = network.weight_bits;
    assert_eq!(run(&bad, None, x, y), TrainError::ParameterRange { layer: 1, bits, got: i32::MIN });
    // The last parameter that T more steps keep below the bound, and the first that they may not.
    let limit = (1i32 << bits) - (network.steps as i32) * (1 << 15);
    bad.layers[1].w[2] = limit - 1;
    assert!(trainer.train_window(&bad, None, x, y).is_ok());
    bad.layers[1].w[2] = limit;
    assert!(matches!(run(&bad, None, x, y), TrainError::ParameterRange { .. }));
    let mut state = OptimizerState { blocks: vec![good.clone()], steps: 0 };
    state.blocks[0].layers.iter_mut().for_each(|l| l.w.fill(-(1 << 15)));
    assert!(trainer.train_window(&good, Some(&state), x, y).is_ok());
    state.blocks[0].layers[0].w[0] = (1 << 15) + 1;
    assert!(matches!(run(&good, Some(&state), x, y), TrainError::ParameterRange { bits: 16, .. }));
    let mut case = shape_13_7_3();
    case.momentum = 0.0;
    let plain = Trainer::new(calibrated(&case.manifest()).network().unwrap()).unwrap();
    let error = plain.train_window(&good, Some(&state), x, y).unwrap_err();
    assert_eq!(error, TrainError::UnexpectedState);
}

/// Of Adam: a state of fewer blocks, of other lengths, of numbers that no chain leads to, or of one that is at its end.
#[test]
fn a_state_that_no_chain_leaves_is_refused() {
    let mut draft = synthetic::draft(&[5, 3], 4, 2);
    (draft.optimizer, draft.training.max_steps) = (Optimizer::adam(0.01), 8);
    let manifest = synthetic::calibrated(draft).unwrap();
    let network = manifest.network().unwrap();
    let data = synthetic::samples(&manifest, network.window(), 1).unwrap().quantized(&network);
    let (x, y) = data.window(&network, 0).unwrap();
    let (before, trainer) =
        (initial_parameters(&network, 1), Trainer::new(network.clone()).unwrap());
    let trace = trainer.train_window(&before, None, x, y).unwrap();
    let good = last_state(&network, &trace).unwrap();
    assert_eq!((good.blocks.len(), good.steps), (4, 2));
    let run = |change: fn(&mut OptimizerState)| {
        let mut state = good.clone();
        change(&mut state);
        trainer.train_window(&before, Some(&state), x, y).map(|_| ())
    };
    assert_eq!(run(|_| {}), Ok(()));
    assert_eq!(run(|s| s.steps = 6), Ok(()));
    assert_eq!(run(|s| s.steps = 7), Err(TrainError::TooManySteps { max: 8, got: 9 }));
    let fewer = run(|s| s.blocks.truncate(1));
    assert_eq!(fewer, Err(TrainError::State { expected: 4, got: 1 }));
    let shorter = run(|s| s.blocks[2].layers[0].w.truncate(1));
    assert!(matches!(shorter, Err(TrainError::Parameters { what: "moments of weights", .. })));
    let unbiased = run(|s| s.blocks[3].layers[0].b = None);
    assert!(matches!(unbiased, Err(TrainError::Parameters { what: "moments of biases", .. })));
    assert!(matches!(run(|s| s.blocks[0].layers.clear()), Err(TrainError::Layers { .. })));
    let beyond: [fn(&mut OptimizerState); 7] = [
        |s| s.blocks[0].layers[0].w[0] = 1 << 14,
        |s| s.blocks[0].layers[0].w[0] = -(1 << 14),
        |s| s.blocks[1].layers[0].w[0] = -1,
        |s| s.blocks[1].layers[0].w[0] = 1 << 14,
        |s| s.blocks[2].layers[0].w[0] = (1 << 15) - 1,
        |s| s.blocks[3].layers[0].b.as_mut().unwrap()[0] = 1 << 16,
        |s| s.blocks[3].layers[0].w[0] = -1,
    ];
    for change in beyond {
        assert!(matches!(run(change), Err(TrainError::Moment { layer: 0, .. })));
    }
}

#[test]
fn a_window_whose_indices_would_not_fit_is_refused() {
    let mut network = calibrated(&shape_13_7_3().manifest()).network().unwrap();
    network.steps = 1 << 27;
    let parameters = initial_parameters(&network, 1);
    let error =
        Trainer::new(network).unwrap().train_window(&parameters, None, &[], &[]).unwrap_err();
    let (max, got) = (u32::MAX as usize, (13 * 7) << 27);
    assert_eq!(error, TrainError::TooLarge { max, got });
}

#[test]
fn evaluation_refuses_what_does_not_fit() {
    let manifest = calibrated(&shape_13_7_3().manifest());
    let network = manifest.network().unwrap();
    let data = synthetic::samples(&manifest, 20, 1).unwrap().quantized(&network);
    let trainer = Trainer::new(network.clone()).unwrap();
    let good = initial_parameters(&network, 1);
    let metrics = evaluate(&trainer, &good, &data).unwrap();
    assert_eq!(metrics.samples, 20);
    assert!(metrics.loss > 0.0 && (0.0..=1.0).contains(&metrics.accuracy.unwrap()));
    let mut bad = good.clone();
    bad.layers[0].w[0] = i32::MAX;
    let error = evaluate(&trainer, &bad, &data).unwrap_err();
    assert!(matches!(error, TrainError::ParameterRange { layer: 0, .. }));
    let other = synthetic::draft(&[12, 3], 2, 1);
    let narrow = synthetic::samples(&other, 20, 1).unwrap().quantized(&network);
    let error = evaluate(&trainer, &good, &narrow).unwrap_err();
    assert!(matches!(error, TrainError::Window { what: "inputs", expected: 13, got: 12 }));
}
