//! A round of one member, settled and proposed: how often it is committed to.

use std::path::Path;
use std::sync::Arc;

use alloy::primitives::B256;
use ark_bn254::Fr;
use tempfile::TempDir;
use zktrain_commit::average::commit_sum;
use zktrain_commit::srs::Srs;
use zktrain_coordinator::driver::{RoundComputations, Settled};
use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_project::version::counts::taken;
use zktrain_secagg::plan::{Plan, PlanMember, Timing, VERSION};
use zktrain_secagg::vector::{Update, VectorShape, pack};
use zktrain_trainer::{initial_parameters, synthetic};

use super::super::models::Models;
use super::super::pending::Pending;
use super::super::work::RoundWork;
use super::*;
use crate::lineage::LineageWriter;
use crate::ui::Ui;

const ROUND: u64 = 7;
const MEMBER: Address = Address::repeat_byte(1);
/// All of a round's weight.
const WEIGHT: u32 = 1 << 16;

fn session(folder: &Path) -> Session {
    let manifest = synthetic::manifest(&[13, 7, 3], 8, 2).unwrap();
    let row_log = manifest.network().unwrap().row_log;
    let srs = Srs::generate_g1(row_log, &mut rand::rngs::OsRng).check().unwrap();
    let writer = LineageWriter::new(folder).unwrap();
    writer.manifest(&manifest).unwrap();
    writer.srs(&srs).unwrap();
    let [manifest, srs] = ["manifest.toml", "srs.bin"].map(|name| folder.join(name));
    Session::open(&manifest, &srs, &Ui { json: true }).unwrap()
}

fn plan(parent: B256) -> Plan {
    let dataset = B256::ZERO;
    let member = PlanMember { account: MEMBER, dataset, windows: 1, weight: WEIGHT };
    Plan {
        version: VERSION,
        chain_id: 1,
        rounds: Address::repeat_byte(9),
        domain: 3,
        round: ROUND,
        coordinator: Address::repeat_byte(8),
        spec: B256::ZERO,
        parent,
        nonce: B256::repeat_byte(5),
        system: 1,
        optimistic: true,
        threshold: 1,
        least: 1,
        members: vec![member],
        timing: Timing::even(1),
    }
}

/// An update, and the commitments to it.
fn update(session: &Session, shape: &VectorShape) -> (Update, Vec<G1Affine>) {
    let values: Vec<i32> = (-2..=2).cycle().take(shape.parameters()).collect();
    let blinds: Vec<Fr> = (5u64..).map(Fr::from).take(shape.rows()).collect();
    // Rounded, a sum of less than a half is nothing: what is left is committed to as it is.
    let alone = Sum { values: values.iter().map(|v| i64::from(*v)).collect(), blinds };
    let rows = commit_sum(&session.key, session.srs.g1(), &alone).unwrap();
    (Update { values, blinds: alone.blinds }, rows)
}

#[test]
fn a_round_commits_to_its_sum_once_and_to_its_model_once() {
    let (lineage, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let session = Arc::new(session(lineage.path()));
    let [of_models, of_pending] = ["models", "pending"].map(|name| data.path().join(name));
    let (models, pending) = (Models::new(&of_models).unwrap(), Pending::new(&of_pending).unwrap());
    let first = initial_parameters(session.network(), 1);
    let first = Model::new(&session, first).unwrap();
    let hash = first.hash;
    models.keep(&first).unwrap();
    taken();
    let parent = models.get(&session, hash).unwrap();
    let shape = VectorShape::of(&session.key).unwrap();
    let (update, rows) = update(&session, &shape);
    let vector = pack(&shape, &update, WEIGHT).unwrap();
    let work = RoundWork {
        session: session.clone(),
        circuit: Arc::default(),
        parent: parent.clone(),
        shape,
        pending: pending.clone(),
        metrics: Arc::new(ProcessMetrics::new()),
    };
    let updates = BTreeMap::from([(MEMBER, rows.clone())]);
    let Settled::Right { model } = work.settle(&plan(hash), &updates, &vector) else {
        panic!("the sum opens the sum of commitments");
    };
    assert_eq!(taken(), (1, 1), "the sum is checked, and the model made");
    assert_ne!(model, hash);

    // As it is proposed, with the sum as it was kept.
    let sum = pending.find(ROUND).unwrap().unwrap();
    let given = SummedRound { round: ROUND, updates: [(MEMBER, (WEIGHT, rows))].into(), sum };
    let next = pending.next(&session, &parent, given.clone()).unwrap();
    assert_eq!(next.model.hash, model);
    models.keep(&next.model).unwrap();
    // As it is settled, and as the next round begins; and another attempt at each.
    for hash in [model, model, hash] {
        assert_eq!(models.get(&session, hash).unwrap().hash, hash);
    }
    assert!(Arc::ptr_eq(&pending.next(&session, &parent, given.clone()).unwrap(), &next));
    assert_eq!(taken(), (0, 0), "nothing is committed to again");

    // Of something else nothing is known, nor after a restart or once the round is over.
    let other =
        SummedRound { sum: Sum { values: Vec::new(), ..given.sum.clone() }, ..given.clone() };
    let refused = pending.next(&session, &parent, other).unwrap_err();
    assert!(matches!(refused, NextModelError::Sum(_)), "{refused}");
    assert_eq!(taken(), (1, 0));
    let restarted = Pending::new(&of_pending).unwrap();
    assert_eq!(restarted.next(&session, &parent, given.clone()).unwrap().model.hash, model);
    assert_eq!(taken(), (1, 1));
    assert_eq!(Models::new(&of_models).unwrap().get(&session, model).unwrap().hash, model);
    assert_eq!(taken(), (0, 1));
    pending.remove(ROUND).unwrap();
    pending.next(&session, &parent, given).unwrap();
    assert_eq!(taken(), (1, 1));
}
