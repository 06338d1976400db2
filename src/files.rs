//! Files that appear whole or not at all, secret ones readable by their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zktrain_files::regular;

use crate::error::Error;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the process's umask lets.
    Public,
    /// The owner alone: mode 0600.
    Owner,
}

/// Writes a file in place of what was there: to a neighbour first, synced, then
/// renamed, and the directory synced, so that a crash leaves the old file or the
/// new one and never loses a write that was reported.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let partial = partial(path);
    let all = || -> io::Result<()> {
        // A leftover of a crash may have other permissions.
        clear(&partial, access)?;
        step()?;
        let mut file = options(access).open(&partial)?;
        step()?;
        file.write_all(bytes)?;
        file.sync_all()?;
        step()?;
        fs::rename(&partial, path)?;
        step()?;
        sync_parent(path)
    };
    all().map_err(|source| {
        // Nothing more can be done if the leftover cannot be removed either.
        let _ = step().and_then(|()| clear(&partial, access));
        Error::File { path: path.to_owned(), source }
    })
}

/// Removes what a crash has left; a secret one is overwritten first.
fn clear(partial: &Path, access: Access) -> io::Result<()> {
    if access == Access::Owner
        && let Ok(Some(old)) = own(partial)
    {
        wipe(&old)?;
    }
    match fs::remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a file that is to be overwritten, if it has this name alone. A link, a second name of
/// something else, a pipe: whoever made the folder may have put them there, and none of them is a
/// file that this program has written.
fn own(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true);
    unlinked(&mut options);
    let file = options.open(path)?;
    Ok(is_alone(&file.metadata()?).then_some(file))
}

#[cfg(unix)]
fn unlinked(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
}

#[cfg(not(unix))]
fn unlinked(_: &mut OpenOptions) {}

#[cfg(unix)]
fn is_alone(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.is_file() && meta.nlink() == 1
}

#[cfg(not(unix))]
fn is_alone(meta: &fs::Metadata) -> bool {
    meta.is_file()
}

/// Where a process may end, or a disk refuse, between two effects on files: only tests make it so.
#[cfg(not(test))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use trial::step;

/// Refuses a path where something is already, unless writing over it is meant.
///
/// # Errors
/// [`Error::Exists`] with `hint`.
pub fn free(path: &Path, force: bool, hint: &'static str) -> Result<(), Error> {
    match !force && path.symlink_metadata().is_ok() {
        true => Err(Error::Exists { path: path.to_owned(), hint }),
        false => Ok(()),
    }
}

/// As [`write()`], but not over other bytes, unless that is meant: what is there may be something
/// that cannot be made again. The same bytes may be there.
///
/// # Errors
/// [`Error::Exists`]; [`Error::File`] if the operating system refuses.
pub fn write_new(path: &Path, bytes: &[u8], access: Access, force: bool) -> Result<(), Error> {
    match holds(path, bytes) {
        true => Ok(()),
        false => free(path, force, OVERWRITE).and_then(|()| write(path, bytes, access)),
    }
}

/// That [`write_new`] would not refuse: to be asked before something is done that cannot be undone.
///
/// # Errors
/// [`Error::Exists`].
pub fn may_write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    if holds(path, bytes) { Ok(()) } else { free(path, force, OVERWRITE) }
}

/// Whether a file has these bytes already.
pub fn holds(path: &Path, bytes: &[u8]) -> bool {
    read_up_to(path, bytes.len() as u64).is_ok_and(|there| there == bytes)
}

/// What to do about a file in the way.
pub const OVERWRITE: &str = "choose another name, or write over it with `--force`";

/// Takes everybody's rights to a file but its owner's: mode 0600. A link, or what has another name as
/// well, is something else's and stays as it is.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn restrict(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let only = fs::Permissions::from_mode(0o600);
        let file = |source| Error::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true);
        unlinked(&mut options);
        if path.is_symlink() {
            return Ok(());
        }
        let handle = options.open(path).map_err(file)?;
        if is_alone(&handle.metadata().map_err(file)?) {
            handle.set_permissions(only).map_err(file)?;
        }
    }
    Ok(())
}

/// Makes a name that was just given or taken in a folder last.
///
/// # Errors
/// If the operating system refuses.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if access == Access::Owner {
        owner_alone(&mut options);
    }
    options
}

#[cfg(unix)]
fn owner_alone(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_alone(_: &mut OpenOptions) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a directory and its parents; with [`Access::Owner`] nobody else may enter it.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn create_folder(path: &Path, access: Access) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if access == Access::Owner {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Bytes of a file at most: models, proofs, registrations.
const MAX_FILE: u64 = 1 << 30;
/// Bytes of a text at most: settings, plans, submissions, journals.
const MAX_TEXT: u64 = 1 << 26;

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// [`Error::File`] if the operating system refuses or it is a pipe or a device, which may have no
/// end; [`Error::FileTooLarge`].
pub fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let error = |source| Error::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = regular::open(path).map_err(error)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > most {
        return Err(Error::FileTooLarge { path: path.to_owned(), most });
    }
    Ok(bytes)
}

/// Reads a whole file.
///
/// # Errors
/// [`Error::File`] if the operating system refuses, [`Error::FileTooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_up_to(path, MAX_FILE)
}

/// Whether there is something at a path. What cannot be looked at is not nothing: `Path::exists` says so,
/// and whatever was kept there would be taken for never written.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn is_there(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a whole file, if there is one.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    is_there(path)?.then(|| read(path)).transpose()
}

/// Adds bytes to a file behind its first `whole` ones, and has them on disk; what else is behind those was
/// of a write that did not come to its end. Whether the file still has so many bytes: if not, it is left
/// as it is.
///
/// # Errors
/// [`Error::File`] if the operating system refuses, also if there is no such file.
pub fn append(path: &Path, whole: u64, bytes: &[u8]) -> Result<bool, Error> {
    let all = || -> io::Result<bool> {
        step()?;
        let mut options = OpenOptions::new();
        options.write(true);
        unlinked(&mut options);
        let mut file = options.open(path)?;
        if file.metadata()?.len() < whole {
            return Ok(false);
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.write_all(bytes)?;
        step()?;
        file.sync_all()?;
        Ok(true)
    };
    all().map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads a whole file of UTF-8 text.
///
/// # Errors
/// As [`read_text_up_to`].
pub fn read_text(path: &Path) -> Result<String, Error> {
    read_text_up_to(path, MAX_TEXT)
}

/// Reads a whole file of UTF-8 text, of at most `most` bytes.
///
/// # Errors
/// [`Error::File`] if the operating system refuses or the bytes are not text,
/// [`Error::FileTooLarge`].
pub fn read_text_up_to(path: &Path, most: u64) -> Result<String, Error> {
    String::from_utf8(read_up_to(path, most)?).map_err(|_| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text");
        Error::File { path: path.to_owned(), source }
    })
}

/// Writes a file in place of a secret one, whose bytes are then overwritten with zeros. What was
/// there is lost only once its replacement is on disk. Media that write elsewhere than they read,
/// and copies of the file, keep the bytes all the same.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn supersede(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let old = own(path).map_err(file)?;
    write(path, bytes, Access::Owner)?;
    old.map_or(Ok(()), |old| wipe(&old)).map_err(file)
}

/// Overwrites a secret file with zeros and deletes it, if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn erase(path: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    match own(path) {
        Ok(Some(old)) => wipe(&old).map_err(file)?,
        Ok(None) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file(error)),
    }
    remove(path)
}

/// Zeros where a file's bytes are.
fn wipe(mut file: &File) -> io::Result<()> {
    step()?;
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

/// Deletes a file if it is there.
///
/// # Errors
/// [`Error::File`] if the operating system refuses.
pub fn remove(path: &Path) -> Result<(), Error> {
    match step().and_then(|()| fs::remove_file(path)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Holds a file's lock until it is dropped; a crash releases it too.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes a lock that no other process holds.
///
/// # Errors
/// [`Error::Busy`] if another process holds it, [`Error::File`] if there can be no lock.
pub fn lock(path: &Path) -> Result<Lock, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    owner_alone(&mut options);
    unlinked(&mut options);
    let handle = options.open(path).map_err(file)?;
    if !handle.metadata().map_err(file)?.is_file() {
        return Err(file(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    match handle.try_lock() {
        Ok(()) => Ok(Lock { _file: handle }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Busy { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(file(source)),
    }
}

/// Ends a thread's process, or has its disk refuse, between two effects on files.
#[cfg(test)]
pub mod trial {
    use std::cell::Cell;
    use std::io;

    /// What happens.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum InjectedFault {
        /// The process ends: nothing happens to any file any more.
        Ends,
        /// The disk refuses, once.
        Refuses,
    }

    thread_local! {
        static NEXT: Cell<Option<(u32, InjectedFault)>> = const { Cell::new(None) };
        static HAPPENED: Cell<Option<InjectedFault>> = const { Cell::new(None) };
    }

    /// From here on, after so many effects.
    pub fn begin(next: Option<(u32, InjectedFault)>) {
        NEXT.set(next);
        HAPPENED.set(None);
    }

    /// What has happened since.
    pub fn happened() -> Option<InjectedFault> {
        HAPPENED.get()
    }

    /// What has happened; from here on nothing does.
    pub fn end() -> Option<InjectedFault> {
        NEXT.set(None);
        HAPPENED.take()
    }

    pub(super) fn step() -> io::Result<()> {
        if HAPPENED.get() == Some(InjectedFault::Ends) {
            return Err(io::Error::other("the process has ended"));
        }
        match NEXT.get() {
            Some((0, trouble)) => {
                NEXT.set(None);
                HAPPENED.set(Some(trouble));
                Err(io::Error::other("the disk refuses"))
            }
            Some((left, trouble)) => {
                NEXT.set(Some((left - 1, trouble)));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
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

    /// A leftover of a secret file is overwritten, whoever still has it open.
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
}
