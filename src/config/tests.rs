use std::net::SocketAddr;
use std::time::Duration;

use alloy::primitives::U256;
use clap::{Args, Command, FromArgMatches};
use zktrain_member::{Asked, Force};

use super::*;

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What has to be said in any case.
const LEAST: [(&str, &str); 2] = [("domain", "4"), ("project", "there")];

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c.toml"), file).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("c.toml")
    }

    fn load<S: Settings>(
        &self,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Effective<S>, ConfigError> {
        load(Some(&self.path()), owned(variables), &owned(flags))
    }

    fn coordinator(
        &self,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Effective<CoordinatorConfig>, ConfigError> {
        self.load(variables, flags)
    }

    /// The error, which names where it is.
    fn refused(&self, variables: &[(&str, &str)], flags: &[(&str, &str)], parts: &[&str]) {
        let error = self.coordinator(variables, flags).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}

fn flags_only(more: &[(&str, &str)]) -> Result<Effective<CoordinatorConfig>, ConfigError> {
    load(None, [], &owned(&[&LEAST[..], more].concat()))
}

#[test]
fn defaults_are_complete_and_valid() {
    let config = flags_only(&[]).unwrap();
    assert_eq!(config.listen, SocketAddr::from(([0, 0, 0, 0], 7443)));
    assert_eq!(config.metrics, SocketAddr::from(([127, 0, 0, 1], 9464)));
    assert_eq!(config.members, MembersConfig { least: 16, most: 64 });
    assert_eq!((config.threshold, config.rounds), (None, None));
    assert_eq!((config.pay.least.part(), config.pay.full_at.part()), (1.0, 0.05));
    assert_eq!(config.timing.uploads, Duration::from_secs(1800));
    assert_eq!(config.data(), Path::new("there/coordinator"));
    assert_eq!(config.store(), "sqlite:there/coordinator/coordinator.sqlite");
    assert_eq!((config.log.level.as_str(), config.log.format), ("info", LogFormat::Text));
    assert!(config.connection().chain.is_none());
    let trainer: Effective<TrainerConfig> =
        load(None, [], &owned(&[&LEAST[..], &[("coordinator", "[::1]:7443")]].concat())).unwrap();
    let policy = trainer.policy.policy();
    assert_eq!(policy, zktrain_secagg::Policy::default());
    assert_eq!((policy.least, policy.max_share, policy.colluders), (16, 1 << 14, None));
    assert_eq!(config.retention.rounds, 16);
    assert_eq!(config.limits.wire(), zktrain_wire::WireLimits::default());
    let hour = Duration::from_secs(3_600);
    let asked = Asked { audits: 1, challenge: hour, ..Asked::default() };
    assert_eq!((trainer.policy.asked(), trainer.policy.force()), (asked, Force::default()));
    assert_eq!(trainer.retention.rounds, 0, "an owner needs nothing of a round that is over");
    let keeps = [("coordinator", "[::1]:7443"), ("retention.rounds", "3")];
    let trainer: Effective<TrainerConfig> =
        load(None, [], &owned(&[&LEAST[..], &keeps].concat())).unwrap();
    assert_eq!(trainer.retention.rounds, 3);
}

#[test]
fn limits_that_leave_no_room_are_refused() {
    let bad = [
        ("limits.handshakes", "7"),
        ("limits.connections", "0"),
        ("limits.per_address", "99999999"),
        ("limits.hello", "11s"),
        ("limits.hello", "0s"),
    ];
    for (key, value) in bad {
        let error = flags_only(&[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let wire = flags_only(&[("limits.handshakes", "8")]).unwrap().limits.wire();
    assert_eq!(wire.handshakes, 8);
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let case = Case::new("domain = 1\nproject = 'p'\nlisten = '127.0.0.1:1'\nbudget = 0.5\n");
    let listen =
        |variables: &[_], flags: &[_]| case.coordinator(variables, flags).unwrap().listen.port();
    let variable = ("ZKTRAIN_COORDINATOR__LISTEN", "127.0.0.1:2");
    let flag = ("listen", "127.0.0.1:3");
    assert_eq!(flags_only(&[]).unwrap().listen.port(), 7443);
    assert_eq!(listen(&[], &[]), 1);
    assert_eq!(listen(&[variable], &[]), 2);
    assert_eq!(listen(&[variable], &[flag]), 3);
    assert_eq!(listen(&[], &[flag]), 3);
    let config = case.coordinator(&[("ZKTRAIN_COORDINATOR__DOMAIN", "9")], &[]).unwrap();
    assert_eq!((config.domain, config.listen.port()), (9, 1));
    assert_eq!(config.budget.0, U256::from(5) * U256::from(10).pow(U256::from(17)));
}

#[test]
fn tables_merge_key_by_key() {
    let case = Case::new("domain = 1\nproject = 'p'\n[timing]\nkeys = '5s'\nshares = '6s'\n");
    let variables = [("ZKTRAIN_COORDINATOR__TIMING__SHARES", "7s")];
    let timing = case.coordinator(&variables, &[("timing.unmask", "1500ms")]).unwrap().timing;
    let plan = timing.plan();
    assert_eq!([plan.keys, plan.shares, plan.unmask, plan.confirm], [5, 7, 2, 120]);
}

#[test]
fn paths_in_a_file_are_relative_to_it() {
    let case = Case::new("domain = 1\nproject = 'p'\ndata = '/var/d'\nkey = 'k.json'\n");
    let config = case.coordinator(&[("ZKTRAIN_COORDINATOR__OUTBOX", "out")], &[]).unwrap();
    assert_eq!(config.project, case.folder.path().join("p"));
    assert_eq!(config.data(), Path::new("/var/d"));
    assert_eq!(config.connection().key, Some(case.folder.path().join("k.json")));
    assert_eq!(config.connection().outbox, Some(PathBuf::from("out")));
}

#[test]
fn unknown_keys_are_refused_by_name() {
    let case = Case::new("domain = 1\nproject = 'p'\nlisten_on = 'x'\n");
    case.refused(&[], &[], &["c.toml: `listen_on`", "unknown key", "`listen`"]);
    let case = Case::new("domain = 1\nproject = 'p'\n[timing]\nupload = '1m'\n");
    case.refused(&[], &[], &["c.toml: `timing.upload`", "`timing.uploads`"]);
    let case = Case::new("domain = 1\nproject = 'p'\n");
    case.refused(
        &[("ZKTRAIN_COORDINATOR__PASSWORD", "hunter2")],
        &[],
        &["variable ZKTRAIN_COORDINATOR__PASSWORD", "`password_file`"],
    );
    case.refused(&[], &[("timing.upload", "1m")], &["flag --set timing.upload"]);
    let error = case.coordinator(&[("ZKTRAIN_COORDINATOR__PASSWORD", "hunter2")], &[]);
    assert!(!error.unwrap_err().to_string().contains("hunter2"));
    let other = [("ZKTRAIN_TRAINER__NONSENSE", "1"), ("PATH", "x")];
    assert!(case.coordinator(&other, &[]).is_ok(), "others' variables are theirs");
}

#[test]
fn bad_values_are_refused_where_they_are() {
    let case = Case::new("domain = 'x'\nproject = 'p'\n");
    case.refused(&[], &[], &["c.toml: `domain`", "digit"]);
    let case = Case::new("domain = 1\nproject = 'p'\nlisten = [1]\n");
    case.refused(&[], &[], &["c.toml: `listen`", "expected a single value"]);
    let case = Case::new("domain = 1\nproject = 'p'\ntiming = '1m'\n");
    case.refused(&[], &[], &["c.toml: `timing`"]);
    let case = Case::new("domain = 1\nproject = 'p'\n");
    case.refused(
        &[("ZKTRAIN_COORDINATOR__TIMING__KEYS", "soon")],
        &[],
        &["variable ZKTRAIN_COORDINATOR__TIMING__KEYS"],
    );
    case.refused(&[], &[("budget", "much")], &["flag --budget", "no amount"]);
    for part in ["0", "101%", "-5%", "NaN", "inf", "half"] {
        for key in ["pay.least", "pay.full_at"] {
            let origin = format!("flag --set {key}");
            case.refused(&[], &[(key, part)], &[&origin, "part of one"]);
        }
    }
    case.refused(&[], &[("pay.full", "5%")], &["`pay.full_at`"]);
    case.refused(&[], &[("log.format", "xml")], &["flag --log-format", "`text` or `json`"]);
    case.refused(&[], &[("rounds", "-1")], &["flag --rounds"]);
    case.refused(&[], &[("finality", "soon")], &["flag --finality", "`finalized`, `safe`"]);
    case.refused(&[], &[("confirmations", "0")], &["flag --confirmations"]);
}

#[test]
fn files_that_are_none_are_refused_with_the_line() {
    let case = Case::new("domain = 1\nproject = \n");
    case.refused(&[], &[], &["c.toml:2: "]);
    let missing = load::<CoordinatorConfig>(Some(Path::new("/nowhere/c.toml")), [], &[]);
    assert!(missing.unwrap_err().to_string().starts_with("/nowhere/c.toml: "));
}

#[test]
fn what_is_missing_is_said_with_all_ways_to_say_it() {
    let error = load::<CoordinatorConfig>(None, [], &[]).unwrap_err().to_string();
    for part in ["`domain`", "--config", "ZKTRAIN_COORDINATOR__DOMAIN", "--domain"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn values_have_to_go_together() {
    for (flags, parts) in [
        (&[("members.least", "1")][..], &["--set members.least", "hides nothing"][..]),
        (&[("members.most", "257")], &["--set members.most", "256"]),
        (&[("members.least", "9"), ("members.most", "8")], &["members.most"]),
        (&[("threshold", "4")], &["--set threshold", "more than half"]),
        (
            &[("members.most", "4"), ("members.least", "3"), ("threshold", "2")],
            &["--set threshold"],
        ),
        (&[("round_duration", "9m")], &["--round-duration", "10m"]),
        (&[("round_duration", "8days")], &["--round-duration", "7days"]),
        (&[("timing.uploads", "2h")], &["`round_duration`", "longer than the round"]),
        (&[("timing.keys", "10ms")], &["--set timing.keys", "1s"]),
        (&[("rounds", "0")], &["--rounds"]),
        (&[("budget", "999999999999999999999999")], &["--budget", "too large"]),
    ] {
        let error = flags_only(flags).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
    let fine = [("members.most", "5"), ("members.least", "4"), ("threshold", "3")];
    assert_eq!(flags_only(&fine).unwrap().threshold, Some(3));
}

#[test]
fn a_trainer_must_know_whom_to_trust_and_whom_to_call() {
    let with = |flags: &[(&str, &str)]| {
        let all = [&LEAST[..], &[("coordinator", "hub.example:7443")], flags].concat();
        load::<TrainerConfig>(None, [], &owned(&all))
    };
    let address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let config = with(&[("coordinator_address", address), ("policy.most_share", "25%")]).unwrap();
    assert_eq!(config.coordinator_address.unwrap().to_string(), address);
    assert_eq!(config.policy.most_share.weight(), 1 << 14);
    let mistyped = address.replace("5aA", "5AA");
    for (key, value) in [
        ("coordinator_address", mistyped.as_str()),
        ("policy.most_share", "0"),
        ("policy.most_share", "1.01"),
        ("policy.most_share", "NaN"),
        ("policy.least_budget", "-1"),
        ("policy.least_pay", "much"),
        ("policy.least_audits", "-1"),
        ("policy.least_challenge", "soon"),
        ("policy.force", "sometimes"),
        ("policy.force_margin", "59s"),
        ("policy.force_worth", "-1"),
        ("policy.least_members", "1"),
        ("policy.colluders", "-1"),
        ("policy.known", "0x5aAeb"),
        ("policy.least_known", "1"),
        ("coordinator", "hub.example"),
        ("coordinator", "https://hub.example:7443"),
        ("coordinator", "::1:7443"),
        ("coordinator", ":7443"),
        ("coordinator", "hub.example:0"),
    ] {
        let error = with(&[(key, value)]).err();
        assert!(error.is_some(), "{key} = {value}");
    }
}

#[test]
fn known_members_are_a_list_in_a_file_and_text_elsewhere() {
    let [a, b] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x000000000000000000000000000000000000dEaD",
    ];
    let text = format!(
        "domain = 1\nproject = 'p'\ncoordinator = 'hub.example:1'\n[policy]\nknown = ['{a}', '{b}']\n\
         least_known = 2\ncolluders = 5\n"
    );
    let case = Case::new(&text);
    let load =
        |flags: &[(&str, &str)]| load::<TrainerConfig>(Some(&case.path()), [], &owned(flags));
    let policy = load(&[]).unwrap().policy.policy();
    assert_eq!(policy.known.len(), 2);
    assert_eq!((policy.least_known, policy.colluders), (2, Some(5)));
    let both = format!("{b}, {a}");
    assert_eq!(load(&[("policy.known", &both)]).unwrap().policy.policy(), policy);
    for (wrong, why) in [(format!("{a},{a}"), "twice"), (a.to_owned(), "policy.least_known")] {
        let error = load(&[("policy.known", &wrong)]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn the_effective_configuration_is_a_file_that_gives_the_same_and_hides_secrets() {
    let case = Case::new("domain = 1\nproject = '/p'\n[timing]\nkeys = '5s'\n");
    let secret = "hunter2";
    let store = format!("postgres://zktrain:{secret}@db:5432/zktrain");
    let chain = format!("https://node.example/v3/{secret}");
    let variables = [("ZKTRAIN_COORDINATOR__STORE", store.as_str())];
    let flags = [("chain", chain.as_str()), ("members.most", "17")];
    let config = case.coordinator(&variables, &flags).unwrap();
    assert_eq!(config.store(), store);
    assert_eq!(config.connection().chain, Some(chain.clone()));
    let shown = config.render();
    assert!(!shown.contains(secret) && !format!("{config:?}").contains(secret), "{shown}");
    for line in [
        "listen = \"0.0.0.0:7443\"  # default of `listen`",
        "store = \"postgres://db:5432/…\"  # variable ZKTRAIN_COORDINATOR__STORE",
        "chain = \"https://node.example/…\"  # flag --chain",
        "most = \"17\"  # flag --set members.most",
        "# threshold is not set",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
    assert!(shown.contains("c.toml: `timing.keys`"), "{shown}");
    let again = Case::new(&shown);
    let again = again.coordinator(&variables, &[("chain", chain.as_str())]).unwrap();
    assert_eq!(again.timing, config.timing);
    assert_eq!(again.members, config.members);
}

#[test]
fn examples_are_valid_and_name_every_key() {
    fn check<S: Settings>(text: &str) {
        let case = Case::new(text);
        case.load::<S>(&[], &[]).unwrap();
        for key in keys::<S>() {
            let name = key.name.rsplit('.').next().unwrap();
            let named = |line: &str| {
                let line = line.trim_start_matches("# ");
                line.split_once('=').is_some_and(|(key, _)| key.trim() == name)
            };
            assert!(text.lines().any(named), "{} is not in the example", key.name);
        }
    }
    check::<CoordinatorConfig>(include_str!("../../examples/coordinator.toml"));
    check::<TrainerConfig>(include_str!("../../examples/trainer.toml"));
    let container = Case::new(include_str!("../../deploy/container/coordinator.toml"));
    container.coordinator(&[], &[]).unwrap();
}

#[test]
fn examples_say_what_is_the_default_when_they_say_so() {
    let text = include_str!("../../examples/coordinator.toml");
    let commented: String = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    // All of it can be said.
    Case::new(&commented).coordinator(&[], &[]).unwrap();
}

#[test]
fn flags_reach_their_keys() {
    fn parse<A: Args + FromArgMatches>(words: &[&str]) -> A {
        let command = A::augment_args(Command::new("x"));
        let command = command.mut_args(|argument| argument.env(None::<&str>));
        A::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }
    let flags: CoordinatorFlags = parse(&[
        "x",
        "--domain",
        "3",
        "--project",
        "p",
        "--listen",
        "127.0.0.1:5",
        "--metrics",
        "127.0.0.1:6",
        "--data",
        "d",
        "--store",
        "sqlite:x",
        "--rounds",
        "2",
        "--round-duration",
        "2h",
        "--budget",
        "7",
        "--log",
        "debug",
        "--log-format",
        "json",
        "--chain",
        "http://127.0.0.1:8545",
        "--key",
        "k",
        "--password-file",
        "w",
        "--outbox",
        "o",
        "--finality",
        "12",
        "--confirmations",
        "3",
        "--deployment",
        "e",
        "--set",
        "timing.keys=9s",
    ]);
    let config: Effective<CoordinatorConfig> = load(None, [], &flags.values().unwrap()).unwrap();
    assert_eq!((config.domain, config.rounds), (3, Some(2)));
    assert_eq!((config.listen.port(), config.metrics.port()), (5, 6));
    assert_eq!((config.data(), config.store()), (PathBuf::from("d"), "sqlite:x".to_owned()));
    assert_eq!(config.timing.keys, Duration::from_secs(9));
    assert_eq!(config.log.format, LogFormat::Json);
    let connection = config.connection();
    assert_eq!(connection.finality.map(|blocks| blocks.to_string()).as_deref(), Some("12"));
    assert_eq!(connection.confirmations.map(|blocks| blocks.get()), Some(3));
    assert_eq!(connection.key, Some(PathBuf::from("k")));
    assert_eq!(connection.password_file, Some(PathBuf::from("w")));
    let bad = CoordinatorFlags {
        common: CommonFlags { set: vec!["novalue".to_owned()], ..CommonFlags::default() },
        ..CoordinatorFlags::default()
    };
    assert!(matches!(bad.values(), Err(ConfigError::Assignment)));
}

#[test]
fn every_flag_that_errors_name_exists() {
    fn check<S: Settings, A: Args>() {
        let command = A::augment_args(Command::new("x"));
        let flags: Vec<String> = command
            .get_arguments()
            .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
            .collect();
        for key in keys::<S>() {
            if let Some(flag) = key.flag {
                assert!(flags.iter().any(|known| known == flag), "{flag}");
            }
        }
    }
    check::<CoordinatorConfig, CoordinatorFlags>();
    check::<TrainerConfig, TrainerFlags>();
}
