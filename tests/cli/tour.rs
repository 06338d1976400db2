//! `docs/tour.md`, command by command, as somebody who follows it would type it.

use std::path::Path;
use std::process::{Command, Stdio};

/// The page's commands, in order.
fn commands(page: &str) -> String {
    let mut script = String::from("set -eux\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => script.extend([line, "\n"]),
            _ => {}
        }
    }
    script
}

#[test]
fn every_command_of_the_tour_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = commands(&std::fs::read_to_string(root.join("docs/tour.md")).unwrap());
    assert!(script.contains("zktrain audit"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let data = root.join("data/breast_cancer.csv");
    std::fs::copy(data, folder.path().join("data/breast_cancer.csv")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_zktrain")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).current_dir(folder.path()).env("PATH", path);
    command.env("ZKTRAIN_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    // Nothing but the page says where things are.
    for name in ["CHAIN", "DEPLOYMENT", "OUTBOX", "KEY", "PASSWORD", "PASSWORD_FILE"] {
        command.env_remove(format!("ZKTRAIN_{name}"));
    }
    let out = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let log = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(10).collect();
        format!("{name}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    };
    let logs: String = ["coordinator.log", "alice.log", "chain.log"].map(log).concat();
    assert!(out.status.success(), "{said}\n{}\n{logs}", String::from_utf8_lossy(&out.stdout));
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(file("audit.html").contains("Audit of model.int.safetensors"));
    assert!(file("measured/coordinator/loss.svg").contains("<svg"), "the loss is drawn");
}
