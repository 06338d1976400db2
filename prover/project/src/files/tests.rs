//! Files: what stays after a crash, and what strangers' folders cannot do.

use std::io::Read;

use super::read::MAX_TEXT;
use super::*;

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_cannot_be_looked_at_is_not_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert_eq!(read_if_there(&file).unwrap(), None);
    std::fs::write(&file, "here").unwrap();
    assert_eq!(read_if_there(&file).unwrap(), Some(b"here".to_vec()));
    assert!(matches!(is_there(&file.join("below a file")), Err(Error::File { .. })));
    assert!(matches!(read_if_there(&file.join("below a file")), Err(Error::File { .. })));
}

#[test]
#[cfg(unix)]
fn secret_files_are_the_owners_alone_even_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(partial(&path), b"left over, readable by all").unwrap();
    fs::write(&path, b"old").unwrap();
    write(&path, b"new", Access::Owner).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
    assert!(!partial(&path).exists());
    let inner = folder.path().join("a/b");
    create_folder(&inner, Access::Owner).unwrap();
    assert_eq!(mode(&inner), 0o700);
}

#[test]
fn other_bytes_are_not_written_over_unless_meant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write_new(&path, b"one", Access::Public, false).unwrap();
    write_new(&path, b"one", Access::Public, false).unwrap();
    let refused = write_new(&path, b"two", Access::Public, false);
    assert!(matches!(refused, Err(Error::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"one");
    write_new(&path, b"two", Access::Public, true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    let asked = |bytes: &[u8], force| may_write(&path, bytes, force);
    asked(b"two", false).unwrap();
    asked(b"three", true).unwrap();
    for other in [&b"three"[..], b"tw", b""] {
        assert!(matches!(asked(other, false), Err(Error::Exists { .. })));
    }
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
#[cfg(unix)]
fn what_has_no_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let said = read(&link).unwrap_err().to_string();
    assert!(said.contains("link: not a regular file"), "{said}");
    // Nor is it waited for when something else would be written there.
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = write_new(&pipe, b"x", Access::Public, false);
    assert!(matches!(refused, Err(Error::Exists { .. })));
}

#[test]
fn no_more_of_a_file_is_read_than_it_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "12345").unwrap();
    assert_eq!(read_up_to(&path, 5).unwrap(), b"12345");
    assert!(matches!(read_up_to(&path, 4), Err(Error::FileTooLarge { most: 4, .. })));
    // A file that takes no room and says that it has sixty-four gigabytes.
    File::create(&path).unwrap().set_len(1 << 36).unwrap();
    assert!(matches!(read_text_up_to(&path, 1 << 20), Err(Error::FileTooLarge { .. })));
    assert!(matches!(read_text(&path), Err(Error::FileTooLarge { most: MAX_TEXT, .. })));
}

#[test]
fn a_lock_is_held_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let held = lock(&path).unwrap();
    assert!(matches!(lock(&path), Err(Error::Busy { .. })));
    drop(held);
    lock(&path).unwrap();
}

/// Wherever it ends, the old file or the new one is there; and what it leaves is no trouble.
#[test]
fn a_process_that_ends_in_between_leaves_one_whole_file() {
    use trial::InjectedFault;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for trouble in [InjectedFault::Ends, InjectedFault::Refuses] {
        let mut found = Vec::new();
        for steps in 0.. {
            write(&path, b"old", Access::Owner).unwrap();
            trial::begin(Some((steps, trouble)));
            let written = supersede(&path, b"new");
            let Some(happened) = trial::end() else { break };
            assert!(written.is_err() && happened == trouble);
            found.push(fs::read(&path).unwrap());
            let is_left = partial(&path).exists();
            assert!(!is_left || trouble == InjectedFault::Ends, "{steps}");
            supersede(&path, b"newer").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"newer");
            assert!(!partial(&path).exists());
        }
        let is_new = found.iter().position(|bytes| bytes == b"new").unwrap();
        assert!(is_new >= 3, "{found:?}");
        assert!(found[..is_new].iter().all(|bytes| bytes == b"old"));
        assert!(found[is_new..].iter().all(|bytes| bytes == b"new"));
    }
}

/// A leftover of a secret file is overwritten, even while another process has it open.
#[test]
fn a_secret_leftover_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(partial(&path), b"a secret").unwrap();
    let mut held = File::open(partial(&path)).unwrap();
    write(&path, b"new", Access::Owner).unwrap();
    let mut left = Vec::new();
    held.read_to_end(&mut left).unwrap();
    assert_eq!(left, [0; 8]);
}

/// What a stranger's folder has in the place of a leftover is taken away and not written to.
#[test]
#[cfg(unix)]
fn what_a_leftover_leads_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("secret"), folder.path().join("other"));
    let pipe = |at: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(at).status().unwrap().success());
    };
    let ways: [&dyn Fn(&Path); 3] = [
        &|at| std::os::unix::fs::symlink(&other, at).unwrap(),
        &|at| fs::hard_link(&other, at).unwrap(),
        &pipe,
    ];
    for way in ways {
        fs::write(&other, b"of somebody").unwrap();
        way(&partial(&path));
        write(&path, b"new", Access::Owner).unwrap();
        way(&folder.path().join("erased"));
        // A link is refused where no link can have been made, anything else goes.
        let _ = erase(&folder.path().join("erased"));
        let _ = fs::remove_file(folder.path().join("erased"));
        way(&folder.path().join("superseded"));
        let _ = supersede(&folder.path().join("superseded"), b"new");
        let _ = fs::remove_file(folder.path().join("superseded"));
        assert_eq!(fs::read(&other).unwrap(), b"of somebody");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}

#[test]
#[cfg(unix)]
fn locks_and_rights_are_of_files_and_not_of_what_links_lead_to() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let [other, at, none] = ["other", "at", "none"].map(|name| folder.path().join(name));
    fs::write(&other, b"of somebody").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
    let mode = || fs::metadata(&other).unwrap().permissions().mode() & 0o777;
    std::os::unix::fs::symlink(&other, &at).unwrap();
    restrict(&at).unwrap();
    assert!(lock(&at).is_err());
    fs::remove_file(&at).unwrap();
    fs::hard_link(&other, &at).unwrap();
    restrict(&at).unwrap();
    assert_eq!(mode(), 0o644);
    fs::remove_file(&at).unwrap();
    restrict(&other).unwrap();
    assert_eq!(mode(), 0o600);
    std::os::unix::fs::symlink(&none, &at).unwrap();
    assert!(lock(&at).is_err() && !none.exists());
    fs::remove_file(&at).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&at).status().unwrap().success());
    assert!(lock(&at).is_err(), "and it waits for nobody");
}

#[test]
fn a_write_that_fails_names_the_file_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/file");
    assert!(matches!(write(&path, b"x", Access::Public), Err(Error::File { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
