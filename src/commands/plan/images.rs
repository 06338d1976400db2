//! Images and the layers over them as options name them.

use zktrain_model::manifest::{Kernel, LayerKind, LayerSpec};
use zktrain_trainer::transformer::TransformerBlock;

use super::value;
use crate::error::Error;

/// `28x28x1`
pub fn image(text: &str) -> Result<[usize; 3], Error> {
    let sizes = numbers(text, 'x').and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    sizes.ok_or_else(|| value("--image", "height, width and channels like 28x28x1", text))
}

/// All of them, in order: layers as [`layer`] reads them; and `block:64:4`, a transformer's block of 64 channels and four heads, or
/// `causal-block:64:4`, whose positions look at none behind them. A block is no first layer: it takes what is before it.
pub fn layers(texts: &[String]) -> Result<Vec<LayerSpec>, Error> {
    let mut all = Vec::new();
    for text in texts {
        let (kind, rest) = text.split_once(':').unzip();
        let causal = match kind {
            Some("block") => false,
            Some("causal-block") => true,
            _ => {
                all.push(layer(text)?);
                continue;
            }
        };
        let sizes = rest.and_then(|rest| <[usize; 2]>::try_from(numbers(rest, ':')?).ok());
        let ([channels, heads], false) = (sizes.ok_or_else(|| unread(text))?, all.is_empty())
        else {
            let expected = "another layer before the first block, like conv:64:1";
            return Err(value("--layer", expected, text));
        };
        TransformerBlock { channels, heads, causal }.add_to(&mut all);
    }
    Ok(all)
}

/// `conv:8:5:2:2`, channels, kernel, stride and padding, of which the last two can be left out; `depthwise:5:2:2`,
/// the same without channels; `max:2` and `avg:2`, windows' size; `avg`, the whole image; `norm`, a
/// batch norm; `layer-norm` and `rms-norm`, norms of each position; `scale`, a weight and a bias
/// for each channel; `positions`, a number of its own added to each.
fn layer(text: &str) -> Result<LayerSpec, Error> {
    let (kind, rest) = text.split_once(':').unzip();
    let sizes = rest.map_or(Some(Vec::new()), |rest| numbers(rest, ':'));
    let convolution = |out: usize, size, stride, padding| {
        LayerSpec::conv2d(out, Kernel { size, stride, padding }, true)
    };
    let depthwise =
        |size, stride, padding| LayerSpec::depthwise_conv2d(Kernel { size, stride, padding }, true);
    match (kind.unwrap_or(text), sizes.as_deref()) {
        ("conv", Some([out, size])) => Ok(convolution(*out, *size, 1, 0)),
        ("conv", Some([out, size, stride])) => Ok(convolution(*out, *size, *stride, 0)),
        ("conv", Some([out, size, stride, padding])) => {
            Ok(convolution(*out, *size, *stride, *padding))
        }
        ("depthwise", Some([size])) => Ok(depthwise(*size, 1, 0)),
        ("depthwise", Some([size, stride])) => Ok(depthwise(*size, *stride, 0)),
        ("depthwise", Some([size, stride, padding])) => Ok(depthwise(*size, *stride, *padding)),
        ("max", Some([size])) => Ok(LayerSpec::pool2d(LayerKind::MaxPool2d, Some(*size))),
        ("avg", Some([size])) => Ok(LayerSpec::pool2d(LayerKind::AvgPool2d, Some(*size))),
        ("avg", Some([])) => Ok(LayerSpec::pool2d(LayerKind::AvgPool2d, None)),
        ("norm", Some([])) => Ok(LayerSpec::of(LayerKind::BatchNorm)),
        ("layer-norm", Some([])) => Ok(LayerSpec::of(LayerKind::LayerNorm)),
        ("rms-norm", Some([])) => Ok(LayerSpec::of(LayerKind::RmsNorm)),
        ("scale", Some([])) => Ok(LayerSpec::of(LayerKind::Scale)),
        ("positions", Some([])) => Ok(LayerSpec::of(LayerKind::Positions)),
        _ => Err(unread(text)),
    }
}

/// What layers are called.
fn unread(text: &str) -> Error {
    value(
        "--layer",
        "conv:8:5 or conv:8:5:2:2, depthwise:3:1:1, norm, layer-norm, rms-norm, scale, max:2, avg:2, avg, \
         positions, block:64:4 or causal-block:64:4",
        text,
    )
}

fn numbers(text: &str, between: char) -> Option<Vec<usize>> {
    text.split(between).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_behind_other_layers() {
        let texts =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let all =
            layers(&texts(&["conv:8:1", "positions", "block:8:2", "causal-block:8:4"])).unwrap();
        assert_eq!(all.len(), 2 + 2 * 16);
        let kinds = |kind| all.iter().filter(move |layer| layer.kind == kind);
        assert_eq!(kinds(LayerKind::Gelu).count(), 2);
        let heads: Vec<_> = kinds(LayerKind::AttentionScores).map(|layer| layer.heads).collect();
        assert_eq!(heads, [Some(2), Some(4)]);
        let causal: Vec<_> = kinds(LayerKind::Softmax).map(|layer| layer.causal).collect();
        assert_eq!(causal, [Some(false), Some(true)]);
        for wrong in
            [&["block:8:2"][..], &["conv:8:1", "block:8"], &["conv:8:1", "block:a:2"], &["block"]]
        {
            assert!(layers(&texts(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn images_and_the_layers_over_them_are_read() {
        assert_eq!(image("28x28x1").unwrap(), [28, 28, 1]);
        let kernel = Kernel { size: 5, stride: 2, padding: 2 };
        assert_eq!(layer("conv:8:5:2:2").unwrap(), LayerSpec::conv2d(8, kernel, true));
        let plain = Kernel { size: 5, stride: 1, padding: 0 };
        assert_eq!(layer("conv:8:5").unwrap(), LayerSpec::conv2d(8, plain, true));
        let kernel = Kernel { size: 3, stride: 1, padding: 1 };
        assert_eq!(layer("depthwise:3:1:1").unwrap(), LayerSpec::depthwise_conv2d(kernel, true));
        let kernel = Kernel { size: 3, stride: 2, padding: 0 };
        assert_eq!(layer("depthwise:3:2").unwrap(), LayerSpec::depthwise_conv2d(kernel, true));
        let pool = |kind, size| LayerSpec::pool2d(kind, size);
        assert_eq!(layer("max:2").unwrap(), pool(LayerKind::MaxPool2d, Some(2)));
        assert_eq!(layer("avg:3").unwrap(), pool(LayerKind::AvgPool2d, Some(3)));
        assert_eq!(layer("avg").unwrap(), pool(LayerKind::AvgPool2d, None));
        assert_eq!(layer("norm").unwrap(), LayerSpec::of(LayerKind::BatchNorm));
        assert_eq!(layer("layer-norm").unwrap(), LayerSpec::of(LayerKind::LayerNorm));
        assert_eq!(layer("rms-norm").unwrap(), LayerSpec::of(LayerKind::RmsNorm));
        assert_eq!(layer("scale").unwrap(), LayerSpec::of(LayerKind::Scale));
        for wrong in ["28x28", "28x28x1x1", "28,28,1", "", "x"] {
            assert!(image(wrong).unwrap_err().to_string().contains("28x28x1"), "{wrong}");
        }
        let wrong =
            ["conv:8", "conv:8:5:2:2:2", "8:5", "conv:8:-5", "max", "avg:", "norm:2", "pool:2", ""];
        for wrong in wrong {
            assert!(layer(wrong).unwrap_err().to_string().contains("conv:8:5"), "{wrong}");
        }
    }
}
