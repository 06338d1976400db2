//! Other processes of this program: commands that end, and servers that run in the background.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::leash;
use crate::error::{Error, ProjectError};

/// How processes of a demonstration are started: where, and with which surroundings.
#[derive(Clone, Debug)]
pub struct Shell {
    program: PathBuf,
    folder: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Shell {
    /// Runs this very program in a folder.
    ///
    /// # Errors
    /// If the operating system does not say where the program is.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::Output)?;
        Ok(Self { program, folder: folder.to_owned(), env: Vec::new() })
    }

    /// Sets a variable of later processes.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
    }

    /// A variable of later processes; empty if it is not set.
    pub fn get(&self, name: &str) -> &str {
        let found = self.env.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // What the user has set for real networks is not for this one.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"ZKTRAIN_") && name != "ZKTRAIN_CACHE" {
                command.env_remove(name);
            }
        }
        command.args(args).current_dir(&self.folder).envs(self.env.iter().cloned());
        leash::hold(&mut command);
        command
    }

    /// Runs a command to its end, and returns its JSON report.
    ///
    /// # Errors
    /// If it fails: what it said.
    pub fn run(&self, args: &[&str]) -> Result<Value, Error> {
        let mut command = self.command(args);
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::Output)?;
        // Waiting would let go of it first.
        let leash = child.stdin.take();
        let output = child.wait_with_output().map_err(Error::Output)?;
        drop(leash);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Process { command: args.join(" "), said });
        }
        serde_json::from_slice(&output.stdout).map_err(|e| Error::Output(e.into()))
    }

    /// Starts a command that goes on until it is stopped; what it says goes to `logs/NAME.log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self, name: &str, args: &[&str]) -> Result<Process, Error> {
        let log = self.folder.join("logs").join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file
            .map_err(|source| Error::Project(ProjectError::File { path: log.clone(), source }))?;
        let both = file
            .try_clone()
            .map_err(|source| Error::Project(ProjectError::File { path: log.clone(), source }))?;
        let mut command = self.command(args);
        command.stdout(both).stderr(file);
        let child = command.spawn().map_err(Error::Output)?;
        Ok(Process { child, command: args.join(" "), log })
    }
}

/// A process in the background; it is stopped when this is dropped.
pub struct Process {
    child: Child,
    command: String,
    log: PathBuf,
}

impl Process {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// If it does not, or fails.
    pub fn wait(&mut self, patience: Duration) -> Result<(), Error> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait().map_err(Error::Output)? {
                Some(status) if status.success() => return Ok(()),
                Some(_) => return Err(self.failed()),
                None if Instant::now() > until => return Err(self.failed()),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// What it and its predecessors of the same name have said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What its log ends with, as an error.
    pub fn failed(&self) -> Error {
        let text = self.said();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        let said = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Error::Process { command: self.command.clone(), said }
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
