//! Proving and verifying key of a relation.

use ark_bn254::G1Affine;
use halo2_proofs::halo2curves::bn256;
use halo2_proofs::plonk::{ProvingKey, keygen_pk2};
use zktrain_circuits::halo2::circuit::TapeCircuit;
use zktrain_circuits::halo2::convert::from_point;
use zktrain_circuits::halo2::key::Halo2Key;
use zktrain_circuits::halo2::{shape, tape::Tape};
use zktrain_circuits::merkle::Hash;
use zktrain_circuits::relation::Relation;

use super::{Halo2Error, Halo2Params};

/// The keys of one relation.
#[derive(Clone, Debug)]
pub struct Keys {
    /// What verifiers need.
    pub verifying: Halo2Key,
    /// Its hash.
    pub digest: Hash,
    proving: ProvingKey<bn256::G1Affine>,
}

impl Keys {
    /// Halo2's proving key.
    pub fn proving(&self) -> &ProvingKey<bn256::G1Affine> {
        &self.proving
    }
}

/// The logarithm of the rows that a relation's circuit takes.
///
/// # Errors
/// [`Halo2Error::Shape`] if the relation has no argument.
pub fn log_rows(relation: &Relation) -> Result<u32, Halo2Error> {
    Ok(shape(relation).ok_or(Halo2Error::Shape)?.log_rows())
}

/// Derives the keys of a relation. Depends on the relation and on the reference
/// string alone.
///
/// # Errors
/// [`Halo2Error::Rows`] if the parameters are for another number of rows.
pub fn derive(relation: &Relation, params: &Halo2Params) -> Result<Keys, Halo2Error> {
    derive_tape(&shape(relation).ok_or(Halo2Error::Shape)?, params)
}

/// The keys of a circuit that is laid out already.
///
/// # Errors
/// As [`derive`].
pub fn derive_tape(tape: &Tape, params: &Halo2Params) -> Result<Keys, Halo2Error> {
    let (expected, got) = (tape.log_rows(), params.log_rows);
    if expected != got {
        return Err(Halo2Error::Rows { expected, got });
    }
    let proving = keygen_pk2(params.inner(), &TapeCircuit::new(tape), false)?;
    let halo2 = proving.get_vk();
    let verifying = Halo2Key {
        log_rows: params.log_rows,
        fixed: points(halo2.fixed_commitments())?,
        permutation: points(halo2.permutation().commitments())?,
    };
    Ok(Keys { digest: verifying.digest(), verifying, proving })
}

fn points<const N: usize>(from: &[bn256::G1Affine]) -> Result<[G1Affine; N], Halo2Error> {
    let points: Vec<G1Affine> = from.iter().map(from_point).collect();
    points.try_into().map_err(|_| Halo2Error::Keys)
}
