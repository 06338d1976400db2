//! Orders that are drawn by hashing: of the windows from a public nonce, of the rows from a seed.

use sha3::{Digest, Keccak256};

/// Windows `0..windows` sorted by `keccak256(nonce ‖ epoch ‖ index)`, both numbers
/// 8 bytes big endian, equal digests by index.
///
/// The nonce comes from the round, so no trainer chooses its own window.
pub fn window_order(nonce: [u8; 32], epoch: u64, windows: usize) -> Vec<usize> {
    let key = |index: &usize| -> [u8; 32] {
        let mut hasher = Keccak256::new();
        hasher.update(nonce);
        hasher.update(epoch.to_be_bytes());
        hasher.update((*index as u64).to_be_bytes());
        hasher.finalize().into()
    };
    let mut order: Vec<usize> = (0..windows).collect();
    order.sort_by_cached_key(key);
    order
}

/// Rows `0..rows` sorted by `keccak256("zktrain/rows/order" ‖ seed ‖ row)`, both numbers 8 bytes
/// big endian: how an owner shuffles a dataset before it is split and cut into windows.
///
/// The seed stays with the owner; it decides nothing that anybody else relies on.
pub fn row_order(seed: u64, rows: usize) -> Vec<usize> {
    let start =
        Keccak256::new().chain_update(b"zktrain/rows/order").chain_update(seed.to_be_bytes());
    let key = |row: &usize| -> [u8; 32] {
        start.clone().chain_update((*row as u64).to_be_bytes()).finalize().into()
    };
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_cached_key(key);
    order
}

/// The window that a member of a round trains on:
/// `keccak256(nonce ‖ account left-padded to 32 bytes) mod windows`, `None` of no windows.
///
/// The nonce is a later block's hash, so that neither the member nor the coordinator
/// chooses it.
pub fn round_window(nonce: [u8; 32], account: [u8; 20], windows: u64) -> Option<u64> {
    let digest =
        Keccak256::new().chain_update(nonce).chain_update([0; 12]).chain_update(account).finalize();
    let modulus = u128::from(windows);
    let fold = |sum: u128, byte: &u8| ((sum << 8) | u128::from(*byte)).checked_rem(modulus);
    let window = digest.iter().try_fold(0, fold)?;
    u64::try_from(window).ok()
}

#[cfg(test)]
mod tests {
    use super::{round_window, row_order, window_order};

    #[test]
    fn a_rounds_window_depends_on_nonce_and_member_and_exists() {
        let window = |nonce, account| round_window([nonce; 32], [account; 20], 1 << 40).unwrap();
        assert_ne!(window(1, 1), window(2, 1));
        assert_ne!(window(1, 1), window(1, 2));
        assert_eq!(round_window([1; 32], [1; 20], 0), None);
        assert_eq!(round_window([1; 32], [1; 20], 1), Some(0));
        assert!(round_window([1; 32], [1; 20], u64::MAX).unwrap() < u64::MAX);
        let small: Vec<_> = (0..8).map(|n| round_window([n; 32], [1; 20], 3).unwrap()).collect();
        assert!(small.iter().all(|w| *w < 3), "{small:?}");
    }

    #[test]
    fn is_a_permutation_that_depends_on_nonce_and_epoch() {
        let order = window_order([7; 32], 3, 100);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(order, window_order([7; 32], 3, 100));
        assert_ne!(order, window_order([8; 32], 3, 100));
        assert_ne!(order, window_order([7; 32], 4, 100));
    }

    #[test]
    fn rows_are_permuted_by_their_seed() {
        let mut sorted = row_order(3, 100);
        assert_ne!(sorted, row_order(4, 100));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }

    /// Also in docs/quantization.md.
    #[test]
    fn row_fixture_v1() {
        assert_eq!(row_order(1, 8), [1, 7, 3, 0, 5, 4, 2, 6]);
        assert_eq!(row_order(u64::MAX, 8), [7, 1, 4, 2, 6, 3, 5, 0]);
    }

    #[test]
    fn fixture_v1() {
        assert_eq!(window_order([0; 32], 0, 8), [4, 5, 6, 7, 3, 0, 1, 2]);
    }
}
