//! How often an owner or a coordinator commits, for tests: on each thread by itself.

use std::cell::Cell;

thread_local! {
    static SUMS: Cell<usize> = const { Cell::new(0) };
    static MODELS: Cell<usize> = const { Cell::new(0) };
}

/// A sum is committed to.
pub fn sum() {
    SUMS.set(SUMS.get() + 1);
}

/// A model is committed to.
pub fn model() {
    MODELS.set(MODELS.get() + 1);
}

/// Sums and models that were committed to since the last call.
pub fn taken() -> (usize, usize) {
    (SUMS.take(), MODELS.take())
}
