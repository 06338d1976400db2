//! Networks over images: what comes before their linear layers.

use zktrain_model::manifest::{LayerKind, LayerSpec, Network};

/// An image and the layers over it.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Height, width and channels of the input.
    pub image: [usize; 3],
    /// Convolutions, pools and batch norms, in order. If activations are among them, all are, and nothing is added.
    pub layers: Vec<LayerSpec>,
}

/// What goes through the layers, input first, as in `30-16-2` or `28x28x1-14x14x8-10`.
pub fn shape(network: &Network) -> String {
    let outputs = network.layers.iter().map(|layer| layer.output);
    let all = std::iter::once(network.features).chain(outputs);
    all.map(|values| values.to_string()).collect::<Vec<String>>().join("-")
}

/// The layers of a model but the last: those over an image, then linear ones of these widths, with an activation
/// behind each that has weights, unless those over the image have theirs. Behind a convolution that a pool of the
/// largest follows, the activation comes after the pool if it never falls: that is the same function, of fewer numbers.
/// It comes after norms and scales too.
pub fn hidden_layers(
    images: Option<&Images>,
    widths: &[usize],
    activation: LayerKind,
) -> Vec<LayerSpec> {
    let over_image = images.map_or(&[][..], |images| &images.layers);
    let linear = widths.iter().map(|out| LayerSpec::linear(*out, true));
    let written_out = over_image.iter().any(|layer| !layer.kind.begins_layer());
    let (mut layers, open) =
        if written_out { (over_image.to_vec(), &[][..]) } else { (Vec::new(), over_image) };
    let all: Vec<LayerSpec> = open.iter().copied().chain(linear).collect();
    let mut pending = false;
    for (l, layer) in all.iter().enumerate() {
        layers.push(*layer);
        pending |= !is_pool(layer.kind);
        let next = all.get(l + 1).map(|next| next.kind);
        let waits = match next {
            Some(LayerKind::MaxPool2d) => rises(activation),
            next => next.is_some_and(scales),
        };
        if pending && !waits {
            layers.push(LayerSpec::of(activation));
            pending = false;
        }
    }
    layers
}

/// Whether an activation of a larger number is never smaller.
fn rises(activation: LayerKind) -> bool {
    !matches!(activation, LayerKind::Gelu | LayerKind::Silu)
}

fn scales(kind: LayerKind) -> bool {
    use LayerKind::{BatchNorm, LayerNorm, RmsNorm, Scale};
    matches!(kind, BatchNorm | LayerNorm | RmsNorm | Scale)
}

fn is_pool(kind: LayerKind) -> bool {
    matches!(kind, LayerKind::MaxPool2d | LayerKind::AvgPool2d)
}

#[cfg(test)]
mod tests {
    use zktrain_model::manifest::Kernel;

    use super::*;

    #[test]
    fn an_activation_follows_each_layer_with_weights_behind_its_pool() {
        let kernel = Kernel { size: 3, stride: 1, padding: 1 };
        let conv = LayerSpec::conv2d(2, kernel, true);
        let pool = |kind| LayerSpec::pool2d(kind, Some(2));
        let layers = vec![
            conv,
            pool(LayerKind::MaxPool2d),
            conv,
            pool(LayerKind::AvgPool2d),
            pool(LayerKind::MaxPool2d),
        ];
        let images = Images { image: [8, 8, 1], layers };
        let all = hidden_layers(Some(&images), &[5], LayerKind::Tanh);
        let kinds: Vec<&str> = all.iter().map(|layer| layer.kind.name()).collect();
        let expected = "conv2d max_pool2d tanh conv2d tanh avg_pool2d max_pool2d linear tanh";
        assert_eq!(kinds.join(" "), expected);
        let norm = LayerSpec::of(LayerKind::BatchNorm);
        let layers = vec![conv, norm, conv, norm, pool(LayerKind::MaxPool2d)];
        let all = hidden_layers(Some(&Images { image: [8, 8, 1], layers }), &[], LayerKind::Relu);
        let kinds: Vec<&str> = all.iter().map(|layer| layer.kind.name()).collect();
        let expected = "conv2d batch_norm relu conv2d batch_norm max_pool2d relu";
        assert_eq!(kinds.join(" "), expected);
        let layers = images.layers.clone();
        let images = Images { image: [8, 8, 1], layers };
        let all = hidden_layers(Some(&images), &[5], LayerKind::Gelu);
        let kinds: Vec<&str> = all.iter().map(|layer| layer.kind.name()).collect();
        let expected = "conv2d gelu max_pool2d conv2d gelu avg_pool2d max_pool2d linear gelu";
        assert_eq!(kinds.join(" "), expected);
        assert_eq!(hidden_layers(None, &[], LayerKind::Relu), []);
        // What is written out stays as it is.
        let images = Images { image: [8, 8, 1], layers: all[..4].to_vec() };
        let again = hidden_layers(Some(&images), &[5], LayerKind::Gelu);
        assert_eq!((&again[..4], &again[4..]), (&all[..4], &all[7..]));
    }
}
