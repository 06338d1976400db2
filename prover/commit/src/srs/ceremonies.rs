//! Public ceremonies over BN254, by `[τ]` in G2.
//!
//! A checked reference string is determined by its `[τ]₂`: all its powers are powers of that `τ`.
//! So a string with one of these points is that ceremony's, no matter where the file comes from
//! and what it says. Where each point comes from and how it was compared is in
//! `docs/adr/0024-a-verdict-names-its-roots.md`.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::MontFp;

/// A public ceremony whose `[τ]` this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicCeremony {
    /// What it is called.
    pub name: &'static str,
    /// Who published it, and what it ended with.
    pub source: &'static str,
    /// `[τ]` in G1.
    pub tau_g1: G1Affine,
    /// `[τ]` in G2.
    pub tau_g2: G2Affine,
}

const fn g1(x: Fq, y: Fq) -> G1Affine {
    G1Affine::new_unchecked(x, y)
}

/// Real part first, as arkworks and snarkjs' JSON have it; Ethereum's order is the other.
const fn g2(x: [Fq; 2], y: [Fq; 2]) -> G2Affine {
    G2Affine::new_unchecked(Fq2::new(x[0], x[1]), Fq2::new(y[0], y[1]))
}

/// The ceremonies that are known here.
pub const CEREMONIES: [PublicCeremony; 4] = [
    PublicCeremony {
        name: "Perpetual Powers of Tau, contribution 54 and a beacon",
        source: "powersOfTau28_hez_final_*.ptau, published by Hermez, hashes in \
                 github.com/iden3/snarkjs",
        tau_g1: g1(
            MontFp!(
                "20728631459180945195599883126918614737332401693345742211369865915898638258639"
            ),
            MontFp!(
                "16919411746124220790029666305490600509628907081923656367900435673631503372016"
            ),
        ),
        tau_g2: g2(
            [
                MontFp!(
                    "21831381940315734285607113342023901060522397560371972897001948545212302161822"
                ),
                MontFp!(
                    "17231025384763736816414546592865244497437017442647097510447326538965263639101"
                ),
            ],
            [
                MontFp!(
                    "2388026358213174446665280700919698872609886601280537296205114254867301080648"
                ),
                MontFp!(
                    "11507326595632554467052522095592665270651932854513688777769618397986436103170"
                ),
            ],
        ),
    },
    PublicCeremony {
        name: "Perpetual Powers of Tau, contribution 80 and a beacon",
        source: "ppot_0080_*.ptau, published in \
                 github.com/privacy-scaling-explorations/perpetualpowersoftau",
        tau_g1: g1(
            MontFp!(
                "10054994567794822032199322394970208989264976650753242865261403343122188057499"
            ),
            MontFp!("2978818807908787159945426934220246593272741737117070745308231863911597571889"),
        ),
        tau_g2: g2(
            [
                MontFp!(
                    "18253511544609001572866960948873128266198935669250718031100637619547827597184"
                ),
                MontFp!(
                    "10764647077472957448033591885865458661573660819003350325268673957890498500987"
                ),
            ],
            [
                MontFp!(
                    "19756181390911900613508142947142748782977087973617411469215564659012323409872"
                ),
                MontFp!(
                    "15207030507740967976352749097256929091435606784526748170016829002013506957017"
                ),
            ],
        ),
    },
    PublicCeremony {
        name: "Perpetual Powers of Tau, challenge 85, without a beacon",
        source: "challenge_0085/kzg_bn254_*.srs, converted by Axiom from \
                 github.com/privacy-scaling-explorations/perpetualpowersoftau",
        tau_g1: g1(
            MontFp!("5421624913032980671919055010798735843841011930764711817607050648427876929258"),
            MontFp!(
                "12995821280260994872112541311010834261076556242291585164372488699033268245381"
            ),
        ),
        tau_g2: g2(
            [
                MontFp!(
                    "19394299006376106554626551996044114846855237028623244664226757033024550999552"
                ),
                MontFp!(
                    "10478571113809844268398751534081669357808742555529167819607714577862447855483"
                ),
            ],
            [
                MontFp!(
                    "9205262336805673656533560220225620941045451042642528799409071118332922267006"
                ),
                MontFp!(
                    "10552783866161062341197740743287753408530108186218052255509661543860392060676"
                ),
            ],
        ),
    },
    PublicCeremony {
        name: "Aztec Ignition, 176 contributions",
        source: "published by Aztec, github.com/AztecProtocol/ignition-verification",
        tau_g1: g1(
            MontFp!(
                "20449530420899268687302952649477614135834879920908224423340014304031627405049"
            ),
            MontFp!(
                "17515048112805791705685986509311726821353577104405763528022564402866062101162"
            ),
        ),
        tau_g2: g2(
            [
                MontFp!(
                    "496075682290949347282619629729389528669750910289829251317610107342504362928"
                ),
                MontFp!(
                    "17212635814319756364507010169094758005397460366678210664966334781961899574209"
                ),
            ],
            [
                MontFp!(
                    "15828724851114720558251891430452666121603726704878231219287131634746610441813"
                ),
                MontFp!(
                    "2255182984359105691812395885056400739448730162863181907784180250290003009508"
                ),
            ],
        ),
    },
];

/// The ceremony that a checked reference string is from, if it is a known one.
pub fn find(tau_g2: &G2Affine) -> Option<&'static PublicCeremony> {
    CEREMONIES.iter().find(|ceremony| ceremony.tau_g2 == *tau_g2)
}

#[cfg(test)]
mod tests {
    use ark_bn254::Bn254;
    use ark_ec::AffineRepr;
    use ark_ec::pairing::Pairing;
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn every_point_is_in_the_group_and_has_the_tau_of_its_ceremony() {
        let (one_g1, one_g2) = (G1Affine::generator(), G2Affine::generator());
        for ceremony in &CEREMONIES {
            let (tau_g1, tau_g2) = (ceremony.tau_g1, ceremony.tau_g2);
            assert!(tau_g1.is_on_curve() && !tau_g1.is_zero(), "{}", ceremony.name);
            assert!(tau_g2.is_on_curve(), "{}", ceremony.name);
            assert!(tau_g2.is_in_correct_subgroup_assuming_on_curve(), "{}", ceremony.name);
            assert!(!tau_g2.is_zero() && tau_g2 != one_g2 && tau_g2 != -one_g2);
            let same = Bn254::pairing(tau_g1, one_g2) == Bn254::pairing(one_g1, tau_g2);
            assert!(same, "{}", ceremony.name);
            assert_eq!(find(&tau_g2), Some(ceremony));
            assert!(!ceremony.source.is_empty());
        }
        for (index, one) in CEREMONIES.iter().enumerate() {
            let others = &CEREMONIES[index + 1..];
            assert!(others.iter().all(|other| other.tau_g2 != one.tau_g2));
        }
    }

    #[test]
    fn strings_whose_tau_anybody_can_compute_are_not_known() {
        assert_eq!(find(&G2Affine::generator()), None);
        assert_eq!(find(&G2Affine::zero()), None);
        // Setups for tests take τ from a generator with a small or zero seed.
        let seeds = (0..64u64).map(ChaCha20Rng::seed_from_u64);
        for mut rng in seeds.chain([ChaCha20Rng::from_seed([0; 32])]) {
            let tau = ark_bn254::Fr::rand(&mut rng);
            assert_eq!(find(&(G2Affine::generator() * tau).into()), None);
        }
        for tau in 1..256u64 {
            assert_eq!(find(&(G2Affine::generator() * ark_bn254::Fr::from(tau)).into()), None);
        }
    }
}
