//! The model that a round starts from, as an owner recomputes it: from an honest lineage, from one
//! that somebody has altered, and where a coordinator has settled what does not follow.

use crate::audit_made;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy::primitives::{Address, B256};
use audit_made::{Forged, dishonest, made};
use tempfile::TempDir;
use zktrain_audit::lineage::{decode_sum, encode_sum, submission, sum};
use zktrain_chain::protocol::Client;
use zktrain_cli::coordinator::Pending;
use zktrain_cli::lineage::LineageWriter;
use zktrain_member::{Ancestry, Error, LineageSource, ParentError, PublicProject, Versions};
use zktrain_project::project::{Project, write_json};
use zktrain_project::version::{Version, VersionError};
use zktrain_prove::training::commit_model;
use zktrain_statement::compressed::ProofSystem;
use zktrain_statement::key::TrainingKey;
use zktrain_trainer::export::from_int_safetensors;
use zktrain_verify::circuit::CircuitKey;
use zktrain_verify::round::rows_hash;
use zktrain_wire::messages::{End, Reason};

use crate::common::srs;

/// A lineage in a folder.
struct Folder(PathBuf);

impl LineageSource for Folder {
    async fn file(&self, name: &str, most: u64) -> Result<Vec<u8>, Error> {
        let withheld = |_| ParentError::Withheld { file: name.to_owned() };
        let bytes = std::fs::read(self.0.join(name)).map_err(withheld)?;
        assert!(bytes.len() as u64 <= most, "{name} is longer than it may be");
        Ok(bytes)
    }
}

/// What an owner recomputes with.
struct Owner {
    project: TempDir,
    client: Client,
    facts: PublicProject,
    circuit: Arc<CircuitKey>,
    domain: u64,
}

impl Owner {
    fn new(client: &Client, key: &TrainingKey, circuit: &CircuitKey, domain: u64) -> Self {
        let (key, srs) = (Arc::new(key.clone()), Arc::new(srs().clone()));
        let facts = PublicProject { key, srs, dataset: [0; 32], windows: 3 };
        let (project, circuit) = (TempDir::new().unwrap(), Arc::new(circuit.clone()));
        Self { project, client: client.clone(), facts, circuit, domain }
    }

    /// The owner of an honest domain.
    fn honest() -> Self {
        let made = made();
        Self::new(&made.owners[0], &made.key, &made.circuit, made.domain)
    }

    fn project(&self) -> Project {
        Project::new(self.project.path())
    }

    /// What a process has of the versions.
    fn versions(&self) -> Versions {
        Versions::new(self.facts.clone(), self.project())
    }

    /// As a process that has just been started.
    async fn parent(&self, lineage: &Path, expected: B256) -> Result<Arc<Version>, Error> {
        self.parent_with(&self.versions(), lineage, expected).await
    }

    async fn parent_with(
        &self,
        versions: &Versions,
        lineage: &Path,
        expected: B256,
    ) -> Result<Arc<Version>, Error> {
        let ancestry = Ancestry {
            client: &self.client,
            source: &Folder(lineage.to_owned()),
            versions,
            circuit: &self.circuit,
            system: ProofSystem::Halo2,
            domain: self.domain,
        };
        ancestry.parent(expected).await
    }

    /// The last version, which the next round starts from.
    async fn last(&self, lineage: &Path) -> Result<Arc<Version>, ParentError> {
        let head = self.client.head(self.domain).await.unwrap();
        match self.parent(lineage, head).await {
            Ok(version) => Ok(version),
            Err(Error::Parent(error)) => Err(*error),
            Err(other) => panic!("{other}"),
        }
    }

    /// What the coordinator has told the owner at a round's end.
    fn told(&self, round: u64, end: &End) {
        std::fs::create_dir_all(self.project().rounds_path()).unwrap();
        write_json(&self.project().round_end_path(round), end).unwrap();
    }
}

/// Everything that was made takes a thread with a larger stack, and so long that others must wait.
async fn ready() {
    tokio::task::spawn_blocking(made).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_joins_late_recomputes_all_versions_and_then_none() {
    ready().await;
    let (made, owner) = (made(), Owner::honest());
    let version = owner.last(&made.lineage()).await.unwrap();
    let bytes = std::fs::read(made.model()).unwrap();
    let model = from_int_safetensors(&made.key.network, &bytes).unwrap();
    assert_eq!(version.parameters, model);
    // From here on nothing is needed of the past.
    let nowhere = TempDir::new().unwrap();
    assert_eq!(owner.last(nowhere.path()).await.unwrap(), version);
    let files = std::fs::read_dir(owner.project().rounds_path()).unwrap().count();
    assert_eq!(files, 2, "the last version alone is kept");
    // A process that has committed to it does not do so again.
    let versions = owner.versions();
    let head = owner.client.head(owner.domain).await.unwrap();
    let held = owner.parent_with(&versions, nowhere.path(), head).await.unwrap();
    let again = owner.parent_with(&versions, nowhere.path(), head).await.unwrap();
    assert!(held == version && Arc::ptr_eq(&held, &again));
    // What is kept is not believed either.
    let path = owner.project().rounds_path().join("head-2.int.safetensors");
    std::fs::copy(made.earlier(), &path).unwrap();
    let refused = owner.parent(nowhere.path(), head).await;
    assert!(matches!(refused, Err(Error::ParentModel { .. })));
    // Another version than the last one is no parent.
    let refused = owner.parent(&made.lineage(), B256::ZERO).await;
    let Err(Error::Parent(error)) = refused else { panic!("a parent") };
    assert!(matches!(*error, ParentError::Head { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_model_is_refused_although_the_chain_has_settled_it() {
    let bad = tokio::task::spawn_blocking(dishonest).await.unwrap();
    let lineage = bad.dir.path().join("lineage");
    for (forged, domain, round) in &bad.domains {
        let owner = Owner::new(&bad.owner, &bad.key, &bad.circuit, *domain);
        let head = owner.client.head(*domain).await.unwrap();
        let refused = owner.last(&lineage).await.unwrap_err();
        match forged {
            Forged::Model => {
                let expected_round = *round;
                let ParentError::Planted { round, got, expected } = refused else {
                    panic!("{refused}")
                };
                assert_eq!((round, got), (expected_round, head));
                assert_ne!(expected, head);
                // By its commitment alone, as the chain has it, nothing is wrong with the model.
                let first = Folder(lineage.clone()).file("genesis.int.safetensors", u64::MAX).await;
                let network = &bad.key.network;
                let mut planted = from_int_safetensors(network, &first.unwrap()).unwrap();
                assert!(planted_is(&mut planted, network, &bad.key, head, &lineage, round));
            }
            Forged::Delivery => {
                let is = matches!(refused, ParentError::Delivery { round: r, .. } if r == *round);
                assert!(is, "{refused}");
            }
            Forged::Nothing => unreachable!(),
        }
        // Refused again, as nothing of it was kept.
        assert!(owner.last(&lineage).await.is_err());
    }
}

/// Whether the crafted weights, with the biases that the round gave, have this commitment.
fn planted_is(
    model: &mut zktrain_model::trace::Parameters,
    network: &zktrain_model::manifest::Network,
    key: &TrainingKey,
    head: B256,
    lineage: &Path,
    round: u64,
) -> bool {
    let sum = decode_sum(&std::fs::read(lineage.join(sum(round))).unwrap()).unwrap();
    *model = zktrain_commit::average::average(network, model, &sum).unwrap().next;
    for layer in &mut model.layers {
        layer.w.iter_mut().enumerate().for_each(|(i, w)| *w = (i as i32 % 7) * 1000);
    }
    let rows = commit_model(key, srs().g1(), model).unwrap().points;
    B256::from(rows_hash(&rows)) == head
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lineage_that_was_altered_or_withheld_gives_no_model() {
    ready().await;
    let made = made();
    let [one, two] = [made.rounds[0], made.rounds[1]];
    let (a, b) = (made.members[0], made.members[1]);
    let refused = |change: Box<dyn FnOnce(&Path)>| async move {
        let (copy, owner) = (made.copy(), Owner::honest());
        change(copy.path());
        owner.last(copy.path()).await.unwrap_err()
    };
    let error = refused(Box::new(move |dir| {
        let path = dir.join(sum(two));
        let mut other = decode_sum(&std::fs::read(&path).unwrap()).unwrap();
        other.values[3] += 1;
        std::fs::write(&path, encode_sum(&other).unwrap()).unwrap();
    }));
    let error = error.await;
    let opens = |source: &VersionError| matches!(source, VersionError::Row { .. });
    assert!(matches!(&error, ParentError::Sum { round, source } if *round == two && opens(source)));
    // Another member's work, another round's sum, nothing at all, and what is none.
    let swap = move |dir: &Path, from: String, to: String| {
        std::fs::copy(dir.join(from), dir.join(to)).unwrap();
    };
    let error = refused(Box::new(move |dir| swap(dir, submission(one, b), submission(one, a))));
    let error = error.await;
    assert!(matches!(&error, ParentError::Delivery { account, .. } if *account == a), "{error}");
    let error = refused(Box::new(move |dir| swap(dir, sum(one), sum(two)))).await;
    assert!(matches!(&error, ParentError::Sum { .. }), "{error}");
    for name in [sum(one), submission(two, a), "genesis.int.safetensors".to_owned()] {
        let gone = name.clone();
        let error = refused(Box::new(move |dir| std::fs::remove_file(dir.join(gone)).unwrap()));
        let error = error.await;
        assert!(matches!(&error, ParentError::Withheld { file } if *file == name), "{error}");
    }
    let error = refused(Box::new(move |dir| std::fs::write(dir.join(sum(one)), b"{}").unwrap()));
    let error = error.await;
    assert!(matches!(&error, ParentError::File { .. }), "{error}");
    let earlier = made.earlier();
    let error = refused(Box::new(move |dir| {
        std::fs::copy(earlier, dir.join("genesis.int.safetensors")).unwrap();
    }));
    let error = error.await;
    assert!(
        matches!(&error, ParentError::Genesis { expected, got, .. } if expected != got),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_coordinator_told_at_a_rounds_end_is_what_it_settles() {
    ready().await;
    let made = made();
    let round = made.rounds[0];
    let client = &made.owners[0];
    let model = client.version(made.domain, 1).await.unwrap().model;
    let mut counted = made.members.clone();
    counted.sort_unstable();
    let honest = Owner::honest();
    honest.told(round, &End::Summed { model, counted: counted.clone() });
    honest.last(&made.lineage()).await.unwrap();
    let fewer: Vec<Address> = counted[1..].to_vec();
    let cases = [
        (End::Summed { model: B256::ZERO, counted: counted.clone() }, "model"),
        (End::Summed { model, counted: fewer }, "counted set"),
    ];
    for (end, field) in cases {
        let owner = Owner::honest();
        owner.told(round, &end);
        let error = owner.last(&made.lineage()).await.unwrap_err();
        let is = matches!(&error, ParentError::OtherOutcome { round: r, field: f } if *r == round && *f == field);
        assert!(is, "{field}: {error}");
    }
}

/// A lie to one owner would keep it out of every later round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_was_denied_and_settled_is_gone_on_from_once_it_is_recomputed() {
    ready().await;
    let (made, owner) = (made(), Owner::honest());
    let round = made.rounds[0];
    let denied = End::Void(Reason::CalledOff);
    owner.told(round, &denied);
    // Nothing less than all of it: what does not follow is refused as ever.
    let copy = made.copy();
    std::fs::copy(made.lineage().join(sum(made.rounds[1])), copy.path().join(sum(round))).unwrap();
    let error = owner.last(copy.path()).await.unwrap_err();
    assert!(matches!(&error, ParentError::Sum { .. }), "{error}");
    let version = owner.last(&made.lineage()).await.unwrap();
    assert_eq!(version, Owner::honest().last(&made.lineage()).await.unwrap());
    // What it was told stays on file.
    let kept = std::fs::read(owner.project().round_end_path(round)).unwrap();
    assert_eq!(serde_json::from_slice::<End>(&kept).unwrap(), denied);
}

/// A coordinator may have made a sum of a round that then came to nothing: it stays where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_of_rounds_that_came_to_nothing_stay_out_of_the_lineage() {
    ready().await;
    let (made, folder) = (made(), TempDir::new().unwrap());
    let pending = Pending::new(&folder.path().join("pending")).unwrap();
    let lineage = LineageWriter::new(&folder.path().join("lineage")).unwrap();
    let [_, last, void] = made.rounds[..] else { panic!("three rounds") };
    let kept = decode_sum(&std::fs::read(made.lineage().join(sum(last))).unwrap()).unwrap();
    let is_published = |round| lineage.dir().join(sum(round)).exists();
    // Nor does one of another domain get there, or of a round that nobody knows.
    for round in [void, made.other, 99, last] {
        pending.keep(round, &kept).unwrap();
        pending.publish(&made.coordinator, made.domain, round, &lineage).await.unwrap();
        assert_eq!(is_published(round), round == last, "{round}");
    }
    let published = std::fs::read(lineage.dir().join(sum(last))).unwrap();
    assert_eq!(decode_sum(&published).unwrap(), kept);
}
