//! What `zktrain verify` says.

use std::io::Write;

use serde::Serialize;
use zktrain_audit::trust::Roots;
use zktrain_statement::statements::Binding;

use crate::evm::EvmReport;
use crate::ui::{Report, field, success};

/// What was checked; there is a report only if all of it holds.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// Whether it holds; with `strict`, also whether it rests on pinned and known roots alone.
    /// What does not hold is an error instead.
    pub valid: bool,
    /// Whether all roots are pinned or known.
    pub pinned: bool,
    /// Whether only pinned and known roots were asked for.
    pub strict: bool,
    /// What it rests on.
    pub roots: Roots,
    /// Whether the proofs were checked as a chain from the first model on.
    pub chain: bool,
    /// Whom and what the chain is for; none for single proofs.
    pub binding: Option<BindingReport>,
    /// Proofs checked.
    pub proofs: usize,
    /// Optimizer steps that they cover.
    pub steps: u64,
    /// Windows of the registered dataset; none for single proofs.
    pub windows: Option<usize>,
    /// Its root.
    pub dataset: Option<String>,
    /// Whether the dataset's registration was checked now.
    pub registration: bool,
    /// Whether the final model was shown to be the chain's end.
    pub final_model: bool,
    /// Forms of the proofs: `halo2`, `groth16`, `not-zk`.
    pub forms: Vec<&'static str>,
    /// What the contracts charged, if they checked the proofs too.
    pub gas: Option<EvmReport>,
    /// Milliseconds of verifying, registration included.
    pub verify_ms: f64,
    /// Milliseconds of checking the registration.
    pub registration_ms: f64,
    /// Milliseconds a proof.
    pub verify_ms_per_proof: f64,
}

/// Whom and what a chain of proofs is for: part of what is proven.
#[derive(Clone, Debug, Serialize)]
pub struct BindingReport {
    /// The prover's address.
    pub prover: String,
    /// EIP-155 id of the settling chain; 0 off chain.
    pub chain_id: u64,
    /// The contract there.
    pub contract: String,
    pub domain: u64,
    pub round: u64,
}

impl BindingReport {
    /// The binding, as people read it.
    pub fn new(binding: &Binding) -> Self {
        Self {
            prover: format!("0x{}", hex::encode(binding.prover)),
            chain_id: binding.chain_id,
            contract: format!("0x{}", hex::encode(binding.contract)),
            domain: binding.domain,
            round: binding.round,
        }
    }
}

impl Report for VerifyReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let what = format!("{} proofs, {} steps", self.proofs, self.steps);
        let how = match self.chain {
            true => "one chain",
            false => "each on its own (give a directory to check a chain)",
        };
        match (self.pinned, self.strict) {
            (true, _) => success(out, format!("VALID: {what}, {how}"))?,
            (false, false) => {
                success(out, format!("VALID on roots that nobody pinned: {what}, {how}"))?
            }
            (false, true) => {
                writeln!(out, "✗ NOT ACCEPTED, on roots that nobody pinned: {what}, {how}")?
            }
        }
        if let Some(binding) = &self.binding {
            field(out, "prover", &binding.prover)?;
            field(out, "chain, contract", format!("{}, {}", binding.chain_id, binding.contract))?;
            field(out, "domain, round", format!("{}, {}", binding.domain, binding.round))?;
        }
        if let (Some(root), Some(windows)) = (&self.dataset, self.windows) {
            let how = if self.registration { "registration valid" } else { "taken as registered" };
            field(out, "dataset", format!("{windows} windows, {how}, root {root}"))?;
        }
        let model = if self.final_model { "is what the chain ends with" } else { "not checked" };
        if self.chain {
            field(out, "final model", model)?;
        }
        let times = format!("{:.0} ms, {:.1} ms a proof", self.verify_ms, self.verify_ms_per_proof);
        field(out, "time", times)?;
        field(out, "proofs", self.forms.join(", "))?;
        if let Some(gas) = &self.gas {
            gas.print(out)?;
        }
        self.roots.print(out)
    }
}
