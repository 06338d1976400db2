//! Options that pin what proofs state of themselves: whom, where and which data they are for.
//!
//! Every proof says so, and it is checked that all of a chain say the same. Who may have asked for
//! something else are those who verify: a chain for another contract, or of another owner's data,
//! holds as well.

use alloy::primitives::Address;
use zktrain_audit::trust::{PinMismatch, Root};
use zktrain_chain::amount::parse_address;
use zktrain_model::Hash;
use zktrain_statement::statements::Binding;

use super::hash_pin;
use crate::error::Error;

/// What `verify` compares with the statements, where it is named.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Roots")]
pub struct StatedPins {
    /// Address of the contract that the proofs have to be for; zeros off chain.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub contract: Option<Address>,
    /// EIP-155 id of the chain that the contract is on; 0 off chain.
    #[arg(long, value_name = "N")]
    pub chain_id: Option<u64>,
    /// The domain, as the contract numbers them; 0 off chain.
    #[arg(long, value_name = "N")]
    pub domain: Option<u64>,
    /// Address of the prover.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub prover: Option<Address>,
    /// Merkle root of the dataset, as `zktrain data commit` prints it. Its registration is checked
    /// all the same.
    #[arg(long, value_name = "ROOT", conflicts_with = "dataset")]
    pub dataset_root: Option<String>,
}

impl StatedPins {
    /// The roots that are named; none for what is not.
    ///
    /// # Errors
    /// If something else is stated, or the dataset's root is no hash.
    pub fn roots(&self, binding: &Binding, dataset: &Hash) -> Result<Vec<Root>, Error> {
        let address = |bytes: [u8; 20]| format!("{:#x}", Address::from(bytes));
        let contract = self.contract.map(|pin| address(pin.into_array()));
        let prover = self.prover.map(|pin| address(pin.into_array()));
        let [chain, domain] = [self.chain_id, self.domain].map(|pin| pin.map(text));
        let data = hash_pin("--dataset-root", self.dataset_root.as_deref())?;
        let all = [
            ("contract", "--contract", address(binding.contract), contract),
            ("chain id", "--chain-id", text(binding.chain_id), chain),
            ("domain", "--domain", text(binding.domain), domain),
            ("prover", "--prover", address(binding.prover), prover),
            ("dataset", "--dataset-root", hex::encode(dataset), data),
        ];
        let named = all.into_iter().filter_map(|(name, option, value, pin)| {
            pin.map(|pin| Root::new(name, option, value, Some(&pin)))
        });
        Ok(named.collect::<Result<_, PinMismatch>>()?)
    }
}

fn text(number: u64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zktrain_audit::trust::Trust;

    const BINDING: Binding =
        Binding { chain_id: 5, contract: [0xab; 20], domain: 3, round: 9, prover: [0x11; 20] };

    fn all() -> StatedPins {
        StatedPins {
            contract: Some(Address::from(BINDING.contract)),
            chain_id: Some(BINDING.chain_id),
            domain: Some(BINDING.domain),
            prover: Some(Address::from(BINDING.prover)),
            dataset_root: Some(format!("0x{}", "EE".repeat(32))),
        }
    }

    #[test]
    fn what_is_named_is_a_root_and_what_is_not_is_none() {
        let none = StatedPins::default().roots(&BINDING, &[0xee; 32]).unwrap();
        assert!(none.is_empty());
        let roots = all().roots(&BINDING, &[0xee; 32]).unwrap();
        assert_eq!(roots.len(), 5);
        assert!(roots.iter().all(|root| root.trust == Trust::Pinned));
    }

    #[test]
    fn each_of_them_refuses_what_else_is_stated() {
        let other =
            Binding { chain_id: 6, contract: [7; 20], domain: 4, round: 9, prover: [8; 20] };
        let one = |pins: StatedPins| pins.roots(&other, &[1; 32]).unwrap_err().to_string();
        let none = StatedPins::default;
        let lines = [
            (StatedPins { contract: all().contract, ..none() }, "the contract is 0x0707"),
            (StatedPins { chain_id: all().chain_id, ..none() }, "the chain id is 6, not 5 as"),
            (StatedPins { domain: all().domain, ..none() }, "the domain is 4, not 3 as --domain"),
            (StatedPins { prover: all().prover, ..none() }, "the prover is 0x0808"),
            (StatedPins { dataset_root: all().dataset_root, ..none() }, "the dataset is 0101"),
        ];
        for (pins, line) in lines {
            let said = one(pins);
            assert!(said.starts_with(line) && said.ends_with(" says"), "{said}");
        }
        let short = StatedPins { dataset_root: Some("ab".into()), ..none() };
        assert!(short.roots(&BINDING, &[1; 32]).unwrap_err().to_string().contains("32 bytes"));
    }
}
