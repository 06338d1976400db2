//! The same network on a domain where contracts check every proof at once, while the network
//! between its processes delays and reorders packets, loses some, and is cut for a while. In the end its
//! coordinator loses its folder, and is restored from a backup.
//!
//! The trouble is made with nftables in a network namespace of the test's own, where a relay stands
//! between owners and coordinator. Where the system does not allow it, the test runs without
//! trouble and says so, unless `ZKTRAIN_NETNS` is `require`.

use crate::coordinator;
use crate::project;
use crate::relay;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coordinator::{Coordinator, backups, pay};
use project::Project;
use serde_json::Value;

/// Whatever owners send goes to the relay.
const DETOUR: &str = "add table inet detour
    add chain inet detour out { type nat hook output priority -100; }
    add rule inet detour out meta l4proto udp ip saddr != OUTSIDE redirect to :PORT";
/// One datagram in twenty is lost on its way to the relay.
const LOSSY: &str = "add table inet trouble
    add chain inet trouble in { type filter hook input priority 0; }
    flush chain inet trouble in
    add rule inet trouble in udp dport PORT numgen random mod 100 < 5 drop
    add rule inet trouble in meta l4proto udp ip daddr OUTSIDE numgen random mod 100 < 5 drop";
/// All are.
const CUT: &str = "insert rule inet trouble in meta l4proto udp drop";
/// How long: QUIC connections outlive it, requests do not get their answers in time.
const OUTAGE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(300);
/// The test below that is no test but the relay.
const RELAY: &str = "network_trouble::is_the_relay_of_another_process";

/// `sh -c` in a new network namespace in which only the loopback interface is.
fn apart() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c"]);
    command
}

/// Rules about the relay.
fn rules(text: &str) -> String {
    text.replace("PORT", &relay::PORT.to_string()).replace("OUTSIDE", relay::OUTSIDE)
}

/// Puts the rules up in a new namespace.
fn setup() -> String {
    format!("ip link set lo up && nft '{}' && nft '{}'", rules(DETOUR), rules(LOSSY))
}

fn can_make_trouble() -> bool {
    let tried = apart().arg(setup()).output();
    let able = tried.as_ref().is_ok_and(|out| out.status.success());
    if !able {
        let wanted = std::env::var("ZKTRAIN_NETNS").is_ok_and(|value| value == "require");
        assert!(!wanted, "no trouble can be made: {tried:?}");
        eprintln!("without trouble: unshare, ip or nft is not there or not allowed");
    }
    able
}

/// Changes the rules of a process's network.
fn rule(process: &Child, rules: &str) {
    let at = process.id().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--user", "--net", "--preserve-credentials", "--target", &at, "nft", rules]);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

struct Demo {
    process: Child,
    folder: PathBuf,
}

impl Demo {
    fn start(project: &Project, trouble: bool) -> Self {
        let args = ["demo", "--out", "d", "--rounds", "4", "--eager", "--json"];
        let plain = project.command(&args);
        let mut command = Command::new("unshare");
        // The relay ends when the demonstration does, which it is a child of.
        let relay = format!("\"$RELAY\" --exact --ignored {RELAY} > relay.log 2>&1");
        let setup = format!("{} && {{ {relay} & }} && exec \"$0\" \"$@\"", setup());
        match trouble {
            true => command.args(["--map-root-user", "--net", "sh", "-c", &setup]),
            false => command.args(["--", "env"]),
        };
        command.arg(plain.get_program()).args(plain.get_args());
        let env = plain.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(env).current_dir(project.folder.path());
        command.env("RELAY", std::env::current_exe().unwrap());
        command.env(relay::FOLDER, project.folder.path());
        let out = std::fs::File::create(project.folder.path().join("report.json")).unwrap();
        let process = command.stdin(Stdio::null()).stdout(out).spawn().unwrap();
        Self { process, folder: project.folder.path().to_owned() }
    }

    /// Waits until the coordinator has logged something.
    fn until(&mut self, said: &str) {
        let (log, begun) = (self.folder.join("d/logs/coordinator.log"), Instant::now());
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains(said)) {
            assert!(begun.elapsed() < PATIENCE, "{said} was not logged");
            assert!(self.process.try_wait().unwrap().is_none(), "ended before {said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn report(mut self) -> Value {
        assert!(self.process.wait().unwrap().success());
        serde_json::from_slice(&std::fs::read(self.folder.join("report.json")).unwrap()).unwrap()
    }
}

#[test]
fn contracts_check_every_proof_and_an_outage_costs_nobody_its_pay() {
    let (project, trouble) = (Project::with_rows(1), can_make_trouble());
    let mut demo = Demo::start(&project, trouble);
    demo.until("phase=Uploads");
    // In the middle of a round.
    Coordinator::of(&project).back_up("first");
    if trouble {
        rule(&demo.process, CUT);
        std::thread::sleep(OUTAGE);
        rule(&demo.process, &rules(LOSSY));
    }
    let report = demo.report();
    if trouble {
        the_relay_was_between_them(project.folder.path());
    }
    let counts = |key: &str| -> Vec<usize> {
        let rounds = report["rounds"].as_array().unwrap();
        rounds.iter().map(|round| round[key].as_array().unwrap().len()).collect()
    };
    assert_eq!(counts("counted"), [5, 4, 4, 4], "{report}");
    assert_eq!(counts("missing"), [0, 1, 1, 0], "{report}");
    assert_eq!(counts("slashed"), [0, 0, 1, 0], "{report}");
    // What it leaves is a coordinator's, to whom worse can happen.
    backups::a_lost_coordinator_is_restored_and_goes_on(&project);
}

fn the_relay_was_between_them(folder: &Path) {
    let counts = std::fs::read(relay::counts_path(folder)).unwrap();
    let counts: [[u64; 2]; 2] = serde_json::from_slice(&counts).unwrap();
    for [sent, overtaken] in counts {
        assert!(sent > 1000 && overtaken > sent / 10, "{counts:?}");
    }
}

/// Of as many rounds as `ZKTRAIN_LONG_ROUNDS` says, if it says something.
#[test]
#[ignore = "takes many minutes: scripts/long.sh runs it"]
fn who_trains_in_twenty_rounds_is_paid_twenty_times() {
    let rounds = std::env::var("ZKTRAIN_LONG_ROUNDS").map_or(20, |text| text.parse().unwrap());
    let project = Project::with_rows(1);
    project.ok(&["demo", "--out", "d", "--rounds", "4"]);
    pay::everybody_is_paid_for_every_round(&project, rounds);
}

/// Anything only where the test above has started it.
#[test]
#[ignore = "a process that another test starts"]
fn is_the_relay_of_another_process() {
    let Some(folder) = std::env::var_os(relay::FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(relay::run(Path::new(&folder)));
}
