//! What the program says of proofs that hold: fields are called as in `zktrain verify --json`.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use sha3::{Digest, Keccak256};
use zktrain_argument::curve::g2_encoding;
use zktrain_statement::statements::TrainingStatement;
use zktrain_verify::contract_key::ContractKey;
use zktrain_verify::file::StoredProof;

use crate::args::Args;

/// What was checked; there is a report only if all of it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether it holds; with `strict`, also whether the key was named.
    pub valid: bool,
    /// Whether the key was named.
    pub pinned: bool,
    /// Whether only a named key will do.
    pub strict: bool,
    /// What it rests on.
    pub roots: Vec<Root>,
    /// Proofs checked, each on its own.
    pub proofs: usize,
    /// Optimizer steps that they cover.
    pub steps: u64,
    /// Forms of the proofs: `halo2`, `groth16`, `not-zk`.
    pub forms: BTreeSet<&'static str>,
    /// What they state, in the order of the files.
    pub statements: Vec<Stated>,
}

/// Something that the verdict rests on.
#[derive(Clone, Debug, Serialize)]
pub struct Root {
    name: &'static str,
    value: String,
    trust: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    option: &'static str,
}

/// What a proof states, points left out.
#[derive(Clone, Debug, Serialize)]
pub struct Stated {
    prover: String,
    chain_id: u64,
    contract: String,
    domain: u64,
    round: u64,
    step: u64,
    dataset: String,
    windows: u64,
    window: u64,
}

impl Report {
    /// A report on no proofs yet.
    pub fn new(args: &Args, key: &ContractKey) -> Self {
        let (pinned, strict) = (args.key_name.is_some(), args.strict);
        let trust = if pinned { "pinned" } else { "came-with-the-proofs" };
        let option = "--key-name";
        let string = Keccak256::digest(g2_encoding(&key.training().kzg.tau_g2()));
        let follows = pinned.then_some("it follows from the training key");
        let root = |name, value, source| Root { name, value, trust, source, option };
        let roots = vec![
            root("training key", hex::encode(key.name()), None),
            root("manifest", hex::encode(key.manifest()), follows),
            root("reference string", hex::encode(string), follows),
        ];
        let (forms, statements) = Default::default();
        let valid = pinned || !strict;
        Self { valid, pinned, strict, roots, proofs: 0, steps: 0, forms, statements }
    }

    /// Adds a proof that holds.
    pub fn add(&mut self, key: &ContractKey, statement: &TrainingStatement, proof: &StoredProof) {
        self.proofs += 1;
        self.steps += key.training().network.steps as u64;
        self.forms.insert(proof.form());
        self.statements.push(Stated::new(statement));
    }
}

impl Stated {
    fn new(statement: &TrainingStatement) -> Self {
        let binding = &statement.binding;
        Self {
            prover: format!("0x{}", hex::encode(binding.prover)),
            chain_id: binding.chain_id,
            contract: format!("0x{}", hex::encode(binding.contract)),
            domain: binding.domain,
            round: binding.round,
            step: statement.step,
            dataset: hex::encode(statement.dataset),
            windows: statement.windows,
            window: statement.window,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.pinned, self.strict) {
            (true, _) => "✓ VALID",
            (false, false) => "✓ VALID on a key that nobody named",
            (false, true) => "✗ NOT ACCEPTED, on a key that nobody named",
        };
        writeln!(f, "{verdict}: {} proofs, {} steps, each on its own", self.proofs, self.steps)?;
        for stated in &self.statements {
            writeln!(f, "\n  first step         {}", stated.step)?;
            writeln!(f, "  prover             {}", stated.prover)?;
            writeln!(f, "  chain, contract    {}, {}", stated.chain_id, stated.contract)?;
            writeln!(f, "  domain, round      {}, {}", stated.domain, stated.round)?;
            let (window, windows) = (stated.window, stated.windows);
            writeln!(f, "  window             {window} of {windows}, root {}", stated.dataset)?;
        }
        writeln!(f, "\n  this rests on")?;
        for root in &self.roots {
            writeln!(f, "    {:<17} {:<21} {}", root.name, root.trust, root.value)?;
        }
        Ok(())
    }
}
