//! Keys, proofs and public inputs as the JSON that `snarkjs groth16 verify` reads.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::PrimeField;
use zktrain_backends::compress::INPUTS;

use super::{Groth16Key, Groth16Proof};

/// `verification_key.json`
pub fn key_json(key: &Groth16Key) -> String {
    let ic: Vec<String> = key.ic.iter().map(g1).collect();
    format!(
        concat!(
            r#"{{"protocol":"groth16","curve":"bn128","nPublic":{},"vk_alpha_1":{},"#,
            r#""vk_beta_2":{},"vk_gamma_2":{},"vk_delta_2":{},"IC":[{}]}}"#
        ),
        INPUTS,
        g1(&key.alpha_g1),
        g2(&key.beta_g2),
        g2(&key.gamma_g2),
        g2(&key.delta_g2),
        ic.join(",")
    )
}

/// `proof.json`
pub fn proof_json(proof: &Groth16Proof) -> String {
    format!(
        r#"{{"pi_a":{},"pi_b":{},"pi_c":{},"protocol":"groth16","curve":"bn128"}}"#,
        g1(&proof.a),
        g2(&proof.b),
        g1(&proof.c)
    )
}

/// `public.json`
pub fn inputs_json(inputs: &[Fr; INPUTS]) -> String {
    let inputs = inputs.map(|input| format!(r#""{}""#, input.into_bigint()));
    format!("[{}]", inputs.join(","))
}

fn number(x: &Fq) -> String {
    format!(r#""{}""#, x.into_bigint())
}

fn pair(x: &Fq2) -> String {
    format!("[{},{}]", number(&x.c0), number(&x.c1))
}

/// Projective coordinates; the neutral element is `(0, 1, 0)`.
fn g1(point: &G1Affine) -> String {
    match point.xy() {
        Some((x, y)) => format!(r#"[{},{},"1"]"#, number(&x), number(&y)),
        None => r#"["0","1","0"]"#.to_string(),
    }
}

fn g2(point: &G2Affine) -> String {
    match point.xy() {
        Some((x, y)) => format!(r#"[{},{},["1","0"]]"#, pair(&x), pair(&y)),
        None => r#"[["0","0"],["1","0"],["0","0"]]"#.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_strings() {
        let inputs = [Fr::from(0u64), -Fr::from(1u64), Fr::from(7u64)];
        let expected = concat!(
            r#"["0","#,
            r#""21888242871839275222246405745257275088548364400416034343698204186575808495616","#,
            r#""7"]"#
        );
        assert_eq!(inputs_json(&inputs), expected);
        assert_eq!(g1(&G1Affine::generator()), r#"["1","2","1"]"#);
        assert_eq!(g1(&G1Affine::zero()), r#"["0","1","0"]"#);
        assert!(
            g2(&G2Affine::generator()).starts_with(r#"[["10857046999023057135944570762232829"#)
        );
    }
}
