//! Checks a ceremony from its start.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::Field;
use rand::RngCore;
use zktrain_backends::r1cs::R1cs;
use zktrain_commit::random::{Label, Randomness};
use zktrain_commit::srs::CheckedSrs;
use zktrain_model::Hash;
use zktrain_msm::msm_full;
use zktrain_verify::groth16::KeyProvenance;

use super::contribution::{Contribution, FactorSource, beacon_factor, check_name, check_rounds};
use super::start::starting_key;
use super::{Ceremony, CeremonyError, ContributionFault, first_transcript, start_digest};
use crate::groth16::ProvingKey;

/// A ceremony that was checked.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedCeremony<'a> {
    ceremony: &'a Ceremony,
    provenance: KeyProvenance,
}

impl VerifiedCeremony<'_> {
    /// What the key's verifiers will be told.
    pub fn provenance(&self) -> KeyProvenance {
        self.provenance
    }

    /// The key that the ceremony ends in. It is marked insecure if the reference string is.
    pub fn finish(&self) -> ProvingKey {
        let mut key = self.ceremony.key.clone();
        key.key.provenance = self.provenance;
        key
    }
}

impl Ceremony {
    /// Checks everything: that the start is what circuit and string give, every contribution, and the key that came out. Takes as long as
    /// [`Ceremony::new`] and some seconds more.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(
        &self,
        system: &R1cs,
        srs: &CheckedSrs,
    ) -> Result<VerifiedCeremony<'_>, CeremonyError> {
        let start = starting_key(system, srs)?;
        self.verify_from(&start)?;
        let secrets =
            self.contributions.iter().filter(|c| c.source == FactorSource::Secret).count();
        if secrets == 0 {
            return Err(CeremonyError::NoContribution);
        }
        let provenance = if srs.claims_insecure() {
            KeyProvenance::Insecure
        } else {
            let transcript = self.transcript();
            KeyProvenance::Ceremony { contributions: secrets as u32, transcript }
        };
        Ok(VerifiedCeremony { ceremony: self, provenance })
    }

    pub(super) fn verify_from(&self, start: &ProvingKey) -> Result<(), CeremonyError> {
        if start_digest(start) != self.start {
            return Err(CeremonyError::Start);
        }
        self.check_fixed(start)?;
        check_rounds(self.contributions.iter().map(|c| &c.source))?;
        let mut transcript = first_transcript(&self.start);
        let mut delta = start.delta_g1;
        for (index, contribution) in self.contributions.iter().enumerate() {
            check_name(&contribution.name)?;
            contribution.source.check()?;
            contribution
                .check(&transcript, &delta)
                .map_err(|fault| CeremonyError::Contribution { index, fault })?;
            transcript = contribution.chained(&transcript);
            delta = contribution.delta_g1;
        }
        let delta_g2 = self.contributions.last().map_or(start.key.delta_g2, |c| c.delta_g2);
        if self.key.delta_g1 != delta || self.key.key.delta_g2 != delta_g2 {
            return Err(CeremonyError::Delta);
        }
        self.check_scaled(start)
    }

    /// What no contribution may change.
    fn check_fixed(&self, start: &ProvingKey) -> Result<(), CeremonyError> {
        let (key, fixed) = (&self.key, start);
        let (vk, fixed_vk) = (&self.key.key, &start.key);
        let parts = [
            ("provenance", vk.provenance == fixed_vk.provenance),
            ("circuit", vk.circuit == fixed_vk.circuit),
            ("alpha", vk.alpha_g1 == fixed_vk.alpha_g1),
            ("beta in G2", vk.beta_g2 == fixed_vk.beta_g2),
            ("gamma", vk.gamma_g2 == fixed_vk.gamma_g2),
            ("public inputs", vk.ic == fixed_vk.ic),
            ("size", (key.variables, key.domain_log) == (fixed.variables, fixed.domain_log)),
            ("beta in G1", key.beta_g1 == fixed.beta_g1),
            ("query of A", key.a == fixed.a),
            ("query of B", key.b_g1 == fixed.b_g1),
            ("query of B in G2", key.b_g2 == fixed.b_g2),
            ("query of C", key.l.variables == fixed.l.variables),
            ("query of C", key.l.points.len() == fixed.l.points.len()),
            ("query of the quotient", key.h.len() == fixed.h.len()),
        ];
        match parts.iter().find(|(_, equal)| !equal) {
            Some((part, _)) => Err(CeremonyError::Fixed { part }),
            None => Ok(()),
        }
    }

    /// `e(Σ ρ_i·P_i, [δ]) = e(Σ ρ_i·P_i^start, [1])`
    fn check_scaled(&self, start: &ProvingKey) -> Result<(), CeremonyError> {
        let mut rng = Randomness::fresh(Label::CeremonyWeights)?;
        let count = start.l.points.len() + start.h.len();
        let weights: Vec<Fr> = (0..count)
            .map(|_| Fr::from(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())))
            .collect();
        let sum = |key: &ProvingKey| {
            let points = [key.l.points.as_slice(), &key.h].concat();
            msm_full(&points, &weights).into_affine()
        };
        let (now, before) = (sum(&self.key), sum(start));
        if equal((now, self.key.key.delta_g2), (before, G2Affine::generator())) {
            Ok(())
        } else {
            Err(CeremonyError::Scaled)
        }
    }
}

impl Contribution {
    /// Checks the contribution to the key whose `[δ]` in G1 was `before`.
    fn check(&self, transcript: &Hash, before: &G1Affine) -> Result<(), ContributionFault> {
        let (one, one_g2) = (G1Affine::generator(), G2Affine::generator());
        if !equal((self.delta_g1, one_g2), (*before, self.factor_g2)) {
            return Err(ContributionFault::DeltaG1);
        }
        if !equal((one, self.delta_g2), (self.delta_g1, one_g2)) {
            return Err(ContributionFault::DeltaG2);
        }
        if !equal((self.knowledge, one_g2), (self.base(transcript), self.factor_g2)) {
            return Err(ContributionFault::Knowledge);
        }
        if let FactorSource::Beacon { randomness, rounds_log } = &self.source {
            let factor = beacon_factor(transcript, randomness, *rounds_log);
            if (one_g2 * factor).into_affine() != self.factor_g2 {
                return Err(ContributionFault::Beacon);
            }
        }
        Ok(())
    }
}

/// `e(a, b) = e(c, d)`; never true of a neutral left side, which would hide a factor of zero.
fn equal((a, b): (G1Affine, G2Affine), (c, d): (G1Affine, G2Affine)) -> bool {
    let neutral = a.is_zero() || b.is_zero();
    !neutral && Bn254::multi_pairing([a, -c], [b, d]).0 == <Bn254 as Pairing>::TargetField::ONE
}
