//! Nothing of a proof or a statement can be altered, and nothing can be taken
//! for what it is not: replays and other orders.

use crate::common;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::One;
use common::Run;
use common::cases::Case;
use common::made::{Proofs, made};
use zktrain_argument::messages::{Argument, ArgumentShape};
use zktrain_argument::opening::OpeningProof;
use zktrain_statement::proof::SheetProof;
use zktrain_statement::statements::{DatasetStatement, TrainingStatement};
use zktrain_verify::dataset::{self, DatasetProofError};
use zktrain_verify::training::{TrainingError, verify};

/// A registration.
type Chunks = Vec<(DatasetStatement, SheetProof)>;

fn other(point: &G1Affine) -> G1Affine {
    (*point + G1Affine::generator()).into_affine()
}

#[test]
fn no_commitment_or_opening_can_be_altered() {
    let (run, proofs) = made();
    let (statement, proof) = &proofs[0];
    let rejected = |what: &str, alter: &dyn Fn(&mut SheetProof)| {
        let mut altered = proof.clone();
        alter(&mut altered);
        assert_ne!(altered, *proof, "{what}");
        assert!(verify(&run.key, &(), statement, &altered).is_err(), "{what} is accepted");
    };
    for row in 0..proof.rows.len() {
        rejected("row", &|p| p.rows[row] = other(&p.rows[row]));
    }
    rejected("rows swapped", &|p| {
        let last = p.rows.len() - 1;
        p.rows.swap(0, last);
    });
    rejected("a row less", &|p| {
        p.rows.pop();
    });
    rejected("a row more", &|p| p.rows.push(p.rows[0]));
    rejected("no rows", &|p| p.rows.clear());
    rejected("mask", &|p| p.mask = other(&p.mask));
    rejected("blinding", &|p| p.blinding += Fr::one());
    let points: [fn(&mut OpeningProof) -> &mut G1Affine; 7] = [
        |p| &mut p.fold,
        |p| &mut p.quotient,
        |p| &mut p.remainder,
        |p| &mut p.products,
        |p| &mut p.reversal,
        |p| &mut p.batch,
        |p| &mut p.linearisation,
    ];
    for point in points {
        rejected("opening", &|p| *point(&mut p.opening) = other(point(&mut p.opening)));
    }
    for k in 0..2 {
        rejected("evaluation", &|p| p.opening.evaluations.remainder[k] += Fr::one());
        rejected("evaluation", &|p| p.opening.evaluations.fold[k] += Fr::one());
        rejected("evaluation", &|p| p.opening.evaluations.products[k] += Fr::one());
    }
}

#[test]
fn no_element_of_the_argument_can_be_altered() {
    let (run, proofs) = made();
    let (statement, proof) = &proofs[0];
    let shape = ArgumentShape::of(&run.key.relation);
    let elements = proof.argument.to_elements();
    for index in 0..elements.len() {
        let mut altered = elements.clone();
        altered[index] += Fr::one();
        let argument = Argument::from_elements(&shape, altered).unwrap();
        let altered = SheetProof { argument, ..proof.clone() };
        let result = verify(&run.key, &(), statement, &altered);
        assert!(matches!(result, Err(TrainingError::Sheet(_))), "element {index}: {result:?}");
    }
    let mut short = proof.clone();
    short.argument.left.pop();
    assert!(verify(&run.key, &(), statement, &short).is_err());
    let mut short = proof.clone();
    short.argument.fraction.layers.pop();
    assert!(verify(&run.key, &(), statement, &short).is_err());
}

#[test]
fn no_statement_can_be_altered() {
    let (run, proofs) = made();
    let (statement, proof) = &proofs[1];
    assert_eq!(verify(&run.key, &(), statement, proof), Ok(()));
    let rejected = |what: &str, alter: &dyn Fn(&mut TrainingStatement)| {
        let mut altered = statement.clone();
        alter(&mut altered);
        assert_ne!(altered, *statement, "{what}");
        assert!(verify(&run.key, &(), &altered, proof).is_err(), "{what} is accepted");
    };
    rejected("spec", &|s| s.spec[31] ^= 1);
    rejected("chain id", &|s| s.binding.chain_id += 1);
    rejected("contract", &|s| s.binding.contract[19] ^= 1);
    rejected("no contract", &|s| s.binding.contract = [0; 20]);
    rejected("domain", &|s| s.binding.domain += 1);
    rejected("no domain", &|s| s.binding.domain = 0);
    rejected("round", &|s| s.binding.round += 1);
    rejected("prover", &|s| s.binding.prover[0] ^= 1);
    rejected("step", &|s| s.step += 1);
    rejected("dataset", &|s| s.dataset[0] ^= 1);
    rejected("windows", &|s| s.windows += 1);
    rejected("fewer windows", &|s| s.windows = s.window);
    rejected("window", &|s| s.window ^= 1);
    rejected("path", &|s| s.path[0][5] ^= 1);
    rejected("path longer", &|s| s.path.push([0; 32]));
    rejected("path of a hundred", &|s| s.path = vec![[0; 32]; 100]);
    rejected("path shorter", &|s| {
        s.path.pop();
    });
    let lists: [fn(&mut TrainingStatement) -> &mut Vec<G1Affine>; 5] = [
        |s| &mut s.data,
        |s| &mut s.model,
        |s| &mut s.state,
        |s| &mut s.update,
        |s| &mut s.state_after,
    ];
    for list in lists {
        let len = list(&mut statement.clone()).len();
        assert!(len > 1, "a list to alter");
        for row in 0..len {
            rejected("row", &|s| list(s)[row] = other(&list(s)[row]));
        }
        rejected("rows swapped", &|s| list(s).swap(0, len - 1));
        rejected("row less", &|s| {
            list(s).pop();
        });
        rejected("row more", &|s| list(s).push(G1Affine::zero()));
        rejected("no rows", &|s| list(s).clear());
    }
    rejected("groups swapped", &|s| core::mem::swap(&mut s.model, &mut s.state));
    rejected("row moved between groups", &|s| {
        let row = s.data.pop().unwrap();
        s.model.insert(0, row);
    });
    // A window that is registered, with its own path, but not the one proven.
    let another = &proofs[2].0;
    rejected("another window", &|s| {
        (s.window, s.data, s.path) = (another.window, another.data.clone(), another.path.clone());
    });
    assert!(verify(&run.key, &(), another, proof).is_err(), "another proof's statement");
}

#[test]
fn a_proof_of_another_manifest_or_reference_string_is_refused() {
    let (run, proofs) = made();
    let (statement, proof) = &proofs[0];
    let case = Case { momentum: 0.5, batch: 2, row_log: 5, ..Case::plain(&[7, 5, 3]) };
    let foreign = Run::of(&case, 5).unwrap();
    assert_eq!(verify(&foreign.key, &(), statement, proof), Err(TrainingError::Spec));
    let renamed = TrainingStatement { spec: foreign.key.spec, ..statement.clone() };
    assert!(verify(&foreign.key, &(), &renamed, proof).is_err());
    assert_ne!(foreign.key.spec, run.key.spec);
}

#[test]
fn a_chain_is_followed_link_by_link() {
    let (run, proofs) = made();
    let chain = run.chain();
    assert!(chain.verify(&run.key, &(), proofs).is_ok());
    let part_of = |chain: &zktrain_verify::training::ProofChain, proofs: &[_]| match chain.verify(
        &run.key,
        &(),
        proofs,
    ) {
        Err(TrainingError::Link { source, .. }) => match *source {
            TrainingError::Continuation { part } => part,
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    };
    let [a, b, c] = [0, 1, 2].map(|i| proofs[i].clone());
    assert_eq!(part_of(&chain, &[b.clone(), c.clone()]), "the step");
    assert_eq!(part_of(&chain, &[a.clone(), c.clone()]), "the step");
    assert_eq!(part_of(&chain, &[a.clone(), a.clone()]), "the step");
    assert_eq!(part_of(&chain, &[a.clone(), c.clone(), b.clone()]), "the step");
    let mut changed = chain.clone();
    changed.nonce[0] ^= 1;
    assert_eq!(part_of(&changed, proofs), "the window");
    let mut changed = chain.clone();
    changed.windows += 1;
    assert_eq!(part_of(&changed, proofs), "the number of windows");
    let mut changed = chain.clone();
    changed.windows = 0;
    assert_eq!(part_of(&changed, proofs), "the number of windows");
    let mut changed = chain.clone();
    changed.binding.round += 1;
    assert_eq!(part_of(&changed, proofs), "the binding");
    let mut changed = chain.clone();
    changed.binding.contract[0] ^= 1;
    assert_eq!(part_of(&changed, proofs), "the binding");
    let mut changed = chain.clone();
    changed.binding.domain += 1;
    assert_eq!(part_of(&changed, proofs), "the binding");
    let mut changed = chain.clone();
    changed.dataset[3] ^= 1;
    assert_eq!(part_of(&changed, proofs), "the dataset");
    let mut changed = chain.clone();
    changed.model[0] = other(&changed.model[0]);
    assert_eq!(part_of(&changed, proofs), "the model");
}

/// Proofs that hold, one by one, but do not hand over what they should.
#[test]
fn model_and_state_are_handed_over() {
    let (run, proofs) = made();
    let traces = run.traces(2);
    let prove = |start: &zktrain_prove::training::Committed, index: usize| {
        let (window, trace) = &traces[index];
        let position = run.position(index, *window);
        run.prover().prove(start, position, trace).unwrap()
    };
    let first = prove(&run.start, 0);
    // The second step with the state forgotten: an honest proof of a wrong start.
    let network = run.key.network.network();
    let (window, trace) = &traces[1];
    let order = zktrain_trainer::train::Trainer::new(network.clone()).unwrap();
    let (x, y) = run.data.window(network, *window as usize).unwrap();
    let forgetful = order.train_window(&trace.before, None, x, y).unwrap();
    let mut start = first.after.clone();
    start.state = run.start.state.clone();
    let second = run.prover().prove(&start, run.position(1, *window), &forgetful).unwrap();
    assert_eq!(verify(&run.key, &(), &second.statement, second.proof.revealed()), Ok(()));
    let links = [first, second].map(|proved| (proved.statement, proved.proof.reveal()));
    let result = run.chain().verify(&run.key, &(), &links);
    assert!(result.unwrap_err().to_string().contains("the state"));
    // A chain that starts with a state of the trainer's choosing.
    let mut late = run.chain();
    late.model.clone_from(&proofs[1].0.model);
    let statement = TrainingStatement { step: 0, ..proofs[1].0.clone() };
    let window_first = run.traces(1)[0].0;
    let statement = TrainingStatement { window: window_first, ..statement };
    let result = late.verify(&run.key, &(), &[(statement, proofs[1].1.clone())]);
    assert!(result.unwrap_err().to_string().contains("the state"));
}

#[test]
fn a_chain_that_is_too_long_is_refused() {
    let (run, proofs) = made();
    let most = run.key.network.max_steps / run.key.network.steps;
    let long: Proofs = (0..=most).map(|_| proofs[0].clone()).collect();
    let result = run.chain().verify(&run.key, &(), &long);
    assert!(matches!(result, Err(TrainingError::TooLong { .. })), "{result:?}");
}

#[test]
fn no_registration_can_be_altered() {
    let (run, _) = made();
    let key = &run.key;
    assert!(dataset::verify(key, |_| Some(&()), &run.chunks).is_ok());
    let rejected = |what: &str, alter: &dyn Fn(&mut Chunks)| {
        let mut altered = run.chunks.clone();
        alter(&mut altered);
        assert_ne!(altered, run.chunks, "{what}");
        assert!(dataset::verify(key, |_| Some(&()), &altered).is_err(), "{what} is accepted");
    };
    assert_eq!(run.chunks.len(), 2, "five windows are two chunks");
    for chunk in 0..2 {
        rejected("spec", &|c| c[chunk].0.spec[0] ^= 1);
        rejected("owner", &|c| c[chunk].0.owner[0] ^= 1);
        rejected("windows", &|c| c[chunk].0.windows += 1);
        rejected("first", &|c| c[chunk].0.first += 1);
        rejected("row", &|c| c[chunk].0.rows[0][0] = other(&c[chunk].0.rows[0][0]));
        rejected("rows swapped", &|c| c[chunk].0.rows[0].swap(0, 1));
        rejected("row less", &|c| {
            c[chunk].0.rows[0].pop();
        });
        rejected("no windows", &|c| c[chunk].0.rows.clear());
        rejected("proof's row", &|c| c[chunk].1.rows[0] = other(&c[chunk].1.rows[0]));
        rejected("mask", &|c| c[chunk].1.mask = other(&c[chunk].1.mask));
        rejected("dropped", &|c| {
            c.remove(chunk);
        });
        rejected("twice", &|c| c.push(c[chunk].clone()));
    }
    rejected("owner of all", &|c| c.iter_mut().for_each(|c| c.0.owner[19] ^= 1));
    rejected("size of all", &|c| c.iter_mut().for_each(|c| c.0.windows = 6));
    rejected("swapped", &|c| c.swap(0, 1));
    rejected("windows swapped", &|c| c[0].0.rows.swap(0, 1));
    let none = dataset::verify(key, |_| Some(&()), &[] as &[(DatasetStatement, SheetProof)]);
    assert_eq!(none, Err(DatasetProofError::Incomplete { expected: 0, got: 0 }));
}
