use alloy::primitives::B256;

use super::*;

const DRAW: B256 = B256::repeat_byte(1);

fn config(project: &Path, domain: u64) -> CoordinatorConfig {
    let project = Some(project.display().to_string());
    let flags =
        CoordinatorFlags { domain: Some(domain.to_string()), project, ..Default::default() };
    flags.load().unwrap().into_inner()
}

fn signed(config: &CoordinatorConfig) -> SignedBatchLog {
    SignedBatchLog::open(&config.data().join(SIGNED)).unwrap()
}

/// A project whose coordinator is at work in round 7, a folder for backups, and the store in use.
fn coordinator() -> (tempfile::TempDir, CoordinatorConfig, PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder.path().join("project"), 1);
    for (name, text) in [("rounds.json", "[]"), ("models/one", "m"), ("lineage/7/sum", "s")] {
        let path = config.data().join(name);
        files::create_folder(path.parent().unwrap(), Access::Owner).unwrap();
        fs::write(path, text).unwrap();
    }
    let log = signed(&config);
    log.begin(None).unwrap();
    log.batch(6, DRAW, DRAW).unwrap();
    let store = block_on(async {
        let store = Store::open(&config.store()).await.unwrap();
        store.begin(7, b"plan", 1).await.unwrap();
        Ok(store)
    });
    let out = folder.path().join("backup");
    (folder, config, out, store.unwrap())
}

fn in_store(config: &CoordinatorConfig) -> Vec<u64> {
    let unended = async {
        let store = Store::open(&config.store()).await.unwrap();
        let unended = store.unended().await.unwrap();
        store.close().await.unwrap();
        Ok(unended)
    };
    block_on(unended).unwrap()
}

#[test]
fn a_backup_is_made_at_work_and_restored_where_nothing_is() {
    let (folder, config, out, store) = coordinator();
    let report = backup(&config, &out).unwrap();
    assert_eq!((report.files, report.store), (4, true));
    assert!(backup(&config, &out).is_err(), "no backup is overwritten");
    assert!(!out.join(DATA).join(SIGNED).exists());
    drop(store);
    let refused = restore(&config, &out).unwrap_err().to_string();
    assert!(refused.contains("nothing is restored over"), "{refused}");
    fs::rename(config.data(), folder.path().join("lost")).unwrap();
    restore(&config, &out).unwrap();
    assert_eq!(fs::read(config.data().join("lineage/7/sum")).unwrap(), b"s");
    assert_eq!(in_store(&config), [7]);
    // What was signed meanwhile is lost.
    let log = signed(&config);
    log.begin(Some(7)).unwrap();
    log.batch(7, DRAW, DRAW).unwrap_err();
    log.batch(8, DRAW, DRAW).unwrap();
}

#[test]
fn what_was_signed_is_never_restored_backwards() {
    let (folder, config, out, store) = coordinator();
    backup(&config, &out).unwrap();
    signed(&config).batch(7, DRAW, DRAW).unwrap();
    drop(store);
    let lost = folder.path().join("lost");
    fs::rename(config.data(), &lost).unwrap();
    fs::create_dir(config.data()).unwrap();
    fs::rename(lost.join(SIGNED), config.data().join(SIGNED)).unwrap();
    restore(&config, &out).unwrap();
    let log = signed(&config);
    log.begin(Some(7)).unwrap();
    assert!(log.is_barred(7), "the store does not know what its receipts promise");
    log.batch(7, DRAW, DRAW).unwrap();
    log.batch(7, DRAW, B256::ZERO).unwrap_err();
    log.batch(6, DRAW, B256::ZERO).unwrap_err();
}

#[test]
fn only_what_was_backed_up_is_restored() {
    let (folder, own, out, store) = coordinator();
    backup(&own, &out).unwrap();
    drop(store);
    let fails = |config: &CoordinatorConfig, part: &str| {
        let error = restore(config, &out).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(!config.data().join("rounds.json").exists());
    };
    fails(&config(&folder.path().join("other"), 2), "of domain 1");
    let elsewhere = config(&folder.path().join("elsewhere"), 1);
    fs::write(out.join("data/rounds.json"), "[1]").unwrap();
    fails(&elsewhere, "rounds.json: missing or changed");
    let mut index: Index = read_json(&out.join(INDEX), "").unwrap();
    index.files.insert("data/../../outside".into(), String::new());
    write_json(&out.join(INDEX), &index).unwrap();
    fails(&elsewhere, "is not the name of a file in a backup");
    index.version = VERSION + 1;
    write_json(&out.join(INDEX), &index).unwrap();
    fails(&elsewhere, "version");
}
