//! The verifier: checks a proof, and a chain of proofs.
