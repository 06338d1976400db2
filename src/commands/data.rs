//! `zktrain data`: looks at data files, and registers the project's data.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use zktrain_project::circuits::{CircuitShape, Circuits};
use zktrain_project::files::{self, Access};
use zktrain_project::project::Project;
use zktrain_project::replace::Replacement;
use zktrain_project::secrets::{DatasetSecret, data_digest, dataset_bytes, read_key};
use zktrain_project::session::Session;
use zktrain_prove::prove::ProveError;
use zktrain_prove::training::{Chunk, ChunkProved, RegisteredDataset, chunk_sizes, register_chunk};
use zktrain_statement::compressed::{CompressedProof, ProofSystem};
use zktrain_statement::statements::DatasetStatement;
use zktrain_trainer::dataset::{ColumnSummary, Dataset, Source, Summary, csv_header, inspect};
use zktrain_verify::file::Registration;

use crate::error::{Error, OptionsError};
use crate::source::unseen::{self, Clamping};
use crate::ui::{Report, Ui, field, printable, success};

/// What to do with data.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    /// Show rows, labels and columns of data files. For the owner's eyes.
    Inspect(InspectArgs),
    /// Register the project's data: commit to every window and prove it well formed.
    Commit(CommitArgs),
}

/// Options of `zktrain data inspect`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain data inspect mine.csv --label default")]
pub struct InspectArgs {
    /// Data files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Name of the label column; the last column of a CSV file without it.
    #[arg(long)]
    pub label: Option<String>,
    /// Labels of NPY or IDX data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
}

/// Options of `zktrain data commit`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  zktrain data commit cancer")]
pub struct CommitArgs {
    /// The project's directory.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Replace an earlier registration. It, its proofs and its secrets are moved to
    /// `secret/replaced`; they cannot be continued.
    #[arg(long)]
    pub force: bool,
    /// Leave the proof uncompressed: quicker, but for you alone.
    #[arg(long)]
    pub plain: bool,
}

/// What data files hold.
#[derive(Clone, Debug, Serialize)]
pub struct InspectReport {
    /// One entry a file.
    pub files: Vec<Summary>,
}

/// What `zktrain data commit` made.
#[derive(Clone, Debug, Serialize)]
pub struct CommitReport {
    /// Merkle root of the windows, in hexadecimal.
    pub root: String,
    /// Windows registered.
    pub windows: usize,
    /// Samples of a window.
    pub rows_per_window: usize,
    /// Rows that do not fill a window.
    pub dropped_rows: usize,
    /// Rows of weight zero that fill windows up.
    pub filled_rows: usize,
    /// Rows held out of training.
    pub held_out_rows: usize,
    /// Entries of the rows trained on that did not fit 16 bits and were clamped.
    pub clamped: usize,
    /// Entries of the rows held out that did not, targets included.
    pub held_out_clamped: usize,
    /// Columns with such entries.
    pub clamped_columns: Vec<Clamping>,
    /// Proofs that the registration consists of.
    pub proofs: usize,
    /// The registration.
    #[serde(serialize_with = "crate::ui::tell")]
    pub registration: PathBuf,
    /// Whether it is zero-knowledge and may be published.
    pub zero_knowledge: bool,
    /// Its size.
    pub bytes: usize,
    /// The secret file of blindings.
    #[serde(serialize_with = "crate::ui::tell")]
    pub secret: PathBuf,
    /// Seconds to prove.
    pub prove_s: f64,
    /// Seconds to verify.
    pub verify_s: f64,
}

/// Labels that are listed for people; of more only the number is said.
const LISTED: usize = 16;

impl Report for InspectReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for summary in &self.files {
            writeln!(out, "{}", printable(&summary.path))?;
            field(out, "rows", summary.rows)?;
            field(out, "labels", labels(summary))?;
            if let Some(label) = summary.label.as_ref().filter(|_| many(summary)) {
                let [min, max, mean, std] = numbers(label);
                field(out, "", format!("{min} to {max}, mean {mean}, deviation {std}"))?;
            }
            writeln!(
                out,
                "  {:<28} {:>12} {:>12} {:>12} {:>12} {:>12}",
                "column", "min", "max", "mean", "deviation", "no number"
            )?;
            for column in &summary.columns {
                let [min, max, mean, std] = numbers(column);
                let (name, none) = (printable(&column.name), column.not_numbers);
                writeln!(out, "  {name:<28} {min:>12} {max:>12} {mean:>12} {std:>12} {none:>12}")?;
            }
        }
        Ok(())
    }
}

/// Whether labels are too many to be listed.
fn many(summary: &Summary) -> bool {
    summary.distinct_labels > LISTED
}

fn labels(summary: &Summary) -> String {
    let count = |(label, count): (&String, &usize)| match label.as_str() {
        "" => format!("without a label: {count}"),
        label => format!("{label}: {count}"),
    };
    let listed: Vec<String> = summary.labels.iter().take(LISTED).map(count).collect();
    match many(summary) {
        true => {
            format!("{} different ones, such as {}", summary.distinct_labels, listed.join(", "))
        }
        false => listed.join(", "),
    }
}

/// Smallest, largest, mean and deviation of a column.
fn numbers(column: &ColumnSummary) -> [String; 4] {
    let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.4}"));
    [column.min, column.max, column.mean, column.std].map(number)
}

impl Report for CommitReport {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        success(out, format!("{} windows registered, the proof verifies", self.windows))?;
        field(out, "Merkle root", &self.root)?;
        field(out, "window", format!("{} rows", self.rows_per_window))?;
        let left = format!("{} rows that fill no window, never trained on", self.dropped_rows);
        field(out, "left out", left)?;
        if self.filled_rows > 0 {
            let filled = format!("{} rows of weight zero", self.filled_rows);
            field(out, "filled up with", filled)?;
        }
        field(out, "held out", format!("{} rows", self.held_out_rows))?;
        let (trained, held_out) = (self.clamped, self.held_out_clamped);
        let clamped = format!("{trained} entries beyond 16 bits, {held_out} of rows held out");
        field(out, "clamped", clamped)?;
        let times = format!("proven in {:.2} s, verified in {:.3} s", self.prove_s, self.verify_s);
        field(out, "time", times)?;
        let kilobytes = self.bytes / 1024;
        let registration = self.registration.display();
        let note = if self.zero_knowledge { "" } else { ", not zero-knowledge: for you alone" };
        field(out, "registration", format!("{registration} ({kilobytes} KiB{note})"))?;
        field(out, "secret", format!("{}: keep it, and keep it to yourself", self.secret.display()))
    }
}

/// Runs the command.
///
/// # Errors
/// What the command says.
pub fn run(command: &Command, ui: &Ui) -> Result<(), Error> {
    match command {
        Command::Inspect(args) => ui.report(&summaries(args)?),
        Command::Commit(args) => ui.report(&commit(args, ui)?),
    }
}

/// Summarizes data files.
///
/// # Errors
/// If a file is missing or malformed.
pub fn summaries(args: &InspectArgs) -> Result<InspectReport, Error> {
    let mut summaries = Vec::new();
    for path in &args.files {
        let source = zktrain_project::data::source(path, args.labels.as_deref())?;
        let label = match (&args.label, &source) {
            (Some(label), _) => label.clone(),
            (None, Source::Csv(_)) => last_column(path)?,
            (None, _) => "label".into(),
        };
        summaries.push(inspect(&source.look(&label)?));
    }
    Ok(InspectReport { files: summaries })
}

fn last_column(path: &std::path::Path) -> Result<String, Error> {
    let last = csv_header(path)?.pop().filter(|name| !name.is_empty());
    last.ok_or_else(|| {
        OptionsError::Required {
            option: "--label",
            when: "because the last column has no name",
            hint: "name the label column: `--label COLUMN`",
        }
        .into()
    })
}

/// Registers the project's data.
///
/// # Errors
/// If there is a registration already, the data cannot be read, or proving fails.
pub fn commit(args: &CommitArgs, ui: &Ui) -> Result<CommitReport, Error> {
    let project = Project::new(&args.dir);
    let _lock = project.lock()?;
    files::free(&project.dataset_path(), args.force, REGISTERED)?;
    let session = Session::of_project(&project, ui)?;
    let network = session.network();
    let (train, held_out) = zktrain_project::data::datasets(&project, &session.manifest, network)?;
    // Said before the work begins, while there is time to think better of it.
    let clamped_columns = unseen::clampings(&session.manifest, &[&train, &held_out]);
    unseen::warn_clamped(&clamped_columns, ui);
    unseen::warn_left_out(train.rows() - train.filled, &session.manifest, network, ui);
    let secret = read_key(&project.key_path())?;
    let round = project.round()?;
    let owner = round
        .binding()
        .map_err(|e| zktrain_project::project::settings(&project.round_path(), e))?
        .prover;
    let started = std::time::Instant::now();
    let circuits = Circuits::new(&session, &project, ui);
    let circuits = (!args.plain).then_some(&circuits);
    let (dataset, made) = register(&session, circuits, &secret, &train, owner, ui)?;
    let prove_s = started.elapsed().as_secs_f64();
    let started = std::time::Instant::now();
    let (registration, access) = match made.is_compressed() {
        true => (project.registration_path(), Access::Public),
        false => (project.plain_registration_path(), Access::Owner),
    };
    let checked = Circuits::new(&session, &project, ui).verify_registration(&made);
    let root = checked.map_err(|fault| fault.of_file(&registration))?;
    let verify_s = started.elapsed().as_secs_f64();
    let bytes = made.to_bytes();
    let digest = data_digest(&secret, &train);
    let windows = dataset.windows.len();
    let blindings = dataset_bytes(&session.key.spec, &DatasetSecret { dataset, digest });
    let mut new = Replacement::new(&project)?;
    new.write(&registration, &bytes, access)?;
    new.write(&project.dataset_path(), &blindings, Access::Owner)?;
    new.commit(&earlier(&project))?;
    Ok(CommitReport {
        root: hex::encode(root),
        windows,
        rows_per_window: network.window(),
        dropped_rows: train.dropped(network),
        filled_rows: train.filled,
        held_out_rows: held_out.rows(),
        clamped: train.clamped.total(),
        held_out_clamped: held_out.clamped.total(),
        clamped_columns,
        proofs: made.statements().len(),
        registration,
        zero_knowledge: made.is_compressed(),
        bytes: bytes.len(),
        secret: project.dataset_path(),
        prove_s,
        verify_s,
    })
}

const REGISTERED: &str = "the data are registered; `zktrain data commit --force` registers them \
     again and moves the registration, its proofs and its secrets to secret/replaced";

/// What belongs to an earlier registration.
fn earlier(project: &Project) -> Vec<PathBuf> {
    let mut paths = super::prove::files_from(project, 0);
    paths.extend([
        project.dataset_path(),
        project.registration_path(),
        project.plain_registration_path(),
        project.trained_path(),
    ]);
    paths
}

fn register(
    session: &Session,
    circuits: Option<&Circuits<'_>>,
    secret: &zktrain_commit::random::LocalKey,
    data: &Dataset,
    owner: [u8; 20],
    ui: &Ui,
) -> Result<(RegisteredDataset, Registration), Error> {
    let network = session.network();
    let total = data.windows(network);
    let bar = ui.bar(total as u64, "register");
    let (mut first, mut chunks, mut all) = (0, Vec::new(), Vec::new());
    let sizes = chunk_sizes(network, total as u64).map_err(ProveError::from)?;
    for windows in sizes {
        let mut inputs = Vec::new();
        let mut labels = Vec::new();
        for window in first..first + windows {
            let (x, y) = data.window(network, window).unwrap_or_default();
            inputs.extend(x.iter().map(|v| i32::from(*v)));
            labels.extend(y.iter().map(|v| i32::from(*v)));
        }
        let chunk = Chunk {
            owner,
            total: total as u64,
            first: first as u64,
            windows,
            inputs: &inputs,
            labels: &labels,
        };
        let mut proved = register_chunk(&session.key, session.srs.g1(), secret, &chunk)?;
        all.append(&mut proved.windows);
        chunks.push(proved);
        first += windows;
        bar.set_position(first as u64);
    }
    bar.finish_and_clear();
    let registration = match circuits {
        Some(circuits) => Registration::Compressed(compress(circuits, chunks, ui)?),
        None => Registration::Plain(
            chunks.into_iter().map(|c| (c.statement, c.proof.reveal())).collect(),
        ),
    };
    Ok((RegisteredDataset::new(all), registration))
}

fn compress(
    circuits: &Circuits<'_>,
    chunks: Vec<ChunkProved>,
    ui: &Ui,
) -> Result<Vec<(DatasetStatement, CompressedProof)>, Error> {
    let bar = ui.bar(chunks.len() as u64, "compress");
    let mut compressed = Vec::new();
    for ChunkProved { statement, proof, .. } in chunks {
        let shape = CircuitShape::Dataset(statement.rows.len());
        let compressor = circuits.compressor(ProofSystem::Halo2, shape)?;
        compressed.push((statement, compressor.compress(proof)?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(compressed)
}
