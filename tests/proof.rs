//! Honest proofs verify, over many kinds of networks.

mod common;

use common::Run;
use zktrain_trainer::synthetic;

#[test]
fn a_chain_of_proofs_verifies() {
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2).unwrap();
    let run = Run::new(manifest, 3);
    let root = zktrain_verifier::dataset::verify(&run.key, &run.chunks).unwrap();
    assert_eq!(root, run.dataset.tree.root());
    let (_, sheet) = run.first_sheet();
    let columns = zktrain_prover::lookups::LookupColumns::new(&sheet, &run.key.relation).unwrap();
    assert_eq!(columns.first_missing(&sheet, &run.key.relation), None);
    let proofs = run.prove(3);
    for (statement, proof) in &proofs {
        zktrain_verifier::training::verify(&run.key, statement, proof).unwrap();
    }
    let end = run.chain().verify(&run.key, &proofs).unwrap();
    assert_eq!(end.steps, 6);
}
