//! Opens and replaces files where somebody else may have made the folder.
//!
//! What lies in a stranger's folder under the name of a file may be a pipe that nobody writes to, a
//! terminal, or a device without an end, whether itself or behind a link. Looking first and opening
//! then could be deceived in between; so it is opened without waiting, and what was opened is
//! looked at.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Opens a regular file to read it. Links are followed.
///
/// # Errors
/// If the operating system refuses, or it is a pipe, a device, a folder or a socket.
pub fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    at_once(&mut options);
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(Error::new(ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// Writes a file in place of what was there: to a neighbour first, which is then renamed, so that it
/// appears whole or not at all. What is in the neighbour's place is taken away and never written
/// to: it may be a link to something else.
///
/// # Errors
/// If the operating system refuses, or `write` does.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let all = || -> Result<()> {
        clear(partial)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(partial)?;
        write(&mut file)?;
        file.sync_all()?;
        std::fs::rename(partial, path)
    };
    all().inspect_err(|_| {
        // Nothing more can be done if the leftover cannot be removed either.
        let _ = clear(partial);
    })
}

fn clear(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opening waits for nobody, and a terminal does not become this process's own.
#[cfg(unix)]
fn at_once(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
}

#[cfg(not(unix))]
fn at_once(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_opened_and_folders_are_not() {
        let path = std::env::temp_dir().join(format!("zktrain-regular-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        assert_eq!(std::io::read_to_string(open(&path).unwrap()).unwrap(), "x");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(open(&path).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(open(&std::env::temp_dir()).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn what_lies_in_the_neighbours_place_is_not_written_to() {
        let name = |what: &str| {
            std::env::temp_dir().join(format!("zktrain-replace-{what}-{}", std::process::id()))
        };
        let (path, other) = (name("a"), name("b"));
        let neighbour = std::path::PathBuf::from(format!("{}.partial", path.display()));
        std::fs::write(&other, "of somebody").unwrap();
        let all =
            |bytes: &'static [u8]| move |file: &mut File| std::io::Write::write_all(file, bytes);
        let link: fn(&Path, &Path) -> Result<()> = |to, at| std::os::unix::fs::symlink(to, at);
        let second: fn(&Path, &Path) -> Result<()> = |to, at| std::fs::hard_link(to, at);
        for way in [link, second] {
            way(&other, &neighbour).unwrap();
            replace(&path, all(b"new")).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            assert_eq!(std::fs::read(&other).unwrap(), b"of somebody");
            assert!(!neighbour.exists());
        }
        let fails = replace(&path, |_| Err(ErrorKind::Other.into()));
        assert!(fails.is_err() && !neighbour.exists());
        assert_eq!(std::fs::read(&path).unwrap(), b"new", "it stays");
        [path, other].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }

    #[test]
    #[cfg(unix)]
    fn pipes_and_devices_are_refused_without_waiting() {
        let path = std::env::temp_dir().join(format!("zktrain-pipe-{}", std::process::id()));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let refused = [open(&path), open(Path::new("/dev/zero")), open(Path::new("/dev/null"))];
        std::fs::remove_file(&path).unwrap();
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
