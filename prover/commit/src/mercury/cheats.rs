//! Provers that cheat against one claim at a time. Each claim but the attacked one holds, so that a
//! verifier that left out that one would accept.

use super::tests::{SEED, multilinear, random, srs};
use super::*;
use zktrain_argument::opening::mercury::{OpeningError, eq_polynomial};
use zktrain_verify::mercury::verify;

/// What a prover may do against the protocol; every hook starts from the honest message.
struct Cheat {
    value: Fr,
    fold: fn(&mut [Fr]),
    division: fn(&mut Vec<Fr>, &mut Vec<Fr>, Fr, &[Fr], Fr),
    evaluations: fn(&mut Evaluations, Fr, Fr, Fr),
}

impl Default for Cheat {
    fn default() -> Self {
        Self {
            value: Fr::ZERO,
            fold: |_| {},
            division: |_, _, _, _, _| {},
            evaluations: |_, _, _, _| {},
        }
    }
}

/// The four claims that `L(z) = 0` batches, each as what it adds to `L(z)`.
#[derive(Debug, PartialEq, Eq)]
struct Faults {
    division: bool,
    evaluations: bool,
    reversal: bool,
    fold: bool,
}

const NO_FAULT: Faults =
    Faults { division: false, evaluations: false, reversal: false, fold: false };

const C: usize = 5;
const B: usize = 8;
const M: usize = 4;

/// Proves that `values`, of any length, take `value + cheat.value` at the point, as well as the
/// cheat allows. Returns what the verifier says, and which claims are wrong: were the verifier not
/// to check those, it would accept.
fn cheat(values: &[Fr], cheat: &Cheat) -> (Result<(), OpeningError>, Faults) {
    let (srs, point) = (srs(7), random(C, 2));
    let (low, high) = point.split_at(3);
    let g1 = srs.g1();
    let commitment = commit(g1, values);
    let mut h = fold(values, &eq_table(low));
    (cheat.fold)(&mut h);
    let value = multilinear(&values[..1 << C], &point) + cheat.value;
    let mut transcript = OpeningTranscript::new(SEED, &commitment, &point, &value);
    let fold = commit(g1, &h);
    let alpha = transcript.alpha(&fold);
    let (mut q, mut g) = divide_by_binomial(values, B, alpha);
    (cheat.division)(&mut q, &mut g, alpha, &eq_table(low), evaluate(&h, alpha));
    let (quotient, remainder) = (commit(g1, &q), commit(g1, &g));
    let gamma = transcript.gamma(&quotient, &remainder);

    // Products and reversal of what lies within the bounds; more cannot be committed to.
    let mut s = products(&g[..B], low);
    add_scaled(&mut s, &products(&h[..M], high), gamma);
    let mut d = reversed(&g[..B]);
    add_scaled(&mut d, &reversed(&h[..M]), gamma);
    // A polynomial S takes up what g and h have beyond the bounds.
    excess(&mut s, &g, low, B, Fr::ONE);
    excess(&mut s, &h, high, M, gamma);
    let (products, reversal) = (commit(g1, &s), commit(g1, &d));
    let zeta = transcript.zeta(&products, &reversal);
    let points = Points { alpha, zeta, inverse: zeta.inverse().unwrap() };
    let small = Small { g, h, s, d };
    let honest = small.evaluations(&points);
    let mut evaluations = honest;
    (cheat.evaluations)(&mut evaluations, zeta, gamma, cheat.value);
    let beta = transcript.beta(&evaluations);
    let w = small.batch_quotient(&points, beta);
    let batch = commit(g1, &w);
    let (z, delta) = transcript.linearisation(&batch);
    let mut l = values.to_vec();
    l.resize(1 << 7, Fr::ZERO);
    add_scaled(&mut l, &q, alpha - z.pow([B as u64]));
    add_scaled(&mut l, &small.linearised(&w, &points, beta, z, delta), Fr::ONE);
    divide_by_linear(&mut l, z);
    let linearisation = commit(g1, &l);

    let Evaluations { remainder: [ga, gb], fold: [ha, hb], products: [sa, sb] } = evaluations;
    let [p1, p2] = [low, high].map(|u| [eq_polynomial(u, zeta), eq_polynomial(u, points.inverse)]);
    let twice = ga * p1[1] + gb * p1[0] + gamma * (ha * p2[1] + hb * p2[0])
        - zeta * sa
        - points.inverse * sb;
    let claimed = twice / Fr::from(2u64) - gamma * value;
    let reversed_at_zeta = zeta.pow([B as u64 - 1]) * gb + gamma * zeta.pow([M as u64 - 1]) * hb;
    let division =
        evaluate(values, z) - (z.pow([B as u64]) - alpha) * evaluate(&q, z) - evaluate(&small.g, z);
    let faults = Faults {
        division: division != Fr::ZERO,
        evaluations: evaluations != honest,
        reversal: evaluate(&small.d, zeta) != reversed_at_zeta,
        fold: evaluate(&small.h, alpha) != claimed,
    };
    let proof = OpeningProof {
        fold,
        quotient,
        remainder,
        products,
        reversal,
        evaluations,
        batch,
        linearisation,
    };
    let commitment = commitment.into();
    (verify(&srs.verifier_key(), &commitment, &point, value, SEED, &proof), faults)
}

/// Adds to `s` the products of `f`'s coefficients from `bound` on, all of which have positive
/// powers next to the coefficients of `P`.
fn excess(s: &mut Vec<Fr>, f: &[Fr], u: &[Fr], bound: usize, scale: Fr) {
    let eq = eq_table(u);
    for (i, f) in f.iter().enumerate().skip(bound) {
        s.resize(s.len().max(i), Fr::ZERO);
        for (j, eq) in eq.iter().enumerate() {
            s[i - j - 1] += scale * f * eq;
        }
    }
}

fn rejected_for(values: &[Fr], cheating: Cheat, expected: Faults) {
    let (result, faults) = cheat(values, &cheating);
    assert_eq!(faults, expected);
    let accepted = if expected == NO_FAULT { Ok(()) } else { Err(OpeningError::Pairing) };
    assert_eq!(result, accepted);
}

fn forged() -> Cheat {
    Cheat { value: Fr::ONE, ..Cheat::default() }
}

#[test]
fn without_a_cheat_there_is_no_fault() {
    rejected_for(&random(32, 1), Cheat::default(), NO_FAULT);
}

#[test]
fn a_wrong_value_is_a_wrong_inner_product() {
    rejected_for(&random(32, 1), forged(), Faults { fold: true, ..NO_FAULT });
}

/// Moves `h` so that `⟨P', h⟩` is one more.
fn lift_fold(h: &mut [Fr]) {
    // The coefficients of P' sum to one.
    h.iter_mut().for_each(|h| *h += Fr::ONE);
}

/// Moves the constant of `g` so that `⟨P, g⟩` is `claim`.
fn lift_remainder(g: &mut [Fr], eq: &[Fr], claim: Fr) -> Fr {
    let now: Fr = g.iter().zip(eq).map(|(g, e)| *g * e).sum();
    let step = (claim - now) / eq[0];
    g[0] += step;
    step
}

#[test]
fn a_fold_of_other_values_does_not_match_the_remainder() {
    let cheating = Cheat { fold: lift_fold, ..forged() };
    rejected_for(&random(32, 1), cheating, Faults { fold: true, ..NO_FAULT });
}

#[test]
fn a_remainder_that_matches_another_fold_breaks_the_division() {
    let cheating = Cheat {
        fold: lift_fold,
        division: |_, g, _, eq, claim| {
            lift_remainder(g, eq, claim);
        },
        ..forged()
    };
    rejected_for(&random(32, 1), cheating, Faults { division: true, ..NO_FAULT });
}

#[test]
fn a_remainder_of_too_high_a_degree_repairs_the_division_and_cannot_be_reversed() {
    let cheating = Cheat {
        fold: lift_fold,
        division: |q, g, alpha, eq, claim| {
            // f = (X^b − α)·(q + e) + g − e·X^b + α·e
            let e = lift_remainder(g, eq, claim) / alpha;
            g.push(-e);
            q[0] += e;
        },
        ..forged()
    };
    rejected_for(&random(32, 1), cheating, Faults { reversal: true, ..NO_FAULT });
}

#[test]
fn every_evaluation_is_opened() {
    // Each alone can make the identity at ζ yield the honest h(α) for a value that is one too high.
    let forgeries: [fn(&mut Evaluations, Fr, Fr, Fr); 2] = [
        |e, zeta, gamma, by| e.products[0] -= gamma * by.double() / zeta,
        |e, zeta, gamma, by| e.products[1] -= gamma * by.double() * zeta,
    ];
    for evaluations in forgeries {
        let cheating = Cheat { evaluations, ..forged() };
        rejected_for(&random(32, 1), cheating, Faults { evaluations: true, ..NO_FAULT });
    }
    // g(ζ) and h(ζ) do not enter the reversal either; S(ζ) balances them.
    let balanced: [fn(&mut Evaluations, Fr, Fr, Fr); 2] = [
        |e, zeta, _, _| {
            let (low, at) = (random(C, 2)[..3].to_vec(), zeta.inverse().unwrap());
            e.remainder[0] += Fr::ONE;
            e.products[0] += eq_polynomial(&low, at) / zeta;
        },
        |e, zeta, gamma, _| {
            let (high, at) = (random(C, 2)[3..].to_vec(), zeta.inverse().unwrap());
            e.fold[0] += Fr::ONE;
            e.products[0] += gamma * eq_polynomial(&high, at) / zeta;
        },
    ];
    for evaluations in balanced {
        let cheating = Cheat { evaluations, ..Cheat::default() };
        rejected_for(&random(32, 1), cheating, Faults { evaluations: true, ..NO_FAULT });
    }
    // g(1/ζ) and h(1/ζ) enter both; against each other they keep the reversal.
    let cheating = Cheat {
        evaluations: |e, zeta, gamma, _| {
            let point = random(C, 2);
            let (low, high) = point.split_at(3);
            let step = gamma * zeta.pow([M as u64 - 1]) / zeta.pow([B as u64 - 1]);
            e.fold[1] += Fr::ONE;
            e.remainder[1] -= step;
            let sum = gamma * eq_polynomial(high, zeta) - step * eq_polynomial(low, zeta);
            e.products[0] += sum / zeta;
        },
        ..Cheat::default()
    };
    rejected_for(&random(32, 1), cheating, Faults { evaluations: true, ..NO_FAULT });
}

#[test]
fn a_committed_polynomial_of_too_high_a_degree_is_rejected() {
    for length in [33, 40, 64] {
        let values = random(length, 1);
        rejected_for(&values, Cheat::default(), Faults { reversal: true, ..NO_FAULT });
    }
}
