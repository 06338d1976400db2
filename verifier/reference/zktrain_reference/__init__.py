"""An independent verifier of zktrain proofs, written from the documents in `docs/`."""
