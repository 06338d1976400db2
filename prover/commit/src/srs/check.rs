//! The relations that make points a reference string.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine, G2Projective};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{BigInt, Field};
use rand::RngCore;
use rayon::prelude::*;
use zktrain_msm::msm_full;

use super::weak::{is_root_of_unity, weakness_of};
use super::{MAX_POWER, Section, Srs, SrsError, Weakness};
use crate::random::{Label, Randomness};

impl Srs {
    /// Checks every point, and by pairings that all belong to one `τ`, `α` and `β`.
    ///
    /// Consecutive powers are checked all at once, through a random linear combination with
    /// 128-bit coefficients from the operating system, drawn after the points are there: error
    /// probability `2^-128` a section.
    pub(super) fn check_points(&self) -> Result<(), SrsError> {
        self.check_sizes()?;
        self.check_membership()?;
        let mut rng = Randomness::fresh(Label::StringWeights)?;
        if self.g1.first() != Some(&G1Affine::generator()) {
            return Err(SrsError::Generator { section: Section::TauG1 });
        }
        if self.g2[0] != G2Affine::generator() {
            return Err(SrsError::Generator { section: Section::TauG2 });
        }
        self.check_geometric(&self.g1, Section::TauG1, &mut rng)?;
        weakness(Section::TauG1, self.g1.get(1))?;
        if is_root_of_unity(&self.g1) {
            let why = Weakness::RootOfUnity;
            return Err(SrsError::Weak { section: Section::TauG1, why });
        }
        let Some(phase_two) = &self.phase_two else {
            return Ok(());
        };
        self.check_g2_powers(&phase_two.g2_powers, &mut rng)?;
        self.check_geometric(&phase_two.alpha_g1, Section::AlphaTauG1, &mut rng)?;
        self.check_geometric(&phase_two.beta_g1, Section::BetaTauG1, &mut rng)?;
        weakness(Section::AlphaTauG1, phase_two.alpha_g1.first())?;
        weakness(Section::BetaTauG1, phase_two.beta_g1.first())?;
        let beta = phase_two.beta_g1.first().copied().unwrap_or_default();
        relation(Section::BetaG2, [beta, -self.g1[0]], [self.g2[0], phase_two.beta_g2])
    }

    /// That there are as many points as the power says: two at least, or there is no `[τ]`.
    fn check_sizes(&self) -> Result<(), SrsError> {
        let rows = 1u64 << self.power.min(MAX_POWER);
        let enough = |expected: u64, got: usize| match got as u64 >= expected {
            true => Ok(()),
            false => Err(SrsError::TooSmall { expected, got: got as u64 }),
        };
        enough(rows.max(2), self.g1.len())?;
        if let Some(phase_two) = &self.phase_two {
            enough(rows, phase_two.g2_powers.len())?;
            enough(rows, phase_two.alpha_g1.len())?;
            enough(rows, phase_two.beta_g1.len())?;
        }
        Ok(())
    }

    /// That every point is on its curve, of order `r` and not zero.
    fn check_membership(&self) -> Result<(), SrsError> {
        members(&self.g1, Section::TauG1)?;
        members(&self.g2, Section::TauG2)?;
        if let Some(phase_two) = &self.phase_two {
            members(&phase_two.g2_powers, Section::TauG2)?;
            members(&phase_two.alpha_g1, Section::AlphaTauG1)?;
            members(&phase_two.beta_g1, Section::BetaTauG1)?;
            members(&[phase_two.beta_g2], Section::BetaG2)?;
        }
        Ok(())
    }

    /// `e(Σ c_i·P_{i+1}, [1]) = e(Σ c_i·P_i, [τ])`.
    fn check_geometric(
        &self,
        points: &[G1Affine],
        section: Section,
        rng: &mut Randomness,
    ) -> Result<(), SrsError> {
        let Some((_, tail)) = points.split_first() else {
            return Err(SrsError::MissingSection { section });
        };
        let coefficients = coefficients(tail.len(), rng);
        let upper = msm_full(tail, &coefficients).into_affine();
        let lower = msm_full(&points[..tail.len()], &coefficients).into_affine();
        relation(section, [upper, -lower], self.g2)
    }

    /// `e([1], Σ c_i·Q_{i+1}) = e([τ], Σ c_i·Q_i)`, and that the first two are those of `g2`.
    fn check_g2_powers(&self, points: &[G2Affine], rng: &mut Randomness) -> Result<(), SrsError> {
        let section = Section::TauG2;
        let Some((first, tail)) = points.split_first() else {
            return Err(SrsError::MissingSection { section });
        };
        if *first != self.g2[0] {
            return Err(SrsError::Generator { section });
        }
        // A string of one power has no second one to compare.
        let (Some(second), Some(tau_g1)) = (tail.first(), self.g1.get(1)) else {
            return Ok(());
        };
        if *second != self.g2[1] {
            return Err(SrsError::Relation { section });
        }
        let coefficients = coefficients(tail.len(), rng);
        let upper = G2Projective::msm_unchecked(tail, &coefficients).into_affine();
        let lower = G2Projective::msm_unchecked(&points[..tail.len()], &coefficients).into_affine();
        relation(section, [self.g1[0], -*tau_g1], [upper, lower])
    }
}

fn members<C: SWCurveConfig>(points: &[Affine<C>], section: Section) -> Result<(), SrsError> {
    points.par_iter().enumerate().try_for_each(|(index, point)| {
        if point.is_zero() || !point.is_on_curve() {
            return Err(SrsError::OffCurve { section, index });
        }
        match point.is_in_correct_subgroup_assuming_on_curve() {
            true => Ok(()),
            false => Err(SrsError::Subgroup { section, index }),
        }
    })
}

fn weakness(section: Section, point: Option<&G1Affine>) -> Result<(), SrsError> {
    match point.and_then(weakness_of) {
        Some(why) => Err(SrsError::Weak { section, why }),
        None => Ok(()),
    }
}

fn coefficients(count: usize, rng: &mut Randomness) -> Vec<Fr> {
    (0..count).map(|_| Fr::from(BigInt([rng.next_u64(), rng.next_u64(), 0, 0]))).collect()
}

/// `Π e(left_i, right_i) = 1`.
fn relation(section: Section, left: [G1Affine; 2], right: [G2Affine; 2]) -> Result<(), SrsError> {
    let product = Bn254::multi_pairing(left, right);
    if product.0 == <Bn254 as Pairing>::TargetField::ONE {
        Ok(())
    } else {
        Err(SrsError::Relation { section })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    fn srs() -> Srs {
        Srs::generate(3, &mut ChaCha20Rng::seed_from_u64(9))
    }

    fn fault(alter: impl FnOnce(&mut Srs)) -> SrsError {
        let mut srs = srs();
        alter(&mut srs);
        srs.check().unwrap_err()
    }

    fn shifted<P: AffineRepr>(p: P) -> P {
        (p + P::generator()).into_affine()
    }

    #[test]
    fn every_altered_g1_point_is_found() {
        for i in 0..15 {
            let expected = if i == 0 { "generator" } else { "tauG1: pairing" };
            let error = fault(|srs| srs.g1[i] = shifted(srs.g1[i])).to_string();
            assert!(error.contains(expected), "{i}: {error}");
        }
    }

    #[test]
    fn every_altered_phase_two_point_is_found() {
        for i in 0..8 {
            let error = fault(|srs| {
                let p = &mut srs.phase_two.as_mut().unwrap().alpha_g1[i];
                *p = shifted(*p);
            });
            assert!(matches!(error, SrsError::Relation { section: Section::AlphaTauG1 }));
            let error = fault(|srs| {
                let p = &mut srs.phase_two.as_mut().unwrap().beta_g1[i];
                *p = shifted(*p);
            });
            assert!(matches!(error, SrsError::Relation { section: Section::BetaTauG1 }));
            let error = fault(|srs| {
                let p = &mut srs.phase_two.as_mut().unwrap().g2_powers[i];
                *p = shifted(*p);
            });
            match error {
                SrsError::Generator { section } => assert_eq!((i, section), (0, Section::TauG2)),
                other => assert!(matches!(other, SrsError::Relation { section: Section::TauG2 })),
            }
        }
        let error = fault(|srs| {
            let p = &mut srs.phase_two.as_mut().unwrap().beta_g2;
            *p = shifted(*p);
        });
        assert!(matches!(error, SrsError::Relation { section: Section::BetaG2 }));
    }

    #[test]
    fn another_tau_in_g2_is_found() {
        let error = fault(|srs| srs.g2[1] = shifted(srs.g2[1]));
        assert!(matches!(error, SrsError::Relation { section: Section::TauG1 }));
        // All β consistently scaled in G1 but not in G2.
        let error = fault(|srs| {
            for p in &mut srs.phase_two.as_mut().unwrap().beta_g1 {
                *p = (*p + *p).into_affine();
            }
        });
        assert!(matches!(error, SrsError::Relation { section: Section::BetaG2 }));
    }
}
