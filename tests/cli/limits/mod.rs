//! What a manifest from somebody else can cost its reader.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zktrain_model::manifest::{LayerSpec, MAX_TEXT, MAX_WIDTH, Manifest, Uniform, derive_eta};
use zktrain_model::size::{Limits, Size};

use crate::project::Project;

/// How long it may take to find out whether a manifest is within the limits.
const PROMPT: Duration = Duration::from_millis(100);
/// Bytes of memory that a refusal may take, besides the program itself.
const MEMORY: u64 = 50 << 20;
/// Bytes of address space of a process that does nothing: libraries and stack.
const PROCESS: u64 = 24 << 20;

/// A project with data registered, whose manifest others may have written.
fn project() -> (Project, Manifest) {
    let project = Project::with_rows(40);
    project.init(&[]);
    project.ok(&["data", "commit", "p", "--plain"]);
    let text = std::fs::read_to_string(project.path("manifest.toml")).unwrap();
    (project, Manifest::from_toml(&text).unwrap())
}

/// Runs `zktrain verify p` on this manifest in an address space of this size.
fn verify(project: &Project, manifest: &str, bytes: u64) -> Output {
    std::fs::write(project.path("manifest.toml"), manifest).unwrap();
    let plain = project.command(&["verify", "p"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -v \"$0\"; exec \"$@\"", &(bytes >> 10).to_string()]);
    limited.args([env!("CARGO_BIN_EXE_zktrain"), "verify", "p"]);
    limited.current_dir(project.folder.path());
    limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // An allocator's arenas and stacks for many threads are address space that nobody uses.
    limited.env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", "2");
    limited.output().unwrap()
}

fn budget() -> u64 {
    let program = std::fs::metadata(Path::new(env!("CARGO_BIN_EXE_zktrain"))).unwrap().len();
    program + PROCESS + MEMORY
}

/// Whether a text is a manifest within the limits: what its reader finds out before it computes
/// anything else. That takes no longer than [`PROMPT`] on a processor, whatever else it does meanwhile.
fn is_admitted(text: &str) -> bool {
    let started = ThreadTime::now();
    let network = Manifest::from_toml(text).and_then(|manifest| manifest.network());
    let admitted = network.is_ok_and(|network| Limits::default().admit(network).is_ok());
    let took = started.elapsed();
    let start: String = text.chars().take(80).collect();
    assert!(took <= PROMPT, "{took:?} for {} bytes: {start}", text.len());
    admitted
}

/// Inputs, outputs of the first layer, length of rows.
fn widened(manifest: &Manifest, input: usize, out: usize, row_log: u32) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.model.input = input;
    manifest.model.layers[0].out = Some(out);
    let (prefix, offset, scale) = ("c".to_owned(), 0.0, 1.0);
    manifest.data.features = None;
    manifest.data.uniform = Some(Uniform { prefix, count: input, offset, scale });
    manifest.quantization.as_mut().unwrap().row_log = row_log;
    manifest
}

#[test]
#[cfg(target_os = "linux")]
fn relations_beyond_the_limits_are_refused_in_little_time_and_memory() {
    let (project, manifest) = project();
    for width in [2048, 8192, MAX_WIDTH] {
        let manifest = widened(&manifest, width, width, 4);
        let size = Size::training(&manifest.network().unwrap()).unwrap();
        let text = manifest.to_toml().unwrap();
        assert!(!is_admitted(&text), "width {width}");
        let started = Instant::now();
        let output = verify(&project, &text, budget());
        // A process, in an address space of little more than its own: only that it ends is timed.
        assert!(started.elapsed() < Duration::from_secs(5), "width {width}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "width {width}: {said}");
        assert!(said.contains(&format!("{} rows; the limit is 65536", size.rows)), "{said}");
        assert!(said.contains(&format!("ZKTRAIN_LIMIT_ROWS={}", size.rows)), "{said}");
    }
}

#[test]
fn limits_are_the_readers_own() {
    let (project, manifest) = project();
    let size = Size::training(&manifest.network().unwrap()).unwrap();
    let with = |name: &str, value: &str| {
        let output = project.command(&["verify", "p"]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let limits = [
        ("ROWS", size.rows),
        ("ADDRESS_BITS", size.address_bits.into()),
        ("LEAVES", size.leaves),
        ("MEMORY", size.memory),
    ];
    for (name, value) in limits {
        let name = format!("ZKTRAIN_LIMIT_{name}");
        let said = with(&name, &(value - 1).to_string());
        assert!(said.contains(&format!("the limit is {}", value - 1)), "{said}");
        assert!(said.contains(&format!("{name}={value}")), "{said}");
        // What is missing now are the proofs.
        assert!(!with(&name, &value.to_string()).contains("limit"));
    }
    assert!(with("ZKTRAIN_LIMIT_ROWS", "many").contains("whole number"));
}

/// One number of a manifest, or several, changed to something else.
fn altered(manifest: &Manifest, rng: &mut ChaCha20Rng) -> Manifest {
    let log = |rng: &mut ChaCha20Rng, most: u32| 1usize << rng.gen_range(0..=most);
    let [input, out] = [(); 2].map(|()| log(rng, 16) - rng.gen_range(0..=1)).map(|n| n.max(1));
    if rng.gen_bool(0.5) {
        return widened(manifest, input, out, rng.gen_range(4..=12));
    }
    let mut manifest = widened(manifest, input, out, rng.gen_range(4..=20));
    let training = &mut manifest.training;
    let before = training.batch;
    (training.batch, training.steps_per_proof) = (log(rng, 12), log(rng, 10));
    training.max_steps = training.max_steps.max(training.steps_per_proof);
    if rng.gen_bool(0.5) {
        // The multipliers stay what they were.
        manifest.optimizer.learning_rate *= training.batch as f64 / before as f64;
    }
    let quantization = manifest.quantization.as_mut().unwrap();
    quantization.weight_init_bits = rng.gen_range(1..=16);
    let more = if rng.gen_bool(0.3) { rng.gen_range(0..=70) } else { 0 };
    for _ in 0..more {
        manifest.model.layers.insert(0, LayerSpec::linear(out, rng.gen_bool(0.5)));
        quantization.layers.insert(0, quantization.layers[0]);
    }
    let (optimizer, batch) = (manifest.optimizer, manifest.training.batch);
    for layer in &mut quantization.layers {
        if rng.gen_bool(0.1) {
            layer.z_frac = rng.gen_range(0..=20);
        }
        layer.eta = derive_eta(&optimizer, batch, quantization.weight_frac, 14);
    }
    manifest
}

/// Whatever a manifest says, its reader neither crashes nor runs out of memory.
#[test]
#[cfg(target_os = "linux")]
fn altered_manifests_are_refused_within_the_memory_of_the_limits() {
    let (project, manifest) = project();
    let mut outcomes = [0; 3];
    for seed in 0..60 {
        let altered = altered(&manifest, &mut ChaCha20Rng::seed_from_u64(seed));
        let within = altered.network().map(|network| Limits::default().admit(network));
        // What is within the limits is compiled: rows, and the powers that they are committed with.
        let (kind, more) = match &within {
            Err(_) => (0, 0),
            Ok(Err(_)) => (1, 0),
            Ok(Ok(_)) => (2, 300 << 20),
        };
        outcomes[kind] += 1;
        let text = altered.to_toml().unwrap();
        assert_eq!(is_admitted(&text), kind == 2, "seed {seed}");
        let output = verify(&project, &text, budget() + more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "seed {seed}: {said}");
        assert_eq!(said.contains("the relation would take"), kind == 1, "seed {seed}: {said}");
    }
    assert!(outcomes.iter().all(|count| *count > 3), "{outcomes:?}");
}

/// However it is written, a text that may be read is read in this memory.
#[test]
#[cfg(target_os = "linux")]
fn manifests_that_are_long_take_little_memory_and_longer_ones_are_not_read() {
    let (project, manifest) = project();
    let text = manifest.to_toml().unwrap();
    let room = MAX_TEXT - text.len() - 20;
    let fill = |with: &str| with.repeat(room / with.len());
    for (more, told) in [
        (format!("x = [{}]\n", fill("1,")), "quantization"),
        (format!("x = {}1{}\n", "[".repeat(room / 2), "]".repeat(room / 2)), "manifest"),
        (fill("[[a]]\n"), "unknown"),
        (fill("[a.b]\n"), "duplicate"),
    ] {
        let text = format!("{text}{more}");
        assert!(!is_admitted(&text), "{told}");
        let output = verify(&project, &text, budget());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(said.contains(told), "{told}");
    }
    let text = format!("{text}#{}", " ".repeat(MAX_TEXT));
    assert!(!is_admitted(&text));
    let output = verify(&project, &text, budget());
    assert!(String::from_utf8_lossy(&output.stderr).contains("larger than 524288 bytes"));
}

/// Many more than processes could be started for: changed numbers, and changed texts.
/// As many layers as a text has room for, of which each would be held against each.
#[test]
fn a_chain_without_an_end_is_refused_at_once() {
    let manifest =
        zktrain_trainer::synthetic::manifest(&[4, 3, 2], 4, 1).unwrap().to_toml().unwrap();
    let (head, tail) = manifest.split_once("[[model.layers]]").unwrap();
    let layer = "[[model.layers]]\nkind = \"linear\"\nout = 1\n";
    let layers = layer.repeat((MAX_TEXT - manifest.len()) / layer.len());
    assert!(!is_admitted(&format!("{head}{layers}[[model.layers]]{tail}")));
}

#[test]
fn altered_manifests_are_judged_at_once() {
    let (_, manifest) = project();
    let mut outcomes = [0; 2];
    for seed in 1000..1400 {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let mut text = altered(&manifest, rng).to_toml().unwrap();
        if rng.gen_bool(0.5) {
            // A piece of it, again and again.
            let start = rng.gen_range(0..text.len() / 2);
            let piece = text.get(start..start + rng.gen_range(1..60)).unwrap_or("x").to_owned();
            let times = rng.gen_range(0..MAX_TEXT / piece.len());
            text.insert_str(start, &piece.repeat(times));
        }
        outcomes[usize::from(is_admitted(&text))] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 3), "{outcomes:?}");
}
