//! A demonstration that is killed leaves no process behind.
#![cfg(target_os = "linux")]

use crate::project;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use project::Project;

const PATIENCE: Duration = Duration::from_secs(240);

/// Processes that work in a folder or below it.
fn within(folder: &Path) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let there = |pid: &u32| {
        // One that has ended meanwhile, or waits for its parent to look, works nowhere.
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    numbers.filter(there).collect()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

/// In the middle of its preparations. An interrupt ends it the same way, but tests may ignore those.
#[test]
fn commands_of_a_demonstration_end_with_it() {
    let project = Project::with_rows(1);
    for name in ["-TERM", "-KILL"] {
        let out = format!("demo{name}");
        let mut demo = project.command(&["demo", "--out", &out]).spawn().unwrap();
        let folder = project.folder.path().canonicalize().unwrap().join(&out);
        eventually("no process is started", || !within(&folder).is_empty());
        signal(&demo, name);
        demo.wait().unwrap();
        eventually("a process is left", || within(&folder).is_empty());
    }
}

/// As servers are held: they would go on for ever.
#[test]
fn a_server_ends_when_its_parent_process_is_gone() {
    let project = Project::with_rows(1);
    let mut server = project.command(&["chain", "serve", "--listen", "127.0.0.1:0"]);
    server.env("ZKTRAIN_LEASH", "stdin").stdin(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let chain = project.folder.path().join("chain/chain.redb");
    eventually("the chain is not opened", || chain.exists());
    assert!(server.try_wait().unwrap().is_none());
    drop(server.stdin.take());
    eventually("the server goes on", || server.try_wait().unwrap().is_some());
}

/// All of them: owners, coordinator, chain.
#[test]
fn a_killed_network_leaves_no_process() {
    let project = Project::with_rows(1);
    let mut demo = project.command(&["demo", "--rounds", "4", "--out", "d"]).spawn().unwrap();
    let folder = project.folder.path().canonicalize().unwrap().join("d");
    let last = folder.join("logs/erin.log");
    eventually("the network does not start", || {
        assert!(demo.try_wait().unwrap().is_none(), "the demonstration has ended");
        last.exists() && within(&folder).len() >= 7
    });
    demo.kill().unwrap();
    demo.wait().unwrap();
    eventually("a process is left", || within(&folder).is_empty());
}
