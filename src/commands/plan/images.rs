//! Images and convolutions as options name them.

use zktrain_model::manifest::Kernel;

use super::value;
use crate::error::Error;

/// `28x28x1`
pub fn image(text: &str) -> Result<[usize; 3], Error> {
    let sizes = numbers(text, 'x').and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    sizes.ok_or_else(|| value("--image", "height, width and channels like 28x28x1", text))
}

/// `8:5:2:2`: channels, kernel, stride and padding; the last two can be left out.
pub fn convolution(text: &str) -> Result<(usize, Kernel), Error> {
    let expected = "channels, kernel, stride and padding like 8:5:2:2 or 8:5";
    let kernel = |size, stride, padding| Kernel { size, stride, padding };
    match numbers(text, ':').as_deref() {
        Some([out, size]) => Ok((*out, kernel(*size, 1, 0))),
        Some([out, size, stride]) => Ok((*out, kernel(*size, *stride, 0))),
        Some([out, size, stride, padding]) => Ok((*out, kernel(*size, *stride, *padding))),
        _ => Err(value("--conv", expected, text)),
    }
}

fn numbers(text: &str, between: char) -> Option<Vec<usize>> {
    text.split(between).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_convolutions_are_read() {
        assert_eq!(image("28x28x1").unwrap(), [28, 28, 1]);
        let kernel = Kernel { size: 5, stride: 2, padding: 2 };
        assert_eq!(convolution("8:5:2:2").unwrap(), (8, kernel));
        assert_eq!(convolution("8:5").unwrap().1, Kernel { size: 5, stride: 1, padding: 0 });
        for wrong in ["28x28", "28x28x1x1", "28,28,1", "", "x"] {
            assert!(image(wrong).unwrap_err().to_string().contains("28x28x1"), "{wrong}");
        }
        for wrong in ["8", "8:5:2:2:2", "8x5", "8:-5", ""] {
            assert!(convolution(wrong).unwrap_err().to_string().contains("8:5"), "{wrong}");
        }
    }
}
