//! The order in which windows are visited: a public permutation drawn from a nonce.

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

#[cfg(test)]
mod tests {
    use super::window_order;

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
    fn fixture_v1() {
        assert_eq!(window_order([0; 32], 0, 8), [4, 5, 6, 7, 3, 0, 1, 2]);
    }
}
