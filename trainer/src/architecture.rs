//! Networks that have names.

use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec};

use crate::images::Images;

/// A known network over images, but for what its last layer puts out.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// What people call it.
    pub name: &'static str,
    /// Its input, and the layers over it.
    pub images: Images,
    /// Widths of the linear layers behind them.
    pub hidden: Vec<usize>,
    /// A step length at which it can be trained without momentum, from random parameters.
    pub learning_rate: f64,
}

/// All of them.
pub fn architectures() -> Vec<Architecture> {
    vec![lenet(), vgg11(), resnet18()]
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
    Architecture { name: "lenet", images, hidden: vec![120, 84], learning_rate: 0.0625 }
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
    Architecture { name: "vgg11", images, hidden: vec![512, 512], learning_rate: 0.0078125 }
}

/// ResNet-18 for images of 32×32×3: a convolution of 3×3 and no pool before the blocks, as it is built for small images.
///
/// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (2015); the form for small images as
/// in its section 4.2.
fn resnet18() -> Architecture {
    let mut layers = vec![conv(64, 3, 1), relu()];
    for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        residual(&mut layers, channels, if stage > 0 { 2 } else { 1 });
        residual(&mut layers, channels, 1);
    }
    layers.push(LayerSpec::pool2d(LayerKind::AvgPool2d, None));
    let images = Images { image: [32, 32, 3], layers };
    Architecture { name: "resnet18", images, hidden: Vec::new(), learning_rate: 0.0078125 }
}

/// Two convolutions and what goes around them: through a convolution of 1×1 where the image shrinks.
fn residual(layers: &mut Vec<LayerSpec>, channels: usize, stride: usize) {
    let before = layers.len() - 1;
    let first = Kernel { size: 3, stride, padding: 1 };
    layers.extend([LayerSpec::conv2d(channels, first, true), relu(), conv(channels, 3, 1)]);
    let through = layers.len() - 1;
    let mut with = before;
    if stride > 1 {
        let around = Kernel { size: 1, stride, padding: 0 };
        let from = Some(before);
        layers.push(LayerSpec { from, ..LayerSpec::conv2d(channels, around, true) });
        with = through;
    }
    layers.extend([LayerSpec { with: Some(with), ..LayerSpec::of(LayerKind::Add) }, relu()]);
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
        let known = [("lenet", 61_706), ("vgg11", 9_750_922)];
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
