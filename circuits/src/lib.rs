//! The statement: manifest, integer semantics, transcript and the one verifier.
