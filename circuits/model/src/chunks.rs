//! How a dataset's windows are split into the proofs of its registration.
//!
//! There is one way for each number of windows: as many of the largest chunks as there are, then
//! smaller and smaller powers of two. Readers accept no other, so that nobody chooses how many
//! circuits they derive keys for.

use crate::compile::window_rows;
use crate::manifest::Network;

/// Integers of a registration proof's sheet at most: larger datasets are proven in chunks.
const CHUNK_CELLS: u64 = 1 << 22;
/// Rows of data in a registration proof's sheet at most, where one window does not need more.
const CHUNK_ROWS: u64 = 1 << 15;
/// Proofs in one registration at most.
pub const MAX_CHUNKS: u64 = 1 << 16;

/// A number of windows that no chunk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chunk of {got} windows; chunks of this network have a power of two, {largest} at most")]
pub struct ChunkSize {
    /// Windows of the largest chunk.
    pub largest: usize,
    /// Windows asked for.
    pub got: usize,
}

/// More windows than a registration can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got} windows; a registration for this network holds {most} at most")]
pub struct TooManyWindows {
    /// Windows that a registration can hold.
    pub most: u64,
    /// Windows asked for.
    pub got: u64,
}

/// Windows of the largest chunk, a power of two.
pub fn largest_chunk(network: &Network) -> usize {
    let cells = (network.window() as u64).saturating_mul((network.input + network.output()) as u64);
    let (by_cells, by_rows) =
        (CHUNK_CELLS / cells.max(1), CHUNK_ROWS / window_rows(network).max(1));
    1 << by_cells.min(by_rows).max(1).ilog2()
}

/// Refuses a number of windows that no chunk of this network has.
///
/// # Errors
/// [`ChunkSize`] with the largest number.
pub fn check_size(network: &Network, windows: usize) -> Result<(), ChunkSize> {
    let largest = largest_chunk(network);
    if windows.is_power_of_two() && windows <= largest {
        Ok(())
    } else {
        Err(ChunkSize { largest, got: windows })
    }
}

/// Windows of each chunk of a dataset's registration, in order.
///
/// # Errors
/// If the dataset is too large for one registration.
pub fn chunk_sizes(network: &Network, windows: u64) -> Result<Vec<usize>, TooManyWindows> {
    let largest = largest_chunk(network) as u64;
    let (full, rest) = (windows / largest, windows % largest);
    if full + u64::from(rest.count_ones()) > MAX_CHUNKS {
        let most = largest.saturating_mul(MAX_CHUNKS);
        return Err(TooManyWindows { most, got: windows });
    }
    let smaller = (0..largest.ilog2()).rev().map(|log| 1 << log).filter(|size| rest & size != 0);
    let sizes = (0..full).map(|_| largest).chain(smaller);
    Ok(sizes.map(|size| size as usize).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn network() -> Network {
        let text = include_str!("../tests/manifest.toml");
        Manifest::from_toml(text).unwrap().network().unwrap()
    }

    #[test]
    fn chunks_are_the_largest_first_and_cover_every_window() {
        let network = network();
        let largest = largest_chunk(&network);
        for windows in (0..40).chain([largest - 1, largest, largest + 1, 3 * largest + 5]) {
            let sizes = chunk_sizes(&network, windows as u64).unwrap();
            assert_eq!(sizes.iter().sum::<usize>(), windows);
            assert!(sizes.is_sorted_by(|a, b| a > b || (a == b && *a == largest)), "{sizes:?}");
            assert!(sizes.iter().all(|size| check_size(&network, *size).is_ok()));
        }
    }

    #[test]
    fn more_windows_than_a_registration_holds_are_refused_before_they_are_counted() {
        let network = network();
        let most = largest_chunk(&network) as u64 * MAX_CHUNKS;
        assert_eq!(chunk_sizes(&network, most).unwrap().len() as u64, MAX_CHUNKS);
        for got in [most + 1, 1 << 60, u64::MAX] {
            assert_eq!(chunk_sizes(&network, got), Err(TooManyWindows { most, got }));
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        let network = network();
        let largest = largest_chunk(&network);
        for got in [0, 3, 2 * largest, usize::MAX] {
            assert_eq!(check_size(&network, got), Err(ChunkSize { largest, got }));
        }
    }

    /// Each row costs its reader something, however few cells it has.
    #[test]
    fn chunks_of_small_windows_are_bounded_by_their_rows() {
        let mut network = network();
        (network.batch, network.steps) = (1, 1);
        assert!(largest_chunk(&network) as u64 * window_rows(&network) <= CHUNK_ROWS);
        (network.batch, network.steps, network.row_log) = (64, 16, 4);
        assert!(largest_chunk(&network) as u64 * window_rows(&network) <= CHUNK_ROWS);
    }
}
