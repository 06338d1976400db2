//! Networks that have names.

use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec};

use crate::images::Images;
use crate::transformer::Transformer;

/// A known network over images, but for what its last layer puts out.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// What people call it.
    pub name: &'static str,
    /// Its input, and the layers over it.
    pub images: Images,
    /// Widths of the linear layers behind them.
    pub hidden: Vec<usize>,
    /// Whether each position has a label, of as many classes as it has numbers in the input.
    pub by_position: bool,
    /// A step length at which it can be trained without momentum, from random parameters.
    pub learning_rate: f64,
}

/// All of them.
pub fn architectures() -> Vec<Architecture> {
    vec![lenet(), vgg11(), resnet(), resnet18(), transformer()]
}

/// The one of that name.
pub fn architecture(name: &str) -> Option<Architecture> {
    architectures().into_iter().find(|architecture| architecture.name == name)
}

/// LeNet-5 as it is built today: pools of the largest, and an activation after each layer.
///
/// Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998).
fn lenet() -> Architecture {
    let layers = vec![conv(6, 5, 2), max(), conv(16, 5, 0), max()];
    let images = Images { image: [28, 28, 1], layers };
    Architecture {
        name: "lenet",
        images,
        hidden: vec![120, 84],
        by_position: false,
        learning_rate: 0.0625,
    }
}

/// VGG-11 for images of 32×32×3, with a classifier of two hidden layers of 512.
///
/// Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition" (2014),
/// configuration A.
fn vgg11() -> Architecture {
    let blocks: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
    let block = |channels: &[usize]| -> Vec<LayerSpec> {
        channels.iter().map(|out| conv(*out, 3, 1)).chain([max()]).collect()
    };
    let layers = blocks.into_iter().flat_map(block).collect();
    let images = Images { image: [32, 32, 3], layers };
    Architecture {
        name: "vgg11",
        images,
        hidden: vec![512, 512],
        by_position: false,
        learning_rate: 0.0078125,
    }
}

/// ResNet-18 for images of 32×32×3: a convolution of 3×3 and no pool before the blocks, as it is built for small images.
///
/// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (2015); the form for small images as
/// in its section 4.2.
fn resnet18() -> Architecture {
    let images = residual_network([32, 32, 3], (64, 1), &[(64, 2), (128, 2), (256, 2), (512, 2)]);
    Architecture {
        name: "resnet18",
        images,
        hidden: Vec::new(),
        by_position: false,
        learning_rate: 0.0625,
    }
}

/// A transformer of four blocks over sequences of 64 positions, each one of 64 tokens, that predicts the next.
fn transformer() -> Architecture {
    let (positions, inputs, channels, heads, blocks, causal) = (64, 64, 128, 4, 4, true);
    let images = Transformer { positions, inputs, channels, heads, blocks, causal }.layers();
    let (hidden, learning_rate) = (Vec::new(), 0.125);
    Architecture { name: "transformer", images, hidden, by_position: true, learning_rate }
}

/// A small residual network for images of 28×28×1: three blocks behind a convolution that halves the image.
fn resnet() -> Architecture {
    let images = residual_network([28, 28, 1], (8, 2), &[(8, 1), (16, 2)]);
    Architecture {
        name: "resnet",
        images,
        hidden: Vec::new(),
        by_position: false,
        learning_rate: 0.125,
    }
}

/// A first convolution, `(channels, stride)`, stages of `(channels, blocks)`, of which all but the first halve the image, and
/// the mean of what is left of it. A norm follows each convolution, which has no biases then.
fn residual_network(
    image: [usize; 3],
    (first, stride): (usize, usize),
    stages: &[(usize, usize)],
) -> Images {
    let mut layers = normed(first, Kernel { size: 3, stride, padding: 1 }).to_vec();
    layers.push(relu());
    for (stage, (channels, blocks)) in stages.iter().enumerate() {
        for block in 0..*blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            residual(&mut layers, *channels, stride);
        }
    }
    layers.push(LayerSpec::pool2d(LayerKind::AvgPool2d, None));
    Images { image, layers }
}

/// Two convolutions and what goes around them: through a convolution of 1×1 where the image shrinks.
fn residual(layers: &mut Vec<LayerSpec>, channels: usize, stride: usize) {
    let before = layers.len() - 1;
    layers.extend(normed(channels, Kernel { size: 3, stride, padding: 1 }));
    layers.push(relu());
    layers.extend(normed(channels, Kernel { size: 3, stride: 1, padding: 1 }));
    let through = layers.len() - 1;
    let mut with = before;
    if stride > 1 {
        let [convolution, norm] = normed(channels, Kernel { size: 1, stride, padding: 0 });
        layers.extend([LayerSpec { from: Some(before), ..convolution }, norm]);
        with = through;
    }
    layers.extend([LayerSpec { with: Some(with), ..LayerSpec::of(LayerKind::Add) }, relu()]);
}

/// A convolution and its norm.
fn normed(channels: usize, kernel: Kernel) -> [LayerSpec; 2] {
    [LayerSpec::conv2d(channels, kernel, false), LayerSpec::of(LayerKind::BatchNorm)]
}

fn relu() -> LayerSpec {
    LayerSpec::of(LayerKind::Relu)
}

fn conv(out: usize, size: usize, padding: usize) -> LayerSpec {
    LayerSpec::conv2d(out, Kernel { size, stride: 1, padding }, true)
}

fn max() -> LayerSpec {
    LayerSpec::pool2d(LayerKind::MaxPool2d, Some(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    /// Parameters as the papers count them.
    #[test]
    fn networks_have_as_many_parameters_as_they_are_known_for() {
        // Running statistics are none.
        let known = [
            ("lenet", 61_706),
            ("vgg11", 9_750_922),
            ("resnet18", 11_173_962),
            // Of each block four layers of 128×128, two of 128×512, and norms; positions, the first layer and the last.
            (
                "transformer",
                4 * (4 * 128 * 129 + 2 * 128 * 512 + 640 + 512) + 256 + 8192 + 8320 + 81_930,
            ),
        ];
        for (name, expected) in known {
            let network = architecture(name).unwrap();
            let widths: Vec<usize> = [0].into_iter().chain(network.hidden).chain([10]).collect();
            let draft = synthetic::image_draft(&network.images, &widths, 4, 1);
            let shapes = draft.shapes().unwrap();
            let parameters: usize =
                shapes.iter().map(|s| s.n_in * s.n_out + if s.bias { s.n_out } else { 0 }).sum();
            assert_eq!(parameters, expected, "{name}");
        }
        assert_eq!(architecture("alexnet"), None);
    }
}
