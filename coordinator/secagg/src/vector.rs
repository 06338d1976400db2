//! A member's update as a vector of field elements, and the sum read from one.
//!
//! Four parameters whose addresses in the update's block differ in two adjacent bits only share
//! an element, `Σ_k v_k·2^(62k)`. Whatever signed integers of magnitude below `2^61` are added up,
//! here `w_i·Δ_i` with `|Σ w_i·Δ_i| ≤ 2^31·T`, no digit runs into the next. The blindings of the
//! update's rows follow, one element each. The whole is linear in the field of the commitments,
//! so that the sum of vectors opens the sum of commitments.
//!
//! Which two bits are packed is the [`VectorShape`]'s choice: those that leave the fewest elements. They
//! have to be bits of the address for [`super::blame`], where a random combination of the
//! elements is an evaluation of the update's multilinear extension.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use rayon::prelude::*;
use zeroize::Zeroizing;
use zktrain_argument::opening::scalar_bytes;
use zktrain_model::relation::{Group, Tensor};
use zktrain_statement::key::TrainingKey;

use crate::plan::WEIGHT_LOG;

/// Bits of a packed integer.
pub const DIGIT: u32 = 62;
/// Integers in an element.
pub const PACKED: usize = 4;
/// Bytes of an element.
pub const ELEMENT: usize = 32;

/// Why a vector is none of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// Parameters of another network.
    #[error("the update has {got} parameters; the network has {expected}")]
    Parameters {
        /// Parameters of the network.
        expected: usize,
        /// Parameters found.
        got: usize,
    },
    /// Not one blinding a row.
    #[error("{got} blindings; the update has {expected} rows")]
    Blinds {
        /// Rows of the update.
        expected: usize,
        /// Blindings found.
        got: usize,
    },
    /// Another number of elements or bytes.
    #[error("the vector has {got} bytes; {expected} were expected")]
    Length {
        /// Bytes of a vector of this shape.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// Not below the field's modulus.
    #[error("element {element} is not reduced")]
    Unreduced {
        /// Which.
        element: usize,
    },
    /// No sum of integers of 61 bits.
    #[error("element {element} holds no packed integers")]
    Range {
        /// Which.
        element: usize,
    },
    /// Something where no parameter is.
    #[error("element {element} is not zero where no parameter is")]
    Padding {
        /// Which.
        element: usize,
    },
    /// No weight of a plan.
    #[error("weight {got} is above 2^{WEIGHT_LOG}")]
    Weight {
        /// The weight.
        got: u32,
    },
    /// The parameters' rows have too few cells to pack.
    #[error("rows of 2^{row_log} cells are too short to pack")]
    Rows {
        /// Logarithm of a row's cells.
        row_log: u32,
    },
}

/// Where parameters and blindings are in a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorShape {
    /// Logarithm of a row's cells.
    pub(super) row_log: u32,
    /// Logarithm of the number of rows that the block's addresses have.
    pub(super) high_log: u32,
    /// The lower of the two bits that are packed.
    pub(super) bit: u32,
    /// Address within the block of each value element's first cell, ascending.
    pub(super) quads: Vec<u64>,
    /// Number within the block of each row that is committed to, ascending.
    pub(super) rows: Vec<u64>,
    /// `PACKED·element + digit` of each parameter, in the order of [`Update::values`].
    slots: Vec<usize>,
}

/// A member's update, opened: what it masks. Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Update {
    /// `Δ`, the parameters after less those before: layer by layer, weights `(n_in, n_out)`
    /// row-major, then biases.
    pub values: Vec<i32>,
    /// Blindings of the update's row commitments, one a row.
    pub blinds: Vec<Fr>,
}

/// What an unmasked vector holds: the sum of weighted updates, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// One integer a parameter, in the order of [`Update::values`].
    pub values: Vec<i64>,
    /// The summed blindings, one a row of the update.
    pub blinds: Vec<Fr>,
}

impl core::fmt::Debug for Update {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Update").finish_non_exhaustive()
    }
}

impl VectorShape {
    /// The shape of the updates of a network.
    ///
    /// # Errors
    /// If rows have fewer than four cells; no valid manifest has such rows.
    pub fn of(key: &TrainingKey) -> Result<Self, VectorError> {
        let layout = &key.relation.layout;
        let row_log = layout.row_log;
        if row_log < 2 {
            return Err(VectorError::Rows { row_log });
        }
        let parameters = key.ids.parameters().map(|parameter| parameter.before);
        let tensors: Vec<&Tensor> = parameters.map(|id| layout.tensor(id)).collect();
        let base = tensors.iter().map(|t| t.base).min().unwrap_or_default();
        let addresses: Vec<u64> =
            tensors.iter().flat_map(|t| addresses(t)).map(|address| address - base).collect();
        let slots = layout.rows.iter().filter(|slot| slot.group == Group::Parameters);
        let rows: Vec<u64> = slots.map(|slot| slot.index - (base >> row_log)).collect();
        let high = rows.iter().max().map_or(1, |row| row + 1);
        let high_log = high.next_power_of_two().trailing_zeros();
        let (bit, quads) = pack_bits(&addresses, row_log);
        let position = |address: &u64| {
            let quad = address & !(3 << bit);
            let element = quads.partition_point(|q| *q < quad);
            PACKED * element + ((address >> bit) & 3) as usize
        };
        let slots = addresses.par_iter().map(position).collect();
        Ok(Self { row_log, high_log, bit, quads, rows, slots })
    }

    /// Elements of a vector: packed parameters, then blindings.
    pub fn elements(&self) -> usize {
        self.quads.len() + self.rows.len()
    }

    /// Bytes of an encoded vector.
    pub fn bytes(&self) -> u64 {
        self.elements() as u64 * ELEMENT as u64
    }

    /// Parameters of the network.
    pub fn parameters(&self) -> usize {
        self.slots.len()
    }

    /// Rows of the update that are committed to.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Address within the block of each parameter, in the order of [`Update::values`].
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.slots.iter().filter_map(|slot| {
            let quad = self.quads.get(slot / PACKED)?;
            Some(quad | (((slot % PACKED) as u64) << self.bit))
        })
    }

    /// The parameters of an update, if it is one of this network.
    pub(super) fn values<'a>(&self, update: &'a Update) -> Result<&'a [i32], VectorError> {
        let (expected, got) = (self.slots.len(), update.values.len());
        if got != expected {
            return Err(VectorError::Parameters { expected, got });
        }
        let (expected, got) = (self.rows.len(), update.blinds.len());
        if got != expected {
            return Err(VectorError::Blinds { expected, got });
        }
        Ok(&update.values)
    }
}

/// Addresses of a tensor's real cells, row-major.
fn addresses(tensor: &Tensor) -> Vec<u64> {
    let extend = |known: Vec<u64>, dim: &zktrain_model::relation::Dim| {
        let along = |base: u64| (0..dim.axis.size as u64).map(move |x| base + (x << dim.shift));
        known.into_iter().flat_map(along).collect()
    };
    tensor.dims.iter().fold(vec![tensor.base], extend)
}

/// The lower of the two adjacent bits that leave the fewest elements, and the elements' addresses.
fn pack_bits(addresses: &[u64], row_log: u32) -> (u32, Vec<u64>) {
    let quads = |bit: u32| {
        let mut quads: Vec<u64> = addresses.par_iter().map(|a| a & !(3 << bit)).collect();
        quads.par_sort_unstable();
        quads.dedup();
        quads
    };
    let all = (0..=row_log.saturating_sub(2)).map(|bit| (bit, quads(bit)));
    all.min_by_key(|(_, quads)| quads.len()).unwrap_or_default()
}

/// What makes digits non-negative: `Σ_k 2^(61 + 62k)`.
fn bias() -> Fr {
    pack_digits([1 << (DIGIT - 1); PACKED])
}

/// `Σ_k d_k·2^(62k)` for digits of 62 bits.
fn pack_digits(d: [u64; PACKED]) -> Fr {
    let [a, b, c, d] = d;
    let limbs = [a | b << 62, b >> 2 | c << 60, c >> 4 | d << 58, d >> 6];
    // Below 2^248, hence below the modulus.
    Fr::from_bigint(BigInt(limbs)).unwrap_or_default()
}

/// The digits of an integer below `2^248`; none of a larger one.
fn digits(BigInt([a, b, c, d]): BigInt<4>) -> Option<[u64; PACKED]> {
    let mask = (1 << DIGIT) - 1;
    let last = c >> 58 | d << 6;
    let fits = d >> 56 == 0;
    fits.then_some([a & mask, (a >> 62 | b << 2) & mask, (b >> 60 | c << 4) & mask, last & mask])
}

/// The vector of a weighted update, before it is masked.
///
/// # Errors
/// If the update is not of this shape, or the weight is above the sum of all weights.
pub fn pack(
    shape: &VectorShape,
    update: &Update,
    weight: u32,
) -> Result<Zeroizing<Vec<Fr>>, VectorError> {
    if weight > 1 << WEIGHT_LOG {
        return Err(VectorError::Weight { got: weight });
    }
    let values = shape.values(update)?;
    let half = 1i64 << (DIGIT - 1);
    let mut packed = Zeroizing::new(vec![half as u64; PACKED * shape.quads.len()]);
    for (slot, value) in shape.slots.iter().zip(values) {
        if let Some(digit) = packed.get_mut(*slot) {
            *digit = (half + i64::from(weight) * i64::from(*value)) as u64;
        }
    }
    let bias = bias();
    let mut vector = Zeroizing::new(vec![Fr::ZERO; shape.elements()]);
    vector.par_iter_mut().zip(packed.par_chunks_exact(PACKED)).for_each(|(element, digits)| {
        if let [a, b, c, d] = digits {
            *element = pack_digits([*a, *b, *c, *d]) - bias;
        }
    });
    let weight = Fr::from(weight);
    let blinds = vector.iter_mut().skip(shape.quads.len()).zip(&update.blinds);
    blinds.for_each(|(element, blind)| *element = weight * blind);
    Ok(vector)
}

/// The sum that an unmasked vector holds.
///
/// # Errors
/// If it holds none: then some member has uploaded something else than its update.
pub fn unpack(shape: &VectorShape, vector: &[Fr]) -> Result<Unpacked, VectorError> {
    let got = vector.len();
    if got != shape.elements() {
        let bytes = |elements: usize| elements as u64 * ELEMENT as u64;
        return Err(VectorError::Length { expected: shape.bytes(), got: bytes(got) });
    }
    let (packed, blinds) = vector.split_at(shape.quads.len());
    let bias = bias();
    let open = |(element, packed): (usize, &Fr)| {
        digits((*packed + bias).into_bigint()).ok_or(VectorError::Range { element })
    };
    let digits: Vec<[u64; PACKED]> =
        packed.par_iter().enumerate().map(open).collect::<Result<_, _>>()?;
    let half = 1i64 << (DIGIT - 1);
    let mut opened: Vec<i64> = digits.concat().iter().map(|d| *d as i64 - half).collect();
    let take = |slot: &usize| opened.get_mut(*slot).map(core::mem::take).unwrap_or_default();
    let values = shape.slots.iter().map(take).collect();
    match opened.iter().position(|left| *left != 0) {
        Some(slot) => Err(VectorError::Padding { element: slot / PACKED }),
        None => Ok(Unpacked { values, blinds: blinds.to_vec() }),
    }
}

/// The encoding of a vector: 32 bytes an element, big-endian.
pub fn encode(vector: &[Fr]) -> Vec<u8> {
    let mut bytes = vec![0; vector.len() * ELEMENT];
    let out = bytes.par_chunks_exact_mut(ELEMENT);
    out.zip(vector).for_each(|(out, element)| out.copy_from_slice(&scalar_bytes(element)));
    bytes
}

/// Reads one element.
pub(super) fn element(bytes: &[u8]) -> Option<Fr> {
    let mut limbs = [0u64; 4];
    for (limb, word) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_be_bytes(word.try_into().ok()?);
    }
    (bytes.len() == ELEMENT).then_some(())?;
    Fr::from_bigint(BigInt(limbs))
}

/// Reads an encoded vector.
///
/// # Errors
/// If it ends within an element, or an element is not reduced.
pub fn decode(bytes: &[u8]) -> Result<Vec<Fr>, VectorError> {
    let whole = bytes.len().next_multiple_of(ELEMENT);
    if whole != bytes.len() {
        return Err(VectorError::Length { expected: whole as u64, got: bytes.len() as u64 });
    }
    let read = |(index, bytes)| element(bytes).ok_or(VectorError::Unreduced { element: index });
    bytes.par_chunks_exact(ELEMENT).enumerate().map(read).collect()
}
