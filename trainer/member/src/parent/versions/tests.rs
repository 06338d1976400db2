use ark_bn254::Fr;
use tempfile::TempDir;
use zktrain_commit::average::{WEIGHT_LOG, commit_sum};
use zktrain_project::version::counts::taken;
use zktrain_secagg::vector::VectorShape;

use super::*;
use crate::hostile::untrained::{facts, zero_model};

/// A sum of which one is left in some parameters once it is divided, and what it opens.
fn sum(facts: &PublicProject) -> (Sum, Vec<G1Affine>) {
    let shape = VectorShape::of(&facts.key).unwrap();
    let values = (0..3i64).cycle().map(|value| value << WEIGHT_LOG).take(shape.parameters());
    let blinds = (5u64..).map(Fr::from).take(shape.rows());
    let sum = Sum { values: values.collect(), blinds: blinds.collect() };
    let rows = commit_sum(&facts.key, facts.srs.g1(), &sum).unwrap();
    (sum, rows)
}

#[tokio::test]
async fn an_owner_commits_once_to_a_sum_and_to_each_version_of_the_model() {
    let (facts, folder) = (facts(), TempDir::new().unwrap());
    let process = || Versions::new(facts.clone(), Project::new(folder.path()));
    let versions = process();
    assert!(versions.head().unwrap().is_none());
    let model = zero_model(&facts);
    let file = to_int_safetensors(&facts.key.network, &model).unwrap();
    let known = Version::new(&facts.key, facts.srs.g1(), model).unwrap();
    let first = versions.first(file, known.hash).await.unwrap();
    assert_eq!((&*first, taken()), (&known, (0, 1)));

    // As a round begins that starts from it, and another attempt at that.
    let head = versions.head().unwrap().unwrap();
    for _ in 0..2 {
        assert!(Arc::ptr_eq(&versions.last(&head).await.unwrap(), &first));
    }
    assert_eq!(taken(), (0, 0), "nothing is committed to again");

    // The version after it, and the round that starts from that.
    let (sum, rows) = sum(&facts);
    let next = versions.next(7, first.clone(), sum.clone(), rows.clone()).await.unwrap();
    assert_ne!(next.hash, first.hash);
    let head = Head { version: 1, round: 7, model: next.hash };
    let next = versions.keep(head, next).unwrap();
    assert_eq!(versions.head().unwrap(), Some(head));
    assert!(Arc::ptr_eq(&versions.last(&head).await.unwrap(), &next));
    assert_eq!(taken(), (1, 1));

    // A process that is started anew reads the file once.
    let restarted = process();
    for _ in 0..2 {
        assert_eq!(restarted.last(&head).await.unwrap(), next);
    }
    assert_eq!(taken(), (0, 1));

    // A sum that does not open the rows makes no version.
    let refused = versions.next(8, next, sum, rows[1..].to_vec()).await.unwrap_err();
    assert!(matches!(refused, Error::Parent(_)), "{refused}");
    assert_eq!(taken(), (1, 0));
}
