//! Groth16: keys from a ceremony's second phase or, for tests, from one party, and proofs with them.
//!
//! ```
//! use ark_bn254::Fr;
//! use zktrain_argument::arith::{Arithmetic, Check};
//! use zktrain_backends::r1cs::R1csBuilder;
//! use zktrain_ceremony::groth16::{insecure_key, prove};
//! use zktrain_commit::random::{Label, Randomness};
//! use zktrain_verify::groth16::verify;
//!
//! // Somebody knows a number with this square, double and successor.
//! let inputs = [49u64, 14, 8].map(Fr::from);
//! let (mut builder, stated) = R1csBuilder::new(inputs);
//! let (root, one) = (builder.witness(Fr::from(7u64)), builder.constant(Fr::from(1u64)));
//! let known =
//!     [builder.mul(&root, &root), builder.add(&root, &root), builder.add(&root, &one)];
//! for (known, stated) in known.iter().zip(&stated) {
//!     builder.assert_equal(Check::Fold, known, stated)?;
//! }
//! let synthesis = builder.finish();
//! let key = insecure_key(&synthesis.system, &mut Randomness::fresh(Label::InsecureKey)?);
//! let (proof, _) = prove(&key, &synthesis)?;
//! verify(&key.key, &inputs, &proof.to_bytes())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod groth16;
pub mod phase_two;
