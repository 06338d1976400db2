//! What a demonstration leaves, as its coordinator sees it: processes of one's own go on with it.

pub mod backups;
pub mod pay;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::Project;

const PATIENCE: Duration = Duration::from_secs(240);
/// What a demonstration's keystores are closed with.
const PASSWORD: &str = "a password for a demonstration";
/// Those of a demonstration's owners that are not slashed.
const OWNERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// A demonstration's folder, `d`, as its coordinator sees it.
pub struct Coordinator<'a> {
    pub project: &'a Project,
    pub dir: PathBuf,
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl<'a> Coordinator<'a> {
    pub fn of(project: &'a Project) -> Self {
        Self { project, dir: project.folder.path().join("d") }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("coordinator/coordinator")
    }

    /// A command in the demonstration's folder.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.project.command(args);
        command.current_dir(&self.dir).env("ZKTRAIN_PASSWORD", PASSWORD);
        command
    }

    /// What the coordinator tells of its rounds that are settled.
    fn rounds(&self) -> Vec<Value> {
        let told = fs::read(self.data().join("rounds.json")).unwrap_or(b"[]".to_vec());
        let told: Vec<Value> = serde_json::from_slice(&told).unwrap();
        told.into_iter().filter(|round| round["settled"] == true).collect()
    }

    /// Starts a command that goes on; what it says goes to a file.
    fn start(&self, name: &str, chain: &str, args: &[&str]) -> Server {
        let log = File::create(self.dir.join(format!("logs/later-{name}.log"))).unwrap();
        let mut command = self.command(args);
        for (name, value) in [
            ("ZKTRAIN_CHAIN", chain),
            ("ZKTRAIN_DEPLOYMENT", "chain/chain.json"),
            ("ZKTRAIN_OUTBOX", "chain/outbox"),
            ("ZKTRAIN_FINALITY", "1"),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Server(command.spawn().unwrap())
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(format!("logs/later-{name}.log"))).unwrap_or_default()
    }

    /// Waits until something holds of a process.
    fn until(&self, name: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + patience;
        while !holds() {
            assert!(Instant::now() < until, "{name}: {}", self.said(name));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn serve_chain(&self) -> (Server, String) {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let serve = ["chain", "serve", "--listen", &at];
        let server = self.start("chain", "embedded:chain/chain.redb", &serve);
        self.until("chain", PATIENCE, || TcpStream::connect(&at).is_ok());
        (server, format!("http://{at}"))
    }

    fn owner(&self, who: &str, chain: &str, coordinator: &str) -> Server {
        let key = format!("keys/{who}.json");
        let place = ["trainer", "--project", who, "--domain", "1", "--key", &key];
        let policy = ["--set", "policy.least_members=3", "--set", "policy.most_share=67%"];
        let to = ["--coordinator", coordinator];
        self.start(who, chain, &[&place[..], &to, &policy].concat())
    }

    /// For so many rounds; where owners connect to.
    fn start_coordinator(&self, chain: &str, rounds: u32) -> (Server, String) {
        let listen = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let rounds = rounds.to_string();
        let own = ["coordinator", "--project", "coordinator", "--domain", "1", "--budget", "100"];
        let at =
            ["--listen", &listen, "--metrics", "127.0.0.1:0", "--key", "keys/coordinator.json"];
        // However slow they are, it waits for all of them.
        let pace = ["--rounds", &rounds, "--fast-forward", "--gathering", "200s"];
        let members = ["--set", "members.least=3"];
        let server = self.start("coordinator", chain, &[&own[..], &at, &pace, &members].concat());
        (server, listen)
    }

    fn wait(&self, name: &str, server: &mut Server, patience: Duration) -> ExitStatus {
        let mut status = None;
        self.until(name, patience, || {
            status = server.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// So many more rounds, with all their processes.
    fn goes_on(&self, rounds: u32) {
        let (_server, chain) = self.serve_chain();
        let (mut coordinator, listen) = self.start_coordinator(&chain, rounds);
        let _owners = OWNERS.map(|who| self.owner(who, &chain, &listen));
        let status = self.wait("coordinator", &mut coordinator, PATIENCE * rounds);
        assert!(status.success(), "{}", self.said("coordinator"));
    }
}
