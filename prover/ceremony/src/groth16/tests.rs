use ark_bn254::{Bn254, Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField, UniformRand};
use ark_groth16::{Groth16, Proof, r1cs_to_qap::LibsnarkReduction};
use ark_snark::SNARK;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zktrain_argument::arith::{Arithmetic, Check};
use zktrain_backends::r1cs::R1csBuilder;
use zktrain_verify::groth16::{Groth16Error, Groth16Key, PROOF_BYTES, PointError, verify};

use super::*;

/// The inputs are `x`, `P(x, w)` and `w²` for a permutation `P` and a witness `w`.
fn circuit(x: u64, w: u64) -> Synthesis {
    let [x, w] = [x, w].map(Fr::from);
    let mut state = [x, w, x + w, x, Fr::from(7u64)];
    zktrain_argument::poseidon::permute(&mut state);
    let (mut builder, [x, y, z]) = R1csBuilder::new([x, state[2], w.square()]);
    let w = builder.witness(w);
    let (sum, seven) = (builder.add(&x, &w), builder.constant(Fr::from(7u64)));
    let mut state = [x.clone(), w.clone(), sum, x, seven];
    builder.permute(&mut state);
    let _ = builder.assert_equal(Check::Fold, &state[2], &y);
    let square = builder.mul(&w, &w);
    let _ = builder.assert_equal(Check::Fold, &square, &z);
    builder.finish()
}

fn key() -> ProvingKey {
    insecure_key(&circuit(1, 2).system, &mut ChaCha20Rng::seed_from_u64(1))
}

fn inputs(synthesis: &Synthesis) -> [Fr; 3] {
    synthesis.assignment[1..4].try_into().unwrap()
}

fn proven(x: u64, w: u64) -> (ProvingKey, [Fr; 3], Groth16Proof) {
    let (key, synthesis) = (key(), circuit(x, w));
    let (proof, _) = prove(&key, &synthesis).unwrap();
    (key, inputs(&synthesis), proof)
}

fn shifted<P: AffineRepr>(point: P) -> P {
    (point + P::generator()).into_affine()
}

#[test]
fn true_statements_are_accepted() {
    for (x, w) in [(1, 2), (0, 0), (5, 1 << 60)] {
        let (key, inputs, proof) = proven(x, w);
        assert_eq!(verify(&key.key, &inputs, &proof.to_bytes()), Ok(()));
    }
}

#[test]
fn other_inputs_are_rejected() {
    let (key, inputs, proof) = proven(3, 4);
    for index in 0..3 {
        let mut altered = inputs;
        altered[index] += Fr::ONE;
        let result = verify(&key.key, &altered, &proof.to_bytes());
        assert_eq!(result, Err(Groth16Error::Pairing), "input {index}");
    }
}

/// With everything else equal, the operating system's bytes included.
#[test]
fn blinding_depends_on_the_owners_key_even_if_the_system_repeats_itself() {
    let (key, synthesis) = (key(), circuit(3, 4));
    let by = |bytes| {
        let owner = LocalKey::with_repeating_system(bytes, [9; 32]);
        prove_by(&owner, &key, &synthesis).unwrap().0.to_bytes()
    };
    assert_eq!(by([7; 32]), by([7; 32]), "or this shows nothing");
    assert_ne!(by([7; 32]), by([8; 32]));
    let failing = prove_by(&LocalKey::with_failing_system([7; 32]), &key, &synthesis);
    assert!(matches!(failing, Err(Groth16ProveError::Randomness(_))));
}

#[test]
fn false_statements_are_not_proven() {
    let mut synthesis = circuit(3, 4);
    let broken = synthesis.products.len() - 1;
    synthesis.products[broken][0] += Fr::ONE;
    let error = prove(&key(), &synthesis).unwrap_err();
    assert_eq!(error, Groth16ProveError::Unsatisfied { index: broken });
    // A prover that proves all the same: products that hold, for another assignment.
    let honest = circuit(3, 4);
    for variable in [1, 4, 20, honest.assignment.len() - 1] {
        let mut cheat = circuit(3, 4);
        cheat.assignment[variable] += Fr::ONE;
        let key = key();
        let (proof, _) = prove(&key, &cheat).unwrap();
        for inputs in [inputs(&cheat), inputs(&honest)] {
            let result = verify(&key.key, &inputs, &proof.to_bytes());
            assert_eq!(result, Err(Groth16Error::Pairing), "variable {variable}");
        }
    }
}

#[test]
fn a_key_for_another_circuit_is_noticed() {
    let (mut builder, [x, y, z]) = R1csBuilder::new([Fr::ONE; 3]);
    let product = builder.mul(&x, &y);
    let _ = builder.assert_equal(Check::Fold, &product, &z);
    let error = prove(&key(), &builder.finish()).unwrap_err();
    assert!(matches!(error, Groth16ProveError::Circuit { got: 5, .. }), "{error}");
}

#[test]
fn proofs_of_one_statement_share_nothing() {
    let (key, synthesis) = (key(), circuit(3, 4));
    let [one, other] = [(); 2].map(|()| prove(&key, &synthesis).unwrap().0);
    assert!(one.a != other.a && one.b != other.b && one.c != other.c);
}

#[test]
fn every_word_of_a_proof_matters() {
    let (key, inputs, proof) = proven(3, 4);
    let bytes = proof.to_bytes();
    for word in 0..PROOF_BYTES / 32 {
        for (at, bit) in [(0, 1), (16, 1), (31, 1), (31, 128)] {
            let mut altered = bytes.clone();
            altered[32 * word + at] ^= bit;
            let error = verify(&key.key, &inputs, &altered).unwrap_err();
            assert!(matches!(error, Groth16Error::Point(_)), "word {word}: {error}");
        }
        // The same coordinate, not reduced.
        let mut altered = bytes.clone();
        add_modulus(&mut altered[32 * word..32 * word + 32]);
        let error = verify(&key.key, &inputs, &altered).unwrap_err();
        assert!(matches!(error, Groth16Error::Point(PointError::Unreduced { .. })), "{word}");
    }
}

/// `word + p` as a big-endian integer; it fits, as `p` is below 2^254.
fn add_modulus(word: &mut [u8]) {
    let mut carry = 0u16;
    let modulus: Vec<u8> = Fq::MODULUS.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    for (byte, add) in word.iter_mut().rev().zip(modulus) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
}

#[test]
fn other_points_are_rejected() {
    let (key, inputs, proof) = proven(3, 4);
    let (_, _, other) = proven(4, 3);
    let Groth16Proof { a, b, c } = proof;
    let neutral = G1Affine::zero();
    let altered = [
        Groth16Proof { a: shifted(a), ..proof },
        Groth16Proof { b: shifted(b), ..proof },
        Groth16Proof { c: shifted(c), ..proof },
        Groth16Proof { a: -a, ..proof },
        Groth16Proof { b: -b, ..proof },
        Groth16Proof { c: -c, ..proof },
        Groth16Proof { a: c, c: a, ..proof },
        Groth16Proof { a: other.a, ..proof },
        Groth16Proof { b: other.b, ..proof },
        Groth16Proof { c: other.c, ..proof },
        Groth16Proof { a: neutral, ..proof },
        Groth16Proof { b: G2Affine::zero(), ..proof },
        Groth16Proof { c: neutral, ..proof },
        other,
    ];
    for (index, altered) in altered.iter().enumerate() {
        let result = verify(&key.key, &inputs, &altered.to_bytes());
        assert_eq!(result, Err(Groth16Error::Pairing), "alteration {index}");
    }
}

#[test]
fn other_lengths_are_rejected() {
    let (key, inputs, proof) = proven(3, 4);
    let bytes = proof.to_bytes();
    for got in [0, 64, PROOF_BYTES - 1] {
        assert_eq!(verify(&key.key, &inputs, &bytes[..got]), Err(Groth16Error::Length { got }));
    }
    let got = PROOF_BYTES + 1;
    let longer = [bytes, vec![0]].concat();
    assert_eq!(verify(&key.key, &inputs, &longer), Err(Groth16Error::Length { got }));
}

/// What the verifier's documentation warns of.
#[test]
fn proofs_can_be_randomised_by_anyone() {
    let (key, inputs, proof) = proven(3, 4);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (rho, sigma) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let other = Groth16Proof {
        a: (proof.a * rho.inverse().unwrap()).into_affine(),
        b: (proof.b * rho + key.key.delta_g2 * (rho * sigma)).into_affine(),
        c: (proof.c + proof.a * sigma).into_affine(),
    };
    assert_ne!(other, proof);
    assert_eq!(verify(&key.key, &inputs, &other.to_bytes()), Ok(()));
}

/// Every part of the verifying key takes part in the equation.
#[test]
fn another_key_is_rejected() {
    let (key, inputs, proof) = proven(3, 4);
    type Alter = fn(&mut Groth16Key);
    let alterations: [Alter; 8] = [
        |k| k.alpha_g1 = shifted(k.alpha_g1),
        |k| k.beta_g2 = shifted(k.beta_g2),
        |k| k.gamma_g2 = shifted(k.gamma_g2),
        |k| k.delta_g2 = shifted(k.delta_g2),
        |k| k.ic[0] = shifted(k.ic[0]),
        |k| k.ic[1] = shifted(k.ic[1]),
        |k| k.ic[2] = shifted(k.ic[2]),
        |k| k.ic[3] = shifted(k.ic[3]),
    ];
    for (index, alter) in alterations.iter().enumerate() {
        let mut altered = key.key.clone();
        alter(&mut altered);
        let result = verify(&altered, &inputs, &proof.to_bytes());
        assert_eq!(result, Err(Groth16Error::Pairing), "alteration {index}");
    }
}

fn arkworks_key(key: &ProvingKey) -> ark_groth16::ProvingKey<Bn254> {
    fn dense<P: AffineRepr>(query: &Query<P>, first: usize, count: usize) -> Vec<P> {
        let mut points = vec![P::zero(); count];
        for (variable, point) in query.variables.iter().zip(&query.points) {
            points[*variable as usize - first] = *point;
        }
        points
    }
    let n = key.variables;
    ark_groth16::ProvingKey {
        vk: ark_groth16::VerifyingKey {
            alpha_g1: key.key.alpha_g1,
            beta_g2: key.key.beta_g2,
            gamma_g2: key.key.gamma_g2,
            delta_g2: key.key.delta_g2,
            gamma_abc_g1: key.key.ic.to_vec(),
        },
        beta_g1: key.beta_g1,
        delta_g1: key.delta_g1,
        a_query: dense(&key.a, 0, n),
        b_g1_query: dense(&key.b_g1, 0, n),
        b_g2_query: dense(&key.b_g2, 0, n),
        h_query: key.h.clone(),
        l_query: dense(&key.l, 4, n - 4),
    }
}

/// arkworks proves with our keys, and its verifier accepts our proofs.
#[test]
fn agrees_with_arkworks() {
    let (key, synthesis) = (key(), circuit(3, 4));
    let inputs = inputs(&synthesis);
    let arkworks = arkworks_key(&key);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    type Ark = Groth16<Bn254, LibsnarkReduction>;
    let Proof { a, b, c } = Ark::prove(&arkworks, circuit(3, 4), &mut rng).unwrap();
    let theirs = Groth16Proof { a, b, c };
    assert_eq!(verify(&key.key, &inputs, &theirs.to_bytes()), Ok(()));
    let (Groth16Proof { a, b, c }, _) = prove(&key, &synthesis).unwrap();
    assert!(Ark::verify(&arkworks.vk, &inputs, &Proof { a, b, c }).unwrap());
}

#[test]
fn proving_keys_and_back() {
    let key = key();
    let bytes = key.to_bytes();
    assert_eq!(ProvingKey::from_bytes(&bytes).unwrap(), key);
    for index in (0..bytes.len()).step_by(501) {
        let mut altered = bytes.clone();
        altered[index] ^= 1;
        assert!(ProvingKey::from_bytes(&altered).is_err(), "byte {index}");
    }
    for length in (0..bytes.len()).step_by(997) {
        assert!(ProvingKey::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let longer = [bytes, vec![0]].concat();
    assert_eq!(ProvingKey::from_bytes(&longer), Err(ProvingKeyError::Checksum));
}

/// Damage that a checksum made for it does not show.
#[test]
fn malformed_proving_keys_are_refused() {
    type Alter = fn(&mut ProvingKey);
    let alterations: [(Alter, ProvingKeyError); 5] = [
        (|k| k.a.variables.swap(0, 1), ProvingKeyError::Variables { part: "query of A" }),
        (
            |k| *k.l.variables.last_mut().unwrap() = u32::MAX,
            ProvingKeyError::Variables { part: "query of C" },
        ),
        (
            |k| k.h[5] = G1Affine::zero(),
            ProvingKeyError::Point { part: "query of the quotient", index: 5 },
        ),
        (|k| k.domain_log = 29, ProvingKeyError::Range { part: "domain", limit: 28, got: 29 }),
        (
            |k| k.h[3] = G1Affine::new_unchecked(Fq::ONE, Fq::ONE),
            ProvingKeyError::Point { part: "query of the quotient", index: 3 },
        ),
    ];
    for (index, (alter, expected)) in alterations.iter().enumerate() {
        let mut altered = key();
        alter(&mut altered);
        let error = ProvingKey::from_bytes(&altered.to_bytes()).unwrap_err();
        assert_eq!(error, *expected, "alteration {index}");
    }
    let mut longer = Vec::new();
    key().write(&mut longer);
    longer.push(0);
    let digest = blake3::hash(&longer);
    longer.extend_from_slice(digest.as_bytes());
    assert_eq!(ProvingKey::from_bytes(&longer), Err(ProvingKeyError::TrailingBytes));
}
