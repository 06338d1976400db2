//! Makes a compressed proof.
//!
//! **Statement.** The circuit behind the key is satisfied with these public inputs. **Messages**,
//! as `docs/halo2-circuit.md` and [`zktrain_verify::halo2`] have them: commitments to the
//! advice; challenges `θ` (unused), `β`, `γ`; the copy argument's product and a random polynomial;
//! `y`; the quotient's six pieces, blinded; `x`; evaluations; the opening ([`super::shplonk`]).
//!
//! The work on whole columns is that of [`Kernels`]; the proof is a function of circuit, key and
//! [`Blinding`] alone.
//!
//! Sources: Gabizon, Williamson, Ciobotaru, *PLONK*, eprint 2019/953; the halo2 book.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use zktrain_argument::arith::Native;
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_backends::compress::{PublicInputs, constrain};
use zktrain_backends::halo2::gates::FIXED;
use zktrain_backends::halo2::record;
use zktrain_backends::halo2::tape::{BLINDING_ROWS, Tape};
use zktrain_commit::random::LocalKey;
use zktrain_model::relation::Relation;
use zktrain_msm::polynomial::{add_scaled, evaluate};

use super::constraints::{Challenges, Constraints, CosetColumns};
use super::kernels::{Basis, Cpu, Kernels};
use super::keys::{Extended, ProvingKey};
use super::shplonk::{Opened, open};
use super::transcript::Halo2Transcript;
use super::{Blinding, Halo2Keys, Halo2Params, Halo2ProveError, columns, product};

/// Proves that the verifier accepts `argument` with these public inputs.
///
/// Blinding is fresh for every proof.
///
/// # Errors
/// [`Halo2ProveError::Argument`] if the verifier does not accept it.
pub fn prove(
    params: &Halo2Params,
    keys: &Halo2Keys,
    relation: &Relation,
    inputs: PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<Vec<u8>, Halo2ProveError> {
    prove_by(&LocalKey::new([0; 32]), params, keys, relation, inputs, argument)
}

/// As [`prove`], by the holder of a key, which the blinding depends on too.
///
/// # Errors
/// As [`prove`].
pub fn prove_by(
    owner: &LocalKey,
    params: &Halo2Params,
    keys: &Halo2Keys,
    relation: &Relation,
    inputs: PublicInputs<Fr>,
    argument: &Argument<Fr>,
) -> Result<Vec<u8>, Halo2ProveError> {
    if !argument.has_shape(&ArgumentShape::of(relation)) {
        return Err(Halo2ProveError::Shape);
    }
    constrain(&mut Native, relation, &inputs, argument).map_err(Halo2ProveError::Argument)?;
    let tape = record(relation, inputs, argument).map_err(Halo2ProveError::Argument)?;
    prove_blinded(params, keys, &tape, &Blinding::by(owner, keys, &tape)?)
}

/// Proves a filled circuit, whether it is satisfied or not.
///
/// # Errors
/// If parameters, keys and circuit differ in size, or there is nothing to blind with.
pub fn prove_tape(
    params: &Halo2Params,
    keys: &Halo2Keys,
    tape: &Tape,
) -> Result<Vec<u8>, Halo2ProveError> {
    prove_blinded(params, keys, tape, &Blinding::fresh(keys, tape)?)
}

/// [`prove_tape`] with given blinding: only for tests that show what each part of it hides.
///
/// # Errors
/// If parameters, keys and circuit differ in size.
pub(super) fn prove_blinded(
    params: &Halo2Params,
    keys: &Halo2Keys,
    tape: &Tape,
    blinding: &Blinding,
) -> Result<Vec<u8>, Halo2ProveError> {
    let (expected, got) = (tape.log_rows(), params.log_rows);
    if expected != got {
        return Err(Halo2ProveError::Rows { expected, got });
    }
    if keys.verifying.log_rows != got {
        return Err(Halo2ProveError::Keys);
    }
    Ok(prove_with(&Cpu::new(params, &keys.proving.domain), keys, tape, blinding))
}

/// The proof, with any kernels.
pub(super) fn prove_with(
    kernels: &impl Kernels,
    keys: &Halo2Keys,
    tape: &Tape,
    blinding: &Blinding,
) -> Vec<u8> {
    let key = &keys.proving;
    let rows = key.domain.size();
    let mut transcript = Halo2Transcript::new(keys.digest, &tape.inputs);

    let mut advice = columns::advice(tape, rows);
    for (column, cells) in advice.iter_mut().zip(&blinding.advice) {
        column[rows - BLINDING_ROWS..].copy_from_slice(cells);
    }
    transcript.points(&kernels.commit(Basis::Lagrange, &advice));
    let _theta = transcript.challenge(); // for lookups, of which there are none
    let (beta, gamma) = (transcript.challenge(), transcript.challenge());

    let values = product::product(&advice, &key.permutation, &key.roots, beta, gamma, blinding);
    advice.push(values);
    transcript.points(&kernels.commit(Basis::Lagrange, &advice[advice.len() - 1..]));
    let random = [blinding.random.to_vec()];
    transcript.points(&kernels.commit(Basis::Monomial, &random));
    let y = transcript.challenge();

    // Advice, then the product.
    let polynomials = kernels.interpolate(&advice);
    let constraints = Constraints::new(Challenges { beta, gamma, y }, tape.inputs);
    let mut pieces = quotient(kernels, key, &polynomials, &constraints);
    blinding.blind(&mut pieces);
    transcript.points(&kernels.commit(Basis::Monomial, &pieces));

    let x = transcript.challenge();
    finish(kernels, key, &mut transcript, x, &polynomials, &pieces, &random[0]);
    transcript.finish()
}

/// The pieces of the quotient of all constraints, joined, by `X^n − 1`.
pub(super) fn quotient(
    kernels: &impl Kernels,
    key: &ProvingKey,
    polynomials: &[Vec<Fr>],
    constraints: &Constraints,
) -> Vec<Vec<Fr>> {
    let on_coset = |(index, fixed): (usize, &Extended)| {
        let columns = kernels.extend(index, polynomials);
        let Some((product, advice)) = columns.split_last() else { return Vec::new() };
        let mut values = kernels.constraints(
            constraints,
            &CosetColumns {
                advice,
                product,
                fixed: fixed.fixed(),
                permutation: fixed.permutation(),
                first: &fixed.first,
                roots: &key.roots,
                shift: key.domain.coset(index).offset,
            },
        );
        let inverse = key.domain.vanishing_inverse(index);
        values.par_iter_mut().for_each(|value| *value *= inverse);
        kernels.interpolate_coset(index, values)
    };
    let on_cosets: Vec<Vec<Fr>> = key.extended(kernels).iter().enumerate().map(on_coset).collect();
    key.domain.separate(&on_cosets)
}

/// Evaluations and their opening.
fn finish(
    kernels: &impl Kernels,
    key: &ProvingKey,
    transcript: &mut Halo2Transcript,
    x: Fr,
    polynomials: &[Vec<Fr>],
    pieces: &[Vec<Fr>],
    random: &[Fr],
) {
    let below = key.domain.omega() * x;
    let (fixed, permutation) = key.polynomials.split_at(FIXED);
    let (advice, product) = polynomials.split_at(polynomials.len() - 1);
    let at = |polynomials: &[Vec<Fr>], point: Fr| -> Vec<Fr> {
        polynomials.par_iter().map(|polynomial| evaluate(polynomial, point)).collect()
    };
    let evaluations = [
        at(advice, x),
        at(advice, below),
        at(fixed, x),
        vec![evaluate(random, x)],
        at(permutation, x),
        at(product, x),
        at(product, below),
    ];
    transcript.scalars(&evaluations.concat());

    let mut whole = vec![Fr::ZERO; key.domain.size() + 1];
    let (mut power, step) = (Fr::ONE, x.pow([key.domain.size() as u64]));
    for piece in pieces {
        add_scaled(&mut whole, piece, power);
        power *= step;
    }
    let twice = polynomials.iter().map(Vec::as_slice).collect();
    let mut once: Vec<&[Fr]> = key.polynomials.iter().map(Vec::as_slice).collect();
    once.extend([whole.as_slice(), random]);
    open(kernels, transcript, &Opened { x, below, twice, once });
}
