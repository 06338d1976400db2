//! Makes a compressed proof.

use ark_bn254::Fr;
use halo2_proofs::halo2curves::bn256::Bn256;
use halo2_proofs::plonk::create_proof_from_advice;
use halo2_proofs::poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK};
use rand::{RngCore, SeedableRng, rngs::OsRng};
use rand_chacha::ChaCha20Rng;
use zktrain_circuits::argument::{Argument, ArgumentShape};
use zktrain_circuits::arith::Native;
use zktrain_circuits::compress::{PublicInputs, constrain};
use zktrain_circuits::halo2::circuit::TapeCircuit;
use zktrain_circuits::halo2::convert::to_scalar;
use zktrain_circuits::halo2::record;
use zktrain_circuits::halo2::tape::Tape;
use zktrain_circuits::halo2::transcript::Writer;
use zktrain_circuits::relation::Relation;

use super::{Halo2Error, Halo2Params, Keys};

/// Proves that the verifier accepts `argument` with these public inputs.
///
/// Blinding comes from the operating system, anew for every proof.
///
/// # Errors
/// [`Halo2Error::Argument`] if the verifier does not accept it.
pub fn prove(
    params: &Halo2Params,
    keys: &Keys,
    relation: &Relation,
    inputs: PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<Vec<u8>, Halo2Error> {
    if !argument.has_shape(&ArgumentShape::of(relation)) {
        return Err(Halo2Error::Shape);
    }
    constrain(&mut Native, relation, &inputs, argument).map_err(Halo2Error::Argument)?;
    let tape = record(relation, inputs, argument).ok_or(Halo2Error::Shape)?;
    prove_tape(params, keys, &tape)
}

/// Proves a filled circuit, whether it is satisfied or not.
///
/// # Errors
/// If parameters, keys and circuit differ in size.
pub fn prove_tape(params: &Halo2Params, keys: &Keys, tape: &Tape) -> Result<Vec<u8>, Halo2Error> {
    let (expected, got) = (tape.log_rows(), params.log_rows);
    if expected != got {
        return Err(Halo2Error::Rows { expected, got });
    }
    if keys.verifying.log_rows != got {
        return Err(Halo2Error::Keys);
    }
    let mut seed = [0; 32];
    OsRng.fill_bytes(&mut seed);
    let rng = ChaCha20Rng::from_seed(seed);
    let inputs = tape.inputs.map(|input| to_scalar(&input));
    let mut transcript = Writer::new(keys.digest);
    let advice = TapeCircuit::advice(tape, got);
    create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
        params.inner(),
        keys.proving(),
        &[&inputs],
        advice,
        rng,
        &mut transcript,
    )?;
    Ok(transcript.finish())
}
