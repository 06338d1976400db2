//! Peers that ask for more than is theirs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256};
use tempfile::TempDir;
use zktrain_audit::lineage::registration;
use zktrain_cli::coordinator::DomainLibrary;
use zktrain_cli::lineage::LineageWriter;
use zktrain_coordinator::metrics::ProcessMetrics;
use zktrain_coordinator::service::{Download, Library};
use zktrain_wire::messages::{Item, Phase, Refusal};

use crate::checks::world::world;
use crate::common::plan::signed;

/// The library of a domain, beside a file that is none of it.
fn library(folder: &Path, domain: u64) -> DomainLibrary {
    measured(folder, domain, Arc::default())
}

fn measured(folder: &Path, domain: u64, metrics: Arc<ProcessMetrics>) -> DomainLibrary {
    let world = world();
    let (client, session) = (world.coordinator().clone(), world.session.clone());
    std::fs::write(folder.join("secret"), b"a key").unwrap();
    let lineage = LineageWriter::new(&folder.join("lineage")).unwrap();
    DomainLibrary::new(client, domain, session, world.project.clone(), lineage, metrics)
}

fn file(library: &DomainLibrary, path: &str) -> Option<String> {
    match library.find(&Item::Lineage { path: path.to_owned() })? {
        Download::File(path) => Some(std::fs::read_to_string(path).unwrap()),
        Download::Bytes(_) => panic!("a file"),
    }
}

#[test]
fn files_of_the_lineage_and_no_others_are_given_away() {
    let (world, folder) = (world(), TempDir::new().unwrap());
    let library = library(folder.path(), world.domain);
    let plan = signed(world.plan.clone(), world.coordinator());
    let writer = LineageWriter::new(&folder.path().join("lineage")).unwrap();
    writer.plan(&plan).unwrap();
    let name = zktrain_audit::lineage::plan(world.round);
    assert!(file(&library, &name).unwrap().contains("signature"));
    let absolute = folder.path().join("secret").display().to_string();
    let inside = folder.path().join("lineage").join(&name).display().to_string();
    let around = format!("rounds/../{name}");
    let here = format!("./{name}");
    let outside = [
        "../secret",
        "rounds/../../secret",
        "../lineage/../secret",
        "..",
        ".",
        "/",
        "",
        "rounds",
        "rounds/",
        "rounds\0",
        "no such file",
        &absolute,
        &inside,
        // Not outside, but names are written in one way.
        &around,
        &here,
    ];
    for path in outside {
        assert_eq!(file(&library, path), None, "{path:?}");
    }
    // A name that is there, but longer than names are.
    for (length, found) in [(200, true), (201, false)] {
        let deep = ["d".repeat(99), "f".repeat(length - 100)].join("/");
        let path = folder.path().join("lineage").join(&deep);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"long").unwrap();
        assert_eq!(deep.len(), length);
        assert_eq!(file(&library, &deep).is_some(), found, "{length}");
    }
}

#[test]
fn nothing_but_the_lineage_is_downloaded() {
    let (world, folder) = (world(), TempDir::new().unwrap());
    let library = library(folder.path(), world.domain);
    // What members upload is nobody else's.
    let round = world.round;
    for item in [
        Item::Masked { round },
        Item::Submission { round },
        Item::Registration { domain: world.domain },
        Item::Retired { number: round },
    ] {
        assert!(library.find(&item).is_none(), "{item:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_members_with_the_data_that_the_chain_knows_are_registered() {
    let world = tokio::task::spawn_blocking(world).await.unwrap();
    let folder = TempDir::new().unwrap();
    let economy = &world.economy;
    let library = library(folder.path(), world.domain);
    let [owner, stranger] = [world.owner(0).address(), economy.watcher.address()];
    assert!(library.admit(owner).await);
    assert!(!library.admit(stranger).await);
    // Heard of before it has registered: nothing to remember.
    library.hear(owner);
    let bytes = world.registration(0);
    let kept = folder.path().join("lineage").join(registration(owner));
    let refused = library.register(owner, bytes[1..].to_vec()).await.unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(_)), "{refused:?}");
    let refused = library.register(owner, world.registration(1)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(_)), "{refused:?}");
    assert!(!library.register.has(owner) && !kept.exists());
    library.register(owner, bytes.clone()).await.unwrap();
    assert!(library.register.has(owner));
    assert_eq!(std::fs::read(&kept).unwrap(), bytes);
    let known = economy.coordinator.candidates(world.domain).await.unwrap();
    let (now, silence) = (Instant::now(), Duration::from_secs(60));
    assert!(library.register.present(&known, silence, now).is_empty(), "not heard of since");
    library.hear(owner);
    let present = library.register.present(&known, silence, Instant::now());
    assert_eq!(present.iter().map(|c| c.account).collect::<Vec<_>>(), [owner]);

    // A domain that it has joined with other data, or not at all.
    let (key, genesis) = (world.cohort.contract_key(), B256::repeat_byte(1));
    let domain = economy.domain(B256::repeat_byte(9), &key, genesis).await;
    let library = self::library(folder.path(), domain);
    std::fs::remove_file(&kept).unwrap();
    let refused = library.register(owner, bytes.clone()).await;
    assert_eq!(refused, Err(Refusal::NotMember));
    // One has joined with other data, the other with more windows than it has registered.
    let right = &world.plan.members;
    world.owner(0).join(domain, B256::repeat_byte(2), right[0].windows).await.unwrap();
    world.owner(1).join(domain, right[1].dataset, right[1].windows + 1).await.unwrap();
    for index in [0, 1] {
        let account = world.owner(index).address();
        let refused = library.register(account, world.registration(index)).await.unwrap_err();
        assert_eq!(refused, Refusal::Invalid("the chain knows another dataset".into()));
        assert!(!library.register.has(account));
    }
    assert!(!kept.exists());
}

#[test]
fn what_breaks_the_rules_is_counted_and_what_is_late_is_not() {
    let (world, folder, metrics) =
        (world(), TempDir::new().unwrap(), Arc::new(ProcessMetrics::new()));
    let library = measured(folder.path(), world.domain, metrics.clone());
    let refusals = [
        Refusal::Conflict,
        Refusal::Invalid("a signature".into()),
        Refusal::Invalid("a share".into()),
        Refusal::WrongPhase { now: Phase::Sum },
        Refusal::Internal,
    ];
    refusals.iter().for_each(|refusal| library.refused(Address::ZERO, refusal));
    let text = metrics.render().unwrap();
    let misdeeds = text.lines().filter(|line| line.starts_with("zktrain_misdeeds_total"));
    let counted: Vec<&str> = misdeeds.filter(|line| !line.ends_with(" 0")).collect();
    let of = |kind: &str, count| format!("zktrain_misdeeds_total{{kind=\"{kind}\"}} {count}");
    assert_eq!(counted.len(), 2, "{text}");
    for line in [of("conflict", 1), of("invalid", 2)] {
        assert!(counted.contains(&line.as_str()), "{line} is not in\n{text}");
    }
}
