//! Ends a thread's process, or has its disk refuse, between two effects on files.

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
