//! Datasets, quantization and the integer training loop that emits the trace.
