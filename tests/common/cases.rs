//! Random networks with everything that a manifest can ask for.

use proptest::prelude::*;
use zktrain_model::manifest::{
    Activation, Features, Kernel, LayerKind, LayerSpec, Loss, Manifest, Model, Optimizer,
    Quantization, Schedule, ScheduleKind, Target, Training,
};
use zktrain_trainer::{CalibrationError, calibrate, synthetic};

/// Which loss, and what its labels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    Softmax,
    Logistic,
    MseOneHot,
    MseTarget,
}

/// Height, width and channels, and the convolutions, pools and batch norms over them.
pub type Images = ([usize; 3], Vec<LayerSpec>);

/// A network and what it is trained with.
#[derive(Clone, Debug)]
pub struct Case {
    /// Height, width and channels of the inputs, and the convolutions and pools that come first.
    pub image: Option<Images>,
    /// Input and outputs of every linear layer; the loss can change the last one. With an image the
    /// first is what comes out of those, whatever is said here.
    pub widths: Vec<usize>,
    /// What follows each linear layer but the last; the list is used cyclically.
    pub kinds: Vec<Option<LayerKind>>,
    /// What makes a graph of the layers.
    pub graph: u64,
    /// Of leaky ReLUs; the default without it.
    pub slope: Option<f64>,
    /// Bit `l` set: layer `l` has no bias.
    pub unbiased: u32,
    /// Bit `l` set: a batch norm behind the linear layer `l`, hidden ones counted from 0. Batches of one have none.
    pub normed: u32,
    /// Bit `l` set: a layer norm behind it, or an RMS norm if `l` is odd, and behind that a scale.
    pub rows: u32,
    pub loss: LossKind,
    pub momentum: f64,
    pub decay: f64,
    pub clip: Option<f64>,
    /// In place of these three.
    pub adam: Option<Optimizer>,
    /// Logarithms of batch and steps.
    pub batch: u32,
    pub steps: u32,
    pub row_log: u32,
    /// Inputs are this many times larger than what scales were calibrated for.
    pub stretch: f64,
    /// Scales far too fine for the values.
    pub fine: bool,
    /// The first sample of every window has no inputs but zeros.
    pub zeroed: bool,
    /// Labels have weights, where the loss can have them and no batch norm counts rows; where they can, each position of an
    /// image has one. A batch of several has one sample less then.
    pub weighted: bool,
    pub seed: u64,
}

impl Case {
    /// A plain network of these widths.
    pub fn plain(widths: &[usize]) -> Self {
        Self {
            image: None,
            widths: widths.to_vec(),
            kinds: vec![Some(LayerKind::Relu)],
            graph: 0,
            slope: None,
            unbiased: 0,
            normed: 0,
            rows: 0,
            loss: LossKind::Softmax,
            momentum: 0.0,
            decay: 0.0,
            clip: None,
            adam: None,
            batch: 3,
            steps: 1,
            row_log: 8,
            stretch: 1.0,
            fine: false,
            zeroed: false,
            weighted: false,
            seed: 1,
        }
    }

    fn activation(&self, kind: LayerKind) -> LayerSpec {
        let slope = self.slope.filter(|_| kind == LayerKind::LeakyRelu);
        LayerSpec { slope, ..LayerSpec::of(kind) }
    }

    fn draft(&self) -> Manifest {
        let mut manifest = synthetic::draft(&[3, 2], 4, 1);
        let last = *self.widths.last().unwrap();
        let (loss, outputs) = match self.loss {
            LossKind::Softmax => (Loss::SoftmaxCrossEntropy, last.max(2)),
            LossKind::Logistic => (Loss::Logistic, 1),
            LossKind::MseOneHot => (Loss::Mse, last.max(2)),
            LossKind::MseTarget => (Loss::Mse, 1),
        };
        let inner = self.widths.len() - 2;
        // Deep networks have more layers than there are bits.
        let bias = |layer: usize| self.unbiased & (1 << (layer % 32)) == 0;
        let norm = LayerSpec::of(LayerKind::BatchNorm);
        let over_image = self.image.iter().flat_map(|(_, layers)| layers).copied();
        let over_image = over_image.filter(|layer| self.batch > 0 || layer.kind != norm.kind);
        let linear = self.widths[1..=inner].iter().enumerate().flat_map(|(l, out)| {
            let normed = self.batch > 0 && self.normed & (1 << l) != 0;
            let row = [LayerKind::LayerNorm, LayerKind::RmsNorm].map(LayerSpec::of)[l % 2];
            let rows = *out > 1 && self.rows & (1 << l) != 0;
            let linear = core::iter::once(LayerSpec::linear(*out, true));
            let scale = LayerSpec { bias: Some(true), ..LayerSpec::of(LayerKind::Scale) };
            let rows = rows.then_some([row, scale]).into_iter().flatten();
            linear.chain(normed.then_some(norm)).chain(rows)
        });
        let mut layers = Vec::new();
        let mut count = 0;
        for (l, layer) in over_image.chain(linear).enumerate() {
            layers.push(LayerSpec { bias: layer.bias.map(|_| bias(l)), ..layer });
            layers.extend(self.kinds[l % self.kinds.len()].map(|kind| self.activation(kind)));
            count += 1;
        }
        layers.push(LayerSpec::linear(outputs, bias(count)));
        let input = self.image.as_ref().map(|(image, _)| image.iter().product());
        manifest.model.image = self.image.as_ref().map(|(image, _)| *image);
        manifest.model.input = input.unwrap_or(self.widths[0]);
        manifest.data.uniform.as_mut().unwrap().count = manifest.model.input;
        manifest.model.layers = layers;
        manifest.model = synthetic::with_shortcuts(&manifest.model, self.graph).unwrap();
        manifest.model.loss = loss;
        let classes = if loss == Loss::Logistic { 2 } else { outputs };
        manifest.data.classes = Some((0..classes).map(|j| j.to_string()).collect());
        if self.loss == LossKind::MseTarget {
            manifest.data.classes = None;
            manifest.data.target = Some(Target { offset: 0.0, scale: 1.0 });
        }
        let steep = matches!(self.loss, LossKind::MseOneHot | LossKind::MseTarget);
        manifest.optimizer = Optimizer {
            learning_rate: if steep { 1.0 / 256.0 } else { 0.0625 },
            momentum: self.momentum,
            weight_decay: self.decay,
            clip: self.clip,
            ..Optimizer::default()
        };
        manifest.optimizer = self.adam.unwrap_or(manifest.optimizer);
        manifest.version = manifest.oldest_version();
        let (batch, steps_per_proof) = (1 << self.batch, 1 << self.steps);
        manifest.training = Training { batch, steps_per_proof, max_steps: 64 };
        if self.weighted { synthetic::with_weights(manifest) } else { manifest }
    }

    /// The calibrated manifest; none where no scales fit, which is no case at all.
    pub fn manifest(&self) -> Option<Manifest> {
        let draft = self.draft();
        let samples = synthetic::samples(&draft, 64, 5).unwrap();
        let mut manifest = match calibrate(&draft, &samples, 1) {
            Err(CalibrationError::Diverges { .. } | CalibrationError::Resolution { .. }) => {
                return None;
            }
            // What is passed on has few bits where it goes around layers that have many.
            Err(CalibrationError::NoScales(_)) if self.graph != 0 => return None,
            manifest => manifest.unwrap(),
        };
        let quantization = manifest.quantization.as_mut().unwrap();
        quantization.row_log = self.row_log.max(image_log(&manifest.model));
        if self.adam.is_some() && self.stretch > 1.0 {
            // Gradients that saturate, though not by much.
            let layers = quantization.layers.iter_mut();
            layers.for_each(|layer| layer.clip_frac = layer.clip_frac.map(|frac| frac + 1));
        }
        if self.fine {
            let last = quantization.layers.len() - 1;
            for layer in &mut quantization.layers[..last] {
                layer.z_frac = layer.z_frac.max(layer.a_frac.map_or(13, |_| 13));
                layer.grad_frac = layer.grad_frac.map(|frac| frac.max(18));
            }
            pass_through(&manifest.model, quantization);
        }
        if manifest.validate().is_err() {
            // Finer scales change multipliers; such a network keeps its own.
            return Self { fine: false, ..self.clone() }.manifest();
        }
        Some(manifest)
    }
}

/// Bits of the largest image that windows are read from, which has to lie in one row.
fn image_log(model: &Model) -> u32 {
    let shapes = model.shapes().unwrap().into_iter();
    let images = shapes.filter(|shape| shape.kernel.is_some());
    let log = |side: &usize| side.next_power_of_two().trailing_zeros();
    let bits = |image: Features| image.sides().iter().map(log).sum();
    images.flat_map(|shape| [shape.input, shape.output]).map(bits).max().unwrap_or(0)
}

/// Gives pools of the largest the scales of what they take, and of what arrives at them; and sums no finer ones
/// than they add, whose gradients have no coarser ones than theirs.
fn pass_through(model: &Model, quantization: &mut Quantization) {
    let (shapes, input) = (model.shapes().unwrap(), quantization.input_frac);
    let layers = &mut quantization.layers;
    for (l, shape) in shapes.iter().enumerate() {
        let out = |of: Option<usize>| {
            of.map_or(input, |of| layers[of].a_frac.unwrap_or(layers[of].z_frac))
        };
        let (first, second) = (out(shape.from), out(shape.with));
        match shape.kind {
            LayerKind::MaxPool2d => layers[l].z_frac = first,
            LayerKind::Add => layers[l].z_frac = layers[l].z_frac.min(first.max(second)),
            LayerKind::Softmax => layers[l].z_frac = 14,
            _ => {}
        }
    }
    for (l, shape) in shapes.iter().enumerate().rev() {
        let more = if shape.activation == Activation::Sigmoid { 2 } else { 0 };
        let Some(sent) = layers[l].grad_frac.map(|frac| frac + more) else { continue };
        for below in shape.from.into_iter().chain(shape.with) {
            match shape.kind {
                LayerKind::MaxPool2d => layers[below].grad_frac = Some(sent),
                LayerKind::Add | LayerKind::Positions => {
                    layers[below].grad_frac = layers[below].grad_frac.map(|frac| frac.max(sent));
                }
                _ => {}
            }
        }
    }
}

/// No image, or one with up to four convolutions and pools that fit it.
fn image() -> impl Strategy<Value = Option<Images>> {
    let kernel = (1usize..5, 1usize..3, 0usize..3).prop_map(|(size, stride, padding)| Kernel {
        size,
        stride,
        padding: padding.min(size - 1),
    });
    let convolution = (0usize..5, kernel).prop_map(|(out, kernel)| match out {
        0 => LayerSpec::depthwise_conv2d(kernel, true),
        _ => LayerSpec::conv2d(out, kernel, true),
    });
    let pool = (0..5, 2usize..4).prop_map(|(kind, size)| match kind {
        0 => LayerSpec::pool2d(LayerKind::AvgPool2d, None),
        1 | 2 => LayerSpec::pool2d(LayerKind::AvgPool2d, Some(size)),
        _ => LayerSpec::pool2d(LayerKind::MaxPool2d, Some(size)),
    });
    let norms = [LayerKind::BatchNorm, LayerKind::LayerNorm, LayerKind::RmsNorm, LayerKind::Scale];
    let norm = prop::sample::select(norms.to_vec()).prop_map(LayerSpec::of);
    let layer = prop_oneof![3 => convolution, 2 => pool, 2 => norm];
    let image = ([1usize..9, 1usize..9, 1usize..4], prop::collection::vec(layer, 1..5));
    let fitting = image.prop_map(|([height, width, channels], mut layers)| {
        let (mut sides, mut count) = ([height, width], channels);
        layers.retain(|layer| match sides.map(|side| places(layer, side)) {
            _ if [LayerKind::BatchNorm, LayerKind::Scale].contains(&layer.kind) => true,
            // A number by itself has nothing to be normalised by.
            _ if [LayerKind::LayerNorm, LayerKind::RmsNorm].contains(&layer.kind) => count > 1,
            // A mean of the whole needs a square.
            _ if layer.kind == LayerKind::AvgPool2d && layer.kernel.is_none() => {
                let square = sides[0] == sides[1];
                sides = if square { [1, 1] } else { sides };
                square
            }
            [Some(rows), Some(columns)] => {
                (sides, count) = ([rows, columns], layer.out.unwrap_or(count));
                true
            }
            _ => false,
        });
        Some(([height, width, channels], layers))
    });
    prop_oneof![1 => Just(None), 1 => fitting]
}

/// Places along a side; none if the layer does not fit.
fn places(layer: &LayerSpec, side: usize) -> Option<usize> {
    let size = layer.kernel?;
    match (layer.stride, layer.padding) {
        (Some(stride), Some(padding)) => Kernel { size, stride, padding }.places(side),
        _ => side.is_multiple_of(size).then_some(side / size),
    }
}

/// Adam with and without a schedule.
fn adam(seed: u64) -> Optimizer {
    let schedule = Schedule {
        kind: if seed.is_multiple_of(2) { ScheduleKind::Linear } else { ScheduleKind::Cosine },
        warmup: 3,
        steps: None,
        every: None,
        factor: None,
    };
    let schedule = (!seed.is_multiple_of(3)).then_some(schedule);
    Optimizer { schedule, ..Optimizer::adam(1.0 / 128.0) }
}

/// Any case: depths 1 to 16, odd widths, every activation, loss and optimizer.
pub fn case() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        Just(None),
        Just(Some(LayerKind::Relu)),
        Just(Some(LayerKind::Sigmoid)),
        Just(Some(LayerKind::Tanh)),
        Just(Some(LayerKind::LeakyRelu)),
        Just(Some(LayerKind::Gelu)),
        Just(Some(LayerKind::Silu)),
    ];
    let slope = prop_oneof![Just(None), Just(Some(0.25)), Just(Some(0.9))];
    let loss = prop_oneof![
        Just(LossKind::Softmax),
        Just(LossKind::Logistic),
        Just(LossKind::MseOneHot),
        Just(LossKind::MseTarget),
    ];
    let optimizer = (
        prop_oneof![Just(0.0), Just(0.9)],
        prop_oneof![Just(0.0), Just(1.0 / 64.0)],
        prop_oneof![Just(None), Just(Some(0.02)), Just(Some(1.0))],
    );
    let depth = prop_oneof![4 => 2usize..6, 1 => 6usize..18];
    let widths = depth.prop_flat_map(|depth| prop::collection::vec(1usize..20, depth));
    let sizes = (0u32..6, 0u32..4, 5u32..13);
    let stretch = (prop_oneof![Just(1.0), Just(1.0), Just(1000.0)], any::<bool>());
    let kinds = (prop::collection::vec(kind, 1..5), slope);
    let network = (image(), widths, kinds, any::<u32>(), loss);
    let seeds = (prop_oneof![Just(0), any::<u64>()], any::<u64>());
    (network, optimizer, sizes, stretch, seeds).prop_map(
        |(
            (image, widths, (kinds, slope), unbiased, loss),
            (momentum, decay, clip),
            (batch, steps, row_log),
            (stretch, fine),
            (graph, seed),
        )| Case {
            // Rows hold an image's sides.
            image: image.filter(|_| row_log >= 6),
            widths,
            kinds,
            graph,
            slope,
            unbiased,
            normed: (seed >> 8) as u32 & (seed >> 16) as u32,
            rows: (seed >> 24) as u32 & (seed >> 32) as u32,
            loss,
            momentum,
            decay,
            clip,
            adam: ((seed >> 40) % 4 == 0).then(|| adam(seed >> 42)),
            batch,
            steps,
            row_log,
            stretch,
            fine,
            zeroed: seed % 4 == 0,
            weighted: (seed >> 48) % 3 == 0,
            seed,
        },
    )
}
