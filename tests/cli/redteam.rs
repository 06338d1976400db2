//! What users hit, one line after another: `tests/redteam.sh`, with the program that was just built.
#![cfg(unix)]

use std::process::Command;

#[test]
fn everything_that_users_hit_is_answered() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redteam.sh");
    let run = Command::new("sh").arg(script).env("ZK", env!("CARGO_BIN_EXE_zktrain")).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
