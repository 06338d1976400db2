//! Archives of lineages come from strangers.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use zktrain_audit::lineage::{Lineage, LineageError};

/// An archive with one entry, whose name nobody has looked at.
fn archive(dir: &Path, entries: &[(&[u8], EntryType, &[u8])]) -> std::path::PathBuf {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        if !matches!(kind, EntryType::Regular | EntryType::Directory) {
            header.set_link_name("manifest.toml").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    let path = dir.join("lineage.tar.gz");
    std::fs::write(&path, builder.into_inner().unwrap().finish().unwrap()).unwrap();
    path
}

fn one(name: &[u8], kind: EntryType) -> Result<Lineage, LineageError> {
    let dir = TempDir::new().unwrap();
    Lineage::open(&archive(dir.path(), &[(name, kind, b"x")]))
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let names: [&[u8]; 12] = [
        b"../evil",
        b"rounds/../../evil",
        b"/etc/evil",
        b"rounds//evil",
        b".hidden",
        b"rounds/.hidden",
        b"rounds/./evil",
        b"c:evil",
        b"rounds\\evil",
        b"new\nline",
        b"a/b/c/d/e",
        b"\xff\xfe",
    ];
    for name in names {
        let opened = one(name, EntryType::Regular);
        assert!(matches!(opened, Err(LineageError::Name { .. })), "{name:?}: {opened:?}");
    }
    assert!(one(b"rounds/7/plan.json", EntryType::Regular).is_ok());
    assert!(one(b"./manifest.toml", EntryType::Regular).is_ok());
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let opened = one(b"chain.json", kind);
        assert!(matches!(opened, Err(LineageError::Kind { .. })), "{kind:?}: {opened:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_archive_and_is_not_waited_for() {
    let dir = TempDir::new().unwrap();
    let pipe = dir.path().join("lineage.tar.gz");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = Lineage::open(&pipe).unwrap_err().to_string();
    assert!(said.contains("lineage.tar.gz: not a regular file"), "{said}");
}

#[test]
fn the_same_file_twice_is_refused() {
    let dir = TempDir::new().unwrap();
    let file: (&[u8], _, &[u8]) = (b"chain.json", EntryType::Regular, b"{}");
    let opened = Lineage::open(&archive(dir.path(), &[file, file]));
    assert!(matches!(opened, Err(LineageError::Twice { .. })), "{opened:?}");
}

#[test]
fn damaged_archives_are_refused() {
    let dir = TempDir::new().unwrap();
    let file: (&[u8], _, &[u8]) = (b"chain.json", EntryType::Regular, &[7; 5000]);
    let path = archive(dir.path(), &[file]);
    let whole = std::fs::read(&path).unwrap();
    // Not the header's first bytes: they hold a time that nothing depends on.
    for position in [0, 12, whole.len() / 2, whole.len() - 6, whole.len() - 2] {
        let mut bytes = whole.clone();
        bytes[position] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        assert!(Lineage::open(&path).is_err(), "{position}");
    }
    for length in [0, 5, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(Lineage::open(&path).is_err(), "{length}");
    }
}

#[test]
fn a_single_folder_is_looked_into() {
    let dir = TempDir::new().unwrap();
    let entries: [(&[u8], _, &[u8]); 3] = [
        (b"lineage/", EntryType::Directory, b""),
        (b"lineage/manifest.toml", EntryType::Regular, b"m"),
        (b"lineage/rounds/7/plan.json", EntryType::Regular, b"p"),
    ];
    let lineage = Lineage::open(&archive(dir.path(), &entries)).unwrap();
    let names: Vec<&String> = lineage.names().iter().collect();
    assert_eq!(names, ["manifest.toml", "rounds/7/plan.json"]);
    assert_eq!(lineage.read("manifest.toml").unwrap().unwrap(), b"m");
    assert!(lineage.read("../lineage.tar.gz").unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn links_in_directories_are_refused() {
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("chain.json")).unwrap();
    assert!(matches!(Lineage::open(dir.path()), Err(LineageError::Kind { .. })));
    assert!(Lineage::open(&dir.path().join("nothing")).is_err());
}

/// What file browsers leave, in folders and in archives that somebody packed there.
#[test]
fn litter_of_file_browsers_is_ignored() {
    let dir = TempDir::new().unwrap();
    let file = EntryType::Regular;
    let entries: [(&[u8], _, &[u8]); 7] = [
        (b"lineage/manifest.toml", file, b"m"),
        (b"lineage/.DS_Store", file, b"x"),
        (b"lineage/._manifest.toml", file, b"x"),
        (b"lineage/rounds/7/Thumbs.db", file, b"x"),
        (b"lineage/rounds/7/desktop.ini", file, b"x"),
        (b"__MACOSX/", EntryType::Directory, b""),
        (b"__MACOSX/lineage/._manifest.toml", file, b"x"),
    ];
    let packed = Lineage::open(&archive(dir.path(), &entries)).unwrap();
    let folder = TempDir::new().unwrap();
    for (name, kind, content) in &entries {
        let path = folder.path().join(std::str::from_utf8(name).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *kind == file {
            std::fs::write(path, content).unwrap();
        }
    }
    let unpacked = Lineage::open(&folder.path().join("lineage")).unwrap();
    for lineage in [packed, unpacked] {
        let names: Vec<&String> = lineage.names().iter().collect();
        assert_eq!(names, ["manifest.toml"]);
        assert!(lineage.strange().is_empty());
    }
}

#[cfg(unix)]
#[test]
fn unknown_files_in_directories_are_told_and_not_looked_into() {
    let dir = TempDir::new().unwrap();
    for name in [".git/config", "my notes.txt", "a/b/c/d/e", "new\u{1b}line", "manifest.toml"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("to elsewhere")).unwrap();
    let lineage = Lineage::open(dir.path()).unwrap();
    let strange: Vec<&String> = lineage.strange().iter().collect();
    assert_eq!(strange, [".git", "a/b/c/d", "my notes.txt", "new\u{fffd}line", "to elsewhere"]);
    assert_eq!(lineage.names().len(), 1);
    assert!(lineage.read("my notes.txt").unwrap().is_none());
}
