//! The sum of a round's updates as a safetensors file: `values`, I64 `[parameters]`, and `blinds`,
//! U8 `[rows, 32]`, field elements in big endian.

use ark_bn254::Fr;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use zktrain_argument::opening::{OpeningDecodeError, Words, scalar_bytes};
use zktrain_statement::sum::Sum;

/// Bytes of a field element.
const WORD: usize = 32;

/// Why a file is not a sum.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SumError {
    /// Not a safetensors file, or a tensor is missing.
    #[error(transparent)]
    Format(#[from] SafeTensorError),
    /// A tensor of another type or shape.
    #[error("tensor {name}: expected {expected}, got {got:?} {shape:?}")]
    Tensor {
        /// The tensor.
        name: &'static str,
        /// Type and shape expected.
        expected: &'static str,
        /// The type found.
        got: Dtype,
        /// The shape found.
        shape: Vec<usize>,
    },
    /// A blinding that is no field element.
    #[error("blinding {row}: {source}")]
    Blind {
        /// Which row's.
        row: usize,
        /// What is wrong with it.
        #[source]
        source: OpeningDecodeError,
    },
}

/// The file of a sum.
///
/// # Errors
/// If it is too large for the format.
pub fn encode_sum(sum: &Sum) -> Result<Vec<u8>, SumError> {
    let values: Vec<u8> = sum.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let blinds: Vec<u8> = sum.blinds.iter().flat_map(scalar_bytes).collect();
    let rows = vec![sum.blinds.len(), WORD];
    let tensors = [
        ("blinds", TensorView::new(Dtype::U8, rows, &blinds)?),
        ("values", TensorView::new(Dtype::I64, vec![sum.values.len()], &values)?),
    ];
    Ok(safetensors::serialize(tensors, None)?)
}

/// Reads what [`encode_sum`] writes.
///
/// # Errors
/// If the bytes are something else.
pub fn decode_sum(bytes: &[u8]) -> Result<Sum, SumError> {
    let tensors = SafeTensors::deserialize(bytes)?;
    let values = tensors.tensor("values")?;
    let wrong = |name, expected, tensor: &TensorView<'_>| SumError::Tensor {
        name,
        expected,
        got: tensor.dtype(),
        shape: tensor.shape().to_vec(),
    };
    if values.dtype() != Dtype::I64 || values.shape().len() != 1 {
        return Err(wrong("values", "I64 [parameters]", &values));
    }
    let blinds = tensors.tensor("blinds")?;
    if blinds.dtype() != Dtype::U8 || !matches!(blinds.shape(), [_, WORD]) {
        return Err(wrong("blinds", "U8 [rows, 32]", &blinds));
    }
    let (values, _) = values.data().as_chunks::<8>();
    let (words, _) = blinds.data().as_chunks::<WORD>();
    let scalar = |(row, word): (usize, &[u8; WORD])| -> Result<Fr, SumError> {
        Words::new(word, 0).scalar().map_err(|source| SumError::Blind { row, source })
    };
    Ok(Sum {
        values: values.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        blinds: words.iter().enumerate().map(scalar).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let sum =
            Sum { values: vec![5, -7, i64::MIN], blinds: vec![Fr::from(3u8), -Fr::from(1u8)] };
        let bytes = encode_sum(&sum).unwrap();
        assert_eq!(decode_sum(&bytes).unwrap(), sum);
        for cut in [0, 7, 8, 60, bytes.len() - 1] {
            assert!(decode_sum(&bytes[..cut]).is_err(), "{cut}");
        }
        let first = bytes.windows(32).position(|w| w == scalar_bytes(&Fr::from(3u8))).unwrap();
        let mut large = bytes.clone();
        large[first] = 0xff;
        assert!(matches!(decode_sum(&large), Err(SumError::Blind { row: 0, .. })));
    }
}
