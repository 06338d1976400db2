//! Benchmarks of every part.
