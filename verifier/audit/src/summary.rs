//! What an audit proves, and what it rests on.

use zktrain_statement::compressed::ProofSystem;

use super::{AuditOptions, Progress};

/// What follows if nothing fails.
pub(crate) fn proven() -> Vec<String> {
    [
        "The model follows from the public first model by the settled rounds, and by nothing else.",
        "In each round every counted update is the exact result of the manifest's optimizer steps, \
         from that round's model, on the drawn window of a dataset that its member had registered.",
        "Registered data are well formed: in range, with valid labels.",
        "Each version is the one before, moved by the rounded, clamped weighted sum of just those \
         updates, with the weights that reputations give.",
        "Members, weights, reputations, windows, audits, payments and slashes follow from the \
         chain's events by the contracts' rules.",
        "Members have signed what they submitted, and coordinators their plans and batches.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What an audit rests on besides its roots.
pub(crate) fn assumed(progress: &Progress<'_>, options: &AuditOptions<'_>) -> Vec<String> {
    let chain = match options.node {
        Some(_) => "The node that the export was compared with tells the truth.",
        None => {
            "chain.json is what the chain says, the headers of the blocks that drew included: it was \
             not compared with a node (--chain does)."
        }
    };
    let mut all = vec![
        "Roots that you pinned are the ones that you meant, and known ceremonies had one honest \
         contributor. The party that chose a root which came with the lineage could have forged any of it."
            .to_owned(),
        chain.to_owned(),
        "KZG commitments on BN254 bind in the algebraic group model; Keccak-256, Poseidon and \
         SHA-256 behave like random functions; ECDSA signatures cannot be forged."
            .to_owned(),
        "Who proposed the blocks that drew windows and audits gave up none to draw others."
            .to_owned(),
        "Members' private data are what they say they are: that data are well formed is proven, \
         that they are true cannot be. One party may have joined under several accounts, with the \
         same data."
            .to_owned(),
        "Coordinators left out nobody who had delivered to them alone: a batch lists all that was \
         delivered to the contract, and of the rest what members kept receipts of can be checked."
            .to_owned(),
        "This program is the one that you think it is.".to_owned(),
    ];
    all.extend(contract(progress, options));
    if progress.basis.as_ref().is_some_and(|basis| basis.system == ProofSystem::Groth16) {
        let key = "Nobody knows what the Groth16 key was made from.";
        all.push(key.to_owned());
    }
    all
}

/// That the contract is the right one, unless the auditor has named it: with its code where there is a
/// node, which knows any contract that somebody has deployed there.
fn contract(progress: &Progress<'_>, options: &AuditOptions<'_>) -> Option<String> {
    let there = &progress.export.as_ref()?.deployment;
    let pins = &options.pins;
    let missing = match (pins.rounds.is_some(), pins.code.is_some()) {
        (true, true) => return None,
        (true, false) if options.node.is_none() => return None,
        (true, false) => "--code-hash",
        (false, _) if pins.export.is_some() => return None,
        (false, true) => "--rounds",
        (false, false) => "--rounds and --code-hash",
    };
    Some(format!(
        "The contract at {} on chain {} is the one that the domain's owner names: anyone can deploy one \
         that looks alike ({missing} pin it).",
        there.rounds, there.chain_id
    ))
}
