//! What ends a demonstration's processes with it, however it ends.
//!
//! Each of them has one end of a pipe as its standard input, and the demonstration the other, through
//! which nothing ever comes. If the demonstration is gone, also killed with nobody left to clean up,
//! the system closes its end, and the process ends as well.

use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};

/// Set for processes whose standard input is a leash.
const VARIABLE: &str = "ZKTRAIN_LEASH";
/// As after a signal to end, SIGTERM.
const ENDED: i32 = 143;

/// Starts a process on a leash: it ends when its standard input is let go.
pub fn hold(command: &mut Command) {
    command.env(VARIABLE, "stdin").stdin(Stdio::piped());
}

/// Has this process end with the one that started it; without a leash nothing.
pub fn heed() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let wait = || {
        until_let_go(std::io::stdin().lock());
        // As `kill` does: everything that must not be lost is on disk.
        std::process::exit(ENDED);
    };
    // If no thread can be started, nothing else that this process is for will work either.
    if std::thread::Builder::new().name("leash".into()).spawn(wait).is_err() {
        std::process::exit(ENDED);
    }
}

fn until_let_go(mut leash: impl Read) {
    loop {
        match leash.read(&mut [0; 64]) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}
