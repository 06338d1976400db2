//! Has the contracts check proofs, in an embedded EVM.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use zktrain_devnet::Evm;
use zktrain_project::circuits::contract_key;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::file::StoredProof;

use crate::error::{Error, OptionsError};
use crate::ui::{Ui, field};

/// What the contracts charged.
#[derive(Clone, Debug, Serialize)]
pub struct EvmReport {
    /// One entry a proof system.
    pub systems: Vec<SystemReport>,
}

/// What the contracts charged for proofs of one system.
#[derive(Clone, Debug, Serialize)]
pub struct SystemReport {
    /// The proof system.
    pub system: &'static str,
    /// The training key's name on chain, in hexadecimal.
    pub key: String,
    pub key_bytes: usize,
    /// Gas of registering it, once.
    pub register_gas: u64,
    /// Proofs checked.
    pub proofs: usize,
    /// Gas of checking a proof, everything included; the median.
    pub verify_gas: u64,
    /// The most that a proof took.
    pub most_gas: u64,
}

impl EvmReport {
    /// Writes the result for people.
    ///
    /// # Errors
    /// If the output does not take it.
    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for report in &self.systems {
            let gas = grouped(report.verify_gas);
            let what = format!("{} proofs accepted, {gas} gas each", report.proofs);
            field(out, "contracts", format!("{}: {what}", report.system))?;
        }
        Ok(())
    }
}

/// An integer with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// Has the contracts check all proofs, on chains with the ids that the proofs are for.
///
/// # Errors
/// If a proof is not compressed or a contract rejects it.
pub fn verify(
    key: &TrainingKey,
    circuit: &CircuitKey,
    proofs: &[(TrainingStatement, StoredProof)],
    ui: &Ui,
) -> Result<EvmReport, Error> {
    let bar = ui.bar(proofs.len() as u64, "contracts");
    let mut chains: BTreeMap<(ProofSystem, u64), Chain> = BTreeMap::new();
    let mut gas: BTreeMap<ProofSystem, Vec<u64>> = BTreeMap::new();
    for (index, (statement, proof)) in proofs.iter().enumerate() {
        let StoredProof::Compressed(proof) = proof else {
            return Err(OptionsError::Required {
                option: "--compress",
                when: "because contracts check compressed proofs only",
                hint: "make compressed proofs: `zktrain prove --from 0 --compress halo2`",
            }
            .into());
        };
        let at = (proof.system, statement.binding.chain_id);
        let chain = match chains.entry(at) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(Chain::new(key, circuit, at)?)
            }
        };
        let result = chain.evm.verify(chain.key, &statement.to_bytes(), &proof.to_bytes());
        let verified =
            result.map_err(|source| Error::Contract { index, source: Box::new(source) })?;
        gas.entry(proof.system).or_default().push(verified.gas);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let systems = gas.into_iter().filter_map(|(system, mut gas)| {
        gas.sort_unstable();
        let chain = chains.iter().find(|((of, _), _)| *of == system)?.1;
        Some(SystemReport {
            system: system.name(),
            key: hex::encode(chain.key),
            key_bytes: chain.key_bytes,
            register_gas: chain.register_gas,
            proofs: gas.len(),
            verify_gas: gas.get(gas.len() / 2).copied().unwrap_or_default(),
            most_gas: gas.last().copied().unwrap_or_default(),
        })
    });
    Ok(EvmReport { systems: systems.collect() })
}

/// The contracts on one chain, with one key registered.
struct Chain {
    evm: Evm,
    key: [u8; 32],
    key_bytes: usize,
    register_gas: u64,
}

impl Chain {
    fn new(
        key: &TrainingKey,
        circuit: &CircuitKey,
        (system, chain_id): (ProofSystem, u64),
    ) -> Result<Self, Error> {
        let contract = |source| Error::ContractKey { system, source: Box::new(source) };
        let encoded = contract_key(key, circuit, system)?;
        let mut evm = Evm::new(chain_id).map_err(contract)?;
        let registered = evm.register(&encoded).map_err(contract)?;
        Ok(Self {
            evm,
            key: registered.key,
            key_bytes: encoded.len(),
            register_gas: registered.gas,
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        assert_eq!(super::grouped(0), "0");
        assert_eq!(super::grouped(999), "999");
        assert_eq!(super::grouped(1_234_567), "1,234,567");
    }
}
