//! Opens files that somebody else may have made.
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
